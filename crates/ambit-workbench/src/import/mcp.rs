//! The tools of an MCP server, from what it answers to `tools/list`.

use std::collections::BTreeMap;

use ambit_core::Power;
use serde_json::Value;

use super::json_schema::{self, Argument, Arguments, Kind};
use super::text::{self, Unique};
use super::verbs::Deeds;
use super::vocabulary::{self, Action, Entity};
use super::{Guess, Import, ImportError, Imported, Said, checked, json};

const HELP: &str = "give the answer to `tools/list`: `{\"tools\": [{\"name\": …, \"inputSchema\": …}]}`, or the list alone";

/// A vocabulary of the tools in a file: one action a tool. `server` is how `@mcp` and labels name the server,
/// else what it calls itself in the file, else `fallback`; `prefix` stands before each name.
///
/// # Errors
///
/// `import.json` for what is not strict JSON, `import.secret` for a name that looks like a key, `import.mcp` for JSON that is no list of tools, or one with two
/// tools of one name.
pub fn mcp(
    bytes: &[u8],
    server: Option<&str>,
    fallback: &str,
    prefix: &str,
) -> Result<Import, ImportError> {
    let whole = json::read(bytes, HELP)?;
    let value = &json::shown(&whole)?;
    let tools = tools(value, &tool_list(&whole)?)?;
    let said_name = find(value, "serverInfo").and_then(|info| info.get("name")?.as_str());
    let server = server_name(server.or(said_name).unwrap_or(fallback));
    let mut notes = Vec::new();
    if find(value, "nextCursor").is_some_and(|cursor| !cursor.is_null()) {
        notes.push("the list goes on (`nextCursor`): this is one page of it, and the other pages are not here".to_owned());
    }
    let entity = Entity {
        name: format!("{}Server", text::type_name(&server)),
        datatype: Some(format!("mcp/{server}")),
        label: text::plain_label(&["mcp", "server", &server]),
    };
    let mut names = Unique::default();
    let mut labels = Unique::default();
    let actions: Vec<Action> = tools
        .into_iter()
        .map(|tool| tool.action(&server, prefix, &entity, (&mut names, &mut labels)))
        .collect();
    let head = [
        format!("{} tools of the MCP server {}, imported by `ambit import mcp`.", actions.len(), vocabulary::comment(&server)),
        "Powers, risks and effects are guesses. Until a person has looked at an action and removed `@guessed`,".to_owned(),
        "it is taken for `execute` at high risk, and `ambit build` refuses the project. Labels and @doc are the server's words.".to_owned(),
    ];
    checked(Import {
        schema: vocabulary::text(&head, &[entity], &actions),
        actions: actions.into_iter().map(|action| action.imported).collect(),
        notes,
    })
}

/// A name without what separates names in `@mcp`.
fn server_name(name: &str) -> String {
    text::seen_name(name).replace('/', "-")
}

/// A member of the answer, of its `result`, or of one of several answers.
fn find<'v>(value: &'v Value, member: &str) -> Option<&'v Value> {
    let answers = value
        .as_array()
        .map_or_else(|| core::slice::from_ref(value), Vec::as_slice);
    let mut places = answers
        .iter()
        .flat_map(|answer| [Some(answer), answer.get("result")])
        .flatten();
    places.find_map(|place| place.get(member))
}

/// One tool as the server describes it.
struct Tool<'v> {
    json: &'v Value,
    name: &'v str,
    pin: String,
}

fn no_tools(message: &str) -> ImportError {
    ImportError::new("import.mcp", message, HELP)
}

fn tools_of(answer: &Value) -> Option<&Value> {
    answer
        .get("tools")
        .or_else(|| answer.get("result")?.get("tools"))
}

