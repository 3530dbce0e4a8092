//! What is malformed, in the hope that it is taken for absent.

use serde_json::json;

use crate::world::{Call, NOW, World};

#[test]
fn a_malformed_fact_is_passed_over() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let attested =
        |agent| world.decide(&Call::refund(&token, 9870).with(&json!({"facts": {"agent": agent}})));
    let model = |model| attested(json!({"uid": "renewal-bot", "ai_model": model}));
    assert_eq!(model(json!({"name": "example-large"})), "allowed");
    assert_eq!(model(json!({"name": "evil"})), "agent.model");
    for malformed in [
        json!("evil"),
        json!(["evil"]),
        json!(7),
        json!(true),
        json!({}),
    ] {
        assert_eq!(model(malformed.clone()), "facts.malformed", "{malformed}");
    }
    assert_eq!(attested(json!(["renewal-bot"])), "facts.malformed");
}

#[test]
fn an_attestation_comes_from_the_future() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let made = |at: i64| {
        let agent = json!({"uid": "renewal-bot", "iat": at});
        world.decide(&Call::refund(&token, 9870).with(&json!({"facts": {"agent": agent}})))
    };
    assert_eq!(made(NOW), "allowed");
    assert_eq!(made(NOW + 30), "allowed");
    assert_eq!(made(NOW + 31), "agent.attestation");
    assert_eq!(made(9_007_199_254_740_991), "agent.attestation");
}

#[test]
fn several_evaluations_hide_in_one() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let more = call.with(&json!({"evaluation": {"evaluations": [{}]}}));
    assert_eq!(world.decide(&more), "request.unsupported");
}
