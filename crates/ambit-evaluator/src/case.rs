//! What the later steps look at: request and arguments read, token verified.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use ambit_core::capability::Ask;
use ambit_core::constraint::Unit;
use ambit_core::json::Json;
use ambit_core::{Power, Steps};
use ambit_policy::Bundle;
use ambit_policy::cedar::Entities;
use ambit_token::{Block, KeyTables, VerifiedToken};

use crate::remedy::Displays;
use crate::request::Request;

/// One request, ready to be judged by steps 3 to 9.
pub struct Case<'a> {
    pub(crate) bundle: &'a Bundle<'a>,
    pub(crate) request: &'a Request<'a>,
    /// The arguments with money in minor units.
    pub(crate) arguments: Json<'a>,
    /// The same in RFC 8785 form.
    pub(crate) arguments_text: &'a str,
    pub(crate) token: &'a VerifiedToken<'a>,
    /// SHA-256 of the token as it was sent.
    pub(crate) token_s256: [u8; 32],
    pub(crate) tables: &'a KeyTables,
    /// The entities that the host described.
    pub(crate) entities: &'a Entities<'a>,
    /// The arguments that policies see as text.
    pub(crate) texts: &'a [String],
    pub(crate) login: &'a SignIn<'a>,
    /// What people see of this call.
    pub(crate) displays: &'a Displays,
    pub(crate) steps: &'a Steps,
}

/// What a call asks for, whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name of the action.
    pub action: &'a str,
    /// How far it is to go.
    pub power: Power,
    /// The resource server's location, where the host says one.
    pub location: Option<&'a str>,
    /// The resource's type.
    pub resource_type: &'a str,
    /// The resource's id.
    pub resource_id: &'a str,
    /// Why.
    pub purpose: &'a str,
    /// The arguments with money in minor units.
    pub arguments: Json<'a>,
    /// Seconds since 1970, UTC.
    pub now: i64,
    /// How far time zones are from UTC, where the host says.
    pub utc_offsets: Option<Json<'a>>,
}

impl Asked<'_> {
    /// The same in the form that entries are matched against. Runs `body` once.
    pub fn with_ask(&self, bundle: &Bundle<'_>, approved: bool, body: &mut dyn FnMut(&Ask<'_>)) {
        let action = bundle.action(self.action);
        body(&Ask {
            action: self.action,
            power: self.power,
            approved,
            location: self.location,
            datatype: Some(self.resource_type),
            identifier: Some(self.resource_id),
            purpose: self.purpose,
            args: self.arguments,
            now: self.now,
            utc_offsets: self.utc_offsets,
            declared: &action,
        });
    }
}

/// How and when the person behind the agent logged in.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignIn<'a> {
    pub(crate) acr: Option<&'a str>,
    pub(crate) amr: Vec<&'a str>,
    /// Seconds since 1970, UTC.
    pub(crate) auth_time: Option<i64>,
}

impl<'a> SignIn<'a> {
    /// As the token says.
    pub(crate) fn of(token: &'a VerifiedToken<'a>) -> Self {
        let root = token.root();
        Self {
            acr: root.get_str("acr"),
            amr: root.get("amr").map(Json::texts).unwrap_or_default(),
            auth_time: root.get_int("auth_time"),
        }
    }
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl<'a> Case<'a> {
    /// The policy.
    #[must_use]
    pub const fn bundle(&self) -> &'a Bundle<'a> {
        self.bundle
    }

    /// What is asked.
    #[must_use]
    pub const fn asked(&self) -> Asked<'a> {
        Asked {
            action: self.request.action,
            power: self.request.power,
            location: self.request.facts.location,
            resource_type: self.request.resource_type,
            resource_id: self.request.resource_id,
            purpose: self.request.purpose,
            arguments: self.arguments,
            now: self.request.facts.now,
            utc_offsets: self.request.facts.utc_offsets,
        }
    }

    /// The work that may still be done.
    #[must_use]
    pub const fn steps(&self) -> &'a Steps {
        self.steps
    }

    /// The same with another budget of work.
    #[must_use]
    pub const fn with_steps<'s>(&'s self, steps: &'s Steps) -> Case<'s>
    where
        'a: 's,
    {
        Case { steps, ..*self }
    }

    /// What the arguments marked `@content` refer to, sorted by their names, and `None` for the content that the host
    /// does not say.
    pub(crate) fn contents(&self) -> Vec<(&'a str, Option<Json<'a>>)> {
        let facts = self.request.facts.content;
        let action = self.bundle.action(self.request.action);
        let mut found = Vec::new();
        for (name, argument) in action.iter().flat_map(|action| action.arguments()) {
            if argument.content() && self.arguments.get(name).is_some_and(|it| !it.is_null()) {
                let content = facts.and_then(|facts| facts.get(name));
                // It is hashed, whether or not it can be shown whole.
                self.steps.charge(content.map_or(0, Json::weight));
                found.push((name, content));
            }
        }
        found
    }

    /// In which unit people read an argument of the action that is asked.
    pub(crate) fn unit(&self, argument: &str) -> Unit<'a> {
        self.bundle.unit(self.request.action, argument)
    }

    /// The agent, its client, or one of those who passed the token on.
    pub(crate) fn is_actor(&self, sub: &str) -> bool {
        let client = self.token.root().get_str("client_id");
        let acts = |block: &Block<'_>| {
            let act = block.claims().get("act");
            act.and_then(|act| act.get("sub")).and_then(Json::as_str) == Some(sub)
        };
        client == Some(sub) || self.token.blocks().iter().any(acts)
    }
}
