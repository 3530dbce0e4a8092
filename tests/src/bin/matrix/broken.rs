//! Files that are no policy in force: cut, changed, signed by others, over. Each engine must refuse each with the code that
//! the Rust host gives.

use std::fs;
use std::path::PathBuf;

use ambit_host::{LoadOptions, MemoryVersions, PolicyModule, Trust};
use ambit_tests::case::PolicySpec;
use ambit_tests::project::{self, NOW, SignedPolicy};
use serde_json::json;
use tempfile::TempDir;

use crate::epochs;
use crate::questions::{Line, Suite, Want};

/// So many cuts and changed bytes, evenly over the file; and from its end, where the signature is.
const OVER_ALL: usize = 40;
const AT_THE_END: usize = 24;
/// Bytes between two of those at the end.
const STEP: usize = 37;
const UID: &str = "acme/agents";

/// One attempt to load.
struct Attempt {
    name: String,
    file: PathBuf,
    trust: String,
    uid: &'static str,
    now: i64,
}

/// The files, and what is tried with them.
pub(crate) struct Files {
    _folder: TempDir,
    attempts: Vec<Attempt>,
}

impl Files {
    /// Writes them.
    ///
    /// # Errors
    ///
    /// What cannot be built or written.
    pub(crate) fn make() -> Result<Self, String> {
        let spec = PolicySpec {
            project: "acme".to_owned(),
            keys: epochs::keys(),
            bundle: None,
        };
        let policy = SignedPolicy::make(&spec)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut attempts = Vec::new();
        let sound = fs::read(policy.file()).map_err(|error| error.to_string())?;
        for (name, bytes) in changed(&policy, &sound, &folder)? {
            let file = folder.path().join(format!("{}.wasm", attempts.len()));
            fs::write(&file, bytes).map_err(|error| format!("`{}`: {error}", file.display()))?;
            attempts.push(Attempt {
                name,
                file,
                trust: policy.trust().to_owned(),
                uid: UID,
                now: NOW,
            });
        }
        let file = folder.path().join("sound.wasm");
        fs::write(&file, &sound).map_err(|error| format!("`{}`: {error}", file.display()))?;
        let end = policy.load()?.expires();
        let attempt = |name: &str, trust: String, uid, now| Attempt {
            name: name.to_owned(),
            file: file.clone(),
            trust,
            uid,
            now,
        };
        let trust = || policy.trust().to_owned();
        attempts.extend([
            attempt("another policy is expected", trust(), "acme/other", NOW),
            attempt("its last second", trust(), UID, end - 1),
            attempt("the end of its time", trust(), UID, end),
            attempt("long after its end", trust(), UID, 1 << 40),
        ]);
        for (name, trust) in distrusting(policy.trust(), &folder)? {
            attempts.push(attempt(name, trust, UID, NOW));
        }
        Ok(Self {
            _folder: folder,
            attempts,
        })
    }

    /// The commands, and the codes that the Rust host gives.
    ///
    /// # Errors
    ///
    /// That all of them load: then nothing was broken.
    pub(crate) fn lines(&self) -> Result<Vec<Line>, String> {
        let lines: Vec<Line> = self
            .attempts
            .iter()
            .enumerate()
            .map(Attempt::line)
            .collect();
        let refused = lines
            .iter()
            .filter(|line| matches!(line.want, Want::Code(_)));
        match refused.count() {
            0 => Err("every broken module was loaded".to_owned()),
            _ => Ok(lines),
        }
    }
}

impl Attempt {
    fn line((at, attempt): (usize, &Self)) -> Line {
        let Self {
            name,
            file,
            trust,
            uid,
            now,
        } = attempt;
        let command = json!({"op": "load", "policy": format!("broken {at}"), "module": file, "trust": trust, "uid": uid,
            "now": now});
        Line {
            suite: Suite::Broken,
            op: "load",
            name: name.clone(),
            command: command.to_string(),
            want: match attempt.load() {
                Ok(()) => Want::Line("ok".to_owned()),
                Err(code) => Want::Code(code),
            },
        }
    }

    /// As the Rust host does it.
    fn load(&self) -> Result<(), String> {
        let trust = Trust::parse(self.trust.as_bytes()).map_err(|error| error.code().to_owned())?;
        let options = LoadOptions {
            uid: Some(self.uid),
            now: self.now,
            seen: &MemoryVersions::new(),
        };
        let read = PolicyModule::read(&self.file, None, &trust, &options);
        read.map(drop).map_err(|error| error.code().to_owned())
    }
}

/// The files, each with what was done to it.
fn changed(
    policy: &SignedPolicy,
    sound: &[u8],
    folder: &TempDir,
) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut all = vec![
        ("an empty file".to_owned(), Vec::new()),
        (
            "nothing but the name of a module".to_owned(),
            b"\0asm".to_vec(),
        ),
        ("an empty module".to_owned(), b"\0asm\x01\0\0\0".to_vec()),
        ("a text".to_owned(), policy.trust().as_bytes().to_vec()),
        (
            "a module that nobody signed".to_owned(),
            policy.detached()?.0,
        ),
        (
            "the evaluator without a policy".to_owned(),
            project::guest()?,
        ),
        ("a byte too many".to_owned(), [sound, b"\0"].concat()),
        ("the file twice".to_owned(), [sound, sound].concat()),
        ("a byte before it".to_owned(), [b"\0", sound].concat()),
        (
            "an empty section behind the signature".to_owned(),
            [sound, &[0, 2, 1, b'x']].concat(),
        ),
    ];
    let stranger = project::secret_key("stranger", folder.path())?;
    let other = project::signed_module(&project::guest()?, policy.bundle(), &stranger)?;
    all.push(("signed by a stranger".to_owned(), other));
    let end = sound.len();
    let over_all = (0..OVER_ALL).map(|at| end * at / OVER_ALL);
    let at_the_end = (1..=AT_THE_END).map(|at| end - at * STEP);
    for at in over_all.chain(at_the_end) {
        all.push((format!("cut at byte {at}"), sound[..at].to_vec()));
        let mut flipped = sound.to_vec();
        flipped[at] ^= 1;
        all.push((format!("one bit of byte {at} changed"), flipped));
    }
    Ok(all)
}

/// Lists of keys that do not trust who signed, or that are none.
fn distrusting(sound: &str, folder: &TempDir) -> Result<Vec<(&'static str, String)>, String> {
    let stranger = project::secret_key("last", folder.path())?;
    let mut same_name: serde_json::Value =
        serde_json::from_str(sound).map_err(|error| error.to_string())?;
    let mut two = same_name.clone();
    two["threshold"] = json!(2);
    let mut none = same_name.clone();
    none["threshold"] = json!(0);
    let mut twice = same_name.clone();
    twice["keys"] = json!([twice["keys"][0], twice["keys"][0]]);
    same_name["keys"][0]["jwk"] = stranger.public_jwk();
    Ok(vec![
        ("another key is trusted", project::trust(&stranger)),
        ("another key of the same name", same_name.to_string()),
        ("two must sign", two.to_string()),
        ("nobody must sign", none.to_string()),
        ("one key twice", twice.to_string()),
        ("no keys", r#"{"threshold":1,"keys":[]}"#.to_owned()),
        ("an empty list of keys", String::new()),
        ("keys that are no JSON", "keys".to_owned()),
        ("keys cut short", sound[..sound.len() - 2].to_owned()),
    ])
}
