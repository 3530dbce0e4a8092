//! Every kind beside the evaluator's own code, on random constraints and values.

use std::collections::BTreeMap;

use ambit_core::Steps;
use ambit_core::constraint::{self, Kind};
use ambit_core::json::{Document, Profile, Writer, canonical};
use ambit_policy::cedar::canonical_text;
use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicySet, Request};
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Target, missing, present};
use crate::expr;

/// Types of arguments, and values that look alike and are not.
fn types() -> Vec<(Value, Vec<Value>)> {
    let texts = json!([
        "",
        "a",
        "b",
        "*",
        "A",
        "Re: x",
        "Re: y",
        "a@customer.example",
        "a@CUSTOMER.EXAMPLE",
        "a@evil.example",
        "\"a\"@customer.example",
        "https://api.example/v1/x",
        "HTTPS://API.example/v1",
        "https://evil.example/v1",
        "https://api.example/v2",
        "/srv/reports",
        "/srv//reports/./a",
        "/srv/other",
        "/srv/../srv/reports",
        "10.1.2.3",
        "10.255.0.1",
        "11.0.0.1",
        "192.168.1.9",
        "2001:db8::1",
        "::ffff:10.1.2.3",
        "x"
    ]);
    let numbers = json!([
        -9007199254740991_i64,
        -1,
        0,
        1,
        2,
        3,
        10,
        9007199254740991_i64
    ]);
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    let sets = json!([
        [],
        ["a"],
        ["a", "b"],
        ["b", "a"],
        ["a", "a"],
        ["a", "b", "x"],
        ["x@customer.example"]
    ]);
    let number_sets = json!([[], [1], [1, 2], [2, 1], [1, 1], [1, 2, 3], [-1]]);
    let json_values = json!([
        "a", "Re: x", "a@customer.example", "/srv/reports/a", 1, 2, -1, true, false, null, [], ["a"], ["a", "b"],
        ["b", "a"], {"a": 1}, {"a": 1, "b": [2]}, "10.1.2.3", "https://api.example/v1"
    ]);
    let records =
        json!([{"a": 1}, {"a": 1, "b": "x"}, {"a": 1, "b": null}, {"a": 2}, {"a": 2, "b": "a"}]);
    let record_sets = json!([[], [{"a": 1}], [{"a": 1}, {"a": 2}]]);
    let record = json!({"t": "record", "attrs": {
        "a": {"type": {"t": "long"}, "required": true, "money": null},
        "b": {"type": {"t": "string"}, "required": false, "money": null},
    }});
    let ext = |name: &str| json!({"t": "ext", "of": name});
    vec![
        (json!({"t": "string"}), list(texts)),
        (json!({"t": "long"}), list(numbers)),
        (json!({"t": "bool"}), list(json!([true, false]))),
        (json!({"t": "json"}), list(json_values)),
        (json!({"t": "set", "of": {"t": "string"}}), list(sets)),
        (json!({"t": "set", "of": {"t": "long"}}), list(number_sets)),
        (
            json!({"t": "entity", "of": "Person"}),
            list(json!(["a", "b", "a@customer.example", "10.1.2.3"])),
        ),
        (
            json!({"t": "entity", "of": "Way", "ids": ["a", "b"]}),
            list(json!(["a", "b"])),
        ),
        (ext("decimal"), list(json!(["1.0", "1.00", "2.5", "-0.1"]))),
        (
            ext("datetime"),
            list(json!([
                "2026-03-02",
                "2026-03-02T00:00:00Z",
                "1970-01-01T00:00:00.001Z"
            ])),
        ),
        (ext("duration"), list(json!(["1h", "60m", "1ms"]))),
        (
            ext("ipaddr"),
            list(json!([
                "10.1.2.3",
                "10.0.0.0/8",
                "11.0.0.1",
                "10.1.2.3/32",
                "2001:db8::1",
                "::ffff:a01:203",
                "2002:a01:203::1"
            ])),
        ),
        (record.clone(), list(records)),
        (json!({"t": "set", "of": record}), list(record_sets)),
    ]
}

