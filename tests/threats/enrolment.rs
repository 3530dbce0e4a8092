//! A key made on a device, enrolled for more than it is.

use std::sync::Arc;

use ambit_tests::case::PolicySpec;
use ambit_tests::chain::BlockSpec;
use ambit_tests::project::SignedPolicy;
use serde_json::{Value, json};

use crate::world::{Call, Token, World, only};

const ENROLS: &str = "https://enrol.acme.example";

/// A policy whose keys are those of a person and of who enrols people's devices.
fn world() -> World {
    let key = |key: &str, kid: &str, iss: &str, signs: &str| json!({"key": key, "kid": kid, "iss": iss, "alg": "Ed25519", "signs": signs});
    let mut person = key(
        "person",
        "person-1",
        "https://approve.acme.example",
        "approval-receipt+jwt",
    );
    person["sub"] = json!("user:8f1c2d");
    let mut lead = key(
        "approver-2",
        "lead-1",
        "https://approve.acme.example",
        "approval-receipt+jwt",
    );
    lead["sub"] = json!("user:lead-1");
    let spec = PolicySpec {
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
            person,
            lead,
            key("enroller", "enrol-1", ENROLS, "approver-key+jwt"),
            key("revoker", "revoke-1", ENROLS, "revocation-epochs+jwt"),
        ],
        bundle: Some(json!({"possession": "required"})),
    };
    let policy = SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"));
    World::of(Arc::new(policy))
}

fn proposing(world: &World, patch: &Value) -> Token {
    let mut entry = json!({"privileges": ["propose"]});
    ambit_tests::data::merge(&mut entry, patch);
    world.mint(&only(&entry))
}

fn spec(holder: &str, claims: &Value) -> BlockSpec {
    BlockSpec {
        holder: Some(holder.to_owned()),
        claims: Some(claims.clone()),
        ..BlockSpec::default()
    }
}

/// The call with this enrolment, countersigned by the person, and epochs with these entries.
fn enrolled(call: &Call, enrolments: &[BlockSpec], entries: &Value) -> Call {
    let consent = BlockSpec::default();
    let made = enrolments
        .iter()
        .map(|one| call.asked().enrolment(one, Some(&consent)));
    let made: Vec<String> = made.collect::<Result<_, _>>().unwrap();
    call.clone()
        .with(&json!({"enrolments": made}))
        .epochs(&json!({"iss": ENROLS, "entries": entries}))
}

/// A yes by the device whose key has this name.
fn yes(world: &World, call: &Call, key: &str, claims: &Value) -> String {
    let kid = ambit_tests::keys::named(key).unwrap().thumbprint();
    let mut all = json!({"iss": ENROLS});
    ambit_tests::data::merge(&mut all, claims);
    let spec = BlockSpec {
        signer: Some(key.to_owned()),
        header: Some(json!({"kid": kid})),
        claims: Some(all),
        ..BlockSpec::default()
    };
    world.approve(call, &spec)
}

#[test]
fn a_device_is_enrolled_by_somebody_nobody_asked() {
    let world = world();
    let call = Call::refund(&proposing(&world, &json!({})), 9870);
    let call = call
        .clone()
        .receipt(yes(&world, &call, "phone", &json!({})));
    let honest = spec("phone", &json!({}));
    assert_eq!(
        world.decide(&enrolled(&call, std::slice::from_ref(&honest), &json!([]))),
        "allowed"
    );
    let by = |signer: &str| BlockSpec {
        signer: Some(signer.to_owned()),
        ..honest.clone()
    };
    for (signer, code) in [
        ("stranger", "enrolment.signature"),
        ("phone", "enrolment.signature"),
        ("orchestrator", "enrolment.signature"),
    ] {
        let call = enrolled(&call, &[by(signer)], &json!([]));
        assert_eq!(world.decide(&call), code, "{signer}");
    }
    // The risk is critical: the person's own key must have said so as well.
    let alone = call.asked().enrolment(&honest, None).unwrap();
    let alone = enrolled(&call, &[], &json!([])).with(&json!({"enrolments": [alone]}));
    assert_eq!(world.decide(&alone), "enrolment.countersignature");
}

