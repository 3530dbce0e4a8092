//! The configuration of `docs/forward.md` in Debian's nginx, and a service behind it that writes down what it gets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::front::{Front, skips};
use crate::listening::{Answer, Listening, exchange};
use crate::world::{World, header};

/// nginx, a service behind it and the check beside it.
struct Site {
    world: World,
    _check: Option<Listening>,
    _nginx: Front,
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

/// `None`: nginx is not there.
fn site() -> Option<Site> {
    let mut version = Command::new("nginx");
    let is_there = version.arg("-v").stderr(Stdio::null()).status().is_ok();
    if skips(
        is_there,
        "nginx is not installed; `cargo xtask test` does it",
    ) {
        return None;
    }
    let world = World::new();
    let check = world.serve_nginx();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let service = serve(Arc::clone(&heard));
    let address = free();
    let folder = world.path("").to_str().unwrap().to_owned();
    let text = configuration(&folder, &[&address, &service, &check.address]);
    world.write("nginx.conf", &text);
    let mut command = Command::new("nginx");
    command
        .args(["-c", &format!("{folder}/nginx.conf")])
        .args(["-e", &format!("{folder}/nginx.log")])
        .stderr(Stdio::null());
    let nginx = Front::start(&mut command, &address, &world, "nginx.log");
    Some(Site {
        world,
        _check: Some(check),
        _nginx: nginx,
        address,
        heard,
    })
}

/// The server of the documentation at these addresses, and what is around it here.
fn configuration(folder: &str, addresses: &[&str; 3]) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/forward.md");
    let docs = fs::read_to_string(docs).unwrap();
    let (_, rest) = docs.split_once("```nginx\n").unwrap();
    let mut server = rest.split("```").next().unwrap().to_owned();
    let written = ["127.0.0.1:8080", "127.0.0.1:3000", "127.0.0.1:8182"];
    for (from, to) in written.iter().zip(addresses) {
        assert!(server.contains(from), "{from} is not in the configuration");
        server = server.replace(from, to);
    }
    let user = if nginx_is_root() { "user root;" } else { "" };
    let mut http = String::from(
        "access_log off; client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s;\n",
    );
    for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        http.push_str(&format!("{name}_temp_path {folder}/{name};\n"));
    }
    format!(
        "{user} daemon off; worker_processes 1; pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n{http}{server}}}\n"
    )
}

/// Cases of `nginx.json`.
pub(crate) fn cases(group: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/nginx.json");
    let groups: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    serde_json::from_value(groups[group].clone()).unwrap()
}

/// A request with another within it: it begins as one that is allowed, with a proof of its own.
pub(crate) fn shaped(world: &World, shape: &str) -> String {
    let inner = "GET /s/admin HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n\r\n";
    let rest = format!(
        "host: notes.example\r\n{}",
        world.shown("GET", "/notes/7", None)
    );
    shape
        .replace("{head}", &format!("GET /notes/7 HTTP/1.1\r\n{rest}"))
        .replace("{rest}", &rest)
        .replace("{length}", &inner.len().to_string())
        .replace("{inner}", inner)
}

fn nginx_is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|facts| facts.uid() == 0)
}

pub(crate) fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A service that answers everything, and writes down the head and body of what it gets.
pub(crate) fn serve(heard: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            let mut text = Vec::new();
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut part) {
                text.extend_from_slice(&part[..count]);
                if text.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
            heard
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&text).into_owned());
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\ncontent-length: 6\r\n\r\nserved");
        }
    });
    address
}

impl Site {
    fn send(&self, method: &str, target: &str, headers: &str) -> Answer {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{headers}\r\n"
        );
        exchange(&self.address, text.as_bytes())
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

#[test]
fn what_was_checked_is_what_is_forwarded() {
    let Some(site) = site() else {
        return;
    };
    let shown = |method: &str, target: &str| site.world.shown(method, target, None);
    for target in &cases("passes") {
        let told = site.send("GET", target, &shown("GET", target));
        assert_eq!(
            (told.status, told.body.as_str()),
            (200, "served"),
            "{}",
            told.head
        );
        let heard = site.heard().concat();
        assert!(heard.starts_with(&format!("GET {target} HTTP/")), "{heard}");
        for name in ["authorization:", "dpop:"] {
            assert!(
                !heard.to_lowercase().contains(name),
                "a token reaches the service: {heard}"
            );
        }
    }
    // What has another reading for nginx or the service never arrives.
    for target in &cases("never arrives") {
        let told = site.send("GET", target, &shown("GET", target));
        assert!(
            [400, 401, 403, 404].contains(&told.status),
            "{target}: {}",
            told.head
        );
        assert_eq!(site.heard(), [""; 0], "{target}");
    }
    // Whatever a client says of the original request is replaced.
    for name in [
        "X-Original-URI",
        "X-Original-Method",
        "X-Original-Body",
        "X-Forwarded-Uri",
    ] {
        let forged = format!("{name}: /notes/7\r\n{}", shown("GET", "/notes/7"));
        assert_ne!(site.send("GET", "/s/admin", &forged).status, 200, "{name}");
    }
    assert_eq!(site.heard(), [""; 0]);
    let other = format!(
        "GET /notes/7 HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n{}\r\n",
        shown("GET", "/notes/7")
    );
    assert_eq!(exchange(&site.address, other.as_bytes()).status, 403);
    assert_eq!(site.heard(), [""; 0]);
}

#[test]
fn a_request_within_a_request_is_checked_or_does_not_arrive() {
    let Some(site) = site() else {
        return;
    };
    for shape in cases("within") {
        let shape = shaped(&site.world, &shape);
        let _ = exchange(&site.address, shape.as_bytes());
        for heard in site.heard() {
            let is_checked = heard.starts_with("GET /notes/7 HTTP/") && !heard.contains("admin");
            assert!(is_checked, "{shape}\n--- arrives as\n{heard}");
        }
    }
}

#[test]
fn a_denial_reaches_the_agent_with_reason_remedy_and_challenge() {
    let Some(mut site) = site() else {
        return;
    };
    let told = site.send("GET", "/notes/7", "");
    let problem: Value =
        serde_json::from_str(&told.body).unwrap_or_else(|_| panic!("{} {}", told.head, told.body));
    assert_eq!(
        (told.status, &problem["code"]),
        (401, &json!("token.missing"))
    );
    assert!(
        header(&told, "www-authenticate").starts_with("DPoP "),
        "{}",
        told.head
    );
    assert_eq!(header(&told, "content-type"), "application/problem+json");
    let shown = site.world.shown("GET", "/notes?limit=51", None);
    let told = site.send("GET", "/notes?limit=51", &shown);
    let problem: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        (told.status, &problem["code"]),
        (403, &json!("constraint.range"))
    );
    assert_eq!(problem["remedy"]["type"], "change_request", "{problem}");
    assert!(
        header(&told, "www-authenticate").contains("insufficient_scope"),
        "{}",
        told.head
    );
    // A body that nobody checks.
    let told = site.send(
        "GET",
        "/notes/7",
        &(site.world.shown("GET", "/notes/7", None) + "content-length: 1\r\n"),
    );
    assert_eq!(told.status, 403, "{}", told.head);
    // Without the check nothing passes.
    site._check = None;
    let shown = site.world.shown("GET", "/notes/7", None);
    assert_eq!(site.send("GET", "/notes/7", &shown).status, 500);
    assert_eq!(site.heard(), [""; 0]);
}
