//! What the two judges of the Cedar evaluator, `cargo xtask corpus` and `cargo xtask differential`,
//! have in common: the engine under test behind a trait, and the `cedar-policy` crate as reference.

mod engine;
mod faults;
mod mirror;
pub(crate) mod reference;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use cedar_policy::{PolicySet, Schema};

pub(crate) use faults::Fault;
pub(crate) use wire::{Uid, Wire};

/// A Cedar schema with the JSON it was read from, for engines that want the text.
#[derive(Debug)]
pub(crate) struct SchemaSource {
    /// As the crate reads it.
    pub schema: Schema,
    /// The same in Cedar's JSON form.
    pub json: String,
}

/// An engine that compiles policies. Threads share it.
pub(crate) trait Subject: Sync {
    /// Compiles a policy set. With a schema the policies pass strict validation, and entities and
    /// requests have to conform; without one nothing need fit (the test mode).
    fn compile(
        &self,
        policies: &PolicySet,
        schema: Option<&SchemaSource>,
    ) -> Result<Box<dyn Compiled>, String>;
}

/// One policy set in some engine.
pub(crate) trait Compiled {
    /// Decides on `{"principal": {"type", "id"}, "action": {..}, "resource": {..}, "context": {..},
    /// "entities": [..]}`, context and entities in Cedar's JSON.
    fn authorize(&mut self, request: &[u8]) -> Result<Answer, Refusal>;
}

/// What an engine says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Cedar's decision.
    pub allow: bool,
    /// The ids of the policies that made it.
    pub determining: BTreeSet<String>,
    /// The ids of the policies that erred, and how.
    pub erroring: BTreeMap<String, ErrorKind>,
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = if self.allow { "allow" } else { "deny" };
        let determining: Vec<&str> = self.determining.iter().map(String::as_str).collect();
        write!(f, "{decision} by [{}]", determining.join(", "))?;
        if !self.erroring.is_empty() {
            let erroring: Vec<String> = self
                .erroring
                .iter()
                .map(|(id, kind)| format!("{id}: {kind:?}"))
                .collect();
            write!(f, ", errors in [{}]", erroring.join(", "))?;
        }
        Ok(())
    }
}

/// Why an engine does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request or its entities do not conform to the schema: the path and the type wanted.
    Conformance(String),
    /// Anything else, which no case of the judges should cause.
    Other(String),
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conformance(why) => write!(f, "refused, does not conform: {why}"),
            Self::Other(why) => write!(f, "refused: {why}"),
        }
    }
}

/// How a policy erred: the variants of [`cedar_policy::EvaluationError`], whose names these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ErrorKind {
    /// An attribute or tag of an entity that is not there.
    EntityDoesNotExist,
    /// An attribute or tag that the entity does not have.
    EntityAttrDoesNotExist,
    /// An attribute that the record does not have.
    RecordAttrDoesNotExist,
    /// An extension function that there is not.
    FailedExtensionFunctionLookup,
    /// An operand of the wrong type.
    TypeError,
    /// An extension function with too many or too few arguments.
    WrongNumArguments,
    /// Long arithmetic that does not fit.
    IntegerOverflow,
    /// A template that was not linked.
    UnlinkedSlot,
    /// An extension function that failed: a text that is no such value, or overflow.
    FailedExtensionFunctionExecution,
    /// An unknown of partial evaluation.
    NonValue,
    /// Too deep.
    RecursionLimit,
    /// A variant that the crate has gained since.
    Unknown,
}

/// Where the evaluator under test runs.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// In this process
    Native,
    /// In the wasm guest, in wasmtime
    Wasmtime,
    /// The reference against itself: tests the judge, not an engine
    Mirror,
}

/// Which engine is judged, as flags.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// Where the evaluator under test runs
    #[arg(long, value_enum, default_value_t = EngineChoice::Native)]
    pub engine: EngineChoice,
    /// Plants a fault into `mirror`, which the judge has to find
    #[arg(long, value_enum, value_name = "FAULT")]
    pub fault: Option<Fault>,
}

impl EngineArgs {
    /// The engine; an error when it cannot be had.
    pub(crate) fn subject(&self) -> Result<Box<dyn Subject>, String> {
        if self.fault.is_some() && self.engine != EngineChoice::Mirror {
            return Err(
                "`--fault` is for `--engine mirror`: an engine has none to plant".to_owned(),
            );
        }
        match self.engine {
            EngineChoice::Mirror => Ok(Box::new(mirror::Mirror::new(self.fault))),
            EngineChoice::Native => Ok(Box::new(engine::Native)),
            EngineChoice::Wasmtime => Ok(Box::new(engine::Guest::start()?)),
        }
    }
}
