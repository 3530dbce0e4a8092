//! Chains whose signatures and links were verified before, as they were read.

use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::ops::Range;

use ambit_core::grammar::CLAIMS;
use ambit_core::json::Document;
use ambit_core::limits::{CACHED_CHAINS, CHAIN_CACHE_BYTES, Limits, TOKEN_BLOCKS};
use ambit_core::{Reason, same_bytes, split};

use super::claims::Claims;
use super::header::TYP;
use super::links;
use super::verified::{Block, VerifiedToken};
use crate::error::TokenError;
use crate::key::PublicKey;
use crate::keys::{IssuerKey, Keys};
use crate::sha256;
use crate::tables::KeyTables;

/// Remembers which exact chains verified under which bundle.
///
/// It holds the bytes of a chain, the issuer key that signed it, and what reading and verifying these
/// bytes gives whenever it is done: claims as they were parsed, digests. Times and everything that a
/// request brings are judged anew. Of bounded size; the oldest chains make room for new ones.
#[derive(Default)]
pub struct ChainCache {
    bundle: Option<[u8; 32]>,
    /// What is kept of chains, one after the other, none across the end.
    ring: Vec<u8>,
    entries: Vec<Entry>,
    /// Where in `ring` the next chain goes.
    next_byte: usize,
    /// Which entry is written next.
    next_entry: usize,
    keys: KeyTables,
}

/// A chain in the ring: its text, then tape and texts of each block, then the `kid` of its issuer.
struct Entry {
    start: usize,
    end: usize,
    /// Bytes of its text. 0: nothing here.
    length: usize,
    /// The end of the last signature, to pass over most other chains without comparing them.
    mark: [u8; 8],
    /// Of its text, once somebody asked.
    s256: Cell<Option<[u8; 32]>>,
    /// Where in the ring the `kid` of its issuer stands.
    kid: Range<usize>,
    /// Which of the keys with this `kid` signed it, and its bytes.
    key: usize,
    public: PublicKey,
    blocks: [Option<KeptBlock>; TOKEN_BLOCKS],
}

/// What was found out about a block.
struct KeptBlock {
    /// Bytes of its tape and texts.
    lengths: [usize; 3],
    places: [usize; CLAIMS.len()],
    /// Bytes of the signing input, and of the whole block.
    signing_input: usize,
    bytes: usize,
    s256: Cell<Option<[u8; 32]>>,
    holder: PublicKey,
}

/// A chain that is in the cache, and the key of its issuer as it is configured.
#[derive(Clone, Copy, Debug)]
pub struct KnownChain<'k> {
    place: usize,
    signer: IssuerKey<'k>,
}

