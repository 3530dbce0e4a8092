//! The keys of a policy, and what each may sign.

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
    /// What narrows it.
    pub only: Bounds<'k>,
}

/// What narrows a key; what is absent does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds<'k> {
    /// The one person for whom it speaks.
    pub sub: Option<&'k str>,
    /// Tenants.
    pub tenants: Option<Json<'k>>,
    /// Audiences.
    pub audiences: Option<Json<'k>>,
    /// Agent classes.
    pub agents: Option<Json<'k>>,
    /// Tiers of risk.
    pub tiers: Option<Json<'k>>,
    /// Actions.
    pub actions: Option<Json<'k>>,
    /// The roles that its receipts may state: without a list, none.
    pub roles: Option<Json<'k>>,
}

/// What a signature is to count for, in the words of [`Bounds`]. Where a statement says nothing, a key
/// that is narrowed there may not sign it.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The person for whom it speaks.
    pub sub: Option<&'a str>,
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// The audiences.
    pub audiences: &'a [&'a str],
    /// The agent class.
    pub agent: Option<&'a str>,
    /// The tier of risk.
    pub tier: Option<&'a str>,
    /// The actions.
    pub actions: &'a [&'a str],
    /// The roles in which the person is said to act.
    pub roles: &'a [&'a str],
}

impl<'k> Bounds<'k> {
    /// Those that members of this object state: a row of a policy, or the claims of an enrolment.
    #[must_use]
    pub fn of(object: Json<'k>) -> Self {
        Self {
            sub: object.get_str("sub"),
            tenants: object.get("tenants"),
            audiences: object.get("audiences"),
            agents: object.get("agents"),
            tiers: object.get("tiers"),
            actions: object.get("actions"),
            roles: object.get("roles"),
        }
    }

    /// Whether this is within all of them.
    pub(crate) fn admit(&self, about: &About<'_>) -> bool {
        let lists = [
            (self.tenants, about.tenant.as_slice()),
            (self.audiences, about.audiences),
            (self.agents, about.agent.as_slice()),
            (self.tiers, about.tier.as_slice()),
            (self.actions, about.actions),
        ];
        let stated =
            about.roles.is_empty() || (self.roles.is_some() && within(self.roles, about.roles));
        stated
            && self.sub.is_none_or(|sub| about.sub == Some(sub))
            && lists.iter().all(|(list, values)| within(*list, values))
    }
}

impl IssuerKey<'_> {
    /// Whether this key may sign a statement of this `typ` about this: the one place that says so, for
    /// statements of every kind.
    #[must_use]
    pub fn may_sign(&self, typ: &str, about: &About<'_>) -> bool {
        self.signs == typ && self.only.admit(about)
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

/// Whether there are values and all are in the list; an absent list has everything.
pub(crate) fn within(list: Option<Json<'_>>, values: &[&str]) -> bool {
    list.is_none_or(|list| {
        let listed = |value: &&str| list.elements().any(|one| one.as_str() == Some(value));
        !values.is_empty() && values.iter().all(listed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ambit_core::json::{Document, Profile};

    const KINDS: [&str; 5] = [
        "cap+jwt",
        "approval-receipt+jwt",
        "approver-key+jwt",
        "revocation-epochs+jwt",
        "statuslist+jwt",
    ];

    fn key<'k>(signs: &'k str, only: Bounds<'k>) -> IssuerKey<'k> {
        IssuerKey {
            iss: None,
            kid: "key",
            eddsa_name: false,
            public: PublicKey::Ed25519([0; 32]),
            signs,
            webauthn: None,
            only,
        }
    }

    #[test]
    fn each_kind_of_key_signs_one_kind_of_statement() {
        for signs in KINDS {
            for typ in KINDS {
                let may = key(signs, Bounds::default()).may_sign(typ, &About::default());
                assert_eq!(may, signs == typ, "{signs} {typ}");
            }
        }
    }

    #[test]
    fn each_bound_admits_what_it_names_and_nothing_else() {
        let list = Document::parse(br#"["in", "too"]"#, Profile::Signed).unwrap();
        let list = Some(list.root());
        type Narrow<'k> = fn(&mut Bounds<'k>, Option<Json<'k>>);
        type Say<'a> = fn(&mut About<'a>, &'a [&'a str]);
        let bounds: [(Narrow<'_>, Say<'_>); 6] = [
            (
                |only, _| only.sub = Some("in"),
                |about, values| about.sub = values.first().copied(),
            ),
            (
                |only, list| only.tenants = list,
                |about, values| about.tenant = values.first().copied(),
            ),
            (
                |only, list| only.audiences = list,
                |about, values| about.audiences = values,
            ),
            (
                |only, list| only.agents = list,
                |about, values| about.agent = values.first().copied(),
            ),
            (
                |only, list| only.tiers = list,
                |about, values| about.tier = values.first().copied(),
            ),
            (
                |only, list| only.actions = list,
                |about, values| about.actions = values,
            ),
        ];
        for typ in KINDS {
            for (at, (narrow, say)) in bounds.iter().enumerate() {
                let mut only = Bounds::default();
                narrow(&mut only, list);
                let key = key(typ, only);
                let may = |values| {
                    let mut about = About::default();
                    say(&mut about, values);
                    key.may_sign(typ, &about)
                };
                assert!(may(&["in"]), "{typ} {at}");
                assert!(!may(&["out"]), "{typ} {at}");
                // What says nothing of it is not within it, and all must be that is said.
                assert!(!may(&[]), "{typ} {at}");
                assert!(!may(&["out", "in"]), "{typ} {at}");
            }
        }
    }

    #[test]
    fn a_key_states_the_roles_of_its_row_and_no_others() {
        let list = Document::parse(br#"["finance", "legal"]"#, Profile::Signed).unwrap();
        let with = |roles| {
            let only = Bounds {
                roles,
                ..Bounds::default()
            };
            key("approval-receipt+jwt", only)
        };
        let about = |roles| About {
            roles,
            ..About::default()
        };
        let may = |roles, stated| with(roles).may_sign("approval-receipt+jwt", &about(stated));
        let row = Some(list.root());
        assert!(may(row, &["finance"]) && may(row, &["legal", "finance"]) && may(row, &[]));
        assert!(!may(row, &["board"]) && !may(row, &["finance", "board"]));
        // Other bounds narrow; a row that says nothing of roles states none.
        assert!(may(None, &[]) && !may(None, &["finance"]));
    }
}
