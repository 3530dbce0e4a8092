//! Who asks from where, and what is a yes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::server::{World, entry};

fn ask(action: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": "ann"}, "action": {"name": action},
        "resource": {"type": "todo", "id": "1"},
    })
}

fn held() -> World {
    let world = World::new();
    let create = entry(&["create_todo"], "todo", &json!({}));
    world.hold("ann", &[entry(&["read_todos"], "todo", &json!({})), create]);
    world
}

/// Whoever acts on `true` alone must not act on what a person was only asked.
#[test]
fn a_proposal_is_no_yes() {
    let world = World::new();
    let schema = "@powers(\"execute\")\naction create_todo";
    world.edit(
        "schema.cedarschema",
        schema,
        &schema.replace("execute", "propose, execute"),
    );
    let manifest = "actions = [\"create_todo\"]\nprivileges = [\"execute\"]";
    world.edit(
        "agents/app.toml",
        manifest,
        &manifest.replace("\"execute\"", "\"propose\", \"execute\""),
    );
    let mapping = "action = \"create_todo\"\npower = \"execute\"";
    world.edit("pdp.toml", mapping, &mapping.replace("execute", "propose"));
    world.build();
    world.hold(
        "ann",
        &[entry(
            &["create_todo"],
            "todo",
            &json!({"privileges": ["propose"]}),
        )],
    );
    std::fs::create_dir(world.path("proposals")).unwrap();
    let server = world.serve(&["--proposals", "proposals"]);
    let told = server.evaluate(&ask("can_create_todo"));
    assert!(!told.decision(), "{told:?}");
    let digest = told.body["context"]["proposed"]["binding_s256"]
        .as_str()
        .unwrap();
    assert!(world.path(&format!("proposals/{digest}.json")).is_file());
    // Nor is it the first yes of several.
    let batch = json!({"evaluations": [ask("can_create_todo"), ask("can_read_todos")],
        "options": {"evaluations_semantic": "deny_on_first_deny"}});
    let told = server.post("/access/v1/evaluations", &[], &batch.to_string());
    assert_eq!(
        told.body["evaluations"].as_array().map(Vec::len),
        Some(1),
        "{told:?}"
    );
}

/// A page in a browser on this machine reaches what listens here, also under a name of its own.
#[test]
fn no_page_uses_the_tokens_that_are_held() {
    let world = held();
    let server = world.serve(&[]);
    let path = "/access/v1/evaluation";
    let body = ask("can_read_todos").to_string();
    let send = |headers: &[(&str, &str)]| server.post(path, headers, &body).status;
    for host in [
        "localhost",
        "localhost:8181",
        "127.0.0.1:1",
        "[::1]:8181",
        "PDP.example",
    ] {
        assert_eq!(send(&[("host", host)]), 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "",
    ] {
        assert_eq!(send(&[("host", host)]), 403, "{host}");
    }
    assert_eq!(send(&[("origin", "http://localhost")]), 403);
}

#[test]
fn a_caller_that_is_not_known_takes_no_place() {
    let world = held();
    let secret = base64url::encode(&Sha256::digest("a secret of the to-do backend"));
    let callers = format!("\n[[callers]]\nname = \"backend\"\nsecret_s256 = \"{secret}\"\n");
    world.write("pdp.toml", &(world.read("pdp.toml") + &callers));
    let server = world.serve(&[]);
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = "POST /access/v1/evaluation HTTP/1.1\r\nhost: pdp.example\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    let known = [("authorization", "Bearer a secret of the to-do backend")];
    let body = ask("can_read_todos").to_string();
    assert!(
        server
            .post("/access/v1/evaluation", &known, &body)
            .decision()
    );
}

#[test]
fn what_is_refused_before_the_policy_is_asked_is_written_down() {
    let world = held();
    let server = world.serve(&[]);
    let batch = json!({"evaluations": [ask("can_create_todo")]});
    let told = server.post("/access/v1/evaluations", &[], &batch.to_string());
    assert_eq!(told.body["evaluations"][0]["decision"], false, "{told:?}");
    assert!(world.read("audit.log").contains("request.unsupported"));
    let batch = json!({"evaluations": [ask("can_read_todos")], "options": "deny_on_first_deny"});
    let told = server.post("/access/v1/evaluations", &[], &batch.to_string());
    assert_eq!(told.status, 400, "{told:?}");
}
