package dev.ambit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a new user does, from nothing to a denied call. */
class ReadmeTest {
    @TempDir
    Path folder;

    private String run(Path where, List<String> words) throws Exception {
        File errors = folder.resolve("errors").toFile();
        Process process = new ProcessBuilder(words).directory(where.toFile()).redirectError(errors).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), words + ": " + Files.readString(errors.toPath()));
        return said;
    }

    private static List<String> ambit(String words) {
        List<String> command = new ArrayList<>(List.of(System.getenv("AMBIT_COMMAND")));
        command.addAll(List.of(words.split(" ")));
        return command;
    }

    @Test
    void theExampleSaysWhatTheReadmeSays() throws Exception {
        Path target = Fixture.named("AMBIT_ROOT").resolve("target/java");
        String readme = Files.readString(target.resolve("host/README.md"));
        Path shop = folder.resolve("shop");
        run(folder, ambit("init shop"));
        run(shop, ambit("build . -o policy.wasm"));
        run(shop, ambit("sign policy.wasm --key keys/module.jwk"));
        String token = run(shop, ambit("mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk --claims grant.json"));
        Files.writeString(shop.resolve("token.jwt"), token);
        String main = target.resolve("host/example/src/main/java/Main.java").toString();
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String said = run(shop, List.of(java, "-cp", target.resolve("lib") + File.separator + "*", main));
        assertTrue(readme.contains("```text\n" + said + "```"), said);
        String code = readme.substring(readme.indexOf("```java\n") + 8, readme.indexOf("```\n", readme.indexOf("```java\n")));
        String example = Files.readString(Path.of(main)).replaceAll("(?m)^        ", "");
        assertTrue(example.contains(code), "the example is another");
        // The same on the module path.
        String modules = run(shop, List.of(java, "-p", target.resolve("lib").toString(), "--describe-module", "dev.ambit"));
        assertTrue(modules.contains("exports dev.ambit\n"), modules);
    }
}
