//! Consent texts: two capabilities read alike only if they mean the same, and no foreign text
//! changes anything outside its quotes.

mod generate;
mod meaning;
mod words;

use ambit_core::describe::{Locale, Told, is_label};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use generate::*;
use meaning::*;
use words::*;

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
            prop_assert_ne!(
                left.line(locale),
                right.line(locale),
                "{} and {}",
                one,
                other
            );
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
            if meaning(&entry(&one)) != meaning(&entry(&other)) {
                told_apart.set(told_apart.get() + 1);
                prop_assert_ne!(
                    left.line(locale),
                    right.line(locale),
                    "{} and {}",
                    one,
                    other
                );
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
        // A label that is nothing but words stands as it is; any other in quotes.
        let bare = is_label(&format!("{before}send"));
        let (hostile, plain) = (
            Words::new(&before),
            Words::new(if bare { &before } else { "." }),
        );
        for locale in Locale::ALL {
            let Ok(text) = told(&entry, &hostile, locale) else {
                continue;
            };
            shown.set(shown.get() + 1);
            let expected = told(&harmless(&entry, ""), &plain, locale);
            let Ok(expected) = expected else { continue };
            let sentences = |told: &Told| -> Vec<String> {
                // `*` in a pattern is explained, and a harmless pattern has none; of two people who
                // are called alike, one is named.
                let parts = told.items.iter().flat_map(|item| &item.parts);
                let lines = parts
                    .map(|part| part.text.as_str())
                    .chain([told.purpose.as_str()]);
                let mut shown: Vec<String> = Vec::new();
                for line in lines {
                    let text = skeleton(line)
                        .replace(" (* is any text)", "")
                        .replace(" (* steht für beliebigen Text)", "");
                    if !shown.contains(&text) {
                        shown.push(text);
                    }
                }
                shown
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
    told.map(|told| told.line(Locale::En)).unwrap_err()
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

#[test]
fn a_budget_is_said_of_what_it_counts() {
    let entry = |powers: &[&str]| {
        json!({
            "type": "ambit_capability", "actions": ["pay"], "privileges": powers, "datatypes": ["contact"],
            "purpose": "work",
            "constraints": {
                "amount": {"constraint_type": "range", "min": 1, "max": 500},
                "currency": {"constraint_type": "exact", "value": "EUR"},
            },
            "limits": [{"type": "spend", "max": 900, "decimals": 2, "currency": "EUR"}],
        })
    };
    let text = |powers: &[&str]| {
        let told = told(&entry(powers), &Words::new(""), Locale::En);
        told.unwrap().line(Locale::En)
    };
    assert!(text(&["execute"]).contains("5.00 EUR each, 9.00 EUR altogether"));
    for powers in [["observe", "draft"], ["draft", "draft"]] {
        let text = text(&powers);
        assert!(
            text.contains("5.00 EUR each") && !text.contains("altogether"),
            "{text}"
        );
    }
}

/// Whom a call waits for is said only where it is so for each call of what it is said of.
#[test]
fn who_is_asked_is_said_of_what_they_are_asked_for() {
    let consent = |action: &str, consent: Value| json!({"actions": [action], "privileges": ["draft", "propose", "execute"], "consent": consent});
    let entry = |actions: &[&str]| {
        json!({"type": "ambit_capability", "actions": actions, "privileges": ["execute"],
            "datatypes": ["contact"], "purpose": "work", "constraints": {"*": {"constraint_type": "wildcard"}}})
    };
    let (each, fay) = (
        json!("each"),
        json!({"approvers": ["user:fay"], "count": 1}),
    );
    for (actions, known, wanted) in [
        // Some calls wait for somebody, and others for nobody.
        (
            &["send"][..],
            json!([
                consent("send", json!("none")),
                consent("send", each.clone())
            ]),
            &["some only after an approval"][..],
        ),
        // One action, some calls of which wait for this person and others for that one.
        (
            &["send"],
            json!([consent("send", each.clone()), consent("send", fay.clone())]),
            &["each only after an approval"],
        ),
        // Each action waits for somebody else.
        (
            &["send", "weigh"],
            json!([consent("send", each), consent("weigh", fay.clone())]),
            &[
                "its user must approve each (send)",
                "\"user:fay\" must approve each (weigh)",
            ],
        ),
        (
            &["send", "weigh"],
            json!([consent("send", fay.clone()), consent("weigh", fay)]),
            &["\"user:fay\" must approve each"],
        ),
    ] {
        let told = told_beside(&entry(actions), &known, &Words::new(""), Locale::En).unwrap();
        let line = told.line(Locale::En);
        let said = line.split("; ").filter(|part| part.contains("appro"));
        assert_eq!(said.collect::<Vec<_>>(), wanted, "{known}: {line}");
    }
}

/// A budget counts what has a sum, and stands with it.
#[test]
fn a_budget_stands_where_it_counts() {
    let entry = json!({"type": "ambit_capability", "actions": ["send", "pay"], "privileges": ["draft", "execute"],
        "datatypes": ["contact"], "purpose": "work", "constraints": {"*": {"constraint_type": "wildcard"}},
        "limits": [{"type": "spend", "max": 500, "currency": "EUR", "decimals": 2}]});
    let known = json!([{"actions": ["pay"], "privileges": ["execute"], "consent": "each"}]);
    let told = told_beside(&entry, &known, &Words::new(""), Locale::En).unwrap();
    let line = told.line(Locale::En);
    assert!(
        line.contains("5.00 EUR altogether") && !line.contains("counted together"),
        "{line}"
    );
}
