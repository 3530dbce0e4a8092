//! An older signed document in place of a newer one, or the last one for ever.

use std::sync::Arc;

use ambit_host::ledger::{Charge, EdgeLedger, LeaseIssuer, Ledger as _, MemoryLedger, lend};
use ambit_host::status::StatusError;
use ambit_host::{LoadOptions, MemoryVersions, PolicyModule, Signer, Trust};
use ambit_tests::keys;
use ambit_tests::project::SignedPolicy;
use ambit_token::{PublicKey, base64url};
use serde_json::json;

use crate::world::{Call, LIST, NOW, World, policy, status_list};

/// One host, with its memory of versions.
struct Host(MemoryVersions);

impl Host {
    fn load(&self, policy: &SignedPolicy, now: i64) -> String {
        let trust = Trust::parse(policy.trust().as_bytes()).unwrap();
        let options = LoadOptions {
            uid: Some("acme/agents"),
            now,
            seen: &self.0,
        };
        match PolicyModule::read(&policy.file(), None, &trust, &options) {
            Ok(_) => "loaded".to_owned(),
            Err(error) => error.code().to_owned(),
        }
    }
}

fn version(version: i64) -> Arc<SignedPolicy> {
    policy(json!({"version": version}))
}

#[test]
fn a_policy_module_is_rolled_back() {
    let host = Host(MemoryVersions::new());
    let (old, new) = (version(42), version(43));
    assert_eq!(host.load(&old, NOW), "loaded");
    assert_eq!(host.load(&new, NOW), "loaded");
    assert_eq!(host.load(&old, NOW), "module.rollback");
    let other = policy(json!({"version": 43, "possession": "off"}));
    assert_eq!(host.load(&other, NOW), "module.same_version");
}

#[test]
fn a_policy_module_is_frozen() {
    let policy = version(42);
    let ends = NOW + 30 * 24 * 3600;
    assert_eq!(Host(MemoryVersions::new()).load(&policy, NOW), "loaded");
    assert_eq!(
        Host(MemoryVersions::new()).load(&policy, ends),
        "module.expired"
    );
    // A host that loaded it in time does not go on with it either.
    let world = World::of(policy);
    let call = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&call), "allowed");
    assert_eq!(world.decide(&call.clone().at(ends)), "policy.expired");
    // Nor one that has heard of a newer one.
    let newer = json!({"facts": {"min_versions": {"policy": 43}}});
    assert_eq!(world.decide(&call.with(&newer)), "policy.rollback");
}

#[test]
fn a_policy_module_is_truncated_or_altered() {
    let policy = version(42);
    let trust = Trust::parse(policy.trust().as_bytes()).unwrap();
    let whole = std::fs::read(policy.file()).unwrap();
    let load = |bytes: &[u8]| {
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: Some("acme/agents"),
            now: NOW,
            seen: &seen,
        };
        let loaded = PolicyModule::load(bytes, None, &trust, &options);
        loaded.map_or_else(|error| error.code().to_owned(), |_| "loaded".to_owned())
    };
    assert_eq!(load(&whole), "loaded");
    assert_eq!(load(&whole[..whole.len() - 1]), "module.truncated");
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    assert_eq!(load(&altered), "module.altered");
    let mut longer = whole;
    longer.extend([0, 1, 0]);
    assert_eq!(load(&longer), "module.altered");
}

#[test]
fn revocation_epochs_are_rolled_back_or_left_out() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let heard = |version: i64| Call::refund(&token, 100).epochs(&json!({"version": version}));
    assert_eq!(world.enforce(&heard(7)), "allowed");
    let facts = json!({"facts": {"min_versions": world.min_versions()}});
    assert_eq!(world.enforce(&heard(7).with(&facts)), "allowed");
    assert_eq!(world.enforce(&heard(6).with(&facts)), "revocation.rollback");
    assert_eq!(
        world.enforce(&Call::refund(&token, 100).with(&facts)),
        "revocation.missing"
    );
    // A host that forgets to say what it has seen is stopped where it remembers.
    assert_eq!(world.enforce(&heard(6)), "obligation.failed");
}

/// Whatever the list says of this token, and whatever else is wrong with it.
#[test]
fn revocation_epochs_that_denied_are_rolled_back_or_left_out() {
    for (claims, code) in [
        (
            json!({"entries": [{"selector": {"agent.uid": "renewal-bot"}, "all": true}]}),
            "revocation.revoked",
        ),
        (
            json!({"entries": [{"selector": {"colour": "red"}, "all": true}]}),
            "revocation.malformed",
        ),
        (json!({"more": 1}), "revocation.malformed"),
        (json!({"exp": NOW}), "revocation.stale"),
        (json!({"iat": NOW + 31}), "revocation.iat_future"),
    ] {
        let world = World::new();
        let token = world.mint(&json!({}));
        let call = || Call::refund(&token, 100);
        assert_eq!(world.enforce(&call()), "allowed");
        let mut seventh = json!({"version": 7});
        ambit_tests::data::merge(&mut seventh, &claims);
        assert_eq!(world.enforce(&call().epochs(&seventh)), code);
        let facts = json!({"facts": {"min_versions": world.min_versions()}});
        let sixth = call().epochs(&json!({"version": 6}));
        assert_eq!(
            world.enforce(&sixth.clone().with(&facts)),
            "revocation.rollback"
        );
        assert_eq!(world.enforce(&call().with(&facts)), "revocation.missing");
        // Also where the host forgets to say what it has seen.
        assert_eq!(world.enforce(&sixth), "obligation.failed");
        assert_eq!(world.enforce(&call()), "obligation.failed");
        let eighth = call().epochs(&json!({"version": 8})).with(&facts);
        assert_eq!(world.enforce(&eighth), "allowed");
    }
}

