//! A policy as Cedar sees it: what the bundle compiles, read back, and what is added to ask about it.

use std::collections::BTreeSet;

use ambit_core::Power;
use ambit_core::json::Json;
use ambit_policy::Bundle;
use cedar_policy::{Policy as CedarPolicy, PolicySet, RequestEnv, Schema};
use serde_json::{Map, Value, json};

use crate::ProveError;
use crate::constraint::Target;
use crate::entry::{Call, ELSEWHERE, Entry, LOCATION, PEOPLE, RECEIPTS};
use crate::expr::{self, Expr};
use crate::facts::{self, Heard, LAST};
use crate::image::{Image, OwnEntity, Rule};
use crate::witness::declared;

/// A policy that questions can be asked about.
#[derive(Clone, Debug)]
pub struct Policy {
    bundle: Vec<u8>,
    pub(crate) image: Image,
    /// From when to when the policy holds, where its sources say so.
    pub(crate) now: (i64, i64),
    issued: bool,
    /// Agent classes that some condition names.
    classes: BTreeSet<String>,
}

impl Policy {
    /// Reads a bundle. `issued` says whether its time of issue is the project's own: if not, another
    /// build of the same sources holds at other times, and what is proved is proved for all of them.
    ///
    /// # Errors
    ///
    /// `prove.bundle` for bytes that are no bundle of this version.
    pub fn read(bundle: Vec<u8>, issued: bool) -> Result<Self, ProveError> {
        let read = Bundle::verify(&bundle)
            .map_err(|error| ProveError::new("prove.bundle", error.to_string()))?;
        let image = match read.program_bytes() {
            [] => without_guard_rails(&read),
            program => Image::read(program).ok_or_else(|| {
                ProveError::new("prove.bundle", "the compiled policies cannot be read")
            })?,
        };
        let now = match issued {
            true => (0, read.expires().min(LAST)),
            false => (0, LAST),
        };
        let mut classes = BTreeSet::new();
        for rule in &image.rules {
            facts::classes(&rule.condition, &mut classes);
        }
        Ok(Self {
            bundle,
            image,
            now,
            issued,
            classes,
        })
    }

