//! What a host reads beside decisions: Merkle proofs, signed notes, status lists, DSSE envelopes,
//! canonical JSON. All of it runs natively.

use std::fs;
use std::path::Path;

use ambit_core::json::{Document, Profile, Writer, canonical};
use ambit_host::audit::NoteKey;
use ambit_host::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use ambit_host::status::StatusList;
use ambit_token::base64url;
use ambit_token::dsse::{self, Envelope};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::raw::{hex, list, text};
use super::{Case as Named, Outcome, holds};

/// RFC 6962 proofs in the form of transparency-dev: one case a file.
pub(crate) fn merkle(case: &Value) -> Result<Vec<Named>, String> {
    let wanted = !case["wantErr"].as_bool().ok_or("`wantErr` is no boolean")?;
    let name = case["desc"].as_str().unwrap_or("proof").to_owned();
    let verified = if case.get("leafHash").is_some() {
        inclusion(case)?
    } else {
        consistency(case)?
    };
    let outcome = match (wanted, verified) {
        (true, false) => Err("is refused".to_owned()),
        (false, true) => Err("is accepted".to_owned()),
        _ => Ok(()),
    };
    Ok(vec![(name, outcome)])
}

/// `None` for one of a wrong length, which no proof can have. Some cases about sizes have words (`don't
/// care 1`) where roots stand: filled up, so that the size decides.
fn hash(text: &Value) -> Result<Option<Hash>, String> {
    let Some(Ok(mut bytes)) = text.as_str().map(|text| STANDARD.decode(text)) else {
        return Err(format!("`{text}` is no base64"));
    };
    if bytes.starts_with(b"don't care") {
        bytes.resize(32, 0);
    }
    Ok(bytes.try_into().ok())
}

fn proof(case: &Value) -> Result<Option<Vec<Hash>>, String> {
    match &case["proof"] {
        Value::Null => Ok(Some(Vec::new())),
        _ => list(case, "proof")?.iter().map(hash).collect(),
    }
}

fn number(case: &Value, member: &str) -> Result<u64, String> {
    let number = case[member].as_u64();
    number.ok_or_else(|| format!("`{member}` is no number"))
}

fn inclusion(case: &Value) -> Result<bool, String> {
    let (index, size) = (number(case, "leafIdx")?, number(case, "treeSize")?);
    let hashes = (hash(&case["leafHash"])?, hash(&case["root"])?, proof(case)?);
    let (Some(leaf), Some(root), Some(proof)) = hashes else {
        return Ok(false);
    };
    Ok(verify_inclusion(&leaf, index, size, &proof, &root))
}

fn consistency(case: &Value) -> Result<bool, String> {
    let (size1, size2) = (number(case, "size1")?, number(case, "size2")?);
    let hashes = (hash(&case["root1"])?, hash(&case["root2"])?, proof(case)?);
    let (Some(root1), Some(root2), Some(proof)) = hashes else {
        return Ok(false);
    };
    Ok(verify_consistency((size1, &root1), (size2, &root2), &proof))
}

/// A C2SP signed note with its key.
pub(crate) fn note(case: &Value) -> Result<Vec<Named>, String> {
    let text = |member| text(case, member);
    let key = NoteKey::parse(text("vkey")?).ok_or("`vkey` is no key of a note")?;
    let opened = key.open(text("note")?).ok();
    let valid = case["valid"].as_bool().unwrap_or(true);
    let wanted = valid.then(|| text("text")).transpose()?;
    Ok(vec![
        holds("the key, written again", key.to_text() == text("vkey")?),
        holds("the note", opened == wanted),
    ])
}

/// DSSE's protocol: what is signed, and the envelope as it is read and written.
pub(crate) fn envelope(case: &Value) -> Result<Vec<Named>, String> {
    let kind = text(case, "payloadType")?;
    let payload = text(case, "payload")?.as_bytes();
    let envelope = Envelope::parse(case["envelope"].to_string().as_bytes())
        .ok_or("`envelope` cannot be read")?;
    let pae = dsse::pae(kind, payload);
    let same = envelope.payload_type == kind && envelope.payload == payload;
    let again = Envelope::parse_exact(envelope.write().as_bytes());
    Ok(vec![
        holds(
            "the encoding that is signed",
            pae == text(case, "pae")?.as_bytes(),
        ),
        holds("type and payload", same),
        holds("written and read again", again == Some(envelope)),
    ])
}

