//! A sub-agent that gives itself more than it was given.

use ambit_tests::keys;
use serde_json::{Value, json};

use crate::world::{Call, NOW, Token, World, blocks, payload, signed};

/// The worker's token with the last block signed anew, as its holder can.
fn rewritten(world: &World, change: impl FnOnce(&mut Value)) -> (Token, Token) {
    let root = world.mint(&json!({}));
    let bounds = json!({"authorization_details": [
        {"type": "ambit_capability", "constraints": {"amount": {"constraint_type": "range", "max": 5000}}},
    ]});
    let worker = world.pass_on(&root, "worker", &bounds);
    let tool = world.pass_on(
        &worker,
        "tool",
        &json!({"authorization_details": [{"type": "ambit_capability"}]}),
    );
    let parts = blocks(&tool.chain);
    let mut claims = payload(&parts[2]);
    change(&mut claims);
    let block = signed(
        &json!({"alg": "Ed25519", "typ": "cap+jwt"}),
        &claims,
        "worker",
    );
    let forged = Token {
        chain: format!("{}~{}~{block}", parts[0], parts[1]),
        ..tool.clone()
    };
    (tool, forged)
}

#[test]
fn a_sub_agent_claims_more_than_it_was_given() {
    let world = World::new();
    let (honest, wider) = rewritten(&world, |claims| {
        claims["authorization_details"] = json!([{
            "type": "ambit_capability", "actions": ["refund"], "privileges": ["execute"], "datatypes": ["contract"],
            "purpose": "contract-renewal", "constraints": {"amount": {"constraint_type": "range", "max": 100_000}},
        }]);
    });
    assert_eq!(world.decide(&Call::refund(&honest, 5000)), "allowed");
    // It verifies, and grants nothing: the block before it still bounds.
    assert_eq!(world.decide(&Call::refund(&wider, 5000)), "allowed");
    assert_eq!(
        world.decide(&Call::refund(&wider, 5001)),
        "constraint.range"
    );
}

#[test]
fn a_sub_agent_lives_longer_than_it_may() {
    let world = World::new();
    let (honest, longer) = rewritten(&world, |claims| claims["exp"] = (NOW + 601).into());
    assert_eq!(world.decide(&Call::refund(&honest, 5000)), "allowed");
    assert_eq!(
        world.decide(&Call::refund(&longer, 5000)),
        "chain.exp_extended"
    );
}

#[test]
fn a_sub_agent_passes_on_more_often_than_it_may() {
    let world = World::new();
    let (honest, deeper) = rewritten(&world, |claims| claims["del_max_depth"] = 3.into());
    assert_eq!(world.decide(&Call::refund(&honest, 5000)), "allowed");
    assert_eq!(world.decide(&Call::refund(&deeper, 5000)), "chain.depth");
}

#[test]
fn a_sub_agent_renames_who_acts_and_for_whom() {
    let world = World::new();
    for (member, value) in [
        ("sub", json!("user:admin")),
        ("agent", json!({"uid": "admin-bot"})),
        ("tenant", json!("other")),
        ("limits", json!([])),
    ] {
        let (honest, other) = rewritten(&world, |claims| claims[member] = value);
        assert_eq!(world.decide(&Call::refund(&honest, 5000)), "allowed");
        let code = if member == "limits" {
            "token.claim_unknown"
        } else {
            "chain.derived_member"
        };
        assert_eq!(world.decide(&Call::refund(&other, 5000)), code, "{member}");
    }
}

#[test]
fn a_sub_agent_signs_with_a_key_that_does_not_hold_the_chain() {
    let world = World::new();
    let (honest, _) = rewritten(&world, |_| {});
    assert_eq!(world.decide(&Call::refund(&honest, 5000)), "allowed");
    let parts = blocks(&honest.chain);
    let block = signed(
        &json!({"alg": "Ed25519", "typ": "cap+jwt"}),
        &payload(&parts[2]),
        "stranger",
    );
    let call = Call::refund(&honest, 5000);
    let chain = format!("{}~{}~{block}", parts[0], parts[1]);
    assert_eq!(world.decide(&call.clone().chain(chain)), "token.signature");
    // Nor does naming itself as the parent's holder help.
    let mut claims = payload(&parts[2]);
    let thumbprint = keys::named("stranger").unwrap().thumbprint();
    claims["iss"] = format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{thumbprint}").into();
    let block = signed(
        &json!({"alg": "Ed25519", "typ": "cap+jwt"}),
        &claims,
        "worker",
    );
    let chain = format!("{}~{}~{block}", parts[0], parts[1]);
    assert_eq!(world.decide(&call.chain(chain)), "chain.iss");
}
