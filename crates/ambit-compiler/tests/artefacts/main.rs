//! What the compiler makes: modules and tokens.

mod common;
mod mint;
mod module;
