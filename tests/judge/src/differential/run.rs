//! Running cases until their number is reached or one of them fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use cedar_policy::{PolicySet, Validator};

use super::case::{ASKS, DECISIONS, SETS, Setting};
use super::coverage::Coverage;
use super::dice::Dice;
use super::policy::Policy;
use super::prepare::{self, Asked, Stored};
use super::shrink;
use super::trial::{Difference, Trial};
use xtask_kit::{parallel, ui};

use crate::subject::{Refusal, SchemaSource, Subject};

/// How many requests of a case the parts of its policies are looked at with.
const LOOKS: usize = 4;

/// What the cases are made of.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Valid policies, and requests that conform or are refused
    Typed,
    /// Anything, without a schema: type errors, and which error comes first
    Untyped,
    /// Both in turn
    Both,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How many decisions, rounded up to whole cases.
    pub decisions: usize,
    /// Where chance starts.
    pub seed: u64,
    /// What the cases are made of.
    pub mode: Mode,
    /// On how many threads.
    pub threads: usize,
    /// Only this case.
    pub only: Option<u64>,
    /// Whether to measure what is reached, which costs about a tenth.
    pub coverage: bool,
    /// Whether to make a difference smaller before it is reported.
    pub shrink: bool,
    /// Whether to print how far it is.
    pub progress: bool,
}

impl Options {
    /// Both modes on all processors, without output: for a caller that only wants to know whether
    /// an engine is found to differ, such as a run over mutants.
    pub(crate) fn quiet(decisions: usize, seed: u64) -> Self {
        Self {
            decisions,
            seed,
            mode: Mode::Both,
            threads: parallel::threads(None),
            only: None,
            coverage: false,
            shrink: false,
            progress: false,
        }
    }
}

/// How a run came out.
#[derive(Debug)]
pub(crate) struct Report {
    /// Decisions that agree.
    pub passed: usize,
    /// The first case that does not.
    pub failure: Option<Failure>,
    /// What was reached.
    pub coverage: Coverage,
}

/// Why a run stops.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The case.
    pub case: u64,
    /// What happened.
    pub what: Finding,
}

/// A difference, or a case that the judge itself got wrong.
#[derive(Debug)]
pub(crate) enum Finding {
    /// The engine differs.
    Differs {
        /// The trial, made smaller.
        trial: Box<Trial>,
        /// Both answers to it.
        difference: Box<Difference>,
        /// The schema, in typed cases.
        schema: Option<Box<SchemaSource>>,
    },
    /// The generator made something that the crate does not take.
    Broken(String),
}

/// Compares `subject` with the `cedar-policy` crate until a difference is found.
pub(crate) fn run(options: &Options, subject: &dyn Subject) -> Report {
    let cases = options
        .only
        .map_or_else(|| options.decisions.div_ceil(DECISIONS), |_| 1);
    let started = Instant::now();
    let done = AtomicUsize::new(0);
    let work = |index: usize| {
        let case = options.only.unwrap_or(index as u64);
        let outcome = Case::new(options, case, subject).run();
        if options.progress {
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, cases, started);
        }
        outcome
    };
    let outcomes = parallel::run(options.threads, cases, work, |outcome| {
        outcome.failure.is_some()
    });
    let mut report = Report {
        passed: 0,
        failure: None,
        coverage: Coverage::default(),
    };
    for outcome in outcomes {
        report.passed += outcome.passed;
        report.coverage.add(&outcome.coverage);
        // The first by number, so that the report does not depend on the threads.
        report.failure = report.failure.or(outcome.failure);
    }
    report
}

/// A line a tenth.
fn progress(done: usize, cases: usize, started: Instant) {
    let tenth = cases.div_ceil(10);
    if done.is_multiple_of(tenth) && done < cases {
        let decisions = done * DECISIONS;
        let rate = decisions as u128 * 1000 / started.elapsed().as_millis().max(1);
        ui::note(format_args!("{decisions} decisions, {rate} a second"));
    }
}

struct Case<'a> {
    options: &'a Options,
    case: u64,
    typed: bool,
    subject: &'a dyn Subject,
    dice: Dice,
    report: Report,
}

/// The parts of a case that all of its policy sets share.
struct Shared {
    setting: Setting,
    schema: Option<SchemaSource>,
    validator: Option<Validator>,
    stored: Vec<Stored>,
    asked: Vec<Asked>,
}

