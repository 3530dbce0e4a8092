//! Revision 2026-07-28: each request says for itself what it is, over both transports.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{Agent, FORM, body, code, send};
use crate::listening::{Answer, Listening};
use crate::world::{Client, World, entry, under};

pub(crate) const VERSION: &str = "2026-07-28";

/// `_meta` of a client that can do this.
pub(crate) fn meta(capabilities: &Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

pub(crate) fn reads(path: &str) -> Value {
    json!({"name": "read_file", "arguments": {"path": path}, "_meta": meta(&json!({"elicitation": {}}))})
}

pub(crate) fn modern(world: World) -> World {
    world.write("modern", VERSION);
    world.grant(&[entry("read_file", &["observe"], &under("/notes"))]);
    world
}

/// A gateway that was not greeted.
fn ungreeted(world: &World) -> Client {
    let server = crate::world::source("server.mjs");
    world.serve_with(&["node", server.to_str().unwrap()])
}

#[test]
fn requests_need_no_greeting_and_say_what_they_are() {
    let world = modern(World::new());
    let mut client = ungreeted(&world);
    let told = client.ask(
        "server/discover",
        &json!({"_meta": meta(&json!({"sampling": {}}))}),
    );
    let result = &told["result"];
    // What is not understood here is not offered, and nothing is kept for others.
    assert_eq!(result["supportedVersions"], json!([VERSION]));
    assert_eq!(
        result["capabilities"],
        json!({"tools": {"listChanged": true}, "resources": {}})
    );
    assert_eq!(result["cacheScope"], "private");
    let heard = world.read("heard.jsonl");
    assert!(!heard.contains("sampling"), "{heard}");
    let told = client.ask("tools/call", &reads("/notes/a"));
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
    let told = client.ask("tools/call", &reads("/etc/passwd"));
    assert_eq!(
        told["result"]["_meta"]["dev.ambit/code"],
        "constraint.subpath"
    );
    assert_eq!(told["result"]["resultType"], "complete");
    let mut other = reads("/notes/a");
    other["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let told = client.ask("tools/call", &other);
    assert_eq!(told["error"]["code"], -32022);
    assert_eq!(told["error"]["data"]["requested"], "2099-01-01");
    assert!(
        told["error"]["data"]["supported"]
            .as_array()
            .unwrap()
            .contains(&json!(VERSION))
    );
    let mut less = reads("/notes/a");
    less["_meta"]
        .as_object_mut()
        .unwrap()
        .remove("io.modelcontextprotocol/clientCapabilities");
    assert_eq!(client.ask("tools/call", &less)["error"]["code"], -32602);
    let greeting = json!({"protocolVersion": VERSION, "_meta": meta(&json!({}))});
    assert_eq!(client.ask("initialize", &greeting)["error"]["code"], -32601);
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_question_within_an_answer_is_decided_and_only_what_it_asks_is_brought() {
    let world = modern(World::new());
    // Without a mapping nothing is asked.
    let mut client = ungreeted(&world);
    let told = client.ask("tools/call", &reads("/notes/question"));
    assert_eq!(told["error"]["code"], -32003, "{told}");
    drop(client);
    let schema = world.read("schema.cedarschema");
    let ask = "\n@label(\"ask a person\")\n@powers(\"observe\")\naction ask appliesTo { principal: Ambit::Agent, resource: Folder, context: { @label(\"message\") message: String } };\n";
    world.write("schema.cedarschema", &(schema + ask));
    let manifest = world.read("agents/notes.toml");
    let may = "\n[[capabilities]]\nactions = [\"ask\"]\nprivileges = [\"observe\"]\ndatatypes = [\"folder\"]\npurpose = \"notes\"\nconsent = \"none\"\nconstraints.message = { constraint_type = \"like\", pattern = \"Who*\" }\n";
    world.write("agents/notes.toml", &(manifest + may));
    let row = "\n[[methods]]\nmethod = \"elicitation/create\"\naction = \"ask\"\npower = \"observe\"\nargs.message = \"message\"\n";
    world.write("mcp.toml", &(world.read("mcp.toml") + row));
    world.build();
    let who = json!({"constraints": {"message": {"constraint_type": "like", "pattern": "Who*"}}});
    world.grant(&[
        entry("read_file", &["observe"], &under("/notes")),
        entry("ask", &["observe"], &who),
    ]);
    let mut client = ungreeted(&world);
    let told = client.ask("tools/call", &reads("/notes/question"));
    assert_eq!(
        told["result"]["inputRequests"]["who"]["params"]["message"], "Who?",
        "{told}"
    );
    let mut brings = reads("/notes/question");
    brings["requestState"] = json!("kept");
    brings["inputResponses"] = json!({"who": {"action": "accept"}, "more": {"action": "accept"}});
    let told = client.ask("tools/call", &brings);
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
    let last = world.calls().pop().unwrap();
    assert!(
        last.contains("\"who\"") && !last.contains("\"more\""),
        "{last}"
    );
    // What nobody asked for, or another request was asked for, does not pass.
    let reached = world.calls().len();
    brings["requestState"] = json!("other");
    assert_eq!(client.ask("tools/call", &brings)["error"]["code"], -32602);
    let mut other = reads("/notes/a");
    other["requestState"] = json!("kept");
    other["inputResponses"] = json!({"who": {"action": "accept"}});
    assert_eq!(client.ask("tools/call", &other)["error"]["code"], -32602);
    // Nor does a request of an older revision bring any.
    let plain = json!({"name": "read_file", "arguments": {"path": "/notes/a"}, "inputResponses": {"who": {}}});
    assert_eq!(client.ask("tools/call", &plain)["error"]["code"], -32602);
    assert_eq!(world.calls().len(), reached);
}

#[test]
fn changes_are_told_to_whoever_listens() {
    let world = modern(World::new());
    let mut client = ungreeted(&world);
    let wanted = json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["drafts:///1"]});
    let asked = json!({"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen", "params": {"notifications": wanted, "_meta": meta(&json!({}))}});
    client.send(&asked.to_string());
    let told: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(told["method"], "notifications/subscriptions/acknowledged");
    // Prompts and addresses are not mapped.
    assert_eq!(
        told["params"]["notifications"],
        json!({"toolsListChanged": true})
    );
    let told: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    // What names another stream is told to nobody: the next is an answer.
    let told = client.ask("tools/call", &reads("/notes/a"));
    assert_eq!(told["result"]["content"][0]["text"], "done");
    client.send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#);
    client.ask("tools/call", &reads("/notes/b"));
    assert!(
        world
            .read("heard.jsonl")
            .contains("notifications/cancelled")
    );
}

/// A request of this revision, as a client sends it, with more headers or others.
pub(crate) fn stateless(
    to: &Listening,
    agent: &Agent<'_>,
    (method, name): (&str, &str),
    message: &Value,
    other: &[(&str, &str)],
) -> Answer {
    let mut headers = vec![("mcp-protocol-version", VERSION), ("mcp-method", method)];
    if !name.is_empty() {
        headers.push(("mcp-name", name));
    }
    headers.retain(|(name, _)| !other.iter().any(|(known, _)| known == name));
    headers.extend(other.iter().filter(|(_, value)| !value.is_empty()));
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let lines: String = lines.collect();
    let shown = agent.headers(&agent.proof("POST", None));
    send(
        to,
        "POST /mcp",
        &format!("{FORM}{lines}{shown}"),
        &message.to_string(),
    )
}

pub(crate) fn call(id: &Value, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

#[test]
fn over_http_no_session_is_needed_and_headers_say_what_the_body_says() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[entry("read_file", &["observe"], &under("/notes"))]);
    let it = ("tools/call", "read_file");
    let says =
        |message: &Value, other: &[(&str, &str)]| stateless(&gateway, &ann, it, message, other);
    let message = call(&json!("a"), &reads("/notes/a"));
    let told = says(&message, &[]);
    assert_eq!(
        (told.status, &body(&told)["id"]),
        (200, &json!("a")),
        "{}",
        told.body
    );
    assert!(told.body.contains("\"x-odd\":1.50"), "{}", told.body);
    assert!(!told.head.to_lowercase().contains("mcp-session-id"));
    // The same id again is another request.
    assert_eq!(says(&message, &[]).status, 200);
    let told = says(&call(&json!(1), &reads("/etc/passwd")), &[]);
    assert_eq!(code(&told), "constraint.subpath");
    for other in [
        ("mcp-name", "mail"),
        ("mcp-name", ""),
        ("mcp-method", "tools/list"),
        ("mcp-method", ""),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", ""),
    ] {
        let told = says(&message, &[other]);
        assert_eq!(
            (told.status, &body(&told)["error"]["code"]),
            (400, &json!(-32020)),
            "{other:?}"
        );
    }
    let encoded = says(&message, &[("mcp-name", "=?base64?cmVhZF9maWxl?=")]);
    assert_eq!(encoded.status, 200, "{}", encoded.body);
    let mut bare = message;
    bare["params"].as_object_mut().unwrap().remove("_meta");
    let told = says(&bare, &[]);
    assert_eq!(
        (told.status, &body(&told)["error"]["code"]),
        (400, &json!(-32602))
    );
    let strange =
        json!({"jsonrpc": "2.0", "id": 1, "method": "x/y", "params": {"_meta": meta(&json!({}))}});
    let told = stateless(&gateway, &ann, ("x/y", ""), &strange, &[]);
    assert_eq!(
        (told.status, &body(&told)["error"]["code"]),
        (404, &json!(-32601))
    );
    assert_eq!(world.calls().len(), 3);
    // One server answered all of it, and heard ids of the gateway's own.
    let heard = world.read("heard.jsonl");
    assert_eq!(heard.matches("server/discover").count(), 1, "{heard}");
    assert!(
        world
            .calls()
            .iter()
            .all(|call| call.contains("\"id\":\"r-")),
        "{heard}"
    );
}

