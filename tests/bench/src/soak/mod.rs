//! Load that goes on: no wrong answer, and nothing that grows. `cargo xtask soak`.

mod engines;
mod gateways;
mod growth;
mod requests;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

pub(crate) use engines::run as engines;
pub(crate) use gateways::run as gateways;
pub(crate) use growth::resident;

/// Seconds as they are named on the command line.
pub(crate) fn time(seconds: &Path) -> Result<Duration, Box<dyn Error>> {
    let seconds = seconds.to_str().unwrap_or_default().parse()?;
    Ok(Duration::from_secs(seconds))
}

/// Prints what came of one check.
fn say(what: &str, passed: bool, said: &str) {
    println!("{}", json!({"what": what, "passed": passed, "said": said}));
}
