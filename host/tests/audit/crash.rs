//! A crash loses nothing that was acknowledged, and is told.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ambit_host::audit::{
    AuditError, Late, LogError, Report, check, checkpoints_path, merkle, prove,
};
use serde_json::{Value, json};

use crate::world::{answer, enforcer, filled, keys, lines, open, relinked};

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
            Err(AuditError::Log(LogError::Checkpoint { number: found, .. })) => {
                assert_eq!(found, number);
            }
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
    killed("crash::child", "AMBIT_AUDIT_CHILD", |_| ());
}

/// Kills a process that writes by this test, with the log's path in this variable, again and again: what it acknowledged is
/// there, signed.
pub(crate) fn killed(child: &str, variable: &str, more: impl Fn(&Report)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut least = 0;
    for round in 0..6 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--nocapture", "--test-threads=1"])
            .env(variable, &path)
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        std::thread::sleep(Duration::from_millis(150 + 41 * round));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap().stdout;
        let said = String::from_utf8(output).unwrap();
        least += 2 * said.matches("written").count() as u64;
        drop(open(&path).unwrap());
        let report = check(&path, &keys()).unwrap();
        assert!(
            report.lines >= least,
            "{} lines, {least} acknowledged",
            report.lines
        );
        assert_eq!((report.unsigned(), report.torn.len()), (0, 0));
        more(&report);
    }
    assert!(least > 0, "no process got so far as to write");
}
