//! An agent passes less than it holds on to a sub-agent. It signs the further block with its own key; no
//! issuer is asked, and nothing that the block says can add to what the token grants.
//!
//! `cargo run -p ambit-examples --example sub_agent`

use ambit_compiler::keys;
use ambit_compiler::mint::{AttenuateOptions, attenuate};
use ambit_examples::{NOW, Outcome, Shop, code, refund};
use ambit_host::{Evaluator as _, NativeEngine};
use serde_json::json;

pub(crate) fn main() -> Outcome<()> {
    let shop = Shop::open()?;
    let token = shop.token()?;
    let engine = NativeEngine::new(&shop.module()?);
    let sub_agent = keys::generate(None)?;

    let pass_on = |capability: serde_json::Value| -> Outcome<String> {
        let claims = json!({"authorization_details": [capability]}).to_string();
        let options = AttenuateOptions {
            now: NOW,
            life: Some(60),
            holder: Some(sub_agent.public()),
            bundle: None,
        };
        Ok(attenuate(&token, &shop.agent, &claims, &options)?.sign()?)
    };
    let decided =
        |token: &str, amount: &str| code(&engine.evaluate(refund(token, amount).as_bytes()));

    let least = json!({"type": "ambit_capability",
        "constraints": {"amount": {"constraint_type": "range", "max": 50}}});
    let narrower = pass_on(least)?;
    assert_eq!(decided(&narrower, "0.50")?, "allowed");
    assert_eq!(decided(&narrower, "1.00")?, "constraint.range");
    assert_eq!(decided(&token, "1.00")?, "allowed");

    // A block that claims more has no effect: every block must grant the call.
    let more = json!({"type": "ambit_capability",
        "constraints": {"amount": {"constraint_type": "range", "max": 500}}});
    assert_eq!(decided(&pass_on(more)?, "2.50")?, "constraint.range");
    println!("{narrower}");
    Ok(())
}
