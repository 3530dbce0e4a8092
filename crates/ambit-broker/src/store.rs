//! One SQLite file: what was asked, granted, minted and revoked.
//!
//! Write-ahead log with `synchronous = FULL`, and `BEGIN IMMEDIATE`, as the ledger of `ambit-host` and for
//! its reasons: what a caller was told is on the disk, and between a check and what follows from it nobody
//! else writes. Secrets are kept as their SHA-256; what must be kept as it is, is overwritten when it is deleted.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ambit_gateway::Fault;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};
use serde_json::json;

use crate::metrics::Figures;
use crate::refusal::Refusal;
use crate::secret::digest;

const WAIT: Duration = Duration::from_secs(10);
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// `ambk` as a number: SQLite's `application_id`.
pub(crate) const APPLICATION: i64 = 0x616d_626b;
/// `ambb`: a copy, which is brought back before it is a database.
pub(crate) const BACKUP: i64 = 0x616d_6262;
/// The tables' form, SQLite's `user_version`, is how many of these were run. An older file is brought forward when it
/// is opened; a newer one is refused.
pub(crate) const FORMS: [&str; 5] = [FIRST, SECOND, THIRD, FOURTH, FIFTH];

const FIRST: &str = "
    CREATE TABLE passkey (id TEXT PRIMARY KEY, sub TEXT NOT NULL, jwk TEXT NOT NULL, made INTEGER NOT NULL) STRICT;
    CREATE TABLE enrolment (link TEXT PRIMARY KEY, sub TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
    CREATE TABLE session (id TEXT PRIMARY KEY, sub TEXT, auth_time INTEGER, challenge TEXT,
        until INTEGER NOT NULL) STRICT;
    CREATE TABLE request (uri TEXT PRIMARY KEY, client TEXT NOT NULL, asked TEXT NOT NULL,
        until INTEGER NOT NULL, page TEXT UNIQUE, session TEXT, shown TEXT, answer TEXT) STRICT;
    CREATE INDEX request_client ON request (client);
    CREATE TABLE granted (code TEXT PRIMARY KEY, request TEXT NOT NULL UNIQUE, client TEXT NOT NULL,
        sub TEXT NOT NULL, agreed TEXT NOT NULL, receipt TEXT NOT NULL, made INTEGER NOT NULL,
        until INTEGER NOT NULL, forget INTEGER NOT NULL, token TEXT) STRICT;
    CREATE INDEX granted_sub ON granted (sub, client, made);
    CREATE TABLE token (jti TEXT PRIMARY KEY, input TEXT NOT NULL UNIQUE, whole TEXT NOT NULL,
        client TEXT NOT NULL, sub TEXT NOT NULL, exp INTEGER NOT NULL, revoked INTEGER) STRICT;
    CREATE TABLE used (key TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX used_until ON used (until);
    CREATE TABLE epochs (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL) STRICT;
    INSERT INTO epochs (one, version) VALUES (1, 1);
    PRAGMA application_id = 1634558571;
    PRAGMA user_version = 1;";

/// What agents hand in for a person to answer, and the noes that stand.
const SECOND: &str = "
    CREATE TABLE access (id TEXT PRIMARY KEY, token TEXT NOT NULL, call TEXT NOT NULL, client TEXT NOT NULL,
        sub TEXT NOT NULL, same TEXT NOT NULL, asked TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL,
        polled INTEGER NOT NULL, pause INTEGER NOT NULL, answer TEXT, answered INTEGER, reason TEXT, receipt TEXT,
        UNIQUE (token, call)) STRICT;
    CREATE INDEX access_sub ON access (sub, client, made);
    CREATE INDEX access_waits ON access (until) WHERE answer IS NULL;
    CREATE TABLE refused (same TEXT PRIMARY KEY, sub TEXT NOT NULL, client TEXT NOT NULL, what TEXT NOT NULL,
        reason TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
    CREATE INDEX refused_sub ON refused (sub, made);
    CREATE INDEX granted_token ON granted (token);
    CREATE INDEX token_sub ON token (sub, exp);
    PRAGMA user_version = 2;";

/// Logins at an OpenID provider, until when a grant may be used again, what security people ended, and lines that
/// another process left to be written.
const THIRD: &str = "
    ALTER TABLE session ADD COLUMN login TEXT;
    ALTER TABLE session ADD COLUMN away TEXT;
    ALTER TABLE granted ADD COLUMN again INTEGER;
    ALTER TABLE token ADD COLUMN about TEXT;
    ALTER TABLE token ADD COLUMN source TEXT;
    UPDATE token SET source = (SELECT code FROM granted WHERE granted.token = token.jti);
    CREATE INDEX token_source ON token (source);
    ALTER TABLE token ADD COLUMN named INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE ended (selector TEXT PRIMARY KEY, before INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
    CREATE TABLE line (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, allowed INTEGER NOT NULL,
        facts TEXT NOT NULL, made INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 3;";

/// Whom a call is put before, and the yeses of those who are not enough yet; what is to be told, and to whom it is still to be told.
const FOURTH: &str = "
    CREATE TABLE asked (task TEXT NOT NULL REFERENCES access (id) ON DELETE CASCADE, sub TEXT NOT NULL,
        PRIMARY KEY (task, sub)) STRICT, WITHOUT ROWID;
    CREATE INDEX asked_sub ON asked (sub);
    INSERT INTO asked (task, sub) SELECT id, sub FROM access;
    CREATE TABLE yes (task TEXT NOT NULL REFERENCES access (id) ON DELETE CASCADE, sub TEXT NOT NULL,
        receipt TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (task, sub)) STRICT, WITHOUT ROWID;
    INSERT INTO yes (task, sub, receipt, until) SELECT id, sub, receipt, until FROM access WHERE receipt IS NOT NULL;
    ALTER TABLE access ADD COLUMN ping TEXT;
    CREATE TABLE event (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, facts TEXT NOT NULL,
        made INTEGER NOT NULL) STRICT;
    CREATE TABLE outgoing (id TEXT PRIMARY KEY, target TEXT NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL,
        made INTEGER NOT NULL, next INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX outgoing_next ON outgoing (next);
    CREATE TRIGGER token_ended AFTER UPDATE OF revoked ON token
        WHEN OLD.revoked IS NULL AND NEW.revoked IS NOT NULL BEGIN
        INSERT INTO event (kind, facts, made) VALUES ('revoked',
            json_object('jti', NEW.jti, 'sub', NEW.sub, 'client_id', NEW.client), NEW.revoked); END;
    CREATE TRIGGER call_answered AFTER UPDATE OF answer ON access
        WHEN OLD.answer IS NULL AND NEW.answer IS NOT NULL AND NEW.ping IS NOT NULL BEGIN
        INSERT INTO event (kind, facts, made) VALUES ('ping',
            json_object('task', NEW.id, 'client_id', NEW.client, 'bearer', NEW.ping), NEW.answered); END;
    PRAGMA user_version = 4;";

/// What enforcement points decided, and what people overrode.
const FIFTH: &str = "
    CREATE TABLE record (number INTEGER PRIMARY KEY AUTOINCREMENT, point TEXT NOT NULL, source TEXT NOT NULL,
        id TEXT NOT NULL, s256 TEXT NOT NULL, at INTEGER NOT NULL, made INTEGER NOT NULL, text TEXT NOT NULL,
        agent TEXT, action TEXT, power TEXT, purpose TEXT, type TEXT, resource TEXT, verdict TEXT NOT NULL,
        reason TEXT NOT NULL, ended TEXT, UNIQUE (point, source, id)) STRICT;
    CREATE INDEX record_at ON record (at);
    CREATE TABLE override (id TEXT PRIMARY KEY, task TEXT NOT NULL, client TEXT NOT NULL, sub TEXT NOT NULL, by TEXT NOT NULL,
        reason TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL, reviewer TEXT, reviewed INTEGER) STRICT;
    CREATE INDEX override_task ON override (task);
    CREATE INDEX override_open ON override (at) WHERE reviewed IS NULL;
    PRAGMA user_version = 5;";

/// The broker's memory. Put it on a local disk.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    /// What is counted of the steps that are kept.
    figures: OnceLock<Arc<Figures>>,
    /// Nobody puts another database in its place meanwhile.
    _lock: Lock,
}

/// Something that counts once.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub(crate) key: String,
    pub(crate) until: i64,
}

impl Once {
    pub(crate) fn new(what: &str, words: &[&str], until: i64) -> Self {
        let key = format!("{what}:{}", digest(&json!(words).to_string()));
        Self { key, until }
    }
}

impl Store {
    /// Opens the file; a missing one is made, for its owner alone.
    ///
    /// # Errors
    ///
    /// `broker.store`
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |text: String| Fault::new("broker.store", text.to_lowercase()).at(path);
        let told = |error: rusqlite::Error| fault(error.to_string());
        private(path).map_err(|error| fault(error.to_string()))?;
        let lock = Lock::shared(path)?;
        let mut connection = Connection::open_with_flags(path, FLAGS).map_err(told)?;
        connection.busy_timeout(WAIT).map_err(told)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(told)?;
        let number = |sql: &str| transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
        let mark = (
            number("PRAGMA application_id").map_err(told)?,
            number("PRAGMA user_version").map_err(told)?,
        );
        let tables = number("SELECT count(*) FROM sqlite_schema").map_err(told)?;
        let run = match mark {
            (APPLICATION, form) if form > 0 => usize::try_from(form).ok(),
            (0, 0) if tables == 0 => Some(0),
            (BACKUP, _) => {
                let text = "this is a backup: bring it back with `ambit restore`";
                return Err(fault(text.to_owned()));
            }
            _ => return Err(fault("the file is another program's".to_owned())),
        };
        let missing = run.and_then(|run| FORMS.get(run..)).ok_or_else(|| {
            let text = "the database is of a newer version of the broker, and is left as it is";
            Fault::new("broker.newer", text).at(path)
        })?;
        for form in missing {
            transaction.execute_batch(form).map_err(told)?;
        }
        transaction.commit().map_err(told)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(told)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(fault(
                "the file's disk does not allow a write-ahead log".to_owned(),
            ));
        }
        connection
            .execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
            )
            .map_err(told)?;
        Ok(Self {
            connection: Mutex::new(connection),
            figures: OnceLock::new(),
            _lock: lock,
        })
    }

    /// One step that is done as a whole or not at all.
    pub(crate) fn step<R>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let mut connection = self.connection();
        // A step that panicked has counted nothing.
        self.settle(false);
        let result = done(&mut connection, run);
        self.settle(result.is_ok());
        result
    }

    /// Counts, of the steps that are kept, what is written down.
    pub(crate) fn count(&self, figures: &Arc<Figures>) {
        self.figures.get_or_init(|| Arc::clone(figures));
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Only under the lock: what is counted is of one step.
    fn settle(&self, kept: bool) {
        if let Some(figures) = self.figures.get() {
            figures.settle(kept);
        }
    }
}

fn done<R>(
    connection: &mut Connection,
    run: impl FnOnce(&Transaction<'_>) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = run(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

impl Store {
    /// What such a step would do: it is tried, and taken back.
    pub(crate) fn look<R>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = run(&transaction);
        transaction.rollback()?;
        self.settle(false);
        result
    }
}

/// Remembers something for good, until it could not count any more. `false`: it was used before.
pub(crate) fn use_once(tables: &Transaction<'_>, once: &Once) -> rusqlite::Result<bool> {
    let added = tables.execute(
        "INSERT INTO used (key, until) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![once.key, once.until],
    )?;
    Ok(added == 1)
}

/// The texts in the one column of all rows.
pub(crate) fn texts(
    tables: &Transaction<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<String>, Refusal> {
    let mut statement = tables.prepare(sql)?;
    let rows = statement.query_map(parameters, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets what counts no more.
pub(crate) fn forget(tables: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM used WHERE until < ?1",
        "DELETE FROM enrolment WHERE until < ?1",
        "DELETE FROM session WHERE until < ?1",
        "DELETE FROM request WHERE until < ?1",
        "DELETE FROM granted WHERE forget < ?1",
        "DELETE FROM token WHERE exp < ?1 - 86400",
        "DELETE FROM access WHERE answer IS NOT NULL AND until < ?1 - 604800",
        "DELETE FROM refused WHERE until < ?1",
        "DELETE FROM ended WHERE until < ?1",
        // Where nobody is told anything, nobody else forgets it; a ping has a bearer token in it.
        "DELETE FROM event WHERE made < ?1 - iif(kind = 'revoked', 86400, 1800)",
        "DELETE FROM outgoing WHERE facts ->> 'at' < ?1 - iif(kind = 'revoked', 172800, 3600)",
        "DELETE FROM record WHERE at < ?1 - 7776000",
    ] {
        tables.execute(sql, [now])?;
    }
    Ok(())
}

/// SQLite gives its log and index files the mode of this one. A file that is there is not opened: closing it would end the
/// locks that SQLite has on it in this process (POSIX, `fcntl`), and another process would take the log away.
fn private(path: &Path) -> std::io::Result<()> {
    match for_me_alone().create_new(true).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Reading and writing, and if it is made, for its owner alone.
fn for_me_alone() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Who has the database open, in a file beside it: many together, or one who replaces it alone. It ends with the process.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held until it is dropped")] File);

impl Lock {
    /// Together with others; a replacement that is under way is waited for.
    pub(crate) fn shared(database: &Path) -> Result<Self, Fault> {
        let file = Self::file(database)?;
        let begun = Instant::now();
        while let Err(error) = file.try_lock_shared() {
            match error {
                TryLockError::WouldBlock if begun.elapsed() < WAIT => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                TryLockError::WouldBlock => return Err(Self::taken(database)),
                TryLockError::Error(error) => return Err(unlocked(database, &error)),
            }
        }
        Ok(Self(file))
    }

    /// Alone, or not at all.
    pub(crate) fn alone(database: &Path) -> Result<Self, Fault> {
        let file = Self::file(database)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Self::taken(database),
            TryLockError::Error(error) => unlocked(database, &error),
        })?;
        Ok(Self(file))
    }

    /// The file itself, where links lead to it.
    pub(crate) fn real(database: &Path) -> PathBuf {
        fs::canonicalize(database).unwrap_or_else(|_| database.to_owned())
    }

    pub(crate) fn taken(database: &Path) -> Fault {
        let message = "a broker, or a command that restores it, has the database open";
        Fault::new("broker.running", message).at(database)
    }

    fn file(database: &Path) -> Result<File, Fault> {
        let path = sibling(&Self::real(database), ".lock");
        let file = for_me_alone().create(true).truncate(false).open(path);
        file.map_err(|error| unlocked(database, &error))
    }
}

fn unlocked(database: &Path, error: &std::io::Error) -> Fault {
    let text = format!("it cannot be locked: {error}").to_lowercase();
    Fault::new("broker.store", text).at(database)
}

/// A file beside another: its name with this behind it.
pub(crate) fn sibling(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    name.into()
}
