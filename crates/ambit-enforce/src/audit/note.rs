//! C2SP signed notes and checkpoints: a text that says how a log stood, signed.
//!
//! A note is a text, an empty line, and lines `— name base64(key id || signature)`. A checkpoint is
//! a note whose text is the log's origin, its size, and its root (C2SP `signed-note`, `tlog-checkpoint`).

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_token::{base64, ed25519};
use sha2::{Digest as _, Sha256};

use super::LogError;
use super::merkle::Hash;

/// The algorithm's byte in key ids and verifier keys: Ed25519.
const ED25519: u8 = 1;
/// Bytes of a note: a checkpoint has some 200, other texts are not ours.
const NOTE_BYTES: usize = 1_000_000;

/// Bytes of a note of a log, with the signatures of others beside ours.
const TAIL_BYTES: usize = 64 * 1024;

/// Who signs notes: a name and a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    public: [u8; 32],
}

impl NoteKey {
    /// A key under a name, which is neither empty nor has spaces or a plus sign. By convention it
    /// is the log's origin, like `mail.example/audit`.
    #[must_use]
    pub fn new(name: &str, public: [u8; 32]) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= 256
            && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        (fits && ed25519::usable(&public)).then(|| Self {
            name: name.to_owned(),
            public,
        })
    }

    /// Reads a verifier key: `name+hex(key id)+base64(0x01 || public key)`.
    #[must_use]
    pub fn parse(vkey: &str) -> Option<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = base64::decode_standard(key.as_bytes())?;
        let (&[ED25519], public) = key.split_at_checked(1)? else {
            return None;
        };
        let key = Self::new(name, public.try_into().ok()?)?;
        (id == key.id_hex()).then_some(key)
    }

    /// The verifier key as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut key = Vec::from([ED25519]);
        key.extend_from_slice(&self.public);
        format!(
            "{}+{}+{}",
            self.name,
            self.id_hex(),
            base64::encode_standard(&key)
        )
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, line feed, algorithm, key.
    fn id(&self) -> [u8; 4] {
        let digest: Hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.public)
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }

    fn id_hex(&self) -> String {
        self.id().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The note of a text, which ends with a line feed, and of this key's signature over it.
    #[must_use]
    pub fn note(&self, text: &str, signature: &[u8; 64]) -> String {
        let mut named = self.id().to_vec();
        named.extend_from_slice(signature);
        format!(
            "{text}\n\u{2014} {} {}\n",
            self.name,
            base64::encode_standard(&named)
        )
    }

    /// The text of a note that this key signed.
    ///
    /// # Errors
    ///
    /// [`NoteError::Malformed`], [`NoteError::Unknown`] when this key did not sign,
    /// [`NoteError::Signature`] when it is said to have signed and did not.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = take_apart(note).ok_or(NoteError::Malformed)?;
        let mut found = false;
        for line in signatures.lines() {
            let (name, signature) = read_signature(line).ok_or(NoteError::Malformed)?;
            let ours = name == self.name && signature.get(..4) == Some(&self.id());
            if !ours {
                continue;
            }
            let signature = signature.get(4..).unwrap_or_default();
            if !ed25519::verify_strict(&self.public, text.as_bytes(), signature) {
                return Err(NoteError::Signature);
            }
            found = true;
        }
        if found {
            Ok(text)
        } else {
            Err(NoteError::Unknown)
        }
    }
}

/// Why a note is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteError {
    /// Not a note.
    Malformed,
    /// No known key signed it.
    Unknown,
    /// The signature of a known key does not verify.
    Signature,
}

/// Text, with the line feed that ends it, and signature lines: at the last empty line.
fn take_apart(note: &str) -> Option<(&str, &str)> {
    let controls = |c: char| c.is_ascii_control() && c != '\n';
    if note.len() > NOTE_BYTES || !note.ends_with('\n') || note.contains(controls) {
        return None;
    }
    let at = note.rfind("\n\n")?;
    let (text, signatures) = note.split_at_checked(at.checked_add(1)?)?;
    let signatures = signatures.strip_prefix('\n')?;
    (!signatures.is_empty()).then_some((text, signatures))
}

