//! Consent texts: two capabilities read alike only if they mean the same, and no foreign text
//! changes anything outside its quotes.

use std::collections::BTreeSet;

use ambit_core::constraint::Unit;
use ambit_core::describe::{Effect, Locale, Term, Told, Vocabulary, capability};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, Powers};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};

/// Labels in two languages; those of actions and things begin with a text of the test's choice.
struct Words<'t> {
    before: &'t str,
    labels: Vec<(String, String)>,
}

impl<'t> Words<'t> {
    fn new(before: &'t str) -> Self {
        let names = [
            "send", "pay", "weigh", "contact", "invoice", "to", "amount", "tags", "currency",
        ];
        let labels = names.map(|name| (name.to_owned(), format!("{before}{name}")));
        Self {
            before,
            labels: labels.to_vec(),
        }
    }

    fn declares(action: &str, argument: &str) -> bool {
        matches!(
            (action, argument),
            ("send", "to" | "tags") | ("pay", "to" | "amount" | "currency") | ("weigh", "amount")
        )
    }
}

impl Vocabulary for Words<'_> {
    fn label(&self, term: Term<'_>, _locale: Locale) -> Option<&str> {
        if let Term::Argument { action, argument } = term
            && !Self::declares(action, argument)
        {
            return None;
        }
        let known = self.labels.iter().find(|(name, _)| name == term.name());
        known.map(|(_, label)| label.as_str())
    }

    fn namesake(&self, term: Term<'_>, _locale: Locale) -> Option<&str> {
        (self.before == "same" && term == Term::Action("pay")).then_some("send")
    }

    fn unit(&self, action: &str, argument: &str) -> Option<Unit<'_>> {
        Self::declares(action, argument).then_some(match (action, argument) {
            ("pay", "amount") => Unit::Money { decimals: 2 },
            ("weigh", "amount") => Unit::Named(self.before),
            _ => Unit::None,
        })
    }

    fn powers(&self, _action: &str) -> Option<Powers> {
        Some(
            [Power::Draft, Power::Propose, Power::Execute]
                .into_iter()
                .collect(),
        )
    }

    fn has(&self, action: &str, effect: Effect) -> bool {
        action == "pay" && effect == Effect::Financial
    }
}

fn told(entry: &Value, words: &Words<'_>, locale: Locale) -> Result<Told, String> {
    let text = entry.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Signed).expect("strict JSON");
    capability(document.root(), words, locale)
        .map_err(|fault| format!("{} {}", fault.code, fault.member))
}

/// Texts that try to look like something else.
const TEXTS: &[&str] = &[
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

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(TEXTS).prop_map(str::to_owned),
        1 => (228_usize..250, select(&["x", "y"][..])).prop_map(|(long, end)| "x".repeat(long) + end),
        2 => "[ab\"\\\\` \u{202d}\n]{0,5}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
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

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 1..4)
}

