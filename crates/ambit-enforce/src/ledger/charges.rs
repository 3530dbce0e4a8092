//! The charges of a `consume` obligation, and the reason of a denial when they do not fit.

use alloc::vec::Vec;

use ambit_core::Reason;
use ambit_core::json::{Json, Kind};

use super::{Charge, LedgerError};

/// What a caller can act on differently has a reason of its own.
#[must_use]
pub fn reason(error: &LedgerError) -> Option<Reason> {
    match error {
        LedgerError::Exceeded { kind, .. } | LedgerError::Repeated { kind } => {
            match kind.as_str() {
                "spend" => Some(Reason::LimitSpend),
                "use_limit" => Some(Reason::LimitUses),
                "rate" => Some(Reason::LimitRate),
                "proof" => Some(Reason::PossessionUsed),
                "receipt" | "call" => Some(Reason::ApprovalUsed),
                _ => None,
            }
        }
        LedgerError::Forgotten { kind } => match kind.as_str() {
            "proof" => Some(Reason::PossessionExpired),
            "receipt" | "call" => Some(Reason::ApprovalExpired),
            // A budget ends with the block that states it.
            "spend" | "use_limit" => Some(Reason::TokenExpired),
            // And a rate with its window, which the same token meets again.
            "rate" => Some(Reason::LimitRate),
            _ => None,
        },
        _ => None,
    }
}

/// The charges of a `consume` obligation, from its `ext`. `None` for what is not of its form.
#[must_use]
pub fn read(ext: Json<'_>) -> Option<Vec<Charge<'_>>> {
    let charges = ext.get("charges")?;
    if ext.len() != 1 || charges.kind() != Kind::Array || charges.is_empty() {
        return None;
    }
    charges.elements().map(charge).collect()
}

/// A member that is not known could change what the others mean.
fn charge(charge: Json<'_>) -> Option<Charge<'_>> {
    const KNOWN: [&str; 7] = [
        "key", "type", "amount", "max", "currency", "decimals", "until",
    ];
    if charge.members().any(|(name, _)| !KNOWN.contains(&name)) {
        return None;
    }
    let text = |name: &str| charge.get_str(name);
    let until = match charge.get("until") {
        Some(until) => Some(until.as_int()?),
        None => None,
    };
    let is_limit = matches!(text("type"), Some("spend" | "use_limit" | "rate"));
    let number = |name: &str| match charge.get(name) {
        Some(number) => number.as_int(),
        None => until.filter(|_| !is_limit).map(|_| 1),
    };
    Some(Charge {
        key: text("key")?,
        kind: text("type")?,
        amount: number("amount")?,
        max: number("max")?,
        until,
    })
}
