//! `ambit_ask`: the request for an evaluator, the digest of its call, and what is to be signed for it.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ambit_core::grammar::{Form, Member, OBJECT, SIGNING, may, needs};
use ambit_core::json::{Document, Json, Kind, Profile, Writer};
use ambit_core::limits::{ENROLMENTS, RECEIPTS, STATEMENTS};
use ambit_core::{Reason, foreign_name};
use ambit_evaluator::{ChainCache, call_digest, refuse, signing_input};
use ambit_policy::Bundle;

use crate::ask::{Evaluation, Request};

/// How much longer than a request the parts may be: each quote of a text has a backslash before it.
const LONGER: usize = 2;
/// Statements that are made ready for a signature at one time: a proof, a block, and a person's yes.
const SIGNED: usize = 4;

/// What names a proof and a person's yes.
const PROOF: &str = "dpop+jwt";
const RECEIPT: &str = "approval-receipt+jwt";

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

/// The same without digest and without anything to be signed: `{"request"}`, or a denial.
#[must_use]
pub fn request(bundle: &Bundle<'_>, parts: &[u8]) -> String {
    let made = read_parts(bundle, parts).and_then(|document| {
        let request = Asked::of(document.root())?.request(true);
        let mut out = Writer::with_capacity(request.len().saturating_mul(LONGER));
        out.object(|out| {
            out.name("request").string(&request);
        });
        Ok(out.finish())
    });
    made.unwrap_or_else(|(reason, admin)| refuse(reason, &admin))
}

/// The parts, in their form.
fn read_parts<'p>(bundle: &Bundle<'_>, parts: &'p [u8]) -> Result<Document<'p>, Fault> {
    let most = bundle.limits().request_bytes.saturating_mul(LONGER);
    if parts.len() > most {
        let admin = format!("{} bytes, at most {most}", parts.len());
        return Err((Reason::RequestSize, admin));
    }
    let document = read(parts, "the parts")?;
    let formed = Form::Object(PARTS).check(document.root());
    formed.map_err(|fault| (Reason::RequestMember, fault.within("the parts")))?;
    Ok(document)
}

fn made(bundle: &Bundle<'_>, parts: &[u8], cache: &mut ChainCache) -> Result<String, Fault> {
    let document = read_parts(bundle, parts)?;
    let root = document.root();
    let asked = Asked::of(root)?;
    let request = asked.request(true);
    let shown = call_digest(bundle, request.as_bytes(), cache);
    let shown = read(shown.as_bytes(), "the digest")?;
    let mut signing = Vec::new();
    for entry in root.get_elements("sign") {
        // What a proof names is the call without what its arguments refer to.
        let bare = entry.get_str("typ") == Some(PROOF) && asked.facts.get("content").is_some();
        signing.push(if bare {
            let call = call_digest(bundle, asked.request(false).as_bytes(), cache);
            let call = read(call.as_bytes(), "the digest")?;
            asked.signing(bundle, entry, call.root())
        } else {
            asked.signing(bundle, entry, shown.root())
        });
    }
    let mut out = Writer::with_capacity(request.len().saturating_mul(LONGER));
    out.object(|out| {
        out.name("request").string(&request);
        if is_digest(shown.root()) {
            for (name, value) in shown.root().members() {
                out.name(name).json(value);
            }
        }
        if !signing.is_empty() {
            out.name("signing").array(|out| {
                for answer in &signing {
                    out.raw(answer);
                }
            });
        }
    });
    Ok(out.finish())
}

/// What is asked.
struct Asked<'a> {
    /// All parts, which have their form.
    root: Json<'a>,
    evaluation: String,
    facts: Json<'a>,
}

impl<'a> Asked<'a> {
    fn of(root: Json<'a>) -> Result<Self, Fault> {
        Ok(Self {
            root,
            evaluation: evaluation(root)?,
            facts: root.get("facts").unwrap_or_default(),
        })
    }

    /// The request, with or without what arguments refer to.
    fn request(&self, with_content: bool) -> String {
        let list = |name| self.root.get(name).map(Json::texts).unwrap_or_default();
        let mut facts = Writer::default();
        facts.object(|out| {
            for (name, value) in self.facts.members() {
                if with_content || name != "content" {
                    out.name(name).json(value);
                }
            }
        });
        let entities = self.root.get("entities").map(text);
        let request = Request {
            evaluation: &self.evaluation,
            token: self.root.get_str("token"),
            proof: self.root.get_str("proof"),
            approvals: &list("approvals"),
            enrolments: &list("enrolments"),
            statements: &list("statements"),
            entities: entities.as_deref(),
            facts: facts.as_str(),
        };
        request.to_text()
    }

