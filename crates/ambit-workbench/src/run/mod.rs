//! Runs cases: the project's own policy, with keys that nobody keeps added to it in memory.

mod answer;
mod request;
mod statement;
mod suite;

use std::cell::RefCell;

use ambit_compiler::keys::{SecretKey, generate};
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{CompileError, Project, build, module, probe};
use ambit_core::json::{Document, Profile, Writer};
use ambit_evaluator::ChainCache;
use ambit_host::{
    Evaluator as _, Instances, LoadOptions, MemoryVersions, PolicyModule, Runtime, Trust,
    WasmEngine,
};
use ambit_policy::{Bundle, BundleError};
use serde_json::{Value as Json, json};

use crate::cases::Case;
pub use answer::{Outcome, Rule};
pub use request::Request;
pub use suite::{Results, Tried};

/// Who issues the tokens of tests.
const ISSUER: &str = "https://issuer.ambit-test.example";
/// Who vouches for people's yes in tests.
const APPROVALS: &str = "https://approvals.ambit-test.example";

/// What signs lists of what was revoked.
const EPOCHS: &str = "revocation-epochs+jwt";

/// A policy under test, and the keys that were added to it for the run.
#[derive(Debug)]
pub struct Bench {
    bundle: Kept,
    issuer: SecretKey,
    approver: SecretKey,
    holder: SecretKey,
    /// Whose revocation epochs every request must bring, each with a key that signs them.
    epochs: Vec<(String, SecretKey)>,
}

impl Bench {
    /// Compiles a project, issued at `issued` (seconds since 1970), with keys of the run's own.
    ///
    /// # Errors
    ///
    /// Those of [`build::bundle`], and `key.random`.
    pub fn new(project: &Project, issued: i64) -> Result<Self, CompileError> {
        let issuer = generate(Some("ambit-test-issuer"))?;
        let approver = generate(Some("ambit-test-approvals"))?;
        let bundle = build::bundle(project, issued)?;
        let epochs = epochs(&Bundle::verify(&bundle).map_err(|error| unsound(&error))?)?;
        let mut project = project.clone();
        project.add_key(ISSUER, &issuer, "cap+jwt");
        project.add_key(APPROVALS, &approver, "approval-receipt+jwt");
        for (iss, key) in &epochs {
            project.add_key(iss, key, EPOCHS);
        }
        Ok(Self {
            bundle: Kept::of(build::bundle(&project, issued)?)?,
            issuer,
            approver,
            holder: generate(Some("ambit-test-holder"))?,
            epochs,
        })
    }

    /// The policy of a bundle, with keys of the run's own in it, issued at `issued` where that is given,
    /// and with `program` in the place of its guard rails where that is.
    ///
    /// # Errors
    ///
    /// `key.random`, and `build.bundle` for bytes that are no bundle.
    pub fn around(
        bundle: &[u8],
        issued: Option<i64>,
        program: Option<&[u8]>,
    ) -> Result<Self, CompileError> {
        let refused = |message: String| CompileError {
            code: "build.bundle",
            message,
        };
        let bundle = Bundle::verify(bundle).map_err(|error| refused(error.to_string()))?;
        let issuer = generate(Some("ambit-test-issuer"))?;
        let approver = generate(Some("ambit-test-approvals"))?;
        let epochs = epochs(&bundle)?;
        let mut document = Writer::default();
        document.json(bundle.root());
        let mut document: Json =
            serde_json::from_str(document.as_str()).map_err(|error| refused(error.to_string()))?;
        if let Some(keys) = document["keys"].as_array_mut() {
            keys.push(row(ISSUER, &issuer, "cap+jwt"));
            keys.push(row(APPROVALS, &approver, "approval-receipt+jwt"));
            keys.extend(epochs.iter().map(|(iss, key)| row(iss, key, EPOCHS)));
        }
        if let Some(issued) = issued {
            document["expires"] = json!(issued + bundle.expires() - bundle.issued());
            document["issued"] = json!(issued);
        }
        if program.is_some() {
            document["guard_rails"] = json!("cedar");
        }
        document.sort_all_objects();
        let text = document.to_string();
        let document = Document::parse(text.as_bytes(), Profile::Signed)
            .map_err(|error| refused(error.to_string()))?;
        let program = program.unwrap_or_else(|| bundle.program_bytes());
        let bundle = Bundle::encode(document.root(), program)
            .ok_or_else(|| refused("the bundle would be larger than 8 MiB".to_owned()))?;
        Ok(Self {
            bundle: Kept::of(bundle)?,
            issuer,
            approver,
            holder: generate(Some("ambit-test-holder"))?,
            epochs,
        })
    }

