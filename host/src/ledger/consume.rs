//! The `consume` obligation, discharged by a ledger.

use std::sync::Arc;

use ambit_core::Reason;
use ambit_core::json::{Json, Kind};

use super::{Charge, Ledger, LedgerError};
use crate::enforce::{Discharge, NotDischarged, Obligation};

/// Discharges `consume`: all charges in one step, or the call is refused.
///
/// Its `ext` is `{"charges": [{"key", "type", "amount", "max", "until"?}]}`; `currency` and
/// `decimals` may stand beside them for people, since the key already names one budget of one
/// currency. `amount` and `max` may be left out of what happens once, which has an `until` and is no
/// limit.
#[derive(Clone, Debug)]
pub struct Consume<L>(Arc<L>);

impl<L: Ledger> Consume<L> {
    /// A handler for [`Enforcer::with`](crate::Enforcer::with).
    pub const fn new(ledger: Arc<L>) -> Self {
        Self(ledger)
    }
}

impl<L: Ledger> Discharge for Consume<L> {
    fn discharge(&self, obligation: &Obligation<'_>) -> Result<(), NotDischarged> {
        let charges = read(obligation.ext)
            .ok_or_else(|| refuse(&LedgerError::Malformed("a part is missing or not known")))?;
        let now = obligation.now.ok_or_else(|| {
            NotDischarged::new("the answer's record does not say when it was made")
        })?;
        self.0
            .consume(&charges, now)
            .map_err(|error| refuse(&error))
    }
}

fn refuse(error: &LedgerError) -> NotDischarged {
    let detail = format!("{}: {error}", error.code());
    match reason(error) {
        Some(reason) => NotDischarged::because(reason, detail),
        None => NotDischarged::new(detail),
    }
}

/// What a caller can act on differently has a reason of its own.
fn reason(error: &LedgerError) -> Option<Reason> {
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
            _ => None,
        },
        _ => None,
    }
}

fn read(ext: Json<'_>) -> Option<Vec<Charge<'_>>> {
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
    let text = |name: &str| charge.get(name).and_then(Json::as_str);
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
