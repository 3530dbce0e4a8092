//! Random entries, and small changes of them.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

/// Texts that try to look like something else.
pub(crate) const TEXTS: &[&str] = &[
    "a",
    "b",
    "A",
    "",
    " ",
    "a b",
    "a  b",
    " a",
    "a ",
    "a\u{a0}b",
    "a\u{2003}b",
    "a, b",
    "a\", \"b",
    "a\" or \"b",
    "a\".",
    "a\\",
    "\\",
    "\\u{a}",
    "\n",
    "a\nb",
    "\u{202e}a",
    "a\u{200b}",
    "\u{feff}a",
    "\u{201d}",
    "`",
    "a`",
    "\u{2033}",
    "5",
    "0.05",
    "true",
    "null",
    "{\"a\":1}",
    "[\"a\"]",
    "a. It may not: carry out.",
    "\u{1f469}",
    "é",
    "e\u{301}",
    "\u{e0041}",
    "*",
    "a*",
    "\\*",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(TEXTS).prop_map(str::to_owned),
        1 => (228_usize..250, select(&["x", "y"][..])).prop_map(|(long, end)| "x".repeat(long) + end),
        2 => "[ab\"\\\\` \u{202d}\n]{0,5}",
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        3 => (-2_i64..8).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

pub(crate) fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 1..4)
}

/// A constraint that may leave some of these out.
fn except(
    spec: impl Strategy<Value = Value>,
    all: &'static [&'static str],
) -> impl Strategy<Value = Value> {
    let some = prop::option::of(prop::collection::vec(select(all), 1..3));
    (spec, some).prop_map(|(mut spec, some)| {
        if let Some(some) = some {
            spec["except"] = json!(some);
        }
        spec
    })
}

pub(crate) fn spec() -> impl Strategy<Value = Value> {
    let kind = |kind: &'static str, name: &'static str| move |value: Value| json!({"constraint_type": kind, name: value});
    let list = || prop::collection::vec(value(), 1..4).prop_map(Value::from);
    let names = |kinds: &'static [&'static str]| {
        prop::collection::vec(select(kinds), 1..3).prop_map(|list| json!(list))
    };
    let ends = || (-2_i64..4, 0_i64..4, 0..3_u8);
    let range = |kind: &'static str| {
        move |(min, more, which): (i64, i64, u8)| match which {
            0 => json!({"constraint_type": kind, "min": min.max(0)}),
            1 => json!({"constraint_type": kind, "max": min.max(0) + more}),
            _ => json!({"constraint_type": kind, "min": min.max(0), "max": min.max(0) + more}),
        }
    };
    let url = (
        names(&["https", "http"]),
        names(&["a.example", "b.example:8443"]),
        prop::option::of(select(&["/a", "/b"][..])),
    )
        .prop_map(|(schemes, hosts, prefix)| {
            let mut url = json!({"constraint_type": "url", "schemes": schemes, "hosts": hosts});
            if let Some(prefix) = prefix {
                url["path_prefix"] = prefix.into();
            }
            url
        });
    let url = except(url, &["a.example", "b.example"]);
    let leaf = prop_oneof![
        3 => value().prop_map(kind("exact", "value")),
        3 => list().prop_map(kind("one_of", "values")),
        1 => list().prop_map(kind("subset", "values")),
        1 => list().prop_map(kind("contains", "values")),
        1 => texts().prop_map(|list| json!({"constraint_type": "not_one_of", "excluded": list})),
        1 => prop::collection::vec(0_i64..4, 1..3).prop_map(|list| json!({"constraint_type": "not_one_of", "excluded": list})),
        3 => ends().prop_map(range("range")),
        1 => ends().prop_map(range("count")),
        1 => text().prop_map(|text| json!({"constraint_type": "like", "pattern": text})),
        1 => names(&["a.example", "b.example", "A.example"]).prop_map(kind("email_domain", "values")),
        1 => url,
        1 => select(&["/a", "/a/b", "/"][..]).prop_map(|root| json!({"constraint_type": "subpath", "root": root})),
        1 => except(names(&["10.0.0.0/8", "::1/128", "public"]).prop_map(kind("cidr", "ranges")), &["10.1.0.0/16", "::/64"]),
        1 => except(names(&["*.a.example", "b.example"]).prop_map(kind("host", "hosts")), &["x.a.example", "*.b.example"]),
        1 => Just(json!({"constraint_type": "wildcard"})),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (select(&["each", "optional"][..]), inner.clone())
                .prop_map(|(kind, inner)| json!({"constraint_type": kind, "constraint": inner})),
            (
                select(&["all", "any"][..]),
                prop::collection::vec(inner, 1..4)
            )
                .prop_map(|(kind, list)| json!({"constraint_type": kind, "constraints": list})),
        ]
    })
}

