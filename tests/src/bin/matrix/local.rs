//! The engines in Rust, behind the line protocol.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};

use ambit_core::http::Scheme;
use ambit_enforce::wire;
use ambit_host::{
    Evaluator, Instances, LoadError, LoadOptions, MemoryVersions, NativeEngine, PolicyModule,
    Runtime, Trust, WasmEngine,
};
use ambit_policy::Bundle;
use ambit_tests::host_core::{self, Raw};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// Why a line is an error: its code, where it has one, and words.
struct Refused(&'static str, String);

impl From<LoadError> for Refused {
    fn from(error: LoadError) -> Self {
        Self(error.code(), error.to_string())
    }
}

impl From<&str> for Refused {
    fn from(words: &str) -> Self {
        Self("none", words.to_owned())
    }
}

impl From<String> for Refused {
    fn from(words: String) -> Self {
        Self("none", words)
    }
}

/// Answers lines until there are no more.
///
/// # Errors
///
/// That there is no such engine, or nobody listens.
pub(crate) fn serve(name: &str) -> Result<(), String> {
    let mut engine: Box<dyn Local> = match name {
        "native" => Box::new(Host::new(Kind::Native)?),
        "wasmtime" => Box::new(Host::new(Kind::Wasm(Instances::Pooled))?),
        "fresh" => Box::new(Host::new(Kind::Wasm(Instances::Fresh))?),
        "core" => Box::new(Core::new()?),
        other => return Err(format!("there is no engine `{other}` in Rust")),
    };
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let answer = answer(engine.as_mut(), &line)
            .unwrap_or_else(|Refused(code, words)| format!("error: {code} {words}"));
        writeln!(output, "{answer}").map_err(|error| error.to_string())?;
        output.flush().map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn answer(engine: &mut dyn Local, line: &str) -> Result<String, Refused> {
    let command: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    match text("op") {
        "about" => Ok(engine.about()),
        "load" => {
            let now = command["now"].as_i64().ok_or("`now` is no number")?;
            let asked = Load {
                policy: text("policy"),
                module: text("module"),
                trust: text("trust"),
                uid: text("uid"),
                now,
            };
            engine.load(&asked).map(|()| "ok".to_owned())
        }
        op => {
            let input = BASE64_STANDARD.decode(text("input"));
            let input = input.map_err(|error| error.to_string())?;
            let said = engine.ask(op, text("policy"), &input)?;
            Ok(BASE64_STANDARD.encode(said))
        }
    }
}

/// What `load` says.
struct Load<'a> {
    policy: &'a str,
    module: &'a str,
    trust: &'a str,
    uid: &'a str,
    now: i64,
}

trait Local {
    fn about(&self) -> String;
    fn load(&mut self, asked: &Load<'_>) -> Result<(), Refused>;
    fn ask(&mut self, op: &str, policy: &str, input: &[u8]) -> Result<String, Refused>;
}

/// The lock file says which wasmtime this is.
fn wasmtime_version() -> String {
    let lock = include_str!("../../../../Cargo.lock");
    let found = lock
        .split_once("name = \"wasmtime\"\nversion = \"")
        .and_then(|(_, rest)| rest.split('"').next());
    format!("wasmtime {}", found.unwrap_or("of an unknown version"))
}

/// What runs the policy in the Rust host.
#[derive(Clone, Copy)]
enum Kind {
    Native,
    Wasm(Instances),
}

/// The Rust host: `ambit-host`, whose rules are `ambit-enforce`, whatever runs the policy.
struct Host {
    kind: Kind,
    runtime: Runtime,
    policies: BTreeMap<String, Policy>,
}

struct Policy {
    engine: Box<dyn Evaluator>,
    native: NativeEngine,
    module: PolicyModule,
}

impl Host {
    fn new(kind: Kind) -> Result<Self, String> {
        Ok(Self {
            kind,
            runtime: ambit_tests::engine::runtime()?,
            policies: BTreeMap::new(),
        })
    }
}

impl Local for Host {
    fn about(&self) -> String {
        match self.kind {
            Kind::Native => format!("ambit {}", env!("CARGO_PKG_VERSION")),
            Kind::Wasm(_) => wasmtime_version(),
        }
    }

    fn load(&mut self, asked: &Load<'_>) -> Result<(), Refused> {
        let trust = Trust::parse(asked.trust.as_bytes())
            .map_err(|error| Refused(error.code(), error.to_string()))?;
        let options = LoadOptions {
            uid: Some(asked.uid),
            now: asked.now,
            seen: &MemoryVersions::new(),
        };
        let module = PolicyModule::read(asked.module.as_ref(), None, &trust, &options)?;
        let engine: Box<dyn Evaluator> = match self.kind {
            Kind::Native => Box::new(NativeEngine::new(&module)),
            Kind::Wasm(instances) => Box::new(WasmEngine::new(&self.runtime, &module, instances)?),
        };
        let native = NativeEngine::new(&module);
        let policy = Policy {
            engine,
            native,
            module,
        };
        self.policies.insert(asked.policy.to_owned(), policy);
        Ok(())
    }

    fn ask(&mut self, op: &str, policy: &str, input: &[u8]) -> Result<String, Refused> {
        match op {
            "enforce" => return Ok(wire::enforce(input, Scheme::Dpop)),
            "consume" => return Ok(wire::consume(input)),
            "status" => return Ok(wire::status(input)),
            "log" => return Ok(wire::log(input)),
            _ => {}
        }
        let policy = self.policies.get(policy);
        let policy = policy.ok_or("the policy is not loaded")?;
        match op {
            "evaluate" => Ok(policy.engine.evaluate(input)),
            "advise" => Ok(policy.engine.advise(input)),
            "describe" => Ok(policy.engine.describe(input)),
            "info" => Ok(policy.engine.info()),
            "ask" => Ok(policy.native.ask(input)),
            "epochs" => {
                let bundle = Bundle::verify(policy.module.bundle());
                let bundle = bundle.map_err(|error| error.to_string())?;
                Ok(wire::epochs(&bundle, input))
            }
            other => Err(format!("`{other}` is no operation").into()),
        }
    }
}

/// The host core in wasmtime, with an instance for each policy and one for what needs none.
struct Core {
    module: wasmtime::Module,
    bare: Raw,
    policies: BTreeMap<String, Raw>,
}

impl Core {
    fn new() -> Result<Self, String> {
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, host_core::core()?);
        let module = module.map_err(|error| error.to_string())?;
        Ok(Self {
            bare: Raw::start(&module)?,
            module,
            policies: BTreeMap::new(),
        })
    }
}

impl Local for Core {
    fn about(&self) -> String {
        wasmtime_version()
    }

    fn load(&mut self, asked: &Load<'_>) -> Result<(), Refused> {
        let file = std::fs::read(asked.module).map_err(|error| error.to_string())?;
        let options =
            json!({"trust": asked.trust, "uid": asked.uid, "now": asked.now, "seen": null});
        let mut raw = Raw::start(&self.module)?;
        let said = raw.load(&file, &options)?;
        let said: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
        if let Some(code) = said["code"].as_str() {
            // The codes are few, and the process is short.
            let code: &'static str = String::leak(code.to_owned());
            return Err(Refused(code, said["admin"].to_string()));
        }
        self.policies.insert(asked.policy.to_owned(), raw);
        Ok(())
    }

    fn ask(&mut self, op: &str, policy: &str, input: &[u8]) -> Result<String, Refused> {
        let raw = self.policies.get_mut(policy).unwrap_or(&mut self.bare);
        let said = match op {
            "info" => raw.say("ambit_info"),
            op => raw.ask(&format!("ambit_{op}"), input),
        };
        Ok(said?)
    }
}
