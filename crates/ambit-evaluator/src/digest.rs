//! Digests over RFC 8785 forms.

use alloc::string::String;

use ambit_core::json::{Json, Writer, canonical, sorted_members};
use ambit_token::base64url;
use sha2::{Digest as _, Sha256};

use crate::Case;

/// base64url of the SHA-256 of `bytes`.
pub(crate) fn s256(bytes: &[u8]) -> String {
    base64url::encode(&Sha256::digest(bytes))
}

/// The action digest of TOKEN.md: the identity of exactly this call, which people approve.
pub(crate) fn action(case: &Case<'_>) -> String {
    let root = case.token.root();
    let mut out = Writer::with_capacity(1024);
    out.object(|out| {
        out.name("act").object(|out| {
            let act = root.get("act");
            optional(out.name("iss"), act.and_then(|act| act.get("iss")));
            optional(out.name("sub"), act.and_then(|act| act.get("sub")));
        });
        out.name("action").string(case.request.action);
        out.name("agent");
        if !root.get("agent").is_some_and(|agent| canonical(agent, out)) {
            out.null();
        }
        out.name("args").raw(case.arguments_text);
        out.name("aud").string(case.request.facts.audience);
        out.name("power").string("execute");
        out.name("purpose").string(case.request.purpose);
        out.name("resource").object(|out| {
            out.name("id").string(case.request.resource_id);
            out.name("type").string(case.request.resource_type);
        });
        out.name("root").object(|out| {
            optional(out.name("iss"), root.get("iss"));
            optional(out.name("jti"), root.get("jti"));
        });
        out.name("sub").string(case.token.sub());
        optional(out.name("tenant"), root.get("tenant"));
        out.name("v").string("ambit-action-1");
    });
    s256(out.as_str().as_bytes())
}

/// Claims of a root that change from one token to the next of the same grant.
const NOT_GRANTED: [&str; 5] = ["iat", "nbf", "jti", "status", "approval"];

/// The grant digest of TOKEN.md: the identity of what a root grants, to which a person consents
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

/// A string claim, or `null`.
fn optional(out: &mut Writer, claim: Option<Json<'_>>) {
    match claim.and_then(Json::as_str) {
        Some(text) => out.string(text),
        None => out.null(),
    };
}
