//! The rules of tokens and modules, one by one. Everything signed here is made from fixed seeds; the
//! vectors of others are run by `cargo xtask vectors`.

mod cache;
mod chain;
mod claims;
mod headers;
mod making;
mod module;
mod module_making;
mod mutation;
mod primitives;
mod tables;
mod webauthn;
