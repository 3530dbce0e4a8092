//! Compiled modules: each once in a runtime, however many engines run it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use wasmtime::{Engine, InstancePre, Linker, Module};

use super::instance::{Exports, Instance, State};
use crate::code::CodeCache;
use crate::error::LoadError;
use crate::evaluator::Fault;
use crate::module::PolicyModule;
use crate::runtime::RuntimeOptions;

/// A compiled module, ready to be started.
pub(crate) struct Code {
    template: InstancePre<State>,
    exports: Exports,
}

impl Code {
    fn of(engine: &Engine, compiled: &Module) -> Result<Self, LoadError> {
        if let Some(import) = compiled.imports().next() {
            let what = format!("it imports `{}` from `{}`", import.name(), import.module());
            return Err(LoadError::Interface(what));
        }
        let exports = Exports::find(compiled)?;
        let template = Linker::new(engine)
            .instantiate_pre(compiled)
            .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        Ok(Self { template, exports })
    }

    pub(super) fn start(&self, options: &RuntimeOptions) -> Result<Instance, Fault> {
        Instance::start(&self.template, &self.exports, options)
    }
}

/// One module's code: held while it is compiled, so that whoever else wants it waits for it.
type Slot = Arc<Mutex<Weak<Code>>>;

/// The code that engines use at the moment, and the folder with what was compiled before.
pub(crate) struct Codes {
    cache: Option<CodeCache>,
    /// By the digest of the file. Code goes with the last engine that uses it.
    slots: Mutex<HashMap<[u8; 32], Slot>>,
}

impl Codes {
    pub(crate) fn new(cache: Option<CodeCache>) -> Self {
        Self {
            cache,
            slots: Mutex::default(),
        }
    }

    pub(crate) fn of(
        &self,
        engine: &Engine,
        module: &PolicyModule,
    ) -> Result<Arc<Code>, LoadError> {
        let slot = self.slot(module.file_digest());
        let mut kept = lock(&slot);
        if let Some(code) = kept.upgrade() {
            return Ok(code);
        }
        let code = Arc::new(Code::of(engine, &self.compiled(engine, module)?)?);
        *kept = Arc::downgrade(&code);
        Ok(code)
    }

    fn slot(&self, digest: &[u8; 32]) -> Slot {
        let mut slots = lock(&self.slots);
        // A slot that somebody holds is in use, whether its code is there yet or not.
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || lock(slot).strong_count() > 0);
        Arc::clone(slots.entry(*digest).or_default())
    }

    /// The digest was compared with the file when its signature was verified.
    fn compiled(&self, engine: &Engine, module: &PolicyModule) -> Result<Module, LoadError> {
        let digest = module.file_digest();
        if let Some(cache) = &self.cache
            && let Some(code) = cache.load(engine, digest)
        {
            return Ok(code);
        }
        let compiled = Module::from_binary(engine, module.file())
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        if let Some(cache) = &self.cache {
            cache.store(engine, digest, &compiled);
        }
        Ok(compiled)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
