package dev.ambit.statuslist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.ambit.Json;
import dev.ambit.MemoryStore;
import dev.ambit.NotDischarged;
import dev.ambit.Obligation;
import dev.ambit.Store;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class StatusListsTest {
    private static final String LIST = "https://status.example/lists/1";
    private static KeyPair key;
    private static KeyPair other;

    @BeforeAll
    static void makeKeys() throws Exception {
        key = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        other = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    private static String base64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** A signed one, issued at a second. */
    private static String list(KeyPair by, String uri, long iat, int value) throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (DeflaterOutputStream out = new DeflaterOutputStream(packed)) {
            out.write(value);
        }
        String claims = "{\"sub\":\"" + uri + "\",\"iat\":" + iat + ",\"exp\":" + (iat + 1000)
                + ",\"ttl\":60,\"status_list\":{\"bits\":1,\"lst\":\"" + base64(packed.toByteArray()) + "\"}}";
        String head = "{\"alg\":\"Ed25519\",\"kid\":\"status-1\",\"typ\":\"statuslist+jwt\"}";
        String text = base64(head.getBytes(StandardCharsets.UTF_8)) + "." + base64(claims.getBytes(StandardCharsets.UTF_8));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(by.getPrivate());
        signature.update(text.getBytes(StandardCharsets.UTF_8));
        return text + "." + base64(signature.sign());
    }

    private static List<StatusLists.Source> sources() {
        byte[] encoded = key.getPublic().getEncoded();
        Json jwk = Json.read("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" + base64(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length)) + "\"}");
        return List.of(new StatusLists.Source(List.of("https://status.example/lists/"), List.of(new StatusLists.Key("status-1", jwk))));
    }

    /** The service of the lists. */
    private static final class Web implements StatusLists.Fetch {
        private String list;
        private final AtomicInteger asked = new AtomicInteger();

        Web(String list) {
            this.list = list;
        }

        @Override
        public byte[] fetch(URI address, int most) throws IOException {
            asked.incrementAndGet();
            if (list == null) {
                throw new IOException("no route");
            }
            return list.getBytes(StandardCharsets.UTF_8);
        }
    }

    private static StatusLists lists(Store store, Web web) {
        return new StatusLists(store, web, sources());
    }

    /** What an obligation for the first token of a list comes to: the code of a failure, or what it begins with. */
    private static String ask(StatusLists lists, String uri, long now) {
        try {
            lists.discharge(new Obligation("status", "status", Json.read("{\"uri\":\"" + uri + "\",\"idx\":0,\"max_age\":300}"), now));
            return "ok";
        } catch (NotDischarged why) {
            return why.code() == null ? why.getMessage().split(": ")[0] : why.code();
        } catch (Exception why) {
            return why.toString();
        }
    }

    @Test
    void aListSaysWhetherATokenWasRevoked() throws Exception {
        Web web = new Web(list(key, LIST, 990, 0));
        MemoryStore store = new MemoryStore();
        StatusLists lists = lists(store, web);
        assertEquals("ok", ask(lists, LIST, 1000));
        assertEquals("ok", ask(lists, LIST, 1001));
        assertEquals(1, web.asked.get());
        web.list = list(key, LIST, 1100, 1);
        assertEquals("status.revoked", ask(lists, LIST, 1200));
        assertEquals(2, web.asked.get());
        web.list = list(key, LIST, 1000, 0);
        assertEquals("status.revoked", ask(lists(store, web), LIST, 1300), "an older one");
    }

    @Test
    void whatCannotBeFetchedOrBelievedDenies() throws Exception {
        assertEquals("status.fetch", ask(lists(new MemoryStore(), new Web(null)), LIST, 1000));
        assertEquals("status.fetch", ask(lists(new MemoryStore(), new Web("a".repeat(13 << 20))), LIST, 1000));
        assertEquals("status.token", ask(lists(new MemoryStore(), new Web(list(other, LIST, 990, 0))), LIST, 1000));
        assertEquals("status.token", ask(lists(new MemoryStore(), new Web("no")), LIST, 1000));
        Web web = new Web(list(key, LIST, 990, 0));
        assertEquals("status.address", ask(lists(new MemoryStore(), web), "https://evil.example/1", 1000));
        assertEquals(0, web.asked.get());
    }

    @Test
    void thoseWhoAskAtTheSameTimeShareAFetch() throws Exception {
        Web web = new Web(list(key, LIST, 990, 0));
        StatusLists lists = lists(new MemoryStore(), web);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Callable<String>> calls = new ArrayList<>();
        for (int number = 0; number < 8; number++) {
            calls.add(() -> ask(lists, LIST, 1000));
        }
        for (Future<String> each : threads.invokeAll(calls)) {
            assertEquals("ok", each.get());
        }
        threads.shutdown();
        assertEquals(1, web.asked.get());
    }

    @Test
    void whatIsNotKeptClearsNobody() throws Exception {
        MemoryStore store = new MemoryStore();
        Store full = (keys, decide) -> store.transact(keys, kept -> {
            Store.Change change = decide.decide(kept);
            if (!change.write().isEmpty()) {
                throw new IOException("the disk is full");
            }
            return change;
        });
        assertEquals("what was fetched is not kept", ask(lists(full, new Web(list(key, LIST, 990, 0))), LIST, 1000));
    }

    @Test
    void aNewerListThatAnotherKeptIsNotWrittenOver() throws Exception {
        MemoryStore store = new MemoryStore();
        String newer = "{\"iat\":995,\"list\":\"" + list(key, LIST, 995, 1) + "\",\"next\":1055}";
        boolean[] written = {false};
        Store busy = (keys, decide) -> {
            store.transact(keys, decide);
            if (!written[0]) {
                written[0] = true;
                store.transact(List.of(), kept -> new Store.Change(Map.of("status:" + LIST, new Store.Kept(newer, null)), null));
            }
        };
        assertEquals("status.revoked", ask(lists(busy, new Web(list(key, LIST, 990, 0))), LIST, 1000));
    }

    @Test
    void overHttpNoRedirectIsFollowedAndNoMoreIsReadThanMayBe() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        String base = "http://127.0.0.1:" + server.getAddress().getPort() + "/";
        AtomicInteger elsewhere = new AtomicInteger();
        server.createContext("/", exchange -> {
            elsewhere.addAndGet(exchange.getRequestURI().getPath().equals("/elsewhere") ? 1 : 0);
            if (exchange.getRequestURI().getPath().equals("/list")) {
                exchange.sendResponseHeaders(200, 0);
                exchange.getResponseBody().write("0123456789".getBytes(StandardCharsets.UTF_8));
                exchange.close();
                return;
            }
            exchange.getResponseHeaders().add("Location", base + "elsewhere");
            exchange.sendResponseHeaders(302, -1);
            exchange.close();
        });
        server.start();
        try {
            IOException why = assertThrows(IOException.class, () -> StatusLists.overHttp().fetch(URI.create(base + "1"), 9));
            assertTrue(why.getMessage().contains("302"), why.getMessage());
            assertEquals("01234", new String(StatusLists.overHttp().fetch(URI.create(base + "list"), 4), StandardCharsets.UTF_8));
            assertEquals(0, elsewhere.get());
        } finally {
            server.stop(0);
        }
    }
}
