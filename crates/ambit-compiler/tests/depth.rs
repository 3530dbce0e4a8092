//! Nothing that is long or deep ends the compiler: it is built, or reported where it stands.

use std::fmt::Write as _;
use std::fs;

use ambit_compiler::{Project, build};

const SETTINGS: &str = r#"
[policy]
uid = "acme/agents"
version = 1
tokens_from_version = 1
valid_days = 30

[[keys]]
iss = "https://broker.acme.example"
kid = "broker-1"
alg = "Ed25519"
signs = "cap+jwt"
x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
"#;

const MANIFEST: &str = r#"
agent = "bot"
[[capabilities]]
actions = ["send"]
privileges = ["draft"]
datatypes = ["Thing"]
purpose = "care"
constraints.to = { constraint_type = "wildcard" }
constraints.more = { constraint_type = "wildcard" }
"#;

fn schema(types: &str, context: &str) -> String {
    format!(
        "{types}
        entity Group in [Group];
        entity Thing in [Group];
        @powers(\"draft\") action send appliesTo {{
          principal: Ambit::Agent, resource: Thing, context: {{ to: String, more?: {context} }}
        }};"
    )
}

/// The files of a small project, with these in the place of its own.
fn load(files: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("ambit.toml", SETTINGS);
    write("agents/bot.toml", MANIFEST);
    write("schema.cedarschema", &schema("", "Long"));
    write(
        "policies/base.cedar",
        "permit (principal, action, resource);",
    );
    for (name, text) in files {
        write(name, text);
    }
    let project = Project::load(folder.path()).map_err(|faults| faults.render(false))?;
    build::bundle(&project, 1_771_977_600).map_err(|error| error.to_string())
}

fn policy(condition: &str) -> Vec<(&'static str, String)> {
    let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
    vec![("policies/deep.cedar", text)]
}

fn repeat(open: &str, inner: &str, close: &str, n: usize) -> String {
    format!("{}{inner}{}", open.repeat(n), close.repeat(n))
}

/// A condition that nests or chains `n` times.
type Shape = (&'static str, fn(usize) -> String);

const SHAPES: &[Shape] = &[
    ("and", |n| vec!["context.to == \"z\""; n].join(" && ")),
    ("or", |n| vec!["context.to == \"z\""; n].join(" || ")),
    ("plus", |n| format!("1{} == 3", " + 1".repeat(n))),
    ("minus", |n| format!("1{} == 3", " - 1".repeat(n))),
    ("times", |n| format!("1{} == 3", " * 1".repeat(n))),
    ("not", |n| format!("{}true", "!".repeat(n))),
    ("negative", |n| format!("{}1 == 1", "-".repeat(n))),
    ("else if", |n| {
        format!(
            "{}false",
            "if context.to == \"z\" then true else ".repeat(n)
        )
    }),
    ("if if", |n| {
        repeat("if ", "true", " then true else false", n)
    }),
    ("attributes", |n| format!("resource{} == 1", ".a".repeat(n))),
    ("has", |n| format!("context has a{}", ".a".repeat(n))),
    ("greater", |n| repeat("(1 > ", "1", ")", n)),
    ("no syntax", |n| "if true then true elseif ".repeat(n)),
    ("parentheses", |n| repeat("(", "true", ")", n)),
    ("sets", |n| {
        format!("{}.isEmpty()", repeat("[", "1", "]", n))
    }),
    ("records", |n| {
        format!("{} == {{}}", repeat("{a: ", "1", "}", n))
    }),
    ("elements", |n| {
        format!("[{}].contains(context.to)", vec!["\"a\""; n].join(", "))
    }),
    ("presence", |n| vec!["context has more"; n].join(" && ")),
    ("present", |n| {
        vec!["context has more && context.more > 0"; n].join(" || ")
    }),
    ("groups", |n| {
        let one = |at| format!("resource in Group::\"g{at}\"");
        (0..n).map(one).collect::<Vec<_>>().join(" || ")
    }),
    ("methods", |n| {
        let calls = ".offset(duration(\"1d\"))".repeat(n);
        format!("context.now{calls} == context.now")
    }),
    ("record members", |n| {
        let one = |at| format!("a{at}: context.to");
        let members: Vec<_> = (0..n).map(one).collect();
        format!("{{{}}} has a0", members.join(", "))
    }),
    ("string", |n| {
        format!("context.to == \"{}\"", "a".repeat(n * 10))
    }),
    ("like", |n| {
        format!("context.to like \"{}\"", "*a".repeat(n))
    }),
];

/// How long a condition may be, in operators.
const BOUND: usize = 10_000;

#[test]
fn conditions_of_every_length_and_depth_end() {
    let (left, right) = SHAPES.split_at(SHAPES.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| left.iter().for_each(ends));
        right.iter().for_each(ends);
    });
}

