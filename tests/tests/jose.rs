//! Both ways with JOSE libraries that we did not write: npm `jose`, and `joserfc` for Python. What is
//! JWS in docs/token.md (each block of a chain, proofs, receipts, revocation epochs) verifies there as we
//! sign it, and decides here as they sign it, for Ed25519 and for ES256.
//!
//! `cargo xtask test` installs the two under `target/jose`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ambit_host::{Evaluator as _, NativeEngine};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::data::merge;
use ambit_tests::keys;
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::statement::{Asked, s256};
use ambit_tests::{suites, workspace};
use ambit_token::{ChainCache, base64url};
use serde_json::{Value, json};

/// One library behind its script.
struct Library {
    name: &'static str,
    program: PathBuf,
    script: &'static str,
}

impl Library {
    fn all() -> Vec<Self> {
        let folder = workspace().join("target/jose");
        let node = (
            folder.join("node_modules/jose/package.json"),
            PathBuf::from("node"),
        );
        let python = folder.join("venv/bin/python");
        let known = [
            ("npm jose", "jose.mjs", node),
            ("joserfc", "jose.py", (python.clone(), python)),
        ];
        let mut libraries = Vec::new();
        for (name, script, (sign, program)) in known {
            if sign.exists() {
                libraries.push(Self {
                    name,
                    program,
                    script,
                });
                continue;
            }
            let missing =
                format!("{name} is not installed under target/jose; `cargo xtask test` does it");
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            // Not `eprintln!`, which the test harness keeps to itself when a test passes.
            let _ = writeln!(std::io::stderr(), "skipped: {missing}");
        }
        libraries
    }

