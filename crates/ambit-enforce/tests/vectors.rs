//! The vectors of `tests/enforce`, natively. `tests/tests/host_core.rs` asks `ambit-core.wasm` the same.

mod runner;

use ambit_enforce::wire;
use serde_json::Value;

fn ask(name: &str, request: &Value) -> Value {
    let run = match name {
        "ambit_enforce" => wire::enforce,
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
