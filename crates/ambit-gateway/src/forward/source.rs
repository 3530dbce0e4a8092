//! Where a value stands in a request.

use std::fmt;

use crate::pdp::pointer_path;

/// `{name}` in the path, `?name` in the query, `/a/b` (RFC 6901) in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(String),
    Query(String),
    Body(Vec<String>),
}

impl Source {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('{') {
            let name = name.strip_suffix('}').filter(|name| !name.is_empty())?;
            return Some(Self::Path(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix('?') {
            return (!name.is_empty()).then(|| Self::Query(name.to_owned()));
        }
        pointer_path(text.strip_prefix('/')?).map(Self::Body)
    }

    /// The name, of one in the path.
    pub(super) fn in_path(&self) -> Option<&str> {
        match self {
            Self::Path(name) => Some(name),
            Self::Query(_) | Self::Body(_) => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(f, "{{{name}}}"),
            Self::Query(name) => write!(f, "?{name}"),
            Self::Body(path) => write!(f, "/{}", path.join("/")),
        }
    }
}
