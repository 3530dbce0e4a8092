//! What a call refers to: read by the gateway, shown to people, and asked about again when it says something else.

use std::fs;

use ambit_workbench::import::tool_digest;
use serde_json::{Value, json};

use crate::world::{Client, World, entry};

const SCHEMA: &str = r#"
@label("read a draft")
@powers("observe")
@mcp("files/read_draft")
@mcp_s256("{{read_draft}}")
action read_draft appliesTo {
  principal: Ambit::Agent, resource: Folder,
  context: { @label("draft") id: Long },
};

@label("send a draft")
@powers("propose, execute")
@mcp("files/send_draft")
@mcp_s256("{{send_draft}}")
action send_draft appliesTo {
  principal: Ambit::Agent, resource: Folder,
  context: { @label("draft") @content draft: Long },
};
"#;

const MANIFEST: &str = r#"
[[capabilities]]
actions = ["read_draft"]
privileges = ["observe"]
datatypes = ["folder"]
purpose = "notes"
consent = "none"
constraints."*" = { constraint_type = "wildcard" }

[[capabilities]]
actions = ["send_draft"]
privileges = ["propose", "execute"]
datatypes = ["folder"]
purpose = "notes"
consent = "none"
constraints."*" = { constraint_type = "wildcard" }
"#;

pub(crate) const BY_TOOL: &str = "tool = \"read_draft\"\nwith = \"id\"";

/// A world in which sending a draft wants Ann's yes, and its content is read like this.
pub(crate) fn world(read: &str) -> World {
    let world = World::new();
    let mut tools: Vec<Value> = serde_json::from_str(&world.read("tools.json")).unwrap();
    let mut schema = format!("{}{SCHEMA}", world.read("schema.cedarschema"));
    for name in ["read_draft", "send_draft"] {
        let tool = json!({"name": name, "inputSchema": {"type": "object"}});
        schema = schema.replace(&format!("{{{{{name}}}}}"), &tool_digest(&tool));
        tools.push(tool);
    }
    world.write("tools.json", &json!(tools).to_string());
    world.write("schema.cedarschema", &schema);
    let manifest = world.read("agents/notes.toml");
    world.write("agents/notes.toml", &format!("{manifest}{MANIFEST}"));
    let config = world.read("mcp.toml");
    let row = "[[contents]]\naction = \"send_draft\"\nargument = \"draft\"";
    world.write("mcp.toml", &format!("{config}\n{row}\n{read}\n"));
    world.build();
    let all = json!({"constraints": {"*": {"constraint_type": "wildcard"}}});
    let mut send = all.clone();
    send["requires"] = json!({"approval": true});
    world.grant(&[
        entry("read_draft", &["observe"], &all),
        entry("send_draft", &["propose", "execute"], &send),
    ]);
    world
}

/// What the server says of the draft from now on.
pub(crate) fn says(world: &World, text: &str) {
    result(
        world,
        &json!({"content": [{"type": "text", "text": text}], "_meta": {"at": 1}}),
    );
}

fn result(world: &World, result: &Value) {
    world.write("draft.json", &result.to_string());
}

#[track_caller]
fn send(client: &mut Client) -> (String, Option<String>) {
    client.call("send_draft", &json!({"draft": 17}))
}

/// The drafts that the server was told to send.
fn sent(world: &World) -> usize {
    let calls = world.calls();
    calls
        .iter()
        .filter(|line| line.contains("\"send_draft\""))
        .count()
}

fn code(said: &(String, Option<String>)) -> Option<&str> {
    said.1.as_deref()
}

