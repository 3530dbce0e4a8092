package dev.ambit;

import java.nio.charset.StandardCharsets;

/** What a policy is asked: a {@link Request} in parts, or its text as it came. */
public interface Question {
    /**
     * The request as JSON.
     *
     * @throws IllegalArgumentException if a part of it cannot be said in UTF-8; the call is then denied
     */
    byte[] json();

    /** A request as JSON, as it came. */
    static Question of(byte[] json) {
        return () -> json;
    }

    /** A request as JSON, as it came. */
    static Question of(String json) {
        return () -> {
            Json.whole(json);
            return json.getBytes(StandardCharsets.UTF_8);
        };
    }
}
