//! The vectors of `tests/enforce`, natively.

use ambit_enforce::wire;
use serde_json::{Value, json};

fn ask(run: fn(&[u8]) -> String, request: &Value) -> Value {
    serde_json::from_str(&run(request.to_string().as_bytes())).unwrap()
}

fn answer(case: &Value) -> String {
    let kinds = case["obligations"].as_array().unwrap();
    let obligations: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({"id": kind, "type": kind, "ext": {}}))
        .collect();
    json!({"decision": true, "context": {"obligations": obligations,
        "record": {"now": 1, "epochs": [{"iss": "https://a.example", "version": 2}]}}})
    .to_string()
}

fn short(step: &Value) -> String {
    let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let code = step.pointer("/answer/context/reason/code");
    match text("do").as_str() {
        "log" => format!("log {}", text("event")),
        "discharge" => format!("discharge {}", text("type")),
        "verdict" if step["permitted"] == true => "verdict true".to_owned(),
        "verdict" => format!("verdict {}", code.unwrap().as_str().unwrap()),
        other => other.to_owned(),
    }
}

#[test]
fn each_step_follows_from_those_before() {
    let file = include_str!("../../../tests/enforce/steps.json");
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let results = case["results"].as_array().unwrap();
        let (mut taken, mut steps) = (0, Vec::new());
        // Extra results are given at once: a host that counts wrongly.
        if case["steps"].as_array().unwrap().len() <= results.len() {
            taken = results.len();
        }
        loop {
            let request = json!({"answer": answer(&case), "knows": case["knows"],
                "journal": case["journal"], "epochs": case["epochs"], "results": results[..taken]});
            let step = ask(wire::enforce, &request);
            steps.push(short(&step));
            if step["do"] == "verdict" || taken == results.len() {
                break;
            }
            taken += 1;
        }
        assert_eq!(json!(steps), case["steps"], "{}", case["name"]);
    }
}

#[test]
fn charges_fit_all_or_none() {
    let ask = |amount: i64, budgets: Value| {
        let ext = json!({"charges": [
            {"key": "r", "type": "receipt", "until": 900},
            {"key": "s", "type": "spend", "amount": amount, "max": 10}]});
        let request = json!({"ext": ext, "now": 100, "forgotten": 50, "budgets": budgets});
        ask(wire::consume, &request)
    };
    let fits = ask(4, json!({"r": null, "s": {"used": 6, "until": null}}));
    assert_eq!(
        fits["set"],
        json!([{"key": "r", "used": 1, "until": 900}, {"key": "s", "used": 10, "until": null}])
    );
    assert_eq!(
        ask(5, json!({"r": null, "s": {"used": 6}}))["code"],
        "limit.spend"
    );
    assert_eq!(
        ask(1, json!({"r": {"used": 1, "until": 900}, "s": null}))["code"],
        "approval.used"
    );
    // What the store did not say is not unused.
    assert!(ask(1, json!({"r": null}))["failed"].is_string());
}
