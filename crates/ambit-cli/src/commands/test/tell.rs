//! What came of tests, for people.

use std::fmt::Write as _;
use std::time::Duration;

use ambit_compiler::conceal;
use ambit_workbench::cases::{AgentFacts, Case};
use ambit_workbench::coverage::{Coverage, Part};
use ambit_workbench::run::{Outcome, Results, Tried};
use serde_json::Value as Json;

use crate::report::Report;
use crate::say::{self, BAD, BOLD, DIM, GOOD, WARN};
use crate::time;

/// Holes that are listed; the rest is in the JSON.
const HOLES: usize = 60;

/// The failed cases in full, then what was tried and what it touched.
pub(super) fn results(report: &Report, results: &Results, took: Duration, whole: bool) {
    for tried in results.tried.iter().filter(|one| !one.passed()) {
        failed(report, tried);
    }
    let (all, failed) = (results.tried.len(), results.failed());
    let cases = if all == 1 { "case" } else { "cases" };
    let took = took.as_millis();
    if failed == 0 {
        say::note(format!(
            "{GOOD}{all} {cases} as expected{GOOD:#}, in {took} ms"
        ));
    } else {
        say::note(format!(
            "{BAD}{failed} of {all} {cases} not as expected{BAD:#}, in {took} ms"
        ));
    }
    if whole {
        coverage(report, &results.coverage);
    }
}

fn failed(report: &Report, tried: &Tried) {
    let case = &tried.case;
    let spot = &case.spot;
    let mut page = format!("{BAD}FAILED{BAD:#} {BOLD}{}{BOLD:#}\n", case.name);
    let _ = writeln!(
        page,
        "  {DIM}-->{DIM:#} {}:{}",
        report.path(&spot.file),
        spot.line
    );
    field(&mut page, "expected", &expected(case));
    match &tried.result {
        Ok(outcome) => answered(report, &mut page, case, outcome),
        Err(error) => {
            field(&mut page, "answer", "none: there is no request");
            field(&mut page, "because", &error.to_string());
        }
    }
    if let Ok(outcome) = &tried.result {
        asked(&mut page, case, outcome);
    }
    // What a case says is shown as it says it, and somebody may have put a key there.
    say::note(conceal(&page));
}

fn expected(case: &Case) -> String {
    match &case.policies {
        Some(policies) => format!("{}, by {}", case.expect, policies.join(", ")),
        None => case.expect.to_string(),
    }
}

fn answered(report: &Report, page: &mut String, case: &Case, outcome: &Outcome) {
    field(page, "answer", &outcome.in_words());
    if !outcome.allowed() {
        field(page, "because", outcome.why());
    }
    for rule in &outcome.rules {
        let place = format!("{}, {}:{}", rule.what, report.path(&rule.file), rule.line);
        field(page, "decided by", &place);
    }
    // The first difference is what stands above.
    let told = usize::from(!outcome.is_as_expected(case));
    for fault in outcome.faults.iter().skip(told) {
        field(page, "and", fault);
    }
}

fn asked(page: &mut String, case: &Case, outcome: &Outcome) {
    let scope = &case.scope;
    let call = format!(
        "{} `{}` on {} {}, for {}",
        scope.power.name(),
        scope.action,
        scope.resource.datatype,
        scope.resource.id,
        scope.purpose
    );
    field(page, "asked", &call);
    for (name, value) in &case.args {
        field(page, "", &format!("{name}: {value}"));
    }
    let who = format!("{}, for {}", scope.agent, case.subject);
    field(page, "by", &who);
    field(
        page,
        "at",
        &format!("{}, {}", time::show(case.now), scope.audience),
    );
    if !case.approvals.is_empty() {
        field(page, "approved by", &case.approvals.join(", "));
    }
    let login = &case.login;
    if login.acr.is_some() || !login.amr.is_empty() || login.auth_time.is_some() {
        let time = login.auth_time.map(time::show);
        let parts = [login.acr.clone(), Some(login.amr.join(" ")), time];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        field(page, "login", &parts.join(", "));
    }
    let facts = &outcome.request.json["facts"]["agent"];
    if case.agent_facts != AgentFacts::default() {
        field(page, "attested", &facts.to_string());
    }
    if let Some(entities) = &case.entities {
        let known = entities.as_array().into_iter().flatten();
        let names = known.map(|entity| uid(&entity["uid"]));
        field(page, "entities", &names.collect::<Vec<String>>().join(", "));
    }
}

fn uid(uid: &Json) -> String {
    let uid = uid.get("__entity").unwrap_or(uid);
    let text = |name: &str| uid[name].as_str().unwrap_or("?").to_owned();
    format!("{}::{}", text("type"), text("id"))
}

fn field(page: &mut String, name: &str, value: &str) {
    const MOST: usize = 400;
    let value = say::foreign(value, MOST);
    let _ = writeln!(page, "  {DIM}{name:<12}{DIM:#} {value}");
}

fn coverage(report: &Report, coverage: &Coverage) {
    let total = coverage.total();
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let count = coverage.count(part);
        (count.all > 0).then(|| format!("{} {} of {}", part.many(), count.seen, count.all))
    });
    let parts = parts.collect::<Vec<String>>().join(", ");
    say::note(format!(
        "{BOLD}coverage {} %{BOLD:#}: {parts}",
        total.percent()
    ));
    let mut holes: Vec<_> = coverage.holes().collect();
    holes.sort_by_key(|hole| (hole.file.clone(), hole.line));
    if holes.is_empty() {
        return;
    }
    say::note("no case sees");
    let places: Vec<String> = holes
        .iter()
        .map(|hole| format!("{}:{}", report.path(&hole.file), hole.line))
        .collect();
    let wide = places
        .iter()
        .take(HOLES)
        .map(String::len)
        .max()
        .unwrap_or_default();
    for (hole, place) in holes.iter().zip(&places).take(HOLES) {
        let name = say::foreign(&hole.name, 160);
        say::note(format!(
            "  {place:<wide$}  {name}: {WARN}{}{WARN:#}",
            hole.lacks()
        ));
    }
    if let Some(more) = holes.len().checked_sub(HOLES).filter(|more| *more > 0) {
        say::note(format!("  and {more} more: `--format json` has all"));
    }
}
