//! A service that runs a signed policy module in wasmtime: the module's own code decides.
//!
//! `cargo run -p ambit-examples --example signed_module`

use ambit_examples::{Outcome, Shop, code, refund};
use ambit_host::{Evaluator as _, Instances, Runtime, WasmEngine};

pub(crate) fn main() -> Outcome<()> {
    let shop = Shop::open()?;
    let token = shop.token()?;

    // The only way to an engine is a module whose signature, policy and version were verified.
    let module = shop.module()?;
    let engine = WasmEngine::new(&Runtime::new()?, &module, Instances::Pooled)?;

    let within = engine.evaluate(refund(&token, "1.50").as_bytes());
    assert_eq!(code(&within)?, "allowed");

    let beyond = engine.evaluate(refund(&token, "2.50").as_bytes());
    assert_eq!(code(&beyond)?, "constraint.range");

    // What would help: the same request again, asked for advice.
    println!("{}", engine.advise(refund(&token, "2.50").as_bytes()));
    Ok(())
}
