package dev.ambit;

import java.util.List;
import java.util.Map;

/**
 * A call that must not happen. Its message is the sentence for people, and its cause what a store, a journal or a handler
 * gave, where that is why; the cause may have anything of the call in it.
 */
public final class Denied extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final transient Answer answer;
    private final transient Http http;
    private final transient List<String> discharged;

    Denied(Answer answer, Http http, List<String> discharged, Throwable cause) {
        super(answer.reason().user() + " (" + answer.reason().code() + ")", cause);
        this.answer = answer;
        this.http = http;
        this.discharged = List.copyOf(discharged);
    }

    /** Refuses a call while no policy is loaded; there is nothing to write it down by. */
    public static Denied unloaded() {
        Json said = Core.ask("ambit_refuse", Map.of("code", "engine.resources", "admin", "no policy is loaded"));
        return new Denied(Answer.read(said.text()), Http.of(Core.ask("ambit_http", Map.of("answer", said))), List.of(), null);
    }

    /** The same with what else a service says. */
    public Denied with(Http other) {
        return new Denied(answer, other, discharged, getCause());
    }

    /** Stable: {@code capability.power}, {@code limit.spend} … */
    public String code() {
        return answer.reason().code();
    }

    /** The sentence for people. */
    public String words() {
        return answer.reason().user();
    }

    /** The steps that would help, as far as the decision knows them; {@link Policy#advise} searches for more. */
    public List<Json> remedies() {
        return answer.remedy().steps();
    }

    /** What a service says: status, headers, problem. */
    public Http http() {
        return http;
    }

    /** The status of {@link #http}. */
    public int status() {
        return http.status();
    }

    /** The header {@code WWW-Authenticate}, or {@code null}. */
    public String challenge() {
        return http.headers().get("www-authenticate");
    }

    /** The whole denial; what its reason says as {@code admin} is for operators only. */
    public Answer answer() {
        return answer;
    }

    /** The obligations done before one failed. What they consumed stays consumed. */
    public List<String> discharged() {
        return discharged;
    }
}
