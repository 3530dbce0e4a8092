//! What others are told: services of revocations, people of calls that wait, agents of answers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_compiler::keys;
use ambit_token::{PublicKey, base64url};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::call::{bought, buying, paying};
use crate::person::Person;
use crate::pinged::hands_in;
use crate::world::{CLIENT, ISSUER, World};

/// A request that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Where a redirection leads, at the same receiver.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

/// When a receiver wants to be asked again, in seconds.
pub(crate) const LATER: &str = "17";

type Answers = dyn Fn(usize, &Heard) -> (u16, String) + Send + Sync;

/// Somebody who is told things, or asked.
pub(crate) struct Receiver {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Receiver {
    /// Answers the first, second … request as it is told to.
    pub(crate) fn new(
        answer: impl Fn(usize, &Heard) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (all, answer): (_, Arc<Answers>) = (Arc::clone(&heard), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || hear(stream.unwrap(), &all, &*answer));
            }
        });
        Self { url, heard }
    }

    pub(crate) fn all(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// As soon as there are so many.
    #[track_caller]
    pub(crate) fn wait(&self, count: usize) -> Vec<Heard> {
        for _ in 0..200 {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} instead of {count} were heard", self.all().len());
    }
}

fn hear(mut stream: TcpStream, all: &Mutex<Vec<Heard>>, answer: &Answers) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let heard = loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        text.extend_from_slice(&buffer[..count]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break Heard {
                    head: whole.split("\r\n\r\n").next().unwrap().to_owned(),
                    body: body.to_owned(),
                };
            }
        }
        if count == 0 {
            return;
        }
    };
    let number = {
        let mut all = all.lock().unwrap();
        all.push(heard.clone());
        all.len()
    };
    let (status, body) = answer(number, &heard);
    let reply = format!(
        "HTTP/1.1 {status} X\r\nlocation: {ELSEWHERE}\r\nretry-after: {LATER}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes());
}

/// A world with a key for what others are told, and these lines of its file before the clients.
pub(crate) fn telling(lines: &str, client: &str) -> World {
    let world = buying();
    world
        .ambit(&["keygen", "-o", "keys/events.jwk", "--kid", "events"])
        .expect(0);
    let config = world.read("broker.toml");
    let (head, rest) = config.split_once("[[clients]]").unwrap();
    let rest = rest.replacen("agent = {", &format!("{client}agent = {{"), 1);
    world.write(
        "broker.toml",
        format!("{head}events_key = \"keys/events.jwk\"\n{lines}\n[[clients]]{rest}"),
    );
    world
}

