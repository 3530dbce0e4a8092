//! Versions never go back, in memory and in a file that several processes share.

use std::fs;

use ambit_host::{FileVersions, MemoryVersions, Seen, VersionStore};

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
        r#"{"v":"ambit-versions-2","policies":{}}"#,
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
