//! Addresses that look like another one.

use serde_json::{Value, json};

use crate::world::{Call, Token, World, entry};

/// A token whose exports have this one argument.
fn exporting(world: &World, argument: &str, constraint: &Value) -> Token {
    let entry = entry(
        "export",
        &["execute"],
        "report",
        &json!({ argument: constraint }),
    );
    world.mint(&json!({"authorization_details": [entry]}))
}

#[test]
fn an_e_mail_address_looks_like_one_of_a_customer() {
    let world = World::new();
    let token = world.mint(&json!({}));
    for good in ["ann@customer.example", "ann.lee+x@CUSTOMER.example"] {
        assert_eq!(
            world.decide(&Call::email(&token, good)),
            "allowed",
            "{good}"
        );
    }
    for bad in [
        "ann@customer.example.evil.example",
        "ann@evil-customer.example",
        "ann@mail.customer.example",
        "ann@customer.examp1e",
        "ann@\u{441}ustomer.example",
        "ann@customer\u{2024}example",
        "ann@customer.example.",
        "ann@customer.example@evil.example",
        "\"ann@customer.example\"@evil.example",
        "Ann <ann@customer.example>",
        "ann@customer.example,eve@evil.example",
        "ann@customer.example\r\nBcc: eve@evil.example",
        "ann@customer.example\u{0}",
        "ann@[127.0.0.1]",
        "ann(@customer.example)@evil.example",
    ] {
        assert_eq!(
            world.decide(&Call::email(&token, bad)),
            "constraint.email_domain",
            "{bad}"
        );
    }
}

#[test]
fn a_url_looks_like_one_of_ours() {
    let world = World::new();
    let url = json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["hooks.acme.example"], "path_prefix": "/v1"});
    let token = exporting(&world, "callback", &url);
    let ask = |url: &str| world.decide(&Call::export(&token, &json!({"callback": url})));
    for good in [
        "https://hooks.acme.example/v1/done",
        "HTTPS://Hooks.Acme.example:443/v1?x=1",
    ] {
        assert_eq!(ask(good), "allowed", "{good}");
    }
    for bad in [
        "http://hooks.acme.example/v1/done",
        "https://hooks.acme.example.evil.example/v1/done",
        "https://hooks.acme.example@evil.example/v1/done",
        "https://evil.example\\@hooks.acme.example/v1/done",
        "https://evil.example/https://hooks.acme.example/v1",
        "https://hooks.acme.example./v1/done",
        "https://hooks.acme.example:8443/v1/done",
        "https://hooks%2eacme.example/v1/done",
        "https://hooks.\u{430}cme.example/v1/done",
        "https://hooks.acme.example/v10/done",
        "https://hooks.acme.example/v1/../admin",
        "https://hooks.acme.example/v1/%2e%2e/admin",
        "https://hooks.acme.example/v1/..%2fadmin",
        "//hooks.acme.example/v1/done",
        " https://hooks.acme.example/v1/done",
        "https:/\t/hooks.acme.example/v1",
        "javascript://hooks.acme.example/v1",
    ] {
        assert_eq!(ask(bad), "constraint.url", "{bad}");
    }
}

#[test]
fn a_path_looks_like_one_inside() {
    let world = World::new();
    let inside = json!({"constraint_type": "subpath", "root": "/reports"});
    let token = exporting(&world, "path", &inside);
    let ask = |path: &str| world.decide(&Call::export(&token, &json!({"path": path})));
    for good in ["/reports/2026/q1.csv", "/reports/./q1.csv"] {
        assert_eq!(ask(good), "allowed", "{good}");
    }
    for bad in [
        "/reports/../etc/passwd",
        "/reports2/q1.csv",
        "reports/q1.csv",
        "/etc/passwd",
        "/reports\\..\\etc",
        "/reports/a\u{0}b",
        "/REPORTS/q1.csv",
    ] {
        assert_eq!(ask(bad), "constraint.subpath", "{bad}");
    }
}

#[test]
fn an_ip_address_looks_like_an_inner_one() {
    let world = World::new();
    let inner = json!({"constraint_type": "cidr", "ranges": ["10.0.0.0/8"]});
    let token = exporting(&world, "address", &inner);
    let ask = |address: &str| world.decide(&Call::export(&token, &json!({"address": address})));
    assert_eq!(ask("10.1.2.3"), "allowed");
    for bad in [
        "11.1.2.3",
        "010.1.2.3",
        "10.1.2.3.4",
        "10.66051",
        "0x0a010203",
        "::ffff:10.1.2.3",
        "10.1.2.3%eth0",
        "10.1.2.3 ",
        "167837955",
    ] {
        assert_eq!(ask(bad), "constraint.cidr", "{bad}");
    }
}

#[test]
fn the_url_of_a_proof_looks_like_the_one_called() {
    let world = World::new();
    let call = Call::refund(&world.mint(&json!({})), 9870);
    let made = |htu: &str| world.decide(&call.clone().proof(&json!({"htu": htu})));
    assert_eq!(made("https://CRM.acme.example:443/v1?page=2"), "allowed");
    for bad in [
        "http://crm.acme.example/v1",
        "https://crm.acme.example.evil.example/v1",
        "https://crm.acme.example@evil.example/v1",
        "https://crm.acme.example:8443/v1",
        "https://crm.acme.example/v1/",
        "https://crm.acme.example/V1",
    ] {
        assert_eq!(made(bad), "possession.url", "{bad}");
    }
}
