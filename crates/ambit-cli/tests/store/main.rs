//! Policies that lie at an address: over HTTP and in a registry, with servers that mean no good.

#[path = "../common/mod.rs"]
mod common;
mod http;
#[path = "../common/listening.rs"]
mod listening;
mod registry;
#[path = "../common/served.rs"]
mod served;
#[expect(dead_code, reason = "the other starts them in its own way")]
#[path = "../pdp/server.rs"]
mod server;
mod shadow;
mod site;
mod world;
