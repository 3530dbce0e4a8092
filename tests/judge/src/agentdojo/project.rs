//! The suite as a signed policy module, loaded in both engines, and the issuer that mints for it.

use ambit_compiler::keys::{SecretKey, generate};
use ambit_compiler::mint::{self, RootOptions};
use ambit_compiler::sign::{self, SignOptions, Signed};
use ambit_compiler::{CompileError, Project as Sources, build, module};
use ambit_core::limits::CAPABILITIES;
use ambit_host::{
    Evaluator, Instances, LoadOptions, MemoryVersions, NativeEngine, PolicyModule, Runtime, Trust,
    WasmEngine,
};
use ambit_policy::Bundle;
use serde_json::{Value, json};

use super::argument::Argument;
use super::suite::Tool;
use super::vocabulary::{self, AGENT, AUDIENCE, KID};

/// When everything happens: the policy is issued, tokens are minted and requests are made. Nothing
/// in a replay depends on the clock.
pub(crate) const NOW: i64 = 1_772_000_000;
/// Seconds that a token lives: one task.
const LIFE: i64 = 900;

/// A policy with its engines and its issuer.
pub(crate) struct Project {
    bundle: Vec<u8>,
    issuer: SecretKey,
    native: NativeEngine,
    wasmtime: WasmEngine,
}

/// The tokens of one task at one level: one, or several where one would be too large.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    actions: Vec<String>,
    chain: String,
}

impl Tokens {
    /// The token that speaks of this action, or else any; none where the task may do nothing.
    pub(crate) fn holding(&self, action: &str) -> &str {
        let holds = |token: &&Token| token.actions.iter().any(|known| known == action);
        let token = self.0.iter().find(holds).or_else(|| self.0.first());
        token.map_or("", |token| &token.chain)
    }
}

impl Project {
    /// Writes the project, compiles, assembles, signs, verifies and loads it.
    pub(crate) fn build(suite: &str, tools: &[(&Tool, Vec<Argument>)]) -> Result<Self, String> {
        let text = |error: CompileError| error.to_string();
        let issuer = generate(Some(KID)).map_err(text)?;
        let bundle = compile(suite, tools, &issuer)?;
        let template = ambit_tests::project::guest()?;
        let unsigned = module::assemble(&template, &bundle).map_err(text)?;
        let signer = generate(Some("module-1")).map_err(text)?;
        let trust =
            json!({"threshold": 1, "keys": [{"kid": signer.kid(), "jwk": signer.public_jwk()}]});
        let trust =
            Trust::parse(trust.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let options = SignOptions {
            carried: true,
            tests_s256: None,
        };
        let Signed::Carried { module } =
            sign::module(&unsigned, &[signer], options).map_err(text)?
        else {
            return Err("the module carries no signature".to_owned());
        };
        let (native, wasmtime) = load(&module, &trust, &vocabulary::uid(suite))?;
        Ok(Self {
            bundle,
            issuer,
            native,
            wasmtime,
        })
    }

    /// The answers of both engines: native, then wasmtime.
    pub(crate) fn evaluate(&self, request: &[u8]) -> [String; 2] {
        [
            self.native.evaluate(request),
            self.wasmtime.evaluate(request),
        ]
    }

    /// Mints the capabilities of one task. What does not fit into one token goes into several,
    /// which together say the same, as every capability stands for itself.
    pub(crate) fn mint(&self, task: &str, entries: &[Value]) -> Result<Tokens, String> {
        let bundle = Bundle::verify(&self.bundle).map_err(|error| error.to_string())?;
        let holder = generate(None).map_err(|error| error.to_string())?;
        let mut tokens = Tokens::default();
        // A task that may do nothing gets no token.
        let mut waiting = if entries.is_empty() {
            vec![]
        } else {
            vec![entries]
        };
        while let Some(part) = waiting.pop() {
            let minted = if part.len() > CAPABILITIES {
                Err(None)
            } else {
                self.mint_one(task, part, &bundle, &holder).map_err(Some)
            };
            match minted {
                Ok(chain) => tokens.0.push(Token {
                    actions: actions(part),
                    chain,
                }),
                Err(Some(error)) if part.len() == 1 || error.code != "token.size" => {
                    return Err(format!("the token of `{task}` cannot be minted: {error}"));
                }
                Err(_) => {
                    let (left, right) = part.split_at(part.len() / 2);
                    waiting.extend([right, left]);
                }
            }
        }
        Ok(tokens)
    }

    fn mint_one(
        &self,
        task: &str,
        entries: &[Value],
        bundle: &Bundle<'_>,
        holder: &SecretKey,
    ) -> Result<String, CompileError> {
        let claims = json!({
            "sub": format!("user:{task}"),
            "aud": [AUDIENCE],
            "act": {
                "sub": "spiffe://agentdojo.example/agent/assistant",
                "iss": "https://idp.agentdojo.example",
                "sub_profile": "ai_agent",
            },
            "agent": {"uid": AGENT, "instance_uid": "i-1", "version": "1.0.0"},
            "authorization_details": entries,
        });
        let options = RootOptions {
            now: NOW,
            life: Some(LIFE),
            holder: Some(holder.public()),
            kid: None,
            bind_policy: true,
            receipts: &[],
            granted: None,
        };
        mint::root(&claims.to_string(), &self.issuer, bundle, &options)?.sign()
    }
}

fn actions(entries: &[Value]) -> Vec<String> {
    let lists = entries
        .iter()
        .filter_map(|entry| entry.get("actions")?.as_array());
    lists
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn compile(
    suite: &str,
    tools: &[(&Tool, Vec<Argument>)],
    issuer: &SecretKey,
) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    vocabulary::write(folder.path(), suite, tools, &issuer.x())?;
    let project = Sources::load(folder.path()).map_err(|faults| faults.render(false))?;
    build::bundle(&project, NOW).map_err(|error| error.to_string())
}

fn load(module: &[u8], trust: &Trust, uid: &str) -> Result<(NativeEngine, WasmEngine), String> {
    let seen = MemoryVersions::new();
    let options = LoadOptions {
        uid: Some(uid),
        now: NOW,
        seen: &seen,
    };
    let module =
        PolicyModule::load(module, None, trust, &options).map_err(|error| error.to_string())?;
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let wasmtime =
        WasmEngine::new(&runtime, &module, Instances::Pooled).map_err(|error| error.to_string())?;
    Ok((NativeEngine::new(&module), wasmtime))
}
