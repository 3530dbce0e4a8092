//! The grant digest, over the RFC 8785 form of the claims.

use alloc::string::String;

use ambit_core::json::{Json, Writer, canonical, sorted_members};
use ambit_evaluator::s256;

/// Claims of a root that change from one token to the next of the same grant.
pub(crate) const NOT_GRANTED: [&str; 5] = ["iat", "nbf", "jti", "status", "approval"];

/// The grant digest of docs/token.md: the identity of what a root grants, to which a person consents
/// before it is made.
pub(crate) fn grant(claims: Json<'_>) -> String {
    const VERSION: &str = "v";
    let mut out = Writer::with_capacity(1024);
    let mut whole = true;
    out.object(|out| {
        let mut version = Some("ambit-grant-1");
        // No claim is called `v`; a request that says so has the member twice, and no token.
        for (name, claim) in sorted_members(claims) {
            if name > VERSION
                && let Some(version) = version.take()
            {
                out.name(VERSION).string(version);
            }
            if !NOT_GRANTED.contains(&name) {
                out.name(name);
                whole = whole && canonical(claim, out);
            }
        }
        if let Some(version) = version {
            out.name(VERSION).string(version);
        }
    });
    if whole {
        s256(out.as_str().as_bytes())
    } else {
        String::new()
    }
}
