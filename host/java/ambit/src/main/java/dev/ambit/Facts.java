package dev.ambit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the service knows. {@code now} (seconds since 1970) and {@code audience} are required; what is {@code null} is left out.
 *
 * @param further the other facts by their names (docs/decision.md): {@code agent}, {@code status}, {@code utc_offsets} …
 */
public record Facts(long now, String audience, String location, String tenant, String method, String url, String nonce,
        Map<String, Json> further) {
    public Facts {
        further = further == null ? Map.of() : Map.copyOf(further);
    }

    public Facts(long now, String audience) {
        this(now, audience, null, null, null, null, null, Map.of());
    }

    /** The same with the method and the URL that a proof must be for. */
    public Facts at(String method, String url) {
        return new Facts(now, audience, location, tenant, method, url, nonce, further);
    }

    static Facts of(Json said) {
        Map<String, Json> further = new LinkedHashMap<>(said.map());
        further.keySet().removeAll(List.of("now", "audience", "location", "tenant", "method", "url", "nonce"));
        return new Facts(said.get("now").isNull() ? 0 : said.get("now").number(), said.get("audience").string(),
                said.get("location").string(), said.get("tenant").string(), said.get("method").string(), said.get("url").string(),
                said.get("nonce").string(), further);
    }

    Map<String, Object> written() {
        Map<String, Object> facts = Request.map("now", now, "audience", audience);
        Request.put(facts, "location", location);
        Request.put(facts, "tenant", tenant);
        Request.put(facts, "method", method);
        Request.put(facts, "url", url);
        Request.put(facts, "nonce", nonce);
        further.forEach(facts::putIfAbsent);
        return facts;
    }
}
