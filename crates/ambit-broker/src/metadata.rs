//! What clients need to know (RFC 8414), and the keys that sign tokens.

use ambit_compiler::keys::public_jwk;
use ambit_gateway::http::Reply;
use ambit_token::PublicKey;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::refusal::Refusal;
use crate::session::ACR;
use crate::{access, authorize, exchange, push, revoke, token};

pub(crate) const PATH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const JWKS: &str = "/jwks";
const ALGORITHMS: [&str; 3] = ["Ed25519", "ES256", "EdDSA"];

impl Broker {
    /// `GET /.well-known/oauth-authorization-server`
    pub(crate) fn metadata(&self) -> Reply {
        let provider = self.provider.as_ref().map(|provider| &provider.party);
        let mut acr_values = vec![ACR];
        for acr in provider.map_or(&[][..], |party| &party.acr_values) {
            if acr != ACR {
                acr_values.push(acr);
            }
        }
        let mut metadata = json!({
            "issuer": self.config.issuer,
            "authorization_endpoint": self.url(authorize::PATH),
            "pushed_authorization_request_endpoint": self.url(push::PATH),
            "require_pushed_authorization_requests": true,
            "token_endpoint": self.url(token::PATH),
            "revocation_endpoint": self.url(revoke::REVOKE),
            "introspection_endpoint": self.url(revoke::INTROSPECT),
            "access_request_endpoint": self.url(access::PATH),
            "backchannel_token_delivery_modes_supported": ["poll", "ping"],
            "jwks_uri": self.url(JWKS),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_details_types_supported": ["ambit_capability"],
            "authorization_response_iss_parameter_supported": true,
            "dpop_signing_alg_values_supported": ALGORITHMS,
            "acr_values_supported": acr_values,
            "ui_locales_supported": ["en", "de"],
        });
        for endpoint in ["token", "revocation", "introspection"] {
            metadata[format!("{endpoint}_endpoint_auth_methods_supported")] =
                json!(["private_key_jwt"]);
            metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")] =
                json!(ALGORITHMS);
        }
        if self.provider.is_some() {
            metadata["grant_types_supported"] = json!(["authorization_code", exchange::GRANT]);
        }
        if self.keys.epochs.is_some() {
            metadata["ambit_epochs_uri"] = json!(self.url(revoke::EPOCHS));
        }
        Reply::json(200, metadata.to_string()).with("cache-control", "max-age=300")
    }

    /// `GET /jwks`: the policy's keys for tokens of this issuer, an old one beside a new one, and the one for what others
    /// are told.
    pub(crate) fn jwks(&self) -> Result<Reply, Refusal> {
        let keys = self.policy(|bundle| {
            let rows = bundle.all_keys();
            let ours =
                rows.filter(|row| row.iss() == self.config.issuer && row.signs() == "cap+jwt");
            let jwk = |row: ambit_policy::Key<'_>| -> Option<Value> {
                let key = PublicKey::from_parts(row.alg(), row.x(), row.y())?;
                let mut jwk: Value = serde_json::from_str(&key.jwk()).ok()?;
                jwk["kid"] = json!(row.kid());
                jwk["alg"] = json!(row.alg());
                jwk["use"] = json!("sig");
                Some(jwk)
            };
            Ok(ours.filter_map(jwk).collect::<Vec<Value>>())
        })?;
        let events = self.keys.events.iter().map(|key| {
            let mut jwk = public_jwk(&key.public());
            jwk["kid"] = json!(key.kid());
            jwk["alg"] = json!(key.alg());
            jwk["use"] = json!("sig");
            jwk
        });
        let keys: Vec<Value> = keys.into_iter().chain(events).collect();
        let body = json!({"keys": keys}).to_string();
        Ok(Reply::of(200, "application/jwk-set+json", body).with("cache-control", "max-age=300"))
    }
}
