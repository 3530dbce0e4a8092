//! One signed statement in JWS compact form (RFC 7515 section 7.1), apart from capability chains:
//! approval receipts, enrolments and revocation epochs.
//!
//! The rules are those of a chain's root: exactly `alg`, `typ` and `kid` in the header, the key
//! found by `kid` among those that may sign this `typ`, the signature before any claim is read.

use alloc::string::String;
use alloc::vec::Vec;

use ambit_core::grammar::{self, Form, Member};
use ambit_core::json::{Document, Json, JsonErrorKind, Kind, Profile};
use ambit_core::limits::CLOCK_SKEW_SECONDS;
use ambit_core::{Reason, keep, rsplit_once, split_once};

use crate::base64url;
use crate::error::TokenError;
use crate::keys::{About, IssuerKey, Keys};

/// Keys of one `kid` that a signature is tried with, as in a chain's root.
const SAME_KID: usize = 16;

/// What is wrong with a statement. Each kind of statement has reasons of its own for these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementFault {
    /// Too long, not three parts, or not canonical base64url.
    Format,
    /// The header is not JSON, or has other members than `alg`, `typ`, `kid`.
    Header,
    /// `alg` is not the one of the key.
    Alg,
    /// `typ` is another kind of statement.
    Typ,
    /// No key has this `kid` for the statement's `iss`.
    UnknownKey,
    /// The key may not sign this `typ`.
    Role,
    /// The signature does not verify.
    Signature,
    /// The claims are not a JSON object, repeat a member, or have a number that is no integer.
    Json,
}

impl StatementFault {
    /// What is wrong, for administrators.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Format => {
                "too long, not three parts joined by points, or not canonical base64url"
            }
            Self::Header => "the header has other members than `alg`, `typ`, `kid`",
            Self::Alg => "`alg` is not the one of the key",
            Self::Typ => "`typ` is that of another kind of statement",
            Self::UnknownKey => "no key has this `kid` for this `iss`",
            Self::Role => {
                "the key may not sign statements of this `typ`, or not for this person, tenant, audience, agent, risk or action"
            }
            Self::Signature => "the signature does not verify",
            Self::Json => "the claims are not a JSON object that can be read exactly",
        }
    }
}

/// What a kind of statement is called, how it looks, and the reasons that refuse it: one row for each kind,
/// so that all are read by the same code.
#[derive(Debug)]
pub struct StatementKind {
    /// Its `typ`, of which each key of a policy may sign exactly one.
    pub typ: &'static str,
    /// What it is called in details for administrators.
    pub name: &'static str,
    /// How many bytes it may have.
    pub bytes: usize,
    /// Its claims.
    pub form: &'static [Member],
    /// Not a JWS with such claims.
    pub malformed: Reason,
    /// Another `alg` than the key's.
    pub alg: Reason,
    /// Another `typ`.
    pub wrong_typ: Reason,
    /// Nobody knows the key.
    pub unknown_key: Reason,
    /// The key may not sign it.
    pub key_role: Reason,
    /// The signature does not verify.
    pub signature: Reason,
    /// Its `iat` is in the future.
    pub iat_future: Reason,
    /// Its `exp` has passed, or is not after `iat`.
    pub expired: Reason,
}

impl StatementKind {
    /// Takes a statement of this kind apart.
    ///
    /// # Errors
    ///
    /// [`Self::malformed`].
    pub fn parse<'s>(&self, text: &'s str) -> Result<UnverifiedStatement<'s>, TokenError> {
        UnverifiedStatement::parse(text, self.bytes).map_err(|fault| self.refuse(fault))
    }

    /// Verifies the signature by a key of the statement's issuer.
    ///
    /// # Errors
    ///
    /// The reasons of this kind, in the order of a chain's root.
    pub fn verify<'a>(
        &self,
        unverified: &'a UnverifiedStatement<'_>,
        keys: &'a dyn Keys,
    ) -> Result<Statement<'a>, TokenError> {
        unverified
            .verify(self.typ, keys)
            .map_err(|fault| self.refuse(fault))
    }

    /// Whether claims have the form of this kind.
    ///
    /// # Errors
    ///
    /// [`Self::malformed`].
    pub fn check_form(&self, claims: Json<'_>) -> Result<(), TokenError> {
        let checked = Form::Object(self.form).check(claims);
        checked.map_err(|fault| TokenError::new(self.malformed, 0, fault.within(self.name)))
    }

    /// Whether claims that have their form hold at this time.
    ///
    /// # Errors
    ///
    /// [`Self::iat_future`], [`Self::expired`].
    pub fn check_times(&self, claims: Json<'_>, now: i64) -> Result<(), TokenError> {
        let time = |name| claims.get_int(name).unwrap_or(i64::MAX);
        let (iat, exp) = (time("iat"), time("exp"));
        let (reason, detail) = if iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
            (self.iat_future, "`iat` is in the future")
        } else if now >= exp || exp <= iat {
            (self.expired, "`exp` has passed, or is not after `iat`")
        } else {
            return Ok(());
        };
        Err(TokenError::new(reason, 0, detail))
    }

    /// Whether the key that signed may sign a statement about this.
    ///
    /// # Errors
    ///
    /// [`Self::key_role`].
    pub fn check_role(&self, key: &IssuerKey<'_>, about: &About<'_>) -> Result<(), TokenError> {
        let may = key.may_sign(self.typ, about);
        may.then_some(())
            .ok_or_else(|| self.refuse(StatementFault::Role))
    }

    pub(crate) fn refuse(&self, fault: StatementFault) -> TokenError {
        let reason = match fault {
            StatementFault::Alg => self.alg,
            StatementFault::Typ => self.wrong_typ,
            StatementFault::UnknownKey => self.unknown_key,
            StatementFault::Role => self.key_role,
            StatementFault::Signature => self.signature,
            StatementFault::Format | StatementFault::Header | StatementFault::Json => {
                self.malformed
            }
        };
        TokenError::new(reason, 0, fault.detail())
    }
}

