//! The Merkle tree over the journal's lines, as RFC 6962 (section 2.1) defines it.
//!
//! ```text
//! leaf = SHA-256( 0x00 ‖ the entry's line, without its line break )
//! node = SHA-256( 0x01 ‖ left ‖ right )
//! ```
//!
//! The chain is what the writer needs; the tree is what others can check without knowing it: its root is the root hash of a
//! tlog checkpoint, from which any RFC 6962 program computes proofs. Leaves are whole lines rather than the chain's hashes, so
//! that such a program has nothing to learn of how a line is hashed in the chain; that costs a second SHA-256 over each line.
//!
//! Only the right edge is kept: the roots of the complete subtrees whose sizes are the binary digits of the number of leaves,
//! at most 64. What is dropped is what proofs of single entries would need; whoever has the lines can make them.

use crate::Hash;
use sha2::{Digest, Sha256};

/// As much of a tree as appending to it and telling its root need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of complete subtrees, the largest, which is the leftmost, first.
    edge: Vec<Hash>,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Tree::default()
    }

    /// Appends a leaf: a line without its line break.
    pub fn push(&mut self, line: &[u8]) {
        let leaf = Sha256::new().chain_update([0]).chain_update(line).finalize();
        let mut root = Hash(std::array::from_fn(|at| leaf[at]));
        // Every complete subtree that is as large as the one that has just been completed lies to its left.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                root = node(left, root);
            }
        }
        self.edge.push(root);
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Of no leaves: the hash of nothing.
    pub fn root(&self) -> Hash {
        let empty = || {
            Hash(std::array::from_fn({
                let digest = Sha256::digest([]);
                move |at| digest[at]
            }))
        };
        self.edge.iter().rev().copied().reduce(|right, left| node(left, right)).unwrap_or_else(empty)
    }
}

fn node(left: Hash, right: Hash) -> Hash {
    let digest = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize();
    Hash(std::array::from_fn(|at| digest[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word: split at the largest power of two below the size.
    fn defined(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest([]).into()),
            [leaf] => Hash(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()),
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(defined(left), defined(right))
            }
        }
    }

    #[test]
    fn the_right_edge_tells_the_root_that_is_defined() {
        let mut tree = Tree::new();
        let mut leaves = Vec::new();
        for n in 0..200_usize {
            assert_eq!((tree.root(), tree.size()), (defined(&leaves), n as u64), "{n}");
            leaves.push(n.to_string().repeat(n % 7).into_bytes());
            tree.push(&leaves[n]);
        }
        assert!(tree.edge.len() <= 8);
    }
}
