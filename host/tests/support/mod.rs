//! Makes signed modules out of WebAssembly text: correctly signed, whatever the code does.

use ambit_core::json::{Document, Profile};
use ambit_host::{LoadError, LoadOptions, MemoryVersions, PolicyModule, Trust};
use ambit_policy::Bundle;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub(crate) const UID: &str = "acme/agents";
pub(crate) const NOW: i64 = 1_772_000_400;
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The parts of a well-behaved guest. A test's own text replaces those that it exports itself.
/// `ambit_free` forgets, `ambit_alloc` always gives the same place.
const PARTS: [(&str, &str); 8] = [
    ("memory", r#"(memory (export "memory") {PAGES})"#),
    (
        "ambit_abi",
        r#"(func (export "ambit_abi") (result i32) (i32.const 2))"#,
    ),
    (
        "ambit_alloc",
        r#"(func (export "ambit_alloc") (param i32) (result i32) (i32.const 65536))"#,
    ),
    (
        "ambit_free",
        r#"(func (export "ambit_free") (param i32 i32))"#,
    ),
    (
        "ambit_evaluate",
        r#"(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const {DENY}))"#,
    ),
    (
        "ambit_advise",
        r#"(func (export "ambit_advise") (param i32 i32) (result i64) (i64.const {DENY}))"#,
    ),
    (
        "ambit_describe",
        r#"(func (export "ambit_describe") (param i32 i32) (result i64) (i64.const {DENY}))"#,
    ),
    (
        "ambit_info",
        r#"(func (export "ambit_info") (result i64) (i64.const {INFO}))"#,
    ),
];

/// Answers that lie in the memory of every test module: deny, allow, info.
const DENY: &str = r#"{"decision":false,"context":{}}"#;
const ALLOW: &str = r#"{"decision":true,"context":{}}"#;

pub(crate) fn bundle(version: i64) -> Vec<u8> {
    let text = json!({
        "actions": {}, "expires": NOW + 1000, "guard_rails": "none", "issued": NOW - 1000, "keys": [],
        "limits": {}, "manifests": {}, "possession": "off", "resources": {}, "tokens_from_version": 1,
        "uid": UID, "v": "ambit-bundle-1", "version": version,
    })
    .to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
    Bundle::encode(document.root(), &[]).unwrap()
}

/// The pages of a guest's memory where its text does not say otherwise; the bundle comes behind.
const PAGES: u32 = 2;
/// The same for a text that says `{MANY}`: more memory than an instance may have.
const MANY: u32 = 4096;
/// Where the mark of the guest's slot lies.
const MARK: u32 = 2048;

/// The text of a guest, completed with the parts that it lacks. `{PAGES}` or `{MANY}` are
/// those of its memory, and the bundle takes one more.
pub(crate) fn guest(text: &str) -> String {
    let info = ambit_evaluator::info(&Bundle::verify(&bundle(1)).unwrap());
    // Imports come first in a module, so the test's own text does.
    let mut source = format!("(module\n{text}\n");
    source.push_str(&format!(
        "(data (i32.const 64) {DENY:?})(data (i32.const 128) {ALLOW:?})"
    ));
    source.push_str(&format!("(data (i32.const 1024) {info:?})"));
    source.push_str(&format!(
        "(data (i32.const {MARK}) \"AMBIT-BUNDLE-SLT{}\")",
        "\\00".repeat(40)
    ));
    for (name, part) in PARTS {
        let own = text.contains(&format!("(export \"{name}\""))
            || text.contains(&format!(";; without {name}"));
        if !own {
            source.push_str(part);
        }
    }
    let place = |at: u64, text: &str| ((at << 32) | text.len() as u64).to_string();
    source
        .replace("{DENY}", &place(64, DENY))
        .replace("{ALLOW}", &place(128, ALLOW))
        .replace("{INFO}", &place(1024, &info))
}

/// The guest of this text, and the same with a bundle in it.
fn assembled(guest: &str, bundle: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let pages = if guest.contains("{MANY}") {
        MANY
    } else {
        PAGES
    };
    let compile = |pages: u32, more: &str| {
        let source = guest
            .replace("{PAGES}", &pages.to_string())
            .replace("{MANY}", &pages.to_string())
            + more
            + ")";
        wat::parse_str(&source).unwrap_or_else(|error| panic!("{error}\n{source}"))
    };
    let escaped = |bytes: &[u8]| -> String {
        let escape = |byte: &u8| format!("\\{byte:02x}");
        bytes.iter().map(escape).collect()
    };
    let at = pages * 65_536;
    let mut slot = at.to_le_bytes().to_vec();
    slot.extend(u32::try_from(bundle.len()).unwrap().to_le_bytes());
    slot.extend(Sha256::digest(bundle));
    let segments = format!(
        "(data (i32.const {at}) \"{}\")(data (i32.const {}) \"{}\")",
        escaped(bundle),
        MARK + 16,
        escaped(&slot)
    );
    let mut module = compile(pages + 1, &segments);
    custom_section(&mut module, "ambit.bundle", bundle);
    (compile(pages, ""), module)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn trust() -> Trust {
    let x = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let keys = json!({
        "threshold": 1,
        "keys": [{ "kid": "release-1", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": x } }],
    });
    Trust::parse(keys.to_string().as_bytes()).unwrap()
}

/// The guest with its bundle, and the detached signature over it.
pub(crate) fn signed(guest: &str, version: i64) -> (Vec<u8>, Vec<u8>) {
    signed_as(guest, version, &bundle(version), ambit_evaluator::ABI)
}

/// The same with a bundle and an ABI number of the caller's.
pub(crate) fn signed_as(guest: &str, version: i64, bundle: &[u8], abi: i32) -> (Vec<u8>, Vec<u8>) {
    let (guest, file) = assembled(guest, bundle);
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "policy.wasm", "digest": { "sha256": hex(&file) } }],
        "predicateType": "https://ambit.dev/policy-module/v2",
        "predicate": {
            "uid": UID, "version": version, "issued": NOW - 1000, "expires": NOW + 1000, "abi": abi,
            "guest_s256": URL_SAFE_NO_PAD.encode(Sha256::digest(guest)),
            "bundle_s256": URL_SAFE_NO_PAD.encode(Sha256::digest(bundle)), "tests_s256": null,
        },
    })
    .to_string();
    let sealed = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} {statement}",
        PAYLOAD_TYPE.len(),
        statement.len()
    );
    let signature = key().sign(sealed.as_bytes()).to_bytes();
    let envelope = json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": STANDARD.encode(statement),
        "signatures": [{ "keyid": "release-1", "sig": STANDARD.encode(signature) }],
    });
    (file, envelope.to_string().into_bytes())
}

/// A loaded module of the given text.
pub(crate) fn module(text: &str) -> Result<PolicyModule, LoadError> {
    let (file, signature) = signed(&guest(text), 1);
    let seen = MemoryVersions::new();
    let options = LoadOptions {
        uid: Some(UID),
        now: NOW,
        seen: &seen,
    };
    PolicyModule::load(&file, Some(&signature), &trust(), &options)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn custom_section(file: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut body = vec![u8::try_from(name.len()).unwrap()];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    file.push(0);
    let mut left = body.len();
    loop {
        let low = u8::try_from(left & 0x7f).unwrap();
        left >>= 7;
        file.push(if left == 0 { low } else { low | 0x80 });
        if left == 0 {
            break;
        }
    }
    file.extend_from_slice(&body);
}
