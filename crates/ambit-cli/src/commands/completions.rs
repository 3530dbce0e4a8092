//! `ambit completions`

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

use crate::failure::{Exit, Failure};
use crate::say;

/// Print a script that completes commands and options in a shell
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

const NOTES: &str = "\
Examples:
  ambit completions bash > ~/.local/share/bash-completion/completions/ambit
  ambit completions zsh > ~/.zfunc/_ambit        # a folder in `fpath`
  ambit completions fish > ~/.config/fish/completions/ambit.fish
  ambit completions powershell >> $PROFILE";

impl Completions {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let shell = match self.shell {
            Name::Bash => Shell::Bash,
            Name::Zsh => Shell::Zsh,
            Name::Fish => Shell::Fish,
            Name::PowerShell => Shell::PowerShell,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut crate::Cli::command(), "ambit", &mut script);
        say::data(String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
