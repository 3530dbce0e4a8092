//! Laws that hold for every constraint and every value, on random ones.

use ambit_core::capability::{Ask, Place, match_entry};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, Steps, constraint, limits};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse<T>(value: &Value, then: impl FnOnce(ambit_core::json::Json<'_>) -> T) -> T {
    let text = value.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
    then(document.root())
}

fn matches_with(spec: &Value, argument: Option<&Value>, steps: &Steps) -> bool {
    parse(spec, |spec| match argument {
        None => constraint::matches(spec, None, steps),
        Some(value) => parse(value, |value| constraint::matches(spec, Some(value), steps)),
    })
}

fn matches(spec: &Value, argument: Option<&Value>) -> bool {
    matches_with(spec, argument, &Steps::new())
}

/// The same value with the members of every object in reverse order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(reversed).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .rev()
                .map(|(name, member)| (name.clone(), reversed(member)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The definition of `like`, without any thought of speed.
fn naive_like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|taken| naive_like(rest, &text[taken..])),
        ['\\', literal, rest @ ..] => text.first() == Some(literal) && naive_like(rest, &text[1..]),
        [literal, rest @ ..] => text.first() == Some(literal) && naive_like(rest, &text[1..]),
    }
}

fn pattern() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        3 => Just("*"),
        4 => Just("a"),
        4 => Just("b"),
        2 => Just("é"),
        2 => Just("日"),
        1 => Just("\\*"),
        1 => Just("\\\\"),
    ];
    prop::collection::vec(token, 0..9).prop_map(|tokens| tokens.concat())
}

fn text() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        Just("a"),
        Just("b"),
        Just("é"),
        Just("日"),
        Just("*"),
        Just("\\")
    ];
    prop::collection::vec(letter, 0..14).prop_map(|letters| letters.concat())
}

/// Values that meet the constraints of [`spec`] often enough.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3_i64..6).prop_map(Value::from),
        Just(json!(1.5)),
        Just(json!(9_007_199_254_740_992_i64)),
        "[ab]{0,2}".prop_map(Value::from),
        Just(json!("x@a.example")),
        Just(json!("https://a.example/a/b")),
        Just(json!("/a/b")),
        Just(json!("10.1.2.3")),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Constraints of every kind; about every third is malformed somewhere.
fn spec() -> impl Strategy<Value = Value> {
    let values = prop::collection::vec(value(), 0..4).boxed();
    let end = prop_oneof![(-3_i64..6).prop_map(Value::from), Just(json!(null))];
    let leaf = prop_oneof![
        value().prop_map(|value| json!({"constraint_type": "exact", "value": value})),
        (
            prop::sample::select(vec!["one_of", "subset", "contains"]),
            values.clone()
        )
            .prop_map(|(kind, values)| json!({"constraint_type": kind, "values": values})),
        values.prop_map(|list| json!({"constraint_type": "not_one_of", "excluded": list})),
        prop::collection::vec("[ab]", 1..3)
            .prop_map(|list| json!({"constraint_type": "not_one_of", "excluded": list})),
        (
            prop::sample::select(vec!["range", "count"]),
            end.clone(),
            end
        )
            .prop_map(|(kind, min, max)| json!({"constraint_type": kind, "min": min, "max": max})),
        (-3_i64..6).prop_map(|max| json!({"constraint_type": "range", "max": max})),
        "[ab*\\\\]{0,3}".prop_map(|pattern| json!({"constraint_type": "like", "pattern": pattern})),
        Just(json!({"constraint_type": "email_domain", "values": ["a.example"]})),
        Just(json!({"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example"]})),
        Just(json!({"constraint_type": "subpath", "root": "/a"})),
        Just(json!({"constraint_type": "cidr", "ranges": ["10.0.0.0/8"]})),
        Just(json!({"constraint_type": "wildcard"})),
        Just(json!({"constraint_type": "regex", "pattern": ".*"})),
        Just(json!({"constraint_type": "wildcard", "note": 1})),
        value(),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (
                prop::sample::select(vec!["each", "optional"]),
                inner.clone()
            )
                .prop_map(|(kind, inner)| json!({"constraint_type": kind, "constraint": inner})),
            (
                prop::sample::select(vec!["all", "any"]),
                prop::collection::vec(inner, 0..3)
            )
                .prop_map(|(kind, list)| json!({"constraint_type": kind, "constraints": list})),
        ]
    })
}

fn entry_matches(entry: &Value, place: Place, args: &Value) -> bool {
    parse(entry, |entry| {
        parse(args, |args| {
            let ask = Ask {
                action: "act",
                power: Power::Execute,
                approved: false,
                location: None,
                datatype: Some("thing"),
                identifier: None,
                purpose: "work",
                args,
                now: 0,
                utc_offsets: None,
                declared: &constraint::Undescribed,
            };
            match_entry(entry, place, &ask, &Steps::new()).is_ok()
        })
    })
}

