//! What is fetched, when, and what becomes of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_host::status::{Fetch, StatusError, StatusLists, StatusSource};
use ambit_host::{Enforcer, Verdict};
use ambit_token::base64url;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::world::{NOW, Server, URI, claims, header, signed, signed_by, source, value};

#[test]
fn a_list_that_arrives_by_itself_counts_at_once() {
    let server = Server::of(&[signed(&claims(&[0]))]);
    let lists = server.lists();
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    let mut newer = claims(&[1]);
    newer["iat"] = json!(NOW + 1);
    assert_eq!(lists.receive(URI, &signed(&newer), NOW + 1), Ok(()));
    assert_eq!(value(&lists, 0, NOW + 1), Ok(1));
    let older = lists.receive(URI, &signed(&claims(&[0])), NOW + 2);
    assert_eq!(older, Err(StatusError::Rollback));
    let elsewhere = lists.receive("https://evil.example/", &signed(&newer), NOW + 2);
    assert_eq!(elsewhere, Err(StatusError::Address));
    let forged = signed_by(
        &SigningKey::from_bytes(&[4; 32]),
        &header(),
        &newer.to_string(),
    );
    assert!(lists.receive(URI, &forged, NOW + 2).is_err());
    assert_eq!(value(&lists, 0, NOW + 2), Ok(1));
    assert_eq!(server.asked(), 1);
}

#[test]
fn only_configured_addresses_are_fetched() {
    let server = Server::of(&[]);
    let lists = server.lists();
    for uri in [
        "https://status.example/list/1",
        "https://status.example.evil.example/lists/1",
        "http://status.example/lists/1",
        "HTTPS://status.example/lists/1",
        "https://status.example/lists/../admin",
        "https://status.example/lists/%2e%2e/admin",
        "https://status.example/lists/..\\admin",
        "https://status.example/lists/1#x",
        "https://status.example/lists/a@b",
        "",
    ] {
        assert_eq!(
            lists.look_up(uri, 0, NOW),
            Err(StatusError::Address),
            "{uri}"
        );
    }
    assert_eq!(server.asked(), 0);
    for prefix in [
        "https://status.example",
        "https://status.example/lists",
        "http://status.example/",
        "https:///",
        "https://user@status.example/",
        "https://status.example/../",
    ] {
        let source = StatusSource {
            prefixes: vec![prefix.into()],
            ..source()
        };
        let made = StatusLists::new(vec![source], Server::default().fetch());
        assert_eq!(made.unwrap_err().code(), "status.prefix", "{prefix}");
    }
}

#[test]
fn what_cannot_be_fetched_is_not_tried_again_at_once() {
    let server = Server::of(&[]);
    let lists = server.lists();
    for later in 0..10 {
        assert_eq!(value(&lists, 0, NOW + later), Err("status.fetch"));
    }
    assert_eq!(server.asked(), 1);
    // Neither does a clock that went back make it last.
    assert_eq!(value(&lists, 0, NOW - 1000), Err("status.fetch"));
    assert_eq!(server.asked(), 2);
    assert_eq!(value(&lists, 0, NOW + 10), Err("status.fetch"));
    assert_eq!(server.asked(), 3);
    // One that arrives by itself ends it.
    assert_eq!(lists.receive(URI, &signed(&claims(&[0])), NOW + 11), Ok(()));
    assert_eq!(value(&lists, 0, NOW + 11), Ok(0));
    // However many addresses fail, what is remembered of them is bounded, and the newest is kept.
    for number in 2..600 {
        let uri = format!("https://status.example/lists/{number}");
        assert!(lists.look_up(&uri, 0, NOW + 11).is_err());
        assert!(lists.look_up(&uri, 0, NOW + 11).is_err());
    }
    assert_eq!(server.asked(), 3 + 598);
}

