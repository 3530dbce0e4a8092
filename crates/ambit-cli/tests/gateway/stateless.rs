//! Requests without a session: what one caller, or a server that fails, does to the others.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::{Agent, FORM, body, code, send};
use crate::content::{self, BY_TOOL};
use crate::listening::{Answer, Listening};
use crate::modern::{VERSION, call, meta, modern, reads, stateless};
use crate::upstream::Far;
use crate::world::{World, entry, under};

const READ: (&str, &str) = ("tools/call", "read_file");

fn reader() -> Value {
    entry("read_file", &["observe"], &under("/notes"))
}

fn read(to: &Listening, agent: &Agent<'_>) -> Answer {
    let message = call(&json!(1), &reads("/notes/a"));
    stateless(to, agent, READ, &message, &[])
}

/// Waits until the server has heard this so often.
#[track_caller]
fn hears(world: &World, wanted: &str, count: usize) {
    let begun = Instant::now();
    let heard = || std::fs::read_to_string(world.path("heard.jsonl")).unwrap_or_default();
    while heard().matches(wanted).count() < count {
        assert!(begun.elapsed().as_secs() < 20, "it does not hear {wanted}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_server_that_fails_is_not_taken_for_an_old_one() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[reader()]);
    for (fails, status) in [("-32603", 502), ("-32000", 502), ("ends", 502)] {
        world.write("undiscovered", fails);
        let told = read(&gateway, &ann);
        assert_eq!(
            (told.status, code(&told)),
            (status, "mcp.server".to_owned()),
            "{fails}: {}",
            told.body
        );
    }
    std::fs::remove_file(world.path("undiscovered")).unwrap();
    // Nothing was kept of it, for nobody.
    let bob = world.agent("bob", &[reader()]);
    for agent in [&ann, &bob] {
        let told = read(&gateway, agent);
        assert_eq!(told.status, 200, "{}", told.body);
    }
    // The process that answered with errors was asked again, until it ended.
    let heard = world.read("heard.jsonl");
    let lines = heard
        .lines()
        .filter(|line| line.contains("server/discover"));
    let ids: Vec<Value> = lines
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .collect();
    let by = |at: usize| ids[at].as_str().unwrap().rsplit_once('-').unwrap().0;
    assert!(
        by(0) == by(1) && by(1) == by(2) && by(2) != by(3),
        "{ids:?}"
    );
}

#[test]
fn a_server_may_take_its_time_to_start() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[reader()]);
    world.write("undiscovered", "late");
    let told = read(&gateway, &ann);
    assert_eq!(told.status, 200, "{}", told.body);
}

#[test]
fn what_says_that_a_server_is_old_is_kept() {
    for says in ["-32601", "-32602", "-32600", "-32022", "0"] {
        let world = modern(World::shared());
        let gateway = world.listen(&[]);
        let ann = world.agent("ann", &[reader()]);
        world.write("undiscovered", says);
        for _ in 0..2 {
            let told = read(&gateway, &ann);
            assert_eq!((told.status, code(&told)), (400, "mcp.form".to_owned()));
        }
        let heard = world.read("heard.jsonl");
        assert_eq!(heard.matches("server/discover").count(), 1, "{says}");
    }
}

#[test]
fn a_far_server_is_old_by_its_status_or_only_unwell() {
    let world = World::shared();
    let far = Far::start(&world);
    let gateway = world.listen_with(&["--upstream", &far.url], &[]);
    let ann = world.agent("ann", &[reader()]);
    for unwell in ["503", "429", "401"] {
        world.write("unwell", unwell);
        let told = read(&gateway, &ann);
        assert_eq!((told.status, code(&told)), (502, "mcp.server".to_owned()));
    }
    std::fs::remove_file(world.path("unwell")).unwrap();
    let told = read(&gateway, &ann);
    assert_eq!((told.status, code(&told)), (400, "mcp.form".to_owned()));
}

