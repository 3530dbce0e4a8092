//! `ambit prove`

use std::path::{Path, PathBuf};
use std::time::Instant;

use ambit_compiler::keys::generate;
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{Place, Project, Severity, Sink, build, conceal, module};
use ambit_core::limits::MODULE_BYTES;
use ambit_prove::{Outcome, Policy, ProveError, Solver, Verdict, case_text, prove, request};
use ambit_workbench::cases::{self, Case, Property};
use clap::Args;
use serde_json::{Value as Json, json};

use super::build::GUEST;
use crate::failure::{Exit, Failure};
use crate::keys::compile;
use crate::report::{self, Finding, Format, Report};
use crate::{bundle, files, say, time};

/// Prove what holds for every request
///
/// Reads the properties in `tests/*.toml`, and asks the solver cvc5 about all requests at once: manifests and
/// guard rails together, as the evaluator judges them. Where a property fails, the request that shows it is
/// printed as a test case, which the evaluator has confirmed.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Prove {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Only properties whose name has this in it
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// The most seconds that the solver may take for one question
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Write each request that is shown into this folder, with a module that `ambit evaluate` asks about it
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// How to show what came of it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

const NOTES: &str = "\
The solver is `cvc5` on the path, or what the environment variable CVC5 names. On Debian and Ubuntu: \
apt install cvc5.

Exit codes: 0 all properties hold, 2 one fails or could not be decided, 3 the project or a test file has \
faults, 1 the solver is missing or failed.

Examples:
  ambit prove my-project
  ambit prove my-project --write shown
  ambit evaluate --module shown/NAME/policy.wasm --trust shown/NAME/keys.json < shown/NAME/request.json
  ambit prove --filter 'personal data' --format github";

/// Where the solver comes from.
const SOLVER: &str = "install cvc5 (Debian and Ubuntu: `apt install cvc5`), or name its program in the environment variable CVC5";

impl Prove {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        report::run("prove", self.format, |report| self.once(report))
    }

    fn once(&self, report: &mut Report) -> Result<Exit, Failure> {
        let project = report.project(&self.dir)?;
        let policy = policy(&project)?;
        let properties = self.properties(report, &policy)?;
        let mut solver = Solver::start(self.timeout).map_err(|error| failed(&error))?;
        let started = Instant::now();
        let mut all = Vec::new();
        let mut ended = Exit::Done;
        for property in &properties {
            let since = &mut |path: &str| at(&self.dir.join(path));
            let outcome = prove(&mut solver, &policy, property, since, &mut |what| {
                say::progress(what);
            });
            say::progress("");
            let told = match &outcome {
                Ok(outcome) => Told::of(outcome),
                Err(error) => Told::unusable(error).ok_or_else(|| failed(error))?,
            };
            ended = match (told.verdict, ended) {
                ("holds", before) => before,
                ("unusable", _) | (_, Exit::Unusable) => Exit::Unusable,
                _ => Exit::Denied,
            };
            tell(report, property, &told);
            if let (Some(folder), Some(case)) = (&self.write, told.case) {
                written(folder, &policy, case)?;
            }
            all.push(json(property, &told));
        }
        if report.is_human() {
            let held = all.iter().filter(|one| one["verdict"] == "holds").count();
            let took = started.elapsed().as_secs_f64();
            say::note(format!(
                "{held} of {} properties hold, {} questions in {took:.1} s",
                all.len(),
                solver.asked
            ));
        }
        report.member("properties", all);
        Ok(ended)
    }

    fn properties(&self, report: &mut Report, policy: &Policy) -> Result<Vec<Property>, Failure> {
        let sink = Sink::default();
        let names = cases::list(&self.dir, &sink);
        let suite = cases::read(&self.dir, &names, &policy.bundle(), &sink);
        let faults = sink.errors() > 0;
        report.diagnostics(&sink.finish());
        if faults {
            return Err(Failure::told(Exit::Unusable));
        }
        let mut properties = suite.properties;
        if let Some(filter) = &self.filter {
            properties.retain(|one| one.name.contains(filter.as_str()));
        }
        if properties.is_empty() {
            let (message, help) = match self.filter {
                Some(_) => ("no property has this in its name", "shorten it"),
                None => (
                    "there is no property to prove",
                    "write `[[property]]` in a file of `tests/`",
                ),
            };
            return Err(Failure::unusable("prove.none", message).help(help));
        }
        Ok(properties)
    }
}

/// What came of one property.
struct Told<'o> {
    /// In JSON and, after `prove.`, as a code.
    verdict: &'static str,
    /// At the terminal.
    word: &'static str,
    code: String,
    why: Option<&'o str>,
    notes: &'o [String],
    case: Option<&'o Case>,
}

impl<'o> Told<'o> {
    fn of(outcome: &'o Outcome) -> Self {
        let verdict = outcome.verdict.name();
        let (word, why, case) = match &outcome.verdict {
            Verdict::Holds => ("holds", None, None),
            Verdict::Fails(why, case) => ("FAILS", Some(why.as_str()), case.as_deref()),
            Verdict::Undecided(why) => ("UNDECIDED", Some(why.as_str()), None),
        };
        Self {
            verdict,
            word,
            code: format!("prove.{verdict}"),
            why,
            notes: &outcome.notes,
            case,
        }
    }

