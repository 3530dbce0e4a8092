//! What is set up wrongly, too much or too slow, and what changes under way.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::listening::exchange;
use crate::world::{World, asks, code, header};

#[test]
fn a_front_that_does_not_say_all_gets_no_and_the_operator_is_told() {
    let world = World::new();
    let server = world.serve_nginx();
    let all = [
        "host: notes.example\r\n",
        "x-original-method: GET\r\n",
        "x-original-uri: /notes/7\r\n",
        "x-original-body: HTTP/1.1\r\n",
    ];
    let send = |path: &str, lines: &[&str]| {
        let shown = world.shown("GET", "/notes/7", None);
        let host = if lines.concat().contains("host:") {
            ""
        } else {
            "host: 127.0.0.1\r\n"
        };
        let text = format!(
            "GET {path} HTTP/1.1\r\nconnection: close\r\n{host}{}{shown}\r\n",
            lines.concat()
        );
        exchange(&server.address, text.as_bytes())
    };
    assert_eq!(send("/check", &all).status, 200);
    for left_out in 1..4 {
        let mut lines = all.to_vec();
        let name = lines.remove(left_out).split(':').next().unwrap();
        let told = send("/check", &lines);
        assert_eq!(
            (told.status, code(&told).as_str()),
            (403, ""),
            "{}",
            told.head
        );
        server.said.says(&format!("does not set `{name}`"));
        // A client's header that the server in front does not replace.
        assert_eq!(
            send("/check", &[&all[..], &[all[left_out]]].concat()).status,
            403
        );
    }
    assert_eq!(code(&send("/check", &all[1..])), "forward.host");
    let other = [&["host: admin.example\r\n"], &all[1..]].concat();
    assert_eq!(code(&send("/check", &other)), "forward.host");
    for path in ["/", "/check/", "/check?x=1", "/notes/7"] {
        assert_eq!(send(path, &all).status, 403, "{path}");
    }
    server.said.says("asks at another address");
}

#[test]
fn where_no_proof_is_wanted_the_challenge_is_bearer() {
    let world = World::new();
    let server = world.serve_nginx();
    let challenge = || header(&asks(&server, "GET", "/notes/7", ""), "www-authenticate");
    assert!(challenge().starts_with("DPoP "));
    world.edit(
        "ambit.toml",
        "\nversion = 1\n",
        "\nversion = 2\npossession = \"off\"\n",
    );
    world.build();
    server.said.says("policy version 2 decides now");
    assert!(challenge().starts_with("Bearer "), "{}", challenge());
}

#[test]
fn a_body_that_nobody_checks_does_not_pass() {
    let world = World::new();
    let server = world.serve_nginx();
    let send = |method: &str, told: &str, more: &str| {
        let meant = ("write_note", "execute", "7", json!({}));
        let shown = world.shown(method, "/notes/7", Some(&meant).filter(|_| method == "PUT"));
        let text = format!(
            "GET /check HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\nx-original-method: {method}\r\n\
             x-original-uri: /notes/7\r\nx-original-body: {told}\r\n{shown}{more}\r\n"
        );
        let begun = Instant::now();
        let answer = exchange(&server.address, text.as_bytes());
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "it waits for a body"
        );
        (answer.status, code(&answer))
    };
    assert_eq!(send("GET", "HTTP/1.1", ""), (200, String::new()));
    assert_eq!(send("GET", "HTTP/1.1 0", ""), (200, String::new()));
    for told in [
        "HTTP/1.1 5",
        "HTTP/1.1 chunked",
        "HTTP/1.1 5chunked",
        "HTTP/2.0 5",
    ] {
        assert_eq!(
            send("GET", told, ""),
            (403, "forward.body".to_owned()),
            "{told}"
        );
    }
    // Over HTTP/2 a body may follow without a word.
    assert_eq!(
        send("DELETE", "HTTP/2.0", ""),
        (403, "forward.body".to_owned())
    );
    // Where the file says that it bounds nothing it passes, and the check does not wait for it.
    assert_eq!(
        send("PUT", "HTTP/1.1 5", "content-length: 5\r\n"),
        (200, String::new())
    );
}

