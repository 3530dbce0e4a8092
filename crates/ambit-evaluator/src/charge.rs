//! One amount to be taken from one budget.

use alloc::format;
use alloc::string::String;

use ambit_core::json::Writer;

use crate::digest::s256;

/// What the host must add up, in one atomic step with all others of the call.
#[derive(Debug)]
pub(crate) struct Charge {
    /// SHA-256 of the signing input of the block that states the limit, entry index, limit index. For a
    /// limit of the manifest that of the root, and `manifest` before the index.
    pub(crate) key: String,
    pub(crate) kind: &'static str,
    pub(crate) amount: i64,
    pub(crate) max: i64,
    pub(crate) currency: Option<(String, i64)>,
    /// Seconds since 1970 until which the host remembers it; without an end where `None`.
    pub(crate) until: Option<i64>,
}

impl Charge {
    /// What may be used once: a proof of its holder, a receipt of its issuer. The digest keeps a
    /// hostile identifier from looking like the key of another charge.
    pub(crate) fn once(kind: &'static str, of: &str, id: &str, until: i64) -> Self {
        let mut pair = Writer::default();
        pair.array(|pair| {
            pair.string(of);
            pair.string(id);
        });
        Self {
            key: format!("{kind}:{}", s256(pair.as_str().as_bytes())),
            kind,
            amount: 1,
            max: 1,
            currency: None,
            until: Some(until),
        }
    }
}