/// The lists of the status list standard: large ones by the entries that are not zero, small ones by
/// their bytes.
pub(crate) fn status_lists(file: &Value) -> Result<Vec<Named>, String> {
    let mut cases = Vec::new();
    for (at, case) in list(file, "large")?.iter().enumerate() {
        cases.push((format!("large {at}"), large(case)));
    }
    for (at, case) in list(file, "small")?.iter().enumerate() {
        cases.push((format!("small {at}"), small(case)));
    }
    Ok(cases)
}

fn unpacked(bits: &Value, packed: &Value) -> Result<StatusList, String> {
    let text = packed.as_str().ok_or("`lst` is no text")?;
    let packed = base64url::decode(text.as_bytes()).ok_or("`lst` is no base64url")?;
    StatusList::unpack(bits.as_i64().unwrap_or_default(), &packed)
        .map_err(|error| error.to_string())
}

fn large(case: &Value) -> Outcome {
    let list = unpacked(&case["json"]["bits"], &case["json"]["lst"])?;
    if u64::try_from(list.len()).ok() != case["entries"].as_u64() {
        return Err(format!("has {} entries", list.len()));
    }
    let named = case["nonzero"].as_object().ok_or("`nonzero` is missing")?;
    let wanted = |at: usize| named.get(&at.to_string()).and_then(Value::as_u64);
    let wrong = (0..list.len())
        .find(|at| list.get(*at).map(u64::from) != Some(wanted(*at).unwrap_or_default()));
    wrong.map_or(Ok(()), |at| Err(format!("entry {at} differs")))
}

fn small(case: &Value) -> Outcome {
    let list = unpacked(&case["bits"], &case["lst"])?;
    let bits = [1, 2, 4, 8]
        .into_iter()
        .find(|bits| case["bits"] == *bits)
        .ok_or("`bits` is none of 1, 2, 4, 8")?;
    let bytes = hex(text(case, "bytes_hex")?)?;
    let wanted = bytes.iter().flat_map(|byte| {
        let each = 0..8 / bits;
        // The first entry is in the lowest bits.
        each.map(move |at| (u16::from(*byte) >> (at * bits)) & ((1 << bits) - 1))
    });
    let found = (0..list.len()).filter_map(|at| list.get(at).map(u16::from));
    if wanted.eq(found) {
        Ok(())
    } else {
        Err("the entries differ".to_owned())
    }
}

/// RFC 8785: a file of `input/` beside the one of the same name in `output/`. Signed and digested data
/// of ours hold integers only: a text with another number must be refused, not written in some way.
pub(crate) fn canonical_form(file: &Path, text: &str) -> Result<Vec<Named>, String> {
    let output = canonical_output(file).ok_or("there is no file in `output/` to compare with")?;
    let expected = fs::read_to_string(&output).map_err(|error| error.to_string())?;
    let document =
        Document::parse(text.as_bytes(), Profile::Request).map_err(|error| error.to_string())?;
    let mut out = Writer::default();
    let found = canonical(document.root(), &mut out).then(|| out.finish());
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let wanted = only_integers(&value).then(|| expected.trim_end_matches('\n').to_owned());
    Ok(vec![holds("the canonical form", found == wanted)])
}

/// Where the output of an input stands.
pub(crate) fn canonical_output(file: &Path) -> Option<std::path::PathBuf> {
    let folder = file.parent()?;
    let output = folder.parent()?.join("output").join(file.file_name()?);
    (folder.file_name()? == "input" && output.is_file()).then_some(output)
}

fn only_integers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some(),
        Value::Array(list) => list.iter().all(only_integers),
        Value::Object(members) => members.values().all(only_integers),
        _ => true,
    }
}
