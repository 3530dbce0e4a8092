//! Who may ask the broker for tokens: a small file, checked when it is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ambit_core::json::{Document, Profile};
use ambit_gateway::{Fault, read_text};
use ambit_policy::Bundle;
use ambit_token::{PublicKey, ROLE};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::demands::ASKED;
use crate::glass::BreakGlass;
use crate::openid::{Party, PartyEntry};
use crate::rate::{self, Limits};
use crate::records::{self, Point, PointEntry};
use crate::second::{self, Service};
use crate::tell::{self, Notify, NotifyEntry, Subscriber, SubscriberEntry};

/// Clients, and keys, redirect URIs and audiences of each.
const CLIENTS: usize = 1000;
const EACH: usize = 16;
/// Seconds that a token lives unless the file says less.
const LIFE: i64 = 600;
/// The most seconds for which a grant may be used again: 30 days.
const AGAIN: i64 = 30 * 86_400;

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    issuer: String,
    database: PathBuf,
    token_key: PathBuf,
    receipt_key: PathBuf,
    epochs_key: Option<PathBuf>,
    events_key: Option<PathBuf>,
    key_passphrase_file: Option<PathBuf>,
    key_passphrase_env: Option<String>,
    life_seconds: Option<i64>,
    again_seconds: Option<i64>,
    login: Option<PartyEntry>,
    #[serde(default)]
    limits: rate::Entry,
    #[serde(default)]
    roles: BTreeMap<String, Vec<String>>,
    break_glass: Option<BreakGlass>,
    notify: Option<NotifyEntry>,
    #[serde(default)]
    services: Vec<second::Entry>,
    #[serde(default)]
    subscribers: Vec<SubscriberEntry>,
    #[serde(default)]
    points: Vec<PointEntry>,
    #[serde(default)]
    clients: Vec<ClientEntry>,
}

impl File {
    /// For how long people may allow a grant to be used again.
    fn again(&self) -> Result<i64, Fault> {
        let again = self.again_seconds.unwrap_or(0);
        if !(0..=AGAIN).contains(&again) {
            return Err(wrong(format!("`again_seconds` is between 0 and {AGAIN}")));
        }
        if again > 0 && self.login.is_none() {
            return Err(wrong(
                "`again_seconds` wants `[login]`: an agent uses a grant again with an ID token of that provider, so without one people would be offered what no agent can use",
            ));
        }
        Ok(again)
    }

