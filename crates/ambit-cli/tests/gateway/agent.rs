//! An agent that comes over HTTP with a token of its own, and the gateway that it comes to.

use std::sync::atomic::{AtomicU64, Ordering};

use ambit_host::ask::Evaluation;
use serde_json::{Value, json};

use crate::listening::{Answer, Listening, exchange};
use crate::shown;
pub(crate) use crate::shown::now;
use crate::world::{World, source};

pub(crate) const URL: &str = "https://notes.example/mcp";

/// What a request with a message says of its form.
pub(crate) const FORM: &str =
    "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n";

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
        let call = call.map(|(action, args)| {
            let evaluation = Evaluation {
                action,
                power: "execute",
                args: &args.to_string(),
                resource: ("folder", "notes"),
                purpose: "notes",
                subject: None,
            };
            shown::digest(self.world, &self.token, URL, &evaluation)
        });
        let key = format!("keys/{}.jwk", self.name);
        shown::proof(self.world, &key, &self.token, (method, URL), call)
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
        send(to, "POST /mcp", &format!("{FORM}{headers}"), message)
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
