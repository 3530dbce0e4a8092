//! The wasmtime engine: what code from a policy module may use, and how much of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ambit_core::limits;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig, WasmFeatures,
};

use crate::code::CodeCache;
use crate::error::LoadError;
use crate::module::PolicyModule;
use crate::wasm::{Code, Codes};

/// The WebAssembly that a policy module may use: the MVP (what `wasm32v1-none` emits) and the three
/// small extensions that compilers emit by default. No threads, vectors, exceptions, references or
/// second memory: what is not there needs no argument. No floats either: they are the only
/// instructions of the MVP whose results may differ between machines (the bits of a NaN).
const FEATURES: WasmFeatures = WasmFeatures::WASM1
    .difference(WasmFeatures::FLOATS)
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_VALUE);

/// How far the memory of an engine lies above what the evaluator's own limits let it use.
const FACTOR: usize = 4;
/// How long a call may take. The most work that the evaluator's own limits allow, twice for advice, is
/// some 2,500 million instructions: about two seconds, and this is fifteen times as long.
const TIME: Duration = Duration::from_secs(30);
/// Ticks of the clock in the time of a call: it is measured to a sixteenth.
const TICKS: u32 = 16;
/// Bytes of the guest's stack and data.
const CODE_BYTES: usize = 1024 * 1024;
/// Bytes kept mapped when an instance's memory is recycled: what a call touches.
const KEEP_RESIDENT: usize = 256 * 1024;
/// Elements of a module's tables. The guest's only table holds some 20 functions.
pub(crate) const TABLE_ELEMENTS: usize = 10_000;
/// Idle instances that one engine keeps.
pub(crate) const IDLE: usize = 8;

/// How much a decision may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeOptions {
    /// Bytes of an instance's memory, bundle included. The default is the largest bundle and four
    /// times what a call may need beside it: the evaluator's own limits, which give the same answer
    /// on every engine, end before.
    pub memory_bytes: usize,
    /// How long a call may take (default 30 s). The evaluator counts its own steps and ends long before,
    /// the same on every machine; this stops code that does not count.
    pub time: Duration,
    /// Calls that run at the same time; a further one waits (default 64). Each is bounded by
    /// `time`, so waiting is bounded too.
    pub calls: u32,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            memory_bytes: FACTOR * limits::CALL_BYTES + limits::BUNDLE_BYTES + CODE_BYTES,
            time: TIME,
            calls: 64,
        }
    }
}

/// A wasmtime engine for policy modules. One serves a process; a clone is the same one. A module is
/// compiled once for all of its engines in one runtime, and with a [`CodeCache`] once on a machine.
///
/// Only modules whose signature was verified are compiled and run. The evaluator in them bounds its work
/// by counting steps: the same request either fits or does not, on every machine and under every load.
/// The clock (wasmtime's epochs) only stops code that does not count.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    options: RuntimeOptions,
    gate: Gate,
    codes: Codes,
}

impl Runtime {
    /// A runtime with the default bounds.
    ///
    /// # Errors
    ///
    /// [`LoadError::Compile`] when this machine cannot run wasmtime with these settings.
    pub fn new() -> Result<Self, LoadError> {
        Self::with(RuntimeOptions::default())
    }

    /// A runtime with other bounds.
    ///
    /// # Errors
    ///
    /// As [`Runtime::new`].
    pub fn with(options: RuntimeOptions) -> Result<Self, LoadError> {
        Self::make(options, None)
    }

    /// A runtime that keeps compiled code in a folder, so that a module is loaded in milliseconds where
    /// it was compiled before, by this process or another.
    ///
    /// # Errors
    ///
    /// As [`Runtime::new`].
    pub fn with_cache(options: RuntimeOptions, cache: CodeCache) -> Result<Self, LoadError> {
        Self::make(options, Some(cache))
    }

    fn make(options: RuntimeOptions, cache: Option<CodeCache>) -> Result<Self, LoadError> {
        let engine = Engine::new(&config(&options))
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        start_clock(engine.weak(), tick(&options))
            .map_err(|error| LoadError::Compile(format!("no thread can be started: {error}")))?;
        let gate = Gate::new(options.calls.max(1));
        Ok(Self(Arc::new(Inner {
            engine,
            options,
            gate,
            codes: Codes::new(cache),
        })))
    }

    pub(crate) fn options(&self) -> &RuntimeOptions {
        &self.0.options
    }

    /// The code of a module, compiled if it was not before.
    pub(crate) fn code(&self, module: &PolicyModule) -> Result<Arc<Code>, LoadError> {
        self.0.codes.of(&self.0.engine, module)
    }

    /// Waits until a call may run.
    pub(crate) fn enter(&self) -> Pass<'_> {
        self.0.gate.enter()
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Runtime").field(&self.0.options).finish()
    }
}

fn config(options: &RuntimeOptions) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_init_cow(true)
        .epoch_interruption(true)
        // Nobody reads where in the code a trap was.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .native_unwind_info(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    config
}

/// Ends with the engine that it drives.
fn start_clock(engine: EngineWeak, tick: Duration) -> std::io::Result<()> {
    let run = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(tick);
        }
    };
    let thread = thread::Builder::new().name("ambit-clock".to_owned());
    thread.spawn(run).map(drop)
}

fn tick(options: &RuntimeOptions) -> Duration {
    (options.time / TICKS).max(Duration::from_millis(1))
}

/// Ticks after which a call is stopped: one more than its time has, because the first may be cut short.
pub(crate) const fn deadline() -> u64 {
    TICKS as u64 + 1
}

fn pool(options: &RuntimeOptions) -> PoolingAllocationConfig {
    // Every running call and the idle instances of a few dozen policies.
    let instances = options.calls.saturating_mul(2).saturating_add(192);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(options.memory_bytes)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Counts the calls that run.
struct Gate {
    free: Mutex<u32>,
    left: Condvar,
}

impl Gate {
    const fn new(calls: u32) -> Self {
        Self {
            free: Mutex::new(calls),
            left: Condvar::new(),
        }
    }

    fn enter(&self) -> Pass<'_> {
        let full = |free: &mut u32| *free == 0;
        let mut free = self
            .left
            .wait_while(self.lock(), full)
            .unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(1);
        Pass(self)
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to run one call; dropped, another may.
pub(crate) struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut free = self.0.lock();
        *free = free.saturating_add(1);
        self.0.left.notify_one();
    }
}