/// The claims of a statement by the broker's key for what others are told, which `/jwks` has.
fn verified(world: &World, jwks: &Value, text: &str, typ: &str) -> Value {
    let parts: Vec<&str> = text.split('.').collect();
    let decode = |part: &str| base64url::decode(part.as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    assert_eq!(
        (&header["typ"], &header["kid"]),
        (&json!(typ), &json!("events"))
    );
    let keys = jwks["keys"].as_array().unwrap();
    let jwk = keys.iter().find(|jwk| jwk["kid"] == "events").unwrap();
    let own = keys::load(&world.path("keys/events.jwk")).unwrap();
    assert_eq!(jwk["x"], own.x());
    let key = PublicKey::from_parts("Ed25519", jwk["x"].as_str().unwrap(), None).unwrap();
    let input = format!("{}.{}", parts[0], parts[1]);
    assert!(key.verify(input.as_bytes(), &decode(parts[2])));
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

#[test]
fn a_revocation_is_pushed_until_it_is_taken_even_after_a_kill() {
    let slow = Receiver::new(|number, _| {
        if number < 3 {
            (503, String::new())
        } else {
            (202, String::new())
        }
    });
    let refusing = Receiver::new(|_, _| (400, "{\"err\": \"invalid_audience\"}".to_owned()));
    let subscriber = |url: &str| {
        format!("[[subscribers]]\nurl = \"{url}\"\naudience = \"https://siem.example\"\n")
    };
    let world = telling(&(subscriber(&slow.url) + &subscriber(&refusing.url)), "");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let token = bought(&Agent::new(&world, &server), &mut ann);
    let list = ann.agents();
    ann.stops(&list, CLIENT);
    slow.wait(1);
    server.kill();
    let server = world.serve();
    let jwks = server.get("/jwks").json();
    let heard = slow.wait(3);
    let jti = base64url::decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let jti: Value = serde_json::from_slice(&jti).unwrap();
    let sets: Vec<Value> = heard
        .iter()
        .map(|one| verified(&world, &jwks, &one.body, "secevent+jwt"))
        .collect();
    for (one, set) in heard.iter().zip(&sets) {
        assert!(one.head.contains("application/secevent+jwt"), "{one:?}");
        assert_eq!(set["jti"], sets[0]["jti"], "it is one event");
        assert_eq!(
            (&set["iss"], &set["aud"]),
            (&json!(ISSUER), &json!("https://siem.example"))
        );
        let event =
            &set["events"]["https://schemas.openid.net/secevent/caep/event-type/session-revoked"];
        assert_eq!(event["event_timestamp"], world.now);
        assert_eq!(set["sub_id"]["user"]["sub"], "user:ann");
        assert_eq!(set["sub_id"]["session"]["jti"], jti["jti"]);
    }
    assert_eq!(heard[0].body, heard[2].body, "to the letter");
    // Who says that it is never taken is told once, and that is written down.
    refusing.wait(1);
    let line = crate::operations::logged(&world, "untold");
    let line = line[0].to_string();
    assert!(
        line.contains("it answered 400: invalid_audience") && !line.contains(&slow.url),
        "{line}"
    );
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(
        (slow.all().len(), refusing.all().len()),
        (3, 1),
        "what was taken is told no more"
    );
}

#[test]
fn what_somebody_can_mend_at_the_receiver_is_told_again() {
    // A key that it does not know yet, somebody who may not send yet, a proxy that says nothing of it.
    let receivers = ["invalid_key", "authentication_failed", "access_denied", ""].map(|code| {
        Receiver::new(move |number, _| match (number, code) {
            (2.., _) => (202, String::new()),
            (_, "") => (400, "<html>".to_owned()),
            _ => (400, json!({"err": code}).to_string()),
        })
    });
    let hook = Receiver::new(|number, _| {
        let status = if number == 1 { 400 } else { 200 };
        (status, json!({"err": "invalid_request"}).to_string())
    });
    let endpoint = Receiver::new(|number, _| {
        let status = if number == 1 { 400 } else { 204 };
        (status, json!({"err": "invalid_request"}).to_string())
    });
    let subscribers = receivers.each_ref().map(|one| {
        let audience = "https://siem.example";
        format!(
            "[[subscribers]]\nurl = \"{}\"\naudience = \"{audience}\"\n",
            one.url
        )
    });
    let lines = format!(
        "{}[notify]\nwebhook = \"{}\"\n",
        subscribers.concat(),
        hook.url
    );
    let client = format!("notification_endpoint = \"{}\"\n", endpoint.url);
    let world = telling(&lines, &client);
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let ping = json!("a-bearer-token-of-the-agent");
    hands_in(&agent, &token, &paying("750.00", "i-1"), &ping);
    hook.wait(2);
    let list = ann.agents();
    ann.stops(&list, CLIENT);
    for one in receivers.iter().chain([&endpoint]) {
        one.wait(2);
    }
    assert!(!world.done().contains(&"untold".to_owned()));
}

#[test]
fn what_is_taken_back_at_the_command_line_is_pushed_too() {
    let receiver = Receiver::new(|_, _| (202, String::new()));
    let lines = format!(
        "[[subscribers]]\nurl = \"{}\"\naudience = \"siem\"\n",
        receiver.url
    );
    let world = telling(&lines, "");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let tokens = [bought(&agent, &mut ann), bought(&agent, &mut ann)];
    let now = world.now.to_string();
    let base = [
        "revoke",
        "broker.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--now",
        &now,
    ];
    let list = world
        .ambit(&[&base[..], &["--list"]].concat())
        .expect(0)
        .out;
    for words in [CLIENT, "for user:ann", "agent assistant", "tokens 2"] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let nobody = [&base[..], &["--list", "--person", "user:bob"]].concat();
    assert_eq!(world.ambit(&nobody).expect(0).out, "");
    assert!(receiver.all().is_empty());
    let yes = ["--person", "user:ann", "--yes", "--why", "INC-7"];
    world.ambit(&[&base[..], &yes].concat()).expect(0);
    let heard = receiver.wait(2);
    let jwks = server.get("/jwks").json();
    let told: Vec<Value> = heard
        .iter()
        .map(|one| verified(&world, &jwks, &one.body, "secevent+jwt"))
        .collect();
    assert_ne!(told[0]["sub_id"]["session"], told[1]["sub_id"]["session"]);
    for token in &tokens {
        assert_ne!(agent.made(token, &paying("1.00", "i-1"), &[]), "allowed");
    }
}

#[test]
fn people_are_told_by_webhook_that_a_call_waits_and_nothing_of_it() {
    let hook = Receiver::new(|number, _| {
        if number == 1 {
            (500, String::new())
        } else {
            (200, String::new())
        }
    });
    let world = telling(&format!("[notify]\nwebhook = \"{}\"\n", hook.url), "");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let agent = Agent::new(&world, &server);
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "secret-invoice"));
    let heard = hook.wait(2);
    let jwks = server.get("/jwks").json();
    let told = verified(&world, &jwks, &heard[1].body, "ambit-notice+jwt");
    assert_eq!(told["asked"], json!(["user:ann"]));
    assert_eq!(
        (&told["event"], &told["aud"], &told["risk_tier"]),
        (&json!("call-waits"), &json!(hook.url), &json!("high"))
    );
    assert_eq!(told["page"], format!("{ISSUER}/agents/request?task={task}"));
    let text = told.to_string();
    for secret in ["750.00", "secret-invoice", &token[..40]] {
        assert!(!text.contains(secret), "{text}");
    }
    // What is not waiting any more is not told.
    let second = agent.waits(&token, &paying("751.00", "i-2"));
    agent.withdraws(&token, &second);
    std::thread::sleep(Duration::from_secs(2));
    let told = hook.all().len();
    assert!(told <= 3, "{told}");
}

