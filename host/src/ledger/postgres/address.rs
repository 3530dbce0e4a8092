//! What names a database: the driver's words, and those about encryption that it does not know.

use std::net::IpAddr;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::LedgerError;

/// Where a ledger is, and how its server is known.
pub(super) struct Address {
    pub(super) config: Config,
    /// Whether the connection is encrypted.
    pub(super) is_encrypted: bool,
    /// The certificates of those who may vouch for the server; otherwise those that the system trusts.
    pub(super) roots: Option<PathBuf>,
}

impl Address {
    pub(super) fn read(database: &str) -> Result<Self, LedgerError> {
        let refused = |why: &str| LedgerError::Store(why.to_owned());
        let words = Words::of(database);
        // What the driver says could repeat a password.
        let mut config: Config = words.rest.parse().map_err(|_| {
            refused("this names no database: postgres://USER@HOST/DATABASE, and ?sslmode=verify-full where the server is on another machine")
        })?;
        let is_encrypted = words.is_verified || config.get_ssl_mode() == SslMode::Require;
        if !is_encrypted && !is_near(&config) {
            return Err(refused(
                "the connection would not be encrypted: add ?sslmode=verify-full, or name a socket or a loopback address with a tunnel behind it",
            ));
        }
        config.ssl_mode(match is_encrypted {
            true => SslMode::Require,
            false => SslMode::Disable,
        });
        Ok(Self {
            config,
            is_encrypted,
            roots: words.roots,
        })
    }
}

/// Whether there is a password in what names a database. Also in what the driver cannot read, where it looks like that.
pub(super) fn has_password(database: &str) -> bool {
    let looks = || {
        let user = database.split_once("://").and_then(|(_, rest)| {
            let (user, _) = rest.rsplit_once('@')?;
            Some(user.contains(':'))
        });
        user.unwrap_or_default() || database.contains("password=")
    };
    match Words::of(database).rest.parse::<Config>() {
        Ok(config) => config.get_password().is_some(),
        Err(_) => looks(),
    }
}

/// An address without the words that the driver does not know.
struct Words {
    rest: String,
    /// `sslmode=verify-full` stands there, or `sslrootcert`, which makes no sense without.
    is_verified: bool,
    roots: Option<PathBuf>,
}

impl Words {
    fn of(database: &str) -> Self {
        let mut words = Self {
            rest: database.to_owned(),
            is_verified: false,
            roots: None,
        };
        // Where the driver sees the options begin: a password may have a question mark in it.
        let scheme = database.find("://").map_or(database.len(), |at| at + 3);
        let tail = database.get(scheme..).unwrap_or_default();
        let host = tail.find('@').map_or(0, |at| at + 1);
        let tail = tail.get(host..).unwrap_or_default();
        let Some((_, options)) = tail.split_once('?') else {
            return words;
        };
        let mut kept = Vec::new();
        for option in options.split('&') {
            match option.split_once('=') {
                // Every certificate is verified, name included, so the weaker word means no less.
                Some(("sslmode", "verify-full" | "verify-ca")) => words.is_verified = true,
                Some(("sslrootcert", file)) => {
                    words.is_verified = true;
                    words.roots = Some(decoded(file))
                        .filter(|file| file != "system")
                        .map(PathBuf::from);
                }
                _ => kept.push(option),
            }
        }
        let head = database.len() - options.len() - 1;
        words.rest = database.get(..head).unwrap_or_default().to_owned();
        if !kept.is_empty() {
            words.rest = format!("{}?{}", words.rest, kept.join("&"));
        }
        words
    }
}

/// A value of an option, as the driver reads one.
fn decoded(value: &str) -> String {
    let read = format!("postgres://host?application_name={value}").parse::<Config>();
    let name = read
        .ok()
        .and_then(|config| Some(config.get_application_name()?.to_owned()));
    name.unwrap_or_else(|| value.to_owned())
}

/// Whether nobody on a network reads what is sent.
fn is_near(config: &Config) -> bool {
    let loopback = |address: &IpAddr| address.is_loopback();
    let addresses = config.get_hostaddrs();
    let hosts = config.get_hosts();
    let near = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|one| loopback(&one)),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    addresses.iter().all(loopback)
        && (!addresses.is_empty() || (!hosts.is_empty() && hosts.iter().all(near)))
}
