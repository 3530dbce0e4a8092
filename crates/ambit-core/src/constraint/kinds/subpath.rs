//! `subpath`: a path in a folder.

use alloc::format;

use crate::constraint::examples::{Examples, PART};
use crate::constraint::spec::{Asked, Spec};
use crate::constraint::words::Words;
use crate::describe::phrases::Phrase;
use crate::{Steps, rsplit_once, split};

pub(crate) use super::fits as misfit;

pub(crate) fn holds(spec: Spec<'_>, asked: Asked<'_>) -> bool {
    let path = asked.text();
    path.is_some_and(|path| is_in(spec.text(), path, asked.steps))
}

pub(crate) fn say(spec: Spec<'_>, words: &mut Words<'_, '_>) {
    words.say(Phrase::Path);
    words.name(spec.text());
}

/// The name that was asked, below the root; the root.
pub(crate) fn examples(spec: Spec<'_>, found: &mut Examples<'_, '_>) {
    let root = spec.text();
    let asked = found
        .asked_text()
        .and_then(|asked| rsplit_once(asked, b'/'));
    if let Some((_, name)) = asked.filter(|(_, name)| name.len() <= PART) {
        found.string(&format!("{}/{name}", root.trim_end_matches('/')));
    }
    found.string(root);
}

/// Whether a constraint may name `root`: absolute, nothing empty, `.` or `..` in it, no slash at
/// its end (but `/` alone).
pub(crate) fn is_root(root: &str) -> bool {
    let Some(rest) = root.strip_prefix('/').filter(|_| is_plain(root)) else {
        return false;
    };
    rest.is_empty() || split(rest, b'/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Whether `path` is absolute and in `root` or root itself. A `..` never matches, even where it
/// would lead back inside: the folder it leaves may be a link.
fn is_in(root: &str, path: &str, steps: &Steps) -> bool {
    let usable = steps.take(path.len()) && path.starts_with('/') && is_plain(path);
    if !usable || split(path, b'/').any(|segment| segment == "..") {
        return false;
    }
    let mut segments = segments(path);
    self::segments(root).all(|wanted| segments.next() == Some(wanted))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    split(path, b'/').filter(|segment| !matches!(*segment, "" | "."))
}

fn is_plain(path: &str) -> bool {
    !path.contains(|c: char| c == '\\' || c.is_control())
}
