//! The issuer keys that may sign roots.

use ambit_core::json::Json;

use crate::key::PublicKey;
use crate::webauthn::{self, RelyingParty};

/// Where issuer keys are looked up: a bundle, or the trust table of a test.
pub trait Keys {
    /// Shows every key with this `kid` to `visit`, until `visit` answers `true`.
    fn by_kid<'k>(&'k self, kid: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool);
}

/// A key that may sign one `typ` for one issuer.
#[derive(Clone, Copy, Debug)]
pub struct IssuerKey<'k> {
    /// The issuer it belongs to. `None`: any (the published chain vectors say so of their keys).
    pub iss: Option<&'k str>,
    /// The name that a header gives.
    pub kid: &'k str,
    /// Whether the key is configured under the old `alg` name `EdDSA`. A header must give exactly
    /// the configured name.
    pub eddsa_name: bool,
    /// The public key, which fixes the algorithm.
    pub public: PublicKey,
    /// The one `typ` that it may sign.
    pub signs: &'k str,
    /// Where the key is a person's WebAuthn credential: whatever it signs is an assertion.
    pub webauthn: Option<RelyingParty<'k>>,
    /// The tenants it may sign for; absent: all.
    pub tenants: Option<Json<'k>>,
    /// The audiences it may sign for; absent: all.
    pub audiences: Option<Json<'k>>,
    /// The agent classes it may sign for; absent: all.
    pub agents: Option<Json<'k>>,
}

impl IssuerKey<'_> {
    /// Whether the key may sign for this audience, tenant and agent class. A key with a list of
    /// tenants may not sign for none.
    #[must_use]
    pub fn role_allows(&self, audience: &str, tenant: Option<&str>, agent: &str) -> bool {
        lists(self.audiences, Some(audience)) && self.role_covers(tenant, agent)
    }

    /// [`Self::role_allows`] without the audience, which a token does not settle by itself.
    pub(crate) fn role_covers(&self, tenant: Option<&str>, agent: &str) -> bool {
        lists(self.tenants, tenant) && lists(self.agents, Some(agent))
    }

    /// The `alg` that a header signed by this key gives.
    pub(crate) const fn alg(&self) -> &'static str {
        match (&self.webauthn, &self.public) {
            (Some(_), PublicKey::Ed25519(_)) => "WebAuthn-Ed25519",
            (Some(_), PublicKey::P256(_)) => "WebAuthn-ES256",
            (None, _) if self.eddsa_name => "EdDSA",
            (None, public) => public.alg(),
        }
    }

    /// Whether the third part of a JWS is this key's over its signing input.
    pub(crate) fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        match &self.webauthn {
            None => self.public.verify(signing_input, signature),
            Some(party) => webauthn::verify(&self.public, party, signing_input, signature),
        }
    }
}

/// Whether `value` is in the list; an absent list has everything.
fn lists(list: Option<Json<'_>>, value: Option<&str>) -> bool {
    list.is_none_or(|list| {
        value.is_some_and(|value| list.elements().any(|one| one.as_str() == Some(value)))
    })
}
