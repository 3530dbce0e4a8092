package dev.ambit.servlet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.Json;
import dev.ambit.MemoryStore;
import dev.ambit.Options;
import dev.ambit.Policy;
import dev.ambit.Request;
import dev.ambit.Source;
import dev.ambit.Trust;
import dev.ambit.guard.Guard;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** In Jetty, over HTTP. */
class AmbitFilterTest {
    private static final String AUDIENCE = "https://mail.acme.example";
    private static final String ARGS = "{\"to\": \"ann@customer.example\", \"content_type\":\"text/plain\",\"region\":\"eu\"}";
    private static final AtomicReference<Policy> CURRENT = new AtomicReference<>();
    /** What the servlet ran with. */
    private static final List<String> RAN = new ArrayList<>();
    private static Policy policy;
    private static String token;
    private static Server server;
    private static int port;

    /** Runs whatever passes the filter, with the body as a servlet reads it. */
    private static final class Runs extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            assertThrows(ServletException.class, request::getParts);
            String body = new String(request.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertEquals(body, request.getReader().lines().reduce("", (all, line) -> all + line));
            RAN.add(body + "|" + request.getPathInfo() + "|" + request.getParameter("region"));
        }
    }

    @BeforeAll
    static void start() throws Exception {
        Path fixture = Path.of(System.getenv("AMBIT_FIXTURE"));
        Clock clock = Clock.fixed(Instant.ofEpochSecond(1_772_000_400), ZoneOffset.UTC);
        policy = Policy.load(Source.file(fixture.resolve("policy.wasm")), new Trust(Source.file(fixture.resolve("keys.json")), "acme/agents"),
                Options.of(new MemoryStore()).clock(clock));
        token = Request.read(Files.readString(fixture.resolve("request.json"))).token();
        Guard guard = Guard.of(CURRENT::get, AUDIENCE).at(AUDIENCE, null).clock(clock);
        Request.Thing contact = new Request.Thing("customer-contact", "{contact}");
        AmbitFilter filter = new AmbitFilter(guard, AUDIENCE + "/",
                new Endpoint("POST", "/contacts/{contact}/mail", "email", "draft", contact, "contract-renewal"),
                new Endpoint("POST", "/contacts/{contact}/short", "email", "draft", contact, "contract-renewal", List.of("region")),
                new Endpoint("POST", "/regions/{region}/{contact}", "email", "draft", contact, "contract-renewal"));
        server = new Server(0);
        ServletContextHandler context = new ServletContextHandler("/shop");
        context.addServlet(new ServletHolder(new Runs()), "/*");
        context.addFilter(new FilterHolder(filter), "/*", EnumSet.of(DispatcherType.REQUEST));
        server.setHandler(context);
        server.start();
        port = ((ServerConnector) server.getConnectors()[0]).getLocalPort();
    }

    @AfterAll
    static void stop() throws Exception {
        server.stop();
    }

    @BeforeEach
    void fresh() {
        CURRENT.set(policy);
        RAN.clear();
    }

    private static HttpResponse<String> send(String method, String path, String body, String... headers) throws Exception {
        List<String> all = new ArrayList<>(List.of(headers));
        if (!all.contains("Authorization")) {
            all.addAll(List.of("Authorization", "DPoP " + token));
        }
        if (!all.contains("Content-Type")) {
            all.addAll(List.of("Content-Type", "application/json"));
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/shop" + path))
                .method(method, HttpRequest.BodyPublishers.ofString(body)).headers(all.toArray(new String[0])).build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    }

    /** The code of a refusal, by a servlet that did not run. */
    private static String refused(String method, String path, String body, String... headers) throws Exception {
        HttpResponse<String> response = send(method, path, body, headers);
        assertEquals(List.of(), RAN);
        assertEquals("application/problem+json", response.headers().firstValue("Content-Type").orElse("").split(";")[0], response.body());
        String code = Json.read(response.body()).get("code").string();
        return code == null ? String.valueOf(response.statusCode()) : code;
    }

    @Test
    void whatIsJudgedIsWhatRuns() throws Exception {
        assertEquals(200, send("POST", "/contacts/c-7/mail", ARGS).statusCode());
        String rest = ARGS.replace(",\"region\":\"eu\"", "");
        assertEquals(200, send("POST", "/contacts/c-7/short?region=%65u", rest).statusCode());
        assertEquals(200, send("POST", "/regions/eu/c-7", rest, "Content-Type", "application/json; charset=UTF-8").statusCode());
        assertEquals(List.of(ARGS + "|/contacts/c-7/mail|null", rest + "|/contacts/c-7/short|eu", rest + "|/regions/eu/c-7|null"), RAN);
    }

    @Test
    void aDenialIsAProblem() throws Exception {
        HttpResponse<String> far = send("POST", "/contacts/c-7/mail", ARGS.replace("\"eu\"", "\"us\""));
        assertEquals(403, far.statusCode());
        Json problem = Json.read(far.body());
        assertEquals("constraint.one_of", problem.get("code").string());
        assertTrue(problem.get("remedy").isObject(), far.body());
        HttpResponse<String> none = send("POST", "/contacts/c-7/mail", ARGS, "Authorization", "Basic x");
        assertEquals(401, none.statusCode());
        assertTrue(none.headers().firstValue("WWW-Authenticate").orElse("").startsWith("Bearer "));
        assertEquals(List.of(), RAN);
    }

    @Test
    void whatCouldBeReadInTwoWaysIsRefused() throws Exception {
        String path = "/contacts/c-7/mail";
        assertEquals("request.syntax", refused("POST", path, ARGS.replace("{", "{\"to\":\"eve@evil.example\",")));
        assertEquals("request.syntax", refused("POST", "/contacts/c-7/short?region=eu", ARGS));
        assertEquals("request.syntax", refused("POST", path, ARGS + ",\"x\":{}"));
        assertEquals("request.syntax", refused("POST", path, "{}},\"power\":\"execute\",\"x\":{\"y\":{}"));
        assertEquals("request.syntax", refused("POST", path, "[" + ARGS + "]"));
        assertEquals("request.syntax", refused("POST", path, ARGS, "Content-Type", "application/json; charset=utf-16"));
        assertEquals("request.syntax", refused("POST", path, "to=eve", "Content-Type", "application/x-www-form-urlencoded"));
        assertEquals("request.syntax", refused("POST", path, ARGS, "Content-Encoding", "gzip"));
        assertEquals("request.size", refused("POST", path, " ".repeat(AmbitFilter.BODY_MOST) + ARGS));
        assertEquals("request.member", refused("POST", path + "?region=eu", ARGS));
        assertEquals("request.member", refused("POST", "/contacts/c-7/short?region=eu&region=us", "{}"));
        assertEquals("request.member", refused("POST", "/contacts/c-7/short?region=eu&x", "{}"));
        assertEquals("request.member", refused("POST", "/contacts/c-7/short?region=%ff", "{}"));
        assertEquals("request.member", refused("POST", "/contacts/c-7;x=1/mail", ARGS));
        assertEquals("request.member", refused("POST", path, ARGS, "Authorization", "DPoP " + token, "Authorization", "DPoP x"));
    }

    @Test
    void whatHasNoEndpointIsRefused() throws Exception {
        assertEquals("capability.none", refused("PUT", "/contacts/c-7/mail", ARGS));
        assertEquals("capability.none", refused("POST", "/contacts/c-7/mail/x", ARGS));
        assertEquals("capability.none", refused("POST", "/contacts/c-7/other", ARGS));
        // And so is an endpoint that nothing names.
        Guard guard = Guard.of(CURRENT::get, AUDIENCE);
        for (String id : List.of("{other}", "x{contact}", "{}")) {
            Endpoint endpoint = new Endpoint("POST", "/contacts/{contact}", "email", "draft", new Request.Thing("t", id), "p");
            assertThrows(IllegalArgumentException.class, () -> new AmbitFilter(guard, AUDIENCE, endpoint), id);
        }
    }

    @Test
    void withoutAPolicyNothingRuns() throws Exception {
        CURRENT.set(null);
        assertEquals("500", refused("POST", "/contacts/c-7/mail", ARGS));
        assertEquals("500", refused("POST", "/nothing", ""));
    }
}
