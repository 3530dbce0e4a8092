//! A tool call, by a client that speaks to the server itself and through the gateway.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::world::{Running, World};
use super::{print, print_one};

const CALLS: usize = 2000;
/// The arguments of this program as the server.
const SERVING: [&str; 2] = [".", "serve-mcp"];

/// A server whose one tool says always the same, over stdio.
pub(crate) fn serve() -> Result<(), Box<dyn Error>> {
    let tools: Value = serde_json::from_str(include_str!("../../gateway/tools.json"))?;
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let result = match asked["method"].as_str().unwrap_or_default() {
            "initialize" => {
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                       "serverInfo": {"name": "notes", "version": "1"}})
            }
            "tools/list" => json!({"tools": tools}),
            "tools/call" => json!({"content": [{"type": "text", "text": "a note"}]}),
            _ => continue,
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

pub(super) fn run(world: &World) -> Result<(), Box<dyn Error>> {
    let server = std::env::current_exe()?;
    let mut direct = Client::start(Command::new(server).args(SERVING))?;
    let mut through = Client::through(world, &[])?;
    let (mut alone, mut guarded) = (Vec::new(), Vec::new());
    for _ in 0..CALLS / 10 {
        direct.call()?;
        through.call()?;
    }
    // In turns, so that whatever slows the machine down slows both.
    for _ in 0..CALLS {
        alone.push(direct.call()?);
        guarded.push(through.call()?);
    }
    let engine = "gateway mcp";
    let mut added: Vec<f64> = guarded
        .iter()
        .zip(&alone)
        .map(|(guarded, alone)| guarded - alone)
        .collect();
    print(engine, "a tool call, without", "ns", &mut alone);
    let what = "a tool call, through the gateway";
    print(engine, what, "ns", &mut guarded);
    print(engine, "added to a tool call", "ns", &mut added);
    let p99 = added[(added.len() - 1) * 99 / 100];
    print_one(engine, "added to a tool call, p99", "ns", p99);
    Ok(())
}

pub(crate) struct Client {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    count: u64,
    program: Running,
}

impl Client {
    /// A client of the gateway in front of this program's server, with more options.
    pub(crate) fn through(world: &World, options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let server = std::env::current_exe()?;
        let server = server.to_str().ok_or("a path that is no text")?;
        let own = "--holder-key keys/holder.jwk --proposals proposals --approvals approvals";
        let own: Vec<&str> = own.split(' ').collect();
        let behind = [&own[..], options, &["--", server], &SERVING].concat();
        Self::start(&mut world.gateway(&["mcp", "mcp.toml"], &behind))
    }

    /// The process that it speaks to.
    pub(crate) fn id(&self) -> u32 {
        self.program.0.id()
    }

    fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let mut program = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let (input, output) = (program.0.stdin.take(), program.0.stdout.take());
        let mut client = Self {
            input: input.ok_or("no input")?,
            output: BufReader::new(output.ok_or("no output")?),
            count: 0,
            program,
        };
        let info = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}});
        client.ask("initialize", &info)?;
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        client.ask("tools/list", &json!({}))?;
        Ok(client)
    }

    /// Nanoseconds from the question to the answer.
    pub(crate) fn call(&mut self) -> Result<f64, Box<dyn Error>> {
        let begun = Instant::now();
        let answer = self.ask(
            "tools/call",
            &json!({"name": "read_note", "arguments": {"note": "7"}}),
        )?;
        let took = begun.elapsed().as_secs_f64() * 1e9;
        match answer.contains("\"a note\"") {
            true => Ok(took),
            false => Err(format!("the call did not run: {answer}").into()),
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<String, Box<dyn Error>> {
        self.count += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}))?;
        let mut answer = String::new();
        match self.output.read_line(&mut answer)? {
            0 => Err(format!("no answer to {method}").into()),
            _ => Ok(answer),
        }
    }

    fn say(&mut self, message: &Value) -> std::io::Result<()> {
        self.input.write_all(format!("{message}\n").as_bytes())
    }
}
