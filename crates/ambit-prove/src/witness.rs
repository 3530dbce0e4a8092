//! What the solver found, as a case that a person can read and that the evaluator judges.

use ambit_core::json::Json;
use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_workbench::cases::{AgentFacts, Case, Expect, Login, Resource, Scope, Spot};
use ambit_workbench::run::{Bench, Request as Asked};
use cedar_policy::{Entities, PolicySet, Request, Schema};
use serde_json::{Map, Value, json};

use crate::ProveError;
use crate::constraint::Target;
use crate::entry::LOCATION;
use crate::facts::LAST;
use crate::image::OwnEntity;
use crate::policy::{Policy, Question};
use crate::value;

/// The service that is asked.
const AUDIENCE: &str = "https://service.example";

/// What the evaluator says to a request.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    pub(crate) code: String,
    /// For an administrator.
    pub(crate) admin: String,
}

/// A policy that cases are asked of.
#[derive(Debug)]
pub(crate) struct Judge<'p> {
    policy: &'p Policy,
    bench: Result<Bench, String>,
    /// Whether a program made for a question decides in the place of the guard rails.
    asks: bool,
}

impl<'p> Judge<'p> {
    pub(crate) fn of(policy: &'p Policy) -> Self {
        Self::with(policy, None)
    }

    fn with(policy: &'p Policy, program: Option<&[u8]>) -> Self {
        // One that does not say when it is issued is built at some time, and so holds at any.
        let issued = (!policy.is_issued()).then_some(LAST);
        let bench = Bench::around(policy.bundle().bytes(), issued, program);
        Self {
            policy,
            bench: bench.map_err(|error| error.to_string()),
            asks: program.is_some(),
        }
    }

    /// One that allows what satisfies `condition`, manifests permitting.
    pub(crate) fn of_condition(policy: &'p Policy, condition: &Value) -> Result<Self, ProveError> {
        let set = crate::policy::set(&json!({"asked": crate::expr::policy("permit", condition)}))?;
        let program = compiled(&set, policy.image_schema())?;
        Ok(Self::with(policy, Some(&program)))
    }

    /// Asks the evaluator; why not, where there is no such request.
    pub(crate) fn ask(&self, case: &Case) -> Result<Verdict, String> {
        let bench = self.bench.as_ref().map_err(Clone::clone)?;
        let mut case = case.clone();
        if self.asks {
            // The entities of the policy itself are not in a program that is made for a question.
            let entities = case.entities.get_or_insert_with(|| json!([]));
            // One that the request describes takes the place of the policy's.
            if let Some(list) = entities.as_array_mut() {
                let own = self.policy.own().iter().map(described);
                let own = own.filter(|own| !list.iter().any(|one| one["uid"] == own["uid"]));
                let own: Vec<Value> = own.collect();
                list.extend(own);
            }
        }
        let asked = Asked::make(bench, &case).map_err(|error| error.to_string())?;
        let request = asked.json.to_string();
        let answer = evaluate(&bench.bundle(), request.as_bytes(), &mut ChainCache::new());
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let reason = |member: &str| {
            let text = answer["context"]["reason"][member].as_str();
            text.unwrap_or_default().to_owned()
        };
        Ok(Verdict {
            allowed: answer["decision"] == json!(true),
            code: reason("code"),
            admin: reason("admin"),
        })
    }
}

/// A case as what `ambit evaluate` takes: the policy's bundle, in which the keys of the case are, and the
/// request. The bundle lasts longer than the policy, so that it can be asked at `today`.
///
/// # Errors
///
/// `prove.request` where the policy has no such request.
pub fn request(policy: &Policy, case: &Case, today: i64) -> Result<(Vec<u8>, Value), ProveError> {
    let unusable =
        |error: &dyn core::fmt::Display| ProveError::new("prove.request", error.to_string());
    let issued = Some(case.now.max(today));
    let bench = Bench::around(policy.bundle().bytes(), issued, None);
    let bench = bench.map_err(|error| unusable(&error))?;
    let asked = Asked::make(&bench, case).map_err(|error| unusable(&error))?;
    Ok((bench.bundle().bytes().to_vec(), asked.json))
}

