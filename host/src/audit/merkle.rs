//! Proofs in the Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1 has their checks).

use ambit_enforce::audit::merkle::node_hash;
pub use ambit_enforce::audit::merkle::{Frontier, Hash, empty_root, leaf_hash};

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
