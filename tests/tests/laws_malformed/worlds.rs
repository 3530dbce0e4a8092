//! Requests that are allowed and have every member there is, signed again after each change.

use std::cell::RefCell;
use std::collections::HashMap;

use ambit_core::capability::Place;
use ambit_core::grammar::{
    CLAIMS, DERIVED_ENTRY, DERIVED_HEADER, ENROLMENT, EPOCHS, Form, MANIFEST_ENTRY, Member, PROOF,
    PROOF_HEADER, RECEIPT, REQUEST, ROOT_ENTRY, ROOT_HEADER, STATEMENT_HEADER,
};
use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::data::fill;
use ambit_tests::keys::named;
use ambit_tests::project::{NOW, SignedPolicy};
use ambit_tests::statement::{Asked, s256};
use ambit_token::base64url;
use serde_json::{Value, json};

use super::code;
use super::mutate::{Change, Target};

/// A part of a request: one JSON document, with its table.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) sound: Value,
    /// With what the codes of its denials begin.
    pub(crate) codes: &'static [&'static str],
}

/// A policy, and a request that it allows.
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) policy: SignedPolicy,
    parts: Vec<Part>,
    manifest: Value,
    holders: [&'static str; 2],
    /// Digest of the text that the approver saw.
    shown: String,
    /// Chains that were verified, and what was signed: most variants change neither.
    known: RefCell<(ChainCache, HashMap<String, String>)>,
}

type Changed<'a> = Option<(&'a Part, &'a Target, &'a Change)>;

/// Two worlds, because some members exclude each other.
pub(crate) fn worlds() -> [World; 2] {
    [
        World::new("Ed25519", ["orchestrator", "worker"]),
        World::new("P-256", ["es-holder", "es-holder-2"]),
    ]
}

impl World {
    fn new(name: &'static str, holders: [&'static str; 2]) -> Self {
        let second = name == "P-256";
        let manifest = manifest_entry(second);
        let key = |key: &str, kid: &str, iss: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": "Ed25519", "signs": signs});
        let policy = SignedPolicy::make(&PolicySpec {
            project: "acme".to_owned(),
            keys: vec![
                key(
                    "broker-1",
                    "broker-1",
                    "https://broker.acme.example",
                    "cap+jwt",
                ),
                key(
                    "approver-service",
                    "approve-1",
                    "https://approve.acme.example",
                    "approval-receipt+jwt",
                ),
                key(
                    "revoker",
                    "revoke-1",
                    "https://revoke.acme.example",
                    "revocation-epochs+jwt",
                ),
                key(
                    "enroller",
                    "enrol-1",
                    "https://revoke.acme.example",
                    "approver-key+jwt",
                ),
                json!({"key": "person", "kid": "person-1", "iss": "https://approve.acme.example",
                    "alg": "Ed25519", "signs": "approval-receipt+jwt", "sub": "user:ann"}),
            ],
            bundle: Some(json!({
                "possession": "required",
                "manifests": {"renewal-bot": {"capabilities": [manifest]}},
            })),
        });
        let mut world = Self {
            name,
            policy: policy.unwrap_or_else(|why| panic!("{why}")),
            parts: parts(second, holders),
            manifest,
            holders,
            shown: s256(b""),
            known: RefCell::default(),
        };
        world.shown = world.text_digest();
        world
    }

    /// The digest of the text for approvers, which the answer to a wrong one names.
    fn text_digest(&self) -> String {
        let answer = self.evaluate(&self.request(None));
        assert_eq!(code(&answer), "approval.display", "{answer}");
        let digest = answer.split("SHA-256 is `").nth(1);
        let digest = digest.and_then(|rest| rest.get(..43));
        digest.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        self.parts.clone()
    }

    /// The entry of the manifest on which the request rests.
    pub(crate) fn manifest(&self) -> Part {
        Part {
            name: "manifest",
            form: Form::Object(MANIFEST_ENTRY),
            sound: self.manifest.clone(),
            codes: &["manifest."],
        }
    }

    pub(crate) fn evaluate(&self, request: &[u8]) -> String {
        let bundle = Bundle::verify(self.policy.bundle());
        let bundle = bundle.unwrap_or_else(|error| panic!("{error}"));
        evaluate(&bundle, request, &mut self.known.borrow_mut().0)
    }

    fn sign(&self, signer: &str, header: &str, claims: &str) -> String {
        let encode = |text: &str| base64url::encode(text.as_bytes());
        let input = format!("{}.{}", encode(header), encode(claims));
        let known = &mut self.known.borrow_mut().1;
        let signed = known.entry(format!("{signer} {input}")).or_insert_with(|| {
            let signer = named(signer).unwrap_or_else(|why| panic!("{why}"));
            format!("{input}.{}", signer.sign(input.as_bytes()))
        });
        signed.clone()
    }

    /// The request, with one part changed before it is signed.
    pub(crate) fn request(&self, changed: Changed<'_>) -> Vec<u8> {
        let part = |name: &str| {
            let part = self.parts.iter().find(|part| part.name == name);
            let part = part.unwrap_or_else(|| panic!("no part is called `{name}`"));
            match changed {
                Some((changed, target, change)) if changed.name == name => {
                    target.text(&part.sound, change)
                }
                _ => part.sound.to_string(),
            }
        };
        let bundle = self.policy.bundle_s256();
        let root_text = fill(&part("root"), &[("bundle", &bundle)]);
        let root = self.sign("broker-1", &part("root header"), &root_text);
        let parent = root.rsplit_once('.').map_or("", |(input, _)| input);
        let parent = s256(parent.as_bytes());
        let derived = fill(&part("derived"), &[("parent", &parent)]);
        let derived = self.sign(self.holders[0], &part("derived header"), &derived);
        let chain = format!("{root}~{derived}");
        let request = part("request");
        let call = Asked {
            root: &serde_json::from_str(&root_text).unwrap_or_default(),
            chain: &chain,
            holder: self.holders[1],
            request: &serde_json::from_str(&request).unwrap_or_default(),
            call_args: Some(&json!({"amount": 9870, "currency": "EUR"})),
        }
        .call();
        let ath = s256(chain.as_bytes());
        let names = [
            ("call", call.as_str()),
            ("ath", &ath),
            ("shown", &self.shown),
        ];
        let statement = |name: &str, signer: &str| {
            let claims = fill(&part(name), &names);
            self.sign(signer, &part(&format!("{name} header")), &claims)
        };
        let enrolment = statement("enrolment", "enroller");
        let input = enrolment.rsplit_once('.').map_or("", |(input, _)| input);
        let consent = fill(&part("consent"), &[("enrolment", &s256(input.as_bytes()))]);
        let consent = self.sign("person", &part("consent header"), &consent);
        let request = fill(
            &request,
            &[
                ("token", &chain),
                ("proof", &statement("proof", self.holders[1])),
                ("receipt", &statement("receipt", "approver-service")),
                ("epochs", &statement("epochs", "revoker")),
                ("enrolment", &format!("{enrolment}~{consent}")),
            ],
        );
        request.into_bytes()
    }
}

