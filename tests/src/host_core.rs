//! `ambit-core.wasm` as a host of another language runs it: by the raw ABI of `pkg/abi.md`, here in wasmtime.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use wasmtime::{Engine, Instance, Memory, Module, Store};

use crate::project::{NOW, SignedPolicy};
use crate::workspace;

/// An instance of a module, of the guest without a bundle, or of the host core.
pub struct Raw {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

/// Where `cargo xtask guest` writes it.
#[must_use]
pub fn file() -> PathBuf {
    workspace().join("target/core/ambit-core.wasm")
}

/// The bytes of `ambit-core.wasm`.
///
/// # Errors
///
/// What to run first.
pub fn core() -> Result<Vec<u8>, String> {
    let first =
        "the host core is not built: run `cargo xtask guest` first (`cargo xtask test` does)";
    fs::read(file()).map_err(|_| first.to_owned())
}

/// What `ambit_load` is asked for with a policy, the first time.
#[must_use]
pub fn load_options(policy: &SignedPolicy, uid: &str) -> Value {
    json!({"trust": policy.trust(), "uid": uid, "now": NOW, "seen": null})
}

impl Raw {
    /// Compiles a module, and starts it.
    ///
    /// # Errors
    ///
    /// What wasmtime does not take.
    pub fn compile(wasm: &[u8]) -> Result<Self, String> {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).map_err(|error| error.to_string())?;
        Self::start(&module)
    }

    /// Starts an instance of what was compiled before.
    ///
    /// # Errors
    ///
    /// What wasmtime does not take.
    pub fn start(module: &Module) -> Result<Self, String> {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, module, &[]).map_err(|error| error.to_string())?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(Self {
            memory: memory.ok_or("it has no memory")?,
            store,
            instance,
        })
    }

    /// Asks an export that takes one input.
    ///
    /// # Errors
    ///
    /// A trap, or an answer that is no text.
    pub fn ask(&mut self, export: &str, input: &[u8]) -> Result<String, String> {
        let at = self.put(input)?;
        let packed = self.call::<(u32, u32), u64>(export, (at, length(input)?))?;
        let answer = self.take(packed)?;
        self.free(at, length(input)?)?;
        Ok(answer)
    }

    /// Asks an export without input, `ambit_info`.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub fn say(&mut self, export: &str) -> Result<String, String> {
        let packed = self.call::<(), u64>(export, ())?;
        self.take(packed)
    }

    /// Loads a policy. The buffers are the core's after a success, so they are given back only to show that this
    /// is passed over.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub fn load(&mut self, file: &[u8], options: &Value) -> Result<String, String> {
        let options = options.to_string();
        let (file_at, at) = (self.put(file)?, self.put(options.as_bytes())?);
        let input = (file_at, length(file)?, at, length(options.as_bytes())?);
        let packed = self.call::<(u32, u32, u32, u32), u64>("ambit_load", input)?;
        let answer = self.take(packed)?;
        self.free(at, length(options.as_bytes())?)?;
        self.free(file_at, length(file)?)?;
        Ok(answer)
    }

    /// Bytes of its memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Writes an input and says where it is.
    fn put(&mut self, input: &[u8]) -> Result<u32, String> {
        let at = self.call::<u32, u32>("ambit_alloc", length(input)?)?;
        let place = usize::try_from(at).map_err(|error| error.to_string())?;
        let written = self.memory.write(&mut self.store, place, input);
        written.map_err(|error| error.to_string())?;
        Ok(at)
    }

    /// Takes an answer out and frees it.
    fn take(&mut self, packed: u64) -> Result<String, String> {
        let (at, size) = ((packed >> 32) as u32, (packed & 0xffff_ffff) as u32);
        let mut bytes = vec![0; size as usize];
        let read = self.memory.read(&self.store, at as usize, &mut bytes);
        read.map_err(|error| error.to_string())?;
        self.free(at, size)?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    fn free(&mut self, at: u32, size: u32) -> Result<(), String> {
        self.call::<(u32, u32), ()>("ambit_free", (at, size))
    }

    fn call<I: wasmtime::WasmParams, O: wasmtime::WasmResults>(
        &mut self,
        export: &str,
        input: I,
    ) -> Result<O, String> {
        let function = self
            .instance
            .get_typed_func::<I, O>(&mut self.store, export);
        let function = function.map_err(|error| error.to_string())?;
        let called = function.call(&mut self.store, input);
        called.map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raw").finish_non_exhaustive()
    }
}

fn length(bytes: &[u8]) -> Result<u32, String> {
    u32::try_from(bytes.len()).map_err(|error| error.to_string())
}
