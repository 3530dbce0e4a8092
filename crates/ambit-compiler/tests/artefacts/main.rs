//! What the compiler makes: modules and tokens.

mod common;
mod consent;
mod mint;
mod module;