    /// The policy, with the keys of the run.
    ///
    /// # Panics
    ///
    /// Never: it was verified.
    #[must_use]
    pub fn bundle(&self) -> Bundle<'_> {
        self.bundle.open().expect("the bundle was verified")
    }

    /// The policy with probes in the place of its guard rails.
    pub(crate) fn probes(&self, project: &Project) -> Result<Vec<Kept>, CompileError> {
        let bundles = probe::bundles(project, &self.bundle.bytes)?;
        bundles.into_iter().map(Kept::of).collect()
    }

    /// Asks what a case asks.
    ///
    /// # Errors
    ///
    /// Why there is no such request: its token cannot be made.
    pub fn run(
        &self,
        project: &Project,
        case: &Case,
        engine: &Engine,
    ) -> Result<Outcome, CompileError> {
        let request = Request::make(self, case)?;
        let text = request.json.to_string();
        let answer = engine.evaluate(&self.bundle(), text.as_bytes());
        let answer: Json = serde_json::from_str(&answer).unwrap_or_else(|_| json!({}));
        Ok(Outcome::new(project, case, request, answer))
    }
}

/// A key for each issuer whose epochs the policy wants with every request.
fn epochs(bundle: &Bundle<'_>) -> Result<Vec<(String, SecretKey)>, CompileError> {
    let keys = bundle.epochs_from().enumerate();
    keys.map(|(at, iss)| {
        let key = generate(Some(&format!("ambit-test-epochs-{at}")))?;
        Ok((iss.to_owned(), key))
    })
    .collect()
}

/// A key as bundles have it.
fn row(iss: &str, key: &SecretKey, signs: &str) -> Json {
    let mut row = json!({
        "iss": iss, "kid": key.kid(), "alg": key.alg(), "signs": signs, "x": key.x(),
    });
    if let Some(y) = key.y() {
        row["y"] = y.into();
    }
    row
}

/// A bundle that was verified once: to verify a large one takes longer than to decide by it.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    digest: [u8; 32],
}

impl Kept {
    fn of(bytes: Vec<u8>) -> Result<Self, CompileError> {
        let digest = *Bundle::verify(&bytes)
            .map_err(|error| unsound(&error))?
            .digest();
        Ok(Self { bytes, digest })
    }

    pub(crate) fn open(&self) -> Result<Bundle<'_>, CompileError> {
        Bundle::open(&self.bytes, self.digest).map_err(|error| unsound(&error))
    }
}

fn unsound(error: &BundleError) -> CompileError {
    CompileError {
        code: "build.bundle",
        message: error.to_string(),
    }
}

/// What answers.
pub enum Engine {
    /// The evaluator compiled into this program.
    Native(Box<RefCell<ChainCache>>),
    /// The policy as a module, in wasmtime: the code that a host runs.
    Wasmtime(WasmEngine),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native(_) => "Native",
            Self::Wasmtime(_) => "Wasmtime",
        })
    }
}

impl Engine {
    /// The evaluator compiled into this program.
    #[must_use]
    pub fn native() -> Self {
        Self::Native(Box::default())
    }

    /// The policy under test put into a guest, signed, verified and loaded, as a host does it.
    ///
    /// # Errors
    ///
    /// What could not be assembled, signed or loaded.
    pub fn wasmtime(bench: &Bench, guest: &[u8], runtime: &Runtime) -> Result<Self, CompileError> {
        let failed = |error: &dyn std::fmt::Display| CompileError {
            code: "engine.start",
            message: error.to_string(),
        };
        let file = module::assemble(guest, &bench.bundle.bytes)?;
        let signer = generate(Some("ambit-test-module"))?;
        let options = SignOptions {
            carried: true,
            ..SignOptions::default()
        };
        let trust =
            json!({"threshold": 1, "keys": [{"kid": signer.kid(), "jwk": signer.public_jwk()}]});
        let trust = Trust::parse(trust.to_string().as_bytes()).map_err(|error| failed(&error))?;
        let file = match sign::module(&file, &[signer], options)? {
            Signed::Carried { module } => module,
            Signed::Detached { .. } => return Err(failed(&"the signature is not in the module")),
        };
        let options = LoadOptions {
            uid: None,
            // Whether the policy has ended, each case asks at its own time.
            now: bench.bundle().issued(),
            seen: &MemoryVersions::new(),
        };
        let module =
            PolicyModule::load(&file, None, &trust, &options).map_err(|error| failed(&error))?;
        let engine =
            WasmEngine::new(runtime, &module, Instances::Pooled).map_err(|error| failed(&error))?;
        Ok(Self::Wasmtime(engine))
    }

    fn evaluate(&self, bundle: &Bundle<'_>, request: &[u8]) -> String {
        match self {
            Self::Native(cache) => {
                ambit_evaluator::evaluate(bundle, request, &mut cache.borrow_mut())
            }
            Self::Wasmtime(engine) => engine.evaluate(request),
        }
    }
}
