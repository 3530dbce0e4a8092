//! Correctly signed modules whose code misbehaves. Each file in `hostile/` is one: its first line
//! says what must come of it, `answer CODE` or `load CODE`.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use ambit_host::{Evaluator as _, Instances, LoadError, Runtime, RuntimeOptions, WasmEngine};

fn reason(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
    let reason = answer["context"]["reason"]["code"].as_str();
    reason.unwrap_or_default().to_owned()
}

fn outcome(runtime: &Runtime, text: &str, instances: Instances) -> String {
    let loaded = || -> Result<WasmEngine, LoadError> {
        WasmEngine::new(runtime, &support::module(text)?, instances)
    };
    match loaded() {
        Ok(engine) => format!("answer {}", reason(&engine.evaluate(b"{}"))),
        Err(error) => format!("load {}", error.code()),
    }
}

#[test]
fn every_hostile_module_is_refused_or_denied() {
    // An endless loop takes all of it.
    let options = RuntimeOptions {
        time: Duration::from_secs(1),
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::with(options).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().unwrap().trim_start_matches(";; ");
        for instances in [Instances::Fresh, Instances::Pooled] {
            let outcome = outcome(&runtime, &text, instances);
            assert_eq!(outcome, expected, "{} {instances:?}", path.display());
        }
        count += 1;
    }
    assert!(count >= 20, "only {count} files");
}

/// Traps on a request of one byte, otherwise answers the allow once a trap has been survived.
const REMEMBERS: &str = r#"
(global $trapped (mut i32) (i32.const 0))
(func (export "ambit_evaluate") (param $at i32) (param $len i32) (result i64)
  (if (i32.eq (local.get $len) (i32.const 1))
    (then (global.set $trapped (i32.const 1)) (unreachable)))
  (if (result i64) (global.get $trapped)
    (then (i64.const {ALLOW})) (else (i64.const {DENY}))))"#;

#[test]
fn an_instance_that_trapped_is_thrown_away() {
    let module = support::module(REMEMBERS).unwrap();
    for instances in [Instances::Fresh, Instances::Pooled] {
        let engine = WasmEngine::new(&Runtime::new().unwrap(), &module, instances).unwrap();
        assert_eq!(reason(&engine.evaluate(b"t")), "engine.trap");
        assert!(engine.evaluate(b"{}").starts_with(r#"{"decision":false"#));
    }
}

/// Denies the first call of an instance, allows every later one.
const COUNTS: &str = r#"
(global $calls (mut i32) (i32.const 0))
(func (export "ambit_evaluate") (param $at i32) (param $len i32) (result i64)
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (if (result i64) (i32.gt_u (global.get $calls) (i32.const 1))
    (then (i64.const {ALLOW})) (else (i64.const {DENY}))))"#;

#[test]
fn a_fresh_instance_remembers_nothing() {
    let module = support::module(COUNTS).unwrap();
    let runtime = Runtime::new().unwrap();
    let second = |instances| {
        let engine = WasmEngine::new(&runtime, &module, instances).unwrap();
        engine.evaluate(b"{}");
        engine.evaluate(b"{}")
    };
    assert!(second(Instances::Fresh).starts_with(r#"{"decision":false"#));
    assert!(second(Instances::Pooled).starts_with(r#"{"decision":true"#));
}

/// Grows by 8 MiB at each call.
const GROWS: &str = r#"
(global $calls (mut i32) (i32.const 0))
(func (export "ambit_evaluate") (param $at i32) (param $len i32) (result i64)
  (drop (memory.grow (i32.const 128)))
  (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
  (if (result i64) (i32.gt_u (global.get $calls) (i32.const 1))
    (then (i64.const {ALLOW})) (else (i64.const {DENY}))))"#;

#[test]
fn an_instance_that_grew_is_not_used_again() {
    let module = support::module(GROWS).unwrap();
    let engine = WasmEngine::new(&Runtime::new().unwrap(), &module, Instances::Pooled).unwrap();
    for _ in 0..20 {
        assert!(engine.evaluate(b"{}").starts_with(r#"{"decision":false"#));
    }
}

#[test]
fn one_engine_serves_many_threads() {
    let module = support::module("").unwrap();
    let options = RuntimeOptions {
        calls: 2,
        ..Default::default()
    };
    let runtime = Runtime::with(options).unwrap();
    for instances in [Instances::Fresh, Instances::Pooled] {
        let engine = WasmEngine::new(&runtime, &module, instances).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert_eq!(engine.evaluate(b"{}"), r#"{"decision":false,"context":{}}"#);
                    }
                });
            }
        });
    }
}
