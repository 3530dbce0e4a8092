//! The broker: what it has, and which request is which.

use std::sync::Arc;

use ambit_compiler::keys::Signer;
use ambit_gateway::http::{Heard, Reply, Service};
use ambit_gateway::{Fault, Policy, Say};
use ambit_host::audit::Clock;
use ambit_policy::Bundle;
use ambit_token::RECEIPT_TYP;

use crate::agents;
use crate::answer;
use crate::config::{Config, wrong};
use crate::glass;
use crate::language;
use crate::metrics::Metrics;
use crate::openid::{self, Provider};
use crate::outside;
use crate::rate::Rates;
use crate::record::Log;
use crate::records;
use crate::refusal::Refusal;
use crate::secret::Own;
use crate::store::Store;
use crate::{access, authorize, consent, login, metadata, pages, push, revoke, token, waiting};

/// What signs, each one kind of statement: private keys out of files, or with whom keys are kept.
#[derive(Debug)]
pub struct Keys {
    /// Tokens.
    pub token: Arc<dyn Signer>,
    /// What people said.
    pub receipt: Arc<dyn Signer>,
    /// Which tokens are revoked, where that is served.
    pub epochs: Option<Arc<dyn Signer>>,
    /// What others are told, where anybody is.
    pub events: Option<Arc<dyn Signer>>,
    /// Says to the OpenID provider who the broker is.
    pub login: Option<Arc<dyn Signer>>,
}

/// What a broker is made of.
pub struct Parts {
    /// Who may ask.
    pub config: Config,
    /// The policy, which follows its file.
    pub policy: Policy,
    /// The private keys.
    pub keys: Keys,
    /// What is remembered.
    pub store: Store,
    /// Where it is written down.
    pub log: Log,
    /// What time it is.
    pub clock: Clock,
    /// Tells the operator.
    pub say: Say,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Answers the requests of clients and browsers.
pub struct Broker {
    pub(crate) config: Config,
    policy: Policy,
    pub(crate) keys: Keys,
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) own: Own,
    pub(crate) provider: Option<Provider>,
    pub(crate) rates: Rates,
    clock: Clock,
    say: Say,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker")
            .field("issuer", &self.config.issuer)
            .finish_non_exhaustive()
    }
}

