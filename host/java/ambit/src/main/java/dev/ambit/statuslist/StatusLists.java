package dev.ambit.statuslist;

import dev.ambit.Core;
import dev.ambit.Handler;
import dev.ambit.Json;
import dev.ambit.NotDischarged;
import dev.ambit.Obligation;
import dev.ambit.Store;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Discharges the obligation {@code status}: whether a token was revoked. What a list says, when one is fetched again and what is
 * kept of it, the core says; here lists are fetched and kept. It is a handler: {@code options.handler("status", lists)}.
 */
public final class StatusLists implements Handler {
    /** How long a list may take; a call waits for it. */
    private static final Duration WAIT = Duration.ofSeconds(10);
    /** How often what others kept in the meantime is looked at. */
    private static final int TRIES = 8;

    /** A public key with its name, as RFC 7517 writes it. */
    public record Key(String kid, Json jwk) {}

    /** Whose lists are believed: those at addresses that begin so, if one of the keys signed them. */
    public record Source(List<String> prefixes, List<Key> keys) {
        Map<String, Object> written() {
            return Map.of("prefixes", prefixes, "keys",
                    keys.stream().map(key -> Map.of("kid", key.kid, "jwk", key.jwk)).toList());
        }
    }

    /** Fetches a list. */
    @FunctionalInterface
    public interface Fetch {
        /** What an address answers with the status 200, at most so many bytes; whatever else happens is thrown. */
        byte[] fetch(URI address, int most) throws Exception;
    }

    private final Store store;
    private final Fetch fetch;
    private final List<Map<String, Object>> sources;
    /** A lock for each address: who asks for the same list at the same time shares the fetch. */
    private final Map<String, ReentrantLock> turns = new ConcurrentHashMap<>();

    /** Fetches with the client of the JDK. The store keeps each list, so that after a restart no older one counts. */
    public StatusLists(Store store, List<Source> sources) {
        this(store, overHttp(), sources);
    }

    /** Fetches in another way, which must follow no redirects. */
    public StatusLists(Store store, Fetch fetch, List<Source> sources) {
        this.store = store;
        this.fetch = fetch;
        this.sources = sources.stream().map(Source::written).toList();
    }

    static Fetch overHttp() {
        HttpClient client = HttpClient.newBuilder().connectTimeout(WAIT).followRedirects(HttpClient.Redirect.NEVER).build();
        return (address, most) -> {
            HttpRequest request = HttpRequest.newBuilder(address).timeout(WAIT).header("Accept", "application/statuslist+jwt").build();
            HttpResponse<InputStream> response = client.send(request, HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream body = response.body()) {
                if (response.statusCode() != 200) {
                    throw new IOException("the service of the lists answered " + response.statusCode());
                }
                return body.readNBytes(most + 1);
            }
        };
    }

    @Override
    public void discharge(Obligation obligation) throws Exception {
        String uri = obligation.ext().get("uri").string();
        ReentrantLock turn = turns.computeIfAbsent(String.valueOf(uri), one -> new ReentrantLock());
        turn.lockInterruptibly();
        try {
            check("status:" + uri, obligation);
        } finally {
            turn.unlock();
        }
    }

    private void check(String key, Obligation obligation) throws Exception {
        Map<String, Object> asked = new HashMap<>();
        asked.put("sources", sources);
        asked.put("ext", obligation.ext());
        asked.put("now", obligation.now());
        for (int time = 0; time < TRIES; time++) {
            String kept = kept(key);
            asked.put("kept", kept == null ? null : Json.read(kept));
            Json said = ask(asked);
            if (said.get("keep").isNull() || keeps(key, kept, said.get("keep").text())) {
                Json result = said.get("result");
                if (!result.get("done").isTrue()) {
                    throw new NotDischarged(result.get("code").string(), result.get("failed").string());
                }
                return;
            }
        }
        throw new NotDischarged(null, "what is kept of the status list changes all the time");
    }

    /** Asks the core, and fetches what it wants. */
    private Json ask(Map<String, Object> asked) throws Exception {
        Json said = Core.ask("ambit_status", asked);
        if (said.get("fetch").isNull()) {
            return said;
        }
        asked.put("fetched", fetched(said.get("fetch").string(), Math.toIntExact(said.get("most").number())));
        said = Core.ask("ambit_status", asked);
        if (!said.get("fetch").isNull()) {
            throw new NotDischarged(null, "the core wants a list that it was given");
        }
        return said;
    }

    private Map<String, Object> fetched(String address, int most) throws InterruptedException {
        try {
            byte[] list = fetch.fetch(URI.create(address), most);
            if (list.length > most) {
                throw new IOException("the list is too long");
            }
            return Map.of("list", new String(list, StandardCharsets.UTF_8));
        } catch (InterruptedException interrupted) {
            throw interrupted;
        } catch (Exception why) {
            return Map.of("failed", String.valueOf(why.getMessage()));
        }
    }

    private String kept(String key) throws Exception {
        String[] found = {null};
        store.transact(List.of(key), kept -> {
            found[0] = kept.containsKey(key) ? kept.get(key).value() : null;
            return Store.Change.NONE;
        });
        return found[0];
    }

    /** Writes, unless somebody else has in the meantime. */
    private boolean keeps(String key, String before, String now) throws Exception {
        boolean[] isKept = {false};
        try {
            store.transact(List.of(key), kept -> {
                String there = kept.containsKey(key) ? kept.get(key).value() : null;
                isKept[0] = Objects.equals(there, before);
                return isKept[0] ? new Store.Change(Map.of(key, new Store.Kept(now, null)), null) : Store.Change.NONE;
            });
        } catch (InterruptedException interrupted) {
            throw interrupted;
        } catch (Exception why) {
            NotDischarged unkept = new NotDischarged(null, "what was fetched is not kept");
            unkept.initCause(why);
            throw unkept;
        }
        return isKept[0];
    }
}
