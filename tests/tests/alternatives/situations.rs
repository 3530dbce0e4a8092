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
    /// Whether the login was with several factors.
    pub(crate) mfa: bool,
    pub(crate) action: &'static str,
    pub(crate) power: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) args: Map<String, Value>,
    /// When it is asked.
    pub(crate) now: i64,
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
const PURPOSES: &[&str] = &["contract-renewal", "contract-renewal", "audit"];
pub(crate) const CHANNELS: &[&str] = &["phone", "mail"];
pub(crate) const LOGINS: &[&str] = &["urn:acme:loa:1", "urn:acme:loa:2", "urn:acme:loa:3"];
pub(crate) const LEADS: &[&str] = &["user:lead-1", "user:lead-2", "user:lead-3", "user:8f1c2d"];

/// What is asked for in a project.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) actions: &'static [&'static str],
    /// The type of the resource, where all actions have the same.
    pub(crate) kind: Option<&'static str>,
    /// Whether a refund has a channel.
    pub(crate) channels: bool,
}

impl Scene {
    fn kind(self, action: &str) -> &'static str {
        self.kind.unwrap_or(match action {
            "email" => "customer-contact",
            "export" => "report",
            _ => "contract",
        })
    }

    fn arguments(self, action: &str, all: Arguments) -> Map<String, Value> {
        let (to, region, amount, currency, channel) = all;
        let args = match action {
            "email" | "message" => json!({"to": to, "region": region}),
            "refund" if self.channels => {
                json!({"amount": amount, "currency": currency, "channel": channel})
            }
            "refund" => json!({"amount": amount, "currency": currency}),
            _ => json!({}),
        };
        let Value::Object(mut args) = args else {
            unreachable!()
        };
        args.retain(|_, value| !value.is_null());
        args
    }

    /// The bounds of one action's arguments: another action does not have them.
    fn bounds(self, action: &str, all: Bounds) -> Vec<(&'static str, Option<Value>)> {
        let ((to, region), (amount, currency, channel), _) = all;
        match action {
            "email" | "message" => vec![("to", to), ("region", region)],
            "refund" if self.channels => vec![
                ("amount", amount),
                ("currency", currency),
                ("channel", channel),
            ],
            "refund" => vec![("amount", amount), ("currency", currency)],
            _ => Vec::new(),
        }
    }

    fn kinds(self) -> Value {
        match self.kind {
            Some(kind) => json!([kind]),
            None => json!(["customer-contact", "contract", "report"]),
        }
    }
}

/// Recipient, region, amount, currency, channel.
type Arguments = (
    &'static str,
    Option<&'static str>,
    i64,
    &'static str,
    Option<&'static str>,
);

fn one_of(list: &'static [&'static str], value: &Value) -> &'static str {
    let known = list.iter().find(|one| *value == **one);
    known.copied().expect("one of them")
}

pub(crate) fn situations(scene: Scene) -> impl Strategy<Value = Situation> {
    let root = proptest::collection::vec(entry(true, scene), 1..3);
    let derived =
        proptest::collection::vec(proptest::collection::vec(entry(false, scene), 1..3), 0..2);
    let login = (
        proptest::option::of(select(LOGINS)),
        proptest::option::of(0_i64..1200),
        any::<bool>(),
    );
    let ask = (
        select(scene.actions),
        select(&["draft", "propose", "execute", "execute"][..]),
        select(PURPOSES),
    );
    let args = (
        select(TO),
        proptest::option::of(select(REGION)),
        1_i64..1500,
        select(CURRENCIES),
        proptest::option::of(select(CHANNELS)),
    );
    // Now and then somebody has approved already.
    let approvers = prop_oneof![
        3 => Just(Vec::new()),
        1 => subsequence(LEADS.to_vec(), 1..=2),
    ];
    // Most ask for what some entry is about.
    let aligned = prop_oneof![1 => Just(None), 3 => any::<prop::sample::Index>().prop_map(Some)];
    let all = (root, derived, login, (ask, aligned), args, approvers);
    all.prop_map(
        move |(root, derived, login, (ask, aligned), args, approvers)| {
            let (acr, age, mfa) = login;
            let (mut action, power, mut purpose) = ask;
            if let Some(at) = aligned {
                let entry = at.get(&root);
                action = one_of(scene.actions, &entry["actions"][0]);
                purpose = one_of(PURPOSES, &entry["purpose"]);
            }
            let args = scene.arguments(action, args);
            Situation {
                root,
                derived,
                acr,
                auth_time: age.map(|age| NOW - age),
                mfa,
                action,
                power,
                kind: scene.kind(action),
                purpose,
                args,
                now: NOW,
                approvers: approvers.into_iter().map(str::to_owned).collect(),
            }
        },
    )
}

