//! One instance: its calls, its bounds, and what its faults mean.

use wasmtime::{
    Error, Extern, Instance as Raw, InstancePre, Memory, Module, ModuleExport, ResourceLimiter,
    Store, Trap, TypedFunc, WasmParams, WasmResults,
};

use crate::error::LoadError;
use crate::evaluator::Fault;
use crate::runtime::{RuntimeOptions, TABLE_ELEMENTS, deadline};

/// Bytes of an answer. The longest real ones repeat an argument of the request a few times.
const ANSWER_BYTES: u32 = 4 * 1024 * 1024;
/// Memory that one call may leave behind in an instance that is used again.
const KEPT_GROWTH: usize = 4 * 1024 * 1024;

/// What is asked of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Evaluate,
    Advise,
    Describe,
    Info,
}

/// Where a module's exports are: looked up by name once, not once an instance.
pub(super) struct Exports {
    memory: ModuleExport,
    abi: ModuleExport,
    alloc: ModuleExport,
    free: ModuleExport,
    evaluate: ModuleExport,
    advise: ModuleExport,
    describe: ModuleExport,
    info: ModuleExport,
}

impl Exports {
    pub(super) fn find(module: &Module) -> Result<Self, LoadError> {
        let find = |name: &str| {
            let missing = || LoadError::Interface(format!("it does not export `{name}`"));
            module.get_export_index(name).ok_or_else(missing)
        };
        Ok(Self {
            memory: find("memory")?,
            abi: find("ambit_abi")?,
            alloc: find("ambit_alloc")?,
            free: find("ambit_free")?,
            evaluate: find("ambit_evaluate")?,
            advise: find("ambit_advise")?,
            describe: find("ambit_describe")?,
            info: find("ambit_info")?,
        })
    }
}

/// What a store knows: its bounds, and whether they were met.
pub(super) struct State {
    memory_bytes: usize,
    refused: bool,
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes;
        self.refused |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= TABLE_ELEMENTS;
        self.refused |= !granted;
        Ok(granted)
    }
}

/// A running instance of a policy module.
pub(super) struct Instance {
    store: Store<State>,
    first_size: usize,
    memory: Memory,
    abi: TypedFunc<(), i32>,
    alloc: TypedFunc<u32, u32>,
    free: TypedFunc<(u32, u32), ()>,
    evaluate: TypedFunc<(u32, u32), u64>,
    advise: TypedFunc<(u32, u32), u64>,
    describe: TypedFunc<(u32, u32), u64>,
    info: TypedFunc<(), u64>,
}

impl Instance {
    pub(super) fn start(
        template: &InstancePre<State>,
        exports: &Exports,
        options: &RuntimeOptions,
    ) -> Result<Self, Fault> {
        let state = State {
            memory_bytes: options.memory_bytes,
            refused: false,
        };
        let mut store = Store::new(template.module().engine(), state);
        store.limiter(|state| state);
        store.set_epoch_deadline(deadline());
        let raw = template
            .instantiate(&mut store)
            .map_err(|error| fault(&error, &store))?;
        let memory = raw
            .get_module_export(&mut store, &exports.memory)
            .and_then(Extern::into_memory)
            .ok_or(Fault::Trap("the export `memory` is not a memory"))?;
        Ok(Self {
            first_size: memory.data_size(&store),
            memory,
            abi: function(&raw, &mut store, &exports.abi)?,
            alloc: function(&raw, &mut store, &exports.alloc)?,
            free: function(&raw, &mut store, &exports.free)?,
            evaluate: function(&raw, &mut store, &exports.evaluate)?,
            advise: function(&raw, &mut store, &exports.advise)?,
            describe: function(&raw, &mut store, &exports.describe)?,
            info: function(&raw, &mut store, &exports.info)?,
            store,
        })
    }

    pub(super) fn abi(&mut self) -> Result<i32, Fault> {
        self.abi
            .call(&mut self.store, ())
            .map_err(|error| fault(&error, &self.store))
    }

    /// One question, with a full measure of time. After a fault the instance must not be used
    /// again.
    pub(super) fn ask(&mut self, question: Question, request: &[u8]) -> Result<String, Fault> {
        self.store.set_epoch_deadline(deadline());
        self.store.data_mut().refused = false;
        let packed = match question {
            Question::Info => self.info.call(&mut self.store, ()),
            Question::Evaluate => return self.ask_about(self.evaluate.clone(), question, request),
            Question::Advise => return self.ask_about(self.advise.clone(), question, request),
            Question::Describe => return self.ask_about(self.describe.clone(), question, request),
        };
        let packed = packed.map_err(|error| fault(&error, &self.store))?;
        self.take_answer(packed, question)
    }

