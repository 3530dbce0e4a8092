//! A list is kept as long as it says, and never goes back.

use std::collections::VecDeque;
use std::sync::Arc;

use ambit_host::status::StatusError;
use ambit_host::{Enforcer, FileVersions, StatementVersions as _, Verdict};
use ambit_token::base64url;
use serde_json::json;

use crate::world::{NOW, Server, SharedLists, URI, claims, signed, value};

#[test]
fn a_list_is_kept_as_long_as_it_says() {
    let mut second = claims(&[0b0000_0100]);
    second["iat"] = json!(NOW + 55);
    let server = Server::of(&[signed(&claims(&[0])), signed(&second)]);
    let lists = server.lists();
    assert_eq!(value(&lists, 2, NOW), Ok(0));
    assert_eq!(value(&lists, 3, NOW + 59), Ok(0));
    assert_eq!(server.asked(), 1);
    assert_eq!(
        value(&lists, 2, NOW + 60),
        Ok(1),
        "the second list revokes 2"
    );
    assert_eq!(value(&lists, 3, NOW + 60), Ok(0));
    assert_eq!(server.asked(), 2);
    let fact = lists.look_up(URI, 2, NOW + 60).unwrap();
    let expected = format!(r#"{{"uri":"{URI}","idx":2,"value":1,"iat":{}}}"#, NOW + 55);
    assert_eq!(fact.to_json(), expected);
    assert_eq!(value(&lists, 8, NOW + 60), Err("status.index"));
    assert_eq!(value(&lists, -1, NOW + 60), Err("status.index"));
    // Not fetched any more: the fact stays what it was, until the list ends. What was revoked stays so.
    assert_eq!(value(&lists, 3, NOW + 200), Ok(0));
    assert_eq!(value(&lists, 3, NOW + 205), Ok(0));
    assert_eq!(server.asked(), 3, "not tried again at once");
    assert_eq!(value(&lists, 3, NOW + 1000), Err("status.fetch"));
    assert_eq!(value(&lists, 3, NOW + 1001), Err("status.token"));
    assert_eq!(value(&lists, 2, NOW + 100_000), Ok(1));
}

#[test]
fn an_older_list_does_not_undo_a_newer_one() {
    let mut older = claims(&[0]);
    older["iat"] = json!(NOW - 500);
    let lists = Server::of(&[signed(&claims(&[1])), signed(&older)]).lists();
    assert_eq!(value(&lists, 0, NOW), Ok(1));
    assert_eq!(value(&lists, 0, NOW + 60), Ok(1));
}

#[test]
fn of_two_lists_of_one_second_neither_clears_whom_the_other_revokes() {
    let (first, more) = (claims(&[0b0010, 0]), claims(&[0b0110, 0]));
    let mut wider = claims(&[0b0010_0000, 0, 0, 0]);
    wider["status_list"]["bits"] = json!(4);
    let refused = [
        claims(&[0, 0]),
        claims(&[0b0100, 0]),
        claims(&[0b0010]),
        wider,
    ];
    for other in refused {
        let lists = Server::of(&[signed(&first)]).lists();
        assert_eq!(value(&lists, 1, NOW), Ok(1));
        let other = lists.receive(URI, &signed(&other), NOW);
        assert_eq!(other, Err(StatusError::Rollback));
        assert_eq!(value(&lists, 1, NOW), Ok(1));
    }
    let lists = Server::of(&[signed(&first)]).lists();
    assert_eq!(
        (value(&lists, 1, NOW), value(&lists, 2, NOW)),
        (Ok(1), Ok(0))
    );
    assert_eq!(lists.receive(URI, &signed(&first), NOW), Ok(()));
    assert_eq!(lists.receive(URI, &signed(&more), NOW), Ok(()));
    assert_eq!(
        (value(&lists, 1, NOW), value(&lists, 2, NOW)),
        (Ok(1), Ok(1))
    );
    // A later one may.
    let mut later = claims(&[0]);
    later["iat"] = json!(NOW - 9);
    assert_eq!(lists.receive(URI, &signed(&later), NOW), Ok(()));
    assert_eq!(value(&lists, 1, NOW), Ok(0));
}

#[test]
fn a_clock_that_goes_back_makes_no_list_last_longer() {
    let server = Server::of(&[signed(&claims(&[0])), signed(&claims(&[1]))]);
    let lists = Arc::new(server.lists());
    assert_eq!(value(&lists, 0, NOW), Ok(0));
    let then = NOW - 5000;
    let token = json!({"status": {"status_list": {"idx": 0, "uri": URI}}});
    let token = format!("e30.{}.AA", base64url::encode(token.to_string().as_bytes()));
    assert_eq!(lists.fact(&token, then), Ok(None), "it is due");
    let answer = format!(
        r#"{{"decision":true,"context":{{"obligations":[{{"id":"status","type":"status","ext":{{"uri":"{URI}","idx":0,"max_age":300}}}}],"record":{{"now":{then}}}}}}}"#
    );
    let enforcer = Enforcer::new().with("status", SharedLists(Arc::clone(&lists)));
    let Verdict::Refused { answer, .. } = enforcer.enforce(&answer) else {
        panic!("a list from the future has no age");
    };
    assert!(answer.contains("status.stale"), "{answer}");
    assert_eq!(server.asked(), 2, "it was fetched again");
}

#[test]
fn a_list_does_not_go_back_when_the_process_ends_or_the_list_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let versions = || Arc::new(FileVersions::new(folder.path().join("seen.json")));
    let hosts = |answers: &[Vec<u8>]| Server::of(answers).lists().remember(versions());
    let issued = |iat: i64, exp: i64| {
        let mut claims = claims(&[0]);
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        signed(&claims)
    };
    assert_eq!(value(&hosts(&[issued(NOW - 20, NOW + 900)]), 0, NOW), Ok(0));
    let older = issued(NOW - 21, NOW + 900);
    assert_eq!(value(&hosts(&[older]), 0, NOW), Err("status.rollback"));
    // One that has expired counts for nothing, and no older one counts after it.
    let expired = issued(NOW - 10, NOW);
    assert_eq!(value(&hosts(&[expired]), 0, NOW), Err("status.token"));
    let before = issued(NOW - 20, NOW + 900);
    assert_eq!(value(&hosts(&[before]), 0, NOW), Err("status.rollback"));
    // Not among the facts for the evaluator, which knows epochs only.
    assert_eq!(versions().min_versions().unwrap(), "{}");

    // More lists than are kept: the first is dropped.
    let of = |number: usize, iat: i64| {
        let mut claims = claims(&[0]);
        claims["sub"] = json!(format!("https://status.example/lists/{number}"));
        claims["iat"] = json!(iat);
        signed(&claims)
    };
    let answers: Vec<Vec<u8>> = (1..=70).map(|number| of(number, NOW - 10)).collect();
    let mut answers = VecDeque::from(answers);
    answers.push_back(of(1, NOW - 11));
    let lists = Server::of(answers.make_contiguous()).lists();
    for number in 1..=70_i64 {
        let uri = format!("https://status.example/lists/{number}");
        let kept = lists.look_up(&uri, 0, NOW + number / 10);
        assert!(kept.is_ok(), "{number}");
    }
    assert_eq!(value(&lists, 0, NOW + 8), Err("status.rollback"));
}

#[test]
fn a_list_that_cannot_be_remembered_revokes_and_clears_nobody() {
    let server = Server::of(&[signed(&claims(&[2]))]);
    let lists = server.lists();
    let lists = lists.remember(Arc::new(FileVersions::new("/nowhere/at/all")));
    assert_eq!(value(&lists, 0, NOW), Err("status.store"));
    assert_eq!(value(&lists, 1, NOW), Ok(1));
}