impl Shared {
    fn new(setting: Setting, typed: bool) -> Result<Self, String> {
        let schema = typed
            .then(|| prepare::schema(&setting.world.model.to_json()))
            .transpose()?;
        let bare = schema.as_ref().map(|source| &source.schema);
        let validator = bare.cloned().map(Validator::new);
        let stored: Vec<Stored> = setting
            .stores
            .iter()
            .map(|store| Stored::new(store, bare))
            .collect::<Result<_, _>>()?;
        let asked = setting
            .questions
            .iter()
            .map(|question| {
                Asked::new(&question.ask, question.style, &stored[question.store], bare)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            setting,
            schema,
            validator,
            stored,
            asked,
        })
    }
}

impl<'a> Case<'a> {
    fn new(options: &'a Options, case: u64, subject: &'a dyn Subject) -> Self {
        Self {
            options,
            case,
            typed: match options.mode {
                Mode::Typed => true,
                Mode::Untyped => false,
                Mode::Both => case.is_multiple_of(2),
            },
            subject,
            dice: Dice::new(options.seed, case),
            report: Report {
                passed: 0,
                failure: None,
                coverage: Coverage::default(),
            },
        }
    }

    fn run(mut self) -> Report {
        let setting = Setting::draw(&mut self.dice, self.typed);
        let outcome = Shared::new(setting, self.typed).and_then(|shared| {
            for set in 0..SETS {
                self.run_set(&shared, set)?;
                if self.report.failure.is_some() {
                    break;
                }
            }
            Ok(())
        });
        if let Err(why) = outcome {
            self.fail(Finding::Broken(why));
        }
        self.report
    }

    fn fail(&mut self, what: Finding) {
        let case = self.case;
        self.report.failure = Some(Failure { case, what });
    }

    fn run_set(&mut self, shared: &Shared, number: usize) -> Result<(), String> {
        let (mut models, by_text) = shared.setting.policies(&mut self.dice);
        self.report.coverage.drawn += models.len() as u64;
        let mut set = prepare::policies(&models, by_text)?;
        if let Some(validator) = &shared.validator {
            let invalid = prepare::invalid(validator, &set);
            if !invalid.is_empty() {
                let drawn = models.len();
                let mut index = 0;
                models.retain(|_| {
                    index += 1;
                    !prepare::is_among(&invalid, index - 1)
                });
                self.report.coverage.dropped += (drawn - models.len()) as u64;
                set = prepare::policies(&models, by_text)?;
            }
        }
        self.ask_all(shared, &models, &set, by_text);
        if self.options.coverage && number == 0 {
            let looks = (0..LOOKS).map(|_| {
                let index = self.dice.below(ASKS);
                let question = &shared.setting.questions[index];
                (&shared.asked[index], &shared.stored[question.store])
            });
            let looks: Vec<_> = looks.collect();
            self.report.coverage.look_at(&models, &looks, self.typed);
        }
        Ok(())
    }

    fn ask_all(&mut self, shared: &Shared, models: &[Policy], set: &PolicySet, by_text: bool) {
        let mut engine = self.subject.compile(set, shared.schema.as_ref());
        let policies = set.num_of_policies();
        for (question, asked) in shared.setting.questions.iter().zip(&shared.asked) {
            let expected = asked.expected(set, &shared.stored[question.store]);
            let found = match &mut engine {
                Ok(engine) => prepare::found(engine.as_mut(), &asked.bytes),
                Err(why) => Err(Refusal::Other(format!("not compiled: {why}"))),
            };
            if expected.allows(&found) {
                self.report.passed += 1;
                self.report
                    .coverage
                    .count(&expected, policies, question.broken);
                continue;
            }
            let trial = Trial {
                policies: models.to_vec(),
                by_text,
                store: shared.setting.stores[question.store].clone(),
                ask: question.ask.clone(),
                style: question.style,
            };
            self.differ(trial, Difference { expected, found }, shared);
            return;
        }
    }

    fn differ(&mut self, trial: Trial, difference: Difference, shared: &Shared) {
        let schema = shared.schema.as_ref();
        let (trial, difference) = if self.options.shrink {
            shrink::shrink(trial, difference, self.subject, schema)
        } else {
            (trial, difference)
        };
        let schema = schema.map(|source| {
            Box::new(SchemaSource {
                schema: source.schema.clone(),
                json: source.json.clone(),
            })
        });
        self.fail(Finding::Differs {
            trial: Box::new(trial),
            difference: Box::new(difference),
            schema,
        });
    }
}
