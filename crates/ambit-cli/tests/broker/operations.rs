//! What security people take back, and what operators watch.

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, drafting, parameter};
use crate::call::{bought, buying, paying};
use crate::common::Run;
use crate::listening::exchange;
use crate::person::Person;
use crate::world::{CLIENT, Server, World, pays};

/// Counts what these words select, or does it.
fn revoke(world: &World, now: i64, words: &[&str]) -> Run {
    let now = now.to_string();
    let mut all = vec![
        "revoke",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--now",
        &now,
    ];
    all.extend(words);
    world.ambit(&all)
}

/// The counts of such a run, without those that are 0.
fn counted(run: Run) -> Vec<(String, String)> {
    let run = run.expect(0);
    let lines = run
        .out
        .lines()
        .filter_map(|line| line.trim().split_once("  "));
    let counts = lines.filter(|(count, _)| *count != "0");
    counts
        .map(|(count, what)| {
            let what = what.split(' ').next().unwrap();
            (what.to_owned(), count.to_owned())
        })
        .collect()
}

fn counts(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(what, count): &(&str, &str)| ((*what).to_owned(), (*count).to_owned());
    all.iter().map(owned).collect()
}

fn entries(server: &Server) -> Value {
    let list = server.get("/epochs").text;
    let claims = list.split('.').nth(1).unwrap();
    let claims = base64url::decode(claims.as_bytes()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["entries"].clone()
}

/// The lines of the log, once the broker has written as many.
pub(crate) fn logged(world: &World, what: &str) -> Vec<Value> {
    for _ in 0..100 {
        let log = world.read("audit.log");
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let found: Vec<Value> = lines
            .filter(|line| line["data"]["status_code"] == what)
            .collect();
        if !found.is_empty() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the broker did not write it down: {what}");
}

#[test]
fn what_would_end_is_counted_before_it_ends() {
    let world = World::new();
    let login = "again_seconds = 3600\nlogin = { issuer = \"https://login.example\", client_id = \"broker\", subject_prefix = \"user:\" }\ndatabase";
    world.edit("broker.toml", "database", login);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let agent = Agent::new(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let second = agent.token(&mut bob, &json!({}));
    // A grant for some time, with its token, and a code on its way.
    let asked = json!({"ambit_again_seconds": "3600", "authorization_details": json!([pays(20000)]).to_string()});
    let page = ann.reads(&agent.ask(&asked));
    let told = ann.answers(&page, "again", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    assert_eq!(agent.exchange(&code, &json!({})).status, 200);
    let late = agent.code(&mut ann, &json!({}));

    let all = counts(&[
        ("tokens", "3"),
        ("codes", "1"),
        ("grants", "1"),
        ("clients,", "1"),
        ("persons,", "2"),
    ]);
    let selected = ["--agent", "assistant"];
    let looked = revoke(&world, world.now, &selected);
    assert!(looked.err.contains("nothing was done"), "{looked:?}");
    assert_eq!(counted(looked), all);
    let call = drafting("ben@customer.example");
    assert_eq!(agent.judged(&token, &call, &agent.epochs()), "allowed");
    assert_eq!(entries(&server), json!([]));

    let done = revoke(
        &world,
        world.now,
        &["--agent", "assistant", "--yes", "--why", "INC-7"],
    );
    assert_eq!(counted(done), all);
    for token in [&token, &second] {
        assert_eq!(
            agent.judged(token, &call, &agent.epochs()),
            "revocation.revoked"
        );
        let told = agent.post("/introspect", &json!({"token": token}), None);
        assert_eq!(told.json(), json!({"active": false}));
    }
    agent
        .exchange(&late, &json!({}))
        .refused("invalid_grant", "broker.code");
    let selector = json!({"selector": {"agent.uid": "assistant"}, "before": world.now - 30});
    assert_eq!(entries(&server), json!([selector]));
    assert_eq!(counted(revoke(&world, world.now, &selected)), counts(&[]));
    is_written_down(&world);
    drop(server);

    // What is asked for afterwards counts.
    let server = world.serve_at(world.now + 1);
    let mut ann = ann.at(&server);
    let agent = Agent::new(&world, &server).at(world.now + 1);
    let later = agent.token(&mut ann, &json!({}));
    assert_eq!(agent.judged(&later, &call, &agent.epochs()), "allowed");
    assert_eq!(
        agent.judged(&token, &call, &agent.epochs()),
        "revocation.revoked"
    );
}

/// The log of the broker that runs has all of it.
fn is_written_down(world: &World) {
    let line = &logged(world, "revocation-of-all")[0]["data"];
    assert!(line.to_string().contains("INC-7"), "{line}");
    assert_eq!(logged(world, "revocation").len(), 3);
    let check = world.ambit(&["audit", "verify", "audit.log", "--key", "keys/log.pub.jwk"]);
    assert_eq!(check.code, 0, "{check:?}");
}

/// An agent whose version and model are known, and the token of another client, held by another key.
fn two() -> World {
    let world = World::new();
    let agent = "agent = { uid = \"assistant\" }";
    let first = format!("act = \"{CLIENT}\"\n{agent}");
    let with = first.replace(
        "\"assistant\" }",
        "\"assistant\", version = \"1.4\", ai_model = { name = \"lark-2\" } }",
    );
    world.edit("broker.toml", &first, &with);
    world
}

/// The token of the other client, which holds it by another key.
fn hers(other: &mut Agent<'_>, ann: &mut Person) -> String {
    other.holder = other.stranger();
    let back = json!({"redirect_uri": "https://other.example/callback"});
    let page = ann.reads(&other.ask(&back));
    let told = ann.answers(&page, "allow", &[]);
    let code = parameter(told.header("location").unwrap(), "code").unwrap();
    let told = other.exchange(&code, &back).json();
    told["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn each_way_to_name_it_names_what_it_says() {
    let world = two();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    hers(&mut Agent::other(&world, &server), &mut ann);
    let one = counts(&[("tokens", "1"), ("clients,", "1"), ("persons,", "1")]);
    let both = counts(&[("tokens", "2"), ("clients,", "2"), ("persons,", "1")]);
    let key = agent.holder.thumbprint();
    for (words, wanted) in [
        (&["--agent", "assistant"][..], &both),
        (&["--agent", "other"], &counts(&[])),
        (&["--agent-version", "1.4"], &one),
        (&["--agent-version", "1.5"], &counts(&[])),
        (&["--model", "lark-2"], &one),
        (&["--model", "lark"], &counts(&[])),
        (
            &[
                "--agent",
                "assistant",
                "--model",
                "lark-2",
                "--client",
                CLIENT,
            ],
            &one,
        ),
        (
            &[
                "--model",
                "lark-2",
                "--client",
                "https://agents.example/other",
            ],
            &counts(&[]),
        ),
        (&["--key", &key], &one),
        (&["--tenant", "t"], &counts(&[])),
        (&["--policy-below", "2"], &both),
        (&["--policy-below", "1"], &counts(&[])),
    ] {
        assert_eq!(
            &counted(revoke(&world, world.now, words)),
            wanted,
            "{words:?}"
        );
    }
}

#[test]
fn what_is_named_together_is_one_entry() {
    let world = two();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let mut other = Agent::other(&world, &server);
    let hers = hers(&mut other, &mut ann);
    let key = agent.holder.thumbprint();
    let one = counts(&[("tokens", "1"), ("clients,", "1"), ("persons,", "1")]);
    let call = drafting("ben@customer.example");
    let done = [
        "--model",
        "lark-2",
        "--key",
        &key,
        "--policy-below",
        "2",
        "--yes",
        "--why",
        "x",
    ];
    assert_eq!(counted(revoke(&world, world.now, &done)), one);
    assert_eq!(
        agent.judged(&token, &call, &agent.epochs()),
        "revocation.revoked"
    );
    assert_eq!(other.judged(&hers, &call, &other.epochs()), "allowed");
    let entry = &entries(&server)[0]["selector"];
    assert_eq!(entry["agent.ai_model"], json!({"name": "lark-2"}));
    assert_eq!(
        (&entry["jkt"], &entry["policy"]["below"]),
        (&json!(key), &json!(2))
    );
    // Who holds by another key, of no version: named one by one.
    let hers_by = [
        "--client",
        "https://agents.example/other",
        "--agent-version",
        "1",
    ];
    assert_eq!(counted(revoke(&world, world.now, &hers_by)), counts(&[]));
}

#[test]
fn a_version_is_named_token_by_token() {
    let world = World::new();
    let agent = "agent = { uid = \"assistant\" }";
    let first = format!("act = \"{CLIENT}\"\n{agent}");
    let with = first.replace("\"assistant\" }", "\"assistant\", version = \"1.4\" }");
    world.edit("broker.toml", &first, &with);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = agent.token(&mut ann, &json!({}));
    let words = ["--agent-version", "1.4", "--yes", "--why", "withdrawn"];
    counted(revoke(&world, world.now, &words));
    let call = drafting("ben@customer.example");
    assert_eq!(
        agent.judged(&token, &call, &agent.epochs()),
        "revocation.revoked"
    );
    let listed = entries(&server);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert!(listed[0]["selector"]["jti"].is_string(), "{listed}");
}

#[test]
fn calls_that_wait_end_with_the_token() {
    let world = buying();
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    agent.waits(&token, &paying("750.00", "i-7"));
    let looked = counted(revoke(&world, world.now, &["--client", CLIENT]));
    assert!(
        looked.contains(&("calls".to_owned(), "1".to_owned())),
        "{looked:?}"
    );
    let waits = ann.agents();
    assert!(waits.text.contains("Waits for your answer"), "{waits:?}");
    counted(revoke(
        &world,
        world.now,
        &["--client", CLIENT, "--yes", "--why", "x"],
    ));
    let waits = ann.agents();
    assert!(!waits.text.contains("Waits for your answer"), "{waits:?}");
}

#[test]
fn nothing_named_is_not_everything() {
    let world = World::new();
    revoke(&world, world.now, &[]).expect(3);
    revoke(&world, world.now, &["--yes", "--why", "x"]).expect(3);
    revoke(&world, world.now, &["--agent", "assistant", "--yes"])
        .expect(3)
        .says("--why");
}

/// A broker, and where its metrics are.
fn watched(world: &World) -> (Server, String) {
    let server = world.serve_with(world.now, &["--metrics", "127.0.0.1:0"]);
    let said = server.running.said.text();
    let mut lines = said.lines();
    let at = lines.find_map(|line| line.strip_prefix("metrics are at http://"));
    let at = at.unwrap_or_else(|| panic!("{said}")).to_owned();
    (server, at)
}

#[test]
fn what_operators_watch_is_at_an_address_of_its_own() {
    let world = World::new();
    let (server, metrics) = watched(&world);
    let get = |address: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        exchange(address, request.as_bytes())
    };
    let told = server.send(
        "POST",
        "/par",
        &[("content-type", "application/x-www-form-urlencoded")],
        "a=b",
    );
    assert_eq!(told.status, 401, "{told:?}");
    let answer = get(&metrics, "/metrics");
    assert!(
        answer.head.contains("text/plain; version=0.0.4"),
        "{}",
        answer.head
    );
    let line = "ambit_broker_denials_total{endpoint=\"/par\",reason=\"broker.client\"} 1";
    assert!(
        answer.body.lines().any(|known| known == line),
        "{}",
        answer.body
    );
    // Neither has what the other has.
    assert_eq!(server.get("/metrics").status, 404);
    assert_eq!(get(&metrics, "/jwks").status, 404);
    // An address that is taken ends it before it serves.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let run = [
        "serve",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        &at,
    ];
    world.ambit(&run).expect(1).says("serve.listen");
}

#[test]
fn metrics_name_nobody() {
    let world = World::new();
    let (server, metrics) = watched(&world);
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    agent.token(&mut ann, &json!({}));
    let page = ann.reads(&agent.ask(&json!({})));
    ann.answers(&page, "refuse", &[]);
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let text = exchange(&metrics, request.as_bytes()).body;
    for line in [
        "ambit_broker_prompts_total{kind=\"grant\"} 2",
        "ambit_broker_events_total{event=\"mint\"} 1",
        "ambit_broker_decision_seconds_count{kind=\"grant\",answer=\"allowed\"} 1",
        "ambit_broker_decision_seconds_bucket{kind=\"grant\",answer=\"refused\",le=\"2\"} 1",
        "ambit_broker_approved_within_two_seconds_ratio{kind=\"grant\"} 1.000",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
    for name in ["ann", "agents.example", "eyJ"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
}

#[test]
fn metrics_beyond_this_machine_are_a_finding() {
    let world = World::new();
    let more = ["--metrics", "0.0.0.0:9464"];
    world.check(&more).expect(2).says("broker.metrics");
}
