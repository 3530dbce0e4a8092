package dev.ambit;

import java.util.List;

/** Writes down what was decided, and what became of it: {@link dev.ambit.auditlog.AuditLog}, or one of your own. */
@FunctionalInterface
public interface Journal {
    /**
     * {@code decided} with the answer, or {@code ended} with the rest; {@code answer} is then the denial in place of the allow,
     * or {@code null}.
     */
    record Event(String name, Json answer, boolean permitted, List<String> discharged, Object entry) {}

    /**
     * Keeps an event for good: of every answer, before any obligation is discharged ({@code decided}), and of what became of an
     * allow, before the action ({@code ended}). What it gives comes with the {@code ended} of this {@code decided}. What it
     * throws denies.
     */
    Object write(Event event) throws Exception;
}