/// A constraint of a kind, well-formed or nearly so, of what values of the type there are.
fn constraint_of(
    kind: Kind,
    kind_of: &Value,
    values: &[Value],
    rng: &mut Rng,
    depth: usize,
) -> Value {
    let one = |rng: &mut Rng| rng.choice(values).cloned().unwrap_or(Value::Null);
    let some = |rng: &mut Rng| -> Value { (0..rng.usize(1..4)).map(|_| one(rng)).collect() };
    let elements = |rng: &mut Rng| -> Value {
        let lists = values.iter().filter_map(Value::as_array).flatten();
        let all: Vec<&Value> = lists
            .chain(values.iter().filter(|one| !one.is_array()))
            .collect();
        (0..rng.usize(1..3))
            .map(|_| rng.choice(&all).map_or(Value::Null, |one| (*one).clone()))
            .collect()
    };
    let inner = |rng: &mut Rng| {
        let simple = [
            Kind::Exact,
            Kind::OneOf,
            Kind::Range,
            Kind::Like,
            Kind::NotOneOf,
            Kind::Wildcard,
            Kind::Optional,
            Kind::EmailDomain,
        ];
        let kind = match depth {
            0 => rng.choice(Kind::ALL).copied(),
            _ => rng
                .choice(simple)
                .filter(|kind| *kind != Kind::Optional || depth < 2),
        };
        constraint_of(
            kind.unwrap_or(Kind::Wildcard),
            kind_of,
            values,
            rng,
            depth + 1,
        )
    };
    let of_element = |rng: &mut Rng| {
        let listed: Vec<Value> = values
            .iter()
            .filter_map(Value::as_array)
            .flatten()
            .cloned()
            .collect();
        let kinds = [
            Kind::Exact,
            Kind::OneOf,
            Kind::Like,
            Kind::EmailDomain,
            Kind::Range,
            Kind::Wildcard,
        ];
        let kind = rng.choice(kinds).unwrap_or(Kind::Wildcard);
        constraint_of(kind, &kind_of["of"], &listed, rng, depth + 2)
    };
    let number = |rng: &mut Rng| rng.choice([0, 1, 2, 3]);
    let mut spec = match kind {
        Kind::Exact => json!({"value": one(rng)}),
        Kind::OneOf => json!({"values": some(rng)}),
        Kind::NotOneOf => json!({"excluded": some(rng)}),
        Kind::Range => match rng.u8(..3) {
            0 => json!({"min": rng.i64(-2..3)}),
            1 => json!({"max": rng.i64(-2..3)}),
            _ => json!({"min": rng.i64(-2..1), "max": rng.i64(1..4)}),
        },
        Kind::Like => {
            json!({"pattern": rng.choice(["*", "a", "a*", "*@*", "Re: *", "\\*", "*a*b*", "/srv*", "\"*"])})
        }
        Kind::EmailDomain => {
            json!({"values": [rng.choice(["customer.example", "Customer.example", "other.example"])]})
        }
        Kind::Url => {
            let mut url = json!({"schemes": ["https"], "hosts": ["api.example"]});
            if rng.bool() {
                url["path_prefix"] = json!("/v1");
            }
            url
        }
        Kind::Subpath => json!({"root": rng.choice(["/", "/srv", "/srv/reports"])}),
        Kind::Cidr => {
            json!({"ranges": [rng.choice(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "10.128.0.0/9", "2001:db8::/32", "::/0", "::ffff:10.0.0.0/104"])]})
        }
        Kind::Each => json!({"constraint": of_element(rng)}),
        Kind::Subset => json!({"values": elements(rng)}),
        Kind::Contains => json!({"values": elements(rng)}),
        Kind::Count => match rng.u8(..3) {
            0 => json!({"min": number(rng)}),
            1 => json!({"max": number(rng)}),
            _ => json!({"min": 1, "max": 2}),
        },
        Kind::All | Kind::Any => json!({"constraints": [inner(rng), inner(rng)]}),
        Kind::Optional => json!({"constraint": inner(rng)}),
        Kind::Wildcard => json!({}),
    };
    spec["constraint_type"] = json!(kind.name());
    spec
}

