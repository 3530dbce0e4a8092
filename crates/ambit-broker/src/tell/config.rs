//! Who is told: what the broker's file says of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ambit_gateway::{Fault, read_text};
use lettre::Address;
use lettre::message::Mailbox;
use serde::Deserialize;

use crate::config::{host, is_own, wrong};
use crate::openid::is_provider;

/// Services that hear of revocations, and people with an address.
const SUBSCRIBERS: usize = 16;
const PEOPLE: usize = 10_000;

/// `[[subscribers]]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriberEntry {
    url: String,
    audience: String,
}

/// `[notify]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotifyEntry {
    webhook: Option<String>,
    pub(crate) mail: Option<MailEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailEntry {
    server: String,
    from: String,
    user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    people: BTreeMap<String, String>,
}

/// A service that hears of revocations.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) url: String,
    pub(crate) audience: String,
}

/// How people hear of a call that waits for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notify {
    pub(crate) webhook: Option<String>,
    pub(crate) mail: Option<Mail>,
}

/// The SMTP server, and where people read.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) tls: Tls,
    pub(crate) from: Mailbox,
    pub(crate) login: Option<(String, String)>,
    pub(crate) people: BTreeMap<String, Address>,
}

/// How the connection to the SMTP server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From the beginning (`smtps://`).
    Whole,
    /// By STARTTLS, or not at all (`smtp://`).
    Started,
    /// It does not leave this machine.
    Own,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Notify {
    pub(crate) fn check(entry: NotifyEntry, folder: &Path) -> Result<Self, Fault> {
        if let Some(url) = &entry.webhook {
            is_told(url, "notify.webhook")?;
        }
        let mail = entry.mail.map(|mail| Mail::check(mail, folder));
        Ok(Self {
            webhook: entry.webhook,
            mail: mail.transpose()?,
        })
    }

    /// Whether anybody is told.
    pub(crate) const fn is_any(&self) -> bool {
        self.webhook.is_some() || self.mail.is_some()
    }
}

impl Mail {
    fn check(entry: MailEntry, folder: &Path) -> Result<Self, Fault> {
        let (whole, rest) = match (
            entry.server.strip_prefix("smtps://"),
            entry.server.strip_prefix("smtp://"),
        ) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            _ => return Err(server()),
        };
        let host = host(&entry.server).trim_matches(['[', ']']).to_owned();
        let port = rest
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'));
        let port = port.map(|(_, port)| port.parse().map_err(|_| server()));
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        if host.is_empty() || !rest.bytes().all(plain) {
            return Err(server());
        }
        let own = is_own(crate::config::host(&entry.server));
        let tls = match (whole, own) {
            (true, _) => Tls::Whole,
            (false, true) => Tls::Own,
            (false, false) => Tls::Started,
        };
        let login = match (entry.user, entry.password_file) {
            (Some(user), Some(file)) => {
                let text = read_text(&folder.join(file))?;
                Some((user, text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (None, None) => None,
            _ => {
                return Err(wrong(
                    "`notify.mail.user` and `notify.mail.password_file` go together",
                ));
            }
        };
        let from = entry.from.parse();
        let from = from.map_err(|_| wrong("`notify.mail.from` is no address of e-mail"))?;
        if !(1..=PEOPLE).contains(&entry.people.len()) {
            return Err(wrong(format!(
                "`notify.mail.people` says where 1 to {PEOPLE} people read e-mail"
            )));
        }
        let mut people = BTreeMap::new();
        for (person, address) in entry.people {
            let address = address.parse().map_err(|_| {
                wrong(format!(
                    "`notify.mail.people`: what stands for `{person}` is no address of e-mail"
                ))
            })?;
            people.insert(person, address);
        }
        Ok(Self {
            host,
            port: port.transpose()?,
            tls,
            from,
            login,
            people,
        })
    }
}

fn server() -> Fault {
    wrong(
        "`notify.mail.server` is `smtps://HOST`, or `smtp://HOST` for STARTTLS, with `:PORT` where it is another",
    )
}

pub(crate) fn subscribers(entries: Vec<SubscriberEntry>) -> Result<Vec<Subscriber>, Fault> {
    if entries.len() > SUBSCRIBERS {
        return Err(wrong(format!(
            "there are up to {SUBSCRIBERS} `[[subscribers]]`"
        )));
    }
    let mut all: Vec<Subscriber> = Vec::new();
    for SubscriberEntry { url, audience } in entries {
        is_told(&url, "subscribers.url")?;
        if audience.is_empty() || all.iter().any(|one| one.url == url) {
            return Err(wrong(format!(
                "the subscriber `{url}` has no `audience`, or is named twice"
            )));
        }
        all.push(Subscriber { url, audience });
    }
    Ok(all)
}

/// Whether something may be sent there: over TLS, or on this machine.
pub(crate) fn is_told(url: &str, name: &str) -> Result<(), Fault> {
    is_provider(url).then_some(()).ok_or_else(|| {
        wrong(format!(
            "`{name}` is an `https` URL without a query (or `http` on 127.0.0.1, [::1] or localhost to try things out)"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(server: &str) -> Result<Mail, Fault> {
        let text = format!(
            "server = \"{server}\"\nfrom = \"Ambit <ambit@a.example>\"\npeople = {{ \"user:ann\" = \"ann@a.example\" }}"
        );
        Mail::check(toml::from_str(&text).unwrap(), Path::new("/x"))
    }

    #[test]
    fn e_mail_is_sent_over_tls_or_not_away() {
        for (server, host, port, tls) in [
            ("smtps://mail.a.example", "mail.a.example", None, Tls::Whole),
            (
                "smtp://mail.a.example:587",
                "mail.a.example",
                Some(587),
                Tls::Started,
            ),
            ("smtp://127.0.0.1:2525", "127.0.0.1", Some(2525), Tls::Own),
            ("smtp://[::1]", "::1", None, Tls::Own),
            (
                "smtp://localhost.a.example",
                "localhost.a.example",
                None,
                Tls::Started,
            ),
        ] {
            let mail = mail(server).unwrap();
            assert_eq!(
                (mail.host.as_str(), mail.port, mail.tls),
                (host, port, tls),
                "{server}"
            );
        }
        for server in [
            "mail.a.example",
            "smtp://",
            "smtp://a b",
            "smtp://a:x",
            "smtp://u@a",
            "smtp://a/x",
        ] {
            assert!(mail(server).is_err(), "{server}");
        }
    }
}
