//! The engines that must agree, byte for byte.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ambit_host::{
    CodeCache, Evaluator, Instances, NativeEngine, Runtime, RuntimeOptions, WasmEngine,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::host_core::{self, Raw};
use crate::project::{NOW, SignedPolicy};
use crate::{suites, workspace};

/// What an engine is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// To answer a request.
    Evaluate(&'a [u8]),
    /// To say what would help.
    Advise(&'a [u8]),
    /// To put capabilities into words.
    Describe(&'a [u8]),
    /// To say which policy it has.
    Info,
}

/// One way to run a policy.
pub trait Engine {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Gets a policy ready.
    ///
    /// # Errors
    ///
    /// Why the engine refuses it.
    fn load(&mut self, policy: &SignedPolicy) -> Result<(), String>;

    /// Asks about a policy that was loaded.
    ///
    /// # Errors
    ///
    /// Why there is no output at all; a denial is output.
    fn ask(&mut self, policy: &SignedPolicy, question: Question<'_>) -> Result<Vec<u8>, String>;
}

/// The engines of this machine.
#[derive(Default)]
pub struct Engines {
    /// Those that are there.
    pub list: Vec<Box<dyn Engine>>,
    /// A line about each that is not.
    pub lacking: Vec<String>,
}

/// Starts every engine, or the native one alone where `AMBIT_ENGINES` is `native`: faults that
/// `cargo xtask mutants` plants are in no other.
///
/// # Errors
///
/// An engine that must be there and is not: what to run.
pub fn start() -> Result<Engines, String> {
    let only_native = env::var_os("AMBIT_ENGINES").is_some_and(|named| named == "native");
    if only_native {
        return native();
    }
    let runtime = runtime()?;
    let wasmtime: Make = |runtime, module| wasm(runtime, module, Instances::Pooled);
    let fresh: Make = |runtime, module| wasm(runtime, module, Instances::Fresh);
    let native: Make = |_, module| Ok(Box::new(NativeEngine::new(module)));
    let mut engines = Engines {
        list: vec![
            Box::new(Local::new("native", native, &runtime)),
            Box::new(Local::new("wasmtime", wasmtime, &runtime)),
            Box::new(Local::new("wasmtime, fresh", fresh, &runtime)),
        ],
        lacking: Vec::new(),
    };
    engines.list.push(Box::new(Core::new()?));
    match Node::start("node.js")?
        .zip(Browser::start()?)
        .zip(Node::core()?)
    {
        Some(((node, browser), core)) => {
            engines.list.push(Box::new(node));
            engines.list.push(Box::new(browser));
            engines.list.push(Box::new(core));
        }
        None if env::var_os("CI").is_some() => {
            return Err("`node` is not there, and CI needs it".to_owned());
        }
        None => engines.lacking.push(
            "SKIPPED: the npm evaluator and the host core in Node, because `node` is not there"
                .to_owned(),
        ),
    }
    engines.package("Python", "is not installed", Node::python()?)?;
    engines.package("Go", "is not built", Node::go()?)?;
    engines.package("Java", "is not built", Node::java()?)?;
    Ok(engines)
}

/// wasmtime, with the code of the suites' modules kept under `target`: many tests load the same ones.
///
/// # Errors
///
/// That wasmtime does not run here.
pub fn runtime() -> Result<Runtime, String> {
    let options = RuntimeOptions::default();
    let runtime = match CodeCache::open(workspace().join("target/compiled")) {
        Ok(cache) => Runtime::with_cache(options, cache),
        // It only takes longer then.
        Err(_) => Runtime::with(options),
    };
    runtime.map_err(|error| error.to_string())
}

fn native() -> Result<Engines, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let make: Make = |_, module| Ok(Box::new(NativeEngine::new(module)));
    Ok(Engines {
        list: vec![Box::new(Local::new("native", make, &runtime))],
        lacking: Vec::new(),
    })
}

impl Engines {
    /// The package of another language, or a line about it where it is not there; in CI that is an error.
    fn package(
        &mut self,
        language: &str,
        lacking: &str,
        package: Option<Node>,
    ) -> Result<(), String> {
        match package {
            Some(package) => self.list.push(Box::new(package)),
            None if env::var_os("CI").is_some() => {
                return Err(format!("the {language} package {lacking}, and CI needs it"));
            }
            None => self.lacking.push(format!(
                "SKIPPED: the {language} package, because it {lacking} (`cargo xtask package {} --build`)",
                language.to_lowercase()
            )),
        }
        Ok(())
    }

    /// Has every engine load a policy.
    ///
    /// # Errors
    ///
    /// Which engine refuses it, and why.
    pub fn load(&mut self, policy: &SignedPolicy) -> Result<(), String> {
        self.list.iter_mut().try_for_each(|engine| {
            let loaded = engine.load(policy);
            loaded.map_err(|why| format!("{}: {why}", engine.name()))
        })
    }

    /// Asks every engine, and compares the bytes with those of the first.
    ///
    /// # Errors
    ///
    /// Which two engines differ, and how.
    pub fn ask(
        &mut self,
        policy: &SignedPolicy,
        question: Question<'_>,
    ) -> Result<Vec<u8>, String> {
        let mut first: Option<(&str, Vec<u8>)> = None;
        for engine in &mut self.list {
            let output = engine
                .ask(policy, question)
                .map_err(|why| format!("{}: {why}", engine.name()))?;
            match &first {
                None => first = Some((engine.name(), output)),
                Some((_, known)) if *known == output => {}
                Some((name, known)) => {
                    return Err(difference((name, known), (engine.name(), &output)));
                }
            }
        }
        first
            .map(|(_, output)| output)
            .ok_or_else(|| "there is no engine".to_owned())
    }
}

/// Where two outputs part, with some text around it.
fn difference((one, left): (&str, &[u8]), (other, right): (&str, &[u8])) -> String {
    let at = left
        .iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count();
    let around = |bytes: &[u8]| {
        let piece = &bytes[at.saturating_sub(60).min(bytes.len())..(at + 60).min(bytes.len())];
        String::from_utf8_lossy(piece).into_owned()
    };
    format!(
        "from byte {at} on the outputs differ (is an engine older than the sources? `cargo xtask test` builds them)\n    \
         {one}: … {} …\n    {other}: … {} …",
        around(left),
        around(right)
    )
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.list.iter().map(|engine| engine.name()))
            .finish()
    }
}

