//! The log: what stands in it, that a crash loses nothing, and that a change is found and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_core::json::Json;
use ambit_host::audit::{
    AuditError, AuditLog, Checkpoint, Late, NoteKey, check, checkpoints_path, merkle, prove,
    verify_proof,
};
use ambit_host::{Discharge, Enforcer, Entry, Journal, NotDischarged, Obligation, Signer, Verdict};
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};

const ORIGIN: &str = "mail.example/audit";
const NOW: i64 = 1_772_000_400;

struct Key(SigningKey);

impl Key {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn note_key(&self) -> NoteKey {
        NoteKey::new(ORIGIN, self.public()).unwrap()
    }
}

impl Signer for Key {
    fn name(&self) -> &str {
        "audit-1"
    }

    fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.0.sign(message).to_bytes())
    }
}

fn open(path: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(path, ORIGIN, Arc::new(Key::new(5)), Box::new(|| NOW))
}

fn keys() -> [NoteKey; 1] {
    [Key::new(5).note_key()]
}

/// An answer with a record; the obligation `pay` succeeds, `fail` does not.
fn answer(decision: bool, obligation: &str, number: usize) -> String {
    let obligations = match obligation {
        "" => json!([]),
        kind => json!([{"id": kind, "type": kind, "ext": {}}]),
    };
    let code = if decision {
        "allowed"
    } else {
        "capability.none"
    };
    json!({"decision": decision, "context": {
        "reason": {"code": code, "user": "", "admin": ""}, "obligations": obligations, "remedy": {}, "policies": [],
        "record": {
            "action": "email", "actor": {"iss": null, "sub": "spiffe://a/1"}, "args_s256": "x", "audience": "https://mail.example",
            "now": NOW, "policy": {"s256": "y", "uid": "acme/agents", "version": 3}, "power": "execute", "purpose": "p",
            "resource": {"id": format!("c-{number}"), "type": "Contact"}, "subject": "user:ann", "v": "ambit-record-1",
        },
    }})
    .to_string()
}

struct Done;

impl Discharge for Done {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        Ok(())
    }
}

struct Fails;

impl Discharge for Fails {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        Err(NotDischarged::new("used up"))
    }
}

fn enforcer(journal: Arc<dyn Journal>) -> Enforcer {
    Enforcer::new()
        .with("pay", Done)
        .with("fail", Fails)
        .log(journal)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A log of `count` denials.
fn filled(folder: &Path, count: usize) -> PathBuf {
    let path = folder.join("audit.jsonl");
    let enforcer = enforcer(Arc::new(open(&path).unwrap()));
    for number in 0..count {
        assert!(!enforcer.enforce(&answer(false, "", number)).is_permitted());
    }
    path
}

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
fn a_torn_last_line_is_found_kept_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    // A fourth line, as far as it came; and one of which only zeros came, with its end.
    let mut zeros = vec![0; 40];
    zeros.push(b'\n');
    for torn in [
        &whole[last..last + 1],
        &whole[last..last + 300],
        &whole[last..whole.len() - 1],
        &zeros[..],
    ] {
        fs::write(&path, [&whole, torn].concat()).unwrap();
        let notes = fs::read(checkpoints_path(&path)).unwrap();
        let report = check(&path, &keys()).unwrap();
        assert_eq!((report.lines, report.torn.as_slice()), (3, torn));
        let log = open(&path).unwrap();
        let mended = &lines(&path)[3];
        assert_eq!(mended["type"], "dev.ambit.mended.v1");
        let kept = mended["data"]["unmapped"]["torn"].as_str().unwrap();
        assert_eq!(
            ambit_token::base64url::decode(kept.as_bytes()).unwrap(),
            torn
        );
        assert!(
            enforcer(Arc::new(log))
                .enforce(&answer(true, "pay", 9))
                .is_permitted()
        );
        assert_eq!(check(&path, &keys()).unwrap().lines, 6);
        fs::write(checkpoints_path(&path), notes).unwrap();
    }
}

