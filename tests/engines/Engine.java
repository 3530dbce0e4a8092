import dev.ambit.Core;
import dev.ambit.Json;
import dev.ambit.LoadException;
import dev.ambit.MemoryStore;
import dev.ambit.Options;
import dev.ambit.Policy;
import dev.ambit.Source;
import dev.ambit.Trust;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** The Java package behind the line protocol (tests/conformance/README.md): one JSON command a line in, one line out. */
final class Engine {
    private static final Map<String, Policy> POLICIES = new HashMap<>();

    public static void main(String[] words) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                Json command = Json.read(line);
                answer = switch (command.get("op").string()) {
                    case "about" -> "Java " + Runtime.version();
                    case "load" -> load(command);
                    case "enforce", "consume", "status", "log" -> rule(command);
                    default -> ask(command);
                };
            } catch (Exception error) {
                String code = error instanceof LoadException refused ? refused.code() : "none";
                answer = "error: " + code + " " + error;
            }
            System.out.println(answer);
        }
    }

    private static String load(Json command) {
        // Every policy for itself: what was kept of versions is not asked here.
        Options options = Options.of(new MemoryStore())
                .clock(Clock.fixed(Instant.ofEpochSecond(command.get("now").number()), ZoneOffset.UTC));
        Source keys = Source.of(command.get("trust").string().getBytes(StandardCharsets.UTF_8), null);
        Trust trust = new Trust(keys, command.get("uid").string());
        POLICIES.put(command.get("policy").string(), Policy.load(Source.file(Path.of(command.get("module").string())), trust, options));
        return "ok";
    }

    /** What needs no policy is the core's by itself. */
    private static String rule(Json command) {
        byte[] input = Base64.getDecoder().decode(command.get("input").string());
        Map<String, Object> asked = new LinkedHashMap<>(Json.read(new String(input, StandardCharsets.UTF_8)).map());
        Json said = Core.ask("ambit_" + command.get("op").string(), asked);
        return Base64.getEncoder().encodeToString(said.text().getBytes(StandardCharsets.UTF_8));
    }

    private static String ask(Json command) {
        Policy policy = POLICIES.get(command.get("policy").string());
        String op = command.get("op").string();
        byte[] input = Base64.getDecoder().decode(command.get("input").string());
        byte[] output = op.equals("info") ? policy.raw(op) : policy.raw(op, input);
        return Base64.getEncoder().encodeToString(output);
    }
}
