//! The files of one suite.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One suite: its tools, what its users want, what its attackers want, and the verdicts.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The folder's name.
    pub name: String,
    pub tools: Vec<Tool>,
    pub user_tasks: Vec<Task>,
    pub injection_tasks: Vec<Task>,
    pub verdicts: Vec<Line>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tool {
    pub name: String,
    pub input_schema: Value,
    pub class: Class,
}

/// The hand classification of a tool.
#[derive(Debug, Deserialize)]
pub(crate) struct Class {
    pub power: String,
    #[serde(default)]
    pub external: bool,
    #[serde(default)]
    pub irreversible: bool,
    #[serde(default)]
    pub argument_roles: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Task {
    pub id: String,
    #[serde(default)]
    pub calls: Vec<Call>,
}

/// One call of a tool. The numbers in `args` keep their text.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub tool: String,
    #[serde(default)]
    pub args: Map<String, Value>,
}

/// One line of `verdicts.jsonl`.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub user_task: String,
    pub source: Source,
    pub id: String,
    pub call: usize,
    pub tool: String,
    #[serde(flatten)]
    verdicts: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The user task's own call
    User,
    /// A call of an injection task
    Attack,
}

impl Tool {
    /// Whether the tool only reads, and only what is the user's own: free for every task.
    pub(crate) fn is_free(&self) -> bool {
        self.class.power == "observe" && !self.class.external
    }
}

impl Line {
    /// The verdict of a reference policy.
    pub(crate) fn allows(&self, level: &str) -> Result<bool, String> {
        match self.verdicts.get(level).and_then(Value::as_str) {
            Some("allow") => Ok(true),
            Some("deny") => Ok(false),
            _ => Err(format!("the line has no verdict for `{level}`")),
        }
    }
}

impl Suite {
    /// Reads the files in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let full = folder
            .canonicalize()
            .map_err(|error| format!("`{}`: {error}", folder.display()))?;
        let name = full.file_name().unwrap_or_default().to_string_lossy();
        let suite = Self {
            name: name.into_owned(),
            tools: json(&folder.join("tools.json"))?,
            user_tasks: json(&folder.join("user_tasks.json"))?,
            injection_tasks: json(&folder.join("injection_tasks.json"))?,
            verdicts: lines(&folder.join("verdicts.jsonl"))?,
        };
        suite.check()?;
        Ok(suite)
    }

    /// The task whose call a line judges.
    pub(crate) fn caller(&self, line: &Line) -> Option<&Task> {
        let tasks = match line.source {
            Source::User => &self.user_tasks,
            Source::Attack => &self.injection_tasks,
        };
        tasks.iter().find(|task| task.id == line.id)
    }

    /// Every call of every task.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        let tasks = self.user_tasks.iter().chain(&self.injection_tasks);
        tasks.flat_map(|task| &task.calls)
    }

    /// A call of a tool that the suite does not have would be judged by nothing.
    fn check(&self) -> Result<(), String> {
        let missing = self
            .calls()
            .find(|call| !self.tools.iter().any(|tool| tool.name == call.tool));
        match missing {
            Some(call) => Err(format!("`tools.json` has no tool `{}`", call.tool)),
            None => Ok(()),
        }
    }
}

fn text(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("`{}`: {error}", file.display()))
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T, String> {
    let text = text(file)?;
    serde_json::from_str(&text).map_err(|error| format!("`{}`: {error}", file.display()))
}

fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, String> {
    let text = text(file)?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            let faulty = |error| format!("`{}`, line {}: {error}", file.display(), at + 1);
            serde_json::from_str(line).map_err(faulty)
        })
        .collect()
}
