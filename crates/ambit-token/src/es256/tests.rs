//! The `p256` crate as judge: random and edge cases must come out the same.
//!
//! `AMBIT_CASES` says how many.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "field elements and scalars, which have no side effects"
)]

extern crate std;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::PrimeField as _;
use p256::elliptic_curve::ops::Reduce as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{FieldBytes, ProjectivePoint, Scalar};

use super::verify_digest;
use crate::digits::{self, Width};

const CASES: usize = 1_000;

fn cases() -> usize {
    let cases = std::env::var("AMBIT_CASES").ok();
    cases.map_or(CASES, |cases| {
        cases.parse().expect("AMBIT_CASES is a number")
    })
}

/// A scalar that is random, near an end, short, or has long runs of one bit.
fn scalar(dice: &mut fastrand::Rng) -> Scalar {
    let small = Scalar::from(dice.u64(0..20));
    match dice.u8(0..8) {
        0 => small,
        1 => -small,
        2 => Scalar::from(dice.u64(..)),
        3 => {
            let mut bytes = [if dice.bool() { 0xff } else { 0 }; 32];
            bytes[dice.usize(0..32)] = dice.u8(..);
            Scalar::reduce(&FieldBytes::from(bytes))
        }
        4 => power_of_two(dice.usize(0..256)) - small,
        _ => {
            let mut bytes = [0; 32];
            dice.fill(&mut bytes);
            Scalar::reduce(&FieldBytes::from(bytes))
        }
    }
}

fn power_of_two(exponent: usize) -> Scalar {
    (0..exponent).fold(Scalar::ONE, |power, _| power + power)
}

fn public(secret: Scalar) -> Option<[u8; 64]> {
    let point = (ProjectivePoint::GENERATOR * secret)
        .to_affine()
        .to_sec1_point(false);
    point
        .as_bytes()
        .get(1..)
        .and_then(|bytes| bytes.try_into().ok())
}

fn judged(public: &[u8; 64], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(public);
    let key = VerifyingKey::from_sec1_bytes(&sec1);
    let signature = Signature::from_slice(signature);
    key.is_ok_and(|key| signature.is_ok_and(|one| key.verify_prehash(digest, &one).is_ok()))
}

fn table(point: super::Affine, width: Width) -> std::vec::Vec<super::Affine> {
    let mut table = std::vec![super::Affine::BASE; width.points()];
    super::comb::fill(&mut table, width, point);
    table
}

fn agree(public: &[u8; 64], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    let ours = verify_digest(public, digest, signature);
    // Making a table costs as much as a hundred cases.
    let chosen = digest
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
        < 8;
    if let Some(point) = super::affine(public).filter(|_| chosen) {
        static BASE: std::sync::LazyLock<std::vec::Vec<super::Affine>> =
            std::sync::LazyLock::new(|| table(super::Affine::BASE, digits::BASE));
        let table = table(point, digits::KEY);
        let combined = super::combined_with(&BASE, &table);
        assert_eq!(ours, super::holds(digest, signature, &combined));
    }
    let theirs = judged(public, digest, signature);
    assert_eq!(ours, theirs, "{public:02x?} {digest:02x?} {signature:02x?}");
    ours
}

fn signature(r: Scalar, s: Scalar) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r.to_repr());
    bytes[32..].copy_from_slice(&s.to_repr());
    bytes
}

#[test]
fn signatures_come_out_as_the_crate_says() {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut valid = 0;
    for _ in 0..cases() {
        let secret = scalar(&mut dice);
        let Some(public) = public(secret) else {
            continue;
        };
        let key = SigningKey::from_slice(&secret.to_repr()).expect("a secret that is not 0");
        let mut digest: [u8; 32] = scalar(&mut dice).to_repr().into();
        let (signed, _) = key.sign_prehash_recoverable(&digest);
        let mut bytes: [u8; 64] = signed.to_bytes().into();
        if dice.bool() {
            let s = Scalar::from_repr(FieldBytes::try_from(&bytes[32..]).expect("32 bytes"));
            bytes[32..].copy_from_slice(&(-s.expect("below n")).to_repr());
        }
        valid += usize::from(agree(&public, &digest, &bytes));
        match dice.u8(0..4) {
            0 => digest[dice.usize(0..32)] ^= 1 << dice.u8(0..8),
            1 => bytes[..32].copy_from_slice(&scalar(&mut dice).to_repr()),
            2 => bytes[dice.usize(0..2) * 32..][..32].fill(if dice.bool() { 0xff } else { 0 }),
            _ => bytes[dice.usize(0..64)] ^= 1 << dice.u8(0..8),
        }
        agree(&public, &digest, &bytes);
    }
    assert!(valid > cases() / 2, "{valid}");
}

/// `a * G + b * Q` for chosen `a` and `b`: doublings, points that cancel each other, the point at
/// infinity, multiples from one table in the other. `r` is the x of the sum, so it verifies; where
/// there is no sum, nothing does.
#[test]
fn sums_come_out_as_the_crate_says() {
    let mut dice = fastrand::Rng::with_seed(11);
    let (mut valid, mut infinite) = (0, 0);
    for _ in 0..cases() {
        let (a, secret) = (scalar(&mut dice), scalar(&mut dice));
        let mut b = scalar(&mut dice);
        if secret == Scalar::ZERO {
            continue;
        }
        if dice.u8(0..8) == 0 {
            b = -a * secret.invert().expect("it is not 0");
        }
        let sum = public(a + b * secret);
        infinite += usize::from(sum.is_none());
        let x = sum.map_or([1; 32], |sum| sum[..32].try_into().expect("32 bytes"));
        let r = Scalar::reduce(&FieldBytes::from(x));
        if b == Scalar::ZERO || r == Scalar::ZERO {
            continue;
        }
        let s = r * b.invert().expect("it is not 0");
        let digest: [u8; 32] = (a * s).to_repr().into();
        let key = public(secret).expect("a secret that is not 0");
        valid += usize::from(agree(&key, &digest, &signature(r, s)));
    }
    assert!(
        valid > cases() / 2 && infinite > cases() / 100,
        "{valid} {infinite}"
    );
}

#[test]
fn points_are_on_the_curve_or_refused_as_the_crate_says() {
    let mut dice = fastrand::Rng::with_seed(13);
    for _ in 0..cases() {
        let Some(mut point) = public(scalar(&mut dice)) else {
            continue;
        };
        for change in 0..3_u8 {
            let mut sec1 = [4; 65];
            sec1[1..].copy_from_slice(&point);
            let theirs = VerifyingKey::from_sec1_bytes(&sec1).is_ok();
            assert_eq!(super::usable(&point), theirs, "{point:02x?}");
            match change {
                0 => point[dice.usize(0..64)] ^= 1 << dice.u8(0..8),
                _ => point[dice.usize(0..2) * 32..][..32].fill(if dice.bool() { 0xff } else { 0 }),
            }
        }
    }
}
