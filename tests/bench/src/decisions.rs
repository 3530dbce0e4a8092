//! Whole decisions, in every engine that there is here, beside one signature and beside peers.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use ambit_host::{
    Evaluator, Instances, LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Runtime, Trust,
    WasmEngine,
};

use crate::remote;
use crate::rounds::{self, Row};
use crate::signature;

/// A file of requests, and what a decision on them is called. There are more requests with a new token
/// than any cache holds, so going round them meets a new token every time.
const DECISIONS: [(&str, &str); 4] = [
    ("known", "known token, no proof"),
    ("new", "new token, no proof"),
    ("ed25519", "known token, Ed25519 proof"),
    ("p256", "known token, P-256 proof"),
];

/// Measures. `npm` is the folder of the npm package, `peers` the program that measures peers.
pub(crate) fn run(folder: &Path, npm: &Path, peers: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let requests = Requests::read(folder)?;
    let runtime = Runtime::new()?;
    let module = load(folder, "policy.wasm")?;
    let native = NativeEngine::new(&module);
    let pooled = WasmEngine::new(&runtime, &module, Instances::Pooled)?;
    let fresh = WasmEngine::new(&runtime, &module, Instances::Fresh)?;

    let mut rows = vec![signature::native(folder)?, signature::wasmtime(folder)?];
    let engines: [(&str, &dyn Evaluator); 2] = [("native", &native), ("wasmtime", &pooled)];
    for (name, engine) in engines {
        for (file, what) in DECISIONS {
            rows.push(decision(name, what, engine, requests.of(file))?);
        }
    }
    let what = "fresh instance, known issuer";
    rows.push(decision("wasmtime", what, &fresh, requests.of("new"))?);
    let script = workspace().join("tests/bench/node.mjs");
    rows.extend(remote::rows(
        Command::new("node").arg(script).arg(folder).arg(npm),
    )?);
    if let Some(peers) = peers {
        rows.extend(remote::rows(Command::new(peers).arg(folder))?);
    }
    rounds::run(rows)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(folder: &Path, file: &str) -> Result<PolicyModule, Box<dyn Error>> {
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
        &folder.join(file),
        None,
        &trust,
        &options,
    )?)
}

/// The requests of each file.
struct Requests(Vec<(&'static str, Vec<Vec<u8>>)>);

impl Requests {
    fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let read = |(file, _): (&'static str, &str)| -> Result<_, Box<dyn Error>> {
            let text = std::fs::read_to_string(folder.join(format!("{file}.jsonl")))?;
            let lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            Ok((file, lines))
        };
        Ok(Self(
            DECISIONS.into_iter().map(read).collect::<Result<_, _>>()?,
        ))
    }

    fn of(&self, file: &str) -> &[Vec<u8>] {
        let found = self.0.iter().find(|(name, _)| *name == file);
        found.map_or(&[], |(_, requests)| requests)
    }
}

fn decision<'a>(
    name: &str,
    what: &str,
    engine: &'a dyn Evaluator,
    requests: &'a [Vec<u8>],
) -> Result<Row<'a>, Box<dyn Error>> {
    for request in requests {
        let answer = engine.evaluate(request);
        if !answer.starts_with("{\"decision\":true,") {
            return Err(format!("{name} does not allow what is measured: {answer}").into());
        }
    }
    let mut round = requests.iter().cycle();
    Ok(Row::here(name, what, move || {
        round.next().map(|request| engine.evaluate(request))
    }))
}
