//! Ed25519 signatures: ed25519-speccheck.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vectors_guest::Case;

use super::Case as Named;
use super::engine::Engines;
use super::raw::hex;

/// Runs ed25519-speccheck's `cases.json`.
pub(crate) fn speccheck(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let cases: Vec<SpecCase> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(speccheck_cases(&cases, engines))
}

/// Runs ed25519-speccheck's `cases.txt`: a count, then `msg=`, `pbk=`, `sig=` of each case.
pub(crate) fn speccheck_text(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let count = lines.next().and_then(|line| line.parse::<usize>().ok());
    let mut cases = Vec::new();
    while let Some(line) = lines.next() {
        let field = |line: Option<&str>, name: &str| {
            let value = line.and_then(|line| line.strip_prefix(name));
            let value = value.map(str::to_owned);
            value.ok_or_else(|| format!("case {}: `{name}` is missing", cases.len()))
        };
        let case = SpecCase {
            message: field(Some(line), "msg=")?,
            pub_key: field(lines.next(), "pbk=")?,
            signature: field(lines.next(), "sig=")?,
            stated: serde_json::Map::new(),
        };
        cases.push(case);
    }
    if count != Some(cases.len()) {
        return Err(format!("{} cases, not as many as announced", cases.len()));
    }
    Ok(speccheck_cases(&cases, engines))
}

#[derive(Deserialize)]
struct SpecCase {
    message: String,
    pub_key: String,
    signature: String,
    /// Whatever else a case says; an expectation may be among it.
    #[serde(flatten)]
    stated: serde_json::Map<String, Value>,
}

fn speccheck_cases(cases: &[SpecCase], engines: &mut Engines) -> Vec<Named> {
    let judged = cases.iter().enumerate().map(|(at, case)| {
        let outcome = case.expected().and_then(|expected| {
            let valid = engines.verifies(&Case::Ed25519 {
                public: &hex(&case.pub_key)?,
                message: &hex(&case.message)?,
                signature: &hex(&case.signature)?,
            })?;
            match (valid, expected) {
                (true, false) => Err("verifies, and must not".to_owned()),
                (false, true) => Err("does not verify, and must".to_owned()),
                _ => Ok(()),
            }
        });
        (format!("case {at}"), outcome)
    });
    judged.collect()
}

/// The twelve published cases, each by the first eight bytes of the SHA-256 over public key,
/// signature and message. Under strict verification only the one at index 3 holds: it alone has
/// neither a key or `R` of small order, nor an encoding that is not canonical, nor needs the
/// cofactor.
const PUBLISHED: [&str; 12] = [
    "37fe84840b9b28f6",
    "6193db651ef76fe2",
    "c1142dbe0ea6a978",
    "4eb2aba922efa05d",
    "8d13e50ff38f3152",
    "f5eed0c2775d7b94",
    "78b6545fee8e58e1",
    "3b7a679ef62b822e",
    "ab538ab211a53151",
    "c2ae73ea3cfdb89e",
    "f73e4df101183f87",
    "61ecff31df897f99",
];
const PUBLISHED_VALID: usize = 3;

impl SpecCase {
    /// What must come out: as the case says; for the published twelve, what is known of them; for
    /// others the judgement of ed25519-dalek, called here without our code in between.
    fn expected(&self) -> Result<bool, String> {
        for name in ["expected", "valid", "result", "verifies", "verify"] {
            if let Some(stated) = self.stated.get(name) {
                return reading(stated).ok_or_else(|| format!("`{name}` is {stated}: not known"));
            }
        }
        let public = hex(&self.pub_key)?;
        let (message, signature) = (hex(&self.message)?, hex(&self.signature)?);
        let digest = Sha256::new()
            .chain_update(&public)
            .chain_update(&signature)
            .chain_update(&message)
            .finalize();
        let digest = format!("{:016x}", u64::from_be_bytes(first_eight(&digest)));
        match PUBLISHED.iter().position(|known| *known == digest) {
            Some(index) => Ok(index == PUBLISHED_VALID),
            None => Ok(by_dalek(&public, &message, &signature)),
        }
    }
}

fn first_eight(digest: &[u8]) -> [u8; 8] {
    digest.first_chunk().copied().unwrap_or_default()
}

fn reading(stated: &Value) -> Option<bool> {
    match stated {
        Value::Bool(valid) => Some(*valid),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "valid" | "accept" | "accepted" | "ok" | "pass" | "true" => Some(true),
            "invalid" | "reject" | "rejected" | "fail" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn by_dalek(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = public
        .try_into()
        .ok()
        .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok());
    let signature = ed25519_dalek::Signature::from_slice(signature).ok();
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}
