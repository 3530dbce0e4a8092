//! An agent that comes over HTTP with a token of its own, and the gateway that it comes to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_host::ask::{Evaluation, Request};
use ambit_host::{LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Trust};
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::listening::{Answer, Listening, exchange};
use crate::world::{World, source};

pub(crate) const URL: &str = "https://notes.example/mcp";

pub(crate) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

impl World {
    /// The project of `files/`, to which agents bring their own tokens.
    pub(crate) fn shared() -> Self {
        let world = Self::new();
        let servers = "authorization_servers = [\"https://login.example\"]";
        world.edit("mcp.toml", "token = \"token.jwt\"", servers);
        world
    }

    /// The gateway for agents, in front of the fixture's server.
    pub(crate) fn listen(&self, more: &[&str]) -> Listening {
        let server = source("server.mjs");
        self.listen_with(more, &["--", "node", server.to_str().unwrap()])
    }

    /// The same in front of another server.
    pub(crate) fn listen_with(&self, more: &[&str], server: &[&str]) -> Listening {
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
            "--log",
            "audit.log",
            "--log-key",
            "keys/log.jwk",
            "--proposals=proposals",
            "--approvals=approvals",
            "--listen=127.0.0.1:0",
        ];
        let arguments = [&common[..], more, server].concat();
        Listening::start(&self.path(""), &arguments, "checking at http://")
    }

    /// An agent with a key of its own and a token with these capabilities.
    pub(crate) fn agent(&self, name: &str, entries: &[Value]) -> Agent<'_> {
        let file = format!("keys/{name}.jwk");
        let public = self.ambit(&["keygen", "-o", &file]).expect(0).out;
        self.write(&format!("keys/{name}.pub.jwk"), &public);
        let mut agent = Agent {
            world: self,
            name: name.to_owned(),
            token: String::new(),
            session: None,
            count: AtomicU64::new(0),
        };
        agent.grant("user:ann", entries);
        agent
    }
}

/// An agent, and its session.
pub(crate) struct Agent<'w> {
    world: &'w World,
    name: String,
    pub(crate) token: String,
    pub(crate) session: Option<String>,
    count: AtomicU64,
}

