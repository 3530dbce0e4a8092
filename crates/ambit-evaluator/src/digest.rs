//! Digests over RFC 8785 forms.

use alloc::string::String;

use ambit_core::json::{Json, Writer, canonical};
use ambit_token::base64url;
use sha2::{Digest as _, Sha256};

use crate::case::Case;
use crate::seen::Seen;

/// What an argument refers to, by the argument's name.
pub(crate) type Content<'a> = (&'a str, Json<'a>);

/// base64url of the SHA-256 of `bytes`.
#[must_use]
pub fn s256(bytes: &[u8]) -> String {
    base64url::encode(&Sha256::digest(bytes))
}

/// The action digest of docs/token.md: the identity of exactly this call.
pub(crate) fn action(case: &Case<'_>) -> String {
    s256(preimage(case, case.arguments_text, &[]).as_bytes())
}

/// The same with what its arguments refer to: what people approve.
pub(crate) fn with_content(case: &Case<'_>, contents: &[Content<'_>]) -> String {
    s256(preimage(case, case.arguments_text, contents).as_bytes())
}

/// What that is the digest of, with these arguments.
pub(crate) fn preimage(case: &Case<'_>, arguments: &str, contents: &[Content<'_>]) -> String {
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
        out.name("args").raw(arguments);
        out.name("aud").string(case.request.facts.audience);
        if !contents.is_empty() {
            out.name("content").object(|out| {
                for (name, content) in contents {
                    // A sound fact has a canonical form.
                    let _ = canonical(*content, out.name(name));
                }
            });
        }
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
    out.finish()
}

/// The digest of a request (docs/decision.md, "The answer"): a token that is a string without escapes is
/// hashed by itself, so that a known one need not be hashed again.
pub(crate) fn input(seen: &Seen<'_>) -> String {
    let parts = seen.sent.and_then(|sent| {
        let place = sent.place.as_ref()?;
        let before = seen.input.get(..place.start)?;
        Some((before, &sent.s256, seen.input.get(place.end..)?))
    });
    let Some((before, token, behind)) = parts else {
        return s256(seen.input);
    };
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(base64url::encode(token));
    hash.update(behind);
    base64url::encode(&hash.finalize())
}

/// A string claim, or `null`.
fn optional(out: &mut Writer, claim: Option<Json<'_>>) {
    match claim.and_then(Json::as_str) {
        Some(text) => out.string(text),
        None => out.null(),
    };
}
