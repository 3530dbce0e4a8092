//! Programs of the workspace that need what takes long to build: compiler, engines, Cedar. Each is a
//! crate of its own, so that building `xtask` stays quick.

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use xtask_kit::cargo::{self, cargo};
use xtask_kit::ui::{self, Tally};

/// A binary of a package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    package: &'static str,
    binary: &'static str,
    /// For the line that is shown while it is built.
    what: &'static str,
}

/// Vectors, corpora, random decisions, AgentDojo.
pub(crate) const JUDGE: Program = Program {
    package: "ambit-judge",
    binary: "ambit-judge",
    what: "the judge, with compiler, Cedar and wasmtime",
};
/// The command line tool.
pub(crate) const CLI: Program = Program {
    package: "ambit-cli",
    binary: "ambit",
    what: "`ambit`",
};
/// Plants faults and looks who finds them.
pub(crate) const MUTANTS: Program = Program {
    package: "ambit-mutants",
    binary: "ambit-mutants",
    what: "what plants faults",
};
/// Measures, and soaks.
pub(crate) const BENCH: Program = Program {
    package: "ambit-bench",
    binary: "ambit-bench",
    what: "what measures and soaks",
};
/// The command of the project.
pub(crate) const AMBIT: Program = Program {
    package: "ambit-cli",
    binary: "ambit",
    what: "`ambit`, with compiler, Cedar and wasmtime (minutes, the first time)",
};
/// Asks every engine the same.
pub(crate) const CONFORMANCE: Program = Program {
    package: "ambit-tests",
    binary: "matrix",
    what: "what asks the engines",
};
/// Plays the scenes.
pub(crate) const DEMO: Program = Program {
    package: "ambit-tests",
    binary: "demo",
    what: "the player of the scenes",
};

impl Program {
    /// Compiles it. The first time this takes minutes, so a line says what is going on.
    pub(crate) fn build(self, root: &Path) -> Result<(), String> {
        ui::progress(format_args!("building {} …", self.what));
        let words = ["build", "--quiet", "--package", self.package];
        let mut build = cargo(root, &words);
        match cargo::succeeds(build.args(["--bin", self.binary]))? {
            true => Ok(()),
            false => Err(format!("building {} failed", self.what)),
        }
    }

    fn command(self, root: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
        let words = ["run", "--quiet", "--package", self.package, "--bin"];
        let mut command = cargo(root, &words);
        command.args([self.binary, "--"]).args(arguments);
        command
    }

    /// Has it do the command: what it prints and returns is the command's.
    pub(crate) fn stand_in(
        self,
        root: &Path,
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<ExitCode, String> {
        self.build(root)?;
        let status = self.command(root, arguments).status();
        let status = status.map_err(|error| format!("{}: {error}", self.binary))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }

    /// Runs it as a part of a larger run, and reads what it counted.
    pub(crate) fn count(
        self,
        root: &Path,
        arguments: &[impl AsRef<OsStr>],
    ) -> Result<Tally, String> {
        self.build(root)?;
        let mut command = self.command(root, arguments);
        if std::io::stdout().is_terminal() {
            command.env("CLICOLOR_FORCE", "1");
        }
        let mut tally = None;
        let passed = cargo::watch(&mut command, |line| tally = Tally::read(line).or(tally))?;
        match tally {
            Some(tally) if passed || tally.failed > 0 => Ok(tally),
            _ => Err(format!("{} failed", self.binary)),
        }
    }

    /// Runs it for the files that it writes; only its errors are shown.
    pub(crate) fn write(self, root: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<(), String> {
        self.build(root)?;
        let mut command = self.command(root, arguments);
        match cargo::succeeds(command.stdout(Stdio::null()))? {
            true => Ok(()),
            false => Err(format!("{} failed", self.binary)),
        }
    }
}
