//! Whether a token counts before a call: the same steps as in the decision, in the same order, and no others.

use std::collections::{BTreeMap, BTreeSet};

use ambit_evaluator::{ChainCache, evaluate, standing};
use ambit_policy::Bundle;
use ambit_tests::case::read_all;
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;
use serde_json::Value;

/// Whether a denial with this code is of steps 2 to 5.
fn is_of_token(code: &str) -> bool {
    let groups = [
        "chain.",
        "token.",
        "key.",
        "agent.",
        "possession.",
        "status.",
        "revocation.",
        "policy.expired",
        "policy.rollback",
        "policy.uid",
        "policy.version",
        "policy.digest",
    ];
    groups.iter().any(|group| code.starts_with(group))
}

/// Of every case of the conformance suite: what the decision says of the token is what is said before the call.
#[test]
fn it_says_of_a_token_what_the_decision_says() {
    let cases = read_all(&suites().join("conformance")).unwrap_or_else(|why| panic!("{why}"));
    let mut policies = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut sound, mut refused) = (0, 0);
    for case in cases {
        let policy = policies
            .entry(case.policy.id())
            .or_insert_with(|| SignedPolicy::make(&case.policy).unwrap());
        let bundle = Bundle::verify(policy.bundle()).unwrap();
        let request = case.request(&policy.bundle_s256()).unwrap();
        let answer = evaluate(&bundle, &request, &mut ChainCache::new());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let code = answer["context"]["reason"]["code"].as_str().unwrap();
        let said = standing(&bundle, &request, &mut ChainCache::new());
        let name = &case.name;
        match said {
            Ok(found) => {
                // A proof may name any call, and arguments are not looked at.
                let may_differ = code == "possession.call" || code.starts_with("request.");
                // A revocation may be of who signed a receipt.
                let asked: Value = serde_json::from_slice(&request).unwrap_or_default();
                let has_receipts = asked["approvals"].is_array();
                let may_differ = may_differ || (has_receipts && code.starts_with("revocation."));
                assert!(may_differ || !is_of_token(code), "{name}: {code}");
                assert!(found.holder.is_some() && !found.sub.is_empty(), "{name}");
                sound += 1;
            }
            Err(denial) => {
                let before = denial.reason.code();
                let is_same = before == code || code.starts_with("request.");
                assert!(is_same, "{name}: {before}, and then {code}");
                refused += 1;
                seen.insert(before.split('.').next().unwrap());
            }
        }
    }
    assert!(sound > 100 && refused > 100, "{sound} {refused}");
    for group in [
        "token",
        "key",
        "possession",
        "revocation",
        "agent",
        "policy",
    ] {
        assert!(seen.contains(group), "{group} is not in {seen:?}");
    }
}
