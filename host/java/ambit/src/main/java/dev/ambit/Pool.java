package dev.ambit;

import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;

/** Has a place for each call that may run at the same time; when all are taken, calls wait. */
final class Pool {
    private final Supplier<Engine> make;
    final Semaphore places;
    final Deque<Engine> idle = new ConcurrentLinkedDeque<>();

    Pool(int most, Supplier<Engine> make) {
        this.make = make;
        places = new Semaphore(most, true);
    }

    /** Asks, and gives up where the thread is interrupted while it waits. */
    byte[] ask(String export, byte[]... inputs) {
        try {
            places.acquire();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw Fault.resources("the caller waited no longer");
        }
        return take(export, inputs);
    }

    /** Asks for what must be said, whoever waits. A call that an interrupt stopped is made again: all that is asked so is pure. */
    byte[] insist(String export, byte[]... inputs) {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                places.acquireUninterruptibly();
                try {
                    return take(export, inputs);
                } catch (Fault fault) {
                    if (!Thread.interrupted()) {
                        throw fault;
                    }
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** What stopped or grew is thrown away. */
    private byte[] take(String export, byte[]... inputs) {
        try {
            Engine taken = idle.pollFirst();
            if (taken == null) {
                taken = make.get();
            }
            byte[] answer = taken.ask(export, inputs);
            if (!taken.hasGrown()) {
                idle.addFirst(taken);
            }
            return answer;
        } catch (Fault | LoadException fault) {
            throw fault;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError stopped) {
            throw Fault.trap("the code stopped (" + stopped.getClass().getSimpleName() + ")");
        } finally {
            places.release();
        }
    }

    /** Asks in the core's JSON. */
    Json insist(String export, Map<String, Object> asked) {
        return Json.read(Json.text(insist(export, Json.bytes(Json.write(asked)))));
    }
}