    /// What it names that holds secrets, beside private keys.
    fn secrets(&self, folder: &Path) -> Vec<PathBuf> {
        let mail = self.notify.as_ref().and_then(|one| one.mail.as_ref());
        let password = mail.and_then(|mail| mail.password_file.as_ref());
        let tokens = self
            .services
            .iter()
            .filter_map(|one| one.token_file.as_ref());
        let all = tokens.chain(password).chain([&self.database]);
        all.map(|path| folder.join(path)).collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientEntry {
    client_id: String,
    keys: Vec<PathBuf>,
    redirect_uris: Vec<String>,
    audiences: Vec<String>,
    tenant: Option<String>,
    agent: Map<String, Value>,
    act: String,
    login_client_id: Option<String>,
    notification_endpoint: Option<String>,
}

/// The file, checked.
#[derive(Debug)]
pub struct Config {
    /// The issuer: an origin, where the broker is reached.
    pub issuer: String,
    /// The SQLite file.
    pub database: PathBuf,
    /// The private key that signs tokens.
    pub token_key: PathBuf,
    /// The private key that signs what people said.
    pub receipt_key: PathBuf,
    /// The private key that signs revocation epochs, where they are served.
    pub epochs_key: Option<PathBuf>,
    /// The private key that signs what others are told, where anybody is.
    pub events_key: Option<PathBuf>,
    /// The file with the passphrase of private keys that are encrypted.
    pub key_passphrase_file: Option<PathBuf>,
    /// Or the environment variable that has it.
    pub key_passphrase_env: Option<String>,
    /// The OpenID provider at which people log in, where there is one.
    pub(crate) login: Option<Party>,
    /// The most seconds that a token lives.
    pub(crate) life: i64,
    /// The most seconds for which a grant may be used again; 0: never.
    pub(crate) again: i64,
    /// How often agents may ask, and people log in.
    pub(crate) limits: Limits,
    /// This file, and those that it names which hold what is secret, beside private keys.
    pub(crate) file: PathBuf,
    pub(crate) secrets: Vec<PathBuf>,
    /// Who acts in which role.
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    /// Who may override a denial.
    pub(crate) glass: Option<BreakGlass>,
    /// Policy services whose yes the policy asks for.
    pub(crate) services: Vec<Service>,
    /// How people hear of a call that waits.
    pub(crate) notify: Notify,
    /// Who hears of revocations.
    pub(crate) subscribers: Vec<Subscriber>,
    /// Who may post decision records.
    pub(crate) points: Vec<Point>,
    pub(crate) clients: Vec<Client>,
}

/// A client: one agent instance.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) tenant: Option<String>,
    /// The claim `agent`.
    pub(crate) agent: Value,
    /// `act.sub`.
    pub(crate) act: String,
    /// What the OpenID provider calls it: the audience of ID tokens that are its own.
    pub(crate) login_client_id: String,
    /// Where it hears that a call is answered (CIBA, section 4).
    pub(crate) notified_at: Option<String>,
}

impl Client {
    /// The agent's class.
    pub(crate) fn class(&self) -> &str {
        self.agent["uid"].as_str().unwrap_or_default()
    }
}

impl Config {
    /// Reads it. Paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the first thing that is wrong.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let text = read_text(path)?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            wrong(format!("{line}{}", error.message())).at(path)
        })?;
        let checked = Self::check(file, folder).map_err(|fault| match fault.place() {
            Some(_) => fault,
            None => fault.at(path),
        })?;
        Ok(Self {
            file: path.to_owned(),
            ..checked
        })
    }

    fn check(file: File, folder: &Path) -> Result<Self, Fault> {
        let (again, secrets) = (file.again()?, file.secrets(folder));
        let issuer = file.issuer;
        if !is_origin(&issuer) {
            return Err(wrong(
                "`issuer` is an origin without a path or a slash at the end: `https://broker.example`, or `http://localhost:PORT` to try things out",
            ));
        }
        let life = file.life_seconds.unwrap_or(LIFE);
        if !(60..=86_400).contains(&life) {
            return Err(wrong("`life_seconds` is between 60 and 86400"));
        }
        if file.key_passphrase_file.is_some() && file.key_passphrase_env.is_some() {
            return Err(wrong(
                "`key_passphrase_file` and `key_passphrase_env` are two places for one passphrase: name one",
            ));
        }
        let party = |entry| Party::check(entry, folder);
        let login = file.login.map(party).transpose()?;
        let notify = match file.notify {
            Some(entry) => Notify::check(entry, folder)?,
            None => Notify::default(),
        };
        let subscribers = tell::subscribers(file.subscribers)?;
        let signed = !subscribers.is_empty() || notify.webhook.is_some();
        if signed && file.events_key.is_none() {
            return Err(wrong(
                "`[[subscribers]]` and `notify.webhook` want `events_key`: what they are told is signed",
            ));
        }
        let clients = clients(file.clients, folder, login.as_ref())?;
        let roles = roles(file.roles)?;
        if let Some(glass) = &file.break_glass {
            glass.check(&roles)?;
        }
        Ok(Self {
            issuer,
            database: folder.join(file.database),
            token_key: folder.join(file.token_key),
            receipt_key: folder.join(file.receipt_key),
            epochs_key: file.epochs_key.map(|key| folder.join(key)),
            events_key: file.events_key.map(|key| folder.join(key)),
            key_passphrase_file: file.key_passphrase_file.map(|path| folder.join(path)),
            key_passphrase_env: file.key_passphrase_env,
            login,
            life,
            again,
            file: PathBuf::new(),
            secrets,
            limits: Limits::check(&file.limits)?,
            roles,
            glass: file.break_glass,
            services: second::services(file.services, folder)?,
            notify,
            subscribers,
            points: records::points(file.points, folder, &clients)?,
            clients,
        })
    }

    /// The private key by which the OpenID provider knows the broker, where there is one.
    #[must_use]
    pub fn login_key(&self) -> Option<&Path> {
        self.login.as_ref()?.key.as_deref()
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// Whether anybody is told anything.
    pub(crate) fn tells(&self) -> bool {
        let pings = |client: &Client| client.notified_at.is_some();
        self.notify.is_any() || !self.subscribers.is_empty() || self.clients.iter().any(pings)
    }

    /// Whether this person acts in this role.
    pub(crate) fn acts_as(&self, person: &str, role: &str) -> bool {
        self.in_role(role).iter().any(|one| one == person)
    }

    /// Whether it is the role of those who may override a denial, and ask for nothing else.
    pub(crate) fn breaks(&self, role: &str) -> bool {
        self.glass.as_ref().is_some_and(|glass| glass.role == role)
    }

    /// Who acts in this role.
    pub(crate) fn in_role(&self, role: &str) -> &[String] {
        self.roles.get(role).map_or(&[], Vec::as_slice)
    }

    /// The host of the issuer, for which passkeys are made.
    pub(crate) fn rp_id(&self) -> &str {
        host(&self.issuer)
    }

    /// What of it the policy does not know.
    pub(crate) fn check_policy(&self, bundle: &Bundle<'_>) -> Result<(), Fault> {
        for client in &self.clients {
            if bundle.manifest(client.class()).is_none() {
                return Err(wrong(format!(
                    "the policy has no manifest for `{}`, the agent of the client `{}`",
                    client.class(),
                    client.id
                )));
            }
        }
        Ok(())
    }
}