impl Broker {
    /// Puts it together, if the policy knows the keys and the agents.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the first thing that does not fit.
    pub fn new(parts: Parts) -> Result<Self, Fault> {
        parts.policy.with_bundle(|bundle| {
            check_key(
                bundle,
                &*parts.keys.token,
                ("token_key", "cap+jwt"),
                Some(&parts.config.issuer),
            )?;
            check_key(
                bundle,
                &*parts.keys.receipt,
                ("receipt_key", RECEIPT_TYP),
                None,
            )?;
            if let Some(key) = &parts.keys.epochs {
                check_key(bundle, &**key, ("epochs_key", "revocation-epochs+jwt"), None)?;
            }
            let told = parts.keys.events.as_ref();
            if told.is_some_and(|key| bundle.all_keys().any(|row| row.x() == key.x())) {
                return Err(wrong(
                    "`events_key` is a key of the policy: make one of its own, so that nothing that others are told passes for a token or a receipt",
                ));
            }
            parts.config.check_policy(bundle)
        })?;
        parts.store.count(&parts.log.figures);
        let own = Own::new().map_err(|refusal| Fault::new("broker.random", refusal.detail))?;
        let (mut config, mut keys) = (parts.config, parts.keys);
        let key = keys.login.take();
        let provider = config.login.take().map(|party| Provider::new(party, key));
        let broker = Self {
            rates: Rates::new(config.limits),
            config,
            provider,
            policy: parts.policy,
            keys,
            store: parts.store,
            log: parts.log,
            own,
            clock: parts.clock,
            say: parts.say,
        };
        let ended = broker.end_what_is_unknown();
        ended.map_err(|refusal| Fault::new("broker.store", refusal.detail))?;
        Ok(broker)
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.issuer)
    }

    /// Looks at the policy that decides now.
    pub(crate) fn policy<R>(
        &self,
        look: impl FnOnce(&Bundle<'_>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.policy.with_bundle(|bundle| Ok(look(bundle)))?
    }

    /// An endpoint for clients: an error is the RFC's.
    fn api(&self, heard: &Heard) -> Option<Reply> {
        let reply = match (heard.method.as_str(), heard.path.as_str()) {
            ("GET", metadata::PATH) => Ok(self.metadata()),
            ("GET", metadata::JWKS) => self.jwks(),
            ("GET", revoke::EPOCHS) => self.epochs(),
            ("POST", push::PATH) => self.push(heard),
            ("POST", token::PATH) => self.token(heard),
            ("POST", revoke::REVOKE) => self.take_back(heard),
            ("POST", revoke::INTROSPECT) => self.introspect(heard),
            ("POST", records::PATH) => self.take_records(heard),
            ("POST", access::PATH) => self.hand_in(heard).map_err(Refusal::challenging),
            ("GET", access::PATH) => self.poll(heard).map_err(Refusal::challenging),
            ("POST", access::CANCEL) => self.withdraw(heard).map_err(Refusal::challenging),
            _ => return None,
        };
        Some(reply.unwrap_or_else(|refusal| {
            self.tell(&refusal, heard);
            refusal.reply()
        }))
    }

    /// A page for people: an error is a page, and never leads anywhere.
    fn people(&self, heard: &Heard) -> Option<Reply> {
        let reply = match (heard.method.as_str(), heard.path.as_str()) {
            ("GET", authorize::PATH) => self.authorize(heard),
            ("GET", consent::PATH) => self.consent_page(heard),
            ("POST", consent::PATH) => self.consent(heard),
            ("GET", agents::PATH) => self.agents(heard),
            ("POST", agents::PATH) => self.stop(heard),
            ("GET", waiting::PATH) => self.waiting_page(heard),
            ("POST", waiting::PATH) => self.answer_call(heard),
            ("GET", waiting::TOGETHER_PATH) => self.together_page(heard),
            ("POST", waiting::TOGETHER_PATH) => self.answer_together(heard),
            ("POST", waiting::AGAIN) => self.ask_again(heard),
            ("POST", glass::REVIEW) => self.review(heard),
            ("POST", login::PATH) => self.log_in(heard),
            ("GET", openid::AWAY) => self.go_away(heard),
            ("GET", openid::BACK) => self.come_back(heard),
            ("POST", login::OTHER) => self.log_out(heard),
            ("GET", login::ENROL) => self.enrol_page(heard),
            ("POST", login::ENROL) => self.enrol(heard),
            _ => return None,
        };
        Some(reply.unwrap_or_else(|refusal| {
            self.tell(&refusal, heard);
            let words = language::of(heard.header("accept-language").ok().flatten());
            let status = match refusal.reply().status() {
                status @ (429 | 500) => status,
                _ => 400,
            };
            let reply = answer::page(status, pages::ended(words, &refusal.code, refusal.own), "");
            refusal.timed(reply)
        }))
    }

    /// What is counted, for a listener of its own.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics(Arc::clone(&self.log.figures))
    }

    /// It is counted, and the operator learns of the broker's own faults.
    fn tell(&self, refusal: &Refusal, heard: &Heard) {
        self.log.figures.denied(&heard.path, &refusal.code);
        if refusal.own {
            (self.say)(&format!(
                "{}: {} [{}]",
                heard.id, refusal.detail, refusal.code
            ));
        }
    }
}

/// Whether the policy knows a key for what it is to sign.
fn check_key(
    bundle: &Bundle<'_>,
    key: &dyn Signer,
    (name, typ): (&str, &str),
    iss: Option<&str>,
) -> Result<(), Fault> {
    let x = key.x();
    let mut rows = bundle.keys(key.kid());
    let fits = rows
        .any(|row| row.x() == x && row.signs() == typ && iss.is_none_or(|iss| row.iss() == iss));
    if fits {
        return Ok(());
    }
    let of = iss.map_or_else(String::new, |iss| {
        format!(" and `iss = \"{iss}\"`, the issuer")
    });
    Err(wrong(format!(
        "the policy does not know `{name}` (`{}`) as a key with `signs = \"{typ}\"`{of}",
        key.kid()
    )))
}

