//! A case made easier to read, as long as it shows the same.

use ambit_workbench::cases::{AgentFacts, Case, Login};
use serde_json::{Value, json};

use crate::text;

/// The most times that the evaluator is asked.
const TRIES: usize = 400;

/// Takes out what is not needed and puts plain values where any would do. `shows` says whether a case still
/// shows what it should.
pub(crate) fn shrink(case: Case, shows: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut shrinking = Shrinking {
        case,
        shows,
        tries: 0,
        changed: true,
    };
    // What one change makes superfluous, another takes out.
    while core::mem::take(&mut shrinking.changed) && shrinking.tries < TRIES {
        shrinking.take_out();
        shrinking.people_and_time();
        shrinking.arguments();
        shrinking.entities();
    }
    shrinking.case
}

struct Shrinking<'s> {
    case: Case,
    shows: &'s mut dyn FnMut(&Case) -> bool,
    tries: usize,
    changed: bool,
}

impl Shrinking<'_> {
    /// Keeps a change that still shows the same.
    fn attempt(&mut self, change: impl Fn(&mut Case)) -> bool {
        let mut smaller = self.case.clone();
        change(&mut smaller);
        if self.tries >= TRIES || text::case(&smaller) == text::case(&self.case) {
            return false;
        }
        self.tries += 1;
        let kept = (self.shows)(&smaller);
        if kept {
            self.case = smaller;
            self.changed = true;
        }
        kept
    }

    fn take_out(&mut self) {
        self.attempt(|case| case.entities = None);
        self.attempt(|case| case.token.clear());
        self.attempt(|case| case.agent_facts = AgentFacts::default());
        self.attempt(|case| case.login = Login::default());
        self.attempt(|case| case.login.acr = None);
        self.attempt(|case| case.login.amr.clear());
        self.attempt(|case| case.login.auth_time = None);
        self.attempt(|case| case.tenant = None);
        self.attempt(|case| case.approvals.clear());
        for person in self.case.approvals.clone() {
            self.attempt(|case| case.approvals.retain(|one| *one != person));
        }
        for name in self.case.args.keys().cloned().collect::<Vec<_>>() {
            self.attempt(|case| drop(case.args.shift_remove(&name)));
        }
    }

    fn people_and_time(&mut self) {
        self.attempt(|case| rename(case, "user:ann"));
        self.attempt(|case| case.scope.location.clone_from(&case.scope.audience));
        self.attempt(|case| {
            let moved = NOW - case.now;
            case.now = NOW;
            case.login.auth_time = case.login.auth_time.map(|time| time + moved);
        });
        self.attempt(|case| call_it(case, "1"));
    }

    fn arguments(&mut self) {
        for (name, value) in self.case.args.clone() {
            let plain: &[Value] = match value {
                Value::String(_) => &[json!("text")],
                Value::Array(_) => &[json!([])],
                _ => &[],
            };
            for plain in plain {
                self.attempt(|case| drop(case.args.insert(name.clone(), plain.clone())));
            }
            if value.is_number() {
                self.number(&name);
            }
        }
    }

    /// The number nearest to one, if all beyond some bound show the same.
    fn number(&mut self, name: &str) {
        let Some((whole, digits)) = self.case.args.get(name).and_then(scaled) else {
            return;
        };
        let one = 10_i128.pow(digits);
        let (mut no, mut yes) = (one, whole);
        let mut put = |value: i128| {
            let number = unscaled(value, digits);
            self.attempt(|case| {
                let number = serde_json::from_str(&number).unwrap_or(Value::Null);
                case.args.insert(name.to_owned(), number);
            })
        };
        if yes == no || put(one) {
            return;
        }
        while (yes - no).abs() > 1 {
            let middle = no + (yes - no) / 2;
            if put(middle) {
                yes = middle;
            } else {
                no = middle;
            }
        }
    }

    fn entities(&mut self) {
        let list = self.case.entities.as_ref().and_then(Value::as_array);
        for number in (0..list.map_or(0, Vec::len)).rev() {
            self.attempt(|case| {
                let list = case.entities.as_mut().and_then(Value::as_array_mut);
                list.into_iter().for_each(|list| drop(list.remove(number)));
            });
        }
        let list = self.case.entities.as_ref().and_then(Value::as_array);
        for number in 0..list.map_or(0, Vec::len) {
            for member in ["attrs", "tags", "parents"] {
                self.entity(number, member);
            }
        }
    }

    /// Takes out what one entity need not have.
    fn entity(&mut self, number: usize, member: &str) {
        let place = format!("/{number}/{member}");
        let inner = self
            .case
            .entities
            .as_ref()
            .and_then(|list| list.pointer(&place));
        let names: Vec<String> = match inner {
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            Some(Value::Array(list)) => (0..list.len()).rev().map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        for name in names {
            self.attempt(|case| {
                let inner = case
                    .entities
                    .as_mut()
                    .and_then(|list| list.pointer_mut(&place));
                match inner {
                    Some(Value::Object(members)) => drop(members.shift_remove(&name)),
                    Some(Value::Array(list)) => {
                        drop(name.parse().map(|at: usize| list.remove(at)));
                    }
                    _ => {}
                }
            });
        }
    }
}

/// A number without its point, and how many digits stood behind it.
fn scaled(number: &Value) -> Option<(i128, u32)> {
    let text = number.as_number()?.to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{part}").parse().ok()?;
    Some((digits, u32::try_from(part.len()).ok()?))
}

fn unscaled(value: i128, digits: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (value, one) = (value.unsigned_abs(), 10_u128.pow(digits));
    match digits {
        0 => format!("{sign}{value}"),
        _ => format!(
            "{sign}{}.{:0width$}",
            value / one,
            value % one,
            width = digits as usize
        ),
    }
}

fn call_it(case: &mut Case, id: &str) {
    let before = json!(case.scope.resource.id);
    id.clone_into(&mut case.scope.resource.id);
    let entities = case.entities.as_mut().and_then(Value::as_array_mut);
    for entity in entities.into_iter().flatten() {
        if entity["uid"]["id"] == before {
            entity["uid"]["id"] = json!(id);
        }
    }
}

/// 2026-03-02T09:00:00Z, as good as any other.
const NOW: i64 = 1_772_442_000;

fn rename(case: &mut Case, subject: &str) {
    for person in &mut case.approvals {
        if *person == case.subject {
            subject.clone_into(person);
        }
    }
    subject.clone_into(&mut case.subject);
}