    /// A property that says something that this policy cannot answer. The others are proved all the same.
    fn unusable(error: &'o ProveError) -> Option<Self> {
        matches!(error.code, "prove.expression" | "prove.since").then(|| Self {
            verdict: "unusable",
            word: "UNUSABLE",
            code: error.code.to_owned(),
            why: Some(&error.message),
            notes: &[],
            case: None,
        })
    }
}

/// A project as a policy that questions can be asked about.
pub(super) fn policy(project: &Project) -> Result<Policy, Failure> {
    let default = time::default_issued()?;
    let issued = project.issued().unwrap_or(default);
    let bundle = build::bundle(project, issued).map_err(|error| compile(&error))?;
    Policy::read(bundle, project.issued().is_some()).map_err(|error| failed(&error))
}

/// A folder, a module or a bundle.
fn at(path: &Path) -> Result<Policy, ProveError> {
    let unusable = |message: String| ProveError {
        code: "prove.since",
        message: format!("{}: {message}", path.display()),
    };
    if path.is_dir() {
        let project = Project::load(path).map_err(|faults| unusable(faults.render(false)))?;
        return policy(&project).map_err(|failure| unusable(failure.to_string()));
    }
    built(path).map_err(|failure| unusable(failure.to_string()))
}

/// The policy of a built module or bundle.
pub(super) fn built(path: &Path) -> Result<Policy, Failure> {
    let file = files::read(path, MODULE_BYTES)?;
    let bundle = bundle::in_file(&file)?;
    Policy::read(bundle.bytes().to_vec(), true).map_err(|error| failed(&error))
}

/// Writes a case for `ambit evaluate`: a module with the keys of the case, who signed it, and the request.
pub(super) fn written(folder: &Path, policy: &Policy, case: &Case) -> Result<(), Failure> {
    let (bundle, request) = request(policy, case, time::now()).map_err(|error| failed(&error))?;
    let module = module::assemble(GUEST, &bundle).map_err(|error| compile(&error))?;
    let signer = generate(Some("ambit-prove")).map_err(|error| compile(&error))?;
    let keys = json!({"threshold": 1, "keys": [{"kid": signer.kid(), "jwk": signer.public_jwk()}]});
    let options = SignOptions {
        carried: true,
        ..SignOptions::default()
    };
    let signed = sign::module(&module, &[signer], options).map_err(|error| compile(&error))?;
    let module = match signed {
        Signed::Carried { module } => module,
        Signed::Detached { .. } => module,
    };
    let folder = folder.join(slug(&case.name));
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::tool("output.write", files::plain(&error)).at(&folder))?;
    files::write(&folder.join("policy.wasm"), &module)?;
    files::write(&folder.join("keys.json"), format!("{keys}\n").as_bytes())?;
    files::write(
        &folder.join("request.json"),
        format!("{request}\n").as_bytes(),
    )?;
    files::write(&folder.join("case.toml"), case_text(case).as_bytes())?;
    say::note(conceal(&format!("  written into {}", folder.display())));
    Ok(())
}

/// A name as a file may have it.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").to_ascii_lowercase();
    slug.chars().take(60).collect()
}

pub(super) fn failed(error: &ProveError) -> Failure {
    let failure = Failure::tool(error.code, error.message.as_str());
    match error.code {
        "prove.solver" => failure.help(SOLVER),
        _ => failure,
    }
}

fn tell(report: &mut Report, property: &Property, told: &Told<'_>) {
    let place = report.path(&property.spot.file);
    let line = property.spot.line;
    if told.verdict != "holds" {
        let message = format!("{}: {}", property.name, told.why.unwrap_or_default());
        let at = Place {
            line,
            column: 1,
            end_line: line,
            end_column: 1,
        };
        let finding = Finding::new(Severity::Error, told.code.as_str(), message);
        report.finding(finding.at(place.clone(), Some(at)));
    }
    if !report.is_human() {
        return;
    }
    say::note(conceal(&format!(
        "{} {} ({place}:{line})",
        told.word, property.name
    )));
    match told.why {
        Some(why) if told.verdict == "unusable" => {
            say::note(conceal(&format!("  error[{}]: {why}", told.code)));
        }
        Some(why) => say::note(conceal(&format!("  {why}"))),
        None => {}
    }
    for note in told.notes {
        say::note(conceal(&format!("  note: {note}")));
    }
    if let Some(case) = told.case {
        say::note("");
        say::note(conceal(&case_text(case)));
    }
}

fn json(property: &Property, told: &Told<'_>) -> Json {
    json!({
        "name": conceal(&property.name),
        "file": property.spot.file,
        "line": property.spot.line,
        "verdict": told.verdict,
        "why": told.why.map(conceal),
        "notes": told.notes.iter().map(|note| conceal(note)).collect::<Vec<_>>(),
        "case": told.case.map(|case| conceal(&case_text(case))),
    })
}
