package dev.ambit.guard;

import dev.ambit.Advice;
import dev.ambit.Answer;
import dev.ambit.Denied;
import dev.ambit.Facts;
import dev.ambit.Json;
import dev.ambit.Policy;
import dev.ambit.Request;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Stands before calls: it decides each by the policy, and obeys the answer. Make one with {@link #of}, and change it with the
 * methods that give another.
 *
 * @param policy gives the policy in force; while it gives {@code null}, everything is refused
 * @param audience for whom tokens must be made
 * @param hold whether what lacks only a person's yes is put before people, by the policy's handler of {@code approve}
 * @param nonce gives the one that a proof must carry, or {@code null}
 * @param known adds what else only the service knows: statements, entities, further facts
 */
public record Guard(Supplier<Policy> policy, String audience, String location, String tenant, boolean hold, Supplier<String> nonce,
        UnaryOperator<Request> known, Clock clock) {
    /** For tokens that are made for this audience. */
    public static Guard of(Supplier<Policy> policy, String audience) {
        return new Guard(policy, audience, null, null, false, () -> null, request -> request, Clock.systemUTC());
    }

    /** At a place, and for a tenant; either may be {@code null}. */
    public Guard at(String place, String forTenant) {
        return new Guard(policy, audience, place, forTenant, hold, nonce, known, clock);
    }

    /** By another clock. */
    public Guard clock(Clock other) {
        return new Guard(policy, audience, location, tenant, hold, nonce, known, other);
    }

    /** Has what lacks only a person's yes put before people. */
    public Guard holding() {
        return new Guard(policy, audience, location, tenant, true, nonce, known, clock);
    }

    /** With what else only the service knows. */
    public Guard knowing(UnaryOperator<Request> more) {
        return new Guard(policy, audience, location, tenant, hold, nonce, more, clock);
    }

    /** With nonces that proofs must carry. */
    public Guard nonces(Supplier<String> nonces) {
        return new Guard(policy, audience, location, tenant, hold, nonces, known, clock);
    }

    /**
     * The name for which the identifier of a resource stands (<code>{name}</code>), or nothing where the identifier is the
     * resource's own.
     *
     * @throws IllegalArgumentException if it has a brace in another place: it would be judged as it is written, whatever the call
     *     is for
     */
    public static Optional<String> name(String id) {
        if (id.matches("[{][^{}]+[}]")) {
            return Optional.of(id.substring(1, id.length() - 1));
        } else if (id.matches("(?s).*[{}].*")) {
            throw new IllegalArgumentException("the identifier `" + id + "` is neither a name in braces nor free of them");
        }
        return Optional.empty();
    }

    /** Nothing when the call may happen, once; else why not. */
    public Optional<Refused> judge(Call call) {
        Policy policy = this.policy.get();
        if (policy == null) {
            return Optional.of(unloaded());
        }
        Request request;
        String nonce;
        try {
            nonce = this.nonce.get();
            request = request(call, nonce);
        } catch (RuntimeException why) {
            return Optional.of(refuse("engine.trap", "what the service knows is not to be had (" + why.getClass().getName() + ")"));
        }
        try {
            policy.decide(request);
            return Optional.empty();
        } catch (Denied denied) {
            return Optional.of(refused(policy, call, request, denied, nonce));
        }
    }

    private static Refused unloaded() {
        return new Refused(Denied.unloaded(), false, List.of());
    }

    private Request request(Call call, String nonce) {
        Shown shown = call.shown();
        Request.Action action = new Request.Action(call.action(), call.power(), call.args());
        Request asked = new Request(new Request.Evaluation(null, action, call.resource(), call.purpose()), shown.token(),
                shown.proof(), shown.approvals(), List.of(), List.of(), List.of(), new Facts(0, audience));
        Request more = known.apply(asked);
        Map<String, Json> further = more.facts().further();
        // Of what was shown and what runs nothing is changed by what is known.
        return new Request(asked.evaluation(), asked.token(), asked.proof(), asked.approvals(), more.enrolments(), more.statements(),
                more.entities(), new Facts(clock.instant().getEpochSecond(), audience, location, tenant, shown.method(), shown.url(), nonce, further));
    }

    private Refused refused(Policy policy, Call call, Request request, Denied denied, String nonce) {
        Denied told = nonce == null ? denied : denied.with(policy.http(denied.answer(), nonce));
        boolean held = false;
        if (mayHold(call, told)) {
            Answer answer = policy.evaluate(request.power("propose").approvals(List.of()));
            boolean asks = answer.obligations().stream().anyMatch(one -> one.type().equals("approve"));
            held = asks && isDone(policy, answer);
        }
        Refused refused = new Refused(told, held, List.of());
        List<String> ways = refused.isTold()
                ? policy.advise(request).alternatives().stream().map(Advice.Alternative::text).toList() : List.of();
        return new Refused(told, held, ways);
    }

    private static boolean isDone(Policy policy, Answer answer) {
        try {
            policy.enforce(answer);
            return true;
        } catch (Denied denied) {
            return false;
        }
    }

    /** Where nothing but a person's yes is lacking. Where one is there and does not fit, nobody is asked again. */
    private boolean mayHold(Call call, Denied denied) {
        boolean unfit = denied.code().startsWith("approval.") && !denied.code().equals("approval.required");
        boolean onlyYes = denied.remedies().stream().allMatch(remedy -> "approval".equals(remedy.get("step_up").string()));
        return hold && call.power().equals("execute") && !denied.remedies().isEmpty() && onlyYes && !unfit;
    }

    /** A refusal of the service's own, written down like any other. */
    public Refused refuse(String code, String admin) {
        Policy policy = this.policy.get();
        if (policy == null) {
            return unloaded();
        }
        Answer answer = policy.refuse(code, admin);
        try {
            policy.enforce(answer);
        } catch (Denied denied) {
            return new Refused(denied, false, List.of());
        }
        return new Refused(policy.denied(answer), false, List.of());
    }
}
