//! Puts every recorded call to both engines.

use std::collections::BTreeMap;

use ambit_core::Reason;
use serde_json::{Map, Value, json};

use super::argument::Argument;
use super::entries::{Level, entries};
use super::project::{NOW, Project};
use super::suite::{Call, Line, Suite, Task, Tool};
use super::vocabulary::{AUDIENCE, PURPOSE, RESOURCE};
use crate::ui::Tally;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub tally: Tally,
    pub failures: Vec<String>,
    /// For each line of the verdicts, what was decided at each level of [`Level::ALL`].
    pub decisions: Vec<[Option<bool>; Level::ALL.len()]>,
}

type Tools<'a> = [(&'a Tool, Vec<Argument>)];

/// Mints the tokens of every user task and replays every line.
pub(crate) fn replay(suite: &Suite, tools: &Tools<'_>, project: &Project) -> Results {
    let mut results = Results::default();
    let mut tokens = BTreeMap::new();
    for task in &suite.user_tasks {
        for level in Level::ALL {
            let minted =
                entries(tools, task, level).and_then(|entries| project.mint(&task.id, &entries));
            tokens.insert((task.id.as_str(), level.name()), minted);
        }
    }
    for line in &suite.verdicts {
        let mut decided = [None; Level::ALL.len()];
        for (level, decided) in Level::ALL.into_iter().zip(&mut decided) {
            let outcome = known(suite, line).and_then(|(task, call)| {
                let minted = tokens.get(&(task.id.as_str(), level.name()));
                let minted = minted.ok_or_else(|| format!("no user task `{}`", task.id))?;
                let tokens = minted.as_ref().map_err(Clone::clone)?;
                let request = request(tools, task, call, tokens.holding(&call.tool));
                judge(project, &request, line, level)
            });
            match outcome {
                Ok(judged) => {
                    *decided = Some(judged.allowed);
                    results.count(line, level, judged.faults);
                }
                Err(why) => results.count(line, level, vec![why.clone(), why]),
            }
        }
        results.decisions.push(decided);
    }
    results
}

/// The decision, and what is wrong with it: at most one fault for each engine.
struct Judged {
    allowed: bool,
    faults: Vec<String>,
}

impl Results {
    fn count(&mut self, line: &Line, level: Level, faults: Vec<String>) {
        self.tally += Tally {
            passed: ENGINES.len().saturating_sub(faults.len()),
            failed: faults.len(),
        };
        let (task, id, call, tool) = (&line.user_task, &line.id, line.call, &line.tool);
        for fault in faults {
            let level = level.name();
            self.failures.push(format!(
                "{task}, {level}: call {call} of {id} (`{tool}`): {fault}"
            ));
        }
    }
}

const ENGINES: [&str; 2] = ["native", "wasmtime"];

/// The user task and the call that a line speaks of.
fn known<'s>(suite: &'s Suite, line: &Line) -> Result<(&'s Task, &'s Call), String> {
    let user = suite
        .user_tasks
        .iter()
        .find(|task| task.id == line.user_task);
    let user = user.ok_or_else(|| format!("`user_tasks.json` has no `{}`", line.user_task))?;
    let call = suite
        .caller(line)
        .and_then(|caller| caller.calls.get(line.call));
    let call = call.ok_or_else(|| format!("no task has call {} of `{}`", line.call, line.id))?;
    if call.tool != line.tool {
        return Err(format!("the call is one of `{}`", call.tool));
    }
    Ok((user, call))
}

fn request(tools: &Tools<'_>, task: &Task, call: &Call, token: &str) -> String {
    let tool = tools.iter().find(|(tool, _)| tool.name == call.tool);
    let known = |name: &str| {
        let (_, arguments) = tool?;
        arguments.iter().find(|argument| argument.name == name)
    };
    let args: Map<String, Value> = call
        .args
        .iter()
        .map(|(name, value)| {
            let value =
                known(name).map_or_else(|| value.clone(), |known| known.of.in_request(value));
            (name.clone(), value)
        })
        .collect();
    let power = tool.map_or("execute", |(tool, _)| tool.class.power.as_str());
    json!({
        "evaluation": {
            "subject": {"type": "user", "id": task.id},
            "action": {"name": call.tool, "properties": {"power": power, "args": args}},
            "resource": {"type": RESOURCE, "id": "suite"},
            "context": {"purpose": PURPOSE},
        },
        "token": token,
        "facts": {"now": NOW, "audience": AUDIENCE},
    })
    .to_string()
}

/// Asks both engines. The decision is the native one.
fn judge(project: &Project, request: &str, line: &Line, level: Level) -> Result<Judged, String> {
    let expected = line.allows(level.name())?;
    let answers = project.evaluate(request.as_bytes());
    let [native, wasmtime] = &answers;
    let mut faults = Vec::new();
    for (engine, answer) in ENGINES.into_iter().zip(&answers) {
        if let Err(why) = check(answer, expected) {
            faults.push(format!("{engine} {why}: {answer}"));
        }
    }
    if native != wasmtime && faults.is_empty() {
        faults.push(format!("native says {native}, wasmtime says {wasmtime}"));
    }
    Ok(Judged {
        allowed: decision(native).unwrap_or(false),
        faults,
    })
}

/// The right verdict; and a denial must come from the token's bounds. One for another reason (a
/// malformed request, an expired token) would agree with the verdict by accident.
fn check(answer: &str, expected: bool) -> Result<(), &'static str> {
    let allowed = decision(answer).ok_or("gives no decision")?;
    match (allowed, expected) {
        (true, false) => Err("allows what is to be denied"),
        (false, true) => Err("denies what is to be allowed"),
        (true, true) => Ok(()),
        (false, false) => {
            let code = code(answer).unwrap_or_default();
            let bounds = ["capability.", "constraint."];
            let of_bounds = bounds.iter().any(|group| code.starts_with(group));
            if of_bounds || code == Reason::TokenMissing.code() {
                Ok(())
            } else {
                Err("denies for another reason than the token's bounds")
            }
        }
    }
}

fn code(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let code = answer.pointer("/context/reason/code")?;
    code.as_str().map(str::to_owned)
}

fn decision(answer: &str) -> Option<bool> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer.get("decision")?.as_bool()
}
