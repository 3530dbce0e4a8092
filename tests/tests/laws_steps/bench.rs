//! The guest in wasmtime, with everything measured that an engine bounds.

use ambit_core::Steps;
use ambit_core::limits::{BUNDLE_BYTES, CALL_BYTES};
use ambit_evaluator::{ChainCache, evaluate_within};
use ambit_host::{Evaluator, NativeEngine};
use ambit_policy::Bundle;
use ambit_tests::project::SignedPolicy;
use wasmtime::{Config, Engine, InstancePre, Linker, Module, Store};

/// The guest's stack lies below everything else (`cargo xtask guest`).
pub(crate) const STACK: usize = 256 * 1024;

/// What one call took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) fuel: u64,
    /// Steps; of `describe` none.
    pub(crate) steps: u64,
    /// Bytes by which memory grew.
    pub(crate) memory: usize,
    pub(crate) stack: usize,
}

/// A policy with its engines.
pub(crate) struct Bench {
    pub(crate) policy: SignedPolicy,
    native: NativeEngine,
    template: InstancePre<()>,
}

impl Bench {
    pub(crate) fn new(policy: SignedPolicy) -> Self {
        let module = policy.load().unwrap();
        let native = NativeEngine::new(&module);
        let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
        let compiled =
            Module::from_binary(&engine, &std::fs::read(policy.file()).unwrap()).unwrap();
        let template = Linker::new(&engine).instantiate_pre(&compiled).unwrap();
        Self {
            policy,
            native,
            template,
        }
    }

    /// Asks natively and in wasmtime: both give the same bytes, which are returned with what they
    /// took. A host's bounds lie above, so that they change nothing.
    pub(crate) fn evaluate(&self, request: &[u8]) -> (String, Used) {
        let (answer, mut used) = self.measure("ambit_evaluate", request);
        let native = self.native.evaluate(request);
        assert_eq!(native, answer, "native and guest differ");
        let bundle = Bundle::verify(self.policy.bundle()).unwrap();
        let steps = Steps::new();
        let counted = evaluate_within(&bundle, request, &mut ChainCache::new(), &steps);
        assert_eq!(native, counted);
        used.steps = u64::from(Steps::new().left() - steps.left());
        (answer, used)
    }

    pub(crate) fn describe(&self, request: &[u8]) -> (String, Used) {
        let (answer, used) = self.measure("ambit_describe", request);
        assert_eq!(self.native.describe(request), answer);
        (answer, used)
    }

    pub(crate) fn advise(&self, request: &[u8]) -> (String, Used) {
        let (answer, used) = self.measure("ambit_advise", request);
        assert_eq!(self.native.advise(request), answer);
        (answer, used)
    }

    /// What reading all of the policy takes.
    pub(crate) fn info(&self) -> Used {
        self.measure("ambit_info", b"").1
    }

    /// One call in a new instance with more of everything than any host gives.
    fn measure(&self, export: &str, request: &[u8]) -> (String, Used) {
        const FUEL: u64 = 1 << 40;
        let mut store = Store::new(self.template.module().engine(), ());
        store.set_fuel(FUEL).unwrap();
        let instance = self.template.instantiate(&mut store).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let alloc = instance
            .get_typed_func::<u32, u32>(&mut store, "ambit_alloc")
            .unwrap();
        let first = memory.data_size(&store);
        assert!(
            first < BUNDLE_BYTES + CALL_BYTES,
            "the instance itself is large"
        );
        let length = u32::try_from(request.len()).unwrap();
        let packed = if export == "ambit_info" {
            let run = instance.get_typed_func::<(), u64>(&mut store, export);
            run.unwrap().call(&mut store, ())
        } else {
            let at = alloc.call(&mut store, length).unwrap();
            memory.write(&mut store, at as usize, request).unwrap();
            let run = instance.get_typed_func::<(u32, u32), u64>(&mut store, export);
            run.unwrap().call(&mut store, (at, length))
        };
        let packed = packed.unwrap_or_else(|error| panic!("{error:?}"));
        let (from, length) = ((packed >> 32) as usize, (packed & 0xffff_ffff) as usize);
        let data = memory.data(&store);
        let answer = String::from_utf8(data[from..from + length].to_vec()).unwrap();
        let deepest = data[..STACK]
            .iter()
            .position(|byte| *byte != 0)
            .unwrap_or(STACK);
        let used = Used {
            fuel: FUEL - store.get_fuel().unwrap(),
            steps: 0,
            memory: memory.data_size(&store) - first,
            stack: STACK - deepest,
        };
        (answer, used)
    }
}
