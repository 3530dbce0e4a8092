//! Every example is run: Node where it is there; the command line by `ambit-cli`'s own tests.

use std::path::Path;
use std::process::Command;

use ambit_examples::{Outcome, Shop, refund};

#[path = "../budget.rs"]
mod budget;
#[path = "../native.rs"]
mod native;
#[path = "../signed_module.rs"]
mod signed_module;
#[path = "../sub_agent.rs"]
mod sub_agent;

#[test]
fn a_signed_module() -> Outcome<()> {
    signed_module::main()
}

#[test]
fn the_native_engine() -> Outcome<()> {
    native::main()
}

#[test]
fn a_budget() -> Outcome<()> {
    budget::main()
}

#[test]
fn a_sub_agent() -> Outcome<()> {
    sub_agent::main()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn node() -> Outcome<()> {
    let built = here().join("../target/npm/node.js").is_file();
    let node = Command::new("node").arg("--version").output();
    if !built || node.is_err() {
        println!("SKIPPED: no `node`, or no package (`cargo xtask web`)");
        return Ok(());
    }
    let shop = Shop::open()?;
    let request = shop.file("request.json");
    std::fs::write(&request, refund(&shop.token()?, "1.50"))?;
    let output = Command::new("node")
        .arg(here().join("node.mjs"))
        .args([shop.file("policy.wasm"), shop.file("keys.json"), request])
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "true allowed\nto do first: consume\n", "{errors}");
    Ok(())
}
