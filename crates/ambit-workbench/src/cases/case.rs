//! One `[[case]]`: a request and the answer expected.

mod expect;
mod scope;
mod who;

use core::ops::Range;

use ambit_compiler::reader::{File, Reader, Value};
use ambit_compiler::suggest;
use ambit_core::Reason;
use serde_json::{Map, Value as Json};
use toml::de::{DeTable, DeValue};

use super::layers::Layers;
use super::{Context, Spot, value};
pub use expect::{Expect, StepUp};
pub use scope::{Resource, Scope};
pub use who::{AgentFacts, Login};

/// A request and the answer expected.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub spot: Spot,
    /// What is asked.
    pub scope: Scope,
    /// The arguments, as a request has them.
    pub args: Map<String, Json>,
    /// To whom the resource belongs.
    pub tenant: Option<String>,
    /// For whom the agent acts.
    pub subject: String,
    /// When, in seconds since 1970; by default a minute after the policy was issued.
    pub now: i64,
    /// Facts that the host states as they are written: `utc_offsets`, `content`.
    pub facts: Map<String, Json>,
    /// Entities that the host supplies, in Cedar's JSON form.
    pub entities: Option<Json>,
    /// Who said yes to exactly this call.
    pub approvals: Vec<String>,
    /// How the person logged in.
    pub login: Login,
    /// Capabilities that stand in the token instead of all that the manifest allows.
    pub grant: Option<Vec<Json>>,
    /// What the host attests of the agent.
    pub agent_facts: AgentFacts,
    /// Claims that replace those that the runner makes.
    pub token: Map<String, Json>,
    /// The answer.
    pub expect: Expect,
    /// The policies that decided: exactly these.
    pub policies: Option<Vec<String>>,
}

/// Seconds after the policy's issue at which a case plays unless it says when.
const LATER: i64 = 60;
const SUBJECT: &str = "user:ann";

/// What `[defaults]` may say: all that a case may, but for what makes it one.
const DEFAULTS: [&str; 19] = [
    "agent",
    "action",
    "power",
    "resource",
    "purpose",
    "args",
    "audience",
    "location",
    "tenant",
    "subject",
    "now",
    "utc_offsets",
    "content",
    "entities",
    "approvals",
    "login",
    "grant",
    "agent_facts",
    "token",
];

/// What only a case may say.
const OWN: [&str; 3] = ["name", "expect", "policies"];

/// Reports keys of `[defaults]` that no case knows.
pub(super) fn check_defaults(file: File<'_>, table: &DeTable<'_>) {
    let mut reader = Reader::new(file, table, "`[defaults]`", 0..0);
    for key in DEFAULTS {
        reader.get(key);
    }
    reader.finish();
}

/// Reads a case; whatever is wrong is reported.
pub(super) fn read(
    context: &Context<'_, '_>,
    table: &DeTable<'_>,
    span: Range<usize>,
) -> Option<Case> {
    let file = context.file;
    let before = file.sink.errors();
    // Its name stands for it where something is missing.
    let place = table.get("name").map_or(span, |name| name.span());
    let mut layers = Layers::new(file, table, context.defaults, place.clone());
    // What is wrong in one key leaves others unread, and they are keys all the same.
    for key in DEFAULTS.into_iter().chain(OWN) {
        layers.own.get(key);
    }
    let name = layers
        .own
        .required_string("name", "name = \"a refund of 50 goes through\"")
        .map(|text| text.text.to_owned());
    let scope = scope::read(context, &mut layers, &place);
    let args = table_of(&mut layers, "args", "args = { amount = 50 }");
    if let Some(scope) = &scope {
        check_arguments(context, &mut layers, &scope.action);
    }
    let tenant = layers.text("tenant", "acme");
    let subject = layers.text("subject", SUBJECT);
    let now = layers.get("now").map(|now| value::time(file, now, "now"));
    let facts = facts(&mut layers);
    let entities = layers
        .get("entities")
        .and_then(|entities| self::entities(context, entities));
    let approvals = approvals(&mut layers);
    let login = who::login(&mut layers);
    let agent_facts = who::agent_facts(&mut layers);
    let grant = layers.get("grant").map(|grant| self::grant(file, grant));
    let token = token(&mut layers);
    let expect = expect::read(&mut layers);
    let policies = expect::policies(context, &mut layers);
    layers.own.finish();
    if file.sink.errors() > before {
        return None;
    }
    Some(Case {
        name: name?,
        spot: context.spot(place),
        scope: scope?,
        args: args.unwrap_or_default(),
        tenant,
        subject: subject.unwrap_or_else(|| SUBJECT.to_owned()),
        now: now
            .flatten()
            .unwrap_or_else(|| context.bundle.issued() + LATER),
        facts,
        entities,
        approvals,
        login,
        grant: grant.flatten(),
        agent_facts,
        token: token.unwrap_or_default(),
        expect: expect?,
        policies,
    })
}

