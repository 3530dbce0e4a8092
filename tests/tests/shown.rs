//! Shown is enforced: two calls or grants that differ in anything that their digest covers have texts
//! that differ beside the digest, and what a call's text says can be read back from it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::iter::Peekable;

use ambit_advice::describe;
use ambit_core::describe::whole;
use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::engine::{self, Question};
use ambit_tests::project::{NOW, SignedPolicy};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

const CASES: u32 = 500;
const PURPOSES: &[&str] = &["contract-renewal", "contract-renewal ", "audit"];

#[test]
fn calls_that_differ_have_texts_that_differ() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let told_apart = Cell::new(0_u32);
    let twists = proptest::collection::vec((any::<Index>(), any::<u8>(), text()), 6);
    run((call(), twists), |(call, twists)| {
        let Some(one) = proposal(&bundle, &call) else {
            return Ok(());
        };
        for (place, how, other) in &twists {
            let mut twisted = call.clone();
            twist(&mut twisted, place, *how, other);
            let Some(two) = proposal(&bundle, &twisted) else {
                continue;
            };
            let same = one.binding == two.binding;
            prop_assert_eq!(same, one.said() == two.said(), "{} and {}", call, twisted);
            told_apart.set(told_apart.get() + u32::from(!same));
        }
        Ok(())
    });
    let count = told_apart.get();
    assert!(count > 600, "the cases are too poor: {count}");
}

#[test]
fn the_text_of_a_call_is_whole_and_nothing_but_text() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let shown = Cell::new(0_u32);
    run(call(), |call| {
        let Some(proposal) = proposal(&bundle, &call) else {
            return Ok(());
        };
        shown.set(shown.get() + 1);
        for character in proposal.text.chars().filter(|one| !" \n".contains(*one)) {
            let alone = whole(&format!("x{character}x")).unwrap_or_default();
            prop_assert!(!alone.contains("\\u{"), "{:?}", proposal.text);
        }
        prop_assert_eq!(
            proposal.arguments(),
            spelt(&call["args"]),
            "{}",
            proposal.text
        );
        Ok(())
    });
    assert!(shown.get() > CASES / 2, "the cases are too poor");
}

#[test]
fn every_engine_shows_the_same() {
    let policy = policy();
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    engines.load(&policy).unwrap_or_else(|why| panic!("{why}"));
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let call = call().new_tree(&mut runner).expect("a call").current();
        let request = request(&call);
        let answer = engines.ask(&policy, Question::Evaluate(request.as_bytes()));
        answer.unwrap_or_else(|why| panic!("{call}: {why}"));
    }
}

#[test]
fn grants_that_differ_have_texts_that_differ() {
    let policy = policy();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let claims = claims();
    let told = |claims: &Value, locale: &str| -> Option<(Value, Value)> {
        let request = json!({"claims": claims, "locale": locale}).to_string();
        let answer = describe(&bundle, request.as_bytes());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let text = answer.get("text").cloned();
        text.map(|text| (text, answer["binding_s256"].clone()))
    };
    let mut members = BTreeSet::new();
    for locale in ["en", "de"] {
        let mut claims = claims.clone();
        if locale == "de" {
            // Reports have no German words.
            claims["authorization_details"]
                .as_array_mut()
                .expect("a list")
                .pop();
        }
        let (text, binding) = told(&claims, locale).unwrap_or_else(|| panic!("no text"));
        for place in places(&claims) {
            for how in 0..3 {
                let mut other = claims.clone();
                if !change(&mut other, &place, how) {
                    continue;
                }
                let Some((near, near_binding)) = told(&other, locale) else {
                    continue;
                };
                assert_ne!(binding, near_binding, "{place}: {other}");
                assert_ne!(text, near, "{place}: {other}");
                members.insert(place.clone());
            }
        }
    }
    // Every claim that can be changed and still has a text was, down to the last member.
    let unchanged: Vec<String> = leaves(&claims)
        .into_iter()
        .filter(|leaf| !members.contains(leaf) && !NAMES.iter().any(|name| leaf.contains(name)))
        .collect();
    assert_eq!(unchanged, [""; 0]);
}

/// Words of the vocabulary and of the grammar: another in their place is no grant at all.
const NAMES: &[&str] = &[
    "/type",
    "/constraint_type",
    "/actions/",
    "/privileges/",
    "/datatypes/",
    "/decimals",
    "/schemes/",
];

