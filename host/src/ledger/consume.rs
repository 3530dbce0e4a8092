//! The `consume` obligation, discharged by a ledger.

use std::sync::Arc;

use ambit_enforce::ledger::{read, reason};

use super::{Ledger, LedgerError};
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

    fn lasts(&self, obligation: &Obligation<'_>) -> bool {
        let charges = read(obligation.ext).zip(obligation.now);
        charges.is_none_or(|(charges, now)| self.0.lasts(&charges, now))
    }
}

fn refuse(error: &LedgerError) -> NotDischarged {
    let detail = format!("{}: {error}", error.code());
    match reason(error) {
        Some(reason) => NotDischarged::because(reason, detail),
        None => NotDischarged::new(detail),
    }
}
