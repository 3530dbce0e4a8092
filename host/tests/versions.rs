//! Versions never go back, in memory and in a file that several processes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use ambit_host::ledger::{Charge, Ledger as _, SqliteLedger};
use ambit_host::{
    EPOCHS, Enforcer, FileVersions, MemoryVersions, Seen, StatementVersions, Statements, Verdict,
    VersionError, VersionStore,
};

const fn seen(version: u64, digest: u8) -> Seen {
    Seen {
        version,
        digest: [digest; 32],
    }
}

fn accept(store: &dyn VersionStore, uid: &str, next: Seen) -> &'static str {
    store
        .accept(uid, next)
        .map_or_else(|error| error.code(), |()| "accepted")
}

fn raise(store: &dyn StatementVersions, iss: &str, version: u64) -> &'static str {
    store
        .raise("epochs", iss, version)
        .map_or_else(|error| error.code(), |()| "raised")
}

fn statement_rules(store: &dyn StatementVersions) {
    assert_eq!(store.min_versions().unwrap(), "{}");
    for (iss, version, expected) in [
        ("https://a", 5, "raised"),
        ("https://a", 5, "raised"),
        ("https://a", 4, "statement.rollback"),
        ("https://b", 0, "raised"),
        ("https://a", 7, "raised"),
        ("https://a", 6, "statement.rollback"),
    ] {
        assert_eq!(raise(store, iss, version), expected, "{iss} {version}");
    }
    let fact = r#"{"epochs":{"https://a":7,"https://b":0}}"#;
    assert_eq!(store.min_versions().unwrap(), fact);
}

#[test]
fn versions_of_statements_never_go_back() {
    statement_rules(&MemoryVersions::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    statement_rules(&FileVersions::new(&path));
    // Beyond the process, and beside the policies' versions.
    let again = FileVersions::new(&path);
    assert_eq!(accept(&again, "acme/agents", seen(5, 1)), "accepted");
    assert_eq!(raise(&again, "https://a", 6), "statement.rollback");
    assert_eq!(raise(&again, "https://a", 8), "raised");
    assert_eq!(accept(&again, "acme/agents", seen(4, 1)), "module.rollback");
}

#[test]
fn the_form_before_statements_is_read_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    let digest = "01".repeat(32);
    let old = format!(
        r#"{{"v":"ambit-versions-1","policies":{{"acme/agents":{{"version":5,"digest":"{digest}"}}}}}}"#
    );
    fs::write(&path, old).unwrap();
    let store = FileVersions::new(&path);
    assert_eq!(store.min_versions().unwrap(), "{}");
    assert_eq!(raise(&store, "https://a", 3), "raised");
    assert_eq!(accept(&store, "acme/agents", seen(4, 1)), "module.rollback");
    assert_eq!(accept(&store, "acme/agents", seen(5, 1)), "accepted");
}