    /// The bundle.
    ///
    /// # Panics
    ///
    /// Never: it was verified when it was read.
    #[must_use]
    pub fn bundle(&self) -> Bundle<'_> {
        Bundle::verify(&self.bundle).expect("the bundle was verified when it was read")
    }

    /// The agent classes that have a manifest.
    #[must_use]
    pub fn agents(&self) -> Vec<String> {
        facts::agents(&self.bundle())
    }

    /// The schema, with what else a request has, and the truths that Cedar cannot say.
    pub(crate) fn schema<'e>(
        &self,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<Schema, ProveError> {
        let rough = entries.flat_map(|entry| &entry.rough);
        let truths: BTreeSet<&str> = rough.map(|rough| rough.name.as_str()).collect();
        let mut schema = self.image.schema.clone();
        for namespace in schema.as_object_mut().into_iter().flatten() {
            let actions = namespace
                .1
                .get_mut("actions")
                .and_then(Value::as_object_mut);
            for (_, action) in actions.into_iter().flatten() {
                let attributes = action.pointer_mut("/appliesTo/context/attributes");
                if let Some(attributes) = attributes.and_then(Value::as_object_mut)
                    && attributes.contains_key("power")
                {
                    attributes.insert(
                        LOCATION.to_owned(),
                        json!({"type": "String", "required": false}),
                    );
                    let people = json!({"type": "Set", "element": {"type": "Entity", "name": "Ambit::User"}});
                    attributes.insert(PEOPLE.to_owned(), people.clone());
                    attributes.insert(ELSEWHERE.to_owned(), people);
                    let truth = json!({"type": "Boolean"});
                    attributes.extend(
                        truths
                            .iter()
                            .map(|name| ((*name).to_owned(), truth.clone())),
                    );
                    attributes.insert(
                        RECEIPTS.to_owned(),
                        json!({"type": "Boolean", "required": true}),
                    );
                }
            }
        }
        Schema::from_json_value(schema)
            .map_err(|error| ProveError::new("prove.schema", error.to_string()))
    }

    /// The calls that a property speaks of: each action in each power on each type of resource.
    pub(crate) fn calls(&self, actions: &[String], powers: &[Power]) -> Vec<Question> {
        let bundle = self.bundle();
        let mut calls = Vec::new();
        for action in actions {
            let Some(known) = bundle.action(action) else {
                continue;
            };
            for power in powers
                .iter()
                .filter(|power| known.powers().contains(**power))
            {
                for datatype in known.resources() {
                    calls.push(Question {
                        action: action.clone(),
                        power: *power,
                        datatype: datatype.to_owned(),
                    });
                }
            }
        }
        calls
    }

    /// What is known of a question.
    pub(crate) fn entries(&self, agent: &str, question: &Question) -> Vec<Entry> {
        let bundle = self.bundle();
        let call = Call {
            bundle: &bundle,
            action: &question.action,
            power: question.power,
            datatype: &question.datatype,
            ids: self.entity_type(&self.resource_type(question))["enum"]
                .as_array()
                .map(Vec::as_slice),
        };
        call.entries(agent)
    }

    /// Whatever is allowed to an agent, as one policy set: Cedar's allow is the evaluator's.
    pub(crate) fn allowed(
        &self,
        agent: &str,
        question: &Question,
        entries: &[Entry],
        beside: &Beside<'_>,
    ) -> Value {
        let bundle = self.bundle();
        let mut classes = self.classes.clone();
        classes.extend(self.agents());
        facts::classes(beside.condition, &mut classes);
        let manifest = bundle.manifest(agent);
        let granted = expr::all([
            expr::eq(expr::context("power"), expr::text(question.power.name())),
            facts::of_requests(agent, &classes, self.now),
            self.with_an_id(question),
            manifest.map_or_else(
                || expr::truth(false),
                |manifest| facts::of_manifest(manifest, question.power),
            ),
            facts::of_arguments(
                declared(&bundle, &question.action).unwrap_or(Json::null()),
                &expr::var("context"),
            ),
            facts::granted(entries, beside.heard),
            beside.more.clone(),
        ]);
        let mut set = Map::new();
        let errs = self
            .image
            .rules
            .iter()
            .filter(|rule| rule.forbids && can_fail(&rule.condition));
        // A `forbid` that errs denies, and so no `permit` counts where one does.
        let whole = expr::all(
            errs.map(|rule| expr::binary("||", rule.condition.clone(), expr::truth(true))),
        );
        for rule in &self.image.rules {
            let condition = match (rule.forbids, expr::constant(&whole)) {
                (false, None) => expr::binary("&&", rule.condition.clone(), whole.clone()),
                _ => rule.condition.clone(),
            };
            let effect = if rule.forbids { "forbid" } else { "permit" };
            set.insert(
                format!("rule {}", rule.id),
                expr::policy(effect, &condition),
            );
        }
        set.insert(
            "not granted".to_owned(),
            expr::policy("forbid", &expr::not(granted)),
        );
        Value::Object(set)
    }

    /// The same at any time: two versions end at different times, and that is not what they are compared for.
    #[must_use]
    pub fn at_any_time(self) -> Self {
        Self {
            now: (0, LAST),
            issued: false,
            ..self
        }
    }

    /// The resource's identifier is no empty text; those of an enumeration are not to begin with.
    fn with_an_id(&self, question: &Question) -> Expr {
        let kind = self.resource_type(question);
        if !self.entity_type(&kind)["enum"].is_null() {
            return expr::truth(true);
        }
        expr::not(expr::eq(expr::var("resource"), expr::entity(&kind, "")))
    }

    /// The environment of a question in a schema.
    pub(crate) fn environment(&self, schema: &Schema, question: &Question) -> Option<RequestEnv> {
        let bundle = self.bundle();
        let kind = bundle.action(&question.action)?.cedar()?.to_owned();
        let resource = bundle.resource_type(&question.datatype)?.to_owned();
        schema.request_envs().find(|env| {
            env.action().type_name().to_string() == kind
                && env.action().id().unescaped() == question.action
                && env.principal().to_string() == "Ambit::Agent"
                && env.resource().to_string() == resource
        })
    }

    /// The entity type of the resource of a question.
    pub(crate) fn resource_type(&self, question: &Question) -> String {
        let bundle = self.bundle();
        bundle
            .resource_type(&question.datatype)
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether its sources say when it is issued.
    pub(crate) const fn is_issued(&self) -> bool {
        self.issued
    }

    /// The schema as the evaluator has it.
    pub(crate) const fn image_schema(&self) -> &Value {
        &self.image.schema
    }

    /// How the schema declares an entity type.
    pub(crate) fn entity_type(&self, kind: &str) -> &Value {
        let (namespace, base) = kind.rsplit_once("::").unwrap_or(("", kind));
        &self.image.schema[namespace]["entityTypes"][base]
    }

    /// Entities that the policy itself has.
    pub(crate) fn own(&self) -> &[OwnEntity] {
        &self.image.entities
    }
}

