//! Conformance case files, in the form that `tests/README.md` describes, on every engine.

use std::path::Path;

use ambit_tests::case::{Case, read_groups};
use ambit_tests::run::Runner;
use ambit_tests::{engine, suites};
use serde_json::Value;
use xtask_kit::cargo::{self, cargo};

use super::Case as Named;
use super::engine::EngineChoice;

/// The engines, started when the first file of this form comes.
#[derive(Debug)]
pub(crate) struct Conformance {
    choice: EngineChoice,
    runner: Option<Runner>,
}

impl Conformance {
    pub(crate) const fn new(choice: EngineChoice) -> Self {
        Self {
            choice,
            runner: None,
        }
    }

    /// Runs the groups of one file. Templates lie beside it, or are those of the project's own suite.
    pub(crate) fn run(&mut self, file: &Path, text: &str) -> Result<Vec<Named>, String> {
        let groups: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let beside = file.parent().unwrap_or(file).join("templates");
        let templates = if beside.is_dir() {
            beside
        } else {
            suites().join("conformance/templates")
        };
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let cases = read_groups(groups, &stem, &templates)?;
        let runner = match &mut self.runner {
            Some(runner) => runner,
            none => none.insert(Runner::new(start(self.choice)?)),
        };
        let judged = |case: &Case| (case.name.clone(), runner.run(case));
        Ok(cases.iter().map(judged).collect())
    }
}

/// Native, wasmtime with reused and with fresh instances, Node.
fn start(choice: EngineChoice) -> Result<engine::Engines, String> {
    let root = cargo::root();
    for built in ["guest", "web"] {
        let words = ["run", "--quiet", "--package", "xtask", "--", built];
        let needed = built == "guest" || cargo::is_there("node");
        if needed && !cargo::succeeds(cargo(&root, &words).stdout(std::io::stderr()))? {
            return Err(format!("`cargo xtask {built}` failed"));
        }
    }
    let mut engines = engine::start()?;
    match choice {
        EngineChoice::Native => engines.list.retain(|engine| engine.name() == "native"),
        EngineChoice::Wasm => engines.list.retain(|engine| engine.name() != "native"),
        EngineChoice::Both => {}
    }
    for line in &engines.lacking {
        xtask_kit::ui::note(line);
    }
    Ok(engines)
}
