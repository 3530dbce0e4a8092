//! Proofs of possession (DPoP) for one chain.

use ambit_token::base64url;
use serde::Deserialize;
use serde_json::Value;
use vectors_guest::Case;

use super::engine::Engines;
use super::{Case as Named, Outcome};

#[derive(Deserialize)]
struct File {
    now: i64,
    method: String,
    url: String,
    chain: String,
    leaf_jkt: String,
    cases: Vec<Proof>,
}

#[derive(Deserialize)]
struct Proof {
    name: String,
    proof: String,
    expect: String,
}

pub(crate) fn run(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let holder = holder(&file)?;
    let cases = file.cases.iter().map(|case| {
        let outcome = judge(&file, case, &holder, engines);
        (case.name.clone(), outcome)
    });
    Ok(cases.collect())
}

/// `cnf.jwk` of the chain's last block, which must have the thumbprint that the file states.
fn holder(file: &File) -> Result<String, String> {
    let claims = || {
        let last = file.chain.rsplit('~').next()?;
        let payload = base64url::decode(last.split('.').nth(1)?.as_bytes())?;
        serde_json::from_slice::<Value>(&payload).ok()
    };
    let jwk = claims().map(|claims| claims["cnf"]["jwk"].to_string());
    let jwk = jwk.ok_or("the chain's last block cannot be read")?;
    let document =
        ambit_core::json::Document::parse(jwk.as_bytes(), ambit_core::json::Profile::Signed)
            .map_err(|error| error.to_string())?;
    let key = ambit_token::PublicKey::from_jwk(document.root());
    if key.is_none_or(|key| key.thumbprint() != file.leaf_jkt) {
        return Err("`leaf_jkt` is not the thumbprint of the chain's holder".to_owned());
    }
    Ok(jwk)
}

fn judge(file: &File, case: &Proof, holder: &str, engines: &mut Engines) -> Outcome {
    let answer = engines.answer(&Case::Proof {
        proof: &case.proof,
        chain: &file.chain,
        holder: holder.as_bytes(),
        method: &file.method,
        url: &file.url,
        now: file.now,
    })?;
    match (case.expect.as_str(), answer.valid) {
        ("ok", Some(true)) | ("reject", Some(false)) => Ok(()),
        (expected, _) => Err(format!("expected {expected}, got {answer:?}")),
    }
}
