//! Copies of the database, and coming back from one.
//!
//! A copy is no database: another `application_id` keeps a broker from opening it, because what happened after it was
//! made is unknown in it. Restoring ends whatever that could be, and puts the result in place in one step.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ambit_gateway::Fault;
use rusqlite::{Connection, OpenFlags, params};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::broker::Broker;
use crate::config::Config;
use crate::operate::KEPT;
use crate::refusal::Refusal;
use crate::revoke::{self, LEEWAY};
use crate::store::{APPLICATION, BACKUP, FORMS, Lock, sibling};

/// Seconds by which the clocks of two machines may differ.
const SKEW: i64 = 300;
/// Above every version of a policy: the greatest whole number of JSON.
const ANY: i64 = (1 << 53) - 1;
/// For whoever has the database open to be done.
const WAIT: Duration = Duration::from_secs(2);
const READ: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
const WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Whatever could have happened after the copy was made, ended. Links and forms that were used since would count again,
/// and so would what was taken back. List versions go on from one that nobody can have seen: microseconds since 1970.
const END: &str = "
    UPDATE token SET revoked = :now, named = 0 WHERE revoked IS NULL AND exp > :now;
    UPDATE granted SET again = NULL, until = min(until, :now);
    DELETE FROM session;
    DELETE FROM enrolment;
    DELETE FROM request;
    DELETE FROM yes WHERE task IN (SELECT id FROM access WHERE answer IS NULL);
    UPDATE access SET answer = 'stopped', answered = :now, asked = '' WHERE answer IS NULL;
    UPDATE access SET ping = NULL;
    UPDATE epochs SET version = max(version + 1, :now * 1000000);
    CREATE TABLE restored (at INTEGER NOT NULL) STRICT;
    INSERT INTO restored (at) VALUES (:now);
    DROP TABLE backup;";

/// What a copy has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was made, seconds since 1970.
    pub made: i64,
    /// The broker's issuer.
    pub issuer: String,
    /// The form of its tables.
    pub form: i64,
    /// Tokens that counted then.
    pub tokens: i64,
    /// Grants that could be used again then.
    pub grants: i64,
    /// Calls that waited for a person.
    pub calls: i64,
    /// Passkeys.
    pub passkeys: i64,
    /// Bytes.
    pub bytes: u64,
}

/// What became of the database that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What was restored.
    pub from: Backup,
    /// Where the database is now that was there before.
    pub beside: Option<PathBuf>,
}

