//! Runs the built command in a folder of its own.
#![expect(dead_code, reason = "each test file uses its part of the helpers")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ambit_token::base64url;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Makes the token of `draft.json`, to which `receipt.jwt` is the yes.
pub(crate) const MINT_AGREED: [&str; 9] = [
    "mint",
    "--module",
    "policy.wasm",
    "--key",
    "keys/issuer.jwk",
    "--claims",
    "draft.json",
    "--receipt",
    "receipt.jwt",
];

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The run, which must have ended so.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "`{words}` is not in {self:#?}");
        self
    }
}

/// What a command of the shell says on a terminal, which `script` makes; `ahead` is typed before it begins, and where it
/// asks it hears `n`. `None`: there is no `script`.
#[cfg(unix)]
pub(crate) fn on_terminal(folder: &Path, size: &str, ahead: &str, command: &str) -> Option<String> {
    use std::io::Read as _;
    let pause = if ahead.is_empty() { "" } else { "sleep 1; " };
    let script = Command::new("script")
        .args([
            "-q",
            "-e",
            "-c",
            &format!("stty {size}; {pause}{command}"),
            "/dev/null",
        ])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut script) = script else {
        eprintln!("skipped: there is no `script`");
        return None;
    };
    let mut input = script.stdin.take().unwrap();
    input.write_all(ahead.as_bytes()).unwrap();
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    let mut output = script.stdout.take().unwrap();
    let mut input = Some(input);
    while let Ok(count @ 1..) = output.read(&mut part) {
        said.extend_from_slice(&part[..count]);
        if String::from_utf8_lossy(&said).contains("[y/N]")
            && let Some(mut input) = input.take()
        {
            input.write_all(b"n\n").unwrap();
        }
    }
    script.wait().unwrap();
    Some(String::from_utf8(said).unwrap().replace('\r', ""))
}

/// Runs `ambit` in a folder, with this on its standard input.
pub(crate) fn ambit_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ambit"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("SOURCE_DATE_EPOCH")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("AMBIT_CODE_CACHE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let input = input.to_owned();
    // On a thread: a command that answers while it reads must not wait for us.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the input is written");
    Run {
        code: output.status.code().expect("the command is not killed"),
        out: String::from_utf8(output.stdout).expect("the output is UTF-8"),
        err: String::from_utf8(output.stderr).expect("the words are UTF-8"),
    }
}

