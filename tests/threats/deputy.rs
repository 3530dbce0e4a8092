//! Authority for one thing, used for another: the confused deputy.

use ambit_tests::chain::BlockSpec;
use serde_json::json;

use crate::world::{Call, World, only};

#[test]
fn authority_for_one_purpose_is_used_for_another() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let other = json!({"evaluation": {"context": {"purpose": "newsletter"}}});
    assert_eq!(world.decide(&call.with(&other)), "manifest.purpose");
    // Where the manifest allows the agent both, the token still names one.
    let mail = Call::email(&token, "ann@customer.example");
    assert_eq!(world.decide(&mail), "allowed");
    assert_eq!(world.decide(&mail.with(&other)), "capability.purpose");
}

#[test]
fn authority_for_one_tenant_is_used_for_another() {
    let world = World::new();
    let token = world.mint(&json!({"tenant": "acme"}));
    let at = |tenant| Call::refund(&token, 9870).with(&json!({"facts": {"tenant": tenant}}));
    assert_eq!(world.decide(&at(json!("acme"))), "allowed");
    assert_eq!(world.decide(&at(json!("umbrella"))), "token.tenant");
    assert_eq!(world.decide(&at(json!(null))), "token.tenant");
    // Nor does a token without a tenant reach one.
    let none = Call::refund(&world.mint(&json!({})), 9870);
    assert_eq!(world.decide(&none), "allowed");
    assert_eq!(
        world.decide(&none.with(&json!({"facts": {"tenant": "acme"}}))),
        "token.tenant"
    );
}

#[test]
fn authority_for_one_service_is_used_at_another() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let call = Call::refund(&token, 9870);
    assert_eq!(world.decide(&call), "allowed");
    let other = json!({"facts": {"audience": "https://pay.acme.example"}});
    assert_eq!(world.decide(&call.with(&other)), "token.audience");
}

#[test]
fn authority_from_one_person_is_used_for_another() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let subject = |id: &str| {
        Call::refund(&token, 9870)
            .with(&json!({"evaluation": {"subject": {"type": "user", "id": id}}}))
    };
    assert_eq!(world.decide(&subject("8f1c2d")), "allowed");
    assert_eq!(world.decide(&subject("admin")), "token.subject");
}

#[test]
fn an_approval_at_one_service_is_used_at_another() {
    let world = World::new();
    let mut claims = only(&json!({"privileges": ["propose"], "limits": null}));
    claims["aud"] = json!(["https://crm.acme.example", "https://pay.acme.example"]);
    let call = Call::refund(&world.mint(&claims), 9870);
    let receipt = world.approve(&call, &BlockSpec::default());
    assert_eq!(
        world.decide(&call.clone().receipt(receipt.clone())),
        "allowed"
    );
    let there = call.with(&json!({"facts": {"audience": "https://pay.acme.example"}}));
    assert_eq!(world.decide(&there.receipt(receipt)), "approval.audience");
}

#[test]
fn what_the_agent_says_is_taken_for_a_fact() {
    let world = World::new();
    let token = world.mint(&json!({"tenant": "acme"}));
    let honest = Call::refund(&token, 9870).with(&json!({"facts": {"tenant": "acme"}}));
    assert_eq!(world.decide(&honest), "allowed");
    // The agent names the tenant it would like, where it can: in the evaluation.
    let said = json!({
        "facts": {"tenant": "umbrella"},
        "evaluation": {
            "resource": {"properties": {"tenant": "acme"}},
            "context": {"tenant": "acme", "now": 0, "approved": true},
        },
    });
    assert_eq!(world.decide(&honest.with(&said)), "token.tenant");
}
