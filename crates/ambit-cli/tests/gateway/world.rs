//! A project whose tools are those of a server, its token, and a running gateway.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ambit_token::base64url;
use ambit_workbench::import::tool_digest;
use serde_json::{Value, json};

use crate::listening::Listening;
use crate::served::{Folder, Said};

pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/gateway")
        .join(name)
}

/// A capability for one action.
pub(crate) fn entry(action: &str, powers: &[&str], more: &Value) -> Value {
    let mut entry = json!({
        "type": "ambit_capability", "actions": [action], "privileges": powers, "datatypes": ["folder"],
        "purpose": "notes",
    });
    for (name, value) in more.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

pub(crate) fn under(root: &str) -> Value {
    json!({"constraints": {"path": {"constraint_type": "subpath", "root": root}}})
}

pub(crate) struct World {
    folder: Folder,
}

impl Deref for World {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl World {
    /// The project of `files/`, whose tools `tools.json` describes.
    pub(crate) fn new() -> Self {
        let world = Self::with(&[
            "ambit.toml",
            "schema.cedarschema",
            "agents/notes.toml",
            "mcp.toml",
            "tools.json",
        ]);
        let tools: Value = serde_json::from_str(&world.read("tools.json")).unwrap();
        for tool in tools.as_array().unwrap() {
            let place = format!("{{{{{}}}}}", tool["name"].as_str().unwrap());
            if world.read("schema.cedarschema").contains(&place) {
                world.edit("schema.cedarschema", &place, &tool_digest(tool));
            }
        }
        world.build();
        world
    }

    /// Files of `files/`, and keys.
    pub(crate) fn with(names: &[&str]) -> Self {
        let folder = Folder::with(&source("files"), names);
        let world = Self { folder };
        for folder in ["agents", "keys", "proposals", "approvals"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        for key in ["module", "issuer", "approver", "gateway", "log"] {
            let (file, kid) = (format!("keys/{key}.jwk"), format!("{key}-1"));
            let mut arguments = vec!["keygen", "-o", &file, "--kid", &kid];
            if key == "module" {
                arguments.extend(["--trust", "keys.json"]);
            }
            let public: Value =
                serde_json::from_str(&world.ambit(&arguments).expect(0).out).unwrap();
            world.write(&format!("keys/{key}.pub.jwk"), &public.to_string());
            let place = format!("{{{{{key}}}}}");
            if world.read("ambit.toml").contains(&place) {
                world.edit("ambit.toml", &place, public["x"].as_str().unwrap());
            }
        }
        world
    }

    /// The tools that a server tells, as actions at which a person has looked, and a file that maps nothing else.
    pub(crate) fn import(&self, name: &str, from: &[&str]) {
        let import = [
            "import",
            "mcp",
            "--server",
            name,
            "-o",
            "schema.cedarschema",
        ];
        self.ambit(&[&import[..], from].concat()).expect(0);
        let schema = self.read("schema.cedarschema");
        let lines = schema.lines().filter(|line| !line.starts_with("@guessed"));
        self.write("schema.cedarschema", &lines.collect::<Vec<_>>().join("\n"));
        let config = format!(
            "server = \"{name}\"\naudience = \"https://notes.example/mcp\"\ntoken = \"token.jwt\"\npurpose = \"notes\"\n\
             resource = {{ type = \"mcp/{name}\", id = \"notes\" }}\n"
        );
        self.write("mcp.toml", &config);
    }

    pub(crate) fn build(&self) {
        self.ambit(&["build", ".", "-o", "policy.wasm"]).expect(0);
        self.ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
            .expect(0);
    }

    /// Makes `token.jwt` of these capabilities.
    pub(crate) fn grant(&self, entries: &[Value]) {
        let whose = ("user:ann", "https://notes.example/mcp");
        let token = self.minted(whose, ("notes", "keys/gateway.pub.jwk"), &json!(entries));
        self.write("token.jwt", &token);
    }

    /// The one call that was put before Ann.
    pub(crate) fn proposed(&self) -> Value {
        let mut waiting = fs::read_dir(self.path("proposals")).unwrap();
        let file = waiting.next().expect("a proposal waits").unwrap().path();
        assert!(waiting.next().is_none(), "one proposal");
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Her yes or no to it, of a life of so many seconds from now, signed by the key of this name.
    pub(crate) fn receipt(&self, key: &str, decision: &str, life: i64) -> String {
        let proposal = self.proposed();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let iat = now.min(now + life) - 60;
        let mut display = proposal["display"].clone();
        display.as_object_mut().unwrap().remove("text");
        let claims = json!({
            "iss": "https://approve.example", "aud": "https://notes.example/mcp", "jti": "yes-1", "iat": iat,
            "exp": now + life, "sub": "user:ann", "decision": decision, "kind": "action",
            "risk_tier": proposal["risk_tier"], "binding_s256": proposal["binding_s256"], "display": display,
        });
        let header = json!({"alg": "Ed25519", "typ": "approval-receipt+jwt", "kid": "approver-1"});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let key = ambit_compiler::keys::load(&self.path(&format!("keys/{key}.jwk"))).unwrap();
        format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes())))
    }

    /// Ann answers it.
    pub(crate) fn answer_the_proposal(&self, decision: &str) {
        let proposal = self.proposed();
        let digest = proposal["binding_s256"].as_str().unwrap();
        let receipt = self.receipt("approver", decision, 300);
        self.write(&format!("approvals/{digest}.jwt"), &receipt);
        fs::remove_file(self.path(&format!("proposals/{digest}.json"))).unwrap();
    }

    pub(crate) const SERVE: [&str; 18] = [
        "gateway",
        "mcp",
        "mcp.toml",
        "--module",
        "policy.wasm",
        "--trust",
        "keys.json",
        "--ledger",
        "used.sqlite",
        "--log",
        "audit.log",
        "--log-key",
        "keys/log.jwk",
        "--holder-key",
        "keys/gateway.jwk",
        "--proposals=proposals",
        "--approvals=approvals",
        "--",
    ];

    /// The gateway in front of the fixture's server, introduced.
    pub(crate) fn serve(&self) -> Client {
        self.serve_by_options(&[])
    }

    /// The same, with more options.
    pub(crate) fn serve_by_options(&self, options: &[&str]) -> Client {
        let server = source("server.mjs");
        let mut client = self.serve_by(options, &["node", server.to_str().unwrap()]);
        client.introduce();
        client
    }

    /// The gateway in front of a server at this address.
    pub(crate) fn serve_at(&self, url: &str) -> Client {
        let arguments = Self::SERVE.into_iter().filter(|word| *word != "--");
        let arguments: Vec<&str> = arguments.chain(["--upstream", url]).collect();
        self.start(&arguments)
    }

    pub(crate) fn serve_with(&self, server: &[&str]) -> Client {
        self.serve_by(&[], server)
    }

    /// The same, with more options.
    pub(crate) fn serve_by(&self, options: &[&str], server: &[&str]) -> Client {
        let (command, more) = Self::SERVE.split_at(3);
        self.start(&[command, options, more, server].concat())
    }

    /// The gateway over HTTP, which holds the token.
    pub(crate) fn held(&self, server: &[&str]) -> Listening {
        let mut arguments: Vec<&str> = Self::SERVE.to_vec();
        arguments.pop();
        arguments.push("--listen=127.0.0.1:0");
        arguments.extend(server);
        Listening::start(&self.path(""), &arguments, "checking at http://")
    }

    fn start(&self, arguments: &[&str]) -> Client {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ambit"))
            .args(arguments)
            .current_dir(self.path(""))
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .all(|line| told.send(line).is_ok())
        });
        let said = Said::hear(
            String::new(),
            BufReader::new(child.stderr.take().unwrap()).lines(),
        );
        let input = child.stdin.take();
        Client {
            child,
            input,
            lines,
            said,
            count: 0,
            introduced: Value::Null,
        }
    }

    /// The calls of tools that reached the server, as they came.
    pub(crate) fn calls(&self) -> Vec<String> {
        // Absent until the server heard something.
        let heard = fs::read_to_string(self.path("heard.jsonl")).unwrap_or_default();
        let calls = heard.lines().filter(|line| line.contains("\"tools/call\""));
        calls.map(str::to_owned).collect()
    }
}

