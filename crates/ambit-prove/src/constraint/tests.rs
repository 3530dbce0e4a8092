//! Every kind beside the evaluator's own code, on random constraints and values.

use std::collections::BTreeMap;

use ambit_core::constraint::{self, Kind};
use ambit_core::json::{Document, Json, Profile, Writer, canonical};
use ambit_core::{Number, Steps, decimal_text};
use ambit_policy::cedar::canonical_text;
use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicySet, Request};
use fastrand::Rng;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Target, missing, present};
use crate::expr;

/// Types of arguments, each with values that look alike and are not the same.
fn types() -> Vec<(Value, Vec<Value>)> {
    serde_json::from_str(include_str!("values.json")).expect("a list of pairs")
}

/// Makes constraints for arguments of a type.
struct Maker<'a> {
    kind_of: &'a Value,
    values: &'a [Value],
    rng: &'a mut Rng,
}

impl Maker<'_> {
    /// A constraint of a kind, well-formed or nearly so, of what values of the type there are.
    fn make(&mut self, kind: Kind, depth: usize) -> Value {
        let mut spec = match kind {
            Kind::Exact => json!({"value": self.one()}),
            Kind::OneOf => json!({"values": self.some()}),
            Kind::NotOneOf => json!({"excluded": self.some()}),
            Kind::Each => json!({"constraint": self.of_element(depth)}),
            Kind::Subset | Kind::Contains => json!({"values": self.elements()}),
            Kind::All | Kind::Any => {
                json!({"constraints": [self.inner(depth), self.inner(depth)]})
            }
            Kind::Optional => json!({"constraint": self.inner(depth)}),
            Kind::Wildcard => json!({}),
            Kind::Range | Kind::Count => self.ends(kind),
            Kind::Like
            | Kind::EmailDomain
            | Kind::Host
            | Kind::Url
            | Kind::Subpath
            | Kind::Cidr => self.textual(kind),
        };
        spec["constraint_type"] = json!(kind.name());
        spec
    }

    fn one(&mut self) -> Value {
        self.rng.choice(self.values).cloned().unwrap_or(Value::Null)
    }

    fn some(&mut self) -> Value {
        (0..self.rng.usize(1..4)).map(|_| self.one()).collect()
    }

    /// Elements of the lists, and values that are none.
    fn elements(&mut self) -> Value {
        let lists = self.values.iter().filter_map(Value::as_array).flatten();
        let others = self.values.iter().filter(|one| !one.is_array());
        let all: Vec<&Value> = lists.chain(others).collect();
        let count = self.rng.usize(1..3);
        let mut one = || {
            self.rng
                .choice(&all)
                .map_or(Value::Null, |one| (*one).clone())
        };
        (0..count).map(|_| one()).collect()
    }

    fn inner(&mut self, depth: usize) -> Value {
        let simple = [
            Kind::Exact,
            Kind::OneOf,
            Kind::Range,
            Kind::Like,
            Kind::NotOneOf,
            Kind::Wildcard,
            Kind::EmailDomain,
        ];
        let kinds = if depth == 0 { Kind::ALL } else { &simple };
        let kind = self.rng.choice(kinds).copied();
        self.make(kind.unwrap_or(Kind::Wildcard), depth + 1)
    }

    fn of_element(&mut self, depth: usize) -> Value {
        let elements = self.values.iter().filter_map(Value::as_array).flatten();
        let elements: Vec<Value> = elements.cloned().collect();
        let mut maker = Maker {
            kind_of: &self.kind_of["of"],
            values: &elements,
            rng: self.rng,
        };
        maker.inner(depth + 1)
    }

    fn ends(&mut self, kind: Kind) -> Value {
        if kind == Kind::Range && self.kind_of["t"] == "number" {
            let texts = ["-1", "0", "0.5", "1.50", "1.49999", "2e0", "2.9999"];
            let mut end = || self.rng.choice(texts).unwrap_or("0");
            return match (end(), end()) {
                (min, max) if min == max => json!({"min": min}),
                (min, max) => json!({"min": min, "max": max}),
            };
        }
        let least = if kind == Kind::Count { 0 } else { -2 };
        match self.rng.u8(..3) {
            0 => json!({"min": self.rng.i64(least..3)}),
            1 => json!({"max": self.rng.i64(least..3)}),
            _ => json!({"min": self.rng.i64(least..2), "max": self.rng.i64(1..4)}),
        }
    }

    fn textual(&mut self, kind: Kind) -> Value {
        let mut pick = |texts: &[&'static str]| self.rng.choice(texts).copied();
        match kind {
            Kind::Like => {
                let patterns = [
                    "*", "a", "a*", "*@*", "Re: *", "\\*", "*a*b*", "/srv*", "\"*",
                ];
                json!({"pattern": pick(&patterns)})
            }
            Kind::EmailDomain => {
                let domains = ["customer.example", "Customer.example", "other.example"];
                json!({"values": [pick(&domains)]})
            }
            Kind::Host => {
                let hosts = ["api.example", "*.api.example", "10.1.2.3"];
                let except = ["api.example", "a.api.example"];
                except_some(json!({"hosts": [pick(&hosts)]}), pick(&except), self.rng)
            }
            Kind::Url => {
                let hosts = [
                    "api.example",
                    "api.example:443",
                    "*.api.example",
                    "*.api.example:8443",
                ];
                let mut spec = json!({"schemes": ["https"], "hosts": [pick(&hosts)]});
                let path = pick(&["/", "/v1", "/v1/x", ""]).filter(|path| !path.is_empty());
                if let Some(path) = path {
                    spec["path_prefix"] = json!(path);
                }
                let except = pick(&["api.example", "a.api.example", "b.api.example:8443"]);
                except_some(spec, except, self.rng)
            }
            Kind::Subpath => json!({"root": pick(&["/", "/srv", "/srv/reports"])}),
            _ => {
                let ranges = pick(&[
                    "10.0.0.0/8",
                    "10.1.0.0/16",
                    "10.1.2.3/32",
                    "0.0.0.0/0",
                    "10.128.0.0/9",
                    "2001:db8::/32",
                    "::/0",
                    "::ffff:10.0.0.0/104",
                    "public",
                ]);
                let except = pick(&["10.1.0.0/16", "::/64"]);
                except_some(json!({"ranges": [ranges]}), except, self.rng)
            }
        }
    }
}

