package dev.ambit;

/**
 * Whom to believe, and which policy is expected.
 *
 * @param keys {@code keys.json}
 * @param uid names the policy
 * @param guest demands the evaluator that a module was built with, by its SHA-256 as base64url; {@code null}: any
 */
public record Trust(Source keys, String uid, String guest) {
    public Trust(Source keys, String uid) {
        this(keys, uid, null);
    }
}
