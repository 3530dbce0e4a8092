//! Measures on files that it has prepared, and prints one JSON line a measurement. A crate of its own, so
//! that a release build needs nothing of the developer's commands.
//! Usage: `ambit-bench FOLDER prepare`, then `decisions NPM_FOLDER [PEERS_PROGRAM]`, `cedar`, `start` or
//! `gateway AMBIT_PROGRAM`; `serve-mcp` is the server behind it. `soak AMBIT_PROGRAM SECONDS` and
//! `soak-engines SECONDS` measure no time: they look for wrong answers and for what grows.
#![forbid(unsafe_code)]

mod cedar;
mod decisions;
mod gateway;
mod prepare;
mod remote;
mod rounds;
mod sample;
mod signature;
mod soak;
mod start;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let part = arguments.get(1).and_then(|part| part.to_str());
    match (arguments.as_slice(), part) {
        ([folder, _, npm, peers @ ..], Some("decisions")) => {
            decisions::run(folder, npm, peers.first().map(PathBuf::as_path))
        }
        ([folder, _], Some("prepare")) => Ok(prepare::write(folder)?),
        ([folder, _], Some("cedar")) => cedar::run(folder),
        ([folder, _], Some("start")) => start::run(folder),
        ([_, _, ambit], Some("gateway")) => gateway::run(ambit),
        ([_, _], Some("serve-mcp")) => gateway::serve_mcp(),
        ([_, _, ambit, seconds], Some("soak")) => soak::gateways(ambit, soak::time(seconds)?),
        ([_, _, seconds], Some("soak-engines")) => soak::engines(soak::time(seconds)?),
        _ => Err("usage: ambit-bench FOLDER prepare|decisions|cedar|start|gateway|soak …".into()),
    }
}
