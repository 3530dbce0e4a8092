//! A project: `ambit.toml`, `schema.cedarschema` and `agents/*.toml`, read and checked together.

mod capability;
mod checks;
mod constraint;
mod credential;
pub mod files;
mod fit;
pub(crate) mod guard;
mod hours;
mod keys;
mod limit;
mod manifest;
mod number;
mod policy;
mod requires;

use std::collections::BTreeMap;
use std::path::Path;

use ambit_core::limits::Limits;

use crate::diagnostics::{Diagnostics, Sink};
use crate::keys::SecretKey;
use crate::lint::{self, allow};
use crate::reader::{File, Reader};
use crate::schema::{self, Vocabulary};
pub(crate) use checks::Checks;
pub(crate) use guard::Guard;
pub(crate) use keys::IssuerKey;
pub use manifest::EntryPlace;
pub(crate) use manifest::Manifest;
pub(crate) use policy::{GuardRails, Policy};

/// A project without faults.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) keys: Vec<IssuerKey>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) manifests: BTreeMap<String, Manifest>,
    /// `None` where capabilities and manifests alone decide.
    pub(crate) guard: Option<Guard>,
    pub(crate) checks: Checks,
    warnings: Diagnostics,
    /// The warnings that are allowed included.
    found: Diagnostics,
}

/// What `ambit.toml` says.
struct Settings {
    policy: Option<Policy>,
    limits: Option<Limits>,
    keys: Vec<IssuerKey>,
    checks: Checks,
}

