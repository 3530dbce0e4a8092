package dev.ambit;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/** A policy whose signature, version and content were verified. {@link #load} makes one; threads may share it. */
public final class Policy {
    /** What a policy is asked. The core has other exports, which are the host's own. */
    private static final List<String> QUESTIONS = List.of("evaluate", "advise", "describe", "digest", "signing_input", "ask", "epochs", "info");

    final Options options;
    final Pool pool;
    private final Statement statement;
    private final Enforcement enforcement;
    /** Said when nothing in there can say anything any more, or who asks waits no longer. */
    private final byte[] stopped;
    /** Whether tokens are shown with a proof: what a challenge asks for. */
    private final String possession;

    private Policy(Options options, Loading loading) {
        this.options = options;
        statement = Statement.of(loading.engine.said);
        pool = new Pool(options.instances() > 0 ? options.instances() : Runtime.getRuntime().availableProcessors(), loading::again);
        pool.idle.add(loading.engine);
        enforcement = new Enforcement(this);
        stopped = refusal("engine.resources", "there was no answer");
        possession = Json.read(Json.text(raw("info"))).get("possession").string();
    }

    /**
     * Verifies a policy: {@code policy.wasm}, or {@code policy.bundle} with its signature.
     *
     * @throws LoadException where the policy is refused
     * @throws IllegalStateException where the store cannot tell; its cause is what the store gave
     */
    public static Policy load(Source source, Trust trust, Options options) {
        if (options.store() == null || source == null || trust.keys() == null) {
            throw new LoadException("module.options", "the source, the keys and the store are required");
        }
        if (options.handlers().containsKey("consume")) {
            throw new LoadException("module.options", "`consume` is done by the store, and has no handler");
        }
        Loading loading;
        try {
            loading = new Loading(source.read(), trust.keys().read().content(), trust, options.clock().instant().getEpochSecond());
        } catch (IOException unread) {
            throw new LoadException("module.read", unread.toString());
        }
        loading.accept(options.store());
        Policy policy = new Policy(options, loading);
        options.logger().log(Level.INFO, "policy in force: {0}, version {1}", policy.statement.uid(), "" + policy.statement.version());
        return policy;
    }

    /** What its signers say of it. */
    public Statement statement() {
        return statement;
    }

    /**
     * Judges a call and obeys the answer: act only when it returns.
     *
     * @throws Denied otherwise
     */
    public void decide(Question question) {
        enforce(evaluate(question));
    }

    /**
     * Obeys an answer: act only when it returns. What is to be done, and in which order, the core says: log first, all kinds of
     * obligations known before the first is done, what only checks before what uses up, people last, the outcome logged before
     * yes.
     *
     * @throws Denied otherwise
     */
    public void enforce(Answer answer) {
        enforcement.obey(answer);
    }

    /** Judges a call. What goes wrong is a denial. Nothing is obeyed yet: {@link #decide} does both. */
    public Answer evaluate(Question question) {
        Answer answer = answer(asked("evaluate", question));
        options.logger().log(Level.DEBUG, "decided: {0}", answer.reason().code());
        return answer;
    }

    /** What would help after a denial of this request. */
    public Advice advise(Question question) {
        byte[] raw = asked("advise", question);
        Advice advice = Advice.of(Json.read(Json.text(raw)));
        if (!advice.reason().code().isEmpty()) {
            return advice;
        }
        Answer denial = answer(raw);
        return new Advice(denial.decision(), denial.reason(), List.of(), denial.text());
    }

    /**
     * Puts a grant into words.
     *
     * @throws ConsentException where it has none: what has no text cannot be approved
     */
    public Consent describe(Question grant) {
        return said("describe", grant, Consent::of);
    }

    /**
     * The digest of a call, and what a person is shown of it.
     *
     * @throws Denied where the call is refused already
     */
    public CallDigest digest(Question question) {
        return said("digest", question, CallDigest::of);
    }

    /**
     * What is to be signed for a proof, a further block or a receipt.
     *
     * @throws Denied where it is refused
     */
    public SigningInput signingInput(Question asked) {
        return said("signing_input", asked, SigningInput::of);
    }

    /**
     * The answer in exactly the bytes of every other engine. The question is {@code evaluate}, {@code advise}, {@code describe},
     * {@code digest}, {@code signing_input}, {@code ask}, {@code epochs}, or, without a request, {@code info}. What goes wrong is a
     * denial.
     */
    public byte[] raw(String question, byte[]... request) {
        try {
            if (!QUESTIONS.contains(question)) {
                throw Fault.trap("`" + question + "` is no question");
            }
            return pool.ask("ambit_" + question, request);
        } catch (Fault | LoadException why) {
            String code = why instanceof Fault fault ? fault.code : "engine.trap";
            options.logger().log(Level.ERROR, "no answer: {0} ({1})", why.getMessage(), code);
            return refusal(code, why.getMessage());
        }
    }

    /** A denial for what only a host can see, in the form of any other. */
    public Answer refuse(String code, String admin) {
        return answer(refusal(code, admin));
    }

    /** What HTTP says for a denial; {@code nonce}, where it is not {@code null}, is the one that the next proof must carry. */
    public Http http(Answer denial, String nonce) {
        try {
            Map<String, Object> asked = Request.map("answer", Json.read(denial.text()), "possession", possession);
            Request.put(asked, "nonce", nonce);
            return Http.of(Core.ask("ambit_http", asked));
        } catch (IllegalArgumentException | Fault unsaid) {
            return new Http(503, Map.of(), Json.read("{}"));
        }
    }

    /** A denial as it is thrown. */
    public Denied denied(Answer denial) {
        return denied(denial, List.of(), null);
    }

    Denied denied(Answer denial, List<String> discharged, Throwable cause) {
        return new Denied(denial, http(denial, null), discharged, cause);
    }

    private byte[] asked(String name, Question question) {
        byte[] request;
        try {
            request = Objects.requireNonNull(question.json());
        } catch (RuntimeException unsayable) {
            boolean isTold = unsayable instanceof IllegalArgumentException;
            return refusal("request.value", isTold ? unsayable.getMessage() : "a part of the request is missing");
        }
        return raw(name, request);
    }

    /** Asks for what is no decision, unless it was denied, or has no text. */
    private <T> T said(String name, Question question, Function<Json, T> read) {
        Json said = Json.read(Json.text(asked(name, question)));
        Json refused = said.get("error");
        if (refused.isObject()) {
            throw new ConsentException(refused.get("code").string(), refused.get("at").string(), refused.get("admin").string());
        }
        if (said.get("decision").isBoolean()) {
            throw denied(answer(Json.bytes(said.text())));
        }
        return read.apply(said);
    }

    Answer answer(byte[] raw) {
        try {
            return Answer.read(Json.text(raw));
        } catch (IllegalArgumentException none) {
            return Answer.read(Json.text(refusal("engine.trap", "this is no answer: " + none.getMessage())));
        }
    }

    private byte[] refusal(String code, String admin) {
        try {
            return Json.bytes(Core.ask("ambit_refuse", Request.map("code", code, "admin", admin)).text());
        } catch (Fault | IllegalArgumentException unsaid) {
            return stopped;
        }
    }
}
