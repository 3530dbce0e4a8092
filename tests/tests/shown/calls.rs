//! Two calls that differ have texts that differ.

use std::cell::Cell;

use ambit_core::describe::whole;
use ambit_evaluator::{ChainCache, evaluate};
use ambit_policy::Bundle;
use ambit_tests::chain::{BlockSpec, Chain};
use ambit_tests::engine::{self, Question};
use ambit_tests::project::NOW;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::back::{Words, content_of, spelt};
use crate::world::{CASES, PURPOSES, places, policy_in_words, run, text, words};

#[test]
fn calls_that_differ_have_texts_that_differ() {
    let policy = policy_in_words();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let told_apart = Cell::new(0_u32);
    let twists = proptest::collection::vec((any::<Index>(), any::<u8>(), text()), 6);
    run((call(), twists), |(call, twists)| {
        for words in words() {
            let Some(one) = proposal(&bundle, &call, words.locale) else {
                return Ok(());
            };
            for (place, how, other) in &twists {
                let mut twisted = call.clone();
                twist(&mut twisted, place, *how, other);
                let Some(two) = proposal(&bundle, &twisted, words.locale) else {
                    continue;
                };
                let same = one.binding == two.binding;
                prop_assert_eq!(same, one.said() == two.said(), "{} and {}", call, twisted);
                told_apart.set(told_apart.get() + u32::from(!same));
            }
        }
        Ok(())
    });
    let count = told_apart.get();
    assert!(count > 1200, "the cases are too poor: {count}");
}

#[test]
fn the_text_of_a_call_is_whole_and_nothing_but_text() {
    let policy = policy_in_words();
    let bundle = Bundle::verify(policy.bundle()).unwrap_or_else(|error| panic!("{error}"));
    let shown = Cell::new(0_u32);
    run(call(), |call| {
        for words in words() {
            let Some(proposal) = proposal(&bundle, &call, words.locale) else {
                return Ok(());
            };
            shown.set(shown.get() + 1);
            for character in proposal.text.chars().filter(|one| !" \n".contains(*one)) {
                let alone = whole(&format!("x{character}x")).unwrap_or_default();
                prop_assert!(!alone.contains("\\u{"), "{:?}", proposal.text);
            }
            prop_assert_eq!(proposal.arguments(&words), said(&call), "{}", proposal.text);
        }
        Ok(())
    });
    assert!(shown.get() > CASES, "the cases are too poor");
}

/// The arguments, and what the one that refers to something refers to.
fn said(call: &Value) -> Value {
    let mut said = call["args"].clone();
    if said.get("path").is_some() {
        said[content_of("path")] = call["content"]["path"].clone();
    }
    spelt(&said)
}

#[test]
fn every_engine_shows_the_same() {
    let policy = policy_in_words();
    let mut engines = engine::start().unwrap_or_else(|why| panic!("{why}"));
    engines.load(&policy).unwrap_or_else(|why| panic!("{why}"));
    let mut runner = TestRunner::deterministic();
    for _ in 0..24 {
        let call = call().new_tree(&mut runner).expect("a call").current();
        for locale in ["en", "de"] {
            let request = request(&call, locale);
            let answer = engines.ask(&policy, Question::Evaluate(request.as_bytes()));
            answer.unwrap_or_else(|why| panic!("{call}: {why}"));
        }
    }
}

/// A call in the digest's words, but for what is the same in all.
fn call() -> impl Strategy<Value = Value> {
    let of = |text: BoxedStrategy<String>| text.prop_map(Value::from).boxed();
    let whole = || of(text().boxed());
    let optional = |value: BoxedStrategy<Value>| proptest::option::of(value);
    let numbers = proptest::collection::vec(-2_i64..30, 0..4).prop_map(|list| json!(list));
    let texts = proptest::collection::vec(text(), 0..4).prop_map(|list| json!(list));
    let line = (
        -200_000_i64..2_000_000,
        text(),
        proptest::option::of(text()),
    )
        .prop_map(|(price, sku, remark)| {
            let mut line = json!({"price": amount(price), "sku": sku});
            line.as_object_mut()
                .expect("an object")
                .extend(remark.map(|text| ("remark".to_owned(), text.into())));
            line
        });
    let lines = proptest::collection::vec(line, 0..3).prop_map(Value::from);
    let args = (
        optional(whole()),
        optional((0_i64..30_000).prop_map(Value::from).boxed()),
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
    let content = (text(), any::<bool>()).prop_map(|(text, digest)| {
        let mut content = json!({"text": format!("{text}x")});
        if digest {
            content["s256"] = ambit_tests::statement::s256(text.as_bytes()).into();
        }
        content
    });
    (args, content, id(), id(), id(), proptest::option::of(id()), select(PURPOSES)).prop_map(
        |(args, content, id, sub, version, tenant, purpose)| {
            let mut call = json!({
                "args": args, "content": {"path": content}, "id": id, "sub": sub, "purpose": purpose, "jti": "root-1",
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

fn request(call: &Value, locale: &str) -> String {
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
    let mut facts =
        json!({"now": NOW, "audience": call["aud"], "locale": locale, "content": call["content"]});
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
fn proposal(bundle: &Bundle<'_>, call: &Value, locale: &str) -> Option<Proposal> {
    let request = request(call, locale);
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
            .rsplit_once("\n- binding_s256: ")
            .expect("it ends with the digest");
        assert_eq!(digest, self.binding);
        said
    }

    /// The arguments, read back; numbers as they are spelt.
    fn arguments(&self, words: &Words) -> Value {
        let (_, behind) = self.text.split_once("\n\n").expect("two parts");
        let details = match words.locale {
            "de" => "Einzelheiten\n",
            _ => "Details\n",
        };
        if behind.starts_with(details) {
            return json!({});
        }
        let (arguments, behind) = behind.split_once("\n\n").expect("three parts");
        assert!(behind.starts_with(details), "{}", self.text);
        let mut lines = arguments.split('\n').peekable();
        let read = words.block(&mut lines, 0);
        assert_eq!(lines.next(), None, "{}", self.text);
        read
    }
}
