//! What is asked of a provider over HTTP: its metadata, its keys, and what a code stands for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use ambit_compiler::keys::SecretKey;
use ambit_compiler::mint;
use ambit_token::base64url;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::keys::KeySet;
use super::party::{Party, is_provider};
use crate::refusal::Refusal;

/// For one answer of the provider, and its bytes.
const TIME: Duration = Duration::from_secs(5);
const BYTES: u64 = 256 * 1024;
/// Answers that are waited for at one time, and who may wait for a turn, for so long: a provider that hangs holds up what
/// needs it, and nothing else.
const WAITING: usize = 4;
const IN_LINE: usize = 12;
const TURN: Duration = Duration::from_secs(5);
/// Seconds that metadata and keys are kept, and after which keys are fetched for a signature that none of them made.
const KEEP: i64 = 600;
const AGAIN: i64 = 30;
/// Seconds that an assertion of ours lasts.
const LIFE: i64 = 60;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The provider, as the broker asks it.
pub(crate) struct Provider {
    pub(crate) party: Party,
    key: Option<SecretKey>,
    agent: Agent,
    turns: Turns,
    known: Mutex<Option<Arc<Known>>>,
}

/// Who waits for an answer, and who for a turn.
#[derive(Debug, Default)]
struct Turns {
    /// Answers that are waited for, and who stands in line.
    counts: Mutex<(usize, usize)>,
    free: Condvar,
}

/// One of those who wait for an answer.
struct Turn<'p>(&'p Turns);

impl Turns {
    /// A turn, as soon as there is one. `None`: too many wait, or it took too long.
    fn take(&self, time: Duration) -> Option<Turn<'_>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 >= WAITING {
            if counts.1 >= IN_LINE {
                return None;
            }
            counts.1 += 1;
            let waited = self
                .free
                .wait_timeout_while(counts, time, |counts| counts.0 >= WAITING);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
            counts.1 -= 1;
        }
        if counts.0 >= WAITING {
            return None;
        }
        counts.0 += 1;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let counts = self.0.counts.lock();
        counts.unwrap_or_else(PoisonError::into_inner).0 -= 1;
        self.0.free.notify_one();
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("party", &self.party)
            .finish_non_exhaustive()
    }
}

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug)]
pub(crate) struct Known {
    fetched: i64,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    /// Whether its answers name it (RFC 9207).
    pub(super) names_itself: bool,
    pub(super) keys: KeySet,
}

/// A fault of the provider's, or of the way to it.
pub(super) fn failed(detail: impl Into<String>) -> Refusal {
    Refusal::own("broker.provider", detail)
}

impl Provider {
    pub(crate) fn new(party: Party, key: Option<SecretKey>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let own = party.issuer.starts_with("http://");
        let mut config = Agent::config_builder()
            .timeout_global(Some(TIME))
            // Whatever leads elsewhere was not asked.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .https_only(!own)
            .user_agent("ambit-broker")
            .tls_config(tls);
        if own {
            config = config.proxy(None);
        }
        Self {
            party,
            key,
            agent: config.build().into(),
            turns: Turns::default(),
            known: Mutex::new(None),
        }
    }

    /// Its metadata and keys: those that are kept, or new ones.
    pub(crate) fn known(&self, now: i64) -> Result<Arc<Known>, Refusal> {
        let kept = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match kept.filter(|kept| (kept.fetched..kept.fetched + KEEP).contains(&now)) {
            Some(kept) => Ok(kept),
            None => self.learn(now),
        }
    }

    /// The same, for a signature that none of these keys made: keys may have changed since.
    pub(super) fn newer(&self, than: &Known, now: i64) -> Result<Option<Arc<Known>>, Refusal> {
        if now < than.fetched + AGAIN {
            return Ok(None);
        }
        self.learn(now).map(Some)
    }