type Made = Result<Box<dyn Evaluator>, String>;
type Make = fn(&Runtime, &ambit_host::PolicyModule) -> Made;

fn wasm(runtime: &Runtime, module: &ambit_host::PolicyModule, instances: Instances) -> Made {
    let engine = WasmEngine::new(runtime, module, instances).map_err(|error| error.to_string())?;
    Ok(Box::new(engine))
}

/// An engine of `ambit-host`.
struct Local {
    name: &'static str,
    make: Make,
    runtime: Runtime,
    policies: BTreeMap<String, Box<dyn Evaluator>>,
}

impl Local {
    fn new(name: &'static str, make: Make, runtime: &Runtime) -> Self {
        Self {
            name,
            make,
            runtime: runtime.clone(),
            policies: BTreeMap::new(),
        }
    }
}

impl Engine for Local {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&mut self, policy: &SignedPolicy) -> Result<(), String> {
        let evaluator = (self.make)(&self.runtime, &policy.load()?)?;
        self.policies.insert(policy.id().to_owned(), evaluator);
        Ok(())
    }

    fn ask(&mut self, policy: &SignedPolicy, question: Question<'_>) -> Result<Vec<u8>, String> {
        let evaluator = self
            .policies
            .get(policy.id())
            .ok_or("the policy is not loaded")?;
        let output = match question {
            Question::Evaluate(request) => evaluator.evaluate(request),
            Question::Advise(request) => evaluator.advise(request),
            Question::Describe(request) => evaluator.describe(request),
            Question::Info => evaluator.info(),
        };
        Ok(output.into_bytes())
    }
}

/// The host core in wasmtime, which runs a verified bundle: one instance for each policy.
struct Core {
    module: wasmtime::Module,
    policies: BTreeMap<String, Raw>,
}

impl Core {
    fn new() -> Result<Self, String> {
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, host_core::core()?);
        Ok(Self {
            module: module.map_err(|error| error.to_string())?,
            policies: BTreeMap::new(),
        })
    }
}

impl Engine for Core {
    fn name(&self) -> &'static str {
        "host core, wasmtime"
    }

    fn load(&mut self, policy: &SignedPolicy) -> Result<(), String> {
        let file = std::fs::read(policy.file()).map_err(|error| error.to_string())?;
        let options = host_core::load_options(policy, policy.load()?.uid());
        let mut raw = Raw::start(&self.module)?;
        let statement = raw.load(&file, &options)?;
        if statement.starts_with(r#"{"code""#) {
            return Err(statement);
        }
        self.policies.insert(policy.id().to_owned(), raw);
        Ok(())
    }

    fn ask(&mut self, policy: &SignedPolicy, question: Question<'_>) -> Result<Vec<u8>, String> {
        let raw = self.policies.get_mut(policy.id());
        let raw = raw.ok_or("the policy is not loaded")?;
        let answer = match question {
            Question::Evaluate(request) => raw.ask("ambit_evaluate", request),
            Question::Advise(request) => raw.ask("ambit_advise", request),
            Question::Describe(request) => raw.ask("ambit_describe", request),
            Question::Info => raw.say("ambit_info"),
        };
        answer.map(String::into_bytes)
    }
}

