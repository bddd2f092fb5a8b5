//! Checks a whole journal against itself and against checkpoints, in constant memory but for the checkpoints, and names the
//! first bad entry.
//!
//! | what was done | what shows it | what is named |
//! |---|---|---|
//! | an entry was edited | its hash | the entry |
//! | … and its hash put right | the entry after it follows from another one | the entry |
//! | … or all later hashes too | the next checkpoint has another root | the entries since the last checkpoint that held |
//! | an entry was taken out, moved, doubled, put in | the numbers | the first number that is not in its place |
//! | the end was cut off | a checkpoint of more entries | the first entry that is missing |
//! | the journal was rolled back and went on differently | a checkpoint has another root | as above |
//!
//! So every change of one entry is found by the chain alone, but for those of the last entry, which only a checkpoint shows; and what
//! only checkpoints show is narrowed down to the stretch between two of them. Which entries no checkpoint vouches for yet is part of
//! the answer.

use crate::{Broken, Checkpoint, Entry, Hash, Head, Tree, Verifier, Why};
use std::collections::BTreeMap;

/// The checking end.
#[derive(Clone, Debug)]
pub struct Audit {
    verifier: Verifier,
    tree: Tree,
    /// What checkpoints that were believed state: entries → roots. Those that held are taken out.
    awaited: BTreeMap<u64, Vec<Hash>>,
    n_held: u64,
    /// The greatest checkpoint that held; entries up to it are vouched for.
    vouched: u64,
    /// Of the last entry.
    at: Option<i64>,
}

/// What is wrong with a journal. The first bad entry is one of `first` to `last`; mostly these are one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal is bad at {}: {why}", entries(*.first, *.last))]
pub struct Finding {
    pub first: u64,
    pub last: u64,
    pub why: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Entry(Why),
    #[error("it is there twice: one of the two was put in")]
    Twice,
    #[error(
        "it was changed and its hash put right, or what follows it is of another journal: the next entry follows from an entry with another hash"
    )]
    Replaced,
    #[error(
        "a signed checkpoint of {size} entries has another root: an entry was changed and all later hashes put right, or the journal was rolled back and went on differently"
    )]
    OtherRoot { size: u64 },
    #[error("it is missing: the journal ends before it, and a signed checkpoint says that there were {size} entries")]
    CutOff { size: u64 },
}

/// What a good journal has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Where it ends; its number is how many entries there are.
    pub head: Head,
    pub tree: Tree,
    /// When the last entry was written, milliseconds since 1970-01-01T00:00:00Z.
    pub at: Option<i64>,
    /// Checkpoints that were compared; all held.
    pub n_checkpoints: u64,
    /// Entries up to this one are vouched for by a checkpoint. Of later ones only the chain tells, and it cannot show that the end was cut
    /// off or written anew.
    pub vouched: u64,
}

impl Audit {
    /// `checkpoints`: those that were believed, of this journal, in any order.
    pub fn new<'a>(checkpoints: impl IntoIterator<Item = &'a Checkpoint>) -> Self {
        let mut awaited = BTreeMap::<u64, Vec<Hash>>::new();
        for Checkpoint { size, root, .. } in checkpoints {
            awaited.entry(*size).or_default().push(*root);
        }
        Audit { verifier: Verifier::new(), tree: Tree::new(), awaited, n_held: 0, vouched: 0, at: None }
    }

    /// The next line, without its line break. After an error, nothing that follows means anything.
    pub fn push(&mut self, line: &[u8]) -> Result<Entry, Finding> {
        // Of no entries: the first of all to be compared.
        if self.tree.size() == 0 {
            self.compare()?;
        }
        let entry = self.verifier.read(line).map_err(|broken| self.finding(broken))?;
        self.tree.push(line);
        self.at = Some(entry.at);
        self.compare()?;
        Ok(entry)
    }

    /// Nothing follows.
    pub fn finish(mut self) -> Result<Audited, Finding> {
        self.compare()?;
        let n = self.tree.size();
        if let Some((size, _)) = self.awaited.last_key_value() {
            return Err(Finding { first: n + 1, last: n + 1, why: Fault::CutOff { size: *size } });
        }
        let (head, Audit { tree, at, n_held, vouched, .. }) = (self.verifier.head(), self);
        Ok(Audited { head, tree, at, n_checkpoints: n_held, vouched })
    }

    /// With the checkpoints of so many entries.
    fn compare(&mut self) -> Result<(), Finding> {
        let size = self.tree.size();
        let Some(roots) = self.awaited.remove(&size) else { return Ok(()) };
        let root = self.tree.root();
        if roots.iter().any(|stated| *stated != root) {
            let first = if self.vouched < size { self.vouched + 1 } else { size };
            return Err(Finding { first, last: size, why: Fault::OtherRoot { size } });
        }
        self.n_held += roots.len() as u64;
        self.vouched = size;
        Ok(())
    }

    fn finding(&self, Broken { seq, why }: Broken) -> Finding {
        let (at, why) = match why {
            // Numbers that lie behind: it was there before.
            Why::OutOfOrder { found } if 0 < found && found < seq => (found, Fault::Twice),
            // A checkpoint vouches for the one before, or there is none: then this one is the wrong one.
            Why::OtherPredecessor { .. } if self.vouched + 1 < seq => (seq - 1, Fault::Replaced),
            why => (seq, Fault::Entry(why)),
        };
        Finding { first: at, last: at, why }
    }
}

fn entries(first: u64, last: u64) -> String {
    if first == last { format!("entry {first}") } else { format!("one of the entries {first} to {last}") }
}
