//! The decision record, in RFC 8785 form: what goes into the audit log.
//!
//! Members are written sorted by name. What was not established when the decision fell is `null`;
//! nothing of an unverified token is here.

use ambit_core::json::{Json, Writer, canonical};
use ambit_token::{Block, VerifiedProof, VerifiedToken, base64url};

use crate::charge::Charge;
use crate::digest::{self, s256};
use crate::seen::{ALLOWED, Seen};

/// Writes the record of a decision.
pub(crate) fn write(seen: &Seen<'_>, out: &mut Writer, reason: &str, charges: &[Charge]) {
    out.object(|out| {
        write_asked(seen, out, charges);
        write_decided(seen, out, reason);
    });
}

/// The members from `action` to `now`.
fn write_asked(seen: &Seen<'_>, out: &mut Writer, charges: &[Charge]) {
    let facts = seen.request.map(|request| &request.facts);
    text(
        out.name("action"),
        seen.request.map(|request| request.action),
    );
    out.name("actor").object(|out| {
        text(
            out.name("iss"),
            claim(seen, &["act", "iss"]).and_then(Json::as_str),
        );
        text(
            out.name("sub"),
            claim(seen, &["act", "sub"]).and_then(Json::as_str),
        );
    });
    out.name("agent");
    if !claim(seen, &["agent"]).is_some_and(|agent| canonical(agent, out)) {
        out.null();
    }
    let arguments = seen.arguments.map(|arguments| s256(arguments.as_bytes()));
    text(out.name("args_s256"), arguments.as_deref());
    text(out.name("audience"), facts.map(|facts| facts.audience));
    out.name("cedar");
    match seen.found.and_then(|found| found.ruling.as_ref()) {
        Some(ruling) => ruling.record(out),
        None => {
            out.null();
        }
    }
    out.name("charges").array(|out| {
        for charge in charges {
            out.string(&charge.key);
        }
    });
    out.name("epochs").array(|out| {
        for epochs in seen.found.into_iter().flat_map(|found| &found.epochs) {
            out.object(|out| {
                out.name("iss").string(&epochs.iss);
                out.name("version").integer(epochs.version);
            });
        }
    });
    out.name("input_s256").string(&digest::input(seen));
    match facts {
        Some(facts) => out.name("now").integer(facts.now),
        None => out.name("now").null(),
    };
}

/// The members from `policy` to `verdict`.
fn write_decided(seen: &Seen<'_>, out: &mut Writer, reason: &str) {
    let request = seen.request;
    out.name("policy").object(|out| {
        out.name("s256")
            .string(&base64url::encode(seen.bundle.digest()));
        out.name("uid").string(seen.bundle.uid());
        out.name("version").integer(seen.bundle.version());
    });
    text(
        out.name("power"),
        request.map(|request| request.power.name()),
    );
    let proof = seen.found.and_then(|found| found.proof.as_ref());
    out.name("proof").object(|out| {
        text(out.name("jkt"), proof.map(VerifiedProof::thumbprint));
        text(out.name("jti"), proof.map(VerifiedProof::jti));
    });
    text(out.name("purpose"), request.map(|request| request.purpose));
    out.name("reason").string(reason);
    out.name("receipts").array(|out| {
        for receipt in seen.found.into_iter().flat_map(|found| &found.receipts) {
            out.object(|out| {
                out.name("iss").string(&receipt.iss);
                out.name("jti").string(&receipt.jti);
                out.name("sub").string(&receipt.sub);
            });
        }
    });
    out.name("resource").object(|out| {
        text(out.name("id"), request.map(|request| request.resource_id));
        text(
            out.name("type"),
            request.map(|request| request.resource_type),
        );
    });
    text(
        out.name("subject"),
        claim(seen, &["sub"]).and_then(Json::as_str),
    );
    text(
        out.name("tenant"),
        request.and_then(|request| request.facts.tenant),
    );
    out.name("tokens").array(|out| {
        let blocks = seen.token.map(VerifiedToken::blocks).unwrap_or_default();
        for id in blocks.iter().map(Block::jti) {
            out.string(id);
        }
    });
    out.name("v").string("ambit-record-1");
    out.name("verdict")
        .string(if reason == ALLOWED { "allow" } else { "deny" });
}

/// A claim of the verified root.
fn claim<'a>(seen: &Seen<'a>, path: &[&str]) -> Option<Json<'a>> {
    let root = seen.token?.root();
    path.iter()
        .try_fold(root, |value, member| value.get(member))
}

/// A string, or `null`.
fn text(out: &mut Writer, value: Option<&str>) {
    match value {
        Some(value) => out.string(value),
        None => out.null(),
    };
}
