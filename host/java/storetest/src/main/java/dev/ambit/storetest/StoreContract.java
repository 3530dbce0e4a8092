package dev.ambit.storetest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.Store;
import dev.ambit.Store.Change;
import dev.ambit.Store.Kept;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The contract of every store: all or nothing, never twice, the highest stays, eight writers, and what was said survives
 * {@code kill -9}. A test of a store extends it; of a store that processes share, {@link Durable}.
 */
public abstract class StoreContract {
    private static final int WRITERS = 8;

    @TempDir
    Path folder;

    /** For tests that extend it. */
    protected StoreContract() {}

    /** Opens the store in a folder: the same again for the same folder, if it is durable. */
    protected abstract Store open(Path folder) throws Exception;

    /** Something was used already. */
    private static final class Used extends Exception {
        private static final long serialVersionUID = 1;
    }

    interface Work {
        void on(Store store) throws Exception;
    }

    final void with(Work work) throws Exception {
        Store store = open(folder);
        try {
            work.on(store);
        } finally {
            if (store instanceof AutoCloseable closing) {
                closing.close();
            }
        }
    }

    static Map<String, Kept> read(Store store, String... keys) throws Exception {
        Map<String, Kept> found = new HashMap<>();
        store.transact(List.of(keys), kept -> {
            found.putAll(kept);
            return Change.NONE;
        });
        return found;
    }

    private static void write(Store store, Map<String, Kept> values) throws Exception {
        store.transact(List.of(), kept -> new Change(values, null));
    }

    private static Kept kept(String value) {
        return new Kept(value, null);
    }

    @Test
    @DisplayName("what is written is read")
    void writtenIsRead() throws Exception {
        with(store -> {
            Map<String, Kept> values = Map.of("a", kept("1"), "b", new Kept("ß \0 2", 7L));
            write(store, values);
            assertEquals(values, read(store, "a", "b", "c"));
            assertEquals(Map.of("b", values.get("b")), read(store, "b"));
            write(store, Map.of("b", kept("3")));
            assertEquals(Map.of("a", kept("1"), "b", kept("3")), read(store, "a", "b"));
        });
    }

    @Test
    @DisplayName("all or nothing")
    void allOrNothing() throws Exception {
        with(store -> {
            write(store, Map.of("a", kept("1")));
            Used used = new Used();
            assertSame(used, assertThrows(Used.class, () -> store.transact(List.of("a"), kept -> {
                throw used;
            })));
            assertThrows(StackOverflowError.class, () -> store.transact(List.of("a"), kept -> {
                throw new StackOverflowError();
            }));
            assertEquals(Map.of("a", kept("1")), read(store, "a", "b"));
            write(store, Map.of("a", kept("2")));
            assertEquals(Map.of("a", kept("2")), read(store, "a"));
        });
    }

    @Test
    @DisplayName("what ended is forgotten and nothing else")
    void endedIsForgotten() throws Exception {
        with(store -> {
            write(store, Map.of("never", kept("1"), "before", new Kept("1", 9L), "then", new Kept("1", 10L), "later", new Kept("1", 11L)));
            store.transact(List.of(), kept -> new Change(Map.of(), 10L));
            assertEquals(Set.of("later", "never", "then"), read(store, "never", "before", "then", "later").keySet());
        });
    }

    @Test
    @DisplayName("who waits no longer writes nothing")
    void interrupted() throws Exception {
        with(store -> {
            Thread.currentThread().interrupt();
            assertThrows(Exception.class, () -> write(store, Map.of("a", kept("1"))));
            // Whether it says so by the flag as well is the store's.
            Thread.interrupted();
            assertEquals(Map.of(), read(store, "a"));
        });
    }

    /** Something that may happen once: whether it was this call. */
    private static boolean once(Store store, String key) throws Exception {
        return won(store, key, kept -> {
            if (kept.containsKey(key)) {
                throw new Used();
            }
            return new Change(Map.of(key, new Kept("1", 100L)), null);
        });
    }

    private static boolean add(Store store, int most) throws Exception {
        return won(store, "sum", kept -> {
            int sum = kept.containsKey("sum") ? Integer.parseInt(kept.get("sum").value()) : 0;
            if (sum >= most) {
                throw new Used();
            }
            return new Change(Map.of("sum", kept(String.valueOf(sum + 1))), null);
        });
    }

