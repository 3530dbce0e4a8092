//! `ambit gateway mcp`: what passes between a client and a server, and what does not.

mod agent;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod content;
#[cfg(target_os = "linux")]
mod ending;
mod held;
mod http;
#[path = "../common/listening.rs"]
mod listening;
mod modern;
mod passing;
mod people;
mod python;
mod readme;
mod real;
mod real_http;
#[path = "../common/served.rs"]
mod served;
#[path = "../common/shown.rs"]
mod shown;
mod stateless;
mod suite;
mod transport;
mod untaken;
mod upstream;
mod world;