/// The npm package, or the host core, in one Node process, fed with lines; or a package of another language.
struct Node {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// The package by one of its entries; `None` where there is no `node`.
    fn start(entry: &str) -> Result<Option<Self>, String> {
        let package = package()?;
        Self::run("node", "node.mjs", &[package.as_os_str(), entry.as_ref()])
    }

    /// The host core by its raw ABI.
    fn core() -> Result<Option<Self>, String> {
        Self::run(
            "host core, node",
            "core.mjs",
            &[host_core::file().as_os_str()],
        )
    }

    /// The Python package as its wheel was installed; `None` where it was not.
    fn python() -> Result<Option<Self>, String> {
        let mut python = Command::new(workspace().join("target/python/venv/bin/python"));
        Self::spawn("python", python.arg(suites().join("engines/python.py")))
    }

    /// The Go package as it was built; `None` where it was not.
    fn go() -> Result<Option<Self>, String> {
        Self::spawn(
            "go",
            &mut Command::new(workspace().join("target/go/engine")),
        )
    }

    /// The Java package as it was built; `None` where it was not.
    fn java() -> Result<Option<Self>, String> {
        let artifacts = workspace().join("target/java/lib");
        if !artifacts.is_dir() {
            return Ok(None);
        }
        let mut java = Command::new("java");
        java.arg("-cp").arg(artifacts.join("*"));
        Self::spawn("java", java.arg(suites().join("engines/Engine.java")))
    }

    fn run(name: &'static str, script: &str, arguments: &[&OsStr]) -> Result<Option<Self>, String> {
        let mut node = Command::new("node");
        node.arg(suites().join("engines").join(script))
            .args(arguments);
        Self::spawn(name, &mut node)
    }

    fn spawn(name: &'static str, command: &mut Command) -> Result<Option<Self>, String> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = started else {
            return Ok(None);
        };
        let input = child.stdin.take().ok_or("it has no standard input")?;
        let output = child.stdout.take().ok_or("it has no standard output")?;
        Ok(Some(Self {
            name,
            child,
            input,
            output: BufReader::new(output),
        }))
    }

    fn command(&mut self, command: &serde_json::Value) -> Result<String, String> {
        let lost = |error: std::io::Error| error.to_string();
        writeln!(self.input, "{command}").map_err(lost)?;
        self.input.flush().map_err(lost)?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(lost)?;
        match line.trim_end().strip_prefix("error: ") {
            Some(error) => Err(error.to_owned()),
            None if line.is_empty() => Err("it stopped".to_owned()),
            None => Ok(line.trim_end().to_owned()),
        }
    }
}

/// The built package.
fn package() -> Result<PathBuf, String> {
    let package = workspace().join("target/npm");
    if package.join("evaluator-fast.wasm").is_file() {
        return Ok(package);
    }
    Err(
        "the npm package is not built: run `cargo xtask web` first (`cargo xtask test` does)"
            .to_owned(),
    )
}

impl Engine for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&mut self, policy: &SignedPolicy) -> Result<(), String> {
        let command = json!({
            "op": "load", "policy": policy.id(), "module": policy.file(), "trust": policy.trust(),
            "uid": policy.load()?.uid(), "now": NOW,
        });
        self.command(&command).map(drop)
    }

    fn ask(&mut self, policy: &SignedPolicy, question: Question<'_>) -> Result<Vec<u8>, String> {
        let (op, input) = match question {
            Question::Evaluate(request) => ("evaluate", request),
            Question::Advise(request) => ("advise", request),
            Question::Describe(request) => ("describe", request),
            Question::Info => ("info", &[][..]),
        };
        let command =
            json!({"op": op, "policy": policy.id(), "input": BASE64_STANDARD.encode(input)});
        let line = self.command(&command)?;
        BASE64_STANDARD
            .decode(line)
            .map_err(|error| error.to_string())
    }
}

/// The small files that browsers get, in Node as well. What decides runs where no further file is ever loaded, so the
/// first needs nothing of them.
struct Browser {
    first: Node,
    both: Node,
}

impl Browser {
    fn start() -> Result<Option<Self>, String> {
        let [first, both] = [Node::start("slim.js")?, Node::start("slim.js")?];
        let both = first.zip(both);
        Ok(both.map(|(first, both)| Self { first, both }))
    }
}

impl Engine for Browser {
    fn name(&self) -> &'static str {
        "node, small"
    }

    fn load(&mut self, policy: &SignedPolicy) -> Result<(), String> {
        self.first.load(policy)?;
        self.both.load(policy)
    }

    fn ask(&mut self, policy: &SignedPolicy, question: Question<'_>) -> Result<Vec<u8>, String> {
        match question {
            Question::Evaluate(_) | Question::Info => self.first.ask(policy, question),
            Question::Advise(_) | Question::Describe(_) => self.both.ask(policy, question),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Its input ends with this, and so does it; nothing is left to do if that fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
