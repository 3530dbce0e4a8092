package dev.ambit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;

/** What tests start from: a signed policy, a request, the answer of the native engine. */
final class Fixture {
    /** When everything of it holds. */
    static final long NOW = 1_772_000_400;

    private Fixture() {}

    static Path named(String variable) {
        String path = System.getenv(variable);
        if (path == null) {
            throw new IllegalStateException(variable + " is not set: `cargo xtask package java` makes what these tests start from");
        }
        return Path.of(path);
    }

    static Path path(String name) {
        return named("AMBIT_FIXTURE").resolve(name);
    }

    static byte[] bytes(String name) {
        try {
            return Files.readAllBytes(path(name));
        } catch (IOException why) {
            throw new UncheckedIOException(why);
        }
    }

    static String text(String name) {
        return Json.text(bytes(name));
    }

    /** Vectors that every engine runs. */
    static Json suite(String name) throws IOException {
        return Json.read(Files.readString(named("AMBIT_ROOT").resolve("tests").resolve(name)));
    }

    static Clock at(long second) {
        return Clock.fixed(Instant.ofEpochSecond(second), ZoneOffset.UTC);
    }

    static Options options(Store store) {
        return Options.of(store).clock(at(NOW)).logger(new Quiet());
    }

    static Trust trust() {
        return new Trust(Source.file(path("keys.json")), "acme/agents");
    }

    static Policy load(Options options) {
        return Policy.load(Source.file(path("policy.wasm")), trust(), options);
    }

    private static final class Shared {
        static final Policy POLICY = load(options(new MemoryStore()));
    }

    static Policy one() {
        return Shared.POLICY;
    }

    /** Collects what is logged. */
    static final class Quiet implements System.Logger {
        final StringBuffer lines = new StringBuffer();

        @Override
        public String getName() {
            return "test";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, java.util.ResourceBundle bundle, String message, Throwable thrown) {
            lines.append(message).append(thrown).append('\n');
        }

        @Override
        public void log(Level level, java.util.ResourceBundle bundle, String format, Object... values) {
            lines.append(java.text.MessageFormat.format(format, values)).append('\n');
        }
    }
}
