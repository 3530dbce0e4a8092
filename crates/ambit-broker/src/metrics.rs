//! What operators watch, in the text form of Prometheus: how often people are asked, how fast they answer, what is refused.
//!
//! Counted from the start of the process, with no person, agent, token or argument in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ambit_gateway::http::{Heard, Reply, Service};
use serde_json::Value;

const PATH: &str = "/metrics";
/// Codes that are told apart; more are `other`.
const CODES: usize = 256;
/// Seconds up to which answers are counted together. Within the first nobody has read.
const BOUNDS: [i64; 9] = [2, 5, 10, 30, 60, 120, 300, 600, 900];

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    counts: Mutex<Counts>,
    /// What the step that runs now would count: nothing of it has happened before the step is done.
    pending: Mutex<Vec<Pending>>,
}

#[derive(Debug)]
enum Pending {
    Happened(String, Value),
    Asked,
}

#[derive(Debug, Default)]
struct Counts {
    /// By endpoint and code.
    denials: BTreeMap<(String, String), u64>,
    /// Of those that enforcement points told of, by code.
    told: BTreeMap<String, u64>,
    /// By what was written down.
    events: BTreeMap<String, u64>,
    /// By what people were asked for: `grant`, `call`.
    prompts: BTreeMap<&'static str, u64>,
    /// By what was asked, and the answer.
    answers: BTreeMap<(&'static str, &'static str), Times>,
}

