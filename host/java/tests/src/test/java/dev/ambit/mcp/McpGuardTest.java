package dev.ambit.mcp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.MemoryStore;
import dev.ambit.Options;
import dev.ambit.Policy;
import dev.ambit.Request;
import dev.ambit.Source;
import dev.ambit.Trust;
import dev.ambit.guard.Guard;
import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.McpSyncClient;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpServerFeatures.SyncToolSpecification;
import io.modelcontextprotocol.server.McpSyncServer;
import io.modelcontextprotocol.server.transport.HttpServletStreamableServerTransportProvider;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import io.modelcontextprotocol.spec.McpSchema.JsonSchema;
import io.modelcontextprotocol.spec.McpSchema.TextContent;
import io.modelcontextprotocol.spec.McpSchema.Tool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With the SDK's own client and server, over HTTP in Jetty. */
class McpGuardTest {
    private static final String AUDIENCE = "https://mail.acme.example";
    private static final AtomicReference<Policy> CURRENT = new AtomicReference<>();
    private static final List<CallToolRequest> RAN = new ArrayList<>();
    private static Policy policy;
    private static String token;
    private static Server web;
    private static McpSyncServer server;
    private static String base;

    private static SyncToolSpecification tool(String name) {
        JsonSchema schema = new JsonSchema("object", Map.of(), List.of(), true, Map.of(), Map.of());
        return SyncToolSpecification.builder().tool(Tool.builder().name(name).inputSchema(schema).build())
                .callHandler((exchange, request) -> {
                    RAN.add(request);
                    return CallToolResult.builder().addTextContent("sent").build();
                }).build();
    }

    private static McpGuard guard() {
        Clock clock = Clock.fixed(Instant.ofEpochSecond(1_772_000_400), ZoneOffset.UTC);
        Request.Thing contact = new Request.Thing("customer-contact", "{contact}");
        return new McpGuard(Guard.of(CURRENT::get, AUDIENCE).at(AUDIENCE, null).clock(clock),
                Map.of("mail", new Operation("email", "draft", contact, "contract-renewal"),
                        "braces", new Operation("email", "draft", new Request.Thing("t", "x{contact}"), "p")));
    }

    @BeforeAll
    static void start() throws Exception {
        Path fixture = Path.of(System.getenv("AMBIT_FIXTURE"));
        policy = Policy.load(Source.file(fixture.resolve("policy.wasm")), new Trust(Source.file(fixture.resolve("keys.json")), "acme/agents"),
                Options.of(new MemoryStore()).clock(Clock.fixed(Instant.ofEpochSecond(1_772_000_400), ZoneOffset.UTC)));
        token = Request.read(Files.readString(fixture.resolve("request.json"))).token();
        HttpServletStreamableServerTransportProvider transport = HttpServletStreamableServerTransportProvider.builder()
                .mcpEndpoint("/mcp").contextExtractor(request -> McpGuard.shown(request, AUDIENCE + "/mcp")).build();
        server = McpServer.sync(transport).serverInfo("shop", "1").tools(guard().tools(tool("mail"))).build();
        web = new Server(0);
        ServletContextHandler context = new ServletContextHandler("/");
        ServletHolder holder = new ServletHolder(transport);
        holder.setAsyncSupported(true);
        context.addServlet(holder, "/mcp/*");
        web.setHandler(context);
        web.start();
        base = "http://127.0.0.1:" + ((ServerConnector) web.getConnectors()[0]).getLocalPort();
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
        web.stop();
    }

    @BeforeEach
    void fresh() {
        CURRENT.set(policy);
        RAN.clear();
    }

    private static CallToolResult call(String token, Map<String, Object> arguments) {
        HttpClientStreamableHttpTransport transport = HttpClientStreamableHttpTransport.builder(base).endpoint("/mcp")
                .httpRequestCustomizer((request, method, uri, body, context) -> request.header("Authorization", "DPoP " + token)).build();
        try (McpSyncClient client = McpClient.sync(transport).build()) {
            client.initialize();
            assertEquals("mail", client.listTools().tools().get(0).name());
            return client.callTool(new CallToolRequest("mail", arguments, Map.of("secret", "x")));
        }
    }

    private static String text(CallToolResult result) {
        return ((TextContent) result.content().get(0)).text();
    }

    private static Map<String, Object> arguments(String region) {
        return new HashMap<>(Map.of("contact", "c-7", "to", "ann@customer.example", "content_type", "text/plain", "region", region));
    }

    @Test
    void whatIsJudgedIsWhatRuns() {
        CallToolResult result = call(token, arguments("eu"));
        assertEquals("sent", text(result));
        assertEquals(arguments("eu"), RAN.get(0).arguments());
        assertThrows(UnsupportedOperationException.class, () -> RAN.get(0).arguments().put("to", "eve@evil.example"));
        assertEquals(Map.of(), RAN.get(0).meta());
    }

    @Test
    void aDenialIsAnErrorOfTheTool() {
        CallToolResult result = call(token, arguments("us"));
        assertTrue(result.isError());
        assertTrue(text(result).startsWith("Not allowed: ") && text(result).contains("[constraint.one_of]"), text(result));
        assertTrue(text(result).contains("What would be allowed instead"), text(result));
        assertEquals("constraint.one_of", result.meta().get("dev.ambit/code"));
        assertTrue(result.meta().get("dev.ambit/remedy") instanceof Map);
        Map<String, Object> more = arguments("eu");
        more.put("amount", 1.5);
        assertTrue(call(token, more).isError());
        assertTrue(call("", arguments("eu")).isError());
        Map<String, Object> nobody = arguments("eu");
        nobody.put("contact", 7);
        assertEquals("request.member", call(token, nobody).meta().get("dev.ambit/code"));
        CURRENT.set(null);
        CallToolResult unloaded = call(token, arguments("eu"));
        assertTrue(unloaded.isError() && text(unloaded).contains("only the operator can mend"), text(unloaded));
        assertEquals(List.of(), RAN);
    }

    @Test
    void aToolWithoutAnOperationIsNotServed() {
        assertThrows(IllegalArgumentException.class, () -> guard().tools(tool("mail"), tool("other")));
        assertThrows(IllegalArgumentException.class, () -> guard().tools(tool("braces")));
    }
}
