//! The gateway over HTTP beside an agent: it holds the token, for whoever on this machine reaches it.

use serde_json::json;

use crate::agent::{FORM, body, send};
use crate::listening::Answer;
use crate::world::{World, entry, source, under};

fn world() -> World {
    let world = World::new();
    world.grant(&[entry("read_file", &["observe"], &under("/notes"))]);
    world
}

fn code(answer: &Answer) -> String {
    body(answer)["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_client_that_shows_nothing_does_what_the_token_allows() {
    let world = world();
    let server = source("server.mjs");
    let gateway = world.held(&["--", "node", server.to_str().unwrap()]);
    let host = format!("host: {}\r\n{FORM}", gateway.address);
    let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}).to_string();
    let told = send(&gateway, "POST /mcp", &host, &begin);
    assert_eq!(told.status, 200, "{}", told.body);
    let session = crate::agent::header(&told, "mcp-session-id").unwrap();
    let in_session = format!("{host}mcp-session-id: {session}\r\n");
    let reads = |path: &str| {
        let params = json!({"name": "read_file", "arguments": {"path": path}});
        let call = json!({"jsonrpc": "2.0", "id": path, "method": "tools/call", "params": params});
        body(&send(&gateway, "POST /mcp", &in_session, &call.to_string()))
    };
    assert_eq!(reads("/notes/a")["result"]["content"][0]["text"], "done");
    let refused = reads("/etc/passwd");
    assert_eq!(
        refused["result"]["_meta"]["dev.ambit/code"],
        "constraint.subpath"
    );
    // What a server asks for is decided by the same token: nothing is mapped.
    assert_eq!(
        reads("/notes/ask")["result"]["content"][0]["text"],
        "refused: this is not let through"
    );
    // The token is what was decided by, and never shown.
    assert!(
        !world
            .read("heard.jsonl")
            .contains(world.read("token.jwt").trim())
    );
}

#[test]
fn a_call_of_which_nobody_waits_any_more_is_not_made() {
    let world = world();
    world.write("tardy", "");
    let server = source("server.mjs");
    let gateway = world.held(&["--", "node", server.to_str().unwrap()]);
    let host = format!("host: {}\r\n{FORM}", gateway.address);
    let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}).to_string();
    let told = send(&gateway, "POST /mcp", &host, &begin);
    let session = crate::agent::header(&told, "mcp-session-id").unwrap();
    let in_session = format!("{host}mcp-session-id: {session}\r\n");
    // Its tools must be known first, and the server takes longer to list them than a call may wait.
    let params = json!({"name": "read_file", "arguments": {"path": "/notes/a"}});
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params});
    let call = call.to_string();
    let told = send(&gateway, "POST /mcp", &in_session, &call);
    gateway.said.says("nobody waits for it any more");
    assert_eq!(body(&told)["result"]["isError"], true, "{}", told.body);
    assert!(world.calls().is_empty());
    // They are known now.
    let told = send(&gateway, "POST /mcp", &in_session, &call);
    assert_eq!(body(&told)["result"]["content"][0]["text"], "done");
}

#[test]
fn no_page_and_no_other_name_reaches_it() {
    let world = world();
    let server = source("server.mjs");
    let gateway = world.held(&["--", "node", server.to_str().unwrap()]);
    let begin =
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}).to_string();
    let own = format!("host: {}\r\n", gateway.address);
    for (headers, wanted) in [
        ("host: evil.example\r\n".to_owned(), "mcp.host"),
        (
            format!("{own}origin: http://evil.example\r\n"),
            "mcp.origin",
        ),
        (
            format!("{own}origin: http://localhost:3000\r\n"),
            "mcp.origin",
        ),
        (format!("{own}origin: null\r\n"), "mcp.origin"),
    ] {
        let told = send(&gateway, "POST /mcp", &format!("{FORM}{headers}"), &begin);
        assert_eq!(
            (told.status, code(&told)),
            (403, wanted.to_owned()),
            "{headers}"
        );
    }
    for path in ["/", "/.well-known/oauth-protected-resource"] {
        let told = send(&gateway, &format!("GET {path}"), &own, "");
        assert_eq!(told.status, 404, "{path}");
    }
    assert!(!world.path("heard.jsonl").exists());
}

#[test]
fn it_listens_to_this_machine_alone() {
    let world = world();
    let mut arguments: Vec<&str> = World::SERVE.to_vec();
    arguments.pop();
    let open = [&arguments[..], &["--listen=0.0.0.0:0", "--", "node"]].concat();
    let run = world.ambit(&open).expect(3);
    assert!(run.err.contains("mcp.open"), "{run:#?}");
}
