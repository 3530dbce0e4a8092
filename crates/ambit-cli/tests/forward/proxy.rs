//! `ambit gateway proxy`: exactly what was checked goes on, once, and without the token.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::listening::{Answer, Listening, exchange};
use crate::nginx::{cases, free, shaped};
use crate::world::{POLICY, World, header};

/// A proxy, and a service behind it that writes down all that it gets.
struct Site {
    world: World,
    proxy: Listening,
    heard: Arc<Mutex<Vec<String>>>,
}

const LEDGER: [&str; 2] = ["--ledger", "used.sqlite"];

impl Site {
    /// With this file, whose `front` becomes `proxy`.
    fn new(file: &str, answer: &'static str) -> Self {
        let world = World::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let service = serve(Arc::clone(&heard), answer);
        let proxy = start(&world, file, &service, &LEDGER);
        Self {
            world,
            proxy,
            heard,
        }
    }

    fn send(&self, method: &str, target: &str, headers: &str) -> Answer {
        let text = format!(
            "{method} {target} HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{headers}"
        );
        let text = match headers.contains("\r\n\r\n") {
            true => text,
            false => text + "\r\n",
        };
        exchange(&self.proxy.address, text.as_bytes())
    }

    fn get(&self, target: &str, more: &str) -> Answer {
        let shown = self.world.shown("GET", target, None);
        self.send("GET", target, &format!("{shown}{more}"))
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn start(world: &World, file: &str, service: &str, more: &[&str]) -> Listening {
    let front = if file == "envoy.toml" {
        "envoy"
    } else {
        "nginx"
    };
    let (from, to) = (format!("front = \"{front}\""), "front = \"proxy\"");
    let text = world.read(file).replace(&from, to);
    world.write("proxy.toml", &text);
    let service = format!("http://{service}");
    let listen = [
        "gateway",
        "proxy",
        "proxy.toml",
        "--upstream",
        &service,
        "--listen=127.0.0.1:0",
    ];
    let arguments = [&listen[..], &POLICY, more].concat();
    Listening::start(&world.path(""), &arguments, "passing on at http://")
}

/// A service that keeps connections, and answers each request with this.
fn serve(heard: Arc<Mutex<Vec<String>>>, answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, heard) = (stream.unwrap(), Arc::clone(&heard));
            std::thread::spawn(move || requests(stream, &heard, answer));
        }
    });
    address
}