impl Backup {
    /// Copies the database into a new file, for its owner alone, while the broker may run. It is there whole or not at all.
    ///
    /// # Errors
    ///
    /// `broker.store`, `file.exists`
    pub fn make(config: &Config, file: &Path, now: i64) -> Result<Self, Fault> {
        let database = &config.database;
        let there = database
            .try_exists()
            .map_err(|error| io_fault(database, &error))?;
        if !there {
            return Err(store(database, "there is no database here to copy"));
        }
        let _lock = Lock::shared(database)?;
        let copy = private_file(file)?;
        let name = text(copy.path())?;
        let told = |error: rusqlite::Error| store(database, &error.to_string());
        let source = Connection::open_with_flags(database, WRITE).map_err(told)?;
        source.busy_timeout(Duration::from_secs(10)).map_err(told)?;
        if number(&source, "PRAGMA application_id").map_err(told)? != APPLICATION {
            return Err(store(database, "the file is another program's"));
        }
        source.execute("VACUUM INTO ?1", [name]).map_err(told)?;
        drop(source);
        let told = |error: rusqlite::Error| store(file, &error.to_string());
        let made = Connection::open_with_flags(copy.path(), WRITE).map_err(told)?;
        made.execute_batch(&format!(
            "PRAGMA journal_mode = MEMORY;
             CREATE TABLE backup (made INTEGER NOT NULL, issuer TEXT NOT NULL) STRICT;
             PRAGMA application_id = {BACKUP};"
        ))
        .map_err(told)?;
        let sql = "INSERT INTO backup (made, issuer) VALUES (?1, ?2)";
        made.execute(sql, params![now, config.issuer])
            .map_err(told)?;
        drop(made);
        let kept = Self::look_at(copy.path(), file)?;
        let done = copy.as_file().sync_all().and_then(|()| {
            copy.persist_noclobber(file)
                .map_err(|failed| failed.error)?;
            sync_folder(file)
        });
        done.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(file),
            _ => io_fault(file, &error),
        })?;
        Ok(kept)
    }

    /// What is in such a file, if it is one, sound, and of no newer broker.
    ///
    /// # Errors
    ///
    /// `broker.backup`, `broker.newer`
    pub fn look(file: &Path) -> Result<Self, Fault> {
        Self::look_at(file, file)
    }

    /// `named`: how the file is called in what is said of it.
    fn look_at(file: &Path, named: &Path) -> Result<Self, Fault> {
        let fault = |text: &str| backup(named, text);
        let metadata = fs::metadata(file).map_err(|error| fault(&plain(&error)))?;
        if !metadata.is_file() {
            return Err(fault("this is not a file"));
        }
        let none = |_| fault("this is no backup by `ambit backup`, or a damaged one");
        let copy = Connection::open_with_flags(text(file)?, READ).map_err(none)?;
        if number(&copy, "PRAGMA application_id").map_err(none)? != BACKUP {
            return Err(fault("this is no backup by `ambit backup`"));
        }
        let form = number(&copy, "PRAGMA user_version").map_err(none)?;
        let known = i64::try_from(FORMS.len()).unwrap_or(i64::MAX);
        if !(1..=known).contains(&form) {
            let text = "the backup is of a newer version of the broker";
            return Err(Fault::new("broker.newer", text).at(named));
        }
        let sound = copy.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        if sound.map_err(none)? != "ok" {
            return Err(fault("the backup is damaged"));
        }
        let sql = "SELECT made, issuer FROM backup";
        let mark = copy.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (made, issuer): (i64, String) = mark.map_err(none)?;
        // A table, or a column, that an older form does not have.
        let count = |sql: &str| copy.query_row(sql, [made], |row| row.get(0)).unwrap_or(0);
        Ok(Self {
            made,
            issuer,
            form,
            tokens: count("SELECT count(*) FROM token WHERE revoked IS NULL AND exp > ?1"),
            grants: count("SELECT count(*) FROM granted WHERE again > ?1"),
            calls: count("SELECT count(*) FROM access WHERE answer IS NULL AND until > ?1"),
            passkeys: count("SELECT count(*) FROM passkey WHERE made <= ?1"),
            bytes: metadata.len(),
        })
    }

    /// Puts what is in such a file in the place of the broker's database, which is kept beside it. Nobody may have that
    /// open. Killed at any moment, it leaves the one or the other.
    ///
    /// # Errors
    ///
    /// `broker.backup`, `broker.newer`, `broker.running`, `broker.store`
    pub fn restore(config: &Config, file: &Path, now: i64) -> Result<Restored, Fault> {
        let database = Lock::real(&config.database);
        let _lock = Lock::alone(&database)?;
        let from = Self::look(file)?;
        if from.issuer != config.issuer {
            let message = format!("the backup is of the broker `{}`", from.issuer);
            return Err(backup(file, &message));
        }
        if from.made > now + SKEW {
            return Err(backup(file, "the backup is from the future: set the clock"));
        }
        let next = sibling(&database, ".restoring");
        prepare(file, &next, now.max(from.made)).inspect_err(|_| drop(remove(&next)))?;
        let beside = keep(&database, now).inspect_err(|_| drop(remove(&next)))?;
        let placed = fs::rename(&next, &database).and_then(|()| sync_folder(&database));
        placed.map_err(|error| io_fault(&database, &error))?;
        Ok(Restored { from, beside })
    }
}

impl Broker {
    /// Ends every token that was made before the database was restored, those that it does not know as well: they have
    /// the policy's name, and the tenant's where there is one.
    pub(crate) fn end_what_is_unknown(&self) -> Result<(), Refusal> {
        let uid = self.policy(|bundle| Ok(bundle.uid().to_owned()))?;
        self.store.step(|tables| {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'restored'";
            if tables.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
                return Ok(());
            }
            let mut selector = json!({"policy": {"uid": uid, "below": ANY}});
            let mut clients = self.config.clients.iter();
            if let Some(tenant) = clients.find_map(|client| client.tenant.as_ref()) {
                selector["tenant"] = json!(tenant);
            }
            let at: i64 = tables.query_row("SELECT max(at) FROM restored", [], |row| row.get(0))?;
            revoke::end(tables, &selector, (at - LEEWAY, at + KEPT))?;
            tables.execute_batch("DROP TABLE restored")?;
            Ok(())
        })
    }
}

