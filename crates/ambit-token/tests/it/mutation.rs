//! One byte of a signed thing is changed, put in or taken out: it never verifies again.

use ambit_token::ChainCache;

use crate::making::{NOW, chain, trust, verify_at};
use crate::module_making;

/// Every text that differs from `bytes` by one byte changed, inserted or removed.
fn mutants(bytes: &[u8], others: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..=bytes.len()).flat_map(move |at| {
        let (before, after) = bytes.split_at(at);
        let rest = after.get(1..).unwrap_or_default();
        let inserted = others
            .iter()
            .map(move |other| [before, &[*other], after].concat());
        let changed = others
            .iter()
            .map(move |other| [before, &[*other], rest].concat());
        let flipped = after.first().into_iter().flat_map(move |byte| {
            (0..8).map(move |bit| [before, &[byte ^ (1 << bit)], rest].concat())
        });
        let removed = [[before, rest].concat()];
        let all = inserted.chain(changed).chain(flipped).chain(removed);
        all.filter(move |mutant| mutant != bytes)
            .map(move |mutant| (at, mutant))
    })
}

#[test]
fn no_mutant_of_a_chain_verifies() {
    let chain = chain(1);
    let trust = trust();
    let mut cache = Box::new(ChainCache::new());
    cache.for_bundle(&[1; 32]);
    let accepts =
        |text: &str, cache: &mut ChainCache| verify_at(text, &trust, NOW, Some(cache)).is_ok();
    assert!(accepts(&chain, &mut cache));
    let mut count = 0;
    for (at, mutant) in mutants(chain.as_bytes(), b"A_") {
        let Ok(text) = std::str::from_utf8(&mutant) else {
            continue;
        };
        assert!(!accepts(text, &mut cache), "byte {at}");
        count += 1;
    }
    assert!(count > 5 * chain.len());
    assert!(accepts(&chain, &mut cache));
}

#[test]
fn no_mutant_of_a_module_verifies() {
    let file = module_making::signed();
    module_making::verify(&file, None).unwrap();
    for (at, mutant) in mutants(&file, b"\0\x01\x7f\x80\xff \",:=+-/_A0") {
        assert!(module_making::verify(&mutant, None).is_err(), "byte {at}");
    }
}

/// A detached envelope is not part of the file; whatever spelling of it verifies, says the same.
#[test]
fn no_mutant_of_a_detached_envelope_says_something_else() {
    let file = module_making::unsigned();
    let envelope = module_making::envelope(&file, &[7]).write();
    for (at, mutant) in mutants(envelope.as_bytes(), b" \",:A_\\") {
        if let Ok(module) = module_making::verify(&file, Some(&mutant)) {
            assert_eq!(
                module.statement,
                module_making::statement(&file),
                "byte {at}"
            );
            assert_eq!(module.signers, ["key-7"]);
        }
    }
    for (_, mutant) in mutants(&file, b"A\0") {
        assert!(module_making::verify(&mutant, Some(envelope.as_bytes())).is_err());
    }
}

/// The same of a bundle alone and of the envelope that it travels with.
#[test]
fn no_mutant_of_a_bundle_alone_verifies() {
    let file = module_making::unsigned();
    let envelope = module_making::envelope(&file, &[7]).write();
    let verify = module_making::verify_bundle;
    verify(module_making::BUNDLE, Some(envelope.as_bytes())).unwrap();
    for (at, mutant) in mutants(module_making::BUNDLE, b"\0\x01 A0") {
        let verified = verify(&mutant, Some(envelope.as_bytes()));
        assert!(verified.is_err(), "byte {at}");
    }
    for (at, mutant) in mutants(envelope.as_bytes(), b" \",:A_\\") {
        if let Ok(policy) = verify(module_making::BUNDLE, Some(&mutant)) {
            let stated = module_making::statement(&file);
            assert_eq!(policy.statement, stated, "byte {at}");
            assert_eq!(policy.signers, ["key-7"]);
        }
    }
}
