package dev.ambit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a policy is loaded from: once to accept it, and again for each further engine. */
final class Loading {
    private final byte[] file;
    private final Map<String, Object> request;
    private final String uid;
    Statement statement;
    Json seen;
    Engine engine;

    Loading(Source.Content file, String keys, Trust trust, long now) {
        this.file = file.content();
        uid = trust.uid();
        request = Request.map("trust", keys, "uid", uid, "now", now);
        Request.put(request, "guest", trust.guest());
        Request.put(request, "signature", file.signature() == null ? null : Engine.text(file.signature()));
    }

    /** Loads against what the store keeps, and keeps what was verified, in one step. */
    void accept(Store store) {
        String key = "policy:" + uid;
        LoadException[] refused = {null};
        try {
            store.transact(List.of(key), kept -> {
                Store.Kept known = kept.get(key);
                Loaded loaded = load(known == null ? Json.read("null") : Json.read(known.value()));
                refused[0] = loaded.refused;
                seen = loaded.said.get("seen");
                engine = loaded.engine;
                statement = engine == null ? null : Statement.of(loaded.said);
                // One that has ended was verified all the same, and is to be remembered.
                return seen.isNull() ? Store.Change.NONE : new Store.Change(Map.of(key, new Store.Kept(seen.text(), null)), null);
            });
        } catch (LoadException why) {
            throw why;
        } catch (Fault why) {
            throw new LoadException(why.code, why.getMessage());
        } catch (Exception unknown) {
            throw new IllegalStateException("what is kept of the policy is not to be had", unknown);
        }
        if (refused[0] != null) {
            throw refused[0];
        }
    }

    /** A further engine. */
    Engine again() {
        Loaded loaded = load(seen);
        if (loaded.refused != null) {
            throw loaded.refused;
        }
        return loaded.engine;
    }

    /** What came of a load. */
    private record Loaded(Engine engine, Json said, LoadException refused) {}

    private Loaded load(Json seen) {
        Map<String, Object> asked = new LinkedHashMap<>(request);
        asked.put("seen", seen);
        Engine started = Engine.start();
        Json said = Json.read(Engine.text(started.ask("ambit_load", file, Engine.bytes(Json.write(asked)))));
        if (said.get("code").isString()) {
            return new Loaded(null, said, new LoadException(said.get("code").string(), said.get("admin").string()));
        }
        started.settle();
        return new Loaded(started, said, null);
    }
}