#[test]
fn a_crash_between_a_line_and_its_checkpoint_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3);
    let side = checkpoints_path(&path);
    let notes = fs::read_to_string(&side).unwrap();
    let second = notes.match_indices("\n\n").nth(3).unwrap().0 + 2;
    // The third note is torn, or not there at all.
    for end in [second, second + 1, notes.len() - 10, notes.len() - 1] {
        fs::write(&side, &notes[..end]).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(check(&path, &keys()).unwrap().unsigned(), 1);
        drop(open(&path).unwrap());
        let report = check(&path, &keys()).unwrap();
        assert_eq!((report.lines, report.unsigned()), (4, 0));
        assert_eq!(lines(&path)[3]["data"]["unmapped"]["unsigned"], true);
        fs::write(&path, before).unwrap();
    }
    // Two lines without a checkpoint are not what a crash leaves.
    let first = notes.match_indices("\n\n").nth(1).unwrap().0 + 2;
    fs::write(&side, &notes[..first]).unwrap();
    assert_eq!(open(&path).unwrap_err().code(), "audit.unsigned");
    fs::remove_file(&side).unwrap();
    assert_eq!(open(&path).unwrap_err().code(), "audit.unsigned");
}

/// The log without the last `count` checkpoints.
fn without_notes(path: &Path, count: usize) -> String {
    let side = checkpoints_path(path);
    let notes = fs::read_to_string(side).unwrap();
    let ends: Vec<usize> = notes.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    // Two empty lines a note.
    let kept = ends.len() - 2 * count;
    notes[..kept.checked_sub(1).map_or(0, |last| ends[last])].to_owned()
}

fn late(from: u64, to: u64, said_by: u64) -> Late {
    Late { from, to, said_by }
}

/// Whoever can write the file, and has no key, rewrites the last line while nobody writes to the log.
#[test]
fn a_last_line_that_was_rewritten_is_never_signed_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 4);
    let side = checkpoints_path(&path);
    let fourth = check(&path, &keys()).unwrap().signed.unwrap();
    let (whole, notes) = (
        fs::read_to_string(&path).unwrap(),
        fs::read_to_string(&side).unwrap(),
    );
    fs::write(&side, without_notes(&path, 1)).unwrap();
    fs::write(&path, relinked(&whole, 4)).unwrap();
    // The next start goes on, and whoever verifies is told, for good.
    for round in 0..3_u64 {
        let log = open(&path).unwrap();
        let verdict = enforcer(Arc::new(log)).enforce(&answer(false, "", 9));
        assert!(!verdict.is_permitted());
        let report = check(&path, &keys()).unwrap();
        assert_eq!((report.lines, report.unsigned()), (6 + round, 0));
        assert_eq!(report.late, [late(4, 4, 5)]);
        assert!(!report.extends(&fourth), "the checkpoint that was dropped");
    }
    let words = lines(&path)[4]["data"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        words,
        "line 4 had no checkpoint when the log was opened: signed late"
    );
    assert_eq!(prove(&path, &keys(), 4).unwrap_err().code(), "audit.late");
    assert!(prove(&path, &keys(), 5).is_ok());

    // A line that a crash left unsigned and nobody changed is late as well; a checkpoint that the
    // process made and somebody kept elsewhere clears it.
    fs::write(&side, &notes).unwrap();
    fs::write(&side, without_notes(&path, 1)).unwrap();
    fs::write(&path, &whole).unwrap();
    drop(open(&path).unwrap());
    let report = check(&path, &keys()).unwrap();
    assert_eq!(report.late, [late(4, 4, 5)]);
    assert!(report.extends(&fourth) && report.late[0].cleared_by(&fourth));
    assert!(!report.late[0].cleared_by(report.signed.as_ref().unwrap()));
    // A line added behind the last is found in the same way.
    let five = fs::read_to_string(&path).unwrap();
    let last = five.lines().last().unwrap();
    let mut event: Value = serde_json::from_str(whole.lines().last().unwrap()).unwrap();
    event["id"] = json!("6");
    let previous = merkle::leaf_hash(last.as_bytes());
    event["previous"] = json!(ambit_token::base64url::encode(&previous));
    fs::write(&path, format!("{five}{event}\n")).unwrap();
    drop(open(&path).unwrap());
    let report = check(&path, &keys()).unwrap();
    assert_eq!(report.late, [late(4, 4, 5), late(6, 6, 7)]);
}

