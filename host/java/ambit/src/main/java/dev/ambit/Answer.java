package dev.ambit;

import java.util.List;

/**
 * A decision. Only {@code decision} with every one of the obligations discharged allows anything: {@link Policy#enforce} obeys
 * it.
 *
 * @param text the text, the same from every engine
 */
public record Answer(boolean decision, Reason reason, List<Obligation> obligations, Remedy remedy, List<Json> policies, Json record,
        String text) {
    /** Reads an answer; {@link IllegalArgumentException} if it is none. */
    static Answer read(String text) {
        Json said = Json.read(text);
        Json context = said.get("context");
        if (!said.get("decision").isBoolean() || !context.isObject()) {
            throw new IllegalArgumentException("it has no decision");
        }
        return new Answer(said.get("decision").isTrue(), Reason.of(context.get("reason")),
                context.get("obligations").list().stream().map(Obligation::of).toList(), Remedy.of(context.get("remedy")),
                context.get("policies").list(), context.get("record"), text);
    }
}
