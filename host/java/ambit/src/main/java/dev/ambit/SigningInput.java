package dev.ambit;

/** What is to be signed: the ASCII bytes of {@code signingInput}, with {@code alg}. */
public record SigningInput(String typ, String alg, String signingInput, String s256) {
    static SigningInput of(Json said) {
        return new SigningInput(said.get("typ").string(), said.get("alg").string(), said.get("signing_input").string(),
                said.get("s256").string());
    }
}
