//! A change is found and named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ambit_host::Signer as _;
use ambit_host::audit::{
    AuditError, AuditLog, Checkpoint, LogError, NoteKey, check, checkpoints_path, merkle,
};

use crate::world::{Key, NOW, ORIGIN, filled, keys, open, relinked};

fn named(path: &Path) -> (u64, u64) {
    match check(path, &keys()) {
        Err(AuditError::Log(LogError::Changed { from, to, .. })) => (from, to),
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
                Err(AuditError::Log(LogError::Changed { from, to, .. })) => {
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
        Err(AuditError::Log(LogError::Missing {
            lines: 3,
            signed: 5
        }))
    ));
    fs::write(&path, "").unwrap();
    assert_eq!(check(&path, &keys()).unwrap_err().code(), "audit.missing");
    fs::remove_file(&path).unwrap();
    assert_eq!(open(&path).unwrap_err().code(), "audit.missing");
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
    let by_another = check(&path, &[Key::new(6).note_key()]);
    assert_eq!(by_another.unwrap_err().code(), "audit.checkpoint");
    let other = AuditLog::open(&path, ORIGIN, Arc::new(Key::new(6)), Box::new(|| NOW));
    assert_eq!(other.unwrap_err().code(), "audit.checkpoint");
    let links = check(&path, &[]).unwrap();
    assert_eq!((links.unknown, links.unsigned()), (3, 3));
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

/// The note of a checkpoint over `number` lines of the log at `path`, by this key under this name.
fn note_over(path: &Path, number: usize, (key, name, origin): (&Key, &str, &str)) -> String {
    let text = fs::read_to_string(path).unwrap();
    let leaves = text.lines().take(number);
    let leaves: Vec<_> = leaves
        .map(|line| merkle::leaf_hash(line.as_bytes()))
        .collect();
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: number as u64,
        root: merkle::root(&leaves),
    };
    let text = checkpoint.to_text();
    let signature = key.sign(text.as_bytes()).unwrap();
    let named = NoteKey::new(name, key.public()).unwrap();
    named.note(&text, &signature) + "\n"
}

/// Otherwise whoever may write beside the log could put a note of their own there for the one that vouches for the
/// last line, and have that line signed late, changed or not.
#[test]
fn a_log_that_ends_with_somebody_elses_note_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 3);
    let side = checkpoints_path(&path);
    let notes = fs::read_to_string(&side).unwrap();
    let ends: Vec<usize> = notes.match_indices("\n\n").map(|(at, _)| at + 2).collect();
    let (ours, theirs) = (Key::new(5), Key::new(6));
    let (other, foreign) = (
        "mail.example/other",
        &note_over(&path, 3, (&theirs, ORIGIN, ORIGIN)),
    );
    for last in [
        foreign,
        &note_over(&path, 3, (&ours, other, other)),
        &note_over(&path, 3, (&ours, other, ORIGIN)),
        &note_over(&path, 3, (&ours, ORIGIN, other)),
    ] {
        for kept in [&notes[..ends[3]], &notes, ""] {
            fs::write(&side, format!("{kept}{last}")).unwrap();
            for found in [check(&path, &keys()).err(), open(&path).err()] {
                assert_eq!(found.unwrap().code(), "audit.checkpoint", "{last}");
            }
        }
    }
    // In the middle it says nothing, and takes nothing away.
    fs::write(
        &side,
        format!("{}{foreign}{}", &notes[..ends[3]], &notes[ends[3]..]),
    )
    .unwrap();
    let report = check(&path, &keys()).unwrap();
    assert_eq!((report.unknown, report.unsigned()), (1, 0));
    open(&path).unwrap();
}

/// A key signs for the log that has its name, and for no other: also where no checkpoint came before.
#[test]
fn a_checkpoint_of_another_log_by_our_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), 1);
    let of_another = note_over(&path, 1, (&Key::new(5), ORIGIN, "mail.example/other"));
    fs::write(checkpoints_path(&path), &of_another).unwrap();
    let error = check(&path, &keys()).unwrap_err();
    assert_eq!(error.code(), "audit.checkpoint");
    assert!(
        error.to_string().contains("its log is not the one"),
        "{error}"
    );
}