/// A client that speaks with the gateway, which ends with it.
pub(crate) struct Client {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Said,
    count: i64,
    /// What the server was introduced as.
    pub(crate) introduced: Value,
}

impl Client {
    pub(crate) fn introduce(&mut self) {
        let capabilities = json!({"sampling": {}, "elicitation": {}, "roots": {}});
        let info = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "c", "version": "1"}});
        self.introduced = self.ask("initialize", &info);
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    pub(crate) fn send(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The same. `false`: the gateway reads no more.
    pub(crate) fn try_send(&mut self, line: &str) -> bool {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).is_ok()
    }

    /// The next line of the gateway, as it came.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        let line = self.lines.recv_timeout(Duration::from_secs(40));
        line.unwrap_or_else(|_| panic!("no answer; it said: {}", self.said.text()))
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.count += 1;
        let id = self.count;
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
        );
        let answer: Value = serde_json::from_str(&self.line()).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Calls a tool: the text of the result, and the code of a refusal.
    #[track_caller]
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> (String, Option<String>) {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        let text = result["content"][0]["text"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let code = result["_meta"]["dev.ambit/code"].as_str();
        assert_eq!(code.is_some(), result["isError"] == true, "{answer}");
        (text, code.map(str::to_owned))
    }

    /// The tools that the agent sees.
    #[track_caller]
    pub(crate) fn tools(&mut self) -> Vec<Value> {
        let answer = self.ask("tools/list", &json!({}));
        answer["result"]["tools"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .clone()
    }

    pub(crate) fn hang_up(&mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().unwrap().code()
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        self.said.says(words);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
