//! The files of a project: found and read within bounds, or reported.

use std::fs::{self, File as Handle};
use std::io::{self, Read as _};
use std::path::Path;

use ambit_core::limits::BUNDLE_BYTES;

use super::file;
use crate::diagnostics::Sink;

/// Bytes of a source file: what does not fit into a bundle is no source of one.
const FILE_BYTES: usize = BUNDLE_BYTES;

/// What is wrong with a file, and what to do.
type Fault = (String, &'static str);

/// The text of a file that must be there.
pub(super) fn text(dir: &Path, name: &str, sink: &Sink) -> Option<String> {
    let (message, help) = match read(&dir.join(name)) {
        Ok(bytes) => return decode(bytes, name, sink),
        Err(fault) => fault,
    };
    file(name, sink).error("project.file", None, message, help);
    None
}

/// A byte order mark is not part of the text; editors add it unasked.
fn decode(bytes: Vec<u8>, name: &str, sink: &Sink) -> Option<String> {
    const MARK: char = '\u{feff}';
    let error = match String::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text);
            sink.source(name, &text);
            return Some(text);
        }
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(error.as_bytes());
    let shown = text.strip_prefix(MARK).unwrap_or(&text);
    sink.source(name, shown);
    let marked = text.len() - shown.len();
    let at = error.utf8_error().valid_up_to().saturating_sub(marked);
    file(name, sink).error(
        "project.file",
        at..at + char::REPLACEMENT_CHARACTER.len_utf8(),
        "the file is not UTF-8 from here on",
        "save it as UTF-8",
    );
    None
}

/// What kind of file it is comes first: opening a pipe waits, and a device never ends.
fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let facts = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let kind = facts.file_type();
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "folder"
        } else {
            "device or pipe"
        };
        let message = format!("this is a {what}, not a file");
        return Err((message, "put a file with this name in its place"));
    }
    let most = u64::try_from(FILE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    Handle::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() > FILE_BYTES {
        let message = format!("the file is larger than {FILE_BYTES} bytes");
        return Err((message, "check that it is the right file"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    if error.kind() != io::ErrorKind::NotFound {
        let message = format!("the file cannot be read: {}", plain(error));
        return (message, "make it a file that you can read");
    }
    if fs::symlink_metadata(path).is_ok() {
        let message = "this link leads to no file".to_owned();
        return (message, "correct or remove the link");
    }
    let message = "the file is missing".to_owned();
    (message, "`ambit init` writes a project to start from")
}

/// An error of the system without its number, which says nothing to people.
fn plain(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The files `folder/*.ext`, sorted, with their folder; none if there is no such folder. A folder
/// that cannot be read is a fault: what lies in it must not be left out in silence.
pub(super) fn list(dir: &Path, folder: &str, ext: &str, sink: &Sink) -> Vec<String> {
    let mut names: Vec<String> = entries(dir, folder, sink)
        .into_iter()
        .filter(|name| has_extension(name, ext))
        .collect();
    names.sort();
    names
}

/// A project that says that it has no guard rails must have none.
pub(super) fn refuse_policies(dir: &Path, sink: &Sink) {
    for name in entries(dir, "policies", sink) {
        if has_extension(&name, "cedar") || dir.join(&name).is_dir() {
            file(&name, sink).error(
                "project.policies",
                None,
                "`guard_rails = \"none\"` says that there are no policies, and this would be one",
                "remove `guard_rails` from `ambit.toml`, or the file",
            );
        }
    }
}

/// The folders in a folder.
pub(super) fn folders(dir: &Path, folder: &str, sink: &Sink) -> Vec<String> {
    let mut names = entries(dir, folder, sink);
    names.retain(|name| dir.join(name).is_dir());
    names.sort();
    names
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

/// `folder/NAME` for everything in a folder that is not hidden.
fn entries(dir: &Path, folder: &str, sink: &Sink) -> Vec<String> {
    let path = dir.join(folder);
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Vec::new();
    }
    let found = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let found = found.unwrap_or_else(|error| {
        let message = format!("the folder cannot be read: {}", plain(&error));
        let help = "make it a folder that you can read";
        file(folder, sink).error("project.folder", None, message, help);
        Vec::new()
    });
    let mut names = Vec::new();
    for entry in found {
        let name = entry.file_name();
        match name.to_str() {
            Some(name) if name.starts_with('.') => {}
            Some(name) => names.push(format!("{folder}/{name}")),
            None => file(&format!("{folder}/{}", name.display()), sink).error(
                "project.file",
                None,
                "the name of the file is not UTF-8",
                "rename the file",
            ),
        }
    }
    names
}
