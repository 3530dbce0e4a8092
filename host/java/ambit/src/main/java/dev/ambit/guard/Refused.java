package dev.ambit.guard;

import dev.ambit.Denied;
import dev.ambit.Json;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A call that must not happen, in words for whoever called.
 *
 * @param held that it was put before people: whoever called repeats exactly this call with a fresh proof and the receipts, and it
 *     then runs once
 * @param ways what would be allowed instead, each enough by itself
 */
public record Refused(Denied denied, boolean held, List<String> ways) {
    /** What the other side may know, as {@code application/problem+json}, without anything that is for operators. */
    public String problem() {
        Map<String, Object> problem = new LinkedHashMap<>(denied.http().problem().map());
        if (held) {
            problem.put("held", true);
        }
        return Json.write(problem);
    }

    /** Of some denials whoever called learns nothing, least of all what would be allowed. */
    boolean isTold() {
        return code() != null;
    }

    private String code() {
        String code = denied.http().problem().get("code").string();
        return code == null || code.isEmpty() ? null : code;
    }

    /** What a model reads: what is wrong, and what would help. Of what only the operator can mend it says no more than that. */
    public String words() {
        if (!isTold()) {
            return "Not done: the check itself failed, which only the operator can mend.";
        } else if (held) {
            return "Not done yet: a person must agree to exactly this call, and was asked. When they have agreed, repeat exactly this"
                    + " call, with the same arguments, a fresh proof and their receipts. It then runs once. [" + code() + "]";
        }
        String words = "Not allowed: " + denied.http().problem().get("detail").string() + " [" + code() + "]";
        return ways.isEmpty() ? words
                : words + "\nWhat would be allowed instead, each enough by itself:\n- " + String.join("\n- ", ways);
    }

    /** The same for programs: {@code code}, {@code remedy}, {@code held}; nothing of what only the operator can mend. */
    public Map<String, Json> told() {
        Map<String, Json> told = new LinkedHashMap<>();
        if (isTold()) {
            Json problem = denied.http().problem();
            told.put("code", problem.get("code"));
            if (!problem.get("remedy").isNull()) {
                told.put("remedy", problem.get("remedy"));
            }
            if (held) {
                told.put("held", Json.read("true"));
            }
        }
        return told;
    }
}
