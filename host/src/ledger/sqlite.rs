//! A ledger in an SQLite file: it outlives the process, and processes of one machine share it.
//!
//! **Write-ahead log with `synchronous = FULL`.** A commit must be on the disk before the call that
//! it pays for happens, or a power cut gives a spent budget back. `NORMAL` does not promise that in
//! WAL mode; `FULL` does, with one `fsync` a commit where the rollback journal needs several.
//! **`BEGIN IMMEDIATE`** takes the only write lock before the first number is read, so that between
//! check and add nobody else adds.
//! **Charges that wait at the same time share a transaction**, each of them as if it had one of its own: what does not fit
//! has written nothing. Where it cannot be committed, none of them was made. Proofs alone wait for no disk:
//! [`unsynced`] says why that is safe.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use ambit_enforce::ledger::{self as book, Book, OpenLoan};

use super::unsynced::{self, Unsynced};
use super::{Charge, Ledger, LedgerError, Lender, Loan};
use crate::files::private;
use crate::group::Lead;

/// Seconds that a call waits for another process's. A commit takes milliseconds.
const WAIT: Duration = Duration::from_secs(10);
/// A path is a path: no `file:` URIs. The connection has a lock of ours.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// `ambt` as a number: SQLite's `application_id`, by which the file is known to be ours.
const APPLICATION: i64 = 0x616d_6274;
/// The tables' form: SQLite's `user_version`.
const FORMAT: i64 = 2;
/// The form without what proofs may go unsynced by. It is brought forward.
const FORMAT_1: i64 = 1;

const TABLES: &str = "
    CREATE TABLE budget (key TEXT PRIMARY KEY, used INTEGER NOT NULL, until INTEGER) STRICT, WITHOUT ROWID;
    CREATE INDEX budget_until ON budget (until) WHERE until IS NOT NULL;
    CREATE TABLE loan (id TEXT PRIMARY KEY, key TEXT NOT NULL, amount INTEGER NOT NULL, until INTEGER,
        ended INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE forgotten (one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL) STRICT;
    INSERT INTO forgotten (one, time) VALUES (1, 0);
    PRAGMA application_id = 1634558580;";

/// Remembers in an SQLite file. Put it on a local disk: SQLite's locks and its write-ahead log do
/// not work on network drives.
#[derive(Debug)]
pub struct SqliteLedger {
    inner: Mutex<Inner>,
    may_be_unsynced: bool,
    lead: Lead,
    waiting: Mutex<Vec<Arc<Call>>>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    unsynced: Unsynced,
    /// Whether a commit is synced.
    syncs: bool,
}

/// The charges of one call, which wait for their turn.
#[derive(Debug)]
struct Call {
    charges: Vec<Owned>,
    now: i64,
    fate: Mutex<Option<Result<(), LedgerError>>>,
    is_known: AtomicBool,
}

#[derive(Debug)]
struct Owned {
    key: String,
    kind: String,
    amount: i64,
    max: i64,
    until: Option<i64>,
}

impl Owned {
    fn charge(&self) -> Charge<'_> {
        Charge {
            key: &self.key,
            kind: &self.kind,
            amount: self.amount,
            max: self.max,
            until: self.until,
        }
    }
}

impl Call {
    fn new(charges: &[Charge<'_>], now: i64) -> Self {
        let own = |charge: &Charge<'_>| Owned {
            key: charge.key.to_owned(),
            kind: charge.kind.to_owned(),
            amount: charge.amount,
            max: charge.max,
            until: charge.until,
        };
        Self {
            charges: charges.iter().map(own).collect(),
            now,
            fate: Mutex::default(),
            is_known: AtomicBool::new(false),
        }
    }

    fn charges(&self) -> Vec<Charge<'_>> {
        self.charges.iter().map(Owned::charge).collect()
    }

    fn set(&self, fate: Result<(), LedgerError>) {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = Some(fate);
        self.is_known.store(true, Ordering::Release);
    }
}

/// The calls of one transaction. Those that it is left without a word for were not made.
struct Taken(Vec<Arc<Call>>);

impl Drop for Taken {
    fn drop(&mut self) {
        for call in &self.0 {
            if !call.is_known.load(Ordering::Acquire) {
                call.set(Err(LedgerError::Store("a thread of it stopped".to_owned())));
            }
        }
    }
}