/// Built, or refused where it stands: short, long, as long as anything may be, and far beyond.
fn ends((name, shape): &Shape) {
    for n in [100, 2_000, BOUND / 2 - 1, BOUND - 2, 50_000] {
        let start = std::time::Instant::now();
        if let Err(report) = load(&policy(&shape(n))) {
            assert!(
                report.contains("--> policies/deep.cedar:1:"),
                "{name} {n}: {}",
                &report[..report.len().min(400)]
            );
        }
        let took = start.elapsed();
        assert!(took.as_secs() < 60, "{name} {n}: {took:?}");
    }
}

/// A comparison is no bracket.
#[test]
fn many_comparisons_are_built() {
    let built = load(&policy(
        &vec!["context.now < context.now"; 500].join(" && "),
    ));
    assert!(built.is_ok(), "{}", built.unwrap_err());
}

/// Of many faults, the first are shown.
#[test]
fn many_faults_end() {
    let policies = "@planted(\"a\") permit (principal, action, resource);\n".repeat(1_000);
    let report = load(&[("policies/many.cedar", policies)]).unwrap_err();
    assert!(
        report.ends_with("the first 50 of 1000 faults in 1 file\n"),
        "{report}"
    );
}

/// What people and generators write is built.
#[test]
fn a_chain_of_five_thousand_is_built() {
    for (name, shape) in &SHAPES[..2] {
        let built = load(&policy(&shape(4_999)));
        assert!(built.is_ok(), "{name}: {}", built.unwrap_err());
    }
}

#[test]
fn deep_schemas_and_entities_end() {
    let chain = |n: usize, form: fn(usize) -> String| (0..n).map(form).collect::<String>();
    for n in [20, 200, 20_000] {
        let last = format!("type T{n} = Long;");
        for (name, types) in [
            ("names", chain(n, |i| format!("type T{i} = T{};\n", i + 1))),
            (
                "records",
                chain(n, |i| format!("type T{i} = {{ a: T{} }};\n", i + 1)),
            ),
            (
                "sets",
                chain(n, |i| format!("type T{i} = Set<T{}>;\n", i + 1)),
            ),
        ] {
            let text = schema(&format!("{types}{last}"), "T0");
            let report = load(&[("schema.cedarschema", text)]).unwrap_err();
            assert!(
                report.contains("--> schema.cedarschema:"),
                "{name} {n}: {report}"
            );
        }
        let ancestors = chain(n, |i| format!("entity E{i} in [E{}];\n", i + 1));
        let text = schema(&format!("{ancestors}entity E{n};"), "E0");
        if n <= 200 {
            load(&[("schema.cedarschema", text)]).unwrap_or_else(|report| panic!("{n}: {report}"));
        }
        let mut entities = "[".to_owned();
        for at in 0..n.min(2_000) {
            let next = at + 1;
            let _ = write!(
                entities,
                r#"{{"uid": {{"type": "Group", "id": "g{at}"}}, "attrs": {{}}, "parents": [{{"type": "Group", "id": "g{next}"}}]}},"#
            );
        }
        entities
            .push_str(r#"{"uid": {"type": "Group", "id": "last"}, "attrs": {}, "parents": []}]"#);
        load(&[("entities.json", entities)]).unwrap_or_else(|report| panic!("{n}: {report}"));
    }
}

#[test]
fn deep_data_files_end() {
    for n in [100, 2_000, 200_000] {
        for (name, text) in [
            ("entities.json", repeat("[", "", "]", n)),
            ("entities.json", repeat("{\"a\":", "1", "}", n)),
            ("entities.json", "[".repeat(n)),
            (
                "agents/bot.toml",
                format!("a = {}", repeat("[", "", "]", n)),
            ),
            (
                "agents/bot.toml",
                format!("a = {}", repeat("{ a = ", "1", " }", n)),
            ),
            ("agents/bot.toml", format!("a{} = 1", ".a".repeat(n))),
            ("agents/bot.toml", format!("[a{}]", ".a".repeat(n))),
            ("ambit.toml", format!("a = {}", "[".repeat(n))),
            (
                "policies/links.toml",
                format!("links = {}", repeat("[", "", "]", n)),
            ),
        ] {
            let report = load(&[(name, text)]).unwrap_err();
            assert!(report.contains(&format!("--> {name}")), "{n}: {report}");
        }
    }
}
