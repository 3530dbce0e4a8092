//! What is unsafe about a configuration that works.

use std::net::SocketAddr;
use std::path::Path;

use ambit_policy::Bundle;
use ambit_token::PublicKey;

use crate::broker::Broker;
use crate::config::{host, is_own};

/// One thing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable.
    pub code: &'static str,
    /// In one sentence.
    pub message: String,
}

/// What the configuration does not say.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// Where it listens, without TLS.
    pub listen: SocketAddr,
    /// Where metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
    /// Whether versions of the policy are remembered beyond the process.
    pub remembers_versions: bool,
}

/// Seconds above which a token is not a short-lived one.
const LONG: i64 = 3600;

impl Broker {
    /// Everything that is unsafe; nothing for a sound one.
    ///
    /// # Errors
    ///
    /// That the policy cannot be read.
    pub fn findings(&self, around: Surroundings) -> Result<Vec<Finding>, ambit_gateway::Fault> {
        let mut found = Vec::new();
        let mut add = |code, message: String| found.push(Finding { code, message });
        if !around.listen.ip().is_loopback() {
            add(
                "broker.listen",
                format!(
                    "it would listen on {} without TLS: listen on 127.0.0.1, behind a proxy that has it",
                    around.listen.ip()
                ),
            );
        }
        if around.metrics.is_some_and(|at| !at.ip().is_loopback()) {
            add(
                "broker.metrics",
                "metrics would be served beyond this machine, to whoever asks: let nobody but who collects them reach that address".to_owned(),
            );
        }
        if self.config.issuer.starts_with("http://") {
            add("broker.issuer", "the issuer is `http`: good for trying things out on this machine, and for nothing else".to_owned());
        }
        self.login_findings(&mut add);
        if !self.log.is_kept() {
            add(
                "broker.log",
                "nothing is written down: name `--log` and `--log-key`".to_owned(),
            );
        }
        if !around.remembers_versions {
            add(
                "broker.seen",
                "an older policy could come back after a restart: name a file with `--seen`"
                    .to_owned(),
            );
        }
        if self.config.life > LONG {
            add(
                "broker.life",
                format!(
                    "tokens live {} s: what is asked for one task is given for its time, an hour at most",
                    self.config.life
                ),
            );
        }
        self.redirect_findings(&mut add);
        self.file_findings(&mut add);
        self.key_findings(&mut add);
        self.people_findings(&mut add);
        self.policy(|bundle| {
            self.policy_findings(bundle, &mut add);
            Ok(())
        })
        .map_err(|refusal| ambit_gateway::Fault::new("broker.policy", refusal.detail))?;
        Ok(found)
    }

    fn redirect_findings(&self, add: &mut impl FnMut(&'static str, String)) {
        for client in &self.config.clients {
            let plain = client
                .redirect_uris
                .iter()
                .find(|uri| uri.starts_with("http://"));
            if let Some(uri) = plain.filter(|_| !is_own(host(&self.config.issuer))) {
                add(
                    "broker.redirect",
                    format!(
                        "the client `{}` takes codes at `{uri}`, where any program of that machine may listen",
                        client.id
                    ),
                );
            }
        }
    }

    /// Private keys that others can read are not taken at all.
    #[cfg(unix)]
    fn file_findings(&self, add: &mut impl FnMut(&'static str, String)) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).map_or(0, |it| it.permissions().mode());
        for path in &self.config.secrets {
            if mode(path) & 0o077 != 0 {
                let text = format!("others can read `{0}`: run `chmod 600 {0}`", path.display());
                add("broker.files", text);
            }
        }
        let file = &self.config.file;
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        for path in [file, folder.unwrap_or_else(|| Path::new("."))] {
            // In a folder like `/tmp` nobody replaces what is another's.
            if mode(path) & 0o002 != 0 && mode(path) & 0o1000 == 0 {
                let text = format!(
                    "others can write to `{0}`, and so say who may ask: run `chmod o-w {0}`",
                    path.display()
                );
                add("broker.files", text);
            }
        }
    }

    #[cfg(not(unix))]
    fn file_findings(&self, _: &mut impl FnMut(&'static str, String)) {}

    /// What one key signs could be taken for what it signs elsewhere.
    fn key_findings(&self, add: &mut impl FnMut(&'static str, String)) {
        let keys = &self.keys;
        let login = self
            .provider
            .as_ref()
            .and_then(|provider| provider.signer());
        let own = [
            ("token_key", Some(&keys.token)),
            ("receipt_key", Some(&keys.receipt)),
            ("epochs_key", keys.epochs.as_ref()),
            ("events_key", keys.events.as_ref()),
            ("login.key", login),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, key)| Some((name, key?.public())));
        let own: Vec<(&str, PublicKey)> = own.collect();
        for (at, (name, key)) in own.iter().enumerate() {
            let same = own.iter().take(at).find(|(_, other)| other.same_hand(key));
            if let Some((other, _)) = same {
                let text = format!("`{name}` and `{other}` are one key: make one for each");
                add("broker.keys", text);
            }
            for client in &self.config.clients {
                if client.keys.iter().any(|other| other.same_hand(key)) {
                    let text = format!(
                        "the client `{}` has the broker's own `{name}`: make it a key of its own, and replace the broker's",
                        client.id
                    );
                    add("broker.keys", text);
                }
            }
        }
    }

    fn people_findings(&self, add: &mut impl FnMut(&'static str, String)) {
        let config = &self.config;
        if config.limits.client == 0 || config.limits.person == 0 {
            add(
                "broker.limits",
                "`[limits]` has a 0: one client can keep all others waiting".to_owned(),
            );
        }
        if !config.roles.is_empty() && !config.notify.is_any() {
            add(
                "broker.notify",
                "people of `[roles]` are asked, and nobody tells them: name a webhook or a mail server in `[notify]`".to_owned(),
            );
        }
    }

    fn login_findings(&self, add: &mut impl FnMut(&'static str, String)) {
        let Some(provider) = &self.provider else {
            return;
        };
        let issuer = &provider.party.issuer;
        if issuer.starts_with("http://") {
            add(
                "broker.login",
                format!(
                    "people would log in at `{issuer}` without TLS: good for trying things out, and for nothing else"
                ),
            );
        }
        if let Err(refusal) = provider.known(self.now()) {
            let detail = refusal.detail;
            add(
                "broker.login",
                format!("nobody can log in at `{issuer}`: {detail}"),
            );
        }
    }

    fn policy_findings(&self, bundle: &Bundle<'_>, add: &mut impl FnMut(&'static str, String)) {
        if bundle.possession() == "off" {
            add(
                "broker.possession",
                "the policy has `possession = \"off\"`: whoever finds a token can use it"
                    .to_owned(),
            );
        }
        let served = self.keys.epochs.as_ref().and_then(|key| {
            let x = key.x();
            bundle
                .keys(key.kid())
                .find(|row| row.x() == x)
                .map(|row| row.iss())
        });
        match served {
            None => add(
                "broker.epochs",
                "no `epochs_key`: what is revoked ends only with its life".to_owned(),
            ),
            Some(iss) if !bundle.epochs_from().any(|one| one == iss) => add(
                "broker.epochs",
                format!(
                    "the policy does not demand the revocation epochs of `{iss}`: a request without them is judged as if nothing were revoked"
                ),
            ),
            Some(_) => {}
        }
    }
}