fn spec() -> impl Strategy<Value = Value> {
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
        1 => names(&["10.0.0.0/8", "::1/128"]).prop_map(kind("cidr", "ranges")),
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

fn constraints() -> impl Strategy<Value = Value> {
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

fn approvers() -> impl Strategy<Value = Value> {
    (texts(), 1_i64..3)
        .prop_map(|(approvers, count)| json!({"approvers": approvers, "count": count}))
}

fn limits() -> impl Strategy<Value = Value> {
    let uses = (0_i64..3).prop_map(|max| json!({"type": "use_limit", "max": max}));
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
    prop::collection::vec(prop_oneof![uses, spend], 1..3).prop_map(Value::from)
}

fn requires() -> impl Strategy<Value = Value> {
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

fn some(list: &'static [&'static str]) -> BoxedStrategy<Value> {
    subsequence(list, 1..=list.len())
        .prop_shuffle()
        .prop_map(|list| json!(list))
        .boxed()
}

/// A member of an entry and a value for it; `null` leaves it out.
fn member() -> impl Strategy<Value = (&'static str, Value)> {
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
        2 => of("requires", may(requires().boxed())),
        1 => of("consent", may(consent.boxed())),
    ]
}

fn set(entry: &mut Value, (name, value): (&str, Value)) {
    if value.is_null() {
        entry.as_object_mut().expect("an object").shift_remove(name);
    } else {
        entry[name] = value;
    }
}

fn capabilities() -> impl Strategy<Value = Value> {
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
const SWAPS: &[&[&str]] = &[
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
fn twist(entry: &mut Value, place: &Index, how: u8, other: &str) {
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

fn pointers(value: &Value, path: &str, out: &mut Vec<String>) {
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

/// Values in one form: members sorted by name.
fn sorted(value: &Value) -> Value {
    let mut value = value.clone();
    value.sort_all_objects();
    value
}

fn as_set(list: &Value) -> Value {
    let list = list.as_array().into_iter().flatten();
    let list: BTreeSet<String> = list.map(|one| sorted(one).to_string()).collect();
    json!(list)
}

/// What a constraint matches, as far as its form tells.
fn meaning_of_spec(spec: &Value) -> Value {
    let kind = spec["constraint_type"].as_str().expect("a kind");
    match kind {
        "exact" => json!(["one_of", as_set(&json!([spec["value"]]))]),
        "one_of" | "subset" | "contains" | "email_domain" => json!([kind, as_set(&spec["values"])]),
        "not_one_of" => json!([kind, as_set(&spec["excluded"])]),
        "cidr" => json!([kind, as_set(&spec["ranges"])]),
        "url" => json!([
            kind,
            as_set(&spec["schemes"]),
            as_set(&spec["hosts"]),
            spec["path_prefix"]
        ]),
        "each" | "optional" => json!([kind, meaning_of_spec(&spec["constraint"])]),
        "all" | "any" => {
            let list: Vec<Value> = spec["constraints"]
                .as_array()
                .expect("a list")
                .iter()
                .map(meaning_of_spec)
                .collect();
            match list.as_slice() {
                [only] => only.clone(),
                _ => json!([kind, list]),
            }
        }
        _ => sorted(spec),
    }
}

/// What an entry grants, in a form that is the same for entries that grant the same.
fn meaning(entry: &Value) -> Value {
    let constraints = entry["constraints"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let constraints: Map<String, Value> = constraints
        .iter()
        .map(|(name, spec)| (name.clone(), meaning_of_spec(spec)))
        .collect();
    let mut limits = entry["limits"].clone();
    for limit in limits
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(|limit| limit["type"] == "spend")
    {
        for (name, default) in [("argument", "amount"), ("currency_argument", "currency")] {
            if limit.get(name).is_none() {
                limit[name] = default.into();
            }
        }
    }
    let mut requires = entry["requires"].clone();
    if let Some(acr) = requires.get("acr").filter(|acr| acr.is_string()).cloned() {
        requires["acr"] = json!([acr]);
    }
    sorted(&json!({
        "actions": as_set(&entry["actions"]), "privileges": as_set(&entry["privileges"]),
        "datatypes": as_set(&entry["datatypes"]), "locations": as_set(&entry["locations"]),
        "identifier": entry["identifier"], "purpose": entry["purpose"], "constraints": constraints,
        "limits": limits, "requires": requires, "consent": entry["consent"],
    }))
}

/// The text without what stands in quotes, and no character that does anything but stand there.
fn skeleton(text: &str) -> String {
    let mut out = String::new();
    let mut open: Option<char> = None;
    let mut escaped = false;
    for character in text.chars() {
        assert!(
            !character.is_control()
                && !"\u{202e}\u{202d}\u{200b}\u{feff}\u{201d}\u{2033}".contains(character),
            "{text}"
        );
        match open {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(quote) if character == quote => open = None,
            Some(_) => {}
            None => {
                out.push(character);
                open = Some(character).filter(|character| matches!(character, '"' | '`'));
            }
        }
    }
    assert_eq!(open, None, "{text}");
    out
}

/// The same entry with every foreign text replaced by a harmless one.
fn harmless(value: &Value, name: &str) -> Value {
    match value {
        Value::String(_)
            if !matches!(
                name,
                "type"
                    | "actions"
                    | "privileges"
                    | "datatypes"
                    | "constraint_type"
                    | "argument"
                    | "currency_argument"
                    | "consent"
                    | "path_prefix"
                    | "root"
                    | "ranges"
                    | "schemes"
                    | "hosts"
            ) =>
        {
            json!("x")
        }
        Value::Array(list) => list.iter().map(|one| harmless(one, name)).collect(),
        Value::Object(members) if name == "value" || name == "values" => {
            json!({"x": members.len()})
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, one)| (name.clone(), harmless(one, name)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

fn run<S: Strategy>(cases: u32, inputs: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let result = proptest::test_runner::TestRunner::new(config).run(&inputs, test);
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_differs_in_meaning_differs_in_text() {
    let told_apart = std::cell::Cell::new(0_u32);
    let check = |one: &Value, other: &Value| {
        for locale in Locale::ALL {
            let words = Words::new("");
            let (Ok(left), Ok(right)) = (told(one, &words, locale), told(other, &words, locale))
            else {
                continue;
            };
            if meaning(one) == meaning(other) {
                continue;
            }
            told_apart.set(told_apart.get() + 1);
            prop_assert_ne!(left.line(), right.line(), "{} and {}", one, other);
        }
        Ok(())
    };
    // Two of a kind; the same but for one member; the same but for the smallest part of it.
    let twists = prop::collection::vec((any::<Index>(), any::<u8>(), text()), 12);
    let inputs = (capabilities(), capabilities(), member(), twists);
    run(3000, inputs, |(one, other, change, twists)| {
        check(&one, &other)?;
        let mut near = one.clone();
        set(&mut near, change);
        check(&one, &near)?;
        for (place, how, other) in twists {
            let mut twisted = near.clone();
            twist(&mut twisted, &place, how, &other);
            check(&near, &twisted)?;
        }
        Ok(())
    });
    assert!(
        told_apart.get() > 10_000,
        "the cases are too poor: {}",
        told_apart.get()
    );
}

#[test]
fn what_differs_in_one_bound_differs_in_text() {
    let told_apart = std::cell::Cell::new(0_u32);
    let entry = |spec: &Value| {
        json!({
            "type": "ambit_capability", "actions": ["send", "pay"], "privileges": ["draft"],
            "datatypes": ["contact"], "purpose": "work", "constraints": {"to": spec},
        })
    };
    run(30_000, (spec(), spec()), |(one, other)| {
        for locale in Locale::ALL {
            let words = Words::new("");
            let (left, right) = (
                told(&entry(&one), &words, locale),
                told(&entry(&other), &words, locale),
            );
            let (Ok(left), Ok(right)) = (left, right) else {
                continue;
            };
            if meaning_of_spec(&one) != meaning_of_spec(&other) {
                told_apart.set(told_apart.get() + 1);
                prop_assert_ne!(left.line(), right.line(), "{} and {}", one, other);
            }
        }
        Ok(())
    });
    assert!(
        told_apart.get() > 10_000,
        "the cases are too poor: {}",
        told_apart.get()
    );
}

#[test]
fn no_foreign_text_leaves_its_quotes() {
    let shown = std::cell::Cell::new(0_u32);
    run(6000, (capabilities(), text()), |(entry, before)| {
        let (hostile, plain) = (Words::new(&before), Words::new("x"));
        for locale in Locale::ALL {
            let Ok(text) = told(&entry, &hostile, locale) else {
                continue;
            };
            shown.set(shown.get() + 1);
            let expected = told(&harmless(&entry, ""), &plain, locale);
            let Ok(expected) = expected else { continue };
            let sentences = |told: &Told| -> Vec<String> {
                // `*` in a pattern is explained, and a harmless pattern has none.
                let shown = told.sentences.iter().map(|(_, text)| skeleton(text));
                shown
                    .map(|text| {
                        text.replace(" (* is any text)", "")
                            .replace(" (* steht für beliebigen Text)", "")
                    })
                    .collect()
            };
            prop_assert_eq!(sentences(&text), sentences(&expected), "{}", entry);
        }
        Ok(())
    });
    assert!(
        shown.get() > 3000,
        "the cases are too poor: {}",
        shown.get()
    );
}

/// The fault of a sound capability with one member changed.
fn fault(member: &'static str, value: Value, before: &str) -> String {
    let mut entry = json!({
        "type": "ambit_capability", "actions": ["pay"], "privileges": ["execute"], "datatypes": ["contact"],
        "purpose": "work", "constraints": {"to": {"constraint_type": "wildcard"}},
    });
    set(&mut entry, (member, value));
    let told = told(&entry, &Words::new(before), Locale::En);
    told.map(|told| told.line()).unwrap_err()
}

#[test]
fn what_has_no_text_is_a_fault() {
    let unnamed = json!({"tags": {"constraint_type": "wildcard"}});
    let long = json!({"to": {"constraint_type": "exact", "value": "x".repeat(239)}});
    let many = json!({"to": {"constraint_type": "one_of", "values": (0..65).collect::<Vec<_>>()}});
    for (member, value, before, expected) in [
        (
            "actions",
            json!(["unknown"]),
            "",
            "describe.no_text actions",
        ),
        (
            "datatypes",
            json!(["contact", "unknown"]),
            "",
            "describe.no_text datatypes",
        ),
        (
            "constraints",
            unnamed,
            "",
            "describe.no_text constraints.tags",
        ),
        (
            "limits",
            json!([{"type": "spend", "max": 1, "decimals": 2, "currency": "EUR", "argument": "tip"}]),
            "",
            "describe.no_text limits",
        ),
        (
            "actions",
            json!(["pay"]),
            "same",
            "describe.same_text actions",
        ),
        ("constraints", long, "", "describe.too_long constraints.to"),
        ("constraints", many, "", "describe.too_long constraints.to"),
        (
            "purpose",
            json!("x".repeat(239)),
            "",
            "describe.too_long purpose",
        ),
        (
            "actions",
            json!(vec!["pay"; 65]),
            "",
            "describe.too_long actions",
        ),
        ("actions", json!([]), "", "describe.capability "),
        ("purpose", json!(7), "", "describe.capability "),
    ] {
        assert_eq!(fault(member, value, before), expected);
    }
}
