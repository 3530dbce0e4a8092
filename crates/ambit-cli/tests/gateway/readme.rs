//! The guard that README sets up from an empty folder, by its own commands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::real::{installed, outcomes};
use crate::world::source;

/// The commands of the section, block by block.
fn blocks() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme
        .split_once("### A guard in front of an MCP server")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0.to_owned())
        .collect()
}

struct Newcomer {
    home: TempDir,
    mcp: PathBuf,
}

impl Newcomer {
    /// Commands in a shell that knows `ambit`, and `npx` without the network.
    fn shell(&self, commands: &str) -> Command {
        let bin = self.home.path().join("bin");
        let path = std::env::var("PATH").unwrap();
        let mut bash = Command::new("bash");
        bash.args(["-euc", commands])
            .current_dir(self.home.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("NO_COLOR", "1");
        bash
    }

    #[track_caller]
    fn runs(&self, commands: &str) -> String {
        let output = self.shell(commands).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn notes(&self) -> String {
        // As the shell names it.
        let home = self.home.path().to_str().unwrap();
        format!("{home}/notes")
    }

    /// What the official client is told by the gateway.
    fn client(&self, gateway: &str, calls: &[(&str, Value)]) -> Value {
        let calls = calls
            .iter()
            .map(|(name, arguments)| json!({"name": name, "arguments": arguments}));
        let calls = Value::from_iter(calls).to_string();
        let guard = format!("cd guard; NOTES={}; {gateway}", self.notes());
        let output = self
            .shell("exec node \"$0\" \"$@\"")
            .arg(source("sdk.mjs"))
            .arg(&self.mcp)
            .args([&calls, "bash", "-c", &guard])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
    }

    /// The two programs that the README names: ours, and what fetches servers.
    fn installs(&self) {
        let bin = self.home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let ambit = env!("CARGO_BIN_EXE_ambit");
        let npx = format!(
            "#!/bin/sh\nshift; name=$1; shift\nexec node \"{}/node_modules/$name/dist/index.js\" \"$@\"\n",
            self.mcp.display()
        );
        for (name, text) in [
            ("ambit", format!("#!/bin/sh\nexec \"{ambit}\" \"$@\"\n")),
            ("npx", npx),
        ] {
            fs::write(bin.join(name), text).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

#[test]
fn a_newcomer_guards_a_folder_by_the_readme_alone() {
    let Some(mcp) = installed() else { return };
    let newcomer = Newcomer {
        home: tempfile::tempdir().unwrap(),
        mcp,
    };
    newcomer.installs();
    let blocks = blocks();
    let [first, second, gateway, approve] = blocks.as_slice() else {
        panic!("{blocks:?}")
    };
    // As they are typed, one after the other.
    newcomer.runs(&format!("{first}\n{second}"));
    let at = |place: &str| format!("{}/{place}", newcomer.notes());
    let moving = (
        "move_file",
        json!({"source": at("ann.txt"), "destination": at("old.txt")}),
    );
    let told = newcomer.client(
        gateway,
        &[
            ("read_text_file", json!({"path": at("ann.txt")})),
            ("read_text_file", json!({"path": "/etc/hostname"})),
            (
                "write_file",
                json!({"path": at("drafts/a.txt"), "content": "draft"}),
            ),
            (
                "write_file",
                json!({"path": at("ann.txt"), "content": "gone"}),
            ),
            moving.clone(),
        ],
    );
    assert_eq!(told["tools"].as_array().unwrap().len(), 4, "{told}");
    let results = outcomes(&told);
    assert_eq!(results[0], Ok("Lunch on Friday?\n".to_owned()), "{told}");
    let codes: Vec<_> = results
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    assert_eq!(
        codes,
        [
            "manifest.constraint",
            "constraint.subpath",
            "approval.waiting"
        ],
        "{told}"
    );
    assert_eq!(fs::read_to_string(at("drafts/a.txt")).unwrap(), "draft");
    assert!(Path::new(&at("ann.txt")).exists());
    let said = newcomer.runs(&format!("cd guard; {} --yes", approve.trim()));
    assert!(said.contains(&at("old.txt")), "{said}");
    let told = newcomer.client(gateway, &[moving.clone(), moving]);
    let results = outcomes(&told);
    assert!(results[0].is_ok(), "{told}");
    assert_eq!(results[1], Err("approval.used".to_owned()));
    assert!(Path::new(&at("old.txt")).exists() && !Path::new(&at("ann.txt")).exists());
}
