//! What holds for every request, whatever a policy says: the evaluator makes the agent, its person and the
//! context itself.

use std::collections::{BTreeMap, BTreeSet};

use ambit_core::Power;
use ambit_core::json::Json;
use ambit_core::limits::INTEGER_MAX;
use ambit_policy::{Bundle, Manifest};
use serde_json::Value;

use crate::entry::{ELSEWHERE, Entry, LOCATION, PEOPLE, RECEIPTS, Reading, Rough, subject};
use crate::expr::{self, Expr};

/// 9999-12-31T00:00:00Z: what clocks say, and what texts can show.
pub(crate) const LAST: i64 = 253_402_214_400;

/// What every request of this agent class satisfies before any manifest entry is looked at.
pub(crate) fn of_requests(agent: &str, classes: &BTreeSet<String>, now: (i64, i64)) -> Expr {
    let principal = || expr::var("principal");
    let class = |name: &str| expr::entity("Ambit::AgentClass", name);
    let others = classes.iter().filter(|other| *other != agent);
    let others = others.map(|other| expr::not(expr::is_in(principal(), class(other))));
    let (first, last) = now;
    let at = |seconds: i64| expr::datetime(seconds.saturating_mul(1000));
    let mut parts = vec![
        expr::is_in(principal(), class(agent)),
        expr::binary("<=", at(first), expr::context("now")),
        expr::binary("<", expr::context("now"), at(last)),
        login_before_now(),
        posture(),
        tenant(),
        receipts(),
        named(),
    ];
    parts.extend(others);
    expr::all(parts)
}

/// Claims and facts are no empty texts.
fn named() -> Expr {
    let agent = || expr::var("principal");
    let empty = || expr::text("");
    let places = [
        (agent(), "version"),
        (agent(), "model"),
        (agent(), "environment"),
        (agent(), "tenant"),
        (expr::context("login"), "acr"),
        (expr::context("posture"), "version"),
        (expr::context("posture"), "model"),
        (expr::context("posture"), "environment"),
        (expr::var("context"), LOCATION),
    ];
    let texts = places.map(|(of, name)| {
        let text = expr::not(expr::eq(expr::attr(of.clone(), name), empty()));
        expr::where_has(of, name, text, true)
    });
    let methods = expr::attr(expr::context("login"), "amr");
    let nobody = || expr::entity("Ambit::User", "");
    let people = [
        expr::not(expr::contains(methods, empty())),
        expr::not(expr::eq(subject(), nobody())),
        expr::not(expr::contains(expr::context("approvals"), nobody())),
    ];
    expr::all(texts.into_iter().chain(people))
}

/// The integers of a request are those that every reader keeps exactly.
pub(crate) fn of_arguments(arguments: Json<'_>, of: &Expr) -> Expr {
    let parts = arguments.members().map(|(name, argument)| {
        let value = expr::attr(of.clone(), name);
        let kind = argument.get("type").unwrap_or(Json::null());
        let within = match kind.get("t").and_then(Json::as_str) {
            Some("long") => expr::all([
                expr::binary("<=", expr::long(-INTEGER_MAX), value.clone()),
                expr::binary("<=", value, expr::long(INTEGER_MAX)),
            ]),
            Some("record") => of_arguments(kind.get("attrs").unwrap_or(Json::null()), &value),
            _ => expr::truth(true),
        };
        let optional = argument.get("required").and_then(Json::as_bool) == Some(false);
        match optional {
            true => expr::where_has(of.clone(), name, within, true),
            false => within,
        }
    });
    expr::all(parts.collect::<Vec<_>>())
}

/// A login is never younger than now: the evaluator sees to it. Claims count from 1970.
fn login_before_now() -> Expr {
    let login = || expr::context("login");
    let time = expr::attr(login(), "auth_time");
    let past = expr::all([
        expr::binary("<=", expr::datetime(0), time.clone()),
        expr::binary("<=", time, expr::context("now")),
    ]);
    expr::where_has(login(), "auth_time", past, true)
}