    /// What is to be signed of a statement about the call that has this digest, or a denial.
    fn signing(&self, bundle: &Bundle<'_>, entry: Json<'_>, digest: Json<'_>) -> String {
        let claims = entry.get("claims").unwrap_or_default();
        let typ = entry.get_str("typ").unwrap_or_default();
        let more = match typ {
            PROOF => vec![
                ("htm", self.facts.get("method")),
                ("htu", self.facts.get("url")),
                ("iat", self.facts.get("now")),
                ("nonce", self.facts.get("nonce")),
                ("ambit_call", digest.get("binding_s256")),
            ],
            RECEIPT if claims.get_str("kind") == Some("action") => vec![
                ("binding_s256", digest.get("binding_s256")),
                ("risk_tier", digest.get("risk_tier")),
                ("display", digest.get("display")),
            ],
            _ => Vec::new(),
        };
        let is_of_call = !more.is_empty();
        if is_of_call && !is_digest(digest) {
            return text(digest);
        }
        let mut out = Writer::with_capacity(1024);
        out.object(|out| {
            out.name("typ").string(typ);
            out.name("claims").object(|out| {
                for (name, value) in claims.members() {
                    out.name(name).json(value);
                }
                for (name, value) in more {
                    if let Some(value) = value.filter(|_| claims.get(name).is_none()) {
                        out.name(name);
                        without_text(value, out);
                    }
                }
            });
            let token = entry.get("token").or_else(|| self.root.get("token"));
            let (kid, enrolment) = (entry.get("kid"), entry.get("enrolment"));
            for (name, value) in [("token", token), ("kid", kid), ("enrolment", enrolment)] {
                if let Some(value) = value {
                    out.name(name).json(value);
                }
            }
        });
        signing_input(bundle, out.finish().as_bytes())
    }
}

/// What a person is shown is signed by its hash.
fn without_text(value: Json<'_>, out: &mut Writer) {
    if value.kind() != Kind::Object {
        out.json(value);
        return;
    }
    out.object(|out| {
        for (name, member) in value.members().filter(|(name, _)| *name != "text") {
            out.name(name).json(member);
        }
    });
}

fn is_digest(said: Json<'_>) -> bool {
    said.get("binding_s256").is_some()
}

fn evaluation(root: Json<'_>) -> Result<String, Fault> {
    let part = |name| root.get_str(name).unwrap_or_default();
    let entity = |name| {
        let entity = root.get(name)?;
        entity.get_str("type").zip(entity.get_str("id"))
    };
    let args = arguments(root.get("args").unwrap_or_default())?;
    let evaluation = Evaluation {
        action: part("action"),
        power: part("power"),
        args: &args,
        resource: entity("resource").unwrap_or_default(),
        purpose: part("purpose"),
        subject: entity("subject"),
    };
    Ok(evaluation.to_text())
}

/// All arguments in one text, or a text for each.
fn arguments(args: Json<'_>) -> Result<String, Fault> {
    if let Some(all) = args.as_str() {
        let document = read(all.as_bytes(), "`args`")?;
        if document.root().kind() != Kind::Object {
            let admin = "`args`: wanted the text of an object";
            return Err((Reason::RequestMember, admin.into()));
        }
        return Ok(text(document.root()));
    }
    let mut out = Writer::with_capacity(256);
    let mut fault = None;
    out.object(|out| {
        for (name, value) in args.members() {
            let value = value.as_str().unwrap_or_default().as_bytes();
            match Document::parse(value, Profile::Request) {
                Ok(document) => {
                    out.name(name).json(document.root());
                }
                Err(error) => {
                    out.name(name).null();
                    let admin = format!("the argument {}: {error}", foreign_name(name));
                    fault.get_or_insert((Reason::RequestSyntax, admin));
                }
            }
        }
    });
    match fault {
        None => Ok(out.finish()),
        Some(fault) => Err(fault),
    }
}

/// Strictly: a member twice, at any depth, is none.
fn read<'t>(json: &'t [u8], part: &str) -> Result<Document<'t>, Fault> {
    let parsed = Document::parse(json, Profile::Request);
    parsed.map_err(|error| (Reason::RequestSyntax, format!("{part}: {error}")))
}

fn text(value: Json<'_>) -> String {
    let mut out = Writer::default();
    out.json(value);
    out.finish()
}
