package dev.ambit.auditlog;

import dev.ambit.Core;
import dev.ambit.Journal;
import dev.ambit.Json;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.Signature;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * Writes down what was decided and what became of it, in the form that {@code ambit audit} reads: a file of lines, each linked to
 * the one before, and beside it a file of signed checkpoints. What a line says and what is signed, the core says; here lines are
 * appended, synced and signed. One process at a time writes a log.
 */
public final class AuditLog implements Journal, AutoCloseable {
    /** Bytes of the file of notes, from its end, that have the last checkpoint. */
    private static final int NOTES_READ = 128 << 10;
    /** How long a process waits for the one that writes the log. */
    private static final Duration WAIT = Duration.ofSeconds(5);
    /** Bytes of a public key, at the end of its encoding. */
    private static final int PUBLIC_BYTES = 32;

    private final KeyPair key;
    String origin;
    private final Clock clock;
    private final int part;
    private final RandomAccessFile guard;
    private RandomAccessFile lines;
    private RandomAccessFile notes;
    private Json state = Json.read("null");
    private boolean isBroken;

    private AuditLog(RandomAccessFile guard, String origin, KeyPair key, Clock clock, int part) {
        this.guard = guard;
        this.origin = origin;
        this.key = key;
        this.clock = clock;
        this.part = part;
    }

    /**
     * Opens a log, or begins it where there is no file. {@code origin} names it ({@code mail.example/audit}), and {@code key}
     * (Ed25519) signs its checkpoints. The whole file is read: a log that was changed is not written on. A line that a crash tore
     * is taken out, and the next says so.
     *
     * @throws IOException if it cannot be written on
     */
    public static AuditLog open(Path path, String origin, KeyPair key) throws IOException {
        // How many bytes of a log are read at a time.
        return open(path, origin, key, Clock.systemUTC(), 2 << 20, WAIT);
    }

    static AuditLog open(Path path, String origin, KeyPair key, Clock clock, int part, Duration wait) throws IOException {
        AuditLog log = new AuditLog(own(path, ".lock"), origin, key, clock, part);
        try {
            log.lock(wait);
            nothingIsAhead(path.resolveSibling(path.getFileName() + ".ahead"));
            log.lines = own(path, "");
            log.notes = own(path, ".checkpoints");
            log.read();
            return log;
        } catch (IOException | RuntimeException why) {
            log.close();
            throw new IOException("`" + path + "`: " + why.getMessage(), why);
        }
    }