/// Who acts in which role: people by their names, each once.
fn roles(roles: BTreeMap<String, Vec<String>>) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    for (role, people) in &roles {
        if role.is_empty() || role.starts_with(ROLE) {
            return Err(wrong(format!(
                "`[roles]`: `{role}` is no role; write its name alone, `finance`, where the policy says `role:finance`"
            )));
        }
        let plain = |person: &String| !person.is_empty() && !person.starts_with(ROLE);
        let each: BTreeSet<&String> = people.iter().collect();
        if !(1..=ASKED).contains(&people.len())
            || each.len() < people.len()
            || !people.iter().all(plain)
        {
            return Err(wrong(format!(
                "`[roles]`: `{role}` names 1 to {ASKED} people, each once"
            )));
        }
    }
    Ok(roles)
}

/// Each with a name and keys of its own, all of one tenant.
fn clients(
    entries: Vec<ClientEntry>,
    folder: &Path,
    login: Option<&Party>,
) -> Result<Vec<Client>, Fault> {
    if entries.is_empty() || entries.len() > CLIENTS {
        return Err(wrong(format!("there are 1 to {CLIENTS} `[[clients]]`")));
    }
    let mut clients: Vec<Client> = Vec::new();
    for entry in entries {
        let client = client(entry, folder)?;
        let shares = |other: &Client| {
            let shared = |key: &PublicKey| other.keys.iter().any(|one| one.same_hand(key));
            other.id == client.id
                || other.login_client_id == client.login_client_id
                || client.keys.iter().any(shared)
        };
        if let Some(other) = clients.iter().find(|other| shares(other)) {
            return Err(wrong(format!(
                "the clients `{}` and `{}` have one `client_id` or one key (or one `login_client_id`): each has its own",
                other.id, client.id
            )));
        }
        // Else who logs in to the broker would have logged in for this agent.
        if login.is_some_and(|party| party.client_id == client.login_client_id) {
            return Err(wrong(format!(
                "the client `{}` is at the OpenID provider what the broker is: each has a `client_id` of its own there (`login_client_id`)",
                client.id
            )));
        }
        // The persons who log in are those of one tenant: they would answer for every other as well.
        if let Some(other) = clients.iter().find(|other| other.tenant != client.tenant) {
            return Err(wrong(format!(
                "the clients `{}` and `{}` are of two tenants: give each tenant a broker with a database of its own",
                other.id, client.id
            )));
        }
        clients.push(client);
    }
    Ok(clients)
}

fn client(entry: ClientEntry, folder: &Path) -> Result<Client, Fault> {
    let id = entry.client_id;
    let named = |what: &str| wrong(format!("the client `{id}`: {what}"));
    if id.is_empty() || id.len() > 512 {
        return Err(wrong("a `client_id` has 1 to 512 bytes"));
    }
    for (name, count) in [
        ("keys", entry.keys.len()),
        ("redirect_uris", entry.redirect_uris.len()),
        ("audiences", entry.audiences.len()),
    ] {
        if !(1..=EACH).contains(&count) {
            return Err(named(&format!("1 to {EACH} `{name}` are wanted")));
        }
    }
    if let Some(uri) = entry.redirect_uris.iter().find(|uri| !is_redirect(uri)) {
        return Err(named(&format!(
            "`{uri}` is no safe redirect URI: it is `https://…`, or `http://` on 127.0.0.1, [::1] or localhost, without a fragment"
        )));
    }
    let agent = Value::Object(entry.agent);
    if agent["uid"].as_str().is_none_or(str::is_empty) || entry.act.is_empty() {
        return Err(named(
            "`agent.uid` names a manifest, and `act` the agent's instance (a URL or SPIFFE id)",
        ));
    }
    if entry.login_client_id.as_deref() == Some("") {
        return Err(named("`login_client_id` is empty"));
    }
    if let Some(url) = &entry.notification_endpoint {
        tell::is_told(url, "notification_endpoint")?;
    }
    let keys = entry.keys.iter().map(|key| public(&folder.join(key)));
    let keys = keys.collect::<Result<_, _>>()?;
    Ok(Client {
        keys,
        redirect_uris: entry.redirect_uris,
        audiences: entry.audiences,
        tenant: entry.tenant,
        agent,
        act: entry.act,
        notified_at: entry.notification_endpoint,
        login_client_id: entry.login_client_id.unwrap_or_else(|| id.clone()),
        id,
    })
}

