//! `ambit evaluate`

mod batch;
mod request;
mod summary;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use ambit_core::Reason;
use ambit_core::json::{Document, Json, Profile};
use ambit_core::limits::REQUEST_BYTES;
use ambit_host::{
    Evaluator, HeardEpochs, Instances, NativeEngine, PolicyBundle, StatementVersions as _,
    VersionError, WasmEngine, Zones,
};
use ambit_policy::Bundle;
use clap::{Args, ValueEnum};

use crate::engine;
use crate::failure::{Exit, Failure};
use crate::files::Input;
use crate::frame::{NoRoom, Screen};
use crate::log::{Log, Logging};
use crate::module::{Refused, Signed, Trusting};
use crate::say;
use request::Supply;

/// Decide whether an agent may do something
///
/// Reads one request (JSON) from standard input and writes the answer (JSON, one line) to standard
/// output. The module is verified first; an unsigned or altered one is never run.
///
/// A request is `{"evaluation": …, "token": …, "facts": …}`. What the agent asks is `evaluation`;
/// the enforcement point adds the token and the facts. The options `--token` and `--audience` do
/// that here, for requests that do not have them yet.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{NOTES}\n\n{}", engine::NOTE))]
pub(crate) struct Evaluate {
    /// The policy module, or its bundle
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    #[command(flatten)]
    trusting: Trusting,
    /// What runs the policy: the module's own code (wasmtime), or the evaluator in this command
    /// (native), which is all that a bundle alone has. Both give the same bytes
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// Answer every line of this file (JSON lines; `-` is standard input)
    #[arg(long, value_name = "FILE", value_parser = Input::parse)]
    batch: Option<Input>,
    /// Say what would help instead of the answer (JSON, one line)
    #[arg(long, conflicts_with_all = ["batch", "log"])]
    advise: bool,
    #[command(flatten)]
    supply: Supply,
    #[command(flatten)]
    logging: Logging,
}

const NOTES: &str = "\
Exit codes: 0 allowed, 2 denied (a malformed request is a denial), 4 denied but a login or an \
approval would help, 3 the command line or a file it names is unusable (a module that is not \
trusted included), 1 the tool failed. With --batch: 0 when every line was answered.

On a terminal two lines before the answer say what it is and why, and what would help. With --advise, \
all alternatives are printed, each of them enough and judged like a request. `ambit explain` tells both \
in words.

With --log, every answer's record is on the disk before the answer is printed, and an answer that \
cannot be written down is not given. `ambit audit` reads the log.

Obligations are printed in the answer. They are not discharged: that is for the enforcement \
point, and until it has, an allow is none.

With --seen, the revocation epochs that answers were made by are remembered before an answer is \
printed, whatever it is, and an allow by older ones, or without them, is a denial.

With --batch, the n-th answer belongs to the n-th line. An empty line is a malformed request, and \
so is a line above 256 KiB, of which the rest is skipped.

Examples:
  ambit evaluate --module policy.wasm --trust keys.json < request.json
  ambit evaluate --module policy.wasm --trust keys.json \\
      --token token.jwt --audience https://mail.example < evaluation.json
  ambit evaluate --module policy.wasm --trust keys.json --batch requests.jsonl > answers.jsonl";

/// What runs the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The module's own code, in wasmtime
    Wasmtime,
    /// The evaluator in this command, on the module's bundle
    Native,
}

impl Engine {
    /// The engine that was asked for; else the module's own code, if it is there.
    fn start(asked: Option<Self>, policy: &Signed) -> Result<Box<dyn Evaluator>, Failure> {
        let module = match (asked, policy) {
            (Some(Self::Wasmtime), Signed::Bundle(_)) => {
                let message = "a bundle has no code that could run in wasmtime";
                return Err(Failure::unusable("engine.code", message)
                    .help("name the module, or use --engine native"));
            }
            (Some(Self::Native), _) | (None, Signed::Bundle(_)) => {
                return Ok(Box::new(NativeEngine::new(&**policy)));
            }
            (_, Signed::Module(module)) => module,
        };
        let engine = WasmEngine::new(&engine::runtime()?, module, Instances::Pooled)
            .map_err(|error| Failure::unusable(error.code(), error.to_string()))?;
        Ok(Box::new(engine))
    }
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if self.supply.reads_stdin() && !matches!(self.batch, Some(Input::File(_))) {
            return Err(Failure::unusable(
                "usage.stdin",
                "standard input cannot hold both the token and the requests",
            )
            .help("name a file for one of them"));
        }
        let module = self
            .trusting
            .load(&self.module)
            .map_err(Refused::into_unusable)?;
        let engine = Engine::start(self.engine, &module)?;
        let log = self.logging.open(self.trusting.now())?;
        let versions = self.trusting.versions();
        let lowest = versions.as_ref().map(|versions| versions.min_versions());
        let lowest = lowest
            .transpose()
            .map_err(|error| self.trusting.store_failed(&error))?;
        let now = self.trusting.now();
        let offsets = zones(&module)?.offsets(now);
        let supplied = self
            .supply
            .read(now, lowest.as_deref(), offsets.as_deref())?;
        let answerer = Answerer {
            engine: &*engine,
            supplied,
            heard: versions.map(|versions| HeardEpochs::new(Arc::new(versions))),
            trusting: &self.trusting,
            log,
        };
        match &self.batch {
            Some(input) => batch::run(&answerer, input),
            None => one(&answerer, self.advise),
        }
    }
}

