//! Disks that take nothing, or do not say that they have; panics; and more lines than a group may have.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ambit_core::json::{Document, Profile, Writer};
use ambit_enforce::audit::line::{self, Place};

use super::{AuditLog, Fate, Fault, Files};
use crate::audit::{NoteKey, Report, beside, check, checkpoints_path};
use crate::journal::Journal as _;
use crate::signer::Signer;

/// A key that panics when it is told to.
struct Key(Arc<AtomicBool>);

impl Signer for Key {
    fn name(&self) -> &str {
        "audit-1"
    }

    fn public(&self) -> [u8; 32] {
        ed25519_dalek::SigningKey::from_bytes(&[5; 32])
            .verifying_key()
            .to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        assert!(!self.0.load(Ordering::Relaxed), "on purpose");
        use ed25519_dalek::Signer as _;
        let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
        Ok(key.sign(message).to_bytes())
    }
}

fn open_by(path: &Path, panics: &Arc<AtomicBool>) -> AuditLog {
    let key = Arc::new(Key(Arc::clone(panics)));
    AuditLog::open(path, "log", key, Box::new(|| 1_772_000_400)).unwrap()
}

fn open(path: &Path) -> AuditLog {
    open_by(path, &Arc::default())
}

fn report(path: &Path) -> Report {
    let public = Key(Arc::default()).public();
    check(path, &[NoteKey::new("log", public).unwrap()]).unwrap()
}

fn decide(log: &AuditLog) -> Result<(), String> {
    let text = r#"{"decision":false,"context":{}}"#;
    let document = Document::parse(text.as_bytes(), Profile::Request).unwrap();
    log.decided(document.root()).map(drop)
}

fn device(path: &str) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn sizes(path: &Path) -> [u64; 2] {
    [path, &checkpoints_path(path)].map(|path| path.metadata().unwrap().len())
}

/// `/dev/full` takes nothing, and `/dev/null` cannot be synced.
#[cfg(target_os = "linux")]
#[test]
fn what_the_disk_does_not_keep_is_not_written_and_nothing_follows_what_it_may_have_kept() {
    for (disk, then) in [("/dev/full", "audit.file"), ("/dev/null", "audit.broken")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = open(&path);
        decide(&log).unwrap();
        let before = sizes(&path);
        let kept = log.files.lock().unwrap().ahead.replace(device(disk));
        for code in ["audit.file", then] {
            let why = decide(&log).unwrap_err();
            assert!(why.starts_with(code), "{disk}: {why}");
            assert_eq!(sizes(&path), before, "{disk}");
        }
        // Once it does, the log goes on where nothing was in doubt, and at once is as it was.
        drop(log.files.lock().unwrap().ahead.replace(kept));
        assert_eq!(decide(&log).is_ok(), then == "audit.file", "{disk}");
        drop(log);
        decide(&open(&path)).unwrap();
        let lines = report(&path).lines;
        assert_eq!(lines, if then == "audit.file" { 3 } else { 2 });
    }
}

/// A signer or a disk that panics leaves nobody waiting, no line, and a log that takes none.
#[test]
fn a_panic_while_a_group_is_written_is_a_loss_for_all() {
    for signer_panics in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let panics = Arc::new(AtomicBool::new(false));
        let log = open_by(&path, &panics);
        decide(&log).unwrap();
        let line = |_: &Place<'_>| "{\"not\":\"written\"}\n".to_owned();
        let (_, fate) = log.append(false, line).unwrap();
        panics.store(signer_panics, Ordering::Relaxed);
        let flush = || match signer_panics {
            true => log.flush(Files::write),
            false => log.flush(|_, _, _| panic!("on purpose")),
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(flush)).is_err());
        panics.store(false, Ordering::Relaxed);
        assert_eq!(fate.get().unwrap_err().code(), "audit.broken");
        assert!(decide(&log).unwrap_err().starts_with("audit.broken"));
        drop(log);
        assert_eq!(report(&path).lines, 1);
        decide(&open(&path)).unwrap();
        let report = report(&path);
        assert_eq!((report.lines, report.unsigned()), (2, 0));
    }
}

/// Who called is told, or panics with the signer; whoever waits for the same group, or comes later, is told at once.
#[test]
fn a_signer_that_panics_keeps_no_thread_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let panics = Arc::new(AtomicBool::new(false));
    let log = Arc::new(open_by(&path, &panics));
    decide(&log).unwrap();
    panics.store(true, Ordering::Relaxed);
    let (told, ends) = std::sync::mpsc::channel();
    for _ in 0..8 {
        let (log, told) = (Arc::clone(&log), told.clone());
        std::thread::spawn(move || {
            let decided = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decide(&log)));
            told.send(decided).unwrap();
        });
    }
    let mut panicked = 0;
    for _ in 0..8 {
        match ends.recv_timeout(Duration::from_secs(20)).unwrap() {
            Ok(decided) => assert!(decided.unwrap_err().starts_with("audit.broken")),
            Err(_) => panicked += 1,
        }
    }
    assert_eq!(panicked, 1, "the key is asked no more");
    // The key is well again, and the log stays as it is until it is opened anew.
    panics.store(false, Ordering::Relaxed);
    assert!(decide(&log).unwrap_err().starts_with("audit.broken"));
    drop(log);
    decide(&open(&path)).unwrap();
    assert_eq!(report(&path).lines, 2);
}

/// Appends a line of this length that others wait behind.
fn long(log: &AuditLog, bytes: usize) -> Fate {
    let line = |place: &Place<'_>| {
        let mut facts = Writer::default();
        facts.object(|out| {
            out.name("x").string(&"x".repeat(bytes));
        });
        let facts = facts.finish();
        let facts = Document::parse(facts.as_bytes(), Profile::Request).unwrap();
        line::broker(place, "tried", true, facts.root())
    };
    log.append(false, line).unwrap().1
}

/// However many lines wait, each group of them fits in the file ahead, so that a crash tears none.
#[test]
fn a_group_is_closed_before_it_is_too_long_for_the_file_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    let fates: Vec<Fate> = (0..7).map(|_| long(&log, 300_000)).collect();
    let mut groups = 0;
    while !log.state().waiting.is_empty() {
        log.flush(|files, lines, note| {
            files.write(lines, note)?;
            let ahead = std::fs::metadata(beside(&path, ".ahead")).unwrap().len();
            assert!(
                ahead > u64::try_from(lines.len()).unwrap(),
                "was written through"
            );
            Ok(())
        });
        groups += 1;
        assert_eq!(report(&path).unsigned(), 0);
    }
    assert_eq!(groups, 3);
    assert!(fates.iter().all(|fate| fate.get().is_ok()));
    assert_eq!(report(&path).lines, 7);
    // What nobody waits for is written when the log is closed, all of it.
    drop((0..4).map(|_| long(&log, 400_000)).collect::<Vec<_>>());
    drop(log);
    assert_eq!(report(&path).lines, 11);
}

#[test]
fn groups_behind_one_that_is_lost_are_lost_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    let fates: Vec<Fate> = (0..7).map(|_| long(&log, 300_000)).collect();
    log.flush(Files::write);
    log.flush(|_, _, _| {
        Err(Fault {
            error: std::io::Error::other("full").into(),
            is_last: false,
        })
    });
    let kept: Vec<bool> = fates.iter().map(|fate| fate.get().is_ok()).collect();
    assert_eq!(kept, [true, true, true, false, false, false, false]);
    decide(&log).unwrap();
    drop(log);
    let report = report(&path);
    assert_eq!((report.lines, report.unsigned()), (4, 0));
}
