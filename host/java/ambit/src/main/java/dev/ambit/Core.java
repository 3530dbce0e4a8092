package dev.ambit;

import java.util.Map;

/** The core by itself, without a policy: for stores, journals and handlers. */
public final class Core {
    private Core() {}

    private static final class Bare {
        static final Pool POOL = new Pool(Runtime.getRuntime().availableProcessors(), Engine::start);
    }

    /** Asks the core in its JSON ({@code pkg/abi.md}, "The host core"), whoever waits. */
    public static Json ask(String export, Map<String, Object> asked) {
        return Bare.POOL.insist(export, asked);
    }
}
