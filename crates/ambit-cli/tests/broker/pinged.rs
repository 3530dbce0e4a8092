//! Agents are pinged when their calls are answered, and what nobody tells any more is forgotten.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, paying, sends};
use crate::person::Person;
use crate::told::{Receiver, telling};
use crate::world::{BACK, Told, World};

/// With this token for the ping.
pub(crate) fn hands_in(agent: &Agent<'_>, token: &str, call: &str, ping: &Value) -> Told {
    let body = call.replacen(
        '{',
        &format!("{{\"client_notification_token\": {ping}, "),
        1,
    );
    let proof = agent.at_broker("POST", "/access-requests", token, Some(call), &json!({}));
    sends(
        agent.server,
        token,
        &proof,
        "POST",
        "/access-requests",
        &body,
    )
}

#[test]
fn an_agent_is_pinged_when_its_call_is_answered() {
    let endpoint = Receiver::new(|number, _| {
        if number == 1 {
            (503, String::new())
        } else {
            (204, String::new())
        }
    });
    let world = telling(
        "",
        &format!("notification_endpoint = \"{}\"\n", endpoint.url),
    );
    let server = world.serve();
    let metadata = server.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(
        metadata["backchannel_token_delivery_modes_supported"],
        json!(["poll", "ping"])
    );
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let ping = "a-bearer-token-of-the-agent";
    for wrong in [
        json!("short"),
        json!("a b".repeat(10)),
        json!(7),
        json!("a".repeat(1025)),
        json!("a\r\nx: yyyyyyyyyyyyyyyyyyyyyyy"),
    ] {
        hands_in(&agent, &token, &paying("750.00", "i-1"), &wrong)
            .refused("invalid_request", "broker.request");
    }
    let told = hands_in(&agent, &token, &paying("750.00", "i-1"), &json!(ping));
    assert_eq!(told.status, 202, "{told:?}");
    let task = told.json()["task"]["id"].as_str().unwrap().to_owned();
    assert!(endpoint.all().is_empty());
    let page = ann.reads_call(&task);
    ann.says(&page, "allow", "");
    let heard = endpoint.wait(2);
    for one in &heard {
        assert!(one.head.contains(&format!("Bearer {ping}")), "{one:?}");
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(
            body,
            json!({"auth_req_id": task}),
            "nothing of the call or the answer"
        );
    }
    forgets_the_ping(&world);
    // A client without an endpoint asks in vain.
    drop(server);
    is_nowhere(&world, ping);
    let line = format!("notification_endpoint = \"{}\"\n", endpoint.url);
    world.edit("broker.toml", &line, "");
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    hands_in(&agent, &token, &paying("750.00", "i-3"), &json!(ping))
        .refused("invalid_request", "broker.request");
}

/// The token of a ping is kept nowhere once it was told.
fn forgets_the_ping(world: &World) {
    for _ in 0..50 {
        let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
        let sql = "SELECT (SELECT count(*) FROM outgoing) + (SELECT count(*) FROM event) + (SELECT count(*) FROM access WHERE ping IS NOT NULL)";
        let left: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        if left == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the token of the ping is still there");
}

/// Not a byte of it is left in the database.
fn is_nowhere(world: &World, text: &str) {
    let path = world.path("broker.sqlite");
    let database = rusqlite::Connection::open(&path).unwrap();
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
    let kept = std::fs::read(path).unwrap();
    let mut parts = kept.windows(text.len());
    assert!(!parts.any(|part| part == text.as_bytes()));
}

#[test]
fn an_agent_that_hangs_holds_up_no_other_ping() {
    let slow = Receiver::new(|_, _| {
        std::thread::sleep(Duration::from_secs(7));
        (204, String::new())
    });
    let quick = Receiver::new(|_, _| (204, String::new()));
    let line = |at: &Receiver| format!("notification_endpoint = \"{}\"\n", at.url);
    let world = telling("", &line(&slow));
    let keys = "keys = [\"keys/other.pub.jwk\"]\n";
    world.edit("broker.toml", keys, &format!("{keys}{}", line(&quick)));
    world.edit("broker.toml", "https://other.example/callback", BACK);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let ping = json!("a-bearer-token-of-the-agent");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let other = Agent::other(&world, &server);
    let others = bought(&other, &mut ann);
    let asks = |agent: &Agent<'_>, token: &str, invoice: &str| {
        let told = hands_in(agent, token, &paying("750.00", invoice), &ping).json();
        told["task"]["id"].as_str().unwrap().to_owned()
    };
    let mut tasks = ["i-1", "i-2", "i-3"]
        .map(|invoice| asks(&agent, &token, invoice))
        .to_vec();
    tasks.push(asks(&other, &others, "i-4"));
    for task in &tasks {
        let page = ann.reads_call(task);
        ann.says(&page, "allow", "");
    }
    let answered = Instant::now();
    quick.wait(1);
    assert!(answered.elapsed() < Duration::from_secs(4), "{answered:?}");
    assert_eq!(slow.wait(1).len(), 1, "one at a time");
}

/// Puts something in that is to be told to a receiver.
fn puts(world: &World, id: &str, (target, kind): (&str, &str), made: i64, at: i64) {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let sql = "INSERT INTO outgoing (id, target, kind, facts, made, next)
        VALUES (?1, ?2, ?3, json_object('at', ?5, 'bearer', 'x'), ?4, 0)";
    let row = rusqlite::params![id, target, kind, made, at];
    database.execute(sql, row).unwrap();
}

fn left(world: &World) -> Vec<String> {
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    let sql = "SELECT id FROM outgoing UNION SELECT kind FROM event ORDER BY 1";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_nobody_tells_any_more_is_forgotten() {
    let hook = Receiver::new(|_, _| (200, String::new()));
    let world = telling(&format!("[notify]\nwebhook = \"{}\"\n", hook.url), "");
    drop(world.serve());
    let now = jiff::Timestamp::now().as_second();
    for (id, receiver, ago) in [
        (
            "late-1",
            ("set:https://gone.example", "revoked"),
            86_400 + 601,
        ),
        ("late-2", ("mail:user:ann", "call"), 900 + 601),
        ("young-1", ("set:https://gone.example", "revoked"), 86_400),
        ("young-2", ("mail:user:ann", "call"), 900),
    ] {
        puts(&world, id, receiver, now - ago, world.now);
    }
    let server = world.serve();
    let lines = crate::operations::logged(&world, "untold");
    assert!(!lines.is_empty());
    assert_eq!(left(&world), ["young-1", "young-2"]);
    drop(server);
    // Where nobody is told anything any more, the broker itself forgets.
    world.edit("broker.toml", &format!("webhook = \"{}\"\n", hook.url), "");
    let database = rusqlite::Connection::open(world.path("broker.sqlite")).unwrap();
    for (kind, ago) in [("ping", 1801), ("call", 1799), ("revoked", 86_399)] {
        let sql = "INSERT INTO event (kind, facts, made) VALUES (?1, '{}', ?2)";
        database
            .execute(sql, rusqlite::params![kind, world.now - ago])
            .unwrap();
    }
    puts(&world, "late-3", ("ping:x", "ping"), now, world.now - 3601);
    puts(
        &world,
        "late-4",
        ("set:x", "revoked"),
        now,
        world.now - 172_801,
    );
    puts(
        &world,
        "young-3",
        ("set:x", "revoked"),
        now,
        world.now - 172_799,
    );
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    bought(&Agent::new(&world, &server), &mut ann);
    assert_eq!(
        left(&world),
        ["call", "revoked", "young-1", "young-2", "young-3"]
    );
}
