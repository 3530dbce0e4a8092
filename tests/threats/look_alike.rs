//! Addresses that look like another one.

use ambit_compiler::mint::{AttenuateOptions, RootOptions, attenuate, root};
use ambit_policy::Bundle;
use ambit_tests::project::secret_key;
use serde_json::{Value, json};

use crate::world::{Call, NOW, Token, World, entry};

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
        "=?utf-8?q?eve=40evil.example=3e?=@customer.example",
        "eve-whose-name-is-so-long-that-a-server-cuts-it-at-sixty-four-oct@customer.example",
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
        "https://hooks.acme.example/v1/%252e%252e/admin",
        "https://hooks.acme.example/v1/..%3b/admin",
        "https://hooks.acme.example/v1/..;/admin",
        "https://hooks.acme.example/v1/%c0%ae%c0%ae/admin",
        "https://hooks.acme.example/v1/x%0d%0aHost:%20evil.example",
        "https://hooks.acme.example/v1/x%c2%85",
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
    // Whoever may reach all of IPv6 may not reach IPv4 through it.
    let outer = json!({"constraint_type": "cidr", "ranges": ["::/0"]});
    let token = exporting(&world, "address", &outer);
    let ask = |address: &str| world.decide(&Call::export(&token, &json!({"address": address})));
    assert_eq!(ask("2606:4700::1111"), "allowed");
    for bad in [
        "::ffff:169.254.169.254",
        "::a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "2001:0:a9fe:a9fe::1",
        "fe80::200:5efe:a9fe:a9fe",
    ] {
        assert_eq!(ask(bad), "constraint.cidr", "{bad}");
    }
}

#[test]
fn a_host_looks_like_one_of_ours() {
    let world = World::new();
    let ours = json!({"constraint_type": "host", "hosts": ["*.acme.example", "acme.example"], "except": ["admin.acme.example"]});
    let token = exporting(&world, "address", &ours);
    let ask = |host: &str| world.decide(&Call::export(&token, &json!({"address": host})));
    for good in [
        "acme.example",
        "eu.files.acme.example",
        "FILES.Acme.Example",
    ] {
        assert_eq!(ask(good), "allowed", "{good}");
    }
    for bad in [
        "evilacme.example",
        "acme.example.evil.example",
        "acme.example.",
        ".acme.example",
        "files..acme.example",
        "evil.example/.acme.example",
        "evil.example#.acme.example",
        "evil.example\\.acme.example",
        "evil.example\u{0}.acme.example",
        "user@files.acme.example",
        "files.acme.example:8443",
        "*.acme.example",
        "files.\u{430}cme.example",
        "files\u{3002}acme.example",
        "admin.acme.example",
        "ADMIN.acme.example",
    ] {
        assert_eq!(ask(bad), "constraint.host", "{bad}");
    }
    // A star in a URL is one of labels too, and a host that is left out is left out at every port.
    let url = json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["*.acme.example", "admin.acme.example:8443"], "except": ["admin.acme.example"]});
    let token = exporting(&world, "callback", &url);
    let ask = |url: &str| world.decide(&Call::export(&token, &json!({"callback": url})));
    assert_eq!(ask("https://files.acme.example/x"), "allowed");
    for bad in [
        "https://evil.example/.acme.example/",
        "https://acme.example/x",
        "https://admin.acme.example/x",
        "https://admin.acme.example:8443/x",
    ] {
        assert_eq!(ask(bad), "constraint.url", "{bad}");
    }
}

#[test]
fn an_inner_address_passes_for_a_public_one() {
    let world = World::new();
    let public =
        json!({"constraint_type": "cidr", "ranges": ["public"], "except": ["203.0.114.0/24"]});
    let token = exporting(&world, "address", &public);
    let ask = |address: &str| world.decide(&Call::export(&token, &json!({"address": address})));
    for good in ["8.8.8.8", "203.0.115.1", "2606:4700::1111"] {
        assert_eq!(ask(good), "allowed", "{good}");
    }
    for bad in [
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "203.0.114.7",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(ask(bad), "constraint.cidr", "{bad}");
    }
}

