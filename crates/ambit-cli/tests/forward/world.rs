//! A project, a token of an agent, and proofs of its calls.

use std::fs;
use std::ops::Deref;
use std::path::Path;

use ambit_host::ask::Evaluation;
use serde_json::{Value, json};

use crate::listening::{Answer, Listening, exchange};
use crate::served::Folder;
use crate::shown;

pub(crate) const URL: &str = "https://notes.example";

/// The project, built and signed, with `token.jwt` of an agent that reads all notes, lists 50, reads files of Ann's,
/// mails to Ann, writes note 7, and deletes with a person's yes.
pub(crate) struct World {
    folder: Folder,
    pub(crate) token: String,
}

impl Deref for World {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

/// The policy of the world.
pub(crate) const POLICY: [&str; 6] = [
    "--module",
    "policy.wasm",
    "--trust",
    "keys.json",
    "--seen",
    "seen.json",
];

/// What a call is to the policy: action, power, resource, arguments.
pub(crate) type Meant<'a> = (&'a str, &'a str, &'a str, Value);

impl World {
    pub(crate) fn new() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forward/notes");
        let names = [
            "ambit.toml",
            "schema.cedarschema",
            "agents/app.toml",
            "forward.toml",
            "envoy.toml",
        ];
        let mut world = Self {
            folder: Folder::with(&source, &names),
            token: String::new(),
        };
        for name in ["keys", "proposals", "approvals"] {
            fs::create_dir(world.path(name)).unwrap();
        }
        for (key, more) in [
            ("module", &["--trust", "keys.json"][..]),
            ("issuer", &["--kid", "issuer-1"]),
            ("approver", &["--kid", "approver-1"]),
            ("holder", &[]),
            ("log", &[]),
        ] {
            let file = format!("keys/{key}.jwk");
            let run = world.ambit(&[&["keygen", "-o", &file][..], more].concat());
            let public: Value = serde_json::from_str(&run.expect(0).out).unwrap();
            world.write(&format!("keys/{key}.pub.jwk"), &public.to_string());
            if ["issuer", "approver"].contains(&key) {
                world.edit(
                    "ambit.toml",
                    &format!("{{{{{key}}}}}"),
                    public["x"].as_str().unwrap(),
                );
            }
        }
        world.build();
        world.token = world.mint(&entries());
        world
    }

    /// Builds and signs what the sources say.
    pub(crate) fn build(&self) {
        self.ambit(&["build", ".", "-o", "next.wasm"]).expect(0);
        self.ambit(&["sign", "next.wasm", "--key", "keys/module.jwk"])
            .expect(0);
        for end in [".dsse.json", ""] {
            let (next, now) = (format!("next.wasm{end}"), format!("policy.wasm{end}"));
            fs::rename(self.path(&next), self.path(&now)).unwrap();
        }
    }

    /// Another token of the same agent, with nothing used of it.
    pub(crate) fn renew(&mut self) {
        self.token = self.mint(&entries());
    }

    /// A token with these capabilities, bound to the holder's key.
    pub(crate) fn mint(&self, entries: &Value) -> String {
        self.minted(("user:ann", URL), ("app", "keys/holder.pub.jwk"), entries)
    }

    /// A fresh proof of a call, which names its digest where the policy wants that.
    pub(crate) fn proof(&self, method: &str, target: &str, meant: Option<&Meant<'_>>) -> String {
        let path = target.split('?').next().unwrap();
        let call = meant.map(|(action, power, id, args)| {
            let evaluation = Evaluation {
                action,
                power,
                args: &args.to_string(),
                resource: ("note", id),
                purpose: "daily-work",
                subject: None,
            };
            shown::digest(self, &self.token, URL, &evaluation)
        });
        let request = (method, &*format!("{URL}{path}"));
        shown::proof(self, "keys/holder.jwk", &self.token, request, call)
    }

    /// The headers of a call.
    pub(crate) fn shown(&self, method: &str, target: &str, meant: Option<&Meant<'_>>) -> String {
        let proof = self.proof(method, target, meant);
        format!("authorization: DPoP {}\r\ndpop: {proof}\r\n", self.token)
    }

    pub(crate) fn serve(&self, config: &str, more: &[&str]) -> Listening {
        let listen = ["gateway", "forward", config, "--listen=127.0.0.1:0"];
        let log = ["--log", "audit.log", "--log-key", "keys/log.jwk"];
        let arguments = [&listen[..], &POLICY, &log, more].concat();
        Listening::start(&self.path(""), &arguments, "checking at http://")
    }

    /// As `serve`, asked by Envoy over gRPC.
    pub(crate) fn serve_grpc(&self, config: &str, more: &[&str]) -> Listening {
        let listen = ["gateway", "forward", config, "--grpc", "127.0.0.1:0"];
        let arguments = [&listen[..], &POLICY, more].concat();
        Listening::start(&self.path(""), &arguments, "checking at grpc://")
    }

    pub(crate) fn serve_nginx(&self) -> Listening {
        self.serve("forward.toml", &["--ledger", "used.sqlite"])
    }
}

/// What nginx asks about a request without a body.
pub(crate) fn asks(server: &Listening, method: &str, target: &str, headers: &str) -> Answer {
    let text = format!(
        "GET /check HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\nx-original-method: {method}\r\n\
         x-original-uri: {target}\r\nx-original-body: HTTP/1.1\r\n{headers}\r\n"
    );
    exchange(&server.address, text.as_bytes())
}

/// The code that nginx is told.
pub(crate) fn code(answer: &Answer) -> String {
    let problem = header(answer, "ambit-problem");
    let problem: Value = serde_json::from_str(&problem).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn header(answer: &Answer, name: &str) -> String {
    let lines = answer.head.lines().skip(1);
    let mut pairs = lines.filter_map(|line| line.split_once(": "));
    let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

fn entries() -> Value {
    let entry = |actions: &[&str], powers: &[&str], more: Value| {
        let mut entry = json!({
            "type": "ambit_capability", "actions": actions, "datatypes": ["note"],
            "privileges": powers, "purpose": "daily-work",
        });
        for (name, value) in more.as_object().unwrap() {
            entry[name] = value.clone();
        }
        entry
    };
    let (any, to) = (
        json!({"constraint_type": "wildcard"}),
        json!({"constraint_type": "one_of", "values": ["ann@notes.example"]}),
    );
    let (few, own) = (
        json!({"constraint_type": "range", "min": 0, "max": 50}),
        json!({"constraint_type": "subpath", "root": "/ann"}),
    );
    let twice = json!([{"type": "use_limit", "max": 2}]);
    json!([
        entry(
            &["list_notes"],
            &["observe"],
            json!({"constraints": {"limit": few, "*": any}})
        ),
        entry(&["read_note", "list_notes"], &["observe"], json!({})),
        entry(
            &["read_file"],
            &["observe"],
            json!({"constraints": {"path": own}})
        ),
        entry(
            &["send_note"],
            &["draft", "execute"],
            json!({"constraints": {"to": to, "*": any}, "limits": twice})
        ),
        entry(&["write_note"], &["execute"], json!({"identifier": "7"})),
        entry(
            &["delete_note"],
            &["propose", "execute"],
            json!({"requires": {"approval": true}})
        ),
    ])
}
