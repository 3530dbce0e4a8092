//! A line is proved without the log.

use std::fs;

use ambit_host::audit::{Checkpoint, check, merkle, prove, verify_proof};
use proptest::prelude::*;

use crate::world::{Key, filled, keys};

#[test]
fn a_line_is_proved_without_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 7);
    let whole = fs::read_to_string(&path).unwrap();
    for (at, line) in whole.lines().enumerate() {
        let proof = prove(&path, &keys(), at as u64 + 1).unwrap();
        let proved = verify_proof(proof.as_bytes(), &keys()).unwrap();
        assert_eq!(
            (proved.line.as_str(), proved.number, proved.checkpoint.size),
            (line, at as u64 + 1, 7)
        );
        for (from, to) in [
            ("c-", "d-"),
            (r#""index":""#, r#""index":"1"#),
            (r#""path":[""#, r#""path":["A"#),
        ] {
            let changed = proof.replacen(from, to, 1);
            assert_eq!(
                verify_proof(changed.as_bytes(), &keys())
                    .unwrap_err()
                    .code(),
                "audit.proof"
            );
        }
        assert!(verify_proof(proof.as_bytes(), &[Key::new(6).note_key()]).is_err());
    }
    for number in [0, 8, u64::MAX] {
        assert_eq!(
            prove(&path, &keys(), number).unwrap_err().code(),
            "audit.line"
        );
    }
    let report = check(&path, &keys()).unwrap();
    let kept = report.signed.clone().unwrap();
    assert!(report.extends(&kept));
    assert!(!report.extends(&Checkpoint {
        root: [0; 32],
        ..kept.clone()
    }));
    assert!(!report.extends(&Checkpoint { size: 8, ..kept }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proofs_of_any_tree_hold_and_only_for_their_leaf(size in 1_usize..70, other in 0_usize..70, earlier in 1_usize..70) {
        let leaves: Vec<merkle::Hash> = (0..size).map(|n| merkle::leaf_hash(&n.to_be_bytes())).collect();
        let mut frontier = merkle::Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        let root = merkle::root(&leaves);
        prop_assert_eq!(frontier.root(), root);
        for (index, leaf) in leaves.iter().enumerate() {
            let path = merkle::inclusion_proof(&leaves, index);
            prop_assert!(merkle::verify_inclusion(leaf, index as u64, size as u64, &path, &root));
            let wrong = other % size;
            let holds = merkle::verify_inclusion(&leaves[wrong], index as u64, size as u64, &path, &root);
            prop_assert_eq!(holds, wrong == index);
        }
        let earlier = earlier.min(size);
        let before = merkle::root(&leaves[..earlier]);
        let proof = merkle::consistency_proof(&leaves, earlier);
        prop_assert!(merkle::verify_consistency((earlier as u64, &before), (size as u64, &root), &proof));
        if earlier < size {
            prop_assert!(!merkle::verify_consistency((earlier as u64, &[0; 32]), (size as u64, &root), &proof));
        }
    }
}
