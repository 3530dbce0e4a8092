//! No chain comes out that a verifier would refuse.

use ambit_core::json::Json;
use ambit_core::limits::Limits;
use ambit_policy::{Bundle, Key};
use ambit_token::{Bounds, IssuerKey, Keys, PublicKey, TokenError, UnverifiedToken};
use serde_json::{Map, Value, json};

use super::sign_block;
use crate::error::CompileError;
use crate::keys::{Signer, generate, public_jwk};

/// The keys of a bundle.
struct BundleKeys<'b>(&'b Bundle<'b>);

impl Keys for BundleKeys<'_> {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        for key in self.0.keys(kid) {
            if issuer_key(key).is_some_and(&mut *visit) {
                return;
            }
        }
    }
}

fn issuer_key(key: Key<'_>) -> Option<IssuerKey<'_>> {
    Some(IssuerKey {
        iss: Some(key.iss()),
        kid: key.kid(),
        eddsa_name: key.alg() == "EdDSA",
        public: PublicKey::from_parts(key.alg(), key.x(), key.y())?,
        signs: key.signs(),
        webauthn: None,
        only: Bounds::of(key.row()),
    })
}

fn refused(error: TokenError) -> CompileError {
    CompileError::new(
        error.reason.code(),
        format!("the token would be refused: {}", error.detail),
    )
}

/// Verifies a chain with the keys of its policy, for every audience that it names.
pub(super) fn chain(chain: &str, bundle: &Bundle<'_>, now: i64) -> Result<(), CompileError> {
    let limits = bundle.limits();
    let token = UnverifiedToken::parse(chain, &limits).map_err(refused)?;
    let keys = BundleKeys(bundle);
    let token = token.verify(&keys, now, &limits, None).map_err(refused)?;
    let actions = token.entries(0).filter_map(|entry| entry.get("actions"));
    let actions: Vec<&str> = actions
        .flat_map(Json::elements)
        .filter_map(Json::as_str)
        .collect();
    let audiences = token.root().get("aud").map(Json::elements);
    for audience in audiences.into_iter().flatten().filter_map(Json::as_str) {
        if !token.role_allows(audience, None, &actions) {
            let message = format!(
                "the key `{}` may not sign for the audience `{audience}` with this person, tenant, agent and actions",
                token.kid()
            );
            return Err(CompileError::new("key.role", message));
        }
    }
    Ok(())
}

/// Verifies the last block of a chain when the issuer's keys are not at hand: under a root made up
/// for this check, so that the one verifier judges its claims. What binds it to its real parent has
/// been compared before.
pub(super) fn block(
    chain: &str,
    key: &dyn Signer,
    claims: &Map<String, Value>,
    now: i64,
) -> Result<(), CompileError> {
    UnverifiedToken::parse(chain, &Limits::default()).map_err(refused)?;
    let issuer = generate(Some("check"))?;
    let root = made_up_root(key, claims, now);
    let header = json!({"alg": "Ed25519", "typ": "cap+jwt", "kid": "check"});
    let root = sign_block(&issuer, &header, &root)?;
    let mut claims = claims.clone();
    let signing_input = root.rsplit_once('.').map_or("", |(input, _)| input);
    let hash = crate::encoding::sha256(signing_input.as_bytes());
    claims.insert(
        "par_hash".to_owned(),
        crate::encoding::base64url(&hash).into(),
    );
    claims.insert("del_depth".to_owned(), 1.into());
    let header = json!({"alg": key.public().alg(), "typ": "cap+jwt"});
    let chain = format!("{root}~{}", sign_block(key, &header, &claims)?);
    let token = UnverifiedToken::parse(&chain, &Limits::default()).map_err(refused)?;
    let keys = OneKey(issuer.public());
    token
        .verify(&keys, now, &Limits::default(), None)
        .map(drop)
        .map_err(refused)
}

struct OneKey(PublicKey);

impl Keys for OneKey {
    fn by_kid<'k>(&'k self, _kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        visit(IssuerKey {
            iss: None,
            kid: "check",
            eddsa_name: false,
            public: self.0,
            signs: "cap+jwt",
            webauthn: None,
            only: Bounds::default(),
        });
    }
}

fn made_up_root(key: &dyn Signer, claims: &Map<String, Value>, now: i64) -> Map<String, Value> {
    let copy = |name: &str| claims.get(name).cloned().unwrap_or_default();
    let root = json!({
        "iss": "https://check.invalid",
        "sub": "user:check",
        "aud": ["https://check.invalid"],
        "iat": copy("iat").as_i64().unwrap_or(now).min(now),
        "exp": copy("exp"),
        "jti": "check",
        "act": {"sub": "https://check.invalid/agent", "iss": "https://check.invalid", "sub_profile": "ai_agent"},
        "agent": {"uid": "check"},
        "cnf": {"jwk": public_jwk(&key.public())},
        "authorization_details": copy("authorization_details"),
        "del_depth": 0,
        "del_max_depth": copy("del_max_depth").as_i64().unwrap_or(1).max(1),
    });
    match root {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
