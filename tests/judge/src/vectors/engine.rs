//! The two places where a vector runs: this process, and a wasm build of the same crates.

use vectors_guest::Case;
use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// In this process
    Native,
    /// In a wasm module without imports
    Wasm,
    /// In both, comparing the answers
    Both,
}

/// The engines that were asked for.
#[derive(Debug)]
pub(crate) struct Engines {
    choice: EngineChoice,
    wasm: Option<Wasm>,
}

impl Engines {
    /// Loads the wasm test module where it is needed.
    pub(crate) fn start(choice: EngineChoice) -> Result<Self, String> {
        let wasm = (choice != EngineChoice::Native)
            .then(Wasm::start)
            .transpose()?;
        Ok(Self { choice, wasm })
    }

    /// What runs, in words.
    pub(crate) const fn describe(&self) -> &'static str {
        match self.choice {
            EngineChoice::Native => "native only",
            EngineChoice::Wasm => "wasm only",
            EngineChoice::Both => "each case natively and in wasm, the answers compared",
        }
    }

    /// The answer to a case; an error when an engine fails or the engines differ.
    pub(crate) fn answer(&mut self, case: &Case<'_>) -> Result<Answer, String> {
        let encoded = case.encode();
        let native = (self.choice != EngineChoice::Wasm)
            .then(|| run_natively(&encoded))
            .transpose()?;
        let wasm = match &mut self.wasm {
            Some(wasm) => Some(wasm.run(&encoded)?),
            None => None,
        };
        let text = match (native, wasm) {
            (Some(native), Some(wasm)) if native != wasm => {
                return Err(format!("native says {native}, wasm says {wasm}"));
            }
            (Some(text), _) | (None, Some(text)) => text,
            (None, None) => return Err("no engine runs".to_owned()),
        };
        let answer = serde_json::from_str(&text);
        answer.map_err(|error| format!("the answer {text} cannot be read: {error}"))
    }
}

/// A crash is an outcome of the case, as a trap is in wasm, and not the end of the run.
fn run_natively(case: &[u8]) -> Result<String, String> {
    std::panic::catch_unwind(|| vectors_guest::run(case)).map_err(|_| "native: a panic".to_owned())
}

/// What the code under test says; which members are there depends on the case.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Answer {
    pub fault: Option<String>,
    pub chain: Option<String>,
    pub error: Option<String>,
    pub block: Option<i64>,
    pub decision: Option<bool>,
    pub why: Option<String>,
    #[serde(rename = "match")]
    pub matches: Option<bool>,
    pub valid: Option<bool>,
    pub request: Option<String>,
    pub signed: Option<String>,
}

/// The wasm test module. An instance lives until it traps.
struct Wasm {
    engine: Engine,
    module: Module,
    instance: Option<Loaded>,
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasm").finish_non_exhaustive()
    }
}

struct Loaded {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    run: TypedFunc<(u32, u32), u64>,
    free: TypedFunc<(u32, u32), ()>,
}

impl Wasm {
    fn start() -> Result<Self, String> {
        let file = crate::vectors_guest_file();
        let engine = Engine::default();
        let module = Module::from_file(&engine, &file)
            .map_err(|error| format!("{}: {error:#}", file.display()))?;
        if let Some(import) = module.imports().next() {
            return Err(format!("the test module imports `{}`", import.name()));
        }
        Ok(Self {
            engine,
            module,
            instance: None,
        })
    }

    fn run(&mut self, case: &[u8]) -> Result<String, String> {
        let mut loaded = match self.instance.take() {
            Some(loaded) => loaded,
            None => self.load().map_err(|error| format!("wasm: {error:#}"))?,
        };
        let answer = loaded.call(case);
        let answer = answer.map_err(|error| format!("wasm: {error:#}"))?;
        self.instance = Some(loaded);
        Ok(answer)
    }

    fn load(&self) -> wasmtime::Result<Loaded> {
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &self.module, &[])?;
        let memory = instance.get_memory(&mut store, "memory");
        Ok(Loaded {
            memory: memory.ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))?,
            alloc: instance.get_typed_func(&mut store, "vectors_alloc")?,
            run: instance.get_typed_func(&mut store, "vectors_run")?,
            free: instance.get_typed_func(&mut store, "vectors_free")?,
            store,
        })
    }
}

impl Loaded {
    fn call(&mut self, case: &[u8]) -> wasmtime::Result<String> {
        let length = u32::try_from(case.len())?;
        let room = self.alloc.call(&mut self.store, length)?;
        let offset = usize::try_from(room)?;
        self.memory.write(&mut self.store, offset, case)?;
        let packed = self.run.call(&mut self.store, (room, length))?;
        let (pointer, length) = (packed >> 32, packed & u64::from(u32::MAX));
        let mut answer = vec![0; usize::try_from(length)?];
        let offset = usize::try_from(pointer)?;
        self.memory.read(&self.store, offset, &mut answer)?;
        let parts = (u32::try_from(pointer)?, u32::try_from(length)?);
        self.free.call(&mut self.store, parts)?;
        Ok(String::from_utf8(answer)?)
    }
}