/// The project of `ambit init`, in a temporary folder.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn fresh() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = Self { folder };
        project.ambit(&["init", "."]).expect(0);
        project
    }

    pub(crate) fn built() -> Self {
        let project = Self::fresh();
        project
            .ambit(&["build", ".", "-o", "policy.wasm"])
            .expect(0);
        project
    }

    pub(crate) fn signed() -> Self {
        let project = Self::built();
        project
            .ambit(&["sign", "policy.wasm", "--key", "keys/module.jwk"])
            .expect(0);
        project
    }

    /// Signed, with `token.jwt`, to which Ann agreed: it lets the agent pay as well.
    pub(crate) fn granted() -> Self {
        let project = Self::asking();
        project.write("draft.json", project.draft("payments.json"));
        project.write("receipt.jwt", project.consent("draft.json", &json!({})));
        let token = project.ambit(&MINT_AGREED).expect(0).out;
        project.write("token.jwt", &token);
        project
    }

    /// Signed, with a key that signs what people agree to.
    pub(crate) fn asking() -> Self {
        let project = Self::fresh();
        let key = ["keygen", "-o", "keys/approve.jwk", "--kid", "approve-1"];
        let toml = ["--toml", "--iss", "https://approve.example"];
        let table = project.ambit(&[&key[..], &toml].concat()).expect(0).out;
        let table = table.replace("\"cap+jwt\"", "\"approval-receipt+jwt\"");
        let project_file = project.read("ambit.toml");
        project.write("ambit.toml", format!("{project_file}\n{table}"));
        for command in [
            &["build", ".", "-o", "policy.wasm"][..],
            &["sign", "policy.wasm", "--key", "keys/module.jwk"],
        ] {
            project.ambit(command).expect(0);
        }
        project
    }

    /// `enrolling.wasm`, a policy with a key that enrols and one that is Ann's, and her phone's public key.
    pub(crate) fn add_enroller(&self) {
        let mut file = self.read("ambit.toml");
        for (name, iss, signs, more) in [
            ("enrol", "https://enrol.example", "enrolments", ""),
            ("epochs", "https://enrol.example", "epochs", ""),
            (
                "ann",
                "https://approve.example",
                "receipts",
                "sub = \"user:ann\"\n",
            ),
        ] {
            let path = format!("keys/{name}.jwk");
            let key = ["keygen", "-o", &path, "--kid", name, "--toml", "--iss", iss];
            let key = [&key[..], &["--signs", signs]].concat();
            let table = self.ambit(&key).expect(0).out;
            file += &format!("\n{table}{more}");
        }
        self.write("ambit.toml", &file);
        let phone = self.ambit(&["keygen", "-o", "phone.jwk"]).expect(0).out;
        self.write("phone.pub.jwk", &phone);
        self.ambit(&["build", ".", "-o", "enrolling.wasm"])
            .expect(0);
    }

    /// The claims that a person is asked to agree to.
    pub(crate) fn draft(&self, claims: &str) -> String {
        let mut arguments = vec!["mint", "--module", "policy.wasm"];
        arguments.extend(["--key", "keys/issuer.jwk", "--draft"]);
        arguments.extend(["--holder", "keys/agent.pub.jwk", "--claims", claims]);
        self.ambit(&arguments).expect(0).out
    }

    /// Ann's yes to a draft, with changes.
    pub(crate) fn consent(&self, draft: &str, patch: &Value) -> String {
        let describe = ["describe", "--module", "policy.wasm", "--json", draft];
        let shown: Value = serde_json::from_str(&self.ambit(&describe).expect(0).out).unwrap();
        let claims: Value = serde_json::from_str(&self.read(draft)).unwrap();
        let iat = claims["iat"].as_i64().unwrap();
        let mut receipt = json!({
            "iss": "https://approve.example", "aud": claims["iss"], "jti": "yes-1", "iat": iat,
            "exp": iat + 300, "sub": "user:ann", "decision": "approved", "kind": "grant",
            "risk_tier": shown["risk_tier"], "binding_s256": shown["binding_s256"],
            "display": {"text_s256": shown["text_s256"], "locale": "en", "renderer": shown["renderer"]},
        });
        for (name, value) in patch.as_object().unwrap() {
            receipt[name] = value.clone();
        }
        let header = json!({"alg": "Ed25519", "typ": "approval-receipt+jwt", "kid": "approve-1"});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&receipt));
        let key = ambit_compiler::keys::load(&self.path("keys/approve.jwk")).unwrap();
        let signature = base64url::encode(&key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    pub(crate) fn mint(&self, more: &[&str]) -> String {
        let mut arguments = vec![
            "mint",
            "--module",
            "policy.wasm",
            "--key",
            "keys/issuer.jwk",
        ];
        arguments.extend(["--holder", "keys/agent.pub.jwk", "--claims", "grant.json"]);
        arguments.extend(more);
        self.ambit(&arguments).expect(0).out
    }

    pub(crate) fn ambit(&self, arguments: &[&str]) -> Run {
        self.ambit_with(arguments, b"")
    }

    pub(crate) fn ambit_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        ambit_in(self.folder.path(), arguments, input)
    }

    /// `ambit evaluate` with the project's module and token.
    pub(crate) fn evaluate(&self, more: &[&str], input: &str) -> Run {
        let mut arguments = vec![
            "evaluate",
            "--module",
            "policy.wasm",
            "--trust",
            "keys.json",
        ];
        arguments.extend(["--token", "token.jwt", "--audience", "https://mail.example"]);
        arguments.extend(more);
        self.ambit_with(&arguments, input.as_bytes())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file can be read")
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("the file can be read")
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("the file can be written");
    }

    /// Replaces a part of a file that must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, text.replace(from, to));
    }

    /// The names in the project's folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder can be read");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// `request.json` as one line, with another power.
pub(crate) fn email(power: &str, to: &str) -> String {
    format!(
        r#"{{"evaluation":{{"subject":{{"type":"user","id":"ann"}},"action":{{"name":"email","properties":{{"power":"{power}","args":{{"to":"{to}"}}}}}},"resource":{{"type":"Contact","id":"c-7"}},"context":{{"purpose":"customer-care"}}}}}}"#
    )
}

/// A request to pay.
pub(crate) fn pay(power: &str, amount: &str) -> String {
    format!(
        r#"{{"evaluation":{{"action":{{"name":"pay","properties":{{"power":"{power}","args":{{"amount":{amount},"currency":"EUR"}}}}}},"resource":{{"type":"Invoice","id":"i-1"}},"context":{{"purpose":"customer-care"}}}}}}"#
    )
}
