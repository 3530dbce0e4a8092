//! What a server starts besides itself ends with it, however it comes to its end.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::agent::send;
use crate::http::reads;
use crate::world::{World, entry, source, under};

/// A server that a shell starts, beside something that runs for minutes and knows of no end.
fn through_a_shell(at_the_end: &str) -> [String; 3] {
    let server = source("server.mjs");
    let server = server.to_str().unwrap();
    let script = format!(
        "sleep 300 & echo $! >> started; echo $$ >> started; node '{server}'; {at_the_end}"
    );
    ["sh".to_owned(), "-c".to_owned(), script]
}

const SOON: &str = "true";
/// Neither the end of its input nor being told so ends it.
const NEVER: &str = "while true; do sleep 300; done";

fn world() -> World {
    let world = World::new();
    world.grant(&[entry("read_file", &["observe"], &under("/notes"))]);
    world
}

/// Whether a process is there. One that waits for its parent to take note of its end has ended.
fn lives(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with('Z')
}

fn started(world: &World) -> Vec<String> {
    world.read("started").lines().map(str::to_owned).collect()
}

#[track_caller]
fn all_end(started: &[String]) {
    assert!(!started.is_empty(), "nothing was started");
    let begun = Instant::now();
    while let Some(left) = started.iter().find(|process| lives(process)) {
        assert!(
            begun.elapsed() < Duration::from_secs(12),
            "{left} is still there"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(name: &str, process: u32) {
    let told = Command::new("sh")
        .args(["-c", &format!("kill -s {name} {process}")])
        .status();
    assert!(told.unwrap().success());
}

#[test]
fn beside_an_agent_nothing_of_a_server_outlives_the_gateway() {
    for (ends_by, server_ends) in [
        ("EOF", SOON),
        ("TERM", SOON),
        ("TERM", NEVER),
        ("KILL", NEVER),
    ] {
        let world = world();
        let server = through_a_shell(server_ends);
        let server = server.each_ref().map(String::as_str);
        let mut client = world.serve_with(&server);
        client.introduce();
        assert_eq!(
            client
                .call("read_file", &serde_json::json!({"path": "/notes/a"}))
                .0,
            "done"
        );
        let started = started(&world);
        assert!(started.iter().all(|process| lives(process)));
        match ends_by {
            "EOF" => assert_eq!(client.hang_up(), Some(0)),
            _ => signal(ends_by, client.child.id()),
        }
        if ends_by == "TERM" {
            assert_eq!(
                client.child.wait().unwrap().code(),
                Some(0),
                "{server_ends}"
            );
        }
        all_end(&started);
    }
}

#[test]
fn whoever_ends_the_keeper_first_ends_nothing_else() {
    let world = world();
    let server = through_a_shell(NEVER);
    let mut client = world.serve_with(&server.each_ref().map(String::as_str));
    client.introduce();
    let is_keeper = |process: &u32| {
        let command = fs::read_to_string(format!("/proc/{process}/cmdline"));
        command.unwrap().contains("ambit-keeper")
    };
    let keeper = children(client.child.id()).into_iter().find(is_keeper);
    signal("KILL", keeper.expect("a keeper"));
    let started = started(&world);
    assert_eq!(client.hang_up(), Some(0));
    all_end(&started);
}

fn children(process: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.unwrap();
    children
        .split_whitespace()
        .map(|one| one.parse().unwrap())
        .collect()
}

#[test]
fn over_http_a_session_ends_all_of_its_server_and_the_gateway_all_of_all() {
    let world = World::shared();
    let server = through_a_shell(SOON);
    let [shell, option, script] = server.each_ref().map(String::as_str);
    let mut gateway = world.listen_with(&[], &["--", shell, option, script]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let first = started(&world);
    let headers = ann.headers(&ann.proof("DELETE", None));
    assert_eq!(send(&gateway, "DELETE /mcp", &headers, "").status, 204);
    all_end(&first);
    ann.begins(&gateway);
    let second = started(&world);
    assert!(second.len() > first.len());
    signal("TERM", gateway.child.id());
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
    all_end(&second);
}
