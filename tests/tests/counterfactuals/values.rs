//! What an argument can be changed to, out of the values that any bound here could want.

use ambit_core::Steps;
use ambit_core::constraint::{self, Unit};
use ambit_core::json::{Document, Profile};
use serde_json::{Value, json};

use super::situations::{CHANNELS, CURRENCIES, REGION, Situation, TO};

/// Amounts in whole units at which the policies say something else.
const THRESHOLDS: &[i64] = &[50, 100, 120, 150, 200, 300, 400, 500];
/// Recipients that no entry names.
const MORE_TO: &[&str] = &["eve@customer.example", "x@customer.example", "x"];
/// Every way to change the named arguments as the step says, out of the values that any bound here could
/// want.
pub(crate) fn changed(before: &Situation, changes: &Value) -> Vec<Situation> {
    let mut ways = vec![before.clone()];
    for change in changes.as_array().unwrap() {
        let name = change["argument"].as_str().unwrap();
        let mut values = values(name, before);
        values.retain(|value| is_allowed(before, change, value.as_ref()));
        let with = |one: &Situation| {
            let mut all = Vec::new();
            for value in &values {
                let mut one = one.clone();
                match value {
                    Some(value) => drop(one.args.insert(name.to_owned(), value.clone())),
                    None => drop(one.args.shift_remove(name)),
                }
                all.push(one);
            }
            all
        };
        ways = ways.iter().flat_map(with).collect();
    }
    ways
}

/// Whether the value meets every bound of the token that the step describes.
fn is_allowed(situation: &Situation, change: &Value, value: Option<&Value>) -> bool {
    let name = change["argument"].as_str().unwrap();
    let allowed = change["allowed"].as_str().unwrap();
    if name == "amount" {
        return value.is_some_and(|value| is_within(allowed, value.as_i64().unwrap()));
    }
    let value = value.map(ToString::to_string);
    let value = value.as_ref();
    let value = value.map(|text| Document::parse(text.as_bytes(), Profile::Signed).unwrap());
    let entries = situation
        .root
        .iter()
        .chain(situation.derived.iter().flatten());
    let said = |spec: &Value| {
        let text = spec.to_string();
        let spec = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
        allowed.contains(&constraint::describe(spec.root(), Unit::None))
    };
    let met = |spec: &Value| {
        let text = spec.to_string();
        let spec = Document::parse(text.as_bytes(), Profile::Signed).unwrap();
        let value = value.as_ref().map(Document::root);
        constraint::matches(spec.root(), value, &Steps::new())
    };
    let specs = entries.flat_map(|entry| {
        let currency = &entry["limits"][0]["currency"];
        let budget = json!({"constraint_type": "exact", "value": currency});
        [entry["constraints"][name].clone(), budget]
    });
    let mut specs = specs.filter(said);
    let left_out = allowed.split(" and ").any(|part| part == "left out");
    (!left_out || value.is_none()) && specs.all(|spec| met(&spec))
}

/// Whether the amount is in a range like "from 1.00 to 5.00" or "exactly 5.00".
fn is_within(allowed: &str, amount: i64) -> bool {
    let cents = |text: &str| text.replace('.', "").parse::<i64>().expect("an amount");
    let (min, max) = match allowed.split_once(' ').expect("two words") {
        ("exactly", one) => (one, one),
        ("from", ends) => ends.split_once(" to ").expect("two ends"),
        ("at", end) if end.starts_with("most ") => ("0.01", &end[5..]),
        ("at", end) if end.starts_with("least ") => (&end[6..], "99999999.00"),
        _ => panic!("a range of another form: {allowed}"),
    };
    (cents(min)..=cents(max)).contains(&(amount * 100))
}

fn values(argument: &str, situation: &Situation) -> Vec<Option<Value>> {
    let texts = |list: &[&str]| list.iter().map(|one| Some(json!(one))).collect::<Vec<_>>();
    match argument {
        "to" => texts(&[TO, MORE_TO].concat()),
        "region" => [texts(REGION), vec![None]].concat(),
        "currency" => texts(CURRENCIES),
        "channel" => [texts(CHANNELS), vec![None]].concat(),
        "amount" => {
            // The ends of every range, in whole units, and what lies beside them.
            let entries = situation
                .root
                .iter()
                .chain(situation.derived.iter().flatten());
            let ends = entries.flat_map(|entry| {
                let range = &entry["constraints"]["amount"];
                let budget = &entry["limits"][0]["max"];
                [
                    range["min"].as_i64(),
                    range["max"].as_i64(),
                    budget.as_i64(),
                ]
            });
            let ends = ends
                .flatten()
                .map(|end| end / 100)
                .chain(THRESHOLDS.iter().copied());
            let beside = ends.flat_map(|end| [end - 1, end, end + 1]);
            let some = beside.chain([1, 2]).filter(|end| *end > 0);
            some.map(|end| Some(json!(end))).collect()
        }
        _ => vec![None],
    }
}
