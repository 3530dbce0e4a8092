//! The ledger of an edge that spends leases.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::{Charge, Lease, Ledger, LedgerError};

/// Spends leases instead of budgets, and counts what it spends in a ledger of its own.
///
/// A charge to a budget without a lease is refused: offline, nobody knows what is left of it. The
/// kinds named in [`EdgeLedger::new`] are the edge's own business and go to its ledger as they are:
/// proofs of possession are bound to the edge's own address, receipts are not.
#[derive(Debug)]
pub struct EdgeLedger<L> {
    own: L,
    own_kinds: Vec<String>,
    leases: RwLock<BTreeMap<String, Lease>>,
}

impl<L: Ledger> EdgeLedger<L> {
    /// An edge that counts in `own`, which must outlive its leases.
    #[must_use]
    pub fn new(own: L, own_kinds: &[&str]) -> Self {
        Self {
            own,
            own_kinds: own_kinds.iter().map(|&kind| kind.to_owned()).collect(),
            leases: RwLock::default(),
        }
    }

    /// Takes a lease. There is one for each budget at a time.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Lease`] when there is one of this budget already: return that one first.
    pub fn take(&self, lease: Lease) -> Result<(), LedgerError> {
        let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        match leases.get(&lease.key) {
            Some(known) if *known != lease => Err(LedgerError::Lease(
                "there is another one of this budget; return it first",
            )),
            _ => {
                leases.insert(lease.key.clone(), lease);
                Ok(())
            }
        }
    }

    /// Stops spending the lease of a budget, and says which it was and what was spent of it: for
    /// the lender's [`close_loan`](super::Lender::close_loan). `None` without a lease.
    ///
    /// # Errors
    ///
    /// Those of the edge's ledger, as when somebody else charged the lease at this moment; ask again.
    pub fn give_back(&self, key: &str) -> Result<Option<(Lease, i64)>, LedgerError> {
        // Held until the count is read and the lease is gone: no charge comes in between.
        let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lease) = leases.get(key).cloned() else {
            return Ok(None);
        };
        let counter = counter(&lease);
        let spent = self.own.used(&counter)?;
        let rest = lease.amount.saturating_sub(spent);
        if rest > 0 {
            // Leaves no room, so that whoever shares the edge's ledger cannot spend it either.
            let closing = Charge {
                key: &counter,
                kind: &lease.kind,
                amount: rest,
                max: lease.amount,
                until: None,
            };
            self.own.consume(&[closing], lease.issued)?;
        }
        leases.remove(key);
        Ok(Some((lease, spent)))
    }

    /// The charge as one to a lease, or as it is.
    fn own_charge<'c>(
        &self,
        charge: &Charge<'c>,
        leased: Option<&Lease>,
        counter: &'c str,
        now: i64,
    ) -> Result<Charge<'c>, LedgerError> {
        if self.own_kinds.iter().any(|kind| kind == charge.kind) {
            return Ok(*charge);
        }
        let lease = leased
            .filter(|lease| lease.kind == charge.kind)
            .ok_or(LedgerError::Lease("there is none of this budget here"))?;
        if lease.expires <= now {
            return Err(LedgerError::Lease("it has expired; ask for a new one"));
        }
        Ok(Charge {
            key: counter,
            max: lease.amount.min(charge.max),
            until: None,
            ..*charge
        })
    }
}

/// What the edge counts a lease's spending under.
fn counter(lease: &Lease) -> String {
    format!("lease:{}", lease.id())
}

impl<L: Ledger> Ledger for EdgeLedger<L> {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        let leases = self.leases.read().unwrap_or_else(PoisonError::into_inner);
        let counters: Vec<String> = charges
            .iter()
            .map(|charge| leases.get(charge.key).map(counter).unwrap_or_default())
            .collect();
        let own = charges
            .iter()
            .zip(&counters)
            .map(|(charge, counter)| self.own_charge(charge, leases.get(charge.key), counter, now))
            .collect::<Result<Vec<_>, _>>()?;
        self.own.consume(&own, now)
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        let leases = self.leases.read().unwrap_or_else(PoisonError::into_inner);
        let key = leases.get(key).map_or_else(|| key.to_owned(), counter);
        self.own.used(&key)
    }
}