/// The database that is to be, beside the one that is: read again as it was copied, since the file may have changed.
fn prepare(file: &Path, next: &Path, now: i64) -> Result<(), Fault> {
    let failed = |error: &io::Error| io_fault(next, error);
    remove(next).map_err(|error| failed(&error))?;
    let mut to = create(next).map_err(|error| failed(&error))?;
    let mut source = File::open(file).map_err(|error| backup(file, &plain(&error)))?;
    io::copy(&mut source, &mut to).map_err(|error| failed(&error))?;
    let from = Backup::look_at(next, file)?;
    let told = |error: rusqlite::Error| store(next, &error.to_string());
    let mut made = Connection::open_with_flags(text(next)?, WRITE).map_err(told)?;
    let run = usize::try_from(from.form).unwrap_or(usize::MAX);
    made.execute_batch("PRAGMA journal_mode = MEMORY")
        .map_err(told)?;
    let tables = made.transaction().map_err(told)?;
    for form in FORMS.get(run..).unwrap_or_default() {
        tables.execute_batch(form).map_err(told)?;
    }
    tables
        .execute_batch(&END.replace(":now", &now.to_string()))
        .map_err(told)?;
    let facts = json!({"backup_made": from.made, "restored": now});
    let sql = "INSERT INTO line (what, allowed, facts, made) VALUES ('restored', 1, ?1, ?2)";
    tables
        .execute(sql, params![facts.to_string(), now])
        .map_err(told)?;
    tables
        .pragma_update(None, "application_id", APPLICATION)
        .map_err(told)?;
    tables.commit().map_err(told)?;
    drop(made);
    to.sync_all().map_err(|error| failed(&error))
}

/// The database that is there, whole in one file and under a second name.
fn keep(database: &Path, now: i64) -> Result<Option<PathBuf>, Fault> {
    let failed = |error: io::Error| io_fault(database, &error);
    if !database.try_exists().map_err(failed)? {
        return Ok(None);
    }
    settle(database)?;
    let day = jiff::Timestamp::from_second(now).map_or_else(
        |_| now.to_string(),
        |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
    );
    let mut beside = sibling(database, &format!(".before-{day}"));
    for again in 2.. {
        match fs::hard_link(database, &beside) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && again < 100 => {
                beside = sibling(database, &format!(".before-{day}-{again}"));
            }
            Err(error) => return Err(failed(error)),
        }
    }
    // Of a database that could not be read. What is left of its log would be taken for the new one's.
    for end in ["-wal", "-shm", "-journal"] {
        let (from, to) = (sibling(database, end), sibling(&beside, end));
        if from.try_exists().map_err(failed)? {
            fs::rename(&from, &to).map_err(failed)?;
        }
    }
    sync_folder(database).map_err(failed)?;
    Ok(Some(beside))
}

/// Brings all of a sound database into its file. That works for nobody else having it open, older brokers too.
fn settle(database: &Path) -> Result<(), Fault> {
    let opened = Connection::open_with_flags(text(database)?, WRITE);
    let settled = opened.and_then(|connection| {
        connection.busy_timeout(WAIT)?;
        connection.query_row("PRAGMA journal_mode = DELETE", [], |row| {
            row.get::<_, String>(0)
        })
    });
    match settled.map_err(|error| error.sqlite_error_code()) {
        Err(Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)) => {
            Err(Lock::taken(database))
        }
        // It may be what is restored from, because it is damaged.
        _ => Ok(()),
    }
}

fn number(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    connection.query_row(sql, [], |row| row.get(0))
}

/// An absolute path: SQLite takes one that begins with `file:` for more than a name.
fn text(path: &Path) -> Result<String, Fault> {
    let whole = std::path::absolute(path).map_err(|error| io_fault(path, &error))?;
    let name = whole.into_os_string().into_string();
    name.map_err(|_| store(path, "the name of the file is not UTF-8"))
}

/// A new file beside the one that is wanted, for its owner alone whatever the umask.
fn private_file(path: &Path) -> Result<NamedTempFile, Fault> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ambit-");
    let folder = folder(path);
    builder
        .tempfile_in(folder)
        .map_err(|error| io_fault(path, &error))
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// That a name stands in its folder is on the disk, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()?;
    }
    Ok(())
}

fn plain(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn io_fault(path: &Path, error: &io::Error) -> Fault {
    store(path, &plain(error))
}

fn store(path: &Path, text: &str) -> Fault {
    Fault::new("broker.store", text.to_lowercase()).at(path)
}

fn backup(path: &Path, text: &str) -> Fault {
    Fault::new("broker.backup", text).at(path)
}

fn exists(path: &Path) -> Fault {
    Fault::new(
        "file.exists",
        "the file exists already, and is never overwritten",
    )
    .at(path)
}
