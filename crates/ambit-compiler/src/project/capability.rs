//! One `[[capabilities]]` of a manifest: the token's entry form, and `consent`.

use ambit_core::capability::{Place, well_formed};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, limits};
use serde_json::{Map, Value as Json, json};
use toml::de::{DeTable, DeValue};

use super::constraint::{self, Target};
use super::{hours, limit, requires};
use crate::reader::{File, Reader, Text, Value};
use crate::schema::{Action, Vocabulary};
use crate::suggest;

/// The actions of the entry that the schema declares.
pub(super) type Actions<'a> = Vec<(&'a str, &'a Action)>;

pub(super) fn read(
    mut reader: Reader<'_, '_>,
    table: &DeTable<'_>,
    vocabulary: Option<&Vocabulary>,
) -> Option<Json> {
    let file = reader.file;
    let before = file.sink.errors();
    let mut entry = Map::new();
    if let Some(value) = reader.get("type") {
        let _ = file.word(value, "type", &["ambit_capability"]);
    }
    let named = actions(&mut reader, vocabulary, &mut entry);
    privileges(&mut reader, &named, &mut entry);
    resource(&mut reader, table, &named, vocabulary, &mut entry);
    if let Some(purpose) = reader.required_string("purpose", "purpose = \"contract-renewal\"") {
        entry.insert("purpose".to_owned(), purpose.text.into());
    }
    constraints(&mut reader, &named, vocabulary, &mut entry);
    if let Some(value) = reader.get("hours") {
        insert(&mut entry, "hours", hours::read(file, value));
    }
    if let Some(value) = reader.get("limits") {
        let known = vocabulary.filter(|vocabulary| !vocabulary.faulty);
        let named = if known.is_some() {
            named
        } else {
            Actions::new()
        };
        insert(
            &mut entry,
            "limits",
            limit::read(file, value, &named, known),
        );
    }
    if let Some(value) = reader.get("requires") {
        insert(&mut entry, "requires", requires::read(file, value));
    }
    let consent = reader
        .get("consent")
        .map(|value| requires::consent(file, value));
    let consent = consent.unwrap_or_else(|| Some(Json::from("none")));
    insert(&mut entry, "consent", consent);
    let place = reader.place.clone();
    reader.finish();
    (file.sink.errors() == before).then(|| finished(file, place, entry))
}

/// The evaluator has the last word on what an entry is: one that it takes for malformed would never
/// match, and nobody would notice.
fn finished(file: File<'_>, place: core::ops::Range<usize>, entry: Map<String, Json>) -> Json {
    let entry = Json::Object(entry);
    let text = entry.to_string();
    // In the bundle it stands four levels deep.
    if Document::parse(format!("[[[[{text}]]]]").as_bytes(), Profile::Signed).is_err() {
        file.error(
            "project.nesting",
            place,
            "the capability is nested too deeply",
            "write it with fewer constraints inside each other",
        );
        return entry;
    }
    let sound = Document::parse(text.as_bytes(), Profile::Signed)
        .is_ok_and(|entry| well_formed(entry.root(), Place::Manifest));
    if !sound {
        file.error(
            "project.capability",
            place,
            "the capability is malformed, so it would never match",
            "compare it with `docs/token.md`, section 3",
        );
    }
    entry
}

fn insert(entry: &mut Map<String, Json>, name: &str, value: Option<Json>) {
    if let Some(value) = value {
        entry.insert(name.to_owned(), value);
    }
}

fn list(texts: &[Text<'_>]) -> Json {
    texts.iter().map(|text| Json::from(text.text)).collect()
}

fn actions<'a>(
    reader: &mut Reader<'_, '_>,
    vocabulary: Option<&'a Vocabulary>,
    entry: &mut Map<String, Json>,
) -> Actions<'a> {
    const EXAMPLE: &str = "actions = [\"email\"]";
    let file = reader.file;
    let mut found = Actions::new();
    let Some(value) = reader.require("actions", EXAMPLE) else {
        return found;
    };
    let Some(names) = file.strings(value, "actions", EXAMPLE) else {
        return found;
    };
    entry.insert("actions".to_owned(), list(&names));
    let Some(vocabulary) = vocabulary else {
        return found;
    };
    for name in names {
        match vocabulary.actions.get_key_value(name.text) {
            Some((name, action)) => found.push((name, action)),
            None => file.error(
                "project.unknown_action",
                name.span,
                format!("the schema declares no action `{}`", name.text),
                vocabulary.help_action(name.text),
            ),
        }
    }
    found
}

