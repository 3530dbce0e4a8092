//! The questions of `tests/enforce`: its vectors are run natively, and what was asked and said meanwhile is what every other
//! engine is asked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ambit_core::http::Scheme;
use ambit_enforce::wire;
use ambit_policy::Bundle;
use ambit_tests::case::PolicySpec;
use serde_json::{Value, json};

use crate::questions::{Line, Policies, Suite, line};
use crate::{ask, epochs, runner};

/// The vectors of every rule, as lines.
///
/// # Errors
///
/// That the native rules are not as the vectors say.
pub(crate) fn lines(policies: &mut Policies) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let refers = json!({"actions": {"email": {"args": {"to": {"content": true}}}}});
    let spec = PolicySpec {
        project: "acme".to_owned(),
        keys: [epochs::keys(), vec![approver()]].concat(),
        bundle: Some(refers),
    };
    lines.extend(policies.add(&spec)?);
    let ran = catch_unwind(AssertUnwindSafe(|| {
        without_policy(&mut lines);
        with_policy(policies, &spec.id(), &mut lines)
    }));
    match ran {
        Ok(Ok(())) => Ok(lines),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(
            "the native rules are not as tests/enforce says: `cargo test -p ambit-enforce`"
                .to_owned(),
        ),
    }
}

/// Who signs people's yes.
fn approver() -> Value {
    json!({"key": "approver-service", "kid": "approve-1", "iss": "https://approve.acme.example", "alg": "Ed25519",
        "signs": "approval-receipt+jwt"})
}

fn without_policy(lines: &mut Vec<Line>) {
    let mut ask = |name: &str, request: &Value| {
        let request = request.to_string();
        let (op, said) = match name {
            "ambit_enforce" => ("enforce", wire::enforce(request.as_bytes(), Scheme::Dpop)),
            "ambit_consume" => ("consume", wire::consume(request.as_bytes())),
            "ambit_status" => ("status", wire::status(request.as_bytes())),
            "ambit_log" => ("log", wire::log(request.as_bytes())),
            other => panic!("`{other}` is no rule"),
        };
        let asked = request.as_bytes();
        lines.push(line(Suite::Enforce, op, name, None, asked, said.as_bytes()));
        serde_json::from_str(&said).unwrap_or_default()
    };
    runner::each_step_follows_from_those_before(&mut ask);
    runner::charges_fit_all_or_none(&mut ask);
    runner::a_status_is_what_a_believed_list_says(&mut ask);
    runner::a_log_is_read_as_it_was_written(&mut ask, &|_, _| {});
}

fn with_policy(policies: &Policies, id: &str, lines: &mut Vec<Line>) -> Result<(), String> {
    let known = policies.engine(id).zip(policies.signed(id));
    let (engine, signed) = known.ok_or("the policy is not loaded")?;
    let bundle = Bundle::verify(signed.bundle()).map_err(|error| error.to_string())?;
    let mut remember = |op, request: &str, said: String| -> Value {
        let (asked, policy) = (request.as_bytes(), Some(id));
        lines.push(line(Suite::Enforce, op, op, policy, asked, said.as_bytes()));
        serde_json::from_str(&said).unwrap_or_default()
    };
    epochs::epochs_are_kept_as_their_issuer_signed_them(&mut |_, request| {
        let request = request.to_string();
        let said = wire::epochs(&bundle, request.as_bytes());
        remember("epochs", &request, said)
    });
    let native = |name: &str, request: &str| match name {
        "ask" => engine.ask(request.as_bytes()),
        _ => engine.call_digest(request.as_bytes()),
    };
    ask::a_request_is_made_of_its_parts(
        &mut |_, request| {
            let request = request.to_string();
            let said = engine.ask(request.as_bytes());
            remember("ask", &request, said)
        },
        &native,
    );
    Ok(())
}