#[test]
fn overload_is_shed_with_403_and_slow_callers_are_cut_off() {
    let world = World::new();
    let server = world.serve_nginx();
    // Decisions that wait for a disk, and more of them than may wait.
    let ledger = rusqlite::Connection::open(world.path("used.sqlite")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting: Vec<TcpStream> = (0..200)
        .map(|_| {
            let shown = world.shown("GET", "/notes/7", None);
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(question(&shown).as_bytes()).unwrap();
            stream
        })
        .collect();
    ledger.execute_batch("COMMIT").unwrap();
    let mut shed = 0;
    for mut stream in waiting {
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert!(
            told.starts_with("HTTP/1.1 200") || told.starts_with("HTTP/1.1 403"),
            "{told}"
        );
        shed += usize::from(told.contains("\nretry-after: 1\r\n"));
    }
    assert!(shed > 0, "nothing is shed");
    // A head that never ends is cut off.
    let begun = Instant::now();
    let mut slow = TcpStream::connect(&server.address).unwrap();
    slow.write_all(b"GET /check HTTP/1.1\r\nhost: a").unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let _ = slow.read_to_end(&mut Vec::new());
    assert!(begun.elapsed() < Duration::from_secs(20));
    let told = asks(
        &server,
        "GET",
        "/notes/7",
        &world.shown("GET", "/notes/7", None),
    );
    assert_eq!(told.status, 200, "{}", told.head);
    // Heads without end.
    let long = format!("x-long: {}\r\n", "x".repeat(64 * 1024));
    assert_ne!(asks(&server, "GET", "/notes/7", &long).status, 200);
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_ne!(
        asks(
            &server,
            "GET",
            "/notes/7",
            &(world.shown("GET", "/notes/7", None) + &many)
        )
        .status,
        200
    );
}

#[test]
fn a_part_that_fails_denies_and_the_policy_changes_without_a_call_lost() {
    let world = World::new();
    let server = world.serve_nginx();
    let ask = || {
        asks(
            &server,
            "GET",
            "/notes/7",
            &world.shown("GET", "/notes/7", None),
        )
    };
    assert_eq!(ask().status, 200);
    let seen = world.read("seen.json");
    world.write("seen.json", "{}");
    let told = ask();
    assert_eq!(
        (told.status, code(&told).as_str()),
        (403, ""),
        "{}",
        told.head
    );
    server.said.says("obligation.failed: module.store");
    world.write("seen.json", &seen);
    // Each call gets an answer of one policy or the other while it is replaced.
    let schema = world.read("schema.cedarschema");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = Vec::new();
            while answers.last() != Some(&(403, "request.action".to_owned()))
                && answers.len() < 5000
            {
                let told = ask();
                answers.push((told.status, code(&told)));
            }
            answers
        });
        world.write(
            "schema.cedarschema",
            &schema.replace("action read_note ", "action look_note "),
        );
        world.edit("agents/app.toml", "\"read_note\"", "\"look_note\"");
        world.edit("ambit.toml", "\nversion = 1\n", "\nversion = 2\n");
        world.build();
        server.said.says("policy version 2 decides now");
        server.said.says("the policy has no action `read_note`");
        let answers = asking.join().unwrap();
        let (last, before) = answers.split_last().unwrap();
        assert_eq!(last, &(403, "request.action".to_owned()));
        assert!(
            before.iter().all(|(status, _)| *status == 200),
            "{before:?}"
        );
    });
    let told: Value = serde_json::from_str(&header(&ask(), "ambit-problem")).unwrap();
    assert_eq!(told["code"], "request.action");
}

/// What nginx asks of note 7.
fn question(headers: &str) -> String {
    format!(
        "GET /check HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\nx-original-method: GET\r\n\
         x-original-uri: /notes/7\r\nx-original-body: HTTP/1.1\r\n{headers}\r\n"
    )
}