fn compiled(set: &PolicySet, schema: &Value) -> Result<Vec<u8>, ProveError> {
    let schema = Schema::from_json_value(schema.clone())
        .map_err(|error| ProveError::new("prove.schema", error.to_string()))?;
    let options = ambit_compiler::cedar::Options {
        schema: Some(&schema),
        validated: true,
    };
    ambit_compiler::cedar::compile(set, options)
        .map_err(|error| ProveError::new("prove.form", error.to_string()))
}

/// An entity of the policy itself, in Cedar's JSON form.
fn described(entity: &OwnEntity) -> Value {
    let literals = |members: &Map<String, Value>| -> Map<String, Value> {
        let members = members.iter();
        members
            .map(|(name, one)| (name.clone(), value::literal(one)))
            .collect()
    };
    let parents = entity
        .parents
        .iter()
        .map(|(kind, id)| json!({"type": kind, "id": id}));
    json!({
        "uid": {"type": entity.kind, "id": entity.id},
        "attrs": literals(&entity.attributes),
        "tags": literals(&entity.tags),
        "parents": parents.collect::<Vec<_>>(),
    })
}

/// A request that the solver found, as a case. `None` where no request can say it.
pub(crate) fn case(
    name: &str,
    agent: &str,
    question: &Question,
    policy: &Policy,
    request: &Request,
    entities: &Entities,
) -> Option<Case> {
    let context = request.context()?.to_json_value().ok()?;
    let entities = entities.to_json_value().ok()?;
    let entity = |kind: &str, id: &str| {
        let mut list = entities.as_array().into_iter().flatten();
        list.find(|one| one["uid"]["type"] == kind && one["uid"]["id"] == id)
    };
    let principal = request.principal()?.id().unescaped().to_owned();
    let agent_data = entity("Ambit::Agent", &principal)?.get("attrs")?;
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let location = text(&context, LOCATION).filter(|text| !text.is_empty());
    let location = location.unwrap_or_else(|| AUDIENCE.to_owned());
    let now = value::milliseconds(&context["now"])?.div_euclid(1000);
    let people = context["approvals"].as_array()?.iter();
    let people = people.filter_map(|one| one.pointer("/__entity/id")?.as_str().map(str::to_owned));
    Some(Case {
        name: name.to_owned(),
        spot: Spot::default(),
        scope: Scope {
            agent: agent.to_owned(),
            action: question.action.clone(),
            power: question.power,
            resource: Resource {
                datatype: question.datatype.clone(),
                id: request.resource()?.id().unescaped().to_owned(),
            },
            purpose: text(&context, "purpose")?,
            audience: AUDIENCE.to_owned(),
            location,
        },
        args: arguments(&policy.bundle(), agent, &question.action, &context)?,
        tenant: text(agent_data, "tenant"),
        subject: agent_data
            .pointer("/user/__entity/id")?
            .as_str()?
            .to_owned(),
        now,
        facts: offsets(&policy.bundle(), agent),
        entities: Some(supplied(&entities, policy)).filter(|list| list != &json!([])),
        approvals: people.collect(),
        login: login(&context["login"]),
        grant: None,
        agent_facts: posture(&context["posture"]),
        token: token(agent, agent_data),
        expect: Expect::Allow,
        policies: None,
    })
}

/// The zones that the manifest names, at UTC: what the solver takes for a time within hours is one there, or
/// the evaluator does not confirm it.
fn offsets(bundle: &Bundle<'_>, agent: &str) -> Map<String, Value> {
    let entries = bundle.manifest(agent).into_iter();
    let entries = entries.flat_map(|manifest| manifest.capabilities());
    let zones = entries.filter_map(|entry| entry.get("hours")?.get("zone")?.as_str());
    let offsets: Map<String, Value> = zones.map(|zone| (zone.to_owned(), json!(0))).collect();
    let facts = (!offsets.is_empty()).then(|| ("utc_offsets".to_owned(), Value::Object(offsets)));
    facts.into_iter().collect()
}