/// The three parts of a JWS, decoded; nothing verified.
#[derive(Debug)]
pub struct UnverifiedStatement<'s> {
    signing_input: &'s [u8],
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A statement whose signature verified under a key that may sign its `typ`. What it claims is not
/// judged yet.
#[derive(Debug)]
pub struct Statement<'a> {
    document: Document<'a>,
    iss: String,
    key: IssuerKey<'a>,
}

impl<'s> UnverifiedStatement<'s> {
    /// Takes a JWS of at most `most` bytes apart.
    ///
    /// # Errors
    ///
    /// [`StatementFault::Format`].
    pub fn parse(text: &'s str, most: usize) -> Result<Self, StatementFault> {
        let parse = || {
            let (signing_input, signature) = rsplit_once(text, b'.')?;
            let (header, payload) = split_once(signing_input, ".")?;
            Some(Self {
                signing_input: signing_input.as_bytes(),
                header: base64url::decode(header.as_bytes())?,
                payload: base64url::decode(payload.as_bytes())?,
                signature: base64url::decode(signature.as_bytes())?,
            })
        };
        let fits = text.len() <= most;
        fits.then(parse).flatten().ok_or(StatementFault::Format)
    }

    /// What is signed.
    pub(crate) const fn signing_input(&self) -> &'s [u8] {
        self.signing_input
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The header, with no other members than those of its table.
    pub(crate) fn header(&self, table: &[Member]) -> Result<Document<'_>, StatementFault> {
        let header = object(&self.header).ok_or(StatementFault::Header)?;
        if grammar::has_others(header.root(), table) {
            return Err(StatementFault::Header);
        }
        Ok(header)
    }

    /// The claims as JSON. What they say counts only once the signature was verified.
    pub(crate) fn claims(&self) -> Result<Document<'_>, StatementFault> {
        object(&self.payload).ok_or(StatementFault::Json)
    }

    /// The claims' bytes, for whoever reads them again once they were verified.
    #[must_use]
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// Verifies the signature by a key of the statement's issuer that may sign `typ`.
    ///
    /// # Errors
    ///
    /// The first [`StatementFault`] in the order of a chain's root.
    pub fn verify<'a>(
        &'a self,
        typ: &str,
        keys: &'a dyn Keys,
    ) -> Result<Statement<'a>, StatementFault> {
        let header = self.header(grammar::STATEMENT_HEADER)?;
        let member = |name| header.root().get_str(name);
        if member("typ") != Some(typ) {
            return Err(StatementFault::Typ);
        }
        let mut named: Vec<IssuerKey<'_>> = Vec::new();
        if let Some(kid) = member("kid").filter(|kid| !kid.is_empty()) {
            keys.by_kid(kid, &mut |key| {
                named.push(key);
                named.len() >= SAME_KID
            });
        }
        if named.is_empty() {
            return Err(StatementFault::UnknownKey);
        }
        keep(&mut named, &mut |key| Some(key.alg()) == member("alg"));
        if named.is_empty() {
            return Err(StatementFault::Alg);
        }
        keep(&mut named, &mut |key| key.signs == typ);
        if named.is_empty() {
            return Err(StatementFault::Role);
        }
        keep(&mut named, &mut |key| {
            key.verify(self.signing_input, &self.signature)
        });
        if named.is_empty() {
            return Err(StatementFault::Signature);
        }
        let document = self.claims()?;
        let iss = document.root().get_str("iss");
        let of_issuer = |key: &&IssuerKey<'_>| key.iss.is_none() || key.iss == iss;
        let key = named.iter().find(of_issuer);
        let (Some(key), Some(iss)) = (key, iss.map(String::from)) else {
            return Err(StatementFault::UnknownKey);
        };
        Ok(Statement {
            key: *key,
            document,
            iss,
        })
    }
}

impl Statement<'_> {
    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> Json<'_> {
        self.document.root()
    }

    /// Who signed it: the `iss` to which the key belongs.
    #[must_use]
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> &IssuerKey<'_> {
        &self.key
    }
}

/// A JSON object without repeated members and with integers only.
fn object(bytes: &[u8]) -> Option<Document<'_>> {
    let parsed = Document::parse(bytes, Profile::Signed);
    parsed
        .map_err(|error| -> JsonErrorKind { error.kind })
        .ok()
        .filter(|document| document.root().kind() == Kind::Object)
}
