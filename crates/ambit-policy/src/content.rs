//! The shape of a bundle's document, checked once.

use ambit_core::Power;
use ambit_core::json::{Json, Kind};
use ambit_core::limits::MONEY_DECIMALS;

/// Lists that narrow a key; `sub` does, too.
pub const KEY_BOUNDS: [&str; 6] = [
    "tenants",
    "audiences",
    "agents",
    "tiers",
    "actions",
    "roles",
];

/// Checks every member that the evaluator reads. The error names the first one that is missing or
/// of the wrong form.
pub(crate) fn check(root: Json<'_>) -> Result<(), &'static str> {
    if text(root, "v") != Some("ambit-bundle-1") {
        return Err("v");
    }
    for member in ["uid", "guard_rails", "possession"] {
        require(
            text(root, member).is_some_and(|text| !text.is_empty()),
            member,
        )?;
    }
    for member in ["version", "tokens_from_version", "issued", "expires"] {
        require(
            integer(root, member).is_some_and(|value| value >= 0),
            member,
        )?;
    }
    require(
        all_members(root.get("limits"), |value| value.as_int().is_some()),
        "limits",
    )?;
    let heard = root.get("epochs_from");
    require(heard.is_none() || all_strings(heard), "epochs_from")?;
    require(all_elements(root.get("keys"), key), "keys")?;
    require(all_members(root.get("actions"), action), "actions")?;
    require(
        all_members(root.get("resources"), |value| {
            text(value, "cedar").is_some()
        }),
        "resources",
    )?;
    require(all_members(root.get("manifests"), manifest), "manifests")
}

const fn require(holds: bool, member: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(member) }
}

fn text<'a>(value: Json<'a>, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

fn integer(value: Json<'_>, member: &str) -> Option<i64> {
    value.get(member)?.as_int()
}

fn all_elements(value: Option<Json<'_>>, holds: impl Fn(Json<'_>) -> bool) -> bool {
    value.is_some_and(|value| value.kind() == Kind::Array && value.elements().all(holds))
}

fn all_members(value: Option<Json<'_>>, holds: impl Fn(Json<'_>) -> bool) -> bool {
    value.is_some_and(|value| {
        value.kind() == Kind::Object && value.members().all(|(_, member)| holds(member))
    })
}

fn all_strings(value: Option<Json<'_>>) -> bool {
    all_elements(value, |element| element.as_str().is_some())
}

fn key(key: Json<'_>) -> bool {
    ["iss", "kid", "alg", "signs", "x"]
        .iter()
        .all(|member| text(key, member).is_some())
        && ["y", "sub", "rp_id", "origin"]
            .iter()
            .all(|member| key.get(member).is_none_or(|value| value.as_str().is_some()))
        && credential(key)
        && KEY_BOUNDS
            .iter()
            .all(|list| key.get(list).is_none() || all_strings(key.get(list)))
}

/// A WebAuthn credential is one person's and signs receipts only.
fn credential(key: Json<'_>) -> bool {
    let has = |member| key.get(member).is_some();
    match (has("rp_id"), has("origin")) {
        (false, false) => true,
        (true, true) => has("sub") && text(key, "signs") == Some("approval-receipt+jwt"),
        _ => false,
    }
}

fn action(action: Json<'_>) -> bool {
    all_elements(action.get("powers"), |power| {
        power.as_str().and_then(Power::from_name).is_some()
    }) && text(action, "cedar").is_some()
        && all_members(action.get("risk"), |tier| tier.as_str().is_some())
        && all_strings(action.get("resources"))
        && all_members(action.get("args"), argument)
}

fn argument(argument: Json<'_>) -> bool {
    let decimals = |value: Json<'_>| {
        let most = i64::from(MONEY_DECIMALS);
        value
            .as_int()
            .is_some_and(|digits| (0..=most).contains(&digits))
    };
    argument.get("required").and_then(Json::as_bool).is_some()
        && argument.get("type").is_some_and(type_of)
        && argument
            .get("money")
            .is_none_or(|money| money.is_null() || decimals(money))
        && ["target", "content"]
            .iter()
            .all(|mark| argument.get(mark).is_none_or(|it| it.as_bool().is_some()))
}

fn type_of(value: Json<'_>) -> bool {
    match text(value, "t") {
        // What the text is, by `@format`.
        Some("string") => value.get("of").is_none_or(|form| form.as_str().is_some()),
        Some("long" | "bool" | "json") => true,
        Some("number") => matches!(
            value.get("of").map(Json::as_str),
            None | Some(Some("decimal"))
        ),
        Some("ext" | "entity") => text(value, "of").is_some(),
        Some("set") => value.get("of").is_some_and(type_of),
        Some("record") => all_members(value.get("attrs"), argument),
        _ => false,
    }
}

fn manifest(manifest: Json<'_>) -> bool {
    all_elements(manifest.get("capabilities"), |entry| {
        entry.kind() == Kind::Object
    }) && integer(manifest, "max_depth").is_some_and(|depth| depth >= 0)
        && manifest
            .get("attestation_max_age_seconds")
            .is_none_or(|age| age.is_null() || age.as_int().is_some_and(|age| age > 0))
        && ["models", "environments", "versions", "drift_powers"]
            .iter()
            .all(|list| {
                manifest.get(list).is_none_or(Json::is_null) || all_strings(manifest.get(list))
            })
        && manifest
            .get("max_life_seconds")
            .is_none_or(|life| life.is_null() || life.as_int().is_some_and(|life| life > 0))
}