/// The claims of a root in which everything is said that can be.
fn claims() -> Value {
    json!({
        "iss": "https://broker.acme.example", "sub": "user:8f1c2d", "tenant": "acme",
        "aud": ["https://mail.acme.example", "https://crm.acme.example"],
        "exp": NOW + 600, "txn": "t-1", "client_id": "https://agents.acme.example/renewal-bot",
        "act": {"sub": "spiffe://acme.example/agent/renewal-bot/i-7f3a", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
        "agent": {
            "uid": "renewal-bot", "instance_uid": "i-7f3a", "version": "3.2.0", "env": "prod",
            "ai_model": {"ai_provider": "ExampleAI", "name": "example-large", "version": "2026-05-01"},
        },
        "cnf": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}},
        "acr": "urn:acme:loa:2", "amr": ["hwk", "mfa"], "auth_time": NOW - 60,
        "policy": {"uid": "acme/agents", "version": 42, "s256": "A".repeat(43), "exact": true},
        "del_depth": 0, "del_max_depth": 1,
        "authorization_details": [
            {
                "type": "ambit_capability", "actions": ["refund"], "privileges": ["propose", "execute"],
                "datatypes": ["contract"], "identifier": "account/1042", "purpose": "contract-renewal",
                "locations": ["https://crm.acme.example", "https://b.example"],
                "constraints": {
                    "amount": {"constraint_type": "range", "min": 1, "max": 20000},
                    "currency": {"constraint_type": "one_of", "values": ["EUR", "CHF"]},
                    "note": {"constraint_type": "optional", "constraint": {"constraint_type": "like", "pattern": "Re: *"}},
                },
                "limits": [
                    {"type": "spend", "max": 50000, "currency": "EUR", "decimals": 2},
                    {"type": "use_limit", "max": 3},
                ],
                "requires": {"acr": ["urn:acme:loa:2"], "max_age": 300, "approval": {"approvers": ["user:lead-1", "user:lead-2"], "count": 1}},
            },
            {
                "type": "ambit_capability", "actions": ["export"], "privileges": ["draft"],
                "datatypes": ["report"], "purpose": "audit",
                "constraints": {
                    "path": {"constraint_type": "subpath", "root": "/srv/reports"},
                    "callback": {"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example"], "path_prefix": "/a"},
                    "address": {"constraint_type": "cidr", "ranges": ["10.0.0.0/8", "192.0.2.0/24"]},
                    "copies": {"constraint_type": "any", "constraints": [{"constraint_type": "exact", "value": 1}, {"constraint_type": "range", "min": 5, "max": 9}]},
                    "marked": {"constraint_type": "exact", "value": true},
                    "tags": {"constraint_type": "all", "constraints": [{"constraint_type": "count", "min": 1, "max": 4}, {"constraint_type": "subset", "values": ["a", "b"]}, {"constraint_type": "contains", "values": ["a"]}]},
                    "pages": {"constraint_type": "each", "constraint": {"constraint_type": "not_one_of", "excluded": [7]}},
                    "lines": {"constraint_type": "count", "min": 1, "max": 3},
                    "*": {"constraint_type": "wildcard"},
                },
                "requires": {"approval": true, "max_age": 60},
            },
        ],
    })
}

fn places(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    pointers(value, "", &mut out);
    out
}

fn leaves(value: &Value) -> Vec<String> {
    let leaf = |place: &String| {
        let one = value.pointer(place);
        one.is_some_and(|one| !one.is_array() && !one.is_object())
    };
    places(value).into_iter().filter(leaf).collect()
}

fn pointers(value: &Value, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    let mut inside = |name: String, one: &Value| pointers(one, &format!("{path}/{name}"), out);
    match value {
        Value::Array(list) => {
            let list = list.iter().enumerate();
            list.for_each(|(at, one)| inside(at.to_string(), one));
        }
        Value::Object(members) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            members
                .iter()
                .for_each(|(name, one)| inside(escaped(name), one));
        }
        _ => {}
    }
}

