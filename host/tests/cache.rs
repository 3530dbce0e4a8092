//! The folder with compiled code: what is in it counts only if this user's host wrote it for this module.
#![cfg(unix)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use ambit_host::{
    CodeCache, Evaluator as _, Instances, PolicyModule, Runtime, RuntimeOptions, WasmEngine,
};
use tempfile::TempDir;

const DENY: &str = r#"{"decision":false,"context":{}}"#;
const ALLOW: &str = r#"{"decision":true,"context":{}}"#;
/// A module that allows whatever it is asked.
const ALLOWS: &str =
    r#"(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const {ALLOW}))"#;

/// A folder that a cache may be in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("code")
    }

    fn runtime(&self) -> Runtime {
        let cache = CodeCache::open(self.folder()).unwrap();
        Runtime::with_cache(RuntimeOptions::default(), cache).unwrap()
    }

    /// As a new process would.
    fn answer(&self, module: &PolicyModule) -> String {
        let engine = WasmEngine::new(&self.runtime(), module, Instances::Fresh).unwrap();
        engine.evaluate(b"{}")
    }

    /// The files with code.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = paths.filter(|path| !path.ends_with("key")).collect();
        files.sort();
        files
    }

    /// The only one.
    fn file(&self) -> PathBuf {
        let [file] = self.files().try_into().unwrap();
        file
    }
}

fn module() -> PolicyModule {
    support::module("").unwrap()
}

/// A file that is written anew is another one.
fn identity(file: &Path) -> u64 {
    fs::symlink_metadata(file).unwrap().ino()
}

/// Changes the file with code, loads the module again, and asks that the change had no effect.
#[track_caller]
fn has_no_effect(what: &str, change: impl FnOnce(&Place, &Path)) {
    let (place, module) = (Place::new(), module());
    assert_eq!(place.answer(&module), DENY);
    let file = place.file();
    let code = fs::read(&file).unwrap();
    change(&place, &file);
    let changed = identity(&file);
    assert_eq!(place.answer(&module), DENY, "{what}");
    assert_ne!(
        identity(&file),
        changed,
        "{what}: the file was taken for code"
    );
    let (written, now) = (
        fs::read(&file).unwrap(),
        fs::symlink_metadata(&file).unwrap(),
    );
    assert!(now.is_file() && now.mode() & 0o777 == 0o600, "{what}");
    // Behind the seal the same code, because compiling it again gives the same.
    assert_eq!(written[32..], code[32..], "{what}");
}

#[test]
fn a_module_is_compiled_once_on_a_machine() {
    let (place, module) = (Place::new(), module());
    assert_eq!(place.answer(&module), DENY);
    let first = identity(&place.file());
    assert_eq!(place.answer(&module), DENY);
    assert_eq!(identity(&place.file()), first);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&place.folder()), 0o700);
    assert_eq!(mode(&place.folder().join("key")), 0o600);
    assert_eq!(mode(&place.file()), 0o600);
}

#[test]
fn a_module_is_compiled_once_in_a_runtime() {
    let (place, module) = (Place::new(), module());
    let runtime = place.runtime();
    let engine = || WasmEngine::new(&runtime, &module, Instances::Pooled).unwrap();
    let first = engine();
    fs::remove_file(place.file()).unwrap();
    let second = engine();
    assert!(place.files().is_empty(), "compiled a second time");
    assert_eq!(first.evaluate(b"{}"), second.evaluate(b"{}"));
    // Nothing is kept for nobody: the code goes with its last engine.
    drop((first, second));
    engine();
    assert_eq!(place.files().len(), 1);
}

#[test]
fn code_that_was_tampered_with_is_not_run() {
    for at in [0, 31, 32, 33, 5000] {
        has_no_effect(&format!("byte {at}"), |_, file| {
            let mut code = fs::read(file).unwrap();
            code[at] ^= 1;
            fs::write(file, code).unwrap();
        });
    }
    has_no_effect("the last byte", |_, file| {
        let mut code = fs::read(file).unwrap();
        *code.last_mut().unwrap() ^= 0x80;
        fs::write(file, code).unwrap();
    });
}

#[test]
fn code_that_is_cut_short_or_longer_is_not_run() {
    for kept in [0, 1, 31, 32, 1000] {
        has_no_effect(&format!("{kept} bytes"), |_, file| {
            let code = fs::read(file).unwrap();
            fs::write(file, &code[..kept]).unwrap();
        });
    }
    has_no_effect("a byte more", |_, file| {
        let code = [fs::read(file).unwrap(), vec![0]].concat();
        fs::write(file, code).unwrap();
    });
}

