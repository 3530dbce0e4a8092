package dev.ambit;

import java.util.List;

/** What the failed step wanted. Where people must approve, the other members are what is put before them; else {@code null}. */
public record Remedy(List<Json> steps, String bindingS256, String riskTier, Json display) {
    static Remedy of(Json said) {
        return new Remedy(said.get("steps").list(), said.get("binding_s256").string(), said.get("risk_tier").string(),
                said.get("display"));
    }
}
