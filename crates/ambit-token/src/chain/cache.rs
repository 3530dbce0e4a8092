//! Chains whose signatures and links were verified before.

use core::fmt;

use crate::key::PublicKey;

/// Bytes of chains kept: four of the longest, or about sixty of the usual kilobyte.
const RING: usize = 64 * 1024;
/// Chains kept.
const ENTRIES: usize = 128;

/// Remembers which exact chains verified under which bundle.
///
/// It holds the bytes of a chain and the issuer key that signed it, which stand for what is the same
/// whenever it is computed from these bytes and keys: signatures, links, forms. Times and everything
/// that a request brings are judged anew, and every claim is read from the chain itself. Of fixed size and without allocation, so that it can be a
/// static; the oldest chains make room for new ones.
pub struct ChainCache {
    bundle: Option<[u8; 32]>,
    /// Chains one after the other, none across the end.
    ring: [u8; RING],
    entries: [Entry; ENTRIES],
    /// Where in `ring` the next chain goes.
    next_byte: usize,
    /// Which entry is written next.
    next_entry: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    /// 0: nothing here.
    length: usize,
    /// The end of the last signature, to pass over most other chains without comparing them.
    mark: [u8; 8],
    public: PublicKey,
}

const EMPTY: Entry = Entry {
    start: 0,
    length: 0,
    mark: [0; 8],
    public: PublicKey::Ed25519([0; 32]),
};

impl ChainCache {
    /// An empty cache, bound to no bundle.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bundle: None,
            ring: [0; RING],
            entries: [EMPTY; ENTRIES],
            next_byte: 0,
            next_entry: 0,
        }
    }

    /// Binds the cache to the bundle with this SHA-256. What was verified under another is
    /// forgotten, because another bundle has other keys.
    pub fn for_bundle(&mut self, digest: &[u8; 32]) {
        if self.bundle.as_ref() == Some(digest) {
            return;
        }
        self.bundle = Some(*digest);
        self.entries = [EMPTY; ENTRIES];
        self.next_byte = 0;
        self.next_entry = 0;
    }

    /// The issuer key under which exactly this chain verified.
    pub(super) fn find(&self, chain: &str) -> Option<PublicKey> {
        let chain = chain.as_bytes();
        let mark = mark(chain)?;
        self.bundle?;
        let same = |entry: &&Entry| {
            entry.length == chain.len()
                && entry.mark == mark
                && self.ring.get(entry.start..entry.end()) == Some(chain)
        };
        self.entries.iter().find(same).map(|entry| entry.public)
    }

    /// Remembers a chain that has just verified. Does nothing while bound to no bundle.
    pub(super) fn insert(&mut self, chain: &str, public: &PublicKey) {
        let chain = chain.as_bytes();
        let (Some(mark), Some(_)) = (mark(chain), self.bundle) else {
            return;
        };
        let start = match self.next_byte.checked_add(chain.len()) {
            Some(end) if end <= RING => self.next_byte,
            _ => 0,
        };
        let end = start.saturating_add(chain.len());
        let Some(room) = self.ring.get_mut(start..end) else {
            return;
        };
        room.copy_from_slice(chain);
        for entry in &mut self.entries {
            if entry.start < end && entry.end() > start {
                *entry = EMPTY;
            }
        }
        if let Some(entry) = self.entries.get_mut(self.next_entry) {
            *entry = Entry {
                start,
                length: chain.len(),
                mark,
                public: *public,
            };
        }
        self.next_byte = end;
        self.next_entry = self.next_entry.saturating_add(1) % ENTRIES;
    }
}

impl Entry {
    const fn end(&self) -> usize {
        self.start.saturating_add(self.length)
    }
}

fn mark(chain: &[u8]) -> Option<[u8; 8]> {
    chain.last_chunk::<8>().copied()
}

impl Default for ChainCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ChainCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.entries.iter().filter(|entry| entry.length > 0).count();
        f.debug_struct("ChainCache")
            .field("chains", &kept)
            .finish_non_exhaustive()
    }
}
