//! ES256 signatures: Project Wycheproof's ECDSA vectors in P1363 form.

use serde::Deserialize;
use vectors_guest::Case;

use super::engine::Engines;
use super::raw::hex;
use super::{Case as Named, Outcome};

/// Runs a file of Wycheproof's `ecdsa_p1363_verify_schema` over secp256r1 with SHA-256.
pub(crate) fn wycheproof(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    for group in &file.test_groups {
        if (group.public_key.curve.as_str(), group.sha.as_str()) != ("secp256r1", "SHA-256") {
            let form = format!("`{}` with `{}`", group.public_key.curve, group.sha);
            return Err(format!("unknown form: keys on {form}"));
        }
        let point = hex(&group.public_key.uncompressed)?;
        let public = point.strip_prefix(&[4]).ok_or("a key is compressed")?;
        for test in &group.tests {
            let name = format!("test {} ({})", test.id, test.comment);
            outcomes.push((name, judge(public, test, engines)));
        }
    }
    Ok(outcomes)
}

fn judge(public: &[u8], test: &Test, engines: &mut Engines) -> Outcome {
    let answer = engines.answer(&Case::Es256 {
        public,
        message: &hex(&test.msg)?,
        signature: &hex(&test.sig)?,
    })?;
    match (test.result.as_str(), answer.valid) {
        ("valid", Some(true)) | ("invalid", Some(false)) => Ok(()),
        (expected, answer) => Err(format!("expected {expected}, got {answer:?}")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key: PublicKey,
    sha: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct PublicKey {
    curve: String,
    uncompressed: String,
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
