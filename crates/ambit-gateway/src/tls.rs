//! TLS: to a service behind, whose certificate is checked, and towards clients.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::fault::Fault;
use crate::files::{self, Followed, Stamp};
use crate::point::Say;

const HTTP: &[u8] = b"http/1.1";

/// Bytes in both directions: over TCP, or over TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// How a service proves who it is.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Client {
    /// For this host: by the authorities that this machine trusts, or by those of a file (PEM) alone.
    pub(crate) fn new(host: &str, authorities: Option<&Path>) -> Result<Self, Fault> {
        let broken = |error: rustls::Error| Fault::new("tls.config", error.to_string());
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(broken)?;
        let builder = match authorities {
            Some(path) => builder.with_root_certificates(roots(path)?),
            None => builder.with_platform_verifier().map_err(broken)?,
        };
        let mut config = builder.with_no_client_auth();
        config.alpn_protocols = vec![HTTP.to_vec()];
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Fault::new(
                "tls.config",
                format!("`{host}` is no name that a certificate has"),
            )
        })?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    /// Speaks TLS over this, once the certificate was checked.
    pub(crate) async fn connect(&self, over: impl Io + 'static) -> std::io::Result<Box<dyn Io>> {
        let name = self.name.clone();
        Ok(Box::new(self.connector.connect(name, over).await?))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.name).finish()
    }
}

/// The certificate of a service, which is read anew when its files change.
pub struct Tls {
    files: [PathBuf; 2],
    now: Mutex<Arc<ServerConfig>>,
    followed: Mutex<Followed>,
    say: Say,
}

impl Tls {
    /// The certificate with those that lead to its authority, and its key; both PEM.
    ///
    /// # Errors
    ///
    /// [`Fault`] where they cannot be read, or do not belong together.
    pub fn open(certificate: &Path, key: &Path, say: Say) -> Result<Self, Fault> {
        let files = [certificate.to_owned(), key.to_owned()];
        let stamp = Stamp::of(&files);
        Ok(Self {
            now: Mutex::new(Arc::new(read(&files)?)),
            followed: Mutex::new(Followed::new(stamp)),
            files,
            say,
        })
    }

    /// Looks at the files. What is wrong with new ones is told, and the ones before stay.
    pub(crate) fn refresh(&self) {
        let stamp = Stamp::of(&self.files);
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        match followed.follow(stamp, || read(&self.files)) {
            Some(Ok(config)) => {
                *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
            }
            Some(Err(fault)) => (self.say)(&format!("the certificate stays as it was: {fault}")),
            None => {}
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&now))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let text = files::whole(path, files::SMALL)?;
    let wrong = |why: String| Fault::new("tls.file", why).at(path);
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let all = all.map_err(|error| wrong(format!("a certificate in it is not PEM: {error}")))?;
    match all.is_empty() {
        true => Err(wrong(
            "there is no certificate in it (PEM: `-----BEGIN CERTIFICATE-----`)".to_owned(),
        )),
        false => Ok(all),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    for one in certificates(path)? {
        let added = roots.add(one);
        added.map_err(|error| {
            Fault::new(
                "tls.file",
                format!("a certificate in it is no authority: {error}"),
            )
            .at(path)
        })?;
    }
    Ok(roots)
}

fn read([certificate, key]: &[PathBuf; 2]) -> Result<ServerConfig, Fault> {
    let chain = certificates(certificate)?;
    let text = files::whole(key, files::SMALL)?;
    // What the file says is told to nobody.
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        let why = "there is no private key in it (PEM: `-----BEGIN PRIVATE KEY-----`)";
        Fault::new("tls.file", why).at(key)
    })?;
    let config =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.and_then(|config| {
        config
            .with_no_client_auth()
            .with_single_cert(chain, private)
    });
    let mut config = config.map_err(|error| {
        Fault::new("tls.file", format!("it does not go with its key: {error}")).at(certificate)
    })?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(config)
}
