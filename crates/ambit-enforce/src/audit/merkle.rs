//! The Merkle tree of RFC 6962 section 2.1 while it grows.
//!
//! Written here because the libraries keep every entry in memory, or sign and store in a form of
//! their own; held against the vectors of transparency-dev.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf: `0x00` keeps leaves apart from nodes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// The hash of two nodes, or subtrees.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A tree that only grows: the roots of its perfect subtrees, largest first.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // A subtree of the same size for each low bit that is set.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// A tree of so many leaves and these roots; `None` where they are not as many as it has.
    #[must_use]
    pub fn of(size: u64, roots: Vec<Hash>) -> Option<Self> {
        let many = usize::try_from(size.count_ones()).ok()?;
        (roots.len() == many).then_some(Self { size, roots })
    }

    /// The roots of the perfect subtrees, largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let folded = self.roots.iter().rev().copied();
        folded
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }
}
