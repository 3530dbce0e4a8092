//! What a token was granted under is no longer so.

use serde_json::json;

use crate::world::{Call, World, policy};

#[test]
fn the_policy_is_narrower_than_when_the_token_was_minted() {
    let before = World::new();
    let token = before.mint(&json!({}));
    assert_eq!(before.decide(&Call::refund(&token, 9870)), "allowed");
    // Version 43 no longer lets the agent pay refunds.
    let entry = json!({
        "actions": ["email"], "consent": "none", "constraints": {"*": {"constraint_type": "wildcard"}},
        "datatypes": ["customer-contact"], "privileges": ["draft"], "purpose": "contract-renewal",
    });
    let narrower = json!({"version": 43, "manifests": {"renewal-bot": {"capabilities": [entry]}}});
    let after = World::of(policy(narrower));
    assert_eq!(
        after.decide(&Call::email(&token, "ann@customer.example")),
        "allowed"
    );
    assert_eq!(
        after.decide(&Call::refund(&token, 9870)),
        "manifest.capability"
    );
}

#[test]
fn the_token_is_of_a_policy_version_that_counts_no_more() {
    let before = World::new();
    let token = before.mint(&json!({}));
    assert_eq!(before.decide(&Call::refund(&token, 9870)), "allowed");
    let raised = World::of(policy(json!({"version": 43, "tokens_from_version": 43})));
    assert_eq!(raised.decide(&Call::refund(&token, 9870)), "policy.version");
    // The same number with another content is another policy.
    let changed = World::of(policy(json!({"limits": {"root_life_seconds": 3600}})));
    assert_eq!(changed.decide(&Call::refund(&token, 9870)), "policy.digest");
}

#[test]
fn the_agent_runs_otherwise_than_it_was_granted() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let runs = |agent| Call::refund(&token, 9870).with(&json!({"facts": {"agent": agent}}));
    let model = |name: &str| json!({"uid": "renewal-bot", "ai_model": {"name": name}});
    assert_eq!(world.decide(&runs(model("example-large"))), "allowed");
    assert_eq!(world.decide(&runs(model("example-tiny"))), "agent.model");
    assert_eq!(
        world.decide(&runs(json!({"uid": "other-bot"}))),
        "agent.class"
    );
    assert_eq!(
        world.decide(&runs(json!({"uid": "renewal-bot", "env": "test"}))),
        "agent.environment"
    );
    assert_eq!(
        world.decide(&runs(json!({"uid": "renewal-bot", "version": "4.0.0"}))),
        "agent.version"
    );
}