/// `aiosmtpd`, which `cargo xtask test` installs under `target/smtp`.
struct Smtp {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Smtp {
    fn start() -> Option<Self> {
        let python =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/smtp/venv/bin/python");
        if !python.is_file() {
            let missing =
                "`aiosmtpd` is not installed under target/smtp; `cargo xtask test` does it";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker/smtp.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self {
            child,
            port,
            folder,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The messages that came, as soon as there are so many.
    fn wait(&self, count: usize) -> Vec<String> {
        for _ in 0..200 {
            let text = std::fs::read_to_string(self.path("messages")).unwrap_or_default();
            let all: Vec<String> = text
                .split("\u{1e}\n")
                .filter(|one| !one.is_empty())
                .map(str::to_owned)
                .collect();
            if all.len() >= count {
                return all;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no {count} messages came");
    }
}

#[test]
fn people_are_told_by_e_mail() {
    let Some(smtp) = Smtp::start() else { return };
    let lines = format!(
        "[notify.mail]\nserver = \"smtp://127.0.0.1:{}\"\nfrom = \"Ambit <ambit@acme.example>\"\n\
         people = {{ \"user:ann\" = \"ann@acme.example\" }}\n",
        smtp.port
    );
    let world = telling(&lines, "");
    let server = world.serve();
    let mut ann = Person::enrolled(&world, &server, "user:ann");
    let mut bob = Person::enrolled(&world, &server, "user:bob");
    let agent = Agent::new(&world, &server);
    // Nobody knows where bob reads.
    let bobs = bought(&agent, &mut bob);
    agent.waits(&bobs, &paying("750.00", "i-1"));
    let token = bought(&agent, &mut ann);
    let task = agent.waits(&token, &paying("750.00", "secret-invoice"));
    // The server puts the first off (451).
    let messages = smtp.wait(1);
    let message = messages[0].replace("=\n", "").replace("=3D", "=");
    for words in [
        "From: Ambit <ambit@acme.example>",
        "To: ann@acme.example",
        &format!("/agents/request?task={task}"),
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(
        !message.contains("secret-invoice") && !message.contains("750"),
        "{message}"
    );
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(smtp.wait(1).len(), 1);
}
