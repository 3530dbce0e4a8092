//! A ledger in PostgreSQL: processes of several machines share budgets.
//!
//! **One row is the lock.** Each step takes the row of `ambit_forgotten` before it reads a number, so that between check and
//! add nobody else adds. **A commit is on the disk**: `synchronous_commit` is at least `on` for the connection, and a server
//! whose `fsync` is off is refused. **A process that hangs** holds the lock for ten seconds, then the server ends its
//! transaction. **A server that hangs** is waited for ten seconds, by a clock of this process ([`session`]).

mod address;
mod session;
mod tls;

use std::error::Error as _;
use std::time::{Duration, Instant};

use tokio_postgres::{Config, Error, Row};

use ambit_enforce::ledger::{self as book, Book, OpenLoan};

use self::address::Address;
use self::session::{Kept, Session};
use self::tls::Encrypting;
use super::{Charge, Ledger, LedgerError, Lender, Loan};

/// How long a call waits, for others and for the server together: as long as with a file.
const WAIT: Duration = Duration::from_secs(10);
/// The tables' form.
const FORM: i32 = 1;

/// Two processes that make the tables at one time would hinder each other, so there is a lock for it: `ambt` as a number.
const TABLES: &str = "
    SELECT pg_advisory_xact_lock(1634558580);
    CREATE TABLE IF NOT EXISTS ambit_forgotten (one INTEGER PRIMARY KEY CHECK (one = 1), form INTEGER NOT NULL,
        time BIGINT NOT NULL);
    INSERT INTO ambit_forgotten (one, form, time) VALUES (1, 1, 0) ON CONFLICT (one) DO NOTHING;
    CREATE TABLE IF NOT EXISTS ambit_budget (key TEXT COLLATE \"C\" PRIMARY KEY, used BIGINT NOT NULL, until BIGINT);
    CREATE INDEX IF NOT EXISTS ambit_budget_until ON ambit_budget (until) WHERE until IS NOT NULL;
    CREATE TABLE IF NOT EXISTS ambit_loan (id TEXT COLLATE \"C\" PRIMARY KEY, key TEXT NOT NULL, amount BIGINT NOT NULL,
        until BIGINT, ended BOOLEAN NOT NULL);";

/// Of what the server or its operator set, the stricter counts.
const SETTINGS: &str = "
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '10s';
    SET statement_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s';";

/// Remembers in a PostgreSQL database, in tables that it makes there. One connection; calls of a process follow each other.
pub struct PostgresLedger {
    config: Config,
    encrypting: Option<Encrypting>,
    kept: Kept,
}

impl PostgresLedger {
    /// Opens the ledger in this database: `postgres://USER@HOST/DATABASE`, or `host=/var/run/postgresql user=… dbname=…`. The
    /// first role that does must be allowed to make tables. With `?sslmode=verify-full` the connection is encrypted, and the
    /// server is one that the system's certificates vouch for, or those of `sslrootcert=FILE`; `require` means the same.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Store`] when it cannot be reached or used, its server does not keep what it commits or is not who it
    /// should be, and when the connection to another machine would not be encrypted.
    pub fn open(database: &str) -> Result<Self, LedgerError> {
        let address = Address::read(database)?;
        let mut config = address.config;
        let encrypting = match address.is_encrypted {
            true => Some(Encrypting::new(address.roots.as_deref())?),
            false => None,
        };
        // As other clients of PostgreSQL do it, so that no password stands where others see it.
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        config
            .application_name("ambit")
            .connect_timeout(WAIT)
            .tcp_user_timeout(WAIT)
            .keepalives_idle(WAIT);
        let ledger = Self {
            config,
            encrypting,
            kept: Kept::default(),
        };
        ledger.with(|session| {
            session.batch(&format!("BEGIN;{TABLES}COMMIT;"))?;
            let row = session.one("SELECT form FROM ambit_forgotten")?;
            if number::<i32>(&row)? != FORM {
                let why = "the tables are a ledger of another version".to_owned();
                return Err(LedgerError::Store(why));
            }
            Ok(())
        })?;
        Ok(ledger)
    }

    /// Whether there is a password in what names a database, which others can read on a command line. Also one that the driver
    /// cannot read, where it looks like that.
    #[must_use]
    pub fn has_password(database: &str) -> bool {
        address::has_password(database)
    }

    fn connect(&self, until: Instant) -> Result<Session, LedgerError> {
        let session = Session::connect(&self.config, self.encrypting.as_ref(), until)?;
        session.batch(SETTINGS)?;
        if number::<String>(&session.one("SHOW fsync")?)? != "on" {
            let why =
                "the server has `fsync` off: a crash would give spent budgets back".to_owned();
            return Err(LedgerError::Store(why));
        }
        Ok(session)
    }

    /// A connection that failed is not used again, and what it had begun is undone by the server.
    fn with<R>(
        &self,
        run: impl FnOnce(&Session) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        let until = Instant::now() + WAIT;
        let mut turn = self.kept.turn(until)?;
        let session = match turn.take(until) {
            Some(session) => session,
            None => self.connect(until)?,
        };
        let result = run(&session);
        if !matches!(result, Err(LedgerError::Store(_))) {
            turn.keep(session);
        }
        result
    }

    /// One step that is done as a whole or not at all.
    fn step<R>(
        &self,
        run: impl FnOnce(&mut Tables<'_>) -> Result<R, LedgerError>,
    ) -> Result<R, LedgerError> {
        self.with(|session| {
            session.batch("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
            let row = session.one("SELECT time FROM ambit_forgotten FOR UPDATE")?;
            let mut tables = Tables {
                forgotten: number(&row)?,
                session,
            };
            let result = run(&mut tables);
            match result {
                Ok(_) => session.batch("COMMIT")?,
                Err(LedgerError::Store(_)) => {}
                Err(_) => session.batch("ROLLBACK")?,
            }
            result
        })
    }
}

/// What the server says, without what was sent.
fn store(error: &Error) -> LedgerError {
    let said = match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    LedgerError::Store(said)
}

/// The first value of a row.
fn number<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row) -> Result<T, LedgerError> {
    row.try_get(0).map_err(|error| store(&error))
}

impl Ledger for PostgresLedger {
    fn consume(&self, charges: &[Charge<'_>], now: i64) -> Result<(), LedgerError> {
        self.step(|tables| book::consume(tables, charges, now))
    }

    fn used(&self, key: &str) -> Result<i64, LedgerError> {
        self.with(|session| {
            let row = session.row(USED, &[&key])?;
            row.map_or(Ok(0), |row| number(&row))
        })
    }
}

impl Lender for PostgresLedger {
    fn open_loan(&self, loan: &Loan<'_>, now: i64) -> Result<(), LedgerError> {
        self.step(|tables| book::open_loan(tables, loan, now))
    }

    fn close_loan(&self, id: &str, spent: i64) -> Result<i64, LedgerError> {
        self.step(|tables| book::close_loan(tables, id, spent))
    }
}

impl std::fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresLedger").finish_non_exhaustive()
    }
}

const USED: &str = "SELECT used FROM ambit_budget WHERE key = $1";

/// The tables within one transaction, which has the lock.
struct Tables<'a> {
    session: &'a Session,
    forgotten: i64,
}