/// A value as policies see it; the evaluator's own code does the same in `ambit_policy::cedar`.
fn seen(value: &Value, kind: &Value) -> Option<Value> {
    let of = &kind["of"];
    Some(match kind["t"].as_str()? {
        "json" => {
            let text = value.to_string();
            let document = Document::parse(text.as_bytes(), Profile::Signed).ok()?;
            let mut out = Writer::default();
            let _ = canonical(document.root(), &mut out);
            json!(out.finish())
        }
        "entity" => json!({"__entity": {"type": of, "id": value}}),
        "ext" => {
            let function = if of == "ipaddr" { "ip" } else { of.as_str()? };
            json!({"__extn": {"fn": function, "arg": value}})
        }
        "set" => value
            .as_array()?
            .iter()
            .map(|one| seen(one, of))
            .collect::<Option<_>>()?,
        "record" => {
            let members = value.as_object()?.iter().filter(|(_, one)| !one.is_null());
            let members = members
                .map(|(name, one)| Some((name.clone(), seen(one, &kind["attrs"][name]["type"])?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
        _ => value.clone(),
    })
}

/// A value in the one form that constraints see.
fn normal(value: &Value, kind: &Value) -> Option<Value> {
    match kind["t"].as_str()? {
        "ext" => canonical_text(kind["of"].as_str()?, value.as_str()?).map(Value::String),
        _ => Some(value.clone()),
    }
}

fn satisfied(condition: &expr::Expr, context: Value) -> bool {
    let policy =
        Policy::from_json(None, expr::policy("permit", condition)).expect("a sound policy");
    let uid = |kind: &str| format!("{kind}::\"x\"").parse().expect("a sound name");
    let context = Context::from_json_value(context, None).expect("a sound context");
    let request =
        Request::new(uid("P"), uid("Action"), uid("R"), context, None).expect("a request");
    let set = PolicySet::from_policies([policy]).expect("one policy");
    let answer = Authorizer::new().is_authorized(&request, &set, &Entities::empty());
    let errors: Vec<String> = answer
        .diagnostics()
        .errors()
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {condition}");
    answer.decision() == Decision::Allow
}

/// How often a kind matched, did not, and was said exactly.
#[derive(Debug, Default)]
struct Seen {
    matched: usize,
    missed: usize,
    exact: usize,
}

fn check(kind: Kind, seed: u64, counts: &mut BTreeMap<&'static str, Seen>) {
    let mut rng = Rng::with_seed(seed);
    let types = types();
    let (kind_of, values) = &types[rng.usize(..types.len())];
    let spec = constraint_of(kind, kind_of, values, &mut rng, 0);
    let declaration = json!({"type": kind_of, "required": false, "money": null});
    let (spec_text, declared_text) = (spec.to_string(), declaration.to_string());
    let Ok(spec_read) = Document::parse(spec_text.as_bytes(), Profile::Signed) else {
        return;
    };
    let declared = Document::parse(declared_text.as_bytes(), Profile::Signed).expect("a type");
    let target = Target::argument("x", declared.root());
    let (there, absent) = (
        present(spec_read.root(), &target),
        missing(spec_read.root(), &target),
    );
    let steps = Steps::new();
    let count = counts.entry(kind.name()).or_default();
    let mut values = values.clone();
    let examples = constraint::examples(spec_read.root(), None, &steps);
    values.extend(
        examples
            .iter()
            .flatten()
            .filter_map(|text| serde_json::from_str(text).ok()),
    );
    for value in &values {
        let Some(value) = normal(value, kind_of) else {
            continue;
        };
        let text = value.to_string();
        let read = Document::parse(text.as_bytes(), Profile::Signed).expect("a value");
        if !target.declared().admits(read.root()) {
            continue;
        }
        let matched = constraint::matches_declared(
            spec_read.root(),
            Some(read.root()),
            Some(target.declared()),
            &steps,
        );
        let context = json!({"x": seen(&value, kind_of)});
        let over = satisfied(&there.over, context.clone());
        let under = satisfied(&there.under, context);
        assert!(
            over || !matched,
            "{spec} matches {value} of {kind_of}, {} does not",
            there.over
        );
        assert!(
            matched || !under,
            "{spec} does not match {value} of {kind_of}, {} does",
            there.under
        );
        count.exact += usize::from(there.is_exact());
        count.matched += usize::from(matched);
        count.missed += usize::from(!matched);
    }
    let holds = |value: Option<&str>| {
        let read =
            value.map(|text| Document::parse(text.as_bytes(), Profile::Signed).expect("a value"));
        let value = read.as_ref().map(Document::root);
        constraint::matches_declared(spec_read.root(), value, Some(target.declared()), &steps)
    };
    let null = kind_of["t"] != "json" && holds(Some("null"));
    let (over, under) = (expr::constant(&absent.over), expr::constant(&absent.under));
    assert_eq!(over, Some(holds(None) || null), "{spec} where it is absent");
    assert!(
        under == Some(false) || holds(None),
        "{spec} where it is absent"
    );
}

#[test]
fn the_translation_of_every_kind_agrees_with_the_evaluator() {
    let mut counts = BTreeMap::new();
    for kind in Kind::ALL {
        let counts = &mut counts;
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(150)
        };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let counts = std::cell::RefCell::new(counts);
        let ran = runner.run(&any::<u64>(), |seed| {
            check(*kind, seed, &mut counts.borrow_mut());
            Ok(())
        });
        ran.expect("the translation agrees");
    }
    for kind in Kind::ALL {
        let seen = &counts[kind.name()];
        assert!(seen.matched > 0, "{kind:?} never matched");
        assert!(
            seen.missed > 0 || *kind == Kind::Wildcard,
            "{kind:?} always matched"
        );
        let rough = [Kind::EmailDomain, Kind::Url, Kind::Subpath, Kind::Cidr];
        assert!(
            seen.exact > 0 || rough.contains(kind),
            "{kind:?} was never said exactly"
        );
    }
}
