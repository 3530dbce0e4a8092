//! How a command ends: exit codes, and what is said when it does not succeed.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use ambit_compiler::conceal;
use anstyle::{AnsiColor, Style};

use crate::say;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or allowed.
    Done = 0,
    /// The tool itself failed: a full disk, a closed pipe, a fault in it.
    Failed = 1,
    /// Denied, or a module that is not trusted.
    Denied = 2,
    /// The command line, or a file that it names, is unusable.
    Unusable = 3,
    /// Denied, but a person's step (login, approval) would help.
    StepUp = 4,
    /// An audit log that is sound, but for lines that nobody can vouch for.
    Late = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Denied => 2,
            Exit::Unusable => 3,
            Exit::StepUp => 4,
            Exit::Late => 5,
        })
    }
}

/// Why a command did not succeed: one sentence, its stable code, where, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: String,
    message: String,
    place: Option<String>,
    help: Option<String>,
    /// The message is a finished report, printed as it is.
    report: bool,
}

impl Failure {
    fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.into(),
            message: conceal(&message.into()),
            place: None,
            help: None,
            report: false,
        }
    }

    /// The command line or a file that it names cannot be used.
    pub(crate) fn unusable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Unusable, code, message)
    }

    /// The answer is no.
    pub(crate) fn denied(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Denied, code, message)
    }

    /// The answer is no, until a person has done something.
    pub(crate) fn step_up(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::StepUp, code, message)
    }

    /// The tool failed.
    pub(crate) fn tool(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, code, message)
    }

    /// A report that is complete in itself (the compiler's diagnostics, secrets starred).
    pub(crate) fn report(text: String) -> Self {
        Self {
            report: true,
            message: text,
            ..Self::new(Exit::Unusable, "", "")
        }
    }

    /// Why is already in the [`Report`](crate::report::Report).
    pub(crate) fn told(exit: Exit) -> Self {
        Self {
            report: true,
            ..Self::new(exit, "", "")
        }
    }

    /// Output that could not be written. A reader that went away needs no words.
    pub(crate) fn output(error: &io::Error) -> Self {
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            report: quiet,
            ..Self::new(
                Exit::Failed,
                "output.write",
                if quiet {
                    String::new()
                } else {
                    format!("the output cannot be written: {error}")
                },
            )
        }
    }

    pub(crate) fn at(self, path: &Path) -> Self {
        self.at_place(path.display().to_string())
    }

    pub(crate) fn at_place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(conceal(&place.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(conceal(&help.into()));
        self
    }

    /// Nothing is left to say of it.
    pub(crate) const fn is_told(&self) -> bool {
        self.report && self.message.is_empty()
    }

    /// Code, message, place and help, for programs.
    pub(crate) fn parts(&self) -> (&str, &str, Option<&str>, &str) {
        let help = self.help.as_deref().unwrap_or_default();
        (&self.code, &self.message, self.place.as_deref(), help)
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells the person at the terminal.
    pub(crate) fn show(&self) {
        if self.report {
            say::raw(&self.message);
            return;
        }
        let red = AnsiColor::Red.on_default().bold();
        let bold = Style::new().bold();
        say::note(format!(
            "{red}error[{}]{red:#}{bold}: {}{bold:#}",
            self.code,
            say::harmless(&self.message)
        ));
        let blue = AnsiColor::Blue.on_default().bold();
        if let Some(place) = &self.place {
            let place = say::harmless(place);
            say::note(format!("  {blue}-->{blue:#} {place}"));
        }
        if let Some(help) = &self.help {
            let help = say::harmless(help);
            say::note(format!("   {blue}={blue:#} {bold}help{bold:#}: {help}"));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}
