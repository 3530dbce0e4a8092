//! Everything that can be said of a project without running it.

use std::path::Path;

use ambit_compiler::reader::File;
use ambit_compiler::{CompileError, Diagnostics, Project, Sink, build, files};
use ambit_policy::Bundle;

use crate::cases;

/// What looking at a project came to.
#[derive(Debug)]
pub struct Checked {
    /// The project, where it can be built.
    pub project: Option<Project>,
    /// Its faults, or else its warnings, in all files.
    pub found: Diagnostics,
}

/// Reads a project and its test files, without running them. `issued` is the time of issue where the project
/// names none.
///
/// # Errors
///
/// Those of [`build::bundle`].
pub fn check(dir: &Path, issued: i64) -> Result<Checked, CompileError> {
    let tests = Sink::default();
    let names = cases::list(dir, &tests);
    let project = match Project::load(dir) {
        Ok(project) => project,
        Err(faults) => {
            // Their names mean nothing without a policy; their syntax does.
            for name in &names {
                let file = File { name, sink: &tests };
                if let Some(text) = files::text(dir, name, &tests) {
                    let _ = file.parse(&text);
                }
            }
            let found = faults.and(tests.finish());
            return Ok(Checked {
                project: None,
                found,
            });
        }
    };
    let bundle = build::bundle(&project, project.issued().unwrap_or(issued))?;
    if let Ok(bundle) = Bundle::verify(&bundle) {
        cases::read(dir, &names, &bundle, &tests);
    }
    let is_sound = tests.errors() == 0;
    let found = project.check().and(tests.finish());
    Ok(Checked {
        project: is_sound.then_some(project),
        found,
    })
}