impl ChainCache {
    /// An empty cache, bound to no bundle.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bundle: None,
            ring: Vec::new(),
            entries: Vec::new(),
            next_byte: 0,
            next_entry: 0,
            keys: KeyTables::new(),
        }
    }

    /// The keys that verified, whose tables make verifying faster.
    #[must_use]
    pub const fn keys(&self) -> &KeyTables {
        &self.keys
    }

    /// Takes the memory for everything that it may ever hold: for a heap that keeps nothing from one
    /// call to the next but what was taken before the first.
    pub fn reserve(&mut self) {
        self.ring.reserve_exact(CHAIN_CACHE_BYTES);
        self.entries.reserve_exact(CACHED_CHAINS);
        self.keys.reserve();
    }

    /// Binds the cache to the bundle with this SHA-256. What was verified under another is
    /// forgotten, because another bundle has other keys and limits.
    pub fn for_bundle(&mut self, digest: &[u8; 32]) {
        if self.bundle.as_ref() == Some(digest) {
            return;
        }
        self.bundle = Some(*digest);
        self.ring.clear();
        self.entries.clear();
        self.next_byte = 0;
        self.next_entry = 0;
    }

    /// SHA-256 of a chain as it came. A chain that is known is hashed at most once.
    #[must_use]
    pub fn s256(&self, chain: &str) -> [u8; 32] {
        let hash = || sha256(chain.as_bytes());
        match self.position(chain).and_then(|at| self.entries.get(at)) {
            Some(entry) => remembered(&entry.s256, hash),
            None => hash(),
        }
    }

    /// Exactly this chain, where it verified before and the key that signed it is still there.
    #[must_use]
    pub fn find<'k>(&self, chain: &str, keys: &'k dyn Keys) -> Option<KnownChain<'k>> {
        let place = self.position(chain)?;
        let entry = self.entries.get(place)?;
        let kid = core::str::from_utf8(self.ring.get(entry.kid.clone())?).ok()?;
        let (mut at, mut signer) = (0_usize, None);
        keys.by_kid(kid, &mut |key| {
            let found = at == entry.key;
            at = at.saturating_add(1);
            let same = found && key.public == entry.public && key.signs == TYP;
            signer = same.then_some(key);
            found
        });
        let signer = signer?;
        Some(KnownChain { place, signer })
    }

    /// What [`UnverifiedToken::verify`](super::UnverifiedToken::verify) says of a chain that is known: all
    /// but its times was found right, and would be again.
    ///
    /// # Errors
    ///
    /// [`TokenError`] for the times of its blocks.
    pub fn verified<'a>(
        &'a self,
        known: &KnownChain<'a>,
        chain: &'a str,
        now: i64,
        limits: &Limits,
    ) -> Result<VerifiedToken<'a>, TokenError> {
        let lost = || TokenError::new(Reason::TokenFormat, 0, "the chain is not known");
        let entry = self.entries.get(known.place).ok_or_else(lost)?;
        let mut blocks = Vec::with_capacity(TOKEN_BLOCKS);
        let mut at = entry.start.saturating_add(entry.length);
        let mut rest = chain.as_bytes();
        for kept in entry.blocks.iter().flatten() {
            let (document, end) = self.document(kept, at).ok_or_else(lost)?;
            at = end;
            let claims = Claims::kept(document, kept.places);
            links::check_times(&claims, blocks.is_empty(), now, limits)
                .map_err(|fault| fault.in_block(blocks.len()))?;
            let signing_input = rest.get(..kept.signing_input).ok_or_else(lost)?;
            // Behind each block but the last stands `~`.
            rest = rest.get(kept.bytes.saturating_add(1)..).unwrap_or_default();
            let block = Block::new(claims, signing_input, kept.holder);
            blocks.push(block.remembering(&kept.s256));
        }
        Ok(VerifiedToken::new(blocks, known.signer))
    }

    fn document(&self, kept: &KeptBlock, mut at: usize) -> Option<(Document<'_>, usize)> {
        let mut part = |length: usize| {
            let end = at.checked_add(length)?;
            let part = self.ring.get(at..end)?;
            at = end;
            Some(part)
        };
        let [nodes, text, side] = kept.lengths;
        let (nodes, text, side) = (part(nodes)?, part(text)?, part(side)?);
        let utf8 = |bytes| core::str::from_utf8(bytes).ok();
        Some((Document::kept(nodes, utf8(text)?, utf8(side)?), at))
    }

    fn position(&self, chain: &str) -> Option<usize> {
        let chain = chain.as_bytes();
        let mark = mark(chain)?;
        let same = |entry: &Entry| {
            let end = entry.start.saturating_add(entry.length);
            entry.length == chain.len()
                && entry.mark == mark
                && self
                    .ring
                    .get(entry.start..end)
                    .is_some_and(|kept| same_bytes(kept, chain))
        };
        self.bundle?;
        self.entries.iter().position(same)
    }

    /// Remembers a chain that has just verified. Does nothing while bound to no bundle.
    pub(super) fn insert(&mut self, chain: &str, token: &VerifiedToken<'_>, keys: &dyn Keys) {
        let (Some(mark), Some(_)) = (mark(chain.as_bytes()), self.bundle) else {
            return;
        };
        let mut parts = alloc::vec![chain.as_bytes()];
        for block in token.blocks() {
            parts.extend_from_slice(&block.claims.parts().0.parts());
        }
        parts.push(token.kid().as_bytes());
        let lengths = parts.iter().map(|part| part.len());
        let bytes = lengths.fold(0, usize::saturating_add);
        let Some(start) = self.room(bytes) else {
            return;
        };
        let mut at = start;
        for part in parts {
            let end = at.saturating_add(part.len());
            if let Some(room) = self.ring.get_mut(at..end) {
                room.copy_from_slice(part);
            }
            at = end;
        }
        let mut blocks = [const { None }; TOKEN_BLOCKS];
        for ((place, block), text) in blocks
            .iter_mut()
            .zip(token.blocks())
            .zip(split(chain, b'~'))
        {
            *place = Some(KeptBlock::of(block, text.len()));
        }
        let entry = Entry {
            start,
            end: at,
            length: chain.len(),
            mark,
            s256: Cell::new(None),
            kid: at.saturating_sub(token.kid().len())..at,
            key: token.place_among(keys),
            public: *token.issuer_key(),
            blocks,
        };
        match self.entries.get_mut(self.next_entry) {
            Some(oldest) => *oldest = entry,
            None => self.entries.push(entry),
        }
        self.next_byte = at;
        self.next_entry = self.next_entry.saturating_add(1) % CACHED_CHAINS;
    }

    /// Makes room for so many bytes in a row, and says where.
    fn room(&mut self, bytes: usize) -> Option<usize> {
        let start = match self.next_byte.checked_add(bytes) {
            Some(end) if end <= CHAIN_CACHE_BYTES => self.next_byte,
            _ => 0,
        };
        let end = start
            .checked_add(bytes)
            .filter(|end| *end <= CHAIN_CACHE_BYTES)?;
        for entry in &mut self.entries {
            if entry.start < end && entry.end > start {
                entry.length = 0;
            }
        }
        if self.ring.len() < end {
            self.ring.resize(end, 0);
        }
        Some(start)
    }
}

impl KeptBlock {
    fn of(block: &Block<'_>, bytes: usize) -> Self {
        let (document, places) = block.claims.parts();
        Self {
            lengths: document.parts().map(<[u8]>::len),
            places,
            signing_input: block.signing_input.len(),
            bytes,
            s256: Cell::new(None),
            holder: *block.holder(),
        }
    }
}

/// What the cell holds; `compute` fills it.
pub(super) fn remembered(
    cell: &Cell<Option<[u8; 32]>>,
    compute: impl FnOnce() -> [u8; 32],
) -> [u8; 32] {
    let value = cell.get().unwrap_or_else(compute);
    cell.set(Some(value));
    value
}

fn mark(chain: &[u8]) -> Option<[u8; 8]> {
    chain.last_chunk::<8>().copied()
}

impl fmt::Debug for ChainCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.entries.iter().filter(|entry| entry.length > 0).count();
        f.debug_struct("ChainCache")
            .field("chains", &kept)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
