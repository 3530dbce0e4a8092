//! Makes chains from fixed seeds.

use ambit_core::Reason;
use ambit_core::json::{Document, Profile};
use ambit_core::limits::Limits;
use ambit_token::{
    Bounds, ChainCache, IssuerKey, Keys, TokenError, UnverifiedToken, base64url, thumbprint,
};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const NOW: i64 = 1_772_000_400;
pub(crate) const BROKER: u8 = 1;
pub(crate) const HOLDER: u8 = 2;
pub(crate) const WORKER: u8 = 3;
pub(crate) const STRANGER: u8 = 0xff;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

pub(crate) fn jwk(seed: u8) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&public(seed))})
}

/// A block with this header and these claims, both as JSON text, signed by the key of `seed`.
pub(crate) fn block_of(header: &str, claims: &str, seed: u8) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(claims.as_bytes())
    );
    let signature = key(seed).sign(input.as_bytes());
    format!("{input}.{}", base64url::encode(&signature.to_bytes()))
}

pub(crate) const ROOT_HEADER: &str = r#"{"alg":"Ed25519","typ":"cap+jwt","kid":"broker-1"}"#;
pub(crate) const HEADER: &str = r#"{"alg":"Ed25519","typ":"cap+jwt"}"#;

/// A root that passes, with every claim that a root may have.
pub(crate) fn root_claims() -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": "user:8f1c2d",
        "aud": ["https://mail.acme.example", "https://crm.acme.example"],
        "iat": 1_772_000_000, "nbf": 1_772_000_000, "exp": 1_772_003_600, "jti": "root-1",
        "txn": "9b2d6f1e", "client_id": "https://agents.acme.example/bot", "tenant": "acme",
        "act": {"sub": "spiffe://acme.example/agent/bot/i-1", "iss": "https://idp.acme.example",
            "sub_profile": "ai_agent"},
        "agent": {"uid": "renewal-bot", "instance_uid": "i-1", "version": "3.2.0", "env": "prod",
            "ai_model": {"ai_provider": "ExampleAI", "name": "example-large", "version": "1"}},
        "acr": "urn:acme:loa:2", "amr": ["hwk", "mfa"], "auth_time": 1_771_999_800,
        "authorization_details": [{"type": "ambit_capability", "actions": ["email"],
            "privileges": ["draft"], "datatypes": ["customer-contact"], "purpose": "renewal",
            "constraints": {"count": {"constraint_type": "range", "max": 3}}}],
        "approval": {"id": "apr-1", "approved_at": "2026-02-25T06:10:00Z",
            "approved_until": "2026-02-25T07:13:20Z", "approver": "user:8f1c2d",
            "receipt_s256": base64url::encode(&[7; 32])},
        "policy": {"uid": "acme/agents", "version": 42, "s256": base64url::encode(&[9; 32]),
            "exact": false},
        "status": {"status_list": {"idx": 0, "uri": "https://broker.acme.example/status/7"}},
        "del_depth": 0, "del_max_depth": 3, "cnf": {"jwk": jwk(HOLDER)}
    })
}

pub(crate) fn root(claims: &Value) -> String {
    block_of(ROOT_HEADER, &claims.to_string(), BROKER)
}

/// A derived block that passes behind `parent`, whose holder is `seed`; its own holder is the next.
pub(crate) fn derived_claims(parent: &str, seed: u8, depth: u8) -> Value {
    let parent = parent.rsplit('~').next().unwrap();
    let input = parent.rsplit_once('.').unwrap().0;
    json!({
        "iss": format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{}", thumbprint(&public(seed))),
        "jti": format!("derived-{depth}"), "iat": 1_772_000_100 + i64::from(depth),
        "exp": 1_772_003_000 - i64::from(depth), "del_depth": depth, "del_max_depth": 3,
        "par_hash": base64url::encode(&Sha256::digest(input.as_bytes())),
        "cnf": {"jwk": jwk(seed + 1)},
        "authorization_details": [{"type": "ambit_capability", "privileges": ["draft"]}]
    })
}

/// `parent` with one more block of these claims.
pub(crate) fn extended(parent: &str, claims: &Value, seed: u8) -> String {
    format!("{parent}~{}", block_of(HEADER, &claims.to_string(), seed))
}

/// A chain of one root and `depth` derived blocks.
pub(crate) fn chain(depth: u8) -> String {
    let mut chain = root(&root_claims());
    for depth in 1..=depth {
        let seed = HOLDER + depth - 1;
        let claims = derived_claims(&chain, seed, depth);
        chain = extended(&chain, &claims, seed);
    }
    chain
}

/// A key as a trust table holds it.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) iss: Option<&'static str>,
    pub(crate) kid: &'static str,
    pub(crate) eddsa: bool,
    pub(crate) seed: u8,
    pub(crate) signs: &'static str,
    pub(crate) lists: [Option<Document<'static>>; 3],
}

impl Key {
    pub(crate) fn broker() -> Self {
        Self {
            iss: Some("https://broker.acme.example"),
            kid: "broker-1",
            eddsa: false,
            seed: BROKER,
            signs: "cap+jwt",
            lists: [None, None, None],
        }
    }
}

pub(crate) fn list(text: &'static str) -> Option<Document<'static>> {
    Some(Document::parse(text.as_bytes(), Profile::Signed).unwrap())
}

pub(crate) struct Trust(pub(crate) Vec<Key>);

impl Keys for Trust {
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        for key in self.0.iter().filter(|key| key.kid == kid) {
            let [tenants, audiences, agents] = &key.lists;
            let found = IssuerKey {
                iss: key.iss,
                kid: key.kid,
                eddsa_name: key.eddsa,
                public: public(key.seed).into(),
                signs: key.signs,
                webauthn: None,
                only: Bounds {
                    tenants: tenants.as_ref().map(Document::root),
                    audiences: audiences.as_ref().map(Document::root),
                    agents: agents.as_ref().map(Document::root),
                    ..Bounds::default()
                },
            };
            if visit(found) {
                return;
            }
        }
    }
}

pub(crate) fn trust() -> Trust {
    Trust(vec![Key::broker()])
}

pub(crate) fn verify_at(
    chain: &str,
    keys: &Trust,
    now: i64,
    cache: Option<&mut ChainCache>,
) -> Result<(), TokenError> {
    let limits = Limits::default();
    if let Some(cache) = cache.as_deref()
        && let Some(known) = cache.find(chain, keys)
    {
        return cache.verified(&known, chain, now, &limits).map(|_| ());
    }
    let token = UnverifiedToken::parse(chain, &limits)?;
    token.verify(keys, now, &limits, cache).map(|_| ())
}

pub(crate) fn verify(chain: &str) -> Result<(), TokenError> {
    verify_at(chain, &trust(), NOW, None)
}

/// The chain is refused for `reason`, in `block`.
#[track_caller]
pub(crate) fn refused(chain: &str, reason: Reason, block: usize) {
    refused_by(chain, &trust(), reason, block);
}

#[track_caller]
pub(crate) fn refused_by(chain: &str, keys: &Trust, reason: Reason, block: usize) {
    let error = verify_at(chain, keys, NOW, None).unwrap_err();
    assert_eq!((error.reason, error.block), (reason, block), "{error}");
}

/// `claims` with one of them set, or taken out by `Value::Null`.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().shift_remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

pub(crate) fn root_with(name: &str, value: Value) -> String {
    root(&with(root_claims(), name, value))
}

pub(crate) fn derived_with(name: &str, value: Value) -> String {
    let parent = chain(0);
    extended(
        &parent,
        &with(derived_claims(&parent, HOLDER, 1), name, value),
        HOLDER,
    )
}
