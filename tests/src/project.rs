//! Projects as signed modules: `tests/projects/NAME` or `tests/policies/NAME`, with issuer keys added, compiled
//! and signed.

use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::keys::{SecretKey, load};
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{Project, build, module};
use ambit_core::json::{Document, Profile, Writer};
use ambit_host::{LoadOptions, MemoryVersions, PolicyModule, Trust};
use ambit_policy::Bundle;
use ambit_token::base64url;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::case::PolicySpec;
use crate::data::merge;
use crate::{keys, suites, workspace};

/// When modules are loaded (seconds since 1970): a moment at which every project of ours holds.
pub const NOW: i64 = 1_772_000_400;
/// Who signs modules here.
const MODULE_KEY: &str = "module-1";

/// A project compiled and signed.
#[derive(Debug)]
pub struct SignedPolicy {
    id: String,
    folder: TempDir,
    bundle: Vec<u8>,
    trust: String,
}

impl SignedPolicy {
    /// Compiles and signs what `spec` names.
    ///
    /// # Errors
    ///
    /// The faults of the project, or that the guest is not built.
    pub fn make(spec: &PolicySpec) -> Result<Self, String> {
        Self::make_with(spec, &[])
    }

    /// The same with files added to the project, each with its place in it.
    ///
    /// # Errors
    ///
    /// As [`Self::make`].
    pub fn make_with(spec: &PolicySpec, files: &[(&str, &str)]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let issuers = spec
            .keys
            .iter()
            .map(public)
            .collect::<Result<Vec<_>, _>>()?;
        let source = copied(&spec.project, &issuers, folder.path())?;
        for (place, content) in files {
            fs::write(source.join(place), content).map_err(|error| format!("{place}: {error}"))?;
        }
        let bundle = built(&spec.project, &source)?;
        let bundle = patched(bundle, spec.bundle.as_ref())?;
        let key = secret_key(MODULE_KEY, folder.path())?;
        let module = signed_module(&guest()?, &bundle, &key)?;
        fs::write(folder.path().join("policy.wasm"), module).map_err(|error| error.to_string())?;
        Ok(Self {
            id: spec.id(),
            folder,
            bundle,
            trust: trust(&key),
        })
    }

    /// Which policy this is, among those of a run.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signed module.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("policy.wasm")
    }

    /// The text of `keys.json`.
    #[must_use]
    pub fn trust(&self) -> &str {
        &self.trust
    }

    /// The bundle in the module.
    #[must_use]
    pub fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// SHA-256 of the bundle, base64url: what `policy.s256` in a token names.
    #[must_use]
    pub fn bundle_s256(&self) -> String {
        use sha2::Digest as _;
        base64url::encode(&sha2::Sha256::digest(&self.bundle))
    }

    /// The same policy as a module without a signature, and its detached envelope.
    ///
    /// # Errors
    ///
    /// What cannot be assembled or signed.
    pub fn detached(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let module =
            module::assemble(&guest()?, &self.bundle).map_err(|error| error.to_string())?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let key = secret_key(MODULE_KEY, folder.path())?;
        let signed = sign::module(&module, &[key], SignOptions::default());
        match signed.map_err(|error| error.to_string())? {
            Signed::Detached { envelope } => Ok((module, envelope)),
            Signed::Carried { .. } => Err("the signature is not detached".to_owned()),
        }
    }

    /// Verifies the module as every host does.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn load(&self) -> Result<PolicyModule, String> {
        let trust = Trust::parse(self.trust.as_bytes()).map_err(|error| format!("{error:?}"))?;
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: None,
            now: NOW,
            seen: &seen,
        };
        PolicyModule::read(&self.file(), None, &trust, &options).map_err(|error| error.to_string())
    }
}

/// The bundle of the project `NAME`, to whose copy in `folder` issuer keys (`[[keys]]` tables) are added. The
/// project itself has none that anybody could sign with.
///
/// # Errors
///
/// All faults of the project, as the command line shows them.
pub fn compile(name: &str, issuers: &[Value], folder: &Path) -> Result<Vec<u8>, String> {
    built(name, &copied(name, issuers, folder)?)
}

fn copied(name: &str, issuers: &[Value], folder: &Path) -> Result<PathBuf, String> {
    let source = folder.join(name);
    copy(&workspace().join(place(name)), &source)?;
    add_keys(&source.join("ambit.toml"), issuers)?;
    Ok(source)
}

