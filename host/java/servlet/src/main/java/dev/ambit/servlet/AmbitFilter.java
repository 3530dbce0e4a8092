package dev.ambit.servlet;

import dev.ambit.Json;
import dev.ambit.Request;
import dev.ambit.guard.Call;
import dev.ambit.guard.Guard;
import dev.ambit.guard.Refused;
import dev.ambit.guard.Shown;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Lets only those requests pass that the policy allows. The arguments that are judged are the arguments that run: the body is read
 * once, within a bound, judged, and handed on as it was judged.
 */
public final class AmbitFilter implements Filter {
    /** How many bytes of a body are read. */
    public static final int BODY_MOST = 64 << 10;

    private final Guard guard;
    private final String origin;
    private final List<Endpoint> endpoints;

    /**
     * Guards these endpoints; every other request is refused.
     *
     * @param origin how clients reach this service ({@code https://mail.example}): proofs are for it and the path
     * @throws IllegalArgumentException if the path of an endpoint has a name that its resource does not have
     */
    public AmbitFilter(Guard guard, String origin, Endpoint... endpoints) {
        this.guard = guard;
        this.origin = origin.replaceFirst("/$", "");
        this.endpoints = List.of(endpoints);
        for (Endpoint endpoint : endpoints) {
            Guard.name(endpoint.resource().id()).ifPresent(name -> {
                if (!segments(endpoint.path()).contains("{" + name + "}")) {
                    throw new IllegalArgumentException("the path `" + endpoint.path() + "` does not name the resource `" + name + "`");
                }
            });
        }
    }

    /** What the filter itself refuses. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;
        private final String code;

        Refusal(String code, String admin) {
            super(admin);
            this.code = code;
        }
    }

    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain) throws IOException, ServletException {
        HttpServletRequest asked = (HttpServletRequest) request;
        byte[] body = new byte[0];
        Optional<Refused> refused;
        try {
            body = body(asked);
            refused = guard.judge(call(asked, body));
        } catch (Refusal why) {
            refused = Optional.of(guard.refuse(why.code, why.getMessage()));
        }
        if (refused.isEmpty()) {
            chain.doFilter(new Judged(asked, body), response);
        } else {
            deny((HttpServletResponse) response, refused.get());
        }
    }

    private static void deny(HttpServletResponse response, Refused refused) throws IOException {
        response.setStatus(refused.denied().status());
        refused.denied().http().headers().forEach(response::setHeader);
        response.setContentType("application/problem+json");
        response.getOutputStream().write(refused.problem().getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] body(HttpServletRequest request) throws Refusal {
        try {
            byte[] body = request.getInputStream().readNBytes(BODY_MOST + 1);
            if (body.length > BODY_MOST) {
                throw new Refusal("request.size", "the body is too long");
            }
            return body;
        } catch (IOException | IllegalStateException why) {
            throw new Refusal("request.syntax", "the body cannot be read");
        }
    }

    private Call call(HttpServletRequest request, byte[] body) throws Refusal {
        List<String> path = path(request);
        for (Endpoint endpoint : endpoints) {
            Optional<Map<String, String>> names = match(segments(endpoint.path()), path);
            if (names.isPresent() && endpoint.method().equals(request.getMethod())) {
                return call(endpoint, names.get(), request, body);
            }
        }
        throw new Refusal("capability.none", "there is no endpoint for this method and path");
    }

    private Call call(Endpoint endpoint, Map<String, String> names, HttpServletRequest request, byte[] body) throws Refusal {
        Map<String, Object> texts = new LinkedHashMap<>(names);
        Request.Thing resource = endpoint.resource();
        Optional<String> name = Guard.name(resource.id());
        if (name.isPresent()) {
            resource = new Request.Thing(resource.type(), names.get(name.get()));
            texts.remove(name.get());
        }
        query(endpoint, request, texts);
        Shown shown;
        try {
            shown = Shown.of(all(request, "Authorization"), all(request, "DPoP"), all(request, Shown.APPROVAL), request.getMethod(),
                    origin + request.getRequestURI());
        } catch (IllegalArgumentException twice) {
            throw new Refusal("request.member", twice.getMessage());
        }
        return new Call(endpoint.action(), endpoint.power(), resource, endpoint.purpose(), arguments(request, body, texts), shown);
    }

    private static List<String> all(HttpServletRequest request, String header) {
        return Collections.list(request.getHeaders(header));
    }

    /** The segments below the context's path, as the servlet sees them. What two readers could take for two paths is refused. */
    private static List<String> path(HttpServletRequest request) throws Refusal {
        List<String> path = new ArrayList<>();
        for (String segment : segments(request.getRequestURI())) {
            String text = decoded(segment, false);
            boolean isPlain = text.chars().noneMatch(c -> c == '/' || c == '\\' || c == ';' || c < ' ');
            if (!isPlain || text.equals(".") || text.equals("..") || text.isEmpty()) {
                throw new Refusal("request.member", "a part of the path could mean two things");
            }
            path.add(text);
        }
        String info = request.getPathInfo() == null ? "" : request.getPathInfo();
        String seen = request.getContextPath() + request.getServletPath() + info;
        if (!segments(seen).equals(path)) {
            throw new Refusal("request.member", "the servlet sees another path");
        }
        return path.subList(segments(request.getContextPath()).size(), path.size());
    }