/// Every place at which a process can end, while it writes and while it opens the log again.
#[test]
fn a_crash_at_any_byte_is_told_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 2);
    let side = checkpoints_path(&path);
    let copy = || (fs::read(&path).unwrap(), fs::read(&side).unwrap());
    let two = copy();
    drop(enforcer(Arc::new(open(&path).unwrap())).enforce(&answer(false, "", 3)));
    let three = copy();
    // The third line written to its n-th byte; then all of it and the note to its n-th.
    let line = (two.0.len()..=three.0.len()).map(|end| (end, two.1.len()));
    let note = (two.1.len()..three.1.len()).map(|end| (three.0.len(), end));
    let crashes: Vec<(usize, usize)> = line.step_by(97).chain(note.step_by(13)).collect();
    for (line_end, note_end) in crashes {
        let reset = || {
            fs::write(&path, &three.0[..line_end]).unwrap();
            fs::write(&side, &three.1[..note_end]).unwrap();
        };
        reset();
        drop(open(&path).unwrap());
        let opened = copy();
        let is_late = line_end == three.0.len();
        let is_torn = !is_late && line_end > two.0.len();
        let report = check(&path, &keys()).unwrap();
        let expected = if is_late { vec![late(3, 3, 4)] } else { vec![] };
        assert_eq!(report.late, expected, "{line_end} {note_end}");
        // Whoever opened it ends, too: when its line is there and the note is not, or is torn.
        if is_late || is_torn {
            for note_end in [note_end, opened.1.len() - 9] {
                reset();
                fs::write(&path, &opened.0).unwrap();
                fs::write(&side, &opened.1[..note_end]).unwrap();
                drop(open(&path).unwrap());
                let report = check(&path, &keys()).unwrap();
                assert_eq!(report.unsigned(), 0);
                let last = report.late.last().unwrap();
                assert!(last.from == 3 && last.to + 1 == last.said_by, "{last:?}");
            }
        }
        assert!(
            enforcer(Arc::new(open(&path).unwrap()))
                .enforce(&answer(true, "pay", 4))
                .is_permitted()
        );
    }
}

#[test]
fn a_checkpoint_torn_at_any_byte_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 2);
    let side = checkpoints_path(&path);
    let whole = fs::read(&side).unwrap();
    let lines = check(&path, &keys()).unwrap().lines;
    let start = whole.len() - whole.len() / usize::try_from(lines).unwrap();
    for end in start..whole.len() {
        fs::write(&side, &whole[..end]).unwrap();
        let report = check(&path, &keys());
        let report = report.unwrap_or_else(|error| panic!("{end}: {error}"));
        assert!(report.unsigned() <= 1, "{end}");
    }
    // In the middle of a character.
    let dash = whole.iter().rposition(|byte| *byte == 0xe2).unwrap();
    fs::write(&side, &whole[..=dash]).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(check(&path, &keys()).unwrap().unsigned(), 0);
    // What is no note and has no end is not read to its end.
    fs::write(&side, [&whole[..], &[b'x'; 100_000]].concat()).unwrap();
    assert_eq!(
        check(&path, &keys()).unwrap_err().code(),
        "audit.checkpoint"
    );
}

#[test]
fn checkpoints_never_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 4);
    let side = checkpoints_path(&path);
    let notes = fs::read_to_string(&side).unwrap();
    let ends: Vec<usize> = notes.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    let note = |number: usize| {
        let start = match number {
            1 => 0,
            _ => ends[2 * number - 3],
        };
        &notes[start..ends[2 * number - 1]]
    };
    for (order, number) in [
        (&[1, 3, 2, 4][..], 3),
        (&[2, 1], 2),
        (&[1, 2, 3, 4, 1], 5),
        (&[4, 3], 2),
    ] {
        let text: String = order.iter().map(|number| note(*number)).collect();
        fs::write(&side, text).unwrap();
        match check(&path, &keys()) {
            Err(AuditError::Checkpoint { number: found, .. }) => assert_eq!(found, number),
            other => panic!("{order:?}: {other:?}"),
        }
        assert_eq!(open(&path).unwrap_err().code(), "audit.checkpoint");
    }
    // The same one twice, or some left out, is not going back.
    for order in [&[1, 1, 2, 4, 4][..], &[4]] {
        let text: String = order.iter().map(|number| note(*number)).collect();
        fs::write(&side, text).unwrap();
        assert_eq!(check(&path, &keys()).unwrap().unsigned(), 0, "{order:?}");
    }
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

