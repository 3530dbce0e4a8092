//! What an organisation does once, and what every example needs first: keys, a policy built from
//! `shop/`, a signed module, tokens for one agent.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ambit_compiler::keys::{self, SecretKey};
use ambit_compiler::mint::{RootOptions, root};
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{Project, build, module, sql};
use ambit_host::{LoadOptions, MemoryVersions, PolicyModule, Trust};
use ambit_policy::Bundle;
use serde_json::json;
use tempfile::TempDir;

/// What goes wrong here is shown and ends the example.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The time in all examples (2026-11-20), so that they do not expire.
pub const NOW: i64 = 1_795_176_000;

/// The service that the agent asks.
pub const SERVICE: &str = "https://orders.shop.example";

/// The organisation and its agent.
#[derive(Debug)]
pub struct Shop {
    folder: TempDir,
    issuer: SecretKey,
    /// The key that the agent holds its token with.
    pub agent: SecretKey,
    bundle: Vec<u8>,
    project: Project,
}

impl Shop {
    /// Makes keys, builds the policy with the issuer's public key in it, signs the module.
    ///
    /// # Errors
    ///
    /// What the project's files or the guest lack.
    pub fn open() -> Outcome<Self> {
        Self::of("shop")
    }

    /// The same of the project in this folder of the examples.
    ///
    /// # Errors
    ///
    /// What the project's files or the guest lack.
    pub fn of(name: &str) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (issuer, release) = (keys::generate(Some("issuer-1"))?, keys::generate(None)?);
        let project = folder.path().join("shop");
        copy(&here().join(name), &project)?;
        let key = format!(
            "[[keys]]\niss = \"https://issuer.shop.example\"\nkid = \"issuer-1\"\nalg = \"Ed25519\"\n\
             signs = \"cap+jwt\"\nx = \"{}\"\n",
            issuer.x()
        );
        let settings = project.join("ambit.toml");
        fs::write(&settings, fs::read_to_string(&settings)? + &key)?;

        let project = Project::load(&project).map_err(|faults| faults.to_string())?;
        let issued = project.issued().ok_or("`issued` is in ambit.toml")?;
        let bundle = build::bundle(&project, issued)?;
        let unsigned = module::assemble(&guest()?, &bundle)?;
        let options = SignOptions {
            carried: true,
            ..SignOptions::default()
        };
        let trusted =
            json!({"threshold": 1, "keys": [{"kid": release.kid(), "jwk": release.public_jwk()}]});
        let Signed::Carried { module } = sign::module(&unsigned, &[release], options)? else {
            return Err("the module carries its signature".into());
        };
        fs::write(folder.path().join("policy.wasm"), module)?;
        fs::write(folder.path().join("keys.json"), trusted.to_string())?;
        Ok(Self {
            folder,
            issuer,
            agent: keys::generate(None)?,
            bundle,
            project,
        })
    }

    /// `policy.wasm` or `keys.json`: what a service is given.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The policy as data.
    ///
    /// # Errors
    ///
    /// None, for a bundle that was built here.
    pub fn bundle(&self) -> Outcome<Bundle<'_>> {
        Ok(Bundle::verify(&self.bundle)?)
    }

    /// The module as a service loads it: nothing of it is used before its signature is verified.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn module(&self) -> Outcome<PolicyModule> {
        let trust = fs::read(self.file("keys.json"))?;
        let trust = Trust::parse(&trust).map_err(|error| format!("keys.json: {error:?}"))?;
        // A service keeps this in a file (`FileVersions`), so that no older policy comes back.
        let seen = MemoryVersions::new();
        let options = LoadOptions {
            uid: Some(self.project.uid()),
            now: NOW,
            seen: &seen,
        };
        Ok(PolicyModule::read(
            &self.file("policy.wasm"),
            None,
            &trust,
            &options,
        )?)
    }

    /// What `ambit build --sql` writes for a database.
    ///
    /// # Errors
    ///
    /// The vocabulary names no table.
    pub fn row_level_security(&self) -> Outcome<String> {
        let made = sql::statements(&self.project);
        Ok(made.ok_or("the vocabulary names no table")?.text)
    }

    /// A token for one run of the agent: refunds up to 2.00 each, 5.00 and three of them in all.
    ///
    /// # Errors
    ///
    /// Why the policy does not allow such a token.
    pub fn token(&self) -> Outcome<String> {
        let claims = json!({
            "sub": "user:ann",
            "aud": [SERVICE],
            "act": {"sub": "https://agents.shop.example/helper/1", "sub_profile": "ai_agent"},
            "agent": {"uid": "helper"},
            "del_max_depth": 1,
            "authorization_details": [{
                "type": "ambit_capability",
                "actions": ["refund"],
                "privileges": ["execute"],
                "datatypes": ["Order"],
                "purpose": "customer-care",
                "constraints": {
                    "amount": {"constraint_type": "range", "min": 1, "max": 200},
                    "currency": {"constraint_type": "exact", "value": "EUR"},
                },
                "limits": [
                    {"type": "spend", "argument": "amount", "currency_argument": "currency",
                     "max": 500, "currency": "EUR", "decimals": 2},
                    {"type": "use_limit", "max": 3},
                ],
            }],
        });
        self.mint(&claims)
    }

    /// A token with these claims.
    ///
    /// # Errors
    ///
    /// Why the policy does not allow such a token.
    pub fn mint(&self, claims: &serde_json::Value) -> Outcome<String> {
        let options = RootOptions {
            now: NOW,
            life: Some(900),
            holder: Some(self.agent.public()),
            ..RootOptions::default()
        };
        let bundle = self.bundle()?;
        Ok(root(&claims.to_string(), &self.issuer, &bundle, &options)?.sign()?)
    }
}

/// A request as a service makes it: what the agent asks, its token, and the facts that the service knows.
#[must_use]
pub fn refund(token: &str, amount: &str) -> String {
    format!(
        r#"{{"evaluation": {{
            "action": {{"name": "refund", "properties": {{"power": "execute", "args": {{"amount": {amount}, "currency": "EUR"}}}}}},
            "resource": {{"type": "Order", "id": "o-1042"}},
            "context": {{"purpose": "customer-care"}}}},
          "token": "{token}",
          "facts": {{"now": {NOW}, "audience": "{SERVICE}"}}}}"#
    )
}

/// The reason code of an answer.
///
/// # Errors
///
/// None, for an answer of an engine.
pub fn code(answer: &str) -> Outcome<String> {
    let answer: serde_json::Value = serde_json::from_str(answer)?;
    let code = answer["context"]["reason"]["code"].as_str();
    Ok(code.ok_or("an answer has a reason")?.to_owned())
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The evaluator as wasm, into which the policy is put.
fn guest() -> Outcome<Vec<u8>> {
    let file = here().join("../target/guest/wasm32v1-none/wasm/ambit_guest.wasm");
    fs::read(file).map_err(|_| "run `cargo xtask guest` first".into())
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, target) = {
            let entry = entry?;
            let target = to.join(entry.file_name());
            (entry.path(), target)
        };
        if entry.is_dir() {
            copy(&entry, &target)?;
        } else {
            fs::copy(entry, target)?;
        }
    }
    Ok(())
}
