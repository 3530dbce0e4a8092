//! A project's module, unsigned, for `cargo xtask repro`.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::build::{self, BuildOptions};
use ambit_compiler::{Project, module};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The guest
    guest: PathBuf,
    /// The folder of the project; it says when it was issued
    project: PathBuf,
    /// Where the module goes
    to: PathBuf,
}

pub(crate) fn write(args: &Args) -> Result<(), String> {
    let at = |file: &Path, error: std::io::Error| format!("`{}`: {error}", file.display());
    let template = fs::read(&args.guest).map_err(|error| at(&args.guest, error))?;
    let project = Project::load(&args.project).map_err(|faults| faults.render(false))?;
    let options = BuildOptions {
        issued: None,
        default_issued: 0,
    };
    let bundle = build::bundle(&project, options.issued(&project));
    let module = bundle.and_then(|bundle| module::assemble(&template, &bundle));
    let module = module.map_err(|error| error.to_string())?;
    fs::write(&args.to, module).map_err(|error| at(&args.to, error))
}
