//! The certified OpenID provider from npm. `cargo xtask test` installs it under `target/oidc`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_token::base64url;
use serde_json::{Value, json};

use crate::agent::{Agent, parameter};
use crate::listening::exchange;
use crate::person::Person;
use crate::world::{ISSUER, World};

fn installed() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/oidc");
    if folder.join("node_modules/oidc-provider").is_dir() {
        return Some(folder.canonicalize().unwrap());
    }
    let missing = "`oidc-provider` is not installed under target/oidc; `cargo xtask test` does it";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// The provider, which ends with this.
struct Provider {
    child: Child,
    /// It goes on to say things, and would end if nobody could hear them.
    _out: BufReader<ChildStdout>,
    issuer: String,
    /// What it keeps in the person's browser.
    cookies: BTreeMap<String, String>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Provider {
    fn start(jwk: Option<&str>) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broker/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(installed()?)
            .arg(ISSUER)
            .args(jwk)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut issuer).unwrap();
        assert!(issuer.starts_with("http://"), "it does not start");
        Some(Self {
            child,
            _out: out,
            issuer: issuer.trim().to_owned(),
            cookies: BTreeMap::new(),
        })
    }

    /// A world in which people log in here.
    fn world(&self, key: &str) -> World {
        let world = World::new();
        let first = "[[clients]]\nclient_id = \"https://agents.example/assistant/1\"";
        let login = format!(
            "[login]\nissuer = \"{}\"\nclient_id = \"broker\"\n{key}acr_values = [\"urn:strong\"]\n\
             subject_prefix = \"user:\"\n\n{first}",
            self.issuer
        );
        world.edit("broker.toml", first, &login);
        world
    }

    /// The browser at the provider, until it is sent back: the path at the broker.
    #[track_caller]
    fn passes(&mut self, url: &str) -> String {
        let mut url = url.to_owned();
        for _ in 0..8 {
            if let Some(path) = url.strip_prefix(ISSUER) {
                return path.to_owned();
            }
            let path = url.strip_prefix(&self.issuer).unwrap_or(&url).to_owned();
            let address = self.issuer.strip_prefix("http://").unwrap();
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = format!(
                "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncookie: {}\r\n\r\n",
                cookies.join("; ")
            );
            let answer = exchange(address, request.as_bytes());
            let headers = answer.head.lines().filter_map(|line| line.split_once(": "));
            let mut next = None;
            for (name, value) in headers {
                match name.to_ascii_lowercase().as_str() {
                    "location" => next = Some(value.to_owned()),
                    "set-cookie" => {
                        let pair = value.split(';').next().unwrap();
                        let (name, value) = pair.split_once('=').unwrap();
                        self.cookies.insert(name.to_owned(), value.to_owned());
                    }
                    _ => {}
                }
            }
            url = next.unwrap_or_else(|| panic!("{path}: {} {}", answer.head, answer.body));
        }
        panic!("it goes round and round")
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(payload.as_bytes()).unwrap()).unwrap()
}

/// The provider says how somebody logged in where it is asked, and then the token says so.
///
/// From an agent's request over a login at the provider to a token, for each of these requests.
fn logs_in(provider: &mut Provider, world: &World, requests: &[(Value, Option<&str>, bool)]) {
    let now = now();
    let server = world.serve_at(now);
    let agent = Agent::new(world, &server).at(now);
    let mut ann = Person::new(&server, "user:7");
    for (asked, acr, goes) in requests {
        let mut page = ann.opens(&agent.ask(asked));
        assert_eq!(page.text.contains("/login/away"), *goes, "{page:?}");
        if *goes {
            let visit = ann.leaves(&page);
            let back = provider.passes(&visit.url);
            assert!(parameter(&back, "iss").is_some(), "{back}");
            let told = ann.get(&back);
            assert_eq!(told.status, 303, "{told:?} {}", server.running.said.text());
            page = ann.get(told.header("location").unwrap());
        }
        let told = ann.answers(&page, "allow", &[]);
        let code = parameter(told.header("location").unwrap(), "code").unwrap();
        let token = agent.exchange(&code, &json!({})).json();
        let made = claims(token["access_token"].as_str().unwrap());
        assert_eq!(
            (&made["sub"], &made["acr"]),
            (&json!("user:7"), &json!(acr))
        );
        assert!(
            (now - 30..=now).contains(&made["auth_time"].as_i64().unwrap()),
            "{made}"
        );
    }
}

#[test]
fn people_log_in_at_a_certified_provider() {
    let Some(mut provider) = Provider::start(None) else {
        return;
    };
    let world = provider.world("");
    logs_in(
        &mut provider,
        &world,
        &[
            (json!({}), None, true),
            (json!({}), None, false),
            // A step up: the session of the provider is there, and not enough.
            (
                json!({"acr_values": "urn:strong"}),
                Some("urn:strong"),
                true,
            ),
            (
                json!({"acr_values": "urn:strong", "max_age": "600"}),
                Some("urn:strong"),
                false,
            ),
        ],
    );
}

#[test]
fn the_broker_says_who_it_is_by_private_key_jwt() {
    let world = World::new();
    let made = world.ambit(&["keygen", "-o", "keys/login.jwk", "--alg", "ES256"]);
    let public = made.expect(0).out;
    let Some(mut provider) = Provider::start(Some(&public)) else {
        return;
    };
    let with = provider.world("key = \"keys/login.jwk\"\n");
    std::fs::copy(world.path("keys/login.jwk"), with.path("keys/login.jwk")).unwrap();
    logs_in(
        &mut provider,
        &with,
        &[(json!({"max_age": "0"}), None, true)],
    );
    // With another key it is nobody.
    let made = with.ambit(&["keygen", "-o", "keys/another.jwk", "--alg", "ES256"]);
    made.expect(0);
    with.edit("broker.toml", "keys/login.jwk", "keys/another.jwk");
    let now = now();
    let server = with.serve_at(now);
    let mut ann = Person::new(&server, "user:7");
    let page = ann.get("/agents");
    let visit = ann.leaves(&page);
    let told = ann.get(&provider.passes(&visit.url));
    assert!(
        told.status == 500 && told.text.contains("broker.provider"),
        "{told:?}"
    );
    server.running.said.says("invalid_client");
}