/// The time zones that the policy names.
fn zones(policy: &PolicyBundle) -> Result<Zones, Failure> {
    let bundle = Bundle::open(policy.bundle(), *policy.bundle_digest())
        .map_err(|error| Failure::unusable("module.bundle", error.to_string()))?;
    Ok(Zones::of(&bundle))
}

/// Answers requests with one engine.
struct Answerer<'e> {
    engine: &'e dyn Evaluator,
    supplied: request::Supplied,
    /// What `--seen` keeps of the answers.
    heard: Option<HeardEpochs>,
    trusting: &'e Trusting,
    log: Option<Log>,
}

impl Answerer<'_> {
    /// Always an answer, unless it cannot be written down. `None` stands for a request beyond what
    /// is read at all.
    fn answer(&self, request: Option<&[u8]>) -> Result<String, Failure> {
        let answer = match request {
            Some(request) => self.engine.evaluate(&self.supplied.complete(request)),
            None => {
                let admin = format!("larger than {REQUEST_BYTES} bytes; it was not read");
                ambit_evaluator::refuse(Reason::RequestSize, &admin)
            }
        };
        let answer = self.remembered(answer)?;
        if let Some(log) = &self.log {
            log.write(&answer)?;
        }
        Ok(answer)
    }

    /// What would help; as [`Self::answer`].
    fn advice(&self, request: Option<&[u8]>) -> String {
        match request {
            Some(request) => self.engine.advise(&self.supplied.complete(request)),
            None => ambit_evaluator::refuse(Reason::RequestSize, ""),
        }
    }

    /// The answer, once the epochs that it was made by are remembered. An allow by older ones than
    /// were heard before, or without them, is a denial.
    fn remembered(&self, answer: String) -> Result<String, Failure> {
        let Some(heard) = &self.heard else {
            return Ok(answer);
        };
        let document =
            Document::parse(answer.as_bytes(), Profile::Request).map_err(|_| no_answer())?;
        let allowed = document.root().get("decision").and_then(Json::as_bool) == Some(true);
        let error = match heard.remember(document.root()) {
            Err(error @ VersionError::Store(_)) => return Err(self.trusting.store_failed(&error)),
            Err(error) if allowed => error,
            _ => return Ok(answer),
        };
        let admin = format!("{}: {error}", error.code());
        Ok(ambit_evaluator::refuse(Reason::ObligationFailed, &admin))
    }
}

fn one(answerer: &Answerer<'_>, advise: bool) -> Result<Exit, Failure> {
    if std::io::stdin().is_terminal() {
        say::note("reading one request from standard input");
    }
    let mut stdin = std::io::stdin().lock();
    let request =
        batch::whole(&mut stdin).map_err(|error| Failure::tool("input.read", error.to_string()))?;
    let answer = answerer.answer(request.as_deref())?;
    let advice = answerer.advice(request.as_deref());
    let outcome = Outcome::of(&answer, &advice)?;
    let terminal = !advise && std::io::stderr().is_terminal();
    if terminal {
        match Screen::of_words() {
            Ok(screen) => {
                for line in &outcome.lines {
                    let pieces = line.iter().map(|(style, text)| (*style, text.as_str()));
                    say::raw(&screen.framed(&pieces.collect::<Vec<_>>()));
                }
            }
            Err(NoRoom) => say::note(format!(
                "the answer in words is not shown: {}",
                NoRoom::WHAT
            )),
        }
    }
    let shown = if advise { &advice } else { &answer };
    say::data(format!("{shown}\n"))?;
    if outcome.obligations > 0 && !terminal {
        say::note(
            "note: the answer's obligations were not discharged; until they are, this allow is none",
        );
    }
    Ok(outcome.exit)
}

/// What an answer comes to.
#[derive(Clone, Debug)]
struct Outcome {
    exit: Exit,
    obligations: usize,
    /// For a terminal: what it is and why, and what would help.
    lines: Vec<summary::Line>,
}

impl Outcome {
    fn of(answer: &str, advice: &str) -> Result<Self, Failure> {
        let document =
            Document::parse(answer.as_bytes(), Profile::Request).map_err(|_| no_answer())?;
        let root = document.root();
        let context = root.get("context").ok_or_else(no_answer)?;
        let advice =
            Document::parse(advice.as_bytes(), Profile::Request).map_err(|_| no_answer())?;
        let listed = advice.root().get("alternatives").into_iter();
        let alternatives: Vec<Json<'_>> = listed.flat_map(Json::elements).collect();
        let step_up = alternatives.iter().any(|one| is_step_up(*one));
        let exit = match root.get("decision").and_then(Json::as_bool) {
            Some(true) => Exit::Done,
            Some(false) if step_up => Exit::StepUp,
            Some(false) => Exit::Denied,
            None => return Err(no_answer()),
        };
        let obligations = context.get("obligations").map_or(0, Json::len);
        Ok(Self {
            exit,
            obligations,
            lines: summary::lines(root, &alternatives),
        })
    }
}

/// Whether a person's steps are all that is needed.
fn is_step_up(alternative: Json<'_>) -> bool {
    let steps = alternative
        .get("steps")
        .into_iter()
        .flat_map(Json::elements);
    let mut kinds = steps.map(|step| step.get("type").and_then(Json::as_str));
    kinds.all(|kind| kind == Some("step_up"))
}

fn no_answer() -> Failure {
    Failure::tool(
        "engine.answer",
        "the engine gave something that is not an answer",
    )
}
