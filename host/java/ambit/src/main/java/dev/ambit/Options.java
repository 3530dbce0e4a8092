package dev.ambit;

import java.time.Clock;
import java.util.HashMap;
import java.util.Map;

/**
 * Options of {@link Policy#load}.
 *
 * @param store keeps the highest version of the policy, so that no older one is accepted again, budgets, what happened once,
 *     and the highest versions of revocation epochs; required
 * @param journal writes down each decision before it is obeyed, and what became of it; {@code null}: nothing is written
 * @param handlers discharge obligations by their type; {@code consume} is done by the store
 * @param instances bounds the calls that run at the same time; 0: one for each processor
 * @param clock is asked at a load
 * @param logger is told of loads, denials and faults, and never of tokens, arguments or purposes
 */
public record Options(Store store, Journal journal, Map<String, Handler> handlers, int instances, Clock clock, System.Logger logger) {
    public Options {
        handlers = Map.copyOf(handlers);
    }

    /** With a store, and the rest as it is where nothing is said. */
    public static Options of(Store store) {
        return new Options(store, null, Map.of(), 0, Clock.systemUTC(), System.getLogger("dev.ambit"));
    }

    public Options journal(Journal journal) {
        return new Options(store, journal, handlers, instances, clock, logger);
    }

    /** With a handler more. */
    public Options handler(String type, Handler handler) {
        Map<String, Handler> more = new HashMap<>(handlers);
        more.put(type, handler);
        return new Options(store, journal, more, instances, clock, logger);
    }

    public Options instances(int instances) {
        return new Options(store, journal, handlers, instances, clock, logger);
    }

    public Options clock(Clock clock) {
        return new Options(store, journal, handlers, instances, clock, logger);
    }

    public Options logger(System.Logger logger) {
        return new Options(store, journal, handlers, instances, clock, logger);
    }
}
