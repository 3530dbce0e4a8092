//! Makes tokens: a root signed by an issuer, and further blocks signed by a holder.
//!
//! Claims come as JSON. What is missing and may be filled in is filled in and said
//! ([`Draft::filled`]); a person can read the [`Draft`] before [`Draft::sign`] makes a chain of it,
//! and no chain comes out that a verifier would refuse.

mod attenuate;
mod check;
mod consent;
mod private;
mod root;

use ambit_core::json::{Document, Json, Profile};
use ambit_policy::Bundle;
use ambit_token::PublicKey;
use serde_json::{Map, Value, json};

pub use attenuate::{AttenuateOptions, attenuate};
pub use consent::Use;
pub use private::refuse_private_keys;
pub use root::{RootOptions, root};

use crate::encoding::base64url;
use crate::error::CompileError;
use crate::keys::{Signer, public_jwk, random};

/// The zones of the hours in a policy's manifests.
fn named_zones<'a>(bundle: &'a Bundle<'_>) -> Vec<&'a str> {
    let manifests = bundle.root().get("manifests").map(Json::members);
    let names = manifests.into_iter().flatten().map(|(name, _)| name);
    let manifests = names.filter_map(|name| bundle.manifest(name));
    let entries = manifests.flat_map(|manifest| manifest.capabilities());
    entries
        .filter_map(|entry| entry.get("hours")?.get("zone")?.as_str())
        .collect()
}

/// A block before it is signed.
#[derive(Debug)]
pub struct Draft<'a> {
    claims: Map<String, Value>,
    filled: Vec<&'static str>,
    exceeds: Vec<String>,
    consent: consent::Consent,
    key: &'a dyn Signer,
    /// The `kid` of a root's header.
    kid: Option<&'a str>,
    /// The chain that the block is joined to.
    parent: Option<&'a str>,
    bundle: Option<&'a Bundle<'a>>,
    now: i64,
}

impl Draft<'_> {
    /// The claims as JSON.
    #[must_use]
    pub fn claims(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The claims that were filled in, by name.
    #[must_use]
    pub fn filled(&self) -> &[&'static str] {
        &self.filled
    }

    /// What the token claims beyond the agent's manifest, in words: it will be refused when used.
    #[must_use]
    pub fn exceeds(&self) -> &[String] {
        &self.exceeds
    }

    /// The zones by whose clocks some capability holds, and which no manifest names: a host states the offsets
    /// of those that the manifests name. Where no policy is at hand, all that the block names.
    #[must_use]
    pub fn unstated_zones(&self) -> Vec<&str> {
        let known = self.bundle.map(named_zones).unwrap_or_default();
        let entries = self
            .claims
            .get("authorization_details")
            .and_then(Value::as_array);
        let zones = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry["hours"]["zone"].as_str());
        let mut unstated: Vec<&str> = Vec::new();
        for zone in zones {
            if !known.contains(&zone) && !unstated.contains(&zone) {
                unstated.push(zone);
            }
        }
        unstated
    }

    /// Whose consent the draft lacks (`mint.consent`), where the manifest asks for one and no receipt
    /// proves it. Such a draft is there to be read, and is not signed.
    #[must_use]
    pub const fn missing_consent(&self) -> Option<&CompileError> {
        self.consent.missing.as_ref()
    }

    /// Whether the evaluator would take the chain.
    ///
    /// # Errors
    ///
    /// The evaluator's reason code and detail when it would refuse it.
    pub fn check(&self) -> Result<(), CompileError> {
        self.chain().map(drop)
    }

    /// Signs the block and verifies the chain as the evaluator would.
    ///
    /// # Errors
    ///
    /// The evaluator's reason code and detail when it would refuse the chain; `mint.consent`;
    /// `mint.once` for a root that people consented to, which [`Self::sign_once`] signs.
    pub fn sign(&self) -> Result<String, CompileError> {
        self.sign_once(|_| {
            let message = "a grant receipt makes one token: `sign_once` remembers that it did";
            Err(CompileError::new("mint.once", message))
        })
    }

    /// Signs the block, verifies the chain as the evaluator would, and gives it away only after
    /// `use_up` has remembered, for good, all that it uses up; `use_up` refuses if one of them was
    /// used before, and remembers none of them then. It is not called where nothing is used up.
    ///
    /// # Errors
    ///
    /// As [`Self::sign`], and those of `use_up`.
    pub fn sign_once(
        &self,
        use_up: impl FnOnce(&[Use]) -> Result<(), CompileError>,
    ) -> Result<String, CompileError> {
        let chain = self.chain()?;
        if let Some(missing) = &self.consent.missing {
            return Err(missing.clone());
        }
        if !self.consent.uses.is_empty() {
            use_up(&self.consent.uses)?;
        }
        Ok(chain)
    }

    fn chain(&self) -> Result<String, CompileError> {
        let header = match self.kid {
            Some(kid) => json!({"alg": self.key.alg(), "typ": "cap+jwt", "kid": kid}),
            None => json!({"alg": self.key.public().alg(), "typ": "cap+jwt"}),
        };
        let block = sign_block(self.key, &header, &self.claims)?;
        let chain = match self.parent {
            Some(parent) => format!("{parent}~{block}"),
            None => block,
        };
        match self.bundle {
            Some(bundle) => check::chain(&chain, bundle, self.now)?,
            None => check::block(&chain, self.key, &self.claims, self.now)?,
        }
        Ok(chain)
    }
}