    /** A file that is its owner's alone. */
    private static RandomAccessFile own(Path beside, String name) throws IOException {
        Path path = beside.resolveSibling(beside.getFileName() + name);
        boolean hasModes = path.getFileSystem().supportedFileAttributeViews().contains("posix");
        FileAttribute<?>[] mode = hasModes
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))}
                : new FileAttribute<?>[0];
        try {
            Files.createFile(path, mode);
        } catch (FileAlreadyExistsException known) {
            return new RandomAccessFile(path.toFile(), "rw");
        }
        return new RandomAccessFile(path.toFile(), "rw");
    }

    /** Lines that a Rust host has not brought into the log are not read here. */
    private static void nothingIsAhead(Path ahead) throws IOException {
        if (Files.notExists(ahead) || Files.size(ahead) == 0) {
            return;
        }
        throw new IOException("audit.ahead: `" + ahead + "` may have lines that the log lacks; "
                + "open the log once with the Rust host that wrote it (as `ambit pdp … --log`)");
    }

    private void lock(Duration wait) throws IOException {
        for (long end = System.nanoTime() + wait.toNanos(); !isTaken(); ) {
            if (System.nanoTime() > end || Thread.currentThread().isInterrupted()) {
                throw new IOException("audit.locked: another process writes this log");
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Takes the lock, which ends with the file that stays open. */
    private boolean isTaken() throws IOException {
        try {
            FileLock taken = guard.getChannel().tryLock();
            return taken != null;
        } catch (OverlappingFileLockException ours) {
            return false;
        }
    }

    private Json ask(String what, Map<String, Object> asked) {
        Map<String, Object> whole = new HashMap<>(asked);
        byte[] encoded = key.getPublic().getEncoded();
        whole.put("do", what);
        whole.put("origin", origin);
        whole.put("public", base64(Arrays.copyOfRange(encoded, encoded.length - PUBLIC_BYTES, encoded.length)));
        return Core.ask("ambit_log", whole);
    }

    private static String base64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private long now() {
        return clock.instant().getEpochSecond();
    }

    /** Reads the log from its beginning, whatever its length, and mends its end. */
    private void read() throws IOException {
        long end = notes.length();
        String last = base64(bytes(notes, Math.max(0, end - NOTES_READ), end));
        long length = lines.length();
        for (long from = 0, to = 0; ; ) {
            to = Math.min(to + part, length);
            boolean isLast = to == length;
            Map<String, Object> asked = new HashMap<>(Map.of("state", state, "now", now(), "lines", base64(bytes(lines, from, to)), "last", isLast));
            if (state.isNull()) {
                asked.put("notes", last);
            }
            Json said = ask("read", asked);
            failed(said);
            if (!said.get("torn_notes").isNull() && said.get("torn_notes").number() > 0) {
                notes.setLength(end - said.get("torn_notes").number());
            }
            state = said.get("state");
            from += said.get("taken").number();
            if (isLast && said.get("mend").isObject()) {
                append(said.get("mend"), true);
            }
            if (isLast) {
                return;
            }
        }
    }

    private static byte[] bytes(RandomAccessFile file, long from, long to) throws IOException {
        byte[] bytes = new byte[Math.toIntExact(to - from)];
        file.seek(from);
        file.readFully(bytes);
        return bytes;
    }

    private static void failed(Json said) throws IOException {
        if (said.get("failed").isString()) {
            throw new IOException(said.get("failed").string());
        }
    }

    @Override
    public synchronized Object write(Event event) throws IOException {
        if (isBroken) {
            throw broken();
        }
        Map<String, Object> step = new HashMap<>(Map.of("do", "log", "event", event.name()));
        Map<String, Object> asked = new HashMap<>(Map.of("step", step, "now", now(), "state", state));
        if (event.answer() != null) {
            step.put("answer", event.answer());
        }
        if (event.name().equals("ended")) {
            step.put("permitted", event.permitted());
            step.put("discharged", event.discharged());
            asked.put("entry", event.entry());
        }
        Json said = ask("append", asked);
        if (said.get("line").isString()) {
            append(said, false);
            state = said.get("state");
        }
        failed(said);
        return said.get("entry");
    }

    private static IOException broken() {
        return new IOException("audit.broken: the log cannot be written any further; open it again");
    }

    /** Writes a line where it belongs, and a note over it. A line that cannot be written whole is taken back. */
    private void append(Json line, boolean mends) throws IOException {
        isBroken = true;
        long at = line.get("at").number();
        // Somebody else wrote, lock or not: what stands there is not ours to write over.
        if (lines.length() != at && !mends) {
            throw broken();
        }
        try {
            put(lines, at, line.get("line").string());
        } catch (IOException why) {
            lines.setLength(at);
            isBroken = false;
            throw why;
        }
        lines.getFD().sync();
        String text = line.get("sign").string();
        Json said = ask("note", Map.of("text", text, "signature", base64(sign(text))));
        if (!said.get("note").isString()) {
            throw new IOException("the checkpoint cannot be noted: " + said.get("failed").string());
        }
        put(notes, notes.length(), said.get("note").string());
        notes.getFD().sync();
        isBroken = false;
    }

    private static void put(RandomAccessFile file, long at, String text) throws IOException {
        file.seek(at);
        file.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private byte[] sign(String text) throws IOException {
        try {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initSign(key.getPrivate());
            signature.update(text.getBytes(StandardCharsets.UTF_8));
            return signature.sign();
        } catch (GeneralSecurityException why) {
            throw new IOException("the key cannot sign: " + why.getMessage(), why);
        }
    }

    /** Lets others write the log. */
    @Override
    public synchronized void close() throws IOException {
        isBroken = true;
        for (RandomAccessFile file : new RandomAccessFile[] {lines, notes, guard}) {
            if (file != null) {
                file.close();
            }
        }
    }
}
