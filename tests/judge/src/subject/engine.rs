//! Our evaluator as the engine under test: in this process, and in the wasm test module.

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{ErrorKind as Kind, Halt, Input, Program, Selection, Verdict};
use ambit_tests::test_module::{OfBytes, TestInstance, TestModule};
use cedar_policy::PolicySet;
use serde_json::Value as Json;

use super::{Answer, Compiled, ErrorKind, Refusal, SchemaSource, Subject};

/// Compiled as a project's policies are.
fn program(policies: &PolicySet, schema: Option<&SchemaSource>) -> Result<Vec<u8>, String> {
    let schema = schema.map(|source| &source.schema);
    let options = Options {
        schema,
        validated: schema.is_some(),
    };
    compile(policies, options).map_err(|error| error.to_string())
}

/// The evaluator in this process.
#[derive(Debug)]
pub(crate) struct Native;

impl Subject for Native {
    fn compile(
        &self,
        policies: &PolicySet,
        schema: Option<&SchemaSource>,
    ) -> Result<Box<dyn Compiled>, String> {
        Ok(Box::new(Bytes(program(policies, schema)?)))
    }
}

struct Bytes(Vec<u8>);

impl Compiled for Bytes {
    /// By the index and by looking at every policy: both must say the same.
    fn authorize(&mut self, request: &[u8]) -> Result<Answer, Refusal> {
        let program = open(&self.0)?;
        let document = Document::parse(request, Profile::Request)
            .map_err(|error| Refusal::Conformance(error.to_string()))?;
        let input = Input::read(&program, document.root()).map_err(|fault| {
            Refusal::Conformance(format!("{}: wanted {}", fault.path, fault.wanted))
        })?;
        let run = |selection| {
            let verdict = program.authorize(&input, &Steps::new(), selection);
            verdict.map_err(|halt: Halt| Refusal::Other(format!("{halt:?}")))
        };
        let verdict = run(Selection::Index)?;
        let scanned = run(Selection::Scan)?;
        if verdict != scanned {
            let why = format!("the index finds {verdict:?}, a scan {scanned:?}");
            return Err(Refusal::Other(why));
        }
        Ok(answer(&program, &verdict))
    }
}

fn open(bytes: &[u8]) -> Result<Program<'_>, Refusal> {
    Program::open(bytes).ok_or_else(|| Refusal::Other("no program".to_owned()))
}

fn answer(program: &Program<'_>, verdict: &Verdict) -> Answer {
    let id = |number: &usize| {
        let policy = program.policy(*number);
        policy.map_or_else(String::new, |policy| policy.id().to_owned())
    };
    let erroring = verdict.errors.iter();
    Answer {
        allow: verdict.allows(),
        determining: verdict.determining().iter().map(id).collect(),
        erroring: erroring
            .map(|(number, kind)| (id(number), translated(*kind)))
            .collect(),
    }
}

const fn translated(kind: Kind) -> ErrorKind {
    match kind {
        Kind::EntityDoesNotExist => ErrorKind::EntityDoesNotExist,
        Kind::EntityAttrDoesNotExist => ErrorKind::EntityAttrDoesNotExist,
        Kind::RecordAttrDoesNotExist => ErrorKind::RecordAttrDoesNotExist,
        Kind::TypeError => ErrorKind::TypeError,
        Kind::WrongNumArguments => ErrorKind::WrongNumArguments,
        Kind::IntegerOverflow => ErrorKind::IntegerOverflow,
        Kind::FailedExtensionFunctionExecution => ErrorKind::FailedExtensionFunctionExecution,
    }
}

/// The evaluator in the wasm test module, in wasmtime.
#[derive(Debug)]
pub(crate) struct Guest(TestModule);

impl Guest {
    /// Loads the test module.
    pub(crate) fn start() -> Result<Self, String> {
        let module = TestModule::read(&crate::vectors_guest_file());
        module.map(Self).map_err(|error| format!("{error:#}"))
    }
}

impl Subject for Guest {
    fn compile(
        &self,
        policies: &PolicySet,
        schema: Option<&SchemaSource>,
    ) -> Result<Box<dyn Compiled>, String> {
        let bytes = program(policies, schema)?;
        let loaded = Loaded::start(&self.0, bytes).map_err(|error| format!("wasm: {error:#}"))?;
        Ok(Box::new(loaded))
    }
}

/// An instance with one program in it.
struct Loaded {
    instance: TestInstance,
    authorize: OfBytes<u64>,
    /// For the names of its policies.
    program: Vec<u8>,
}

impl Loaded {
    fn start(module: &TestModule, program: Vec<u8>) -> wasmtime::Result<Self> {
        let mut instance = module.start()?;
        let load = instance.function::<u32>("cedar_load")?;
        if instance.give(&load, &program)? != 1 {
            return Err(wasmtime::Error::msg("the guest refuses the program"));
        }
        Ok(Self {
            authorize: instance.function("cedar_authorize")?,
            instance,
            program,
        })
    }

    fn ask(&mut self, request: &[u8]) -> wasmtime::Result<Json> {
        let answer = self.instance.ask(&self.authorize, request)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

impl Compiled for Loaded {
    fn authorize(&mut self, request: &[u8]) -> Result<Answer, Refusal> {
        let said = self.ask(request);
        let said = said.map_err(|error| Refusal::Other(format!("wasm: {error:#}")))?;
        if let Some(refused) = said.get("refused") {
            return Err(Refusal::Conformance(refused.to_string()));
        }
        let verdict = verdict(&said).ok_or_else(|| Refusal::Other(said.to_string()))?;
        Ok(answer(&open(&self.program)?, &verdict))
    }
}

fn verdict(said: &Json) -> Option<Verdict> {
    let number = |json: &Json| usize::try_from(json.as_u64()?).ok();
    let numbers = |name: &str| {
        let list = said.get(name)?.as_array()?;
        list.iter().map(number).collect::<Option<Vec<_>>>()
    };
    let errors = said.get("errors")?.as_array()?.iter().map(|error| {
        let kind = Kind::ALL.into_iter();
        let mut kind = kind.filter(|kind| error[1].as_str() == Some(kind.name()));
        Some((number(&error[0])?, kind.next()?))
    });
    Some(Verdict {
        permits: numbers("permits")?,
        forbids: numbers("forbids")?,
        errors: errors.collect::<Option<_>>()?,
    })
}
