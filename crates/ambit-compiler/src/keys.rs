//! Private keys: made, kept and read here, never printed.

mod encrypted;

use core::fmt;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ambit_token::PublicKey;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::encoding::{base64url, from_base64url};
use crate::error::CompileError;

pub use encrypted::Passphrase;

/// Bytes of a key file; a JWK has about 200.
const FILE_BYTES: u64 = 16 * 1024;

/// What signs by a key that may be elsewhere: in a file, or with a service or a device that never gives it away.
///
/// A broker signs within a transaction, so an answer is to come soon, or an error.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The name under which the public half is known.
    fn kid(&self) -> &str;

    /// The public half.
    fn public(&self) -> PublicKey;

    /// The signature over a message, by the algorithm of the public half: of ES256 both numbers in 32 bytes each.
    ///
    /// # Errors
    ///
    /// `key.signer`, with what is for the operator alone.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CompileError>;

    /// The header `alg`.
    fn alg(&self) -> &'static str {
        self.public().alg()
    }

    /// The public key as base64url: the `x` of `ambit.toml`.
    fn x(&self) -> String {
        match self.public() {
            PublicKey::Ed25519(x) => base64url(&x),
            PublicKey::P256(point) => base64url(point.split_at(32).0),
        }
    }
}

impl Signer for SecretKey {
    fn kid(&self) -> &str {
        self.kid()
    }

    fn public(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], CompileError> {
        Ok(self.sign(message))
    }

    fn alg(&self) -> &'static str {
        self.alg()
    }
}

/// A private key with the `kid` under which its public half is known.
///
/// It is wiped from memory when dropped, and its debug form shows stars.
pub struct SecretKey {
    key: Pair,
    kid: String,
    old_name: bool,
}

/// Both kinds wipe themselves on drop.
enum Pair {
    Ed25519(SigningKey),
    P256(p256::ecdsa::SigningKey),
}

/// The algorithm of a key to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// What everything here signs with unless somebody needs the other.
    #[default]
    Ed25519,
    /// ECDSA on P-256, for issuers and holders whose keys are kept where Ed25519 is not known.
    Es256,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("kid", &self.kid)
            .field("key", &"****")
            .finish()
    }
}

/// Makes an Ed25519 key from the operating system's randomness. Without a `kid` it is called by its
/// RFC 7638 thumbprint.
///
/// # Errors
///
/// `key.random` when the system has none.
pub fn generate(kid: Option<&str>) -> Result<SecretKey, CompileError> {
    generate_for(Algorithm::Ed25519, kid)
}

/// [`generate()`] for either algorithm.
///
/// # Errors
///
/// `key.random`
pub fn generate_for(algorithm: Algorithm, kid: Option<&str>) -> Result<SecretKey, CompileError> {
    /// Of random scalars one in 2^32 is none of P-256; more than a few in a row are no accident.
    const TRIES: usize = 8;
    let mut secret = Zeroizing::new([0_u8; 32]);
    for _ in 0..TRIES {
        random(secret.as_mut_slice())?;
        if let Some(key) = SecretKey::from_secret(algorithm, &secret, kid) {
            return Ok(key);
        }
    }
    let message = "the system's randomness gives no key";
    Err(CompileError::new("key.random", message))
}

/// A public key as a JWK, as `cnf.jwk` has it.
#[must_use]
pub fn public_jwk(key: &PublicKey) -> Value {
    match key {
        PublicKey::Ed25519(x) => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(x)}),
        PublicKey::P256(point) => {
            let (x, y) = point.split_at(32);
            json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
        }
    }
}

/// Reads a private key: a JWK file that only its owner can read.
///
/// # Errors
///
/// `key.file` when it cannot be read, `key.mode` when others could read it, `key.format` when it is
/// not a private Ed25519 or P-256 JWK whose two halves belong together. No message repeats its content.
pub fn load(path: &Path) -> Result<SecretKey, CompileError> {
    load_with(path, None)
}

