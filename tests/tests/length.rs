//! However the things that agents ordinarily ask for are put together, a person decides by few words.

use std::fs;

use ambit_advice::describe;
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::length::{most_words, words};
use ambit_tests::project::SignedPolicy;
use ambit_tests::suites;
use serde_json::{Map, Value, json};

/// So many capabilities stand in one grant.
const MOST: usize = 3;

#[test]
fn ordinary_grants_are_short() {
    let text = fs::read(suites().join("consent/ordinary.json")).expect("a file");
    let all: Map<String, Value> = serde_json::from_slice(&text).expect("JSON");
    for (project, ordinary) in &all {
        let spec = PolicySpec {
            project: project.clone(),
            keys: Vec::new(),
            bundle: None,
        };
        let policy = SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"));
        let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
        let entries = ordinary["entries"].as_array().expect("a list");
        let mut told = 0;
        for some in subsets(entries.len()) {
            let mut claims = ordinary["claims"].clone();
            let some: Vec<&Value> = some.into_iter().map(|at| &entries[at]).collect();
            // Nobody asks twice for the same.
            let of = |entry: &Value| (entry["actions"].clone(), entry["privileges"].clone());
            if (1..some.len()).any(|at| some[..at].iter().any(|one| of(one) == of(some[at]))) {
                continue;
            }
            claims["authorization_details"] = json!(some);
            for (locale, depth) in [("en", 0), ("en", 1), ("de", 0), ("de", 2)] {
                claims["del_max_depth"] = json!(depth);
                let request = json!({
                    "claims": claims, "locale": locale, "now": 1_772_442_000, "utc_offset": 60,
                });
                let answer = describe(&bundle, request.to_string().as_bytes());
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                let (has, most) = (
                    words(&answer["page"]),
                    most_words(&request, &answer["page"]),
                );
                assert!(has > 0, "{answer}: {request}");
                assert!(
                    has <= most,
                    "{has} words, at most {most}: {}",
                    answer["text"]
                );
                told += 1;
            }
        }
        println!("{project}: {told} grants");
        assert!(told > 100, "{project}: {told}");
    }
}

/// The places of one to [`MOST`] of so many things.
fn subsets(all: usize) -> Vec<Vec<usize>> {
    let mut found: Vec<Vec<usize>> = vec![Vec::new()];
    for at in 0..all {
        let longer: Vec<Vec<usize>> = found
            .iter()
            .filter(|some| some.len() < MOST)
            .map(|some| [some.as_slice(), &[at]].concat())
            .collect();
        found.extend(longer);
    }
    found.retain(|some| !some.is_empty());
    found
}