    fn run(&self, asked: &Value) -> Value {
        let mut child = Command::new(&self.program)
            .arg(suites().join("engines").join(self.script))
            .current_dir(workspace().join("target/jose"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(asked.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", self.name);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The payloads, where the library accepts the signature.
    fn verify(&self, all: &[(String, Value)]) -> Vec<Option<String>> {
        let asked: Vec<Value> = all
            .iter()
            .map(|(jws, jwk)| json!({"jws": jws, "jwk": jwk}))
            .collect();
        let answer = self.run(&json!({"verify": asked, "sign": []}));
        let verified = answer["verified"].as_array().unwrap().iter();
        let texts: Vec<_> = verified
            .map(|one| one.as_str().map(str::to_owned))
            .collect();
        assert_eq!(texts.len(), all.len());
        texts
    }

    /// The same header and claims, signed by the library.
    fn sign(&self, jws: &str, key: &str) -> String {
        let [header, payload] = [0, 1].map(|part| decode(jws, part));
        let header: Value = serde_json::from_str(&header).unwrap();
        let mut jwk = keys::named(key).unwrap().jwk();
        jwk["d"] = base64url::encode(&keys::named(key).unwrap().secret()).into();
        let asked = json!({"header": header, "payload": payload, "jwk": jwk});
        let answer = self.run(&json!({"verify": [], "sign": [asked]}));
        let signed = answer["signed"][0].as_str().unwrap().to_owned();
        assert_eq!(decode(&signed, 1), payload);
        signed
    }
}

fn decode(jws: &str, part: usize) -> String {
    let part = jws.split('.').nth(part).unwrap();
    String::from_utf8(base64url::decode(part.as_bytes()).unwrap()).unwrap()
}

/// Who signs what, all with one algorithm.
#[derive(Clone, Copy)]
struct Signers {
    issuer: &'static str,
    holder: &'static str,
    next: &'static str,
    approver: &'static str,
    revoker: &'static str,
}

const ED25519: Signers = Signers {
    issuer: "broker-1",
    holder: "orchestrator",
    next: "worker",
    approver: "approver-service",
    revoker: "revoker",
};
const ES256: Signers = Signers {
    issuer: "es-broker",
    holder: "es-holder",
    next: "es-approver",
    approver: "es-approving",
    revoker: "es-revoker",
};

/// What goes with one request, each with the key that signs it.
struct Parts {
    blocks: [String; 2],
    proof: String,
    receipt: String,
    epochs: String,
}

struct World {
    engine: NativeEngine,
    bundle: Vec<u8>,
    template: Value,
    signers: Signers,
}

impl World {
    fn new(signers: Signers) -> Self {
        let template = |name: &str| -> Value {
            let file = suites().join("conformance/templates").join(name);
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
        };
        let mut whole = template("renewal.json");
        merge(&mut whole, &template("refund.json"));
        let key = |key: &str, kid: &str, iss: &str, signs: &str| {
            let alg = keys::named(key).unwrap().alg();
            json!({"key": key, "kid": kid, "iss": format!("https://{iss}.acme.example"), "alg": alg, "signs": signs})
        };
        let policy = SignedPolicy::make(&PolicySpec {
            project: "acme".to_owned(),
            keys: vec![
                key(signers.issuer, "broker-1", "broker", "cap+jwt"),
                key(
                    signers.approver,
                    "approve-1",
                    "approve",
                    "approval-receipt+jwt",
                ),
                key(
                    signers.revoker,
                    "revoke-1",
                    "revoke",
                    "revocation-epochs+jwt",
                ),
            ],
            bundle: Some(json!({"possession": "required"})),
        });
        let policy = policy.unwrap_or_else(|why| panic!("{why}"));
        whole["token"]["policy"]["s256"] = policy.bundle_s256().into();
        whole["token"]["authorization_details"][0]["privileges"] = json!(["propose"]);
        Self {
            engine: NativeEngine::new(policy.load().unwrap()),
            bundle: policy.bundle().to_vec(),
            template: whole,
            signers,
        }
    }

    /// Root and one more block.
    fn chain(&self) -> [String; 2] {
        let root = BlockSpec {
            signer: Some(self.signers.issuer.to_owned()),
            holder: Some(self.signers.holder.to_owned()),
            ..BlockSpec::default()
        };
        let next = BlockSpec {
            holder: Some(self.signers.next.to_owned()),
            ..BlockSpec::default()
        };
        let chain = Chain::build(&self.template["token"], &root, &[next], &[]).unwrap();
        let text = chain.text(None);
        let (root, next) = text.split_once('~').unwrap();
        [root.to_owned(), next.to_owned()]
    }

    /// What else the request needs, for a chain whoever signed it.
    fn parts(&self, blocks: [String; 2]) -> Parts {
        let request = self.request(&blocks, "execute");
        let root: Value = serde_json::from_str(&decode(&blocks[0], 1)).unwrap();
        let chain = blocks.join("~");
        let asked = Asked {
            root: &root,
            chain: &chain,
            holder: self.signers.next,
            request: &request,
            call_args: Some(&json!({"amount": 9870, "currency": "EUR"})),
        };
        let by = |signer: &str| BlockSpec {
            signer: Some(signer.to_owned()),
            ..BlockSpec::default()
        };
        let proof = asked.proof(&BlockSpec::default()).unwrap();
        let mut proposal = self.request(&blocks, "propose");
        proposal["proof"] = proof.clone().into();
        let answer: Value =
            serde_json::from_str(&self.engine.evaluate(proposal.to_string().as_bytes())).unwrap();
        let shown = &answer["context"]["obligations"][0]["ext"]["display"]["text_s256"];
        let shown = shown.as_str().unwrap_or_else(|| panic!("{answer}"));
        Parts {
            receipt: asked.receipt(&by(self.signers.approver), shown).unwrap(),
            epochs: asked.epochs(&by(self.signers.revoker)).unwrap(),
            proof,
            blocks,
        }
    }

    /// The signing input that the evaluator makes of claims.
    fn prepared(&self, asked: &Value) -> String {
        let bundle = Bundle::verify(&self.bundle).unwrap();
        let said = ambit_evaluator::signing_input(&bundle, asked.to_string().as_bytes());
        let said: Value = serde_json::from_str(&said).unwrap();
        let input = said["signing_input"].as_str();
        let input = input.unwrap_or_else(|| panic!("{said}")).to_owned();
        assert_eq!(said["s256"], s256(input.as_bytes()));
        input
    }

    /// A request with everything that holder and approver sign, each signing input made by us and
    /// signed by `sign` with the key of that name.
    fn made_ready(&self, sign: &dyn Fn(&str, &str) -> String) -> Parts {
        let Signers {
            holder,
            next,
            approver,
            ..
        } = self.signers;
        let [root, _] = self.chain();
        let block = self.prepared(&json!({"typ": "cap+jwt", "token": root, "claims": {
            "jti": "passed-on", "iat": NOW - 10, "exp": NOW + 20,
            "cnf": {"jwk": keys::named(next).unwrap().jwk()},
            "authorization_details": [{"type": "ambit_capability"}],
        }}));
        let blocks = [root, sign(&block, holder)];
        let request = self.request(&blocks, "execute");
        let bundle = Bundle::verify(&self.bundle).unwrap();
        let request_bytes = request.to_string().into_bytes();
        let call = ambit_evaluator::call_digest(&bundle, &request_bytes, &mut ChainCache::new());
        let call: Value = serde_json::from_str(&call).unwrap();
        let proof = self.prepared(
            &json!({"typ": "dpop+jwt", "token": blocks.join("~"), "claims": {
                "jti": "p-1", "htm": "POST", "htu": request["facts"]["url"], "iat": NOW,
                "ambit_call": call["binding_s256"],
            }}),
        );
        let display = &call["display"];
        let receipt = self.prepared(&json!({"typ": "approval-receipt+jwt", "kid": "approve-1", "claims": {
            "iss": "https://approve.acme.example", "aud": request["facts"]["audience"], "jti": "r-1",
            "iat": NOW - 5, "exp": NOW + 60, "sub": self.template["token"]["sub"],
            "decision": "approved", "kind": "action", "risk_tier": call["risk_tier"],
            "binding_s256": call["binding_s256"],
            "display": {"text_s256": display["text_s256"], "locale": display["locale"], "renderer": display["renderer"]},
        }}));
        Parts {
            proof: sign(&proof, next),
            receipt: sign(&receipt, approver),
            epochs: self.parts(self.chain()).epochs,
            blocks,
        }
    }

    fn request(&self, blocks: &[String; 2], power: &str) -> Value {
        json!({
            "evaluation": {
                "action": {"name": "refund", "properties": {"power": power, "args": {"amount": serde_json::from_str::<Value>("98.70").unwrap(), "currency": "EUR"}}},
                "resource": {"type": "contract", "id": "account/1042"},
                "context": {"purpose": "contract-renewal"},
            },
            "token": blocks.join("~"),
            "facts": {
                "now": 1_772_000_400, "audience": "https://crm.acme.example", "location": "https://crm.acme.example",
                "method": "POST", "url": "https://crm.acme.example/refunds",
            },
        })
    }

    fn decide(&self, parts: &Parts) -> String {
        let mut request = self.request(&parts.blocks, "execute");
        request["proof"] = parts.proof.as_str().into();
        request["approvals"] = json!([parts.receipt]);
        request["statements"] = json!([parts.epochs]);
        let answer: Value =
            serde_json::from_str(&self.engine.evaluate(request.to_string().as_bytes())).unwrap();
        println!("{}", answer["context"]["reason"]);
        answer["context"]["reason"]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn signed(&self, parts: &Parts) -> [(String, &'static str); 5] {
        let signers = self.signers;
        let [root, next] = parts.blocks.clone();
        [
            (root, signers.issuer),
            (next, signers.holder),
            (parts.proof.clone(), signers.next),
            (parts.receipt.clone(), signers.approver),
            (parts.epochs.clone(), signers.revoker),
        ]
    }
}

#[test]
fn what_we_sign_verifies_there() {
    for library in Library::all() {
        for signers in [ED25519, ES256] {
            let world = World::new(signers);
            let parts = world.parts(world.chain());
            assert_eq!(world.decide(&parts), "allowed");
            let mut asked = Vec::new();
            let mut expected = Vec::new();
            for (jws, key) in world.signed(&parts) {
                let jwk = keys::named(key).unwrap().jwk();
                let other = if jwk["kty"] == "EC" {
                    "es-holder-2"
                } else {
                    "stranger"
                };
                let other = keys::named(other).unwrap().jwk();
                expected.extend([Some(decode(&jws, 1)), None, None]);
                // And they do verify: not by another key, and not another text.
                asked.extend([
                    (jws.clone(), jwk.clone()),
                    (jws.clone(), other),
                    (altered(&jws), jwk),
                ]);
            }
            assert_eq!(library.verify(&asked), expected, "{}", library.name);
        }
    }
}

/// Neither holder nor approver writes RFC 8785 by hand: what is made ready for a signature counts
/// once any library has signed it.
#[test]
fn what_is_made_ready_for_a_signature_decides_here() {
    for signers in [ED25519, ES256] {
        let world = World::new(signers);
        let ours = |input: &str, key: &str| {
            let signature = keys::named(key).unwrap().sign(input.as_bytes());
            format!("{input}.{signature}")
        };
        assert_eq!(world.decide(&world.made_ready(&ours)), "allowed");
        for library in Library::all() {
            let theirs = |input: &str, key: &str| {
                let signed = library.sign(&format!("{input}."), key);
                // Header and claims are in the one form that there is.
                assert!(signed.starts_with(&format!("{input}.")), "{}", library.name);
                signed
            };
            let parts = world.made_ready(&theirs);
            assert_eq!(world.decide(&parts), "allowed", "{}", library.name);
        }
    }
}

/// Another claim under the same signature.
fn altered(jws: &str) -> String {
    let parts: Vec<&str> = jws.split('.').collect();
    let mut claims: Value = serde_json::from_str(&decode(jws, 1)).unwrap();
    claims["jti"] = "another".into();
    let claims = base64url::encode(claims.to_string().as_bytes());
    format!("{}.{claims}.{}", parts[0], parts[2])
}

#[test]
fn what_they_sign_decides_here() {
    for library in Library::all() {
        for signers in [ED25519, ES256] {
            let world = World::new(signers);
            let [root, next] = world.chain();
            let root = library.sign(&root, signers.issuer);
            // Its parent's digest is that of the text the library signed.
            let mut claims: Value = serde_json::from_str(&decode(&next, 1)).unwrap();
            let input = root.rsplit_once('.').unwrap().0;
            claims["par_hash"] = s256(input.as_bytes()).into();
            let header = next.split('.').next().unwrap();
            let next = format!(
                "{header}.{}.",
                base64url::encode(claims.to_string().as_bytes())
            );
            let next = library.sign(&next, signers.holder);
            let mut parts = world.parts([root, next]);
            parts.proof = library.sign(&parts.proof, signers.next);
            parts.receipt = library.sign(&parts.receipt, signers.approver);
            parts.epochs = library.sign(&parts.epochs, signers.revoker);
            assert_eq!(world.decide(&parts), "allowed", "{}", library.name);
            // It is their signatures that count.
            let sound = std::mem::take(&mut parts.receipt);
            parts.receipt = altered(&sound);
            assert_eq!(
                world.decide(&parts),
                "approval.signature",
                "{}",
                library.name
            );
        }
    }
}
