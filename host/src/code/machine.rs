//! The one place of this crate with `unsafe` code.

use wasmtime::{Engine, Module};

/// Machine code from bytes whose seal was just verified; `None` when it is for another engine.
///
/// Only `CodeCache::load` calls this.
#[expect(
    unsafe_code,
    reason = "wasmtime cannot tell whether machine code is its own; the seal does"
)]
pub(super) fn from_sealed(engine: &Engine, code: &[u8]) -> Option<Module> {
    // SAFETY: `Module::deserialize` asks that the bytes come from `Module::serialize`, unchanged. These
    // carry a MAC over all of them, over the module's digest and over the engine's version, target and
    // settings, under a key that only this user can read (`CodeCache::open`) and that seals nothing but
    // what `Module::serialize` gave for that module and engine (`CodeCache::store`). They lie in our own
    // memory, so that nobody can change them between that check and this call, which copies them.
    unsafe { Module::deserialize(engine, code) }.ok()
}
