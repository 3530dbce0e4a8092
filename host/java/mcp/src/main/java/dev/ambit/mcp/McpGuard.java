package dev.ambit.mcp;

import dev.ambit.Json;
import dev.ambit.Request;
import dev.ambit.guard.Call;
import dev.ambit.guard.Guard;
import dev.ambit.guard.Refused;
import dev.ambit.guard.Shown;
import io.modelcontextprotocol.common.McpTransportContext;
import io.modelcontextprotocol.server.McpServerFeatures.SyncToolSpecification;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import jakarta.servlet.http.HttpServletRequest;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Guards the tools of a server made with {@code io.modelcontextprotocol.sdk}, over streamable HTTP. The arguments that are judged
 * are the arguments that run: a copy, which nobody can change, of what the SDK has read.
 */
public final class McpGuard {
    private static final String SHOWN = "dev.ambit.shown";

    private final Guard guard;
    private final Map<String, Operation> operations;

    /** Guards the tools that have an operation, by their names. */
    public McpGuard(Guard guard, Map<String, Operation> operations) {
        this.guard = guard;
        this.operations = Map.copyOf(operations);
    }

    /**
     * Reads what was shown over HTTP: give it to the transport as its {@code contextExtractor}.
     *
     * @param url how clients reach the endpoint of this server: proofs are for {@code POST} and this address
     */
    public static McpTransportContext shown(HttpServletRequest request, String url) {
        try {
            Shown shown = Shown.of(Collections.list(request.getHeaders("Authorization")), Collections.list(request.getHeaders("DPoP")),
                    Collections.list(request.getHeaders(Shown.APPROVAL)), request.getMethod(), url);
            return McpTransportContext.create(Map.of(SHOWN, shown));
        } catch (IllegalArgumentException twice) {
            // Nothing that can be read in one way was shown.
            return McpTransportContext.create(Map.of(SHOWN, new Shown(null, null, List.of(), request.getMethod(), url)));
        }
    }

    /**
     * The tools behind the guard: give these to the server, and no others.
     *
     * @throws IllegalArgumentException if one has no operation
     */
    public List<SyncToolSpecification> tools(SyncToolSpecification... tools) {
        return Arrays.stream(tools).map(this::guarded).toList();
    }

    private SyncToolSpecification guarded(SyncToolSpecification tool) {
        String name = tool.tool().name();
        Operation operation = operations.get(name);
        if (operation == null) {
            throw new IllegalArgumentException("the tool `" + name + "` has no operation");
        }
        // A brace in another place is an error already here.
        Guard.name(operation.resource().id());
        return new SyncToolSpecification(tool.tool(), (exchange, request) -> {
            Map<String, Object> arguments = copy(request.arguments() == null ? Map.of() : request.arguments());
            Object shown = exchange.transportContext().get(SHOWN);
            Optional<Refused> refused = judge(operation, arguments, shown);
            // Of what came beside the arguments, which nobody judged, only the name for progress goes on.
            Map<String, Object> meta = new LinkedHashMap<>(request.meta() == null ? Map.of() : request.meta());
            meta.keySet().retainAll(List.of("progressToken"));
            return refused.isPresent() ? told(refused.get())
                    : tool.callHandler().apply(exchange, new CallToolRequest(request.name(), arguments, meta));
        });
    }

    private Optional<Refused> judge(Operation operation, Map<String, Object> arguments, Object shown) {
        if (!(shown instanceof Shown read)) {
            return Optional.of(guard.refuse("engine.trap", "the transport has no `contextExtractor` of this guard"));
        }
        Request.Thing resource = operation.resource();
        Map<String, Object> judged = new LinkedHashMap<>(arguments);
        Optional<String> name = Guard.name(resource.id());
        if (name.isPresent()) {
            if (!(judged.remove(name.get()) instanceof String id)) {
                return Optional.of(guard.refuse("request.member", "the arguments do not name the resource"));
            }
            resource = new Request.Thing(resource.type(), id);
        }
        String args;
        try {
            args = Json.write(written(judged));
        } catch (IllegalArgumentException unsayable) {
            return Optional.of(guard.refuse("request.value", unsayable.getMessage()));
        }
        return guard.judge(new Call(operation.action(), operation.power(), resource, operation.purpose(), args, read));
    }

    /** An error of the tool, which the model reads. */
    private static CallToolResult told(Refused refused) {
        Map<String, Object> meta = new LinkedHashMap<>();
        refused.told().forEach((name, value) -> meta.put("dev.ambit/" + name, plain(value)));
        return CallToolResult.builder().isError(true).addTextContent(refused.words()).meta(meta).build();
    }

    @SuppressWarnings("unchecked")
    private static <T> T copy(T value) {
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> all = new LinkedHashMap<>();
            map.forEach((name, inner) -> all.put(name, copy(inner)));
            return (T) Collections.unmodifiableMap(all);
        } else if (value instanceof List<?> list) {
            List<Object> all = new ArrayList<>();
            list.forEach(inner -> all.add(copy(inner)));
            return (T) Collections.unmodifiableList(all);
        }
        return value;
    }

    /** Numbers in the digits of the value that runs. */
    private static Object written(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> all = new LinkedHashMap<>();
            map.forEach((name, inner) -> all.put(name, written(inner)));
            return all;
        } else if (value instanceof List<?> list) {
            List<Object> all = new ArrayList<>();
            list.forEach(inner -> all.add(written(inner)));
            return all;
        } else if (value instanceof Double number && !number.isInfinite() && !number.isNaN()) {
            return Json.raw(BigDecimal.valueOf(number).toPlainString());
        } else if (value instanceof BigDecimal number) {
            return Json.raw(number.toPlainString());
        } else if (value instanceof BigInteger number) {
            return Json.raw(number.toString());
        }
        return value;
    }

    private static Object plain(Json value) {
        if (value.isObject()) {
            Map<String, Object> all = new LinkedHashMap<>();
            value.map().forEach((name, inner) -> all.put(name, plain(inner)));
            return all;
        } else if (value.isString()) {
            return value.string();
        } else if (value.isBoolean()) {
            return value.isTrue();
        } else if (value.isNull()) {
            return null;
        }
        return value.text().startsWith("[") ? value.list().stream().map(McpGuard::plain).toList() : new BigDecimal(value.text());
    }
}
