//! Strict Ed25519 verification alone: of the first request's token.

use std::error::Error;
use std::path::Path;

use ambit_tests::test_module::TestModule;
use ambit_token::ed25519::verify_strict;
use vectors_guest::Case;

use crate::rounds::Row;

const WHAT: &str = "strict Ed25519 verification";

/// The unit of all ratios.
pub(crate) fn native(folder: &Path) -> Result<Row<'static>, Box<dyn Error>> {
    let bytes = std::fs::read(folder.join("signature.case"))?;
    let Some(Case::Ed25519 {
        public,
        message,
        signature,
    }) = Case::decode(&bytes)
    else {
        return Err("signature.case is no signature".into());
    };
    let public: &[u8; 32] = public.try_into()?;
    if !verify_strict(public, message, signature) {
        return Err("the signature to be measured does not verify".into());
    }
    let (public, message, signature) = (*public, message.to_vec(), signature.to_vec());
    Ok(Row::here("native", WHAT, move || {
        verify_strict(&public, &message, &signature)
    }))
}

/// The same function in the wasm of the vector tests; passing the case is counted.
pub(crate) fn wasmtime(folder: &Path) -> Result<Row<'static>, Box<dyn Error>> {
    let case = std::fs::read(folder.join("signature.case"))?;
    let mut guest = TestModule::read(&folder.join("vectors_guest.wasm"))?.start()?;
    let run = guest.function("vectors_run")?;
    let answer = String::from_utf8(guest.ask(&run, &case)?)?;
    if !answer.contains("true") {
        return Err(format!("wasmtime does not verify what is measured: {answer}").into());
    }
    Ok(Row::here("wasmtime", WHAT, move || {
        guest.ask(&run, &case).is_ok()
    }))
}
