//! `ambit pdp`: decisions over HTTP, to the letter of AuthZEN, and only what the policy allows.

mod asked;
mod authzen;
mod bounds;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/listening.rs"]
mod listening;
#[path = "../common/served.rs"]
mod served;
mod server;
mod tokens;
