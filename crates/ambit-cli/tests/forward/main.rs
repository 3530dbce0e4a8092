//! `ambit gateway forward`: what passes through nginx, Caddy or Envoy is what was checked, and only that.

mod caddy;
mod cases;
#[path = "../common/mod.rs"]
mod common;
mod envoy;
mod front;
mod grpc;
#[path = "../common/listening.rs"]
mod listening;
mod nginx;
mod operation;
mod proxy;
#[path = "../common/served.rs"]
mod served;
#[path = "../common/shown.rs"]
mod shown;
mod starting;
mod tls;
mod world;
