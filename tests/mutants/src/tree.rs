//! The copy of the repository that faults are planted into.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes the copies of our crates others than ours, so that the two never mix, though both are
/// built from the same compiled dependencies.
const VERSION: (&str, &str) = ("version = \"0.1.0\"", "version = \"0.1.0-planted\"");

/// Copies what git knows, removes the rest, and gives the names of the files. What did not change keeps its
/// time, so that cargo knows it again.
pub(super) fn copy(root: &Path, to: &Path) -> Result<Vec<PathBuf>, String> {
    let names = names(root)?;
    for name in &names {
        let bytes = fs::read(root.join(name)).map_err(|error| at(name, &error))?;
        if name == Path::new("Cargo.toml") {
            let text = String::from_utf8_lossy(&bytes);
            write(
                &to.join(name),
                text.replacen(VERSION.0, VERSION.1, 1).as_bytes(),
            )?;
        } else if name != Path::new("Cargo.lock") || !to.join(name).exists() {
            write(&to.join(name), &bytes)?;
        }
    }
    remove_others(to, Path::new(""), &names)?;
    // Guest and npm package, which the suites look for there; they have no faults in them.
    let built = to.join("target");
    if !built.exists() {
        std::os::unix::fs::symlink(root.join("target"), &built)
            .map_err(|error| at(&built, &error))?;
    }
    Ok(names)
}

/// Removes what an earlier copy had and the repository has no more.
fn remove_others(to: &Path, below: &Path, names: &[PathBuf]) -> Result<(), String> {
    let folder = to.join(below);
    let entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(|error| at(&folder, &error))? {
        let name = below.join(entry.file_name());
        let kind = entry.file_type().map_err(|error| at(&name, &error))?;
        if kind.is_dir() {
            remove_others(to, &name, names)?;
            // What is left empty would count as a member of the workspace.
            if names.iter().all(|known| !known.starts_with(&name)) {
                fs::remove_dir(entry.path()).map_err(|error| at(&name, &error))?;
            }
        } else if kind.is_file() && !names.contains(&name) {
            fs::remove_file(entry.path()).map_err(|error| at(&name, &error))?;
        }
    }
    Ok(())
}

/// Writes a file unless it says that already.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(file).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(file);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(file, bytes));
    written.map_err(|error| at(file, &error))
}

fn names(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z"]);
    let output = git.output().map_err(|error| format!("git: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let listed = text.split('\0').map(PathBuf::from);
    // A file that was deleted and not yet committed is still listed.
    let names: Vec<PathBuf> = listed.filter(|name| root.join(name).is_file()).collect();
    if names.is_empty() {
        return Err("`git ls-files` names no sources".to_owned());
    }
    Ok(names)
}

fn at(file: &Path, error: &std::io::Error) -> String {
    format!("`{}`: {error}", file.display())
}
