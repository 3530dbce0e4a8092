//! What is to be signed: the bytes that a holder or a person's device puts its signature to, so that
//! neither writes RFC 8785 by hand.
//!
//! Nothing here signs, and no private key comes near. What the evaluator would refuse is refused here
//! with the same reason, as far as it is plain without the policy and the request.

use alloc::string::String;

use ambit_core::Reason;
use ambit_core::grammar::{Form, PROOF};
use ambit_core::json::{Document, Json, Kind, Profile, Writer, canonical};
use ambit_core::limits::Limits;

use crate::chain::UnverifiedToken;
use crate::enrolment::{self, UnverifiedEnrolment};
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{IssuerKey, Keys};
use crate::proof::PROOF_TYP;
use crate::receipt::{self, Receipt};
use crate::statement::{StatementFault, StatementKind};
use crate::{base64url, sha256};

/// A statement without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The algorithm of the signature.
    pub alg: &'static str,
    /// Header and payload as they are signed: a JWS is this, a point, and the signature (base64url).
    pub signing_input: String,
}

impl Unsigned {
    /// base64url of the SHA-256 of what is signed: a `WebAuthn` challenge, and the `par_hash` of the next
    /// block.
    #[must_use]
    pub fn s256(&self) -> String {
        base64url::encode(&sha256(self.signing_input.as_bytes()))
    }
}

/// A proof of possession for the holder of this chain. `ath` is filled in where it is absent; `claims`
/// has `jti`, `htm`, `htu` and `iat`, and may have `nonce` and `ambit_call`.
///
/// # Errors
///
/// `possession.malformed`, `possession.token`, and what is wrong with the chain. Its signatures are not
/// verified: the holder was given it.
pub fn proof(chain: &str, claims: Json<'_>) -> Result<Unsigned, TokenError> {
    let fault = |detail| TokenError::new(Reason::PossessionMalformed, 0, detail);
    let holder = UnverifiedToken::parse(chain, &Limits::default())?.last_holder()?;
    let digest = base64url::encode(&sha256(chain.as_bytes()));
    let text = with(claims, &mut |out| {
        if claims.get("ath").is_none() {
            out.name("ath").string(&digest);
        }
    });
    let document = parse(&text).ok_or_else(|| fault(String::from(UNREADABLE)))?;
    let checked = Form::Object(PROOF).check(document.root());
    checked.map_err(|found| fault(found.within("the proof")))?;
    if document.root().get_str("ath") != Some(&digest) {
        let detail = "`ath` is not the digest of the whole chain";
        return Err(TokenError::new(Reason::PossessionToken, 0, detail));
    }
    let header = Header {
        alg: holder.alg(),
        typ: PROOF_TYP,
        kid: None,
        jwk: Some(&holder),
    };
    Ok(header.over(document.root()))
}

/// A further block for this chain. `iss`, `par_hash`, `del_depth` and `del_max_depth` are filled in where
/// they are absent.
///
/// # Errors
///
/// What docs/token.md says of the claims of a derived block, at its own `iat`.
pub fn block(chain: &str, claims: Json<'_>) -> Result<Unsigned, TokenError> {
    UnverifiedToken::parse(chain, &Limits::default())?.derive(claims)
}

/// A receipt, to be signed by the key `kid` of the claims' `iss`.
///
/// # Errors
///
/// `approval.malformed`, `approval.unknown_key`, `approval.key_role` for a person or a risk that the key
/// does not speak for, `approval.expired`.
pub fn receipt(keys: &dyn Keys, kid: &str, claims: Json<'_>) -> Result<Unsigned, TokenError> {
    by_kid(&receipt::KIND, keys, kid, claims, &Receipt::check_signer)
}

/// A receipt, to be signed by the key that this enrolment makes known. `iss` and `sub` are filled in where they are absent.
///
/// # Errors
///
/// `enrolment.malformed`, and what [`receipt()`] refuses. The enrolment's signatures are not verified: the person was given
/// it.
pub fn enrolled_receipt(enrolment: &str, claims: Json<'_>) -> Result<Unsigned, TokenError> {
    let enrolment = UnverifiedEnrolment::parse(enrolment)?;
    let mut made = Err(receipt::KIND.refuse(StatementFault::UnknownKey));
    enrolment.with_row(&mut |row| {
        let text = with(claims, &mut |out| {
            for (name, value) in [("iss", row.iss), ("sub", row.only.sub)] {
                if let Some(value) = value.filter(|_| claims.get(name).is_none()) {
                    out.name(name).string(value);
                }
            }
        });
        made = parse(&text)
            .ok_or_else(|| TokenError::new(receipt::KIND.malformed, 0, UNREADABLE))
            .and_then(|document| receipt(&One(row), row.kid, document.root()));
    })?;
    made
}

