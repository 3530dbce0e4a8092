//! A ledger in an SQLite file: it outlives the process, and processes of one machine share it.
//!
//! **Write-ahead log with `synchronous = FULL`.** A commit must be on the disk before the call that
//! it pays for happens, or a power cut gives a spent budget back. `NORMAL` does not promise that in
//! WAL mode; `FULL` does, with one `fsync` a commit where the rollback journal needs several.
//! **`BEGIN IMMEDIATE`** takes the only write lock before the first number is read, so that between
//! check and add nobody else adds.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use ambit_enforce::ledger::{self as book, Book, OpenLoan};

use super::{Charge, Ledger, LedgerError, Lender, Loan};
use crate::files::private;

/// Seconds that a call waits for another process's. A commit takes milliseconds.
const WAIT: Duration = Duration::from_secs(10);
/// A path is a path: no `file:` URIs. The connection has a lock of ours.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// `ambt` as a number: SQLite's `application_id`, by which the file is known to be ours.
const APPLICATION: i64 = 0x616d_6274;
/// The tables' form: SQLite's `user_version`.
const FORMAT: i64 = 1;

const TABLES: &str = "
    CREATE TABLE budget (key TEXT PRIMARY KEY, used INTEGER NOT NULL, until INTEGER) STRICT, WITHOUT ROWID;
    CREATE INDEX budget_until ON budget (until) WHERE until IS NOT NULL;
    CREATE TABLE loan (id TEXT PRIMARY KEY, key TEXT NOT NULL, amount INTEGER NOT NULL, until INTEGER,
        ended INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE forgotten (one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER NOT NULL) STRICT;
    INSERT INTO forgotten (one, time) VALUES (1, 0);
    PRAGMA application_id = 1634558580;
    PRAGMA user_version = 1;";

/// Remembers in an SQLite file. Put it on a local disk: SQLite's locks and its write-ahead log do
/// not work on network drives.
#[derive(Debug)]
pub struct SqliteLedger(Mutex<Connection>);

impl SqliteLedger {
    /// Opens the ledger in this file; a missing one is made, in a folder that exists.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`] when the file is not a ledger, or cannot be opened, or its disk does
    /// not allow the write-ahead log.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        // Made here, because SQLite gives its log and index files the mode of this one.
        private(path.as_ref()).map_err(|error| LedgerError::Store(error.to_string()))?;
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
        Ok(Self(Mutex::new(connection)))
    }

    /// One step that is done as a whole or not at all. A transaction that is dropped is rolled
    /// back.
    fn step<R>(
        &self,
        run: impl FnOnce(&mut Tables<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store)?;
        let result = run(&mut Tables(&transaction))?;
        transaction.commit().map_err(store)?;
        Ok(result)
    }
}

fn mark(connection: &Connection) -> Result<(i64, i64), LedgerError> {
    let pragma = |name: &str| connection.query_row(name, [], |row| row.get::<_, i64>(0));
    Ok((
        pragma("PRAGMA application_id").map_err(store)?,
        pragma("PRAGMA user_version").map_err(store)?,
    ))
}

/// Makes the tables in an empty file. Of two processes that try, one finds them made.
fn create(connection: &mut Connection) -> Result<(), LedgerError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(store)?;
    if mark(&transaction)? == (APPLICATION, FORMAT) {
        return Ok(());
    }
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(store)?;
    if tables > 0 || mark(&transaction)? != (0, 0) {
        let why = "the file is another program's, or a ledger of another version".to_owned();
        return Err(LedgerError::Store(why));
    }
    transaction.execute_batch(TABLES).map_err(store)?;
    transaction.commit().map_err(store)
}

/// What SQLite says.
#[expect(
    clippy::needless_pass_by_value,
    reason = "handed to `map_err`, which gives the error away"
)]
fn store(error: rusqlite::Error) -> LedgerError {
    LedgerError::Store(error.to_string().to_lowercase())
}

impl Ledger for SqliteLedger {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        self.step(|tables| book::consume(tables, charges, now))
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(used(&connection, key)?.unwrap_or_default())
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
