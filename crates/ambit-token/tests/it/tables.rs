//! A key with a table verifies what it verifies without, and nothing else.
//!
//! `AMBIT_CASES` says how many cases.

use ambit_token::{KeyTables, PublicKey, ed25519};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use p256::ecdsa::SigningKey as P256Key;
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha512};

fn cases() -> usize {
    let cases = std::env::var("AMBIT_CASES").ok();
    cases.map_or(2_000, |cases| {
        cases.parse().expect("AMBIT_CASES is a number")
    })
}

/// A signer whose key may have a component of small order.
struct Signer {
    secret: Scalar,
    public: [u8; 32],
}

impl Signer {
    fn new(dice: &mut fastrand::Rng) -> Self {
        let secret = scalar(dice);
        let torsion = EIGHT_TORSION[if dice.bool() { 0 } else { dice.usize(0..8) }];
        let public = (ED25519_BASEPOINT_POINT * secret + torsion).compress().0;
        Self { secret, public }
    }

    /// A signature that satisfies the equation up to points of small order, so often exactly.
    fn sign(&self, message: &[u8], dice: &mut fastrand::Rng) -> [u8; 64] {
        let nonce = scalar(dice);
        let torsion = EIGHT_TORSION[if dice.bool() { 0 } else { dice.usize(0..8) }];
        let r = (ED25519_BASEPOINT_POINT * nonce + torsion).compress().0;
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(self.public)
            .chain_update(message);
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = nonce + challenge * self.secret;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(s.as_bytes());
        signature
    }
}

/// Random, small, or short of a multiple of the order.
fn scalar(dice: &mut fastrand::Rng) -> Scalar {
    match dice.u8(0..8) {
        0 => Scalar::from(dice.u64(0..20)),
        1 => -Scalar::from(dice.u64(0..20)),
        2 => {
            let mut bytes = [0; 32];
            bytes[dice.usize(0..32)] = dice.u8(..);
            Scalar::from_bytes_mod_order(bytes)
        }
        _ => {
            let mut bytes = [0; 32];
            dice.fill(&mut bytes);
            Scalar::from_bytes_mod_order(bytes)
        }
    }
}

/// Makes a wrong signature of a right one, or another form of it.
fn spoil(signature: &mut [u8; 64], dice: &mut fastrand::Rng) {
    match dice.u8(0..6) {
        0 => signature[dice.usize(0..64)] ^= 1 << dice.u8(0..8),
        // The order is added to S.
        1 => {
            let order = (-Scalar::ONE).to_bytes();
            let mut carry = 1_u16;
            for (byte, add) in signature[32..].iter_mut().zip(order) {
                carry += u16::from(*byte) + u16::from(add);
                *byte = u8::try_from(carry & 255).unwrap();
                carry >>= 8;
            }
        }
        // R of small order, in every encoding that there is below p and some above.
        2 => signature[..32].copy_from_slice(&EIGHT_TORSION[dice.usize(0..8)].compress().0),
        3 => {
            signature[..32].fill(0xff);
            signature[0] = dice.u8(0xe0..=0xff);
            signature[31] = if dice.bool() { 0x7f } else { 0xff };
        }
        4 => signature[31] ^= 0x80,
        _ => dice.fill(&mut signature[..32]),
    }
}

