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

use super::raw::hex;
use super::{Case as Named, Outcome};

fn is(what: &str, holds: bool) -> Named {
    let outcome = if holds {
        Ok(())
    } else {
        Err("does not hold".to_owned())
    };
    (what.to_owned(), outcome)
}

/// RFC 6962 proofs in the form of transparency-dev: one case a file.
pub(crate) fn merkle(case: &Value) -> Result<Vec<Named>, String> {
    let wanted = !case["wantErr"].as_bool().ok_or("`wantErr` is no boolean")?;
    let name = case["desc"].as_str().unwrap_or("proof").to_owned();
    let verified = if case.get("leafHash").is_some() {
        inclusion(case)
    } else {
        consistency(case)
    };
    // A hash of a wrong length is refused when it is read.
    let outcome = match (wanted, verified.unwrap_or(false)) {
        (true, false) => Err("is refused".to_owned()),
        (false, true) => Err("is accepted".to_owned()),
        _ => Ok(()),
    };
    Ok(vec![(name, outcome)])
}

/// `None` for one that is too long or too short, or no base64. Some cases about sizes have words
/// (`don't care 1`) where roots stand: filled up, so that the size decides.
fn hash(value: &Value) -> Option<Hash> {
    let mut bytes = STANDARD.decode(value.as_str()?).ok()?;
    if bytes.starts_with(b"don't care") {
        bytes.resize(32, 0);
    }
    bytes.try_into().ok()
}

fn proof(case: &Value) -> Option<Vec<Hash>> {
    match &case["proof"] {
        Value::Null => Some(Vec::new()),
        proof => proof.as_array()?.iter().map(hash).collect(),
    }
}

fn inclusion(case: &Value) -> Option<bool> {
    let (index, size) = (case["leafIdx"].as_u64()?, case["treeSize"].as_u64()?);
    let (leaf, root) = (hash(&case["leafHash"])?, hash(&case["root"])?);
    Some(verify_inclusion(&leaf, index, size, &proof(case)?, &root))
}

fn consistency(case: &Value) -> Option<bool> {
    let (size1, size2) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
    let (root1, root2) = (hash(&case["root1"])?, hash(&case["root2"])?);
    let proof = proof(case)?;
    Some(verify_consistency((size1, &root1), (size2, &root2), &proof))
}

/// A C2SP signed note with its key.
pub(crate) fn note(case: &Value) -> Result<Vec<Named>, String> {
    let text = |member: &str| {
        let text = case[member].as_str();
        text.ok_or_else(|| format!("`{member}` is no text"))
    };
    let key = NoteKey::parse(text("vkey")?).ok_or("`vkey` is no key of a note")?;
    let opened = key.open(text("note")?).ok();
    let valid = case["valid"].as_bool().unwrap_or(true);
    let wanted = valid.then(|| text("text")).transpose()?;
    Ok(vec![
        is("the key, written again", key.to_text() == text("vkey")?),
        is("the note", opened == wanted),
    ])
}

/// DSSE's protocol: what is signed, and the envelope as it is read and written.
pub(crate) fn envelope(case: &Value) -> Result<Vec<Named>, String> {
    let text = |member: &str| case[member].as_str().unwrap_or_default();
    let envelope = Envelope::parse(case["envelope"].to_string().as_bytes());
    let envelope = envelope.ok_or("`envelope` cannot be read")?;
    let pae = dsse::pae(text("payloadType"), text("payload").as_bytes());
    let same = envelope.payload_type == text("payloadType")
        && envelope.payload == text("payload").as_bytes();
    let again = Envelope::parse_exact(envelope.write().as_bytes());
    Ok(vec![
        is("the encoding that is signed", pae == text("pae").as_bytes()),
        is("type and payload", same),
        is("written and read again", again == Some(envelope)),
    ])
}

/// The lists of the status list standard: large ones by the entries that are not zero, small ones by
/// their bytes.
pub(crate) fn status_lists(file: &Value) -> Result<Vec<Named>, String> {
    let list = |member: &str| file[member].as_array().into_iter().flatten().enumerate();
    let large = list("large").map(|(at, case)| (format!("large {at}"), large(case)));
    let small = list("small").map(|(at, case)| (format!("small {at}"), small(case)));
    Ok(large.chain(small).collect())
}

fn unpacked(bits: &Value, packed: &Value) -> Result<StatusList, String> {
    let packed = base64url::decode(packed.as_str().unwrap_or_default().as_bytes());
    let packed = packed.ok_or("`lst` is no base64url")?;
    let list = StatusList::unpack(bits.as_i64().unwrap_or_default(), &packed);
    list.map_err(|error| error.to_string())
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
    let bits = case["bits"]
        .as_u64()
        .and_then(|bits| usize::try_from(bits).ok());
    let bits = bits.filter(|bits| matches!(bits, 1 | 2 | 4 | 8));
    let bits = bits.ok_or("`bits` is none of 1, 2, 4, 8")?;
    let bytes = hex(case["bytes_hex"].as_str().unwrap_or_default())?;
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
    let wanted = fs::read_to_string(&output).map_err(|error| error.to_string())?;
    let document = Document::parse(text.as_bytes(), Profile::Request);
    let document = document.map_err(|error| error.to_string())?;
    let mut out = Writer::default();
    let found = canonical(document.root(), &mut out).then(|| out.finish());
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let wanted = Some(wanted.trim_end_matches('\n').to_owned()).filter(|_| only_integers(&value));
    Ok(vec![is("the canonical form", found == wanted)])
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
