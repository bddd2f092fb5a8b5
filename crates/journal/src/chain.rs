//! Appending to the chain, and checking it.

use crate::{Entry, Hash, NotAnEntry, canonical};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where a chain ends. Two chains with the same head are the same, entry for entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last entry; 0: there is none. Also how many there are.
    pub seq: u64,
    pub hash: Hash,
}

/// The writing end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    head: Head,
}

impl Head {
    pub const GENESIS: Head = Head { seq: 0, hash: Hash::GENESIS };
}

impl Chain {
    /// An empty chain.
    pub fn new() -> Self {
        Chain::resume(Head::GENESIS)
    }

    /// Goes on where a verified chain ends.
    pub fn resume(head: Head) -> Self {
        Chain { head }
    }

    /// The next entry. It counts as written: if writing it fails, [`resume`](Self::resume) from the head before.
    ///
    /// `at`: milliseconds since 1970-01-01T00:00:00Z. Numbers with a fraction in the body become strings, and what is
    /// nested deeper than [`crate::DEPTH_MAX`] is cut off.
    pub fn append(&mut self, at: i64, kind: &str, body: Value, positions: BTreeMap<String, i64>) -> Entry {
        let mut entry = Entry {
            seq: self.head.seq + 1,
            at,
            kind: kind.to_owned(),
            body: canonical::normalised(body),
            positions,
            prev: self.head.hash,
            hash: Hash::GENESIS,
        };
        entry.hash = entry.content_hash();
        self.head = entry.head();
        entry
    }

    pub fn head(&self) -> Head {
        self.head
    }
}

impl Default for Chain {
    fn default() -> Self {
        Chain::new()
    }
}

/// Checks a chain line by line, in constant memory. Once broken, it stays at the last good entry, so nothing that
/// follows a gap is taken for good.
#[derive(Clone, Debug)]
pub struct Verifier {
    head: Head,
}

/// Where the chain breaks, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal breaks at entry {seq}: {why}")]
pub struct Broken {
    /// Number of the entry that should have been there.
    pub seq: u64,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("{0}")]
    Line(#[from] NotAnEntry),
    #[error("entry {found} is there instead: entries are missing, doubled or swapped")]
    OutOfOrder { found: u64 },
    #[error(
        "it follows `{found}`, not `{expected}`: an entry before it was changed, or this one is of another journal"
    )]
    OtherPredecessor { expected: Hash, found: Hash },
    #[error("it should end at entry {expected_seq} with hash `{expected_hash}`: its end was cut off or written anew")]
    OtherEnd { expected_seq: u64, expected_hash: Hash },
}

impl Verifier {
    pub fn new() -> Self {
        Verifier::after(Head::GENESIS)
    }

    /// Checks what follows a head that is trusted already.
    pub fn after(head: Head) -> Self {
        Verifier { head }
    }

    /// The next line, without its line break.
    pub fn push(&mut self, line: &[u8]) -> Result<(), Broken> {
        self.read(line).map(drop)
    }

    /// As [`push`](Self::push), and hands over the entry: for those who fold the journal.
    pub fn read(&mut self, line: &[u8]) -> Result<Entry, Broken> {
        let seq = self.head.seq + 1;
        let broken = |why| Broken { seq, why };
        let entry = Entry::from_line(line).map_err(|error| broken(error.into()))?;
        if entry.seq != seq {
            return Err(broken(Why::OutOfOrder { found: entry.seq }));
        }
        if entry.prev != self.head.hash {
            return Err(broken(Why::OtherPredecessor { expected: self.head.hash, found: entry.prev }));
        }
        self.head = entry.head();
        Ok(entry)
    }

    /// The last good entry.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Whether the chain ends where it was known to end.
    pub fn expect(&self, head: Head) -> Result<(), Broken> {
        if self.head == head {
            return Ok(());
        }
        let why = Why::OtherEnd { expected_seq: head.seq, expected_hash: head.hash };
        Err(Broken { seq: self.head.seq + 1, why })
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Verifier::new()
    }
}
