package dev.ambit;

import java.util.List;

/** What a grant allows, for a person. Show exactly {@code text}: its hash is what a receipt proves. */
public record Consent(String text, String locale, String renderer, String riskTier, String textS256, String bindingS256,
        List<Json> page) {
    static Consent of(Json said) {
        return new Consent(said.get("text").string(), said.get("locale").string(), said.get("renderer").string(),
                said.get("risk_tier").string(), said.get("text_s256").string(), said.get("binding_s256").string(),
                said.get("page").list());
    }
}