#[test]
fn a_draft_that_was_edited_after_the_yes_is_asked_about_again() {
    let world = world(BY_TOOL);
    says(&world, "Dear Ann,\nlunch at noon?");
    let mut client = world.serve();
    let asked = send(&mut client);
    assert_eq!(code(&asked), Some("approval.waiting"), "{asked:?}");
    // Ann reads what it says; the agent need not be able to.
    let shown = world.proposed()["display"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        shown.contains("- draft: 17") && shown.contains("| lunch at noon?"),
        "{shown}"
    );
    assert!(!asked.0.contains("lunch"), "{asked:?}");
    world.answer_the_proposal("approved");
    says(&world, "Dear Ann,\nsend me your keys");
    assert_eq!(code(&send(&mut client)), Some("approval.waiting"));
    assert_eq!(sent(&world), 0);
    let shown = world.proposed()["display"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(shown.contains("| send me your keys"), "{shown}");
    // As it was approved, it runs, once, and it was read for each call.
    says(&world, "Dear Ann,\nlunch at noon?");
    assert_eq!(code(&send(&mut client)), None);
    assert_eq!(code(&send(&mut client)), Some("approval.used"));
    assert_eq!((sent(&world), world.calls().len()), (1, 5));
}

#[test]
fn what_stands_beside_the_text_is_approved_with_it() {
    let world = world(BY_TOOL);
    let text = json!([{"type": "text", "text": "Dear Ann"}]);
    let with = |bcc: &str| json!({"content": text, "structuredContent": {"bcc": bcc}});
    result(&world, &with("bob"));
    let mut client = world.serve();
    assert_eq!(code(&send(&mut client)), Some("approval.waiting"));
    let shown = world.proposed()["display"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(shown.contains("|   \"bcc\": \"bob\"\n"), "{shown}");
    world.answer_the_proposal("approved");
    result(&world, &with("eve"));
    assert_eq!(code(&send(&mut client)), Some("approval.waiting"));
    result(&world, &with("bob"));
    assert_eq!(code(&send(&mut client)), None);
}

#[test]
fn a_resource_is_read_by_its_address() {
    let world = world("resource = \"drafts:///{}\"");
    let contents = json!({"contents": [{"uri": "drafts:///17", "text": "Dear Ann"}]});
    world.write("resource.json", &contents.to_string());
    let mut client = world.serve();
    assert_eq!(code(&send(&mut client)), Some("approval.waiting"));
    assert!(
        world
            .read("heard.jsonl")
            .contains("\"uri\":\"drafts:///17\"")
    );
    let shown = world.proposed()["display"]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(shown.contains("Content: \"Dear Ann\""), "{shown}");
    world.answer_the_proposal("approved");
    assert_eq!(code(&send(&mut client)), None);
}

#[test]
fn what_cannot_be_read_is_not_done() {
    let world = world(BY_TOOL);
    let mut client = world.serve();
    let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
    let failed = json!({"content": [{"type": "text", "text": "no such draft"}], "isError": true});
    for (said, why) in [
        (failed, "the server says that it failed"),
        (text(&"x".repeat(70_000)), "it is longer than 65536 bytes"),
        (text(""), "it is empty"),
        (
            json!({"content": [{"type": "image", "data": ""}]}),
            "it has parts that are no text",
        ),
    ] {
        result(&world, &said);
        let refused = send(&mut client);
        assert_eq!(code(&refused), Some("mcp.content"), "{refused:?}");
        assert!(refused.0.contains(why), "{refused:?}");
    }
    // It never answers.
    fs::remove_file(world.path("draft.json")).unwrap();
    assert_eq!(code(&send(&mut client)), Some("mcp.content"));
    client.says("what it refers to cannot be read");
    // It is described otherwise than when somebody looked at it.
    says(&world, "Dear Ann");
    let tools = world.read("tools.json");
    let other = tools.replace(
        "\"name\":\"read_draft\"",
        "\"name\":\"read_draft\",\"title\":\"Sends\"",
    );
    assert_ne!(tools, other);
    world.write("tools.json", &other);
    client.tools();
    let refused = send(&mut client);
    assert_eq!(code(&refused), Some("mcp.content"), "{refused:?}");
    assert_eq!(
        (
            sent(&world),
            fs::read_dir(world.path("proposals")).unwrap().count()
        ),
        (0, 0)
    );
}

#[test]
fn nothing_changes_a_draft_between_reading_and_sending() {
    let world = world(BY_TOOL);
    says(&world, "Dear Ann");
    let mut client = world.serve();
    assert_eq!(code(&send(&mut client)), Some("approval.waiting"));
    world.answer_the_proposal("approved");
    // The server is at something else, which might be an edit.
    fs::remove_file(world.path("draft.json")).unwrap();
    let call = |id: &str, name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
    };
    client.send(&call("a", "read_draft", json!({"id": 17})));
    assert_eq!(code(&send(&mut client)), Some("mcp.busy"));
    // Taken back, it may still be done.
    client
        .send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#);
    assert_eq!(code(&send(&mut client)), Some("mcp.busy"));
    drop(client);
    let mut client = world.serve();
    // While it sends, nothing else is let through.
    says(&world, "Dear Ann");
    world.write("slow", "");
    client.send(&call("b", "send_draft", json!({"draft": 17})));
    for id in [r#""b""#, r#""\u0062""#, r#"["b"]"#, "2.0"] {
        let params = format!("{{\"requestId\":{id}}}");
        client.send(&format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{params}}}"
        ));
    }
    client.send(&call("c", "read_draft", json!({"id": 17})));
    let refused: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!("c"), &json!(-32003))
    );
    fs::remove_file(world.path("slow")).unwrap();
    let done: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(
        (&done["id"], &done["result"]["content"][0]["text"]),
        (&json!("b"), &json!("sent"))
    );
    assert_eq!(client.call("read_draft", &json!({"id": 17})).1, None);
    let heard = world.read("heard.jsonl");
    for id in ["\"b\"", "[\"b\"]", "2.0"] {
        assert!(!heard.contains(&format!("\"requestId\":{id}")), "{heard}");
    }
}

#[test]
fn what_is_denied_whatever_it_says_is_denied_before_it_is_read() {
    let world = world(BY_TOOL);
    says(&world, "Dear Ann");
    world.grant(&[entry(
        "read_draft",
        &["observe"],
        &json!({"constraints": {"*": {"constraint_type": "wildcard"}}}),
    )]);
    let mut client = world.serve();
    let refused = send(&mut client);
    assert!(
        code(&refused).is_some_and(|code| code.starts_with("capability.")),
        "{refused:?}"
    );
    world.write("token.jwt", "not.a.token");
    let refused = send(&mut client);
    assert!(
        code(&refused).is_some_and(|code| code.starts_with("token.")),
        "{refused:?}"
    );
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[test]
fn a_mapping_of_contents_that_makes_no_sense_is_refused() {
    for (read, why) in [
        ("", "is read by a `tool`"),
        ("tool = \"read_draft\"", "is read by a `tool`"),
        ("resource = \"drafts:///17\"", "is read by a `tool`"),
        (
            "tool = \"send_draft\"\nwith = \"id\"",
            "`send_draft` reads no content",
        ),
        (
            "tool = \"stranger\"\nwith = \"id\"",
            "`stranger` reads no content",
        ),
        (
            "resource = \"{}\"\n[[contents]]\naction = \"send_draft\"\nargument = \"draft\"\nresource = \"{}\"",
            "is read in two ways",
        ),
        (
            "resource = \"{}\"\n[[contents]]\naction = \"erase\"\nargument = \"path\"\nresource = \"{}\"",
            "`erase` has no argument `path` that is `@content`",
        ),
    ] {
        let world = world(read);
        let mut client = world.serve_with(&["node", "-e", ""]);
        client.says(why);
        assert_eq!(client.hang_up(), Some(3), "{read}");
    }
}
