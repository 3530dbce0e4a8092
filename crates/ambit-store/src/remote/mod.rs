//! Fetching from an address.

mod agent;
mod files;
mod login;
mod registry;

use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::address::{Address, Kind, Origin, is_digest, is_own};
use crate::error::StoreError;
use agent::Asker;

/// Bytes of a validator that is sent back.
const ETAG: usize = 256;

/// How an address may be asked.
#[derive(Clone, Debug, Default)]
pub struct RemoteOptions {
    /// Whether to ask without TLS, where it is not this machine.
    pub plain_http: bool,
    /// Hosts that answers may lead on to, over TLS: the storage of a registry, or where it gives its tokens.
    pub via: Vec<String>,
    /// The file with `USER:PASSWORD`, or `Bearer TOKEN`. It is read whenever it is needed.
    pub login: Option<PathBuf>,
}

/// An address that policies are fetched from.
pub struct Remote {
    address: Address,
    asker: Asker,
    options: RemoteOptions,
    /// What a registry gave for asking it.
    token: Mutex<Option<String>>,
}

/// A policy as it was fetched: nobody has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The module, or its bundle alone.
    pub module: Vec<u8>,
    /// The detached signature, where there is one.
    pub signature: Option<Vec<u8>>,
    /// By what it is known again.
    pub marks: Marks,
}

/// By what an answer is known again, so that it is not fetched twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marks {
    /// The validators (RFC 9110 section 8.8.3) of a module and of its signature.
    Etags(Option<String>, Option<String>),
    /// The digest of the manifest.
    Manifest(String),
}

impl Marks {
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Etags(module, signature) => json!({"module": module, "signature": signature}),
            Self::Manifest(digest) => json!({"manifest": digest}),
        }
    }

    pub(crate) fn from_json(value: &Value) -> Self {
        if let Some(digest) = value["manifest"].as_str() {
            return Self::Manifest(digest.to_owned());
        }
        let etag = |name: &str| value[name].as_str().and_then(etag);
        Self::Etags(etag("module"), etag("signature"))
    }
}

/// A validator that can be sent back as it came.
fn etag(text: &str) -> Option<String> {
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let is_quoted = quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"');
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (is_quoted && text.len() <= ETAG && text.bytes().all(plain)).then(|| text.to_owned())
}

impl Remote {
    /// This address, asked so.
    ///
    /// # Errors
    ///
    /// `store.plain` where it would be asked without TLS and nobody said that it may.
    pub fn new(address: Address, options: RemoteOptions) -> Result<Self, StoreError> {
        let origin = match &address.0 {
            Kind::Http { origin, .. } => origin.clone(),
            Kind::Oci { authority, .. } => Origin {
                is_tls: !options.plain_http && !is_own(crate::address::host(authority)),
                authority: authority.clone(),
            },
        };
        if !origin.is_tls && !is_own(origin.host()) {
            if !options.plain_http {
                let message = format!("`{address}` would be asked without TLS");
                return Err(StoreError::new("store.plain", message));
            }
            if options.login.is_some() {
                let message = format!("`{address}` would be shown the login without TLS");
                return Err(StoreError::new("store.plain", message));
            }
        }
        Ok(Self {
            asker: Asker::new(origin, options.via.clone()),
            address,
            options,
            token: Mutex::default(),
        })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Fetches what lies there, unless it is what these marks say.
    ///
    /// It ends within half a minute, and reads no more than a policy may have.
    ///
    /// # Errors
    ///
    /// [`StoreError`], whose code says what went wrong.
    pub fn fetch(&self, known: Option<&Marks>) -> Result<Option<Fetched>, StoreError> {
        match &self.address.0 {
            Kind::Http { url, .. } => self.fetch_files(url, known),
            Kind::Oci {
                name, reference, ..
            } => self.pull(name, reference, known),
        }
    }

    /// Puts a policy with its signature there, and says by which address it is found for good.
    ///
    /// # Errors
    ///
    /// [`StoreError`], whose code says what went wrong.
    pub fn push(&self, module: &[u8], signature: Option<&[u8]>) -> Result<String, StoreError> {
        match &self.address.0 {
            Kind::Oci {
                name, reference, ..
            } => self.push_to(name, reference, module, signature),
            Kind::Http { .. } => Err(StoreError::new(
                "store.address",
                "policies are pushed to registries only: `oci://host/name:tag`",
            )),
        }
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A digest that a server names.
fn digest(text: &str) -> Option<String> {
    is_digest(text).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_validators_that_cannot_be_read_otherwise_are_sent_back() {
        for good in ["\"a\"", "W/\"a b\"", "\"\""] {
            assert_eq!(etag(good).as_deref(), Some(good));
        }
        for bad in [
            "a",
            "\"",
            "\"a\r\nx: y\"",
            "\"ä\"",
            &format!("\"{}\"", "a".repeat(300)),
        ] {
            assert_eq!(etag(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_goes_over_the_wire_in_the_clear_unasked() {
        let open = |address: &str, plain_http, login: Option<&str>| {
            let options = RemoteOptions {
                plain_http,
                login: login.map(PathBuf::from),
                via: Vec::new(),
            };
            let remote = Remote::new(Address::parse(address).unwrap(), options);
            remote
                .map(|remote| remote.asker.origin().is_tls)
                .map_err(|error| error.code())
        };
        let plain = "http://a.example/policy.wasm";
        assert_eq!(open(plain, false, None), Err("store.plain"));
        assert_eq!(open(plain, true, None), Ok(false));
        assert_eq!(open(plain, true, Some("login")), Err("store.plain"));
        assert_eq!(
            open("http://127.0.0.1:1/policy.wasm", false, Some("login")),
            Ok(false)
        );
        assert_eq!(open("oci://r.example/a:1", false, None), Ok(true));
        assert_eq!(open("oci://r.example/a:1", true, None), Ok(false));
        assert_eq!(
            open("oci://r.example/a:1", true, Some("login")),
            Err("store.plain")
        );
        assert_eq!(open("oci://localhost:5000/a:1", false, None), Ok(false));
    }
}
