//! docs/token.md, "Verification", steps 1 to 5.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ambit_core::json::{Document, JsonError, JsonErrorKind, Profile};
use ambit_core::limits::Limits;
use ambit_core::{Reason, keep};

use super::cache::ChainCache;
use super::claims::{CNF, Claims};
use super::verified::{Block, VerifiedToken};
use super::{Fault, Parts, UnverifiedToken, header, links};
use crate::base64url;
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{IssuerKey, Keys};
use crate::tables::KeyTables;

impl UnverifiedToken<'_> {
    /// Verifies the chain at the time `now` (seconds since 1970).
    ///
    /// `cache` remembers it. Bind the cache to the bundle that `keys` and `limits` come from first
    /// ([`ChainCache::for_bundle`]), and ask it before you take a chain apart ([`ChainCache::find`]).
    ///
    /// # Errors
    ///
    /// [`TokenError`] with the first fault in docs/token.md's order.
    pub fn verify<'a>(
        &'a self,
        keys: &'a dyn Keys,
        now: i64,
        limits: &Limits,
        cache: Option<&mut ChainCache>,
    ) -> Result<VerifiedToken<'a>, TokenError> {
        let mut check = Check {
            token: self,
            keys,
            tables: cache.as_deref().map(ChainCache::keys),
            now,
            limits,
            blocks: Vec::with_capacity(self.blocks.len()),
            signer: None,
        };
        for (at, parts) in self.blocks.iter().enumerate() {
            let parts = parts.as_ref().map_err(|fault| fault.in_block(at))?;
            check.block(parts).map_err(|fault| fault.in_block(at))?;
        }
        let Some(signer) = check.signer else {
            let detail = "the chain has no blocks";
            return Err(TokenError::new(Reason::TokenFormat, 0, detail));
        };
        let token = VerifiedToken::new(check.blocks, signer);
        if let Some(cache) = cache {
            cache.insert(self.chain, &token, keys);
        }
        Ok(token)
    }
}

/// A verification under way.
struct Check<'a, 'k> {
    token: &'a UnverifiedToken<'a>,
    keys: &'a dyn Keys,
    tables: Option<&'k KeyTables>,
    now: i64,
    limits: &'k Limits,
    /// The blocks verified so far.
    blocks: Vec<Block<'a>>,
    /// Who signed the root.
    signer: Option<IssuerKey<'a>>,
}

impl<'a> Check<'a, '_> {
    fn block(&mut self, parts: &'a Parts<'a>) -> Result<(), Box<Fault>> {
        let Encoded { header, signature } = Encoded::decode(parts)?;
        if self.blocks.is_empty() {
            let keys = header::root_keys(&header, self.keys)?;
            return self.root(parts, keys, &signature);
        }
        let parent = self.blocks.last();
        header::check_derived(&header, parent.map(|parent| parent.holder().alg()))?;
        self.derived(parts, &signature)
    }

    fn root(
        &mut self,
        parts: &'a Parts<'a>,
        mut keys: Vec<IssuerKey<'a>>,
        signature: &[u8],
    ) -> Result<(), Box<Fault>> {
        let public = self.signing_key(&keys, parts, signature)?;
        keep(&mut keys, &mut |key| key.public == public);
        let document = self.payload(parts)?;
        let iss = document.root().get_str("iss");
        let iss = iss.filter(|iss| !iss.is_empty());
        let of_issuer = |key: &&IssuerKey<'_>| key.iss.is_none() || key.iss == iss;
        let key = keys.iter().find(of_issuer);
        if iss.is_some() && key.is_none() {
            let detail = "the key that signed belongs to another `iss`";
            return Err(Fault::new(Reason::TokenUnknownKey, detail));
        }
        let claims = Claims::check(document, true)?;
        let holder = self.holder(&claims)?;
        links::check_times(&claims, true, self.now, self.limits)?;
        links::check_root(&claims)?;
        let root = Block::new(claims, parts.signing_input, holder);
        self.signer = key.copied();
        self.blocks.push(root);
        Ok(())
    }

    fn derived(&mut self, parts: &'a Parts<'a>, signature: &[u8]) -> Result<(), Box<Fault>> {
        let Some(parent) = self.blocks.last() else {
            return Err(wrong_signature());
        };
        if !self.verifies(parent.holder(), parts, signature) {
            return Err(wrong_signature());
        }
        let claims = Claims::check(self.payload(parts)?, false)?;
        let holder = self.holder(&claims)?;
        links::check_times(&claims, false, self.now, self.limits)?;
        links::check_derived(&claims, &self.blocks, parent)?;
        self.blocks
            .push(Block::new(claims, parts.signing_input, holder));
        Ok(())
    }

    fn verifies(&self, key: &PublicKey, parts: &Parts<'_>, signature: &[u8]) -> bool {
        match self.tables {
            Some(tables) => tables.verify(key, parts.signing_input, signature),
            None => key.verify(parts.signing_input, signature),
        }
    }

    /// Which of the keys made the signature of the root.
    fn signing_key(
        &self,
        keys: &[IssuerKey<'_>],
        parts: &Parts<'_>,
        signature: &[u8],
    ) -> Result<PublicKey, Box<Fault>> {
        let mut publics = keys.iter().map(|key| key.public);
        publics
            .find(|public| self.verifies(public, parts, signature))
            .ok_or_else(wrong_signature)
    }

    /// Step 4, as far as it is about JSON.
    fn payload(&self, parts: &Parts<'_>) -> Result<Document<'a>, Box<Fault>> {
        let bytes = self.token.payloads.get(parts.payload.clone());
        Document::parse(bytes.unwrap_or_default(), Profile::Signed)
            .map_err(|error| json_fault(&error))
    }

    /// The holder's public key from `cnf`.
    fn holder(&self, claims: &Claims<'_>) -> Result<PublicKey, Box<Fault>> {
        let key = claims.get(CNF).and_then(|cnf| cnf.get("jwk"));
        key.and_then(PublicKey::from_jwk)
            .filter(|key| match self.tables {
                Some(tables) => tables.is_usable(key),
                None => key.is_usable(),
            })
            .ok_or_else(|| Fault::new(Reason::TokenCnf, "the holder's key is not usable"))
    }
}

/// The parts of a block that are needed only while it is verified.
struct Encoded {
    header: Vec<u8>,
    signature: Vec<u8>,
}

impl Encoded {
    fn decode(parts: &Parts<'_>) -> Result<Self, Box<Fault>> {
        let decode = |text| base64url::decode(text).ok_or_else(Fault::base64);
        Ok(Self {
            header: decode(parts.header)?,
            signature: decode(parts.signature)?,
        })
    }
}

fn wrong_signature() -> Box<Fault> {
    Fault::new(Reason::TokenSignature, "the signature does not verify")
}

pub(super) fn json_fault(error: &JsonError) -> Box<Fault> {
    match error.kind {
        JsonErrorKind::DuplicateMember => Fault::new(
            Reason::TokenDuplicateMember,
            "two members of one object have the same name",
        ),
        JsonErrorKind::Float => Fault::new(Reason::TokenFloat, "a number is not an integer"),
        JsonErrorKind::Depth => Fault::new(Reason::TokenJson, "nested too deep"),
        _ => Fault::new(Reason::TokenJson, "not valid JSON"),
    }
}
