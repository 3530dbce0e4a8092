//! JSON Web Signatures and keys as others publish them: RFC 8037, the cookbook (RFC 7520), WIMSE,
//! Project Wycheproof. They run natively; what is judged is the curve arithmetic, which the forms for
//! signatures alone put to wasm too, and what a key of ours can be made of.

use ambit_token::{PublicKey, base64url};
use serde_json::Value;
use xtask_kit::ui;

use super::raw::{list, text};
use super::wycheproof::agrees;
use super::{Case as Named, Outcome, holds};

/// The key of a JWK, whatever it says beside the key itself; `None` where it is none of ours.
fn key_of(jwk: &Value) -> Option<PublicKey> {
    let member = |name: &str| jwk[name].as_str();
    // A key for encryption signs nothing.
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
    PublicKey::from_parts(alg, member("x")?, member("y")).filter(PublicKey::is_usable)
}

fn signed_by(key: &PublicKey, jws: &str) -> bool {
    let Some((input, signature)) = jws.rsplit_once('.') else {
        return false;
    };
    base64url::decode(signature.as_bytes())
        .is_some_and(|signature| key.verify(input.as_bytes(), &signature))
}

/// `{"jwk", "jws", "jwk_thumbprint_sha256"}`
pub(crate) fn signed(file: &Value) -> Result<Vec<Named>, String> {
    let key = key_of(&file["jwk"]).ok_or("`jwk` is no key of ours")?;
    let jws = text(file, "jws")?;
    let mut cases = vec![holds("the key signed the JWS", signed_by(&key, jws))];
    if let Ok(thumbprint) = text(file, "jwk_thumbprint_sha256") {
        cases.push(holds("the thumbprint", key.thumbprint() == thumbprint));
    }
    Ok(cases)
}

/// A workload's token and its proof: each signed by its own key, and not by the other's.
pub(crate) fn wimse(file: &Value) -> Result<Vec<Named>, String> {
    let key =
        |member: &str| key_of(&file[member]).ok_or_else(|| format!("`{member}` is no key of ours"));
    let (issuer, workload) = (key("identity_server_jwk")?, key("workload_jwk")?);
    let (wit, wpt) = (text(file, "wit")?, text(file, "wpt")?);
    Ok(vec![
        holds(
            "the token is the issuer's",
            signed_by(&issuer, wit) && !signed_by(&workload, wit),
        ),
        holds(
            "the proof is the workload's",
            signed_by(&workload, wpt) && !signed_by(&issuer, wpt),
        ),
    ])
}

/// An example of the cookbook: signed by a key of ours, or no key of ours can be made of its key.
pub(crate) fn cookbook(file: &Value) -> Result<Vec<Named>, String> {
    let title = text(file, "title")?;
    let jwk = &file["input"]["key"];
    Ok(match key_of(jwk) {
        None => vec![holds(
            &format!("{title}: not one of our keys"),
            !is_of_our_curves(jwk),
        )],
        Some(key) => {
            let jws = text(&file["output"], "compact")?;
            vec![holds(title, signed_by(&key, jws))]
        }
    })
}

/// Project Wycheproof's `JsonWebSignature`: the groups with a key on one of our curves. What no key of
/// ours can be made of verifies nothing.
pub(crate) fn wycheproof(file: &Value) -> Result<Vec<Named>, String> {
    let mut cases = Vec::new();
    let mut others = 0;
    for group in list(file, "testGroups")? {
        let public = Some(&group["public"]).filter(|public| public.is_object());
        let jwk = public.unwrap_or_else(|| &group["private"]);
        let tests = list(group, "tests")?;
        if !is_of_our_curves(jwk) {
            others += tests.len();
            continue;
        }
        let key = key_of(jwk);
        cases.extend(tests.iter().map(|test| {
            let comment = test["comment"].as_str().unwrap_or_default();
            let name = format!("test {} ({comment})", test["tcId"]);
            let outcome = match &key {
                Some(key) => jws_test(key, jwk, test),
                None => text(test, "result").and_then(|result| agrees(result, false)),
            };
            (name, outcome)
        }));
    }
    if others > 0 {
        ui::skipped(format_args!("{others} tests with keys on no curve of ours"));
    }
    Ok(cases)
}

fn is_of_our_curves(jwk: &Value) -> bool {
    matches!(jwk["crv"].as_str(), Some("P-256" | "Ed25519"))
}

/// A header that we would refuse before the signature (another `alg`) is refused by the key's own
/// algorithm here.
fn jws_test(key: &PublicKey, jwk: &Value, test: &Value) -> Outcome {
    // `EdDSA` is the name from before RFC 9864.
    let named = |value: &Value| Some(value["alg"].as_str()?.replace("EdDSA", "Ed25519"));
    let jws = test["jws"].as_str().unwrap_or_default();
    let header = base64url::decode(jws.split('.').next().unwrap_or_default().as_bytes());
    let header: Value = serde_json::from_slice(&header.unwrap_or_default()).unwrap_or_default();
    let ours = named(jwk).is_none_or(|alg| alg == key.alg());
    let valid = ours && named(&header).as_deref() == Some(key.alg()) && signed_by(key, jws);
    match text(test, "result")? {
        // A key for another algorithm than its curve's is none that we would hold.
        "valid" if !ours => Ok(()),
        result => agrees(result, valid),
    }
}