fn requests(stream: TcpStream, heard: &Mutex<Vec<String>>, answer: &str) {
    let mut writing = stream.try_clone().unwrap();
    let mut reading = BufReader::new(stream);
    loop {
        let (mut text, mut length) = (String::new(), 0);
        loop {
            let begun = text.len();
            if !matches!(reading.read_line(&mut text), Ok(1..)) {
                return;
            }
            let line = text[begun..].trim_end().to_ascii_lowercase();
            if let Some(told) = line.strip_prefix("content-length: ") {
                length = told.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reading.read_exact(&mut body).is_err() {
            return;
        }
        text.push_str(&String::from_utf8_lossy(&body));
        heard.lock().unwrap().push(text);
        let _ = writing.write_all(answer.as_bytes());
    }
}

const SERVED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nserved";

#[test]
fn what_was_checked_is_what_goes_on() {
    let site = Site::new("forward.toml", SERVED);
    for target in &cases("passes") {
        let told = site.get(
            target,
            "accept: text/plain\r\nx-forwarded-for: 10.0.0.1\r\nx_real: 1\r\n",
        );
        assert_eq!(
            (told.status, told.body.as_str()),
            (200, "served"),
            "{target}: {}",
            told.head
        );
        let heard = site.heard().concat();
        assert!(
            heard.starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{heard}"
        );
        let small = heard.to_lowercase();
        assert!(small.contains("\r\nhost: notes.example\r\n"), "{heard}");
        assert!(small.contains("\r\naccept: text/plain\r\n"), "{heard}");
        for name in [
            "authorization",
            "dpop",
            "connection:",
            "x-forwarded",
            "x_real",
        ] {
            assert!(
                !small.contains(name),
                "`{name}` reaches the service: {heard}"
            );
        }
    }
    for target in &cases("never arrives") {
        let told = site.get(target, "");
        assert!(
            [400, 401, 403, 404].contains(&told.status),
            "{target}: {}",
            told.head
        );
        assert_eq!(site.heard(), [""; 0], "{target}");
    }
}

#[test]
fn another_host_no_token_and_a_used_proof_do_not_go_on() {
    let site = Site::new("forward.toml", SERVED);
    // A host in the address, and another host.
    let told = site.send(
        "GET",
        "http://notes.example/notes/7",
        &site.world.shown("GET", "/notes/7", None),
    );
    assert!(
        told.status == 400 && told.body.contains("forward.path"),
        "{}",
        told.body
    );
    let shown = site.world.shown("GET", "/notes/7", None);
    let other =
        format!("GET /notes/7 HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n{shown}\r\n");
    assert_eq!(exchange(&site.proxy.address, other.as_bytes()).status, 403);
    // No token, a used proof.
    assert_eq!(site.send("GET", "/notes/7", "").status, 401);
    let shown = site.world.shown("GET", "/notes/7", None);
    assert_eq!(site.send("GET", "/notes/7", &shown).status, 200);
    assert_eq!(site.heard().len(), 1);
    let told = site.send("GET", "/notes/7", &shown);
    assert!(
        told.status == 401 && told.body.contains("possession.used"),
        "{}",
        told.body
    );
    assert!(
        header(&told, "www-authenticate").starts_with("DPoP "),
        "{}",
        told.head
    );
    assert_eq!(site.heard(), [""; 0]);
}

#[test]
fn a_request_within_a_request_is_checked_or_does_not_arrive() {
    let site = Site::new("forward.toml", SERVED);
    let more = [
        // Two lengths, a length and pieces in either order, pieces that are none.
        "{head}content-length: 0\r\ncontent-length: {length}\r\n\r\n{inner}",
        "{head}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        "{head}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n{inner}",
        "{head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{inner}",
        "{head}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}",
        "{head}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{inner}",
        "{head}transfer_encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        "{head}content-length: +{length}\r\n\r\n{inner}",
        "{head}content-length: {length}, 0\r\n\r\n{inner}",
        "{head}upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n{inner}",
        "{head}expect: 100-continue\r\ncontent-length: {length}\r\n\r\n{inner}",
        "{head}x: a\r\n b\r\n\r\n{inner}",
        "{head}x: a\rGET /s/admin HTTP/1.1\r\n\r\n",
    ];
    let shapes = cases("within").into_iter().chain(more.map(str::to_owned));
    for shape in shapes {
        let shape = shaped(&site.world, &shape);
        let _ = exchange(&site.proxy.address, shape.as_bytes());
        for heard in site.heard() {
            let is_checked = heard.starts_with("GET /notes/7 HTTP/") && !heard.contains("admin");
            assert!(is_checked, "{shape}\n--- arrives as\n{heard}");
        }
    }
    // A header that was checked cannot be named away.
    for named in ["content-type", "host", "x-a, accept"] {
        let shown = site.world.shown("GET", "/notes/7", None);
        let text = format!(
            "GET /notes/7 HTTP/1.1\r\nhost: notes.example\r\nconnection: close, {named}\r\n{shown}\r\n"
        );
        let told = exchange(&site.proxy.address, text.as_bytes());
        assert!(
            told.status == 400 && told.body.contains("forward.header"),
            "{}",
            told.body
        );
    }
    assert_eq!(site.heard(), [""; 0]);
}

#[test]
fn a_body_goes_on_byte_for_byte_once_all_of_it_was_checked() {
    let site = Site::new("envoy.toml", SERVED);
    let post = |body: &str, headers: &str| {
        let shown = site.world.shown("POST", "/mail", None);
        let length = body.len();
        let more = format!("{headers}{shown}content-length: {length}\r\n\r\n{body}");
        let told = site.send("POST", "/mail", &more);
        let problem: Value = serde_json::from_str(&told.body).unwrap_or_default();
        (
            told.status,
            problem["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/bodies.json");
    let all: Vec<(String, String, u16, String)> =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    // Of Envoy alone.
    for (body, headers, status, code) in all.iter().filter(|case| !case.1.contains("x-envoy-")) {
        let told = post(body, &format!("{headers}\r\n"));
        assert_eq!(told, (*status, code.clone()), "{headers} {body}");
        let heard = site.heard();
        assert_eq!(heard.len(), usize::from(*status == 200), "{heard:?}");
        assert!(
            heard
                .iter()
                .all(|heard| heard.ends_with(&format!("\r\n\r\n{body}"))),
            "{heard:?}"
        );
    }
}

#[test]
fn a_body_in_pieces_goes_on_as_one_and_a_part_of_one_does_not() {
    let site = Site::new("envoy.toml", SERVED);
    // What stands beside the pieces is not passed on.
    let body = r#"{ "message":  {"to": "ann@notes.example"} }"#;
    let (one, two) = body.split_at(7);
    let shown = site.world.shown("POST", "/mail", None);
    let pieces = format!(
        "{shown}content-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n\
         {:x};a=b\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\nx-late: 1\r\n\r\n",
        one.len(),
        two.len()
    );
    assert_eq!(site.send("POST", "/mail", &pieces).status, 200);
    let heard = site.heard().concat();
    assert!(
        heard.ends_with(&format!("\r\n\r\n{body}")) && !heard.contains("late"),
        "{heard}"
    );
    assert!(!heard.contains("chunked"), "{heard}");
    // Too long, and one that breaks off.
    let long = format!("{{\"message\": {{}}{}}}", " ".repeat(300 * 1024));
    let shown = site.world.shown("POST", "/mail", None);
    let more = format!(
        "{shown}content-type: application/json\r\ncontent-length: {}\r\n\r\n{long}",
        long.len()
    );
    assert_eq!(site.send("POST", "/mail", &more).status, 413);
    let shown = site.world.shown("POST", "/mail", None);
    let text = format!(
        "POST /mail HTTP/1.1\r\nhost: notes.example\r\ncontent-type: application/json\r\n{shown}content-length: 99\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(&site.proxy.address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(site.heard(), [""; 0]);
}

#[test]
fn an_answer_comes_back_without_what_is_of_its_connection() {
    let site = Site::new(
        "forward.toml",
        "HTTP/1.1 206 Some\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nx-own: 2\r\n\
         transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nser\r\n3\r\nved\r\n0\r\n\r\n",
    );
    for _ in 0..3 {
        let told = site.get("/notes/7", "");
        assert_eq!(told.status, 206, "{}", told.head);
        assert!(
            told.body.contains("ser") && told.body.contains("ved"),
            "{}",
            told.body
        );
        assert_eq!(header(&told, "x-own"), "2");
        for name in ["x-hop", "keep-alive", "content-length"] {
            assert_eq!(header(&told, name), "", "{}", told.head);
        }
    }
    assert_eq!(site.heard().len(), 3);
}

/// Who shows no token waits for nothing, and neither does whoever comes after.
#[test]
fn no_body_is_read_for_nobody() {
    let site = Site::new("forward.toml", SERVED);
    let begun = Instant::now();
    let told = site.send("PUT", "/notes/7", "content-length: 9\r\n\r\nx");
    assert_eq!(told.status, 401, "{}", told.head);
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "it waited for the body"
    );
    let strangers: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(&site.proxy.address).unwrap();
            let head = "PUT /notes/7 HTTP/1.1\r\nhost: notes.example\r\nauthorization: DPoP x\r\ncontent-length: 9\r\n\r\nx";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let shown = site.world.shown("GET", "/notes/7", None);
    assert_eq!(site.send("GET", "/notes/7", &shown).status, 200);
    drop(strangers);
}

#[test]
fn a_service_that_fails_is_told_apart_and_nothing_is_sent_twice() {
    // It takes the request and closes.
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part = [0; 4096];
            let _ = stream.read(&mut part);
            *counted.lock().unwrap() += 1;
        }
    });
    let proxy = start(&world, "forward.toml", &address, &LEDGER);
    let ask = |proxy: &Listening| {
        let shown = world.shown("GET", "/notes/7", None);
        let text = format!(
            "GET /notes/7 HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{shown}\r\n"
        );
        exchange(&proxy.address, text.as_bytes())
    };
    let told = ask(&proxy);
    assert_eq!(told.status, 502, "{}", told.head);
    assert_eq!(*count.lock().unwrap(), 1, "a request is sent twice");
    proxy.said.says("the service behind: ");
    drop(proxy);
    let proxy = start(&world, "forward.toml", &free(), &LEDGER);
    assert_eq!(ask(&proxy).status, 502);
}

#[test]
fn overload_is_shed_with_503_and_slow_clients_are_cut_off() {
    let site = Site::new("forward.toml", SERVED);
    let ledger = rusqlite::Connection::open(site.world.path("used.sqlite")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting: Vec<TcpStream> = (0..200)
        .map(|_| {
            let shown = site.world.shown("GET", "/notes/7", None);
            let text = format!(
                "GET /notes/7 HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{shown}\r\n"
            );
            let mut stream = TcpStream::connect(&site.proxy.address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    ledger.execute_batch("COMMIT").unwrap();
    let mut shed = 0;
    for mut stream in waiting {
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        let is_busy = told.starts_with("HTTP/1.1 503") && told.contains("\r\nretry-after: 1\r\n");
        assert!(is_busy || told.starts_with("HTTP/1.1 200"), "{told}");
        shed += usize::from(is_busy);
    }
    assert!(shed > 0, "nothing is shed");
    assert_eq!(site.heard().len(), 200 - shed);
    // A body that never ends.
    let begun = Instant::now();
    let mut slow = TcpStream::connect(&site.proxy.address).unwrap();
    slow.write_all(b"PUT /notes/7 HTTP/1.1\r\nhost: notes.example\r\ncontent-length: 9\r\n\r\nx")
        .unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let _ = slow.read_to_end(&mut Vec::new());
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(site.heard(), [""; 0]);
}

#[test]
fn where_the_service_checks_as_well_it_alone_uses_up_and_gets_the_token() {
    let world = World::new();
    world.edit(
        "forward.toml",
        "purpose = \"daily-work\"\n",
        "purpose = \"daily-work\"\nservice_checks = true\n",
    );
    let heard = Arc::new(Mutex::new(Vec::new()));
    let service = serve(Arc::clone(&heard), SERVED);
    let proxy = start(&world, "forward.toml", &service, &[]);
    let shown = world.shown("GET", "/notes/7", None);
    for _ in 0..2 {
        let text = format!(
            "GET /notes/7 HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\n{shown}\r\n"
        );
        assert_eq!(exchange(&proxy.address, text.as_bytes()).status, 200);
    }
    let heard = heard.lock().unwrap().concat();
    assert_eq!(heard.matches("authorization: DPoP ").count(), 2, "{heard}");
    assert_eq!(heard.matches("\r\ndpop: ").count(), 2, "{heard}");
    // Both would use up what a call costs.
    let both = [
        "gateway",
        "proxy",
        "proxy.toml",
        "--upstream",
        "http://127.0.0.1:1",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--ledger",
        "used.sqlite",
    ];
    let run = world.ambit(&both);
    assert!(run.expect(3).err.contains("serve.ledger"));
}

#[test]
fn what_is_set_up_wrongly_does_not_start() {
    let world = World::new();
    let base = [
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--ledger",
        "used.sqlite",
    ];
    let run = |kind: &[&str], code: &str, words: &str| {
        let told = world
            .ambit(&[&["gateway"], kind, &base].concat())
            .expect(3)
            .err;
        assert!(told.contains(code) && told.contains(words), "{told}");
    };
    let upstream = ["--upstream", "http://127.0.0.1:1"];
    run(
        &[&["proxy", "forward.toml"], &upstream[..]].concat(),
        "forward.config",
        "write `front = \"proxy\"`",
    );
    world.edit("forward.toml", "front = \"nginx\"", "front = \"proxy\"");
    run(
        &["forward", "forward.toml"],
        "forward.config",
        "is for `ambit gateway proxy`",
    );
    for wrong in [
        "ftp://127.0.0.1:1",
        "127.0.0.1:1",
        "http://a/b",
        "https://a/b",
    ] {
        run(
            &["proxy", "forward.toml", "--upstream", wrong],
            "proxy.upstream",
            "http://HOST:PORT",
        );
    }
}