    /// Whether a call made the memory much larger than a new instance's is.
    pub(super) fn has_grown(&self) -> bool {
        self.memory
            .data_size(&self.store)
            .saturating_sub(self.first_size)
            > KEPT_GROWTH
    }

    fn ask_about(
        &mut self,
        run: TypedFunc<(u32, u32), u64>,
        question: Question,
        request: &[u8],
    ) -> Result<String, Fault> {
        let (at, len) = self.write(request)?;
        let packed = run
            .call(&mut self.store, (at, len))
            .map_err(|error| fault(&error, &self.store))?;
        let answer = self.take_answer(packed, question)?;
        self.release(at, len)?;
        Ok(answer)
    }

    fn write(&mut self, request: &[u8]) -> Result<(u32, u32), Fault> {
        const NO_ROOM: Fault =
            Fault::Resources("the request does not fit into the module's memory");
        let len = u32::try_from(request.len()).map_err(|_| NO_ROOM)?;
        let at = self
            .alloc
            .call(&mut self.store, len)
            .map_err(|error| fault(&error, &self.store))?;
        if at == 0 {
            return Err(NO_ROOM);
        }
        let outside = |_| Fault::Trap("the code gave a buffer outside its memory");
        let start = usize::try_from(at).map_err(|_| NO_ROOM)?;
        self.memory
            .write(&mut self.store, start, request)
            .map_err(outside)?;
        Ok((at, len))
    }

    /// Copies an answer out: bounded first, then checked, then returned to the guest.
    fn take_answer(&mut self, packed: u64, question: Question) -> Result<String, Fault> {
        const OUTSIDE: Fault = Fault::Trap("the code gave an answer outside its memory");
        let (at, len) = unpack(packed);
        if len == 0 {
            return Err(Fault::Trap("the code gave no answer"));
        }
        if len > ANSWER_BYTES {
            return Err(Fault::Resources("the code's answer is too long"));
        }
        let start = usize::try_from(at).map_err(|_| OUTSIDE)?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| start.checked_add(len))
            .ok_or(OUTSIDE)?;
        let bytes = self
            .memory
            .data(&self.store)
            .get(start..end)
            .ok_or(OUTSIDE)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_| Fault::Trap("the code's answer is not text"))?;
        if question == Question::Evaluate && !is_answer(text) {
            return Err(Fault::Trap(
                "the code's answer does not have an answer's form",
            ));
        }
        let text = text.to_owned();
        self.release(at, len)?;
        Ok(text)
    }

    fn release(&mut self, at: u32, len: u32) -> Result<(), Fault> {
        self.free
            .call(&mut self.store, (at, len))
            .map_err(|error| fault(&error, &self.store))
    }
}

/// Every answer begins in one of two ways, so that even a reader that looks no further than
/// `decision` finds one.
fn is_answer(text: &str) -> bool {
    let rest = text
        .strip_prefix("{\"decision\":true,\"context\":{")
        .or_else(|| text.strip_prefix("{\"decision\":false,\"context\":{"));
    rest.is_some_and(|rest| rest.ends_with("}}"))
}

/// The address is in the upper half, the length in the lower.
fn unpack(packed: u64) -> (u32, u32) {
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
    (half(packed >> 32), half(packed))
}

fn function<P: WasmParams, R: WasmResults>(
    raw: &Raw,
    store: &mut Store<State>,
    export: &ModuleExport,
) -> Result<TypedFunc<P, R>, Fault> {
    raw.get_module_export(&mut *store, export)
        .and_then(Extern::into_func)
        .and_then(|function| function.typed(&*store).ok())
        .ok_or(Fault::Trap("an export does not have the type of the ABI"))
}

/// Sorts a fault of wasmtime: ran out of something, or stopped.
fn fault(error: &Error, store: &Store<State>) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Resources("the code used all the time it may take"),
        Some(Trap::StackOverflow) => Fault::Resources("the code used all the stack it may have"),
        _ if store.data().refused => Fault::Resources("the code used all the memory it may have"),
        Some(Trap::UnreachableCodeReached) => Fault::Trap("the code stopped itself"),
        Some(Trap::MemoryOutOfBounds) => Fault::Trap("the code reached outside its memory"),
        Some(_) => Fault::Trap("the code did what WebAssembly forbids"),
        // Not a trap: the pool of instances is empty, or the initial memory is over the limit.
        None => Fault::Resources("no instance of the code can be started"),
    }
}
