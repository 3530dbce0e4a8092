//! The vectors of `tests/enforce`, for whatever answers the functions of the host core: a name and a request
//! in, what it says out.

mod lists;
mod logs;

use serde_json::{Value, json};

pub(crate) use lists::a_status_is_what_a_believed_list_says;
pub(crate) use logs::a_log_is_read_as_it_was_written;

pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str, &Value) -> Value;

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

pub(crate) fn each_step_follows_from_those_before(ask: Ask<'_>) {
    let file = include_str!("../../../../tests/enforce/steps.json");
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
            let step = ask("ambit_enforce", &request);
            steps.push(short(&step));
            if step["do"] == "verdict" || taken == results.len() {
                break;
            }
            taken += 1;
        }
        assert_eq!(json!(steps), case["steps"], "{}", case["name"]);
    }
}

pub(crate) fn charges_fit_all_or_none(ask: Ask<'_>) {
    let file = include_str!("../../../../tests/enforce/charges.json");
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let request = json!({"ext": {"charges": case["charges"]}, "now": case["now"],
            "forgotten": case["forgotten"], "budgets": case["budgets"]});
        let mut said = ask("ambit_consume", &request);
        // The words are for people; every failure has some.
        if let Some(words) = said.as_object_mut().unwrap().remove("failed") {
            assert!(words.as_str().is_some_and(|words| !words.is_empty()));
            said["failed"] = json!(true);
        }
        assert_eq!(said, case["says"], "{}", case["name"]);
    }
}
