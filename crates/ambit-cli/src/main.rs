//! The `ambit` command. One file a command under `commands/`; data goes to standard output, words
//! to standard error.
#![forbid(unsafe_code)]

mod advice;
mod bundle;
mod claims;
mod commands;
mod engine;
mod failure;
mod fetching;
mod files;
mod frame;
mod keys;
mod log;
mod module;
mod policy;
mod report;
mod say;
mod serving;
mod signing;
mod time;
mod tokens;
mod watch;
mod words;

use std::panic;
use std::process::ExitCode;

use ambit_compiler::conceal;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use commands::{
    approve, attenuate, audit, backup, build, check, completions, describe, diff, enrol, evaluate,
    explain, fmt, gateway, import, init, inspect, keygen, list, mint, pdp, prove, pull, push,
    records, restore, revoke, serve, shadow, sign, test, verify,
};
use failure::{Exit, Failure};

/// Bounds what AI agents may do: signed policy, capability tokens, explained decisions.
#[derive(Debug, Parser)]
#[command(name = "ambit", version, after_help = AFTER, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Start with `ambit init my-project`: it writes a project that builds, and says what to type next.

Exit codes: 0 done or allowed, 1 the tool failed, 2 denied, 3 the command line or a file it names \
is unusable, 4 denied but a login or an approval would help.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Import(import::ImportFrom),
    Keygen(keygen::Keygen),
    Check(check::Check),
    Fmt(fmt::Fmt),
    Test(test::Test),
    Prove(prove::Prove),
    Diff(diff::Diff),
    Build(build::Build),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Push(push::Push),
    Pull(pull::Pull),
    Inspect(inspect::Inspect),
    List(list::List),
    Describe(describe::Describe),
    Mint(mint::Mint),
    Attenuate(attenuate::Attenuate),
    Approve(approve::Approve),
    Enrol(enrol::Enrol),
    Evaluate(evaluate::Evaluate),
    Explain(explain::Explain),
    Audit(audit::Audit),
    Pdp(pdp::Pdp),
    Gateway(gateway::Gateway),
    Shadow(shadow::ShadowReport),
    Serve(serve::Serve),
    Revoke(revoke::Revoke),
    Records(records::Records),
    #[command(name = "backup")]
    BackUp(backup::BackUp),
    Restore(restore::Restore),
    Completions(completions::Completions),
}

impl Command {
    fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Init(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Keygen(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Fmt(command) => command.run(),
            Self::Test(command) => command.run(),
            Self::Prove(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Sign(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Push(command) => command.run(),
            Self::Pull(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Describe(command) => command.run(),
            Self::Mint(command) => command.run(),
            Self::Attenuate(command) => command.run(),
            Self::Approve(command) => command.run(),
            Self::Enrol(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Pdp(command) => command.run(),
            Self::Gateway(command) => command.run(),
            Self::Shadow(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Revoke(command) => command.run(),
            Self::Records(command) => command.run(),
            Self::BackUp(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // A panic has already said what it is; here it only gets the exit code of a failed tool.
    match panic::catch_unwind(|| cli.command.run()) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            failure.show();
            failure.exit().into()
        }
        Err(_) => Exit::Failed.into(),
    }
}

/// Help asked for is an answer; a wrong command line is not, and 2 means "denied" here.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return match error.print() {
            Ok(()) => Exit::Done.into(),
            Err(_) => Exit::Failed.into(),
        };
    }
    // It repeats arguments, and somebody may have given a key for its file.
    say::raw(&conceal(&error.render().ansi().to_string()));
    Exit::Unusable.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