/// An agent that the host does not attest has no attested version, model, environment or age; and an
/// attestation is not from the future.
fn posture() -> Expr {
    let posture = || expr::context("posture");
    let none = ["age", "version", "model", "environment"]
        .map(|name| expr::not(expr::has(posture(), name)));
    let age = expr::attr(posture(), "age");
    let since_1970 = vec![expr::context("now"), expr::datetime(0)];
    let old = expr::all([
        expr::binary("<=", expr::duration(0), age.clone()),
        expr::binary("<=", age, expr::call("durationSince", since_1970)),
    ]);
    let old = expr::where_has(posture(), "age", old, true);
    expr::choose(expr::attr(posture(), "attested"), old, expr::all(none))
}

/// Agent and person have the tenant of the token.
fn tenant() -> Expr {
    let agent = || expr::var("principal");
    let both = expr::eq(
        expr::attr(agent(), "tenant"),
        expr::attr(subject(), "tenant"),
    );
    let both = expr::all([expr::has(subject(), "tenant"), both]);
    let neither = expr::not(expr::has(subject(), "tenant"));
    expr::choose(expr::has(agent(), "tenant"), both, neither)
}

/// Without receipts nobody has said yes.
fn receipts() -> Expr {
    expr::any([
        expr::context(RECEIPTS),
        expr::is_empty(expr::context("approvals")),
    ])
}

/// In which form the agent must run: as the token says, and as the host attests where it does.
pub(crate) fn of_manifest(manifest: Manifest<'_>, power: Power) -> Expr {
    let agent = || expr::var("principal");
    let posture = || expr::context("posture");
    let lists = [
        ("models", "model"),
        ("environments", "environment"),
        ("versions", "version"),
    ];
    let drift = manifest.keeps_on_drift(power);
    let mut parts = Vec::new();
    for (list, name) in lists {
        if let Some(listed) = manifest.list(list) {
            let listed: Vec<Expr> = listed.filter_map(Json::as_str).map(expr::text).collect();
            let listed = |value: Expr| match listed.as_slice() {
                [] => expr::truth(false),
                some => expr::contains(expr::set(some.to_vec()), value),
            };
            parts.push(expr::has(agent(), name));
            parts.push(listed(expr::attr(agent(), name)));
            if !drift {
                let runs = listed(expr::attr(posture(), name));
                parts.push(expr::where_has(posture(), name, runs, true));
            }
        }
        if !drift {
            // What is attested is what the token says.
            let same = expr::eq(expr::attr(posture(), name), expr::attr(agent(), name));
            let same = expr::all([expr::has(agent(), name), same]);
            parts.push(expr::where_has(posture(), name, same, true));
        }
    }
    if let Some(seconds) = manifest.attestation_max_age_seconds() {
        let most = expr::duration(seconds.saturating_mul(1000));
        parts.push(expr::has(posture(), "age"));
        parts.push(expr::binary("<=", expr::attr(posture(), "age"), most));
    }
    expr::all(parts)
}

/// Whose yes the guard rails see.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// Some of those who may be heard.
    Some,
    /// Of everybody who said yes, all who may be heard. The list has the people whom two policies name.
    All(&'a BTreeSet<String>),
    /// That is said elsewhere: [`linked`].
    Linked,
}

/// Some entry is selected, the first that matches, and what it asks of people is done.
pub(crate) fn granted(entries: &[Entry], heard: Heard<'_>) -> Expr {
    let granted = selected(entries).map(|(entry, selected)| {
        let heard = match heard {
            Heard::Some => some_heard(entry),
            Heard::All(everyone) => all_heard(entry, everyone),
            Heard::Linked => expr::truth(true),
        };
        expr::all([selected, entry.demands.clone(), heard])
    });
    expr::any(granted.collect::<Vec<_>>())
}

/// Each entry, and that it is selected: it matches, and none before it does.
fn selected(entries: &[Entry]) -> impl Iterator<Item = (&Entry, Expr)> {
    let mut earlier: Vec<Expr> = Vec::new();
    entries.iter().map(move |entry| {
        let own = match entry.proposed {
            true => expr::all([expr::context(RECEIPTS), entry.matches.clone()]),
            false => entry.matches.clone(),
        };
        let selected = expr::all([own.clone()].into_iter().chain(earlier.iter().cloned()));
        earlier.push(expr::not(own));
        (entry, selected)
    })
}

