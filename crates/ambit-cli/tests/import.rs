//! `ambit import`: what it writes is a vocabulary, and nothing of it is published before somebody looked.

mod common;

use common::{Project, ambit_in};
use serde_json::Value;

const TOOLS: &str = r#"{"tools": [
  {"name": "read_file", "description": "Reads", "annotations": {"readOnlyHint": true},
   "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}},
  {"name": "write_file",
   "inputSchema": {"type": "object", "properties": {"path": {"type": "string"}, "edits": {"type": "array", "items": {"type": "object"}}}}}
]}"#;

fn without_guesses(schema: &str) -> String {
    let kept = schema.lines().filter(|line| !line.starts_with("@guessed"));
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn words_of_a_hostile_server_move_no_cursor() {
    let project = Project::fresh();
    let server = r#"require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line);
      const answer = method === "initialize" ? { result: {} } : { error: { code: 1, message: "\u001b[2J\u202egone\nerror[none]: all is well" } };
      if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    });"#;
    let run = project
        .ambit(&["import", "mcp", "--", "node", "-e", server])
        .expect(1);
    let run = run
        .says("error[mcp.server]")
        .says("\\u{1b}[2J\\u{202e}gone\\u{a}error[none]");
    assert!(!run.err.contains(['\u{1b}', '\u{202e}']), "{}", run.err);
    // Nor do those that somebody else put into an argument.
    let run = project
        .ambit(&["import", "mcp", "\u{1b}[2J.json"])
        .expect(3);
    assert!(!run.err.contains('\u{1b}'), "{}", run.err);
}

#[test]
fn guesses_are_built_only_when_somebody_has_confirmed_them() {
    let project = Project::fresh();
    project.write("tools.json", TOOLS);
    let run = project
        .ambit(&["import", "mcp", "tools.json", "--server", "files"])
        .expect(0);
    assert!(run.err.contains("read_file   observe"), "{}", run.err);
    assert!(run.err.contains("write_file.edits"), "{}", run.err);
    let schema = project.read("schema.cedarschema");
    project.write("schema.cedarschema", format!("{schema}\n{}", run.out));

    project
        .ambit(&["check"])
        .expect(0)
        .says("warning[project.unconfirmed]");
    let refused = project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(3);
    for words in [
        "error[project.unconfirmed]",
        "`read_file`",
        "`write_file`",
        "schema.cedarschema:",
        "remove `@guessed`",
        "2 faults in 1 file",
    ] {
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
    }
    assert!(!project.path("policy.wasm").exists());

    project.write(
        "schema.cedarschema",
        format!("{schema}\n{}", without_guesses(&run.out)),
    );
    project
        .ambit(&["build", ".", "-o", "policy.wasm"])
        .expect(0);
    let module = project
        .ambit(&["inspect", "policy.wasm", "--json"])
        .expect(0)
        .out;
    let module: Value = serde_json::from_str(&module).unwrap();
    let action = &module["bundle"]["actions"]["read_file"];
    assert_eq!(action["mcp"][0], "files/read_file");
    assert_eq!(action["mcp_s256"][0].as_str().unwrap().len(), 43);
    assert_eq!(action["powers"], serde_json::json!(["observe"]));
}

#[test]
fn until_then_an_action_is_execute_at_high_risk() {
    let project = Project::fresh();
    project.write("tools.json", TOOLS);
    let import = project
        .ambit(&["import", "mcp", "tools.json"])
        .expect(0)
        .out;
    let schema = project.read("schema.cedarschema");
    project.write("schema.cedarschema", format!("{schema}\n{import}"));
    let entry = r#"[{"type": "ambit_capability", "actions": ["read_file"], "privileges": ["execute"], "datatypes": ["mcp/tools"], "purpose": "p", "constraints": {"path": {"constraint_type": "wildcard"}}}]"#;
    project.write("entry.json", entry);
    let text = project
        .ambit(&["describe", "--project", ".", "entry.json"])
        .expect(0)
        .out;
    assert!(text.contains("High risk"), "{text}");
}

#[test]
fn scopes_that_cannot_tell_draft_from_send_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let scopes =
        b"gmail.compose # Manage drafts and send emails\ngmail.readonly # View your email\n";
    let run = ambit_in(
        folder.path(),
        &["import", "oauth", "-", "--service", "gmail"],
        scopes,
    )
    .expect(0);
    let after = run.err.split("Cannot tell draft from send").nth(1).unwrap();
    assert!(
        after.lines().nth(1).unwrap().contains("gmail.compose"),
        "{}",
        run.err
    );
    assert!(run.out.contains("@oauth(\"gmail.compose\")"), "{}", run.out);
    assert!(
        run.out.contains("@label(\"gmail: gmail compose\")"),
        "{}",
        run.out
    );
}

#[test]
fn the_report_is_there_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "import",
        "mcp",
        "-",
        "--server",
        "s",
        "--format",
        "json",
        "-o",
        "new.cedarschema",
    ];
    let run = ambit_in(folder.path(), &arguments, TOOLS.as_bytes()).expect(0);
    let json: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(json["actions"][0]["action"], "read_file");
    assert_eq!(json["actions"][0]["powers"], serde_json::json!(["observe"]));
    assert_eq!(
        json["actions"][1]["not_represented"][0]["argument"],
        "edits"
    );
    let schema = std::fs::read_to_string(folder.path().join("new.cedarschema")).unwrap();
    assert_eq!(json["schema"], schema);
    assert_eq!(run.err, "");
}

#[test]
fn an_import_overwrites_nothing_and_refuses_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        |arguments: &[&str], input: &str| ambit_in(folder.path(), arguments, input.as_bytes());
    std::fs::write(folder.path().join("there"), "mine").unwrap();
    run(&["import", "mcp", "-", "-o", "there"], TOOLS)
        .expect(3)
        .says("error[file.exists]");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("there")).unwrap(),
        "mine"
    );
    run(&["import", "mcp", "-"], "no json")
        .expect(3)
        .says("error[import.json]");
    run(&["import", "mcp", "-"], "{}")
        .expect(3)
        .says("error[import.mcp]");
    run(&["import", "oauth", "-"], "")
        .expect(3)
        .says("error[import.oauth]");
    run(&["import", "oauth", "missing.txt"], "")
        .expect(3)
        .says("error[file.missing]");
    run(&["import"], "").expect(3);
}
