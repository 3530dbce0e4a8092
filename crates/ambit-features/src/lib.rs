//! Nothing but features. Cargo compiles a dependency anew for each set of features that somebody asks
//! for, and with it all that depends on it: without this crate `cargo build -p ambit-cli`, the demo and
//! `cargo test --workspace` would each compile wasmtime and Cedar. It turns on what the whole workspace
//! turns on, development dependencies included. `tests/tests/features.rs` says what is lacking.
#![no_std]
#![forbid(unsafe_code)]
