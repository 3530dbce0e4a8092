//! Clocks that differ, in both directions.

use serde_json::{Value, json};

use crate::world::{Call, NOW, World, only};

#[test]
fn clocks_differ_about_a_token() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({"nbf": NOW})), 9870);
    // The host's clock is behind by as much as it may be, and by one second more.
    assert_eq!(world.decide(&call.clone().at(NOW - 30)), "allowed");
    assert_eq!(world.decide(&call.at(NOW - 31)), "token.iat_future");
    // Ahead there is no grace: an end is an end.
    let ends = Call::refund(&world.mint(&json!({"exp": NOW + 60})), 9870);
    assert_eq!(world.decide(&ends.clone().at(NOW + 59)), "allowed");
    assert_eq!(world.decide(&ends.at(NOW + 60)), "token.expired");
}

#[test]
fn clocks_differ_about_a_proof() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    let made = |at: i64| world.decide(&call.clone().proof(&json!({"iat": at})));
    assert_eq!(made(NOW - 60), "allowed");
    assert_eq!(made(NOW - 61), "possession.expired");
    assert_eq!(made(NOW + 30), "allowed");
    assert_eq!(made(NOW + 31), "possession.iat_future");
}

#[test]
fn clocks_differ_about_an_approval() {
    let world = World::new();
    let token = world.mint(&only(&json!({"privileges": ["propose"]})));
    let call = Call::refund(&token, 9870);
    let given = |claims| {
        let receipt = world.approve(
            &call,
            &ambit_tests::chain::BlockSpec {
                claims: Some(claims),
                ..Default::default()
            },
        );
        world.decide(&call.clone().receipt(receipt))
    };
    assert_eq!(given(json!({"iat": NOW + 30})), "allowed");
    assert_eq!(given(json!({"iat": NOW + 31})), "approval.iat_future");
    assert_eq!(given(json!({"exp": NOW + 1})), "allowed");
    assert_eq!(given(json!({"exp": NOW})), "approval.expired");
}

#[test]
fn the_clock_of_the_ledger_goes_back() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let replayed = Call::refund(&token, 100).text();
    assert_eq!(world.enforce_text(&replayed), "allowed");
    // Later calls make the ledger forget the first proof ...
    for later in [NOW + 200, NOW + 400] {
        assert_eq!(
            world.enforce(&Call::refund(&token, 100).at(later)),
            "allowed"
        );
    }
    // ... which then cannot be told from one that was never used.
    assert_eq!(world.enforce_text(&replayed), "possession.expired");
}

/// Only the host says what time it is in a zone: not the agent, and not a name that looks like one.
#[test]
fn a_permission_is_used_outside_of_its_hours() {
    let world = World::new();
    let hours = |from: &str, to: &str, zone: &str| json!({"hours": {"days": ["wed"], "from": from, "to": to, "zone": zone}});
    let ask = |patch: &Value, facts: &Value| {
        let token = world.mint(&only(patch));
        world.decide(&Call::refund(&token, 100).with(&json!({"facts": facts})))
    };
    // It is 06:20 in UTC, 07:20 in Berlin.
    let berlin = json!({"utc_offsets": {"Europe/Berlin": 60}});
    let office = hours("07:00", "17:00", "Europe/Berlin");
    assert_eq!(ask(&office, &berlin), "allowed");
    assert_eq!(ask(&office, &json!({})), "facts.missing");
    let other = json!({"utc_offsets": {"Europe/berlin": 60, "Berlin": 60}});
    assert_eq!(ask(&office, &other), "facts.missing");
    let night = hours("22:00", "07:20", "Europe/Berlin");
    assert_eq!(ask(&night, &berlin), "capability.hours");
    // A block of the holder's own gives no other hours.
    let token = world.mint(&only(&night));
    let always = json!({"authorization_details": [{
        "type": "ambit_capability",
        "hours": {"days": ["wed"], "from": "00:00", "to": "24:00", "zone": "Europe/Berlin"},
    }]});
    let call = Call::refund(&world.pass_on(&token, "worker", &always), 100);
    let call = call.with(&json!({"facts": berlin}));
    assert_eq!(world.decide(&call), "capability.hours");
}

#[test]
fn a_login_lies_in_the_future() {
    let world = World::new();
    let login = |at: i64| {
        let mut claims = only(&json!({"requires": {"max_age": 600}}));
        claims["auth_time"] = at.into();
        world.decide(&Call::refund(&world.mint(&claims), 9870))
    };
    assert_eq!(login(NOW - 600), "allowed");
    assert_eq!(login(NOW - 601), "login.required");
    assert_eq!(login(NOW + 31), "login.required");
    // Whether or not an entry asks how old it is.
    let any = |at: i64| world.decide(&Call::refund(&world.mint(&json!({"auth_time": at})), 9870));
    assert_eq!(any(NOW + 30), "allowed");
    assert_eq!(any(NOW + 31), "login.required");
}
