//! Running other programs: cargo, rustup, node.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A `cargo` that works on the workspace in `root`.
#[must_use]
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments);
    command
}

/// Runs a command to its end; its output goes to the terminal.
///
/// # Errors
///
/// That the program cannot be started.
pub fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| unusable(command, &error))?;
    Ok(status.success())
}

/// Runs a command to its end, shows its standard output line by line and hands each to `see`.
///
/// # Errors
///
/// That the program cannot be started, or that its output cannot be read.
pub fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool, String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| unusable(command, &error))?;
    let output = child.stdout.take().into_iter();
    for line in output.flat_map(|output| BufReader::new(output).split(b'\n')) {
        let line = line.map_err(|error| unusable(command, &error))?;
        let line = String::from_utf8_lossy(&line);
        anstream::println!("{line}");
        see(&line);
    }
    let status = child.wait().map_err(|error| unusable(command, &error))?;
    Ok(status.success())
}

/// Whether a program can be started.
#[must_use]
pub fn is_there(program: &str) -> bool {
    answers(program, "--version")
}

/// The same of one that says its version otherwise.
#[must_use]
pub fn answers(program: &str, version: &str) -> bool {
    Command::new(program)
        .arg(version)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn unusable(command: &Command, error: &std::io::Error) -> String {
    format!(
        "`{}` cannot be run: {error}",
        command.get_program().to_string_lossy()
    )
}