#[test]
fn revocation_epochs_are_frozen() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = |exp: i64| Call::refund(&token, 9870).epochs(&json!({"iat": NOW - 600, "exp": exp}));
    assert_eq!(world.decide(&call(NOW + 1)), "allowed");
    assert_eq!(world.decide(&call(NOW)), "revocation.stale");
}

#[test]
fn a_status_list_is_rolled_back() {
    let world = World::new();
    let token = world.mint(&json!({"status": {"status_list": {"idx": 9, "uri": LIST}}}));
    let before = status_list(&[0, 0], NOW, NOW + 600);
    assert_eq!(world.receive(&before, NOW), Ok(()));
    assert_eq!(world.enforce(&Call::refund(&token, 100)), "allowed");
    let revoked = status_list(&[0, 2], NOW + 1, NOW + 600);
    assert_eq!(world.receive(&revoked, NOW + 2), Ok(()));
    assert_eq!(world.receive(&before, NOW + 2), Err(StatusError::Rollback));
    assert_eq!(
        world.enforce(&Call::refund(&token, 100).at(NOW + 2)),
        "status.revoked"
    );
}

#[test]
fn a_status_list_is_frozen() {
    let world = World::new();
    let mut claims = json!({"status": {"status_list": {"idx": 9, "uri": LIST}}});
    claims["exp"] = (NOW + 900).into();
    let token = world.mint(&claims);
    // What is fetched stays the same from now on: high risk bears 300 s.
    assert_eq!(
        world.enforce(&Call::refund(&token, 100).at(NOW + 299)),
        "allowed"
    );
    assert_eq!(
        world.enforce(&Call::refund(&token, 100).at(NOW + 300)),
        "status.stale"
    );
    let fact =
        |at: i64| json!({"facts": {"status": {"uri": LIST, "idx": 9, "value": 0, "iat": at}}});
    assert_eq!(
        world.decide(&Call::refund(&token, 100).with(&fact(NOW - 300))),
        "allowed"
    );
    assert_eq!(
        world.decide(&Call::refund(&token, 100).with(&fact(NOW - 301))),
        "status.stale"
    );
}

struct Lender;

impl Signer for Lender {
    fn name(&self) -> &str {
        "lender-1"
    }

    fn public(&self) -> [u8; 32] {
        match keys::named("module-1").unwrap().public() {
            PublicKey::Ed25519(public) => public,
            PublicKey::P256(_) => panic!("not an Ed25519 key"),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        let signature = keys::named("module-1")?.sign(message);
        base64url::decode_array(signature.as_bytes()).ok_or_else(|| "no signature".to_owned())
    }
}

#[test]
fn a_lease_is_shown_again_or_kept_beyond_its_end() {
    let lender = MemoryLedger::new();
    let spend = |amount| Charge {
        key: "b",
        kind: "spend",
        amount,
        max: 100,
        until: None,
    };
    let (_, lease) = lend(
        &lender,
        &Lender,
        ("loan-1", "edge-1"),
        &spend(40),
        (NOW, NOW + 600),
    )
    .unwrap();
    let issuer = LeaseIssuer {
        name: "lender-1".into(),
        public: Lender.public(),
    };
    let edge = EdgeLedger::new(MemoryLedger::new(), &[]);
    let verified = issuer.verify(&lease, "edge-1", NOW).unwrap();
    edge.take(verified.clone()).unwrap();
    let code = |result: Result<(), ambit_host::ledger::LedgerError>| {
        result.map_or_else(|error| error.code(), |()| "spent")
    };
    assert_eq!(code(edge.consume(&[spend(30)], NOW)), "spent");
    // Shown a second time, it is still one lease.
    edge.take(verified).unwrap();
    assert_eq!(code(edge.consume(&[spend(11)], NOW)), "ledger.exceeded");
    assert_eq!(code(edge.consume(&[spend(10)], NOW + 600)), "ledger.lease");
    assert_eq!(
        issuer
            .verify(&lease, "edge-1", NOW + 600)
            .err()
            .map(|error| error.code()),
        Some("ledger.lease")
    );
}

#[test]
fn an_approval_or_a_token_is_kept_beyond_its_end() {
    let world = World::new();
    let token = world.mint(&crate::world::only(&json!({"privileges": ["propose"]})));
    let call = Call::refund(&token, 9870);
    let receipt = world.approve(&call, &ambit_tests::chain::BlockSpec::default());
    let at = |now: i64| world.decide(&call.clone().receipt(receipt.clone()).at(now));
    assert_eq!(at(NOW + 239), "allowed");
    assert_eq!(at(NOW + 240), "approval.expired");
    assert_eq!(at(NOW + 600), "token.expired");
}
