package dev.ambit;

/** Says why: a stable {@code code}, a sentence for the {@code user}, details for operators only ({@code admin}). */
public record Reason(String code, String user, String admin) {
    static Reason of(Json said) {
        return new Reason(text(said, "code"), text(said, "user"), text(said, "admin"));
    }

    private static String text(Json said, String name) {
        String text = said.get(name).string();
        return text == null ? "" : text;
    }
}
