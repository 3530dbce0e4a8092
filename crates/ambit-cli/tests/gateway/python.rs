//! The official Python client, and the reference servers of Python behind the gateway. `cargo xtask test` installs them
//! under `target/mcp-python`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::real::{Guarded, manifest, outcomes};
use crate::world::{World, entry, source};

fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mcp-python");
    if root.join("python.txt").is_file() {
        return Some(root.canonicalize().unwrap().join("venv/bin/python"));
    }
    let missing = "the MCP packages of Python are not under target/mcp-python; `cargo xtask test` installs them";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// What the official client is told, by whatever it reaches: a command, or an address.
fn client(python: &Path, kind: &str, place: &Value, calls: &[(&str, Value)]) -> Value {
    let calls = calls
        .iter()
        .map(|(name, arguments)| json!({"name": name, "arguments": arguments}));
    let calls = Value::from_iter(calls);
    let output = Command::new(python)
        .arg(source("sdk.py"))
        .args([kind, &place.to_string(), &calls.to_string()])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

/// A server of Python behind the gateway.
fn guarded(python: &Path, name: &str, more: &[&str], manifest: &str) -> Guarded {
    Guarded::behind(name, manifest, PathBuf::new(), |_| {
        let module = format!("mcp_server_{name}");
        let words = [python.to_str().unwrap(), "-m", &module];
        words
            .iter()
            .chain(more)
            .map(|&word| word.to_owned())
            .collect()
    })
}

/// The names of the tools that the client sees, and what came of its calls.
fn told(
    guarded: &Guarded,
    python: &Path,
    calls: &[(&str, Value)],
) -> (Vec<String>, Vec<Result<String, String>>) {
    let mut command = vec![env!("CARGO_BIN_EXE_ambit").to_owned()];
    command.extend(World::SERVE.map(str::to_owned));
    command.extend(guarded.server.clone());
    let place = json!({"command": command, "cwd": guarded.world.path(".")});
    let told = client(python, "stdio", &place, calls);
    // These servers speak it, and so does the client.
    assert_eq!(told["version"], "2026-07-28");
    (names(&told), outcomes(&told))
}

fn names(told: &Value) -> Vec<String> {
    let tools = told["tools"].as_array().unwrap().iter();
    let names = tools.map(|tool| tool["name"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn a_repository_is_looked_at_and_not_changed() {
    let Some(python) = python() else { return };
    let text = manifest("git", &["git_status", "git_log"], &["git_reset"]);
    let guarded = guarded(&python, "git", &[], &text);
    let repository = guarded.world.path("notes").to_str().unwrap().to_owned();
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=A", "-c", "user.email=a@a.example"];
        let mut git = Command::new("git");
        git.args(who).args(arguments).current_dir(&repository);
        assert!(git.output().unwrap().status.success());
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "first"]);
    let here =
        json!({"constraints": {"repo_path": {"constraint_type": "subpath", "root": repository}}});
    guarded.grant(&[entry("git_status", &["observe"], &here)]);
    let (names, results) = told(
        &guarded,
        &python,
        &[
            ("git_status", json!({"repo_path": repository})),
            ("git_status", json!({"repo_path": "/"})),
            ("git_reset", json!({"repo_path": repository})),
            (
                "git_commit",
                json!({"repo_path": repository, "message": "x"}),
            ),
        ],
    );
    assert_eq!(names, ["git_status"]);
    assert!(
        results[0].as_ref().is_ok_and(|text| text.contains("clean")),
        "{results:?}"
    );
    let refused: Vec<_> = results[1..]
        .iter()
        .map(|one| one.as_ref().unwrap_err().as_str())
        .collect();
    assert_eq!(
        refused,
        [
            "constraint.subpath",
            "capability.none",
            "manifest.capability"
        ]
    );
}

/// Pages for one test.
fn pages() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 4096]);
            let body = "what stands on the page";
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain";
            let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    });
    at
}

#[test]
fn pages_are_fetched_from_the_places_of_the_token() {
    let Some(python) = python() else { return };
    let text = manifest("fetch", &["fetch"], &[]);
    let flags = ["--ignore-robots-txt", "--allow-private-ips"];
    let guarded = guarded(&python, "fetch", &flags, &text);
    // It says that it only reads; whoever looked at it agreed.
    let schema = guarded.world.read("schema.cedarschema");
    guarded.world.write(
        "schema.cedarschema",
        &schema.replace("\"propose, execute\"", "\"observe\""),
    );
    guarded.world.build();
    let at = pages();
    let below = json!({"constraint_type": "like", "pattern": format!("{at}/public/*")});
    guarded.grant(&[entry(
        "fetch",
        &["observe"],
        &json!({"constraints": {"url": below}}),
    )]);
    let (names, results) = told(
        &guarded,
        &python,
        &[
            ("fetch", json!({"url": format!("{at}/public/a")})),
            ("fetch", json!({"url": format!("{at}/private/a")})),
        ],
    );
    assert_eq!(names, ["fetch"]);
    let read = results[0]
        .as_ref()
        .is_ok_and(|text| text.contains("what stands on the page"));
    assert!(read, "{results:?}");
    assert_eq!(results[1], Err("constraint.like".to_owned()));
}

#[test]
fn the_time_is_told_where_the_token_says_and_over_http_too() {
    let Some(python) = python() else { return };
    let text = manifest("time", &["get_current_time"], &[]);
    let guarded = guarded(&python, "time", &["--local-timezone", "UTC"], &text);
    let zones = json!({"constraint_type": "like", "pattern": "Europe/*"});
    guarded.grant(&[entry(
        "get_current_time",
        &["observe"],
        &json!({"constraints": {"timezone": zones}}),
    )]);
    let calls = [
        ("get_current_time", json!({"timezone": "Europe/Paris"})),
        ("get_current_time", json!({"timezone": "America/New_York"})),
        (
            "convert_time",
            json!({"source_timezone": "UTC", "time": "10:00", "target_timezone": "UTC"}),
        ),
    ];
    let are_right = |names: &[String], results: &[Result<String, String>]| {
        assert_eq!(names, ["get_current_time"]);
        assert!(
            results[0]
                .as_ref()
                .is_ok_and(|text| text.contains("Europe/Paris")),
            "{results:?}"
        );
        let refused: Vec<_> = results[1..]
            .iter()
            .map(|one| one.as_ref().unwrap_err().as_str())
            .collect();
        assert_eq!(refused, ["constraint.like", "manifest.capability"]);
    };
    let (names_told, results) = told(&guarded, &python, &calls);
    are_right(&names_told, &results);
    let server: Vec<&str> = guarded.server.iter().map(String::as_str).collect();
    let gateway = guarded.world.held(&[&["--"], &server[..]].concat());
    let url = json!(format!("http://{}/mcp", gateway.address));
    let told = client(&python, "http", &url, &calls);
    assert_eq!(told["version"], "2026-07-28");
    are_right(&names(&told), &outcomes(&told));
}
