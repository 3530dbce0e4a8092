//! Authority that was taken back.

use serde_json::json;

use crate::world::{Call, LIST, NOW, World, status_list};

fn listed() -> serde_json::Value {
    json!({"status": {"status_list": {"idx": 9, "uri": LIST}}})
}

#[test]
fn a_token_is_used_after_it_was_revoked() {
    let world = World::new();
    let token = world.mint(&listed());
    let call = || Call::refund(&token, 9870);
    assert_eq!(world.enforce(&call()), "allowed");
    let revoked = status_list(&[0, 2], NOW + 5, NOW + 600);
    world.receive(&revoked, NOW + 5).unwrap();
    assert_eq!(world.enforce(&call().at(NOW + 6)), "status.revoked");
}

#[test]
fn a_token_is_used_after_its_class_was_revoked() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = |entries| Call::refund(&token, 9870).epochs(&json!({"entries": entries}));
    assert_eq!(world.decide(&call(json!([]))), "allowed");
    let of = |selector| call(json!([{"selector": selector, "before": NOW}]));
    assert_eq!(
        world.decide(&of(json!({"agent.uid": "another-bot"}))),
        "allowed"
    );
    for selector in [
        json!({"agent.uid": "renewal-bot"}),
        json!({"sub": "user:8f1c2d"}),
        json!({"jkt": "{holder}"}),
        json!({"agent.ai_model": {"name": "example-large"}}),
        json!({"policy": {"uid": "acme/agents", "below": 43}}),
    ] {
        assert_eq!(world.decide(&of(selector)), "revocation.revoked");
    }
}

#[test]
fn the_status_of_another_token_is_shown() {
    let world = World::new();
    let token = world.mint(&listed());
    let fact =
        |idx: i64| json!({"facts": {"status": {"uri": LIST, "idx": idx, "value": 0, "iat": NOW}}});
    let call = || Call::refund(&token, 9870);
    assert_eq!(world.decide(&call().with(&fact(9))), "allowed");
    assert_eq!(world.decide(&call().with(&fact(8))), "status.mismatch");
}
