//! An allow is one only when its obligations were discharged. Here they charge a ledger: 5.00 and three
//! refunds in all, however often the agent asks and in however many threads.
//!
//! `cargo run -p ambit-examples --example budget`

use std::sync::Arc;

use ambit_examples::{Outcome, Shop, code, refund};
use ambit_host::ledger::{Consume, MemoryLedger};
use ambit_host::{Enforcer, Evaluator as _, NativeEngine, Verdict};

pub(crate) fn main() -> Outcome<()> {
    let shop = Shop::open()?;
    let token = shop.token()?;
    let engine = NativeEngine::new(&shop.module()?);

    // `SqliteLedger` keeps what was spent over a restart. An obligation without a handler denies.
    let ledger = Arc::new(MemoryLedger::new());
    let enforcer = Enforcer::new().with("consume", Consume::new(ledger));

    let ask = |amount: &str| -> Outcome<String> {
        match enforcer.enforce(&engine.evaluate(refund(&token, amount).as_bytes())) {
            // Only here the service acts.
            Verdict::Permitted { .. } => Ok("permitted".to_owned()),
            Verdict::Refused { answer, .. } => code(&answer),
        }
    };
    assert_eq!(ask("2.00")?, "permitted");
    assert_eq!(ask("2.00")?, "permitted");
    // 1.00 is left of 5.00, and nothing was charged for what did not fit.
    assert_ne!(ask("1.50")?, "permitted");
    assert_eq!(ask("0.50")?, "permitted");
    // 0.50 is left, but it would be the fourth.
    let fourth = ask("0.50")?;
    assert_ne!(fourth, "permitted");
    println!("the fourth refund: {fourth}");

    // A host that cannot discharge an obligation refuses.
    let answer = engine.evaluate(refund(&token, "0.50").as_bytes());
    let verdict = Enforcer::new().enforce(&answer);
    assert!(!verdict.is_permitted());
    Ok(())
}
