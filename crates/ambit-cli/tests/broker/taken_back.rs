//! Revocation, introspection, and the list that enforcement points read.

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, drafting};
use crate::person::Person;
use crate::world::World;

fn list(agent: &Agent<'_>) -> Value {
    let epochs = agent.epochs().remove(0);
    let payload = base64url::decode(epochs.split('.').nth(1).unwrap().as_bytes()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn a_client_takes_its_token_back_and_nobody_elses() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let other = Agent::other(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let ask = |who: &Agent<'_>, path: &str, token: &str| {
        let told = who.post(path, &json!({"token": token}), None);
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    };
    let told = ask(&agent, "/introspect", &token);
    assert_eq!(
        (&told["active"], &told["sub"]),
        (&json!(true), &json!("user:ann"))
    );
    assert_eq!(
        (&told["client_id"], &told["token_type"]),
        (&json!(agent.id), &json!("DPoP"))
    );
    assert_eq!(ask(&other, "/introspect", &token), json!({"active": false}));
    assert_eq!(ask(&agent, "/introspect", "x"), json!({"active": false}));
    // The last character of 64 bytes is one of four.
    let other_end = if token.ends_with('A') { "Q" } else { "A" };
    let altered = format!("{}{other_end}", &token[..token.len() - 1]);
    assert_eq!(
        ask(&agent, "/introspect", &altered),
        json!({"active": false})
    );

    let before = list(&agent);
    assert_eq!(before["entries"], json!([]));
    ask(&other, "/revoke", &token);
    assert_eq!(ask(&agent, "/introspect", &token)["active"], true);
    ask(&agent, "/revoke", &token);
    assert_eq!(ask(&agent, "/introspect", &token), json!({"active": false}));
    let after = list(&agent);
    assert_eq!(after["entries"][0]["selector"]["jti"], told["jti"]);
    assert_eq!(
        after["version"].as_i64(),
        before["version"].as_i64().map(|version| version + 1)
    );
    ask(&agent, "/revoke", &token);
    assert_eq!(list(&agent)["version"], after["version"], "revoked once");
    assert_eq!(
        agent.judged(&token, &drafting("ben@customer.example"), &agent.epochs()),
        "revocation.revoked"
    );
}

#[test]
fn only_clients_ask_about_tokens() {
    let world = World::new();
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let token = "x";

    agent
        .post("/revoke", &json!({}), None)
        .refused("invalid_request", "broker.request");
    let assertion = agent.assertion(&json!({}));
    let again = json!({"token": token, "client_assertion": assertion});
    assert_eq!(agent.post("/introspect", &again, None).status, 200);
    agent
        .post("/introspect", &again, None)
        .refused("invalid_client", "broker.client_used");
    agent
        .post(
            "/revoke",
            &json!({"token": token, "client_assertion": "x"}),
            None,
        )
        .refused("invalid_client", "broker.client");
    assert_eq!(
        server.get("/epochs").header("cache-control"),
        Some("max-age=30")
    );
}

/// Tokens of a client that were revoked, as if it had asked for them and taken them back.
fn revoked(world: &World, client: &str, count: usize, exp: i64) {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    for number in 0..count {
        let sql = "INSERT INTO token (jti, input, whole, client, sub, exp, revoked)
            VALUES (?1, ?1, ?1, ?2, 'user:ann', ?3, ?4)";
        let jti = format!("{client}-{number}");
        let row = rusqlite::params![jti, client, exp, world.now];
        database.execute(sql, row).unwrap();
    }
}

#[test]
fn a_client_that_revokes_without_end_loses_all_and_fills_no_list() {
    let world = World::new();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let other = Agent::other(&world, &server);
    let kept = agent.token(&mut ann, &json!({}));
    let first = agent.token(&mut ann, &json!({}));
    let second = agent.token(&mut ann, &json!({}));
    revoked(&world, &agent.id, 99, world.now + 600);
    revoked(&world, &other.id, 3, world.now + 600);
    let take_back = |token: &str| {
        let told = agent.post("/revoke", &json!({"token": token}), None);
        assert_eq!(told.status, 200, "{told:?}");
    };
    let call = drafting("ben@customer.example");
    let judged = |token: &str| agent.judged(token, &call, &agent.epochs());

    take_back(&first);
    assert_eq!(list(&agent)["entries"].as_array().unwrap().len(), 103);
    assert_eq!(judged(&first), "revocation.revoked");
    assert_eq!(judged(&kept), "allowed");

    take_back(&second);
    let entries = list(&agent)["entries"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 4, "{entries}");
    let whole = json!({"selector": {"client_id": agent.id}, "before": world.now - 30});
    assert_eq!(entries[0], whole);
    for token in [&first, &second, &kept] {
        assert_eq!(judged(token), "revocation.revoked");
        let told = agent.post("/introspect", &json!({"token": token}), None);
        assert_eq!(told.json(), json!({"active": false}));
    }

    // What it asks for afterwards counts.
    drop(server);
    let server = world.serve_at(world.now + 1);
    let mut ann = ann.at(&server);
    let agent = Agent::new(&world, &server).at(world.now + 1);
    let later = agent.token(&mut ann, &json!({}));
    assert_eq!(agent.judged(&later, &call, &agent.epochs()), "allowed");
    assert_eq!(
        agent.judged(&kept, &call, &agent.epochs()),
        "revocation.revoked"
    );
}
