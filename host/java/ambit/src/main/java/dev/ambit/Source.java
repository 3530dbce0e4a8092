package dev.ambit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Where something is read from. */
@FunctionalInterface
public interface Source {
    /** A file's content, with a detached signature where it has one, else {@code null}. */
    record Content(byte[] content, byte[] signature) {}

    /** Reads it. */
    Content read() throws IOException;

    /** These bytes, with a detached signature or {@code null}. */
    static Source of(byte[] content, byte[] signature) {
        return () -> new Content(content, signature);
    }

    /**
     * A file. The signature of {@code policy.wasm} and of {@code policy.bundle} is looked for beside it, in
     * {@code policy.wasm.dsse.json}.
     */
    static Source file(Path path) {
        return () -> {
            String module = path.toString().replaceFirst("[.]bundle$", ".wasm");
            Path signature = path.resolveSibling(Path.of(module + ".dsse.json").getFileName());
            byte[] signed;
            try {
                signed = Files.readAllBytes(signature);
            } catch (NoSuchFileException none) {
                signed = null;
            }
            return new Content(Files.readAllBytes(path), signed);
        };
    }
}