    private static List<String> segments(String path) {
        return path.equals("/") || path.isEmpty() ? List.of() : Arrays.asList(path.substring(1).split("/", -1));
    }

    /** What the names in braces stand for. */
    private static Optional<Map<String, String>> match(List<String> template, List<String> path) {
        Map<String, String> names = new LinkedHashMap<>();
        boolean fits = template.size() == path.size();
        for (int at = 0; fits && at < path.size(); at++) {
            Optional<String> name = Guard.name(template.get(at));
            String segment = path.get(at);
            name.ifPresent(one -> names.put(one, segment));
            fits = name.isPresent() || template.get(at).equals(segment);
        }
        return fits ? Optional.of(names) : Optional.empty();
    }

    /** A parameter that is not named is refused, and so is one that comes twice: nobody would judge it. */
    private static void query(Endpoint endpoint, HttpServletRequest request, Map<String, Object> texts) throws Refusal {
        String query = request.getQueryString();
        Map<String, String> own = new LinkedHashMap<>();
        for (String pair : query == null || query.isEmpty() ? new String[0] : query.split("&", -1)) {
            String[] parts = pair.split("=", 2);
            String name = decoded(parts[0], true);
            String value = parts.length == 2 ? decoded(parts[1], true) : "";
            if (!endpoint.query().contains(name) || texts.put(name, value) != null) {
                throw new Refusal("request.member", "the query has a parameter twice, or one that nobody judges");
            }
            own.put(name, value);
        }
        Map<String, String[]> seen = request.getParameterMap();
        boolean isSame = seen.keySet().equals(own.keySet())
                && own.keySet().stream().allMatch(name -> Arrays.equals(seen.get(name), new String[] {own.get(name)}));
        if (!isSame) {
            throw new Refusal("request.member", "the servlet sees other parameters");
        }
    }

    private static String decoded(String text, boolean isQuery) throws Refusal {
        ByteBuffer bytes = ByteBuffer.allocate(text.length() * 3);
        try {
            for (int at = 0; at < text.length(); at++) {
                char c = text.charAt(at);
                if (c == '%') {
                    String digits = text.substring(at + 1, at + 3);
                    bytes.put((byte) HexFormat.fromHexDigits(digits));
                    at += 2;
                } else {
                    bytes.put(String.valueOf(c == '+' && isQuery ? ' ' : c).getBytes(StandardCharsets.UTF_8));
                }
            }
            return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
        } catch (CharacterCodingException | IllegalArgumentException | IndexOutOfBoundsException wrong) {
            throw new Refusal("request.member", "a text of path or query is no UTF-8");
        }
    }

    /**
     * The text of all arguments: that of the body as it came, and what stands in path and query. A member that stands in two of
     * them, or twice in one, the core refuses.
     */
    private static String arguments(HttpServletRequest request, byte[] body, Map<String, Object> texts) throws Refusal {
        String front = Json.write(texts);
        if (body.length == 0) {
            return front;
        }
        String type = String.valueOf(request.getContentType()).toLowerCase(Locale.ROOT).replace(" ", "").replace("\"", "");
        if (!type.equals("application/json") && !type.equals("application/json;charset=utf-8")) {
            throw new Refusal("request.syntax", "the body is not said to be JSON in UTF-8");
        }
        if (request.getHeader("Content-Encoding") != null) {
            throw new Refusal("request.syntax", "the body must not be packed");
        }
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
            Json.raw(text);
        } catch (CharacterCodingException | IllegalArgumentException wrong) {
            throw new Refusal("request.syntax", "the body is no JSON");
        }
        String inside = text.replaceAll("^[ \t\r\n]+", "");
        if (!inside.startsWith("{")) {
            throw new Refusal("request.syntax", "the body is no object");
        }
        boolean isEmpty = inside.substring(1).replaceAll("^[ \t\r\n]+", "").startsWith("}");
        return texts.isEmpty() ? text : isEmpty ? front : front.substring(0, front.length() - 1) + "," + inside.substring(1);
    }
}
