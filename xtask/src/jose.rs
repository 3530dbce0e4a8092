//! The JOSE libraries of others, for `tests/tests/jose.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask_kit::cargo;
use xtask_kit::ui;

/// One version each, so that a run tomorrow is the run of today.
const NODE: &str = "jose@6.2.18";
const PYTHON: &str = "joserfc==1.8.0";
const SMTP: &str = "aiosmtpd==1.4.6";

/// Installs both under `target/jose`, where they are not yet. Without Node or Python the tests of that
/// library are skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    let folder = root.join("target/jose");
    fs::create_dir_all(&folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    // A file that names what is there: another version is installed anew.
    let is_there = |name: &str, wanted: &str| {
        fs::read_to_string(folder.join(name)).is_ok_and(|found| found == wanted)
    };
    let done = |name: &str, wanted: &str| {
        fs::write(folder.join(name), wanted).map_err(|error| format!("`{name}`: {error}"))
    };
    if can_use("npm", "npm jose")? && !is_there("node.txt", NODE) {
        let mut npm = Command::new("npm");
        npm.current_dir(&folder);
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--silent",
            "--prefix",
            ".",
            NODE,
        ]);
        run(&mut npm)?;
        done("node.txt", NODE)?;
    }
    python(&folder, "joserfc", &[PYTHON])
}

/// Has this interpreter install.
pub(crate) fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip
}

/// Installs packages of Python in an environment of their own under a folder, where they are not yet.
pub(crate) fn python(folder: &Path, what: &str, packages: &[&str]) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let (list, wanted) = (folder.join("python.txt"), packages.join("\n"));
    if !can_use("python3", what)? || fs::read_to_string(&list).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let mut venv = Command::new("python3");
    run(venv.current_dir(folder).args(["-m", "venv", "venv"]))?;
    let mut pip = pip(&folder.join("venv/bin/python"));
    pip.current_dir(folder);
    run(pip.args(packages))?;
    fs::write(&list, wanted).map_err(|error| format!("`{}`: {error}", list.display()))
}

/// The SMTP server of the broker's tests, in a folder of its own.
pub(crate) fn install_smtp(root: &Path) -> Result<(), String> {
    python(&root.join("target/smtp"), "aiosmtpd", &[SMTP])
}

pub(crate) fn can_use(program: &str, library: &str) -> Result<bool, String> {
    if cargo::is_there(program) {
        return Ok(true);
    }
    if std::env::var_os("CI").is_some() {
        return Err(format!(
            "`{program}` is needed in CI for {library} and cannot be started"
        ));
    }
    ui::skipped(format_args!(
        "`{program}` is not installed: nothing is compared with {library}"
    ));
    Ok(false)
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status();
    let failed = |why: String| format!("`{}`: {why}", command.get_program().to_string_lossy());
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
