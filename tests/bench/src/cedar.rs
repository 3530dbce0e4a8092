//! Guard rails alone: families of policies of four sizes, here and in the `cedar-policy` crate. Files
//! for Node are written on the way.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ambit_compiler::cedar::{Options, compile};
use ambit_core::Steps;
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{Input, Program, Selection};
use ambit_tests::families::{Family, SCHEMA, requests};
use ambit_tests::test_module::TestModule;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema,
};
use serde_json::{Value, json};

use crate::sample::{Labels, measure_as};

const SIZES: [u64; 4] = [10, 100, 1000, 10_000];
/// Different requests of a measurement, taken in turns.
const REQUESTS: u64 = 64;
const SEED: u64 = 1;

/// Measures everything of this process and writes `FOLDER/cedar/FAMILY-SIZE/*` for Node.
pub(crate) fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    for family in Family::ALL {
        for size in SIZES {
            Set::make(family, size)?.measure(folder)?;
        }
    }
    Ok(())
}

/// A policy set with what is asked of it.
struct Set {
    family: Family,
    size: u64,
    text: String,
    policies: PolicySet,
    schema: Schema,
    program: Vec<u8>,
    requests: Vec<String>,
}

impl Set {
    fn make(family: Family, size: u64) -> Result<Self, Box<dyn Error>> {
        let text = family.policies(size, SEED);
        let schema: Schema = SCHEMA.parse()?;
        let started = Instant::now();
        let policies: PolicySet = text.parse()?;
        let parsed = started.elapsed();
        let options = Options {
            schema: Some(&schema),
            validated: true,
        };
        let started = Instant::now();
        let program = compile(&policies, options)?;
        let compiled = started.elapsed();
        for (what, time) in [("parse (crate)", parsed), ("compile", compiled)] {
            println!(
                "{}",
                json!({
                    "engine": "build", "what": format!("{} {size}, {what}", family.name()), "unit": "ns",
                    "median": time.as_secs_f64() * 1e9, "p10": time.as_secs_f64() * 1e9,
                    "p90": time.as_secs_f64() * 1e9, "family": family.name(), "size": size,
                })
            );
        }
        println!(
            "{}",
            json!({
                "engine": "size", "what": format!("program, {} {size}", family.name()), "unit": "bytes",
                "median": program.len(),
            })
        );
        let requests = requests(size, REQUESTS, SEED);
        Ok(Self {
            family,
            size,
            text,
            policies,
            schema,
            program,
            requests: requests.iter().map(Value::to_string).collect(),
        })
    }