    fn learn(&self, now: i64) -> Result<Arc<Known>, Refusal> {
        let issuer = &self.party.issuer;
        let at = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let metadata = self.get(&at)?;
        if metadata["issuer"] != issuer.as_str() {
            return Err(failed(format!(
                "`{at}` is not the metadata of `{issuer}`: its `issuer` is another"
            )));
        }
        let endpoint = |name: &str| {
            let url = metadata[name].as_str().unwrap_or_default();
            // A provider over TLS has nothing on this machine.
            let secure =
                is_provider(url) && (url.starts_with("https://") || issuer.starts_with("http://"));
            secure.then(|| url.to_owned()).ok_or_else(|| {
                failed(format!(
                    "`{name}` of `{at}` is missing, or no `https` URL without a query"
                ))
            })
        };
        let keys = KeySet::of(self.get(&endpoint("jwks_uri")?)?);
        let known = Arc::new(Known {
            fetched: now,
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            names_itself: metadata["authorization_response_iss_parameter_supported"] == true,
            keys: keys.ok_or_else(|| failed("the provider's `jwks_uri` has no list of keys"))?,
        });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }

    /// The ID token that a code stands for. `None`: the provider says that it stands for nothing.
    pub(super) fn redeem(
        &self,
        known: &Known,
        (code, verifier, back): (&str, &str, &str),
        now: i64,
    ) -> Result<Option<String>, Refusal> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("code_verifier", verifier),
            ("client_id", &self.party.client_id),
        ];
        let assertion = self
            .key
            .as_ref()
            .map(|key| self.assertion(key, now))
            .transpose()?;
        if let Some(assertion) = &assertion {
            form.extend([
                ("client_assertion_type", ASSERTION),
                ("client_assertion", assertion),
            ]);
        }
        let _turn = self.turn()?;
        let sent = self
            .agent
            .post(&known.token_endpoint)
            .header("accept", "application/json")
            .send_form(form);
        let (status, body) = answer(&known.token_endpoint, sent)?;
        match (status, body["id_token"].as_str()) {
            (200, Some(token)) => Ok(Some(token.to_owned())),
            (400, None) if body["error"] == "invalid_grant" => Ok(None),
            _ => {
                let error = body["error"].as_str().unwrap_or("no `id_token`");
                Err(failed(format!("the provider answered {status}: {error}")))
            }
        }
    }

    /// Who the broker is (RFC 7523): for the provider as a whole, and once.
    fn assertion(&self, key: &SecretKey, now: i64) -> Result<String, Refusal> {
        let header = json!({"alg": key.alg(), "typ": "JWT", "kid": key.kid()});
        let claims = json!({"iss": self.party.client_id, "sub": self.party.client_id, "aud": self.party.issuer,
            "jti": mint::identifier()?, "iat": now, "exp": now + LIFE});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(&key.sign(input.as_bytes()));
        Ok(format!("{input}.{signature}"))
    }

    fn turn(&self) -> Result<Turn<'_>, Refusal> {
        let slow = || failed("the provider is slow: logins wait for it already");
        self.turns.take(TURN).ok_or_else(slow)
    }

    fn get(&self, url: &str) -> Result<Value, Refusal> {
        let _turn = self.turn()?;
        let sent = self
            .agent
            .get(url)
            .header("accept", "application/json")
            .call();
        match answer(url, sent)? {
            (200, body) => Ok(body),
            (status, _) => Err(failed(format!("`{url}` answered {status}"))),
        }
    }
}

/// Status and JSON of an answer, bounded.
fn answer(
    url: &str,
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(u16, Value), Refusal> {
    let unread = |error: ureq::Error| failed(format!("`{url}`: {error}"));
    let mut response = sent.map_err(unread)?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(BYTES)
        .read_to_string()
        .map_err(unread)?;
    Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_turn_waits_for_one_and_not_for_ever() {
        let turns = Turns::default();
        let short = Duration::from_millis(20);
        let mut taken: Vec<Turn<'_>> = (0..WAITING).filter_map(|_| turns.take(short)).collect();
        assert_eq!(taken.len(), WAITING);
        assert!(turns.take(short).is_none(), "nobody gave one back");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| turns.take(Duration::from_secs(10)).is_some());
            std::thread::sleep(short);
            drop(taken.pop());
            assert!(waits.join().unwrap());
        });
        // It was given back, too.
        let again = turns.take(short);
        assert!(again.is_some());
        // And nobody stands behind a line that is long already.
        turns.counts.lock().unwrap().1 = IN_LINE;
        assert!(turns.take(Duration::from_secs(10)).is_none());
    }
}
