//! C2SP signed notes and checkpoints: a text that says how a log stood, signed.
//!
//! A note is a text, an empty line, and lines `— name base64(key id || signature)`. A checkpoint is
//! a note whose text is the log's origin, its size, and its root (C2SP `signed-note`, `tlog-checkpoint`).

use ambit_token::ed25519;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::merkle::Hash;
use crate::signer::Signer;

/// The algorithm's byte in key ids and verifier keys: Ed25519.
const ED25519: u8 = 1;
/// Bytes of a note: a checkpoint has some 200, other texts are not ours.
const NOTE_BYTES: usize = 1_000_000;

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
        let key = STANDARD.decode(key).ok()?;
        let (&[ED25519], public) = key.split_at_checked(1)? else {
            return None;
        };
        let key = Self::new(name, public.try_into().ok()?)?;
        (id == key.id_hex()).then_some(key)
    }

    /// The verifier key as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut key = vec![ED25519];
        key.extend_from_slice(&self.public);
        format!("{}+{}+{}", self.name, self.id_hex(), STANDARD.encode(key))
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

    /// Signs a text, which ends with a line feed.
    pub(super) fn sign(&self, text: &str, signer: &dyn Signer) -> Result<String, String> {
        let mut signature = self.id().to_vec();
        signature.extend_from_slice(&signer.sign(text.as_bytes())?);
        Ok(format!(
            "{text}\n\u{2014} {} {}\n",
            self.name,
            STANDARD.encode(signature)
        ))
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
    let signature = STANDARD.decode(signature).ok()?;
    (!name.is_empty() && signature.len() > 4).then_some((name, signature))
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
            STANDARD.encode(self.root)
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
            root: STANDARD.decode(root).ok()?.try_into().ok()?,
        })
    }
}
