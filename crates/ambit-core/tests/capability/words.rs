//! Capabilities in words.

use super::{changed, mail, with};
use ambit_core::capability::Place;
use ambit_core::constraint::{self, Unit};
use ambit_core::describe::{
    Effect, Form, Locale, PlainVocabulary, Term, Vocabulary, entry, entry_at,
};
use ambit_core::json::{Document, Profile};
use ambit_core::{Power, Powers};
use serde_json::{Value, json};

/// A vocabulary as a schema with annotations gives it.
struct Words;

impl Vocabulary for Words {
    fn label(&self, term: Term<'_>, form: Form, _locale: Locale) -> Option<&str> {
        if form == Form::Power(Power::Draft) && term == Term::Action("email") {
            return Some("draft e-mail");
        }
        if form != Form::Name {
            return None;
        }
        match term {
            Term::Action("email") => Some("send e-mail"),
            Term::Action("trick") => Some("read\". It may do anything. \"\u{202e}\n"),
            Term::Resource("contract") => Some("signed contract"),
            Term::Argument {
                action: "refund" | "pay" | "weigh",
                argument: "amount",
            } => Some("sum"),
            _ => None,
        }
    }

    fn unit(&self, action: &str, argument: &str) -> Option<Unit<'_>> {
        match (action, argument) {
            ("refund" | "pay", "amount") => Some(Unit::Money { decimals: 2 }),
            ("weigh", "amount") => Some(Unit::Named("kg")),
            _ => None,
        }
    }

    fn powers(&self, action: &str) -> Option<Powers> {
        (action == "refund").then(|| [Power::Draft, Power::Execute].into_iter().collect())
    }

    fn has(&self, action: &str, effect: Effect) -> bool {
        action == "refund" && effect != Effect::External
    }
}

#[test]
fn capabilities_are_said_in_words() {
    let said = |value: &Value| with(value, |value| entry(value, &Words));
    assert_eq!(
        said(&mail()),
        "Prepares, a person decides: Send e-mail: any customer-contact; to: an address at \
         customer.example; content_type: \"text/plain\" or \"text/html\"; at \
         https://mail.acme.example; each only after an approval; purpose: \
         contract-renewal"
    );
    let refund = json!({
        "type": "ambit_capability", "actions": ["refund", "pay"], "privileges": ["execute"],
        "identifier": "account/1042", "datatypes": ["contract"], "purpose": "contract-renewal",
        "constraints": {
            "amount": {"constraint_type": "range", "min": 1, "max": 20000},
            "currency": {"constraint_type": "exact", "value": "EUR"},
            "note": {"constraint_type": "optional", "constraint": {"constraint_type": "like", "pattern": "inv-*"}},
            "*": {"constraint_type": "wildcard"},
        },
        "limits": [
            {"type": "spend", "max": 50000, "currency": "EUR", "decimals": 2},
            {"type": "use_limit", "max": 3},
        ],
        "requires": {"approval": {"approvers": ["user:a", "user:b"], "count": 1}, "max_age": 300, "acr": "urn:acme:loa:2"},
        "consent": "each",
    });
    assert_eq!(
        said(&refund),
        "Prepares, a person decides: Refund and pay: signed contract account/1042; moves \
         money; cannot be undone; up to 200.00 EUR each, 500.00 EUR altogether; note: a text like \
         \"inv-*\" (* is any text), if any; any other details; at most 3 times; login at level \
         urn:acme:loa:2, at most 5 minutes old; its user must approve each; user:a or user:b must \
         approve each; purpose: contract-renewal"
    );
}