/// One key.
struct One<'k>(IssuerKey<'k>);

impl Keys for One<'_> {
    fn by_kid<'k>(&'k self, _: &str, visit: &mut dyn FnMut(IssuerKey<'k>) -> bool) {
        visit(self.0);
    }
}

/// An enrolment, to be signed by the key `kid` of the claims' `iss`.
///
/// # Errors
///
/// `enrolment.malformed`, `enrolment.unknown_key`, `enrolment.expired`, `enrolment.lifetime`, and
/// `enrolment.key_role` for a person for whom the key enrols nothing.
pub fn enrolment(keys: &dyn Keys, kid: &str, claims: Json<'_>) -> Result<Unsigned, TokenError> {
    by_kid(
        &enrolment::KIND,
        keys,
        kid,
        claims,
        &enrolment::check_signer,
    )
}

/// What is plain before a key signs such claims.
type Check<'c> = &'c dyn Fn(Json<'_>, &IssuerKey<'_>) -> Result<(), TokenError>;

fn by_kid(
    kind: &StatementKind,
    keys: &dyn Keys,
    kid: &str,
    claims: Json<'_>,
    check: Check<'_>,
) -> Result<Unsigned, TokenError> {
    let text = with(claims, &mut |_| ());
    let document = parse(&text).ok_or_else(|| TokenError::new(kind.malformed, 0, UNREADABLE))?;
    let claims = document.root();
    kind.check_form(claims)?;
    let mut found: Option<IssuerKey<'_>> = None;
    let iss = claims.get_str("iss");
    keys.by_kid(kid, &mut |key| {
        let fits = key.signs == kind.typ && (key.iss.is_none() || key.iss == iss);
        if fits {
            found = Some(key);
        }
        fits
    });
    let key = found.ok_or_else(|| kind.refuse(StatementFault::UnknownKey))?;
    check(claims, &key)?;
    let header = Header {
        alg: key.alg(),
        typ: kind.typ,
        kid: Some(kid),
        jwk: None,
    };
    Ok(header.over(claims))
}

const UNREADABLE: &str = "the claims are not a JSON object that can be read exactly";

fn parse(text: &str) -> Option<Document<'_>> {
    Document::parse(text.as_bytes(), Profile::Signed).ok()
}

/// The members of an object and what `more` adds, as JSON.
pub(crate) fn with(claims: Json<'_>, more: &mut dyn FnMut(&mut Writer)) -> String {
    let mut out = Writer::with_capacity(1024);
    if claims.kind() != Kind::Object {
        return out.json(claims).as_str().into();
    }
    out.object(|out| {
        for (name, value) in claims.members() {
            out.name(name).json(value);
        }
        more(out);
    });
    out.finish()
}

/// A header, its members in the order of RFC 8785.
pub(crate) struct Header<'a> {
    pub(crate) alg: &'static str,
    pub(crate) typ: &'static str,
    pub(crate) kid: Option<&'a str>,
    pub(crate) jwk: Option<&'a PublicKey>,
}

impl Header<'_> {
    /// The signing input of this header over claims whose numbers are integers.
    pub(crate) fn over(&self, claims: Json<'_>) -> Unsigned {
        let mut header = Writer::with_capacity(256);
        header.object(|out| {
            out.name("alg").string(self.alg);
            if let Some(key) = self.jwk {
                out.name("jwk").raw(&key.jwk());
            }
            if let Some(kid) = self.kid {
                out.name("kid").string(kid);
            }
            out.name("typ").string(self.typ);
        });
        let mut payload = Writer::with_capacity(1024);
        // What was read as signed data has integers only, so it has this form.
        let _ = canonical(claims, &mut payload);
        let mut signing_input = base64url::encode(header.as_str().as_bytes());
        signing_input.push('.');
        signing_input.push_str(&base64url::encode(payload.as_str().as_bytes()));
        Unsigned {
            alg: self.alg,
            signing_input,
        }
    }
}