/// What is known of what Cedar cannot say.
pub(crate) fn of_rough<'e>(entries: impl Iterator<Item = &'e Entry>, reading: Reading) -> Expr {
    let rough: BTreeMap<&str, &Rough> = entries
        .flat_map(|entry| &entry.rough)
        .map(|rough| (rough.name.as_str(), rough))
        .collect();
    expr::all(
        rough
            .values()
            .map(|rough| rough.known(reading))
            .collect::<Vec<_>>(),
    )
}

/// What the guard rails of another policy see of the same receipts: [`ELSEWHERE`] is made of [`PEOPLE`] by
/// the entry that is selected there.
pub(crate) fn linked(entries: &[Entry], everyone: &BTreeSet<String>) -> Expr {
    let linked = selected(entries).map(|(entry, selected)| {
        let mut heard = all_heard(entry, everyone);
        elsewhere(&mut heard);
        match expr::constant(&selected) {
            Some(true) => heard,
            Some(false) => expr::truth(true),
            None => expr::choose(selected, heard, expr::truth(true)),
        }
    });
    expr::all(linked.collect::<Vec<_>>())
}

/// Guard rails see the yes of the subject and of people whom the entry names, and of nobody else.
fn some_heard(entry: &Entry) -> Expr {
    let people = entry.named.iter();
    let people = people.map(|id| expr::entity("Ambit::User", id));
    let people = expr::set([subject()].into_iter().chain(people).collect());
    expr::contains_all(people, expr::context("approvals"))
}

/// Of everybody who said yes, guard rails see exactly these.
fn all_heard(entry: &Entry, everyone: &BTreeSet<String>) -> Expr {
    let user = |id: &String| expr::entity("Ambit::User", id);
    let sees = |person: &Expr| expr::contains(expr::context("approvals"), person.clone());
    let said = |person: &Expr| expr::contains(expr::context(PEOPLE), person.clone());
    let counts = |person: &Expr| expr::eq(sees(person), said(person));
    let mut parts = vec![counts(&subject())];
    for id in everyone {
        let person = user(id);
        parts.push(match entry.named.contains(id) {
            true => counts(&person),
            // Unless the subject is called so.
            false => expr::any([
                expr::eq(subject(), person.clone()),
                expr::not(sees(&person)),
            ]),
        });
    }
    let known = [subject()].into_iter().chain(everyone.iter().map(user));
    let known = expr::set(known.collect());
    parts.push(expr::contains_all(known, expr::context("approvals")));
    let given = expr::is_empty(expr::context(PEOPLE));
    parts.push(expr::any([expr::context(RECEIPTS), given]));
    expr::all(parts)
}

/// The same expression about what another policy sees of the same request.
pub(crate) fn elsewhere(expr: &mut Value) {
    match expr {
        Value::Object(members) => {
            if let Some(inner) = members.get_mut(".")
                && inner["attr"] == "approvals"
                && inner["left"] == expr::var("context")
            {
                inner["attr"] = ELSEWHERE.into();
            }
            members.values_mut().for_each(elsewhere);
        }
        Value::Array(list) => list.iter_mut().for_each(elsewhere),
        _ => {}
    }
}

/// The agent classes that an expression names.
pub(crate) fn classes(expr: &Value, found: &mut BTreeSet<String>) {
    match expr {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            if text("type") == Some("Ambit::AgentClass")
                && let Some(id) = text("id")
            {
                found.insert(id.to_owned());
            }
            members.values().for_each(|inner| classes(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| classes(inner, found)),
        _ => {}
    }
}

/// The agent classes that have a manifest.
pub(crate) fn agents(bundle: &Bundle<'_>) -> Vec<String> {
    let manifests = bundle.root().get("manifests").map(Json::members);
    let names = manifests.into_iter().flatten().map(|(name, _)| name);
    names.map(str::to_owned).collect()
}
