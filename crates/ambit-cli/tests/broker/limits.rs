//! Agents that ask too often, people who log in too often, and clients that are slow on purpose.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::{Agent, drafting};
use crate::person::Person;
use crate::world::{Told, World};

fn limited(client: u32, person: u32) -> World {
    let world = World::new();
    let limits = format!(
        "[limits]\nclient_per_minute = {client}\nperson_per_minute = {person}\n\n[[clients]]"
    );
    let file = world
        .read("broker.toml")
        .replacen("[[clients]]", &limits, 1);
    world.write("broker.toml", file);
    world
}

/// It says when to come again.
#[track_caller]
fn after(told: &Told) -> u64 {
    assert_eq!(told.status, 429, "{told:?}");
    told.header("retry-after").expect("a time").parse().unwrap()
}

#[test]
fn a_client_that_asks_too_often_waits_and_nobody_else() {
    let world = limited(4, 60);
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let code = agent.code(&mut ann, &json!({}));
    for _ in 0..3 {
        agent.ask(&json!({}));
    }
    let told = agent.push(&json!({}));
    told.refused("temporarily_unavailable", "broker.rate");
    assert!((1..=15).contains(&after(&told)));
    // The same bucket, and nothing was used up.
    let told = agent.exchange(&code, &json!({}));
    told.refused("temporarily_unavailable", "broker.rate");
    // Whoever does not prove who they are takes nothing out of it, nor does another client.
    let other = Agent::other(&world, &server);
    let stranger = Agent {
        key: agent.stranger(),
        id: other.id.clone(),
        ..Agent::new(&world, &server)
    };
    for _ in 0..6 {
        let proof = stranger.proof("/par", None, &stranger.holder, &json!({}));
        let told = stranger.post("/par", &stranger.asking(&json!({})), Some(&proof));
        told.refused("invalid_client", "broker.client");
    }
    let back = json!({"redirect_uri": "https://other.example/callback"});
    other.ask(&back);
    std::thread::sleep(Duration::from_secs(16));
    let told = agent.exchange(&code, &json!({}));
    assert_eq!(told.status, 200, "{told:?}");
}

#[test]
fn a_person_is_asked_and_logs_in_so_often_and_no_more() {
    let world = limited(600, 2);
    let server = world.serve();
    let agent = Agent::new(&world, &server);
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let token = agent.token(&mut ann, &json!({}));
    let call = drafting("ben@customer.example").to_string();
    for _ in 0..2 {
        let told = agent.hands_in(&token, &call);
        assert_ne!(told.status, 429, "{told:?}");
    }
    let told = agent.hands_in(&token, &call);
    assert_eq!(told.json()["ambit_code"], "broker.rate");
    after(&told);
    // That does not keep the person out. What does is logging in.
    let mut last = None;
    for _ in 0..3 {
        ann.cookie = None;
        let page = ann.get("/agents");
        last = Some(ann.logs_in(&page));
    }
    let told = last.unwrap();
    assert!(told.text.contains("<code>broker.rate</code>"), "{told:?}");
    after(&told);
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let page = bob.get("/agents");
    assert_eq!(bob.logs_in(&page).status, 303);
}

#[test]
fn clients_that_are_slow_on_purpose_hold_up_nobody() {
    let world = World::new();
    let server = world.serve();
    let connect = |begin: &str| {
        let mut stream = TcpStream::connect(&server.running.address).unwrap();
        stream.write_all(begin.as_bytes()).unwrap();
        stream
    };
    let begin = "POST /par HTTP/1.1\r\nhost: broker.example\r\n";
    let body = format!(
        "{begin}content-type: application/x-www-form-urlencoded\r\ncontent-length: 5000\r\n\r\na="
    );
    let mut slow: Vec<TcpStream> = (0..150).map(|_| connect(begin)).collect();
    slow.extend((0..150).map(|_| connect(&body)));
    std::thread::sleep(Duration::from_millis(300));
    let agent = Agent::new(&world, &server);
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(server.get("/jwks").status, 200);
        agent.ask(&json!({}));
        for stream in &mut slow {
            let _ = stream.write_all(b"x");
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    // And each of them is ended, drop by drop or not.
    for stream in &mut slow {
        stream
            .set_read_timeout(Some(Duration::from_secs(15)))
            .unwrap();
        let mut told = Vec::new();
        let ended = stream.read_to_end(&mut told);
        assert!(ended.is_ok() || !told.is_empty() || begun.elapsed() < Duration::from_secs(12));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}
