//! Whose lists are believed, and where they are.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::json::{Document, Profile};
use ambit_core::limits::TOKEN_BYTES as CHAIN_BYTES;
use ambit_core::{split, split_once};
use ambit_token::{PublicKey, base64url};

use super::StatusError;

/// Whose lists are believed, and where they are.
#[derive(Clone, Debug)]
pub struct StatusSource {
    /// Beginnings of addresses, each `https://host/…/` with the last slash.
    pub prefixes: Vec<String>,
    /// The keys that sign these lists.
    pub keys: Vec<StatusKey>,
}

/// A key that signs status lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusKey {
    /// Its name in the header.
    pub kid: String,
    /// The public key, which fixes the algorithm.
    pub public: PublicKey,
}

/// That every prefix of these is one.
///
/// # Errors
///
/// [`StatusError::Prefix`]
pub fn check(sources: &[StatusSource]) -> Result<(), StatusError> {
    let mut prefixes = sources.iter().flat_map(|source| &source.prefixes);
    match prefixes.find(|prefix| !is_prefix(prefix)) {
        Some(wrong) => Err(StatusError::Prefix(wrong.clone())),
        None => Ok(()),
    }
}

/// The source that an address belongs to.
///
/// # Errors
///
/// [`StatusError::Address`]
pub fn of<'s>(sources: &'s [StatusSource], uri: &str) -> Result<&'s StatusSource, StatusError> {
    let mut sources = sources.iter();
    let found = sources.find(|source| {
        let mut prefixes = source.prefixes.iter();
        prefixes.any(|prefix| uri.strip_prefix(prefix.as_str()).is_some_and(is_plain))
    });
    found.ok_or(StatusError::Address)
}

/// Where the root of a chain, which is not verified here, says that its status is.
///
/// # Errors
///
/// [`StatusError::Reference`]
pub fn reference(token: &str) -> Result<Option<(String, i64)>, StatusError> {
    let root = split(token, b'~').next().unwrap_or_default();
    let payload = split(root, b'.').nth(1);
    let claims = payload
        .filter(|_| token.len() <= CHAIN_BYTES)
        .and_then(|payload| base64url::decode(payload.as_bytes()))
        .ok_or(StatusError::Reference)?;
    let document = Document::parse(&claims, Profile::Signed).map_err(|_| StatusError::Reference)?;
    let Some(status) = document.root().get("status") else {
        return Ok(None);
    };
    let list = status.get("status_list");
    let uri = list.and_then(|list| list.get("uri")?.as_str());
    let idx = list.and_then(|list| list.get("idx")?.as_int());
    let (uri, idx) = uri.zip(idx).ok_or(StatusError::Reference)?;
    Ok(Some((uri.to_owned(), idx)))
}

fn is_prefix(prefix: &str) -> bool {
    let Some((host, path)) = prefix
        .strip_prefix("https://")
        .and_then(|rest| split_once(rest, "/"))
    else {
        return false;
    };
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':');
    !host.is_empty()
        && host.bytes().all(plain)
        && (path.is_empty() || path.ends_with('/'))
        && is_plain(path)
}

/// Nothing by which an address under a prefix could lead out of it: no `..`, no escapes, no second
/// host. Lists have plain names.
fn is_plain(rest: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.~/?=&".contains(&c);
    rest.bytes().all(plain) && rest.split(['/', '?', '&', '=']).all(|part| part != "..")
}
