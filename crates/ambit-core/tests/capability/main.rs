//! Matching whole entries, and what is said about them.

mod words;

use ambit_core::capability::{
    Ask, Mismatch, Place, broken, match_entry, powers_for, purposes_for, select, unnamed,
    well_formed,
};
use ambit_core::constraint::{Arguments, Declared};
use ambit_core::json::{Document, Json, Profile};
use ambit_core::{Power, Reason, Steps};
use serde_json::{Value, json};

fn with<T>(value: &Value, then: impl FnOnce(Json<'_>) -> T) -> T {
    let text = value.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
    then(document.root())
}

fn mail() -> Value {
    json!({
        "type": "ambit_capability",
        "actions": ["email"],
        "privileges": ["draft", "propose"],
        "locations": ["https://mail.acme.example"],
        "datatypes": ["customer-contact"],
        "purpose": "contract-renewal",
        "constraints": {
            "to": {"constraint_type": "email_domain", "values": ["customer.example"]},
            "content_type": {"constraint_type": "one_of", "values": ["text/plain", "text/html"]},
        },
    })
}

/// The entry with one member set, or taken out by `null`'s absence.
fn changed(mut entry: Value, name: &str, value: Value) -> Value {
    entry[name] = value;
    entry
}

fn without(mut entry: Value, name: &str) -> Value {
    entry.as_object_mut().expect("an object").shift_remove(name);
    entry
}

fn args() -> Value {
    json!({"to": "ann@customer.example", "content_type": "text/plain"})
}

struct Schema;

impl Arguments for Schema {
    fn declared(&self, name: &str) -> Option<Declared<'_>> {
        (name != "undeclared").then_some(Declared::ANYTHING)
    }
}