fn arguments(
    bundle: &Bundle<'_>,
    agent: &str,
    action: &str,
    context: &Value,
) -> Option<Map<String, Value>> {
    let declared = bundle.root().get("actions")?.get(action)?.get("args")?;
    let mut args = Map::new();
    for (name, argument) in declared.members() {
        let required = argument.get("required").and_then(Json::as_bool) != Some(false);
        let target = Target::argument(name, argument);
        if let Some(value) = context.get(name) {
            args.insert(name.to_owned(), value::argument(value, argument)?);
        } else if required && target.is_unseen() {
            args.insert(
                name.to_owned(),
                unseen(bundle, agent, action, &target, name),
            );
        }
    }
    Some(args)
}

/// A value for an argument that policies do not see: one that an entry of the agent names for the action.
fn unseen(
    bundle: &Bundle<'_>,
    agent: &str,
    action: &str,
    target: &Target<'_>,
    name: &str,
) -> Value {
    let manifest = bundle.manifest(agent);
    let entries = manifest.into_iter().flat_map(|one| one.capabilities());
    let mut specs = entries
        .filter(|entry| {
            let mut actions = entry.get("actions").into_iter().flat_map(Json::elements);
            actions.any(|one| one.as_str() == Some(action))
        })
        .filter_map(|entry| entry.get("constraints")?.get(name));
    let found = specs.find_map(|spec| target.example(spec));
    found.unwrap_or_else(|| match target.is_list() {
        true => json!([]),
        false => json!(0),
    })
}

/// The entities that a host would supply: those of which there is something to say.
fn supplied(entities: &Value, policy: &Policy) -> Value {
    let list = entities.as_array().into_iter().flatten();
    let ours = |one: &&Value| {
        let text = |name: &str| one["uid"][name].as_str().unwrap_or_default();
        let kind = text("type");
        let own = policy
            .own()
            .iter()
            .any(|own| own.kind == kind && own.id == text("id"));
        let evaluator =
            kind.starts_with("Ambit::") || kind == "Action" || kind.ends_with("::Action");
        let empty = |name: &str| match &one[name] {
            Value::Object(members) => members.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => true,
        };
        let something = ["attrs", "tags", "parents"].iter().any(|name| !empty(name));
        !evaluator && (own || something)
    };
    let mut kept: Vec<Value> = list.filter(ours).cloned().collect();
    for entity in &mut kept {
        let no_tags = entity.get("tags").is_some_and(|tags| tags == &json!({}));
        if let Some(members) = entity.as_object_mut().filter(|_| no_tags) {
            members.shift_remove("tags");
        }
        value::tidy(entity);
    }
    Value::Array(kept)
}

fn login(context: &Value) -> Login {
    let amr = context["amr"].as_array().into_iter().flatten();
    let time = context.get("auth_time").and_then(value::milliseconds);
    Login {
        acr: context
            .get("acr")
            .and_then(Value::as_str)
            .map(str::to_owned),
        amr: amr
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
        auth_time: time.map(|time| time.div_euclid(1000)),
    }
}

fn posture(context: &Value) -> AgentFacts {
    let mut members = Map::new();
    for (name, fact) in [("version", "version"), ("environment", "env")] {
        if let Some(text) = context.get(name) {
            members.insert(fact.to_owned(), text.clone());
        }
    }
    if let Some(name) = context.get("model") {
        members.insert("ai_model".to_owned(), json!({"name": name}));
    }
    let age = context.get("age").and_then(value::milliseconds);
    AgentFacts {
        attested: context["attested"] == json!(true),
        members,
        age_seconds: age.unwrap_or(0).div_euclid(1000),
    }
}

/// The claims that say what the agent is, where there is more to say than its class.
fn token(agent: &str, data: &Value) -> Map<String, Value> {
    let mut claim = json!({"uid": agent});
    for (name, member) in [("version", "version"), ("environment", "env")] {
        if let Some(text) = data.get(name) {
            claim[member] = text.clone();
        }
    }
    if let Some(name) = data.get("model") {
        claim["ai_model"] = json!({"name": name});
    }
    let mut claims = Map::new();
    if claim.as_object().is_some_and(|claim| claim.len() > 1) {
        claims.insert("agent".to_owned(), claim);
    }
    claims
}

/// The declarations of an action's arguments.
pub(crate) fn declared<'b>(bundle: &'b Bundle<'b>, action: &str) -> Option<Json<'b>> {
    bundle.root().get("actions")?.get(action)?.get("args")
}
