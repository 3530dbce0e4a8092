//! `cargo xtask package`: builds the package of another language with the core in it, installs it from what was
//! built, and runs its tests there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};
use xtask_kit::cargo;
use xtask_kit::ui::{self, Tally};

use crate::program::{CLI, JUDGE};
use crate::{golang, guest, java};

/// Lines of a host, ABI included. What is beside it does not count: stores, fetched lists and integrations, which have
/// folders of their own, and [`BESIDE`].
pub(crate) const LINES: usize = 500;
/// Names, types of answers, and the same for `asyncio`.
const BESIDE: [&str; 3] = ["__init__.py", "answers.py", "aio.py"];

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Args {
    /// The language
    #[arg(value_enum)]
    language: Language,
    /// Build and install only
    #[arg(long)]
    build: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Language {
    Go,
    Java,
    Python,
}

/// Does the command.
pub(crate) fn run(args: Args, root: &Path) -> Result<Tally, String> {
    let (is_there, lacking) = match args.language {
        Language::Go => (golang::build(root)?, "`go` is needed"),
        Language::Java => (
            java::build(root)?,
            "`javac` 17 or later and `mvn` are needed",
        ),
        Language::Python => (
            python(root)?,
            "`python3` 3.11 or later with `venv` is needed",
        ),
    };
    match args.language {
        _ if !is_there => Err(lacking.to_owned()),
        _ if args.build => Ok(Tally::one(true)),
        Language::Go => golang::test(root),
        Language::Java => java::test(root),
        Language::Python => test_python(root),
    }
}

/// Builds the wheel and installs it under `target/python/venv`, the first time with what its tests need. `false`
/// where Python lacks `venv`, which is an error in CI.
pub(crate) fn python(root: &Path) -> Result<bool, String> {
    const ASKED: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    let has_venv = Command::new("python3")
        .args(["-c", ASKED])
        .stderr(Stdio::null())
        .status();
    if !has_venv.is_ok_and(|status| status.success()) {
        let lacking = "`python3` 3.11 or later with `venv` is not there";
        if std::env::var_os("CI").is_some() {
            return Err(format!("{lacking}, and CI needs it"));
        }
        ui::skipped(format_args!(
            "{lacking}: the Python package is not built, and its tests do not run"
        ));
        return Ok(false);
    }
    let target = root.join("target/python");
    let wheel = wheel(root, &target)?;
    let python = venv(root, &target)?;
    let mut pip = crate::jose::pip(&python);
    pip.args(["--no-deps", "--force-reinstall"]).arg(&wheel);
    guest::run(&mut pip, "installing the wheel")?;
    ui::note(wheel.display());
    Ok(true)
}

/// Runs the package's tests as a user has it: installed, away from its sources.
pub(crate) fn test_python(root: &Path) -> Result<Tally, String> {
    let fixture = root.join("target/fixture");
    JUDGE.write(root, &["fixture".as_ref(), fixture.as_os_str()])?;
    // Their projects are those of `ambit init`, and the README's example is run as it stands.
    CLI.build(root)?;
    let mut tally = count(root)?;
    let mut pytest = Command::new(interpreter(root));
    pytest
        .current_dir(root.join("host/python/tests"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AMBIT_FIXTURE", &fixture)
        .env("AMBIT_COMMAND", root.join("target/debug/ambit"))
        .env("AMBIT_ROOT", root);
    let mut counted = Tally::default();
    let passed = cargo::watch(&mut pytest, |line| {
        counted = summary(line).unwrap_or(counted);
    })?;
    if !passed && counted.failed == 0 || counted.passed == 0 {
        counted.failed += 1;
    }
    tally += counted;
    Ok(tally)
}

/// The Python that has the package.
fn interpreter(root: &Path) -> PathBuf {
    root.join("target/python/venv/bin/python")
}

/// The sources with the core and its digest beside them, as a wheel.
fn wheel(root: &Path, target: &Path) -> Result<PathBuf, String> {
    let source = target.join("source");
    let dist = target.join("dist");
    remove(&source)?;
    remove(&dist)?;
    copy_folder(&root.join("host/python"), &source)?;
    copy(&root.join("LICENSE"), &source.join("LICENSE"))?;
    let core = guest::build_core(root)?;
    let package = source.join("src/ambit");
    copy(&core, &package.join("core.wasm"))?;
    let hex = digest(&core)?;
    let text = format!(
        "\"\"\"Written by the build.\"\"\"\n\n#: The core that this package runs, and no other.\nSHA256 = \"{hex}\"\n"
    );
    let file = package.join("_core.py");
    fs::write(&file, text).map_err(failed(&file))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--no-deps", "--wheel-dir"])
    .arg(&dist)
    .arg(&source)
    // The same bytes from the same sources.
    .env("SOURCE_DATE_EPOCH", "315532800");
    guest::run(&mut pip, "building the wheel")?;
    let wheels = fs::read_dir(&dist).map_err(failed(&dist))?;
    let mut wheels = wheels.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let wheel = wheels.find(|path| path.extension().is_some_and(|name| name == "whl"));
    wheel.ok_or_else(|| format!("`{}` holds no wheel", dist.display()))
}

/// A place to install to, with what `host/python/tests/requirements.txt` names; made anew when that changes.
fn venv(root: &Path, target: &Path) -> Result<PathBuf, String> {
    let wanted = root.join("host/python/tests/requirements.txt");
    let text = fs::read_to_string(&wanted).map_err(failed(&wanted))?;
    let mark = target.join("requirements.txt");
    let python = interpreter(root);
    if python.exists() && fs::read_to_string(&mark).is_ok_and(|found| found == text) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"])
        .arg(target.join("venv"));
    guest::run(&mut make, "making a place for the package")?;
    let mut pip = crate::jose::pip(&python);
    pip.arg("-r").arg(&wanted);
    guest::run(
        &mut pip,
        "installing what the tests of the Python package need",
    )?;
    fs::write(&mark, text).map_err(failed(&mark))?;
    Ok(python)
}

/// Prints the lines of the host, and compares them with the bound.
fn count(root: &Path) -> Result<Tally, String> {
    let folder = root.join("host/python/src/ambit");
    let mut lines = 0;
    for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
        let file = entry.map_err(failed(&folder))?.path();
        let is_beside = BESIDE.iter().any(|name| file.ends_with(name));
        if file.extension().is_some_and(|name| name == "py") && !is_beside {
            let text = fs::read_to_string(&file).map_err(failed(&file))?;
            lines += code_lines(&text);
        }
    }
    let fits = lines <= LINES;
    ui::outcome(
        fits,
        format_args!("the host in Python has {lines} lines of code, at most {LINES}"),
    );
    Ok(Tally::one(fits))
}

/// Lines that are neither empty nor comments nor within a text that documents.
fn code_lines(text: &str) -> usize {
    // Whether a text of several lines is open, and then whether it documents.
    let mut open = None;
    let mut lines = 0;
    for line in text.lines().map(str::trim) {
        let documents = open.unwrap_or_else(|| line.starts_with("\"\"\""));
        if line.matches("\"\"\"").count() % 2 == 1 {
            open = open.is_none().then_some(documents);
        }
        if !documents && !line.is_empty() && !line.starts_with('#') {
            lines += 1;
        }
    }
    lines
}

/// The counts in pytest's last line: `12 passed, 1 failed, 2 errors in 3.40s`.
fn summary(line: &str) -> Option<Tally> {
    let (counts, _) = line.rsplit_once(" in ")?;
    let number = |word: &str| -> usize {
        let mut counts = counts.split(", ").filter_map(|count| count.split_once(' '));
        let count = counts.find(|(_, what)| what.trim_end_matches('s') == word);
        count
            .and_then(|(number, _)| number.parse().ok())
            .unwrap_or_default()
    };
    let tally = Tally {
        passed: number("passed"),
        failed: number("failed") + number("error"),
    };
    (tally.passed + tally.failed > 0).then_some(tally)
}

/// The SHA-256 of a file in hexadecimal digits.
pub(crate) fn digest(file: &Path) -> Result<String, String> {
    let digest = Sha256::digest(fs::read(file).map_err(failed(file))?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Removes a folder that may be there.
pub(crate) fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(folder)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        match path.is_dir() {
            true if name == "__pycache__" => {}
            true => copy_folder(&path, &to.join(name))?,
            false => copy(&path, &to.join(name))?,
        }
    }
    Ok(())
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(drop).map_err(failed(from))
}

pub(crate) fn failed(path: &Path) -> impl Fn(std::io::Error) -> String {
    let path = path.display().to_string();
    move |error| format!("`{path}`: {error}")
}

#[cfg(test)]
mod tests {
    use super::{Tally, code_lines, summary};

    #[test]
    fn documentation_is_no_code() {
        let text = "\"\"\"One.\n\nTwo.\n\"\"\"\nimport os\n\n# why\nx = \"\"\"a\"\"\"\n    \"\"\"One line.\"\"\"\ny = 1\n";
        assert_eq!(code_lines(text), 3);
        // A text that is a value is code, and so is what comes after it.
        assert_eq!(code_lines("x = \"\"\"\na\n\"\"\"\ny = 1\n"), 4);
    }

    #[test]
    fn pytest_results_are_counted() {
        let tally = |passed, failed| Some(Tally { passed, failed });
        assert_eq!(summary("12 passed in 3.40s"), tally(12, 0));
        assert_eq!(
            summary("1 failed, 12 passed, 2 errors in 3.40s"),
            tally(12, 3)
        );
        assert_eq!(summary("tests/test_x.py ..."), None);
    }
}
