//! The bundle of a policy, looked at without asking who signed it.

use ambit_policy::{Bundle, is_bundle};
use ambit_token::module::{ModuleError, layout};

use crate::advice;
use crate::failure::Failure;

/// The bundle in a file, a module or a bundle alone, checked for soundness and for nothing else.
pub(crate) fn in_file(file: &[u8]) -> Result<Bundle<'_>, Failure> {
    Bundle::verify(bytes_in_file(file)?).map_err(|error| {
        let message = format!("the module's bundle is not sound: {error}");
        Failure::unusable("module.bundle", message).help("name the file that `ambit build` wrote")
    })
}

/// Its bytes, as they are.
pub(crate) fn bytes_in_file(file: &[u8]) -> Result<&[u8], Failure> {
    if is_bundle(file) {
        return Ok(file);
    }
    layout(file)
        .and_then(|layout| layout.sole_bundle())
        .map_err(|error| unusable(&error))
}

/// The guest that a module was built with; `None` for a bundle alone, and for what is no module.
pub(crate) fn guest(file: &[u8]) -> Option<[u8; 32]> {
    layout(file).ok()?.guest_s256().ok()
}

/// Whether a module carries its signature.
pub(crate) fn carries_signature(module: &[u8]) -> bool {
    layout(module).is_ok_and(|layout| layout.signature.is_some())
}

fn unusable(error: &ModuleError) -> Failure {
    let failure = Failure::unusable(error.code(), error.to_string());
    match advice::find(error.code()) {
        Some(advice) => failure.help(advice.action),
        None => failure,
    }
}