impl SqliteLedger {
    /// Opens the ledger in this file; a missing one is made, in a folder that exists.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`] when the file is not a ledger, or cannot be opened, or its disk does
    /// not allow the write-ahead log.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Self::open_in(path.as_ref(), unsynced::boot())
    }

    /// The same, in this start of the machine.
    fn open_in(path: &Path, boot: Option<String>) -> Result<Self, LedgerError> {
        // Made here, because SQLite gives its log and index files the mode of this one.
        private(path).map_err(|error| LedgerError::Store(error.to_string()))?;
        let mut connection = Connection::open_with_flags(path, FLAGS).map_err(store)?;
        connection.busy_timeout(WAIT).map_err(store)?;
        // A foreign database is left as it is, its journal mode included.
        if mark(&connection)? != (APPLICATION, FORMAT) {
            create(&mut connection)?;
        }
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(store)?;
        if !mode.eq_ignore_ascii_case("wal") {
            let why = format!("the file's disk does not allow a write-ahead log (`{mode}`)");
            return Err(LedgerError::Store(why));
        }
        connection
            .execute_batch("PRAGMA synchronous = FULL")
            .map_err(store)?;
        let transaction = begin(&mut connection)?;
        let unsynced = Unsynced::open(&transaction, boot)?;
        transaction.commit().map_err(store)?;
        Ok(Self {
            may_be_unsynced: unsynced.is_known_start(),
            inner: Mutex::new(Inner {
                connection,
                unsynced,
                syncs: true,
            }),
            lead: Lead::default(),
            waiting: Mutex::default(),
        })
    }

    /// One step that is done as a whole or not at all, and is on the disk then.
    fn step<R>(
        &self,
        run: impl FnOnce(&mut Tables<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let mut inner = self.inner();
        inner.sync(true)?;
        let transaction = begin(&mut inner.connection)?;
        let result = run(&mut Tables(&transaction))?;
        transaction.commit().map_err(store)?;
        Ok(result)
    }

    /// Makes the charges of all calls that wait.
    fn charge_waiting(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = Taken(std::mem::take(&mut *waiting));
        drop(waiting);
        if calls.0.is_empty() {
            return;
        }
        match self.inner().charge(&calls.0) {
            Ok(fates) => {
                for (call, fate) in calls.0.iter().zip(fates) {
                    call.set(fate);
                }
            }
            Err(error) => {
                let why = error.to_string();
                for call in &calls.0 {
                    call.set(Err(LedgerError::Store(why.clone())));
                }
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What came of each of these calls, in one transaction; or that none was made.
    fn charge(&mut self, calls: &[Arc<Call>]) -> Result<Vec<Result<(), LedgerError>>, LedgerError> {
        let times = calls.iter().map(|call| call.now);
        let latest = times.max().unwrap_or_default();
        let may = self.unsynced.is_known_start()
            && self.unsynced.counts(latest)
            && calls
                .iter()
                .all(|call| unsynced::may(&call.charges(), call.now));
        if may && self.unsynced.covers(latest) {
            self.sync(false)?;
            let transaction = begin(&mut self.connection)?;
            if self.unsynced.is_marked(&transaction, latest)? {
                return make(transaction, &self.unsynced, calls);
            }
        }
        self.sync(true)?;
        let transaction = begin(&mut self.connection)?;
        let until = match may {
            true => Some(self.unsynced.extend(&transaction, latest)?),
            false => None,
        };
        let fates = make(transaction, &self.unsynced, calls)?;
        if let Some(until) = until {
            self.unsynced.synced(until);
        }
        Ok(fates)
    }

    /// Everything is on the disk after this, and nothing says that it might not be.
    fn close(&mut self) -> Result<(), LedgerError> {
        self.sync(true)?;
        let transaction = begin(&mut self.connection)?;
        self.unsynced.close(&transaction)?;
        transaction.commit().map_err(store)
    }

    /// Whether the next commits are synced.
    fn sync(&mut self, syncs: bool) -> Result<(), LedgerError> {
        if self.syncs == syncs {
            return Ok(());
        }
        let level = match syncs {
            true => "PRAGMA synchronous = FULL",
            false => "PRAGMA synchronous = NORMAL",
        };
        self.connection.execute_batch(level).map_err(store)?;
        self.syncs = syncs;
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.unsynced.is_open() {
            // Where it fails, the next start of the machine refuses proofs for a while, as after a crash.
            drop(self.close());
        }
    }
}

/// Makes these calls in a transaction, and commits it.
fn make(
    transaction: Transaction<'_>,
    unsynced: &Unsynced,
    calls: &[Arc<Call>],
) -> Result<Vec<Result<(), LedgerError>>, LedgerError> {
    let mut fates = Vec::with_capacity(calls.len());
    for call in calls {
        let charges = call.charges();
        let admitted = unsynced.admits(&charges, call.now);
        let made = match admitted {
            Ok(()) => match book::consume(&mut Tables(&transaction), &charges, call.now) {
                // It may have been written in part, so all of it is rolled back.
                Err(LedgerError::Store(why)) => return Err(LedgerError::Store(why)),
                made => made,
            },
            refused => refused,
        };
        fates.push(made);
    }
    transaction.commit().map_err(store)?;
    Ok(fates)
}

/// A transaction that is rolled back when it is dropped.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, LedgerError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(store)
}

fn mark(connection: &Connection) -> Result<(i64, i64), LedgerError> {
    let pragma = |name: &str| connection.query_row(name, [], |row| row.get::<_, i64>(0));
    Ok((
        pragma("PRAGMA application_id").map_err(store)?,
        pragma("PRAGMA user_version").map_err(store)?,
    ))
}

/// Makes the tables in an empty file, or those that an older one lacks. Of two processes that try, one finds them made.
fn create(connection: &mut Connection) -> Result<(), LedgerError> {
    let transaction = begin(connection)?;
    let found = mark(&transaction)?;
    if found == (APPLICATION, FORMAT) {
        return Ok(());
    }
    if found != (APPLICATION, FORMAT_1) {
        let tables: i64 = transaction
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(store)?;
        if tables > 0 || found != (0, 0) {
            let why = "the file is another program's, or a ledger of another version".to_owned();
            return Err(LedgerError::Store(why));
        }
        transaction.execute_batch(TABLES).map_err(store)?;
    }
    transaction.execute_batch(unsynced::TABLE).map_err(store)?;
    transaction
        .pragma_update(None, "user_version", FORMAT)
        .map_err(store)?;
    transaction.commit().map_err(store)
}

/// What SQLite says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "handed to `map_err`, which gives the error away"
)]
pub(super) fn store(error: rusqlite::Error) -> LedgerError {
    LedgerError::Store(error.to_string().to_lowercase())
}