/// Another value in this place, or none.
fn change(claims: &mut Value, place: &str, how: u8) -> bool {
    if how == 2 {
        let Some((parent, name)) = place.rsplit_once('/') else {
            return false;
        };
        return match claims.pointer_mut(parent) {
            Some(Value::Object(members)) => members.shift_remove(name).is_some(),
            Some(Value::Array(list)) if list.len() > 1 => {
                list.remove(name.parse().expect("an index"));
                true
            }
            _ => false,
        };
    }
    let Some(value) = claims.pointer_mut(place) else {
        return false;
    };
    let changed = match (&*value, how) {
        (Value::String(text), 0) => json!(format!("{text}x")),
        // The same, but for what cannot be seen.
        (Value::String(text), _) => json!(format!("{text}\u{200b}")),
        (Value::Number(number), 0) => json!(number.as_i64().expect("an integer") + 1),
        (Value::Bool(value), 0) => json!(!value),
        _ => return false,
    };
    *value = changed;
    true
}

fn run<S: Strategy>(inputs: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&inputs, test);
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The policy `acme`, in which reports may be proposed with any arguments.
fn policy() -> SignedPolicy {
    let entry = |purpose: &&str| {
        json!({
            "type": "ambit_capability", "actions": ["export"], "privileges": ["propose"],
            "datatypes": ["report"], "purpose": purpose, "constraints": {"*": {"constraint_type": "wildcard"}},
        })
    };
    let entries: Vec<Value> = PURPOSES.iter().map(entry).collect();
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: vec![json!({
            "key": "broker-1", "kid": "broker-1", "iss": "https://broker.acme.example",
            "alg": "Ed25519", "signs": "cap+jwt",
        })],
        bundle: Some(json!({
            "actions": {"export": {"powers": ["observe", "draft", "propose", "execute"], "irreversible": true}},
            "manifests": {"renewal-bot": {"capabilities": entries, "models": null, "environments": null}},
        })),
    };
    SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"))
}

/// A call in the digest's words, but for what is the same in all.
fn call() -> impl Strategy<Value = Value> {
    let of = |text: BoxedStrategy<String>| text.prop_map(Value::from).boxed();
    let whole = || of(text().boxed());
    let optional = |value: BoxedStrategy<Value>| proptest::option::of(value);
    let numbers = proptest::collection::vec(-2_i64..30, 0..4).prop_map(|list| json!(list));
    let texts = proptest::collection::vec(text(), 0..4).prop_map(|list| json!(list));
    let line = (-200_i64..20_000, text(), proptest::option::of(text())).prop_map(
        |(price, sku, remark)| {
            let mut line = json!({"price": amount(price), "sku": sku});
            line.as_object_mut()
                .expect("an object")
                .extend(remark.map(|text| ("remark".to_owned(), text.into())));
            line
        },
    );
    let lines = proptest::collection::vec(line, 0..3).prop_map(Value::from);
    let args = (
        optional(whole()),
        optional((0_i64..30).prop_map(Value::from).boxed()),
        optional(any::<bool>().prop_map(Value::from).boxed()),
        optional(texts.boxed()),
        optional(numbers.boxed()),
        optional(any_json().boxed()),
        optional(whole()),
        optional(lines.boxed()),
    )
        .prop_map(
            |(path, copies, marked, tags, pages, options, owner, lines)| {
                let names = [
                    "path", "copies", "marked", "tags", "pages", "options", "owner", "lines",
                ];
                let values = [path, copies, marked, tags, pages, options, owner, lines];
                let given = names.into_iter().zip(values);
                let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
                Value::Object(given.collect())
            },
        );
    let id = || text().prop_map(|text| format!("x{text}"));
    (args, id(), id(), id(), proptest::option::of(id()), select(PURPOSES)).prop_map(
        |(args, id, sub, version, tenant, purpose)| {
            let mut call = json!({
                "args": args, "id": id, "sub": sub, "purpose": purpose, "jti": "root-1",
                "aud": "https://mail.acme.example",
                "act": {"sub": "spiffe://acme.example/a", "iss": "https://idp.acme.example", "sub_profile": "ai_agent"},
                "agent": {"uid": "renewal-bot", "instance_uid": "i-1", "version": version, "env": "prod", "ai_model": {"ai_provider": "a", "name": "b"}},
            });
            call.as_object_mut().expect("an object").extend(tenant.map(|text| ("tenant".to_owned(), text.into())));
            call
        },
    )
}

/// Money as JSON has it, with two decimals.
fn amount(minor: i64) -> Value {
    let text = ambit_core::decimal_text(minor, 2);
    serde_json::from_str(&text).expect("a number")
}

