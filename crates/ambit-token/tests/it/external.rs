//! The vectors of others, read from the folder that `AMBIT_EXTERNAL` names.

use std::path::{Path, PathBuf};

use ambit_core::json::{Document, JsonErrorKind, Profile};
use ambit_token::dsse::{self, Envelope};
use ambit_token::{
    ChainCache, ProofOf, PublicKey, VerifiedProof, base64url, ed25519, es256, thumbprint,
};
use serde_json::Value;

/// The folder of these vectors, or `None` and a line that says so.
pub(crate) fn vectors(name: &str) -> Option<PathBuf> {
    let Some(external) = std::env::var_os("AMBIT_EXTERNAL") else {
        println!("skipped: {name} (AMBIT_EXTERNAL is not set)");
        return None;
    };
    Some(Path::new(&external).join("vectors").join(name))
}

pub(crate) fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
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

/// The key of a vector file's JWK, whatever it says beside the key itself.
fn key_of(jwk: &Value) -> Option<PublicKey> {
    let member = |name: &str| jwk[name].as_str();
    if member("use").is_some_and(|one| one != "sig") {
        return None;
    }
    let operations = jwk["key_ops"].as_array();
    if operations.is_some_and(|list| !list.iter().any(|one| one == "verify" || one == "sign")) {
        return None;
    }
    let alg = match (member("kty")?, member("crv")?) {
        ("EC", "P-256") => "ES256",
        ("OKP", "Ed25519") => "Ed25519",
        _ => return None,
    };
    PublicKey::from_parts(alg, member("x")?, member("y"))
}

fn signed_by(key: &PublicKey, jws: &str) -> bool {
    let Some((input, signature)) = jws.rsplit_once('.') else {
        return false;
    };
    base64url::decode(signature.as_bytes())
        .is_some_and(|signature| key.verify(input.as_bytes(), &signature))
}

#[test]
fn wycheproof_es256() {
    let Some(folder) = vectors("wycheproof") else {
        return;
    };
    let file = read(&folder.join("ecdsa_secp256r1_sha256_p1363_test.json"));
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let point = unhex(&group["publicKey"]["uncompressed"]);
        let public = <&[u8; 64]>::try_from(&point[1..]).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let valid = es256::verify(public, &unhex(&test["msg"]), &unhex(&test["sig"]));
            let id = &test["tcId"];
            assert_eq!(
                valid,
                test["result"] == "valid",
                "{id}: {}",
                test["comment"]
            );
            count += 1;
        }
    }
    assert_eq!(count, 262);
}

/// Wycheproof's JWS vectors for the two algorithms that we speak. A header that we would refuse
/// before the signature (another `alg`) is refused by the key's own algorithm here.
#[test]
fn wycheproof_jws() {
    let Some(folder) = vectors("wycheproof") else {
        return;
    };
    let file = read(&folder.join("json_web_signature_test.json"));
    let mut count = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let jwk = if group["public"].is_object() {
            &group["public"]
        } else {
            &group["private"]
        };
        let Some(key) = key_of(jwk) else { continue };
        // A key for encryption signs nothing.
        for test in group["tests"].as_array().unwrap() {
            let jws = test["jws"].as_str().unwrap_or_default();
            let named = base64url::decode(jws.split('.').next().unwrap().as_bytes());
            let header: Value =
                serde_json::from_slice(&named.unwrap_or_default()).unwrap_or_default();
            // `EdDSA` is the name from before RFC 9864.
            let alg = header["alg"]
                .as_str()
                .map(|alg| alg.replace("EdDSA", "Ed25519"));
            let ours = jwk["alg"]
                .as_str()
                .is_none_or(|alg| alg.replace("EdDSA", "Ed25519") == key.alg());
            let valid = ours && alg.as_deref() == Some(key.alg()) && signed_by(&key, jws);
            if valid {
                assert_eq!(
                    test["result"], "valid",
                    "{}: {}",
                    test["tcId"], test["comment"]
                );
            } else if ours && test["result"] == "valid" {
                panic!("{}: {}", test["tcId"], test["comment"]);
            }
            count += 1;
        }
    }
    assert!(count > 0, "no group of ours");
}

#[test]
fn wimse_tokens() {
    let Some(folder) = vectors("wimse-wit-wpt") else {
        return;
    };
    let file = read(&folder.join("vectors.json"));
    let issuer = key_of(&file["identity_server_jwk"]).unwrap();
    let workload = key_of(&file["workload_jwk"]).unwrap();
    assert!(issuer.is_usable() && workload.is_usable());
    let (wit, wpt) = (file["wit"].as_str().unwrap(), file["wpt"].as_str().unwrap());
    assert_eq!(issuer.alg(), "ES256");
    assert!(signed_by(&issuer, wit) && !signed_by(&workload, wit));
    assert!(signed_by(&workload, wpt) && !signed_by(&issuer, wpt));
}

#[test]
fn jose_cookbook() {
    let Some(folder) = vectors("jose-cookbook") else {
        return;
    };
    let file = read(&folder.join("curve25519/jws.json"));
    let key = key_of(&file["input"]["key"]).unwrap();
    assert!(signed_by(&key, file["output"]["compact"].as_str().unwrap()));
    // 4.3 is ES512 on P-521: not one of ours, and no key of ours can be made of it.
    let file = read(&folder.join("jws/4_3.ecdsa_signature.json"));
    assert!(key_of(&file["input"]["key"]).is_none());
    let file = read(&folder.join("jwk/3_1.ec_public_key.json"));
    assert!(key_of(&file).is_none());
}

#[test]
fn proofs_of_possession() {
    let Some(folder) = vectors("capability-chain") else {
        return;
    };
    let file = read(&folder.join("dpop_cases.json"));
    let text = |name: &str| file[name].as_str().unwrap();
    let last = text("chain").rsplit('~').next().unwrap();
    let claims = base64url::decode(last.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let holder = key_of(&claims["cnf"]["jwk"]).unwrap();
    assert_eq!(holder.thumbprint(), text("leaf_jkt"));
    let cache = ChainCache::new();
    let of = ProofOf {
        chain_s256: &cache.s256(text("chain")),
        holder: &holder,
        method: text("method"),
        url: text("url"),
        nonce: None,
        now: file["now"].as_i64().unwrap(),
        tables: cache.keys(),
    };
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let verified = VerifiedProof::verify(case["proof"].as_str().unwrap(), &of);
        let expected = case["expect"] == "ok";
        assert_eq!(verified.is_ok(), expected, "{}: {verified:?}", case["name"]);
    }
    assert_eq!(cases.len(), 14);
}
