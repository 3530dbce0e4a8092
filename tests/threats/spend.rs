//! Money: a little too much, or a little too often.

use ambit_advice::describe;
use ambit_compiler::mint::{AttenuateOptions, RootOptions, attenuate, root};
use ambit_policy::Bundle;
use ambit_tests::project::secret_key;
use serde_json::{Value, json};

use crate::world::{Call, NOW, World, only, policy, signed};

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

/// A rate is counted in windows of the host's clock: neither another child of the token nor many calls at
/// once get more out of one, and the next begins anew.
#[test]
fn a_permission_is_used_too_often_in_a_time() {
    let world = World::new();
    let rate = json!({"limits": [{"type": "rate", "max": 2, "seconds": 60}]});
    let token = world.mint(&only(&rate));
    let bounds = json!({"authorization_details": [{"type": "ambit_capability"}]});
    let child = world.pass_on(&token, "worker", &bounds);
    let at = |call: Call, now: i64| world.enforce(&call.at(now));
    let window = NOW - NOW % 60;
    assert_eq!(at(Call::refund(&token, 1), window + 58), "allowed");
    assert_eq!(at(Call::refund(&child, 1), window + 59), "allowed");
    for call in [Call::refund(&token, 1), Call::refund(&child, 1)] {
        assert_eq!(at(call, window + 59), "limit.rate");
    }
    for code in ["allowed", "allowed", "limit.rate"] {
        assert_eq!(at(Call::refund(&token, 1), window + 60), code);
    }
}

/// Whoever writes a limit into a manifest bounds every token of the agent, also one that says nothing
/// of it, and whoever passes such a token on has no other.
#[test]
fn a_token_leaves_out_the_limits_of_the_manifest() {
    let limits = json!([
        {"type": "spend", "max": 15000, "currency": "EUR", "decimals": 2},
        {"type": "use_limit", "max": 3},
    ]);
    let entry = json!({
        "actions": ["refund"], "consent": "none", "constraints": {"*": {"constraint_type": "wildcard"}},
        "datatypes": ["contract"], "limits": limits, "privileges": ["propose", "execute"],
        "purpose": "contract-renewal",
    });
    let bounded = json!({"manifests": {"renewal-bot": {"capabilities": [entry]}}});
    let world = World::of(policy(bounded));
    let token = world.mint(&only(&json!({"limits": null})));
    let bounds = json!({"authorization_details": [{"type": "ambit_capability"}]});
    let child = world.pass_on(&token, "worker", &bounds);
    assert_eq!(world.enforce(&Call::refund(&token, 9000)), "allowed");
    assert_eq!(world.enforce(&Call::refund(&child, 6001)), "limit.spend");
    assert_eq!(world.enforce(&Call::refund(&child, 5000)), "allowed");
    assert_eq!(world.enforce(&Call::refund(&token, 999)), "allowed");
    assert_eq!(world.enforce(&Call::refund(&token, 1)), "limit.uses");
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

/// A person reads 2.0000 EUR, and 200.00 would be paid.
#[test]
fn a_budget_is_shown_with_other_decimals() {
    let world = World::new();
    let budget = |decimals: u32| json!([{"type": "spend", "max": 20000, "currency": "EUR", "decimals": decimals}]);
    let token = world.mint(&only(&json!({"limits": budget(2)})));
    assert_eq!(world.decide(&Call::refund(&token, 20000)), "allowed");
    let bundle = Bundle::verify(world.policy.bundle()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = secret_key("broker-1", folder.path()).unwrap();
    let holder = secret_key(token.holder, folder.path()).unwrap();
    for decimals in [0, 1, 3, 4, 9] {
        let mut claims = token.root.clone();
        claims["authorization_details"][0]["limits"] = budget(decimals);
        // Who signs refuses it, who reads it denies, and nobody is shown it.
        let options = RootOptions {
            now: NOW,
            ..RootOptions::default()
        };
        let refused = root(&claims.to_string(), &key, &bundle, &options).unwrap_err();
        assert_eq!(refused.code, "mint.contradiction");
        let further = json!({"authorization_details": [{"type": "ambit_capability", "limits": budget(decimals)}]});
        let options = AttenuateOptions {
            now: NOW,
            holder: Some(holder.public()),
            bundle: Some(&bundle),
            ..AttenuateOptions::default()
        };
        let refused = attenuate(&token.chain, &holder, &further.to_string(), &options);
        assert_eq!(refused.unwrap_err().code, "mint.contradiction");
        let header = json!({"alg": "Ed25519", "typ": "cap+jwt", "kid": "broker-1"});
        let forged = signed(&header, &claims, "broker-1");
        for cents in [1, 200, 20000] {
            let call = Call::refund(&token, cents).chain(forged.clone());
            assert_eq!(world.decide(&call), "limit.spend");
        }
        let shown = describe(&bundle, json!({"claims": claims}).to_string().as_bytes());
        assert!(shown.contains("describe.contradiction"), "{shown}");
    }
}

/// The cents that a text names as `before` and ` EUR after`, where it does.
fn cents(text: &str, before: &str, after: &str) -> Option<i64> {
    let line = text.lines().find(|line| line.contains(" EUR each"))?;
    let (line, _) = line.split_once(after)?;
    let number = &line[line.rfind(before)? + before.len()..];
    let (whole, fraction) = number.split_once('.').unwrap();
    assert_eq!(fraction.len(), 2, "{number}");
    format!("{}{fraction}", whole.replace(',', "")).parse().ok()
}

/// Whatever is granted: with the number that is shown the call is allowed, with a cent more or less it is
/// not. What is shown to nobody is allowed to nobody.
#[test]
fn a_number_is_shown_that_is_not_the_one_enforced() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let bundle = Bundle::verify(world.policy.bundle()).unwrap();
    let header = json!({"alg": "Ed25519", "typ": "cap+jwt", "kid": "broker-1"});
    let mut shown = 0;
    for (max, decimals) in [1, 99, 100, 101, 12345, 20000, 99999]
        .into_iter()
        .flat_map(|max| [(max, 0), (max, 1), (max, 2), (max, 3)])
    {
        for (least, most) in [(1, 100_000), (max, max), (2, max.max(2)), (1, max)] {
            let mut claims = token.root.clone();
            let entry = &mut claims["authorization_details"][0];
            entry["constraints"]["amount"] =
                json!({"constraint_type": "range", "min": least, "max": most});
            entry["limits"] =
                json!([{"type": "spend", "max": max, "currency": "EUR", "decimals": decimals}]);
            let forged = signed(&header, &claims, "broker-1");
            let ask = |cents: i64| world.decide(&Call::refund(&token, cents).chain(forged.clone()));
            let told = describe(&bundle, json!({"claims": claims}).to_string().as_bytes());
            let told: Value = serde_json::from_str(&told).unwrap();
            let Some(text) = told["text"].as_str() else {
                assert!(
                    [least, max].map(ask).iter().all(|code| code != "allowed"),
                    "{told}"
                );
                continue;
            };
            shown += 1;
            let budget = cents(text, ", ", " EUR altogether").unwrap();
            let to = cents(text, " to ", " EUR each").unwrap();
            // Of the least amount that there is nothing is said.
            let from = cents(text, "from ", " to ").unwrap_or(1);
            let end = budget.min(to);
            for (asked, allowed) in [
                (from, from <= end),
                (from - 1, false),
                (end, from <= end),
                (end + 1, false),
            ] {
                assert_eq!(ask(asked) == "allowed", allowed, "{asked} cents: {text}");
            }
        }
    }
    assert_eq!(shown, 28, "only those with the decimals of the argument");
}
