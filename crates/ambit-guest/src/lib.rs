//! The evaluator behind a raw WebAssembly ABI: no imports, no start function, one memory.
//!
//! Built for `wasm32v1-none` this crate is the template of every policy module. The compiler puts a
//! bundle behind the template's memory and writes its place into the slot. On any
//! other target the crate is empty but for the bookkeeping, which is tested there.
//!
//! - `arena`: which bytes of the heap are in use (safe code, no pointers)
//! - `buffers`: what the host holds: requests it wrote, answers it has not returned
//! - `slot`: where the compiler says the bundle lies, and whether that can be true
//! - `abi`: the exports, the allocator and the panic handler: all `unsafe` of this crate
//!
//! With the feature `host-core` it is `ambit-core.wasm`, which holds no policy until `ambit_load` has verified one,
//! and has every rule of a host (`ambit-enforce`).
//!
//! `pkg/abi.md` describes the ABI for those who call it.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::unimplemented,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::panic_in_result_fn
)]

#[cfg(any(target_arch = "wasm32", test))]
mod arena;
#[cfg(any(target_arch = "wasm32", test))]
mod buffers;
#[cfg(any(target_arch = "wasm32", test))]
mod slot;

#[cfg(target_arch = "wasm32")]
#[expect(
    unsafe_code,
    reason = "exports, the global allocator and reading what the host wrote cannot be said in safe Rust"
)]
mod abi;