/// Texts that try to look like something else.
fn text() -> impl Strategy<Value = String> {
    const TEXTS: &[&str] = &[
        "a",
        "A",
        "",
        " ",
        "a b",
        "a  b",
        "a ",
        "5",
        "5.00",
        "null",
        "true",
        "`",
        "a`b",
        "\\",
        "\\u{a}",
        "\n",
        "a\n- path: `b`",
        "a\nRisk: low",
        "` (x",
        "\" (x)",
        "\u{202e}a",
        "a\u{200b}",
        "a\u{ad}",
        "\u{2800}",
        "\u{3164}",
        "a\u{301}",
        "\u{e1}",
        "a\u{301}\u{301}\u{301}\u{301}\u{301}",
        "\u{301}",
        "\u{feff}",
        "\u{e0041}",
        "a\u{a0}b",
        "\u{2028}",
        "\u{ff40}",
        "an empty list",
        "日本",
        "\u{1f469}\u{200d}\u{1f4bb}",
    ];
    prop_oneof![
        8 => select(TEXTS).prop_map(str::to_owned),
        1 => (100_usize..140).prop_map(|long| "x".repeat(long)),
        2 => "[ab`\"\\\\ \n\u{301}\u{202d}]{0,6}",
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => text().prop_map(Value::from),
        2 => (-2_i64..8).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The smallest changes: of one sign, one number, one element, one member, one type.
fn twist(call: &mut Value, place: &Index, how: u8, other: &str) {
    let places = places(call);
    let place: &String = place.get(&places);
    let value = call.pointer_mut(place).expect("it is there");
    match value {
        Value::String(text) => match how % 5 {
            0 => text.push_str(other),
            1 => *text = format!("{other}{text}"),
            2 => *text = text.to_uppercase(),
            3 => *value = json!([text]),
            _ => drop(text.pop()),
        },
        Value::Number(number) => match number.as_i64() {
            Some(number) if how.is_multiple_of(2) => *value = json!(number + 1),
            _ => *value = json!(number.to_string()),
        },
        Value::Bool(flag) if how.is_multiple_of(2) => *value = json!(!*flag),
        Value::Array(list) => match how % 4 {
            0 => drop(list.pop()),
            1 => list.reverse(),
            2 => list.extend(list.first().cloned()),
            _ => *value = json!([list]),
        },
        Value::Object(members) => {
            let at = usize::from(how) % members.len().max(1);
            let name = members.keys().nth(at).cloned();
            let gone = name.and_then(|name| members.shift_remove(&name));
            if how.is_multiple_of(2) {
                members.extend(gone.map(|gone| (other.to_owned(), gone)));
            }
        }
        _ => *value = other.into(),
    }
}

fn request(call: &Value) -> String {
    let entry = |purpose: &&str| {
        json!({
            "type": "ambit_capability", "actions": ["export"], "privileges": ["propose"],
            "datatypes": ["report"], "purpose": purpose, "constraints": {"*": {"constraint_type": "wildcard"}},
        })
    };
    let entries: Vec<Value> = PURPOSES.iter().map(entry).collect();
    let mut claims = json!({
        "iss": "https://broker.acme.example", "sub": call["sub"], "aud": [call["aud"]], "iat": NOW - 10, "exp": NOW + 600,
        "jti": call["jti"], "act": call["act"], "agent": call["agent"], "authorization_details": entries,
        "del_depth": 0, "del_max_depth": 0,
    });
    let mut facts = json!({"now": NOW, "audience": call["aud"]});
    if let Some(tenant) = call.get("tenant") {
        claims["tenant"] = tenant.clone();
        facts["tenant"] = tenant.clone();
    }
    let chain = Chain::build(&claims, &BlockSpec::default(), &[], &[]);
    let chain = chain.unwrap_or_else(|why| panic!("{why}"));
    let request = json!({
        "evaluation": {
            "action": {"name": "export", "properties": {"power": "propose", "args": call["args"]}},
            "resource": {"type": "report", "id": call["id"]},
            "context": {"purpose": call["purpose"]},
        },
        "token": chain.text(None), "facts": facts,
    });
    request.to_string()
}

struct Proposal {
    binding: String,
    text: String,
}

/// What is put before a person, if the call may be proposed.
fn proposal(bundle: &Bundle<'_>, call: &Value) -> Option<Proposal> {
    let request = request(call);
    let answer = evaluate(bundle, request.as_bytes(), &mut ChainCache::new());
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    let ext = &answer["context"]["obligations"].get(0)?["ext"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Proposal {
        binding: text(&ext["binding_s256"])?,
        text: text(&ext["display"]["text"])?,
    })
}

impl Proposal {
    /// The text but for the digest.
    fn said(&self) -> &str {
        let (said, digest) = self
            .text
            .rsplit_once("\nCall: ")
            .expect("it ends with the digest");
        assert_eq!(digest, self.binding);
        said
    }

    /// The arguments, read back; numbers as they are spelt.
    fn arguments(&self) -> Value {
        let lines = self
            .text
            .lines()
            .skip_while(|line| !line.starts_with("At: "));
        let lines = lines
            .skip(1)
            .skip_while(|line| line.starts_with("Tenant: "));
        let mut lines = lines
            .take_while(|line| line.starts_with(['-', ' ']))
            .peekable();
        let read = block(&mut lines, 0);
        assert_eq!(lines.next(), None, "{}", self.text);
        if read.is_null() { json!({}) } else { read }
    }
}

/// A value with every number as the text that stands for it, members sorted.
fn spelt(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!({"number": number.to_string()}),
        Value::Array(list) => list.iter().map(spelt).collect(),
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
            let spelt = sorted
                .into_iter()
                .map(|(name, one)| (name.clone(), spelt(one)));
            Value::Object(spelt.collect())
        }
        other => other.clone(),
    }
}

