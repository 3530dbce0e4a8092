//! What a service tells PostgreSQL of a call, so that row-level security enforces its bounds a second time.
//!
//! The policies in the database are made by `ambit build --sql`. They see rows only within what was sealed here:
//! tenant, subject, purpose, resource, and the bounds of every entry that the allow rests on. `docs/rows.md`.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ambit_core::Reason;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::enforce::Verdict;
use crate::native::NativeEngine;

/// Seconds within which the transaction must begin: a sealed call that somebody reads is of no use for long.
const LIFE: i64 = 60;
/// Characters of a key file: 32 bytes in hexadecimal.
const KEY: usize = 64;

/// The key that the database knows, too. Whoever has it can say to the database that anything was allowed.
#[derive(Clone)]
pub struct RowKey([u8; 32]);

/// The settings of one call, for one transaction.
///
/// ```text
/// let mut transaction = client.transaction()?;
/// transaction.execute(RowSettings::SQL, &[&settings.call(), &settings.seal()])?;
/// // … the queries of the call …
/// transaction.commit()?;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RowSettings {
    call: String,
    seal: String,
}

/// Why there are no settings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowError {
    /// The file has no key, or others can read it.
    Key(String),
    /// The call was refused, or is not allowed by this policy.
    Denied(String),
}

impl RowError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key(_) => "rows.key",
            Self::Denied(_) => "rows.denied",
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(why) => write!(f, "the key for row-level security cannot be used: {why}"),
            Self::Denied(why) => write!(f, "the database is told of allowed calls only: {why}"),
        }
    }
}

impl std::error::Error for RowError {}

impl RowKey {
    /// Reads the key from a file that only its owner may read: 64 hexadecimal digits (`openssl rand -hex 32`).
    ///
    /// # Errors
    ///
    /// [`RowError::Key`]
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RowError> {
        let unusable = |why: &dyn fmt::Display| RowError::Key(why.to_string());
        let file = std::fs::File::open(path).map_err(|error| unusable(&error))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let about = file.metadata().map_err(|error| unusable(&error))?;
            if about.mode() & 0o077 != 0 {
                return Err(unusable(&"others may read its file: `chmod 600` it"));
            }
        }
        let mut text = String::new();
        // A line's end behind it, and one byte to see that there is more.
        let most = u64::try_from(KEY).unwrap_or_default().saturating_add(3);
        file.take(most)
            .read_to_string(&mut text)
            .map_err(|_| unusable(&"it is no text"))?;
        Self::parse(text.trim_end())
    }

    /// The key of its 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`RowError::Key`]
    pub fn parse(digits: &str) -> Result<Self, RowError> {
        let wrong = || {
            let why = "it must be 64 hexadecimal digits, as `openssl rand -hex 32` makes them";
            RowError::Key(why.to_owned())
        };
        if digits.len() != KEY || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut key = [0; 32];
        for (byte, at) in key.iter_mut().zip((0..KEY).step_by(2)) {
            let pair = digits.get(at..at.saturating_add(2)).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(key))
    }

    /// What the database is told of this call. `verdict` is what the enforcer made of the answer to this request, and
    /// the request is judged once more: without an allow there is nothing to tell.
    ///
    /// # Errors
    ///
    /// [`RowError::Denied`]
    pub fn settings(
        &self,
        engine: &NativeEngine,
        request: &[u8],
        verdict: &Verdict,
    ) -> Result<RowSettings, RowError> {
        if !verdict.is_permitted() {
            return Err(RowError::Denied("this one was refused".to_owned()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or_default());
        let call = engine.rows(request, now.saturating_add(LIFE));
        let denied = |(reason, admin): (Reason, String)| format!("{}: {admin}", reason.code());
        let call = call.map_err(|denial| RowError::Denied(denied(denial)))?;
        let seal = self.seal(&call);
        Ok(RowSettings { call, seal })
    }

    /// HMAC-SHA-256 in hexadecimal.
    fn seal(&self, call: &str) -> String {
        use fmt::Write as _;
        let mut seal = String::with_capacity(KEY);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return seal;
        };
        mac.update(call.as_bytes());
        for byte in mac.finalize().into_bytes() {
            let _ = write!(seal, "{byte:02x}");
        }
        seal
    }
}

impl RowSettings {
    /// Says both to the database until the transaction ends; `$1` is [`call`](Self::call), `$2` is [`seal`](Self::seal).
    /// Outside of a transaction it lasts for this statement only, and no row is seen afterwards.
    pub const SQL: &'static str =
        "SELECT set_config('ambit.call', $1, true), set_config('ambit.seal', $2, true)";

    /// The call, as JSON.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// By which the database knows that the call is from here.
    #[must_use]
    pub fn seal(&self) -> &str {
        &self.seal
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowKey").finish_non_exhaustive()
    }
}

/// The seal stays out of logs: for a minute it opens what the call says.
impl fmt::Debug for RowSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowSettings")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::RowKey;

    /// RFC 4231, test case 1 has a key of 20 bytes; with 32 bytes it is what any HMAC-SHA-256 gives.
    #[test]
    fn the_seal_is_hmac_sha_256() {
        let key = RowKey::parse(&"0b".repeat(32)).unwrap();
        // `printf 'Hi There' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…` (32 times).
        assert_eq!(
            key.seal("Hi There"),
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
        );
    }

    #[test]
    fn a_key_is_sixty_four_digits_in_a_file_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.key");
        let code = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let rights = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(&path, rights).unwrap();
            }
            RowKey::read(&path).map_or_else(|error| error.code(), |_| "ok")
        };
        let key = "0f".repeat(32);
        assert_eq!(code(&key, 0o600), "ok");
        assert_eq!(code(&format!("{key}\n"), 0o600), "ok");
        assert_eq!(code(&key, 0o640), "rows.key");
        for wrong in [
            "",
            "0f",
            &"0g".repeat(32),
            &format!("{key}00"),
            &"é".repeat(32),
        ] {
            assert_eq!(code(wrong, 0o600), "rows.key", "{wrong}");
        }
        assert_eq!(
            RowKey::read(folder.path().join("no")).unwrap_err().code(),
            "rows.key"
        );
    }
}
