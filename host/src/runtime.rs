//! The wasmtime engine: what code from a policy module may use, and how much of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ambit_core::limits;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmFeatures,
};

use crate::error::LoadError;

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

/// How far the bounds of an engine lie above what the evaluator's own limits let it use.
const FACTOR: usize = 4;
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
    /// Work in a call, in wasmtime's fuel: about one a WebAssembly instruction. The default is four
    /// times what the evaluator's own limits let it use.
    pub fuel: u64,
    /// Calls that run at the same time; a further one waits (default 64). Each is bounded by
    /// `fuel`, so waiting is bounded too.
    pub calls: u32,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            memory_bytes: FACTOR * limits::CALL_BYTES + limits::BUNDLE_BYTES + CODE_BYTES,
            fuel: limits::CALL_WORK * FACTOR as u64,
            calls: 64,
        }
    }
}

/// A wasmtime engine for policy modules. One serves a process; a clone is the same one.
///
/// Work is bounded by fuel and not by the clock (epochs): the same request on the same module
/// either fits or does not, on every machine and under every load.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    options: RuntimeOptions,
    gate: Gate,
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
        let engine = Engine::new(&config(&options))
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        let gate = Gate::new(options.calls.max(1));
        Ok(Self(Arc::new(Inner {
            engine,
            options,
            gate,
        })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn options(&self) -> &RuntimeOptions {
        &self.0.options
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
        .consume_fuel(true)
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    config
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
