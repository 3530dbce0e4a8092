//! Makes small signed modules from fixed seeds.

use ambit_token::dsse::{self, Envelope, Signature};
use ambit_token::module::{
    self, BUNDLE_SECTION, BundleClaims, Expect, ModuleError, PAYLOAD_TYPE, SIGNATURE_SECTION,
    Statement, TrustedKeys, VerifiedModule,
};
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::making::{NOW, key, public};

pub(crate) const BUNDLE: &[u8] = b"AMBITBDL acme/agents 42";
pub(crate) const EXPECT: Expect<'static> = Expect {
    uid: Some("acme/agents"),
    now: NOW,
    abi: 2,
};

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Where the guest's data, and so its slot's mark, begins.
const DATA_AT: u8 = 8;

/// What is put into a guest.
pub(crate) struct Parts<'a> {
    /// The pages of its memory, the bundle's included.
    pub(crate) pages: u8,
    /// What its code finds in memory, and where.
    pub(crate) embedded: &'a [u8],
    pub(crate) at: u32,
    /// What is written behind the mark, and where.
    pub(crate) slot: Vec<u8>,
    pub(crate) slot_at: u8,
    /// The bundle section.
    pub(crate) section: &'a [u8],
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self {
            pages: 2,
            embedded: BUNDLE,
            at: 65_536,
            slot: slot(65_536, BUNDLE),
            slot_at: DATA_AT + 16,
            section: BUNDLE,
        }
    }
}

pub(crate) fn slot(at: u32, bundle: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bundle.len()).unwrap();
    let digest = sha256(bundle);
    [&at.to_le_bytes()[..], &length.to_le_bytes(), &digest].concat()
}

/// The guest of these tests: a memory of one page, and a slot.
pub(crate) fn guest() -> Vec<u8> {
    let mut file = sections(1, &guest_data(), 1);
    module::append_section(&mut file, "producers", b"ours");
    file
}

/// The guest with these parts put into it.
pub(crate) fn assembled(parts: &Parts<'_>) -> Vec<u8> {
    let mut data = guest_data();
    data.extend(segment(parts.at, parts.embedded));
    data.extend(segment(parts.slot_at.into(), &parts.slot));
    let mut file = sections(parts.pages, &data, 3);
    module::append_section(&mut file, "producers", b"ours");
    module::append_section(&mut file, BUNDLE_SECTION, parts.section);
    file
}

/// A module, unsigned.
pub(crate) fn unsigned() -> Vec<u8> {
    assembled(&Parts::default())
}

fn guest_data() -> Vec<u8> {
    segment(
        DATA_AT.into(),
        &[&b"AMBIT-BUNDLE-SLT"[..], &[0; 40]].concat(),
    )
}

/// Memory and data.
fn sections(pages: u8, segments: &[u8], count: u8) -> Vec<u8> {
    let mut file = b"\0asm\x01\0\0\0".to_vec();
    file.extend_from_slice(&[5, 3, 1, 0, pages, 11]);
    leb(&mut file, segments.len() + 1);
    file.push(count);
    file.extend_from_slice(segments);
    file
}

/// An active segment of the only memory.
fn segment(at: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0x41];
    // One byte more than needed, so that the last one has no sign.
    for shift in [0, 7, 14] {
        out.push(u8::try_from((at >> shift) & 0x7f).unwrap() | 0x80);
    }
    out.extend_from_slice(&[0, 0x0b]);
    leb(&mut out, bytes.len());
    out.extend_from_slice(bytes);
    out
}

fn leb(out: &mut Vec<u8>, value: usize) {
    let low = u8::try_from(value & 0x7f).unwrap();
    match u8::try_from(value >> 7).unwrap() {
        0 => out.push(low),
        high => out.extend_from_slice(&[low | 0x80, high]),
    }
}

pub(crate) fn statement(file: &[u8]) -> Statement {
    Statement {
        uid: "acme/agents".into(),
        version: 42,
        issued: NOW - 100,
        expires: NOW + 100,
        abi: 2,
        file_s256: sha256(file),
        guest_s256: sha256(&guest()),
        bundle_s256: sha256(BUNDLE),
        tests_s256: None,
    }
}

/// An envelope over `payload` by the keys of `seeds`, whose `kid` is `key-SEED`.
pub(crate) fn envelope_of(payload: &[u8], seeds: &[u8]) -> Envelope {
    let message = dsse::pae(PAYLOAD_TYPE, payload);
    let sign = |seed: &u8| Signature {
        keyid: format!("key-{seed}"),
        sig: key(*seed).sign(&message).to_bytes().to_vec(),
    };
    Envelope {
        payload_type: PAYLOAD_TYPE.into(),
        payload: payload.to_vec(),
        signatures: seeds.iter().map(sign).collect(),
    }
}

pub(crate) fn envelope(file: &[u8], seeds: &[u8]) -> Envelope {
    envelope_of(statement(file).write().as_bytes(), seeds)
}

/// `file` with the envelope as its last section.
pub(crate) fn carrying(file: &[u8], envelope: &Envelope) -> Vec<u8> {
    let mut out = file.to_vec();
    module::append_section(&mut out, SIGNATURE_SECTION, envelope.write().as_bytes());
    out
}

/// A module that verifies, signed by key 7.
pub(crate) fn signed() -> Vec<u8> {
    let file = unsigned();
    carrying(&file, &envelope(&file, &[7]))
}

pub(crate) fn trusting(threshold: usize, seeds: &[u8]) -> TrustedKeys {
    let keys = seeds
        .iter()
        .map(|seed| (format!("key-{seed}"), public(*seed)));
    TrustedKeys::new(threshold, keys.collect()).unwrap()
}

/// What [`BUNDLE`] says of itself; nothing else is a bundle.
pub(crate) fn claims(bundle: &[u8]) -> Result<BundleClaims, ModuleError> {
    if bundle != BUNDLE {
        return Err(ModuleError::new(
            module::ModuleErrorCode::Bundle,
            "not the bundle of these tests",
        ));
    }
    Ok(BundleClaims {
        uid: "acme/agents".into(),
        version: 42,
        issued: NOW - 100,
        expires: NOW + 100,
    })
}

pub(crate) fn verify<'a>(
    file: &'a [u8],
    detached: Option<&[u8]>,
) -> Result<VerifiedModule<'a>, ModuleError> {
    module::verify(file, detached, &trusting(1, &[7]), &EXPECT, claims)
}

/// The bundle alone, with the detached envelope of a module.
pub(crate) fn verify_bundle<'a>(
    bundle: &'a [u8],
    detached: Option<&[u8]>,
) -> Result<VerifiedModule<'a>, ModuleError> {
    module::verify_bundle(bundle, detached, &trusting(1, &[7]), &EXPECT, claims)
}
