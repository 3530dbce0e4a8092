//! What the gateways add: to a call of an MCP tool, and to a request through nginx.

mod http;
pub(crate) mod mcp;
mod sessions;
pub(crate) mod world;

use std::error::Error;
use std::path::Path;

use serde_json::{Value, json};

pub(crate) use mcp::serve as serve_mcp;
use world::World;

/// Measures with this `ambit`.
pub(crate) fn run(ambit: &Path) -> Result<(), Box<dyn Error>> {
    let world = World::new(ambit)?;
    mcp::run(&world)?;
    sessions::run(&world)?;
    http::run(&world)
}

/// Prints the spread of these samples, which are sorted here.
fn print(engine: &str, what: &str, unit: &str, samples: &mut [f64]) {
    samples.sort_by(f64::total_cmp);
    let at = |percent: usize| json!(samples[(samples.len() - 1) * percent / 100].round());
    let mut row = json!({"engine": engine, "what": what, "unit": unit, "samples": samples.len()});
    for (name, percent) in [("p10", 10), ("median", 50), ("p90", 90)] {
        row[name] = at(percent);
    }
    println!("{row}");
}

/// Prints one number that others lead to.
fn print_one(engine: &str, what: &str, unit: &str, value: f64) {
    let row: Value = json!({"engine": engine, "what": what, "unit": unit, "median": value});
    println!("{row}");
}
