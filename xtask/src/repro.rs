//! `cargo xtask repro`: the same sources give the same bytes, wherever they lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use xtask_kit::ui::{self, Tally};

use crate::guest;
use crate::program::JUDGE;

/// The project whose module is compared. It has a time of issue, but no key of its own.
const SAMPLE: &str = "tests/projects/acme";
/// A key for it; whose does not matter, because nothing is signed.
const KEY: &str = "\n[[keys]]\niss = \"https://broker.acme.example\"\nkid = \"broker-1\"\n\
     alg = \"Ed25519\"\nsigns = \"cap+jwt\"\nx = \"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w\"\n";

/// Builds guest and module in two folders, of other names and depths, and compares the digests.
pub(crate) fn run(root: &Path) -> Result<Tally, String> {
    ui::heading("Building the same sources in two folders");
    let place = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let files = sources(root)?;
    let mut built = Vec::new();
    for folder in ["a", "a-longer-name/and/deeper"] {
        let copy = place.path().join(folder);
        for file in &files {
            copy_file(&root.join(file), &copy.join(file))?;
        }
        let result = build(root, &copy)?;
        ui::note(format_args!("{}", copy.display()));
        ui::note(format_args!("  guest  {}", result.guest));
        ui::note(format_args!("  module {}", result.module));
        built.push(result);
    }
    let same = |what: &str, digest: fn(&Built) -> &String| {
        let first = built.first().map(digest);
        let same = first.is_some() && built.iter().all(|one| Some(digest(one)) == first);
        let digest = first.map_or("", String::as_str);
        ui::outcome(
            same,
            format_args!("{what}: the same bytes twice, SHA-256 {digest}"),
        );
        Tally::one(same)
    };
    let mut tally = same("guest", |built| &built.guest);
    tally += same("module", |built| &built.module);
    tally += same("host core", |built| &built.core);
    Ok(tally)
}

/// The digests of what one folder gave.
struct Built {
    guest: String,
    core: String,
    module: String,
}

fn build(root: &Path, copy: &Path) -> Result<Built, String> {
    let guest = guest::build(copy)?;
    let core = guest::build_core(copy)?;
    let folder = copy.join(SAMPLE);
    let settings = folder.join("ambit.toml");
    let text = String::from_utf8_lossy(&read(&settings)?).into_owned() + KEY;
    fs::write(&settings, text).map_err(|error| at(&settings, &error))?;
    let module = copy.join("target/policy.wasm");
    let arguments = ["module".as_ref(), guest.as_os_str(), folder.as_os_str()];
    JUDGE.write(root, &[&arguments[..], &[module.as_os_str()]].concat())?;
    Ok(Built {
        guest: digest(&read(&guest)?),
        core: digest(&read(&core)?),
        module: digest(&read(&module)?),
    })
}

/// What git knows, and what it would take in: the sources without anything built.
fn sources(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .map_err(|error| format!("`git` cannot be started: {error}"))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let files: Vec<PathBuf> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect();
    if !output.status.success() || files.is_empty() {
        return Err("`git ls-files` names no sources".to_owned());
    }
    // A file that was deleted and not yet committed is still listed.
    Ok(files
        .into_iter()
        .filter(|file| root.join(file).is_file())
        .collect())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), String> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| at(from, &error))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| at(file, &error))
}

fn at(file: &Path, error: &std::io::Error) -> String {
    format!("`{}`: {error}", file.display())
}

/// SHA-256, as hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
