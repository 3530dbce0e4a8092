//! The filters of `docs/forward.md` in Envoy itself, where `target/tools/envoy` is there: over HTTP and over gRPC.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::front::{Front, skips};
use crate::listening::{Answer, Listening, exchange};
use crate::nginx::{cases, free, serve, shaped};
use crate::world::{World, header};

/// Envoy, a service behind it and the check beside it.
struct Site {
    world: World,
    check: Option<Listening>,
    _envoy: Front,
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
}

/// How Envoy asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Http,
    Grpc,
}

/// `None`: Envoy is not there.
fn site(asks: Asks, file: &str) -> Option<Site> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/tools/envoy");
    let missing = "Envoy is not under target/tools; `cargo xtask test` fetches it";
    if skips(program.is_file(), missing) {
        return None;
    }
    let world = World::new();
    if file == "forward.toml" {
        world.edit(file, "front = \"nginx\"", "front = \"envoy\"");
    }
    let check = match asks {
        Asks::Http => world.serve(file, &["--ledger", "used.sqlite"]),
        Asks::Grpc => world.serve_grpc(file, &["--ledger", "used.sqlite"]),
    };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let service = serve(Arc::clone(&heard));
    let address = free();
    let text = configuration(&root, asks, [&address, &service, &check.address]);
    world.write("envoy.yaml", &text);
    let said = fs::File::create(world.path("envoy.log")).unwrap();
    let mut command = Command::new(program);
    command
        .args([
            "-c",
            "envoy.yaml",
            "--concurrency",
            "1",
            "--use-dynamic-base-id",
        ])
        .args(["--log-level", "warning"])
        .stdout(Stdio::null())
        .stderr(said);
    let envoy = Front::start(&mut command, &address, &world, "envoy.log");
    Some(Site {
        world,
        check: Some(check),
        _envoy: envoy,
        address,
        heard,
    })
}

/// The filter of the documentation, the first over HTTP, the second over gRPC, in a configuration with these addresses.
fn configuration(root: &Path, asks: Asks, [address, service, check]: [&str; 3]) -> String {
    let docs = fs::read_to_string(root.join("docs/forward.md")).unwrap();
    let filters: Vec<&str> = docs
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let [http, grpc] = filters[..] else {
        panic!("not two filters in the documentation");
    };
    // Over gRPC the check says itself what is taken away.
    let (filter, protocol, removed) = match asks {
        Asks::Http => (
            http.replace("127.0.0.1:8182", check),
            "http_protocol_options",
            "authorization, dpop, ambit-approval",
        ),
        Asks::Grpc => (grpc.to_owned(), "http2_protocol_options", ""),
    };
    let filter: String = filter
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    let mut text = include_str!("envoy.yaml").replace("FILTER\n", &filter);
    for (name, address) in [("PORT", address), ("SERVICE", service), ("CHECK", check)] {
        text = text.replace(name, address.split_once(':').unwrap().1);
    }
    text.replace("PROTOCOL", protocol)
        .replace("REMOVED", removed)
}

