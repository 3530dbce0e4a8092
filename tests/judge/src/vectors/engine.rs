//! The two places where a vector runs: this process, and a wasm build of the same crates.

use ambit_tests::test_module::{OfBytes, TestInstance, TestModule};
use vectors_guest::Case;

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// In this process
    Native,
    /// In a wasm module without imports
    Wasm,
    /// In both, comparing the answers
    Both,
}

/// The engines that were asked for.
#[derive(Debug)]
pub(crate) struct Engines {
    choice: EngineChoice,
    wasm: Option<Wasm>,
}

impl Engines {
    /// Loads the wasm test module where it is needed.
    pub(crate) fn start(choice: EngineChoice) -> Result<Self, String> {
        let wasm = (choice != EngineChoice::Native)
            .then(Wasm::start)
            .transpose()?;
        Ok(Self { choice, wasm })
    }

    /// What runs, in words.
    pub(crate) const fn describe(&self) -> &'static str {
        match self.choice {
            EngineChoice::Native => "natively",
            EngineChoice::Wasm => "in wasm",
            EngineChoice::Both => {
                "natively and in wasm, the answers compared, but for forms that run natively only"
            }
        }
    }

    /// Whether this process is one of them.
    pub(crate) fn are_native(&self) -> bool {
        self.choice != EngineChoice::Wasm
    }

    /// The answer to a case; an error when an engine fails or the engines differ.
    pub(crate) fn answer(&mut self, case: &Case<'_>) -> Result<Answer, String> {
        let encoded = case.encode();
        let native = self
            .are_native()
            .then(|| run_natively(&encoded))
            .transpose()?;
        let wasm = match &mut self.wasm {
            Some(wasm) => Some(wasm.run(&encoded)?),
            None => None,
        };
        let text = match (native, wasm) {
            (Some(native), Some(wasm)) if native != wasm => {
                return Err(format!("native says {native}, wasm says {wasm}"));
            }
            (Some(text), _) | (None, Some(text)) => text,
            (None, None) => return Err("no engine runs".to_owned()),
        };
        let answer = serde_json::from_str(&text);
        answer.map_err(|error| format!("the answer {text} cannot be read: {error}"))
    }

    /// Whether the code under test takes the signature of a case.
    pub(crate) fn verifies(&mut self, case: &Case<'_>) -> Result<bool, String> {
        let answer = self.answer(case)?;
        answer.valid.ok_or_else(|| format!("no answer: {answer:?}"))
    }
}

/// A crash is an outcome of the case, as a trap is in wasm, and not the end of the run.
fn run_natively(case: &[u8]) -> Result<String, String> {
    std::panic::catch_unwind(|| vectors_guest::run(case)).map_err(|_| "native: a panic".to_owned())
}

/// What the code under test says; which members are there depends on the case.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Answer {
    pub fault: Option<String>,
    pub chain: Option<String>,
    pub error: Option<String>,
    pub block: Option<i64>,
    pub decision: Option<bool>,
    pub why: Option<String>,
    #[serde(rename = "match")]
    pub matches: Option<bool>,
    pub valid: Option<bool>,
    pub request: Option<String>,
    pub signed: Option<String>,
}

/// The wasm test module. An instance lives until it traps.
struct Wasm {
    module: TestModule,
    instance: Option<(TestInstance, OfBytes<u64>)>,
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasm").finish_non_exhaustive()
    }
}

impl Wasm {
    fn start() -> Result<Self, String> {
        let module = TestModule::read(&crate::vectors_guest_file());
        Ok(Self {
            module: module.map_err(|error| format!("{error:#}"))?,
            instance: None,
        })
    }

    fn run(&mut self, case: &[u8]) -> Result<String, String> {
        let mut answer = || {
            let (mut instance, run) = match self.instance.take() {
                Some(known) => known,
                None => {
                    let mut instance = self.module.start()?;
                    let run = instance.function("vectors_run")?;
                    (instance, run)
                }
            };
            let answer = instance.ask(&run, case)?;
            self.instance = Some((instance, run));
            Ok(String::from_utf8(answer)?)
        };
        answer().map_err(|error: wasmtime::Error| format!("wasm: {error:#}"))
    }
}
