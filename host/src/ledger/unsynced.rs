//! Proofs that are remembered without waiting for the disk, and why none counts twice.
//!
//! What a commit without a sync wrote is in the hands of the system: it outlives the process, however that ends, and is lost
//! only when the machine stops without warning. A proof can be shown again for [`PROOF_KEPT_SECONDS`] at most. So the
//! ledger keeps, synced, until when proofs may be remembered like that, always a few seconds ahead; and who opens it
//! after the machine was started anew refuses every proof until all of these have ended: [`REFUSED_SECONDS`] at most. A synced commit brings everything
//! before it to the disk. So whoever closes the ledger takes the mark away with one, and whoever finds it gone sets it again.

use rusqlite::{Connection, OptionalExtension as _, params};

use ambit_core::limits::PROOF_KEPT_SECONDS;

use super::sqlite::store;
use super::{Charge, LedgerError};

/// Seconds for which one synced commit lets proofs go unsynced.
const AHEAD_SECONDS: i64 = 5;
/// Seconds for which an SQLite ledger refuses proofs at most, after the machine stopped without warning (`docs/ledger.md`):
/// for as long as one that went unsynced could be shown again.
pub const REFUSED_SECONDS: i64 = AHEAD_SECONDS + PROOF_KEPT_SECONDS;

/// The table that the first form of a ledger does not have.
pub(super) const TABLE: &str = "
    CREATE TABLE unsynced (one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, until INTEGER NOT NULL,
        refused INTEGER NOT NULL) STRICT;
    INSERT INTO unsynced (one, boot, until, refused) VALUES (1, '', 0, 0);";

/// What of a ledger may be lost with the machine.
#[derive(Debug)]
pub(super) struct Unsynced {
    /// This start of the machine; `None` where it has no name, and everything is synced.
    boot: Option<String>,
    /// Until when proofs may go unsynced, as this process has synced it; 0 where it has not.
    until: i64,
    /// Until when no proof counts.
    refused: i64,
}

/// The name of this start of the machine. A container has that of its machine, which is right: its files are in the hands
/// of the same system.
pub(super) fn boot() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

impl Unsynced {
    /// Of a ledger that is opened in a transaction that will be synced.
    pub(super) fn open(connection: &Connection, boot: Option<String>) -> Result<Self, LedgerError> {
        let row = connection
            .query_row("SELECT boot, until, refused FROM unsynced", [], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })
            .optional()
            .map_err(store)?;
        let (known, until, mut refused) =
            row.ok_or_else(|| LedgerError::Store("the ledger has lost a table".to_owned()))?;
        if boot.as_ref() != Some(&known) {
            // Nothing was unsynced under no name.
            if !known.is_empty() {
                refused = refused.max(until.saturating_add(PROOF_KEPT_SECONDS));
            }
            connection
                .execute(
                    "UPDATE unsynced SET boot = ?1, until = 0, refused = ?2",
                    params![boot.as_deref().unwrap_or_default(), refused],
                )
                .map_err(store)?;
        }
        Ok(Self {
            boot,
            // What this process has not synced itself it does not rely on.
            until: 0,
            refused,
        })
    }

    /// That a proof among these charges may count.
    pub(super) fn admits(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        if !self.counts(now) && charges.iter().any(|charge| charge.kind == "proof") {
            let seconds = self.refused.saturating_sub(now).saturating_add(1);
            return Err(LedgerError::Store(format!(
                "the machine stopped without warning, so proofs of possession count again in {seconds} s only"
            )));
        }
        Ok(())
    }

    /// Whether this start of the machine has a name.
    pub(super) const fn is_known_start(&self) -> bool {
        self.boot.is_some()
    }

    /// Whether proofs count at this time.
    pub(super) const fn counts(&self, now: i64) -> bool {
        now > self.refused
    }

    /// Whether this process has synced that they may at this time. Not where the clock went back: a machine that stops then
    /// would refuse for as long as it had been ahead.
    pub(super) const fn covers(&self, now: i64) -> bool {
        is_within(now, self.until)
    }

    /// Whether that still stands there, as this transaction sees it: others close the ledger, or open it under another name.
    pub(super) fn is_marked(&self, connection: &Connection, now: i64) -> Result<bool, LedgerError> {
        let mut query = connection
            .prepare_cached("SELECT until FROM unsynced WHERE boot = ?1")
            .map_err(store)?;
        let until = query.query_row([&self.boot], |row| row.get(0)).optional();
        Ok(until
            .map_err(store)?
            .is_some_and(|until| is_within(now, until)))
    }

    /// Writes that proofs may go unsynced for some seconds from now on, in a transaction that will be synced. Gives until
    /// when, for [`Self::synced`].
    pub(super) fn extend(&self, connection: &Connection, now: i64) -> Result<i64, LedgerError> {
        let until = now.saturating_add(AHEAD_SECONDS);
        connection
            .prepare_cached("UPDATE unsynced SET boot = ?1, until = ?2")
            .map_err(store)?
            .execute(params![self.boot, until])
            .map_err(store)?;
        Ok(until)
    }

    /// The transaction of [`Self::extend`] is on the disk.
    pub(super) const fn synced(&mut self, until: i64) {
        self.until = until;
    }

    /// Whether this process has let proofs go unsynced.
    pub(super) const fn is_open(&self) -> bool {
        self.until > 0
    }

    /// Takes the mark away, in a transaction that will be synced: nothing before it can be lost then.
    pub(super) fn close(&self, connection: &Connection) -> Result<(), LedgerError> {
        connection
            .execute(
                "UPDATE unsynced SET until = 0 WHERE boot = ?1",
                [&self.boot],
            )
            .map_err(store)?;
        Ok(())
    }
}

const fn is_within(now: i64, until: i64) -> bool {
    now <= until && now >= until.saturating_sub(AHEAD_SECONDS)
}

/// Whether these charges may go unsynced at all: proofs, which end by themselves before this ledger would count one again.
pub(super) fn may(charges: &[Charge<'_>], now: i64) -> bool {
    let ends = now.saturating_add(PROOF_KEPT_SECONDS);
    charges.iter().all(|charge| {
        let ends_by_itself = charge.until.is_some_and(|until| until <= ends);
        charge.kind == "proof" && charge.max == 1 && ends_by_itself
    })
}