fn facts(layers: &mut Layers<'_, '_>) -> Map<String, Json> {
    let mut facts = Map::new();
    for (key, example) in [
        ("utc_offsets", "utc_offsets = { \"Europe/Berlin\" = 60 }"),
        ("content", "content = { draft = { text = \"Dear Ann\" } }"),
    ] {
        let table = table_of(layers, key, example);
        facts.extend(table.map(|table| (key.to_owned(), Json::Object(table))));
    }
    facts
}

fn table_of(
    layers: &mut Layers<'_, '_>,
    key: &'static str,
    example: &str,
) -> Option<Map<String, Json>> {
    let table = layers.get(key)?;
    let table = layers.file.table(table, key, example)?;
    value::table(layers.file, table)
}

/// An argument that the action does not have denies the request, and the policy is not asked.
fn check_arguments(context: &Context<'_, '_>, layers: &mut Layers<'_, '_>, action: &str) {
    let wanted = layers.get("expect").map(|expect| expect.get_ref().as_str());
    let unknown = Reason::RequestArgumentUnknown.code();
    let (Some(declared), Some(args)) = (context.bundle.action(action), layers.get("args")) else {
        return;
    };
    let DeValue::Table(args) = args.get_ref() else {
        return;
    };
    for (key, _) in args {
        let name = key.get_ref().as_ref();
        if declared.argument(name).is_none() && wanted != Some(Some(unknown)) {
            let known: Vec<&str> = declared.arguments().map(|(name, _)| name).collect();
            context.file.error(
                "project.unknown_argument",
                key.span(),
                format!("the action `{action}` has no argument `{name}`"),
                suggest::help(name, known),
            );
        }
    }
}

/// Claims. Those that are points in time may be written as such.
fn token(layers: &mut Layers<'_, '_>) -> Option<Map<String, Json>> {
    let mut claims = table_of(layers, "token", "token = { txn = \"t-1\" }")?;
    let given = layers.get("token")?;
    for name in ["iat", "nbf", "exp", "auth_time"] {
        let time = given.get_ref().get(name);
        if let Some(time) = time.and_then(|time| value::time(layers.file, time, name)) {
            claims.insert(name.to_owned(), time.into());
        }
    }
    Some(claims)
}

fn approvals(layers: &mut Layers<'_, '_>) -> Vec<String> {
    const EXAMPLE: &str = "approvals = [\"user:bob\"]";
    let Some(value) = layers.get("approvals") else {
        return Vec::new();
    };
    // An empty list takes back what the defaults say.
    if matches!(value.get_ref(), DeValue::Array(list) if list.is_empty()) {
        return Vec::new();
    }
    let people = layers.file.strings(value, "approvals", EXAMPLE);
    let people = people.into_iter().flatten();
    people.map(|person| person.text.to_owned()).collect()
}

/// A list, or the name of a JSON file in the project that holds one.
fn entities(context: &Context<'_, '_>, given: &Value<'_>) -> Option<Json> {
    const EXAMPLE: &str =
        "entities = [{ uid = { type = \"Order\", id = \"17\" }, attrs = {}, parents = [] }]";
    let file = context.file;
    let list = match given.get_ref() {
        DeValue::String(name) => {
            if !context.dir.join(name.as_ref()).is_file() {
                file.error(
                    "test.entities",
                    given.span(),
                    format!("there is no file `{name}` in the project"),
                    "name it from the project's folder: `entities = \"tests/orders.json\"`",
                );
                return None;
            }
            let text = ambit_compiler::files::text(context.dir, name, file.sink)?;
            match serde_json::from_str(&text) {
                Ok(list) => list,
                Err(error) => {
                    file.error(
                        "test.entities",
                        given.span(),
                        format!("`{name}` is not JSON: {error}"),
                        "write an array of entities in Cedar's JSON form",
                    );
                    return None;
                }
            }
        }
        _ => value::json(file, given)?,
    };
    if list.is_array() {
        return Some(list);
    }
    file.error(
        "test.entities",
        given.span(),
        "`entities` must be a list of entities, or the name of a JSON file that holds one",
        format!("write for example `{EXAMPLE}`"),
    );
    None
}

/// One capability or several, in the form that tokens have.
fn grant(file: File<'_>, given: &Value<'_>) -> Option<Vec<Json>> {
    const EXAMPLE: &str = "grant = { actions = [\"refund\"], privileges = [\"execute\"], datatypes = [\"Order\"], purpose = \"support\" }";
    let list = match value::json(file, given)? {
        Json::Array(list) => list,
        one => vec![one],
    };
    let mut entries = Vec::new();
    for one in list {
        let Json::Object(members) = one else {
            file.error(
                "project.type",
                given.span(),
                "`grant` must be a capability, or a list of capabilities",
                format!("write for example `{EXAMPLE}`"),
            );
            return None;
        };
        let mut entry = Map::new();
        entry.insert("type".to_owned(), "ambit_capability".into());
        entry.extend(members);
        entries.push(Json::Object(entry));
    }
    Some(entries)
}
