//! The policy, and texts that try to look like something else.

use crate::back::Words;
use ambit_tests::case::PolicySpec;
use ambit_tests::project::SignedPolicy;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

pub(crate) const CASES: u32 = 500;

pub(crate) const PURPOSES: &[&str] = &["contract-renewal", "contract-renewal ", "audit"];

pub(crate) fn run<S: Strategy>(inputs: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&inputs, test);
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// What the arguments are called. Of those that share what they are called, nothing is listed: their names
/// stand behind it. In German one is called as another is named.
pub(crate) fn words() -> [Words; 2] {
    let english = [
        ("path", "file"),
        ("copies", "copies"),
        ("tags", "tags"),
        ("pages", "pages"),
        ("options", "options"),
        ("lines", "lines"),
        ("price", "price"),
        ("sku", "item"),
        ("remark", "remark"),
    ];
    let german = [
        ("path", "Datei"),
        ("copies", "Anzahl"),
        ("options", "weitere Angaben"),
        ("lines", "Zeilen"),
        ("price", "Preis"),
    ];
    [
        Words {
            locale: "en",
            labels: english.into(),
        },
        Words {
            locale: "de",
            labels: german.into(),
        },
    ]
}

/// The policy `acme`, in which reports may be proposed with any arguments.
pub(crate) fn policy() -> SignedPolicy {
    policy_with(&json!({}))
}

/// The same with [`words`].
pub(crate) fn policy_in_words() -> SignedPolicy {
    let german = |label: &str| json!({"labels": {"de": label}});
    policy_with(&json!({
        "labels": {"de": "Bericht ausgeben"},
        "args": {
            "marked": {"label": "owner", "labels": {"de": "owner"}},
            "path": {"labels": {"de": "Datei"}, "content": true},
            "copies": german("Anzahl"),
            "options": german("weitere Angaben"),
            "tags": german("Liste"),
            "pages": german("Liste"),
            "lines": {"labels": {"de": "Zeilen"}, "type": {"of": {"attrs": {"price": german("Preis")}}}},
        },
    }))
}

fn policy_with(patch: &Value) -> SignedPolicy {
    let mut export =
        json!({"powers": ["observe", "draft", "propose", "execute"], "irreversible": true});
    ambit_tests::data::merge(&mut export, patch);
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
            "actions": {"export": export},
            "manifests": {"renewal-bot": {"capabilities": entries, "models": null, "environments": null}},
        })),
    };
    SignedPolicy::make(&spec).unwrap_or_else(|why| panic!("{why}"))
}

/// Texts that try to look like something else.
pub(crate) fn text() -> impl Strategy<Value = String> {
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
        "a\n  Content: \"b\"",
        "a\n\nDetails\n- Low risk",
        "a\n| b",
        "| a",
        "|\n",
        "a\r\nb\r\n",
        "a\r\nb\n",
        "a\r\nb\r",
        "\r",
        "a\n\n",
        "  a\n b ",
        "a                        b\n",
        "1.000",
        "eine leere Liste",
        " (lines end with CR LF)",
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
        2 => "[ab`\"\\\\ |\r\n\u{301}\u{202d}]{0,6}",
    ]
}

pub(crate) fn places(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    pointers(value, "", &mut out);
    out
}

pub(crate) fn leaves(value: &Value) -> Vec<String> {
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
