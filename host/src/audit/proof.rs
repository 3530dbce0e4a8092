//! One line, proved to somebody who does not have the log.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ahead::Texts;
use super::merkle::{self, Hash, leaf_hash};
use super::{AuditError, check};
use super::{Checkpoint, NoteKey};

const FORM: &str = "ambit-audit-proof-1";
/// Hashes from a leaf to the root: the largest tree has 2^63 leaves.
const PATH: usize = 64;

/// Proves a line (counted from 1) of a log that is as it was written: JSON with the line, the hashes
/// from it to the root (`index`, `size` and `path` of RFC 6962), and the checkpoint that signed it.
///
/// # Errors
///
/// Those of [`check()`], [`AuditError::NoLine`] and [`AuditError::Late`].
pub fn prove(log: &Path, keys: &[NoteKey], number: u64) -> Result<String, AuditError> {
    let report = check(log, keys)?;
    let signed = report.signed.as_ref().zip(report.note.as_ref());
    let (checkpoint, note) = signed
        .filter(|(checkpoint, _)| (1..=checkpoint.size).contains(&number))
        .ok_or(AuditError::NoLine(number))?;
    if let Some(late) = report
        .late
        .iter()
        .find(|late| (late.from..=late.to).contains(&number))
    {
        return Err(AuditError::Late {
            line: number,
            said_by: late.said_by,
        });
    }
    let place = |number: u64| usize::try_from(number).map_err(|_| AuditError::NoLine(number));
    let (index, size) = (place(number - 1)?, place(checkpoint.size)?);
    let leaves = report.leaves.get(..size).unwrap_or_default();
    let line = BufReader::new(Texts::open(log)?.log(log)?)
        .lines()
        .nth(index)
        .ok_or(AuditError::NoLine(number))??;
    let mut out = Writer::default();
    out.object(|out| {
        out.name("v").string(FORM);
        out.name("line").string(&line);
        out.name("index").string(&index.to_string());
        out.name("size").string(&size.to_string());
        out.name("path").array(|out| {
            for hash in merkle::inclusion_proof(leaves, index) {
                out.string(&STANDARD.encode(hash));
            }
        });
        out.name("checkpoint").string(note);
    });
    Ok(out.finish())
}

/// A line that is proved.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The line, without its line feed.
    pub line: String,
    /// Its number, counted from 1.
    pub number: u64,
    /// The checkpoint that covers it.
    pub checkpoint: Checkpoint,
}

/// Checks a proof of [`prove`] without the log.
///
/// # Errors
///
/// [`AuditError::Proof`]
pub fn verify_proof(proof: &[u8], keys: &[NoteKey]) -> Result<Proved, AuditError> {
    let document = Document::parse(proof, Profile::Signed)
        .map_err(|_| AuditError::Proof("it is not strict JSON"))?;
    let (path, index, line, note) =
        read(document.root()).ok_or(AuditError::Proof("a part is missing or malformed"))?;
    let checkpoint = Checkpoint::open_last(note, 1, keys)
        .map_err(|_| AuditError::Proof("no known key signed its checkpoint for its own log"))?;
    let leaf = leaf_hash(line.as_bytes());
    let (size, root) = (checkpoint.size, &checkpoint.root);
    if !merkle::verify_inclusion(&leaf, index, size, &path, root) {
        return Err(AuditError::Proof(
            "the line is not in the log that was signed",
        ));
    }
    Ok(Proved {
        line: line.to_owned(),
        number: index.saturating_add(1),
        checkpoint,
    })
}

fn read(proof: Json<'_>) -> Option<(Vec<Hash>, u64, &str, &str)> {
    let text = |name: &str| proof.get(name).and_then(Json::as_str);
    let path = proof.get("path")?;
    if text("v")? != FORM || path.kind() != Kind::Array || path.len() > PATH {
        return None;
    }
    let hash = |hash: Json<'_>| STANDARD.decode(hash.as_str()?).ok()?.try_into().ok();
    Some((
        path.elements().map(hash).collect::<Option<_>>()?,
        text("index")?.parse().ok()?,
        text("line")?,
        text("checkpoint")?,
    ))
}