/// What stands beside a policy in a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    /// What is asked about: it may name agent classes.
    pub(crate) condition: &'a Expr,
    /// What else must hold for a request to be granted.
    pub(crate) more: &'a Expr,
    /// Whose yes its guard rails see.
    pub(crate) heard: Heard<'a>,
}

impl<'a> Beside<'a> {
    /// A condition, and nothing else.
    pub(crate) const fn condition(condition: &'a Expr, nothing: &'a Expr) -> Self {
        Self {
            condition,
            more: nothing,
            heard: Heard::Some,
        }
    }
}

/// An action in a power on a type of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) action: String,
    pub(crate) power: Power,
    /// As tokens name it.
    pub(crate) datatype: String,
}

impl core::fmt::Display for Question {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            action,
            power,
            datatype,
        } = self;
        write!(f, "`{action}` ({power}) on `{datatype}`")
    }
}

/// Policies of Cedar's JSON form as a set.
pub(crate) fn set(policies: &Value) -> Result<PolicySet, ProveError> {
    let strange = |error: String| ProveError::new("prove.form", error);
    let mut set = PolicySet::new();
    for (id, policy) in policies.as_object().into_iter().flatten() {
        let id = cedar_policy::PolicyId::new(id);
        let policy = CedarPolicy::from_json(Some(id), policy.clone())
            .map_err(|error| strange(error.to_string()))?;
        set.add(policy)
            .map_err(|error| strange(error.to_string()))?;
    }
    Ok(set)
}

/// Whether a sound expression can err although the entities that it looks at are there: arithmetic can
/// leave the integers.
fn can_fail(expr: &Value) -> bool {
    match expr {
        Value::Object(members) => members.iter().any(|(name, inner)| match name.as_str() {
            "Value" => false,
            "+" | "-" | "*" | "neg" | "durationSince" | "toDate" => true,
            "offset" => !is_epoch(inner) || can_fail(inner),
            _ => can_fail(inner),
        }),
        Value::Array(list) => list.iter().any(can_fail),
        _ => false,
    }
}

/// Whether it is how a constant datetime is written that has no text: see [`expr::datetime`].
fn is_epoch(arguments: &Value) -> bool {
    let epoch = expr::call("datetime", vec![expr::text("1970-01-01")]);
    arguments.get(0) == Some(&epoch) && arguments.pointer("/1/duration/0/Value").is_some()
}

/// What a project without guard rails allows: whatever capabilities and manifests do.
fn without_guard_rails(bundle: &Bundle<'_>) -> Image {
    let members = |name: &str| bundle.root().get(name).into_iter().flat_map(Json::members);
    let cedar = |datatype: &str| {
        bundle
            .resource_type(datatype)
            .unwrap_or_default()
            .to_owned()
    };
    let mut schema = Map::new();
    let mut kinds: BTreeSet<String> = members("resources").map(|(name, _)| cedar(name)).collect();
    for (name, action) in members("actions") {
        let mut attributes = standard();
        for (name, argument) in seen(action.get("args")) {
            let mut json = type_of(argument.get("type").unwrap_or(Json::null()), &mut kinds);
            json["required"] =
                json!(argument.get("required").and_then(Json::as_bool) != Some(false));
            attributes.insert(name.to_owned(), json);
        }
        let resources = action.get("resources").into_iter().flat_map(Json::elements);
        let resources: Vec<String> = resources.filter_map(Json::as_str).map(cedar).collect();
        let kind = action
            .get("cedar")
            .and_then(Json::as_str)
            .unwrap_or("Action");
        let namespace = kind
            .strip_suffix("Action")
            .unwrap_or_default()
            .trim_end_matches("::");
        let json = json!({"appliesTo": {
            "principalTypes": ["Ambit::Agent"],
            "resourceTypes": resources,
            "context": {"type": "Record", "attributes": attributes},
        }});
        declarations(&mut schema, namespace, "actions").insert(name.to_owned(), json);
    }
    for kind in kinds {
        let (namespace, base) = kind.rsplit_once("::").unwrap_or(("", &kind));
        declarations(&mut schema, namespace, "entityTypes").insert(base.to_owned(), json!({}));
    }
    let text = |required: bool| json!({"type": "String", "required": required});
    let shape = |attributes: Value| json!({"shape": {"type": "Record", "attributes": attributes}});
    let ambit = declarations(&mut schema, "Ambit", "entityTypes");
    ambit.insert("User".to_owned(), shape(json!({"tenant": text(false)})));
    ambit.insert("AgentClass".to_owned(), json!({}));
    let agent = shape(json!({
        "user": {"type": "Entity", "name": "Ambit::User", "required": true},
        "version": text(false), "model": text(false), "environment": text(false), "tenant": text(false),
    }));
    ambit.insert("Agent".to_owned(), agent);
    ambit["Agent"]["memberOfTypes"] = json!(["Ambit::AgentClass"]);
    let rule = Rule {
        id: String::new(),
        forbids: false,
        condition: expr::truth(true),
    };
    Image {
        rules: vec![rule],
        schema: Value::Object(schema),
        entities: Vec::new(),
    }
}

