package dev.ambit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class PolicyTest {
    private static final Policy POLICY = Fixture.one();
    private static final byte[] ASKED = Fixture.bytes("request.json");
    private static final byte[] WANTED = Fixture.bytes("answer.json");

    private static String code(Question question) {
        return POLICY.evaluate(question).reason().code();
    }

    private static Request request() {
        return Request.read(Fixture.text("request.json"));
    }

    /** That of the fixture with other arguments. */
    private static Request with(String args) {
        Request request = request();
        Request.Action action = request.evaluation().action();
        return call(request, new Request.Action(action.name(), action.power(), args));
    }

    private static Request call(Request request, Request.Action action) {
        Request.Evaluation call = request.evaluation();
        return new Request(new Request.Evaluation(call.subject(), action, call.resource(), call.purpose()), request.token(),
                request.facts());
    }

    @Test
    void moduleAndBundleGiveTheAnswerOfEveryEngine() {
        Policy bundle = Policy.load(Source.file(Fixture.path("policy.bundle")), Fixture.trust(), Fixture.options(new MemoryStore()));
        Trust trust = new Trust(Fixture.trust().keys(), "acme/agents", POLICY.statement().guestS256());
        Policy guest = Policy.load(Source.file(Fixture.path("policy.wasm")), trust, Fixture.options(new MemoryStore()));
        for (Policy each : List.of(POLICY, bundle, guest)) {
            for (int time = 0; time < 3; time++) {
                assertArrayEquals(WANTED, each.raw("evaluate", ASKED));
            }
            assertEquals(POLICY.statement().bundleS256(), each.statement().bundleS256());
            assertTrue(Json.text(each.raw("info")).contains(each.statement().bundleS256()));
        }
        Statement said = POLICY.statement();
        assertEquals("acme/agents", said.uid());
        assertTrue(said.expires() > Fixture.NOW && !said.signers().isEmpty());
    }

    @Test
    void aRequestInPartsIsTheSameCall() {
        assertEquals(Fixture.text("answer.json"), POLICY.evaluate(request()).text());
        assertEquals("request.syntax", code(with("{\"to\":\"ann@customer.example\",\"to\":\"eve@customer.example\"}")));
        // What closes the object early does not become a member of the request.
        assertEquals("request.value", code(with("{}},\"power\":\"execute\",\"x\":{\"y\":{}")));
        assertEquals("request.value", code(with("{")));
        assertEquals("request.value", code(with("")));
        assertEquals("request.value", code(with(null)));
        assertThrows(IllegalArgumentException.class, () -> Request.read("{\"evaluation\":{},\"tokens\":1}"));
    }

    @Test
    void whatUtf8CannotSayIsDenied() {
        String half = "a\ud800";
        Request asked = with("{}");
        Facts facts = asked.facts();
        List<Request> all = List.of(
                call(asked, new Request.Action(half, "draft", "{}")),
                call(asked, new Request.Action("email", half, "{}")),
                with("{\"a\":\"" + half + "\"}"),
                asked.token(half), asked.proof(half), asked.approvals(List.of(half)), asked.statements(List.of(half)),
                asked.facts(facts.at(half, "x")), asked.facts(new Facts(1, half)),
                new Request(new Request.Evaluation(new Request.Thing(half, ""), asked.evaluation().action(), asked.evaluation().resource(), "p"), "", facts),
                new Request(new Request.Evaluation(null, asked.evaluation().action(), new Request.Thing("t", half), "p"), "", facts),
                new Request(new Request.Evaluation(null, asked.evaluation().action(), asked.evaluation().resource(), half), "", facts));
        for (Request each : all) {
            assertEquals("request.value", code(each));
        }
        assertEquals("request.value", code(Question.of("{\"a\":\"" + half + "\"}")));
        assertEquals("request.value", code(new Request(null, "", facts)));
        assertEquals("request.value", code(Question.of((byte[]) null)));
        assertEquals("request.syntax", code(Question.of(new byte[] {'"', (byte) 0xff, '"'})));
        assertEquals("request.syntax", code(Question.of(new byte[0])));
    }

    @Test
    void aDenialSaysWhatToDo() {
        Denied denied = assertThrows(Denied.class, () -> POLICY.decide(request().token("")));
        assertEquals(401, denied.status());
        assertEquals(denied.code(), denied.answer().reason().code());
        assertTrue(denied.challenge().startsWith("Bearer "), "this policy wants no proof");
        assertTrue(denied.getMessage().contains(denied.words()));
        Http http = POLICY.http(denied.answer(), "n-1");
        assertEquals("n-1", http.headers().get("dpop-nonce"));
        String admin = denied.answer().reason().admin();
        assertTrue(admin.isEmpty() || !http.problem().text().contains(admin));
        Request far = with(request().evaluation().action().args().replace("\"eu\"", "\"us\""));
        denied = assertThrows(Denied.class, () -> POLICY.decide(far));
        assertTrue(!denied.remedies().isEmpty() && denied.status() == 403);
        Advice advice = POLICY.advise(far);
        assertEquals(denied.code(), advice.reason().code());
        assertFalse(advice.alternatives().isEmpty());
        assertFalse(advice.alternatives().get(0).text().isEmpty());
        advice = POLICY.advise(Question.of("{"));
        assertEquals("request.syntax", advice.reason().code());
    }

    @Test
    void aRefusalOfTheHostsOwnIsADenial() {
        Answer answer = POLICY.refuse("possession.used", "jti 7");
        assertEquals("possession.used", answer.reason().code());
        assertEquals("jti 7", answer.reason().admin());
        assertEquals("engine.trap", POLICY.refuse("no.code", "").reason().code());
        assertEquals(500, POLICY.http(POLICY.refuse("engine.trap", ""), null).status());
    }

    @Test
    void digestAndSigningInput() {
        assertEquals(43, POLICY.digest(Question.of(ASKED)).bindingS256().length());
        Map<String, Object> claims = Request.map("htm", "POST", "htu", "https://x.example/y", "jti", "1", "iat", Fixture.NOW);
        String asked = Json.write(Request.map("typ", "dpop+jwt", "token", request().token(), "claims", claims));
        SigningInput signing = POLICY.signingInput(Question.of(asked));
        assertEquals("dpop+jwt", signing.typ());
        assertEquals(2, signing.signingInput().split("[.]").length);
        Denied denied = assertThrows(Denied.class, () -> POLICY.digest(Question.of("{}")));
        assertEquals("request.member", denied.code());
    }

    @Test
    void aGrantWithoutATextCannotBeApproved() {
        ConsentException why = assertThrows(ConsentException.class, () -> POLICY.describe(Question.of("{\"authorization_details\": 7}")));
        assertEquals("describe.request", why.code());
        assertFalse(why.at().isEmpty());
    }

    private static void refused(String code, Source source, Trust trust, UnaryOperator<Options> change) {
        Options options = change.apply(Fixture.options(new MemoryStore()));
        LoadException why = assertThrows(LoadException.class, () -> Policy.load(source, trust, options));
        assertEquals(code, why.code());
    }

    @Test
    void whatIsNotSignedIsNotLoaded() {
        byte[] altered = Fixture.bytes("policy.wasm");
        altered[altered.length / 2] ^= 1;
        Source policy = Source.file(Fixture.path("policy.wasm"));
        Trust trust = Fixture.trust();
        String other = "{\"threshold\":1,\"keys\":[{\"kid\":\"k\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}]}";
        refused("module.unsigned", Source.of(altered, null), trust, options -> options);
        refused("module.altered", Source.of(altered, Fixture.bytes("policy.wasm.dsse.json")), trust, options -> options);
        refused("module.threshold", policy, new Trust(Source.of(Json.bytes(other), null), "acme/agents"), options -> options);
        refused("module.trust", policy, new Trust(Source.of(new byte[] {(byte) 0xff}, null), "acme/agents"), options -> options);
        refused("module.uid", policy, new Trust(trust.keys(), "acme/others"), options -> options);
        refused("module.uid", policy, new Trust(trust.keys(), ""), options -> options);
        refused("module.guest", policy, new Trust(trust.keys(), "acme/agents", "A".repeat(43)), options -> options);
        refused("module.options", policy, new Trust(trust.keys(), "acme/agents", "A"), options -> options);
        refused("module.options", policy, new Trust(null, "acme/agents"), options -> options);
        refused("module.options", policy, new Trust(trust.keys(), null), options -> options);
        refused("module.options", policy, trust, options -> Options.of(null));
        refused("module.options", policy, trust, options -> options.handler("consume", obligation -> {}));
        refused("module.read", Source.file(Path.of("none.wasm")), trust, options -> options);
        refused("module.truncated", Source.of(new byte[0], null), trust, options -> options);
    }

    @Test
    void theHighestVersionIsKept() {
        MemoryStore store = new MemoryStore();
        Options options = Fixture.options(store);
        Fixture.load(options);
        Fixture.load(options);
        // As if a later version had been in force.
        String kept = store.kept.get("policy:acme/agents").value();
        store.kept.put("policy:acme/agents", new Store.Kept(kept.replace("\"version\":", "\"version\":1"), null));
        refused("module.rollback", Source.file(Fixture.path("policy.wasm")), Fixture.trust(), some -> options);
        store.kept.put("policy:acme/agents", new Store.Kept("{", null));
        assertThrows(IllegalStateException.class, () -> Fixture.load(options));
    }

    @Test
    void aPolicyThatHasEndedIsRememberedAndNotLoaded() {
        MemoryStore store = new MemoryStore();
        Options late = Fixture.options(store).clock(Fixture.at(POLICY.statement().expires() + 60));
        refused("module.expired", Source.file(Fixture.path("policy.wasm")), Fixture.trust(), some -> late);
        assertTrue(store.kept.get("policy:acme/agents").value().contains("\"version\":42"));
    }

    @Test
    void anotherCoreIsNotUsed() {
        byte[] other = Engine.file();
        Engine.code(other);
        other[other.length / 2] ^= 1;
        LoadException why = assertThrows(LoadException.class, () -> Engine.code(other));
        assertEquals("module.altered", why.code());
    }

    @Test
    void anEngineThatStoppedIsThrownAwayAndDeniesOneCall() {
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).instances(1));
        Machine broken = new Machine() {
            @Override
            public long call(String export, long... arguments) {
                if (export.equals("ambit_abi")) {
                    return 2;
                }
                throw new IllegalStateException("unreachable");
            }

            @Override
            public void write(int at, byte[] content) {}

            @Override
            public byte[] read(int at, int size) {
                return new byte[size];
            }

            @Override
            public int pages() {
                return 1;
            }
        };
        Engine engine = new Engine(broken);
        policy.pool.idle.addFirst(engine);
        assertEquals("engine.trap", policy.evaluate(Question.of(ASKED)).reason().code());
        assertArrayEquals(WANTED, policy.raw("evaluate", ASKED));
        assertNotSame(engine, policy.pool.idle.peekFirst());
        assertEquals("engine.resources", policy.evaluate(Question.of(new byte[Engine.INPUT_MOST + 1])).reason().code());
        assertArrayEquals(WANTED, policy.raw("evaluate", ASKED));
        assertEquals(1, policy.pool.places.availablePermits());
    }

    @Test
    void otherExportsAreNoQuestions() {
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).instances(1));
        Engine before = policy.pool.idle.peekFirst();
        for (String name : List.of("load", "alloc", "free", "enforce", "refuse", "log", "abi", "check_info")) {
            Answer answer = Answer.read(Json.text(policy.raw(name, Json.bytes("{}"))));
            assertEquals("engine.trap", answer.reason().code());
            assertFalse(answer.decision());
        }
        // They did not even reach it.
        assertSame(before, policy.pool.idle.peekFirst());
    }

    @Test
    void whoWaitsNoLongerIsDenied() throws InterruptedException {
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).instances(1));
        policy.pool.places.acquire();
        Thread.currentThread().interrupt();
        Answer answer = policy.evaluate(Question.of(ASKED));
        assertTrue(Thread.interrupted(), "that it was interrupted is not forgotten");
        assertEquals("engine.resources", answer.reason().code());
        policy.pool.places.release();
        policy.decide(Question.of(ASKED));
    }

    @Test
    void threadsShareAPolicy() throws Exception {
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).instances(3));
        ExecutorService threads = Executors.newFixedThreadPool(16);
        List<Callable<byte[]>> calls = new ArrayList<>();
        for (int number = 0; number < 100; number++) {
            calls.add(() -> policy.raw("evaluate", ASKED));
        }
        for (Future<byte[]> each : threads.invokeAll(calls)) {
            assertArrayEquals(WANTED, each.get());
        }
        threads.shutdown();
        assertTrue(policy.pool.idle.size() <= 3);
    }

    @Test
    void nothingOfARequestIsLogged() {
        Fixture.Quiet log = new Fixture.Quiet();
        Policy policy = Fixture.load(Fixture.options(new MemoryStore()).logger(log));
        Request.Evaluation call = request().evaluation();
        Request asked = new Request(new Request.Evaluation(call.subject(), call.action(), call.resource(), "secret-purpose"),
                request().token(), request().facts());
        assertThrows(Denied.class, () -> policy.decide(asked));
        String lines = log.lines.toString();
        assertTrue(lines.contains("refused"), lines);
        assertFalse(lines.contains("secret-purpose") || lines.contains("eyJ"), lines);
    }
}
