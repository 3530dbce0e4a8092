//! A project, its tokens and a running decision point.

use std::fs;
use std::ops::Deref;
use std::path::Path;

use serde_json::{Value, json};

use crate::listening::{Listening, exchange};
use crate::served::Folder;

/// A capability for these actions, with more members.
pub(crate) fn entry(actions: &[&str], kind: &str, more: &Value) -> Value {
    let reads = actions[0].starts_with("read");
    let mut entry = json!({
        "type": "ambit_capability", "actions": actions, "datatypes": [kind],
        "privileges": [if reads { "observe" } else { "execute" }], "purpose": "daily-work",
    });
    for (name, value) in more.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

/// The project, built and signed, in a folder of its own.
pub(crate) struct World {
    folder: Folder,
}

impl Deref for World {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pdp/todo");
        let names = [
            "ambit.toml",
            "schema.cedarschema",
            "agents/app.toml",
            "pdp.toml",
        ];
        let folder = Folder::with(&source, &names);
        let world = Self { folder };
        fs::create_dir(world.path("keys")).unwrap();
        for (key, more) in [
            ("module", &["--trust", "keys.json"][..]),
            ("issuer", &["--kid", "issuer-1"]),
            ("holder", &[]),
            ("log", &[]),
        ] {
            let file = format!("keys/{key}.jwk");
            let run = world.ambit(&[&["keygen", "-o", &file][..], more].concat());
            let public: Value = serde_json::from_str(&run.expect(0).out).unwrap();
            world.write(&format!("keys/{key}.pub.jwk"), &public.to_string());
            if key == "issuer" {
                world.edit("ambit.toml", "{{issuer}}", public["x"].as_str().unwrap());
            }
        }
        world.build();
        world
    }

    /// Builds and signs what the sources say.
    pub(crate) fn build(&self) {
        self.ambit(&["build", ".", "-o", "next.wasm"]).expect(0);
        self.ambit(&["sign", "next.wasm", "--key", "keys/module.jwk"])
            .expect(0);
        fs::rename(
            self.path("next.wasm.dsse.json"),
            self.path("policy.wasm.dsse.json"),
        )
        .unwrap();
        fs::rename(self.path("next.wasm"), self.path("policy.wasm")).unwrap();
    }

    /// Makes a token for a subject, held by the decision point, and maps the subject to it.
    pub(crate) fn hold(&self, id: &str, entries: &[Value]) {
        let name = format!("{}.jwt", self.read("pdp.toml").len());
        let token = self.token(id, entries);
        self.write(&name, &token);
        let entry = format!("\n[[subjects]]\ntype = \"user\"\nid = \"{id}\"\ntoken = \"{name}\"\n");
        self.write("pdp.toml", &(self.read("pdp.toml") + &entry));
    }

    /// A token for a subject, bound to the holder's key.
    pub(crate) fn token(&self, id: &str, entries: &[Value]) -> String {
        let whose = format!("user:{id}");
        let holder = ("app", "keys/holder.pub.jwk");
        self.minted((&whose, "https://todo.example"), holder, &json!(entries))
    }

    pub(crate) const SERVE: [&str; 17] = [
        "pdp",
        "pdp.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--seen",
        "seen.json",
        "--ledger",
        "used.sqlite",
        "--log",
        "audit.log",
        "--log-key",
        "keys/log.jwk",
        "--holder-key",
        "keys/holder.jwk",
        "--listen=127.0.0.1:0",
    ];

    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let arguments = [&Self::SERVE[..], more].concat();
        Server::start(&self.path(""), &arguments, "deciding at http://")
    }

    /// Serves what lies in a folder of policies.
    pub(crate) fn serve_from(&self, folder: &str) -> Server {
        let from = |word| if word == "policy.wasm" { folder } else { word };
        let mut arguments = Self::SERVE.map(from).to_vec();
        arguments.extend(["--uid", "acme/todo"]);
        Server::start(&self.path(""), &arguments, "deciding at http://")
    }
}

/// A running decision point, which ends with this.
pub(crate) type Server = Listening;

/// What it answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Told {
    pub(crate) fn decision(&self) -> bool {
        assert_eq!(self.status, 200, "{self:?}");
        self.body["decision"].as_bool().expect("a decision")
    }

    /// The code of a denial.
    #[track_caller]
    pub(crate) fn denied(&self) -> &str {
        assert!(!self.decision(), "{self:?}");
        self.body["context"]["reason"]["code"]
            .as_str()
            .unwrap_or("none told")
    }
}

impl Server {
    pub(crate) fn evaluate(&self, request: &Value) -> Told {
        self.post("/access/v1/evaluation", &[], &request.to_string())
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Told {
        let mut all = vec![("content-type", "application/json")];
        if headers.iter().any(|(name, _)| *name == "content-type") {
            all.clear();
        }
        all.extend(headers);
        self.send("POST", path, &all, body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.raw(request.as_bytes())
    }

    /// Sends these bytes and reads until the connection is closed.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Told {
        let answer = exchange(&self.address, bytes);
        Told {
            status: answer.status,
            head: answer.head.to_lowercase(),
            body: serde_json::from_str(&answer.body).unwrap_or_default(),
        }
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        self.said.says(words);
    }
}