    fn measure(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let expected = self.expected()?;
        self.native(&expected)?;
        self.wasmtime(folder, &expected)?;
        self.reference()?;
        let folder = folder
            .join("cedar")
            .join(format!("{}-{}", self.family.name(), self.size));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("program"), &self.program)?;
        std::fs::write(folder.join("policies.cedar"), &self.text)?;
        std::fs::write(folder.join("schema.cedarschema"), SCHEMA)?;
        std::fs::write(folder.join("requests.jsonl"), self.requests.join("\n"))?;
        std::fs::write(folder.join("expected.json"), json!(expected).to_string())?;
        Ok(())
    }

    fn labels(&self, engine: &'static str, how: &'static str) -> Labels {
        Labels {
            engine,
            family: self.family.name(),
            size: self.size,
            how,
        }
    }

    /// What the crate decides.
    fn expected(&self) -> Result<Vec<bool>, Box<dyn Error>> {
        let decide = |text: &String| {
            let (request, entities) = self.read(text)?;
            Ok(self.decide(&request, &entities))
        };
        self.requests.iter().map(decide).collect()
    }

    fn read(&self, text: &str) -> Result<(Request, Entities), Box<dyn Error>> {
        let mut json: Value = serde_json::from_str(text)?;
        let mut uid = |name: &str| {
            let uid = EntityUid::from_json(json[name].take());
            uid.map_err(|error| error.to_string())
        };
        let (principal, action, resource) = (uid("principal")?, uid("action")?, uid("resource")?);
        let schema = Some((&self.schema, &action));
        let context = Context::from_json_value(json["context"].take(), schema)?;
        let request = Request::new(principal, action, resource, context, Some(&self.schema))?;
        let entities = Entities::from_json_value(json["entities"].take(), Some(&self.schema))?;
        Ok((request, entities))
    }

    fn decide(&self, request: &Request, entities: &Entities) -> bool {
        let answer = Authorizer::new().is_authorized(request, &self.policies, entities);
        answer.decision() == Decision::Allow
    }

    fn native(&self, expected: &[bool]) -> Result<(), Box<dyn Error>> {
        let program = Program::open(&self.program).ok_or("the program does not open")?;
        let documents = self
            .requests
            .iter()
            .map(|text| Document::parse(text.as_bytes(), Profile::Request));
        let documents: Vec<Document<'_>> = documents.collect::<Result<_, _>>()?;
        let read = |document| {
            let input = Input::read(&program, document);
            input.map_err(|fault| format!("{}: wanted {}", fault.path, fault.wanted))
        };
        let inputs = documents.iter().map(|document| read(document.root()));
        let inputs: Vec<Input<'_>> = inputs.collect::<Result<_, _>>()?;
        let decide = |input: &Input<'_>| {
            let verdict = program.authorize(input, &Steps::new(), Selection::Index);
            verdict.is_ok_and(|verdict| verdict.allows())
        };
        for (input, expected) in inputs.iter().zip(expected) {
            if decide(input) != *expected {
                return Err("native differs from the crate".into());
            }
        }
        let mut turn = inputs.iter().cycle();
        let labels = self.labels("native", "request parsed before");
        measure_as(&labels, || turn.next().map(decide));
        let mut turn = self.requests.iter().cycle();
        let labels = self.labels("native", "parsing counted");
        measure_as(&labels, || {
            turn.next().map(|text| {
                let document = Document::parse(text.as_bytes(), Profile::Request).ok()?;
                let input = Input::read(&program, document.root()).ok()?;
                Some(decide(&input))
            })
        });
        Ok(())
    }

    fn wasmtime(&self, folder: &Path, expected: &[bool]) -> Result<(), Box<dyn Error>> {
        let mut guest = TestModule::read(&folder.join("vectors_guest.wasm"))?.start()?;
        let load = guest.function::<u32>("cedar_load")?;
        if guest.give(&load, &self.program)? != 1 {
            return Err("the guest refuses the program".into());
        }
        let authorize = guest.function("cedar_authorize")?;
        for (request, expected) in self.requests.iter().zip(expected) {
            let answer: Value =
                serde_json::from_slice(&guest.ask(&authorize, request.as_bytes())?)?;
            let some = |name: &str| answer[name].as_array().is_some_and(|list| !list.is_empty());
            if (some("permits") && !some("forbids")) != *expected {
                return Err(format!("the guest differs from the crate: {answer}").into());
            }
        }
        let mut turn = self.requests.iter().cycle();
        let labels = self.labels("wasmtime", "parsing counted");
        measure_as(&labels, || {
            turn.next()
                .map(|request| guest.ask(&authorize, request.as_bytes()))
        });
        Ok(())
    }

    fn reference(&self) -> Result<(), Box<dyn Error>> {
        let read: Result<Vec<_>, _> = self.requests.iter().map(|text| self.read(text)).collect();
        let read = read?;
        let mut turn = read.iter().cycle();
        let labels = self.labels("cedar-policy", "request parsed before");
        measure_as(&labels, || {
            turn.next()
                .map(|(request, entities)| self.decide(request, entities))
        });
        let mut turn = self.requests.iter().cycle();
        let labels = self.labels("cedar-policy", "parsing counted");
        measure_as(&labels, || {
            turn.next().map(|text| {
                let (request, entities) = self.read(text).ok()?;
                Some(self.decide(&request, &entities))
            })
        });
        Ok(())
    }
}
