//! A project with versions of its policy, and a decision point that fetches them.

use std::fs;

use serde_json::{Value, json};

use crate::server::{Server, World, entry};

pub(crate) const MODULE: &str = "policy.wasm";
pub(crate) const SIGNATURE: &str = "policy.wasm.dsse.json";

pub(crate) fn ask() -> Value {
    json!({
        "subject": {"type": "user", "id": "ann"}, "action": {"name": "can_read_todos"},
        "resource": {"type": "todo", "id": "1"},
    })
}

pub(crate) fn held() -> World {
    let world = World::new();
    world.hold("ann", &[entry(&["read_todos"], "todo", &json!({}))]);
    world
}

/// Module and signature of a version, by which reading is no more allowed from the second on.
pub(crate) fn version(world: &World, version: u64) -> (Vec<u8>, Vec<u8>) {
    if version > 1 {
        let before = format!("\nversion = {}\n", version - 1);
        world.edit("ambit.toml", &before, &format!("\nversion = {version}\n"));
    }
    if version == 2 {
        let kinds = "datatypes = [\"user\", \"todo\", ";
        world.edit("agents/app.toml", kinds, "datatypes = [\"user\", ");
        world.edit("agents/app.toml", "\"read_todos\", ", "");
    }
    world.build();
    policy(world)
}

/// What lies there now.
pub(crate) fn policy(world: &World) -> (Vec<u8>, Vec<u8>) {
    let read = |name| fs::read(world.path(name)).unwrap();
    (read(MODULE), read(SIGNATURE))
}

/// The command line of a decision point that fetches its policy, and looks once a second.
pub(crate) fn line<'a>(address: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut line = World::SERVE
        .map(|word| if word == MODULE { address } else { word })
        .to_vec();
    let seen = line.iter().position(|word| *word == "--seen").unwrap();
    line.drain(seen..seen + 2);
    line.extend(["--keep", "kept", "--every", "1s", "--uid", "acme/todo"]);
    line.extend(more);
    line
}

pub(crate) fn serve(world: &World, address: &str, more: &[&str]) -> Server {
    Server::start(&world.path(""), &line(address, more), "deciding at http://")
}