fn read_signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let signature = base64::decode_standard(signature.as_bytes())?;
    (!name.is_empty() && signature.len() > 4).then_some((name, signature))
}

/// The last whole note of those that a file of notes ends with, and how many bytes behind it belong to none: a crash tore
/// them. Each note is followed by an empty line.
///
/// # Errors
///
/// [`LogError::Checkpoint`] where there is none among more bytes than a note may have.
pub fn whole_notes(notes: &[u8]) -> Result<(Option<&[u8]>, usize), LogError> {
    let (mut last, mut end, mut at) = (None, 0_usize, 0_usize);
    // Where the block before the last empty line begins, and the one behind it.
    let (mut text, mut block) = (None, 0_usize);
    for line in notes.split_inclusive(|byte| *byte == b'\n') {
        let before = at;
        at = at.saturating_add(line.len());
        if line != b"\n" {
            continue;
        }
        let signatures = notes.get(block..before).unwrap_or_default();
        text = match text {
            Some(from) if signatures.starts_with("\u{2014} ".as_bytes()) => {
                (last, end) = (notes.get(from..before), at);
                None
            }
            _ => Some(block),
        };
        block = at;
    }
    if last.is_none() && notes.len() > TAIL_BYTES {
        let why = "it is too long";
        return Err(LogError::Checkpoint { number: 1, why });
    }
    Ok((last, notes.len().saturating_sub(end)))
}

/// How a log stood: so many lines, with this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many lines.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            base64::encode_standard(&self.root)
        )
    }

    /// Reads the text of a checkpoint; further lines are extensions and ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let plain = size == "0" || !size.starts_with('0');
        if origin.is_empty() || !plain || !size.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: base64::decode_standard(root.as_bytes())?.try_into().ok()?,
        })
    }
}

impl Checkpoint {
    /// The checkpoint in a note that one of these keys signed; `None` where none of them did. A key signs for the log
    /// whose name it has. `number` counts the notes from 1, and `before` is the one before it.
    ///
    /// # Errors
    ///
    /// [`LogError::Checkpoint`]
    pub fn open(
        note: &str,
        number: usize,
        keys: &[NoteKey],
        before: Option<&Self>,
    ) -> Result<Option<Self>, LogError> {
        let refused = |why| LogError::Checkpoint { number, why };
        let (mut signed, mut by_its_log) = (None, false);
        for key in keys {
            match key.open(note) {
                Ok(text) => {
                    by_its_log |= text.lines().next() == Some(key.name());
                    signed = Some(text);
                }
                Err(NoteError::Unknown) => {}
                Err(NoteError::Malformed) => return Err(refused("it is not a signed note")),
                Err(NoteError::Signature) => return Err(refused("its signature does not verify")),
            }
        }
        let Some(text) = signed else {
            return Ok(None);
        };
        let checkpoint = Self::parse(text).ok_or_else(|| refused("it is not a checkpoint"))?;
        if !by_its_log {
            return Err(refused("its log is not the one that its key signs for"));
        }
        if let Some(before) = before
            && (checkpoint.size < before.size || checkpoint.origin != before.origin)
        {
            return Err(refused("it does not follow the one before it"));
        }
        Ok(Some(checkpoint))
    }

    /// The checkpoint in the last note of a log. One that is by nobody known says nothing of the lines, and whoever laid
    /// it there may have taken away the one that does.
    ///
    /// # Errors
    ///
    /// [`LogError::Checkpoint`]
    pub fn open_last(note: &str, number: usize, keys: &[NoteKey]) -> Result<Self, LogError> {
        Self::open(note, number, keys, None)?.ok_or_else(|| LogError::foreign(number))
    }
}
