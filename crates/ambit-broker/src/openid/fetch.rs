//! What is asked of a provider over HTTP: its metadata, its keys, and what a code stands for.

use std::sync::{Arc, Mutex, PoisonError};

use ambit_compiler::keys::Signer;
use ambit_compiler::mint;
use ambit_token::base64url;
use serde_json::{Value, json};
use ureq::Agent;

use super::keys::KeySet;
use super::party::{Party, is_provider};
use crate::outside::{self, Turn, Turns};
use crate::refusal::Refusal;

/// Bytes of one answer of the provider.
const BYTES: u64 = 256 * 1024;
/// Seconds that metadata and keys are kept, and after which keys are fetched for a signature that none of them made.
const KEEP: i64 = 600;
const AGAIN: i64 = 30;
/// Seconds that an assertion of ours lasts.
const LIFE: i64 = 60;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The provider, as the broker asks it.
pub(crate) struct Provider {
    pub(crate) party: Party,
    key: Option<Arc<dyn Signer>>,
    agent: Agent,
    turns: Turns,
    known: Mutex<Option<Arc<Known>>>,
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
    /// What says to the provider who the broker is.
    pub(crate) const fn signer(&self) -> Option<&Arc<dyn Signer>> {
        self.key.as_ref()
    }

    pub(crate) fn new(party: Party, key: Option<Arc<dyn Signer>>) -> Self {
        let agent = outside::agent(party.issuer.starts_with("http://"));
        Self {
            party,
            key,
            agent,
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
            .map(|key| self.assertion(&**key, now))
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
    fn assertion(&self, key: &dyn Signer, now: i64) -> Result<String, Refusal> {
        let header = json!({"alg": key.alg(), "typ": "JWT", "kid": key.kid()});
        let claims = json!({"iss": self.party.client_id, "sub": self.party.client_id, "aud": self.party.issuer,
            "jti": mint::identifier()?, "iat": now, "exp": now + LIFE});
        let encode = |part: &Value| base64url::encode(part.to_string().as_bytes());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(&key.sign(input.as_bytes())?);
        Ok(format!("{input}.{signature}"))
    }

    fn turn(&self) -> Result<Turn<'_>, Refusal> {
        let slow = || failed("the provider is slow: logins wait for it already");
        self.turns.take(outside::TIME).ok_or_else(slow)
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
