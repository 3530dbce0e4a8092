//! Servers and a client that we did not write: the reference servers from npm, and the client of the official
//! TypeScript SDK. `cargo xtask test` installs them under `target/mcp`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, entry, source};

pub(crate) fn installed() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mcp");
    if folder
        .join("node_modules/@modelcontextprotocol/sdk")
        .is_dir()
    {
        return Some(folder.canonicalize().unwrap());
    }
    let missing = "the MCP servers are not installed under target/mcp; `cargo xtask test` does it";
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// A world whose tools are those of a server from npm.
pub(crate) struct Guarded {
    pub(crate) world: World,
    pub(crate) folder: PathBuf,
    pub(crate) server: Vec<String>,
}

impl Guarded {
    pub(crate) fn new(name: &str, manifest: &str) -> Option<Self> {
        let folder = installed()?;
        let script = format!("node_modules/@modelcontextprotocol/server-{name}/dist/index.js");
        let script = folder.join(script).to_str().unwrap().to_owned();
        let server = |world: &World| {
            let notes = world.path("notes").to_str().unwrap().to_owned();
            let place = match name {
                "everything" => "stdio".to_owned(),
                _ => notes,
            };
            vec!["node".to_owned(), script, place]
        };
        Some(Self::behind(name, manifest, folder, server))
    }

    /// A world whose tools are those that a server tells, which is started for that.
    pub(crate) fn behind(
        name: &str,
        manifest: &str,
        folder: PathBuf,
        server: impl FnOnce(&World) -> Vec<String>,
    ) -> Self {
        let world = World::with(&["ambit.toml", "mcp.toml"]);
        fs::create_dir_all(world.path("notes/drafts")).unwrap();
        let server = server(&world);
        let words = server.iter().map(String::as_str);
        let from: Vec<&str> = ["--"].into_iter().chain(words).collect();
        world.import(name, &from);
        let schema = world.read("schema.cedarschema");
        // This one only waits, whatever its name says.
        let (before, waits) = schema
            .split_once("@label(\"everything: Trigger Long")
            .unwrap_or((&schema, ""));
        let waits = waits.replacen("\"propose, execute\"", "\"observe\"", 1);
        let schema = match waits.as_str() {
            "" => before.to_owned(),
            waits => format!("{before}@label(\"everything: Trigger Long{waits}"),
        };
        world.write("schema.cedarschema", &schema);
        world.write("agents/notes.toml", manifest);
        world.build();
        Self {
            world,
            folder,
            server,
        }
    }

