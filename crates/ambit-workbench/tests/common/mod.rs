//! What the tests of the workbench share: the project `projects/shop`, compiled once a test.

use std::path::{Path, PathBuf};

use ambit_compiler::reader::File;
use ambit_compiler::{Project, Sink};
use ambit_workbench::cases::{self, Suite};
use ambit_workbench::run::Bench;

/// The tests' own folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// A project and the bench that its tests run on.
pub(crate) fn bench(dir: &Path) -> (Project, Bench) {
    let project = Project::load(dir).unwrap_or_else(|faults| panic!("{faults}"));
    let issued = project.issued().unwrap();
    let bench = Bench::new(&project, issued).unwrap();
    (project, bench)
}

/// The cases in a text, which must have no fault.
pub(crate) fn suite(text: &str, dir: &Path, bench: &Bench) -> Suite {
    let sink = Sink::default();
    let name = "tests/it.toml";
    sink.source(name, text);
    let mut suite = Suite::default();
    cases::read_text(
        File { name, sink: &sink },
        text,
        dir,
        &bench.bundle(),
        &mut suite,
    );
    let faults = sink.finish();
    assert!(faults.is_empty(), "{faults}");
    suite
}

/// Compares with a file, or writes it where `AMBIT_BLESS` is set.
pub(crate) fn compare(expected: &Path, found: &str) {
    if std::env::var_os("AMBIT_BLESS").is_some() {
        std::fs::write(expected, found).unwrap();
    }
    let text = std::fs::read_to_string(expected).unwrap_or_default();
    assert_eq!(text, found, "{}", expected.display());
}