#[test]
fn a_value_is_spelled_otherwise() {
    let world = World::new();
    let not = json!({"constraint_type": "not_one_of", "excluded": ["2026-12-24T00:00:00Z"]});
    let token = exporting(&world, "from", &not);
    // The digest in the proof is that of the value as well: one for all spellings.
    let ask = |from: &str, value: &str| {
        let mut call = Call::export(&token, &json!({"from": from}));
        call.args = json!({"from": value});
        world.decide(&call)
    };
    assert_eq!(ask("2026-12-25", "2026-12-25T00:00:00Z"), "allowed");
    assert_eq!(ask("2026-12-25", "2026-12-25"), "possession.call");
    for bad in [
        "2026-12-24",
        "2026-12-24T00:00:00.000Z",
        "2026-12-24T01:00:00+0100",
        "2026-12-23T00:01:00-2359",
    ] {
        let code = ask(bad, "2026-12-24T00:00:00Z");
        assert_eq!(code, "constraint.not_one_of", "{bad}");
    }
}

#[test]
fn a_number_is_spelled_otherwise() {
    let world = World::new();
    let range = json!({"constraint_type": "range", "max": "48.2"});
    let token = exporting(&world, "options", &range);
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    // The digest in the proof is that of the value: one for all spellings.
    let ask = |proved: &str, sent: &str| {
        let mut call = Call::export(&token, &json!({"options": number(sent)}));
        call.args = json!({"options": number(proved)});
        world.decide(&call)
    };
    for same in ["48.2", "48.20", "482e-1", "4.82E+1", "0.482e2"] {
        assert_eq!(ask("48.2", same), "allowed", "{same}");
    }
    assert_eq!(ask("48.20", "48.20"), "possession.call");
    for beyond in ["48.2000000000001", "482000000000001e-13", "4.82e2", "1e300"] {
        assert_eq!(ask("48.2", beyond), "possession.call", "{beyond}");
    }
    let beyond = |proved, sent| assert_eq!(ask(proved, sent), "constraint.range", "{sent}");
    beyond("48.2000000000001", "48.2000000000001");
    beyond("48.2000000000001", "482000000000001e-13");
    beyond("482", "4.82e2");
    // What a double would round into the bound is refused, not rounded.
    let sent = ["48.20000000000000001", "0.30000000000000004", "1e-400"];
    for rounded in sent {
        assert_eq!(ask("48.2", rounded), "request.number", "{rounded}");
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

/// `ann*@customer.example` is also `ann@evil.example, x@customer.example`.
#[test]
fn a_pattern_stands_for_whom_a_call_reaches() {
    let world = World::new();
    let token = world.mint(&json!({}));
    let bundle = Bundle::verify(world.policy.bundle()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = secret_key("broker-1", folder.path()).unwrap();
    let holder = secret_key(token.holder, folder.path()).unwrap();
    let made = |bound: &Value| {
        let capability = json!({
            "type": "ambit_capability", "actions": ["email"], "privileges": ["draft"], "datatypes": ["customer-contact"],
            "purpose": "contract-renewal", "constraints": {"to": bound, "*": {"constraint_type": "wildcard"}},
        });
        let mut claims = token.root.clone();
        claims["authorization_details"] = json!([capability]);
        let options = RootOptions {
            now: NOW,
            ..RootOptions::default()
        };
        let root = root(&claims.to_string(), &key, &bundle, &options).map(|_| ());
        let further = json!({"authorization_details": [{"type": "ambit_capability", "actions": ["email"], "constraints": {"to": bound}}]});
        let options = AttenuateOptions {
            now: NOW,
            holder: Some(holder.public()),
            bundle: Some(&bundle),
            ..AttenuateOptions::default()
        };
        let further = attenuate(&token.chain, &holder, &further.to_string(), &options).map(|_| ());
        [root, further].map(|made| made.err().map(|fault| fault.code))
    };
    let like = json!({"constraint_type": "like", "pattern": "ann*"});
    for bound in [
        like.clone(),
        json!({"constraint_type": "optional", "constraint": like}),
        json!({"constraint_type": "all", "constraints": [{"constraint_type": "any", "constraints": [like]}]}),
    ] {
        assert_eq!(made(&bound), [Some("mint.like"); 2], "{bound}");
    }
    // What leaves out all that it lists reads like a bound, and is none that could ever hold.
    let nothing =
        json!({"constraint_type": "host", "hosts": ["a.example.com"], "except": ["*.example.com"]});
    for bound in [
        nothing.clone(),
        json!({"constraint_type": "optional", "constraint": nothing}),
    ] {
        assert_eq!(made(&bound), [Some("mint.except"); 2], "{bound}");
    }
    let domain = json!({"constraint_type": "email_domain", "values": ["customer.example"]});
    assert_eq!(made(&domain), [None; 2]);
}