fn named(path: &Path) -> (u64, u64) {
    match check(path, &keys()) {
        Err(AuditError::Changed { from, to, .. }) => (from, to),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_changed_line_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 6);
    let (whole, side) = (fs::read_to_string(&path).unwrap(), checkpoints_path(&path));
    let notes = fs::read_to_string(&side).unwrap();
    for number in 1..=6_usize {
        let from = format!("c-{}", number - 1);
        for (what, to) in [
            (from.as_str(), "c-9"),
            ("\"Denied\"", "\"denied\""),
            ("Contact", "contact"),
        ] {
            let changed: Vec<String> = whole
                .lines()
                .enumerate()
                .map(|(at, line)| {
                    if at + 1 == number {
                        line.replacen(what, to, 1)
                    } else {
                        line.to_owned()
                    }
                })
                .collect();
            let number = number as u64;
            fs::write(&path, changed.join("\n") + "\n").unwrap();
            assert_eq!(named(&path), (number, number), "{what}");
            assert_eq!(open(&path).unwrap_err().code(), "audit.changed");
            // Without the checkpoints the links name it, but for the last line, which has no next.
            fs::remove_file(&side).unwrap();
            match check(&path, &keys()) {
                Err(AuditError::Changed { from, to, .. }) => {
                    assert_eq!((from, to), (number, number));
                }
                Ok(report) => assert!(number == 6 && report.unsigned() == 6),
                Err(other) => panic!("{other}"),
            }
            fs::write(&side, &notes).unwrap();
        }
    }
}

#[test]
fn lines_taken_out_put_in_or_put_elsewhere_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 5);
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let write = |lines: &[&str]| fs::write(&path, lines.join("\n") + "\n").unwrap();
    write(&[lines[0], lines[2], lines[3], lines[4]]);
    assert_eq!(named(&path), (2, 2));
    write(&[lines[0], lines[2], lines[1], lines[3], lines[4]]);
    assert_eq!(named(&path), (2, 2));
    write(&[lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]]);
    assert_eq!(named(&path), (3, 3));
    write(&lines[..3]);
    assert!(matches!(
        check(&path, &keys()),
        Err(AuditError::Missing {
            lines: 3,
            signed: 5
        })
    ));
    fs::write(&path, "").unwrap();
    assert_eq!(check(&path, &keys()).unwrap_err().code(), "audit.missing");
    fs::remove_file(&path).unwrap();
    assert_eq!(open(&path).unwrap_err().code(), "audit.missing");
}

/// Rewrites a line and every link after it, as somebody without the key can.
fn relinked(text: &str, number: usize) -> String {
    let mut previous = merkle::empty_root();
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        if at + 1 == number {
            event["data"]["api"]["operation"] = json!("something else");
        }
        event["previous"] = json!(ambit_token::base64url::encode(&previous));
        let line = event.to_string();
        previous = merkle::leaf_hash(line.as_bytes());
        out += &(line + "\n");
    }
    out
}

#[test]
fn a_change_with_all_links_repaired_is_named_by_the_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 5);
    let (whole, side) = (fs::read_to_string(&path).unwrap(), checkpoints_path(&path));
    let notes = fs::read_to_string(&side).unwrap();
    for number in 1..=5 {
        fs::write(&path, relinked(&whole, number)).unwrap();
        assert_eq!(named(&path), (number as u64, number as u64));
    }
    // With fewer checkpoints the place is known less exactly.
    let ends: Vec<usize> = notes.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    let sparse = [&notes[..ends[1]], &notes[ends[7]..]].concat();
    fs::write(&side, sparse).unwrap();
    fs::write(&path, relinked(&whole, 3)).unwrap();
    assert_eq!(named(&path), (2, 5));
}

#[test]
fn checkpoints_are_believed_only_by_a_known_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3);
    let side = checkpoints_path(&path);
    let notes = fs::read_to_string(&side).unwrap();
    let report = check(&path, &[Key::new(6).note_key()]).unwrap();
    assert_eq!((report.unknown, report.unsigned()), (3, 3));
    let other = AuditLog::open(&path, ORIGIN, Arc::new(Key::new(6)), Box::new(|| NOW));
    assert_eq!(other.unwrap_err().code(), "audit.unsigned");
    for (from, to) in [
        ("\n3\n", "\n2\n"),
        ("\n2\n", "\n9\n"),
        ("mail.example/audit\n2", "mail.example/other\n2"),
    ] {
        fs::write(&side, notes.replacen(from, to, 1)).unwrap();
        assert_eq!(
            check(&path, &keys()).unwrap_err().code(),
            "audit.checkpoint"
        );
    }
    for garbage in ["x\n\ny\n\n", "\n\n\n", "a\nb\nc\n\n\u{2014} x y\n\n"] {
        fs::write(&side, garbage).unwrap();
        assert_eq!(
            check(&path, &keys()).unwrap_err().code(),
            "audit.checkpoint",
            "{garbage:?}"
        );
    }
}