    private static void raise(Store store, int version) throws Exception {
        won(store, "version", kept -> {
            if (kept.containsKey("version") && Integer.parseInt(kept.get("version").value()) > version) {
                throw new Used();
            }
            return new Change(Map.of("version", kept(String.valueOf(version))), null);
        });
    }

    private static boolean won(Store store, String key, Store.Decide decide) throws Exception {
        try {
            store.transact(List.of(key), decide);
            return true;
        } catch (Used used) {
            return false;
        }
    }

    /** Does what eight do at the same time, and says how often it was the one. */
    private static int[] work(Store store, int number) throws Exception {
        int[] did = {0, 0};
        for (int key = 0; key < 20; key++) {
            did[0] += once(store, "once:" + key) ? 1 : 0;
            did[1] += add(store, 50) ? 1 : 0;
        }
        for (int version = number; version < 80; version += WRITERS) {
            raise(store, version);
        }
        return did;
    }

    static void all(Store store, List<int[]> did) throws Exception {
        assertEquals(20, did.stream().mapToInt(one -> one[0]).sum());
        assertEquals(50, did.stream().mapToInt(one -> one[1]).sum());
        assertEquals(Map.of("sum", kept("50"), "version", kept("79")), read(store, "sum", "version"));
    }

    interface Eighth {
        int[] of(int number) throws Exception;
    }

    static List<int[]> eight(Eighth each) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        try {
            List<Callable<int[]>> calls = new ArrayList<>();
            for (int number = 0; number < WRITERS; number++) {
                int own = number;
                calls.add(() -> each.of(own));
            }
            List<int[]> did = new ArrayList<>();
            for (Future<int[]> one : threads.invokeAll(calls)) {
                did.add(one.get());
            }
            return did;
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    @DisplayName("eight threads never use twice and keep the highest")
    void threads() throws Exception {
        with(store -> all(store, eight(number -> work(store, number))));
    }

    /** Of a store that outlives its process, and that processes share: they are started as children, by {@link #main}. */
    public abstract static class Durable extends StoreContract {
        /** For tests that extend it. */
        protected Durable() {}

        @Test
        @DisplayName("eight processes never use twice and keep the highest")
        void processes() throws Exception {
            List<int[]> did = eight(number -> {
                Process child = again(String.valueOf(number));
                try (BufferedReader said = said(child)) {
                    String line = said.readLine();
                    String[] words = String.valueOf(line).split(" ");
                    assertEquals("did", words[0], line);
                    return new int[] {Integer.parseInt(words[1]), Integer.parseInt(words[2])};
                }
            });
            with(store -> all(store, did));
        }

        /** Two values a step, told when the step is done. After {@code kill -9} all that was told is there, and no half step. */
        @Test
        @DisplayName("what was said survives kill -9")
        void killed() throws Exception {
            int last = -1;
            Process child = again("kill");
            try (BufferedReader said = said(child)) {
                for (String line = said.readLine(); line != null; line = said.readLine()) {
                    last = Integer.parseInt(line.substring("did ".length()));
                    if (last == 25) {
                        // By its handle, which leaves open what it still has to say.
                        child.toHandle().destroyForcibly();
                    }
                }
            }
            assertTrue(last >= 25, "it stopped after step " + last);
            int end = last;
            with(store -> {
                for (int step = 0; step < end + 2; step++) {
                    int found = read(store, "a" + step, "b" + step).size();
                    assertTrue(found == 2 || step > end && found == 0, "step " + step + " of " + end + ": " + found);
                }
            });
        }
    }

    final Process again(String role) throws IOException {
        ProcessBuilder java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                System.getProperty("java.class.path"), StoreContract.class.getName(), getClass().getName(), role, folder.toString());
        return java.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    static BufferedReader said(Process child) {
        return new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8));
    }

    /** A child: the class of the test, what it does, and where. */
    public static void main(String[] words) throws Exception {
        Constructor<?> test = Class.forName(words[0]).getDeclaredConstructor();
        test.setAccessible(true);
        Store store = ((StoreContract) test.newInstance()).open(Path.of(words[2]));
        if (!words[1].equals("kill")) {
            int[] did = work(store, Integer.parseInt(words[1]));
            System.out.println("did " + did[0] + " " + did[1]);
            return;
        }
        for (int step = 0; ; step++) {
            write(store, Map.of("a" + step, kept("1"), "b" + step, kept("1")));
            System.out.println("did " + step);
        }
    }
}