fn declarations<'s>(
    schema: &'s mut Map<String, Value>,
    namespace: &str,
    kind: &str,
) -> &'s mut Map<String, Value> {
    let whole = schema
        .entry(namespace)
        .or_insert_with(|| json!({"entityTypes": {}, "actions": {}}));
    whole[kind]
        .as_object_mut()
        .expect("an object was put there")
}

/// The attributes that the compiler adds to every context.
fn standard() -> Map<String, Value> {
    let text = |required: bool| json!({"type": "String", "required": required});
    let extension = |name: &str, required: bool| json!({"type": "Extension", "name": name, "required": required});
    let standard = json!({
        "power": text(true),
        "purpose": text(true),
        "now": extension("datetime", true),
        "approvals": {"type": "Set", "element": {"type": "Entity", "name": "Ambit::User"}, "required": true},
        "login": {"type": "Record", "required": true, "attributes": {
            "acr": text(false),
            "amr": {"type": "Set", "element": {"type": "String"}, "required": true},
            "auth_time": extension("datetime", false),
        }},
        "posture": {"type": "Record", "required": true, "attributes": {
            "attested": {"type": "Boolean", "required": true},
            "age": extension("duration", false),
            "version": text(false), "model": text(false), "environment": text(false),
        }},
    });
    match standard {
        Value::Object(standard) => standard,
        _ => Map::new(),
    }
}

/// A type of bundles as a type of Cedar's JSON form; entity types are noted.
/// The arguments that policies see.
fn seen<'a>(arguments: Option<Json<'a>>) -> impl Iterator<Item = (&'a str, Json<'a>)> {
    let all = arguments.into_iter().flat_map(Json::members);
    all.filter(|(name, argument)| !Target::argument(name, *argument).is_unseen())
}

fn type_of(kind: Json<'_>, kinds: &mut BTreeSet<String>) -> Value {
    let of = || kind.get("of").unwrap_or(Json::null());
    match kind.get("t").and_then(Json::as_str).unwrap_or_default() {
        "long" => json!({"type": "Long"}),
        "bool" => json!({"type": "Boolean"}),
        "set" => json!({"type": "Set", "element": type_of(of(), kinds)}),
        "entity" => {
            let name = of().as_str().unwrap_or_default().to_owned();
            kinds.insert(name.clone());
            json!({"type": "Entity", "name": name})
        }
        "ext" => json!({"type": "Extension", "name": of().as_str()}),
        "number" => json!({"type": "Extension", "name": "decimal"}),
        "record" => {
            let attributes = kind.get("attrs").into_iter().flat_map(Json::members);
            let attributes = attributes.map(|(name, attribute)| {
                let mut json = type_of(attribute.get("type").unwrap_or(Json::null()), kinds);
                let required = attribute.get("required").and_then(Json::as_bool) != Some(false);
                json["required"] = json!(required);
                (name.to_owned(), json)
            });
            let attributes: Map<String, Value> = attributes.collect();
            json!({"type": "Record", "attributes": attributes})
        }
        _ => json!({"type": "String"}),
    }
}