/// The tools of an answer, of several answers, or of a list alone.
fn tool_list(value: &Value) -> Result<Vec<&Value>, ImportError> {
    let answers = value
        .as_array()
        .map_or_else(|| core::slice::from_ref(value), Vec::as_slice);
    let lists: Vec<&Value> = answers.iter().filter_map(tools_of).collect();
    if !lists.is_empty() {
        let mut tools = Vec::new();
        for list in lists {
            let list = list.as_array();
            tools.extend(list.ok_or_else(|| no_tools("`tools` in this file is no list"))?);
        }
        return Ok(tools);
    }
    let alone = value.as_array().map(|list| list.iter().collect());
    alone.ok_or_else(|| no_tools("this is no list of tools"))
}

/// The tools as they may be shown, each with the pin of what it is.
fn tools<'v>(shown: &'v Value, all: &[&Value]) -> Result<Vec<Tool<'v>>, ImportError> {
    let mut found: Vec<Tool<'_>> = Vec::new();
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    for (at, (json, tool)) in tool_list(shown)?.into_iter().zip(all).enumerate() {
        if !json.is_object() {
            let message = format!("tool {} of the list is no JSON object", at + 1);
            return Err(no_tools(&message));
        }
        let name = json
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let name =
            name.ok_or_else(|| no_tools(&format!("tool {} of the list has no name", at + 1)))?;
        if tool.get("name").and_then(Value::as_str) != Some(name) {
            return Err(json::secret());
        }
        let pin = json::tool_digest(tool);
        match known.insert(name, tool) {
            None => found.push(Tool { json, name, pin }),
            Some(other) if other == *tool => {}
            Some(_) => {
                let message = format!(
                    "two tools are called `{}`, and are not the same",
                    text::shown(name)
                );
                return Err(ImportError::new(
                    "import.mcp",
                    message,
                    "find out which of them the server runs; no policy can tell them apart",
                ));
            }
        }
    }
    if found.is_empty() {
        return Err(no_tools("the list of tools is empty"));
    }
    Ok(found)
}

impl Tool<'_> {
    fn action(
        &self,
        server: &str,
        prefix: &str,
        entity: &Entity,
        (names, labels): (&mut Unique, &mut Unique),
    ) -> Action {
        let arguments =
            json_schema::arguments(self.json.get("inputSchema").unwrap_or(&Value::Null), server);
        let title = |place: &Value| {
            place
                .get("title")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let title = title(self.json).or_else(|| title(self.json.get("annotations")?));
        let title = title
            .filter(|title| !text::is_blank(title))
            .unwrap_or_else(|| text::spoken(self.name));
        let seen = text::seen_name(self.name);
        let action = names.name(&format!("{prefix}{seen}"));
        let mut looks = self.looks(&arguments.list);
        if seen != self.name {
            looks.insert(0, "its name has characters that cannot be seen".to_owned());
        }
        let said = said(&arguments);
        let description = self.json.get("description").and_then(Value::as_str);
        Action {
            label: labels.label(&text::foreign_label(server, &title)),
            doc: description.and_then(|description| text::foreign_doc(server, description)),
            entity: entity.name.clone(),
            origin: vec![
                (
                    "mcp",
                    format!("{}/{}", text::listed(server), text::listed(self.name)),
                ),
                ("mcp_s256", self.pin.clone()),
            ],
            arguments: arguments.list,
            imported: Imported {
                origin: self.name.to_owned(),
                action,
                guess: self.guess(),
                looks,
                said,
                sending: None,
            },
        }
    }

    fn hint(&self, name: &str) -> Option<bool> {
        self.json.get("annotations")?.get(name)?.as_bool()
    }

    /// Hints are the server's claims, and names are words: where they disagree, the more dangerous counts.
    fn guess(&self) -> Guess {
        const ACTS: &[Power] = &[Power::Propose, Power::Execute];
        let named = Deeds::named(self.name);
        let mut guess = match self.hint("readOnlyHint") {
            Some(true) if named.changes() => Guess::new(
                ACTS,
                "the server calls it read-only, but its name does not sound so",
            ),
            Some(true) => Guess::new(&[Power::Observe], "the server calls it read-only"),
            _ if named.drafts && !named.writes && !named.sends && !named.deletes => {
                Guess::new(&[Power::Draft], "its name says that it only prepares")
            }
            Some(false) => Guess::new(ACTS, "the server says that it is not read-only"),
            None if named.reads && !named.changes() => {
                Guess::new(&[Power::Observe], "its name says that it only looks")
            }
            None if named.changes() => Guess::new(ACTS, "its name says that it changes something"),
            None => Guess::new(ACTS, "nothing says what it does"),
        };
        if guess.powers.contains(Power::Execute) {
            guess.irreversible = self.hint("destructiveHint") == Some(true) || named.deletes;
            guess.external = self.hint("openWorldHint") == Some(true) || named.sends;
        }
        guess
    }

    /// What a person should look at.
    fn looks(&self, arguments: &[Argument]) -> Vec<String> {
        let mut looks: Vec<String> = arguments.iter().filter_map(chooses).collect();
        let named = Deeds::named(self.name);
        let read_only = self.hint("readOnlyHint");
        if read_only == Some(true) && named.changes() {
            looks.push("the server calls it read-only, and its name does not sound so".to_owned());
        }
        if read_only == Some(true) && self.hint("destructiveHint") == Some(true) {
            looks.push("the server calls it read-only and destructive".to_owned());
        }
        if read_only == Some(false) && self.hint("destructiveHint").is_none() && !named.deletes {
            looks.push(
                "the server does not say whether it destroys anything: if so, add `@irreversible`"
                    .to_owned(),
            );
        }
        if read_only.is_none() && !named.reads && !named.changes() {
            looks.push("neither a hint nor its name says what it does".to_owned());
        }
        let observes = read_only == Some(true) && self.hint("openWorldHint") == Some(true);
        if observes {
            looks.push("it reaches the outside: what is asked leaves the house".to_owned());
        }
        looks
    }
}

