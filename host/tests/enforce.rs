//! An answer is obeyed completely, or not at all.

use std::sync::{Arc, Mutex};

use ambit_host::{Discharge, Enforcer, NotDischarged, Obligation, Verdict};

/// Writes down what it was asked to do, and fails on request.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Discharge for Notes {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        let fails = obligation.ext.get("fail").is_some();
        self.0.lock().unwrap().push(obligation.id.to_owned());
        if fails {
            Err(NotDischarged::new("the budget is used up"))
        } else {
            Ok(())
        }
    }
}

fn answer(decision: &str, obligations: &str) -> String {
    format!(
        r#"{{"decision":{decision},"context":{{"reason":{{"code":"allowed"}},"obligations":{obligations}}}}}"#
    )
}

fn enforcer(notes: &Notes) -> Enforcer {
    Enforcer::new()
        .with("consume", notes.clone())
        .with("log", notes.clone())
}

fn code(verdict: &Verdict) -> String {
    let Verdict::Refused { answer, .. } = verdict else {
        return "permitted".into();
    };
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["decision"], false);
    answer["context"]["reason"]["code"].as_str().unwrap().into()
}

const CONSUME: &str = r#"{"id":"consume","type":"consume","ext":{}}"#;
const LOG: &str = r#"{"id":"log","type":"log","ext":{}}"#;
const FAILS: &str = r#"{"id":"fails","type":"consume","ext":{"fail":1}}"#;
const UNKNOWN: &str = r#"{"id":"new","type":"shred","ext":{}}"#;

#[test]
fn every_obligation_is_discharged_in_order() {
    let notes = Notes::default();
    let verdict = enforcer(&notes).enforce(&answer("true", &format!("[{CONSUME},{LOG}]")));
    let discharged = vec!["consume".to_owned(), "log".to_owned()];
    assert_eq!(
        verdict,
        Verdict::Permitted {
            discharged: discharged.clone()
        }
    );
    assert_eq!(*notes.0.lock().unwrap(), discharged);
}

#[test]
fn an_unknown_obligation_denies_before_anything_is_done() {
    let notes = Notes::default();
    let verdict = enforcer(&notes).enforce(&answer("true", &format!("[{CONSUME},{UNKNOWN}]")));
    assert_eq!(code(&verdict), "obligation.unknown");
    assert!(notes.0.lock().unwrap().is_empty());
    assert!(
        !Enforcer::new()
            .enforce(&answer("true", &format!("[{LOG}]")))
            .is_permitted()
    );
    assert!(
        Enforcer::new()
            .enforce(&answer("true", "[]"))
            .is_permitted()
    );
}

#[test]
fn an_obligation_that_fails_denies_and_stops() {
    let notes = Notes::default();
    let verdict = enforcer(&notes).enforce(&answer("true", &format!("[{LOG},{FAILS},{CONSUME}]")));
    assert_eq!(code(&verdict), "obligation.failed");
    let Verdict::Refused { discharged, .. } = verdict else {
        panic!()
    };
    assert_eq!(discharged, ["log"]);
    assert_eq!(*notes.0.lock().unwrap(), ["log", "fails"]);
}

#[test]
fn a_denial_stays_what_it_was() {
    let text = answer("false", "[]").replace("allowed", "capability.none");
    let verdict = Enforcer::new().enforce(&text);
    assert_eq!(code(&verdict), "capability.none");
    assert_eq!(
        verdict,
        Verdict::Refused {
            answer: text,
            discharged: Vec::new()
        }
    );
}

#[test]
fn what_is_not_an_answer_denies() {
    for text in [
        "",
        "true",
        "{}",
        r#"{"decision":"true"}"#,
        r#"{"decision":true}"#,
        r#"{"decision":true,"context":{}}"#,
        r#"{"decision":false,"decision":true,"context":{"obligations":[]}}"#,
        &answer("true", "{}"),
        &answer("true", "null"),
        &answer("true", "[1]"),
        &answer("true", r#"[{"id":"log","ext":{}}]"#),
        &answer("true", r#"[{"id":"log","type":"log"}]"#),
        &answer("1", "[]"),
    ] {
        let verdict = enforcer(&Notes::default()).enforce(text);
        assert_eq!(code(&verdict), "engine.trap", "{text}");
    }
}
