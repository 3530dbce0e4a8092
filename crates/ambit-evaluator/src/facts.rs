//! What only the host knows.

use alloc::format;

use ambit_core::Reason;
use ambit_core::json::{Json, Kind};

use crate::denial::Denial;

const KNOWN: &str =
    "now, audience, location, tenant, method, url, nonce, agent, status, counters, min_versions";

/// The facts of one request.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// Seconds since 1970, UTC.
    pub(crate) now: i64,
    /// The service that is asked.
    pub(crate) audience: &'a str,
    /// Where the resource is, for entries that name `locations`.
    pub(crate) location: Option<&'a str>,
    /// The tenant to whom the resource belongs.
    pub(crate) tenant: Option<&'a str>,
    /// The HTTP method and the URL of the request, which a proof of possession names.
    pub(crate) method: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    /// The nonce that the host gave out, where it did.
    pub(crate) nonce: Option<&'a str>,
    /// The attested agent: compared with the token's `agent`, member by member.
    pub(crate) agent: Option<Json<'a>>,
    /// The value of the token's status list entry, where the host has looked it up.
    pub(crate) status: Option<Json<'a>>,
    /// The lowest policy version that the host still accepts.
    pub(crate) min_policy_version: Option<i64>,
    /// The highest version of revocation epochs that the host has seen, by issuer.
    pub(crate) min_epochs: Option<Json<'a>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn parse(facts: Json<'a>) -> Result<Self, Denial> {
        for (name, value) in facts.members() {
            let fits = match name {
                "now" => value.as_int().is_some_and(|now| now >= 0),
                "audience" | "location" | "tenant" | "method" | "url" | "nonce" => {
                    value.as_str().is_some_and(|text| !text.is_empty())
                }
                "agent" | "status" | "counters" | "min_versions" => value.kind() == Kind::Object,
                _ => return Err(malformed(&format!("unknown fact; known are {KNOWN}"))),
            };
            if !fits {
                return Err(malformed(&format!("`facts.{name}` has the wrong form")));
            }
        }
        let text = |name: &str| facts.get(name).and_then(Json::as_str);
        Ok(Self {
            now: facts
                .get("now")
                .and_then(Json::as_int)
                .ok_or_else(|| missing("now"))?,
            audience: text("audience").ok_or_else(|| missing("audience"))?,
            location: text("location"),
            tenant: text("tenant"),
            method: text("method"),
            url: text("url"),
            nonce: text("nonce"),
            agent: facts.get("agent").map(agent).transpose()?,
            status: facts.get("status").map(status).transpose()?,
            min_policy_version: facts
                .get("min_versions")
                .map_or(Ok(None), min_policy_version)?,
            min_epochs: facts
                .get("min_versions")
                .and_then(|versions| versions.get("epochs")),
        })
    }
}

pub(crate) fn missing(name: &str) -> Denial {
    Denial::new(Reason::FactsMissing, format!("`facts.{name}` is needed"))
}

fn malformed(admin: &str) -> Denial {
    Denial::new(Reason::FactsMalformed, admin)
}

fn agent(agent: Json<'_>) -> Result<Json<'_>, Denial> {
    let fits = agent.members().all(|(name, value)| match name {
        "uid" | "instance_uid" | "version" | "env" => value.as_str().is_some(),
        "ai_model" => value.members().all(|(name, value)| {
            matches!(name, "ai_provider" | "name" | "version") && value.as_str().is_some()
        }),
        "iat" => value.as_int().is_some(),
        _ => false,
    });
    if fits && agent.get("uid").is_some() {
        return Ok(agent);
    }
    Err(malformed(
        "`facts.agent`: wanted `uid` and any of instance_uid, version, ai_model, env, iat",
    ))
}

fn status(status: Json<'_>) -> Result<Json<'_>, Denial> {
    let fits = status.get("uri").is_some_and(|uri| uri.as_str().is_some())
        && ["idx", "value", "iat"].iter().all(|member| {
            status
                .get(member)
                .is_some_and(|value| value.as_int().is_some_and(|value| value >= 0))
        })
        && status.len() == 4;
    if fits {
        return Ok(status);
    }
    Err(malformed(
        "`facts.status`: wanted exactly uri, idx, value, iat",
    ))
}

fn min_policy_version(versions: Json<'_>) -> Result<Option<i64>, Denial> {
    let mut lowest = None;
    for (name, version_of) in versions.members() {
        lowest = match (name, version_of.as_int()) {
            ("policy", Some(version)) => Some(version),
            ("epochs", None) if all_versions(version_of) => lowest,
            _ => {
                return Err(malformed(
                    "`facts.min_versions`: known are `policy`, an integer, and `epochs`, an integer for each issuer",
                ));
            }
        };
    }
    Ok(lowest)
}

fn all_versions(versions: Json<'_>) -> bool {
    versions.kind() == Kind::Object
        && versions
            .members()
            .all(|(_, version)| version.as_int().is_some_and(|version| version >= 0))
}