#[expect(clippy::too_many_lines, reason = "a table of objects")]
fn parts(second: bool, holders: [&'static str; 2]) -> Vec<Part> {
    let key = |name: &str| named(name).unwrap_or_else(|why| panic!("{why}"));
    let alg = |name: &str| key(name).alg();
    let part = |name, form, sound, codes| Part {
        name,
        form,
        sound,
        codes,
    };
    let of = |members| Form::Object(members);
    let statement = |typ: &str, kid: &str| json!({"alg": "Ed25519", "typ": typ, "kid": kid});
    vec![
        part(
            "request",
            of(REQUEST),
            request(),
            &["request.", "facts.", "token.missing"],
        ),
        part(
            "root header",
            of(ROOT_HEADER),
            statement("cap+jwt", "broker-1"),
            &["token."],
        ),
        part(
            "root",
            claims(true),
            root(second, &jwk(&key(holders[0]))),
            &["token.", "chain.", "capability."],
        ),
        part(
            "derived header",
            of(DERIVED_HEADER),
            json!({"alg": alg(holders[0]), "typ": "cap+jwt"}),
            &["token."],
        ),
        part(
            "derived",
            claims(false),
            derived(
                second,
                &key(holders[0]).thumbprint(),
                &jwk(&key(holders[1])),
            ),
            &["token.", "chain.", "capability."],
        ),
        part(
            "receipt header",
            of(STATEMENT_HEADER),
            statement("approval-receipt+jwt", "approve-1"),
            &["approval."],
        ),
        part("receipt", of(RECEIPT), receipt(second), &["approval."]),
        part(
            "proof header",
            of(PROOF_HEADER),
            json!({"typ": "dpop+jwt", "alg": alg(holders[1]), "jwk": jwk(&key(holders[1]))}),
            &["possession."],
        ),
        part("proof", of(PROOF), proof(), &["possession."]),
        part(
            "epochs header",
            of(STATEMENT_HEADER),
            statement("revocation-epochs+jwt", "revoke-1"),
            &["revocation."],
        ),
        part("epochs", of(EPOCHS), epochs(), &["revocation."]),
        part(
            "enrolment header",
            of(STATEMENT_HEADER),
            statement("approver-key+jwt", "enrol-1"),
            &["enrolment."],
        ),
        part(
            "enrolment",
            of(ENROLMENT),
            enrolment(&jwk(&key(if second { "es-approver" } else { "phone" }))),
            &["enrolment."],
        ),
        part(
            "consent header",
            of(STATEMENT_HEADER),
            statement("approval-receipt+jwt", "person-1"),
            &["enrolment."],
        ),
        part(
            "consent",
            of(RECEIPT),
            json!({
                "iss": "https://approve.acme.example", "aud": ["https://revoke.acme.example"], "jti": "consent",
                "iat": NOW - 60, "exp": NOW + 240, "sub": "user:ann", "decision": "approved", "kind": "enrolment",
                "risk_tier": "critical", "binding_s256": "{enrolment}",
                "display": {
                    "text_s256": s256(b"a page"), "locale": "en", "renderer": "enrolling", "now": NOW, "utc_offset": 60,
                },
                "txn": "t", "acr": "loa-2", "amr": ["hwk"], "auth_time": NOW - 90,
            }),
            &["enrolment."],
        ),
    ]
}

/// The claims of a block, with the tables of their entries in place.
fn claims(root: bool) -> Form {
    let entry = if root { ROOT_ENTRY } else { DERIVED_ENTRY };
    let entry: &'static Form = Box::leak(Box::new(Form::Object(entry)));
    let member = |claim: &ambit_core::grammar::Claim| match claim.member(root) {
        member if member.name == "authorization_details" => Member {
            form: Form::List(&(1, 64), entry),
            ..member
        },
        member => member,
    };
    let members: Vec<Member> = CLAIMS.iter().map(member).collect();
    Form::Object(Vec::leak(members))
}

/// The public key with all that may stand beside it.
fn jwk(key: &ambit_tests::keys::Key) -> Value {
    let mut jwk = key.jwk();
    let more = json!({
        "alg": key.alg(), "use": "sig", "key_ops": ["verify"], "ext": true, "kid": "k",
        "x5u": "https://keys.example/k", "x5c": ["AAAA"], "x5t": "AAAA", "x5t#S256": "AAAA",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        jwk[name] = value.clone();
    }
    jwk
}

fn request() -> Value {
    json!({
        "evaluation": {
            "subject": {"type": "user", "id": "ann", "properties": {"a": 1}},
            "action": {
                "name": "refund",
                "properties": {"power": "execute", "args": {"amount": 98.70, "currency": "EUR"}},
            },
            "resource": {"type": "contract", "id": "c-1", "properties": {"a": 1}},
            "context": {"purpose": "contract-renewal"},
        },
        "token": "{token}",
        "proof": "{proof}",
        "approvals": ["{receipt}"],
        "enrolments": ["{enrolment}"],
        "statements": ["{epochs}"],
        "entities": [{
            "uid": {"type": "Contract", "id": "c-1"}, "attrs": {}, "parents": [{"type": "Contract", "id": "c-0"}], "tags": {},
        }],
        "facts": {
            "now": NOW, "audience": "https://crm.acme.example", "location": "https://crm.acme.example", "tenant": "acme",
            "method": "POST", "url": "https://crm.acme.example/refunds", "nonce": "n-1",
            "agent": {
                "uid": "renewal-bot", "instance_uid": "i-1", "version": "3",
                "ai_model": {"ai_provider": "ExampleAI", "name": "example-large", "version": "1"},
                "env": "prod", "iat": NOW - 10,
            },
            "utc_offsets": {"Etc/UTC": 0},
            "status": {"uri": "https://status.acme.example/1", "idx": 7, "value": 0, "iat": NOW - 10},
            "counters": {"a": 1},
            "min_versions": {"policy": 42, "epochs": {"https://revoke.acme.example": 7}},
        },
    })
}

fn root(second: bool, jwk: &Value) -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": "user:ann", "aud": ["https://crm.acme.example"],
        "iat": NOW - 100, "nbf": NOW - 100, "exp": NOW + 1000, "jti": "root", "txn": "t-1", "tenant": "acme",
        "client_id": "https://agents.acme.example/renewal-bot",
        "act": {"sub": "spiffe://acme.example/1", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "agent": {
            "uid": "renewal-bot", "instance_uid": "i-1", "version": "3",
            "ai_model": {"ai_provider": "ExampleAI", "name": "example-large", "version": "1"}, "env": "prod",
        },
        "cnf": {"jwk": jwk},
        "acr": "urn:acme:loa:2", "amr": ["hwk"], "auth_time": NOW - 200,
        "authorization_details": [entry(second, Place::Root)],
        "policy": {"uid": "acme/agents", "version": 42, "s256": "{bundle}", "exact": second},
        "status": {"status_list": {"idx": 7, "uri": "https://status.acme.example/1"}},
        "approval": approval(),
        "del_depth": 0, "del_max_depth": 1,
    })
}

