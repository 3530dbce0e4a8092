package dev.ambit.servlet;

import dev.ambit.Request;
import java.util.List;

/**
 * Says what a servlet does with one kind of request. Everything that it may read of a request beside headers is named here: the
 * names in the path, the parameters of the query (each a text), and the members of its body, a JSON object.
 *
 * @param method the one that it is for; another could do something else with the same arguments
 * @param path below the context's, with names in braces for whole segments: <code>/contacts/{contact}/mail</code>
 * @param resource the thing that is acted on; with <code>{name}</code> as its identifier it is what stands there in the path
 * @param query the parameters that are arguments
 */
public record Endpoint(String method, String path, String action, String power, Request.Thing resource, String purpose,
        List<String> query) {
    public Endpoint {
        query = List.copyOf(query);
    }

    public Endpoint(String method, String path, String action, String power, Request.Thing resource, String purpose) {
        this(method, path, action, power, resource, purpose, List.of());
    }
}
