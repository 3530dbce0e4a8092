import dev.ambit.Advice;
import dev.ambit.Denied;
import dev.ambit.Facts;
import dev.ambit.Options;
import dev.ambit.Policy;
import dev.ambit.Request;
import dev.ambit.Source;
import dev.ambit.Trust;
import dev.ambit.sqlite.SqliteStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;

/** Asks a policy about one call, and says why not. */
final class Main {
    private Main() {}

    public static void main(String[] words) throws Exception {
        Trust trust = new Trust(Source.file(Path.of("keys.json")), "example/assistant");
        Options options = Options.of(SqliteStore.open(Path.of("ambit.db")));
        Policy policy = Policy.load(Source.file(Path.of("policy.wasm")), trust, options);
        Request request = Request.read(Files.readString(Path.of("request.json")))
                .power("execute") // to send, not to prepare
                .token(Files.readString(Path.of("token.jwt")).strip())
                .facts(new Facts(Instant.now().getEpochSecond(), "https://mail.example"));
        try {
            policy.decide(request);
        } catch (Denied denied) {
            System.out.println(denied.status() + " " + denied.getMessage());
        }
        for (Advice.Alternative way : policy.advise(request).alternatives()) {
            System.out.println("- " + way.text());
        }
    }
}