impl Book for Tables<'_> {
    fn forgotten(&self) -> Result<i64, LedgerError> {
        Ok(self.forgotten)
    }

    fn forget(&mut self, time: i64) -> Result<(), LedgerError> {
        self.session
            .run("DELETE FROM ambit_budget WHERE until < $1", &[&time])?;
        self.session.run(
            "DELETE FROM ambit_loan WHERE until < $1 AND ended",
            &[&time],
        )?;
        self.session
            .run("UPDATE ambit_forgotten SET time = $1", &[&time])?;
        self.forgotten = time;
        Ok(())
    }

    fn used(&self, key: &str) -> Result<Option<i64>, LedgerError> {
        self.session
            .row(USED, &[&key])?
            .map(|row| number(&row))
            .transpose()
    }

    fn set(&mut self, key: &str, used: i64, until: Option<i64>) -> Result<(), LedgerError> {
        // `greatest` passes over a NULL, and whoever says that it lasts longer is right: a NULL lasts for ever.
        self.session.run(
            "INSERT INTO ambit_budget AS kept (key, used, until) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET used = $2,
                 until = CASE WHEN kept.until IS NOT NULL AND excluded.until IS NOT NULL
                     THEN greatest(kept.until, excluded.until) END",
            &[&key, &used, &until],
        )
    }

    fn set_used(&mut self, key: &str, used: i64) -> Result<(), LedgerError> {
        self.session.run(
            "UPDATE ambit_budget SET used = $2 WHERE key = $1",
            &[&key, &used],
        )
    }

    fn loan(&self, id: &str) -> Result<Option<OpenLoan>, LedgerError> {
        let row = self.session.row(
            "SELECT key, amount, ended FROM ambit_loan WHERE id = $1",
            &[&id],
        )?;
        let read = |row: Row| -> Result<OpenLoan, Error> {
            Ok(OpenLoan {
                key: row.try_get(0)?,
                amount: row.try_get(1)?,
                ended: row.try_get(2)?,
            })
        };
        row.map(read).transpose().map_err(|error| store(&error))
    }

    fn add_loan(&mut self, loan: &Loan<'_>) -> Result<(), LedgerError> {
        let Charge {
            key, amount, until, ..
        } = loan.charge;
        self.session.run(
            "INSERT INTO ambit_loan (id, key, amount, until, ended) VALUES ($1, $2, $3, $4, false)",
            &[&loan.id, &key, &amount, &until],
        )
    }

    fn end_loan(&mut self, id: &str) -> Result<(), LedgerError> {
        self.session
            .run("UPDATE ambit_loan SET ended = true WHERE id = $1", &[&id])
    }
}
