//! The wasm test module, `tests/vectors-guest`, in wasmtime.

use std::path::Path;

use wasmtime::{Engine, Error, Instance, Memory, Module, Result, Store, TypedFunc, WasmResults};

/// The module, compiled.
#[derive(Debug)]
pub struct TestModule {
    engine: Engine,
    module: Module,
}

impl TestModule {
    /// Compiles what `cargo xtask` built; it may import nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn read(file: &Path) -> Result<Self> {
        let engine = Engine::default();
        let module = Module::from_file(&engine, file)
            .map_err(|error| error.context(file.display().to_string()))?;
        if let Some(import) = module.imports().next() {
            let what = format!("the test module imports `{}`", import.name());
            return Err(Error::msg(what));
        }
        Ok(Self { engine, module })
    }

    /// A fresh instance.
    ///
    /// # Errors
    ///
    /// That the module lacks an export.
    pub fn start(&self) -> Result<TestInstance> {
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &self.module, &[])?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(TestInstance {
            memory: memory.ok_or_else(|| Error::msg("the module exports no memory"))?,
            alloc: instance.get_typed_func(&mut store, "vectors_alloc")?,
            free: instance.get_typed_func(&mut store, "vectors_free")?,
            instance,
            store,
        })
    }
}

/// A function that takes bytes.
pub type OfBytes<R> = TypedFunc<(u32, u32), R>;

/// An instance of the module.
pub struct TestInstance {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    free: OfBytes<()>,
}

impl TestInstance {
    /// A function by its name.
    ///
    /// # Errors
    ///
    /// That there is none.
    pub fn function<R: WasmResults>(&mut self, name: &str) -> Result<OfBytes<R>> {
        self.instance.get_typed_func(&mut self.store, name)
    }

    /// Hands bytes over, which the module frees.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn give<R: WasmResults>(&mut self, function: &OfBytes<R>, bytes: &[u8]) -> Result<R> {
        let length = u32::try_from(bytes.len())?;
        let room = self.alloc.call(&mut self.store, length)?;
        self.memory
            .write(&mut self.store, usize::try_from(room)?, bytes)?;
        function.call(&mut self.store, (room, length))
    }

    /// The same for a function that answers with bytes.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn ask(&mut self, function: &OfBytes<u64>, bytes: &[u8]) -> Result<Vec<u8>> {
        let packed = self.give(function, bytes)?;
        let (pointer, length) = (packed >> 32, packed & u64::from(u32::MAX));
        let mut answer = vec![0; usize::try_from(length)?];
        self.memory
            .read(&self.store, usize::try_from(pointer)?, &mut answer)?;
        let parts = (u32::try_from(pointer)?, u32::try_from(length)?);
        self.free.call(&mut self.store, parts)?;
        Ok(answer)
    }
}

impl std::fmt::Debug for TestInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestInstance").finish_non_exhaustive()
    }
}
