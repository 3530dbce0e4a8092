//! The files of a project: found and read within bounds, or reported.

use std::fs::{self, File as Handle};
use std::io::{self, Read as _};
use std::path::Path;

use ambit_core::limits::BUNDLE_BYTES;

use super::file;
use crate::diagnostics::Sink;
use crate::suggest;

/// Bytes of a source file: what does not fit into a bundle is no source of one.
const FILE_BYTES: usize = BUNDLE_BYTES;

/// What is wrong with a file, and what to do.
type Fault = (String, &'static str);

/// The text of a file that must be there.
pub fn text(dir: &Path, name: &str, sink: &Sink) -> Option<String> {
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
            let readable = check_signs(&text, name, sink);
            return readable.then_some(text);
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

/// What an editor shows in another way than Cedar reads it: where a comment ends must be plain to see.
/// TOML and JSON have rules of their own.
fn check_signs(text: &str, name: &str, sink: &Sink) -> bool {
    if !has_extension(name, "cedar") && !has_extension(name, "cedarschema") {
        return true;
    }
    let mut signs = text.char_indices().peekable();
    while let Some((at, c)) = signs.next() {
        let is_misread = match c {
            '\r' => signs.peek().is_none_or(|(_, next)| *next != '\n'),
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
            _ => false,
        };
        if is_misread {
            file(name, sink).error(
                "project.character",
                at..at + c.len_utf8(),
                format!(
                    "the character {} ends a line or turns the order of characters in editors, and not here",
                    c.escape_unicode()
                ),
                "end lines with a line feed; in a string, write the character as `\\u{…}`",
            );
            return false;
        }
    }
    true
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
    let needed = ["ambit.toml", "schema.cedarschema"];
    let help = if needed.iter().any(|name| path.ends_with(name)) {
        "`ambit init` writes a project to start from"
    } else {
        "check the name, which counts from the project's folder"
    };
    ("the file is missing".to_owned(), help)
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
pub fn list(dir: &Path, folder: &str, ext: &str, sink: &Sink) -> Vec<String> {
    let mut names = entries(dir, folder, sink);
    names.retain(|name| has_extension(name, ext) && !base(name).starts_with('.'));
    names
}

/// A project that says that it has no guard rails must have none.
pub(super) fn refuse_policies(dir: &Path, sink: &Sink) {
    let mut names = entries(dir, "policies", sink);
    names.retain(|name| !is_note(name) || dir.join(name).is_dir());
    names.extend(exists(&dir.join("entities.json")).then(|| "entities.json".to_owned()));
    for name in names {
        file(&name, sink).error(
            "project.policies",
            None,
            "`guard_rails = \"none\"` says that there are no policies, and this would be a part of them",
            "remove `guard_rails` from `ambit.toml`, or the file",
        );
    }
}

/// What lies in a folder of sources and is not read would be left out in silence.
pub(super) fn refuse_others(dir: &Path, folder: &str, kinds: &[&str], sink: &Sink) {
    for name in entries(dir, folder, sink) {
        let hidden = base(&name).starts_with('.');
        // A folder called like a file is reported where it is read.
        let read = !hidden && kinds.iter().any(|kind| has_extension(&name, kind));
        let (message, help) = if read {
            continue;
        } else if dir.join(&name).is_dir() && !hidden {
            (
                format!("folders inside `{folder}/` are not read"),
                format!("move the files up into `{folder}/`, or the folder out of it"),
            )
        } else if is_note(&name) {
            continue;
        } else {
            (
                format!("this file is not read, and would be left out of `{folder}/` in silence"),
                format!(
                    "call it `NAME.{}`, or move it away",
                    kinds.join("` or `NAME.")
                ),
            )
        };
        file(&name, sink).error("project.unread", None, message, help);
    }
}

/// Sources at the top of a project under a name that is not read.
pub(super) fn refuse_strays(dir: &Path, sink: &Sink) {
    const FILES: [&str; 3] = ["ambit.toml", "schema.cedarschema", "entities.json"];
    const FOLDERS: [&str; 3] = ["policies", "agents", "tests"];
    let Ok(found) = fs::read_dir(dir) else {
        return;
    };
    for entry in found.flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_folder = entry.path().is_dir();
        let known: &[&str] = if is_folder { &FOLDERS } else { &FILES };
        if FILES.contains(&name.as_str()) || FOLDERS.contains(&name.as_str()) {
            continue;
        }
        let bare = name.trim_start_matches('.').to_ascii_lowercase();
        let policy = has_extension(&bare, "cedar");
        let schema = has_extension(&bare, "cedarschema");
        let extension = Path::new(&bare).extension();
        // The singular is farther from the plural than a slip of the hand.
        let word = if bare == "policy" { "policies" } else { &bare };
        let meant = suggest::closest(word, known.iter().copied())
            .filter(|known| Path::new(known).extension() == extension);
        let help = match meant {
            _ if !is_folder && policy => "move it into `policies/`".to_owned(),
            _ if !is_folder && schema => "write it into `schema.cedarschema`".to_owned(),
            Some(meant) if !is_folder || holds_sources(&entry.path()) => {
                format!("call it `{meant}`, or move it away")
            }
            _ => continue,
        };
        let message =
            "nothing is read under this name, so what stands here would be left out in silence";
        file(&name, sink).error("project.unread", None, message, help);
    }
}

fn holds_sources(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| has_extension(&name, "cedar") || has_extension(&name, "toml"))
}

/// Notes for people, and what version control and file managers leave behind.
fn is_note(name: &str) -> bool {
    let base = base(name);
    let source = ["cedar", "toml"].iter().any(|kind| {
        let lower = base.to_ascii_lowercase();
        lower.contains(&format!(".{kind}"))
    });
    !source && (base.starts_with('.') || has_extension(base, "md"))
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

/// `folder/NAME` for everything in a folder, sorted.
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
            Some(name) => names.push(format!("{folder}/{name}")),
            None => file(&format!("{folder}/{}", name.display()), sink).error(
                "project.file",
                None,
                "the name of the file is not UTF-8",
                "rename the file",
            ),
        }
    }
    names.sort();
    names
}
