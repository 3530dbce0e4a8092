//! Disks that take nothing, or do not say that they have.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use ambit_core::json::{Document, Profile};

use super::AuditLog;
use crate::audit::{check, checkpoints_path};
use crate::journal::Journal as _;
use crate::signer::Signer;

/// Signs with nothing: whether notes verify is not what is tried here.
struct Nobody;

impl Signer for Nobody {
    fn name(&self) -> &str {
        "audit-1"
    }

    fn public(&self) -> [u8; 32] {
        ed25519_dalek::SigningKey::from_bytes(&[5; 32])
            .verifying_key()
            .to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        use ed25519_dalek::Signer as _;
        let key = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
        Ok(key.sign(message).to_bytes())
    }
}

fn open(path: &Path) -> AuditLog {
    AuditLog::open(path, "log", Arc::new(Nobody), Box::new(|| 1_772_000_400)).unwrap()
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
        let lines = check(&path, &[]).unwrap().lines;
        assert_eq!(lines, if then == "audit.file" { 3 } else { 2 });
    }
}

/// A signer, a clock or a disk that panics leaves nobody waiting, and no line.
#[test]
fn a_panic_while_a_group_is_written_is_a_loss_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    decide(&log).unwrap();
    let (_, fate) = log
        .append(false, |_| "{\"not\":\"written\"}\n".to_owned())
        .unwrap();
    let panics = std::panic::AssertUnwindSafe(|| log.flush(|_, _, _| panic!("on purpose")));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(fate.get().unwrap_err().code(), "audit.broken");
    assert!(decide(&log).is_err());
    drop(log);
    assert_eq!(check(&path, &[]).unwrap().lines, 1);
}
