//! `subpath`: a path in a folder.

use crate::Steps;

/// Whether a constraint may name `root`: absolute, nothing empty, `.` or `..` in it, no slash at
/// its end (but `/` alone).
pub(super) fn is_root(root: &str) -> bool {
    let Some(rest) = root.strip_prefix('/').filter(|_| is_plain(root)) else {
        return false;
    };
    rest.is_empty()
        || rest
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Whether `path` is absolute and in `root` or root itself. A `..` never matches, even where it
/// would lead back inside: the folder it leaves may be a link.
pub(super) fn matches(root: &str, path: &str, steps: &Steps) -> bool {
    let usable = steps.take(path.len()) && path.starts_with('/') && is_plain(path);
    if !usable || path.split('/').any(|segment| segment == "..") {
        return false;
    }
    let mut segments = segments(path);
    self::segments(root).all(|wanted| segments.next() == Some(wanted))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
}

fn is_plain(path: &str) -> bool {
    !path.contains(|c: char| c == '\\' || c.is_control())
}
