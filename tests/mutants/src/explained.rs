//! `tests/mutants.toml`: why nobody can find a mutant.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::plant::Mutant;

/// All explanations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

/// An explanation, for every mutant that fits. Lines are not named: they move.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    file: String,
    /// All of the file unless said.
    function: Option<String>,
    /// The beginning of the changes; all of the function unless said.
    #[serde(default)]
    change: Vec<String>,
    reason: String,
}

impl Explained {
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = fs::read_to_string(file).map_err(|error| at(&error))?;
        toml::from_str(&text).map_err(|error| at(&error))
    }

    pub(super) fn reason(&self, mutant: &Mutant) -> Option<String> {
        let fits = |survivor: &&Survivor| {
            survivor.file == mutant.file
                && survivor
                    .function
                    .as_ref()
                    .is_none_or(|name| *name == mutant.function)
                && (survivor.change.is_empty()
                    || survivor
                        .change
                        .iter()
                        .any(|change| mutant.change.starts_with(change)))
        };
        Some(self.survivor.iter().find(fits)?.reason.clone())
    }
}