fn privileges(reader: &mut Reader<'_, '_>, actions: &Actions<'_>, entry: &mut Map<String, Json>) {
    const EXAMPLE: &str = "privileges = [\"draft\", \"propose\"]";
    let file = reader.file;
    let value = reader.require("privileges", EXAMPLE);
    let Some(names) = value.and_then(|value| file.strings(value, "privileges", EXAMPLE)) else {
        return;
    };
    entry.insert("privileges".to_owned(), list(&names));
    for name in names {
        let Some(power) = Power::from_name(name.text) else {
            file.error(
                "project.unknown_power",
                name.span,
                format!("`{}` is not a power", name.text),
                suggest::help(name.text, Power::ALL.iter().map(|power| power.name())),
            );
            continue;
        };
        for (action, declared) in actions {
            if !declared.powers.contains(power) {
                let held: Vec<&str> = declared.powers.iter().map(Power::name).collect();
                let help = if declared.guessed.is_some() {
                    "its powers are guessed, and until they are confirmed it is taken for `execute`: look at it, and remove `@guessed` in the schema".to_owned()
                } else {
                    let held = suggest::one_of(held);
                    format!("write {held}, or add it to `@powers` in the schema")
                };
                file.error(
                    "project.power",
                    name.span.clone(),
                    format!("the action `{action}` cannot be used with `{power}`"),
                    help,
                );
            }
        }
    }
}

fn resource(
    reader: &mut Reader<'_, '_>,
    table: &DeTable<'_>,
    actions: &Actions<'_>,
    vocabulary: Option<&Vocabulary>,
    entry: &mut Map<String, Json>,
) {
    let file = reader.file;
    let locations =
        reader.optional_strings("locations", "locations = [\"https://mail.acme.example\"]");
    insert(entry, "locations", locations.as_deref().map(list));
    let datatypes = reader.optional_strings("datatypes", "datatypes = [\"customer-contact\"]");
    insert(entry, "datatypes", datatypes.as_deref().map(list));
    if let (Some(names), Some(vocabulary)) = (&datatypes, vocabulary)
        && !vocabulary.faulty
    {
        check_datatypes(file, names, actions, vocabulary);
    }
    let identifier = reader
        .get("identifier")
        .and_then(|value| file.string(value, "identifier", "identifier = \"c-7\""));
    insert(
        entry,
        "identifier",
        identifier.map(|text| Json::from(text.text)),
    );
    let named = ["locations", "datatypes", "identifier"];
    if !named.iter().any(|name| table.contains_key(*name)) {
        file.error(
            "project.no_resource",
            reader.place.clone(),
            "the capability does not say what it reaches",
            "add at least one of `datatypes`, `locations` and `identifier`: `datatypes = [\"customer-contact\"]`",
        );
    }
}

