package dev.ambit;

import dev.ambit.storetest.StoreContract;
import java.nio.file.Path;

class MemoryStoreTest extends StoreContract {
    @Override
    protected Store open(Path folder) {
        return new MemoryStore();
    }
}
