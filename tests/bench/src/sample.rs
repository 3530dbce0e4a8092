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
pub(crate) fn measure<R>(engine: &str, what: &str, mut work: impl FnMut() -> R) {
    let mut runs = 1_u32;
    while time(&mut work, runs) < SAMPLE {
        runs = runs.saturating_mul(2);
    }
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| time(&mut work, runs).as_secs_f64() * 1e9 / f64::from(runs))
        .collect();
    samples.sort_by(f64::total_cmp);
    let at = |percent: usize| samples[(SAMPLES - 1) * percent / 100].round();
    println!(
        "{}",
        json!({
            "engine": engine, "what": what, "unit": "ns",
            "median": at(50), "p10": at(10), "p90": at(90), "samples": SAMPLES, "runs": runs,
        })
    );
}

fn time<R>(work: &mut impl FnMut() -> R, runs: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..runs {
        black_box(work());
    }
    start.elapsed()
}