/// A client's public key. Its private half has no place here.
pub(crate) fn public(path: &Path) -> Result<PublicKey, Fault> {
    let text = read_text(path)?;
    let fault = |message: &str| Fault::new("broker.client_key", message).at(path);
    let document = Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|_| fault("this is not a public JWK"))?;
    let jwk = document.root();
    if jwk.get("d").is_some() {
        return Err(fault(
            "this is a client's private key: the broker needs the public one alone",
        ));
    }
    let text = |name| jwk.get(name).and_then(ambit_core::json::Json::as_str);
    let alg = if text("kty") == Some("EC") {
        "ES256"
    } else {
        "Ed25519"
    };
    let key = text("x").and_then(|x| PublicKey::from_parts(alg, x, text("y")));
    key.filter(PublicKey::is_usable)
        .ok_or_else(|| fault("this is not an Ed25519 or P-256 public key (a JWK)"))
}

/// `https`, or a name of this machine.
fn is_origin(url: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-:[]".contains(&c);
    let is = |rest: &str| !rest.is_empty() && rest.bytes().all(plain);
    match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => is(rest),
        (None, Some(rest)) => is(rest) && is_own(host(url)),
        _ => false,
    }
}

/// Whether a URI may get an authorization code: exactly what is registered is compared later.
fn is_redirect(uri: &str) -> bool {
    let plain = uri
        .bytes()
        .all(|c| c.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&c));
    let secure = uri.starts_with("https://") || (uri.starts_with("http://") && is_own(host(uri)));
    let authority = uri.split("://").nth(1).unwrap_or_default();
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    // It stands in the page's `Content-Security-Policy`, where `;`, `,`, `'` and `*` say other things.
    let named = |c: u8| c.is_ascii_alphanumeric() || b".-_:[]".contains(&c);
    plain && secure && uri.len() <= 2048 && !authority.is_empty() && authority.bytes().all(named)
}

pub(crate) fn is_own(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// The host of a URL, without a port.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind(']') {
        Some(end) => authority.get(..=end).unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Scheme, host and port of a URL.
pub(crate) fn origin(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url[from..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| from + at);
    &url[..end]
}

pub(crate) fn wrong(message: impl Into<String>) -> Fault {
    Fault::new("broker.config", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_safe() {
        for uri in [
            "https://a.example/cb",
            "https://a.example:8443/cb?x=1",
            "http://127.0.0.1:9000/cb",
            "http://localhost/cb",
        ] {
            assert!(is_redirect(uri), "{uri}");
        }
        for uri in [
            "http://a.example/cb",
            "https://a.example/cb#x",
            "https://user@a.example/cb",
            "https://",
            "javascript:alert(1)",
            "http://localhost.evil.example/cb",
            "https://a.example/ cb",
            "//a.example",
            "https://a.example;script-src/cb",
            "https://*.example/cb",
        ] {
            assert!(!is_redirect(uri), "{uri}");
        }
    }

    #[test]
    fn issuers_are_origins() {
        for url in [
            "https://b.example",
            "http://localhost:9000",
            "https://b.example:8443",
        ] {
            assert!(is_origin(url), "{url}");
        }
        for url in [
            "http://b.example",
            "https://b.example/",
            "https://b.example/x",
            "https://",
            "b",
        ] {
            assert!(!is_origin(url), "{url}");
        }
        assert_eq!(origin("https://a.example:1/x?y"), "https://a.example:1");
        assert_eq!(host("http://[::1]:80/x"), "[::1]");
    }
}
