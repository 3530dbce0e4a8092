//! A project with a token of an agent, and proofs of its calls.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_compiler::keys::{self, SecretKey};
use ambit_token::base64url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// What the arguments of every gateway begin with; its log and what it has seen are named behind them.
const COMMON: [&str; 8] = [
    "--module",
    "policy.wasm",
    "--trust",
    "keys.json",
    "--ledger",
    "used.sqlite",
    "--log-key",
    "keys/log.jwk",
];

pub(crate) struct World {
    folder: TempDir,
    ambit: PathBuf,
    token: String,
    holder: SecretKey,
}

impl World {
    /// Builds and signs the project beside this crate, and mints a token that lives for an hour.
    pub(crate) fn new(ambit: &Path) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway");
        for name in ["agents", "keys", "proposals", "approvals"] {
            fs::create_dir(folder.path().join(name))?;
        }
        for (from, to) in [
            ("schema.cedarschema", "schema.cedarschema"),
            ("agents.toml", "agents/app.toml"),
            ("forward.toml", "forward.toml"),
            ("mcp.toml", "mcp.toml"),
        ] {
            fs::copy(source.join(from), folder.path().join(to))?;
        }
        let key = keys::generate(None)?;
        key.save(&folder.path().join("keys/holder.jwk"))?;
        let mut world = Self {
            folder,
            ambit: ambit.canonicalize()?,
            token: String::new(),
            holder: key,
        };
        world.ambit("keygen -o keys/module.jwk --trust keys.json")?;
        world.ambit("keygen -o keys/log.jwk")?;
        let public = world.holder.public_jwk().to_string();
        world.write("keys/holder.pub.jwk", &public)?;
        let issuer: Value =
            serde_json::from_str(&world.ambit("keygen -o keys/issuer.jwk --kid issuer-1")?)?;
        let policy = fs::read_to_string(source.join("ambit.toml"))?;
        let x = issuer["x"].as_str().ok_or("a key without x")?;
        world.write("ambit.toml", &policy.replace("{{issuer}}", x))?;
        world.ambit("build . -o policy.wasm")?;
        world.ambit("sign policy.wasm --key keys/module.jwk")?;
        world.token = world.mint("policy.wasm", "user:ann")?;
        world.write("token.jwt", &world.token)?;
        Ok(world)
    }

    /// A token of this user's for the agent, bound to its key, by this policy.
    pub(crate) fn mint(&self, module: &str, sub: &str) -> Result<String, Box<dyn Error>> {
        let claims = json!({
            "sub": sub, "aud": ["https://notes.example"], "agent": {"uid": "app", "instance_uid": "1"},
            "act": {"sub": "https://app.example/1", "iss": "https://issuer.example", "sub_profile": "ai_agent"},
            "authorization_details": [{
                "type": "ambit_capability", "actions": ["read_note"], "privileges": ["observe"],
                "datatypes": ["note"], "purpose": "daily-work",
                "constraints": {"note": {"constraint_type": "wildcard"}},
            }],
        });
        self.write("claims.json", &claims.to_string())?;
        let mint = format!(
            "mint --module {module} --key keys/issuer.jwk --yes --claims claims.json --holder keys/holder.pub.jwk"
        );
        Ok(self.ambit(&mint)?.trim().to_owned())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        fs::write(self.path(name), text)
    }

    /// What it prints.
    pub(crate) fn ambit(&self, arguments: &str) -> Result<String, Box<dyn Error>> {
        let output = Command::new(&self.ambit)
            .args(arguments.split(' '))
            .current_dir(self.folder.path())
            .output()?;
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout)?),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("ambit {arguments}: {said}").into())
            }
        }
    }

    /// A gateway of this kind with its configuration, and more arguments behind. It has a log of its own, and hears of
    /// revocations by itself: one that had heard less than another would refuse until it has, too.
    pub(crate) fn gateway(&self, kind: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new(&self.ambit);
        let (log, seen) = (format!("{}.log", kind[0]), format!("{}.seen", kind[0]));
        command
            .arg("gateway")
            .args([kind, &COMMON, &["--log", &log, "--seen", &seen], more].concat())
            .current_dir(self.folder.path());
        command
    }

    /// The headers of a `GET` of this path: the token and a fresh proof.
    pub(crate) fn shown(&self, path: &str, jti: usize) -> Result<String, Box<dyn Error>> {
        self.shown_with(&self.token, path, jti)
    }

    /// The same with another token of the same holder.
    pub(crate) fn shown_with(
        &self,
        token: &str,
        path: &str,
        jti: usize,
    ) -> Result<String, Box<dyn Error>> {
        let url = format!("http://notes.example{path}");
        self.proved(token, ("GET", &url), jti)
    }

    /// The headers of any request: a token and a fresh proof by its holder.
    pub(crate) fn proved(
        &self,
        token: &str,
        (method, url): (&str, &str),
        jti: usize,
    ) -> Result<String, Box<dyn Error>> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = json!({"typ": "dpop+jwt", "alg": "Ed25519", "jwk": self.holder.public_jwk()});
        let claims = json!({
            "jti": format!("bench-{jti}"), "htm": method, "htu": url, "iat": iat,
            "ath": base64url::encode(&Sha256::digest(token)),
        });
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(&self.holder.sign(input.as_bytes()));
        Ok(format!(
            "authorization: DPoP {token}\r\ndpop: {input}.{signature}\r\n"
        ))
    }
}

/// A program that ends with what measures it.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Box<dyn Error>> {
        Ok(Self(command.stdin(Stdio::piped()).spawn()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not `kill`: nginx ends its workers only when asked.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.0.wait();
    }
}

/// Reads lines until one begins with these words, and what stands behind them; the rest is read and dropped.
pub(crate) fn heard(
    output: impl Read + Send + 'static,
    words: &str,
) -> Result<String, Box<dyn Error>> {
    let mut lines = BufReader::new(output).lines();
    let mut said = String::new();
    for line in lines.by_ref() {
        let line = line?;
        if let Some(rest) = line.strip_prefix(words) {
            std::thread::spawn(move || lines.map_while(Result::ok).count());
            return Ok(rest.to_owned());
        }
        said.push_str(&line);
    }
    Err(format!("`{words}` was not said: {said}").into())
}