/// One JWS in compact form.
fn sign_block(
    key: &dyn Signer,
    header: &Value,
    claims: &Map<String, Value>,
) -> Result<String, CompileError> {
    let claims = Value::Object(claims.clone()).to_string();
    let mut block = base64url(header.to_string().as_bytes());
    block.push('.');
    block.push_str(&base64url(claims.as_bytes()));
    let signature = key.sign(block.as_bytes())?;
    block.push('.');
    block.push_str(&base64url(&signature));
    Ok(block)
}

/// Claims as they were written. Numbers keep their text; a duplicate member or a fraction is an
/// error here, not a surprise at the verifier's.
fn read_claims(text: &str) -> Result<Map<String, Value>, CompileError> {
    Document::parse(text.as_bytes(), Profile::Signed)
        .map_err(|error| CompileError::new("mint.claims", format!("claims: {error}")))?;
    let claims: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| CompileError::new("mint.claims", "claims: not a JSON object"))?;
    private::refuse(&claims)?;
    Ok(claims)
}

/// Fills claims in, and remembers which.
struct Filler {
    claims: Map<String, Value>,
    filled: Vec<&'static str>,
}

/// A new `jti`.
///
/// # Errors
///
/// `key.random`
pub fn identifier() -> Result<String, CompileError> {
    let mut id = [0_u8; 16];
    random(&mut id)?;
    Ok(base64url(&id))
}

impl Filler {
    fn fill(&mut self, name: &'static str, value: impl FnOnce() -> Value) {
        if !self.claims.contains_key(name) {
            self.claims.insert(name.to_owned(), value());
            self.filled.push(name);
        }
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }

    /// `jti` from the system's randomness, 128 bits.
    fn fill_jti(&mut self) -> Result<(), CompileError> {
        let id = identifier()?;
        self.fill("jti", || Value::from(id));
        Ok(())
    }

    /// `cnf` of a given public key, which the claims must not name as well.
    fn fill_holder(&mut self, holder: Option<PublicKey>) -> Result<(), CompileError> {
        match (holder, self.claims.contains_key("cnf")) {
            (Some(_), true) => Err(CompileError::new(
                "mint.holder",
                "the holder's key is given twice: in `cnf` and as an option",
            )),
            (Some(holder), false) => {
                self.fill("cnf", || json!({"jwk": public_jwk(&holder)}));
                Ok(())
            }
            (None, true) => {
                self.shorten_holder();
                Ok(())
            }
            (None, false) => Err(CompileError::new(
                "mint.holder",
                "who will hold the token? give the holder's public key, or `cnf` in the claims",
            )),
        }
    }

    /// A token says of its holder's key what the key is, and not what else stood beside it. What is no
    /// public key stays, for the verifier to refuse.
    fn shorten_holder(&mut self) {
        let Some(jwk) = self
            .claims
            .get_mut("cnf")
            .and_then(|cnf| cnf.get_mut("jwk"))
        else {
            return;
        };
        let text = jwk.to_string();
        let document = Document::parse(text.as_bytes(), Profile::Signed);
        let key = document
            .ok()
            .and_then(|jwk| PublicKey::from_jwk(jwk.root()));
        if let Some(key) = key {
            *jwk = public_jwk(&key);
        }
    }

    /// `exp` out of a life, when the claims do not say it.
    fn fill_exp(&mut self, now: i64, life: Option<i64>) -> Result<(), CompileError> {
        let Some(life) = life else { return Ok(()) };
        let from = self.integer("iat").unwrap_or(now);
        let end = from.checked_add(life).filter(|_| life > 0);
        let end = end.ok_or_else(|| {
            CompileError::new("mint.life", format!("`{life}` seconds is not a life"))
        })?;
        self.fill("exp", || Value::from(end));
        Ok(())
    }
}
