//! Keys, answers, and logs of some lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_host::audit::{AuditError, AuditLog, NoteKey, merkle};
use ambit_host::{Discharge, Enforcer, Journal, NotDischarged, Obligation, Signer};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "mail.example/audit";

pub(crate) const NOW: i64 = 1_772_000_400;

pub(crate) struct Key(pub(crate) SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn note_key(&self) -> NoteKey {
        NoteKey::new(ORIGIN, self.public()).unwrap()
    }
}

impl Signer for Key {
    fn name(&self) -> &str {
        "audit-1"
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.0.sign(message).to_bytes())
    }
}

pub(crate) fn open(path: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(path, ORIGIN, Arc::new(Key::new(5)), Box::new(|| NOW))
}

pub(crate) fn keys() -> [NoteKey; 1] {
    [Key::new(5).note_key()]
}

/// An answer with a record; the obligation `pay` succeeds, `fail` does not.
pub(crate) fn answer(decision: bool, obligation: &str, number: usize) -> String {
    let obligations = match obligation {
        "" => json!([]),
        kind => json!([{"id": kind, "type": kind, "ext": {}}]),
    };
    let code = if decision {
        "allowed"
    } else {
        "capability.none"
    };
    json!({"decision": decision, "context": {
        "reason": {"code": code, "user": "", "admin": ""}, "obligations": obligations, "remedy": {}, "policies": [],
        "record": {
            "action": "email", "actor": {"iss": null, "sub": "spiffe://a/1"}, "args_s256": "x", "audience": "https://mail.example",
            "now": NOW, "policy": {"s256": "y", "uid": "acme/agents", "version": 3}, "power": "execute", "purpose": "p",
            "resource": {"id": format!("c-{number}"), "type": "Contact"}, "subject": "user:ann", "v": "ambit-record-1",
        },
    }})
    .to_string()
}

pub(crate) struct Done;

impl Discharge for Done {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        Ok(())
    }
}

pub(crate) struct Fails;

impl Discharge for Fails {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        Err(NotDischarged::new("used up"))
    }
}

pub(crate) fn enforcer(journal: Arc<dyn Journal>) -> Enforcer {
    Enforcer::new()
        .with("pay", Done)
        .with("fail", Fails)
        .log(journal)
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A log of `count` denials.
pub(crate) fn filled(folder: &Path, count: usize) -> PathBuf {
    let path = folder.join("audit.jsonl");
    let enforcer = enforcer(Arc::new(open(&path).unwrap()));
    for number in 0..count {
        assert!(!enforcer.enforce(&answer(false, "", number)).is_permitted());
    }
    path
}

/// Rewrites a line and every link after it, as somebody without the key can.
pub(crate) fn relinked(text: &str, number: usize) -> String {
    let mut previous = merkle::empty_root();
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if at + 1 == number {
            event["data"]["api"]["operation"] = json!("something else");
        }
        event["previous"] = json!(ambit_token::base64url::encode(&previous));
        let line = event.to_string();
        previous = merkle::leaf_hash(line.as_bytes());
        out += &(line + "\n");
    }
    out
}