#[test]
fn ed25519_comes_out_as_without_tables() {
    let mut dice = fastrand::Rng::with_seed(5);
    let tables = KeyTables::default();
    let mut signers = Vec::new();
    let (mut valid, mut invalid) = (0, 0);
    for case in 0..cases() {
        if case % 200 == 0 {
            signers = (0..6).map(|_| Signer::new(&mut dice)).collect();
        }
        let signer: &Signer = &signers[dice.usize(0..signers.len())];
        let message = [dice.u8(..), dice.u8(..)];
        let mut signature = signer.sign(&message, &mut dice);
        if dice.u8(0..4) == 0 {
            spoil(&mut signature, &mut dice);
        }
        let expected = ed25519::verify_strict(&signer.public, &message, &signature);
        let key = PublicKey::Ed25519(signer.public);
        let given = tables.verify(&key, &message, &signature);
        assert_eq!(
            given, expected,
            "{:02x?} {message:?} {signature:02x?}",
            signer.public
        );
        *(if given { &mut valid } else { &mut invalid }) += 1;
        assert_eq!(tables.is_usable(&key), key.is_usable());
    }
    assert!(
        valid > cases() / 8 && invalid > cases() / 8,
        "{valid} {invalid}"
    );
    assert!(format!("{tables:?}").contains("tables: 8"), "{tables:?}");
}

/// `S` and the challenge are what they are, so points that cancel or double each other are rare: here
/// the sum itself is of small order, or the base point's multiple is the key's.
#[test]
fn sums_at_the_edge_come_out_as_without_tables() {
    let tables = KeyTables::default();
    let mut dice = fastrand::Rng::with_seed(6);
    for secret in [
        Scalar::ONE,
        -Scalar::ONE,
        Scalar::from(2_u8),
        Scalar::from(16_u8),
    ] {
        let point: EdwardsPoint = ED25519_BASEPOINT_POINT * secret;
        let signer = Signer {
            secret,
            public: point.compress().0,
        };
        let key = PublicKey::Ed25519(signer.public);
        for round in 0..40_u8 {
            let mut signature = signer.sign(&[round], &mut dice);
            if round > 20 {
                // R is 0: S is the challenge times the secret, and the sum is the neutral point.
                let mut r = [0; 32];
                r[0] = 1;
                let hash = Sha512::new()
                    .chain_update(r)
                    .chain_update(signer.public)
                    .chain_update([round]);
                let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice((challenge * secret).as_bytes());
            }
            let expected = ed25519::verify_strict(&signer.public, &[round], &signature);
            assert_eq!(tables.verify(&key, &[round], &signature), expected);
            assert!(round <= 20 || !expected);
        }
    }
}

#[test]
fn p256_comes_out_as_without_tables() {
    let mut dice = fastrand::Rng::with_seed(7);
    let tables = KeyTables::default();
    let mut keys = Vec::new();
    let mut valid = 0;
    for case in 0..cases() {
        if case % 200 == 0 {
            let secret = |dice: &mut fastrand::Rng| match dice.u8(0..4) {
                0 => {
                    let mut bytes = [0; 32];
                    bytes[31] = dice.u8(1..20);
                    bytes
                }
                _ => std::array::from_fn(|at| if at == 0 { 1 } else { dice.u8(..) }),
            };
            keys = (0..6)
                .map(|_| P256Key::from_slice(&secret(&mut dice)).unwrap())
                .collect();
        }
        let signer: &P256Key = &keys[dice.usize(0..keys.len())];
        let point = signer.verifying_key().to_sec1_point(false);
        let key = PublicKey::P256(point.as_bytes()[1..].try_into().unwrap());
        let message = [dice.u8(..), dice.u8(..)];
        let signed: p256::ecdsa::Signature = signer.sign(&message);
        let mut signature: [u8; 64] = signed.to_bytes().into();
        match dice.u8(0..8) {
            0 => signature[dice.usize(0..64)] ^= 1 << dice.u8(0..8),
            1 => signature[dice.usize(0..2) * 32..][..32].fill(if dice.bool() { 0xff } else { 0 }),
            _ => {}
        }
        let expected = key.verify(&message, &signature);
        assert_eq!(
            tables.verify(&key, &message, &signature),
            expected,
            "{key:?} {signature:02x?}"
        );
        assert_eq!(tables.is_usable(&key), key.is_usable());
        valid += usize::from(expected);
    }
    assert!(valid > cases() / 2, "{valid}");
    assert!(format!("{tables:?}").contains("tables: 8"), "{tables:?}");
}
