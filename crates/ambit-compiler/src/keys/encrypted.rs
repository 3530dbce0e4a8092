//! Key files that a passphrase opens: PKCS#8 under PBES2 (RFC 5958, RFC 8018), as OpenSSL writes them.

use core::fmt;
use std::path::Path;

use ambit_token::PublicKey;
use pkcs8::der::asn1::{BitStringRef, OctetStringRef};
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, Reader as _, SecretDocument, SliceReader};
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Prf};
use pkcs8::pkcs5::{EncryptionScheme, Error as OpenError};
use pkcs8::spki::{AlgorithmIdentifier, AlgorithmIdentifierRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{Algorithm, SecretKey, private_text, random};
use crate::error::CompileError;

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
const PASSPHRASE_BYTES: u64 = 1024;
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// Rounds of PBKDF2 with HMAC-SHA-256 that we write: OWASP's Password Storage Cheat Sheet, 2023.
const ROUNDS: u32 = 600_000;
/// Fewer are searched through; more take a minute.
const FEWEST: u32 = 100_000;
const MOST: u32 = 10_000_000;
/// Of scrypt: what OpenSSL writes (N = 2^14, r = 8), and bytes.
const SCRYPT_COST: u64 = 1 << 14;
const SCRYPT_BLOCK: u16 = 8;
const SCRYPT_BYTES: u64 = 256 * 1024 * 1024;
const SCRYPT_PARALLEL: u16 = 16;
const SALT: usize = 8;

/// What opens a key file. It is wiped from memory when dropped, and its debug form shows stars.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(****)")
    }
}

impl Passphrase {
    /// The first line of a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// `key.file`, `key.mode`; `key.passphrase` for one that is empty or has more than 1024 bytes.
    pub fn read(path: &Path) -> Result<Self, CompileError> {
        let text = private_text(path, PASSPHRASE_BYTES)?;
        Self::of(&text, &format!("the file `{}`", path.display()))
    }

    /// What this variable of the environment has.
    ///
    /// # Errors
    ///
    /// `key.passphrase`
    pub fn from_env(name: &str) -> Result<Self, CompileError> {
        let text = std::env::var_os(name).unwrap_or_default();
        let text = Zeroizing::new(text.into_encoded_bytes());
        // Not its name: it may be the passphrase that was given in its place.
        Self::of(&text, "the environment variable that is named")
    }

    fn of(text: &[u8], place: &str) -> Result<Self, CompileError> {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || text.len() as u64 > PASSPHRASE_BYTES {
            let message = format!("{place} has no passphrase in it: one line, up to 1024 bytes");
            return Err(CompileError::new("key.passphrase", message));
        }
        Ok(Self(Zeroizing::new(line.to_vec())))
    }
}

