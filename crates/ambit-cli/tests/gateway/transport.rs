//! What the transport wants of requests over HTTP, and how its answers come.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{FORM, body, code, header, send};
use crate::http::reads;
use crate::world::World;

#[test]
fn pages_and_other_names_are_kept_out() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let ping = |more: &str| {
        let headers = ann.headers(&ann.proof("POST", None));
        let told = ann.post(
            &gateway,
            &format!("{headers}{more}"),
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        );
        told.status
    };
    assert_eq!(ping(""), 200);
    for origin in [
        "https://evil.example",
        "null",
        "http://notes.example",
        "http://localhost:3000",
        "https://notes.example.evil",
    ] {
        assert_eq!(ping(&format!("origin: {origin}\r\n")), 403, "{origin}");
    }
    assert_eq!(ping("origin: https://notes.example\r\n"), 200);
    assert_eq!(ping("host: evil.example:8383\r\n"), 403);
    assert_eq!(ping("host: localhost:8383\r\n"), 200);
    // Not even metadata, by a name that somebody gave to this address.
    let at = "GET /.well-known/oauth-protected-resource";
    let told = send(&gateway, at, "host: evil.example\r\n", "");
    assert_eq!((told.status, code(&told)), (403, "mcp.host".to_owned()));
}

#[test]
fn what_has_not_the_form_of_the_transport_is_refused() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let send = |form: &str, message: &str| {
        let headers = ann.headers(&ann.proof("POST", None));
        send(&gateway, "POST /mcp", &format!("{form}{headers}"), message)
    };
    let json = "content-type: application/json\r\n";
    assert_eq!(send(json, ping).status, 406);
    assert_eq!(
        send(&format!("{json}accept: application/json\r\n"), ping).status,
        406
    );
    assert_eq!(send(&format!("{json}accept: */*\r\n"), ping).status, 200);
    let accept = "accept: application/json, text/event-stream\r\n";
    assert_eq!(
        send(&format!("{accept}content-type: text/plain\r\n"), ping).status,
        415
    );
    assert_eq!(
        send(&format!("{FORM}content-encoding: gzip\r\n"), ping).status,
        400
    );
    for (version, status) in [
        ("2025-11-25", 200),
        ("2025-06-18", 200),
        ("2026-07-28", 400),
        ("1", 400),
    ] {
        let form = format!("{FORM}mcp-protocol-version: {version}\r\n");
        assert_eq!(send(&form, ping).status, status, "{version}");
    }
    assert_eq!(
        send(&format!("{FORM}authorization: Bearer x\r\n"), ping).status,
        400
    );
    // What begins a session says in itself what is spoken; the revision without sessions has no such beginning.
    let newer = format!("{FORM}mcp-protocol-version: 2025-06-18\r\n");
    let bob = world.agent("bob", &[reads()]);
    let headers = bob.headers(&bob.proof("POST", None));
    let begin = ping.replace("ping", "initialize");
    let told = crate::agent::send(
        &gateway,
        "POST /mcp",
        &format!("{newer}{headers}"),
        &begin.replace("\"}", "\",\"params\":{}}"),
    );
    assert_eq!(told.status, 200, "{}", told.body);
    let newest = format!("{FORM}mcp-protocol-version: 2026-07-28\r\n");
    let headers = bob.headers(&bob.proof("POST", None));
    let begin = begin.replace("\"}", "\",\"params\":{}}");
    let told = crate::agent::send(&gateway, "POST /mcp", &format!("{newest}{headers}"), &begin);
    assert_eq!(told.status, 400, "{}", told.body);
    // Line ends between its parts say nothing, and do not begin another message behind the gateway.
    let lines = ping.replace(',', ",\r\n");
    assert_eq!(send(FORM, &lines).status, 200);
    for wrong in [
        "",
        "{",
        &format!("[{ping}]"),
        &ping.replace("\"id\":1", "\"id\":1,\"id\":2"),
        &format!("{ping}\n{ping}"),
        &ping.replace("ping", "pi\nng"),
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#,
    ] {
        assert_eq!(send(FORM, wrong).status, 400, "{wrong}");
    }
    let large = ping.replace("ping", &"x".repeat(300_000));
    assert_eq!(send(FORM, &large).status, 413);
    // It still serves, and the server heard of none of this but the pings.
    assert_eq!(send(FORM, ping).status, 200);
    let heard = world.read("heard.jsonl");
    assert_eq!(heard.lines().count(), 2 + 1 + 5, "{heard}");
}

#[test]
fn what_comes_before_an_answer_makes_a_stream_of_it() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let params = json!({"name": "read_file", "arguments": {"path": "/notes/progress"}, "_meta": {"progressToken": "p"}});
    let told = ann.asks(&gateway, "tools/call", &params);
    assert_eq!(header(&told, "content-type").unwrap(), "text/event-stream");
    let events = told
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    assert_eq!(events[0]["params"]["progress"], 1, "{}", told.body);
    assert_eq!(
        events[1]["result"]["content"][0]["text"], "slowly",
        "{}",
        told.body
    );
    assert_eq!(events.len(), 2, "{}", told.body);
    // The server asks the client for nothing: it shows no token.
    let told = ann.reads(&gateway, "/notes/ask");
    assert_eq!(
        body(&told)["result"]["content"][0]["text"],
        "refused: this is not let through"
    );
}

#[test]
fn what_belongs_to_no_request_goes_to_who_listens() {
    let world = World::shared();
    let gateway = world.listen(&[]);
    let mut ann = world.agent("ann", &[reads()]);
    ann.begins(&gateway);
    let headers = ann.headers(&ann.proof("GET", None));
    let address = gateway.address.clone();
    let listening = std::thread::spawn(move || {
        use std::io::{BufRead as _, BufReader, Write as _};
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "GET /mcp HTTP/1.1\r\nhost: notes.example\r\naccept: text/event-stream\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines
            .find(|line| line.starts_with("data: "))
            .unwrap_or_default()
    });
    let begun = Instant::now();
    while !listening.is_finished() {
        assert!(begun.elapsed().as_secs() < 15, "nothing is heard");
        ann.reads(&gateway, "/notes/changed");
        std::thread::sleep(Duration::from_millis(100));
    }
    let heard = listening.join().unwrap();
    assert!(
        heard.contains("notifications/tools/list_changed"),
        "{heard}"
    );
}
