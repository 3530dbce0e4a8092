//! What a task may do, as capabilities: the rule behind the verdicts (SOURCE.md), in the token's form.

use serde_json::{Map, Value, json};

use super::argument::{Argument, Type};
use super::suite::{Task, Tool};
use super::vocabulary::{PURPOSE, RESOURCE};

/// How closely a token is cut to its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The task's tools, with any arguments.
    Tools,
    /// Arguments that name whom or what a call reaches have only the task's own values.
    OracleTargets,
    /// All arguments but free content have.
    OracleAllButContent,
    /// All arguments have.
    Exact,
}

impl Level {
    /// All of them, from wide to narrow.
    pub(crate) const ALL: [Self; 4] = [
        Self::Tools,
        Self::OracleTargets,
        Self::OracleAllButContent,
        Self::Exact,
    ];

    /// The name in `verdicts.jsonl`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::OracleTargets => "oracle_targets",
            Self::OracleAllButContent => "oracle_all_but_content",
            Self::Exact => "exact",
        }
    }

    /// Whether an argument of this role is bounded. One without a role is no content.
    fn bounds(self, role: Option<&str>) -> bool {
        match self {
            Self::Tools => false,
            Self::OracleTargets => role == Some("target"),
            Self::OracleAllButContent => role != Some("content"),
            Self::Exact => true,
        }
    }
}

/// Capabilities for every tool that any task may use, and for the tools that this task calls.
pub(crate) fn entries(
    tools: &[(&Tool, Vec<Argument>)],
    task: &Task,
    level: Level,
) -> Result<Vec<Value>, String> {
    let free = tools.iter().filter(|(tool, _)| tool.is_free());
    let free: Vec<&str> = free.map(|(tool, _)| tool.name.as_str()).collect();
    let mut entries = Vec::new();
    if !free.is_empty() {
        let any = json!({"*": {"constraint_type": "wildcard"}});
        entries.push(entry(&free, "observe", any));
    }
    for (tool, arguments) in tools.iter().filter(|(tool, _)| !tool.is_free()) {
        let own: Vec<&Map<String, Value>> = task
            .calls
            .iter()
            .filter(|call| call.tool == tool.name)
            .map(|call| &call.args)
            .collect();
        if own.is_empty() {
            continue;
        }
        for constraints in constraints(arguments, &own, level)
            .map_err(|why| format!("`{}`: `{}`: {why}", task.id, tool.name))?
        {
            entries.push(entry(&[&tool.name], &tool.class.power, constraints));
        }
    }
    Ok(entries)
}

fn entry(actions: &[&str], power: &str, constraints: Value) -> Value {
    json!({
        "type": "ambit_capability",
        "actions": actions,
        "privileges": [power],
        "datatypes": [RESOURCE],
        "purpose": PURPOSE,
        "constraints": constraints,
    })
}

/// The constraints of one tool: mostly one set; more where absence and `null` must be told apart.
fn constraints(
    arguments: &[Argument],
    own: &[&Map<String, Value>],
    level: Level,
) -> Result<Vec<Value>, String> {
    let mut sets = vec![Map::new()];
    for argument in arguments {
        let given: Vec<&Value> = own
            .iter()
            .filter_map(|args| args.get(&argument.name))
            .collect();
        let bound = if level.bounds(argument.role.as_deref()) {
            bound(argument, &given)?
        } else {
            Some(json!({"constraint_type": "wildcard"}))
        };
        // Without a constraint the argument is refused when it is present.
        let Some(bound) = bound else { continue };
        let null_is_foreign = level.bounds(argument.role.as_deref())
            && argument.sees_null
            && !given.iter().any(|value| value.is_null());
        if null_is_foreign {
            // `optional` would also match `null`. One entry without the argument and one that needs
            // it say the same and leave `null` out.
            let mut with = sets.clone();
            for set in &mut with {
                set.insert(argument.name.clone(), bound.clone());
            }
            sets.extend(with);
        } else {
            let optional = json!({"constraint_type": "optional", "constraint": bound});
            for set in &mut sets {
                set.insert(argument.name.clone(), optional.clone());
            }
        }
    }
    Ok(sets.into_iter().map(Value::Object).collect())
}

/// Only values that the task's own calls pass; of an array, each element. `None`: no value at all.
fn bound(argument: &Argument, given: &[&Value]) -> Result<Option<Value>, String> {
    let mut values: Vec<Value> = Vec::new();
    // `null` itself is what `optional` stands for.
    for value in given.iter().filter(|value| !value.is_null()) {
        let elements = value
            .as_array()
            .map_or_else(|| std::slice::from_ref(*value), Vec::as_slice);
        for element in elements {
            let value = argument.of.in_token(element).ok_or_else(|| {
                format!(
                    "`{}` is {element}, which no token can carry exactly",
                    argument.name
                )
            })?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    let may_be_empty = matches!(argument.of, Type::Set(_) | Type::Json);
    let may_be_null = given.iter().any(|value| value.is_null());
    Ok(match (values.is_empty(), may_be_empty || may_be_null) {
        (true, false) => None,
        // An empty array has no foreign element; beside it, `optional` matches `null`.
        (true, true) => Some(json!({"constraint_type": "count", "max": 0})),
        (false, _) => {
            let one_of = json!({"constraint_type": "one_of", "values": values});
            let each = json!({"constraint_type": "each", "constraint": one_of});
            Some(match argument.of {
                Type::Set(_) => each,
                Type::Json => json!({"constraint_type": "any", "constraints": [one_of, each]}),
                _ => one_of,
            })
        }
    })
}
