package dev.ambit;

import java.util.List;
import java.util.Map;

/** What a policy is loaded from: once to accept it, and again for each further engine. */
final class Loading {
    private final byte[] file;
    private final Map<String, Object> request;
    Engine engine;

    Loading(Source.Content file, byte[] keys, Trust trust, long now) {
        this.file = file.content();
        request = Request.map("trust", Json.text(keys), "uid", trust.uid(), "now", now, "seen", null);
        Request.put(request, "guest", trust.guest());
        Request.put(request, "signature", file.signature() == null ? null : Json.text(file.signature()));
    }

    /** Loads against what the store keeps, and keeps what was verified, in one step. */
    void accept(Store store) {
        String key = "policy:" + request.get("uid");
        try {
            store.transact(List.of(key), kept -> {
                request.put("seen", kept.containsKey(key) ? Json.read(kept.get(key).value()) : null);
                engine = load();
                // One that has ended was verified all the same, and is to be remembered.
                Json seen = engine.said.get("seen");
                return seen.isNull() ? Store.Change.NONE : new Store.Change(Map.of(key, new Store.Kept(seen.text(), null)), null);
            });
        } catch (Fault why) {
            throw new LoadException(why.code, why.getMessage());
        } catch (LoadException why) {
            throw why;
        } catch (Exception unknown) {
            throw new IllegalStateException("what is kept of the policy is not to be had", unknown);
        }
        request.put("seen", engine.said.get("seen"));
        checked(engine);
    }

    /** A further engine. */
    Engine again() {
        return checked(load());
    }

    private Engine load() {
        Engine started = Engine.start();
        started.said = Json.read(Json.text(started.ask("ambit_load", file, Json.bytes(Json.write(request)))));
        started.settle();
        return started;
    }

    private static Engine checked(Engine engine) {
        if (engine.said.get("code").isString()) {
            throw new LoadException(engine.said.get("code").string(), engine.said.get("admin").string());
        }
        return engine;
    }
}
