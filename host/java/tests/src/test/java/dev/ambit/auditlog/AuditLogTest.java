package dev.ambit.auditlog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.Journal.Event;
import dev.ambit.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class AuditLogTest {
    private static final String ORIGIN = "mail.example/audit";
    private static KeyPair key;

    @TempDir
    Path folder;

    private final List<AuditLog> opened = new ArrayList<>();

    @BeforeAll
    static void makeKey() throws Exception {
        key = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    @AfterEach
    void close() throws IOException {
        for (AuditLog log : opened) {
            log.close();
        }
    }

    private AuditLog open(Path path, String origin, int part) throws IOException {
        AuditLog log = AuditLog.open(path, origin, key, Clock.systemUTC(), part, Duration.ZERO);
        opened.add(log);
        return log;
    }

    private static Json given(String name) {
        boolean allows = name.startsWith("allow");
        String amount = name.endsWith("inexact") ? ",\"amount\":1.5" : "";
        return Json.read("{\"decision\":" + allows + ",\"context\":{\"reason\":{\"code\":\"" + (allows ? "allowed" : "limit.spend")
                + "\"},\"record\":{\"actor\":{\"sub\":\"agent\"},\"now\":1" + amount + "}}}");
    }

    private static Event decided(Json answer) {
        return new Event("decided", answer, false, List.of(), null);
    }

    private static String code(Exception why) {
        String text = ": " + why.getMessage();
        int at = text.indexOf(": audit.");
        return at < 0 ? text : text.substring(at + 2).split(":")[0];
    }

    /** A log of a vector, as a host has it. */
    private final class Log {
        private final Path path;
        private String origin = ORIGIN;
        private AuditLog log;
        private Object entry;

        Log(Path path) {
            this.path = path;
        }

        private Path beside(String name) {
            return path.resolveSibling(path.getFileName() + name);
        }

        private String text(String name) throws IOException {
            return Files.readString(beside(name));
        }

        /** As after a restart. */
        String reopen(int part) throws IOException {
            if (log != null) {
                log.close();
            }
            byte[] before = Files.exists(path) ? Files.readAllBytes(path) : new byte[0];
            log = null;
            log = open(path, origin, part == 0 ? 2 << 20 : part);
            return Arrays.equals(before, Files.readAllBytes(path)) ? "ok" : "mended";
        }

        String step(String name, Json value) {
            try {
                return done(name, value);
            } catch (IOException why) {
                return code(why);
            }
        }

        private String done(String name, Json value) throws IOException {
            switch (name) {
                case "open" -> {
                    return reopen((int) value.number());
                }
                case "decided", "unsigned" -> {
                    if (log == null) {
                        reopen(0);
                    }
                    String notes = text(".checkpoints");
                    entry = log.write(decided(given(value.string())));
                    if (name.equals("unsigned")) {
                        Files.writeString(beside(".checkpoints"), notes);
                    }
                }
                case "ended" -> log.write(new Event("ended", value.isTrue() ? null : given("deny"), value.isTrue(), List.of("consume"), entry));
                case "torn" -> Files.writeString(path, text("") + value.string());
                case "cut_notes" -> Files.writeString(beside(".checkpoints"), text(".checkpoints").substring(0, text(".checkpoints").length() - (int) value.number()));
                case "cut_lines" -> {
                    List<String> lines = text("").lines().toList();
                    Files.writeString(path, String.join("", lines.subList(0, lines.size() - (int) value.number()).stream().map(line -> line + "\n").toList()));
                }
                case "edit" -> Files.writeString(path, text("").replace(value.list().get(0).string(), value.list().get(1).string()));
                case "forge_note" -> Files.writeString(beside(".checkpoints"), text(".checkpoints").replaceFirst("\n1\n", "\n2\n"));
                case "origin" -> {
                    // Another writer has this name for the log; one that has it open goes on under it.
                    origin = value.string();
                    if (log != null) {
                        log.origin = origin;
                    }
                }
                default -> throw new IllegalArgumentException(name);
            }
            return "ok";
        }

        /** Has the command read the log. */
        void verify() throws Exception {
            byte[] encoded = key.getPublic().getEncoded();
            String x = Base64.getUrlEncoder().withoutPadding().encodeToString(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length));
            Files.writeString(beside(".jwk"), "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" + x + "\"}");
            Process verify = new ProcessBuilder(System.getenv("AMBIT_COMMAND"), "audit", "verify", "--key", beside(".jwk").toString(),
                    "--name", origin, path.toString()).redirectErrorStream(true).start();
            String said = new String(verify.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            int ended = verify.waitFor();
            // 5: lines that were signed late, which the log itself says.
            assertTrue(ended == 0 || ended == 5, said);
        }
    }

    @TestFactory
    Stream<DynamicTest> logsOfTheVectors() throws IOException {
        Json cases = Json.read(Files.readString(Path.of(System.getenv("AMBIT_ROOT"), "tests/enforce/log.json")));
        // Of a state that was changed the core is asked elsewhere: here it is the log's own. And so is the name of an open log.
        List<Json> own = cases.list().stream()
                .filter(each -> each.get("steps").list().stream().noneMatch(step -> step.map().containsKey("state"))).toList();
        assertTrue(own.size() >= 12, own.size() + " cases");
        return own.stream().map(each -> DynamicTest.dynamicTest(each.get("name").string(), () -> play(each)));
    }

    private void play(Json each) throws Exception {
        Log log = new Log(Files.createTempDirectory(folder, "log").resolve("audit.log"));
        if (!each.get("steps").list().get(0).map().containsKey("origin")) {
            log.reopen(0);
        }
        for (Json step : each.get("steps").list()) {
            String wanted = step.get("says").isString() ? step.get("says").string() : "ok";
            for (Map.Entry<String, Json> one : step.map().entrySet()) {
                if (one.getKey().equals("says")) {
                    continue;
                }
                assertEquals(wanted, log.step(one.getKey(), one.getValue()), step.text());
                if (one.getKey().equals("open") && wanted.equals("ok") && Files.size(log.path) > 0) {
                    log.verify();
                }
            }
        }
    }

    @Test
    void oneProcessWritesALog() throws IOException {
        Path path = folder.resolve("audit.log");
        AuditLog log = open(path, ORIGIN, 1024);
        IOException locked = assertThrows(IOException.class, () -> open(path, ORIGIN, 1024));
        assertEquals("audit.locked", code(locked));
        log.write(decided(given("deny")));
        log.close();
        assertEquals("audit.broken", code(assertThrows(IOException.class, () -> log.write(decided(given("deny"))))));
        open(path, ORIGIN, 1024).close();
        for (String name : List.of("audit.log", "audit.log.lock", "audit.log.checkpoints")) {
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve(name))), name);
        }
    }

    @Test
    void aLogWithLinesAheadIsLeftToTheRustHost() throws IOException {
        Path path = folder.resolve("audit.log");
        Path ahead = folder.resolve("audit.log.ahead");
        Files.writeString(ahead, "ambtgrp1");
        IOException why = assertThrows(IOException.class, () -> open(path, ORIGIN, 1024));
        assertEquals("audit.ahead", code(why));
        assertTrue(why.getMessage().contains("ambit pdp"), why.getMessage());
        assertTrue(Files.notExists(path));
        Files.writeString(ahead, "");
        open(path, ORIGIN, 1024).write(decided(given("deny")));
    }

    @Test
    void whatSomebodyElseWroteIsNotWrittenOver() throws IOException {
        Path path = folder.resolve("audit.log");
        AuditLog log = open(path, ORIGIN, 1024);
        log.write(decided(given("deny")));
        String whole = Files.readString(path) + "x\n";
        Files.writeString(path, whole);
        assertEquals("audit.broken", code(assertThrows(IOException.class, () -> log.write(decided(given("deny"))))));
        assertEquals(whole, Files.readString(path));
    }

    @Test
    void anInterruptDoesNotEndTheLog() throws IOException {
        AuditLog log = open(folder.resolve("audit.log"), ORIGIN, 1024);
        Thread.currentThread().interrupt();
        log.write(decided(given("deny")));
        assertTrue(Thread.interrupted());
        log.write(decided(given("deny")));
    }
}