fn check_datatypes(
    file: File<'_>,
    names: &[Text<'_>],
    actions: &Actions<'_>,
    vocabulary: &Vocabulary,
) {
    let applies = |action: &Action, name: &str| action.resources.iter().any(|known| known == name);
    for name in names {
        if actions.is_empty() || actions.iter().any(|(_, action)| applies(action, name.text)) {
            continue;
        }
        let known = actions.iter().flat_map(|(_, action)| &action.resources);
        let known: Vec<&str> = known.map(String::as_str).collect();
        let declared = vocabulary.resources.contains_key(name.text);
        let (message, help) = if declared {
            (
                format!("none of the actions applies to `{}`", name.text),
                format!("write {}", suggest::one_of(known)),
            )
        } else {
            (
                format!("the schema declares no resource type `{}`", name.text),
                format!(
                    "{}; an entity type can have another name in tokens: write `@datatype(\"…\")` before it in the schema",
                    suggest::help(name.text, known)
                ),
            )
        };
        file.error("project.unknown_datatype", name.span.clone(), message, help);
    }
    let Some(first) = names.first() else { return };
    for (action, declared) in actions {
        let some = names.iter().any(|name| applies(declared, name.text));
        if !some && actions.len() > 1 {
            file.warning(
                "check.never_matches",
                first.span.clone(),
                format!(
                    "`{action}` applies to none of these datatypes, so it is never allowed here"
                ),
                "remove the action, or add a datatype that it applies to",
            );
        }
    }
}

fn constraints(
    reader: &mut Reader<'_, '_>,
    actions: &Actions<'_>,
    vocabulary: Option<&Vocabulary>,
    entry: &mut Map<String, Json>,
) {
    let file = reader.file;
    let value = reader.get("constraints");
    let table =
        value.and_then(|value| file.table(value, "constraints", "[capabilities.constraints]"));
    let mut specs = Map::new();
    for (key, value) in table.into_iter().flatten() {
        let name = Text {
            text: key.get_ref(),
            span: key.span(),
        };
        let spec = if name.text == "*" {
            wildcard(file, value)
        } else {
            argument(file, &name, value, actions, vocabulary)
        };
        insert(&mut specs, name.text, spec);
    }
    if let (Some(table), Some(value)) = (table, value) {
        check_count(file, table, value);
    }
    let faulty = table.is_some_and(|table| table.len() != specs.len());
    if !faulty {
        unnamed(reader, actions, &specs);
    }
    if table.is_some_and(|table| !table.is_empty()) {
        entry.insert("constraints".to_owned(), Json::Object(specs));
    }
}

fn check_count(file: File<'_>, table: &DeTable<'_>, value: &Value<'_>) {
    if table.len() > limits::CONSTRAINTS {
        file.error(
            "project.bounds",
            value.span(),
            format!("more than {} constraints", limits::CONSTRAINTS),
            "cover arguments that need no bound of their own with `constraints.\"*\"`",
        );
    }
}

/// `"*"` covers the arguments that nothing else names, without bounding them.
fn wildcard(file: File<'_>, value: &Value<'_>) -> Option<Json> {
    const FORM: &str = "constraints.\"*\" = { constraint_type = \"wildcard\" }";
    let kind = match value.get_ref() {
        DeValue::Table(table) if table.len() == 1 => table.get("constraint_type"),
        _ => None,
    };
    if matches!(kind.map(toml::Spanned::get_ref), Some(DeValue::String(kind)) if kind == "wildcard")
    {
        return Some(json!({"constraint_type": "wildcard"}));
    }
    file.error(
        "project.wildcard",
        value.span(),
        "`\"*\"` stands for all other arguments and takes no bound",
        format!("write `{FORM}`, and name the arguments that you want to bound"),
    );
    None
}

fn argument(
    file: File<'_>,
    name: &Text<'_>,
    value: &Value<'_>,
    actions: &Actions<'_>,
    vocabulary: Option<&Vocabulary>,
) -> Option<Json> {
    let declared = actions
        .iter()
        .find_map(|(_, action)| action.args.get(name.text));
    let sound = vocabulary.is_some_and(|vocabulary| !vocabulary.faulty);
    if declared.is_none() && sound && !actions.is_empty() {
        let known = actions.iter().flat_map(|(_, action)| action.args.keys());
        let mut known: Vec<&str> = known.map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        let help = if known.is_empty() {
            "the action has no arguments; remove the constraint".to_owned()
        } else {
            suggest::help(name.text, known)
        };
        file.error(
            "project.unknown_argument",
            name.span.clone(),
            format!("{} no argument `{}`", has(actions), name.text),
            help,
        );
        return None;
    }
    let target = Target {
        name: name.text,
        argument: declared,
        like: actions.iter().find_map(|(_, action)| {
            let argument = action.args.get(name.text)?;
            constraint::Trap::of(argument)
        }),
    };
    let spec = constraint::read(file, value, target)?;
    if let Some(vocabulary) = vocabulary.filter(|_| sound) {
        contradicted(file, name, value, &spec, actions, vocabulary);
    }
    for (action, declared) in actions {
        if !declared.args.contains_key(name.text) && !constraint::accepts_absence(&spec) {
            file.warning(
                "check.never_matches",
                name.span.clone(),
                format!(
                    "`{action}` has no argument `{}`, so it is never allowed here",
                    name.text
                ),
                "give it a capability of its own, or make the constraint `optional`",
            );
        }
    }
    Some(spec)
}

/// Refuses a bound that one of the actions contradicts: those may declare the argument differently.
fn contradicted(
    file: File<'_>,
    name: &Text<'_>,
    value: &Value<'_>,
    spec: &Json,
    actions: &Actions<'_>,
    vocabulary: &Vocabulary,
) {
    let before = file.sink.errors();
    for (_, action) in actions {
        if let Some(argument) = action.args.get(name.text)
            && file.sink.errors() == before
        {
            super::fit::check(file, value, spec, argument, vocabulary, name.text);
        }
    }
}

fn has(actions: &Actions<'_>) -> String {
    match actions.as_slice() {
        [(only, _)] => format!("the action `{only}` has"),
        _ => "these actions have".to_owned(),
    }
}

/// Warns about required arguments that nothing names: such an action is always refused.
fn unnamed(reader: &Reader<'_, '_>, actions: &Actions<'_>, specs: &Map<String, Json>) {
    if specs.contains_key("*") {
        return;
    }
    for (action, declared) in actions {
        let needed = declared
            .args
            .iter()
            .filter(|(_, argument)| argument.attribute.required);
        for (name, _) in needed.filter(|(name, _)| !specs.contains_key(*name)) {
            reader.file.warning(
                "check.never_matches",
                reader.place.clone(),
                format!("`{action}` needs the argument `{name}`, which no constraint names, so it is never allowed here"),
                format!("add `constraints.{name} = {{ constraint_type = \"wildcard\" }}`, a bound, or `constraints.\"*\"`"),
            );
        }
    }
}
