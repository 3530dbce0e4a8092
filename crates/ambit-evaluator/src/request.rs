//! What the agent asks: an OpenID AuthZEN Authorization API 1.0 evaluation, and the members
//! around it.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use ambit_core::grammar::{self, FaultKind, Form, REQUEST};
use ambit_core::json::Json;
use ambit_core::{Power, Reason, Steps, foreign_path, place_of_any, split};
use ambit_policy::cedar::{Entities, InputFault, Uid};
use ambit_policy::{Action, Bundle};

use crate::denial::Denial;
use crate::facts::Facts;
use crate::text::{text_at, value_at};

/// A request whose form is right. Its content is still untrusted, but for `facts`.
#[derive(Clone, Debug)]
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
    /// Enrolments of people's keys.
    pub(crate) enrolments: Vec<&'a str>,
    /// Signed statements of issuers: revocation epochs.
    pub(crate) statements: Vec<&'a str>,
    /// What the host knows of entities, in Cedar's JSON form.
    entities: Option<Json<'a>>,
    pub(crate) facts: Facts<'a>,
}

impl<'a> Request<'a> {
    /// Reads the input, which must have the form of [`REQUEST`]. Members of the evaluation that are not
    /// ours are ignored, as `AuthZEN` says; everywhere else an unknown member is refused.
    pub(crate) fn parse(root: Json<'a>) -> Result<Self, Denial> {
        Form::Object(REQUEST).check(root).map_err(refused)?;
        check_entities(root)?;
        let at = |path: &[&str]| text_at(root, path);
        let subject = at(&["evaluation", "subject", "type"]);
        let subject = subject.zip(at(&["evaluation", "subject", "id"]));
        let power = at(&["evaluation", "action", "properties", "power"]).and_then(Power::from_name);
        let arguments = value_at(root, &["evaluation", "action", "properties", "args"]);
        let (Some(power), Some(arguments)) = (power, arguments) else {
            return Err(Denial::new(
                Reason::RequestMember,
                "the request cannot be read",
            ));
        };
        let text = |path: &[&str]| at(path).unwrap_or_default();
        Ok(Self {
            subject,
            action: text(&["evaluation", "action", "name"]),
            power,
            arguments,
            resource_type: text(&["evaluation", "resource", "type"]),
            resource_id: text(&["evaluation", "resource", "id"]),
            purpose: text(&["evaluation", "context", "purpose"]),
            token: text(&["token"]),
            proof: at(&["proof"]),
            approvals: texts(root, "approvals"),
            enrolments: texts(root, "enrolments"),
            statements: texts(root, "statements"),
            entities: root.get("entities"),
            facts: Facts::read(root.get("facts").unwrap_or_default()),
        })
    }

    /// The entities that the host described, checked against the schema of the guard rails, as is the
    /// resource itself. Without guard rails nothing reads them.
    pub(crate) fn cedar_entities<'c>(
        &self,
        bundle: &'c Bundle<'c>,
        steps: &Steps,
    ) -> Result<Entities<'c>, Denial>
    where
        'a: 'c,
    {
        let Some(program) = bundle.program() else {
            return Ok(Entities::default());
        };
        let fault = |path: &str, fault: Box<InputFault>| {
            let path = foreign_path(&format!("{path}{}", fault.path));
            let admin = format!("{path}: wanted {}", fault.wanted);
            Denial::new(Reason::RequestEntities, admin)
        };
        if let Some(kind) = bundle.resource_type(self.resource_type) {
            let uid = Uid::new(kind, self.resource_id);
            let checked = program.check_uid(uid);
            checked.map_err(|found| fault("evaluation.resource", found))?;
        }
        let entities = match self.entities {
            Some(entities) => Entities::read(program, entities, steps),
            None => return Ok(Entities::default()),
        };
        match entities {
            Ok(_) if steps.exhausted() => Err(Denial::exhausted()),
            entities => entities.map_err(|found| fault("entities", found)),
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

/// The reason that a fault of the request has: facts and token have reasons of their own.
fn refused(fault: Box<grammar::Fault>) -> Denial {
    let part = place_of_any(&fault.path, b".[").map_or(fault.path.as_str(), |end| {
        fault.path.get(..end).unwrap_or_default()
    });
    let levels = split(&fault.path, b'.').count();
    let reason = match (part, fault.kind) {
        (_, FaultKind::Refused) => Reason::RequestUnsupported,
        ("facts", FaultKind::Missing(_)) if levels == 2 => Reason::FactsMissing,
        ("facts", _) if levels > 1 => Reason::FactsMalformed,
        ("token", _) => Reason::TokenMissing,
        _ => Reason::RequestMember,
    };
    let outer = if fault.path.is_empty() {
        "the request"
    } else {
        ""
    };
    Denial::new(reason, fault.within(outer))
}

/// The core itself makes every `Ambit::*` and action entity; one from outside is refused.
fn check_entities(root: Json<'_>) -> Result<(), Denial> {
    let entities = root.get("entities").map(Json::elements);
    for entity in entities.into_iter().flatten() {
        let kind = text_at(entity, &["uid", "type"]).unwrap_or_default();
        let ours = kind == "Ambit" || kind.starts_with("Ambit::");
        if ours || kind == "Action" || kind.ends_with("::Action") {
            let admin = "`entities`: wanted no `Ambit::*` and no action entity: the evaluator makes those itself";
            return Err(Denial::new(Reason::RequestMember, admin));
        }
    }
    Ok(())
}

/// The strings of a list, or none where there is none.
fn texts<'a>(root: Json<'a>, name: &str) -> Vec<&'a str> {
    root.get(name).map(Json::texts).unwrap_or_default()
}
