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
