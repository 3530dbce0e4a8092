//! The vectors of others, read from the folder that `AMBIT_EXTERNAL` names.

use std::path::{Path, PathBuf};

use ambit_core::capability::{Ask, Place, select};
use ambit_core::json::{Document, JsonErrorKind, Profile};
use ambit_core::limits::Limits;
use ambit_core::{Power, Steps};
use ambit_token::dsse::{self, Envelope};
use ambit_token::{
    IssuerKey, Keys, UnverifiedToken, VerifiedToken, base64url, ed25519, thumbprint,
    vector_name_means,
};
use serde_json::Value;

/// The folder of these vectors, or `None` and a line that says so.
fn vectors(name: &str) -> Option<PathBuf> {
    let Some(external) = std::env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: {name} (AMBIT_EXTERNAL is not set)");
        return None;
    };
    Some(Path::new(&external).join("vectors").join(name))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The `trust` of a chain vector file: any `iss`.
struct Trust(Vec<(String, [u8; 32])>);

impl Trust {
    fn of(file: &Value) -> Self {
        let key = |(kid, jwk): (&String, &Value)| {
            let x = base64url::decode_array(jwk["x"].as_str().unwrap().as_bytes());
            (kid.clone(), x.unwrap())
        };
        Self(file["trust"].as_object().unwrap().iter().map(key).collect())
    }
}

impl Keys for Trust {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        for (name, public) in self.0.iter().filter(|(name, _)| name == kid) {
            let _ = visit(IssuerKey {
                iss: None,
                kid: name,
                eddsa_name: false,
                public: *public,
                signs: "cap+jwt",
                tenants: None,
                audiences: None,
                agents: None,
            });
        }
    }
}

#[test]
fn capability_chains() {
    let Some(folder) = vectors("capability-chain") else {
        return;
    };
    let file = read(&folder.join("cases.json"));
    let (trust, limits) = (Trust::of(&file), Limits::default());
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let now = case["now"].as_i64().unwrap();
        let token = UnverifiedToken::parse(case["chain"].as_str().unwrap(), &limits);
        let token = token.as_ref().map_err(Clone::clone);
        let token = token.and_then(|token| token.verify(&trust, now, &limits, None));
        match (case["expect"]["error"].as_str(), token) {
            (None, Ok(token)) => decide(name, &token, case),
            (Some(expected), Err(error)) => {
                assert!(
                    vector_name_means(expected, error.reason),
                    "{name}: {expected}: {error}"
                );
            }
            (expected, Ok(_)) => panic!("{name}: verified, {expected:?} expected"),
            (None, Err(error)) => panic!("{name}: {error}"),
        }
    }
    assert_eq!(cases.len(), 90);
}

/// Step 6: every audience, and in every block an entry.
fn decide(name: &str, token: &VerifiedToken<'_>, case: &Value) {
    let request = &case["request"];
    let text = |name: &str| request[name].as_str();
    let args = request["args"].to_string();
    let args = Document::parse(args.as_bytes(), Profile::Signed).unwrap();
    let ask = Ask {
        action: text("action").unwrap(),
        power: Power::from_name(text("privilege").unwrap()).unwrap(),
        location: text("location"),
        datatype: text("datatype"),
        identifier: text("identifier"),
        purpose: text("purpose").unwrap(),
        args: args.root(),
        // These vectors come without a schema.
        declared: &|_| true,
    };
    let steps = Steps::new();
    let grants = |block: &usize| {
        let place = if *block == 0 {
            Place::Root
        } else {
            Place::Derived
        };
        select(token.entries(*block).enumerate(), place, &ask, &steps).is_ok()
    };
    let why = if token.audience_allowed(text("aud").unwrap()) {
        let missing = (0..token.blocks().len()).find(|block| !grants(block));
        missing.map(|block| format!("no_matching_entry_block_{block}"))
    } else {
        Some("aud".into())
    };
    assert_eq!(why.as_deref(), case["expect"]["why"].as_str(), "{name}");
    assert_eq!(
        Some(why.is_none()),
        case["expect"]["decision"].as_bool(),
        "{name}"
    );
}

