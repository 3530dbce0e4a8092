//! The bundle inside a module, looked at without asking who signed it.

use ambit_policy::Bundle;
use ambit_token::module::{ModuleError, layout};

use crate::advice;
use crate::failure::Failure;

/// The bundle of a module, checked for soundness and for nothing else.
pub(crate) fn of_module(module: &[u8]) -> Result<Bundle<'_>, Failure> {
    let layout = layout(module).map_err(|error| unusable(&error))?;
    let bundle = layout
        .bundle
        .filter(|_| layout.bundles == 1)
        .ok_or_else(|| not_a_policy("the module has no bundle section, or more than one"))?;
    Bundle::verify(bundle)
        .map_err(|error| not_a_policy(&format!("the module's bundle is not sound: {error}")))
}

/// Whether a module carries its signature.
pub(crate) fn carries_signature(module: &[u8]) -> bool {
    layout(module).is_ok_and(|layout| layout.signature.is_some())
}

fn not_a_policy(message: &str) -> Failure {
    Failure::unusable("module.bundle", message)
        .help("name the `.wasm` file that `ambit build` wrote")
}

fn unusable(error: &ModuleError) -> Failure {
    let failure = Failure::unusable(error.code(), error.to_string());
    match advice::find(error.code()) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}
