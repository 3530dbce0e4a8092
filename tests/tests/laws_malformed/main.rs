//! The law "malformed denies": a member of the wrong type, anywhere, denies with its code; it is never
//! taken for absent.
//!
//! The variants come from the tables of [`ambit_core::grammar`], which the readers use: every member of
//! every object is set to every type of JSON, left out and repeated, and every object gets a member
//! that nobody knows. Whether a variant is well-formed is judged by a naive reading of the tables, not by
//! the one that the evaluator uses. A last assertion says that no row was left out.

mod mutate;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::engine::{self, Question};
use ambit_tests::project::patched;
use mutate::{Change, Target, changes, fits, targets};
use serde_json::{Value, json};
use worlds::{Part, World, worlds};

#[test]
fn malformed_denies() {
    let mut done = Done::default();
    for world in worlds() {
        let sound = world.evaluate(&world.request(None));
        assert_eq!(code(&sound), "allowed", "{}: {sound}", world.name);
        for part in world.parts() {
            done.want(&part);
            for (target, change) in variants(&part) {
                let answer = world.evaluate(&world.request(Some((&part, &target, &change))));
                done.judge(&world, &part, &target, &change, &answer);
            }
        }
    }
    println!(
        "{} variants, {} of them well-formed",
        done.variants, done.sound
    );
    assert!(done.faults.is_empty(), "{}", done.faults.join("\n"));
    done.assert_complete();
}

#[test]
fn malformed_manifest_entries_match_nothing() {
    for world in worlds() {
        let part = world.manifest();
        let request = world.request(None);
        let mut denied = 0;
        for (target, change) in variants(&part) {
            let Some(entry) = target.applied(&part.sound, &change) else {
                continue;
            };
            let patch = json!({"manifests": {"renewal-bot": {"capabilities": [entry.clone()]}}});
            let bundle = patched(world.policy.bundle().to_vec(), Some(&patch));
            // A bundle whose shape is wrong is not loaded at all.
            let Ok(bundle) = bundle else { continue };
            let Ok(bundle) = Bundle::verify(&bundle) else {
                continue;
            };
            let answer = evaluate(&bundle, &request, &mut ChainCache::new());
            if !fits(&part.form, &entry) {
                denied += 1;
                assert_ne!(code(&answer), "allowed", "{target:?} {change:?}: {entry}");
            }
        }
        assert!(denied > 100, "{denied}");
    }
}

/// One variant of each row, on every engine, byte for byte.
#[test]
fn a_sample_is_the_same_on_every_engine() {
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    for world in worlds() {
        engines
            .load(&world.policy)
            .unwrap_or_else(|why| panic!("{why}"));
        let mut number = 0;
        for part in world.parts() {
            for (target, change) in variants(&part) {
                number += 1;
                if number % 13 != 0 {
                    continue;
                }
                let request = world.request(Some((&part, &target, &change)));
                let answer = engines.ask(&world.policy, Question::Evaluate(&request));
                let answer = answer.unwrap_or_else(|why| panic!("{target:?} {change:?}: {why}"));
                assert_eq!(String::from_utf8_lossy(&answer), world.evaluate(&request));
            }
        }
    }
    engines.lacking.iter().for_each(|line| println!("{line}"));
}

fn variants(part: &Part) -> Vec<(Target, Change)> {
    let targets = targets(&part.form, Some(&part.sound));
    let of = |target: Target| {
        changes(&target)
            .into_iter()
            .map(move |change| (target.clone(), change))
    };
    targets.into_iter().flat_map(of).collect()
}

#[derive(Default)]
struct Done {
    variants: usize,
    sound: usize,
    faults: Vec<String>,
    /// The rows of each part that were varied, each with the kinds of changes.
    rows: BTreeMap<(&'static str, String), BTreeSet<&'static str>>,
    /// All rows that there are.
    wanted: BTreeMap<(&'static str, String), BTreeSet<&'static str>>,
}

impl Done {
    /// Every row of the part's table is to be varied in every way.
    fn want(&mut self, part: &Part) {
        for target in targets(&part.form, None) {
            let kinds = changes(&target).into_iter().map(|change| change.kind());
            let row = self.wanted.entry((part.name, target.row));
            row.or_default().extend(kinds);
        }
    }

    fn judge(
        &mut self,
        world: &World,
        part: &Part,
        target: &Target,
        change: &Change,
        answer: &str,
    ) {
        let row = self.rows.entry((part.name, target.row.clone()));
        row.or_default().insert(change.kind());
        self.variants += 1;
        let sound = target
            .applied(&part.sound, change)
            .is_some_and(|value| fits(&part.form, &value));
        self.sound += usize::from(sound);
        let code = code(answer);
        let right = part.codes.iter().any(|family| code.starts_with(family));
        if !sound && !right {
            let name = world.name;
            self.faults.push(format!(
                "{name}: {}{}: {change:?}: {code}",
                part.name, target.row
            ));
        }
    }

    fn assert_complete(&self) {
        let mut lacking = Vec::new();
        for (row, kinds) in &self.wanted {
            let done = self.rows.get(row);
            let missing: Vec<_> = kinds
                .iter()
                .filter(|kind| !done.is_some_and(|done| done.contains(*kind)))
                .collect();
            if !missing.is_empty() {
                lacking.push(format!("{}{}: {missing:?}", row.0, row.1));
            }
        }
        assert!(lacking.is_empty(), "not generated:\n{}", lacking.join("\n"));
    }
}

fn code(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let code = answer["context"]["reason"]["code"].as_str();
    code.unwrap_or_default().to_owned()
}