    /// What the official client is told, by the server itself or through the gateway.
    fn client(&self, gateway: &[&str], calls: &Value) -> Value {
        let output = Command::new("node")
            .arg(source("sdk.mjs"))
            .arg(&self.folder)
            .arg(calls.to_string())
            .args(gateway)
            .args(&self.server)
            .current_dir(self.world.path("."))
            .env("MEMORY_FILE_PATH", self.world.path("memory.json"))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The same calls through the gateway: of each the code of a refusal, or its text.
    fn guarded(&self, calls: &[(&str, Value)]) -> (Vec<String>, Vec<Result<String, String>>) {
        let gateway = [&[env!("CARGO_BIN_EXE_ambit")][..], &World::SERVE].concat();
        let calls = calls
            .iter()
            .map(|(name, arguments)| json!({"name": name, "arguments": arguments}));
        let told = self.client(&gateway, &calls.collect());
        let names = told["tools"].as_array().unwrap().iter();
        let names = names
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        (names, outcomes(&told))
    }

    pub(crate) fn grant(&self, entries: &[Value]) {
        let kind = json!([format!(
            "mcp/{}",
            self.world.read("mcp.toml").split('"').nth(1).unwrap()
        )]);
        let entries = entries.iter().map(|entry| {
            let mut entry = entry.clone();
            entry["datatypes"] = kind.clone();
            entry
        });
        self.world.grant(&entries.collect::<Vec<_>>());
    }
}

/// Of each result the code of a refusal, or its text.
pub(crate) fn outcomes(told: &Value) -> Vec<Result<String, String>> {
    let results = told["results"].as_array().unwrap().iter().map(|result| {
        let text = result["content"][0]["text"].as_str();
        let text = text.unwrap_or_default().to_owned();
        match result["_meta"]["dev.ambit/code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(text),
        }
    });
    results.collect()
}

/// Everything, of which a token takes its part.
pub(crate) fn manifest(kind: &str, observed: &[&str], executed: &[&str]) -> String {
    let part = |actions: &[&str], powers: &str| {
        if actions.is_empty() {
            return String::new();
        }
        format!(
            "[[capabilities]]\nactions = {actions:?}\nprivileges = [{powers}]\ndatatypes = [\"mcp/{kind}\"]\n\
             purpose = \"notes\"\nconsent = \"none\"\nconstraints.\"*\" = {{ constraint_type = \"wildcard\" }}\n"
        )
    };
    let (observed, executed) = (
        part(observed, "\"observe\""),
        part(executed, "\"propose\", \"execute\""),
    );
    format!("agent = \"notes\"\nmax_life_seconds = 3600\n\n{observed}\n{executed}")
}

/// Read everywhere in a folder, write drafts, move a file once a person agreed.
fn folder(notes: &str) -> [Value; 3] {
    let at = |place: &str| format!("{notes}/{place}");
    let below = |place: &str| json!({"constraint_type": "subpath", "root": place});
    let all = json!({"constraint_type": "wildcard"});
    let moved = json!({"constraints": {"source": below(notes), "destination": below(notes)}, "requires": {"approval": true}});
    [
        entry(
            "read_text_file",
            &["observe"],
            &json!({"constraints": {"path": below(notes)}}),
        ),
        entry(
            "write_file",
            &["execute"],
            &json!({"constraints": {"path": below(&at("drafts")), "content": all}}),
        ),
        entry("move_file", &["propose", "execute"], &moved),
    ]
}

/// The codes of those that were refused.
fn codes(results: &[Result<String, String>]) -> Vec<&str> {
    results
        .iter()
        .filter_map(|one| one.as_ref().err())
        .map(String::as_str)
        .collect()
}

#[test]
fn a_folder_is_read_drafts_are_written_and_a_person_agrees_to_moves() {
    let text = manifest(
        "filesystem",
        &["read_text_file"],
        &["write_file", "move_file"],
    );
    let Some(guarded) = Guarded::new("filesystem", &text) else {
        return;
    };
    let notes = guarded.world.path("notes").to_str().unwrap().to_owned();
    let at = |place: &str| format!("{notes}/{place}");
    guarded.grant(&folder(&notes));
    fs::write(at("a.txt"), "hello").unwrap();
    fs::write(guarded.world.path("secret.txt"), "key").unwrap();
    let outside = guarded
        .world
        .path("secret.txt")
        .to_str()
        .unwrap()
        .to_owned();
    let moving = (
        "move_file",
        json!({"source": at("a.txt"), "destination": at("b.txt")}),
    );
    let (names, results) = guarded.guarded(&[
        ("read_text_file", json!({"path": at("a.txt")})),
        ("read_text_file", json!({"path": outside})),
        ("read_text_file", json!({"path": at("../secret.txt")})),
        (
            "write_file",
            json!({"path": at("drafts/d.txt"), "content": "draft"}),
        ),
        (
            "write_file",
            json!({"path": at("a.txt"), "content": "gone"}),
        ),
        ("create_directory", json!({"path": at("new")})),
        moving.clone(),
    ]);
    assert_eq!(names, ["move_file", "read_text_file", "write_file"]);
    assert_eq!(results[0], Ok("hello".to_owned()));
    let refused = codes(&results);
    assert_eq!(
        refused,
        [
            "constraint.subpath",
            "constraint.subpath",
            "constraint.subpath",
            "manifest.capability",
            "approval.waiting"
        ]
    );
    assert_eq!(fs::read_to_string(at("drafts/d.txt")).unwrap(), "draft");
    assert_eq!(fs::read_to_string(at("a.txt")).unwrap(), "hello");
    assert!(!Path::new(&at("new")).exists() && !Path::new(&at("b.txt")).exists());
    guarded.world.answer_the_proposal("approved");
    let (_, results) = guarded.guarded(&[moving.clone(), moving]);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(results[1], Err("approval.used".to_owned()));
    assert_eq!(fs::read_to_string(at("b.txt")).unwrap(), "hello");
}

#[test]
fn a_memory_grows_and_is_never_emptied() {
    let text = manifest(
        "memory",
        &["read_graph"],
        &["create_entities", "delete_entities"],
    );
    let Some(guarded) = Guarded::new("memory", &text) else {
        return;
    };
    let all = json!({"constraint_type": "wildcard"});
    guarded.grant(&[
        entry("read_graph", &["observe"], &json!({})),
        entry(
            "create_entities",
            &["execute"],
            &json!({"constraints": {"entities": all}}),
        ),
    ]);
    let entities = json!({"entities": [{"name": "Ann", "entityType": "person", "observations": ["likes tea"]}]});
    let (names, results) = guarded.guarded(&[
        ("create_entities", entities),
        ("delete_entities", json!({"entityNames": ["Ann"]})),
        ("read_graph", json!({})),
    ]);
    assert_eq!(names, ["create_entities", "read_graph"]);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(results[1], Err("capability.none".to_owned()));
    assert!(
        results[2]
            .as_ref()
            .is_ok_and(|graph| graph.contains("likes tea")),
        "{results:?}"
    );
}
