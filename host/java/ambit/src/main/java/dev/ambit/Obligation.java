package dev.ambit;

/**
 * Must be discharged with an allow, or the allow is none.
 *
 * @param ext what belongs to the type, as JSON
 * @param now the time by which the decision was made (seconds since 1970); {@code null} where its record has none
 */
public record Obligation(String id, String type, Json ext, Long now) {
    static Obligation of(Json said) {
        return new Obligation(said.get("id").string(), said.get("type").string(), said.get("ext"), said.get("now").numberOrNull());
    }
}
