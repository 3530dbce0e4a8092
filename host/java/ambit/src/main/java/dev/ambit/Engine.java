package dev.ambit;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;

/** The core in one machine, which answers one call at a time; after a fault it must not be used again. */
final class Engine {
    private static final long ABI = 2;
    /** Bytes of one input: the longest policy file with what is said of it. The core's own limits lie below. */
    static final int INPUT_MOST = 33 << 20;
    /** Bytes of an answer, as in every host. */
    private static final int ANSWER_MOST = 4 << 20;
    /** Pages that one call may leave behind in an engine that is used again. */
    private static final int KEPT_GROWTH = 64;

    final Machine machine;
    /** What the core said of the policy that it was given. */
    Json said;
    private int first;

    Engine(Machine machine) {
        this.machine = machine;
        if (machine.call("ambit_abi") != ABI) {
            throw Fault.trap("the code has another ABI than this package");
        }
        settle();
    }

    /** The core of this package, started anew. */
    static Engine start() {
        return new Engine(Compiled.CORE.get());
    }

    /** Holds what is read once. */
    private static final class Compiled {
        static final Supplier<Machine> CORE = code(file());
    }

    /** Code whose digest was compared before it is used. */
    static Supplier<Machine> code(byte[] core) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(core);
            if (!HexFormat.of().formatHex(digest).equals(CoreDigest.SHA256)) {
                throw new LoadException("module.altered", "`core.wasm` is not the file that this package was built with");
            }
        } catch (NoSuchAlgorithmException none) {
            throw new IllegalStateException(none);
        }
        return Endive.of(core);
    }

    static byte[] file() {
        try (InputStream file = Engine.class.getResourceAsStream("core.wasm")) {
            return file.readAllBytes();
        } catch (IOException | NullPointerException why) {
            throw new LoadException("module.altered", "`core.wasm` is not in this package");
        }
    }

    /** From now on the memory that it has is its own. */
    void settle() {
        first = machine.pages();
    }

    boolean hasGrown() {
        return machine.pages() - first > KEPT_GROWTH;
    }

    /** Puts one question. Buffers of a policy that was loaded are the core's from then on: it passes over that they are freed. */
    byte[] ask(String export, byte[]... inputs) {
        List<Integer> places = new ArrayList<>();
        for (byte[] input : inputs) {
            if (input.length > INPUT_MOST) {
                throw Fault.resources("the request is too long to be read");
            }
            int at = (int) machine.call("ambit_alloc", input.length);
            if (at == 0) {
                throw Fault.resources("the request does not fit into the memory of the code");
            }
            machine.write(at, input);
            places.addAll(List.of(at, input.length));
        }
        long packed = machine.call(export, places.stream().mapToLong(Integer::longValue).toArray());
        int at = (int) (packed >>> 32);
        int size = (int) packed;
        if (size <= 0 || size > ANSWER_MOST || at <= 0) {
            throw Fault.trap("the code gave no answer that can be read");
        }
        byte[] answer = machine.read(at, size);
        places.addAll(List.of(at, size));
        for (int place = 0; place < places.size(); place += 2) {
            machine.call("ambit_free", places.get(place), places.get(place + 1));
        }
        return answer;
    }
}
