//! A project with a broker in front of it.

use std::ops::Deref;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::common::Project;
use crate::listening::{Listening, exchange};

pub(crate) const ISSUER: &str = "https://broker.example";
pub(crate) const CLIENT: &str = "https://agents.example/assistant/1";
pub(crate) const BACK: &str = "https://agents.example/callback";

/// The project of `ambit init`, with the broker's keys and two clients; another one of its own for each test.
pub(crate) struct World {
    project: Project,
    /// What time it is for the broker and for everybody else.
    pub(crate) now: i64,
}

impl Deref for World {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let project = Project::fresh();
        project.edit("ambit.toml", "https://issuer.example", ISSUER);
        project.edit("ambit.toml", "possession = \"off\"\n", "");
        project.edit(
            "ambit.toml",
            "[policy]\n",
            &format!("[policy]\nepochs_from = [\"{ISSUER}\"]\n"),
        );
        let mut file = project.read("ambit.toml");
        for (name, signs) in [
            ("approve", "approval-receipt+jwt"),
            ("epochs", "revocation-epochs+jwt"),
        ] {
            let path = format!("keys/{name}.jwk");
            let key = [
                "keygen", "-o", &path, "--kid", name, "--toml", "--iss", ISSUER,
            ];
            let table = project.ambit(&key).expect(0).out;
            file += &format!("\n{}", table.replace("cap+jwt", signs));
        }
        project.write("ambit.toml", file);
        // Payments have no words in German.
        let line = "@label_de(\"Rechnungen bezahlen, observe: Zahlungen ansehen, draft: Zahlungen vorbereiten\")\n";
        project.edit("schema.cedarschema", line, "");
        for name in ["client", "other", "holder", "stranger", "log"] {
            let path = format!("keys/{name}.jwk");
            let public = project.ambit(&["keygen", "-o", &path]).expect(0).out;
            project.write(&format!("keys/{name}.pub.jwk"), public);
        }
        project.write("broker.toml", config());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let world = Self {
            project,
            now: since.as_secs().try_into().unwrap(),
        };
        world.build();
        world
    }

    /// Builds and signs what the sources say.
    pub(crate) fn build(&self) {
        self.ambit(&["build", ".", "-o", "next.wasm"]).expect(0);
        self.ambit(&["sign", "next.wasm", "--key", "keys/module.jwk"])
            .expect(0);
        for (from, to) in [
            ("next.wasm.dsse.json", "policy.wasm.dsse.json"),
            ("next.wasm", "policy.wasm"),
        ] {
            std::fs::rename(self.path(from), self.path(to)).unwrap();
        }
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_at(self.now)
    }

    /// A broker whose clock stands there.
    pub(crate) fn serve_at(&self, now: i64) -> Server {
        self.serve_with(now, &[])
    }

    pub(crate) fn serve_with(&self, now: i64, more: &[&str]) -> Server {
        let now = now.to_string();
        let arguments = [
            "serve",
            "broker.toml",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
            "--seen",
            "seen.json",
            "--log",
            "audit.log",
            "--log-key",
            "keys/log.jwk",
            "--listen",
            "127.0.0.1:0",
            "--now",
            &now,
        ];
        let arguments = [&arguments[..], more].concat();
        let running = Listening::start(&self.path(""), &arguments, "the broker listens at http://");
        Server {
            line: Line {
                address: running.address.clone(),
            },
            running,
        }
    }

    /// `ambit serve --check` of its file, at its time, with more of a command line.
    pub(crate) fn check(&self, more: &[&str]) -> crate::common::Run {
        let now = self.now.to_string();
        let base = [
            "serve",
            "broker.toml",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
            "--now",
            &now,
            "--check",
        ];
        self.ambit(&[&base[..], more].concat())
    }

    /// What the log says was done, in order.
    pub(crate) fn done(&self) -> Vec<String> {
        let log = self.read("audit.log");
        let line = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let lines = log
            .lines()
            .map(line)
            .filter(|line| line["type"] == "dev.ambit.broker.v1");
        lines
            .map(|line| line["data"]["status_code"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn config() -> String {
    let client = |id: &str, key: &str, back: &str| {
        format!(
            "[[clients]]\nclient_id = \"{id}\"\nkeys = [\"keys/{key}.pub.jwk\"]\nredirect_uris = [\"{back}\"]\n\
             audiences = [\"https://mail.example\"]\nact = \"{id}\"\nagent = {{ uid = \"assistant\" }}\n\n"
        )
    };
    format!(
        "issuer = \"{ISSUER}\"\ndatabase = \"broker.sqlite\"\ntoken_key = \"keys/issuer.jwk\"\n\
         receipt_key = \"keys/approve.jwk\"\nepochs_key = \"keys/epochs.jwk\"\n\n{}{}",
        client(CLIENT, "client", BACK),
        client(
            "https://agents.example/other",
            "other",
            "https://other.example/callback"
        ),
    )
}

/// To draft e-mail to customers.
pub(crate) fn drafts() -> Value {
    json!({
        "type": "ambit_capability", "actions": ["email"], "privileges": ["draft"],
        "datatypes": ["Contact"], "purpose": "customer-care",
        "constraints": {
            "to": {"constraint_type": "email_domain", "values": ["customer.example"]},
            "subject": {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}},
        },
    })
}

/// To pay up to so much, in minor units.
pub(crate) fn pays(most: i64) -> Value {
    json!({
        "type": "ambit_capability", "actions": ["pay"], "privileges": ["propose", "execute"],
        "datatypes": ["Invoice"], "purpose": "customer-care",
        "constraints": {
            "amount": {"constraint_type": "range", "min": 1, "max": most},
            "currency": {"constraint_type": "exact", "value": "EUR"},
        },
    })
}

/// A running broker, which ends with this.
pub(crate) struct Server {
    pub(crate) running: Listening,
    pub(crate) line: Line,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }

    /// It was refused with this error of the RFCs and our code beside it.
    #[track_caller]
    pub(crate) fn refused(&self, error: &str, code: &str) {
        let body = self.json();
        assert_eq!(
            (&body["error"], &body["ambit_code"]),
            (&json!(error), &json!(code)),
            "{self:?}"
        );
        let status = match error {
            "invalid_client" => 401,
            "temporarily_unavailable" => 429,
            _ => 400,
        };
        assert_eq!(self.status, status, "{self:?}");
    }

    /// It is a page that says that there is no way on, for this reason.
    #[track_caller]
    pub(crate) fn ended(&self, code: &str) {
        assert_eq!(self.status, 400, "{self:?}");
        assert!(
            self.text.contains(&format!("<code>{code}</code>")),
            "{self:?}"
        );
        assert_eq!(self.header("location"), None);
    }

    /// The value of a hidden field of a page.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self
            .text
            .split(&mark)
            .nth(1)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Deref for Server {
    type Target = Line;

    fn deref(&self) -> &Line {
        &self.line
    }
}

/// Where a broker listens.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    address: String,
}

impl Line {
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Told {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nhost: broker.example\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let answer = exchange(&self.address, request.as_bytes());
        Told {
            status: answer.status,
            head: answer.head,
            text: answer.body,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Told {
        self.send("GET", path, &[], "")
    }
}

impl Server {
    /// Like `kill -9`.
    pub(crate) fn kill(mut self) {
        self.running.child.kill().unwrap();
        self.running.child.wait().unwrap();
    }
}

/// A form as it is sent.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}
