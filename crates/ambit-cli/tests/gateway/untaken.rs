//! Clients that do not read what they are answered.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::FORM;
use crate::http::reads;
use crate::world::{World, entry, source, under};

fn large(id: usize) -> Value {
    let params = json!({"name": "read_file", "arguments": {"path": "/notes/large"}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

#[test]
fn over_http_answers_that_nobody_reads_end_their_session_alone() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let (mut ann, mut bob) = (
        world.agent("ann", &[reads()]),
        world.agent("bob", &[reads()]),
    );
    bob.grant("user:bob", &[reads()]);
    ann.begins(&gateway);
    bob.begins(&gateway);
    let mut unread: Vec<TcpStream> = (0..6)
        .map(|id| {
            let message = large(id).to_string();
            let head = format!(
                "POST /mcp HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\ncontent-length: {}\r\n{FORM}{}\r\n",
                message.len(),
                ann.headers(&ann.proof("POST", None))
            );
            let mut stream = TcpStream::connect(&gateway.address).unwrap();
            stream.write_all((head + &message).as_bytes()).unwrap();
            // Only so many wait for their turn at one time.
            while world.calls().len() <= id {
                std::thread::sleep(Duration::from_millis(10));
            }
            stream
        })
        .collect();
    let begun = Instant::now();
    while ann.reads(&gateway, "/notes/a").status != 404 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "the session goes on"
        );
        // Another person's agent is not held up.
        let asked = Instant::now();
        assert_eq!(bob.reads(&gateway, "/notes/a").status, 200);
        assert!(asked.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(100));
    }
    gateway.said.says("mcp.untaken");
    // What found no room is told why, and so is what was not answered yet.
    for stream in &mut unread[4..] {
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert!(told.contains("\"code\":\"mcp.untaken\""), "{told}");
    }
    assert_eq!(bob.reads(&gateway, "/notes/a").status, 200);
    // And whoever reads again begins again.
    drop(unread);
    ann.begins(&gateway);
    assert_eq!(ann.reads(&gateway, "/notes/large").body.len() >> 20, 15);
}

#[test]
fn beside_an_agent_that_reads_nothing_the_gateway_ends_and_says_why() {
    let world = World::new();
    world.grant(&[entry("read_file", &["observe"], &under("/notes"))]);
    let server = source("server.mjs");
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_ambit"))
        .args(World::SERVE)
        .args(["node", server.to_str().unwrap()])
        .current_dir(world.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = gateway.stdin.take().unwrap();
    let info = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let begin = json!({"jsonrpc": "2.0", "id": "begin", "method": "initialize", "params": info});
    let lines = [begin].into_iter().chain((0..4).map(large));
    for line in lines {
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    let begun = Instant::now();
    let status = loop {
        match gateway.try_wait().unwrap() {
            Some(status) => break status,
            None if begun.elapsed() > Duration::from_secs(40) => {
                gateway.kill().unwrap();
                panic!("it waits for ever");
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let mut said = String::new();
    gateway
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("mcp.untaken"), "{said}");
}
