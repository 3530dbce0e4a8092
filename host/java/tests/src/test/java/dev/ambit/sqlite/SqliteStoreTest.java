package dev.ambit.sqlite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.Store;
import dev.ambit.storetest.StoreContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

class SqliteStoreTest extends StoreContract.Durable {
    @TempDir
    Path own;

    @Override
    protected Store open(Path folder) throws IOException {
        return SqliteStore.open(folder.resolve("a ?#%&.db"));
    }

    private static void write(Store store) throws Exception {
        store.transact(List.of(), kept -> new Store.Change(Map.of("a", new Store.Kept("1", null)), null));
    }

    @Test
    void theFileIsItsOwnersAlone() throws Exception {
        try (SqliteStore store = SqliteStore.open(own.resolve("ambit.db")); var files = Files.newDirectoryStream(own)) {
            write(store);
            int count = 0;
            for (Path file : files) {
                assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)), file.toString());
                count++;
            }
            assertEquals(3, count);
            assertEquals(2, store.number("PRAGMA synchronous"));
        }
    }

    @Test
    void aForeignFileIsRefusedAndLeftAsItIs() throws Exception {
        Path path = own.resolve("other.db");
        try (Connection other = DriverManager.getConnection("jdbc:sqlite:" + path); Statement statement = other.createStatement()) {
            statement.execute("CREATE TABLE theirs (x)");
        }
        byte[] before = Files.readAllBytes(path);
        IOException why = assertThrows(IOException.class, () -> SqliteStore.open(path));
        assertTrue(why.getMessage().contains("another program's"), why.getMessage());
        assertArrayEquals(before, Files.readAllBytes(path));
        Path text = own.resolve("text");
        Files.writeString(text, "no database ".repeat(99));
        assertThrows(IOException.class, () -> SqliteStore.open(text));
        assertThrows(IOException.class, () -> SqliteStore.open(own.resolve("none/x.db")));
    }

    @Test
    void aStoreThatIsLockedSaysSo() throws Exception {
        Path path = own.resolve("ambit.db");
        try (SqliteStore store = SqliteStore.open(path, Duration.ofMillis(50)); SqliteStore other = SqliteStore.open(path);
                Statement statement = other.database.createStatement()) {
            statement.execute("BEGIN IMMEDIATE");
            SQLException locked = assertThrows(SQLException.class, () -> write(store));
            assertTrue(locked.getMessage().contains("locked"), locked.getMessage());
            statement.execute("ROLLBACK");
            write(store);
        }
    }

    @Test
    void whoOpensAFreshFileWithOthersIsPatient() throws Exception {
        SQLiteException busy = new SQLiteException("busy", SQLiteErrorCode.SQLITE_BUSY_RECOVERY);
        int[] times = {0};
        assertEquals("yes", SqliteStore.patient(Duration.ofSeconds(9), () -> {
            if (++times[0] < 3) {
                throw busy;
            }
            return "yes";
        }));
        assertThrows(SQLException.class, () -> SqliteStore.patient(Duration.ZERO, () -> {
            throw busy;
        }));
        int[] others = {0};
        assertThrows(SQLException.class, () -> SqliteStore.patient(Duration.ofSeconds(9), () -> {
            others[0]++;
            throw new SQLException("another");
        }));
        assertEquals(1, others[0]);
    }
}
