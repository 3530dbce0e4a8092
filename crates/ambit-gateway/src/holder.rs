//! Proofs by the gateway's own key, for callers that cannot make any.

use ambit_core::json::{Document, Json, Profile, Writer};
use ambit_host::{NativeEngine, Signer};
use ambit_token::base64url;

/// What a proof is made for.
pub(crate) struct Proving<'a> {
    pub(crate) token: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) now: i64,
}

/// A DPoP proof of exactly the call in `request`. `Ok(None)`: the call or its token is refused before a
/// proof is looked at, so the evaluator says why.
///
/// # Errors
///
/// Why it could not be signed.
pub(crate) fn prove(
    engine: &NativeEngine,
    signer: &dyn Signer,
    proving: &Proving<'_>,
    request: &str,
) -> Result<Option<String>, String> {
    let digest = engine.call_digest(request.as_bytes());
    let Some(binding) = member(&digest, "binding_s256") else {
        return Ok(None);
    };
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| format!("no random numbers: {error}"))?;
    let mut out = Writer::default();
    out.object(|out| {
        out.name("typ").string("dpop+jwt");
        out.name("token").string(proving.token);
        out.name("claims").object(|out| {
            out.name("jti").string(&base64url::encode(&random));
            out.name("htm").string(proving.method);
            out.name("htu").string(proving.url);
            out.name("iat").integer(proving.now);
            out.name("ambit_call").string(&binding);
        });
    });
    let said = engine.signing_input(out.finish().as_bytes());
    let Some(input) = member(&said, "signing_input") else {
        return Ok(None);
    };
    // The token's holder has a P-256 key: the proof would be none, and is not made.
    if member(&said, "alg").as_deref() != Some("Ed25519") {
        return Ok(None);
    }
    let signature = signer.sign(input.as_bytes())?;
    Ok(Some(format!("{input}.{}", base64url::encode(&signature))))
}

fn member(json: &str, name: &str) -> Option<String> {
    let document = Document::parse(json.as_bytes(), Profile::Request).ok()?;
    let text = document.root().get(name).and_then(Json::as_str);
    text.map(str::to_owned)
}
