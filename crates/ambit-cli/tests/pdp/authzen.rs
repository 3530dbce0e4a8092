//! What others check of a decision point: AuthZEN's interoperability vectors, its schemas and its
//! certification scenario (Basic, Batch, Discovery).

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::server::{Server, Told, World, entry};

fn external(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AMBIT_EXTERNAL").map(PathBuf::from);
    let folder = folder.map(|folder| folder.join("vectors").join(name));
    if folder.as_ref().is_none_or(|folder| !folder.is_dir()) {
        eprintln!("skipped: AMBIT_EXTERNAL has no vectors/{name}");
        return None;
    }
    folder
}

fn json_file(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What a role of the interoperability scenario may do, as capabilities of the one whose to-dos are `own`.
fn role(roles: &[&str], own: &str) -> Vec<Value> {
    let mut entries = vec![
        entry(&["read_user"], "user", &json!({})),
        entry(&["read_todos"], "todo", &json!({})),
    ];
    let owner = |bound: Value| json!({"constraints": {"owner": bound}});
    let change = ["update_todo", "delete_todo"];
    if roles.contains(&"editor") || roles.contains(&"admin") {
        entries.push(entry(&["create_todo"], "todo", &json!({})));
        let exact = json!({"constraint_type": "exact", "value": own});
        entries.push(entry(&change, "todo", &owner(exact)));
    }
    if roles.contains(&"admin") {
        let all = json!({"constraint_type": "wildcard"});
        entries.push(entry(&change, "todo", &owner(all)));
    }
    entries
}

#[test]
fn the_interoperability_vectors_pass() {
    let Some(folder) = external("authzen-todo-interop") else {
        return;
    };
    let users = json_file(folder.join("users.json"));
    let world = World::new();
    for (id, user) in users.as_object().unwrap() {
        let roles = user["roles"].as_array().unwrap();
        let roles: Vec<&str> = roles.iter().filter_map(Value::as_str).collect();
        let own = user["id"].as_str().unwrap();
        world.hold(id, &role(&roles, own));
        // The oldest vectors name people by their address.
        world.hold(own, &role(&roles, own));
    }
    let mut asked = 0;
    for version in ["02", "01", "00"] {
        if version == "00" {
            world.edit(
                "pdp.toml",
                "/resource/properties/ownerID",
                "/resource/ownerID",
            );
        }
        let server = world.serve(&[]);
        let file = format!("decisions-authorization-api-1_0-{version}.json");
        let vectors = json_file(folder.join(file));
        for case in vectors["evaluation"].as_array().unwrap() {
            let told = server.evaluate(&case["request"]);
            assert_eq!(
                json!(told.decision()),
                case["expected"],
                "{version}: {case}: {told:?}"
            );
            asked += 1;
        }
        for case in vectors["evaluations"].as_array().into_iter().flatten() {
            assert_eq!(
                decisions(&batch(&server, &case["request"])),
                case["expected"],
                "{case}"
            );
            asked += 1;
        }
    }
    assert_eq!(asked, 123);
}

fn batch(server: &Server, request: &Value) -> Told {
    let told = server.post("/access/v1/evaluations", &[], &request.to_string());
    assert_eq!(told.status, 200, "{told:?}");
    told
}

/// The decisions alone.
fn decisions(told: &Told) -> Value {
    let list = told.body["evaluations"].as_array().unwrap();
    let only = |one: &Value| json!({"decision": one["decision"]});
    list.iter().map(only).collect()
}

/// Two people with records, as the certification scenario has them.
fn records() -> World {
    let world = World::new();
    let optional = |bound: Value| json!({"constraint_type": "optional", "constraint": bound});
    let all = json!({"constraint_type": "wildcard"});
    let active = optional(json!({"constraint_type": "exact", "value": "active"}));
    let read = entry(&["read_record"], "record", &json!({}));
    let write = |role: &Value, status: &Value| {
        let constraints = json!({"constraints": {"role": role, "status": status}});
        entry(&["write_record"], "record", &constraints)
    };
    let soft = json!({"constraints": {"soft": {"constraint_type": "exact", "value": true}}});
    let alice = [
        read.clone(),
        write(&optional(all.clone()), &active),
        entry(&["delete_record"], "record", &soft),
    ];
    world.hold("alice", &alice);
    let admin = json!({"constraint_type": "exact", "value": "admin"});
    world.hold("bob", &[read, write(&admin, &optional(all))]);
    world
}

fn ask(who: &str, action: &str, record: &str) -> Value {
    json!({
        "subject": {"type": "user", "id": who}, "action": {"name": action},
        "resource": {"type": "record", "id": record},
    })
}

fn with(mut request: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    request.pointer_mut(parent).unwrap()[name] = value;
    request
}

#[test]
fn the_certification_scenario_passes() {
    let world = records();
    let server = world.serve(&[]);
    for (request, expected) in fixture() {
        assert_eq!(server.evaluate(&request).decision(), expected, "{request}");
    }
    malformed(&server);
    headers(&server);
    batches(&server);
    let metadata = server.send("GET", "/.well-known/authzen-configuration", &[], "");
    assert_eq!(
        metadata.body,
        json!({
            "policy_decision_point": "https://pdp.example",
            "access_evaluation_endpoint": "https://pdp.example/access/v1/evaluation",
            "access_evaluations_endpoint": "https://pdp.example/access/v1/evaluations",
        })
    );
    for what in ["subject", "resource", "action"] {
        let told = server.post(&format!("/access/v1/search/{what}"), &[], "{}");
        assert_eq!(told.status, 501);
        assert!(
            told.body["detail"]
                .as_str()
                .unwrap()
                .contains("search is not offered")
        );
    }
}

/// Single decisions of the scenario, and some more.
fn fixture() -> Vec<(Value, bool)> {
    let archived = |who, action| {
        let asked = ask(who, action, "record-2");
        with(asked, "/resource/properties", json!({"status": "archived"}))
    };
    let deleting = |soft: bool| {
        with(
            ask("alice", "delete", "record-1"),
            "/action/properties",
            json!({"soft": soft}),
        )
    };
    let admin = json!({"role": "admin"});
    vec![
        (ask("alice", "read", "record-1"), true),
        (ask("alice", "write", "record-1"), true),
        (ask("bob", "read", "record-1"), true),
        (ask("bob", "write", "record-1"), false),
        (archived("alice", "write"), false),
        (
            with(archived("bob", "write"), "/subject/properties", admin),
            true,
        ),
        (deleting(true), true),
        (deleting(false), false),
        (
            with(
                ask("alice", "read", "record-1"),
                "/context",
                json!({"time": "2025-06-27T18:03-07:00"}),
            ),
            true,
        ),
        (
            with(
                ask("alice", "read", "record-1"),
                "/futureField",
                json!({"nested": true}),
            ),
            true,
        ),
        (
            with(
                ask("alice", "read", "record-1"),
                "/action/properties",
                json!({"method": "GET"}),
            ),
            true,
        ),
        // The same again gives the same.
        (ask("alice", "write", "record-1"), true),
        (ask("mallory", "read", "record-1"), false),
    ]
}

fn malformed(server: &Server) {
    let whole = ask("alice", "read", "record-1");
    for pointer in [
        "/subject",
        "/action",
        "/resource",
        "/subject/type",
        "/subject/id",
        "/action/name",
        "/resource/type",
        "/resource/id",
    ] {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut request = whole.clone();
        request
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        let told = server.evaluate(&request);
        assert_eq!(told.status, 400, "{request}: {told:?}");
        assert!(
            told.body["detail"].as_str().unwrap().contains(name),
            "{told:?}"
        );
    }
    for (pointer, value) in [
        ("/subject", json!("alice")),
        ("/action/name", json!(123)),
        ("/resource/properties", json!([])),
        ("/context", json!("now")),
        ("/context", json!({"token": 1})),
        ("/context", json!({"method": "GET"})),
        ("/context", json!({"approvals": "yes"})),
    ] {
        let request = with(whole.clone(), pointer, value);
        assert_eq!(server.evaluate(&request).status, 400, "{request}");
    }
    bodies(server, &whole.to_string());
}

fn bodies(server: &Server, text: &str) {
    let twice = text.replacen("{", r#"{"subject":{"type":"user","id":"bob"},"#, 1);
    for body in ["", "{", "[]", "null", &twice] {
        assert_eq!(
            server.post("/access/v1/evaluation", &[], body).status,
            400,
            "{body}"
        );
    }
    let plain = [("content-type", "text/plain")];
    assert_eq!(
        server.post("/access/v1/evaluation", &plain, text).status,
        400
    );
    let charset = [("content-type", "application/json; charset=utf-8")];
    assert!(
        server
            .post("/access/v1/evaluation", &charset, text)
            .decision()
    );
    assert_eq!(
        server.send("GET", "/access/v1/evaluation", &[], "").status,
        405
    );
    assert_eq!(server.post("/access/v1/nothing", &[], text).status, 404);
}

fn headers(server: &Server) {
    let text = ask("alice", "read", "record-1").to_string();
    let id = [("x-request-id", "a-1")];
    let told = server.post("/access/v1/evaluation", &id, &text);
    assert!(told.head.contains("x-request-id: a-1"), "{told:?}");
    let wrong = server.post("/access/v1/evaluation", &id, "{");
    assert!(wrong.head.contains("x-request-id: a-1"), "{wrong:?}");
    assert!(
        server
            .post("/access/v1/evaluation", &[], &text)
            .head
            .contains("x-request-id: ")
    );
}

fn batches(server: &Server) {
    let admin = json!({"role": "admin"});
    let record = |id: &str, status: &str| json!({"type": "record", "id": id, "properties": {"status": status}});
    let both = |first: bool, second: bool| json!([{"decision": first}, {"decision": second}]);
    let (alice, bob) = (
        json!({"type": "user", "id": "alice"}),
        json!({"type": "user", "id": "bob"}),
    );
    let write = json!({"name": "write"});
    for (request, expected) in [
        (
            json!({"subject": bob, "resource": {"type": "record", "id": "record-1"},
                "evaluations": [{"action": {"name": "read"}}, {"action": write}]}),
            both(true, false),
        ),
        (
            json!({"subject": alice, "action": write, "evaluations":
                [{"resource": record("record-1", "active")}, {"resource": record("record-2", "archived")}]}),
            both(true, false),
        ),
        (
            json!({"action": write, "resource": record("record-2", "archived"), "evaluations":
                [{"subject": alice}, {"subject": {"type": "user", "id": "bob", "properties": admin}}]}),
            both(false, true),
        ),
        (
            json!({"evaluations": [ask("alice", "read", "record-1"), ask("bob", "write", "record-1")]}),
            both(true, false),
        ),
        // Identifiers fall back to the default, properties never do.
        (
            json!({"subject": alice, "action": write, "resource": {"type": "record", "properties": {"status": "archived"}},
                "evaluations": [{"resource": {"id": "record-1"}}, {"resource": record("record-2", "archived")}]}),
            both(true, false),
        ),
        (
            json!({"subject": alice, "action": {"name": "read"},
                "evaluations": [{"resource": {"type": "record", "id": "record-1"}}, {}]}),
            both(true, false),
        ),
        (
            json!({"evaluations": [ask("alice", "read", "record-1"), 7]}),
            both(true, false),
        ),
    ] {
        let told = batch(server, &request);
        assert_eq!(decisions(&told), expected, "{request}");
        assert!(told.body.get("decision").is_none());
    }
    for alone in [json!(null), json!([])] {
        let request = with(ask("alice", "read", "record-1"), "/evaluations", alone);
        assert!(batch(server, &request).decision(), "{request}");
    }
}

#[test]
fn each_semantic_ends_where_it_says() {
    let world = records();
    let server = world.serve(&[]);
    let yes = ask("alice", "read", "record-1");
    let no = ask("bob", "write", "record-1");
    let run = |semantic: Value, list: [&Value; 3]| {
        let request = json!({"evaluations": list, "options": {"evaluations_semantic": semantic}});
        let told = decisions(&batch(&server, &request));
        let told = told
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["decision"].as_bool().unwrap());
        told.collect::<Vec<bool>>()
    };
    assert_eq!(
        run(json!("execute_all"), [&yes, &no, &yes]),
        [true, false, true]
    );
    assert_eq!(
        run(json!("deny_on_first_deny"), [&yes, &no, &yes]),
        [true, false]
    );
    assert_eq!(
        run(json!("deny_on_first_deny"), [&yes, &yes, &yes]),
        [true, true, true]
    );
    assert_eq!(
        run(json!("permit_on_first_permit"), [&no, &yes, &no]),
        [false, true]
    );
    assert_eq!(
        run(json!("permit_on_first_permit"), [&no, &no, &no]),
        [false, false, false]
    );
    for wrong in [json!("first"), json!(1)] {
        let request = json!({"evaluations": [yes], "options": {"evaluations_semantic": wrong}});
        let told = server.post("/access/v1/evaluations", &[], &request.to_string());
        assert_eq!(told.status, 400);
    }
    let many = json!({"evaluations": vec![&yes; 65]});
    assert_eq!(
        server
            .post("/access/v1/evaluations", &[], &many.to_string())
            .status,
        400
    );
}

#[test]
fn answers_fit_the_schema() {
    let Some(folder) = external("authzen-schemas") else {
        return;
    };
    let schema = json_file(folder.join("evaluation-response.schema.json"));
    let world = records();
    let server = world.serve(&[]);
    for (who, action) in [
        ("alice", "read"),
        ("bob", "write"),
        ("nobody", "read"),
        ("bob", "fly"),
    ] {
        let told = server.evaluate(&ask(who, action, "record-1"));
        fits(&told.body, &schema);
    }
}

/// The keywords that the schema uses; any other is an error.
fn fits(value: &Value, schema: &Value) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" => {
                let kind = match value {
                    Value::Object(_) => "object",
                    Value::Bool(_) => "boolean",
                    _ => "something else",
                };
                assert_eq!(rule, kind, "{value}");
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    assert!(
                        value.get(name.as_str().unwrap()).is_some(),
                        "{name} is missing: {value}"
                    );
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        fits(value, schema);
                    }
                }
            }
            "$schema" | "$id" | "$comment" | "title" | "description" | "examples" => {}
            other => panic!("the schema has a keyword `{other}`"),
        }
    }
}
