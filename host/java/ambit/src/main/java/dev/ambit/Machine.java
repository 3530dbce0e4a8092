package dev.ambit;

/** The core's code with a memory of its own, whatever runs it: {@link Endive} does. It serves one call at a time. */
interface Machine {
    /** Calls an export; throws whatever the runtime throws when the code stops, by itself or because the thread is interrupted. */
    long call(String export, long... arguments);

    /** Writes into the memory; throws if that has no such place. */
    void write(int at, byte[] content);

    /** Reads from the memory; throws if that has no such place. */
    byte[] read(int at, int size);

    /** Pages of the memory (64 KiB). */
    int pages();
}