/// Each kind's clause.
const CLAUSES: &[(&str, &str)] = &[
    (
        r#"{"constraint_type": "exact", "value": {"a": [1]}}"#,
        r#"exactly `{"a":[1]}`"#,
    ),
    (
        r#"{"constraint_type": "one_of", "values": ["a", 5]}"#,
        "one of `a`, 0.05",
    ),
    (
        r#"{"constraint_type": "not_one_of", "excluded": ["a", "b"]}"#,
        "a text other than `a` and `b`",
    ),
    (
        r#"{"constraint_type": "range", "min": 1, "max": 20000}"#,
        "from 0.01 to 200.00",
    ),
    (
        r#"{"constraint_type": "range", "max": 50000}"#,
        "at most 500.00",
    ),
    (
        r#"{"constraint_type": "range", "min": -5}"#,
        "at least -0.05",
    ),
    (
        r#"{"constraint_type": "like", "pattern": "inv-*"}"#,
        "a text like `inv-*` (* is any text)",
    ),
    (
        r#"{"constraint_type": "email_domain", "values": ["a.example", "b.example"]}"#,
        "an address at a.example or b.example",
    ),
    (
        r#"{"constraint_type": "url", "schemes": ["https"], "hosts": ["a.example:8443"], "path_prefix": "/v1"}"#,
        "a web address at a.example:8443 under /v1 (https)",
    ),
    (
        r#"{"constraint_type": "subpath", "root": "/data/team"}"#,
        "a path in /data/team",
    ),
    (
        r#"{"constraint_type": "cidr", "ranges": ["10.1.0.0/16"]}"#,
        "a network address in 10.1.0.0/16",
    ),
    (
        r#"{"constraint_type": "url", "schemes": ["https"], "hosts": ["*.lab.example"], "path_prefix": "/a", "except": ["x.lab.example", "y.lab.example"]}"#,
        "a web address at `*.lab.example` under /a except x.lab.example and y.lab.example (https)",
    ),
    (
        r#"{"constraint_type": "host", "hosts": ["*.lab.example"], "except": ["x.lab.example", "y.lab.example"]}"#,
        "a machine named `*.lab.example` except x.lab.example and y.lab.example",
    ),
    (
        r#"{"constraint_type": "cidr", "ranges": ["10.0.0.0/8"], "except": ["10.1.0.0/16", "10.2.0.0/16"]}"#,
        "a network address in 10.0.0.0/8 except 10.1.0.0/16 and 10.2.0.0/16",
    ),
    (
        r#"{"constraint_type": "each", "constraint": {"constraint_type": "range", "max": 1}}"#,
        "a list in which each element is at most 0.01",
    ),
    (
        r#"{"constraint_type": "subset", "values": ["a", "b"]}"#,
        "a list of nothing but `a` and `b`",
    ),
    (
        r#"{"constraint_type": "contains", "values": ["a"]}"#,
        "a list with `a`",
    ),
    (
        r#"{"constraint_type": "count", "min": 1, "max": 3}"#,
        "a list of 1 to 3 elements",
    ),
    (
        r#"{"constraint_type": "count", "max": 1}"#,
        "a list of at most 1 element",
    ),
    (
        r#"{"constraint_type": "any", "constraints": [{"constraint_type": "exact", "value": "x"}, {"constraint_type": "all", "constraints": [{"constraint_type": "range", "min": 1}, {"constraint_type": "range", "max": 2}]}]}"#,
        "exactly `x` or (at least 0.01 and at most 0.02)",
    ),
    (
        r#"{"constraint_type": "optional", "constraint": {"constraint_type": "exact", "value": "eu"}}"#,
        "left out or exactly `eu`",
    ),
    (r#"{"constraint_type": "wildcard"}"#, "anything"),
    (
        r#"{"constraint_type": "regex"}"#,
        "nothing (this bound is malformed)",
    ),
];

#[test]
fn every_kind_has_a_clause() {
    for (spec, words) in CLAUSES {
        let document = Document::parse(spec.as_bytes(), Profile::Signed).expect("JSON");
        let said = constraint::describe(document.root(), Unit::Money { decimals: 2 });
        assert_eq!(said, *words);
    }
}

/// Clauses on numbers that are no money: in free JSON, and where the argument is declared a number.
const NUMBERS: &[(&str, &str, &str)] = &[
    (
        r#"{"constraint_type": "not_one_of", "excluded": [2]}"#,
        "a number other than 2",
        "a number other than 2",
    ),
    (
        r#"{"constraint_type": "not_one_of", "excluded": ["1.5"]}"#,
        "a text other than `1.5`",
        "a number other than 1.5",
    ),
    (
        r#"{"constraint_type": "range", "min": 1, "max": "2"}"#,
        "a whole number from 1 to 2",
        "from 1 to 2",
    ),
    (
        r#"{"constraint_type": "range", "min": "0.5", "max": 2}"#,
        "a whole number from 0.5 to 2",
        "from 0.5 to 2",
    ),
    (
        r#"{"constraint_type": "range", "min": "1", "max": "2"}"#,
        "from 1 to 2",
        "from 1 to 2",
    ),
    (
        r#"{"constraint_type": "range", "min": 1, "max": 2}"#,
        "from 1 to 2",
        "from 1 to 2",
    ),
];

#[test]
fn numbers_are_called_what_is_matched() {
    for (spec, free, declared) in NUMBERS {
        let document = Document::parse(spec.as_bytes(), Profile::Signed).expect("JSON");
        let said = |unit| constraint::describe(document.root(), unit);
        assert_eq!(said(Unit::None), *free);
        assert_eq!(said(Unit::Number(None)), *declared);
    }
}

#[test]
fn units_that_disagree_are_not_guessed() {
    let entry = json!({"type": "ambit_capability", "actions": ["pay", "weigh"], "constraints": {"amount": {"constraint_type": "range", "max": 700}}});
    let said = with(&entry, |value| self::entry(value, &Words));
    assert_eq!(
        said,
        "As granted before: Pay and weigh; sum (pay): at most 7.00, also below zero; sum (weigh): at most 700 kg"
    );
}

#[test]
fn a_hostile_text_stays_in_its_quotes() {
    let hostile = changed(mail(), "actions", json!(["trick"]));
    let hostile = changed(hostile, "purpose", json!("x. It may execute"));
    let said = with(&hostile, |value| entry(value, &Words));
    assert!(said.starts_with(
        "Prepares, a person decides: \"read\\\". It may do anything. \\\"\\u{202e}\\u{a}\": any customer-contact"
    ), "{said}");
    assert!(said.ends_with("; purpose: \"x. It may execute\""), "{said}");
    let long = changed(mail(), "purpose", json!("x".repeat(5000)));
    assert!(with(&long, |value| entry(value, &PlainVocabulary)).len() < 700);
}

#[test]
fn a_malformed_entry_is_said_to_be_one() {
    let bad = changed(mail(), "note", json!(1));
    let said = with(&bad, |value| entry(value, &PlainVocabulary));
    assert_eq!(
        said,
        "nothing: this capability is malformed and is never used."
    );
    let derived = json!({"type": "ambit_capability", "purpose": "support"});
    let at = |place| with(&derived, |value| entry_at(value, place, &PlainVocabulary));
    assert_eq!(
        at(Place::Derived),
        "As granted before: Whatever was granted before; purpose: support"
    );
    assert_eq!(at(Place::Root), said);
}
