//! Vocabularies from elsewhere: the tools of an MCP server, the scopes of an OAuth service.
//!
//! What is imported is guessed until somebody confirms it: each action carries `@guessed` with what was
//! guessed and why, the compiler takes it for `execute` at high risk, and `ambit build` refuses to publish it.
//! Names and texts are the server's: they are cleaned, and labels name whose they are.

mod json;
mod json_schema;
mod mcp;
mod oauth;
mod text;
mod verbs;
mod vocabulary;

use std::fmt;

use ambit_core::{Power, Powers};

pub use json::tool_digest;
pub use mcp::mcp;
pub use oauth::{Sending, oauth};

/// What was read, as a schema, and what a person should know about it.
#[derive(Clone, Debug)]
pub struct Import {
    /// The text of a `schema.cedarschema`.
    pub schema: String,
    /// The actions in it.
    pub actions: Vec<Imported>,
    /// What holds for the whole.
    pub notes: Vec<String>,
}

/// One action.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What it is called where it comes from: a tool, a scope.
    pub origin: String,
    /// Its name in the vocabulary.
    pub action: String,
    /// What was guessed.
    pub guess: Guess,
    /// What a person should look at before confirming the guess.
    pub looks: Vec<String>,
    /// What a policy cannot say of it, or takes more narrowly than it is offered.
    pub said: Vec<Said>,
    /// Of a scope: whether whoever holds it can send what was drafted.
    pub sending: Option<Sending>,
}

/// Something that a policy cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Of which argument, by the name that it has where it comes from; `None`: of the whole.
    pub argument: Option<String>,
    /// What it is.
    pub what: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some(argument) => write!(f, "`{}`: {}", text::shown(argument), self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// What was guessed of an action.
#[derive(Clone, Debug)]
pub struct Guess {
    /// In which powers it can be used.
    pub powers: Powers,
    /// That it cannot be undone.
    pub irreversible: bool,
    /// That it reaches people outside.
    pub external: bool,
    /// The powers and why, in one line.
    pub because: String,
}

impl Guess {
    fn new(powers: &[Power], why: &str) -> Self {
        let powers: Powers = powers.iter().copied().collect();
        let mut guess = Self {
            powers,
            irreversible: false,
            external: false,
            because: String::new(),
        };
        guess.because = format!("{}: {why}", guess.powers());
        guess
    }

    /// The powers, as `@powers` has them.
    #[must_use]
    pub fn powers(&self) -> String {
        let names: Vec<&str> = self.powers.iter().map(Power::name).collect();
        names.join(", ")
    }
}

/// Why nothing could be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Stable, for example `import.json`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl ImportError {
    fn new(code: &'static str, message: impl Into<String>, help: &'static str) -> Self {
        Self {
            code,
            message: message.into(),
            help,
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ImportError {}

/// What was written must be a vocabulary, whatever was read.
fn checked(import: Import) -> Result<Import, ImportError> {
    let faults = ambit_compiler::check_vocabulary(&import.schema);
    let mut faults = faults.list().iter();
    match faults.find(|one| one.severity == ambit_compiler::Severity::Error) {
        None => Ok(import),
        Some(fault) => Err(ImportError::new(
            "import.unsound",
            format!("what was imported is no vocabulary: {}", fault.message),
            "please report this with the file",
        )),
    }
}
