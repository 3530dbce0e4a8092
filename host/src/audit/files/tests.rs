//! What is synced before what, and what becomes of a line without a note. `/dev/null` cannot be synced, and `/dev/full` takes
//! nothing.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use super::{Ahead, Files};
use crate::files::private;

fn device(path: &str) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn file(folder: &Path, name: &str) -> File {
    private(&folder.join(name)).unwrap()
}

/// What was killed may have left its lines in the hands of the system only, and the records ahead are what outlasts a power
/// cut until the lines do.
#[test]
fn nothing_ahead_is_thrown_away_before_log_and_checkpoints_are_synced() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let real = |name: &str| file(folder, name);
    let all = [
        ((device("/dev/null"), real("b")), false),
        ((real("a"), device("/dev/null")), false),
        ((real("a"), real("b")), true),
    ];
    for (files, expected) in all {
        let mut reached = false;
        let opened = Files::of(files, (0, 0), real("lock"), || {
            reached = true;
            Ahead::open(&folder.join("a"))
        });
        assert_eq!((opened.is_ok(), reached), (expected, expected));
    }
}

#[test]
fn a_long_line_whose_note_cannot_be_written_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let open = || {
        let files = (file(folder, "a"), file(folder, "b"));
        let ahead = || Ahead::open(&folder.join("a"));
        Files::of(files, (0, 0), file(folder, "lock"), ahead).unwrap()
    };
    let mut files = open();
    files.checkpoints = device("/dev/full");
    let fault = files.write_through(b"line\n", b"note\n").unwrap_err();
    assert!(!fault.is_last, "others may follow");
    assert_eq!(fs::read(folder.join("a")).unwrap(), b"");
    files.checkpoints = file(folder, "b");
    assert!(files.write_through(b"line\n", b"note\n").is_ok());
    assert_eq!(fs::read(folder.join("a")).unwrap(), b"line\n");

    // In place of what a crash tore it stays: there is nothing else that tells of it.
    fs::write(folder.join("a"), b"li").unwrap();
    let mut files = open();
    files.checkpoints = device("/dev/full");
    let fault = files.write_through(b"mended\n", b"note\n").unwrap_err();
    assert!(fault.is_last);
    assert_eq!(fs::read(folder.join("a")).unwrap(), b"mended\n");
}
