//! Private keys: made, kept and read here, never printed.

use core::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::encoding::{base64url, from_base64url};
use crate::error::CompileError;

/// Bytes of a key file; a JWK has about 200.
const FILE_BYTES: u64 = 16 * 1024;

/// An Ed25519 private key with the `kid` under which its public half is known.
///
/// It is wiped from memory when dropped, and its debug form shows stars.
pub struct SecretKey {
    key: SigningKey,
    kid: String,
    old_name: bool,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("kid", &self.kid)
            .field("key", &"****")
            .finish()
    }
}

/// Makes a key from the operating system's randomness. Without a `kid` it is called by its RFC 7638
/// thumbprint.
///
/// # Errors
///
/// `key.random` when the system has none.
pub fn generate(kid: Option<&str>) -> Result<SecretKey, CompileError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    random(seed.as_mut_slice())?;
    Ok(SecretKey::from_seed(&seed, kid))
}

/// Reads a private key: a JWK file that only its owner can read.
///
/// # Errors
///
/// `key.file` when it cannot be read, `key.mode` when others could read it, `key.format` when it is
/// not a private Ed25519 JWK whose two halves belong together. No message repeats its content.
pub fn load(path: &Path) -> Result<SecretKey, CompileError> {
    let error =
        |error: &io::Error| CompileError::new("key.file", format!("`{}`: {error}", path.display()));
    // Asked before it is opened: opening a pipe waits.
    if !fs::metadata(path).map_err(|one| error(&one))?.is_file() {
        let message = format!("`{}` is not a file", path.display());
        return Err(CompileError::new("key.file", message));
    }
    let mut file = fs::File::open(path).map_err(|one| error(&one))?;
    check_mode(&file, path)?;
    let mut text = Zeroizing::new(Vec::new());
    let mut limited = (&mut file).take(FILE_BYTES + 1);
    limited.read_to_end(&mut text).map_err(|one| error(&one))?;
    SecretKey::from_jwk(&text).ok_or_else(|| {
        let message = format!(
            "`{}` is not a private Ed25519 key as `ambit keygen` writes it (a JWK with `kty`, `crv`, `x`, `d`)",
            path.display()
        );
        CompileError::new("key.format", message)
    })
}

#[cfg(unix)]
fn check_mode(file: &fs::File, path: &Path) -> Result<(), CompileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file
        .metadata()
        .map_err(|error| CompileError::new("key.file", format!("`{}`: {error}", path.display())))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!(
        "others can read `{0}` (mode {1:03o}); run `chmod 600 {0}`, and replace the key if somebody did",
        path.display(),
        mode & 0o777
    );
    Err(CompileError::new("key.mode", message))
}

#[cfg(not(unix))]
fn check_mode(_file: &fs::File, _path: &Path) -> Result<(), CompileError> {
    Ok(())
}

impl SecretKey {
    fn from_seed(seed: &[u8; 32], kid: Option<&str>) -> Self {
        let key = SigningKey::from_bytes(seed);
        let kid = kid.map_or_else(
            || ambit_token::thumbprint(key.verifying_key().as_bytes()),
            str::to_owned,
        );
        Self {
            key,
            kid,
            old_name: false,
        }
    }

    /// The key of a private JWK.
    fn from_jwk(text: &[u8]) -> Option<Self> {
        let mut jwk: Map<String, Value> = serde_json::from_slice(text).ok()?;
        let Some(Value::String(d)) = jwk.remove("d") else {
            return None;
        };
        let d = Zeroizing::new(d);
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let alg = member("alg").unwrap_or("Ed25519");
        let plain = member("kty") == Some("OKP") && member("crv") == Some("Ed25519");
        if !plain || !matches!(alg, "Ed25519" | "EdDSA") {
            return None;
        }
        let seed = Zeroizing::new(from_base64url(&d)?);
        let seed = <&[u8; 32]>::try_from(seed.as_slice()).ok()?;
        let key = Self {
            old_name: alg == "EdDSA",
            ..Self::from_seed(seed, member("kid"))
        };
        (from_base64url(member("x")?)? == key.public()).then_some(key)
    }

    /// Writes the private key to a new file that only its owner can read (mode 0600).
    ///
    /// # Errors
    ///
    /// `key.exists` when there is such a file: a key is never overwritten. `key.file` when it cannot
    /// be written.
    pub fn save(&self, path: &Path) -> Result<(), CompileError> {
        let error = |error: io::Error| {
            let code = if error.kind() == io::ErrorKind::AlreadyExists {
                "key.exists"
            } else {
                "key.file"
            };
            CompileError::new(code, format!("`{}`: {error}", path.display()))
        };
        let mut file = create_private(path).map_err(error)?;
        let written = file
            .write_all(self.private_jwk().as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|why| {
            // A part of a key is of no use to anybody. The file is ours: it was made just now.
            let _ = fs::remove_file(path);
            error(why)
        })
    }

    /// Written by hand, so that no copy of the secret stays behind in a JSON value.
    fn private_jwk(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.key.to_bytes());
        let d = Zeroizing::new(base64url(seed.as_slice()));
        let kid = Value::from(self.kid.as_str());
        Zeroizing::new(format!(
            "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":{kid},\"alg\":\"{}\",\"x\":\"{}\",\"d\":\"{}\"}}\n",
            self.alg(),
            base64url(&self.public()),
            *d
        ))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The public key as base64url: the `x` of `ambit.toml`.
    #[must_use]
    pub fn x(&self) -> String {
        base64url(&self.public())
    }

    /// The public key as a JWK: `{"kty", "crv", "x"}`, as `cnf.jwk` and `keys.json` have it.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": self.x()})
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The RFC 7638 thumbprint of the public key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        ambit_token::thumbprint(&self.public())
    }

    /// The header `alg`: `Ed25519`, or `EdDSA` where the key file says so.
    #[must_use]
    pub const fn alg(&self) -> &'static str {
        if self.old_name { "EdDSA" } else { "Ed25519" }
    }

    /// The signature over a message. Every form that is signed has a beginning of its own, so that none
    /// passes for another; still, one key signs one kind of thing.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// Fills a buffer from the operating system.
pub(crate) fn random(buffer: &mut [u8]) -> Result<(), CompileError> {
    getrandom::fill(buffer).map_err(|error| {
        CompileError::new(
            "key.random",
            format!("the system has no randomness: {error}"),
        )
    })
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}
