//! A project: `ambit.toml`, `schema.cedarschema` and `agents/*.toml`, read and checked together.

mod capability;
mod constraint;
mod fit;
mod keys;
mod kinds;
mod limit;
mod manifest;
mod number;
mod policy;
mod requires;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ambit_core::limits::Limits;

use crate::diagnostics::{Diagnostics, Sink};
use crate::reader::{File, Reader};
use crate::schema::{self, Vocabulary};
pub(crate) use keys::IssuerKey;
pub(crate) use manifest::Manifest;
pub(crate) use policy::Policy;

/// A project without faults.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) keys: Vec<IssuerKey>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) manifests: BTreeMap<String, Manifest>,
    warnings: Diagnostics,
}

/// `[policy]`, `[limits]` and `[[keys]]`.
type Settings = (Option<Policy>, Option<Limits>, Vec<IssuerKey>);

impl Project {
    /// Reads and checks the files of a project.
    ///
    /// # Errors
    ///
    /// All faults of all files, together, when there is at least one.
    pub fn load(dir: &Path) -> Result<Self, Diagnostics> {
        let sink = Sink::default();
        let project = read(dir, &sink);
        let errors = sink.errors();
        let found = sink.finish();
        match project {
            Some(mut project) if errors == 0 => {
                project.warnings = found;
                Ok(project)
            }
            _ => Err(found),
        }
    }

    /// What is allowed, but does not do what it seems to say.
    #[must_use]
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The policy's name.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.policy.uid
    }

    /// The policy's version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.policy.version
    }

    /// When the policy was issued, if `ambit.toml` says so (seconds since 1970).
    #[must_use]
    pub const fn issued(&self) -> Option<i64> {
        self.policy.issued
    }
}

fn read(dir: &Path, sink: &Sink) -> Option<Project> {
    refuse_policies(dir, sink);
    let schema = text(dir, "schema.cedarschema", sink);
    let vocabulary = schema.and_then(|text| schema::read(file("schema.cedarschema", sink), &text));
    let before = sink.errors();
    let manifests = manifests(dir, sink, vocabulary.as_ref());
    // A manifest that could not be read is not a missing one.
    let known = (sink.errors() == before).then_some(&manifests);
    let (policy, limits, keys) = settings(dir, sink, known)?;
    Some(Project {
        policy: policy?,
        limits: limits?,
        keys,
        vocabulary: vocabulary?,
        manifests,
        warnings: Diagnostics::default(),
    })
}

const fn file<'a>(name: &'a str, sink: &'a Sink) -> File<'a> {
    File { name, sink }
}

/// The text of a file that must be there.
fn text(dir: &Path, name: &str, sink: &Sink) -> Option<String> {
    let (message, help) = match fs::read(dir.join(name)) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => {
                // A byte order mark is not part of the text; editors add it unasked.
                let text = text
                    .strip_prefix('\u{feff}')
                    .map(str::to_owned)
                    .unwrap_or(text);
                sink.source(name, &text);
                return Some(text);
            }
            Err(_) => (
                "the file is not UTF-8".to_owned(),
                "save it as UTF-8".to_owned(),
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            "the file is missing".to_owned(),
            "`ambit init` writes a project to start from".to_owned(),
        ),
        Err(error) => (
            format!("the file cannot be read: {error}"),
            "make it a file that you can read".to_owned(),
        ),
    };
    file(name, sink).error("project.file", None, message, help);
    None
}

fn settings(
    dir: &Path,
    sink: &Sink,
    manifests: Option<&BTreeMap<String, Manifest>>,
) -> Option<Settings> {
    let file = file("ambit.toml", sink);
    let text = text(dir, file.name, sink)?;
    let document = file.parse(&text)?;
    let mut reader = Reader::new(file, document.get_ref(), "`ambit.toml`", 0..0);
    let policy = reader.get("policy");
    let misspelt = policy.is_none() && reader.has_misspelt("policy");
    let policy = policy.map_or_else(
        || {
            if !misspelt {
                policy::missing(file);
            }
            None
        },
        |policy| policy::read(file, policy),
    );
    let limits = policy::read_limits(file, reader.get("limits"));
    let (keys, agents) = keys::read(file, reader.get("keys"));
    if let Some(manifests) = manifests {
        keys::check_agents(file, &agents, manifests);
    }
    reader.finish();
    Some((policy, limits, keys))
}

/// Manifests by the name of their agent class, from files in the order of their names.
fn manifests(
    dir: &Path,
    sink: &Sink,
    vocabulary: Option<&Vocabulary>,
) -> BTreeMap<String, Manifest> {
    let mut manifests = BTreeMap::new();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for name in names(&dir.join("agents"), "toml") {
        let name = format!("agents/{name}");
        let Some(text) = text(dir, &name, sink) else {
            continue;
        };
        let file = file(&name, sink);
        let Some(named) = manifest::read(file, &text, vocabulary) else {
            continue;
        };
        if let Some(other) = places.get(&named.agent) {
            file.error(
                "project.duplicate",
                named.span,
                format!("`{other}` is already the manifest of `{}`", named.agent),
                "put all capabilities of an agent class in one file",
            );
            continue;
        }
        places.insert(named.agent.clone(), name);
        manifests.insert(named.agent, named.manifest);
    }
    manifests
}

/// The names of the files in a folder that end in `.ext`, sorted; none if there is no folder.
fn names(dir: &Path, ext: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|found| found == ext)
        })
        .collect();
    names.sort();
    names
}

/// Cedar policies must not be left out of a decision in silence.
fn refuse_policies(dir: &Path, sink: &Sink) {
    for name in names(&dir.join("policies"), "cedar") {
        let name = format!("policies/{name}");
        file(&name, sink).error(
            "project.policies",
            None,
            "this version does not compile Cedar policies yet, and will not ignore one",
            "move the file out of `policies/` and say `guard_rails = \"none\"` in `ambit.toml`",
        );
    }
}
