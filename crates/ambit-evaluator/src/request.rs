//! What the agent asks: an OpenID AuthZEN Authorization API 1.0 evaluation, and the members
//! around it.

use alloc::format;
use alloc::vec::Vec;

use ambit_core::json::{Json, Kind};
use ambit_core::limits::{RECEIPTS, STATEMENTS};
use ambit_core::{Power, Reason};
use ambit_policy::cedar::{Entities, InputFault, Uid};
use ambit_policy::{Action, Bundle};

use crate::denial::Denial;
use crate::facts::Facts;

/// A request whose form is right. Its content is still untrusted, but for `facts`.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// `type` and `id`, where the evaluation names a subject.
    pub(crate) subject: Option<(&'a str, &'a str)>,
    pub(crate) action: &'a str,
    pub(crate) power: Power,
    /// The arguments as they came.
    pub(crate) arguments: Json<'a>,
    pub(crate) resource_type: &'a str,
    pub(crate) resource_id: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) token: &'a str,
    /// A DPoP proof.
    pub(crate) proof: Option<&'a str>,
    /// Approval receipts.
    pub(crate) approvals: Vec<&'a str>,
    /// Signed statements of issuers: revocation epochs.
    pub(crate) statements: Vec<&'a str>,
    /// What the host knows of entities, in Cedar's JSON form.
    entities: Option<Json<'a>>,
    pub(crate) facts: Facts<'a>,
}

impl<'a> Request<'a> {
    /// Reads the input. Members of the evaluation that are not ours are ignored, as AuthZEN says;
    /// everywhere else an unknown member is refused.
    pub(crate) fn parse(root: Json<'a>) -> Result<Self, Denial> {
        if root.kind() != Kind::Object {
            return Err(malformed("the request", "an object"));
        }
        for (name, value) in root.members() {
            check_member(name, value)?;
        }
        let evaluation = object(root, "evaluation", "evaluation")?;
        let action = object(evaluation, "action", "evaluation.action")?;
        let properties = object(action, "properties", "evaluation.action.properties")?;
        let resource = object(evaluation, "resource", "evaluation.resource")?;
        let context = object(evaluation, "context", "evaluation.context")?;
        let token = root.get("token").and_then(Json::as_str);
        let token = token.filter(|token| !token.is_empty());
        Ok(Self {
            subject: subject(evaluation)?,
            action: text(action, "name", "evaluation.action.name")?,
            power: power(properties)?,
            arguments: arguments(properties)?,
            resource_type: text(resource, "type", "evaluation.resource.type")?,
            resource_id: text(resource, "id", "evaluation.resource.id")?,
            purpose: text(context, "purpose", "evaluation.context.purpose")?,
            proof: root.get("proof").and_then(Json::as_str),
            approvals: texts(root, "approvals", RECEIPTS)?,
            statements: texts(root, "statements", STATEMENTS)?,
            entities: root.get("entities"),
            facts: Facts::parse(object(root, "facts", "facts")?)?,
            token: token.ok_or_else(|| {
                Denial::new(
                    Reason::TokenMissing,
                    "`token` must be a capability token (`cap+jwt` chain)",
                )
            })?,
        })
    }

    /// The entities that the host described, checked against the schema of the guard rails, as is the
    /// resource itself. Without guard rails nothing reads them.
    pub(crate) fn cedar_entities<'c>(&self, bundle: &'c Bundle<'c>) -> Result<Entities<'c>, Denial>
    where
        'a: 'c,
    {
        let Some(program) = bundle.program() else {
            return Ok(Entities::default());
        };
        let fault = |path: &str, fault: InputFault| {
            let admin = format!("`{path}{}`: wanted {}", fault.path, fault.wanted);
            Denial::new(Reason::RequestEntities, admin)
        };
        if let Some(kind) = bundle.resource_type(self.resource_type) {
            let uid = Uid::new(kind, self.resource_id);
            let checked = program.check_uid(uid);
            checked.map_err(|found| fault("evaluation.resource", found))?;
        }
        match self.entities {
            Some(entities) => {
                Entities::read(program, entities).map_err(|found| fault("entities", found))
            }
            None => Ok(Entities::default()),
        }
    }