/// Where a project is, from the folder of the workspace: `tests/policies` has those that are policies for
/// their own sake.
#[must_use]
pub fn place(name: &str) -> String {
    let policy = suites().join("policies").join(name);
    let folder = if policy.is_dir() {
        "policies"
    } else {
        "projects"
    };
    format!("tests/{folder}/{name}")
}

fn built(name: &str, source: &Path) -> Result<Vec<u8>, String> {
    let project = Project::load(source).map_err(|faults| format!("{}:\n{faults}", place(name)))?;
    if !project.warnings().is_empty() {
        return Err(format!("{}:\n{}", place(name), project.warnings()));
    }
    let issued = project
        .issued()
        .ok_or("the project does not say when it was issued")?;
    build::bundle(&project, issued).map_err(|error| error.to_string())
}

/// The guest with a bundle in it and a signature at its end.
///
/// # Errors
///
/// Why the compiler refuses one of them.
pub fn signed_module(guest: &[u8], bundle: &[u8], key: &SecretKey) -> Result<Vec<u8>, String> {
    let unsigned = module::assemble(guest, bundle).map_err(|error| error.to_string())?;
    let options = SignOptions {
        carried: true,
        ..SignOptions::default()
    };
    let signed = sign::module(&unsigned, std::slice::from_ref(key), options);
    match signed.map_err(|error| error.to_string())? {
        Signed::Carried { module } => Ok(module),
        Signed::Detached { .. } => Err("the module does not carry its signature".to_owned()),
    }
}

/// The text of a `keys.json` that trusts one key.
#[must_use]
pub fn trust(key: &SecretKey) -> String {
    json!({"threshold": 1, "keys": [{"kid": key.kid(), "jwk": key.public_jwk()}]}).to_string()
}

/// The guest, which `cargo xtask guest` builds.
///
/// # Errors
///
/// What to run first.
pub fn guest() -> Result<Vec<u8>, String> {
    let file = workspace().join("target/guest/wasm32v1-none/wasm/ambit_guest.wasm");
    let first = "the guest is not built: run `cargo xtask guest` first (`cargo xtask test` does)";
    fs::read(file).map_err(|_| first.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}

/// A `[[keys]]` table of a data file, in which `key` names a fixed key instead of its `x`.
fn public(key: &Value) -> Result<Value, String> {
    let mut table = key.clone();
    let members = table.as_object_mut().ok_or("a key wants an object")?;
    if let Some(name) = members.shift_remove("key") {
        let name = name.as_str().unwrap_or_default();
        let key = keys::named(name)?;
        members.insert("x".to_owned(), key.x().into());
        if let Some(y) = key.y() {
            members.insert("y".to_owned(), y.into());
        }
    }
    Ok(table)
}

fn add_keys(file: &Path, keys: &[Value]) -> Result<(), String> {
    let mut text =
        fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    for key in keys {
        let table = toml::to_string(key).map_err(|error| error.to_string())?;
        text.push_str(&format!("\n[[keys]]\n{table}"));
    }
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The bundle with its document changed, as no compiler would make it.
///
/// # Errors
///
/// That it is no bundle any more.
pub fn patched(bundle: Vec<u8>, patch: Option<&Value>) -> Result<Vec<u8>, String> {
    let Some(patch) = patch else {
        return Ok(bundle);
    };
    let before = Bundle::verify(&bundle).map_err(|error| error.to_string())?;
    let mut text = Writer::default();
    text.json(before.root());
    let mut document: Value =
        serde_json::from_str(text.as_str()).map_err(|error| error.to_string())?;
    merge(&mut document, patch);
    document.sort_all_objects();
    let text = document.to_string();
    let document =
        Document::parse(text.as_bytes(), Profile::Signed).map_err(|error| error.to_string())?;
    Bundle::encode(document.root(), before.program_bytes())
        .ok_or_else(|| "the changed bundle cannot be encoded".to_owned())
}

/// A fixed key as the compiler's. It reads private keys from files that only their owner can read.
///
/// # Errors
///
/// The key is not known, or the file cannot be written.
pub fn secret_key(name: &str, folder: &Path) -> Result<SecretKey, String> {
    let key = keys::named(name)?;
    let mut jwk = key.jwk();
    jwk["kid"] = name.into();
    jwk["d"] = base64url::encode(&key.secret()).into();
    let file = folder.join(format!("{name}.jwk"));
    write_private(&file, &jwk.to_string())
        .map_err(|error| format!("{}: {error}", file.display()))?;
    load(&file).map_err(|error| error.to_string())
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}