impl Ledger for SqliteLedger {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        let call = Arc::new(Call::new(charges, now));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Arc::clone(&call));
        drop(waiting);
        let is_known = || call.is_known.load(Ordering::Acquire);
        self.lead.until(is_known, || self.charge_waiting());
        let fate = call
            .fate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        fate.unwrap_or_else(|| Err(LedgerError::Store("nothing came of it".to_owned())))
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        Ok(used(&self.inner().connection, key)?.unwrap_or_default())
    }

    fn lasts(&self, charges: &[Charge<'_>], now: i64) -> bool {
        !(self.may_be_unsynced && unsynced::may(charges, now))
    }
}

impl Lender for SqliteLedger {
    fn open_loan(&self, loan: &Loan<'_>, now: i64) -> Result<(), LedgerError> {
        self.step(|tables| book::open_loan(tables, loan, now))
    }

    fn close_loan(&self, id: &str, spent: i64) -> Result<i64, LedgerError> {
        self.step(|tables| book::close_loan(tables, id, spent))
    }
}

fn used(connection: &Connection, key: &str) -> Result<Option<i64>, LedgerError> {
    connection
        .prepare_cached("SELECT used FROM budget WHERE key = ?1")
        .map_err(store)?
        .query_row([key], |row| row.get(0))
        .optional()
        .map_err(store)
}

/// The tables within one transaction.
struct Tables<'a>(&'a Transaction<'a>);

impl Tables<'_> {
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), LedgerError> {
        self.0
            .prepare_cached(sql)
            .map_err(store)?
            .execute(values)
            .map_err(store)?;
        Ok(())
    }
}

impl Book for Tables<'_> {
    fn forgotten(&self) -> Result<i64, LedgerError> {
        let mut query = self
            .0
            .prepare_cached("SELECT time FROM forgotten")
            .map_err(store)?;
        query.query_row([], |row| row.get(0)).map_err(store)
    }

    fn forget(&mut self, time: i64) -> Result<(), LedgerError> {
        self.run("DELETE FROM budget WHERE until < ?1", [time])?;
        self.run("DELETE FROM loan WHERE until < ?1 AND ended = 1", [time])?;
        self.run("UPDATE forgotten SET time = ?1", [time])
    }

    fn used(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        used(self.0, key)
    }

    fn set(&mut self, key: &str, used: i64, until: Option<i64>) -> Result<(), LedgerError> {
        // SQLite's `max` of a NULL is NULL: whoever says that it lasts longer is right.
        self.run(
            "INSERT INTO budget (key, used, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET used = ?2, until = max(until, ?3)",
            params![key, used, until],
        )
    }

    fn set_used(&mut self, key: &str, used: i64) -> Result<(), LedgerError> {
        self.run(
            "UPDATE budget SET used = ?2 WHERE key = ?1",
            params![key, used],
        )
    }

    fn loan(&self, id: &str) -> Result<Option<OpenLoan>, LedgerError> {
        let mut query = self
            .0
            .prepare_cached("SELECT key, amount, ended FROM loan WHERE id = ?1")
            .map_err(store)?;
        let loan = query.query_row([id], |row| {
            Ok(OpenLoan {
                key: row.get(0)?,
                amount: row.get(1)?,
                ended: row.get::<_, i64>(2)? != 0,
            })
        });
        loan.optional().map_err(store)
    }

    fn add_loan(&mut self, loan: &Loan<'_>) -> Result<(), LedgerError> {
        let Charge {
            key, amount, until, ..
        } = loan.charge;
        self.run(
            "INSERT INTO loan (id, key, amount, until, ended) VALUES (?1, ?2, ?3, ?4, 0)",
            params![loan.id, key, amount, until],
        )
    }

    fn end_loan(&mut self, id: &str) -> Result<(), LedgerError> {
        self.run("UPDATE loan SET ended = 1 WHERE id = ?1", [id])
    }
}

#[cfg(test)]
mod tests;
