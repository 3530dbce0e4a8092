package dev.ambit;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** Does the steps that the core says, for one policy. */
final class Enforcement {
    /** The key of the time before which what ended was forgotten. */
    private static final String FORGOTTEN = "forgotten";
    private static final String BUDGET = "budget:";

    private final Policy policy;
    /** What was heard of revocation epochs and the store did not take: nothing is allowed by less. */
    private final Map<String, Long> unsaved = new ConcurrentHashMap<>();

    Enforcement(Policy policy) {
        this.policy = policy;
    }

    /** One answer as it is obeyed: what came of the steps so far. */
    private static final class Course {
        final List<Object> results = new ArrayList<>();
        Object entry;
        Throwable cause;
    }

    void obey(Answer answer) {
        Options options = policy.options;
        List<String> knows = new ArrayList<>(List.of("consume"));
        knows.addAll(options.handlers().keySet());
        Course course = new Course();
        Map<String, Object> asked = Request.map("answer", answer.text(), "knows", knows, "journal", options.journal() != null,
                "epochs", true, "results", course.results);
        try {
            Json next = Core.ask("ambit_enforce", asked);
            while (!"verdict".equals(next.get("do").string())) {
                course.results.add(came(next, course));
                next = Core.ask("ambit_enforce", asked);
            }
            if (!next.get("permitted").isTrue()) {
                Answer denial = policy.answer(Json.bytes(next.get("answer").text()));
                options.logger().log(Level.INFO, "refused: {0}", denial.reason().code());
                throw policy.denied(denial, next.get("discharged").strings(), course.cause);
            }
        } catch (Fault | IllegalArgumentException why) {
            options.logger().log(Level.ERROR, "not enforced: {0}", why.getMessage());
            throw policy.denied(policy.refuse("engine.trap", "the answer was not enforced: " + why.getMessage()));
        }
    }

    /** What came of a step: done, what was kept before, or why it failed. */
    private Map<String, Object> came(Json next, Course course) {
        try {
            return step(next, course);
        } catch (Exception | StackOverflowError why) {
            if (why instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            course.cause = why;
            Map<String, Object> failed = Request.map("failed", String.valueOf(why.getMessage()));
            Request.put(failed, "code", why instanceof NotDischarged known ? known.code() : null);
            return failed;
        }
    }

    /** Does one step. One that is not known here is not done, and denies. */
    Map<String, Object> step(Json next, Course course) throws Exception {
        String what = next.get("do").string();
        String event = next.get("event").string();
        if ("keep".equals(what)) {
            return Request.map("kept", keep(next.get("epochs").list()));
        } else if ("log".equals(what) && ("decided".equals(event) || "ended".equals(event))) {
            write(next, course);
        } else if ("discharge".equals(what)) {
            discharge(Obligation.of(next));
        } else {
            throw new NotDischarged(null, "there is no way to " + what + " " + event + " here");
        }
        return Request.map("done", true);
    }

    /** Who asked may be gone: what was decided, and what became of it, is written all the same. */
    private void write(Json next, Course course) throws Exception {
        boolean interrupted = Thread.interrupted();
        try {
            Json answer = next.get("answer");
            course.entry = policy.options.journal().write(new Journal.Event(next.get("event").string(), answer.isNull() ? null : answer,
                    next.get("permitted").isTrue(), next.get("discharged").strings(), course.entry));
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void discharge(Obligation obligation) throws Exception {
        if ("consume".equals(obligation.type())) {
            consume(obligation);
            return;
        }
        Handler handler = policy.options.handlers().get(obligation.type());
        if (handler == null) {
            throw new NotDischarged(null, "there is no way to " + obligation.type() + " here");
        }
        try {
            handler.discharge(obligation);
        } catch (NotDischarged | InterruptedException why) {
            throw why;
        } catch (Exception | StackOverflowError unsaid) {
            throw new Exception("the handler threw `" + unsaid.getClass().getName() + "`", unsaid);
        }
    }

    /** Remembers versions of epochs for good, the highest of each issuer, and gives those that were known before. */
    Map<String, Long> keep(List<Json> epochs) throws Exception {
        Map<String, Long> before = new TreeMap<>(unsaved);
        epochs.forEach(one -> unsaved.merge(one.get("iss").string(), one.get("version").number(), Math::max));
        Map<String, Long> heard = new TreeMap<>(unsaved);
        String key = "epochs:" + policy.statement().uid();
        policy.options.store().transact(List.of(key), kept -> {
            Store.Kept known = kept.get(key);
            Map<String, Long> highest = new TreeMap<>(heard);
            Json.read(known == null ? "{}" : known.value()).map().forEach((iss, version) -> {
                before.merge(iss, version.number(), Math::max);
                highest.merge(iss, version.number(), Math::max);
            });
            String text = Json.write(highest);
            boolean isKept = heard.isEmpty() || known != null && text.equals(known.value());
            return isKept ? Store.Change.NONE : new Store.Change(Map.of(key, new Store.Kept(text, null)), null);
        });
        unsaved.entrySet().removeIf(one -> one.getValue() <= heard.getOrDefault(one.getKey(), Long.MIN_VALUE));
        return before;
    }

    /** Charges all charges of an obligation in one step, or none. What fits the core says. */
    private void consume(Obligation obligation) throws Exception {
        List<String> keys = new ArrayList<>(List.of(FORGOTTEN));
        obligation.ext().get("charges").list().forEach(charge -> keys.add(BUDGET + charge.get("key").string()));
        policy.options.store().transact(keys, kept -> {
            Map<String, Object> budgets = new HashMap<>();
            for (String key : keys.subList(1, keys.size())) {
                Store.Kept known = kept.get(key);
                budgets.put(key.substring(BUDGET.length()), known == null ? null
                        : Request.map("used", Long.parseLong(known.value()), "until", known.until()));
            }
            long forgotten = kept.containsKey(FORGOTTEN) ? Long.parseLong(kept.get(FORGOTTEN).value()) : 0;
            return charge(Request.map("ext", obligation.ext(), "now", obligation.now(), "forgotten", forgotten, "budgets", budgets));
        });
    }

    /** Asks what is to be written. */
    static Store.Change charge(Map<String, Object> asked) throws NotDischarged {
        Json said = Core.ask("ambit_consume", asked);
        if (said.get("failed").isString()) {
            throw new NotDischarged(said.get("code").string(), said.get("failed").string());
        }
        Map<String, Store.Kept> write = new HashMap<>();
        for (Json one : said.get("set").list()) {
            write.put(BUDGET + one.get("key").string(), new Store.Kept(one.get("used").text(), one.get("until").numberOrNull()));
        }
        Long forget = said.get("forget").numberOrNull();
        if (forget != null) {
            write.put(FORGOTTEN, new Store.Kept(forget.toString(), null));
        }
        return new Store.Change(write, forget);
    }
}
