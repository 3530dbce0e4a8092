//! Project Wycheproof's files of signatures: Ed25519, and ECDSA in P1363 form, which is ES256.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use vectors_guest::Case;

use super::engine::Engines;
use super::raw::hex;
use super::{Case as Named, Outcome};

/// Runs a file of `eddsa_verify_schema` over edwards25519.
pub(crate) fn ed25519(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    #[derive(Deserialize)]
    struct Key {
        curve: String,
        pk: String,
    }
    each(text, |group: &Group<Key>, test| {
        let key = &group.public_key;
        if key.curve != "edwards25519" {
            return Err(format!("unknown form: keys on `{}`", key.curve));
        }
        engines.verifies(&Case::Ed25519 {
            public: &hex(&key.pk)?,
            message: &hex(&test.msg)?,
            signature: &hex(&test.sig)?,
        })
    })
}

/// Runs a file of `ecdsa_p1363_verify_schema` over secp256r1 with SHA-256.
pub(crate) fn es256(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    #[derive(Deserialize)]
    struct Key {
        curve: String,
        uncompressed: String,
    }
    each(text, |group: &Group<Key>, test| {
        let (curve, sha) = (&group.public_key.curve, group.sha.as_deref());
        if (curve.as_str(), sha) != ("secp256r1", Some("SHA-256")) {
            return Err(format!("unknown form: keys on `{curve}` with {sha:?}"));
        }
        // A signature has one form, so none is merely acceptable.
        if test.result == "acceptable" {
            return Err("the expectation `acceptable` is not known".to_owned());
        }
        let point = hex(&group.public_key.uncompressed)?;
        engines.verifies(&Case::Es256 {
            public: point.strip_prefix(&[4]).ok_or("a key is compressed")?,
            message: &hex(&test.msg)?,
            signature: &hex(&test.sig)?,
        })
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<K> {
    test_groups: Vec<Group<K>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<K> {
    // Older files call it `key`.
    #[serde(alias = "key")]
    public_key: K,
    sha: Option<String>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "tcId")]
    id: u32,
    #[serde(default)]
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

/// Every test of a file, by a function that says whether a signature is taken.
fn each<K: DeserializeOwned>(
    text: &str,
    mut verifies: impl FnMut(&Group<K>, &Test) -> Result<bool, String>,
) -> Result<Vec<Named>, String> {
    let file: File<K> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    for group in &file.test_groups {
        for test in &group.tests {
            let outcome = verifies(group, test).and_then(|valid| agrees(&test.result, valid));
            outcomes.push((format!("test {} ({})", test.id, test.comment), outcome));
        }
    }
    Ok(outcomes)
}

/// Whether an answer is the `result` of a test.
pub(crate) fn agrees(result: &str, valid: bool) -> Outcome {
    match (result, valid) {
        ("valid", true) | ("invalid", false) | ("acceptable", _) => Ok(()),
        ("valid" | "invalid", _) => Err(format!("is {result}, and we say the opposite")),
        (other, _) => Err(format!("the expectation `{other}` is not known")),
    }
}
