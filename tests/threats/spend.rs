//! Money: a little too much, or a little too often.

use serde_json::json;

use crate::world::{Call, World, only};

#[test]
fn a_spend_is_just_above_the_bound() {
    let world = World::new();
    let token = world.mint(&json!({}));
    assert_eq!(world.decide(&Call::refund(&token, 20000)), "allowed");
    assert_eq!(
        world.decide(&Call::refund(&token, 20001)),
        "constraint.range"
    );
    // The same where only the budget bounds it.
    let wide = only(&json!({"constraints": {"amount": {"max": 100_000}}}));
    let token = world.mint(&wide);
    assert_eq!(world.decide(&Call::refund(&token, 50000)), "allowed");
    assert_eq!(world.decide(&Call::refund(&token, 50001)), "limit.spend");
}

#[test]
fn a_budget_is_spent_in_many_small_steps() {
    let world = World::new();
    let token = world.mint(&json!({}));
    for _ in 0..5 {
        assert_eq!(world.enforce(&Call::refund(&token, 9999)), "allowed");
    }
    // 499.95 of 500.00 are spent.
    assert_eq!(world.enforce(&Call::refund(&token, 6)), "limit.spend");
    assert_eq!(world.enforce(&Call::refund(&token, 5)), "allowed");
    assert_eq!(world.enforce(&Call::refund(&token, 1)), "limit.spend");
}

#[test]
fn a_permission_is_used_too_often() {
    let world = World::new();
    let token = world.mint(&only(&json!({"limits": [{"type": "use_limit", "max": 2}]})));
    for _ in 0..2 {
        assert_eq!(world.enforce(&Call::refund(&token, 100)), "allowed");
    }
    assert_eq!(world.enforce(&Call::refund(&token, 100)), "limit.uses");
}

#[test]
fn sub_agents_have_no_budget_of_their_own() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let bounds = json!({"authorization_details": [{"type": "ambit_capability"}]});
    let children = [
        world.pass_on(&token, "worker", &bounds),
        world.pass_on(&token, "tool", &bounds),
    ];
    for child in &children {
        assert_eq!(world.enforce(&Call::refund(child, 20000)), "allowed");
    }
    for child in &children {
        assert_eq!(world.enforce(&Call::refund(child, 20000)), "limit.spend");
    }
}
