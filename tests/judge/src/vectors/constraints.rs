//! `ambit-constraints-1`: constraints with the arguments that they match and do not match.

use serde::Deserialize;
use serde_json::value::RawValue;
use vectors_guest::Case;

use super::engine::Engines;
use super::{Case as Named, raw};

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    groups: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    constraint: &'a RawValue,
    #[serde(borrow)]
    cases: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Expected<'a> {
    #[serde(borrow, default, deserialize_with = "raw::present")]
    value: Option<&'a RawValue>,
    #[serde(rename = "match")]
    matches: bool,
}

pub(crate) fn run(text: &str, engines: &mut Engines) -> Result<Vec<Named>, String> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut outcomes = Vec::new();
    for (at, group) in file.groups.iter().enumerate() {
        let name = raw::name(group, at);
        match serde_json::from_str::<Group<'_>>(group.get()) {
            Ok(group) => outcomes.extend(group.cases.iter().map(|case| {
                // A case that cannot be read fails alone.
                let read = serde_json::from_str(case.get()).map_err(|error| error.to_string());
                let outcome = read.and_then(|case| judge(group.constraint, &case, engines));
                (format!("{name}: {}", shortened(case.get())), outcome)
            })),
            Err(error) => outcomes.push((name, Err(error.to_string()))),
        }
    }
    Ok(outcomes)
}

fn judge(
    constraint: &RawValue,
    expected: &Expected<'_>,
    engines: &mut Engines,
) -> Result<(), String> {
    let answer = engines.answer(&Case::Constraint {
        constraint: constraint.get().as_bytes(),
        value: expected.value.map(|value| value.get().as_bytes()),
    })?;
    match answer.matches {
        Some(matches) if matches == expected.matches => Ok(()),
        Some(true) => Err("matches, and should not".to_owned()),
        Some(false) => Err("does not match, and should".to_owned()),
        None => Err(format!("no answer: {answer:?}")),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
