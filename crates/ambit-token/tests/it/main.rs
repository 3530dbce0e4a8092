//! The rules of tokens and modules, one by one, and the published vectors.
//!
//! Everything signed here is made from fixed seeds. The vectors of others are read from the folder
//! that `AMBIT_EXTERNAL` names; without it those tests say that they were skipped.

mod cache;
mod chain;
mod claims;
mod external;
mod headers;
mod making;
mod module;
mod module_making;
mod mutation;
mod primitives;
mod tables;
mod webauthn;
