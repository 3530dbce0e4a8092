//! Rows that are measured in turns: one sample of each in every round, so that whatever slows the
//! machine down slows all of them. The ratio to the first row is taken round by round.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How often each row is measured.
const ROUNDS: usize = 101;
/// How long a sample takes at least: long against the clock's resolution.
const SAMPLE: Duration = Duration::from_millis(4);

/// Nanoseconds that so many runs take.
type Timed<'a> = Box<dyn FnMut(u32) -> Result<f64, Box<dyn Error>> + 'a>;

/// What is measured, and how.
pub(crate) struct Row<'a> {
    engine: String,
    what: String,
    time: Timed<'a>,
}

impl<'a> Row<'a> {
    /// A row that is measured here.
    pub(crate) fn here<R>(engine: &str, what: &str, mut work: impl FnMut() -> R + 'a) -> Self {
        Self::new(engine, what, move |runs| {
            let start = Instant::now();
            for _ in 0..runs {
                black_box(work());
            }
            Ok(start.elapsed().as_secs_f64() * 1e9)
        })
    }

    /// A row that somebody else measures.
    pub(crate) fn new(
        engine: &str,
        what: &str,
        time: impl FnMut(u32) -> Result<f64, Box<dyn Error>> + 'a,
    ) -> Self {
        Self {
            engine: engine.to_owned(),
            what: what.to_owned(),
            time: Box::new(time),
        }
    }

    /// How many runs a sample needs. Finding it out warms up, too.
    fn runs(&mut self) -> Result<u32, Box<dyn Error>> {
        let mut runs = 1_u32;
        while (self.time)(runs)? < SAMPLE.as_secs_f64() * 1e9 {
            runs = runs.saturating_mul(2);
        }
        Ok(runs)
    }
}

/// Measures all rows and prints a JSON line for each; the first is the unit.
pub(crate) fn run(mut rows: Vec<Row<'_>>) -> Result<(), Box<dyn Error>> {
    let runs: Vec<u32> = rows.iter_mut().map(Row::runs).collect::<Result<_, _>>()?;
    let mut samples = vec![Vec::with_capacity(ROUNDS); rows.len()];
    for _ in 0..ROUNDS {
        for ((row, runs), samples) in rows.iter_mut().zip(&runs).zip(&mut samples) {
            samples.push((row.time)(*runs)? / f64::from(*runs));
        }
    }
    let unit = samples.first().cloned().unwrap_or_default();
    for ((row, runs), samples) in rows.iter().zip(&runs).zip(&samples) {
        let ratios = samples
            .iter()
            .zip(&unit)
            .map(|(sample, unit)| sample / unit);
        let mut line = json!({"engine": row.engine, "what": row.what, "unit": "ns", "samples": ROUNDS, "runs": runs});
        for (name, value) in spread(samples.clone()) {
            line[name] = json!(value.round());
        }
        let ratios: Value = spread(ratios.collect())
            .map(|(name, value)| (name.to_owned(), json!((value * 1000.0).round() / 1000.0)))
            .into_iter()
            .collect();
        line["ratio"] = ratios;
        println!("{line}");
    }
    Ok(())
}

fn spread(mut samples: Vec<f64>) -> [(&'static str, f64); 3] {
    samples.sort_by(f64::total_cmp);
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    [("median", at(50)), ("p10", at(10)), ("p90", at(90))]
}