pub(crate) fn constraints() -> impl Strategy<Value = Value> {
    let named = prop::collection::btree_map(select(&["to", "amount", "tags"][..]), spec(), 0..3);
    (named, any::<bool>()).prop_map(|(named, open)| {
        let mut members: Map<String, Value> = named
            .into_iter()
            .map(|(name, spec)| (name.to_owned(), spec))
            .collect();
        if open {
            members.insert("*".to_owned(), json!({"constraint_type": "wildcard"}));
        }
        Value::Object(members)
    })
}

pub(crate) fn approvers() -> impl Strategy<Value = Value> {
    (texts(), 1_i64..3)
        .prop_map(|(approvers, count)| json!({"approvers": approvers, "count": count}))
}

pub(crate) fn limits() -> impl Strategy<Value = Value> {
    let uses = (0_i64..3).prop_map(|max| json!({"type": "use_limit", "max": max}));
    let rates = (
        1_i64..3,
        select(&[1_i64, 59, 60, 61, 120, 3600, 5400, 86_400][..]),
    )
        .prop_map(|(max, seconds)| json!({"type": "rate", "max": max, "seconds": seconds}));
    let argument = || prop::option::of(select(&["amount", "to"][..]));
    let spend = (0_i64..300, 0_i64..3, text(), argument(), argument()).prop_map(
        |(max, decimals, currency, argument, unit)| {
            let mut limit =
                json!({"type": "spend", "max": max, "decimals": decimals, "currency": currency});
            for (name, value) in [("argument", argument), ("currency_argument", unit)] {
                if let Some(value) = value {
                    limit[name] = value.into();
                }
            }
            limit
        },
    );
    prop::collection::vec(prop_oneof![uses, rates, spend], 1..3).prop_map(Value::from)
}

pub(crate) fn hours() -> impl Strategy<Value = Value> {
    let clock = || select(&["00:00", "06:30", "17:00", "23:59"][..]);
    let zone = select(&["Europe/Berlin", "UTC", "Etc/GMT+5"][..]);
    (some(ambit_core::hours::DAYS), clock(), clock(), zone).prop_map(
        |(days, from, to, zone)| json!({"days": days, "from": from, "to": to, "zone": zone}),
    )
}

pub(crate) fn requires() -> impl Strategy<Value = Value> {
    let acr = prop_oneof![text().prop_map(Value::from), texts().prop_map(Value::from)];
    let approval = prop_oneof![Just(json!(true)), approvers()];
    let one = prop_oneof![
        acr.prop_map(|acr| ("acr", acr)),
        (0_i64..3).prop_map(|age| ("max_age", age.into())),
        approval.prop_map(|approval| ("approval", approval)),
    ];
    prop::collection::vec(one, 1..3).prop_map(|list| {
        Value::Object(
            list.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    })
}

pub(crate) fn some(list: &'static [&'static str]) -> BoxedStrategy<Value> {
    subsequence(list, 1..=list.len())
        .prop_shuffle()
        .prop_map(|list| json!(list))
        .boxed()
}

