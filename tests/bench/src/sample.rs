//! Samples, and what is said of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;

/// Samples of one measurement.
const SAMPLES: usize = 101;
/// How long a sample takes at least: long against the clock's resolution.
const SAMPLE: Duration = Duration::from_millis(8);

/// Runs `work` until there are enough samples and prints median, tenth and ninetieth percentile in
/// nanoseconds a run.
pub(crate) fn measure<R>(engine: &str, what: &str, work: impl FnMut() -> R) {
    let row = json!({"engine": engine, "what": what});
    print_measured(row, SAMPLES, work);
}

/// [`measure`], for work that takes about a second.
pub(crate) fn measure_few<R>(engine: &str, what: &str, work: impl FnMut() -> R) {
    let row = json!({"engine": engine, "what": what});
    print_measured(row, SAMPLES / 20, work);
}

/// What a measurement of a policy set is called.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) engine: &'static str,
    pub(crate) family: &'static str,
    pub(crate) size: u64,
    pub(crate) how: &'static str,
}

/// [`measure`], with labels that a plot can be made of. There are many of these, so fewer samples.
pub(crate) fn measure_as<R>(labels: &Labels, work: impl FnMut() -> R) {
    let what = format!("{} {}, {}", labels.family, labels.size, labels.how);
    let row = json!({
        "engine": labels.engine, "what": what, "family": labels.family, "size": labels.size, "how": labels.how,
    });
    print_measured(row, SAMPLES / 3, work);
}

fn print_measured<R>(mut row: serde_json::Value, count: usize, mut work: impl FnMut() -> R) {
    let mut runs = 1_u32;
    while time(&mut work, runs) < SAMPLE {
        runs = runs.saturating_mul(2);
    }
    let mut samples: Vec<f64> = (0..count)
        .map(|_| time(&mut work, runs).as_secs_f64() * 1e9 / f64::from(runs))
        .collect();
    samples.sort_by(f64::total_cmp);
    let at = |percent: usize| json!(samples[(count - 1) * percent / 100].round());
    for (name, value) in [
        ("unit", json!("ns")),
        ("median", at(50)),
        ("p10", at(10)),
        ("p90", at(90)),
        ("samples", json!(count)),
        ("runs", json!(runs)),
    ] {
        row[name] = value;
    }
    println!("{row}");
}

fn time<R>(work: &mut impl FnMut() -> R, runs: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..runs {
        black_box(work());
    }
    start.elapsed()
}