#[test]
fn a_line_is_proved_without_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 7);
    let whole = fs::read_to_string(&path).unwrap();
    for (at, line) in whole.lines().enumerate() {
        let proof = prove(&path, &keys(), at as u64 + 1).unwrap();
        let proved = verify_proof(proof.as_bytes(), &keys()).unwrap();
        assert_eq!(
            (proved.line.as_str(), proved.number, proved.checkpoint.size),
            (line, at as u64 + 1, 7)
        );
        for (from, to) in [
            ("c-", "d-"),
            (r#""index":""#, r#""index":"1"#),
            (r#""path":[""#, r#""path":["A"#),
        ] {
            let changed = proof.replacen(from, to, 1);
            assert_eq!(
                verify_proof(changed.as_bytes(), &keys())
                    .unwrap_err()
                    .code(),
                "audit.proof"
            );
        }
        assert!(verify_proof(proof.as_bytes(), &[Key::new(6).note_key()]).is_err());
    }
    for number in [0, 8, u64::MAX] {
        assert_eq!(
            prove(&path, &keys(), number).unwrap_err().code(),
            "audit.line"
        );
    }
    let report = check(&path, &keys()).unwrap();
    let kept = report.signed.clone().unwrap();
    assert!(report.extends(&kept));
    assert!(!report.extends(&Checkpoint {
        root: [0; 32],
        ..kept.clone()
    }));
    assert!(!report.extends(&Checkpoint { size: 8, ..kept }));
}

/// Not a test of its own: what the test below runs in another process.
#[test]
fn child() {
    let Some(path) = std::env::var_os("AMBIT_AUDIT_CHILD") else {
        return;
    };
    let enforcer = enforcer(Arc::new(open(Path::new(&path)).unwrap()));
    for number in 0.. {
        if enforcer
            .enforce(&answer(true, "pay", number))
            .is_permitted()
        {
            println!("written");
        }
    }
}

#[test]
fn a_process_that_is_killed_while_it_writes_loses_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut least = 0;
    for round in 0..6 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env("AMBIT_AUDIT_CHILD", &path)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        std::thread::sleep(Duration::from_millis(150 + 41 * round));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap().stdout;
        let written = String::from_utf8(output)
            .unwrap()
            .matches("written")
            .count();
        least += 2 * written as u64;
        drop(open(&path).unwrap());
        let report = check(&path, &keys()).unwrap();
        assert!(
            report.lines >= least,
            "{} lines, {least} acknowledged",
            report.lines
        );
        assert_eq!((report.unsigned(), report.torn.len()), (0, 0));
    }
    assert!(least > 0, "no process got so far as to write");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proofs_of_any_tree_hold_and_only_for_their_leaf(size in 1_usize..70, other in 0_usize..70, earlier in 1_usize..70) {
        let leaves: Vec<merkle::Hash> = (0..size).map(|n| merkle::leaf_hash(&n.to_be_bytes())).collect();
        let mut frontier = merkle::Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        let root = merkle::root(&leaves);
        prop_assert_eq!(frontier.root(), root);
        for (index, leaf) in leaves.iter().enumerate() {
            let path = merkle::inclusion_proof(&leaves, index);
            prop_assert!(merkle::verify_inclusion(leaf, index as u64, size as u64, &path, &root));
            let wrong = other % size;
            let holds = merkle::verify_inclusion(&leaves[wrong], index as u64, size as u64, &path, &root);
            prop_assert_eq!(holds, wrong == index);
        }
        let earlier = earlier.min(size);
        let before = merkle::root(&leaves[..earlier]);
        let proof = merkle::consistency_proof(&leaves, earlier);
        prop_assert!(merkle::verify_consistency((earlier as u64, &before), (size as u64, &root), &proof));
        if earlier < size {
            prop_assert!(!merkle::verify_consistency((earlier as u64, &[0; 32]), (size as u64, &root), &proof));
        }
    }
}
