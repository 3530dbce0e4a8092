package dev.ambit.sqlite;

import dev.ambit.Store;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.ReentrantLock;
import org.sqlite.JDBC;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * Keeps what a policy's host must remember in an SQLite file: it outlives the process, and processes of one machine share it. Put
 * the file on a local disk.
 */
public final class SqliteStore implements Store, AutoCloseable {
    /** How long a call waits for another process. */
    private static final Duration WAIT = Duration.ofSeconds(10);
    /** "ambp": whose file this is. The packages of Python and Go have the same form, so services of all share a file. */
    private static final int APPLICATION = 0x616D6270;
    private static final int FORMAT = 1;
    private static final String[] TABLES = {
        "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, until INTEGER) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS kept_until ON kept (until) WHERE until IS NOT NULL",
        "PRAGMA application_id = " + APPLICATION,
        "PRAGMA user_version = " + FORMAT,
    };
    private static final String WRITE = "INSERT INTO kept (key, value, until) VALUES (?, ?, ?)"
            + " ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until";

    private final ReentrantLock lock = new ReentrantLock();
    private final Path path;
    final Connection database;

    private SqliteStore(Path path, Connection database) {
        this.path = path;
        this.database = database;
    }

    /**
     * Opens the store in this file, which is made (its owner's alone) where it is missing, in a folder that exists. A file of
     * another program is refused and left as it is.
     *
     * @throws IOException if it cannot be opened
     */
    public static SqliteStore open(Path path) throws IOException {
        return open(path, WAIT);
    }

    static SqliteStore open(Path path, Duration wait) throws IOException {
        make(path);
        // As an address: in a bare path SQLite's driver takes what stands behind a question mark for settings.
        String address = "jdbc:sqlite:file:" + path.toAbsolutePath().toUri().getRawPath();
        SqliteStore store = null;
        try {
            store = new SqliteStore(path, JDBC.createConnection(address, new Properties()));
            store.prepare(wait);
            return store;
        } catch (SQLException why) {
            if (store != null) {
                store.close();
            }
            throw new IOException("`" + path + "`: " + why.getMessage(), why);
        }
    }

    /** Made here, because SQLite gives its log and index files the mode of this one. */
    private static void make(Path path) throws IOException {
        boolean hasModes = path.getFileSystem().supportedFileAttributeViews().contains("posix");
        FileAttribute<?>[] own = hasModes
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))}
                : new FileAttribute<?>[0];
        try {
            Files.createFile(path, own);
        } catch (FileAlreadyExistsException known) {
            return;
        }
    }

    /**
     * Makes the tables in an empty file. Of two processes that do so, one finds them made. A commit is on the disk before the call
     * that it pays for happens: a write-ahead log with {@code synchronous = FULL} (with {@code NORMAL} a power cut gives a spent
     * budget back).
     */
    private void prepare(Duration wait) throws SQLException {
        execute("PRAGMA busy_timeout = " + wait.toMillis());
        execute("PRAGMA synchronous = FULL");
        execute("BEGIN IMMEDIATE");
        try {
            long whose = number("PRAGMA application_id");
            long version = number("PRAGMA user_version");
            if (whose == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema") == 0) {
                for (String table : TABLES) {
                    execute(table);
                }
            } else if (whose != APPLICATION || version != FORMAT) {
                throw new SQLException("the file is another program's, or a store of another version");
            }
            execute("COMMIT");
        } catch (SQLException why) {
            rollback();
            throw why;
        }
        // A foreign file is left as it is, so this comes after the question whose it is.
        String mode = patient(wait, () -> text("PRAGMA journal_mode = WAL"));
        if (!mode.equalsIgnoreCase("wal")) {
            throw new SQLException("the disk of this file does not allow a write-ahead log (`" + mode + "`)");
        }
    }

    /** Does again what SQLite does not wait for by itself: of several who turn the log on at once, it refuses some. */
    static <T> T patient(Duration wait, Callable<T> what) throws SQLException {
        for (long end = System.nanoTime() + wait.toNanos(); ; ) {
            try {
                return what.call();
            } catch (SQLiteException why) {
                boolean isBusy = (why.getResultCode().code & 0xFF) == SQLiteErrorCode.SQLITE_BUSY.code;
                if (!isBusy || System.nanoTime() > end) {
                    throw why;
                }
                pause();
            } catch (SQLException why) {
                throw why;
            } catch (Exception why) {
                throw new SQLException(why);
            }
        }
    }

    private static void pause() throws SQLException {
        try {
            Thread.sleep(1);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted", interrupted);
        }
    }

    @Override
    public void transact(Collection<String> keys, Decide decide) throws Exception {
        // The file has one write lock; calls of this process wait for it here.
        lock.lockInterruptibly();
        try {
            // It takes the only write lock before the first value is read, so that between check and change nobody else writes.
            execute("BEGIN IMMEDIATE");
            boolean isDone = false;
            try {
                write(decide.decide(read(keys)));
                execute("COMMIT");
                isDone = true;
            } finally {
                if (!isDone) {
                    rollback();
                }
            }
        } catch (SQLException why) {
            throw new SQLException("`" + path + "`: " + why.getMessage(), why);
        } finally {
            lock.unlock();
        }
    }

    private Map<String, Kept> read(Collection<String> keys) throws SQLException {
        Map<String, Kept> found = new HashMap<>();
        try (PreparedStatement select = database.prepareStatement("SELECT value, until FROM kept WHERE key = ?")) {
            for (String key : keys) {
                select.setString(1, key);
                try (ResultSet row = select.executeQuery()) {
                    if (row.next()) {
                        String value = row.getString(1);
                        long until = row.getLong(2);
                        found.put(key, new Kept(value, row.wasNull() ? null : until));
                    }
                }
            }
        }
        return found;
    }

    private void write(Change change) throws SQLException {
        try (PreparedStatement write = database.prepareStatement(WRITE)) {
            for (Map.Entry<String, Kept> one : change.write().entrySet()) {
                write.setString(1, one.getKey());
                write.setString(2, one.getValue().value());
                write.setObject(3, one.getValue().until());
                write.executeUpdate();
            }
        }
        if (change.forget() != null) {
            execute("DELETE FROM kept WHERE until < " + change.forget());
        }
    }

    private void rollback() {
        try {
            execute("ROLLBACK");
        } catch (SQLException none) {
            // SQLite has ended the transaction by itself.
            return;
        }
    }

    private void execute(String command) throws SQLException {
        try (Statement statement = database.createStatement()) {
            statement.execute(command);
        }
    }

    private String text(String question) throws SQLException {
        try (Statement statement = database.createStatement(); ResultSet row = statement.executeQuery(question)) {
            return row.next() ? row.getString(1) : "";
        }
    }

    long number(String question) throws SQLException {
        try (Statement statement = database.createStatement(); ResultSet row = statement.executeQuery(question)) {
            return row.next() ? row.getLong(1) : 0;
        }
    }

    /** Ends the use of the file. */
    @Override
    public void close() throws IOException {
        try {
            database.close();
        } catch (SQLException why) {
            throw new IOException(why);
        }
    }
}