impl Counts {
    /// Of the records of enforcement points, those of denials.
    fn tell(&mut self, facts: &Value) {
        for one in facts["records"].as_array().into_iter().flatten() {
            // A decision, or what became of one.
            let of = one.get("record").unwrap_or(one);
            let Some(reason) = of["reason"].as_str().filter(|reason| *reason != "allowed") else {
                continue;
            };
            let full = self.told.len() >= CODES && !self.told.contains_key(reason);
            let reason = if full { "other" } else { reason };
            *self.told.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

/// How long answers took.
#[derive(Debug, Default)]
struct Times {
    within: [u64; BOUNDS.len()],
    count: u64,
    sum: i64,
}

impl Times {
    fn add(&mut self, seconds: i64) {
        let seconds = seconds.max(0);
        for (within, bound) in self.within.iter_mut().zip(BOUNDS) {
            *within += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(seconds);
    }
}

impl Figures {
    fn with<R>(&self, run: impl FnOnce(&mut Counts) -> R) -> R {
        run(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pending(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step has ended: what it would count is counted if the step was kept.
    pub(crate) fn settle(&self, kept: bool) {
        for one in std::mem::take(&mut *self.pending()) {
            match one {
                Pending::Happened(what, facts) if kept => self.count(&what, &facts),
                Pending::Asked if kept => {
                    self.with(|counts| *counts.prompts.entry("grant").or_default() += 1);
                }
                _ => {}
            }
        }
    }

    /// A request was refused at this endpoint.
    pub(crate) fn denied(&self, at: &str, code: &str) {
        self.with(|counts| {
            let full = counts.denials.len() >= CODES;
            let mut key = (at.to_owned(), code.to_owned());
            if full && !counts.denials.contains_key(&key) {
                key = ("other".to_owned(), "other".to_owned());
            }
            *counts.denials.entry(key).or_default() += 1;
        });
    }

    /// Something happens that is written down, if the step is kept.
    pub(crate) fn happened(&self, what: &str, facts: &Value) {
        let happened = Pending::Happened(what.to_owned(), facts.clone());
        self.pending().push(happened);
    }

    fn count(&self, what: &str, facts: &Value) {
        self.with(|counts| {
            *counts.events.entry(what.to_owned()).or_default() += 1;
            let answer = match what {
                "grant" if facts["again_seconds"].is_i64() => ("grant", "allowed_for_some_time"),
                "grant" => ("grant", "allowed"),
                "refusal" => ("grant", "refused"),
                "access-approved" => ("call", "allowed"),
                "access-refused" => ("call", "refused"),
                "access" => return *counts.prompts.entry("call").or_default() += 1,
                "records" => return counts.tell(facts),
                _ => return,
            };
            if let Some(seconds) = facts["seconds"].as_i64() {
                counts.answers.entry(answer).or_default().add(seconds);
            }
        });
    }

    /// A person is shown for the first time what an agent asks.
    pub(crate) fn asked(&self) {
        self.pending().push(Pending::Asked);
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.with(|counts| write_all(&mut out, counts).unwrap_or_default());
        out
    }
}

fn write_all(out: &mut String, counts: &Counts) -> std::fmt::Result {
    head(
        out,
        "denials_total",
        "counter",
        "Requests that were refused, by endpoint and reason (ambit explain CODE)",
    )?;
    for ((at, code), count) in &counts.denials {
        writeln!(
            out,
            "ambit_broker_denials_total{{endpoint=\"{at}\",reason=\"{code}\"}} {count}"
        )?;
    }
    head(
        out,
        "point_denials_total",
        "counter",
        "Denials that enforcement points posted records of, by reason (ambit explain CODE)",
    )?;
    for (code, count) in &counts.told {
        writeln!(
            out,
            "ambit_broker_point_denials_total{{reason=\"{code}\"}} {count}"
        )?;
    }
    head(
        out,
        "events_total",
        "counter",
        "What happened, as the audit log calls it",
    )?;
    for (what, count) in &counts.events {
        writeln!(out, "ambit_broker_events_total{{event=\"{what}\"}} {count}")?;
    }
    head(
        out,
        "prompts_total",
        "counter",
        "What was put before people: grants when they are first shown, calls when they come",
    )?;
    for (kind, count) in &counts.prompts {
        writeln!(out, "ambit_broker_prompts_total{{kind=\"{kind}\"}} {count}")?;
    }
    write_answers(out, counts)?;
    write_ratio(out, counts)
}

fn write_answers(out: &mut String, counts: &Counts) -> std::fmt::Result {
    head(
        out,
        "decision_seconds",
        "histogram",
        "Seconds until a person answered: of a grant since the text was shown, of a call since it came",
    )?;
    for ((kind, answer), times) in &counts.answers {
        let labels = format!("kind=\"{kind}\",answer=\"{answer}\"");
        for (bound, within) in BOUNDS.iter().zip(times.within) {
            writeln!(
                out,
                "ambit_broker_decision_seconds_bucket{{{labels},le=\"{bound}\"}} {within}"
            )?;
        }
        let (count, sum) = (times.count, times.sum);
        writeln!(
            out,
            "ambit_broker_decision_seconds_bucket{{{labels},le=\"+Inf\"}} {count}"
        )?;
        writeln!(out, "ambit_broker_decision_seconds_sum{{{labels}}} {sum}")?;
        writeln!(
            out,
            "ambit_broker_decision_seconds_count{{{labels}}} {count}"
        )?;
    }
    Ok(())
}

fn write_ratio(out: &mut String, counts: &Counts) -> std::fmt::Result {
    head(
        out,
        "approved_within_two_seconds_ratio",
        "gauge",
        "The share of what was allowed so fast that nobody can have read it",
    )?;
    for kind in ["grant", "call"] {
        let allowed = counts
            .answers
            .iter()
            .filter(|((of, answer), _)| *of == kind && *answer != "refused");
        let (fast, all) = allowed.fold((0, 0), |(fast, all), (_, times)| {
            (fast + times.within[0], all + times.count)
        });
        if let Some(thousandths) = (fast * 1000_u64).checked_div(all) {
            let (whole, rest) = (thousandths / 1000, thousandths % 1000);
            writeln!(
                out,
                "ambit_broker_approved_within_two_seconds_ratio{{kind=\"{kind}\"}} {whole}.{rest:03}"
            )?;
        }
    }
    Ok(())
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(
        out,
        "# HELP ambit_broker_{name} {help}.\n# TYPE ambit_broker_{name} {kind}"
    )
}

/// Answers whoever collects the figures, at an address of its own.
#[derive(Debug)]
pub struct Metrics(pub(crate) Arc<Figures>);

impl Service for Metrics {
    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        let known = heard.path == PATH && heard.method == "GET";
        (!known)
            .then(|| Reply::problem(404, "Not Found", "there is nothing here but `GET /metrics`"))
    }

    fn knows(&self, _: &Heard) -> bool {
        false
    }

    fn reads(&self, _: &Heard) -> bool {
        false
    }

    fn answer(&self, _: &Heard) -> Reply {
        Reply::of(
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            self.0.text(),
        )
    }

    fn refresh(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_are_counted_by_how_long_they_took() {
        let figures = Figures::default();
        for (what, seconds) in [
            ("grant", 1),
            ("grant", 2),
            ("grant", 40),
            ("refusal", 1),
            ("access-approved", 3000),
        ] {
            figures.happened(what, &json!({"seconds": seconds}));
        }
        figures.settle(true);
        // What was taken back has not happened.
        figures.happened("grant", &json!({"seconds": 3}));
        figures.asked();
        figures.settle(false);
        figures.settle(true);
        let text = figures.text();
        for line in [
            "ambit_broker_decision_seconds_bucket{kind=\"grant\",answer=\"allowed\",le=\"2\"} 2",
            "ambit_broker_decision_seconds_bucket{kind=\"grant\",answer=\"allowed\",le=\"30\"} 2",
            "ambit_broker_decision_seconds_bucket{kind=\"grant\",answer=\"allowed\",le=\"60\"} 3",
            "ambit_broker_decision_seconds_count{kind=\"grant\",answer=\"allowed\"} 3",
            "ambit_broker_decision_seconds_sum{kind=\"grant\",answer=\"allowed\"} 43",
            "ambit_broker_decision_seconds_bucket{kind=\"call\",answer=\"allowed\",le=\"900\"} 0",
            "ambit_broker_approved_within_two_seconds_ratio{kind=\"grant\"} 0.666",
            "ambit_broker_approved_within_two_seconds_ratio{kind=\"call\"} 0.000",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
    }

    #[test]
    fn denials_of_enforcement_points_are_counted_by_code() {
        let figures = Figures::default();
        let record = |reason: &str| json!({"id": "1", "record": {"reason": reason}});
        let records = [
            record("allowed"),
            record("policy.forbid"),
            record("policy.forbid"),
            json!({"id": "2", "decision": "1", "reason": "limit.spend"}),
            json!({"id": "4", "decision": "3", "reason": "allowed"}),
        ];
        figures.happened("records", &json!({"records": records}));
        figures.settle(true);
        let many: Vec<Value> = (0..300).map(|n| record(&format!("x.{n}"))).collect();
        let text = figures.text();
        assert_eq!(text.matches("point_denials_total{").count(), 2, "{text}");
        for line in [
            "ambit_broker_point_denials_total{reason=\"policy.forbid\"} 2",
            "ambit_broker_point_denials_total{reason=\"limit.spend\"} 1",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}: {text}");
        }
        figures.happened("records", &json!({"records": many}));
        figures.settle(true);
        let count = figures.text().matches("point_denials_total{").count();
        assert_eq!(count, CODES + 1);
    }

    #[test]
    fn codes_are_bounded() {
        let figures = Figures::default();
        for number in 0..300 {
            figures.denied("/token", &format!("x.{number}"));
        }
        let lines = figures
            .text()
            .lines()
            .filter(|line| line.contains("reason="))
            .count();
        assert_eq!(lines, CODES + 1);
    }
}
