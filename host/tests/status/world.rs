//! A server of lists, and lists to be served.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use ambit_host::status::{Fetch, StatusKey, StatusLists, StatusSource};
use ambit_host::{Discharge, NotDischarged, Obligation};
use ambit_token::{PublicKey, base64url};
use ed25519_dalek::{Signer as _, SigningKey};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_772_000_400;

pub(crate) const URI: &str = "https://status.example/lists/1";

pub(crate) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

pub(crate) fn signed_by(key: &SigningKey, header: &Value, claims: &str) -> Vec<u8> {
    let encode = |text: &str| base64url::encode(text.as_bytes());
    let input = format!("{}.{}", encode(&header.to_string()), encode(claims));
    let signature = base64url::encode(&key.sign(input.as_bytes()).to_bytes());
    format!("{input}.{signature}").into_bytes()
}

pub(crate) fn header() -> Value {
    json!({"alg": "Ed25519", "kid": "status-1", "typ": "statuslist+jwt"})
}

pub(crate) fn claims(bytes: &[u8]) -> Value {
    json!({"sub": URI, "iat": NOW - 10, "exp": NOW + 1000, "ttl": 60, "iss": "ignored",
        "status_list": {"bits": 1, "lst": base64url::encode(&packed(bytes))}})
}

pub(crate) fn signed(claims: &Value) -> Vec<u8> {
    signed_by(&key(), &header(), &claims.to_string())
}

/// Gives one answer after the other, then none; counts how often it was asked.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    pub(crate) asked: Arc<Mutex<usize>>,
}

impl Server {
    pub(crate) fn of(answers: &[Vec<u8>]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().cloned().collect())),
            ..Self::default()
        }
    }

    pub(crate) fn fetch(&self) -> Fetch {
        let server = self.clone();
        Box::new(move |_, _| {
            *server.asked.lock().unwrap() += 1;
            let answer = server.answers.lock().unwrap().pop_front();
            answer.ok_or_else(|| "no route to host".to_owned())
        })
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }

    pub(crate) fn lists(&self) -> StatusLists {
        StatusLists::new(vec![source()], self.fetch()).unwrap()
    }
}

pub(crate) fn source() -> StatusSource {
    StatusSource {
        prefixes: vec!["https://status.example/lists/".into()],
        keys: vec![StatusKey {
            kid: "status-1".into(),
            public: PublicKey::Ed25519(key().verifying_key().to_bytes()),
        }],
    }
}

pub(crate) fn value(lists: &StatusLists, idx: i64, now: i64) -> Result<u8, &'static str> {
    let fact = lists.look_up(URI, idx, now);
    fact.map(|fact| fact.value).map_err(|error| error.code())
}

pub(crate) struct SharedLists(pub(crate) Arc<StatusLists>);

impl Discharge for SharedLists {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        self.0.discharge(obligation)
    }
}
