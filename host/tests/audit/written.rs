//! What stands in the log, and that what cannot be written denies.

use std::sync::{Arc, Mutex};

use ambit_core::json::Json;
use ambit_host::audit::check;
use ambit_host::{Entry, Journal, Verdict};
use serde_json::{Value, json};

use crate::world::{NOW, ORIGIN, answer, enforcer, keys, lines, open};

#[test]
fn a_decision_and_what_became_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let enforcer = enforcer(Arc::new(open(&path).unwrap()));
    assert!(enforcer.enforce(&answer(true, "pay", 1)).is_permitted());
    assert!(enforcer.enforce(&answer(true, "log", 2)).is_permitted());
    assert!(!enforcer.enforce(&answer(true, "fail", 3)).is_permitted());
    assert!(!enforcer.enforce(&answer(true, "shred", 4)).is_permitted());
    assert!(!enforcer.enforce(&answer(false, "", 5)).is_permitted());
    assert!(!enforcer.enforce("nonsense").is_permitted());

    let lines = lines(&path);
    let told: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            (
                line["type"].as_str().unwrap(),
                line["data"]["status_code"].as_str().unwrap(),
            )
        })
        .collect();
    let (decision, discharge) = ("dev.ambit.decision.v1", "dev.ambit.discharge.v1");
    assert_eq!(
        told,
        [
            (decision, "allowed"),
            (discharge, "allowed"),
            (decision, "allowed"),
            (discharge, "allowed"),
            (decision, "allowed"),
            (discharge, "obligation.failed"),
            (decision, "allowed"),
            (discharge, "obligation.unknown"),
            (decision, "capability.none"),
            (decision, "engine.trap"),
        ]
    );
    let (first, second) = (&lines[0], &lines[1]);
    assert_eq!(
        (&first["specversion"], &first["id"], &first["source"]),
        (&json!("1.0"), &json!("1"), &json!(ORIGIN))
    );
    assert_eq!(first["time"], "2026-02-25T06:20:00Z");
    assert_eq!(first["data"]["time"], json!(NOW * 1000));
    assert_eq!(first["data"]["api"]["operation"], "email");
    assert_eq!(first["data"]["actor"]["user"]["uid"], "user:ann");
    assert_eq!(first["data"]["unmapped"]["record"]["resource"]["id"], "c-1");
    assert_eq!(second["data"]["unmapped"]["decision"], "1");
    assert_eq!(second["data"]["unmapped"]["discharged"], json!(["pay"]));
    assert_eq!(second["data"]["unmapped"]["verdict"], "permitted");
    let report = check(&path, &keys()).unwrap();
    assert_eq!(
        (report.lines, report.unsigned(), report.torn.len()),
        (10, 0, 0)
    );
}

/// A journal that fails at one of its two calls.
struct Full {
    at_end: bool,
    asked: Mutex<u32>,
}

impl Journal for Full {
    fn decided(&self, _: Json<'_>) -> Result<Entry, String> {
        *self.asked.lock().unwrap() += 1;
        if self.at_end {
            Ok(Entry {
                number: 1,
                hash: [0; 32],
            })
        } else {
            Err("the disk is full".to_owned())
        }
    }

    fn ended(&self, _: &Entry, _: &Verdict) -> Result<(), String> {
        Err("the disk is full".to_owned())
    }
}

#[test]
fn what_cannot_be_written_denies() {
    for at_end in [false, true] {
        let journal = Arc::new(Full {
            at_end,
            asked: Mutex::new(0),
        });
        let verdict = enforcer(journal.clone()).enforce(&answer(true, "pay", 1));
        let Verdict::Refused {
            answer: text,
            discharged,
        } = verdict
        else {
            panic!("permitted without a log");
        };
        assert!(
            text.contains("obligation.failed") && text.contains("the disk is full"),
            "{text}"
        );
        assert_eq!(discharged.is_empty(), !at_end);
    }
    // A `log` that wants more than is known here.
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(&folder.path().join("log")).unwrap());
    let more = answer(true, "log", 1).replace(r#""ext":{}"#, r#""ext":{"to":"somewhere"}"#);
    let Verdict::Refused { answer: text, .. } = enforcer(log).enforce(&more) else {
        panic!("permitted");
    };
    assert!(text.contains("obligation.unknown"));
}

#[test]
fn one_process_writes_at_a_time_and_goes_on_where_the_last_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for round in 1..=3 {
        let log = open(&path).unwrap();
        if round == 3 {
            assert_eq!(open(&path).unwrap_err().code(), "audit.locked");
        }
        assert!(
            enforcer(Arc::new(log))
                .enforce(&answer(true, "pay", round))
                .is_permitted()
        );
        assert_eq!(check(&path, &keys()).unwrap().lines, 2 * round as u64);
    }
    let ids: Vec<Value> = lines(&path).iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn eight_threads_write_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let enforcer = enforcer(Arc::new(open(&path).unwrap()));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let enforcer = &enforcer;
            scope.spawn(move || {
                for number in 0..5 {
                    assert!(
                        enforcer
                            .enforce(&answer(true, "pay", 10 * thread + number))
                            .is_permitted()
                    );
                }
            });
        }
    });
    assert_eq!(check(&path, &keys()).unwrap().lines, 80);
}

#[test]
fn what_does_not_fit_into_a_line_leaves_its_digests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let enforcer = enforcer(Arc::new(open(&path).unwrap()));
    let long = "R".repeat(300_000);
    let with = |text: String| text.replace(r#""id":"c-1""#, &format!(r#""id":"{long}""#));
    // A denial stays what it is.
    let Verdict::Refused { answer: told, .. } = enforcer.enforce(&with(answer(false, "", 1)))
    else {
        panic!("permitted");
    };
    assert!(told.contains("capability.none"));
    // An allow that cannot be written down whole is none, and that it was asked is written down.
    assert!(
        !enforcer
            .enforce(&with(answer(true, "pay", 1)))
            .is_permitted()
    );
    // Answers of no evaluator of ours: without a record, or with one of no canonical form.
    for broken in [
        r#"{"decision":false,"context":{}}"#,
        r#"{"decision":false}"#,
        r#"{"decision":false,"context":{"reason":{"code":7},"record":{"now":1.5}}}"#,
        "nonsense",
        "",
        r#"{"decision":1}"#,
    ] {
        assert!(!enforcer.enforce(broken).is_permitted(), "{broken}");
    }
    let lines = lines(&path);
    let codes: Vec<&str> = lines
        .iter()
        .map(|line| line["data"]["status_code"].as_str().unwrap())
        .collect();
    let failed = "obligation.failed";
    assert_eq!(
        codes,
        [
            "capability.none",
            failed,
            failed,
            failed,
            failed,
            "engine.trap",
            "engine.trap",
            "engine.trap"
        ]
    );
    let first = &lines[0]["data"];
    assert_eq!(first["action"], "Denied");
    assert_eq!(first["actor"]["user"]["uid"], "user:ann");
    assert_eq!(first["unmapped"]["args_s256"], "x");
    assert!(first["unmapped"]["record_s256"].is_string());
    assert!(first["resources"][0].get("uid").is_none());
    assert_eq!(check(&path, &keys()).unwrap().unsigned(), 0);
}
