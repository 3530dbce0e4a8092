//! Step 9: what the host must do before it acts, in the shape of AuthZEN's obligations draft
//! (`id`, `type`, and the type's own members in `ext`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::Power;
use ambit_core::json::{Json, Writer};
use ambit_token::{Block, base64url};

use crate::authority::{Grant, Source};
use crate::case::Case;
use crate::charge::Charge;
use crate::remedy::{Approval, Shown};
use crate::requires::Needs;
use crate::seen::Found;
use crate::{approvals, possession};

/// What may be used once or so often, and all limits of all selected entries, to be charged in one
/// atomic step. Those of the manifest bound each token: they are counted for its root.
pub(crate) fn charges(
    case: &Case<'_>,
    grant: &Grant<'_>,
    found: Option<&Found<'_>>,
) -> Vec<Charge> {
    let proof = found.and_then(|found| found.proof.as_ref());
    let mut charges: Vec<Charge> = proof
        .map(|proof| possession::charge(case, proof))
        .into_iter()
        .collect();
    let receipts = found.map_or(&[][..], |found| &found.receipts);
    charges.extend(receipts.iter().map(approvals::charge));
    if !receipts.is_empty() {
        charges.push(approvals::call(case));
    }
    for selected in &grant.selected {
        let (block, stated) = match selected.source {
            Source::Manifest => (0, "manifest:"),
            Source::Block(block) => (block, ""),
        };
        let limits = selected
            .entry
            .get("limits")
            .map(Json::elements)
            .into_iter()
            .flatten();
        // Nothing can be charged to a block that has ended, so nothing needs to be remembered of it.
        let ends = case.token.blocks().get(block).map(Block::exp);
        for (number, limit) in limits.enumerate() {
            let digest = base64url::encode(&case.token.signing_input_s256(block));
            let key = format!("{digest}:{stated}{}:{number}", selected.index);
            charges.extend(charge(case, limit, key, ends));
        }
    }
    charges
}

fn charge(case: &Case<'_>, limit: Json<'_>, key: String, until: Option<i64>) -> Option<Charge> {
    let integer = |name| limit.get_int(name);
    let max = integer("max")?;
    let kind = limit.get_str("type")?;
    if kind != "spend" {
        let window = integer("seconds").and_then(|seconds| window(case.request.facts.now, seconds));
        let (key, kind, until) = match window {
            None => (key, "use_limit", until),
            Some((from, to)) => (format!("{key}:{from}"), "rate", Some(to)),
        };
        return Some(Charge {
            key,
            kind,
            amount: 1,
            max,
            currency: None,
            until,
        });
    }
    // `spend` applies to `execute` only; the entry was selected because its amount can be read.
    if case.request.power != Power::Execute {
        return None;
    }
    let argument = limit.get_str("argument").unwrap_or("amount");
    let currency = limit.get_str("currency")?;
    let decimals = limit.get_int("decimals")?;
    Some(Charge {
        key,
        kind: "spend",
        amount: case.arguments.get_int(argument)?,
        max,
        currency: Some((String::from(currency), decimals)),
        until,
    })
}

/// Beginning and end of the window that holds `now`. Windows are counted from 1970 on, so that every
/// host has the same.
fn window(now: i64, seconds: i64) -> Option<(i64, i64)> {
    let from = now.checked_sub(now.checked_rem_euclid(seconds)?)?;
    Some((from, from.checked_add(seconds)?))
}

/// Writes the array of obligations.
pub(crate) fn write(
    case: &Case<'_>,
    grant: &Grant<'_>,
    found: Option<&Found<'_>>,
    charges: &[Charge],
    out: &mut Writer,
) {
    out.array(|out| {
        if let Some(proposal) = found.and_then(|found| found.proposal.as_ref()) {
            obligation(out, "approve", |out| {
                write_proposal(case, grant, proposal, out);
            });
        }
        if !charges.is_empty() {
            obligation(out, "consume", |out| {
                out.name("charges").array(|out| {
                    for charge in charges {
                        write_charge(charge, out);
                    }
                });
            });
        }
        let status = case
            .token
            .root()
            .get("status")
            .and_then(|status| status.get("status_list"));
        if let Some(list) = status {
            obligation(out, "status", |out| {
                out.name("uri")
                    .string(list.get_str("uri").unwrap_or_default());
                out.name("idx")
                    .integer(list.get_int("idx").unwrap_or_default());
                out.name("max_age").integer(status_max_age(case));
            });
        }
    });
}

/// A proposal: what is to be put before people, word for word, and who they are. The digest is the
/// one that their receipts must be bound to.
fn write_proposal(case: &Case<'_>, grant: &Grant<'_>, shown: &Shown, out: &mut Writer) {
    shown.write(out);
    let asked = Needs::of(case, &grant.selected, Power::Execute).into_asked(case);
    out.name("approvals").array(|out| {
        for Approval { approvers, count } in &asked {
            out.object(|out| {
                out.name("approvers").array(|out| {
                    for approver in approvers {
                        out.string(approver);
                    }
                });
                out.name("count").integer(*count);
            });
        }
    });
}

fn obligation(out: &mut Writer, kind: &str, ext: impl FnOnce(&mut Writer)) {
    out.object(|out| {
        out.name("id").string(kind);
        out.name("type").string(kind);
        out.name("ext").object(ext);
    });
}

fn write_charge(charge: &Charge, out: &mut Writer) {
    out.object(|out| {
        out.name("key").string(&charge.key);
        out.name("type").string(charge.kind);
        out.name("amount").integer(charge.amount);
        out.name("max").integer(charge.max);
        if let Some((currency, decimals)) = &charge.currency {
            out.name("currency").string(currency);
            out.name("decimals").integer(*decimals);
        }
        if let Some(until) = charge.until {
            out.name("until").integer(until);
        }
    });
}

/// Seconds that a status may be old (docs/token.md): 300 for high and critical risk, 3600 otherwise.
pub(crate) fn status_max_age(case: &Case<'_>) -> i64 {
    let action = case.bundle.action(case.request.action);
    match action.map_or("critical", |action| action.risk(case.request.power)) {
        "low" | "medium" => 3600,
        _ => 300,
    }
}
