package dev.ambit;

import java.util.List;

/** What would help after a denial, the nearest first. */
public record Advice(boolean decision, Reason reason, List<Alternative> alternatives, String text) {
    /** One thing that would be allowed. Doing all steps is enough; {@code judged} says whether every later step was asked. */
    public record Alternative(boolean judged, String text, List<Json> steps) {}

    static Advice of(Json said) {
        List<Alternative> alternatives = said.get("alternatives").list().stream()
                .map(one -> new Alternative(one.get("judged").isTrue(), one.get("text").string(), one.get("steps").list()))
                .toList();
        return new Advice(said.get("decision").isTrue(), Reason.of(said.get("reason")), alternatives, said.text());
    }
}