fn derived(second: bool, issuer: &str, jwk: &Value) -> Value {
    json!({
        "iss": format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{issuer}"),
        "jti": "derived", "iat": NOW - 50, "nbf": NOW - 50, "exp": NOW + 900,
        "aud": ["https://crm.acme.example"],
        "act": {"sub": "https://acme.example/2", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "cnf": {"jwk": jwk},
        "authorization_details": [entry(second, Place::Derived)],
        "approval": approval(),
        "del_depth": 1, "del_max_depth": 1, "par_hash": "{parent}",
    })
}

fn approval() -> Value {
    json!({
        "id": "a-1", "approved_at": "2026-02-25T00:00:00Z", "approved_until": "2026-02-26T00:00:00Z",
        "approver": "user:ann", "receipt_s256": s256(b"receipt"),
    })
}

/// An entry with every member that its place has.
fn entry(second: bool, place: Place) -> Value {
    let (acr, approval) = if second {
        (
            json!(["urn:acme:loa:2"]),
            json!({"approvers": ["user:ann"], "count": 1}),
        )
    } else {
        (json!("urn:acme:loa:2"), json!(true))
    };
    let mut entry = json!({
        "type": "ambit_capability", "actions": ["refund"], "privileges": ["propose", "execute"],
        "locations": ["https://crm.acme.example"], "datatypes": ["contract"], "identifier": "c-1",
        "purpose": "contract-renewal",
        "constraints": {
            "amount": {"constraint_type": "range", "min": 1, "max": 20_000},
            "currency": {"constraint_type": "exact", "value": "EUR"},
        },
        "limits": [
            {
                "type": "spend", "argument": "amount", "currency_argument": "currency", "max": 50_000,
                "currency": "EUR", "decimals": 2,
            },
            {"type": "use_limit", "max": 3},
            {"type": "rate", "max": 5, "seconds": 3600},
        ],
        "hours": {"days": ["mon", "wed"], "from": "00:00", "to": "24:00", "zone": "Etc/UTC"},
        "requires": {"acr": acr, "max_age": 600, "approval": approval},
    });
    if place == Place::Manifest {
        entry["consent"] = if second {
            json!({"approvers": ["user:ann"], "count": 1})
        } else {
            json!("each")
        };
    }
    entry
}

fn manifest_entry(second: bool) -> Value {
    entry(second, Place::Manifest)
}

fn receipt(second: bool) -> Value {
    let aud = "https://crm.acme.example";
    json!({
        "iss": "https://approve.acme.example", "aud": if second { json!([aud]) } else { json!(aud) },
        "jti": "receipt", "iat": NOW - 60, "exp": NOW + 240, "sub": "user:ann", "txn": "t-1",
        "decision": "approved", "kind": "action", "risk_tier": "critical", "binding_s256": "{call}",
        "display": {"text_s256": "{shown}", "locale": "en", "renderer": "ambit-2"},
        "acr": "urn:acme:loa:2", "amr": ["hwk"], "auth_time": NOW - 120,
    })
}

fn enrolment(jwk: &Value) -> Value {
    json!({
        "iss": "https://revoke.acme.example", "jti": "enrolment", "iat": NOW - 600, "exp": NOW + 86_400,
        "sub": "user:ann", "jwk": jwk, "policies": ["acme/agents"],
        "webauthn": {"rp_id": "acme.example", "origins": ["https://approve.acme.example"]},
        "tenants": ["acme"], "audiences": ["https://crm.acme.example"], "agents": ["renewal-bot"],
        "tiers": ["critical"], "actions": ["refund"],
    })
}

fn proof() -> Value {
    json!({
        "jti": "proof", "htm": "POST", "htu": "https://crm.acme.example/refunds", "iat": NOW,
        "ath": "{ath}", "nonce": "n-1", "ambit_call": "{call}",
    })
}

/// Epochs that name others.
fn epochs() -> Value {
    let mut selector = json!({
        "jti": "other", "sub": "user:other", "tenant": "other", "client_id": "other", "act.sub": "other",
        "jkt": "other", "agent.uid": "other",
        "agent.ai_model": {"ai_provider": "other", "name": "other", "version": "other"},
        "policy": {"uid": "other", "below": 1},
    });
    let before = json!({"selector": selector.clone(), "before": NOW});
    selector["kid"] = "other".into();
    json!({
        "iss": "https://revoke.acme.example", "iat": NOW - 60, "exp": NOW + 240, "version": 7,
        "entries": [before, {"selector": selector, "all": true}],
    })
}
