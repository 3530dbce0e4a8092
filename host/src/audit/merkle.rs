//! The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1 has the checks of proofs).
//!
//! Written here because the libraries keep every entry in memory, or sign and store in a form of
//! their own; the whole is a hundred lines, held against the vectors of transparency-dev.

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

fn node_hash(left: &Hash, right: &Hash) -> Hash {
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

/// The root of these leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: usize) -> usize {
    1 << (size - 1).ilog2()
}

/// The path from leaf `index` to the root, lowest first. Empty where there is no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 || index >= leaves.len() {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (inclusion_proof(left, index), root(right))
    } else {
        (inclusion_proof(right, index - middle), root(left))
    };
    path.push(sibling);
    path
}

/// What shows that the tree of the first `size` leaves became this one. Empty where there is
/// nothing to show: sizes of 0 and beyond the tree, or the same.
#[must_use]
pub fn consistency_proof(leaves: &[Hash], size: usize) -> Vec<Hash> {
    if size == 0 || size >= leaves.len() {
        return Vec::new();
    }
    subproof(leaves, size, true)
}

/// `whole`: the earlier tree's root is this subtree's, and known to who checks.
fn subproof(leaves: &[Hash], size: usize, whole: bool) -> Vec<Hash> {
    if size == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, sibling) = if size <= middle {
        (subproof(left, size, whole), root(right))
    } else {
        (subproof(right, size - middle, false), root(left))
    };
    proof.push(sibling);
    proof
}

/// Whether `path` leads from `leaf` at `index` to the root of a tree of `size` leaves
/// (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree `earlier` (size and root) became the tree `later`
/// (RFC 9162 section 2.1.4.2). A tree without leaves becomes every tree, which shows nothing: refused.
#[must_use]
pub fn verify_consistency(earlier: (u64, &Hash), later: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((size1, root1), (size2, root2)) = (earlier, later);
    if size1 == 0 || size1 > size2 {
        return false;
    }
    if size1 == size2 {
        return proof.is_empty() && root1 == root2;
    }
    let known = size1.is_power_of_two().then_some(root1);
    let mut hashes = known.into_iter().chain(proof);
    let Some(first) = hashes.next() else {
        return false;
    };
    let (mut at, mut last) = (size1 - 1, size2 - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut one, mut two) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            one = node_hash(sibling, &one);
            two = node_hash(sibling, &two);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            two = node_hash(&two, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && one == *root1 && two == *root2
}
