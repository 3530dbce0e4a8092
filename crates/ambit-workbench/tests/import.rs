//! Vocabularies from elsewhere, as data: each file beside `import/` gives the schema and the report that lie
//! beside it. `AMBIT_BLESS=1` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use ambit_core::Power;
use ambit_workbench::import::{self, Import, Sending};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(name)
}

/// What a person is told, in short.
fn report(import: &Import) -> String {
    let mut out = String::new();
    for one in &import.actions {
        let sending = one.sending.map_or("", Sending::name);
        let _ = writeln!(
            out,
            "{:?} -> {:?} {sending}\n  guess: {}",
            one.origin, one.action, one.guess.because
        );
        for look in &one.looks {
            let _ = writeln!(out, "  look: {look}");
        }
        for said in &one.said {
            let _ = writeln!(out, "  not represented: {said}");
        }
    }
    for note in &import.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn check(name: &str, read: impl Fn(&[u8]) -> Import) {
    let bless = std::env::var_os("AMBIT_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        if !path
            .extension()
            .is_some_and(|kind| kind == "json" || kind == "txt")
        {
            continue;
        }
        seen += 1;
        let import = read(&fs::read(&path).unwrap());
        for (kind, text) in [
            ("cedarschema", import.schema.clone()),
            ("report", report(&import)),
        ] {
            let expected = path.with_extension(kind);
            if bless {
                fs::write(&expected, &text).unwrap();
            } else if fs::read_to_string(&expected).unwrap_or_default() != text {
                wrong.push(format!("== {}\n{text}", expected.display()));
            }
        }
    }
    assert!(seen > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tools_are_imported_as_expected() {
    check("mcp", |bytes| import::mcp(bytes, None, "odd", "").unwrap());
}

#[test]
fn scopes_are_imported_as_expected() {
    check("oauth", |bytes| import::oauth(bytes, "service").unwrap());
}

#[test]
fn what_is_no_list_is_refused() {
    for (text, code) in [
        ("", "import.json"),
        ("{\"tools\": [], \"tools\": []}", "import.json"),
        ("{}", "import.mcp"),
        ("{\"tools\": []}", "import.mcp"),
        ("{\"tools\": {}}", "import.mcp"),
        ("{\"tools\": [1]}", "import.mcp"),
        ("[{\"title\": \"no name\"}]", "import.mcp"),
        (
            "[{\"name\": \"a\"}, {\"name\": \"a\", \"description\": \"other\"}]",
            "import.mcp",
        ),
    ] {
        let error = import::mcp(text.as_bytes(), None, "s", "").unwrap_err();
        assert_eq!(error.code, code, "{text}");
    }
    for (text, code) in [
        ("", "import.oauth"),
        ("# nothing", "import.oauth"),
        ("{\"scopes\": ", "import.json"),
        ("{\"other\": 1}", "import.oauth"),
        ("mail\u{e9}", "import.oauth"),
        ("\u{1f}\u{8b}", "import.oauth"),
    ] {
        let error = import::oauth(text.as_bytes(), "s").unwrap_err();
        assert_eq!(error.code, code, "{text}");
    }
}

#[test]
fn a_schema_that_allows_nothing_is_not_said_to_allow_anything() {
    let tools = "[{\"name\": \"a\", \"inputSchema\": {\"properties\": {\"x\": false}}},
        {\"name\": \"b\", \"inputSchema\": {\"type\": \"array\"}}]";
    let import = import::mcp(tools.as_bytes(), None, "s", "").unwrap();
    let told = report(&import);
    assert!(told.contains("the tool takes no value of it"), "{told}");
    assert!(told.contains("its input schema is for no object"), "{told}");
    assert!(!told.contains("anything"), "{told}");
}

#[test]
fn a_server_is_called_as_it_is_told_or_as_it_says() {
    let tools = br#"[{"result": {"serverInfo": {"name": "Its Own"}}}, {"result": {"tools": [{"name": "t"}]}}]"#;
    let schema = |server| import::mcp(tools, server, "file", "p.").unwrap().schema;
    assert!(schema(None).contains("@mcp(\"Its%20Own/t\")"));
    assert!(schema(Some("mine")).contains("@mcp(\"mine/t\")"));
    assert!(schema(None).contains("action \"p.t\""));
}

/// The folder of third-party data; without it the test is skipped, and says so.
fn external(path: &str) -> Option<Vec<u8>> {
    let Some(root) = std::env::var_os("AMBIT_EXTERNAL") else {
        eprintln!("skipped: AMBIT_EXTERNAL is unset");
        return None;
    };
    let path = Path::new(&root).join(path);
    Some(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The tools of GitHub's MCP server: every one is an action with a type for each argument, none is guessed
/// to be harmless that the server does not call read-only, and what has no type of its own is said.
#[test]
fn every_tool_of_a_large_server_is_imported() {
    let Some(bytes) = external("bench/mcp-tools-github/tools.json") else {
        return;
    };
    let tools: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
    let import = import::mcp(&bytes, Some("github"), "", "").unwrap();
    assert_eq!((tools.len(), import.actions.len()), (117, 117));
    for (tool, action) in tools.iter().zip(&import.actions) {
        assert_eq!(tool["name"], action.origin);
        let read_only = tool["annotations"]["readOnlyHint"] == true;
        let harmless = !action.guess.powers.contains(Power::Execute);
        assert_eq!(read_only, harmless, "{}", action.origin);
        let pin = format!("@mcp_s256(\"{}\")", import::tool_digest(tool));
        assert!(import.schema.contains(&pin), "{}", action.origin);
        let said: BTreeSet<&str> = action
            .said
            .iter()
            .filter_map(|said| said.argument.as_deref())
            .collect();
        let properties = tool["inputSchema"]["properties"].as_object();
        for (name, schema) in properties.into_iter().flatten() {
            let plain = ["string", "boolean", "integer"]
                .iter()
                .any(|kind| schema["type"] == **kind);
            let list = schema["type"] == "array" && schema["items"]["type"] == "string";
            assert!(
                plain || list || said.contains(name.as_str()),
                "{}.{name}",
                action.origin
            );
        }
    }
}

/// Microsoft Graph can tell drafts from sending where it has a permission for each.
#[test]
fn a_service_with_a_scope_for_sending_tells_the_two_apart() {
    let Some(bytes) = external("bench/oauth-msgraph/permissions.json.gz") else {
        return;
    };
    let import = import::oauth(&bytes, "graph").unwrap();
    assert_eq!(import.actions.len(), 917);
    let sending = |name: &str| {
        let found = import.actions.iter().find(|one| one.origin == name);
        found.and_then(|one| one.sending).unwrap()
    };
    assert_eq!(sending("Mail.ReadWrite"), Sending::Apart);
    assert_eq!(sending("Mail.Send"), Sending::Only);
    assert_eq!(sending("Mail.Read"), Sending::Looks);
    assert_eq!(sending("Chat.ReadWrite"), Sending::Both);
    assert_eq!(sending("Calendars.ReadWrite"), Sending::Both);
    assert!(
        import
            .notes
            .iter()
            .any(|note| note.starts_with("mail: can tell draft from send")),
        "{:?}",
        import.notes
    );
}