/// The lines at this depth: members, or elements in their order.
fn block<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> Value {
    let place = "  ".repeat(depth);
    let mut members = Map::new();
    let mut list: Vec<Value> = Vec::new();
    while let Some(line) = lines.next_if(|line| {
        let rest = line.strip_prefix(&place);
        rest.is_some_and(|rest| !rest.starts_with(' '))
    }) {
        let line = &line[place.len()..];
        if let Some(line) = line.strip_prefix("- ") {
            let (name, rest) = name(line);
            let value = value(rest.strip_prefix(':').expect(line), lines, depth + 1);
            assert!(members.insert(name, value).is_none(), "{line}");
        } else {
            let (number, rest) = line.split_once('.').expect(line);
            assert_eq!(number, (list.len() + 1).to_string());
            list.push(value(rest, lines, depth + 1));
        }
    }
    match (members.is_empty(), list.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => list.into(),
        (false, true) => members.into(),
        (false, false) => panic!("members and elements together"),
    }
}

fn value<'t>(
    rest: &str,
    lines: &mut Peekable<impl Iterator<Item = &'t str>>,
    depth: usize,
) -> Value {
    let Some(rest) = rest.strip_prefix(' ') else {
        assert_eq!(rest, "");
        return block(lines, depth);
    };
    match rest {
        "an empty list" => json!([]),
        "an empty record" => json!({}),
        "null" => Value::Null,
        "true" => json!(true),
        "false" => json!(false),
        _ if rest.starts_with('`') => {
            let (text, rest) = quoted(rest, '`');
            assert_eq!(rest, "");
            text.into()
        }
        number => {
            let number = number.strip_suffix(" copies").unwrap_or(number);
            json!({"number": number})
        }
    }
}

/// A name, behind its label if it has one.
fn name(line: &str) -> (String, &str) {
    if !line.starts_with('"') {
        let (name, _) = line.split_once(':').expect(line);
        return (name.to_owned(), &line[name.len()..]);
    }
    let (text, rest) = quoted(line, '"');
    let Some(inner) = rest.strip_prefix(" (") else {
        return (text, rest);
    };
    let (name, rest) = inner.split_once(')').expect(line);
    (name.to_owned(), rest)
}

/// The text between quotes, escapes undone, and what stands behind it.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut out = String::new();
    let mut rest = text.strip_prefix(quote).expect(text);
    loop {
        let first = rest.chars().next().expect(text);
        rest = &rest[first.len_utf8()..];
        if first == quote {
            return (out, rest);
        }
        if first != '\\' {
            out.push(first);
        } else if let Some(code) = rest.strip_prefix("u{") {
            let (code, after) = code.split_once('}').expect(text);
            let code = u32::from_str_radix(code, 16).expect(text);
            out.push(char::from_u32(code).expect(text));
            rest = after;
        } else {
            let escaped = rest.chars().next().expect(text);
            out.push(escaped);
            rest = &rest[escaped.len_utf8()..];
        }
    }
}
