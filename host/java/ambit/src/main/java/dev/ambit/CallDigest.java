package dev.ambit;

/** The digest of a call, and what a person is shown of it where it is short enough to be shown. */
public record CallDigest(String bindingS256, String riskTier, Json display) {
    static CallDigest of(Json said) {
        return new CallDigest(said.get("binding_s256").string(), said.get("risk_tier").string(), said.get("display"));
    }
}
