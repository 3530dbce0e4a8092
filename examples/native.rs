//! The same module without its code: the evaluator that is compiled into the service runs the policy
//! data, and answers with the same bytes.
//!
//! `cargo run -p ambit-examples --example native`

use ambit_examples::{Outcome, Shop, code, refund};
use ambit_host::{Evaluator as _, Instances, NativeEngine, Runtime, WasmEngine};

pub(crate) fn main() -> Outcome<()> {
    let shop = Shop::open()?;
    let (token, module) = (shop.token()?, shop.module()?);

    let native = NativeEngine::new(&module);
    let answer = native.evaluate(refund(&token, "1.50").as_bytes());
    assert_eq!(code(&answer)?, "allowed");

    let wasm = WasmEngine::new(&Runtime::new()?, &module, Instances::Pooled)?;
    assert_eq!(answer, wasm.evaluate(refund(&token, "1.50").as_bytes()));

    // Whatever is malformed is answered too, with a no.
    assert_eq!(code(&native.evaluate(b"not JSON"))?, "request.syntax");
    println!("{answer}");
    Ok(())
}