#[test]
fn those_who_ask_at_the_same_time_share_one_fetch() {
    for answers in [vec![signed(&claims(&[0]))], Vec::new()] {
        let found = !answers.is_empty();
        let server = Server::of(&answers);
        let fetch = server.fetch();
        let slow: Fetch = Box::new(move |uri, most| {
            std::thread::sleep(Duration::from_millis(200));
            fetch(uri, most)
        });
        let lists = StatusLists::new(vec![source()], slow).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(value(&lists, 0, NOW).is_ok(), found));
            }
        });
        assert_eq!(server.asked(), 1);
    }
}

#[test]
fn a_fetch_that_panics_holds_nobody_up() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let fetch: Fetch = Box::new(move |_, _| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let first = *count == 1;
        drop(count);
        assert!(!first, "the first one");
        Ok(signed(&claims(&[0])))
    });
    let lists = StatusLists::new(vec![source()], fetch).unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| value(&lists, 0, NOW));
        assert!(first.join().is_err());
    });
    assert_eq!(value(&lists, 0, NOW), Ok(0));
}

#[test]
fn the_fact_for_a_token() {
    let server = Server::of(&[signed(&claims(&[2]))]);
    let lists = server.lists();
    let token = |claims: &Value| {
        format!(
            "e30.{}.AA~x.y.z",
            base64url::encode(claims.to_string().as_bytes())
        )
    };
    let at = |idx: i64, now| {
        let reference = json!({"status": {"status_list": {"idx": idx, "uri": URI}}});
        let fact = lists.fact(&token(&reference), now).unwrap();
        fact.map(|fact| fact.value)
    };
    // Nobody has verified these tokens, so nothing is fetched for them.
    assert_eq!((at(0, NOW), at(1, NOW)), (None, None));
    assert_eq!(server.asked(), 0);
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    assert_eq!((at(0, NOW), at(1, NOW)), (Some(0), Some(1)));
    // Due, it clears nobody any more; what it revoked stays revoked.
    assert_eq!((at(0, NOW + 60), at(1, NOW + 60)), (None, Some(1)));
    assert_eq!(server.asked(), 1);
    assert_eq!(lists.fact(&token(&json!({"jti": "x"})), NOW), Ok(None));
    for broken in [
        token(&json!({"status": {}})),
        token(&json!({"status": {"status_list": {"idx": 1}}})),
        "x".to_owned(),
        "x.!.y".to_owned(),
        "a".repeat(20_000),
    ] {
        assert_eq!(lists.fact(&broken, NOW), Err(StatusError::Reference));
    }
}

#[test]
fn a_status_obligation_is_discharged_by_the_list() {
    let code = |list: Vec<u8>, ext: &str| {
        let enforcer = Enforcer::new().with("status", Server::of(&[list]).lists());
        let answer = format!(
            r#"{{"decision":true,"context":{{"obligations":[{{"id":"status","type":"status","ext":{ext}}}],"record":{{"now":{NOW}}}}}}}"#
        );
        match enforcer.enforce(&answer) {
            Verdict::Permitted { .. } => "permitted".to_owned(),
            Verdict::Refused { answer, .. } => {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                answer["context"]["reason"]["code"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
        }
    };
    let ext = |idx, max_age| format!(r#"{{"uri":"{URI}","idx":{idx},"max_age":{max_age}}}"#);
    let list = || signed(&claims(&[2]));
    assert_eq!(code(list(), &ext(0, 300)), "permitted");
    assert_eq!(code(list(), &ext(1, 300)), "status.revoked");
    assert_eq!(code(list(), &ext(0, 9)), "status.stale");
    assert_eq!(code(list(), &ext(9, 300)), "obligation.failed");
    assert_eq!(code(b"x".to_vec(), &ext(0, 300)), "obligation.failed");
    assert_eq!(code(list(), "{}"), "obligation.failed");
    let more = ext(0, 300).replace("}", r#","how":"else"}"#);
    assert_eq!(code(list(), &more), "obligation.failed");
}
