//! `cargo xtask vectors`: runs test vectors of the forms that the project knows, whoever made them.

mod chains;
mod conformance;
mod constraints;
mod ed25519;
mod engine;
mod form;
mod jose;
mod json_suite;
mod logs;
mod names;
mod proofs;
mod raw;
mod webauthn;
mod wycheproof;

use std::fs;
use std::path::{Path, PathBuf};

use conformance::Conformance;
use engine::{EngineChoice, Engines};
use form::Form;
use xtask_kit::ui::{self, Tally};

/// How many failing cases of one file are printed in full.
const SHOWN: usize = 20;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Vector files, or folders that hold some. What a file is, is found by its content.
    #[arg(required = true, value_name = "FILE_OR_FOLDER")]
    paths: Vec<PathBuf>,
    /// Where the code under test runs. With `both`, the two answers must also be the same bytes.
    #[arg(long, value_enum, default_value_t = EngineChoice::Both)]
    engine: EngineChoice,
}

/// Runs every file; a file of an unknown form counts as one failure and stops nothing.
pub(crate) fn run(args: &Args) -> Result<Tally, String> {
    let mut files = Vec::new();
    for path in &args.paths {
        let before = files.len();
        collect(path, &mut files)?;
        if files.len() == before {
            return Err(format!("there is no vector file in `{}`", path.display()));
        }
    }
    let mut engines = Engines::start(args.engine)?;
    ui::heading(format!("Vectors ({})", engines.describe()));
    let mut conformance = Conformance::new(args.engine);
    let mut suite = Suite::default();
    let mut tally = Tally::default();
    for file in &files {
        tally += run_file(file, &mut engines, &mut conformance, &mut suite);
    }
    tally += suite.report();
    Ok(tally)
}

/// Forms with one case a file are reported by folder.
#[derive(Debug, Default)]
struct Suite(Vec<(PathBuf, &'static str, Tally)>);

impl Suite {
    fn add(&mut self, file: &Path, form: &'static str, outcome: &Outcome) {
        let folder = file.parent().unwrap_or(file).to_path_buf();
        if let Err(why) = outcome {
            ui::bad(format_args!("{}: {why}", file.display()));
        }
        let one = Tally::one(outcome.is_ok());
        let known = |(of, name, _): &&mut (PathBuf, &str, Tally)| *of == folder && *name == form;
        match self.0.iter_mut().find(known) {
            Some((.., tally)) => *tally += one,
            None => self.0.push((folder, form, one)),
        }
    }

    fn report(self) -> Tally {
        for (folder, form, tally) in &self.0 {
            let what = format!("{}: {form}, {tally}", folder.display());
            ui::outcome(tally.failed == 0, what);
        }
        self.0.into_iter().map(|(.., tally)| tally).sum()
    }
}

/// A case's outcome: nothing, or what is wrong.
type Outcome = Result<(), String>;

/// A case that is a statement, which holds or does not.
fn holds(what: &str, holds: bool) -> Case {
    let outcome = holds.then_some(()).ok_or("does not hold");
    (what.to_owned(), outcome.map_err(str::to_owned))
}

fn run_file(
    file: &Path,
    engines: &mut Engines,
    conformance: &mut Conformance,
    suite: &mut Suite,
) -> Tally {
    let shown = file.display();
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            ui::bad(format_args!("{shown}: {error}"));
            return Tally::one(false);
        }
    };
    let form = form::find(file, &bytes);
    let cases = match &form {
        Ok(Form::Json(expected)) => {
            let outcome = json_suite::run(&bytes, *expected, engines);
            Ok(vec![(String::new(), outcome)])
        }
        Ok(Form::Chains(text)) => chains::run(text, engines),
        Ok(Form::Constraints(text)) => constraints::run(text, engines),
        Ok(Form::Wycheproof(text)) => wycheproof::ed25519(text, engines),
        Ok(Form::Es256(text)) => wycheproof::es256(text, engines),
        Ok(Form::Proofs(text)) => proofs::run(text, engines),
        Ok(Form::Speccheck(text)) => ed25519::speccheck(text, engines),
        Ok(Form::SpeccheckText(text)) => ed25519::speccheck_text(text, engines),
        Ok(Form::Conformance(text)) => conformance.run(file, text),
        Ok(Form::Value(..) | Form::Canonical(_)) if !engines.are_native() => {
            Err("this form runs natively only".to_owned())
        }
        Ok(Form::Value(_, judge, value)) => judge(value),
        Ok(Form::Canonical(text)) => logs::canonical_form(file, text),
        Err(why) => Err(why.clone()),
    };
    match (form, cases) {
        (Ok(form), Ok(cases)) => match &cases[..] {
            [(_, outcome)] => {
                suite.add(file, form.name(), outcome);
                Tally::default()
            }
            _ => report(file, form.name(), &cases),
        },
        (_, Err(why)) | (Err(why), _) => {
            ui::bad(format_args!("{shown}: {why}"));
            Tally::one(false)
        }
    }
}

/// A case's name and how it came out.
type Case = (String, Outcome);

fn report(file: &Path, form: &str, cases: &[Case]) -> Tally {
    let tally: Tally = cases
        .iter()
        .map(|(_, outcome)| Tally::one(outcome.is_ok()))
        .sum();
    let shown = file.display();
    if cases.is_empty() {
        ui::bad(format_args!("{shown}: {form}, without any case"));
        return Tally::one(false);
    }
    ui::outcome(tally.failed == 0, format_args!("{shown}: {form}, {tally}"));
    let failures = cases
        .iter()
        .filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
    for (name, why) in failures.take(SHOWN) {
        ui::bad(format_args!("  {name}: {why}"));
    }
    if tally.failed > SHOWN {
        ui::note(format_args!("and {} more", tally.failed - SHOWN));
    }
    tally
}

/// Lists the vector files in `path`, in the order of their names.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("`{}`: {error}", path.display());
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries.iter().filter(|entry| !is_about_the_folder(entry)) {
        collect(entry, files)?;
    }
    Ok(())
}

/// Files that say where vectors come from are no vectors, and neither is what belongs to one: templates
/// of conformance cases, outputs of RFC 8785.
fn is_about_the_folder(path: &Path) -> bool {
    let named = |name: &str| path.file_name().is_some_and(|file| file == name);
    if path.is_dir() {
        let to_input =
            (named("output") || named("outhex")) && path.with_file_name("input").is_dir();
        return to_input || named("templates");
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.starts_with('.')
        || ["SOURCE", "LICENSE", "LICENCE", "README", "NOTICE"]
            .iter()
            .any(|name| stem.eq_ignore_ascii_case(name))
}
