//! `cargo xtask tau2`: the airline policy of `tests/policies/airline` on the tasks of tau2-bench.
//!
//! Every write of a ground truth and every call that must not be made is put to the signed module, natively
//! and in wasmtime, with the facts that a host takes from the data base. Right writes are done, one after the
//! other, so that the next call is judged on what they left.

mod ask;
mod call;
mod database;
mod desk;
mod facts;
mod tasks;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use database::{Database, Flights};
use desk::Desk;
use facts::Facts;
use serde_json::Value;
use tasks::{Judged, Task};
use xtask_kit::ui::{self, Tally};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The folder with the tasks of the airline, and the calls that must not be made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder with users, reservations and flights; by default that of tau-bench, beside tau2-bench
    #[arg(long, value_name = "DIR")]
    database: Option<PathBuf>,
}

/// Replays all tasks.
pub(crate) fn run(args: &Args) -> Result<Tally, String> {
    let tasks = tasks::read(&args.folder)?;
    let beside = || args.folder.join("../../tau-bench/airline");
    let folder = args.database.clone().unwrap_or_else(beside);
    let (database, flights) = database::read(&folder)?;
    let desk = Desk::open()?;
    ui::heading("The airline of tau2-bench");
    anstream::println!("{:<5} {:<44} {:<8} rule", "task", "call", "verdict");
    let mut counts = [Tally::default(); 2];
    for task in &tasks {
        let token = desk.token(&task.user)?;
        for (judged, outcome) in replay(&desk, &token, &database, &flights, task) {
            let right = print(task, judged, &outcome);
            counts[usize::from(judged.allowed)] += Tally::one(right);
        }
    }
    ui::heading("Result");
    let [denied, allowed] = counts;
    for (tally, what) in [
        (allowed, "calls that a right solution makes are allowed"),
        (denied, "calls that must not be made are denied"),
    ] {
        let all = tally.passed + tally.failed;
        ui::outcome(
            tally.failed == 0,
            format_args!("{} of {all} {what}", tally.passed),
        );
    }
    ui::note(
        "a call counts once: the right verdict for a reason of the policy, the same bytes from both engines",
    );
    ui::note("ground truths are judged with the claim `health`: README.md of the policy says why");
    Ok(counts.into_iter().sum())
}

/// What came out of a call.
#[derive(Debug, Default)]
struct Outcome {
    allowed: bool,
    /// The rules that denied, or the reason's code where no rule did.
    rules: Vec<String>,
    fault: Option<String>,
}

/// Judges the calls of a task: those that must not be made before the others have written anything.
fn replay<'t>(
    desk: &Desk,
    token: &str,
    database: &Database,
    flights: &Flights,
    task: &'t Task,
) -> Vec<(&'t Judged, Outcome)> {
    let mut database = database.clone();
    let mut judge = |judged: &'t Judged| {
        let outcome = best(desk, token, &database, flights, task, judged);
        let written = match judged.truth {
            true => database.apply(&judged.call),
            false => Ok(()),
        };
        let outcome = outcome.and_then(|outcome| written.map(|()| outcome));
        let failed = |why| Outcome {
            fault: Some(why),
            ..Outcome::default()
        };
        (judged, outcome.unwrap_or_else(failed))
    };
    let (truths, others): (Vec<_>, Vec<_>) = task.calls.iter().partition(|judged| judged.truth);
    others.into_iter().chain(truths).map(&mut judge).collect()
}

/// The tool is not told for which reservation a certificate is: each of the customer's is tried, and what
/// one of them allows is allowed.
fn best(
    desk: &Desk,
    token: &str,
    database: &Database,
    flights: &Flights,
    task: &Task,
    judged: &Judged,
) -> Result<Outcome, String> {
    let complaints = complaints(database, judged);
    let outcomes = complaints.iter().map(|complaint| {
        let facts = Facts::new(database, flights);
        let ask = ask::ask(&judged.call, facts, &judged.claim, complaint.as_deref())?;
        let request = desk.request(token, &task.user, &ask)?;
        Ok(outcome(&desk.evaluate(&request), judged.allowed))
    });
    let outcomes: Vec<Outcome> = outcomes.collect::<Result<_, String>>()?;
    let fewest = outcomes
        .into_iter()
        .min_by_key(|outcome| (!outcome.allowed, outcome.rules.len()));
    fewest.ok_or_else(|| "the customer has no reservation".to_owned())
}

fn complaints(database: &Database, judged: &Judged) -> Vec<Option<String>> {
    let call = &judged.call;
    if call.name != "send_certificate" {
        return vec![None];
    }
    if let Ok(named) = call.text("reservation_id") {
        return vec![Some(named.to_owned())];
    }
    let user = call
        .text("user_id")
        .ok()
        .and_then(|id| database.users.get(id));
    user.into_iter()
        .flat_map(|user| user.reservations.iter().cloned().map(Some))
        .collect()
}

/// A denial must come from what the policy says of calls. One for another reason (an expired token, a
/// receipt that is not sound) would agree with the verdict by accident.
fn outcome([native, wasmtime]: &[String; 2], expected: bool) -> Outcome {
    let Ok(answer) = serde_json::from_str::<Value>(native) else {
        return Outcome {
            fault: Some(format!("no answer: {native}")),
            ..Outcome::default()
        };
    };
    let allowed = answer["decision"] == true;
    let code = answer["context"]["reason"]["code"]
        .as_str()
        .unwrap_or_default();
    let policies = answer["context"]["policies"]
        .as_array()
        .into_iter()
        .flatten();
    let forbids = policies.filter(|policy| policy["effect"] == "forbid");
    let mut rules: Vec<String> = forbids
        .filter_map(|policy| Some(policy["id"].as_str()?.to_owned()))
        .collect();
    if !allowed && rules.is_empty() {
        rules.push(code.to_owned());
    }
    let of_policy = [
        "policy.forbid",
        "policy.error",
        "manifest.constraint",
        "request.argument_type",
    ];
    let fault = if native != wasmtime {
        Some(format!("native says {native}, wasmtime says {wasmtime}"))
    } else if allowed != expected || !allowed && !of_policy.contains(&code) {
        Some(native.clone())
    } else {
        None
    };
    Outcome {
        allowed,
        rules,
        fault,
    }
}

/// One line of the table; whether it is as it should be.
fn print(task: &Task, judged: &Judged, outcome: &Outcome) -> bool {
    let verdict = if outcome.allowed { "allowed" } else { "denied" };
    anstream::println!(
        "{:<5} {:<44} {verdict:<8} {}",
        task.id,
        judged.call.short(),
        outcome.rules.join(", ")
    );
    if let Some(fault) = &outcome.fault {
        ui::bad(fault);
    }
    outcome.fault.is_none()
}
