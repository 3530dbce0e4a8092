//! The vectors of `tests/enforce`, natively. `tests/tests/host_core.rs` asks `ambit-core.wasm` the same.

mod runner;

use ambit_core::http::Scheme;
use ambit_enforce::wire;
use serde_json::Value;

fn ask(name: &str, request: &Value) -> Value {
    let run: fn(&[u8]) -> String = match name {
        "ambit_enforce" => |request| wire::enforce(request, Scheme::Dpop),
        "ambit_consume" => wire::consume,
        "ambit_status" => wire::status,
        "ambit_log" => wire::log,
        other => panic!("{other}"),
    };
    serde_json::from_str(&run(request.to_string().as_bytes())).unwrap()
}

#[test]
fn each_step_follows_from_those_before() {
    runner::each_step_follows_from_those_before(&mut ask);
}

#[test]
fn charges_fit_all_or_none() {
    runner::charges_fit_all_or_none(&mut ask);
}

#[test]
fn a_status_is_what_a_believed_list_says() {
    runner::a_status_is_what_a_believed_list_says(&mut ask);
}

#[test]
fn a_log_is_read_as_it_was_written() {
    runner::a_log_is_read_as_it_was_written(&mut ask, &|_, _| {});
}

/// What a denial says over HTTP is said by the policy's own scheme.
#[test]
fn a_refusal_names_the_scheme_of_the_policy() {
    let answer = ambit_evaluator::refuse(ambit_core::Reason::TokenMissing, "");
    let asked = serde_json::json!({
        "answer": answer, "knows": [], "journal": false, "epochs": false, "results": [],
    });
    for (scheme, wanted) in [(Scheme::Bearer, "Bearer "), (Scheme::Dpop, "DPoP ")] {
        let step = wire::enforce(asked.to_string().as_bytes(), scheme);
        let step: Value = serde_json::from_str(&step).unwrap();
        let challenge = &step["http"]["headers"]["www-authenticate"];
        assert!(challenge.as_str().unwrap().starts_with(wanted), "{step}");
    }
}
