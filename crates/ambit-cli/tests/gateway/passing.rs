//! Everything that is no call of a tool, in both directions.

use serde_json::json;

use crate::world::{World, entry, under};

fn world() -> World {
    let world = World::new();
    let any = json!({"constraints": {"uri": {"constraint_type": "like", "pattern": "note:*"}}});
    world.grant(&[
        entry("read_file", &["observe"], &under("/notes")),
        entry("read_resource", &["observe"], &any),
    ]);
    world
}

#[test]
fn only_what_is_mapped_is_offered() {
    let world = world();
    let mut client = world.serve();
    let offered = &client.introduced["result"]["capabilities"];
    assert_eq!(
        *offered,
        json!({"tools": {"listChanged": true}, "resources": {}})
    );
    let heard = world.read("heard.jsonl");
    let first = heard.lines().next().unwrap();
    assert!(
        first.contains(r#""capabilities":{},"#),
        "the server is told of no sampling: {first}"
    );
    let read = |uri: &str| json!({"uri": uri});
    assert!(client.ask("resources/read", &read("note:1"))["result"].is_object());
    let denied = client.ask("resources/read", &read("file:///etc/passwd"));
    assert_eq!(denied["error"]["code"], -32003, "{denied}");
    let heard = world.read("heard.jsonl");
    let both = client.ask(
        "resources/read",
        &json!({"uri": "note:1", "URI": "file:///etc"}),
    );
    assert_eq!(both["error"]["code"], -32601, "{both}");
    assert_eq!(world.read("heard.jsonl"), heard, "it was not handed on");
    for method in [
        "resources/list",
        "prompts/get",
        "prompts/list",
        "completion/complete",
        "tasks/list",
        "made/up",
    ] {
        let answer = client.ask(method, &json!({}));
        assert_eq!(answer["error"]["code"], -32601, "{answer}");
        assert!(!world.read("heard.jsonl").contains(method), "{method}");
    }
    assert!(client.ask("ping", &json!({}))["result"].is_object());
}

#[test]
fn a_server_asks_the_client_for_nothing() {
    let world = world();
    let mut client = world.serve();
    let (text, _) = client.call("read_file", &json!({"path": "/notes/ask"}));
    assert_eq!(text, "refused: this is not let through");
    client.says("the server may not ask for `sampling/createMessage`");
    let answer = client.ask(
        "tools/call",
        &json!({"name": "read_file", "arguments": {"path": "/notes/input"}}),
    );
    assert_eq!(answer["error"]["code"], -32003, "{answer}");
    let answer = client.ask(
        "tools/call",
        &json!({"name": "read_file", "arguments": {"path": "/notes/elicit"}}),
    );
    assert_eq!(answer["error"]["code"], -32003, "{answer}");
    assert_eq!(
        answer["error"]["data"],
        json!(null),
        "no address is handed on"
    );
    world.write("asking", "");
    let answer = client.ask("tools/list", &json!({}));
    assert!(answer["error"].is_object(), "{answer}");
    client.says("the server asks for input by way of its tools");
}

#[test]
fn of_meta_only_what_the_specification_knows_passes() {
    let world = world();
    let mut client = world.serve();
    client.ask(
        "tools/call",
        &json!({"name": "read_file", "arguments": {"path": "/notes/a"}, "_meta": {
            "traceparent": "00-1", "dev.example/instead": "/etc/passwd", "progressToken": 7,
            "io.modelcontextprotocol/clientCapabilities": {"sampling": {}, "elicitation": {}}}}),
    );
    let calls = world.calls();
    let call: serde_json::Value = serde_json::from_str(&calls[0]).unwrap();
    assert_eq!(
        call["params"]["_meta"],
        json!({"progressToken": 7, "traceparent": "00-1", "io.modelcontextprotocol/clientCapabilities": {}})
    );
    assert_eq!(call["params"]["arguments"], json!({"path": "/notes/a"}));
    client.ask("ping", &json!({"_meta": {"x": 1}}));
    let heard = world.read("heard.jsonl");
    assert!(
        heard.lines().last().unwrap().contains(r#""_meta":{}"#),
        "{heard}"
    );
    client.send(r#"{"jsonrpc":"2.0","id":5,"method":"ping","params":{"_meta":["x"]}}"#);
    client.line();
    let heard = world.read("heard.jsonl");
    assert!(!heard.contains(r#"["x"]"#), "{heard}");
}

/// Of requests that come from the server too: what it says beside its question reaches nobody.
#[test]
fn of_a_servers_meta_only_what_the_specification_knows_passes() {
    let world = World::new();
    let methods =
        "\n[[methods]]\nmethod = \"roots/list\"\naction = \"idle\"\npower = \"observe\"\n";
    world.write("mcp.toml", &(world.read("mcp.toml") + methods));
    world.grant(&[
        entry("read_file", &["observe"], &under("/notes")),
        entry("idle", &["observe"], &json!({})),
    ]);
    let mut client = world.serve();
    let mut asked = |beside: &str| {
        world.write("beside.json", beside);
        let call = json!({"name": "read_file", "arguments": {"path": "/notes/roots"}});
        let call = json!({"jsonrpc": "2.0", "id": format!("of {beside}"), "method": "tools/call", "params": call});
        client.send(&call.to_string());
        let asked = client.line();
        client.send(r#"{"jsonrpc":"2.0","id":"s-1","result":{"roots":[]}}"#);
        assert!(client.line().contains("answered"));
        asked
    };
    let plain = |meta: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":"s-1","method":"roots/list","params":{{"_meta":{meta}}}}}"#
        )
    };
    for (beside, passes) in [
        (
            r#"{"dev.example/receipt":"e30.e30.AA","progressToken":7}"#,
            r#"{"progressToken":7}"#,
        ),
        (r#"{"token":"e30.e30.AA","authorization":"DPoP x"}"#, "{}"),
        (
            r#"{"progressToken":{"receipt":"e30.e30.AA"},"traceparent":"00-1"}"#,
            r#"{"traceparent":"00-1"}"#,
        ),
        (r#"{"progressToken":[1]}"#, "{}"),
        // Nothing to take out: as it came.
        (
            r#"{"progressToken":"p",  "io.modelcontextprotocol/related-task":{"taskId":"t"}}"#,
            r#"{"progressToken":"p",  "io.modelcontextprotocol/related-task":{"taskId":"t"}}"#,
        ),
    ] {
        assert_eq!(asked(beside), plain(passes), "{beside}");
    }
}

#[test]
fn a_client_that_leaves_ends_all_though_the_server_reads_nothing() {
    let world = world();
    let mut client = world.serve_with(&["node", "-e", "setInterval(() => {}, 1000)"]);
    let token = "x".repeat(100_000);
    for id in 0..12 {
        client.send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"ping","params":{{"_meta":{{"progressToken":"{token}"}}}}}}"#
        ));
    }
    assert_eq!(client.hang_up(), Some(0));
    let mut client = world.serve_with(&["node", "-e", "setInterval(() => {}, 1000)"]);
    for id in 0..40 {
        // What it cannot hand on stops the reading of the gateway, too, but not for ever.
        if !client.try_send(&format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"ping","params":{{"_meta":{{"progressToken":"{token}"}}}}}}"#
        )) {
            break;
        }
    }
    assert!(client.hang_up().is_some());
}

