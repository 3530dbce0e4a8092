package dev.ambit;

import java.util.Collection;
import java.util.Map;

/**
 * Keeps values for good: budgets, what happened once, the highest version of each policy. It decides nothing. The artifact
 * {@code ambit-storetest} has its contract as tests, for stores of your own as well.
 */
public interface Store {
    /** A value, and the second (since 1970) after which it may be forgotten; {@code null}: never. */
    record Kept(String value, Long until) {}

    /** What is to be written, and the second before whose {@code until} everything is to be forgotten, or {@code null}. */
    record Change(Map<String, Kept> write, Long forget) {
        public Change {
            write = Map.copyOf(write);
        }

        /** Nothing is to be written. */
        public static final Change NONE = new Change(Map.of(), null);
    }

    /** Says what is to be written, by what is kept. */
    @FunctionalInterface
    interface Decide {
        Change decide(Map<String, Kept> kept) throws Exception;
    }

    /**
     * Reads keys (those that are not there are left out), asks {@code decide}, and keeps what it says, in one step: nobody else
     * writes those keys in between, and either everything is written or nothing. When it returns, the change outlives the
     * process. {@code decide} may be called more than once; what it throws is thrown on as it is, and nothing is kept. A thread
     * that is interrupted writes nothing.
     */
    void transact(Collection<String> keys, Decide decide) throws Exception;
}
