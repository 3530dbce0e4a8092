//! Strict Ed25519 verification alone: of the first request's token.

use std::error::Error;
use std::path::Path;

use ambit_token::ed25519::verify_strict;
use vectors_guest::Case;
use wasmtime::{Engine, Instance, Module, Store};

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

/// The same function in the wasm of the vector tests; passing the case costs well under 1 %.
pub(crate) fn wasmtime(folder: &Path) -> Result<Row<'static>, Box<dyn Error>> {
    let case = std::fs::read(folder.join("signature.case"))?;
    let engine = Engine::default();
    let module = Module::from_file(&engine, folder.join("vectors_guest.wasm"))?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance
        .get_memory(&mut store, "memory")
        .ok_or("no memory")?;
    let alloc = instance.get_typed_func::<u32, u32>(&mut store, "vectors_alloc")?;
    let run = instance.get_typed_func::<(u32, u32), u64>(&mut store, "vectors_run")?;
    let free = instance.get_typed_func::<(u32, u32), ()>(&mut store, "vectors_free")?;
    let length = u32::try_from(case.len())?;
    let mut verify = move || -> Result<Vec<u8>, Box<dyn Error>> {
        let at = alloc.call(&mut store, length)?;
        memory.write(&mut store, usize::try_from(at)?, &case)?;
        let packed = run.call(&mut store, (at, length))?;
        let (at, length) = (
            u32::try_from(packed >> 32)?,
            u32::try_from(packed & 0xffff_ffff)?,
        );
        let mut answer = vec![0; usize::try_from(length)?];
        memory.read(&store, usize::try_from(at)?, &mut answer)?;
        free.call(&mut store, (at, length))?;
        Ok(answer)
    };
    let answer = String::from_utf8(verify()?)?;
    if !answer.contains("true") {
        return Err(format!("wasmtime does not verify what is measured: {answer}").into());
    }
    Ok(Row::here("wasmtime", WHAT, move || verify().is_ok()))
}
