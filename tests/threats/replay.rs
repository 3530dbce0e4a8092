//! Something genuine, used again or by somebody else.

use serde_json::json;

use crate::world::{Call, NOW, World};

#[test]
fn a_call_is_replayed() {
    let world = World::new();
    let request = Call::refund(&world.mint(&json!({})), 9870).text();
    assert_eq!(world.enforce_text(&request), "allowed");
    assert_eq!(world.enforce_text(&request), "possession.used");
}

#[test]
fn a_proof_is_replayed_for_another_call() {
    let world = World::new();
    let honest = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&honest), "allowed");
    let mut other = honest;
    let call = other.asked().call();
    other = other.proof(&json!({"ambit_call": call}));
    let properties = json!({"args": {"amount": 1, "currency": "EUR"}});
    let other = other.with(&json!({"evaluation": {"action": {"properties": properties}}}));
    assert_eq!(world.decide(&other), "possession.call");
}

#[test]
fn a_token_is_stolen_without_its_key() {
    let world = World::new();
    let mut call = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&call), "allowed");
    assert_eq!(
        world.decide(&call.clone().proof_by("stranger")),
        "possession.key"
    );
    call.proof = None;
    assert_eq!(world.decide(&call), "possession.missing");
}

#[test]
fn a_proof_is_used_with_another_token_of_its_holder() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&call), "allowed");
    let other = world.mint(&json!({}));
    let moved = call.proof(&json!({"ath": ambit_tests::statement::s256(other.chain.as_bytes())}));
    assert_eq!(world.decide(&moved), "possession.token");
}

#[test]
fn a_token_is_used_when_it_is_stale() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    let late = |now| call.clone().at(now);
    assert_eq!(world.decide(&late(NOW + 599)), "allowed");
    assert_eq!(world.decide(&late(NOW + 600)), "token.expired");
}
