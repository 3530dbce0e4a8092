package dev.ambit;

import java.util.LinkedHashMap;
import java.util.Map;

/** What HTTP says for a denial: send every header, and {@code problem} (`application/problem+json`) as the body. */
public record Http(int status, Map<String, String> headers, Json problem) {
    public Http {
        headers = Map.copyOf(headers);
    }

    static Http of(Json said) {
        Map<String, String> headers = new LinkedHashMap<>();
        said.get("headers").map().forEach((name, value) -> headers.put(name, value.string()));
        return new Http((int) said.get("status").number(), headers, said.get("problem"));
    }
}
