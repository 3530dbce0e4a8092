package dev.ambit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ambit.wasm.Code;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;

/** HotSpot interprets a method of 8,000 bytes or more for ever, fifty times slower than what it compiles. */
class CodeTest {
    private static final int LIMIT = 8_000;
    /**
     * The state machine that unpacks a status list when one is fetched: a function of a library, which no setting of the compiler
     * makes shorter.
     */
    private static final int UNPACKS = 10_000;

    @Test
    void noMethodIsTooLongToBeCompiled() throws Exception {
        Path jar = Path.of(Code.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        List<String> tooLong = new ArrayList<>();
        int classes = 0;
        try (ZipFile file = new ZipFile(jar.toFile())) {
            for (ZipEntry entry : file.stream().filter(one -> one.getName().endsWith(".class")).toList()) {
                classes++;
                byte[] content = file.getInputStream(entry).readAllBytes();
                longMethods(entry.getName(), new DataInputStream(new ByteArrayInputStream(content)), tooLong);
            }
        }
        assertTrue(classes > 30, "these are not all classes");
        assertEquals(1, tooLong.size(), tooLong.toString());
        assertTrue(Integer.parseInt(tooLong.get(0).split(" ")[1]) < UNPACKS, tooLong.toString());
    }

    /** Reads a class (JVMS 4.1) and notes its methods at the limit. */
    private static void longMethods(String name, DataInputStream in, List<String> tooLong) throws IOException {
        in.skipBytes(8);
        Object[] constants = new Object[in.readUnsignedShort()];
        for (int at = 1; at < constants.length; at++) {
            int tag = in.readUnsignedByte();
            switch (tag) {
                case 1 -> constants[at] = in.readUTF();
                case 5, 6 -> {
                    in.skipNBytes(8);
                    at++;
                }
                case 7, 8, 16, 19, 20 -> in.skipNBytes(2);
                case 15 -> in.skipNBytes(3);
                default -> in.skipNBytes(4);
            }
        }
        in.skipNBytes(6);
        in.skipNBytes(2L * in.readUnsignedShort());
        for (int fields = in.readUnsignedShort(); fields > 0; fields--) {
            in.skipNBytes(6);
            attributes(in, constants);
        }
        for (int methods = in.readUnsignedShort(); methods > 0; methods--) {
            in.skipNBytes(6);
            long length = attributes(in, constants);
            if (length >= LIMIT) {
                tooLong.add(name + " " + length);
            }
        }
    }

    /** The length of the code that these attributes have. */
    private static long attributes(DataInputStream in, Object[] constants) throws IOException {
        long code = 0;
        for (int attributes = in.readUnsignedShort(); attributes > 0; attributes--) {
            Object name = constants[in.readUnsignedShort()];
            long length = Integer.toUnsignedLong(in.readInt());
            if ("Code".equals(name)) {
                in.skipNBytes(4);
                code = Integer.toUnsignedLong(in.readInt());
                length -= 8;
            }
            in.skipNBytes(length);
        }
        return code;
    }
}
