//! A change is found and named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ambit_host::audit::{AuditError, AuditLog, LogError, check, checkpoints_path};

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
