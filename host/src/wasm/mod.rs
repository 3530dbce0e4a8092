//! The module's own code in wasmtime.

mod codes;
mod instance;

use std::sync::{Arc, Mutex, PoisonError};

use ambit_evaluator::ABI;

use crate::error::LoadError;
use crate::evaluator::{Evaluator, Fault};
use crate::module::PolicyModule;
use crate::native::NativeEngine;
use crate::runtime::{IDLE, Runtime};
pub(crate) use codes::{Code, Codes};
use instance::{Instance, Question};

/// Whether instances are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// A new one for every call: nothing of one decision can reach another, not even through a
    /// fault in the evaluator. Costs some microseconds and the cache of verified chains.
    Fresh,
    /// Used again as long as they answer. One that trapped, ran out, or grew is thrown away.
    Pooled,
}

/// A policy module in wasmtime.
pub struct WasmEngine {
    runtime: Runtime,
    code: Arc<Code>,
    instances: Instances,
    idle: Mutex<Vec<Instance>>,
}

impl WasmEngine {
    /// Compiles the verified bytes of a module, if they were not before, and asks its code which policy
    /// it holds.
    ///
    /// # Errors
    ///
    /// [`LoadError::Compile`], [`LoadError::Interface`] when exports are missing, something is
    /// imported, or the ABI is not known; [`LoadError::Outdated`] when it is an older one;
    /// [`LoadError::Mismatch`] when the code does not hold
    /// the policy that was signed.
    pub fn new(
        runtime: &Runtime,
        module: &PolicyModule,
        instances: Instances,
    ) -> Result<Self, LoadError> {
        let engine = Self {
            runtime: runtime.clone(),
            code: runtime.code(module)?,
            instances,
            idle: Mutex::default(),
        };
        engine.check(module)?;
        Ok(engine)
    }

    /// The code must speak this ABI and describe the same policy, in the same bytes, as the
    /// evaluator here does from the bundle section. The guest verifies its bundle for this answer,
    /// so that no later instance of the same code needs to.
    fn check(&self, module: &PolicyModule) -> Result<(), LoadError> {
        let _pass = self.runtime.enter();
        let fault =
            |fault: Fault| LoadError::Interface(format!("its code does not answer: {fault:?}"));
        let mut instance = self.start().map_err(fault)?;
        let abi = instance.abi().map_err(fault)?;
        if abi < ABI {
            return Err(LoadError::Outdated);
        }
        if abi != ABI {
            return Err(LoadError::Interface(format!(
                "its ABI is {abi}, this host speaks {ABI}"
            )));
        }
        let info = instance.ask(Question::Info, &[]).map_err(fault)?;
        if info != NativeEngine::new(module).info() {
            return Err(LoadError::Mismatch);
        }
        self.put_back(instance);
        Ok(())
    }

    fn answer(&self, question: Question, request: &[u8]) -> String {
        let _pass = self.runtime.enter();
        self.ask(question, request)
            .unwrap_or_else(|fault| fault.denial())
    }

    /// An instance comes back only after an answer: a fault drops it.
    fn ask(&self, question: Question, request: &[u8]) -> Result<String, Fault> {
        let idle = self.lock_idle().pop();
        let mut instance = idle.map_or_else(|| self.start(), Ok)?;
        let answer = instance.ask(question, request)?;
        self.put_back(instance);
        Ok(answer)
    }

    fn start(&self) -> Result<Instance, Fault> {
        self.code.start(self.runtime.options())
    }

    fn put_back(&self, instance: Instance) {
        if self.instances == Instances::Fresh || instance.has_grown() {
            return;
        }
        let mut idle = self.lock_idle();
        if idle.len() < IDLE {
            idle.push(instance);
        }
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for WasmEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmEngine")
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}

impl Evaluator for WasmEngine {
    fn evaluate(&self, request: &[u8]) -> String {
        self.answer(Question::Evaluate, request)
    }

    fn advise(&self, request: &[u8]) -> String {
        self.answer(Question::Advise, request)
    }

    fn describe(&self, request: &[u8]) -> String {
        self.answer(Question::Describe, request)
    }

    fn info(&self) -> String {
        self.answer(Question::Info, &[])
    }
}