#[test]
fn thumbprints_of_the_chain_keys() {
    let Some(folder) = vectors("capability-chain") else {
        return;
    };
    let file = read(&folder.join("cases.json"));
    for (name, key) in file["keys"].as_object().unwrap() {
        let x = key["jwk"]["x"].as_str().unwrap();
        let public = base64url::decode_array(x.as_bytes()).unwrap();
        assert_eq!(thumbprint(&public), key["jkt"].as_str().unwrap(), "{name}");
        assert!(ed25519::usable(&public));
    }
}

#[test]
fn wycheproof() {
    let Some(folder) = vectors("wycheproof") else {
        return;
    };
    let file = read(&folder.join("ed25519_test.json"));
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let public = unhex(&group["publicKey"]["pk"]).try_into().unwrap();
        for test in group["tests"].as_array().unwrap() {
            let valid = ed25519::verify_strict(&public, &unhex(&test["msg"]), &unhex(&test["sig"]));
            assert_eq!(
                valid,
                test["result"] == "valid",
                "{}: {}",
                test["tcId"],
                test["comment"]
            );
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn ed25519_speccheck() {
    let Some(folder) = vectors("ed25519-speccheck") else {
        return;
    };
    let file = read(&folder.join("cases.json"));
    let verifies = |case: &Value| {
        let public = unhex(&case["pub_key"]).try_into().unwrap();
        ed25519::verify_strict(
            &public,
            &unhex(&case["message"]),
            &unhex(&case["signature"]),
        )
    };
    let valid: Vec<usize> = (0..12).filter(|at| verifies(&file[*at])).collect();
    assert_eq!(valid, [3]);
}

#[test]
fn json_test_suite() {
    let Some(folder) = vectors("json-test-suite") else {
        return;
    };
    let mut counts = [0; 3];
    for entry in std::fs::read_dir(folder.join("test_parsing")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read(&path).unwrap();
        for profile in [Profile::Request, Profile::Signed] {
            let outcome = Document::parse(&text, profile)
                .map(|_| ())
                .map_err(|error| error.kind);
            match name.split('_').next() {
                Some("y") => {
                    let syntax = [JsonErrorKind::Syntax, JsonErrorKind::Utf8];
                    let wrong = outcome.is_err_and(|kind| syntax.contains(&kind));
                    assert!(!wrong, "{name}: {outcome:?}");
                }
                Some("n") => assert!(outcome.is_err(), "{name}"),
                _ => {}
            }
        }
        counts[match name.as_bytes()[0] {
            b'y' => 0,
            b'n' => 1,
            _ => 2,
        }] += 1;
    }
    assert_eq!(counts, [95, 188, 35]);
}

#[test]
fn dsse_protocol() {
    let Some(folder) = vectors("dsse") else {
        return;
    };
    let file = read(&folder.join("vectors.json"));
    let text = |name: &str| file[name].as_str().unwrap();
    let pae = dsse::pae(text("payloadType"), text("payload").as_bytes());
    assert_eq!(pae, text("pae").as_bytes());
    let envelope = Envelope::parse(file["envelope"].to_string().as_bytes()).unwrap();
    assert_eq!(envelope.payload_type, text("payloadType"));
    assert_eq!(envelope.payload, text("payload").as_bytes());
    let [signature] = &envelope.signatures[..] else {
        panic!("one signature")
    };
    assert_eq!((signature.keyid.as_str(), signature.sig.len()), ("", 64));
    let again = Envelope::parse_exact(envelope.write().as_bytes());
    assert_eq!(again, Some(envelope));
}

#[test]
fn rfc_8037() {
    let Some(folder) = vectors("rfc8037-appendix-a") else {
        return;
    };
    let file = read(&folder.join("vectors.json"));
    let x = file["jwk"]["x"].as_str().unwrap();
    let public = base64url::decode_array(x.as_bytes()).unwrap();
    assert_eq!(
        thumbprint(&public),
        file["jwk_thumbprint_sha256"].as_str().unwrap()
    );
    let (input, signature) = file["jws"].as_str().unwrap().rsplit_once('.').unwrap();
    let signature = base64url::decode(signature.as_bytes()).unwrap();
    assert!(ed25519::verify_strict(
        &public,
        input.as_bytes(),
        &signature
    ));
}
