//! A server behind the gateway that speaks streamable HTTP.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{Agent, body, code};
use crate::world::{World, entry, source, under};

/// A server in Node, which says its port and ends with this.
pub(crate) struct Far {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Far {
    pub(crate) fn start(world: &World) -> Self {
        Self::run("upstream.mjs", &[], &world.path(""))
    }

    /// Runs a program of this folder in that one.
    pub(crate) fn run(program: &str, arguments: &[&Path], folder: &Path) -> Self {
        let mut child = Command::new("node")
            .arg(source(program))
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        let url = format!("http://127.0.0.1:{}/mcp", port.trim());
        Self { child, url }
    }

    /// What it was asked.
    fn heard(world: &World) -> Vec<Value> {
        let lines = world.read("upstream.jsonl");
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn reads() -> Value {
    entry("read_file", &["observe"], &under("/notes"))
}

#[test]
fn a_far_server_is_asked_what_was_checked_and_shown_no_token() {
    let world = World::shared();
    let far = Far::start(&world);
    let gateway = world.listen_with(&["--upstream", &far.url], &[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let listed = body(&ann.asks(&gateway, "tools/list", &json!({})));
    assert_eq!(
        listed["result"]["tools"][0]["name"], "read_file",
        "{listed}"
    );
    let told = ann.reads(&gateway, "/notes/a");
    assert!(told.body.contains("\"x-odd\":1.50,"), "{}", told.body);
    assert_eq!(
        code(&ann.reads(&gateway, "/etc/passwd")),
        "constraint.subpath"
    );
    let params = json!({"name": "read_file", "arguments": {"path": "/notes/events"}, "_meta": {"progressToken": 7}});
    let told = ann.asks(&gateway, "tools/call", &params);
    let events: Vec<&str> = told
        .body
        .lines()
        .filter(|line| line.starts_with("data: "))
        .collect();
    assert!(
        events[0].contains("\"progress\":1") && events[1].contains("by events"),
        "{events:?}"
    );
    let told = ann.reads(&gateway, "/notes/pretty");
    assert_eq!(body(&told)["result"]["content"][0]["text"], "pretty");
    is_shown_no_token(&world, &ann);
    // It is told when the session has ended.
    let headers = ann.headers(&ann.proof("DELETE", None));
    assert_eq!(
        crate::agent::send(&gateway, "DELETE /mcp", &headers, "").status,
        204
    );
    let begun = Instant::now();
    while !Far::heard(&world)
        .iter()
        .any(|one| one["method"] == "DELETE")
    {
        assert!(begun.elapsed().as_secs() < 10, "it is not told");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Three calls arrived, with the headers of the transport and no others.
fn is_shown_no_token(world: &World, ann: &Agent<'_>) {
    let heard = Far::heard(world);
    let calls: Vec<&Value> = heard
        .iter()
        .filter(|one| one["body"].as_str().unwrap().contains("tools/call"))
        .collect();
    assert_eq!(calls.len(), 3, "{calls:?}");
    for one in &heard {
        let headers = one["headers"].as_object().unwrap();
        let known = [
            "host",
            "accept",
            "content-type",
            "content-length",
            "mcp-session-id",
            "mcp-protocol-version",
        ];
        let strange: Vec<_> = headers
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        assert!(strange.is_empty(), "{one}");
        assert!(!one.to_string().contains(&ann.token), "{one}");
        let is_first = one["body"].as_str().unwrap().contains("\"initialize\"");
        assert_eq!(headers.contains_key("mcp-session-id"), !is_first, "{one}");
        assert_eq!(
            headers
                .get("mcp-protocol-version")
                .is_some_and(|it| it == "2025-11-25"),
            !is_first,
            "{one}"
        );
    }
    assert!(
        !world
            .read("upstream.jsonl")
            .contains(ann.session.as_ref().unwrap())
    );
}

#[test]
fn what_a_far_server_answers_is_bounded_and_not_followed() {
    let world = World::shared();
    let far = Far::start(&world);
    let gateway = world.listen_with(&["--upstream", &far.url], &[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    for (path, words) in [
        ("/notes/away", "redirects are not followed"),
        ("/notes/denied", "401"),
        ("/notes/page", "neither JSON nor events"),
        ("/notes/silent", "it ends without an answer"),
        ("/notes/twice", "it ends without an answer"),
        ("/notes/break", "the connection broke"),
        ("/notes/large", "more than 16777216 bytes"),
        ("/notes/event", "more than 16777216 bytes"),
    ] {
        let told = body(&ann.reads(&gateway, path));
        let error = told["error"]["message"].as_str();
        assert!(
            error.is_some_and(|error| error.contains(words)),
            "{path}: {told}"
        );
    }
    assert!(Far::heard(&world).iter().all(|one| one["url"] == "/mcp"));
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 200);
    // Its session is over, and so is the agent's.
    let told = body(&ann.reads(&gateway, "/notes/gone"));
    assert!(told["error"].is_object(), "{told}");
    let begun = Instant::now();
    while ann.asks(&gateway, "ping", &json!({})).status != 404 {
        assert!(begun.elapsed().as_secs() < 10, "the session goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    ann.begins(&gateway);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 200);
    drop(far);
    let told = body(&ann.reads(&gateway, "/notes/a"));
    let error = told["error"]["message"].as_str().unwrap_or_default();
    assert!(error.contains("cannot be reached"), "{told}");
}

#[test]
fn a_far_server_is_reached_from_standard_input_too() {
    let world = World::new();
    world.grant(&[reads()]);
    let far = Far::start(&world);
    let mut client = world.serve_at(&far.url);
    client.introduce();
    assert_eq!(client.tools().len(), 1);
    let (text, refused) = client.call("read_file", &json!({"path": "/notes/a"}));
    assert_eq!((text.as_str(), refused), ("done", None));
    let (_, refused) = client.call("read_file", &json!({"path": "/etc/passwd"}));
    assert_eq!(refused.as_deref(), Some("constraint.subpath"));
    assert!(
        !world
            .read("upstream.jsonl")
            .contains(&world.read("token.jwt"))
    );
    assert_eq!(client.hang_up(), Some(0));
}

#[test]
fn what_a_far_server_says_by_itself_is_heard() {
    let world = World::shared();
    let far = Far::start(&world);
    let gateway = world.listen_with(&["--upstream", &far.url], &[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    ann.asks(&gateway, "tools/list", &json!({}));
    let lists = || {
        let heard = Far::heard(&world);
        heard
            .iter()
            .filter(|one| one["body"].as_str().unwrap().contains("tools/list"))
            .count()
    };
    let before = lists();
    // Its tools are others now: they are asked for before the next call.
    let begun = Instant::now();
    while lists() == before {
        assert!(begun.elapsed().as_secs() < 10, "the change is not heard");
        ann.reads(&gateway, "/notes/changed");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_far_server_behind_tls_is_asked_once_its_certificate_was_checked() {
    let world = World::shared();
    let files = source("../forward/tls");
    let far = Far::run("upstream.mjs", &[&files], &world.path(""));
    let port = far.url.trim_end_matches("/mcp").rsplit(':').next().unwrap();
    let authority = files.join("ca.pem");
    let authority = authority.to_str().unwrap();
    for (host, is_it) in [("localhost", true), ("127.0.0.1", false)] {
        let url = format!("https://{host}:{port}/mcp");
        let gateway = world.listen_with(&["--upstream", &url, "--upstream-ca", authority], &[]);
        let mut ann = world.agent(host, &[reads()]);
        if is_it {
            ann.begins(&gateway);
            let told = ann.reads(&gateway, "/notes/a");
            assert!(told.body.contains("\"x-odd\":1.50,"), "{}", told.body);
        } else {
            let told = ann.asks(
                &gateway,
                "initialize",
                &json!({"protocolVersion": "2025-11-25"}),
            );
            assert!(
                told.body.contains("certificate not valid for name"),
                "{}",
                told.body
            );
        }
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let world = World::shared();
    let run = |url: &str| {
        let common = [
            "gateway",
            "mcp",
            "mcp.toml",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
            "--ledger",
            "used.sqlite",
        ];
        world.ambit(&[&common[..], &["--listen", "127.0.0.1:0", "--upstream", url]].concat())
    };
    run("ftp://a.example/mcp")
        .expect(3)
        .says("no address of a server");
    run("https://user:word@a.example/mcp")
        .expect(3)
        .says("no address of a server");
    run("http://user:word@a.example/mcp")
        .expect(3)
        .says("no address of a server");
}
