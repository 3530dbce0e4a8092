package dev.ambit;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request in parts (docs/decision.md, section 1). What the agent sent goes into everything but {@code statements},
 * {@code entities} and {@code facts}; those are what the service knows by itself. A part that is {@code null} or empty is left
 * out.
 */
public record Request(Evaluation evaluation, String token, String proof, List<String> approvals, List<String> enrolments,
        List<String> statements, List<Json> entities, Facts facts) implements Question {
    /** The call: who does what to which thing, and why. {@code subject} may be {@code null}. */
    public record Evaluation(Thing subject, Action action, Thing resource, String purpose) {}

    /** A thing has a type and an identifier. */
    public record Thing(String type, String id) {}

    /**
     * What is done, how far, and with which arguments.
     *
     * @param args the JSON text of the arguments as it came: their digits are kept, and a member twice is refused
     */
    public record Action(String name, String power, String args) {}

    public Request {
        approvals = copy(approvals);
        enrolments = copy(enrolments);
        statements = copy(statements);
        entities = copy(entities);
    }

    /** A call, a token, and what the service knows. */
    public Request(Evaluation evaluation, String token, Facts facts) {
        this(evaluation, token, null, List.of(), List.of(), List.of(), List.of(), facts);
    }

    /** Reads the parts of a request's text; members that it does not know are refused. */
    public static Request read(String text) {
        Json said = Json.read(text);
        Json call = known(said.get("evaluation"), "subject", "action", "resource", "context");
        Json action = known(call.get("action"), "name", "properties");
        Json properties = known(action.get("properties"), "power", "args");
        known(said, "evaluation", "token", "proof", "approvals", "enrolments", "statements", "entities", "facts");
        return new Request(
                new Evaluation(thing(call.get("subject")), new Action(action.get("name").string(), properties.get("power").string(),
                        properties.get("args").text()), thing(call.get("resource")), known(call.get("context"), "purpose").get("purpose").string()),
                said.get("token").string(), said.get("proof").string(), said.get("approvals").strings(),
                said.get("enrolments").strings(), said.get("statements").strings(), said.get("entities").list(), Facts.of(said.get("facts")));
    }

    /** The same with another power. */
    public Request power(String power) {
        Action action = new Action(evaluation.action.name, power, evaluation.action.args);
        return new Request(new Evaluation(evaluation.subject, action, evaluation.resource, evaluation.purpose), token, proof,
                approvals, enrolments, statements, entities, facts);
    }

    /** The same with another token. */
    public Request token(String token) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    /** The same with a proof of possession. */
    public Request proof(String proof) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    /** The same with receipts of people's yes. */
    public Request approvals(List<String> approvals) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    /** The same with signed statements that the service has, such as revocation epochs. */
    public Request statements(List<String> statements) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    /** The same with what the service knows of entities. */
    public Request entities(List<Json> entities) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    /** The same with other facts. */
    public Request facts(Facts facts) {
        return new Request(evaluation, token, proof, approvals, enrolments, statements, entities, facts);
    }

    @Override
    public byte[] json() {
        Map<String, Object> call = new LinkedHashMap<>();
        Action action = evaluation.action;
        put(call, "subject", written(evaluation.subject));
        call.put("action", map("name", action.name, "properties", map("power", action.power, "args", Json.raw(action.args))));
        call.put("resource", written(evaluation.resource));
        put(call, "context", evaluation.purpose == null ? null : map("purpose", evaluation.purpose));
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("evaluation", call);
        put(all, "token", token);
        put(all, "proof", proof);
        put(all, "approvals", approvals);
        put(all, "enrolments", enrolments);
        put(all, "statements", statements);
        put(all, "entities", entities);
        all.put("facts", facts.written());
        return Json.write(all).getBytes(StandardCharsets.UTF_8);
    }

    private static Map<String, Object> written(Thing thing) {
        return thing == null ? null : map("type", thing.type, "id", thing.id);
    }

    private static Thing thing(Json said) {
        known(said, "type", "id");
        return said.isNull() ? null : new Thing(said.get("type").string(), said.get("id").string());
    }

    static Json known(Json said, String... names) {
        if (!said.isNull() && !said.isObject()) {
            throw new IllegalArgumentException("an object is wanted");
        }
        if (!List.of(names).containsAll(said.map().keySet())) {
            throw new IllegalArgumentException("there is a member that is not one of " + List.of(names));
        }
        return said;
    }

    static Map<String, Object> map(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int at = 0; at < pairs.length; at += 2) {
            map.put((String) pairs[at], pairs[at + 1]);
        }
        return map;
    }

    static void put(Map<String, Object> map, String name, Object value) {
        boolean empty = value == null || "".equals(value) || value instanceof List<?> list && list.isEmpty()
                || value instanceof Map<?, ?> some && some.isEmpty();
        if (!empty) {
            map.put(name, value);
        }
    }

    private static <T> List<T> copy(List<T> list) {
        return list == null ? List.of() : List.copyOf(list);
    }
}
