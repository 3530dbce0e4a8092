//! The vectors of `ambit_log`: a log and its notes in memory, written and read as a host does with its files.

use ambit_token::base64url;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use super::Ask;
use super::lists::merged;

const NOW: i64 = 1_772_000_400;
const ORIGIN: &str = "mail.example/audit";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// A log and its notes, as a host keeps them in files.
struct Log<'a> {
    ask: Ask<'a>,
    origin: String,
    log: Vec<u8>,
    notes: Vec<u8>,
    state: Value,
    entry: Value,
}

fn answer(name: &str) -> Value {
    let (decision, code) = if name.starts_with("allow") {
        (true, "allowed")
    } else {
        (false, "limit.spend")
    };
    let mut record = json!({"actor": {"sub": "agent"}, "now": 1});
    if name.ends_with("inexact") {
        record["amount"] = json!(1.5);
    }
    json!({"decision": decision, "context": {"reason": {"code": code}, "record": record}})
}

/// The code that the words of a failure begin with.
fn code(said: &Value) -> Option<String> {
    let words = said.get("failed")?.as_str().unwrap();
    Some(words.split_once(": ").unwrap().0.to_owned())
}

impl Log<'_> {
    fn ask(&mut self, mut request: Value) -> Value {
        request["origin"] = json!(self.origin);
        request["public"] = json!(base64url::encode(key().verifying_key().as_bytes()));
        (self.ask)("ambit_log", &request)
    }

    /// Writes a line where the core says, and the note over it.
    fn write(&mut self, said: &Value, sign: bool) {
        let at = usize::try_from(said["at"].as_u64().unwrap()).unwrap();
        self.log.truncate(at);
        assert_eq!(self.log.len(), at);
        self.log.extend(said["line"].as_str().unwrap().as_bytes());
        if sign {
            let text = &said["sign"];
            let signature = key().sign(text.as_str().unwrap().as_bytes());
            let signature = base64url::encode(&signature.to_bytes());
            let note = self.ask(json!({"do": "note", "text": text, "signature": signature}));
            self.notes.extend(note["note"].as_str().unwrap().as_bytes());
        }
    }

    fn append(&mut self, step: &Value, sign: bool) -> String {
        let mut members = json!({"do": "append", "state": self.state, "now": NOW, "step": step});
        if step["event"] == "ended" {
            members["entry"] = self.entry.clone();
        }
        let said = self.ask(members);
        if said.get("line").is_some() {
            self.write(&said, sign);
            self.state = said["state"].clone();
            self.entry = said["entry"].clone();
        }
        code(&said).unwrap_or_else(|| "ok".to_owned())
    }

    /// Reads the log from its beginning, in parts of so many bytes (0: at once).
    fn open(&mut self, part: usize) -> String {
        let (mut state, mut from, mut to) = (Value::Null, 0, 0);
        loop {
            let length = self.log.len();
            to = if part == 0 {
                length
            } else {
                (to + part).min(length)
            };
            let last = to == length;
            let mut request = json!({"do": "read", "state": state, "now": NOW, "lines": base64url::encode(&self.log[from..to]), "last": last});
            if state.is_null() {
                request["notes"] = json!(base64url::encode(&self.notes));
            }
            let said = self.ask(request);
            if let Some(code) = code(&said) {
                return code;
            }
            from += usize::try_from(said["taken"].as_u64().unwrap()).unwrap();
            if let Some(torn) = said.get("torn_notes") {
                let torn = usize::try_from(torn.as_u64().unwrap()).unwrap();
                self.notes.truncate(self.notes.len() - torn);
            }
            state = said["state"].clone();
            if last {
                self.state = state;
                return match said.get("mend") {
                    None => {
                        assert_eq!(from, length);
                        "ok".to_owned()
                    }
                    Some(mend) => {
                        self.write(mend, true);
                        "mended".to_owned()
                    }
                };
            }
        }
    }

    fn run(&mut self, step: &Value) -> String {
        let (name, value) = step.as_object().unwrap().iter().next().unwrap();
        let text = value.as_str().unwrap_or_default();
        let number = usize::try_from(value.as_u64().unwrap_or_default()).unwrap();
        match name.as_str() {
            "open" => return self.open(number),
            "decided" | "unsigned" => {
                let event = json!({"do": "log", "event": "decided", "answer": answer(text)});
                return self.append(&event, name == "decided");
            }
            "ended" => {
                let mut event = json!({"do": "log", "event": "ended", "permitted": value, "discharged": ["consume"]});
                if *value == false {
                    event["answer"] = answer("deny");
                }
                return self.append(&event, true);
            }
            "torn" => self.log.extend(text.as_bytes()),
            "cut_notes" => self.notes.truncate(self.notes.len() - number),
            "cut_lines" => {
                let ends = self
                    .log
                    .iter()
                    .enumerate()
                    .filter(|(_, byte)| **byte == b'\n');
                let ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
                let kept = ends.len() - number;
                self.log
                    .truncate(if kept == 0 { 0 } else { ends[kept - 1] });
            }
            "edit" => {
                let log = String::from_utf8(self.log.clone()).unwrap();
                let (old, new) = (value[0].as_str().unwrap(), value[1].as_str().unwrap());
                assert!(log.contains(old), "{log}");
                self.log = log.replacen(old, new, 1).into_bytes();
            }
            "forge_note" => {
                let notes = String::from_utf8(self.notes.clone()).unwrap();
                self.notes = notes.replacen("\n1\n", "\n2\n", 1).into_bytes();
            }
            "origin" => text.clone_into(&mut self.origin),
            "state" => self.state = merged(self.state.take(), value),
            other => panic!("{other}"),
        }
        "ok".to_owned()
    }
}

/// Gives each log that ends well to `check`: its lines and its notes.
pub(crate) fn a_log_is_read_as_it_was_written(ask: Ask<'_>, check: &dyn Fn(&[u8], &[u8])) {
    let file = include_str!("../../../../tests/enforce/log.json");
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let mut log = Log {
            ask: &mut *ask,
            origin: ORIGIN.to_owned(),
            log: Vec::new(),
            notes: Vec::new(),
            state: Value::Null,
            entry: Value::Null,
        };
        let mut ends_well = false;
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let says = step["says"].as_str().unwrap_or("ok");
            assert_eq!(log.run(step), says, "{}, step {at}: {step}", case["name"]);
            ends_well = step.get("open").is_some() && says == "ok";
        }
        if ends_well {
            check(&log.log, &log.notes);
        }
    }
}