impl Site {
    fn send(&self, method: &str, target: &str, rest: &str) -> Answer {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{rest}"
        );
        exchange(&self.address, text.as_bytes())
    }

    fn get(&self, target: &str, more: &str) -> Answer {
        let shown = self.world.shown("GET", target, None);
        self.send("GET", target, &format!("{more}{shown}\r\n"))
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn problem(told: &Answer) -> Value {
    serde_json::from_str(&told.body).unwrap_or_else(|_| panic!("{} {}", told.head, told.body))
}

#[test]
fn envoy_forwards_what_was_checked_and_no_token() {
    for asks in [Asks::Http, Asks::Grpc] {
        let Some(site) = site(asks, "forward.toml") else {
            return;
        };
        for target in &cases("passes") {
            let told = site.get(target, "");
            let found = (told.status, told.body.as_str());
            assert_eq!(found, (200, "served"), "{asks:?} {target}: {}", told.head);
            let heard = site.heard().concat();
            assert!(heard.starts_with(&format!("GET {target} HTTP/")), "{heard}");
            for name in ["authorization:", "dpop:"] {
                assert!(!heard.to_lowercase().contains(name), "{asks:?}: {heard}");
            }
        }
        // What has another reading for Envoy or the service never arrives.
        for target in &cases("never arrives") {
            let told = site.get(target, "");
            assert!(
                [400, 401, 403, 404].contains(&told.status),
                "{asks:?} {target}: {}",
                told.head
            );
            assert_eq!(site.heard(), [""; 0], "{asks:?} {target}");
        }
        // Nor does what names another request, or another host.
        for name in ["x-original-url", "x-rewrite-url", "x-http-method-override"] {
            let told = site.get("/notes/7", &format!("{name}: /s/admin\r\n"));
            assert_eq!(
                (told.status, &problem(&told)["code"]),
                (400, &json!("forward.header"))
            );
        }
        let shown = site.world.shown("GET", "/notes/7", None);
        let other = format!(
            "GET /notes/7 HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n{shown}\r\n"
        );
        assert_eq!(exchange(&site.address, other.as_bytes()).status, 403);
        assert_eq!(site.heard(), [""; 0], "{asks:?}");
    }
}

#[test]
fn a_request_within_a_request_does_not_pass_envoy_unchecked() {
    for asks in [Asks::Http, Asks::Grpc] {
        let Some(site) = site(asks, "forward.toml") else {
            return;
        };
        for shape in cases("within") {
            let shape = shaped(&site.world, &shape);
            let _ = exchange(&site.address, shape.as_bytes());
            for heard in site.heard() {
                // Envoy drops a carriage return within a line: what follows it is of that line then.
                let lines = heard.replace("\r\n", "\n");
                let is_checked = heard.starts_with("GET /notes/7 HTTP/")
                    && !lines.contains('\r')
                    && !lines.contains("\nGET ");
                assert!(is_checked, "{asks:?} {shape}\n--- arrives as\n{heard}");
            }
        }
    }
}

/// The cases of `bodies.json`, each as a body with its length and in pieces.
#[test]
fn envoy_has_bodies_checked_whole() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/bodies.json");
    let all: Vec<(String, String, u16, String)> =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for asks in [Asks::Http, Asks::Grpc] {
        let Some(mut site) = site(asks, "envoy.toml") else {
            return;
        };
        // What Envoy itself says, nobody can say in its place.
        let all = all
            .iter()
            .filter(|case| !case.1.contains("x-envoy-auth-partial-body"));
        for (body, headers, status, code) in all {
            let pieces = format!(
                "transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            );
            let whole = format!("content-length: {}\r\n\r\n{body}", body.len());
            let both = if body.is_empty() {
                vec![whole]
            } else {
                vec![whole, pieces]
            };
            // A permission to send counts twice.
            site.world.renew();
            for framed in both {
                let shown = site.world.shown("POST", "/mail", None);
                let told = site.send("POST", "/mail", &format!("{shown}{headers}\r\n{framed}"));
                assert_eq!(
                    told.status, *status,
                    "{asks:?} {headers} {framed}: {} {}",
                    told.head, told.body
                );
                let heard = site.heard();
                if *status == 200 {
                    assert!(heard.concat().starts_with("POST /mail HTTP/"), "{heard:?}");
                } else {
                    assert_eq!(
                        problem(&told)["code"],
                        json!(code),
                        "{asks:?} {headers} {framed}"
                    );
                    assert_eq!(heard, [""; 0], "{asks:?} {headers} {framed}");
                }
            }
        }
        let shown = site.world.shown("POST", "/mail", None);
        let long = format!("{{\"message\": {{}}{}}}", " ".repeat(300 * 1024));
        let text = format!(
            "{shown}content-type: application/json\r\ncontent-length: {}\r\n\r\n{long}",
            long.len()
        );
        assert_eq!(site.send("POST", "/mail", &text).status, 413, "{asks:?}");
        assert_eq!(site.heard(), [""; 0], "{asks:?}");
    }
}

#[test]
fn envoy_hands_denials_on_and_fails_closed() {
    for asks in [Asks::Http, Asks::Grpc] {
        let Some(mut site) = site(asks, "forward.toml") else {
            return;
        };
        let told = site.send("GET", "/notes/7", "\r\n");
        assert_eq!(
            (told.status, &problem(&told)["code"]),
            (401, &json!("token.missing"))
        );
        let challenge = header(&told, "www-authenticate");
        assert!(challenge.starts_with("DPoP "), "{asks:?} {}", told.head);
        assert_eq!(header(&told, "content-type"), "application/problem+json");
        let told = site.get("/notes?limit=51", "");
        let denial = problem(&told);
        assert_eq!(
            (told.status, &denial["code"]),
            (403, &json!("constraint.range"))
        );
        assert_eq!(denial["remedy"]["type"], "change_request", "{denial}");
        // A proof counts once, whoever asks.
        let shown = site.world.shown("GET", "/notes/7", None);
        assert_eq!(
            site.send("GET", "/notes/7", &format!("{shown}\r\n")).status,
            200
        );
        let told = site.send("GET", "/notes/7", &format!("{shown}\r\n"));
        assert_eq!(
            (told.status, &problem(&told)["code"]),
            (401, &json!("possession.used"))
        );
        site.heard();
        site.check = None;
        assert_eq!(site.get("/notes/7", "").status, 403, "{asks:?}");
        assert_eq!(site.heard(), [""; 0], "{asks:?}");
    }
}
