//! The client of the official TypeScript SDK over HTTP, and the reference server of all that MCP has, behind the gateway
//! in both of its transports.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::listening::Listening;
use crate::real::{Guarded, manifest};
use crate::world::{World, entry, source};

/// A port that nobody has.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The reference server over HTTP, which ends with this.
struct Everything {
    child: Child,
    url: String,
}

impl Everything {
    fn start(guarded: &Guarded) -> Self {
        let port = free();
        let child = Command::new("node")
            .args([&guarded.server[1], "streamableHttp"])
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed().as_secs() < 20, "the server does not listen");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let url = format!("http://127.0.0.1:{port}/mcp");
        Self { child, url }
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Site {
    guarded: Guarded,
    port: u16,
}

impl Site {
    fn new() -> Option<Self> {
        let observed = [
            "echo",
            "get-sum",
            "get-tiny-image",
            "get-env",
            "trigger-long-running-operation",
        ];
        let text = manifest("everything", &observed, &[]);
        let guarded = Guarded::new("everything", &text)?;
        let port = free();
        let world = &guarded.world;
        let url = format!("\"http://127.0.0.1:{port}/mcp\"");
        world.edit("mcp.toml", "\"https://notes.example/mcp\"", &url);
        let servers = "authorization_servers = [\"https://login.example\"]";
        world.edit("mcp.toml", "token = \"token.jwt\"", servers);
        Some(Self { guarded, port })
    }

    fn world(&self) -> &World {
        &self.guarded.world
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// A token for everything but what the environment is.
    fn token(&self) -> String {
        let all = json!({"constraint_type": "wildcard"});
        let short = json!({"constraint_type": "like", "pattern": "hello*"});
        let mut entries = [
            entry(
                "echo",
                &["observe"],
                &json!({"constraints": {"message": short}}),
            ),
            entry(
                "get-sum",
                &["observe"],
                &json!({"constraints": {"a": all, "b": all}}),
            ),
            entry("get-tiny-image", &["observe"], &json!({})),
            entry(
                "trigger-long-running-operation",
                &["observe"],
                &json!({"constraints": {"duration": all, "steps": all}}),
            ),
        ];
        for one in &mut entries {
            one["datatypes"] = json!(["mcp/everything"]);
        }
        let whose = ("user:ann", self.url());
        let holder = ("notes", "keys/gateway.pub.jwk");
        self.world()
            .minted((whose.0, &whose.1), holder, &json!(entries))
    }

    fn listen(&self, server: &[&str]) -> Listening {
        let listen = format!("--listen=127.0.0.1:{}", self.port);
        let arguments = [
            "gateway",
            "mcp",
            "mcp.toml",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
            "--ledger",
            "used.sqlite",
        ];
        let arguments = [&arguments[..], &[&listen], server].concat();
        Listening::start(&self.world().path(""), &arguments, "checking at http://")
    }

    fn client(&self, shown: &Value) -> Value {
        let output = Command::new("node")
            .arg(source("sdk_http.mjs"))
            .arg(&self.guarded.folder)
            .args([self.url(), shown.to_string()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
    }

    /// What the client does, and what it must be told, whichever way the server is reached.
    fn is_guarded(&self, key: Option<&Value>) {
        let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
        let calls = json!([
            call("echo", json!({"message": "hello there"})),
            call("echo", json!({"message": "bye"})),
            call("get-sum", json!({"a": 1, "b": 2.5})),
            call("get-tiny-image", json!({})),
            call(
                "trigger-long-running-operation",
                json!({"duration": 0.4, "steps": 2})
            ),
            call("get-env", json!({})),
        ]);
        let told = self.client(&json!({"token": self.token(), "key": key, "calls": calls}));
        assert!(told["error"].is_null(), "{told}");
        assert_eq!(told["metadata"]["resource"], self.url());
        let at = format!(
            "http://127.0.0.1:{}/.well-known/oauth-protected-resource/mcp",
            self.port
        );
        // It reads the address in challenges of `Bearer` alone, and finds it by the endpoint's otherwise.
        if key.is_none() {
            assert_eq!(told["metadataUrl"], at);
        }
        assert!(told["session"].is_string(), "{told}");
        are_offered(&told);
        let text = |at: usize| {
            told["results"][at]["content"][0]["text"]
                .as_str()
                .unwrap_or_default()
        };
        assert_eq!(text(0), "Echo: hello there");
        let code = &told["results"][1]["_meta"]["dev.ambit/code"];
        assert_eq!(code, "constraint.like", "{}", told["results"][1]);
        assert!(text(2).contains("3.5"), "{}", told["results"][2]);
        let image = told["results"][3]["content"].as_array().unwrap();
        assert!(
            image.iter().any(|part| part["type"] == "image"),
            "{image:?}"
        );
        assert!(text(4).contains("completed"), "{}", told["results"][4]);
        assert_eq!(told["progress"], 2, "{told}");
        let refused = told["results"][5]["error"].as_str().unwrap_or_default();
        assert!(
            refused.contains("capability.none"),
            "{}",
            told["results"][5]
        );
        self.is_closed_to_others(key);
    }

    fn is_closed_to_others(&self, key: Option<&Value>) {
        // Without a token nobody gets in, and with another one neither.
        let told = self.client(&json!({"calls": []}));
        assert!(
            told["error"].as_str().unwrap().contains("token.missing"),
            "{told}"
        );
        let told = self.client(&json!({"token": "e30.e30.AA", "key": key, "calls": []}));
        assert!(
            told["error"]
                .as_str()
                .unwrap()
                .contains("\"code\":\"token."),
            "{told}"
        );
    }
}

/// The tools of the token, and no others.
fn are_offered(told: &Value) {
    let tools = told["tools"].as_array().unwrap().iter();
    let names: Vec<&str> = tools.map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "echo",
            "get-sum",
            "get-tiny-image",
            "trigger-long-running-operation"
        ]
    );
}

#[test]
fn the_official_client_comes_over_http_with_proofs() {
    let Some(site) = Site::new() else { return };
    let key: Value = serde_json::from_str(&site.world().read("keys/gateway.jwk")).unwrap();
    let server = &site.guarded.server;
    let _gateway = site.listen(&["--", "node", &server[1], "stdio"]);
    site.is_guarded(Some(&key));
}

#[test]
fn the_official_client_reaches_a_far_server_by_a_token_alone() {
    let Some(site) = Site::new() else { return };
    let off = "guard_rails = \"none\"\npossession = \"off\"";
    site.world()
        .edit("ambit.toml", "guard_rails = \"none\"", off);
    site.world().build();
    let everything = Everything::start(&site.guarded);
    let _gateway = site.listen(&["--upstream", &everything.url]);
    site.is_guarded(None);
}
