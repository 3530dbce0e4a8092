//! Random tokens and requests.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::NOW;

/// A token and a request, before they are put together.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    pub(crate) root: Vec<Value>,
    pub(crate) derived: Vec<Vec<Value>>,
    pub(crate) acr: Option<&'static str>,
    pub(crate) auth_time: Option<i64>,
    pub(crate) action: &'static str,
    pub(crate) power: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) args: Map<String, Value>,
    /// Who approves this call.
    pub(crate) approvers: Vec<String>,
}

pub(crate) const TO: &[&str] = &[
    "ann@customer.example",
    "bob@customer.example",
    "eve@evil.example",
];
pub(crate) const REGION: &[&str] = &["eu", "us"];
pub(crate) const CURRENCIES: &[&str] = &["EUR", "CHF"];
pub(crate) const LOGINS: &[&str] = &["urn:acme:loa:1", "urn:acme:loa:2", "urn:acme:loa:3"];
pub(crate) const LEADS: &[&str] = &["user:lead-1", "user:lead-2", "user:lead-3", "user:8f1c2d"];

pub(crate) fn situations(
    actions: &'static [&'static str],
    guarded: bool,
) -> impl Strategy<Value = Situation> {
    let datatype = move |action: &str| match action {
        "email" => "customer-contact",
        "export" => "report",
        _ if guarded => "account",
        _ => "contract",
    };
    let root = proptest::collection::vec(entry(true, guarded), 1..3);
    let derived =
        proptest::collection::vec(proptest::collection::vec(entry(false, guarded), 1..3), 0..2);
    let login = (
        proptest::option::of(select(LOGINS)),
        proptest::option::of(0_i64..1200),
    );
    let ask = (
        select(actions),
        select(&["draft", "propose", "execute"][..]),
        select(&["contract-renewal", "audit"][..]),
    );
    let args = (
        select(TO),
        proptest::option::of(select(REGION)),
        1_i64..1500,
        select(CURRENCIES),
    );
    (root, derived, login, ask, args).prop_map(
        move |(
            root,
            derived,
            (acr, age),
            (action, power, purpose),
            (to, region, amount, currency),
        )| {
            let args = match action {
                "email" => json!({"to": to, "region": region}),
                "refund" => json!({"amount": amount, "currency": currency}),
                _ => json!({}),
            };
            let Value::Object(mut args) = args else {
                unreachable!()
            };
            args.retain(|_, value| !value.is_null());
            Situation {
                root,
                derived,
                acr,
                auth_time: age.map(|age| NOW - age),
                action,
                power,
                kind: datatype(action),
                purpose,
                args,
                approvers: Vec::new(),
            }
        },
    )
}

/// An entry of a root, which has everything, or of a further block, which has what it bounds.
fn entry(root: bool, guarded: bool) -> impl Strategy<Value = Value> {
    let powers = subsequence(vec!["draft", "propose", "execute"], 1..=3);
    let actions = subsequence(vec!["email", "refund", "cancel", "export"], 1..=4);
    let constraints = constraints();
    let purpose = select(&["contract-renewal", "contract-renewal", "audit"][..]);
    (
        powers,
        actions,
        purpose,
        constraints,
        proptest::option::of(requires()),
        any::<[bool; 3]>(),
    )
        .prop_map(
            move |(powers, actions, purpose, (to, region, amount, open), requires, there)| {
                let mut bounds = Map::new();
                // Bounds of one action's arguments: another action does not have them.
                let members = match actions[0] {
                    "email" => vec![("to", to), ("region", region)],
                    "refund" => vec![("amount", amount)],
                    _ => Vec::new(),
                };
                let bounded = !members.is_empty();
                bounds.extend(
                    members
                        .into_iter()
                        .filter_map(|(name, value)| Some((name.to_owned(), value?))),
                );
                if root && (open || !bounded || actions[0] == "refund") {
                    bounds.insert("*".to_owned(), json!({"constraint_type": "wildcard"}));
                }
                let actions = if bounded { &actions[..1] } else { &actions[..] };
                let mut entry = json!({"type": "ambit_capability", "constraints": bounds});
                let members = [
                    ("privileges", json!(powers)),
                    ("actions", json!(actions)),
                    ("purpose", json!(purpose)),
                ];
                for ((name, value), there) in members.into_iter().zip(there) {
                    if root || there || (name == "actions" && bounded) {
                        entry[name] = value;
                    }
                }
                if root {
                    let contract = if guarded { "account" } else { "contract" };
                    entry["datatypes"] = json!(["customer-contact", contract, "report"]);
                }
                if let Some(requires) = requires {
                    entry["requires"] = requires;
                }
                entry
            },
        )
}

fn requires() -> impl Strategy<Value = Value> {
    let approval = prop_oneof![
        Just(json!(true)),
        (subsequence(LEADS.to_vec(), 2..=4), 1_i64..=2)
            .prop_map(|(approvers, count)| json!({"approvers": approvers, "count": count})),
    ];
    let parts = (
        proptest::option::of(select(LOGINS)),
        proptest::option::of(1_i64..1200),
        proptest::option::of(approval),
    );
    parts.prop_map(|(acr, max_age, approval)| {
        let mut requires = Map::new();
        requires.extend(acr.map(|acr| ("acr".to_owned(), json!(acr))));
        requires.extend(max_age.map(|age| ("max_age".to_owned(), json!(age))));
        requires.extend(approval.map(|approval| ("approval".to_owned(), approval)));
        if requires.is_empty() {
            requires.insert("max_age".to_owned(), 600.into());
        }
        Value::Object(requires)
    })
}

/// Bounds of three arguments, and whether the others are free.
fn constraints() -> impl Strategy<Value = (Option<Value>, Option<Value>, Option<Value>, bool)> {
    let to = prop_oneof![
        Just(json!({"constraint_type": "email_domain", "values": ["customer.example"]})),
        select(TO).prop_map(|to| json!({"constraint_type": "exact", "value": to})),
    ];
    let region =
        select(REGION).prop_map(|region| json!({"constraint_type": "one_of", "values": [region]}));
    let amount = (1_i64..800, 0_i64..800).prop_map(|(min, width)| json!({"constraint_type": "range", "min": min * 100, "max": (min + width) * 100}));
    (
        proptest::option::of(to),
        proptest::option::of(region),
        proptest::option::of(amount),
        any::<bool>(),
    )
}