/// The key in a file.
pub(super) fn open(
    path: &Path,
    text: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<SecretKey, CompileError> {
    let error = |code, what: &str| CompileError::new(code, format!("`{}` {what}", path.display()));
    let text = core::str::from_utf8(text).map_err(|_| error("key.format", NO_KEY))?;
    let (label, file) =
        SecretDocument::from_pem(text.trim_end()).map_err(|_| error("key.format", NO_KEY))?;
    if label != LABEL {
        return Err(error(
            "key.format",
            "is PEM, but no encrypted PKCS#8 (`BEGIN ENCRYPTED PRIVATE KEY`)",
        ));
    }
    let (scheme, sealed) = outer(file.as_bytes()).ok_or_else(|| error("key.format", NO_KEY))?;
    let scheme = EncryptionScheme::try_from(scheme).map_err(|_| error("key.algorithm", CIPHER))?;
    check(&scheme).map_err(|(code, what)| error(code, what))?;
    let passphrase = passphrase
        .ok_or_else(|| error("key.locked", "is encrypted, and no passphrase is at hand"))?;
    let opened = scheme
        .decrypt(&*passphrase.0, sealed)
        .map_err(|failed| match failed {
            OpenError::DecryptFailed => error("key.passphrase", WRONG),
            _ => error("key.algorithm", CIPHER),
        })?;
    let opened = Zeroizing::new(opened);
    // Of 256 wrong passphrases one has an end that looks right.
    let info = PrivateKeyInfoRef::try_from(opened.as_slice())
        .map_err(|_| error("key.passphrase", WRONG))?;
    let algorithm = match (info.algorithm.oid, info.algorithm.parameters_oid().ok()) {
        (ED25519, _) => Algorithm::Ed25519,
        (EC, Some(P256)) => Algorithm::Es256,
        _ => {
            return Err(error(
                "key.algorithm",
                "has a key that is neither Ed25519 nor P-256",
            ));
        }
    };
    secret(algorithm, info.private_key.as_bytes())
        .and_then(|secret| SecretKey::from_secret(algorithm, &secret, None))
        .filter(|key| is_of(key, info.public_key))
        .ok_or_else(|| error("key.format", NO_KEY))
}

const NO_KEY: &str = "is not an encrypted private key, or a damaged one";
const WRONG: &str = "is not opened by this passphrase";
const CIPHER: &str = "is encrypted in another way than PBES2 with PBKDF2 (HMAC-SHA-256 or longer) or scrypt, and AES";

/// How it is encrypted, and what.
fn outer(file: &[u8]) -> Option<(AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(file).ok()?;
    let parts = reader.sequence(|inner| {
        let scheme = AlgorithmIdentifierRef::decode(inner)?;
        let sealed = <&OctetStringRef>::decode(inner)?;
        Ok::<_, pkcs8::der::Error>((scheme, sealed.as_bytes()))
    });
    let parts = parts.ok()?;
    reader.finish().ok().map(|()| parts)
}

/// Whether finding the passphrase takes more work than trying it.
fn check(scheme: &EncryptionScheme) -> Result<(), (&'static str, &'static str)> {
    let Some(Parameters {
        kdf, encryption, ..
    }) = scheme.pbes2()
    else {
        return Err(("key.algorithm", CIPHER));
    };
    let aes = matches!(
        encryption,
        Cipher::Aes128Cbc { .. }
            | Cipher::Aes192Cbc { .. }
            | Cipher::Aes256Cbc { .. }
            | Cipher::Aes128Gcm { .. }
            | Cipher::Aes256Gcm { .. }
    );
    let (known, fits) = match kdf {
        Kdf::Pbkdf2(params) => (
            matches!(
                params.prf,
                Pbkdf2Prf::HmacWithSha256 | Pbkdf2Prf::HmacWithSha384 | Pbkdf2Prf::HmacWithSha512
            ),
            (FEWEST..=MOST).contains(&params.iteration_count)
                && params.salt.as_bytes().len() >= SALT,
        ),
        Kdf::Scrypt(params) => {
            let bytes = params
                .cost_parameter
                .saturating_mul(128 * u64::from(params.block_size));
            let sound = params.cost_parameter >= SCRYPT_COST
                && params.block_size >= SCRYPT_BLOCK
                && bytes <= SCRYPT_BYTES
                && (1..=SCRYPT_PARALLEL).contains(&params.parallelization)
                && params.salt.as_bytes().len() >= SALT;
            (true, sound)
        }
        _ => (false, false),
    };
    match (aes && known, fits) {
        (false, _) => Err(("key.algorithm", CIPHER)),
        (true, false) => Err(("key.parameters", RANGE)),
        (true, true) => Ok(()),
    }
}

const RANGE: &str = "is encrypted so that a passphrase is tried too fast, or too slowly: wanted are 100000 to 10000000 iterations of PBKDF2, or scrypt with N of 16384 or more and up to 256 MiB, and a salt of 8 bytes or more";

/// The 32 bytes: within an OCTET STRING (RFC 8410, section 7), or an `ECPrivateKey` (RFC 5915).
fn secret(algorithm: Algorithm, key: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = match algorithm {
        Algorithm::Ed25519 => <&OctetStringRef>::from_der(key).ok()?.as_bytes(),
        Algorithm::Es256 => {
            let mut reader = SliceReader::new(key).ok()?;
            let read = reader.sequence(|inner| {
                let version = u8::decode(inner)?;
                let secret = <&OctetStringRef>::decode(inner)?;
                // Curve and public key, which say nothing new.
                inner.read_slice(inner.remaining_len())?;
                Ok::<_, pkcs8::der::Error>((version, secret.as_bytes()))
            });
            let (version, secret) = read.ok()?;
            (version == 1).then_some(secret)?
        }
    };
    <[u8; 32]>::try_from(bytes).ok().map(Zeroizing::new)
}

/// A public half beside it must be its own.
fn is_of(key: &SecretKey, public: Option<BitStringRef<'_>>) -> bool {
    match (key.public(), public.map(|bits| bits.raw_bytes())) {
        (_, None) => true,
        (PublicKey::Ed25519(own), Some(public)) => own == public,
        (PublicKey::P256(own), Some(public)) => public.strip_prefix(&[4]) == Some(&own),
    }
}

/// The text of a file with this key.
pub(super) fn close(
    key: &SecretKey,
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, CompileError> {
    let failed = |_| CompileError::new("key.format", "the key cannot be written as PKCS#8");
    let secret = key.secret();
    let mut body = Zeroizing::new(Vec::with_capacity(128));
    let (oid, parameters) = match key.public() {
        PublicKey::Ed25519(_) => {
            body.extend_from_slice(&[0x04, 0x20]);
            body.extend_from_slice(secret.as_slice());
            (ED25519, None)
        }
        PublicKey::P256(point) => {
            body.extend_from_slice(&[0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20]);
            body.extend_from_slice(secret.as_slice());
            body.extend_from_slice(&[0xa1, 0x44, 0x03, 0x42, 0x00, 0x04]);
            body.extend_from_slice(&point);
            (EC, Some(P256))
        }
    };
    let parameters = parameters.as_ref().map(Into::into);
    let body = OctetStringRef::new(&body).map_err(failed)?;
    let info = PrivateKeyInfoRef::new(AlgorithmIdentifier { oid, parameters }, body);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    random(&mut salt)?;
    random(&mut iv)?;
    let failed = |_| CompileError::new("key.format", "the key cannot be encrypted");
    let worn = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv);
    let worn = worn.map_err(|_| CompileError::new("key.format", "the key cannot be encrypted"))?;
    let sealed = info
        .encrypt_with_params(worn, &*passphrase.0)
        .map_err(failed)?;
    let failed = |_| CompileError::new("key.format", "the key cannot be written as PEM");
    sealed.to_pem(LABEL, LineEnding::LF).map_err(failed)
}
