//! `cases.json`: what nginx asks, and what it is told. Each comes with a sound token and a sound proof.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{World, asks, code, header};

#[test]
fn what_has_two_readings_or_none_is_refused() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/cases.json");
    let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let world = World::new();
    let server = world.serve_nginx();
    let (mut count, mut wrong) = (0, Vec::new());
    for group in &groups {
        for case in group["asks"].as_array().unwrap() {
            let asked = case[0].as_str().unwrap();
            let (method, target) = asked.split_once(' ').unwrap();
            let (status, wanted, more) = match (&case[1], group["code"].as_str()) {
                (more, Some(code)) => {
                    let code = group["but"][asked].as_str().unwrap_or(code);
                    (403, code, more.as_str())
                }
                (status, None) => (
                    status.as_u64().unwrap(),
                    case[2].as_str().unwrap_or_default(),
                    None,
                ),
            };
            let mut headers = world.shown(method, target, None);
            headers.extend(more.map(|more| format!("{more}\r\n")));
            let answer = asks(&server, method, target, &headers);
            let told = (u64::from(answer.status), code(&answer));
            count += 1;
            if told != (status, wanted.to_owned()) {
                wrong.push(format!(
                    "{}: {asked}: {told:?}, not {status} {wanted}",
                    group["what"]
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_call_is_used_up_once() {
    let world = World::new();
    let server = world.serve_nginx();
    // A proof, for this method and path alone, of this token.
    let shown = world.shown("GET", "/notes/7", None);
    for (method, target) in [("PUT", "/notes/7"), ("GET", "/notes/8")] {
        let told = asks(&server, method, target, &shown);
        assert!(code(&told).starts_with("possession."), "{}", told.head);
        assert_eq!(told.status, 401, "{}", told.head);
        assert!(
            header(&told, "www-authenticate").starts_with("DPoP "),
            "{}",
            told.head
        );
    }
    assert_eq!(asks(&server, "GET", "/notes/7", &shown).status, 200);
    assert_eq!(
        code(&asks(&server, "GET", "/notes/7", &shown)),
        "possession.used"
    );
    // Without a proof, and without a token.
    let bare = format!("authorization: DPoP {}\r\n", world.token);
    assert_eq!(
        code(&asks(&server, "GET", "/notes/7", &bare)),
        "possession.missing"
    );
    assert_eq!(code(&asks(&server, "GET", "/notes/7", "")), "token.missing");
    assert_eq!(
        code(&asks(
            &server,
            "GET",
            "/notes/7",
            "authorization: Basic YTpi\r\n"
        )),
        "token.missing"
    );
    // Two of one header.
    let twice = world.shown("GET", "/notes/7", None) + "authorization: Bearer e30\r\n";
    assert_eq!(
        code(&asks(&server, "GET", "/notes/7", &twice)),
        "forward.header"
    );
}

/// A budget of two for this recipient, of drafts and mails together, counted beyond the process.
#[test]
fn a_budget_is_counted_beyond_the_process() {
    let world = World::new();
    let server = world.serve_nginx();
    let path = "/notes/7/mail/ann@notes.example";
    let mail = |send: bool| {
        let args = match send {
            true => json!({"to": "ann@notes.example", "kind": "mail"}),
            false => json!({"to": "ann@notes.example"}),
        };
        let power = if send { "execute" } else { "draft" };
        let target = format!("{path}?send={send}");
        let shown = world.shown("POST", &target, Some(&("send_note", power, "7", args)));
        (target, shown)
    };
    let (target, shown) = mail(true);
    let told = asks(&server, "POST", &target, &shown);
    assert_eq!(told.status, 200, "{}", told.head);
    // The proof names the call: with another recipient, or as a draft, it is another.
    let (target, _) = mail(true);
    let (_, shown) = mail(false);
    assert_eq!(
        code(&asks(&server, "POST", &target, &shown)),
        "possession.call"
    );
    drop(server);
    let server = world.serve_nginx();
    for status in [200, 403] {
        let (target, shown) = mail(false);
        let told = asks(&server, "POST", &target, &shown);
        assert_eq!(told.status, status, "{}", told.head);
    }
    drop(server);
    world
        .ambit(&["audit", "verify", "audit.log", "--key", "keys/log.jwk"])
        .expect(0);
}

#[test]
fn what_a_person_must_agree_to_is_held_and_then_passes_once() {
    let world = World::new();
    let server = world.serve(
        "forward.toml",
        &["--ledger", "used.sqlite", "--proposals", "proposals"],
    );
    let ask = |more: &str| {
        let shown = world.shown(
            "DELETE",
            "/notes/7",
            Some(&("delete_note", "execute", "7", json!({}))),
        );
        asks(&server, "DELETE", "/notes/7", &format!("{shown}{more}"))
    };
    let told = ask("");
    let problem: Value = serde_json::from_str(&header(&told, "ambit-problem")).unwrap();
    assert_eq!(
        (told.status, &problem["code"], &problem["held"]),
        (403, &json!("approval.required"), &json!(true)),
        "{problem}"
    );
    let digest = problem["remedy"]["binding_s256"].as_str().unwrap();
    let approve = [
        "approve",
        &format!("proposals/{digest}.json"),
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--key",
        "keys/approver.jwk",
        "--iss",
        "https://approve.example",
        "--sub",
        "user:ann",
        "--yes",
        "--approvals",
        "approvals",
    ];
    world.ambit(&approve).expect(0);
    let entry = fs::read_dir(world.path("approvals"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let receipt = fs::read_to_string(entry.path()).unwrap();
    let receipt = format!("ambit-approval: {}\r\n", receipt.trim());
    assert_eq!(ask(&receipt).status, 200);
    assert_eq!(code(&ask(&receipt)), "approval.used");
}

#[test]
fn envoy_hands_on_bodies_and_all_of_a_body_is_checked() {
    let world = World::new();
    let server = world.serve("envoy.toml", &["--ledger", "used.sqlite"]);
    let post = |body: &str, headers: &str| {
        let shown = world.shown("POST", "/mail", None);
        let text = format!(
            "POST /check/mail HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{headers}{shown}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = crate::listening::exchange(&server.address, text.as_bytes());
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        (
            answer.status,
            problem["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/bodies.json");
    let cases: Vec<(String, String, u16, String)> =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for (body, headers, status, code) in cases {
        let told = post(&body, &format!("{headers}\r\n"));
        assert_eq!(told, (status, code), "{headers} {body}");
    }
    let long = post(
        &" ".repeat(300 * 1024),
        "content-type: application/json\r\n",
    );
    assert_eq!(long.0, 413);
    // A route without arguments in a body takes none.
    let get = |path: &str, more: &str| {
        let shown = world.shown("GET", path, None);
        let text = format!(
            "GET /check{path} HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{shown}{more}"
        );
        crate::listening::exchange(&server.address, text.as_bytes())
    };
    assert_eq!(get("/notes/7", "\r\n").status, 200);
    let told = get("/notes/7", "content-length: 1\r\n\r\nx");
    assert!(
        told.status == 400 && told.body.contains("forward.body"),
        "{}",
        told.body
    );
    let told = get("/notes/%61", "\r\n");
    assert!(
        told.status == 400 && told.body.contains("forward.path"),
        "{}",
        told.body
    );
}
