//! The tasks of the bench: who calls, which writes are right, and which calls must not be made.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::Call;

/// What a customer says who gets a cancellation: the tasks do not tell what is said when the tool is called.
const COVERED: &str = "health";

/// A task, with the customer and the calls.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    /// The id that the customer gives.
    pub(crate) user: String,
    /// Calls that a right solution makes, in their order, and calls that none makes.
    pub(crate) calls: Vec<Judged>,
}

/// A call and what is to come out.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) call: Call,
    /// The reason that the customer gives: only somebody's claim.
    pub(crate) claim: String,
    pub(crate) allowed: bool,
    /// Whether it is a write of the ground truth, which is done.
    pub(crate) truth: bool,
}

#[derive(Deserialize)]
struct File {
    id: String,
    user_scenario: Scenario,
    evaluation_criteria: Criteria,
}

#[derive(Deserialize)]
struct Scenario {
    instructions: Instructions,
}

#[derive(Deserialize)]
struct Instructions {
    known_info: String,
}

#[derive(Deserialize)]
struct Criteria {
    actions: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Tools {
    airline: Vec<Tool>,
}

#[derive(Deserialize)]
struct Listed {
    task: String,
    #[serde(flatten)]
    call: Call,
    #[serde(default = "other")]
    claimed_reason: String,
    expected: String,
}

fn other() -> String {
    "other".to_owned()
}

/// Reads `tasks.json` and `forbidden_calls.json`; `tools.json` in the folder above says which tools write.
pub(crate) fn read(folder: &Path) -> Result<Vec<Task>, String> {
    let tools: Tools = json(&folder.join("../tools.json"))?;
    let writes = |call: &Call| {
        let tool = tools.airline.iter().find(|tool| tool.name == call.name);
        tool.is_some_and(|tool| tool.kind == "WRITE")
    };
    let files: Vec<File> = json(&folder.join("tasks.json"))?;
    let mut tasks: Vec<Task> = files
        .into_iter()
        .map(|file| Task::new(file, &writes))
        .collect::<Result<_, _>>()?;
    let listed: Vec<Listed> = json(&folder.join("forbidden_calls.json"))?;
    for one in listed {
        let task = tasks.iter_mut().find(|task| task.id == one.task);
        let task = task.ok_or_else(|| format!("`tasks.json` has no task `{}`", one.task))?;
        task.calls.push(Judged {
            allowed: match one.expected.as_str() {
                "allow" => true,
                "deny" => false,
                other => return Err(format!("`expected` is `{other}`, not `allow` or `deny`")),
            },
            call: one.call,
            claim: one.claimed_reason,
            truth: false,
        });
    }
    Ok(tasks)
}

impl Task {
    fn new(file: File, writes: &dyn Fn(&Call) -> bool) -> Result<Self, String> {
        let known = &file.user_scenario.instructions.known_info;
        let user = known.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let user = user.into_iter().find(|word| is_user_id(word));
        let user = user.ok_or_else(|| format!("task `{}` names no customer", file.id))?;
        let actions = file.evaluation_criteria.actions.unwrap_or_default();
        let right = |call| Judged {
            call,
            claim: COVERED.to_owned(),
            allowed: true,
            truth: true,
        };
        Ok(Self {
            user: user.to_owned(),
            calls: actions.into_iter().filter(writes).map(right).collect(),
            id: file.id,
        })
    }
}

/// `mia_li_3668`
fn is_user_id(word: &str) -> bool {
    let parts: Vec<&str> = word.split('_').collect();
    matches!(parts.as_slice(), [_, _, number] if number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let faulty = |why: String| format!("`{}`: {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| faulty(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| faulty(error.to_string()))
}
