//! Lines that wait together are written together, or none of them; and what was acknowledged is there, wherever a machine
//! or a process stops.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambit_host::audit::{AuditLog, check, checkpoints_path, prove};
use ambit_host::{Begun, Discharge, Enforcer, Journal, NotDischarged, Obligation, Signer};

use crate::crash::killed;
use crate::world::{Key, NOW, ORIGIN, answer, enforcer, keys, lines, open};

/// A key that takes its time, and fails when it is told to.
struct Slow {
    key: Key,
    asked: AtomicUsize,
    fails: AtomicBool,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            key: Key::new(5),
            asked: AtomicUsize::new(0),
            fails: AtomicBool::new(false),
        })
    }
}

impl Signer for Slow {
    fn name(&self) -> &str {
        self.key.name()
    }

    fn public(&self) -> [u8; 32] {
        self.key.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        match self.fails.load(Ordering::Relaxed) {
            true => Err("the key is gone".to_owned()),
            false => self.key.sign(message),
        }
    }
}

fn open_by(path: &Path, signer: Arc<Slow>) -> AuditLog {
    AuditLog::open(path, ORIGIN, signer, Box::new(|| NOW)).unwrap()
}

/// Runs this in eight threads, and gives how many of their calls were permitted.
fn eight(enforcer: &Enforcer, calls: usize) -> usize {
    let permitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let permitted = &permitted;
            scope.spawn(move || {
                for number in 0..calls {
                    let answer = answer(true, "pay", 100 * thread + number);
                    if enforcer.enforce(&answer).is_permitted() {
                        permitted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    permitted.into_inner()
}

fn file_ahead(path: &Path) -> PathBuf {
    path.with_extension("jsonl.ahead")
}

#[test]
fn lines_that_wait_together_share_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let signer = Slow::new();
    let enforcer = enforcer(Arc::new(open_by(&path, Arc::clone(&signer))));
    assert_eq!(eight(&enforcer, 5), 40);
    let report = check(&path, &keys()).unwrap();
    assert_eq!((report.lines, report.unsigned()), (80, 0));
    let asked = signer.asked.load(Ordering::Relaxed);
    assert!(asked < 40, "{asked} checkpoints of 80 lines");
    assert!(prove(&path, &keys(), 41).is_ok());
    drop(enforcer);
    assert_eq!(fs::read(file_ahead(&path)).unwrap(), b"");
}

#[test]
fn a_group_that_cannot_be_signed_is_lost_for_all_who_wait_and_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let signer = Slow::new();
    let enforcer = enforcer(Arc::new(open_by(&path, Arc::clone(&signer))));
    assert_eq!(eight(&enforcer, 1), 8);
    let before = (
        fs::read(&path).unwrap(),
        fs::read(checkpoints_path(&path)).unwrap(),
    );
    signer.fails.store(true, Ordering::Relaxed);
    assert_eq!(eight(&enforcer, 3), 0);
    let after = (
        fs::read(&path).unwrap(),
        fs::read(checkpoints_path(&path)).unwrap(),
    );
    assert_eq!(before, after, "nothing of it is in the files");
    signer.fails.store(false, Ordering::Relaxed);
    assert_eq!(eight(&enforcer, 3), 24);
    assert_eq!(check(&path, &keys()).unwrap().lines, 64);
}

/// An allow whose line was lost in the group of another has no end, though the log has recovered.
#[test]
fn what_became_of_a_lost_line_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let signer = Slow::new();
    let log = open_by(&path, Arc::clone(&signer));
    let text = answer(true, "pay", 1);
    let document =
        ambit_core::json::Document::parse(text.as_bytes(), ambit_core::json::Profile::Request)
            .unwrap();
    let begun: Box<dyn Begun + '_> = log.begin(document.root()).unwrap();
    signer.fails.store(true, Ordering::Relaxed);
    assert!(log.decided(document.root()).is_err());
    signer.fails.store(false, Ordering::Relaxed);
    assert!(log.decided(document.root()).is_ok());
    let permitted = ambit_host::Verdict::Permitted {
        discharged: Vec::new(),
    };
    assert!(begun.end(&permitted).unwrap_err().contains("audit.sign"));
    assert!(begun.keep().is_err());
    assert_eq!(check(&path, &keys()).unwrap().lines, 1);
}

/// Remembers what the log was when it was asked to do something.
struct Looks {
    path: PathBuf,
    lasts: bool,
    saw: Arc<Mutex<Vec<usize>>>,
}

impl Discharge for Looks {
    fn discharge(&self, _: &Obligation<'_>) -> Result<(), NotDischarged> {
        self.saw.lock().unwrap().push(lines(&self.path).len());
        Ok(())
    }

    fn lasts(&self, _: &Obligation<'_>) -> bool {
        self.lasts
    }
}

#[test]
fn a_decision_is_kept_before_anything_that_lasts() {
    for (lasts, expected) in [(true, 1), (false, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let saw = Arc::new(Mutex::new(Vec::new()));
        let looks = Looks {
            path: path.clone(),
            lasts,
            saw: Arc::clone(&saw),
        };
        let enforcer = Enforcer::new()
            .with("look", looks)
            .log(Arc::new(open(&path).unwrap()));
        assert!(enforcer.enforce(&answer(true, "look", 1)).is_permitted());
        assert_eq!(*saw.lock().unwrap(), [expected]);
        assert_eq!(check(&path, &keys()).unwrap().lines, 2);
    }
}

/// The files of a log that nobody has closed, in another folder.
fn as_crashed(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("audit.jsonl");
    for (from, to) in [
        (path.to_owned(), copy.clone()),
        (checkpoints_path(path), checkpoints_path(&copy)),
        (file_ahead(path), file_ahead(&copy)),
    ] {
        fs::copy(from, to).unwrap();
    }
    (folder, copy)
}

/// A machine that stops loses what was not synced: of log and checkpoints anything, of the file ahead nothing that was
/// acknowledged.
#[test]
fn a_machine_that_stops_anywhere_loses_no_acknowledged_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    drop(enforcer(Arc::new(open(&path).unwrap())).enforce(&answer(false, "", 0)));
    let synced = (
        fs::read(&path).unwrap().len(),
        fs::read(checkpoints_path(&path)).unwrap().len(),
    );
    let running = enforcer(Arc::new(open(&path).unwrap()));
    for number in 1..4 {
        assert!(running.enforce(&answer(true, "pay", number)).is_permitted());
    }
    let (_folder, copy) = as_crashed(&path);
    let whole = (
        fs::read(&copy).unwrap(),
        fs::read(checkpoints_path(&copy)).unwrap(),
    );
    let ahead = fs::read(file_ahead(&copy)).unwrap();
    let zeros = |bytes: &[u8], from: usize| {
        let mut bytes = bytes.to_vec();
        bytes[from..].fill(0);
        bytes
    };
    let mut tried = 0;
    for line_end in (synced.0..=whole.0.len()).step_by(211) {
        for note_end in (synced.1..=whole.1.len()).step_by(97) {
            for filled in [false, true] {
                let (log, notes) = match filled {
                    true => (zeros(&whole.0, line_end), zeros(&whole.1, note_end)),
                    false => (whole.0[..line_end].to_vec(), whole.1[..note_end].to_vec()),
                };
                fs::write(&copy, log).unwrap();
                fs::write(checkpoints_path(&copy), notes).unwrap();
                fs::write(file_ahead(&copy), &ahead).unwrap();
                // Whoever only reads sees what there will be.
                let report = check(&copy, &keys()).unwrap();
                assert_eq!((report.lines, report.unsigned()), (7, 0));
                assert!(prove(&copy, &keys(), 7).is_ok());
                drop(open(&copy).unwrap());
                assert_eq!(fs::read(&copy).unwrap(), whole.0);
                assert_eq!(fs::read(checkpoints_path(&copy)).unwrap(), whole.1);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_record_that_is_torn_is_none_and_those_before_it_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let running = enforcer(Arc::new(open(&path).unwrap()));
    drop(running.enforce(&answer(false, "", 1)));
    let (first, notes, ahead) = (
        fs::read(&path).unwrap(),
        fs::read(checkpoints_path(&path)).unwrap(),
        fs::read(file_ahead(&path)).unwrap(),
    );
    drop(running.enforce(&answer(false, "", 2)));
    let (_folder, copy) = as_crashed(&path);
    let all = fs::read(file_ahead(&copy)).unwrap();
    for end in (ahead.len()..all.len()).step_by(89) {
        fs::write(&copy, &first[..100]).unwrap();
        fs::write(checkpoints_path(&copy), b"").unwrap();
        fs::write(file_ahead(&copy), &all[..end]).unwrap();
        let report = check(&copy, &keys()).unwrap();
        assert_eq!((report.lines, report.unsigned()), (1, 0), "{end}");
        drop(open(&copy).unwrap());
        assert_eq!(fs::read(&copy).unwrap(), first);
        assert_eq!(fs::read(checkpoints_path(&copy)).unwrap(), notes);
    }
    // One byte of it that is another.
    for at in (0..ahead.len()).step_by(61) {
        let mut other = ahead.clone();
        other[at] ^= 1;
        fs::write(&copy, b"").unwrap();
        fs::write(checkpoints_path(&copy), b"").unwrap();
        fs::write(file_ahead(&copy), other).unwrap();
        assert_eq!(check(&copy, &keys()).unwrap().lines, 0, "{at}");
    }
}

/// What stands ahead never replaces what stands in the log, and brings back none that was taken away.
#[test]
fn what_stands_ahead_only_fills_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let running = enforcer(Arc::new(open(&path).unwrap()));
    for number in 1..4 {
        drop(running.enforce(&answer(false, "", number)));
    }
    let (_folder, copy) = as_crashed(&path);
    let whole = fs::read(&copy).unwrap();
    let ahead = fs::read(file_ahead(&copy)).unwrap();
    // A byte of the last line that somebody changed stays changed, and is told.
    let mut changed = whole.clone();
    let at = whole.len() - 40;
    changed[at] ^= 1;
    fs::write(&copy, &changed).unwrap();
    assert!(open(&copy).is_err());
    assert_eq!(fs::read(&copy).unwrap(), changed);
    // Lines that another program added behind stay.
    fs::write(&copy, &whole).unwrap();
    drop(open(&copy).unwrap());
    drop(enforcer(Arc::new(open(&copy).unwrap())).enforce(&answer(false, "", 4)));
    let longer = fs::read(&copy).unwrap();
    fs::write(file_ahead(&copy), &ahead).unwrap();
    drop(open(&copy).unwrap());
    assert_eq!(fs::read(&copy).unwrap(), longer);
    // A log that was moved away begins anew.
    fs::write(file_ahead(&copy), &ahead).unwrap();
    fs::remove_file(&copy).unwrap();
    fs::remove_file(checkpoints_path(&copy)).unwrap();
    drop(enforcer(Arc::new(open(&copy).unwrap())).enforce(&answer(false, "", 1)));
    assert_eq!(check(&copy, &keys()).unwrap().lines, 1);
}

/// More than the file ahead holds at one time, and lines too long for it.
#[test]
fn the_file_ahead_is_bounded_and_long_lines_need_it_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = Arc::new(open(&path).unwrap());
    let running = enforcer(log);
    let long = "R".repeat(200_000);
    for number in 0..12 {
        let answer =
            answer(true, "pay", number).replace(r#""id":"c-"#, &format!(r#""id":"{long}"#));
        assert!(running.enforce(&answer).is_permitted());
    }
    let length = fs::metadata(file_ahead(&path)).unwrap().len();
    assert!((1..=1024 * 1024).contains(&length), "{length}");
    let (_folder, copy) = as_crashed(&path);
    let report = check(&copy, &keys()).unwrap();
    assert_eq!((report.lines, report.unsigned()), (24, 0));
    drop(open(&copy).unwrap());
    assert_eq!(check(&copy, &keys()).unwrap().lines, 24);
}

/// Not a test of its own: what the test below runs in another process.
#[test]
fn child() {
    let Some(path) = std::env::var_os("AMBIT_GROUPS_CHILD") else {
        return;
    };
    let enforcer = enforcer(Arc::new(open(Path::new(&path)).unwrap()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0.. {
                    if enforcer
                        .enforce(&answer(true, "pay", number))
                        .is_permitted()
                    {
                        println!("written");
                    }
                }
            });
        }
    });
}

#[test]
fn a_process_that_is_killed_while_it_writes_groups_loses_none() {
    killed("groups::child", "AMBIT_GROUPS_CHILD", |report| {
        let late = "a killed process leaves no line that nobody vouches for";
        assert_eq!(report.late, [], "{late}");
    });
}

/// A key that takes its time, so that others line up meanwhile, eight threads with long lines: more than one group may have.
#[test]
fn child_with_long_lines() {
    let Some(path) = std::env::var_os("AMBIT_LONG_GROUPS_CHILD") else {
        return;
    };
    let enforcer = enforcer(Arc::new(open_by(Path::new(&path), Slow::new())));
    let long = "R".repeat(200_000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0.. {
                    let answer = answer(true, "pay", number);
                    let answer = answer.replace(r#""id":"c-"#, &format!(r#""id":"{long}"#));
                    if enforcer.enforce(&answer).is_permitted() {
                        println!("written");
                    }
                }
            });
        }
    });
}

#[test]
fn a_process_that_is_killed_while_it_writes_long_groups_leaves_a_log_that_opens() {
    let child = "groups::child_with_long_lines";
    killed(child, "AMBIT_LONG_GROUPS_CHILD", |report| {
        assert_eq!(report.late, []);
    });
}
