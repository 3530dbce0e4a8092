//! A chain that was verified, and what may be read from it.

use alloc::vec::Vec;
use core::cell::Cell;

use ambit_core::json::{Elements, Json};

use super::cache::remembered;
use super::claims::{AGENT, AUD, Claims, DEL_MAX_DEPTH, DETAILS, EXP, IAT, ISS, JTI, SUB, TENANT};
use super::header::TYP;
use crate::key::PublicKey;
use crate::keys::{About, IssuerKey, Keys};
use crate::sha256;

/// A chain that passed docs/token.md's steps 1 to 5. Made only by
/// [`UnverifiedToken::verify`](crate::UnverifiedToken::verify).
#[derive(Debug)]
pub struct VerifiedToken<'a> {
    blocks: Vec<Block<'a>>,
    /// The issuer key that signed the root.
    signer: IssuerKey<'a>,
}

/// A verified block.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    pub(super) claims: Claims<'a>,
    pub(super) signing_input: &'a [u8],
    /// Where the digest of the signing input is remembered, if it is.
    s256: Option<&'a Cell<Option<[u8; 32]>>>,
    holder: PublicKey,
}

impl<'a> VerifiedToken<'a> {
    pub(super) const fn new(blocks: Vec<Block<'a>>, signer: IssuerKey<'a>) -> Self {
        Self { blocks, signer }
    }

    /// The blocks: the root, then each derived one.
    #[must_use]
    pub fn blocks(&self) -> &[Block<'a>] {
        &self.blocks
    }

    /// The claims of the root.
    #[must_use]
    pub fn root(&self) -> Json<'_> {
        // There is always a root: `verify` refuses a chain without blocks.
        self.blocks.first().map_or_else(absent, Block::claims)
    }

    /// The `kid` of the issuer key that signed the root.
    #[must_use]
    pub const fn kid(&self) -> &str {
        self.signer.kid
    }

    /// The issuer key that signed the root.
    #[must_use]
    pub const fn issuer_key(&self) -> &PublicKey {
        &self.signer.public
    }

    /// Which of the keys with the signer's `kid` it is.
    pub(super) fn place_among(&self, keys: &dyn Keys) -> usize {
        let mut place = 0_usize;
        keys.by_kid(self.signer.kid, &mut |key| {
            let same = key.public == self.signer.public
                && key.alg() == self.signer.alg()
                && key.signs == self.signer.signs
                && key.iss == self.signer.iss;
            place = place.saturating_add(usize::from(!same));
            same
        });
        place
    }

    /// The root's `iss`.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.text(ISS)
    }

    /// The root's `sub`: for whom the agent acts.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.text(SUB)
    }

    /// The root's `jti`.
    #[must_use]
    pub fn jti(&self) -> &str {
        self.text(JTI)
    }

    /// The root's `tenant`, if it names one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.blocks.first()?.claims.get(TENANT)?.as_str()
    }

    /// The class of the agent: the root's `agent.uid`.
    #[must_use]
    pub fn agent_uid(&self) -> &str {
        let agent = self.blocks.first().and_then(|root| root.claims.get(AGENT));
        agent
            .and_then(|agent| agent.get("uid"))
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// The root's `iat`, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> i64 {
        self.blocks.first().map_or(i64::MIN, Block::iat)
    }

    /// The root's `exp`, in seconds since 1970. No block lives longer.
    #[must_use]
    pub fn exp(&self) -> i64 {
        self.blocks.first().map_or(i64::MIN, Block::exp)
    }

    /// When the whole chain ends: the `exp` of its last block.
    #[must_use]
    pub fn ends(&self) -> i64 {
        self.blocks.last().map_or(i64::MIN, Block::exp)
    }

    /// How often the root was passed on.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.blocks.len().saturating_sub(1)
    }

    /// How often the root may be passed on: its `del_max_depth`.
    #[must_use]
    pub fn del_max_depth(&self) -> i64 {
        self.blocks.first().map_or(0, Block::del_max_depth)
    }

    /// The key of who holds the chain now: `cnf.jwk` of the last block.
    #[must_use]
    pub fn holder(&self) -> Option<&PublicKey> {
        self.blocks.last().map(Block::holder)
    }

    /// Whether every `aud` in the chain has this audience.
    #[must_use]
    pub fn audience_allowed(&self, audience: &str) -> bool {
        let mut audiences = self.blocks.iter().filter_map(|block| block.claims.get(AUD));
        audiences.all(|list| list.elements().any(|one| one.as_str() == Some(audience)))
    }

    /// Whether a block, or one before it, names a single audience.
    #[must_use]
    pub fn has_one_audience(&self, block: usize) -> bool {
        let blocks = self.blocks.iter().take(block.saturating_add(1));
        let mut audiences = blocks.filter_map(|block| block.claims.get(AUD));
        audiences.any(|list| {
            let first = list.elements().next().and_then(Json::as_str);
            list.elements().all(|one| one.as_str() == first)
        })
    }

    /// Whether the issuer key may sign a token for the root's person, tenant and agent class that is
    /// used for this audience, at this risk, for these actions (docs/token.md, step 2; else `key.role`).
    #[must_use]
    pub fn role_allows(&self, audience: &str, tier: Option<&str>, actions: &[&str]) -> bool {
        let about = About {
            sub: Some(self.sub()),
            tenant: self.tenant(),
            audiences: &[audience],
            agent: Some(self.agent_uid()),
            tier,
            actions,
            roles: &[],
        };
        self.signer.may_sign(TYP, &about)
    }

    /// The capabilities of a block, in their order; none for a block that is not there.
    #[must_use]
    pub fn entries(&self, block: usize) -> Elements<'_> {
        match self.blocks.get(block) {
            Some(block) => block.entries(),
            None => Json::null().elements(),
        }
    }

    /// SHA-256 of a block's signing input: its identity, by which limits are counted. Zeroes for
    /// a block that is not there.
    #[must_use]
    pub fn signing_input_s256(&self, block: usize) -> [u8; 32] {
        let block = self.blocks.get(block);
        block.map_or_else(Default::default, Block::signing_input_s256)
    }

    fn text(&self, row: usize) -> &str {
        self.blocks.first().map_or("", |root| root.claims.text(row))
    }
}

