//! `tests/cedar/input.json`: what conforms to a schema and what does not, where it is refused, and that
//! the `cedar-policy` crate says the same.

use std::fs;

use ambit_compiler::cedar::{Options, compile};
use ambit_core::json::{Document, Profile};
use ambit_policy::cedar::{Input, InputFault, Program};
use ambit_tests::suites;
use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request, Schema};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    #[serde(rename = "about")]
    _about: String,
    schema: String,
    request: Value,
    cases: Vec<Case>,
    untyped: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    expect: Option<String>,
    /// Whether the crate accepts it, where it does not agree.
    #[serde(rename = "crate")]
    theirs: Option<bool>,
}

fn suite() -> Suite {
    let file = suites().join("cedar/input.json");
    serde_json::from_str(&fs::read_to_string(file).expect("a file")).expect("a suite")
}

impl Case {
    fn request(&self, base: &Value) -> Value {
        let mut request = base.clone();
        for (pointer, value) in &self.set {
            *place(&mut request, pointer) = value.clone();
        }
        for pointer in &self.remove {
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            let parent = request.pointer_mut(parent).expect("there");
            assert!(
                parent
                    .as_object_mut()
                    .expect("an object")
                    .remove(name)
                    .is_some()
            );
        }
        request
    }

    /// What is not as it should be.
    fn run(&self, bytes: &[u8], schema: Option<&Schema>, base: &Value) -> Vec<String> {
        let request = self.request(base);
        let theirs = accepts(&request, schema);
        let program = Program::open(bytes).expect("a program");
        let found = read(&program, &request).map_err(|fault| fault.path).err();
        let mut wrong = Vec::new();
        if found != self.expect {
            wrong.push(format!(
                "{}: refused at {found:?}, not {:?}",
                self.name, self.expect
            ));
        }
        if theirs.is_ok() != self.theirs.unwrap_or_else(|| self.expect.is_none()) {
            wrong.push(format!("{}: the crate says {theirs:?}", self.name));
        }
        wrong
    }
}

fn run(cases: &[Case], schema: Option<&Schema>, base: &Value) {
    let bytes = program(schema);
    let wrong = cases.iter().flat_map(|case| case.run(&bytes, schema, base));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a pointer names; a member or the next element is made where there is none.
fn place<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    pointer
        .split('/')
        .skip(1)
        .fold(value, |value, name| match value {
            Value::Array(list) => {
                let at: usize = name.parse().expect("a number");
                if at == list.len() {
                    list.push(Value::Null);
                }
                &mut list[at]
            }
            other => &mut other[name],
        })
}

fn program(schema: Option<&Schema>) -> Vec<u8> {
    let options = Options {
        schema,
        validated: schema.is_some(),
    };
    let policies: PolicySet = "permit (principal, action, resource);"
        .parse()
        .expect("Cedar");
    compile(&policies, options).expect("compiles")
}

fn read(program: &Program<'_>, request: &Value) -> Result<(), Box<InputFault>> {
    let text = request.to_string();
    let document = Document::parse(text.as_bytes(), Profile::Request).expect("JSON");
    let fault = Input::read(program, document.root()).map(drop);
    if let Err(fault) = &fault {
        assert!(
            !fault.wanted.is_empty(),
            "{}: nothing is wanted",
            fault.path
        );
    }
    fault
}

fn accepts(request: &Value, schema: Option<&Schema>) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        text
    };
    let uid = |name: &str| EntityUid::from_json(request[name].clone()).map_err(|e| said(&e));
    let (principal, action, resource) = (uid("principal")?, uid("action")?, uid("resource")?);
    let typed = schema.map(|schema| (schema, &action));
    let context = Context::from_json_value(request["context"].clone(), typed);
    let context = context.map_err(|error| said(&error))?;
    Request::new(principal, action, resource, context, schema).map_err(|error| said(&error))?;
    let entities = Entities::from_json_value(request["entities"].clone(), schema);
    entities.map(drop).map_err(|error| said(&error))
}

#[test]
fn typed_input_is_refused_where_it_does_not_conform() {
    let suite = suite();
    let schema: Schema = suite.schema.parse().expect("a schema");
    run(&suite.cases, Some(&schema), &suite.request);
}

#[test]
fn a_request_is_an_object() {
    let bytes = program(None);
    let program = Program::open(&bytes).expect("a program");
    for request in [Value::Null, Value::Array(Vec::new()), Value::from("x")] {
        let fault = read(&program, &request).expect_err("no object");
        assert_eq!(
            (fault.path.as_str(), fault.wanted.as_str()),
            ("", "an object")
        );
    }
}

#[test]
fn input_without_a_schema_is_read_as_the_crate_reads_it() {
    let suite = suite();
    run(&suite.untyped, None, &suite.request);
}
