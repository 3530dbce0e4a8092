package dev.ambit;

import dev.ambit.wasm.Code;
import java.util.function.Supplier;
import run.endive.runtime.ByteArrayMemory;
import run.endive.runtime.Instance;
import run.endive.runtime.WasmInterruptedException;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.MemoryLimits;

/** The core as classes, which Endive made of it when this package was built. */
final class Endive implements Machine {
    /** Four times what the core's own limits allow, and room for the policy's file, which stays. */
    private static final int PAGES = (64 + 32 + 2) << 4;

    private final Instance instance;

    private Endive(WasmModule module) {
        MemoryLimits limits = module.memorySection().orElseThrow().getMemory(0).limits();
        instance = Instance.builder(module)
                .withMachineFactory(Code::create)
                .withMemoryFactory(ByteArrayMemory::new)
                .withMemoryLimits(new MemoryLimits(limits.initialPages(), PAGES))
                .build();
    }

    /** What starts machines of this file: the one that the classes were made of. */
    static Supplier<Machine> of(byte[] core) {
        WasmModule module = Parser.parse(core);
        return () -> new Endive(module);
    }

    @Override
    public long call(String export, long... arguments) {
        try {
            long[] results = instance.export(export).apply(arguments);
            return results == null || results.length == 0 ? 0 : results[0];
        } catch (WasmInterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw Fault.resources("the caller waited no longer");
        }
    }

    @Override
    public void write(int at, byte[] content) {
        instance.memory().write(at, content);
    }

    @Override
    public byte[] read(int at, int size) {
        return instance.memory().readBytes(at, size);
    }

    @Override
    public int pages() {
        return instance.memory().pages();
    }
}
