//! The claims of one block, in words.

use ambit_compiler::conceal;
use ambit_core::json::{Json, Kind, Writer};
use ambit_policy::Bundle;

use crate::say::Page;
use crate::signing::Consent;
use crate::{time, words};

/// The capabilities that claims grant.
pub(crate) fn capabilities(claims: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    claims
        .get("authorization_details")
        .map(Json::elements)
        .into_iter()
        .flatten()
}

/// Claims in the order in which people ask; then whatever else is there, as it is.
pub(crate) fn describe(page: &mut Page, claims: Json<'_>, bundle: Option<&Bundle<'_>>, now: i64) {
    who(page, claims, now);
    for capability in capabilities(claims) {
        page.field("allows", words::capability(bundle, capability));
    }
    rest(page, claims);
}

/// The same of what somebody is asked about: beside the words for a capability, which leave out what is much, all of it
/// stands as it is. With `told`, the capabilities were told in full before.
pub(crate) fn describe_whole(page: &mut Page, claims: Json<'_>, consent: &Consent<'_>, told: bool) {
    who(page, claims, consent.now);
    for capability in capabilities(claims).filter(|_| !told) {
        page.field("allows", words::capability(consent.bundle, capability));
        let exactly = page.foreign(&compact(capability), usize::MAX);
        page.field("exactly", exactly);
    }
    rest(page, claims);
}

/// Who has it, from whom, for whom, and how long.
fn who(page: &mut Page, claims: Json<'_>, now: i64) {
    for (name, claim) in [
        ("issuer", "iss"),
        ("for", "sub"),
        ("tenant", "tenant"),
        ("id", "jti"),
    ] {
        if let Some(value) = claims.get(claim).and_then(Json::as_str) {
            let value = page.foreign(value, 400);
            page.field(name, value);
        }
    }
    if claims.get("aud").is_some() {
        let services = page.foreign(&words::list(claims.get("aud")), 400);
        page.field("service", services);
    }
    agent(page, claims);
    times(page, claims, now);
}

/// What else a block says.
fn rest(page: &mut Page, claims: Json<'_>) {
    passed_on(page, claims);
    holder(page, claims);
    policy(page, claims);
    for (name, value) in claims.members() {
        let said = SAID.contains(&name) && value.kind() != Kind::Null;
        if !said {
            let (name, value) = (
                page.foreign(name, 40),
                page.foreign(&conceal(&compact(value)), 300),
            );
            page.field(&name, value);
        }
    }
}

/// Claims that are told in words.
const SAID: [&str; 15] = [
    "iss",
    "sub",
    "tenant",
    "jti",
    "aud",
    "agent",
    "act",
    "iat",
    "nbf",
    "exp",
    "authorization_details",
    "del_depth",
    "del_max_depth",
    "cnf",
    "policy",
];

/// The key as the next block's `iss` and the logs name it.
fn holder(page: &mut Page, claims: Json<'_>) {
    let Some(cnf) = claims.get("cnf") else {
        return;
    };
    match cnf
        .get("jwk")
        .and_then(ambit_token::PublicKey::from_jwk)
        .filter(ambit_token::PublicKey::is_usable)
    {
        Some(public) => page.field(
            "held by",
            format!("the key with thumbprint {}", public.thumbprint()),
        ),
        None => {
            let held = page.foreign(&conceal(&compact(cnf)), 300);
            page.field("held by", held)
        }
    };
}

fn policy(page: &mut Page, claims: Json<'_>) {
    let Some(policy) = claims.get("policy") else {
        return;
    };
    let known = policy
        .members()
        .all(|(name, _)| matches!(name, "uid" | "version" | "s256"));
    let said = match (
        policy.get("uid").and_then(Json::as_str),
        policy.get("version").and_then(Json::as_int),
    ) {
        (Some(uid), Some(version)) if known => {
            format!("{} version {version}", page.foreign(uid, 128))
        }
        _ => page.foreign(&compact(policy), 300),
    };
    page.field("policy", said);
}

fn agent(page: &mut Page, claims: Json<'_>) {
    for (name, claim) in [("agent", "agent"), ("instance", "act")] {
        let Some(value) = claims.get(claim) else {
            continue;
        };
        let members = value.members().map(|(member, value)| match value.as_str() {
            Some(text) => format!("{} {}", page.foreign(member, 40), page.foreign(text, 200)),
            None => {
                let value = page.foreign(&compact(value), 200);
                format!("{} {value}", page.foreign(member, 40))
            }
        });
        let members = members.collect::<Vec<_>>().join(", ");
        page.field(name, members);
    }
}

fn times(page: &mut Page, claims: Json<'_>, now: i64) {
    let time = |name: &str| claims.get(name).and_then(Json::as_int);
    if let Some(issued) = time("iat") {
        page.field("issued", time::show(issued));
    }
    if let Some(start) = time("nbf") {
        page.field("not before", time::show(start));
    }
    let Some(end) = time("exp") else {
        return;
    };
    let left = end.saturating_sub(now);
    if left > 0 {
        page.field(
            "expires",
            format!("{} (in {})", time::show(end), time::show_life(left)),
        );
    } else {
        page.warning("expires", format!("{}: expired", time::show(end)));
    }
}

fn passed_on(page: &mut Page, claims: Json<'_>) {
    let depth = |name: &str| claims.get(name).and_then(Json::as_int);
    let (Some(now), Some(most)) = (depth("del_depth"), depth("del_max_depth")) else {
        return;
    };
    let left = match most.saturating_sub(now) {
        ..=0 => "cannot be passed on".to_owned(),
        1 => "once more, narrower".to_owned(),
        left => format!("{left} times more, narrower each time"),
    };
    page.field("passed on", left);
}

pub(crate) fn compact(value: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(value);
    out.finish()
}
