//! From files on the disk to the first decision.

use std::error::Error;
use std::path::Path;

use ambit_host::{
    CodeCache, Evaluator, Instances, LoadOptions, MemoryVersions, NativeEngine, PolicyBundle,
    PolicyModule, Runtime, RuntimeOptions, Trust, WasmEngine,
};

use crate::sample::{measure, measure_few};

/// What a host starts from.
struct Start<'f> {
    folder: &'f Path,
    trust: Trust,
    now: i64,
    request: String,
}

pub(crate) fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let requests = std::fs::read_to_string(folder.join("known.jsonl"))?;
    let start = Start {
        folder,
        trust: Trust::parse(&std::fs::read(folder.join("keys.json"))?)?,
        now: std::fs::read_to_string(folder.join("now"))?
            .trim()
            .parse()?,
        request: requests
            .lines()
            .next()
            .ok_or("there are no requests")?
            .to_owned(),
    };
    let code = tempfile::tempdir()?;
    let cached = || -> Result<Runtime, Box<dyn Error>> {
        let cache = CodeCache::open(code.path().join("code"))?;
        Ok(Runtime::with_cache(RuntimeOptions::default(), cache)?)
    };
    let runtime = cached()?;
    start.wasmtime(&runtime)?;
    measure("wasmtime", "start: code on the disk", || {
        start.wasmtime(&runtime).is_ok()
    });
    measure("wasmtime", "start: the same, in a new runtime", || {
        cached()
            .and_then(|runtime| start.wasmtime(&runtime))
            .is_ok()
    });
    let running = WasmEngine::new(&runtime, &start.module()?, Instances::Pooled)?;
    measure("wasmtime", "start: a second engine", || {
        start.wasmtime(&runtime).is_ok()
    });
    drop(running);
    let nothing_kept = Runtime::new()?;
    measure_few("wasmtime", "start: compiled anew", || {
        start.wasmtime(&nothing_kept).is_ok()
    });
    start.native(start.module()?)?;
    measure("native", "start: whole module", || {
        let decided = start.module().and_then(|module| start.native(module));
        decided.is_ok()
    });
    measure("native", "start: bundle alone", || {
        let decided = start.bundle().and_then(|bundle| start.native(bundle));
        decided.is_ok()
    });
    Ok(())
}

impl Start<'_> {
    fn module(&self) -> Result<PolicyModule, Box<dyn Error>> {
        let file = self.folder.join("policy.wasm");
        let seen = MemoryVersions::new();
        let module = PolicyModule::read(&file, None, &self.trust, &self.options(&seen))?;
        Ok(module)
    }

    fn bundle(&self) -> Result<PolicyBundle, Box<dyn Error>> {
        let (file, signature) = (
            self.folder.join("policy.bundle"),
            self.folder.join("policy.bundle.dsse.json"),
        );
        let seen = MemoryVersions::new();
        let options = self.options(&seen);
        Ok(PolicyBundle::read(
            &file,
            Some(&signature),
            &self.trust,
            &options,
        )?)
    }

    fn options<'o>(&self, seen: &'o MemoryVersions) -> LoadOptions<'o> {
        LoadOptions {
            uid: None,
            now: self.now,
            seen,
        }
    }

    /// Reads, verifies, gets the code, and decides.
    fn wasmtime(&self, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
        let engine = WasmEngine::new(runtime, &self.module()?, Instances::Pooled)?;
        self.allowed(&engine)
    }

    fn native(&self, policy: impl AsRef<PolicyBundle>) -> Result<(), Box<dyn Error>> {
        self.allowed(&NativeEngine::new(policy))
    }

    fn allowed(&self, engine: &dyn Evaluator) -> Result<(), Box<dyn Error>> {
        let answer = engine.evaluate(self.request.as_bytes());
        match answer.starts_with("{\"decision\":true,") {
            true => Ok(()),
            false => Err(format!("what is measured is not allowed: {answer}").into()),
        }
    }
}