/// A request as bytes, with a proof of the call where it is executed.
fn request(agent: &Agent<'_>, tool: &str, argument: &str, executes: bool) -> String {
    let args = json!({argument: 17});
    let params = json!({"name": tool, "arguments": args, "_meta": meta(&json!({}))});
    let message = call(&json!(1), &params).to_string();
    let shown = agent.headers(&agent.proof("POST", executes.then_some((tool, &args))));
    let length = message.len();
    format!(
        "POST /mcp HTTP/1.1\r\nconnection: close\r\nhost: notes.example\r\ncontent-length: {length}\r\n{FORM}mcp-protocol-version: {VERSION}\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n{shown}\r\n{message}"
    )
}

#[test]
fn a_caller_that_hangs_up_stands_in_nobodys_way() {
    let world = content::world(BY_TOOL);
    let servers = "authorization_servers = [\"https://login.example\"]";
    world.edit("mcp.toml", "token = \"token.jwt\"", servers);
    world.write("modern", VERSION);
    let gateway = world.listen(&[]);
    let all = json!({"constraints": {"*": {"constraint_type": "wildcard"}}});
    let ann = world.agent(
        "ann",
        &[
            entry("read_draft", &["observe"], &all),
            entry("send_draft", &["propose", "execute"], &all),
        ],
    );
    let asks = |tool: &str, argument: &str, executes: bool| {
        let request = request(&ann, tool, argument, executes);
        crate::listening::exchange(&gateway.address, request.as_bytes())
    };
    let begins = |tool: &str, argument: &str, executes: bool| {
        let mut stream = TcpStream::connect(&gateway.address).unwrap();
        let request = request(&ann, tool, argument, executes);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    // One that is never answered is taken back.
    let stream = begins("read_draft", "id", false);
    hears(&world, "\"read_draft\"", 1);
    drop(stream);
    hears(&world, "notifications/cancelled", 1);
    content::says(&world, "Dear Ann");
    let told = asks("send_draft", "draft", true);
    assert_eq!(
        body(&told)["result"]["content"][0]["text"],
        "sent",
        "{}",
        told.body
    );
    // One that must be alone is not, but it keeps the others waiting only as long as its caller waits.
    world.write("slow", "");
    let stream = begins("send_draft", "draft", true);
    hears(&world, "\"send_draft\"", 2);
    let told = asks("read_draft", "id", false);
    assert_eq!(body(&told)["error"]["code"], -32003, "{}", told.body);
    drop(stream);
    let begun = Instant::now();
    loop {
        let told = asks("read_draft", "id", false);
        if body(&told)["result"]["content"][0]["text"] == "Dear Ann" {
            break;
        }
        assert!(begun.elapsed().as_secs() < 10, "{}", told.body);
        std::thread::sleep(Duration::from_millis(50));
    }
    // What its caller left is done all the same, once.
    std::fs::remove_file(world.path("slow")).unwrap();
    assert_eq!(asks("send_draft", "draft", true).status, 200);
    let heard = world.read("heard.jsonl");
    assert_eq!(heard.matches("notifications/cancelled").count(), 1);
}

#[test]
fn strangers_shut_out_nobody_whose_token_counts() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[reader()]);
    assert_eq!(read(&gateway, &ann).status, 200);
    let before = world.read("audit.log");
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: notes.example\r\ncontent-length: 100\r\n{FORM}authorization: Bearer x\r\n\r\n{{"
    );
    let strangers: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(&gateway.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let one_more = send(
        &gateway,
        "POST /mcp",
        &format!("{FORM}authorization: Bearer x\r\n"),
        "{}",
    );
    assert_eq!(one_more.status, 503);
    // Whether a token counts is looked at without a word in the log.
    assert_eq!(world.read("audit.log"), before);
    let told = read(&gateway, &ann);
    assert_eq!(told.status, 200, "{}", told.body);
    drop(strangers);
}

#[test]
fn a_tool_that_is_not_there_is_refused_once() {
    let world = modern(World::shared());
    let gateway = world.listen(&[]);
    let ann = world.agent("ann", &[reader()]);
    let mut params = reads("/notes/a");
    params["name"] = json!("nothing");
    let it = ("tools/call", "nothing");
    let told = stateless(&gateway, &ann, it, &call(&json!(1), &params), &[]);
    assert_eq!(code(&told), "mcp.unknown");
    let log = world.read("audit.log");
    assert_eq!(log.lines().count(), 1, "{log}");
}