fn ask(args: Json<'_>) -> Ask<'_> {
    Ask {
        action: "email",
        power: Power::Draft,
        approved: false,
        location: Some("https://mail.acme.example"),
        datatype: Some("customer-contact"),
        identifier: Some("c-7"),
        purpose: "contract-renewal",
        args,
        now: 0,
        utc_offsets: None,
        declared: &Schema,
    }
}

/// What comes out of matching, as a word.
fn outcome(entry: &Value, place: Place, args: &Value, edit: impl Fn(&mut Ask<'_>)) -> String {
    with(entry, |entry| {
        with(args, |args| {
            let mut ask = ask(args);
            edit(&mut ask);
            match match_entry(entry, place, &ask, &Steps::new()) {
                Ok(()) => "ok".to_owned(),
                Err(Mismatch::Unnamed { argument }) => format!("unnamed {argument}"),
                Err(Mismatch::Constraint { argument, .. }) => format!("constraint {argument}"),
                Err(other) => format!("{other:?}").to_lowercase(),
            }
        })
    })
}

#[test]
fn an_entry_matches_what_it_names() {
    let at = |edit: fn(&mut Ask<'_>)| outcome(&mail(), Place::Root, &args(), edit);
    assert_eq!(at(|_| {}), "ok");
    assert_eq!(at(|ask| ask.power = Power::Propose), "ok");
    assert_eq!(at(|ask| ask.power = Power::Execute), "power");
    assert_eq!(at(|ask| ask.power = Power::Observe), "power");
    assert_eq!(at(|ask| ask.action = "Email"), "action");
    assert_eq!(at(|ask| ask.location = None), "location");
    assert_eq!(
        at(|ask| ask.location = Some("https://mail.acme.example/")),
        "location"
    );
    assert_eq!(at(|ask| ask.datatype = None), "datatype");
    assert_eq!(at(|ask| ask.datatype = Some("payroll")), "datatype");
    assert_eq!(at(|ask| ask.identifier = None), "ok");
    assert_eq!(at(|ask| ask.purpose = "marketing"), "purpose");
    let one = changed(mail(), "identifier", json!("c-7"));
    assert_eq!(outcome(&one, Place::Root, &args(), |_| {}), "ok");
    assert_eq!(
        outcome(&one, Place::Root, &args(), |ask| ask.identifier = None),
        "identifier"
    );
    assert_eq!(
        outcome(&one, Place::Root, &args(), |ask| ask.identifier =
            Some("c-8")),
        "identifier"
    );
}

#[test]
fn arguments_are_bounded() {
    let at = |args: Value| outcome(&mail(), Place::Root, &args, |_| {});
    assert_eq!(
        at(json!({"to": "ann@customer.example"})),
        "constraint content_type"
    );
    assert_eq!(
        at(json!({"to": "a@b.example", "content_type": "text/plain"})),
        "constraint to"
    );
    let more =
        json!({"to": "ann@customer.example", "content_type": "text/plain", "bcc": "e@e.example"});
    assert_eq!(at(more.clone()), "unnamed bcc");
    assert_eq!(
        outcome(
            &without(mail(), "constraints"),
            Place::Root,
            &args(),
            |_| {}
        ),
        "unnamed to"
    );
    assert_eq!(
        outcome(
            &without(mail(), "constraints"),
            Place::Root,
            &json!({}),
            |_| {}
        ),
        "ok"
    );
    // A derived entry says nothing about what it does not name.
    assert_eq!(outcome(&mail(), Place::Derived, &more, |_| {}), "ok");
    assert_eq!(
        outcome(
            &json!({"type": "ambit_capability"}),
            Place::Derived,
            &more,
            |_| {}
        ),
        "ok"
    );
}

#[test]
fn the_wildcard_name_covers_declared_arguments_of_a_root() {
    let star = |value: Value| {
        let mut entry = mail();
        entry["constraints"]["*"] = value;
        entry
    };
    let entry = star(json!({"constraint_type": "wildcard"}));
    let more = |name: &str| {
        let mut args = args();
        args[name] = json!(1);
        args
    };
    assert_eq!(outcome(&entry, Place::Root, &more("bcc"), |_| {}), "ok");
    assert_eq!(outcome(&entry, Place::Manifest, &more("bcc"), |_| {}), "ok");
    assert_eq!(
        outcome(&entry, Place::Root, &more("undeclared"), |_| {}),
        "unnamed undeclared"
    );
    // It lifts no bound, needs no argument, and stands nowhere else.
    let broken = json!({"to": "a@b.example", "content_type": "text/plain"});
    assert_eq!(
        outcome(&entry, Place::Root, &broken, |_| {}),
        "constraint to"
    );
    assert_eq!(
        outcome(&entry, Place::Derived, &args(), |_| {}),
        "malformed"
    );
    for other in [
        json!({"constraint_type": "like", "pattern": "*"}),
        json!({"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}}),
        json!({"constraint_type": "wildcard", "value": 1}),
        json!(null),
    ] {
        assert_eq!(
            outcome(&star(other), Place::Root, &args(), |_| {}),
            "malformed"
        );
    }
}

#[test]
fn a_root_entry_is_complete() {
    for name in ["type", "actions", "privileges", "purpose"] {
        let entry = without(mail(), name);
        assert_eq!(
            outcome(&entry, Place::Root, &args(), |_| {}),
            "malformed",
            "{name}"
        );
        let derived = outcome(&entry, Place::Derived, &args(), |_| {});
        assert_eq!(
            derived,
            if name == "type" { "malformed" } else { "ok" },
            "{name}"
        );
    }
    let bare = without(without(mail(), "locations"), "datatypes");
    assert_eq!(outcome(&bare, Place::Root, &args(), |_| {}), "malformed");
    assert_eq!(
        outcome(&bare, Place::Manifest, &args(), |_| {}),
        "malformed"
    );
    assert_eq!(
        outcome(&without(mail(), "locations"), Place::Root, &args(), |_| {}),
        "ok"
    );
    assert_eq!(
        outcome(&without(mail(), "type"), Place::Manifest, &args(), |_| {}),
        "ok"
    );
    let other = changed(mail(), "type", json!("urn:other:thing:1"));
    for place in [Place::Root, Place::Derived, Place::Manifest] {
        assert_eq!(outcome(&other, place, &args(), |_| {}), "malformed");
    }
}

/// Members that make a root entry malformed.
const BAD: &[(&str, &str)] = &[
    ("actions", "[]"),
    ("actions", "null"),
    ("actions", r#""email""#),
    ("actions", r#"["email", 1]"#),
    ("privileges", "[]"),
    ("privileges", r#"["draft", "admin"]"#),
    ("privileges", r#"["Draft"]"#),
    ("locations", "[]"),
    ("datatypes", "[null]"),
    ("identifier", "null"),
    ("identifier", r#"["c-7"]"#),
    ("purpose", r#"["contract-renewal"]"#),
    ("purpose", "null"),
    ("constraints", "[]"),
    ("constraints", "null"),
    ("constraints", r#"{"to": {"constraint_type": "regex"}}"#),
    ("limits", "[]"),
    ("limits", "{}"),
    ("limits", "[{}]"),
    ("limits", r#"[{"type": "other", "max": 1}]"#),
    ("limits", r#"[{"type": "use_limit"}]"#),
    ("limits", r#"[{"type": "use_limit", "max": -1}]"#),
    (
        "limits",
        r#"[{"type": "use_limit", "max": 1, "currency": "EUR"}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR"}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": 10}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": -1}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": 2, "argument": null}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": 2, "window": 60}]"#,
    ),
    ("requires", "{}"),
    ("requires", "[]"),
    ("requires", r#"{"approval": false}"#),
    ("requires", r#"{"approval": {"approvers": [], "count": 1}}"#),
    (
        "requires",
        r#"{"approval": {"approvers": ["user:a"], "count": 0}}"#,
    ),
    ("requires", r#"{"approval": {"approvers": ["user:a"]}}"#),
    ("requires", r#"{"acr": []}"#),
    ("requires", r#"{"max_age": -1}"#),
    ("requires", r#"{"mfa": true}"#),
    ("consent", r#""once""#),
    ("note", r#""x""#),
];

/// Members that a root entry may have.
const GOOD: &[(&str, &str)] = &[
    ("privileges", r#"["draft", "draft"]"#),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": 2, "argument": "fee"}]"#,
    ),
    (
        "limits",
        r#"[{"type": "spend", "max": 1, "currency": "EUR", "decimals": 2, "currency_argument": "cur"}]"#,
    ),
    ("limits", r#"[{"type": "use_limit", "max": 1}]"#),
    (
        "requires",
        r#"{"approval": true, "acr": "urn:a", "max_age": 0}"#,
    ),
    ("requires", r#"{"acr": ["urn:a", "urn:b"]}"#),
    (
        "requires",
        r#"{"approval": {"approvers": ["user:a", "user:b"], "count": 2}}"#,
    ),
    ("constraints", "{}"),
];

/// What a manifest may say about consent.
const CONSENT: &[(&str, bool)] = &[
    (r#""none""#, true),
    (r#""each""#, true),
    (r#"{"approvers": ["user:a"], "count": 1}"#, true),
    (r#""always""#, false),
    ("null", false),
    (r#"{"approvers": ["user:a"], "count": 1, "of": 2}"#, false),
];

#[test]
fn a_capability_has_at_most_eight_limits() {
    for (count, fits) in [(8, true), (9, false)] {
        let limits = json!(vec![json!({"type": "use_limit", "max": 1}); count]);
        for place in [Place::Root, Place::Derived] {
            let entry = changed(mail(), "limits", limits.clone());
            let formed = with(&entry, |entry| well_formed(entry, place));
            assert_eq!(formed, fits, "{count} {place:?}");
        }
    }
}

fn is_well_formed(name: &str, value: &str, place: Place) -> bool {
    let entry = changed(mail(), name, serde_json::from_str(value).expect("JSON"));
    with(&entry, |entry| well_formed(entry, place))
}

#[test]
fn members_have_one_shape() {
    for (name, value) in BAD {
        assert!(!is_well_formed(name, value, Place::Root), "{name}: {value}");
    }
    for (name, value) in GOOD {
        assert!(is_well_formed(name, value, Place::Root), "{name}: {value}");
    }
    for (consent, expected) in CONSENT {
        assert_eq!(
            is_well_formed("consent", consent, Place::Manifest),
            *expected,
            "{consent}"
        );
    }
}

#[test]
fn an_entry_has_at_most_32_constraints() {
    let constraints = |count: usize| -> String {
        let names = (0..count).map(|at| (format!("a{at}"), json!({"constraint_type": "wildcard"})));
        Value::from(names.collect::<serde_json::Map<_, _>>()).to_string()
    };
    assert!(is_well_formed("constraints", &constraints(32), Place::Root));
    assert!(!is_well_formed(
        "constraints",
        &constraints(33),
        Place::Root
    ));
}

#[test]
fn the_first_match_or_the_nearest_miss() {
    let wrong_purpose = changed(mail(), "purpose", json!("marketing"));
    let other = changed(mail(), "actions", json!(["refund"]));
    let malformed = changed(mail(), "note", json!(1));
    let two_broken = json!({"to": "a@b.example", "content_type": "x"});
    let chosen = |entries: Value, args: &Value, power: Power| {
        with(&entries, |entries| {
            with(args, |args| {
                let mut ask = ask(args);
                ask.power = power;
                let entries = entries.elements().enumerate();
                select(entries, Place::Root, &ask, &Steps::new())
                    .map_err(|(index, miss)| (index, miss.reason()))
            })
        })
    };
    let all = json!([other, malformed, wrong_purpose, mail(), mail()]);
    assert_eq!(chosen(all.clone(), &args(), Power::Draft), Ok(3));
    assert_eq!(
        chosen(all, &args(), Power::Execute),
        Err((3, Reason::CapabilityPower))
    );
    let misses = json!([other, malformed, wrong_purpose]);
    assert_eq!(
        chosen(misses, &args(), Power::Draft),
        Err((2, Reason::CapabilityPurpose))
    );
    assert_eq!(
        chosen(json!([]), &args(), Power::Draft),
        Err((0, Reason::CapabilityNone))
    );
    // Of two entries with broken constraints the one with fewer is nearer.
    let mut loose = mail();
    loose["constraints"]["content_type"] = json!({"constraint_type": "wildcard"});
    assert_eq!(
        chosen(json!([mail(), loose]), &two_broken, Power::Draft),
        Err((1, Reason::ConstraintEmailDomain))
    );
    assert_eq!(
        chosen(
            json!([mail()]),
            &json!({"content_type": "text/plain"}),
            Power::Draft
        ),
        Err((0, Reason::ConstraintMissing))
    );
}

#[test]
fn what_is_held_is_known() {
    let entries = json!([
        mail(),
        changed(mail(), "privileges", json!(["observe"])),
        changed(
            changed(mail(), "purpose", json!("support")),
            "privileges",
            json!(["execute"])
        ),
        changed(mail(), "actions", json!(["refund"])),
        changed(mail(), "note", json!(1)),
    ]);
    with(&entries, |entries| {
        with(&args(), |args| {
            let ask = ask(args);
            let powers = powers_for(entries.elements(), Place::Root, &ask);
            let held: Vec<&str> = powers.iter().map(Power::name).collect();
            assert_eq!(held, ["observe", "draft", "propose"]);
            let purposes = purposes_for(entries.elements(), Place::Root, &ask);
            assert_eq!(purposes, ["contract-renewal", "support"]);
        });
    });
}

#[test]
fn everything_broken_is_listed() {
    let args = json!({"to": "a@b.example", "bcc": 1});
    with(&mail(), |entry| {
        with(&args, |args| {
            let ask = ask(args);
            let broken = broken(entry, &ask, &Steps::new());
            let names: Vec<_> = broken
                .iter()
                .map(|(name, _, value)| (*name, value.is_some()))
                .collect();
            assert_eq!(names, [("to", true), ("content_type", false)]);
            assert_eq!(unnamed(entry, &ask), ["bcc"]);
        });
    });
}

#[test]
fn without_steps_nothing_matches() {
    let entry = changed(
        mail(),
        "constraints",
        json!({
            "to": {"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}},
        }),
    );
    with(&entry, |entry| {
        with(&json!({}), |args| {
            let steps = Steps::new();
            assert!(!steps.take(usize::MAX));
            assert!(match_entry(entry, Place::Derived, &ask(args), &steps).is_err());
            assert!(match_entry(entry, Place::Derived, &ask(args), &Steps::new()).is_ok());
        });
    });
}
