//! A cache may save work and never changes an answer.

use ambit_core::Reason;
use ambit_core::json::Writer;
use ambit_core::limits::Limits;
use ambit_token::{ChainCache, UnverifiedToken};
use serde_json::json;

use crate::making::*;

const BUNDLE: [u8; 32] = [5; 32];

fn bound() -> Box<ChainCache> {
    let mut cache = Box::new(ChainCache::new());
    cache.for_bundle(&BUNDLE);
    cache
}

fn kept(cache: &ChainCache) -> String {
    format!("{cache:?}")
}

#[test]
fn a_chain_is_kept_once_and_only_when_it_verified() {
    let mut cache = bound();
    let chain = chain(2);
    for _ in 0..3 {
        verify_at(&chain, &trust(), NOW, Some(&mut cache)).unwrap();
    }
    assert!(kept(&cache).contains("chains: 1"), "{cache:?}");
    let mut forged = chain;
    forged.replace_range(forged.len() - 3..forged.len() - 2, "_");
    let alone = verify(&forged).unwrap_err();
    for _ in 0..2 {
        let error = verify_at(&forged, &trust(), NOW, Some(&mut cache)).unwrap_err();
        assert_eq!(error, alone);
    }
    assert!(kept(&cache).contains("chains: 1"));
}

#[test]
fn times_are_judged_anew() {
    let mut cache = bound();
    let chain = chain(1);
    verify_at(&chain, &trust(), NOW, Some(&mut cache)).unwrap();
    for now in [1_771_999_900, 1_772_002_999, 1_772_003_600] {
        let alone = verify_at(&chain, &trust(), now, None).unwrap_err();
        let cached = verify_at(&chain, &trust(), now, Some(&mut cache)).unwrap_err();
        assert_eq!(cached, alone);
    }
}

#[test]
fn another_bundle_forgets() {
    let mut cache = bound();
    let chain = chain(1);
    verify_at(&chain, &trust(), NOW, Some(&mut cache)).unwrap();
    // The same bundle keeps; another, which may have other keys, does not.
    cache.for_bundle(&BUNDLE);
    assert!(kept(&cache).contains("chains: 1"));
    cache.for_bundle(&[6; 32]);
    assert!(kept(&cache).contains("chains: 0"));
    let error = verify_at(&chain, &Trust(vec![]), NOW, Some(&mut cache)).unwrap_err();
    assert_eq!(error.reason, Reason::TokenUnknownKey);
}

#[test]
fn keys_are_found_anew() {
    let mut cache = bound();
    let chain = chain(0);
    verify_at(&chain, &trust(), NOW, Some(&mut cache)).unwrap();
    let mut replaced = Key::broker();
    replaced.seed = STRANGER;
    let error = verify_at(&chain, &Trust(vec![replaced]), NOW, Some(&mut cache)).unwrap_err();
    assert_eq!(error.reason, Reason::TokenSignature);
}

#[test]
fn bound_to_no_bundle_it_keeps_nothing() {
    let mut cache = Box::new(ChainCache::new());
    verify_at(&chain(0), &trust(), NOW, Some(&mut cache)).unwrap();
    assert!(kept(&cache).contains("chains: 0"));
}

/// A known chain says what it said when it was new: claims, keys and digests of every block.
#[test]
fn a_known_chain_reads_as_a_new_one() {
    let mut cache = bound();
    let (trust, limits) = (trust(), Limits::default());
    for depth in 0..=3 {
        let chain = chain(depth);
        verify_at(&chain, &trust, NOW, Some(&mut cache)).unwrap();
        let known = cache.find(&chain, &trust).unwrap();
        let known = cache.verified(&known, &chain, NOW, &limits).unwrap();
        let new = UnverifiedToken::parse(&chain, &limits).unwrap();
        let new = new.verify(&trust, NOW, &limits, None).unwrap();
        assert_eq!(known.depth(), usize::from(depth));
        assert_eq!((known.kid(), known.sub()), (new.kid(), new.sub()));
        for (known, new) in known.blocks().iter().zip(new.blocks()) {
            let text = |claims| Writer::default().json(claims).as_str().to_owned();
            assert_eq!(text(known.claims()), text(new.claims()));
            assert_eq!((known.holder(), known.jti()), (new.holder(), new.jti()));
            assert_eq!(known.signing_input_s256(), new.signing_input_s256());
            assert_eq!(known.signing_input_s256(), new.signing_input_s256());
        }
    }
}

/// More chains, and larger ones, than fit: old ones go, none is ever mixed up.
#[test]
fn it_stays_right_when_it_is_full() {
    let mut cache = bound();
    let limits = Limits::default();
    let roots: Vec<String> = (0..150)
        .map(|at| {
            let mut claims = root_claims();
            claims["jti"] = json!(format!("root-{at}"));
            claims["txn"] = json!("x".repeat(1 + at * 37 % 4000));
            root(&claims)
        })
        .collect();
    let trust = trust();
    let mut known = 0;
    for round in 0..3 {
        // Those that were kept last are still there.
        for (at, chain) in roots.iter().enumerate().skip(round * 140) {
            verify_at(chain, &trust, NOW, Some(&mut cache)).unwrap();
            for (at, chain) in roots.iter().enumerate().take(at + 1).rev().take(20) {
                let Some(found) = cache.find(chain, &trust) else {
                    continue;
                };
                known += 1;
                let token = cache.verified(&found, chain, NOW, &limits).unwrap();
                assert_eq!(token.jti(), format!("root-{at}"), "round {round}");
                assert_eq!(token.issuer_key(), &public(BROKER).into());
                assert_eq!(cache.s256(chain), ChainCache::new().s256(chain));
                let alone = UnverifiedToken::parse(chain, &limits).unwrap();
                let alone = alone.verify(&trust, NOW, &limits, None).unwrap();
                for block in 0..2 {
                    assert_eq!(
                        token.signing_input_s256(block),
                        alone.signing_input_s256(block)
                    );
                }
            }
        }
    }
    assert!(known > 1_000, "{known}");
}
