//! Requests: what the agent asks, and what the host states.

use super::token::MODEL;
use super::{COUNT, Form, MANY, Member, OBJECT, may, needs, never};
use crate::limits::{ENROLMENTS, RECEIPTS, STATEMENTS, UTC_OFFSET_MINUTES};

/// The members around an evaluation.
pub const REQUEST: &[Member] = &[
    needs("evaluation", Form::Open(EVALUATION)),
    needs("token", Form::Text),
    may("proof", Form::OneOf(&[Form::Null, Form::Text])),
    may("approvals", Form::List(&(0, RECEIPTS), &Form::Text)),
    may("enrolments", Form::List(&(0, ENROLMENTS), &Form::Text)),
    may("statements", Form::List(&(0, STATEMENTS), &Form::Text)),
    may("entities", Form::List(&(0, MANY), &Form::Object(ENTITY))),
    needs("facts", Form::Partial(FACTS)),
    never("evaluations"),
];

/// An `AuthZEN` evaluation. Members that are not ours are ignored, as `AuthZEN` says; several evaluations
/// in one are not.
pub const EVALUATION: &[Member] = &[
    needs("action", Form::Open(ACTION)),
    needs("resource", Form::Open(RESOURCE)),
    needs("context", Form::Open(&[needs("purpose", Form::Text)])),
    may("subject", Form::Open(RESOURCE)),
    never("evaluations"),
];
const ACTION: &[Member] = &[
    needs("name", Form::Text),
    needs(
        "properties",
        Form::Object(&[
            needs(
                "power",
                Form::Word(&["observe", "draft", "propose", "execute"]),
            ),
            needs("args", OBJECT),
        ]),
    ),
];
/// What is acted upon, and for whom: `properties` are for others to read.
const RESOURCE: &[Member] = &[
    needs("type", Form::Text),
    needs("id", Form::Text),
    may("properties", OBJECT),
];

/// What only the host knows.
pub const FACTS: &[Member] = &[
    needs("now", COUNT),
    needs("audience", Form::Text),
    may("location", Form::Text),
    may("locale", Form::Word(&["en", "de"])),
    may("tenant", Form::Text),
    may("method", Form::Text),
    may("url", Form::Text),
    may("nonce", Form::Text),
    may("agent", Form::Object(AGENT)),
    may("status", Form::Object(STATUS)),
    may("content", Form::Map(&Form::Object(CONTENT))),
    may("utc_offsets", Form::Map(&UTC_OFFSET)),
    may("counters", OBJECT),
    may("min_versions", Form::Partial(MIN_VERSIONS)),
];
/// What an argument refers to, as it is now.
const CONTENT: &[Member] = &[needs("text", Form::Text), may("s256", Form::Bytes32)];
/// Minutes between the clocks of a time zone and UTC, now.
const UTC_OFFSET: Form = Form::Within(&(-UTC_OFFSET_MINUTES, UTC_OFFSET_MINUTES));
/// The attested agent.
const AGENT: &[Member] = &[
    needs("uid", Form::Text),
    may("instance_uid", Form::Text),
    may("version", Form::Text),
    may("ai_model", Form::Object(MODEL)),
    may("env", Form::Text),
    may("iat", COUNT),
];
/// The value of the token's place in a status list.
const STATUS: &[Member] = &[
    needs("uri", Form::Text),
    needs("idx", COUNT),
    needs("value", COUNT),
    needs("iat", COUNT),
];
/// The lowest versions that still count: of the policy, and of each issuer's epochs.
const MIN_VERSIONS: &[Member] = &[may("policy", COUNT), may("epochs", Form::Map(&COUNT))];

/// A Cedar entity.
pub const ENTITY: &[Member] = &[
    needs("uid", Form::Object(UID)),
    needs("attrs", OBJECT),
    needs("parents", Form::List(&(0, MANY), &OBJECT)),
    may("tags", OBJECT),
];
const UID: &[Member] = &[needs("type", Form::Text), needs("id", Form::Any)];