/// A member of an entry and a value for it; `null` leaves it out.
pub(crate) fn member() -> impl Strategy<Value = (&'static str, Value)> {
    let of = |name: &'static str, value: BoxedStrategy<Value>| {
        value.prop_map(move |value| (name, value))
    };
    let may = |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 3 => value].boxed();
    let consent = prop_oneof![
        select(&["none", "once", "each"][..]).prop_map(Value::from),
        approvers()
    ];
    prop_oneof![
        2 => of("actions", some(&["send", "pay", "weigh"])),
        2 => of("privileges", some(&["observe", "draft", "propose", "execute"])),
        1 => of("datatypes", some(&["contact", "invoice"])),
        1 => of("locations", may(texts().prop_map(Value::from).boxed())),
        1 => of("identifier", may(text().prop_map(Value::from).boxed())),
        1 => of("purpose", text().prop_map(Value::from).boxed()),
        6 => of("constraints", may(constraints().boxed())),
        3 => of("limits", may(limits().boxed())),
        2 => of("hours", may(hours().boxed())),
        2 => of("requires", may(requires().boxed())),
        1 => of("consent", may(consent.boxed())),
    ]
}

pub(crate) fn set(entry: &mut Value, (name, value): (&str, Value)) {
    if value.is_null() {
        entry.as_object_mut().expect("an object").shift_remove(name);
    } else {
        entry[name] = value;
    }
}

pub(crate) fn capabilities() -> impl Strategy<Value = Value> {
    prop::collection::vec(member(), 0..7).prop_map(|members| {
        let mut entry = json!({
            "type": "ambit_capability", "actions": ["send", "pay", "weigh"], "privileges": ["draft"],
            "datatypes": ["contact"], "purpose": "work", "constraints": {},
        });
        members.into_iter().for_each(|member| set(&mut entry, member));
        entry
    })
}

/// Words that stand for others in the same place.
pub(crate) const SWAPS: &[&[&str]] = &[
    &["amount", "to"],
    &["one_of", "subset", "contains"],
    &["each", "optional"],
    &["all", "any"],
    &["range", "count"],
    &["none", "once", "each"],
    &["draft", "propose", "execute"],
    &["send", "pay", "weigh"],
];

/// The smallest changes: of one word, one number, one element, one member.
pub(crate) fn twist(entry: &mut Value, place: &Index, how: u8, other: &str) {
    let mut places = Vec::new();
    pointers(entry, "", &mut places);
    let place = place.get(&places).clone();
    match entry.pointer_mut(&place).expect("it is there") {
        Value::String(text) => {
            let swaps = SWAPS.iter().find(|words| words.contains(&text.as_str()));
            *text = swaps
                .map_or(other, |words| words[usize::from(how) % words.len()])
                .to_owned();
        }
        Value::Number(number) => *number = (number.as_i64().expect("an integer") + 1).into(),
        Value::Bool(value) => *value = !*value,
        Value::Array(list) if how.is_multiple_of(3) => drop(list.pop()),
        Value::Array(list) => list.extend(list.first().cloned()),
        Value::Object(members) => {
            let name = members
                .keys()
                .nth(usize::from(how) % members.len().max(1))
                .cloned();
            if let Some(name) = name {
                let value = members.shift_remove(&name);
                // Or the same bound on another detail.
                if how.is_multiple_of(2) && name == "to" {
                    members.insert("amount".to_owned(), value.unwrap_or_default());
                }
            }
        }
        value => *value = other.into(),
    }
}

pub(crate) fn pointers(value: &Value, path: &str, out: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(at, one)| (at.to_string(), one))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, one)| (name.clone(), one))
            .collect(),
        _ => Vec::new(),
    };
    out.push(path.to_owned());
    for (name, one) in inside {
        if name != "type" {
            pointers(one, &format!("{path}/{name}"), out);
        }
    }
}