#[test]
fn an_answer_s_epochs_are_remembered_before_it_is_obeyed() {
    let store = Arc::new(MemoryVersions::new());
    let enforcer = Enforcer::new().remember(store.clone());
    let answer = |epochs: &str| {
        format!(
            r#"{{"decision":true,"context":{{"obligations":[],"record":{{"epochs":{epochs}}}}}}}"#
        )
    };
    let by = |version: i64| answer(&format!(r#"[{{"iss":"https://a","version":{version}}}]"#));
    assert!(enforcer.enforce(&by(3)).is_permitted());
    assert!(enforcer.enforce(&by(4)).is_permitted());
    let Verdict::Refused {
        answer: refusal, ..
    } = enforcer.enforce(&by(3))
    else {
        panic!("an older list was accepted");
    };
    assert!(refusal.contains("statement.rollback"), "{refusal}");
    assert!(!enforcer.enforce(&by(-1)).is_permitted());
    // Leaving a list out is no way round it.
    assert!(!enforcer.enforce(&answer("[]")).is_permitted());
    assert_eq!(
        store.min_versions().unwrap(),
        r#"{"epochs":{"https://a":4}}"#
    );
    // A store that cannot tell: nothing is obeyed.
    let broken = Enforcer::new().remember(Arc::new(FileVersions::new("/nowhere/at/all")));
    assert!(!broken.enforce(&by(9)).is_permitted());
}

/// An answer by lists of these issuers and versions.
fn by(decision: bool, heard: &[(&str, u64)]) -> String {
    let epochs: Vec<String> = heard
        .iter()
        .map(|(iss, version)| format!(r#"{{"iss":"{iss}","version":{version}}}"#))
        .collect();
    format!(
        r#"{{"decision":{decision},"context":{{"obligations":[],"record":{{"epochs":[{}]}}}}}}"#,
        epochs.join(",")
    )
}

#[test]
fn a_list_that_denies_is_remembered_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    let enforcer = || Enforcer::new().remember(Arc::new(FileVersions::new(&path)));
    let allows = |heard: &[(&str, u64)]| enforcer().enforce(&by(true, heard)).is_permitted();
    assert!(!enforcer().enforce(&by(false, &[("a", 7)])).is_permitted());
    assert!(!allows(&[("a", 6)]));
    assert!(!allows(&[]));
    assert!(allows(&[("a", 7)]));
    // Of several of one issuer the highest is remembered, in whatever order they come, and the lowest
    // must not be older than what was seen.
    assert!(allows(&[("a", 9), ("a", 8)]));
    assert!(!allows(&[("a", 9), ("a", 8)]));
    assert!(!allows(&[("a", 8)]));
    assert!(allows(&[("a", 9), ("a", 9)]));
    assert!(
        !enforcer()
            .enforce(&by(false, &[("b", 1), ("a", 3)]))
            .is_permitted()
    );
    assert!(!allows(&[("a", 9)]), "`b` was heard, in a denial");
    assert!(allows(&[("b", 1), ("a", 9)]));
}

/// A store whose disk is full, until it is not.
#[derive(Default)]
struct FullDisk {
    inner: MemoryVersions,
    full: AtomicBool,
}

impl StatementVersions for FullDisk {
    fn raise(&self, kind: &str, iss: &str, version: u64) -> Result<(), VersionError> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is full").into()),
            false => self.inner.raise(kind, iss, version),
        }
    }

    fn highest(&self) -> Result<Statements, VersionError> {
        self.inner.highest()
    }
}

#[test]
fn what_the_store_does_not_take_allows_nothing_until_it_does() {
    let store = Arc::new(FullDisk::default());
    let enforcer = Enforcer::new().remember(store.clone());
    assert!(enforcer.enforce(&by(true, &[])).is_permitted());
    store.full.store(true, Ordering::Relaxed);
    assert!(!enforcer.enforce(&by(false, &[("a", 7)])).is_permitted());
    assert!(!enforcer.enforce(&by(true, &[])).is_permitted());
    assert!(!enforcer.enforce(&by(true, &[("a", 7)])).is_permitted());
    store.full.store(false, Ordering::Relaxed);
    assert!(!enforcer.enforce(&by(true, &[("a", 6)])).is_permitted());
    assert_eq!(store.highest().unwrap()[EPOCHS]["a"], 7);
    assert!(enforcer.enforce(&by(true, &[("a", 7)])).is_permitted());
}

#[cfg(unix)]
#[test]
fn what_a_host_keeps_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    // What an older version left there.
    fs::write(folder.path().join("seen.json.new"), "").unwrap();
    raise(&FileVersions::new(&path), "a", 1);
    let ledger = SqliteLedger::open(folder.path().join("ledger.sqlite")).unwrap();
    ledger.consume(&[Charge::once("k", "proof", 9)], 1).unwrap();
    let mut modes: Vec<(String, u32)> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    modes.sort();
    let names = [
        "ledger.sqlite",
        "ledger.sqlite-shm",
        "ledger.sqlite-wal",
        "seen.json",
        "seen.json.lock",
    ];
    assert_eq!(modes, names.map(|name| (name.to_owned(), 0o600)));
}

