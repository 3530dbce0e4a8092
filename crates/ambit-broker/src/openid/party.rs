//! The broker as a client of an OpenID provider: what its file says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ambit_gateway::Fault;
use serde::Deserialize;

use crate::config::{host, is_own, wrong};

/// Persons in the file, and values of `acr` that may be asked for.
const PEOPLE: usize = 10_000;
const ACR_VALUES: usize = 16;

/// `[login]`, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartyEntry {
    issuer: String,
    client_id: String,
    key: Option<PathBuf>,
    #[serde(default)]
    acr_values: Vec<String>,
    subject_prefix: Option<String>,
    people: Option<BTreeMap<String, String>>,
}

/// `[login]`, checked.
#[derive(Debug)]
pub(crate) struct Party {
    /// The provider.
    pub(crate) issuer: String,
    /// What it calls the broker.
    pub(crate) client_id: String,
    /// The private key with which the broker says who it is. Without one, PKCE alone ties code and login together.
    pub(crate) key: Option<PathBuf>,
    /// What agents may ask of a login.
    pub(crate) acr_values: Vec<String>,
    people: People,
}

/// Which person a subject of the provider is.
#[derive(Debug)]
enum People {
    /// This text and the subject: one person each, and no two alike.
    Prefixed(String),
    /// Those that are listed, and nobody else.
    Listed(BTreeMap<String, String>),
}

impl Party {
    pub(crate) fn check(entry: PartyEntry, folder: &Path) -> Result<Self, Fault> {
        if !is_provider(&entry.issuer) {
            return Err(wrong(
                "`login.issuer` is the provider's `https` URL, as it calls itself, without a query (or `http` on 127.0.0.1, [::1] or localhost to try things out)",
            ));
        }
        if entry.client_id.is_empty() || entry.client_id.len() > 512 {
            return Err(wrong("`login.client_id` has 1 to 512 bytes"));
        }
        let plain = |acr: &String| !acr.is_empty() && acr.bytes().all(|c| c.is_ascii_graphic());
        if entry.acr_values.len() > ACR_VALUES || !entry.acr_values.iter().all(plain) {
            return Err(wrong(format!(
                "`login.acr_values` are up to {ACR_VALUES} values without blanks"
            )));
        }
        let people = match (entry.subject_prefix, entry.people) {
            (Some(prefix), None) if !prefix.is_empty() => People::Prefixed(prefix),
            (None, Some(people)) if (1..=PEOPLE).contains(&people.len()) => People::Listed(people),
            _ => {
                return Err(wrong(format!(
                    "say which persons the provider's subjects are: either `login.subject_prefix`, to which each subject is added, or 1 to {PEOPLE} `[login.people]`, and not both"
                )));
            }
        };
        if let People::Listed(people) = &people {
            listed(people)?;
        }
        Ok(Self {
            issuer: entry.issuer,
            client_id: entry.client_id,
            key: entry.key.map(|key| folder.join(key)),
            acr_values: entry.acr_values,
            people,
        })
    }

    /// The person that this subject is, if it is anybody's here.
    pub(crate) fn person(&self, subject: &str) -> Option<String> {
        match &self.people {
            People::Prefixed(prefix) => Some(format!("{prefix}{subject}")),
            People::Listed(people) => people.get(subject).cloned(),
        }
    }

    /// Whether a login there can be one of those that are asked for; none asked for is any.
    pub(crate) fn may_meet(&self, asked: &[String]) -> bool {
        asked.is_empty() || asked.iter().any(|acr| self.acr_values.contains(acr))
    }
}

/// Each subject is somebody, and nobody is two.
fn listed(people: &BTreeMap<String, String>) -> Result<(), Fault> {
    let mut seen = BTreeMap::new();
    for (subject, person) in people {
        if subject.is_empty() || person.is_empty() {
            return Err(wrong("`[login.people]` has an empty subject or person"));
        }
        if let Some(other) = seen.insert(person, subject) {
            return Err(wrong(format!(
                "the subjects `{other}` and `{subject}` of `[login.people]` are one person, `{person}`: each person has one"
            )));
        }
    }
    Ok(())
}

/// Where a provider, or an endpoint of it, may be: over TLS, or on this machine.
pub(crate) fn is_provider(url: &str) -> bool {
    let plain = url
        .bytes()
        .all(|c| c.is_ascii_graphic() && !b"\"<>\\^`{|}#?@".contains(&c));
    let secure = url.starts_with("https://") || (url.starts_with("http://") && is_own(host(url)));
    plain && secure && url.len() <= 2048 && !host(url).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Party, Fault> {
        let text = format!("client_id = \"broker\"\n{text}");
        Party::check(toml::from_str(&text).unwrap(), Path::new("/x"))
    }

    #[test]
    fn who_is_who_is_said_in_one_way() {
        let at = "issuer = \"https://login.example/tenant\"\n";
        let listed = read(&format!("{at}people = {{ \"7\" = \"user:ann\" }}")).unwrap();
        assert_eq!(listed.person("7").as_deref(), Some("user:ann"));
        assert_eq!(listed.person("8"), None);
        let prefixed = read(&format!("{at}subject_prefix = \"user:\"")).unwrap();
        assert_eq!(prefixed.person("8").as_deref(), Some("user:8"));
        for text in [
            "",
            "subject_prefix = \"\"",
            "people = {}",
            "subject_prefix = \"u\"\npeople = { \"7\" = \"a\" }",
            "people = { \"7\" = \"a\", \"8\" = \"a\" }",
            "people = { \"7\" = \"\" }",
        ] {
            assert!(read(&format!("{at}{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn providers_are_asked_over_tls() {
        for url in [
            "https://a.example",
            "https://a.example/t/v2.0",
            "http://127.0.0.1:9/x",
        ] {
            assert!(is_provider(url), "{url}");
        }
        for url in [
            "http://a.example",
            "https://",
            "https://a.example?x",
            "https://user@a.example",
            "http://localhost@evil.example",
            "http://localhost.evil.example",
            "ftp://localhost",
        ] {
            assert!(!is_provider(url), "{url}");
        }
    }
}
