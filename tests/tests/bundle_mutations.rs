//! A bundle with changed bytes is refused, or is another sound bundle; and even one that nobody
//! verified gives an answer, never a panic.

use ambit_advice::{advise, describe};
use ambit_evaluator::{ChainCache, evaluate, info};
use ambit_policy::Bundle;
use ambit_tests::case::{Case, read_all};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;

/// Changed bundles tried with each request.
const CHANGES: u64 = 6_000;

#[test]
fn changed_bundles_are_refused_or_sound() {
    let cases = read_all(&suites().join("conformance")).expect("the cases can be read");
    let Case { policy, .. } = &cases[0];
    let policy = SignedPolicy::make(policy).expect("the policy compiles");
    let request = cases[0]
        .request(&policy.bundle_s256())
        .expect("the case is sound");
    let capabilities = cases[0].capabilities().expect("the case is sound");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut sound) = (0, 0);
    for _ in 0..CHANGES {
        let bytes = changed(policy.bundle(), &mut random);
        match Bundle::verify(&bytes) {
            Ok(_) => sound += 1,
            Err(_) => refused += 1,
        }
        // What a module instance does: it opens without verifying.
        if let Ok(bundle) = Bundle::open(&bytes, [7; 32]) {
            let mut cache = ChainCache::new();
            assert!(evaluate(&bundle, &request, &mut cache).starts_with("{\"decision\":"));
            assert!(advise(&bundle, &request, &mut cache).starts_with("{\"decision\":"));
            assert!(describe(&bundle, &capabilities).starts_with('{'));
            assert!(info(&bundle).starts_with('{'));
        }
    }
    println!("{refused} refused, {sound} still sound");
    assert!(
        refused > CHANGES / 4,
        "changes in structure must be found: {refused}"
    );
    assert!(sound > 0, "a changed label leaves a sound bundle");
}

#[test]
fn every_cut_is_refused() {
    let cases = read_all(&suites().join("conformance")).expect("the cases can be read");
    let policy = SignedPolicy::make(&cases[0].policy).expect("the policy compiles");
    let bundle = policy.bundle();
    assert!(Bundle::verify(bundle).is_ok());
    for end in 0..bundle.len() {
        assert!(Bundle::verify(&bundle[..end]).is_err(), "cut at {end}");
    }
    let longer: Vec<u8> = bundle.iter().copied().chain([0]).collect();
    assert!(Bundle::verify(&longer).is_err());
}

/// One to four changes: a bit, a byte, a word of the structure, or two swapped bytes.
fn changed(bundle: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bundle.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = u8::try_from(random.below(256)).unwrap_or_default(),
            2 => {
                let at = at / 4 * 4;
                let word = u32::try_from(random.below(bytes.len() * 2)).unwrap_or_default();
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            }
            _ => {
                let other = random.below(bytes.len());
                bytes.swap(at, other);
            }
        }
    }
    bytes
}

/// Marsaglia's xorshift64: the same changes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or_default()
    }
}