impl Project {
    /// Reads and checks the files of a project.
    ///
    /// # Errors
    ///
    /// All faults of all files, together, when there is at least one.
    pub fn load(dir: &Path) -> Result<Self, Diagnostics> {
        let (project, errors, found) = on_a_large_stack(|| {
            let sink = Sink::default();
            let project = read(dir, &sink);
            (project, sink.errors(), sink.finish())
        });
        match project {
            Some(mut project) if errors == 0 => {
                project.warnings = allow::apply(found.clone()).0;
                project.found = found;
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

    /// All that is allowed, but does not do what it seems to say: the warnings, and what takes a closer
    /// look. A warning that a comment allows is left out; a comment that allows none is one.
    #[must_use]
    pub fn check(&self) -> Diagnostics {
        on_a_large_stack(|| {
            let sink = Sink::with(self.found.clone());
            lint::check(self, &self.found, &sink);
            let (left, wrong) = allow::apply(sink.finish());
            let sink = Sink::with(left);
            wrong.into_iter().for_each(|one| sink.push(one));
            sink.finish()
        })
    }

    /// Whether everything was looked at by somebody, so that a module of it may be published.
    ///
    /// # Errors
    ///
    /// The imported actions that still are guesses (`@guessed`). They can be tried, as `execute` at high
    /// risk, and not be published.
    pub fn check_publishable(&self) -> Result<(), Diagnostics> {
        // A comment that allows the warning does not confirm anything.
        let guesses = self.found.as_errors(schema::UNCONFIRMED);
        if guesses.is_empty() {
            Ok(())
        } else {
            Err(guesses)
        }
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

    /// Adds a key that may sign statements of the type `signs`, in memory: for tests, which sign with keys
    /// that nobody keeps. Whatever it signs, it signs for everybody.
    pub fn add_key(&mut self, iss: &str, key: &SecretKey, signs: &'static str) {
        self.keys.push(IssuerKey {
            iss: iss.to_owned(),
            kid: key.kid().to_owned(),
            alg: key.alg(),
            signs,
            x: key.x(),
            y: key.y(),
            tenants: None,
            audiences: None,
            agents: None,
            tiers: None,
            actions: None,
            roles: None,
            sub: None,
            credential: None,
        });
    }

    /// Where the capabilities of a manifest stand, in their order.
    #[must_use]
    pub fn entry_places(&self, agent: &str) -> &[EntryPlace] {
        self.manifests
            .get(agent)
            .map_or(&[], |manifest| &manifest.places)
    }

    /// When the policy was issued, if `ambit.toml` says so (seconds since 1970).
    #[must_use]
    pub const fn issued(&self) -> Option<i64> {
        self.policy.issued
    }
}

/// What is wrong with the text of a vocabulary alone: a `schema.cedarschema`, without the files beside it.
#[must_use]
pub fn check_vocabulary(text: &str) -> Diagnostics {
    on_a_large_stack(|| {
        let sink = Sink::default();
        let name = "schema.cedarschema";
        sink.source(name, text);
        schema::read(file(name, &sink), text);
        sink.finish()
    })
}

/// Bytes of stack for reading a project. Only what is used of it is ever taken from the system.
pub(crate) const STACK: usize = 1 << 30;

/// Cedar's parser, validator and destructors walk through expressions by recursion. The bounds on what
/// they get (brackets, operators, types that lead to types) are chosen for this stack.
///
/// # Panics
///
/// Where the system has no room for a thread's stack, and where `work` panics.
pub fn on_a_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let running = thread.spawn_scoped(scope, work);
        let running = running.expect("the system has room for a thread's stack");
        running
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn read(dir: &Path, sink: &Sink) -> Option<Project> {
    files::refuse_strays(dir, sink);
    files::refuse_others(dir, "agents", &["toml"], sink);
    let schema = files::text(dir, "schema.cedarschema", sink);
    let vocabulary = schema.and_then(|text| schema::read(file("schema.cedarschema", sink), &text));
    let before = sink.errors();
    let manifests = manifests(dir, sink, vocabulary.as_ref());
    // A manifest that could not be read is not a missing one.
    let known = (sink.errors() == before).then_some(&manifests);
    let settings = settings(dir, sink, known);
    let rails = settings
        .as_ref()
        .and_then(|settings| Some(settings.policy.as_ref()?.guard_rails));
    let guard = match rails {
        Some(GuardRails::None) => {
            files::refuse_policies(dir, sink);
            None
        }
        Some(GuardRails::Cedar) => Some(guard::read(dir, sink, vocabulary.as_ref())),
        // What `ambit.toml` says is not known; it has been reported. Policies that are there are looked at
        // all the same, so that all faults are shown at once.
        None if dir.join("policies").is_dir() => Some(guard::read(dir, sink, vocabulary.as_ref())),
        None => None,
    };
    let settings = settings?;
    Some(Project {
        policy: settings.policy?,
        limits: settings.limits?,
        keys: settings.keys,
        checks: settings.checks,
        vocabulary: vocabulary?,
        manifests,
        guard,
        warnings: Diagnostics::default(),
        found: Diagnostics::default(),
    })
}

const fn file<'a>(name: &'a str, sink: &'a Sink) -> File<'a> {
    File { name, sink }
}

fn settings(
    dir: &Path,
    sink: &Sink,
    manifests: Option<&BTreeMap<String, Manifest>>,
) -> Option<Settings> {
    let file = file("ambit.toml", sink);
    let text = files::text(dir, file.name, sink)?;
    let document = file.parse(&text)?;
    let mut reader = Reader::new(file, document.get_ref(), "`ambit.toml`", 0..0);
    let policy = reader.get("policy");
    let misspelt = policy.is_none() && reader.has_misspelt("policy");
    let mut heard = Vec::new();
    let policy = policy.map_or_else(
        || {
            if !misspelt {
                policy::missing(file);
            }
            None
        },
        |policy| policy::read(file, policy, &mut heard),
    );
    let limits = policy::read_limits(file, reader.get("limits"));
    let (keys, agents) = keys::read(file, reader.get("keys"));
    if let Some(manifests) = manifests {
        keys::check_agents(file, &agents, manifests);
        keys::check_roles(file, &keys, manifests);
    }
    let checks = checks::read(file, reader.get("check"));
    keys::check_heard(file, &heard, &keys);
    reader.finish();
    Some(Settings {
        policy,
        limits,
        keys,
        checks,
    })
}

/// Manifests by the name of their agent class, from files in the order of their names.
fn manifests(
    dir: &Path,
    sink: &Sink,
    vocabulary: Option<&Vocabulary>,
) -> BTreeMap<String, Manifest> {
    let mut manifests = BTreeMap::new();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let names = files::list(dir, "agents", "toml", sink);
    if names.is_empty() {
        no_manifest(sink);
    }
    for name in names {
        let Some(text) = files::text(dir, &name, sink) else {
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

/// Valid, for a policy that stops everything, and more often a folder by another name.
fn no_manifest(sink: &Sink) {
    file("agents", sink).warning(
        "project.no_manifest",
        None,
        "there is no manifest, so no agent is ever allowed anything",
        "write one for each agent class, for example `agents/renewal-bot.toml`",
    );
}
