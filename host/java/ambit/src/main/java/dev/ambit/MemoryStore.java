package dev.ambit;

import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps values in this process only. What was used before a restart can be used again: it is for tests, and where the budgets of
 * a process are its own.
 */
public final class MemoryStore implements Store {
    private final ReentrantLock lock = new ReentrantLock();
    final Map<String, Kept> kept = new HashMap<>();

    /** An empty one. */
    public MemoryStore() {}

    @Override
    public void transact(Collection<String> keys, Decide decide) throws Exception {
        lock.lockInterruptibly();
        try {
            Map<String, Kept> found = new HashMap<>(kept);
            found.keySet().retainAll(Set.copyOf(keys));
            Change change = decide.decide(found);
            kept.putAll(change.write());
            if (change.forget() != null) {
                kept.values().removeIf(each -> each.until() != null && each.until() < change.forget());
            }
        } finally {
            lock.unlock();
        }
    }
}