/// Sealed by the same host, and yet not the code of this module.
#[test]
fn code_of_another_module_is_not_run() {
    let allows = support::module(ALLOWS).unwrap();
    has_no_effect("another module's code", |place, file| {
        assert_eq!(place.answer(&allows), ALLOW);
        let files = place.files();
        let [other] = files.iter().filter(|one| *one != file).collect::<Vec<_>>()[..] else {
            panic!("{files:?}");
        };
        fs::rename(other, file).unwrap();
    });
}

#[test]
fn code_under_another_key_is_not_run() {
    has_no_effect("another key", |place, _| {
        fs::write(place.folder().join("key"), [7; 32]).unwrap();
    });
    has_no_effect("code of another folder", |_, file| {
        let other = Place::new();
        other.answer(&module());
        fs::copy(other.file(), file).unwrap();
    });
    has_no_effect("no key", |place, _| {
        fs::remove_file(place.folder().join("key")).unwrap();
    });
}

#[test]
fn links_are_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    has_no_effect("a link", |_, file| {
        fs::rename(file, &copy).unwrap();
        symlink(&copy, file).unwrap();
    });
    let place = Place::new();
    symlink(elsewhere.path(), place.folder()).unwrap();
    assert!(CodeCache::open(place.folder()).is_err());
    let place = Place::new();
    CodeCache::open(place.folder()).unwrap();
    let key = place.folder().join("key");
    fs::rename(&key, elsewhere.path().join("key")).unwrap();
    symlink(elsewhere.path().join("key"), &key).unwrap();
    assert!(CodeCache::open(place.folder()).is_err());
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let place = Place::new();
    for (mode, opens) in [
        (0o770, false),
        (0o702, false),
        (0o777, false),
        (0o755, true),
    ] {
        CodeCache::open(place.folder()).unwrap();
        fs::set_permissions(place.folder(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(CodeCache::open(place.folder()).is_ok(), opens, "{mode:o}");
        fs::set_permissions(place.folder(), Permissions::from_mode(0o700)).unwrap();
    }
    let key = place.folder().join("key");
    for mode in [0o640, 0o604, 0o620, 0o602] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        assert!(CodeCache::open(place.folder()).is_err(), "key {mode:o}");
    }
    has_no_effect("code that others may write to", |_, file| {
        fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
    });
}

/// Only root can give files away, and only root could be led to run somebody else's.
#[test]
fn a_folder_of_somebody_else_is_refused() {
    let place = Place::new();
    CodeCache::open(place.folder()).unwrap();
    if chown(place.folder(), Some(4321), None).is_err() {
        eprintln!("not root: skipped");
        return;
    }
    assert!(CodeCache::open(place.folder()).is_err());
    chown(place.folder(), Some(0), None).unwrap();
    CodeCache::open(place.folder()).unwrap();
    chown(place.folder().join("key"), Some(4321), None).unwrap();
    assert!(CodeCache::open(place.folder()).is_err());
    has_no_effect("somebody else's code", |_, file| {
        chown(file, Some(4321), None).unwrap();
    });
}

#[test]
fn what_is_no_key_is_refused() {
    for key in [&[1; 31][..], &[1; 33], b""] {
        let place = Place::new();
        CodeCache::open(place.folder()).unwrap();
        fs::write(place.folder().join("key"), key).unwrap();
        assert!(
            CodeCache::open(place.folder()).is_err(),
            "{} bytes",
            key.len()
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(CodeCache::open(file.path()).is_err());
    assert!(CodeCache::open(file.path().join("below")).is_err());
}

/// What cannot be kept is compiled each time, and nothing else.
#[test]
fn a_disk_that_does_not_take_it_costs_time_only() {
    let (place, module) = (Place::new(), module());
    let runtime = place.runtime();
    fs::remove_dir_all(place.folder()).unwrap();
    let engine = WasmEngine::new(&runtime, &module, Instances::Fresh).unwrap();
    assert_eq!(engine.evaluate(b"{}"), DENY);
    assert!(!place.folder().exists());
    // A folder stands where the file would be.
    let place = Place::new();
    place.answer(&module);
    let file = place.file();
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(place.answer(&module), DENY);
}

#[test]
fn processes_may_share_a_folder() {
    let (place, module) = (Place::new(), module());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(place.answer(&module), DENY));
        }
    });
    let first = identity(&place.file());
    assert_eq!(place.answer(&module), DENY);
    assert_eq!(identity(&place.file()), first);
}