#[test]
fn progress_is_told_in_the_callers_terms() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[entry("read_file", &["observe"], &under("/notes"))]);
    let mut params = reads("/notes/progress");
    params["_meta"]["progressToken"] = json!(7);
    let it = ("tools/call", "read_file");
    let told = stateless(&gateway, &ann, it, &call(&json!(3), &params), &[]);
    let events: Vec<Value> = told
        .body
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    assert_eq!(events[0]["params"]["progressToken"], 7, "{}", told.body);
    assert_eq!(events[1]["id"], 3);
}

#[test]
fn a_server_of_older_revisions_alone_is_begun_otherwise() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[entry("read_file", &["observe"], &under("/notes"))]);
    let it = ("tools/call", "read_file");
    let told = stateless(
        &gateway,
        &ann,
        it,
        &call(&json!(1), &reads("/notes/a")),
        &[],
    );
    // No error of this revision: clients of both begin anew at that.
    assert_eq!(told.status, 400);
    assert!(body(&told)["error"].is_null(), "{}", told.body);
    assert!(world.calls().is_empty());
    ann.begins(&gateway);
    assert_eq!(ann.reads(&gateway, "/notes/a").status, 200);
}

#[test]
fn whoever_hangs_up_takes_the_request_back() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[entry("read_file", &["observe"], &under("/notes"))]);
    let message = call(&json!(1), &reads("/notes/never")).to_string();
    let shown = ann.headers(&ann.proof("POST", None));
    let length = message.len();
    let said = format!(
        "mcp-protocol-version: {VERSION}\r\nmcp-method: tools/call\r\nmcp-name: read_file\r\n"
    );
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: notes.example\r\ncontent-length: {length}\r\n{FORM}{said}{shown}\r\n{message}"
    );
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let waits = |wanted: &str| {
        let begun = Instant::now();
        while !std::fs::read_to_string(world.path("heard.jsonl"))
            .is_ok_and(|heard| heard.contains(wanted))
        {
            assert!(begun.elapsed().as_secs() < 20, "it is not told `{wanted}`");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    waits("/notes/never");
    drop(stream);
    waits("notifications/cancelled");
}

#[test]
fn a_person_is_shown_where_they_are_asked() {
    let world = World::new();
    world.write("modern", VERSION);
    world.edit(
        "mcp.toml",
        "token = ",
        "approval_page = \"https://approve.example/calls/{}\"\ntoken = ",
    );
    let mut erase = under("/notes");
    erase["requires"] = json!({"approval": true});
    world.grant(&[entry("erase", &["propose", "execute"], &erase)]);
    let call = |capabilities: &Value| json!({"name": "erase", "arguments": {"path": "/notes/old"}, "_meta": meta(capabilities)});
    let mut client = ungreeted(&world);
    // A client that shows no addresses reads it.
    let told = client.ask("tools/call", &call(&json!({})));
    assert_eq!(
        told["result"]["_meta"]["dev.ambit/code"],
        "approval.waiting"
    );
    let digest = world.proposed()["binding_s256"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = format!("https://approve.example/calls/{digest}");
    assert!(
        told["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains(&page)
    );
    let able = json!({"elicitation": {"url": {}}});
    let told = client.ask("tools/call", &call(&able));
    let result = &told["result"];
    let (name, question) = result["inputRequests"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert_eq!(question["params"]["url"], page);
    let mut again = call(&able);
    again["requestState"] = result["requestState"].clone();
    again["inputResponses"] = json!({name.as_str(): {"action": "accept"}});
    // Nobody is asked in a circle.
    let told = client.ask("tools/call", &again);
    assert_eq!(
        told["result"]["_meta"]["dev.ambit/code"], "approval.waiting",
        "{told}"
    );
    world.answer_the_proposal("approved");
    let told = client.ask("tools/call", &again);
    assert_eq!(told["result"]["content"][0]["text"], "done", "{told}");
    // Nothing of the gateway's own question reached the server.
    let calls = world.calls();
    assert!(
        calls.len() == 1
            && !calls[0].contains("inputResponses")
            && !calls[0].contains("requestState"),
        "{calls:?}"
    );
}

#[test]
fn a_client_of_2025_11_25_is_shown_it_by_an_error() {
    let world = World::new();
    world.edit(
        "mcp.toml",
        "token = ",
        "approval_page = \"https://approve.example/calls/{}\"\ntoken = ",
    );
    let mut erase = under("/notes");
    erase["requires"] = json!({"approval": true});
    world.grant(&[entry("erase", &["propose", "execute"], &erase)]);
    let mut client = ungreeted(&world);
    let info = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {"url": {}}}, "clientInfo": {"name": "c", "version": "1"}});
    client.ask("initialize", &info);
    let told = client.ask(
        "tools/call",
        &json!({"name": "erase", "arguments": {"path": "/notes/old"}}),
    );
    assert_eq!(told["error"]["code"], -32042, "{told}");
    let asked = &told["error"]["data"]["elicitations"][0];
    let digest = world.proposed()["binding_s256"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        asked["url"],
        format!("https://approve.example/calls/{digest}")
    );
    assert!(world.calls().is_empty());
    // An address without a place for the call is none.
    world.edit("mcp.toml", "calls/{}", "calls");
    world.ambit(&World::SERVE[..]).expect(3);
}