/// An entry of a root, which has everything, or of a further block, which has what it bounds.
fn entry(root: bool, scene: Scene) -> impl Strategy<Value = Value> {
    let powers = subsequence(vec!["draft", "propose", "execute"], 1..=3);
    let actions = subsequence(scene.actions.to_vec(), 1..=scene.actions.len());
    let constraints = constraints();
    let purpose = select(PURPOSES);
    (
        powers,
        actions,
        purpose,
        constraints,
        (proptest::option::of(requires()), budget(), hours()),
        any::<[bool; 3]>(),
    )
        .prop_map(
            move |(powers, actions, purpose, bounds, (requires, budget, hours), there)| {
                let open = bounds.2;
                let members = scene.bounds(actions[0], bounds);
                let mut bounds = Map::new();
                let bounded = !members.is_empty();
                let budget = budget.filter(|_| actions[0] == "refund");
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
                    entry["datatypes"] = scene.kinds();
                }
                if let Some(budget) = budget {
                    entry["limits"] = json!([budget]);
                }
                if let Some((from, length)) = hours {
                    // Minutes of a Wednesday, most of them near the one at which is asked.
                    let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
                    let (from, to) = (clock(376 + from), clock(376 + from + length));
                    entry["hours"] =
                        json!({"days": ["wed"], "from": from, "to": to, "zone": "UTC"});
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
    let acr = prop_oneof![
        select(LOGINS).prop_map(|one| json!(one)),
        subsequence(LOGINS.to_vec(), 2..=3).prop_map(|several| json!(several)),
    ];
    let parts = (
        proptest::option::of(acr),
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

/// From when on and how long it holds, now and then.
fn hours() -> impl Strategy<Value = Option<(i64, i64)>> {
    prop_oneof![
        12 => Just(None),
        1 => (0_i64..10, 1_i64..10).prop_map(Some),
    ]
}

/// What may be spent at most, now and then.
fn budget() -> impl Strategy<Value = Option<Value>> {
    let budget = (1_i64..800, select(CURRENCIES)).prop_map(|(max, currency)| {
        json!({"type": "spend", "max": max * 100, "currency": currency, "decimals": 2})
    });
    prop_oneof![
        3 => Just(None),
        1 => budget.prop_map(Some),
    ]
}

type Bounds = (
    (Option<Value>, Option<Value>),
    (Option<Value>, Option<Value>, Option<Value>),
    bool,
);

/// Bounds of the arguments, and whether the others are free.
fn constraints() -> impl Strategy<Value = Bounds> {
    let to = prop_oneof![
        Just(json!({"constraint_type": "email_domain", "values": ["customer.example"]})),
        Just(json!({"constraint_type": "like", "pattern": "*@customer.example"})),
        select(TO).prop_map(|to| json!({"constraint_type": "exact", "value": to})),
        select(TO).prop_map(|to| json!({"constraint_type": "not_one_of", "excluded": [to]})),
    ];
    let region =
        select(REGION).prop_map(|region| json!({"constraint_type": "one_of", "values": [region]}));
    let amount = (1_i64..800, 0_i64..800).prop_map(|(min, width)| json!({"constraint_type": "range", "min": min * 100, "max": (min + width) * 100}));
    let currency = select(CURRENCIES)
        .prop_map(|currency| json!({"constraint_type": "exact", "value": currency}));
    let channel = select(CHANNELS).prop_map(|channel| json!({"constraint_type": "optional", "constraint": {"constraint_type": "exact", "value": channel}}));
    (
        (proptest::option::of(to), proptest::option::of(region)),
        (
            proptest::option::of(amount),
            proptest::option::weighted(0.2, currency),
            proptest::option::of(channel),
        ),
        any::<bool>(),
    )
}
