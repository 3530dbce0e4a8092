//! The bundle's keys, for step 2.

use ambit_policy::{Bundle, Key};
use ambit_token::{Bounds, IssuerKey, Keys, PublicKey, RelyingParty};

/// The bundle as the place where issuer keys are looked up.
#[derive(Debug)]
pub struct BundleKeys<'b>(pub &'b Bundle<'b>);

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
        webauthn: RelyingParty::of(key.row()),
        only: Bounds::of(key.row()),
    })
}