impl<'a> Block<'a> {
    pub(super) const fn new(
        claims: Claims<'a>,
        signing_input: &'a [u8],
        holder: PublicKey,
    ) -> Self {
        Self {
            claims,
            signing_input,
            s256: None,
            holder,
        }
    }

    /// The same, whose digest is kept in a cache.
    pub(super) fn remembering(self, s256: &'a Cell<Option<[u8; 32]>>) -> Self {
        Self {
            s256: Some(s256),
            ..self
        }
    }

    /// All claims of the block.
    #[must_use]
    pub fn claims(&self) -> Json<'_> {
        self.claims.root()
    }

    /// The block's `jti`.
    #[must_use]
    pub fn jti(&self) -> &str {
        self.claims.text(JTI)
    }

    /// The block's `iat`, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> i64 {
        self.claims.integer(IAT).unwrap_or(i64::MIN)
    }

    /// The block's `exp`, in seconds since 1970.
    #[must_use]
    pub fn exp(&self) -> i64 {
        self.claims.integer(EXP).unwrap_or(i64::MIN)
    }

    /// The key to which the block is bound: its `cnf.jwk`.
    #[must_use]
    pub const fn holder(&self) -> &PublicKey {
        &self.holder
    }

    /// The block's capabilities, in their order.
    #[must_use]
    pub fn entries(&self) -> Elements<'_> {
        let entries = self.claims.get(DETAILS);
        entries.unwrap_or_default().elements()
    }

    /// SHA-256 of the block's signing input, computed on each call unless the chain is cached.
    #[must_use]
    pub fn signing_input_s256(&self) -> [u8; 32] {
        let hash = || sha256(self.signing_input);
        self.s256.map_or_else(hash, |cell| remembered(cell, hash))
    }

    pub(super) fn del_max_depth(&self) -> i64 {
        self.claims.integer(DEL_MAX_DEPTH).unwrap_or(0)
    }
}

/// `null`.
fn absent<'a>() -> Json<'a> {
    Json::null()
}
