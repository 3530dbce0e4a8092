package dev.ambit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class JsonTest {
    @Test
    void whatIsReadIsThere() {
        Json json = Json.read(" {\"a\": 98.70, \"b\": [true, null, \"\\u00e9\\n\\ud83d\\ude00\"], \"c\": -7}\n");
        assertEquals("98.70", json.get("a").text());
        assertEquals(-7, json.get("c").number());
        assertTrue(json.get("b").list().get(0).isTrue());
        assertTrue(json.get("b").list().get(1).isNull() && json.get("d").isNull());
        assertEquals("é\n\ud83d\ude00", json.get("b").list().get(2).string());
        assertThrows(IllegalArgumentException.class, () -> json.get("a").number());
        assertThrows(IllegalArgumentException.class, () -> json.get("d").number());
    }

    @Test
    void whatIsNoJsonIsRefused() {
        List<String> wrong = List.of("", "{", "[1,]", "{\"a\":1,}", "{,}", "[,1]", "01", "1.", ".5", "+1", "nul", "truex", "1 2", "\"\t\"",
                "\"\\x\"", "\"\\u00g0\"", "\"\\u1\"", "\"", "'a'", "{\"a\" 1}", "{1:2}", "\"\\ud800\"", "{\"a\":1,\"a\":2}",
                "{\"a\":1,\"\\u0061\":2}", "\u00a01", "\ufeff1", "NaN", "[".repeat(200) + "]".repeat(200), "\"\\u\uff11234\"");
        for (String each : wrong) {
            assertThrows(IllegalArgumentException.class, () -> Json.read(each), each);
        }
        assertEquals("{\"a\":1,\"a\":2}", Json.raw("{\"a\":1,\"a\":2}").text());
        assertThrows(IllegalArgumentException.class, () -> Json.raw("{}}"));
    }

    @Test
    void whatIsWrittenIsReadTheSame() {
        Object value = Request.map("\"\\\u0001", List.of(1, 2L, true, Request.map(), List.of(), Json.raw("1.50")), "é\ud83d\ude00", null);
        String text = Json.write(value);
        assertEquals("{\"\\\"\\\\\\u0001\":[1,2,true,{},[],1.50],\"é\ud83d\ude00\":null}", text);
        assertEquals("1.50", Json.read(text).get("\"\\\u0001").list().get(5).text());
        assertThrows(IllegalArgumentException.class, () -> Json.write("\udc00"));
        assertThrows(IllegalArgumentException.class, () -> Json.write(1.5));
    }
}