fn root(constraints: &Value) -> Value {
    json!({
        "type": "ambit_capability", "actions": ["act"], "privileges": ["execute"],
        "datatypes": ["thing"], "purpose": "work", "constraints": constraints,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn like_is_its_definition(pattern in pattern(), text in text()) {
        let spec = json!({"constraint_type": "like", "pattern": pattern});
        let naive = naive_like(
            &pattern.chars().collect::<Vec<_>>(),
            &text.chars().collect::<Vec<_>>(),
        );
        prop_assert_eq!(matches(&spec, Some(&json!(text))), naive);
    }

    #[test]
    fn malformed_never_matches(spec in spec(), value in value()) {
        let well_formed = parse(&spec, constraint::well_formed);
        if !well_formed {
            prop_assert!(!matches(&spec, Some(&value)));
            prop_assert!(!matches(&spec, None));
        }
    }

    #[test]
    fn a_malformed_part_spoils_the_whole(good in spec(), bad in spec(), value in value()) {
        if !parse(&bad, constraint::well_formed) {
            let any = json!({"constraint_type": "any", "constraints": [good, bad]});
            prop_assert!(!matches(&any, Some(&value)));
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter(spec in spec(), value in value()) {
        let expected = matches(&spec, Some(&value));
        prop_assert_eq!(matches(&reversed(&spec), Some(&value)), expected);
        prop_assert_eq!(matches(&spec, Some(&reversed(&value))), expected);
    }

    #[test]
    fn a_smaller_budget_never_matches_more(spec in spec(), value in value(), left in 0_u32..40) {
        let steps = Steps::new();
        let taken = usize::try_from(limits::STEPS - left).expect("fits");
        prop_assert!(steps.take(taken));
        if matches_with(&spec, Some(&value), &steps) {
            prop_assert!(matches(&spec, Some(&value)));
        }
        prop_assert!(left > 0 || !matches_with(&spec, Some(&value), &steps));
    }

    #[test]
    fn all_is_narrower_and_any_is_wider(one in spec(), two in spec(), value in value()) {
        let value = Some(&value);
        let both = json!({"constraint_type": "all", "constraints": [one, two]});
        let either = json!({"constraint_type": "any", "constraints": [one, two]});
        prop_assert_eq!(matches(&both, value), matches(&one, value) && matches(&two, value));
        let well_formed = parse(&either, constraint::well_formed);
        prop_assert_eq!(
            matches(&either, value),
            well_formed && (matches(&one, value) || matches(&two, value))
        );
    }

    #[test]
    fn a_further_constraint_never_allows_more(
        first in spec(), further in spec(), a in value(), b in value(),
    ) {
        let args = json!({"a": a, "b": b});
        let derived = |constraints: Value| {
            json!({"type": "ambit_capability", "constraints": constraints})
        };
        let wide = derived(json!({"a": first}));
        let narrow = derived(json!({"a": first, "b": further}));
        if entry_matches(&narrow, Place::Derived, &args) {
            prop_assert!(entry_matches(&wide, Place::Derived, &args));
        }
        let wide = root(&json!({"a": first, "*": {"constraint_type": "wildcard"}}));
        let narrow = root(&json!({"a": first, "b": further, "*": {"constraint_type": "wildcard"}}));
        if entry_matches(&narrow, Place::Root, &args) {
            prop_assert!(entry_matches(&wide, Place::Root, &args));
        }
    }

    #[test]
    fn words_are_found_for_everything(spec in spec(), value in value()) {
        let unit = constraint::Unit::Money { decimals: 2 };
        prop_assert!(!parse(&spec, |spec| constraint::describe(spec, unit)).is_empty());
        let shown = parse(&value, |value| constraint::value_text(Some(value), unit));
        prop_assert!((1..=120).contains(&shown.chars().count()), "{}", shown);
    }
}

/// A corrupt tape says that its container ends two thousand million nodes further on; weighing it would take seconds.
#[test]
fn the_weight_of_a_container_ends_with_its_tape() {
    let document = Document::parse(b"[1,2]", Profile::Request).expect("JSON");
    let (mut nodes, text) = Document::flatten(document.root()).expect("it fits");
    let whole = Document::in_place(&nodes, &text).root().weight();
    let (_, end) = nodes.split_at_mut(4);
    end[..4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let corrupt = Document::in_place(&nodes, &text);
    assert!(!corrupt.verify());
    assert_eq!(corrupt.root().weight(), whole);
}
