//! `ambit_ask`: the request for an evaluator, the digest of its call, and what is to be signed for it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::grammar::{Form, Member, OBJECT, SIGNING, may, needs};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_core::limits::{ENROLMENTS, RECEIPTS, STATEMENTS};
use ambit_evaluator::{ChainCache, call_digest, refuse, signing_input};
use ambit_policy::Bundle;

use crate::ask::{Evaluation, Request};

/// How much longer than a request the parts may be: each quote of a text has a backslash before it.
const LONGER: usize = 2;
/// Statements that are made ready for a signature at one time: a proof, a block, and a person's yes.
const SIGNED: usize = 4;

const ENTITY: Form = Form::Object(&[needs("type", Form::Text), needs("id", Form::Text)]);

/// The parts. What the evaluator judges by itself is not judged here.
const PARTS: &[Member] = &[
    needs("action", Form::Text),
    needs("power", Form::Text),
    needs("args", Form::OneOf(&[Form::Text, Form::Map(&Form::Text)])),
    needs("resource", ENTITY),
    needs("purpose", Form::Text),
    may("subject", ENTITY),
    may("token", Form::Text),
    may("proof", Form::Text),
    may("approvals", Form::List(&(0, RECEIPTS), &Form::Text)),
    may("enrolments", Form::List(&(0, ENROLMENTS), &Form::Text)),
    may("statements", Form::List(&(0, STATEMENTS), &Form::Text)),
    may("entities", Form::Any),
    needs("facts", OBJECT),
    may("sign", Form::List(&(0, SIGNED), &Form::Object(SIGNING))),
];

/// For the parts of a request `{"request", "binding_s256"?, "risk_tier"?, "display"?, "signing"?}`, or the denial of what
/// cannot be asked.
///
/// `request` is the text to be evaluated. The digest and what a person is shown are those of [`call_digest`], and are left
/// out where call or token are refused already: the evaluator says why. `signing` has an answer of [`signing_input`] for each
/// statement in `sign`, with what its claims lack and the request knows filled in.
#[must_use]
pub fn ask(bundle: &Bundle<'_>, parts: &[u8], cache: &mut ChainCache) -> String {
    made(bundle, parts, cache).unwrap_or_else(|(reason, admin)| refuse(reason, &admin))
}

/// A reason, and where and what.
type Fault = (Reason, String);

fn made(bundle: &Bundle<'_>, parts: &[u8], cache: &mut ChainCache) -> Result<String, Fault> {
    let most = bundle.limits().request_bytes.saturating_mul(LONGER);
    if parts.len() > most {
        let admin = format!("{} bytes, at most {most}", parts.len());
        return Err((Reason::RequestSize, admin));
    }
    let document = read(parts, "the parts of the request")?;
    let root = document.root();
    let formed = Form::Object(PARTS).check(root);
    formed.map_err(|fault| (Reason::RequestMember, fault.within("the request's parts")))?;
    let evaluation = evaluation(root)?;
    let facts = root.get("facts").unwrap_or_default();
    let request = request(root, &evaluation, &text(facts));
    let digest = call_digest(bundle, request.as_bytes(), cache);
    let digest = read(digest.as_bytes(), "the digest")?.root_or_null(&mut |digest| {
        let signed = signed(bundle, root, digest, &mut || {
            without_content(bundle, root, &evaluation, cache)
        });
        answer(&request, digest, &signed)
    });
    Ok(digest)
}
