//! A folder of a test's own, and what a program that runs there says to its operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Run, ambit_in};

pub(crate) struct Folder(TempDir);

impl Folder {
    /// One with copies of these files.
    pub(crate) fn with(source: &Path, names: &[&str]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in names {
            fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
            fs::copy(source.join(name), folder.path(name)).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, &text.replace(from, to));
    }

    pub(crate) fn ambit(&self, arguments: &[&str]) -> Run {
        ambit_in(self.0.path(), arguments, b"")
    }

    /// A token for `sub` at `aud`, which the agent of this class holds by its key.
    pub(crate) fn minted(
        &self,
        (sub, aud): (&str, &str),
        (uid, key): (&str, &str),
        entries: &Value,
    ) -> String {
        let claims = json!({
            "sub": sub, "aud": [aud],
            "act": {"sub": format!("https://{uid}.example/1"), "iss": "https://issuer.example", "sub_profile": "ai_agent"},
            "agent": {"uid": uid, "instance_uid": "1"}, "authorization_details": entries,
        });
        self.write("claims.json", &claims.to_string());
        let mint = [
            "mint",
            "--module",
            "policy.wasm",
            "--key",
            "keys/issuer.jwk",
            "--yes",
        ];
        let more = ["--claims", "claims.json", "--holder", key];
        let token = self.ambit(&[&mint[..], &more].concat()).expect(0).out;
        token.trim().to_owned()
    }
}

/// What was said so far.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<String>>);

impl Said {
    /// Hears these lines until they end, behind what was said before.
    pub(crate) fn hear(
        before: String,
        lines: impl Iterator<Item = std::io::Result<String>> + Send + 'static,
    ) -> Self {
        let said = Self(Arc::new(Mutex::new(before)));
        let heard = Arc::clone(&said.0);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        said
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// Waits until these words were said.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        self.says_within(words, Duration::from_secs(20));
    }

    #[track_caller]
    pub(crate) fn says_within(&self, words: &str, most: Duration) {
        let begun = Instant::now();
        while !self.text().contains(words) {
            let late = begun.elapsed() > most;
            assert!(!late, "`{words}` is not in: {}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