/// An argument that may choose how far the call goes, so that one tool has several powers.
fn chooses(argument: &Argument) -> Option<String> {
    const SWITCHES: &[&str] = &[
        "draft", "send", "publish", "submit", "dry", "preview", "confirm", "execute", "commit",
        "apply",
    ];
    let words = text::words(&argument.name);
    let named = text::shown(&argument.name);
    if argument.kind == Kind::Bool && words.iter().any(|word| SWITCHES.contains(&word.as_str())) {
        return Some(format!("`{named}` may choose between preparing and doing"));
    }
    let deeds: Vec<Deeds> = argument
        .choices
        .iter()
        .map(|choice| Deeds::named(choice))
        .collect();
    let all = deeds
        .iter()
        .fold(Deeds::default(), |all, one| all.and(*one));
    let reads = deeds.iter().any(|one| one.reads && !one.changes());
    let deletes = all.deletes && deeds.iter().any(|one| !one.deletes);
    let method =
        ["method", "action", "operation", "command", "mode"].contains(&words.last()?.as_str());
    if reads && all.changes() {
        return Some(format!("`{named}` chooses between looking and changing"));
    }
    (method && deletes).then(|| format!("`{named}` chooses whether something is deleted"))
}

fn said(arguments: &Arguments) -> Vec<Said> {
    let whole = |what: &String| Said {
        argument: None,
        what: what.clone(),
    };
    let mut said: Vec<Said> = arguments.said.iter().map(whole).collect();
    for argument in &arguments.list {
        let renamed = argument.tool_name.as_ref();
        let renamed = renamed.map(|_| {
            format!(
                "a policy cannot have this name: it is `{}` here",
                argument.name
            )
        });
        let said_of = argument.said.iter().map(|what| (*what).to_owned());
        said.extend(renamed.into_iter().chain(said_of).map(|what| {
            Said {
                argument: Some(
                    argument
                        .tool_name
                        .clone()
                        .unwrap_or_else(|| argument.name.clone()),
                ),
                what,
            }
        }));
    }
    said
}
