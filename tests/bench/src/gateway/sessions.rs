//! What sessions of an MCP gateway that listens take of its memory.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::print_one;
use super::world::{Running, World, heard};
use crate::soak::resident;

/// A gateway has 64 sessions at one time, of one person eight.
const PEOPLE: usize = 8;
const OF_ONE: usize = 8;

/// Opens as many sessions as there may be, each with a tool call, and prints what a thousand would take: of the gateway
/// alone, without the servers behind.
pub(super) fn run(world: &World) -> Result<(), Box<dyn Error>> {
    let mapping = fs::read_to_string(world.path("mcp.toml"))?;
    let servers = "authorization_servers = [\"https://login.example\"]";
    let mapping = mapping.replace("token = \"token.jwt\"", servers);
    world.write("mcp-listen.toml", &mapping)?;
    let server = std::env::current_exe()?;
    let server = server.to_str().ok_or("a path that is no text")?;
    let options = "--proposals proposals --approvals approvals --listen 127.0.0.1:0 --";
    let options: Vec<&str> = options.split(' ').collect();
    let options = [&options[..], &[server, ".", "serve-mcp"]].concat();
    let mut gateway = world.gateway(&["mcp", "mcp-listen.toml"], &options);
    let mut gateway = Running::start(gateway.stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let said = gateway.0.stderr.take().ok_or("no output")?;
    let address = heard(said, "checking at http://")?;
    let held = || {
        thread::sleep(Duration::from_millis(500));
        resident(gateway.0.id())
            .ok_or("what a process holds is read from /proc, which is not there")
    };
    let mut number = 0;
    // One that ends warms up what all share.
    let warm = world.mint("policy.wasm", "user:warm")?;
    let session = begin(world, &address, &warm, &mut number)?;
    let ended = said_of(
        &address,
        "DELETE",
        &world.proved(&warm, ("DELETE", URL), 0)?,
        &session,
        "",
    )?;
    if !ended.starts_with("HTTP/1.1 2") {
        return Err(format!("the session did not end: {ended}").into());
    }
    let before = held()?;
    for person in 0..PEOPLE {
        let token = world.mint("policy.wasm", &format!("user:{person}"))?;
        for _ in 0..OF_ONE {
            begin(world, &address, &token, &mut number)?;
        }
    }
    let grown = held()?.saturating_sub(before);
    let thousand = grown as f64 * 1000.0 / (PEOPLE * OF_ONE) as f64;
    let what = format!("1,000 sessions, from {}", PEOPLE * OF_ONE);
    print_one("gateway mcp", &what, "bytes", thousand);
    Ok(())
}

const URL: &str = "https://notes.example";

/// Begins a session and calls the tool in it. Gives the header that names it.
fn begin(
    world: &World,
    address: &str,
    token: &str,
    number: &mut usize,
) -> Result<String, Box<dyn Error>> {
    let mut ask = |session: &str, message: serde_json::Value| {
        *number += 1;
        let shown = world.proved(token, ("POST", URL), 900_000_000 + *number)?;
        said_of(address, "POST", &shown, session, &message.to_string())
    };
    let info = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}});
    let said = ask(
        "",
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info}),
    )?;
    let id = said.lines().find_map(|line| {
        let (name, id) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("mcp-session-id").then_some(id)
    });
    let id = id.ok_or_else(|| format!("no session: {said}"))?;
    let session = format!("mcp-session-id: {id}\r\n");
    ask(
        &session,
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    )?;
    let call = json!({"name": "read_note", "arguments": {"note": "7"}});
    let said = ask(
        &session,
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}),
    )?;
    match said.contains("a note") {
        true => Ok(session),
        false => Err(format!("the call did not run: {said}").into()),
    }
}

/// One request on a connection of its own, and all that comes back.
fn said_of(
    address: &str,
    method: &str,
    shown: &str,
    session: &str,
    body: &str,
) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!(
        "{method} / HTTP/1.1\r\nhost: notes.example\r\nconnection: close\r\ncontent-length: {length}\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n{shown}{session}\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}
