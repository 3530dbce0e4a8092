package dev.ambit;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A JSON value with its text as it came: numbers keep their digits. A member twice is an error, and so is a text that UTF-8
 * cannot say.
 */
public final class Json {
    /** Arrays and objects in one another. The core takes fewer. */
    private static final int DEPTH = 128;
    private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?");
    /** What a member that is missing gives. */
    private static final Json NONE = new Json(null, "null");

    /** A {@code Map}, {@code List}, {@code String} or {@code Boolean}; {@code null} for numbers and for null. */
    private final Object value;
    private final String text;

    private Json(Object value, String text) {
        this.value = value;
        this.text = text;
    }

    /**
     * Reads a text.
     *
     * @throws IllegalArgumentException if it is no JSON; the message says where, and nothing of the text
     */
    public static Json read(String text) {
        return new Reader(text, false).all();
    }

    /**
     * A text that is one JSON value, for {@link #write} only: what it has twice stays there twice, for the core to see.
     *
     * @throws IllegalArgumentException if it is no JSON
     */
    public static Json raw(String text) {
        whole(text);
        new Reader(text, true).all();
        return new Json(null, text);
    }

    /** The text, to the character. */
    public String text() {
        return text;
    }

    /** A member of an object; of one that is missing, as of anything else, all methods say that it is null. */
    public Json get(String name) {
        return map().getOrDefault(name, NONE);
    }

    public boolean isNull() {
        return text.equals("null");
    }

    public boolean isObject() {
        return value instanceof Map;
    }

    public boolean isString() {
        return value instanceof String;
    }

    /** The members of an object in their order; of anything else, none. */
    @SuppressWarnings("unchecked")
    public Map<String, Json> map() {
        return value instanceof Map ? (Map<String, Json>) value : Map.of();
    }

    /** The elements of an array; of anything else, none. */
    @SuppressWarnings("unchecked")
    public List<Json> list() {
        return value instanceof List ? (List<Json>) value : List.of();
    }

    /** The characters of a string; of anything else, {@code null}. */
    public String string() {
        return value instanceof String string ? string : null;
    }

    /** Whether it is {@code true}. */
    public boolean isTrue() {
        return Boolean.TRUE.equals(value);
    }

    public boolean isBoolean() {
        return value instanceof Boolean;
    }

    /**
     * A number without a fraction.
     *
     * @throws IllegalArgumentException if it is anything else, or does not fit
     */
    public long number() {
        if (value != null) {
            throw new IllegalArgumentException("this is no number");
        }
        return Long.parseLong(text);
    }

    /** The same, or {@code null} for null. */
    public Long numberOrNull() {
        return isNull() ? null : (Long) number();
    }

    /** The strings of an array. */
    public List<String> strings() {
        return list().stream().map(Json::string).toList();
    }

    @Override
    public String toString() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Json json && json.text.equals(text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    /**
     * The text of a value: maps by strings, collections, strings, whole numbers, booleans, {@code null}, and {@code Json} as
     * it came.
     *
     * @throws IllegalArgumentException if it is of another kind, or has half of a surrogate pair
     */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void write(Object value, StringBuilder out) {
        if (value == null || value instanceof Json || value instanceof Boolean || value instanceof Long || value instanceof Integer) {
            out.append(value);
        } else if (value instanceof String text) {
            quote(text, out);
        } else if (value instanceof Map<?, ?> map) {
            String before = "{";
            for (Map.Entry<?, ?> member : map.entrySet()) {
                quote((String) member.getKey(), out.append(before));
                write(member.getValue(), out.append(':'));
                before = ",";
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Collection<?> list) {
            String before = "[";
            for (Object element : list) {
                write(element, out.append(before));
                before = ",";
            }
            out.append(list.isEmpty() ? "[]" : "]");
        } else {
            throw new IllegalArgumentException("a `" + value.getClass().getName() + "` cannot be written as JSON");
        }
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        whole(text);
        out.append('"');
    }

    /** Java's own encoder would put `?` in the place of half a pair, and so another call would be judged. */
    static void whole(String text) {
        for (int at = 0; at < text.length(); at++) {
            char c = text.charAt(at);
            if (Character.isHighSurrogate(c) && at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1))) {
                at++;
            } else if (Character.isSurrogate(c)) {
                throw new IllegalArgumentException("a text has half of a surrogate pair, which UTF-8 cannot say");
            }
        }
    }

    private static final class Reader {
        private final String text;
        private final boolean takesTwice;
        private final Matcher numbers;
        private int at;

        Reader(String text, boolean takesTwice) {
            this.text = text;
            this.takesTwice = takesTwice;
            numbers = NUMBER.matcher(text);
        }

        Json all() {
            Json value = value(0);
            space();
            if (at < text.length()) {
                throw wrong();
            }
            return value;
        }

        IllegalArgumentException wrong() {
            return new IllegalArgumentException("no JSON at character " + at);
        }

        void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        /** The next character that is no space; the end is a 0, which no JSON has. */
        char peek() {
            space();
            return at < text.length() ? text.charAt(at) : 0;
        }

        void take(char wanted) {
            if (peek() != wanted) {
                throw wrong();
            }
            at++;
        }

        Json value(int depth) {
            if (depth > DEPTH) {
                throw wrong();
            }
            char first = peek();
            int from = at;
            Object value = switch (first) {
                case '{' -> object(depth);
                case '[' -> array(depth);
                case '"' -> string();
                case 't' -> word("true", true);
                case 'f' -> word("false", false);
                case 'n' -> word("null", null);
                default -> number();
            };
            return new Json(value, text.substring(from, at));
        }

        Object word(String word, Object value) {
            if (!text.startsWith(word, at)) {
                throw wrong();
            }
            at += word.length();
            return value;
        }

        Object number() {
            if (!numbers.region(at, text.length()).lookingAt()) {
                throw wrong();
            }
            at = numbers.end();
            return null;
        }

        Map<String, Json> object(int depth) {
            Map<String, Json> members = new LinkedHashMap<>();
            take('{');
            while (peek() != '}') {
                if (!members.isEmpty()) {
                    take(',');
                    peek();
                }
                String name = string();
                take(':');
                if (members.put(name, value(depth + 1)) != null && !takesTwice) {
                    throw wrong();
                }
            }
            take('}');
            return Collections.unmodifiableMap(members);
        }

        List<Json> array(int depth) {
            List<Json> elements = new ArrayList<>();
            take('[');
            while (peek() != ']') {
                if (!elements.isEmpty()) {
                    take(',');
                }
                elements.add(value(depth + 1));
            }
            take(']');
            return Collections.unmodifiableList(elements);
        }

        String string() {
            StringBuilder out = new StringBuilder();
            if (at >= text.length() || text.charAt(at) != '"') {
                throw wrong();
            }
            for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c < ' ') {
                    throw wrong();
                }
                out.append(c == '\\' ? escaped() : c);
            }
            if (at >= text.length()) {
                throw wrong();
            }
            at++;
            whole(out.toString());
            return out.toString();
        }

        char escaped() {
            at++;
            int place = at < text.length() ? "\"\\/bfnrtu".indexOf(text.charAt(at)) : -1;
            if (place < 0) {
                throw wrong();
            } else if (place < 8) {
                return "\"\\/\b\f\n\r\t".charAt(place);
            }
            int value = 0;
            for (int end = at + 4; at < end; ) {
                at++;
                int digit = at < text.length() && text.charAt(at) < 128 ? Character.digit(text.charAt(at), 16) : -1;
                if (digit < 0) {
                    throw wrong();
                }
                value = value * 16 + digit;
            }
            return (char) value;
        }
    }
}
