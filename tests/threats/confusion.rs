//! One thing taken for another: algorithms, keys, types.

use ambit_tests::chain::BlockSpec;
use ambit_tests::keys;
use serde_json::{Value, json};

use crate::world::{Call, World, blocks, payload, signed};

fn header(alg: &str, typ: &str, kid: &str) -> Value {
    json!({"alg": alg, "typ": typ, "kid": kid})
}

#[test]
fn the_algorithm_is_confused() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let claims = payload(&token.chain);
    let with =
        |header: &Value, key| world.decide(&call.clone().chain(signed(header, &claims, key)));
    assert_eq!(
        with(&header("Ed25519", "cap+jwt", "broker-1"), "broker-1"),
        "allowed"
    );
    for alg in ["none", "HS256", "ES256", "EdDSA", "ed25519", ""] {
        assert_eq!(
            with(&header(alg, "cap+jwt", "broker-1"), "broker-1"),
            "token.alg",
            "{alg}"
        );
    }
    // No signature at all.
    let text = signed(&header("none", "cap+jwt", "broker-1"), &claims, "broker-1");
    let unsigned = format!("{}.", text.rsplit_once('.').unwrap().0);
    assert_eq!(world.decide(&call.chain(unsigned)), "token.alg");
}

#[test]
fn the_type_of_a_key_is_confused() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    let claims = payload(&token.chain);
    let with =
        |header: &Value, key| world.decide(&call.clone().chain(signed(header, &claims, key)));
    assert_eq!(
        with(&header("ES256", "cap+jwt", "es-broker"), "es-broker"),
        "allowed"
    );
    assert_eq!(
        with(&header("Ed25519", "cap+jwt", "es-broker"), "es-broker"),
        "token.alg"
    );
    assert_eq!(
        with(&header("ES256", "cap+jwt", "es-broker"), "broker-1"),
        "token.signature"
    );
    // The key in the header, as an attacker would like it to be taken.
    let mut own = header("Ed25519", "cap+jwt", "broker-1");
    own["jwk"] = keys::named("stranger").unwrap().jwk();
    assert_eq!(with(&own, "stranger"), "token.header_member");
    assert_eq!(
        with(&header("Ed25519", "cap+jwt", "stranger"), "stranger"),
        "token.unknown_key"
    );
}

#[test]
fn a_statement_is_passed_off_as_a_token() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let claims = payload(&token.chain);
    let with = |typ: &str, kid: &str, key| {
        world.decide(
            &call
                .clone()
                .chain(signed(&header("Ed25519", typ, kid), &claims, key)),
        )
    };
    assert_eq!(
        with("approval-receipt+jwt", "approve-1", "approver-service"),
        "token.typ"
    );
    assert_eq!(with("JWT", "broker-1", "broker-1"), "token.typ");
    // By the key of the approval service, as a token.
    assert_eq!(with("cap+jwt", "approve-1", "approver-service"), "key.role");
}

#[test]
fn a_token_is_passed_off_as_an_approval() {
    let world = World::new();
    let token = world.mint(&crate::world::only(&json!({"privileges": ["propose"]})));
    let call = Call::refund(&token, 9870);
    let receipt = world.approve(&call, &BlockSpec::default());
    assert_eq!(
        world.decide(&call.clone().receipt(receipt.clone())),
        "allowed"
    );
    let claims = payload(&receipt);
    assert_eq!(
        world.decide(&call.clone().receipt(blocks(&token.chain)[0].clone())),
        "approval.typ"
    );
    let by =
        |header: &Value, key| world.decide(&call.clone().receipt(signed(header, &claims, key)));
    assert_eq!(
        by(
            &header("Ed25519", "approval-receipt+jwt", "broker-1"),
            "broker-1"
        ),
        "approval.key_role"
    );
    assert_eq!(
        by(
            &header("ES256", "approval-receipt+jwt", "approve-1"),
            "es-approver"
        ),
        "approval.alg"
    );
}

#[test]
fn a_token_is_passed_off_as_a_proof() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&call), "allowed");
    let mut wrong = call.clone();
    wrong.proof = None;
    let chain = wrong.token.chain.clone();
    assert_eq!(
        world.decide(&wrong.with(&json!({"proof": chain}))),
        "possession.malformed"
    );
    let mut typed = call;
    typed.proof.get_or_insert_default().header = Some(json!({"typ": "cap+jwt"}));
    assert_eq!(world.decide(&typed), "possession.typ");
}
