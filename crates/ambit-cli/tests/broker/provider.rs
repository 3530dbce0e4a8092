//! An OpenID provider that says whatever a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ambit_compiler::keys::{self, SecretKey};
use serde_json::{Value, json};

use crate::agent::{jws, parameter, patched};
use crate::person::Person;
use crate::world::{Told, World};

/// What it is asked with, and what it says.
#[derive(Default)]
struct Said {
    metadata: Value,
    keys: Value,
    token: (u16, Value),
    asked: Vec<String>,
}

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) key: SecretKey,
    said: Arc<Mutex<Said>>,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = keys::generate(Some("provider-1")).unwrap();
        let provider = Self {
            issuer,
            key,
            said: Arc::default(),
        };
        provider.describes(&json!({}));
        provider.publishes(&provider.key);
        let said = Arc::clone(&provider.said);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &said);
            }
        });
        provider
    }

    /// Its metadata, with these changes.
    pub(crate) fn describes(&self, patch: &Value) {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let metadata = json!({
            "issuer": self.issuer, "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
            "authorization_response_iss_parameter_supported": true,
        });
        self.said.lock().unwrap().metadata = patched(metadata, patch);
    }

    /// The one key that it says is its own.
    pub(crate) fn publishes(&self, key: &SecretKey) {
        let mut jwk = key.public_jwk();
        jwk["kid"] = json!(key.kid());
        self.said.lock().unwrap().keys = json!({"keys": [jwk]});
    }

    pub(crate) fn answers(&self, status: u16, body: Value) {
        self.said.lock().unwrap().token = (status, body);
    }

    /// The forms that came to the token endpoint.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.said.lock().unwrap().asked.clone()
    }

    /// A world in which people log in here.
    pub(crate) fn world(&self) -> World {
        let world = World::new();
        let first = "[[clients]]\nclient_id = \"https://agents.example/assistant/1\"";
        let login = format!(
            "[login]\nissuer = \"{}\"\nclient_id = \"broker\"\nacr_values = [\"urn:strong\"]\n\
             people = {{ \"7\" = \"user:ann\" }}\n\n{first}",
            self.issuer
        );
        world.edit("broker.toml", first, &login);
        world
    }

    /// A login that is as it should be, for this visit.
    pub(crate) fn claims(&self, visit: &Visit, now: i64) -> Value {
        json!({"iss": self.issuer, "sub": "7", "aud": "broker", "nonce": visit.nonce, "iat": now, "exp": now + 60,
            "auth_time": now - 5, "acr": "urn:plain", "amr": ["pwd", "otp"]})
    }

    /// The next code stands for this.
    pub(crate) fn vouches(&self, claims: &Value) {
        let header = json!({"alg": self.key.alg(), "typ": "JWT", "kid": self.key.kid()});
        self.vouches_as(&header, claims, &self.key);
    }

    pub(crate) fn vouches_as(&self, header: &Value, claims: &Value, key: &SecretKey) {
        let token = jws(header, claims, key);
        self.answers(
            200,
            json!({"id_token": token, "access_token": "x", "token_type": "Bearer"}),
        );
    }

    /// The address at which a browser comes back.
    pub(crate) fn back(&self, visit: &Visit) -> String {
        let issuer = self.issuer.replace(':', "%3A").replace('/', "%2F");
        format!("/login/back?code=c-1&state={}&iss={issuer}", visit.state)
    }
}

/// Where a browser was sent.
pub(crate) struct Visit {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
}

impl Visit {
    pub(crate) fn says(&self, name: &str) -> Option<String> {
        parameter(&self.url, name)
    }
}

impl Person {
    /// Follows the link of a login page to the provider.
    #[track_caller]
    pub(crate) fn leaves(&mut self, page: &Told) -> Visit {
        let link = page.text.split("href=\"/login/away?").nth(1);
        let link = link.unwrap_or_else(|| panic!("no way to a provider: {page:?}"));
        let link = link.split('"').next().unwrap().replace("&amp;", "&");
        let told = self.get(&format!("/login/away?{link}"));
        assert_eq!(told.status, 303, "{told:?}");
        let url = told.header("location").unwrap().to_owned();
        Visit {
            state: parameter(&url, "state").unwrap(),
            nonce: parameter(&url, "nonce").unwrap(),
            url,
        }
    }
}

fn answer(mut stream: TcpStream, said: &Mutex<Said>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut said = said.lock().unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, answer) = match path {
        "/.well-known/openid-configuration" => (200, said.metadata.clone()),
        "/keys" => (200, said.keys.clone()),
        "/token" => {
            said.asked.push(String::from_utf8(body).unwrap());
            said.token.clone()
        }
        _ => (404, json!({})),
    };
    let text = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(format!("{head}{text}").as_bytes());
}
