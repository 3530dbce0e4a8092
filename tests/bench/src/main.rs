//! Measures the native evaluator and the guest in wasmtime on files that it has prepared, and prints
//! one JSON line a measurement. A crate of its own, so that a release build needs nothing of the
//! developer's commands. Usage: `ambit-bench FOLDER [prepare|cedar|start]`.
#![forbid(unsafe_code)]

mod cedar;
mod guest;
mod prepare;
mod sample;
mod signature;
mod start;

use std::error::Error;
use std::path::Path;

use ambit_host::{
    Evaluator, Instances, LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Runtime, Trust,
    WasmEngine,
};

use sample::measure;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: ambit-bench FOLDER")?;
    let folder = Path::new(&folder);
    match std::env::args().nth(2).as_deref() {
        Some("prepare") => return Ok(prepare::write(folder)?),
        Some("cedar") => return cedar::run(folder),
        Some("start") => return start::run(folder),
        _ => {}
    }
    signature::native(folder)?;
    signature::wasmtime(folder)?;

    let runtime = Runtime::new()?;
    let module = load(folder)?;
    let requests = std::fs::read_to_string(folder.join("requests.jsonl"))?;
    let requests: Vec<&[u8]> = requests.lines().map(str::as_bytes).collect();
    let engines: [(&str, Box<dyn Evaluator>); 3] = [
        ("native", Box::new(NativeEngine::new(&module))),
        (
            "wasmtime",
            Box::new(WasmEngine::new(&runtime, &module, Instances::Pooled)?),
        ),
        (
            "wasmtime-fresh",
            Box::new(WasmEngine::new(&runtime, &module, Instances::Fresh)?),
        ),
    ];
    for (name, engine) in &engines {
        decisions(name, engine.as_ref(), &requests)?;
    }
    Ok(())
}

fn load(folder: &Path) -> Result<PolicyModule, Box<dyn Error>> {
    let trust = Trust::parse(&std::fs::read(folder.join("keys.json"))?)?;
    let now: i64 = std::fs::read_to_string(folder.join("now"))?
        .trim()
        .parse()?;
    let seen = MemoryVersions::new();
    let options = LoadOptions {
        uid: None,
        now,
        seen: &seen,
    };
    Ok(PolicyModule::read(
        &folder.join("policy.wasm"),
        None,
        &trust,
        &options,
    )?)
}

/// There are more requests than the cache of verified chains holds, so going round them meets a
/// new token every time.
fn decisions(name: &str, engine: &dyn Evaluator, requests: &[&[u8]]) -> Result<(), Box<dyn Error>> {
    let first = requests.first().ok_or("there are no requests")?;
    for request in requests {
        let answer = engine.evaluate(request);
        if !answer.starts_with("{\"decision\":true,") {
            return Err(format!("{name} does not allow what is measured: {answer}").into());
        }
    }
    let mut round = requests.iter().cycle();
    measure(name, "decision, new token", || {
        round.next().map(|request| engine.evaluate(request))
    });
    measure(name, "decision, token seen before", || {
        engine.evaluate(first)
    });
    Ok(())
}
