//! What an agent shows of a call: a proof, and the digest that the proof names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_host::ask::{Evaluation, Request};
use ambit_host::{LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Trust};
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::served::Folder;

pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A fresh proof of a request with this token, by the key in this file of the folder; `call` is the digest of what is
/// proposed or executed.
pub(crate) fn proof(
    folder: &Folder,
    key: &str,
    token: &str,
    (method, url): (&str, &str),
    call: Option<String>,
) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let key = ambit_compiler::keys::load(&folder.path(key)).unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.public_jwk()});
    let jti = format!("{}-{}", now(), COUNT.fetch_add(1, Ordering::Relaxed));
    let ath = base64url::encode(&Sha256::digest(token));
    let mut claims = json!({"jti": jti, "htm": method, "htu": url, "iat": now(), "ath": ath});
    if let Some(call) = call {
        claims["ambit_call"] = call.into();
    }
    let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes())))
}

/// The digest of a call at this service by the folder's policy, as an agent makes it.
pub(crate) fn digest(
    folder: &Folder,
    token: &str,
    audience: &str,
    evaluation: &Evaluation<'_>,
) -> String {
    let trust = Trust::parse(folder.read("keys.json").as_bytes()).unwrap();
    let seen = MemoryVersions::new();
    let options = LoadOptions {
        uid: None,
        now: now(),
        seen: &seen,
    };
    let (module, signature) = (
        folder.path("policy.wasm"),
        folder.path("policy.wasm.dsse.json"),
    );
    let module = PolicyModule::read(&module, Some(&signature), &trust, &options).unwrap();
    let request = Request::<&str> {
        evaluation: &evaluation.to_text(),
        token: Some(token),
        proof: None,
        approvals: &[],
        enrolments: &[],
        statements: &[],
        entities: None,
        facts: &json!({"now": now(), "audience": audience}).to_string(),
    };
    let said = NativeEngine::new(&module).call_digest(request.to_text().as_bytes());
    let said: Value = serde_json::from_str(&said).unwrap();
    let digest = said["binding_s256"].as_str();
    digest.unwrap_or_else(|| panic!("{said}")).to_owned()
}
