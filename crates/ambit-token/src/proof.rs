//! Proof of possession: a DPoP proof (RFC 9449) by the key of a chain's last block.
//!
//! DPoP covers neither body nor query, so a proof also names the digest of exactly the call
//! (`ambit_call`), which only the evaluator can compare.

use alloc::string::{String, ToString as _};

use ambit_core::Reason;
use ambit_core::grammar::{Form, PROOF, PROOF_HEADER};
use ambit_core::json::Document;
use ambit_core::limits::{PROOF_AHEAD_SECONDS, PROOF_BYTES, PROOF_WINDOW_SECONDS};

use crate::base64url;
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::statement::{StatementFault, UnverifiedStatement};
use crate::tables::KeyTables;
use crate::url;

/// The `typ` of a proof.
pub(crate) const PROOF_TYP: &str = "dpop+jwt";

/// What a proof must be about.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'a> {
    /// SHA-256 of the chain as it was sent.
    pub chain_s256: &'a [u8; 32],
    /// The key of the chain's last block.
    pub holder: &'a PublicKey,
    /// The HTTP method, as the host saw it.
    pub method: &'a str,
    /// The URL that was called, as the host saw it. Query and fragment are not compared.
    pub url: &'a str,
    /// The nonce that the host set, if it did.
    pub nonce: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
    /// Verifies the signature.
    pub tables: &'a KeyTables,
}

/// A proof that verified: made only by [`VerifiedProof::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProof {
    jti: String,
    thumbprint: String,
    call: Option<String>,
}

impl VerifiedProof {
    /// Verifies a proof.
    ///
    /// # Errors
    ///
    /// [`TokenError`] with a `possession.…` reason: form, type, algorithm and key of the header,
    /// then the signature, then the claims.
    pub fn verify(proof: &str, of: &ProofOf<'_>) -> Result<Self, TokenError> {
        let jws = UnverifiedStatement::parse(proof, PROOF_BYTES).map_err(malformed)?;
        check_header(&jws, of.holder)?;
        if !of
            .tables
            .verify(of.holder, jws.signing_input(), jws.signature())
        {
            let detail = "the proof's signature does not verify";
            return Err(fault(Reason::PossessionSignature, detail));
        }
        let claims = jws.claims().map_err(malformed)?;
        check_form(&claims)?;
        check_call(&claims, of)?;
        check_times(&claims, of.now)?;
        let text = |name: &str| claims.root().get_str(name);
        Ok(Self {
            jti: text("jti").unwrap_or_default().to_string(),
            thumbprint: of.holder.thumbprint(),
            call: text("ambit_call").map(String::from),
        })
    }

    /// The proof's `jti`. With [`Self::thumbprint`] it may be used once.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// The RFC 7638 thumbprint of the holder.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The action digest for which the proof was made, where it names one.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }
}

/// Exactly `alg`, `typ` and `jwk`, which is the holder's public key.
fn check_header(jws: &UnverifiedStatement<'_>, holder: &PublicKey) -> Result<(), TokenError> {
    let header = jws.header(PROOF_HEADER).map_err(|_| {
        let detail = "the proof's header does not have exactly `alg`, `typ`, `jwk`";
        fault(Reason::PossessionMalformed, detail)
    })?;
    let member = |name: &str| header.root().get_str(name);
    if member("typ") != Some(PROOF_TYP) {
        return Err(fault(Reason::PossessionTyp, "`typ` is not `dpop+jwt`"));
    }
    let key = header.root().get("jwk").and_then(PublicKey::from_jwk);
    let Some(key) = key else {
        let detail = "`jwk` is not a public Ed25519 or P-256 key";
        return Err(fault(Reason::PossessionMalformed, detail));
    };
    if member("alg") != Some(key.alg()) {
        let detail = "`alg` is not the one of the proof's key";
        return Err(fault(Reason::PossessionAlg, detail));
    }
    if key != *holder {
        let detail = "the proof is by another key than the one of the last block";
        return Err(fault(Reason::PossessionKey, detail));
    }
    Ok(())
}

fn check_form(claims: &Document<'_>) -> Result<(), TokenError> {
    let checked = Form::Object(PROOF).check(claims.root());
    checked
        .map_err(|fault| TokenError::new(Reason::PossessionMalformed, 0, fault.within("the proof")))
}

fn check_call(claims: &Document<'_>, of: &ProofOf<'_>) -> Result<(), TokenError> {
    let text = |name: &str| claims.root().get_str(name);
    let ath = base64url::decode_array(text("ath").unwrap_or_default().as_bytes());
    if ath.as_ref() != Some(of.chain_s256) {
        let detail = "`ath` is not the digest of the whole chain";
        return Err(fault(Reason::PossessionToken, detail));
    }
    if text("htm") != Some(of.method) {
        let detail = "`htm` is not the method of this request";
        return Err(fault(Reason::PossessionMethod, detail));
    }
    if !url::same(text("htu").unwrap_or_default(), of.url) {
        let detail = "`htu` is not the URL of this request";
        return Err(fault(Reason::PossessionUrl, detail));
    }
    if of.nonce.is_some() && text("nonce") != of.nonce {
        let detail = "`nonce` is not the one that the service gave";
        return Err(fault(Reason::PossessionNonce, detail));
    }
    Ok(())
}

fn check_times(claims: &Document<'_>, now: i64) -> Result<(), TokenError> {
    let iat = claims.root().get_int("iat");
    let Some(iat) = iat else {
        let detail = "`iat` is missing or no integer";
        return Err(fault(Reason::PossessionMalformed, detail));
    };
    if iat < now.saturating_sub(PROOF_WINDOW_SECONDS) {
        let detail = "`iat` is more than 60 s ago";
        return Err(fault(Reason::PossessionExpired, detail));
    }
    if iat > now.saturating_add(PROOF_AHEAD_SECONDS) {
        let detail = "`iat` is more than 30 s ahead";
        return Err(fault(Reason::PossessionIatFuture, detail));
    }
    Ok(())
}

fn malformed(error: StatementFault) -> TokenError {
    fault(Reason::PossessionMalformed, error.detail())
}

fn fault(reason: Reason, detail: &'static str) -> TokenError {
    TokenError::new(reason, 0, detail)
}