    /// The action in the vocabulary, if power and resource fit it.
    pub(crate) fn known_action<'b>(&self, bundle: &'b Bundle<'b>) -> Result<Action<'b>, Denial> {
        let action = bundle.action(self.action).ok_or_else(|| {
            Denial::new(
                Reason::RequestAction,
                "`evaluation.action.name` is not in the vocabulary",
            )
        })?;
        if !action.powers().contains(self.power) {
            let admin = format!("the action cannot be used with power {}", self.power);
            return Err(Denial::new(Reason::RequestPower, admin));
        }
        if !action.applies_to(self.resource_type) {
            let admin = "the action does not apply to `evaluation.resource.type`";
            return Err(Denial::new(Reason::RequestResource, admin));
        }
        Ok(action)
    }
}

/// Top-level members: known, and none that waits for a later version.
fn check_member(name: &str, value: Json<'_>) -> Result<(), Denial> {
    match name {
        "evaluation" | "token" | "facts" => Ok(()),
        "entities" => entities(value),
        "approvals" | "statements" if value.kind() == Kind::Array => Ok(()),
        "approvals" | "statements" => Err(malformed(name, "an array of JWS")),
        "proof" if value.is_null() || value.as_str().is_some() => Ok(()),
        "proof" => Err(malformed(name, "a DPoP proof")),
        "evaluations" => {
            let admin = format!("`{name}` is not supported by this version; leave it out");
            Err(Denial::new(Reason::RequestUnsupported, admin))
        }
        _ => Err(Denial::new(
            Reason::RequestMember,
            "unknown member; known are `evaluation`, `token`, `proof`, `approvals`, `statements`, `entities`, `facts`",
        )),
    }
}

/// The core itself makes every `Ambit::*` and action entity; one from outside is refused.
fn entities(value: Json<'_>) -> Result<(), Denial> {
    if value.kind() != Kind::Array {
        return Err(malformed("entities", "an array of Cedar entities"));
    }
    for entity in value.elements() {
        let kind = entity
            .get("uid")
            .and_then(|uid| uid.get("type"))
            .and_then(Json::as_str);
        let kind = kind.ok_or_else(|| malformed("entities[].uid.type", "a string"))?;
        let ours = kind == "Ambit" || kind.starts_with("Ambit::");
        if ours || kind == "Action" || kind.ends_with("::Action") {
            return Err(malformed(
                "entities",
                "no `Ambit::*` and no action entity: the evaluator makes those itself",
            ));
        }
    }
    Ok(())
}

fn subject(evaluation: Json<'_>) -> Result<Option<(&str, &str)>, Denial> {
    let Some(subject) = evaluation.get("subject") else {
        return Ok(None);
    };
    Ok(Some((
        text(subject, "type", "evaluation.subject.type")?,
        text(subject, "id", "evaluation.subject.id")?,
    )))
}

fn power(properties: Json<'_>) -> Result<Power, Denial> {
    if properties
        .members()
        .any(|(name, _)| name != "power" && name != "args")
    {
        return Err(malformed(
            "evaluation.action.properties",
            "exactly `power` and `args`",
        ));
    }
    text(properties, "power", "evaluation.action.properties.power").and_then(|name| {
        Power::from_name(name).ok_or_else(|| {
            malformed(
                "evaluation.action.properties.power",
                "`observe`, `draft`, `propose` or `execute`",
            )
        })
    })
}

fn arguments(properties: Json<'_>) -> Result<Json<'_>, Denial> {
    object(properties, "args", "evaluation.action.properties.args")
}

fn object<'a>(value: Json<'a>, member: &str, path: &str) -> Result<Json<'a>, Denial> {
    value
        .get(member)
        .filter(|value| value.kind() == Kind::Object)
        .ok_or_else(|| malformed(path, "an object"))
}

/// The strings of an array, at most `most`.
fn texts<'a>(root: Json<'a>, name: &str, most: usize) -> Result<Vec<&'a str>, Denial> {
    let list = root.get(name).map(Json::elements).into_iter().flatten();
    let texts: Option<Vec<&str>> = list.map(Json::as_str).collect();
    texts
        .filter(|texts| texts.len() <= most)
        .ok_or_else(|| malformed(name, &format!("an array of at most {most} JWS")))
}

fn text<'a>(value: Json<'a>, member: &str, path: &str) -> Result<&'a str, Denial> {
    value
        .get(member)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| malformed(path, "a string"))
}

fn malformed(path: &str, wanted: &str) -> Denial {
    Denial::new(Reason::RequestMember, format!("`{path}`: wanted {wanted}"))
}