#[test]
fn an_enrolment_for_a_trial_counts_in_earnest() {
    let world = world();
    let call = Call::refund(&proposing(&world, &json!({})), 9870);
    let call = call
        .clone()
        .receipt(yes(&world, &call, "phone", &json!({})));
    let honest = spec("phone", &json!({}));
    assert_eq!(
        world.decide(&enrolled(&call, &[honest], &json!([]))),
        "allowed"
    );
    // The same service enrols for the trial's policy, whose people it does not look at so closely.
    let trial = spec("phone", &json!({"policies": ["acme/agents-trial"]}));
    assert_eq!(
        world.decide(&enrolled(&call, &[trial], &json!([]))),
        "enrolment.key_role"
    );
}

#[test]
fn an_enrolment_is_used_after_it_was_revoked() {
    let world = world();
    let call = Call::refund(&proposing(&world, &json!({})), 9870);
    let call = call
        .clone()
        .receipt(yes(&world, &call, "phone", &json!({})));
    let honest = [spec("phone", &json!({}))];
    assert_eq!(
        world.decide(&enrolled(&call, &honest, &json!([]))),
        "allowed"
    );
    let revoked = json!([{"selector": {"jti": "enrolment-1"}, "all": true}]);
    let revoked = enrolled(&call, &honest, &revoked);
    assert_eq!(world.decide(&revoked), "enrolment.revoked");
    // Leaving the list out does not help.
    let mut silent = enrolled(&call, &honest, &json!([]));
    silent.epochs.clear();
    assert_eq!(world.decide(&silent), "enrolment.epochs");
}

#[test]
fn one_device_is_two_people() {
    let world = world();
    let both = json!({"approvers": ["user:8f1c2d", "user:lead-1"], "count": 2});
    // People whom a token names are asked on top, so two must say yes.
    let token = proposing(&world, &json!({}));
    let bounds = json!({"authorization_details": [{"type": "ambit_capability", "requires": {"approval": both}}]});
    let token = world.pass_on(&token, "worker", &bounds);
    let call = Call::refund(&token, 9870);
    let lead = json!({"sub": "user:lead-1", "jti": "second"});
    let with = |second: &str| {
        let first = yes(&world, &call, "phone", &json!({}));
        call.clone()
            .receipt(first)
            .receipt(yes(&world, &call, second, &lead))
    };
    // The honest second yes is the service's.
    let service = BlockSpec {
        claims: Some(lead.clone()),
        ..BlockSpec::default()
    };
    let honest = call
        .clone()
        .receipt(yes(&world, &call, "phone", &json!({})))
        .receipt(world.approve(&call, &service));
    let first = spec("phone", &json!({}));
    assert_eq!(
        world.decide(&enrolled(&honest, std::slice::from_ref(&first), &json!([]))),
        "allowed"
    );
    // The same phone in the lead's name: nobody enrolled it for the lead, and it cannot be.
    let twice = with("phone");
    let once = enrolled(&twice, std::slice::from_ref(&first), &json!([]));
    assert_eq!(world.decide(&once), "approval.key_role");
    // Not even if the lead says that it is theirs.
    let lead = |signer: Option<&str>| BlockSpec {
        signer: signer.map(str::to_owned),
        header: signer.map(|_| json!({"kid": "lead-1"})),
        claims: Some(lead.clone()),
        ..spec("phone", &json!({}))
    };
    let asked = twice.asked();
    let made = [
        asked
            .enrolment(&first, Some(&BlockSpec::default()))
            .unwrap(),
        asked
            .enrolment(&lead(None), Some(&lead(Some("approver-2"))))
            .unwrap(),
    ];
    let twice = enrolled(&twice, &[], &json!([])).with(&json!({"enrolments": made}));
    assert_eq!(world.decide(&twice), "enrolment.shared");
}