#[test]
fn threads_that_raise_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let path = &path;
            scope.spawn(move || {
                let store = FileVersions::new(path);
                for version in 0..10 {
                    store
                        .raise("epochs", &format!("i{writer}"), version)
                        .unwrap();
                    // The same issuer by all: it only ever rises.
                    let _ = store.raise("epochs", "shared", 10 * version + writer);
                }
            });
        }
    });
    let highest = FileVersions::new(&path).highest().unwrap();
    assert_eq!(highest["epochs"]["shared"], 97);
    assert!((0..8).all(|writer| highest["epochs"][&format!("i{writer}")] == 9));
}

fn rules(store: &dyn VersionStore) {
    for (uid, next, expected) in [
        ("acme/agents", seen(5, 1), "accepted"),
        ("acme/agents", seen(5, 1), "accepted"),
        ("acme/agents", seen(5, 2), "module.same_version"),
        ("acme/agents", seen(4, 1), "module.rollback"),
        ("acme/agents", seen(7, 2), "accepted"),
        ("acme/agents", seen(5, 1), "module.rollback"),
        ("acme/other \"quoted\"", seen(1, 9), "accepted"),
        ("acme/agents", seen(u64::MAX, 3), "accepted"),
        ("acme/agents", seen(u64::MAX, 4), "module.same_version"),
    ] {
        assert_eq!(accept(store, uid, next), expected, "{uid} {}", next.version);
    }
}

#[test]
fn memory_keeps_the_highest() {
    rules(&MemoryVersions::new());
}

#[test]
fn a_file_keeps_the_highest_beyond_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    rules(&FileVersions::new(&path));
    let again = FileVersions::new(&path);
    assert_eq!(accept(&again, "acme/agents", seen(7, 2)), "module.rollback");
    assert_eq!(
        accept(&again, "acme/other \"quoted\"", seen(1, 9)),
        "accepted"
    );
}

#[test]
fn a_store_that_cannot_tell_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    let store = FileVersions::new(&path);
    for content in [
        "",
        "{}",
        "[]",
        r#"{"v":"ambit-versions-3","policies":{},"statements":{}}"#,
        r#"{"v":"ambit-versions-2","policies":{}}"#,
        r#"{"v":"ambit-versions-1","policies":{},"statements":{}}"#,
        r#"{"v":"ambit-versions-2","policies":{},"statements":{"epochs":{"i":-1}}}"#,
        r#"{"v":"ambit-versions-2","policies":{},"statements":{"epochs":[]}}"#,
        r#"{"v":"ambit-versions-1","policies":[]}"#,
        r#"{"v":"ambit-versions-1","policies":{"acme/agents":{"version":1}}}"#,
        r#"{"v":"ambit-versions-1","policies":{"acme/agents":{"version":-1,"digest":"00"}}}"#,
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(
            accept(&store, "acme/agents", seen(9, 9)),
            "module.store",
            "{content}"
        );
        let needs_policies = content.contains("acme");
        if !needs_policies {
            assert_eq!(raise(&store, "i", 9), "module.store", "{content}");
            assert!(store.min_versions().is_err(), "{content}");
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            content,
            "a refusal writes nothing"
        );
    }
    let nowhere = FileVersions::new(folder.path().join("missing/seen.json"));
    assert_eq!(accept(&nowhere, "acme/agents", seen(1, 1)), "module.store");
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.json");
    std::thread::scope(|scope| {
        for writer in 0..8_u64 {
            let path = &path;
            scope.spawn(move || {
                let store = FileVersions::new(path);
                for version in 0..10 {
                    store
                        .accept(&format!("policy-{writer}"), seen(version, 1))
                        .unwrap();
                }
            });
        }
    });
    let store = FileVersions::new(&path);
    for writer in 0..8 {
        assert_eq!(
            accept(&store, &format!("policy-{writer}"), seen(8, 1)),
            "module.rollback"
        );
    }
}
