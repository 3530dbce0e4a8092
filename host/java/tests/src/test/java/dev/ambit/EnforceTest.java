package dev.ambit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class EnforceTest {
    private static final long NOW = Fixture.NOW;
    private static final String ISS = "https://a.example";

    /** An allow with obligations, as an engine gives it; with a version of epochs, unless that is 0. */
    private static Answer given(List<Map<String, Object>> obligations, long version) {
        List<Object> all = new ArrayList<>();
        for (Map<String, Object> each : obligations) {
            Map<String, Object> one = new HashMap<>(each);
            one.putIfAbsent("ext", Map.of());
            one.put("id", each.get("type"));
            all.add(one);
        }
        List<Object> epochs = version == 0 ? List.of() : List.of(Request.map("iss", ISS, "version", version));
        return Answer.read(Json.write(Request.map("decision", true, "context", Request.map(
                "reason", Request.map("code", "allowed", "user", "", "admin", ""), "obligations", all,
                "record", Request.map("now", NOW, "epochs", epochs)))));
    }

    private static List<Map<String, Object>> kinds(List<String> types) {
        return types.stream().map(type -> Request.map("type", type)).toList();
    }

    private static Answer epochs(long version) {
        return given(List.of(), version);
    }

    private static Answer approve() {
        return given(kinds(List.of("approve")), 0);
    }

    private static Answer charges(Object... charges) {
        return given(List.of(Request.map("type", "consume", "ext", Request.map("charges", List.of(charges)))), 0);
    }

    private static Map<String, Object> spend(int amount, int most) {
        return Request.map("key", "s", "type", "spend", "amount", amount, "max", most);
    }

    private static Map<String, Object> once(String type, String key, long until) {
        return Request.map("key", key, "type", type, "amount", 1, "max", 1, "until", until);
    }

    private static Denied denied(Policy policy, Answer answer) {
        return assertThrows(Denied.class, () -> policy.enforce(answer));
    }

    private static String code(Policy policy, Answer answer) {
        return denied(policy, answer).code();
    }

    private static Policy with(Store store) {
        return Fixture.load(Fixture.options(store));
    }

    private static Policy handled(Handler handler) {
        return Fixture.load(Fixture.options(new MemoryStore()).handler("approve", handler));
    }

    /** A journal and handlers that write down what they were asked, and fail as a test says. */
    private static final class Notes implements Journal {
        final List<String> lines = new ArrayList<>();
        final Map<String, Exception> fails = new HashMap<>();

        @Override
        public Object write(Event event) throws Exception {
            boolean ended = event.name().equals("ended");
            assertEquals(ended ? 7 : null, event.entry());
            assertTrue(!ended || event.permitted() == (event.answer() == null));
            note("log " + event.name());
            return 7;
        }

        void note(String line) throws Exception {
            lines.add(line);
            if (fails.containsKey(line)) {
                throw fails.get(line);
            }
        }
    }

    private static String brief(Json next) {
        String what = next.get("do").string();
        return switch (what) {
            case "log" -> "log " + next.get("event").string();
            case "discharge" -> "discharge " + next.get("type").string();
            case "verdict" -> "verdict " + (next.get("permitted").isTrue() ? "true" : Answer.read(next.get("answer").text()).reason().code());
            default -> what;
        };
    }

    @Test
    void theCoreSaysTheStepsOfTheVectors() throws IOException {
        for (Json each : Fixture.suite("enforce/steps.json").list()) {
            List<Json> results = each.get("results").list();
            List<String> wanted = each.get("steps").strings();
            List<String> steps = new ArrayList<>();
            int taken = wanted.size() <= results.size() ? results.size() : 0;
            while (true) {
                Json next = Core.ask("ambit_enforce", Request.map("answer", given(kinds(each.get("obligations").strings()), 2).text(),
                        "knows", each.get("knows"), "journal", each.get("journal"), "epochs", each.get("epochs"),
                        "results", results.subList(0, taken)));
                steps.add(brief(next));
                if (next.get("do").string().equals("verdict") || taken == results.size()) {
                    break;
                }
                taken++;
            }
            assertEquals(wanted, steps, each.get("name").string());
        }
    }

    @Test
    void enforceDoesTheStepsOfTheVectors() throws IOException {
        int done = 0;
        for (Json each : Fixture.suite("enforce/steps.json").list()) {
            List<Json> results = each.get("results").list();
            List<String> wanted = new ArrayList<>(each.get("steps").strings());
            if (results.size() >= wanted.size()) {
                continue; // A host that counts wrongly: this one does not.
            }
            done++;
            Notes notes = new Notes();
            MemoryStore store = new MemoryStore();
            Store watched = (keys, decide) -> {
                if (keys.iterator().next().startsWith("epochs:")) {
                    failing(notes, "keep");
                } else if (keys.contains("forgotten")) {
                    notes.note("discharge consume");
                    return;
                }
                store.transact(keys, decide);
            };
            Options options = Fixture.options(watched);
            for (String kind : each.get("knows").strings()) {
                options = kind.equals("consume") ? options : options.handler(kind, one -> notes.note("discharge " + one.type()));
            }
            Policy policy = Fixture.load(each.get("journal").isTrue() ? options.journal(notes) : options);
            for (int place = 0; place < results.size(); place++) {
                Json result = results.get(place);
                if (result.get("failed").isString()) {
                    notes.fails.put(wanted.get(place), new NotDischarged(result.get("code").string(), result.get("failed").string()));
                }
                if (result.get("kept").isObject()) {
                    store.kept.put("epochs:acme/agents", new Store.Kept(result.get("kept").text(), null));
                }
            }
            Answer answer = given(kinds(each.get("obligations").strings()), each.get("epochs").isTrue() ? 2 : 0);
            String last = "verdict true";
            try {
                policy.enforce(answer);
            } catch (Denied denied) {
                last = "verdict " + denied.code();
            }
            notes.lines.add(last);
            wanted.remove("keep");
            assertEquals(wanted, notes.lines, each.get("name").string());
        }
        assertTrue(done > 5, done + " cases");
    }

    private static void failing(Notes notes, String step) throws Exception {
        if (notes.fails.containsKey(step)) {
            throw notes.fails.get(step);
        }
    }

    @Test
    void chargesOfTheVectors() throws Exception {
        for (Json each : Fixture.suite("enforce/charges.json").list()) {
            String name = each.get("name").string();
            Map<String, Object> asked = Request.map("ext", Request.map("charges", each.get("charges")), "now", each.get("now"),
                    "forgotten", each.get("forgotten").isNull() ? 0 : each.get("forgotten"), "budgets", each.get("budgets"));
            Json says = each.get("says");
            if (says.get("failed").isTrue()) {
                NotDischarged why = assertThrows(NotDischarged.class, () -> Enforcement.charge(asked), name);
                assertEquals(says.get("code").string(), why.code(), name);
                assertFalse(why.getMessage().isEmpty());
                continue;
            }
            Map<String, Store.Kept> wanted = new HashMap<>();
            for (Json one : says.get("set").list()) {
                wanted.put("budget:" + one.get("key").string(), new Store.Kept(one.get("used").text(), one.get("until").numberOrNull()));
            }
            Long forget = says.get("forget").numberOrNull();
            if (forget != null) {
                wanted.put("forgotten", new Store.Kept(forget.toString(), null));
            }
            assertEquals(new Store.Change(wanted, forget), Enforcement.charge(asked), name);
        }
    }

    @Test
    void aBudgetIsChargedOnceForAllOrNotAtAll() {
        MemoryStore store = new MemoryStore();
        Policy policy = with(store);
        policy.enforce(charges(once("receipt", "r", NOW + 60), spend(6, 10)));
        assertEquals("6", store.kept.get("budget:s").value());
        assertEquals("approval.used", code(policy, charges(once("receipt", "r", NOW + 60))));
        assertEquals("limit.spend", code(policy, charges(once("receipt", "r2", NOW + 60), spend(5, 10))));
        assertFalse(store.kept.containsKey("budget:r2"), "a part was charged");
        policy.enforce(charges(once("receipt", "r2", NOW + 60), spend(4, 10)));
        store.kept.put("budget:s", new Store.Kept("much", null));
        assertEquals("obligation.failed", code(policy, charges(spend(1, 100))));
    }

    @Test
    void whatEndedIsForgottenAndNotUsedAgain() {
        MemoryStore store = new MemoryStore();
        Policy policy = with(store);
        policy.enforce(charges(once("proof", "old", NOW - 90)));
        policy.enforce(charges(once("proof", "new", NOW + 90)));
        assertFalse(store.kept.containsKey("budget:old"));
        assertTrue(store.kept.containsKey("forgotten"));
        assertEquals("possession.expired", code(policy, charges(once("proof", "old", NOW - 90))));
    }

    @Test
    void eightThreadsSpendABudgetOnce() throws Exception {
        Policy policy = with(new MemoryStore());
        ExecutorService threads = Executors.newFixedThreadPool(8);
        AtomicInteger permitted = new AtomicInteger();
        for (int thread = 0; thread < 8; thread++) {
            threads.submit(() -> {
                for (int time = 0; time < 10; time++) {
                    try {
                        policy.enforce(charges(spend(1, 33)));
                        permitted.incrementAndGet();
                    } catch (Denied denied) {
                        assertEquals("limit.spend", denied.code());
                    }
                }
            });
        }
        threads.shutdown();
        assertTrue(threads.awaitTermination(2, TimeUnit.MINUTES));
        assertEquals(33, permitted.get());
    }

    @Test
    void nothingIsAllowedByLessThanWasHeard() {
        MemoryStore store = new MemoryStore();
        boolean[] full = {false};
        Policy policy = with((keys, decide) -> store.transact(keys, kept -> {
            Store.Change change = decide.decide(kept);
            if (full[0]) {
                throw new IOException("the disk is full");
            }
            return change;
        }));
        policy.enforce(epochs(4));
        policy.enforce(epochs(4));
        assertEquals("obligation.failed", code(policy, epochs(3)));
        assertEquals("obligation.failed", code(policy, epochs(0)));
        full[0] = true;
        Denied denied = denied(policy, epochs(9));
        assertEquals("obligation.failed", denied.code());
        assertEquals("the disk is full", denied.getCause().getMessage());
        full[0] = false;
        assertEquals("obligation.failed", code(policy, epochs(8)));
        policy.enforce(epochs(9));
        assertEquals("{\"https://a.example\":9}", store.kept.get("epochs:acme/agents").value());
    }

    @Test
    void aDenialIsWrittenDownAndStaysOne() {
        Notes notes = new Notes();
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).journal(notes));
        Question asked = Question.of(Fixture.bytes("request.json"));
        policy.decide(asked);
        assertEquals("request.member", assertThrows(Denied.class, () -> policy.decide(Question.of("{}"))).code());
        assertEquals(List.of("log decided", "log ended", "log decided"), notes.lines);
        notes.fails.put("log decided", new IOException("the disk is full"));
        Denied denied = assertThrows(Denied.class, () -> policy.decide(asked));
        assertEquals("obligation.failed", denied.code());
        assertTrue(denied.status() >= 500);
        assertFalse(denied.http().problem().text().contains("disk"), "operators only");
    }

    @Test
    void aStepThatIsNotKnownIsNotDone() {
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()));
        Enforcement enforcement = new Enforcement(policy);
        for (String step : List.of("{\"do\":\"dance\"}", "{\"do\":\"log\",\"event\":\"slept\"}", "{}",
                "{\"do\":\"discharge\",\"id\":\"1\",\"type\":\"approve\",\"ext\":{},\"now\":1}")) {
            assertThrows(Exception.class, () -> enforcement.step(Json.read(step), null), step);
        }
    }

    @Test
    void aHandlerSaysWhy() {
        Map<String, Exception> all = Map.of("obligation.failed", new IOException("no"),
                "approval.required", new NotDischarged("approval.required", "held"));
        all.forEach((wanted, why) -> {
            Denied denied = denied(handled(one -> {
                throw why;
            }), approve());
            assertEquals(wanted, denied.code());
        });
        assertEquals("obligation.failed", code(handled(one -> {
            throw new NotDischarged("what", "");
        }), approve()));
        assertEquals("obligation.unknown", code(Fixture.one(), approve()));
        // Not an answer of any engine.
        Answer allow = Fixture.one().evaluate(Question.of(Fixture.bytes("request.json")));
        for (String text : List.of("{\"decision\":true}", "")) {
            Answer forged = new Answer(true, allow.reason(), List.of(), allow.remedy(), List.of(), allow.record(), text);
            assertEquals("engine.trap", code(Fixture.one(), forged));
        }
    }

    @Test
    void ofWhatIsThrownOnlyTheTypeIsTold() {
        IllegalStateException why = new IllegalStateException("secret");
        Notes notes = new Notes();
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).journal(notes).handler("approve", one -> {
            throw why;
        }));
        Denied denied = denied(policy, approve());
        assertEquals("obligation.failed", denied.code());
        assertFalse(denied.answer().text().contains("secret"));
        assertTrue(denied.answer().reason().admin().contains("IllegalStateException"));
        assertSame(why, denied.getCause().getCause());
        assertEquals(List.of("log decided", "log ended"), notes.lines);
        // An error of the machine does not pass by the log either.
        assertEquals("obligation.failed", code(handled(one -> {
            throw new StackOverflowError();
        }), approve()));
    }

    @Test
    void whatBecameOfACallIsWrittenForWhomeverWaits() {
        Notes notes = new Notes();
        Policy policy = Fixture.load(Fixture.options(new MemoryStore())
                .journal(event -> {
                    assertFalse(Thread.currentThread().isInterrupted());
                    return notes.write(event);
                })
                .handler("approve", one -> {
                    throw new InterruptedException();
                }));
        assertEquals("obligation.failed", code(policy, approve()));
        assertTrue(Thread.currentThread().isInterrupted(), "that it was interrupted is not forgotten");
        assertEquals("obligation.failed", code(policy, epochs(1)));
        assertEquals(401, policy.http(policy.refuse("possession.used", ""), null).status());
        assertTrue(Thread.interrupted());
        assertEquals(List.of("log decided", "log ended", "log decided", "log ended"), notes.lines);
    }

    @Test
    @Timeout(60)
    void nobodyWaitsForTheStoreOfAnother() throws Exception {
        CountDownLatch waits = new CountDownLatch(1);
        CountDownLatch goes = new CountDownLatch(1);
        MemoryStore store = new MemoryStore();
        AtomicInteger calls = new AtomicInteger();
        Policy policy = with(new Store() {
            @Override
            public void transact(Collection<String> keys, Decide decide) throws Exception {
                if (keys.iterator().next().startsWith("epochs:") && calls.incrementAndGet() == 1) {
                    waits.countDown();
                    goes.await();
                    throw new IOException("late");
                }
                store.transact(keys, decide);
            }
        });
        String[] first = {null};
        Thread slow = new Thread(() -> first[0] = code(policy, epochs(4)));
        slow.start();
        waits.await();
        // What was heard meanwhile counts.
        assertEquals("obligation.failed", code(policy, epochs(3)));
        policy.enforce(epochs(4));
        assertNull(first[0]);
        goes.countDown();
        slow.join();
        assertEquals("obligation.failed", first[0]);
    }
}
