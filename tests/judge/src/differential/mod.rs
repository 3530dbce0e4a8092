//! `cargo xtask differential`: random policy sets, entities and requests, decided by an engine of
//! ours and by the `cedar-policy` crate.
//!
//! The Cedar corpus has one policy a test and misses half of all faults that are planted; this
//! judge knows what an answer depends on. [`run()`] is the same as a function.

mod atoms;
mod breakage;
mod calc;
mod case;
mod coverage;
mod data;
mod dice;
mod expr;
mod generate;
mod near;
mod paths;
mod policy;
mod policy_json;
mod prepare;
mod run;
mod schema;
mod schema_json;
mod shrink;
mod style;
#[cfg(test)]
mod tests;
mod trial;
mod values;
mod wild;
mod world;

use std::time::Instant;

use cedar_policy::SchemaFragment;

use xtask_kit::parallel;
use xtask_kit::ui::{self, Tally};

use crate::subject::{EngineArgs, SchemaSource};
use prepare::Expected;
pub(crate) use run::{Failure, Finding, Mode, Options, run};
use trial::{Difference, Trial};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many decisions to compare, rounded up to whole cases
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    decisions: usize,
    /// Where chance starts: the same seed gives the same cases
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
    /// Threads; as many as there are processors unless said
    #[arg(long, value_name = "T")]
    threads: Option<usize>,
    /// What the cases are made of
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    mode: Mode,
    /// Runs only this case, whose number a difference was reported with
    #[arg(long, value_name = "K")]
    case: Option<u64>,
    /// Reports a difference as it was found, without making it smaller
    #[arg(long)]
    as_found: bool,
}

/// The command.
pub(crate) fn command(args: &Args) -> Result<Tally, String> {
    let subject = args.engine.subject()?;
    let options = Options {
        mode: args.mode,
        threads: parallel::threads(args.threads),
        only: args.case,
        coverage: args.case.is_none(),
        shrink: !args.as_found,
        progress: true,
        ..Options::quiet(args.decisions, args.seed)
    };
    ui::heading(format_args!(
        "Differential ({:?}, {:?}, seed {}, {} threads)",
        args.engine.engine, options.mode, options.seed, options.threads
    ));
    let started = Instant::now();
    let report = run(&options, subject.as_ref());
    let seconds = started.elapsed().as_secs_f64();
    if options.coverage {
        report.coverage.print();
    }
    ui::outcome(
        report.failure.is_none(),
        format_args!("{} decisions agree, in {seconds:.1} s", report.passed),
    );
    if let Some(failure) = &report.failure {
        print(failure, &options);
    }
    Ok(Tally {
        passed: report.passed,
        failed: usize::from(report.failure.is_some()),
    })
}

fn print(failure: &Failure, options: &Options) {
    let mode = format!("{:?}", options.mode).to_lowercase();
    ui::bad(format_args!(
        "case {}; again with --seed {} --mode {mode} --case {}",
        failure.case, options.seed, failure.case
    ));
    match &failure.what {
        Finding::Broken(why) => {
            ui::bad(format_args!(
                "the judge itself: the crate does not take its {why}"
            ));
        }
        Finding::Differs {
            trial,
            difference,
            schema,
        } => {
            anstream::println!("{}", show(trial, difference, schema.as_deref()));
        }
    }
}

/// Everything that is needed to see who is right.
fn show(trial: &Trial, difference: &Difference, schema: Option<&SchemaSource>) -> String {
    let expected = match &difference.expected {
        Expected::Answer(answer) => answer.to_string(),
        Expected::Refused(why) => format!("refused: {why}"),
    };
    let found = match &difference.found {
        Ok(answer) => answer.to_string(),
        Err(refusal) => refusal.to_string(),
    };
    let schema = match schema {
        Some(source) => format!("\nschema:\n{}", schema_text(source)),
        None => "\nno schema\n".to_owned(),
    };
    let ask = &trial.ask;
    format!(
        "{schema}\npolicies{}:\n{}\nentities:\n{}\n\nrequest:\n  principal {} {:?}\n  action {} {:?}\n  resource \
         {} {:?}\n  context {}\n\ncedar-policy: {expected}\nthe engine:   {found}",
        if trial.by_text {
            " (through Cedar's text)"
        } else {
            ""
        },
        policies_text(trial),
        trial
            .store
            .0
            .iter()
            .map(data::json)
            .collect::<Vec<_>>()
            .join("\n"),
        ask.principal.ty,
        ask.principal.id,
        ask.action.ty,
        ask.action.id,
        ask.resource.ty,
        ask.resource.id,
        data::json(&ask.context),
    )
}

fn schema_text(source: &SchemaSource) -> String {
    let fragment = SchemaFragment::from_json_str(&source.json).ok();
    let text = fragment.and_then(|fragment| fragment.to_cedarschema().ok());
    text.unwrap_or_else(|| source.json.clone())
}

fn policies_text(trial: &Trial) -> String {
    let json = policy_json::set_json(&trial.policies);
    let Ok(set) = prepare::policies(&trial.policies, trial.by_text) else {
        return json;
    };
    let mut text = String::new();
    for policy in set.policies() {
        let source = policy
            .to_cedar()
            .unwrap_or_else(|| "a link, see below".to_owned());
        text.push_str(&format!("// {}\n{source}\n", policy.id()));
    }
    for template in set.templates() {
        text.push_str(&format!("// {}\n{}\n", template.id(), template.to_cedar()));
    }
    format!("{text}\nas JSON: {json}\n")
}