/// A constraint that leaves something out, one time in three.
fn except_some(mut spec: Value, except: Option<&str>, rng: &mut Rng) -> Value {
    if rng.u8(..3) == 0 {
        spec["except"] = json!([except]);
    }
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
        "number" => {
            let units = Number::parse(&value.to_string())?.units(4)?;
            let text = canonical_text("decimal", &decimal_text(units, 4))?;
            json!({"__extn": {"fn": "decimal", "arg": text}})
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
        "number" => {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            serde_json::from_str(&Number::parse(&text)?.text()).ok()
        }
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
    let mut maker = Maker {
        kind_of,
        values,
        rng: &mut rng,
    };
    let spec = maker.make(kind, 0).to_string();
    let declaration = json!({"type": kind_of, "required": false, "money": null}).to_string();
    let spec = Document::parse(spec.as_bytes(), Profile::Signed).expect("a constraint");
    let declared = Document::parse(declaration.as_bytes(), Profile::Signed).expect("a type");
    let target = Target::argument("x", declared.root());
    let count = counts.entry(kind.name()).or_default();
    let found = constraint::examples(
        spec.root(),
        None,
        target.declared().holds_numbers(),
        &Steps::new(),
    );
    let examples = found.iter().flatten();
    let examples = examples.filter_map(|text| serde_json::from_str(text).ok());
    let values: Vec<Value> = values.iter().cloned().chain(examples).collect();
    there(spec.root(), &target, kind_of, &values, count);
    not_there(spec.root(), &target, kind_of);
}

fn matches(spec: Json<'_>, target: &Target<'_>, value: Option<&str>) -> bool {
    let read =
        value.map(|text| Document::parse(text.as_bytes(), Profile::Request).expect("a value"));
    let value = read.as_ref().map(Document::root);
    constraint::matches_declared(spec, value, Some(target.declared()), &Steps::new())
}

fn written(spec: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(spec);
    out.finish()
}

fn there(spec: Json<'_>, target: &Target<'_>, kind_of: &Value, values: &[Value], count: &mut Seen) {
    let bounds = present(spec, target);
    for value in values.iter().filter_map(|value| normal(value, kind_of)) {
        let text = value.to_string();
        let read = Document::parse(text.as_bytes(), Profile::Request).expect("a value");
        if !target.declared().admits(read.root()) {
            continue;
        }
        let matched = matches(spec, target, Some(&text));
        let context = json!({"x": seen(&value, kind_of)});
        let over = satisfied(&bounds.over, context.clone());
        let under = satisfied(&bounds.under, context);
        let what = || format!("{} and {value} of {kind_of}: {bounds:?}", written(spec));
        assert!(over || !matched, "matches, and is said not to: {}", what());
        assert!(
            matched || !under,
            "does not match, and is said to: {}",
            what()
        );
        count.exact += usize::from(bounds.is_exact());
        count.matched += usize::from(matched);
        count.missed += usize::from(!matched);
    }
}

fn not_there(spec: Json<'_>, target: &Target<'_>, kind_of: &Value) {
    let bounds = missing(spec, target);
    let absent = matches(spec, target, None);
    let null = kind_of["t"] != "json" && matches(spec, target, Some("null"));
    let (over, under) = (expr::constant(&bounds.over), expr::constant(&bounds.under));
    assert_eq!(over, Some(absent || null), "{}", written(spec));
    assert!(under == Some(false) || absent, "{}", written(spec));
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