impl Agent<'_> {
    /// A new token for it.
    pub(crate) fn grant(&mut self, sub: &str, entries: &[Value]) {
        let key = format!("keys/{}.pub.jwk", self.name);
        self.token = self
            .world
            .minted((sub, URL), ("notes", &key), &json!(entries));
    }

    /// A fresh proof of a request, and of a call where it is one that is executed.
    pub(crate) fn proof(&self, method: &str, call: Option<(&str, &Value)>) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = self.world.path(&format!("keys/{}.jwk", self.name));
        let key = ambit_compiler::keys::load(&path).unwrap();
        let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.public_jwk()});
        let jti = format!("{}-{}", now(), COUNT.fetch_add(1, Ordering::Relaxed));
        let ath = base64url::encode(&Sha256::digest(&self.token));
        let mut claims = json!({"jti": jti, "htm": method, "htu": URL, "iat": now(), "ath": ath});
        if let Some((action, args)) = call {
            claims["ambit_call"] = json!(self.digest(action, args));
        }
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes())))
    }

    /// The digest of a call that executes, as an agent makes it.
    fn digest(&self, action: &str, args: &Value) -> String {
        let world = self.world;
        let trust = Trust::parse(world.read("keys.json").as_bytes()).unwrap();
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: None,
            now: now(),
            seen: &seen,
        };
        let (module, signature) = (
            world.path("policy.wasm"),
            world.path("policy.wasm.dsse.json"),
        );
        let module = PolicyModule::read(&module, Some(&signature), &trust, &options).unwrap();
        let evaluation = Evaluation {
            action,
            power: "execute",
            args: &args.to_string(),
            resource: ("folder", "notes"),
            purpose: "notes",
            subject: None,
        };
        let request = Request::<&str> {
            evaluation: &evaluation.to_text(),
            token: Some(&self.token),
            proof: None,
            approvals: &[],
            enrolments: &[],
            statements: &[],
            entities: None,
            facts: &json!({"now": now(), "audience": URL}).to_string(),
        };
        let said = NativeEngine::new(&module).call_digest(request.to_text().as_bytes());
        let said: Value = serde_json::from_str(&said).unwrap();
        let digest = said["binding_s256"].as_str();
        digest.unwrap_or_else(|| panic!("{said}")).to_owned()
    }

    /// The headers of a request, with this proof.
    pub(crate) fn headers(&self, proof: &str) -> String {
        let mut headers = format!("authorization: DPoP {}\r\ndpop: {proof}\r\n", self.token);
        if let Some(session) = &self.session {
            headers.push_str(&format!("mcp-session-id: {session}\r\n"));
        }
        headers
    }

    /// Sends a message with these headers.
    pub(crate) fn post(&self, to: &Listening, headers: &str, message: &str) -> Answer {
        let form =
            "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n";
        send(to, "POST /mcp", &format!("{form}{headers}"), message)
    }

    /// Sends a message with a fresh proof.
    pub(crate) fn says(&self, to: &Listening, message: &Value) -> Answer {
        let headers = self.headers(&self.proof("POST", None));
        self.post(to, &headers, &message.to_string())
    }

    /// Asks for something.
    pub(crate) fn asks(&self, to: &Listening, method: &str, params: &Value) -> Answer {
        self.says(to, &self.request(method, params))
    }

    fn request(&self, method: &str, params: &Value) -> Value {
        let id = self.count.fetch_add(1, Ordering::Relaxed);
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    /// Begins a session.
    #[track_caller]
    pub(crate) fn begins(&mut self, to: &Listening) {
        self.session = None;
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}}, "clientInfo": {"name": "c", "version": "1"}});
        let answer = self.asks(to, "initialize", &params);
        assert_eq!(answer.status, 200, "{}{}", answer.head, answer.body);
        self.session = Some(header(&answer, "mcp-session-id").expect("a session"));
        let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(self.says(to, &done).status, 202);
    }

    /// Calls a tool that only looks.
    pub(crate) fn reads(&self, to: &Listening, path: &str) -> Answer {
        let params = json!({"name": "read_file", "arguments": {"path": path}});
        self.asks(to, "tools/call", &params)
    }

    /// Calls a tool that does something, whose action has this name.
    pub(crate) fn executes(
        &self,
        to: &Listening,
        action: &str,
        tool: &str,
        args: &Value,
    ) -> Answer {
        let headers = self.headers(&self.proof("POST", Some((action, args))));
        let params = json!({"name": tool, "arguments": args});
        self.post(
            to,
            &headers,
            &self.request("tools/call", &params).to_string(),
        )
    }
}

/// One request on a connection of its own.
pub(crate) fn send(to: &Listening, line: &str, headers: &str, body: &str) -> Answer {
    let host = match headers.contains("host: ") {
        true => "",
        false => "host: notes.example\r\n",
    };
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nconnection: close\r\n{host}content-length: {length}\r\n{headers}\r\n"
    );
    exchange(&to.address, (head + body).as_bytes())
}

/// A header of an answer.
pub(crate) fn header(answer: &Answer, name: &str) -> Option<String> {
    let mut lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

/// The JSON of an answer.
#[track_caller]
pub(crate) fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{} {}", answer.head, answer.body))
}

/// The code of a call that was refused, however it was told.
#[track_caller]
pub(crate) fn code(answer: &Answer) -> String {
    let body = body(answer);
    let places = [
        &body["code"],
        &body["error"]["data"]["code"],
        &body["result"]["_meta"]["dev.ambit/code"],
    ];
    let code = places.into_iter().find_map(Value::as_str);
    code.unwrap_or_else(|| panic!("{body}")).to_owned()
}