#[test]
fn what_two_readers_could_understand_differently_does_not_pass() {
    let world = world();
    let mut client = world.serve();
    let call = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{params}}}"#)
    };
    let sound = call(r#"{"name":"read_file","arguments":{"path":"/notes/a"}}"#);
    for line in [
        call(r#"{"name":"read_file","arguments":{"path":"/notes/a","path":"/etc/passwd"}}"#),
        call(r#"{"name":"read_file","name":"mail","arguments":{"path":"/notes/a"}}"#),
        sound.replace(
            r#""method":"tools/call""#,
            r#""method":"ping","method":"tools/call""#,
        ),
        format!("[{sound}]"),
        sound.replace("\"2.0\"", "\"1.0\""),
        sound.replace("\"id\":9", "\"id\":null"),
        sound.replacen('{', r#"{"extra":1,"#, 1),
        "{".to_owned(),
        sound.replace("/notes/a", "\\ud800"),
        // Where others end a line, and a message of its own could begin.
        sound.replacen(',', ",\r", 1),
    ] {
        client.send(&line);
        let answer = client.line();
        assert!(answer.contains(r#""id":null,"error""#), "{line}: {answer}");
    }
    for params in [
        r#"{"name":"read_file","arguments":{"path":"/notes/a"},"task":{}}"#,
        r#"{"name":"read_file","arguments":[]}"#,
        r#"{"name":7,"arguments":{}}"#,
        r#"{"arguments":{}}"#,
    ] {
        client.send(&call(params));
        let answer = client.line();
        assert!(answer.contains(r#""isError":true"#), "{params}: {answer}");
    }
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    // The server's own: an answer with a member twice is dropped, the next one passes.
    let (_, code) = client.call("read_file", &json!({"path": "/notes/twice"}));
    assert_eq!(code, None);
    client.says("a line of the server is dropped");
    let (text, code) = client.call("read_file", &json!({"path": "/notes/return"}));
    assert_eq!((text.as_str(), code), ("second", None));
}

#[test]
fn what_is_wrong_does_not_start() {
    let world = world();
    let run = |words: &str| {
        let run = world.ambit(&[&World::SERVE[..], &["node", "-e", ""]].concat());
        run.expect(3).says(words);
    };
    for (from, to, words) in [
        (
            "action = \"mail\"",
            "action = \"post\"",
            "the policy has no action `post`",
        ),
        (
            "action = \"mail\"",
            "action = \"erase\"",
            "`erase` has no power `draft`",
        ),
        (
            "tool = \"mail\"",
            "tool = \"post\"",
            "`mail` is not `@mcp(\"files/post\")`",
        ),
        (
            "power = \"draft\"",
            "power = \"propose\"",
            "a call is proposed by itself",
        ),
        (
            "method = \"resources/read\"",
            "method = \"tools/call\"",
            "`tools/call` cannot be mapped",
        ),
        ("args.uri", "args.url", "has no argument `url`"),
        (
            "type = \"folder\"",
            "type = \"disk\"",
            "no kind of resource `disk`",
        ),
        (
            "send = true",
            "send = [1]",
            "`when.send` of `mail` must be a string",
        ),
        ("token.jwt", "lost.jwt", "the file cannot be read"),
        ("server =", "serves =", "unknown field"),
    ] {
        let text = world.read("mcp.toml");
        world.edit("mcp.toml", from, to);
        run(words);
        world.write("mcp.toml", &text);
    }
    let run = world.ambit(&[&World::SERVE[..], &["./nothing-is-called-so"]].concat());
    run.expect(3).says("mcp.server");
    // A server that ends at once, before a client that goes on listening.
    let mut client = world.serve_with(&["node", "-e", ""]);
    assert_eq!(client.child.wait().unwrap().code(), Some(1));
    client.says("the server has ended");
}