const STYLE: &str = "/broker.css";
const SCRIPT: &str = "/passkey.js";
const PATHS: [(&str, &[&str]); 24] = [
    (metadata::PATH, &["GET"]),
    (metadata::JWKS, &["GET"]),
    (revoke::EPOCHS, &["GET"]),
    (push::PATH, &["POST"]),
    (token::PATH, &["POST"]),
    (revoke::REVOKE, &["POST"]),
    (revoke::INTROSPECT, &["POST"]),
    (records::PATH, &["POST"]),
    (authorize::PATH, &["GET"]),
    (consent::PATH, &["GET", "POST"]),
    (access::PATH, &["GET", "POST"]),
    (access::CANCEL, &["POST"]),
    (agents::PATH, &["GET", "POST"]),
    (waiting::PATH, &["GET", "POST"]),
    (waiting::TOGETHER_PATH, &["GET", "POST"]),
    (waiting::AGAIN, &["POST"]),
    (glass::REVIEW, &["POST"]),
    (login::PATH, &["POST"]),
    (openid::AWAY, &["GET"]),
    (openid::BACK, &["GET"]),
    (login::OTHER, &["POST"]),
    (login::ENROL, &["GET", "POST"]),
    (STYLE, &["GET"]),
    (SCRIPT, &["GET"]),
];

/// Answers at one time that wait for nobody else.
const THREADS: usize = 16;

impl Service for Broker {
    fn refuse(&self, heard: &Heard) -> Option<Reply> {
        let path = heard.path.as_str();
        match PATHS.iter().find(|(known, _)| *known == path) {
            Some((_, methods)) if methods.contains(&heard.method.as_str()) => None,
            Some((_, methods)) => {
                let reply =
                    Reply::problem(405, "Method Not Allowed", "another method is wanted here");
                Some(reply.with("allow", methods.join(", ")))
            }
            _ => Some(Reply::problem(404, "Not Found", "there is nothing here")),
        }
    }

    /// Clients are known by their body.
    fn knows(&self, _: &Heard) -> bool {
        false
    }

    fn hurries(&self) -> bool {
        true
    }

    /// Whoever is asked and hangs takes no thread from the others.
    fn threads(&self) -> usize {
        let asked = self.config.services.len() + usize::from(self.config.login.is_some());
        THREADS + asked * outside::MOST
    }

    fn answer(&self, heard: &Heard) -> Reply {
        let asset = match heard.path.as_str() {
            STYLE => Some(("text/css; charset=utf-8", pages::STYLE)),
            SCRIPT => Some(("text/javascript; charset=utf-8", pages::SCRIPT)),
            _ => None,
        };
        if let Some((media_type, text)) = asset {
            return Reply::of(200, media_type, text.to_owned())
                .with("x-content-type-options", "nosniff")
                .with("cache-control", "max-age=300");
        }
        let reply = self.api(heard).or_else(|| self.people(heard));
        reply.unwrap_or_else(|| Reply::problem(404, "Not Found", "there is nothing here"))
    }

    fn refresh(&self) {
        for fault in self.policy.take_passed_over() {
            let told = format!("a file of the policy's folder is passed over: {fault}");
            (self.say)(&told);
        }
        match self.policy.refresh(self.now()) {
            Some(Ok(version)) => (self.say)(&format!("policy version {version} decides now")),
            Some(Err(fault)) => (self.say)(&format!("the policy stays as it was: {fault}")),
            None => {}
        }
        if let Err(refusal) = self.catch_up() {
            (self.say)(&format!("{} [{}]", refusal.detail, refusal.code));
        }
    }
}