/// The same, and a file that a passphrase opens: encrypted PKCS#8 in PEM, whose key is called by its thumbprint.
///
/// # Errors
///
/// Those of [`load`]; `key.locked` where no passphrase is at hand, `key.passphrase` for a wrong one, `key.parameters` for
/// one that is worn too few or too many times, `key.algorithm` for a cipher or a key of another kind.
pub fn load_with(path: &Path, passphrase: Option<&Passphrase>) -> Result<SecretKey, CompileError> {
    let text = private_text(path, FILE_BYTES)?;
    if text.starts_with(b"-----BEGIN ") {
        return encrypted::open(path, &text, passphrase);
    }
    SecretKey::from_jwk(&text).ok_or_else(|| {
        let message = format!(
            "`{}` is not a private Ed25519 or P-256 key as `ambit keygen` writes it (a JWK with `kty`, `crv`, `x`, `d`)",
            path.display()
        );
        CompileError::new("key.format", message)
    })
}

/// A small file that only its owner can read.
fn private_text(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, CompileError> {
    let error =
        |error: &io::Error| CompileError::new("key.file", format!("`{}`: {error}", path.display()));
    // Asked before it is opened: opening a pipe waits.
    if !fs::metadata(path).map_err(|one| error(&one))?.is_file() {
        let message = format!("`{}` is not a file", path.display());
        return Err(CompileError::new("key.file", message));
    }
    let mut file = fs::File::open(path).map_err(|one| error(&one))?;
    check_mode(&file, path)?;
    // All of it at once: what a vector leaves behind when it grows is not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(
        usize::try_from(most + 1).unwrap_or_default(),
    ));
    let mut limited = (&mut file).take(most + 1);
    limited.read_to_end(&mut text).map_err(|one| error(&one))?;
    Ok(text)
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
    /// `None` for what is no scalar of P-256.
    fn from_secret(algorithm: Algorithm, secret: &[u8; 32], kid: Option<&str>) -> Option<Self> {
        let key = match algorithm {
            Algorithm::Ed25519 => Pair::Ed25519(SigningKey::from_bytes(secret)),
            Algorithm::Es256 => Pair::P256(p256::ecdsa::SigningKey::from_slice(secret).ok()?),
        };
        let mut key = Self {
            key,
            kid: String::new(),
            old_name: false,
        };
        key.kid = kid.map_or_else(|| key.thumbprint(), str::to_owned);
        Some(key)
    }

    /// The key of a private JWK.
    fn from_jwk(text: &[u8]) -> Option<Self> {
        let mut jwk: Map<String, Value> = serde_json::from_slice(text).ok()?;
        let Some(Value::String(d)) = jwk.remove("d") else {
            return None;
        };
        let d = Zeroizing::new(d);
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let (algorithm, old_name) = match (member("kty")?, member("crv")?, member("alg")) {
            ("OKP", "Ed25519", None | Some("Ed25519")) => (Algorithm::Ed25519, false),
            ("OKP", "Ed25519", Some("EdDSA")) => (Algorithm::Ed25519, true),
            ("EC", "P-256", None | Some("ES256")) => (Algorithm::Es256, false),
            _ => return None,
        };
        let secret = Zeroizing::new(from_base64url(&d)?);
        let secret = <&[u8; 32]>::try_from(secret.as_slice()).ok()?;
        let key = Self {
            old_name,
            ..Self::from_secret(algorithm, secret, member("kid"))?
        };
        let halves = PublicKey::from_parts(key.alg(), member("x")?, member("y"));
        (halves == Some(key.public())).then_some(key)
    }

    /// Writes the private key to a new file that only its owner can read (mode 0600).
    ///
    /// # Errors
    ///
    /// `key.exists` when there is such a file: a key is never overwritten. `key.file` when it cannot
    /// be written.
    pub fn save(&self, path: &Path) -> Result<(), CompileError> {
        Self::put(path, self.private_jwk().as_bytes())
    }

    /// The same as PKCS#8, which only this passphrase opens. The file does not keep the key's name.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save), and `key.random`.
    pub fn save_encrypted(&self, path: &Path, passphrase: &Passphrase) -> Result<(), CompileError> {
        Self::put(path, encrypted::close(self, passphrase)?.as_bytes())
    }

    fn put(path: &Path, text: &[u8]) -> Result<(), CompileError> {
        let error = |error: io::Error| {
            let code = if error.kind() == io::ErrorKind::AlreadyExists {
                "key.exists"
            } else {
                "key.file"
            };
            CompileError::new(code, format!("`{}`: {error}", path.display()))
        };
        // Beside the file first: a key is there whole or not at all, and a link is not followed.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = private_file(folder.unwrap_or_else(|| Path::new("."))).map_err(error)?;
        file.write_all(text)
            .and_then(|()| file.as_file().sync_all())
            .map_err(error)?;
        let kept = file.persist_noclobber(path).map_err(|failed| failed.error);
        kept.map(drop).map_err(error)
    }

    fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(match &self.key {
            Pair::Ed25519(key) => key.to_bytes(),
            Pair::P256(key) => key.to_bytes().into(),
        })
    }

    /// Written by hand, so that no copy of the secret stays behind in a JSON value.
    fn private_jwk(&self) -> Zeroizing<String> {
        let secret = self.secret();
        let d = Zeroizing::new(base64url(secret.as_slice()));
        let kid = Value::from(self.kid.as_str());
        let (kty, crv) = match self.key {
            Pair::Ed25519(_) => ("OKP", "Ed25519"),
            Pair::P256(_) => ("EC", "P-256"),
        };
        let y = self
            .y()
            .map_or_else(String::new, |y| format!("\"y\":\"{y}\","));
        Zeroizing::new(format!(
            "{{\"kty\":\"{kty}\",\"crv\":\"{crv}\",\"kid\":{kid},\"alg\":\"{}\",\"x\":\"{}\",{y}\"d\":\"{}\"}}\n",
            self.alg(),
            self.x(),
            *d
        ))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match &self.key {
            Pair::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Pair::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let mut both = [0; 64];
                // Behind the byte that says that both coordinates follow.
                for (to, from) in both.iter_mut().zip(point.as_bytes().iter().skip(1)) {
                    *to = *from;
                }
                PublicKey::P256(both)
            }
        }
    }

    /// The public key where it is an Ed25519 key: policy modules and audit logs know no other.
    #[must_use]
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        match self.public() {
            PublicKey::Ed25519(public) => Some(public),
            PublicKey::P256(_) => None,
        }
    }

    /// The public key as base64url: the `x` of `ambit.toml`.
    #[must_use]
    pub fn x(&self) -> String {
        match self.public() {
            PublicKey::Ed25519(x) => base64url(&x),
            PublicKey::P256(point) => base64url(point.split_at(32).0),
        }
    }

    /// The second coordinate of a P-256 key: the `y` of `ambit.toml`.
    #[must_use]
    pub fn y(&self) -> Option<String> {
        match self.public() {
            PublicKey::Ed25519(_) => None,
            PublicKey::P256(point) => Some(base64url(point.split_at(32).1)),
        }
    }

    /// The public key as a JWK, as `cnf.jwk` and `keys.json` have it.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        public_jwk(&self.public())
    }

    /// The name of the key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The RFC 7638 thumbprint of the public key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.public().thumbprint()
    }

    /// The header `alg`: `Ed25519`, `EdDSA` where the key file says so, or `ES256`.
    #[must_use]
    pub const fn alg(&self) -> &'static str {
        match self.key {
            Pair::Ed25519(_) if self.old_name => "EdDSA",
            Pair::Ed25519(_) => "Ed25519",
            Pair::P256(_) => "ES256",
        }
    }

    /// The signature over a message. Every form that is signed has a beginning of its own, so that none
    /// passes for another; still, one key signs one kind of thing.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &self.key {
            Pair::Ed25519(key) => key.sign(message).to_bytes(),
            Pair::P256(key) => {
                // Deterministic (RFC 6979): no randomness that could fail.
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().into()
            }
        }
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

/// A new file that only its owner can read, whatever the umask.
fn private_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ambit-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o600));
    }
    builder.tempfile_in(folder)
}
