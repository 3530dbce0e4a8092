package dev.ambit;

/** Discharges an obligation, completely, before the action. */
@FunctionalInterface
public interface Handler {
    /**
     * Does it. What is thrown means that the action must not happen; a {@link NotDischarged} says by which reason. Of anything
     * else only the type is told, as its text may have anything of the call in it.
     */
    void discharge(Obligation obligation) throws Exception;
}
