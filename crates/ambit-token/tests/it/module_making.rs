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

/// A module with a memory, a data segment and the bundle, unsigned.
pub(crate) fn unsigned() -> Vec<u8> {
    unsigned_with_code_holding(BUNDLE)
}

/// The same, whose code would find another bundle in its memory than the section shows.
pub(crate) fn unsigned_with_code_holding(bundle: &[u8]) -> Vec<u8> {
    let mut file = b"\0asm\x01\0\0\0".to_vec();
    // A memory section: one memory of one page.
    file.extend_from_slice(&[5, 3, 1, 0, 1]);
    // A data section: one active segment at address 0.
    let length = u8::try_from(bundle.len()).unwrap();
    file.extend_from_slice(&[11, length + 6, 1, 0, 0x41, 0, 0x0b, length]);
    file.extend_from_slice(bundle);
    module::append_section(&mut file, "producers", b"ours");
    module::append_section(&mut file, BUNDLE_SECTION, BUNDLE);
    file
}

pub(crate) fn statement(file: &[u8]) -> Statement {
    Statement {
        uid: "acme/agents".into(),
        version: 42,
        issued: NOW - 100,
        expires: NOW + 100,
        abi: 2,
        file_s256: sha256(file),
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
        return Err(ModuleError {
            code: module::ModuleErrorCode::Bundle,
            detail: "not the bundle of these tests".into(),
        });
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
