//! A request as Cedar sees it: the agent as principal, the resource, the arguments and the standard
//! attributes as context. The core makes every `Ambit::*` entity itself.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::Json;
use ambit_policy::cedar::{Entities, Input, Record, Uid, Value, attributes};

use crate::case::Case;
use crate::denial::Denial;

const AGENT: &str = "Ambit::Agent";
const CLASS: &str = "Ambit::AgentClass";
const USER: &str = "Ambit::User";
/// The authentication method reference of RFC 8176 for several factors.
pub(crate) const MFA: &str = "mfa";

/// Everything that the policies are evaluated on: `people` have approved exactly this call.
pub(crate) fn input<'c>(case: &'c Case<'_>, people: &'c [String]) -> Result<Input<'c>, Denial> {
    let malformed = |what: &str| Denial::new(Reason::PolicyMalformed, what);
    let action = case.bundle.action(case.request.action);
    let action = action.ok_or_else(|| malformed("the action is not in the vocabulary"))?;
    let action_type = action.cedar();
    let resource_type = case.bundle.resource_type(case.request.resource_type);
    let (Some(action_type), Some(resource_type)) = (action_type, resource_type) else {
        return Err(malformed("the vocabulary does not name its entity types"));
    };
    let arguments = attributes(action, case.arguments, case.texts, case.steps);
    let mut context = arguments.ok_or_else(|| match case.steps.exhausted() {
        true => Denial::exhausted(),
        false => malformed("the arguments were not normalised"),
    })?;
    // The entities are copied, so that the agent and its user can be added.
    if !case.steps.take(case.entities.copying()) {
        return Err(Denial::exhausted());
    }
    standard(case, people, &mut context);
    let root = case.token.root();
    let actor = root.get("act").and_then(|act| act.get("sub"));
    let principal = Uid::new(AGENT, actor.and_then(Json::as_str).unwrap_or_default());
    let mut entities = case.entities.clone();
    put_agent(case, principal, &mut entities);
    Ok(Input {
        principal,
        action: Uid::new(action_type, case.request.action),
        resource: Uid::new(resource_type, case.request.resource_id),
        context: Record::made(context),
        entities,
    })
}

/// The agent, its class, and the person for whom it acts.
fn put_agent<'c>(case: &'c Case<'_>, agent: Uid<'c>, entities: &mut Entities<'c>) {
    let root = case.token.root();
    let signed = root.get("agent").unwrap_or_default();
    let text = |value: Option<Json<'c>>| value.and_then(Json::as_bytes).map(Value::Str);
    let class = Uid::new(CLASS, case.token.agent_uid());
    let user = Uid::new(USER, case.token.sub());
    let tenant = || text(root.get("tenant"));
    let model = signed.get("ai_model").and_then(|model| model.get("name"));
    let mut attributes = alloc::vec![("user", Value::Entity(user))];
    put(&mut attributes, "version", text(signed.get("version")));
    put(&mut attributes, "model", text(model));
    put(&mut attributes, "environment", text(signed.get("env")));
    put(&mut attributes, "tenant", tenant());
    entities.put(agent, Record::made(attributes), &[class]);
    entities.put(class, Record::made(Vec::new()), &[]);
    let mut attributes = Vec::new();
    put(&mut attributes, "tenant", tenant());
    entities.put(user, Record::made(attributes), &[]);
}

/// Adds an attribute that there may be.
fn put<'a>(attributes: &mut Vec<(&'a str, Value<'a>)>, name: &'a str, value: Option<Value<'a>>) {
    if let Some(value) = value {
        attributes.push((name, value));
    }
}

/// The attributes that the compiler added to the context of every action.
fn standard<'c>(case: &'c Case<'_>, people: &'c [String], context: &mut Vec<(&'c str, Value<'c>)>) {
    let facts = &case.request.facts;
    let text = |text: &'c str| Value::Str(text.as_bytes());
    let mut approvals = Vec::with_capacity(people.len());
    for sub in people {
        approvals.push(Value::Entity(Uid::new(USER, sub)));
    }
    let mut amr = Vec::with_capacity(case.login.amr.len());
    for method in &case.login.amr {
        amr.push(text(method));
    }
    // A clock may run ahead; a login is never younger than now.
    let login_time = case.login.auth_time.map(|time| time.min(facts.now));
    let mut login = alloc::vec![("amr", Value::set(amr))];
    put(&mut login, "acr", case.login.acr.map(text));
    put(&mut login, "auth_time", login_time.map(datetime));
    let mut add = |name, value| put(context, name, Some(value));
    add("power", text(case.request.power.name()));
    add("purpose", text(case.request.purpose));
    add("now", datetime(facts.now));
    add("approvals", Value::set(approvals));
    add("login", Value::record(login));
    add("posture", Value::record(posture(case)));
}

/// What the host attests of the agent, and how old that is.
fn posture<'c>(case: &'c Case<'_>) -> Vec<(&'c str, Value<'c>)> {
    let facts = &case.request.facts;
    let attested = facts.agent;
    let mut posture = alloc::vec![("attested", Value::Bool(attested.is_some()))];
    let Some(agent) = attested else {
        return posture;
    };
    let text = |value: Option<Json<'c>>| value.and_then(Json::as_bytes).map(Value::Str);
    let age = agent.get_int("iat");
    let age = age.map(|iat| facts.age(iat).saturating_mul(1000));
    let model = agent.get("ai_model").and_then(|model| model.get("name"));
    put(&mut posture, "age", age.map(Value::Duration));
    put(&mut posture, "version", text(agent.get("version")));
    put(&mut posture, "model", text(model));
    put(&mut posture, "environment", text(agent.get("env")));
    posture
}

const fn datetime<'a>(seconds: i64) -> Value<'a> {
    Value::Datetime(seconds.saturating_mul(1000))
}
