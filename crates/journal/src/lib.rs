//! The journal: an append-only, hash-chained record of every decision. It is the audit trail, and incidents are a fold
//! over it.
//!
//! Each entry carries the hash of the one before, so that nobody can change, drop, insert or swap an entry without
//! changing every hash after it. One partition, one writer, one order.
//!
//! ```text
//! hash = SHA-256( "breachd journal 1\n" ‖ canonical JSON of the entry without its hash )
//! line = canonical JSON of the entry with its hash
//! ```
//!
//! *Canonical*: the members of every object sorted by the bytes of their names, no white space, only the escapes JSON
//! demands, integers in decimal and no other numbers. A number with a fraction would be printed differently by
//! different programs, so [`Chain::append`] turns it into a string. A line that is not byte for byte canonical is
//! refused: there is exactly one line for an entry, and any flipped bit shows.
//!
//! Invariants: pure (no clock, no I/O); no other crate of ours is known here; whatever [`Chain::append`] returns,
//! [`Entry::from_line`] reads back equal.
//!
//! What a chain alone cannot show: that its end was cut off, or that all of it was written anew. Both show when it is compared with
//! something that is kept elsewhere: signed checkpoints ([`checkpoint`]) go where breachd may write but not delete, and to people.
//! A checkpoint does not hold the chain's head but the root of an RFC 6962 Merkle [`Tree`] over the lines: that is what the open format
//! wants, so programs that know nothing of this chain can verify a journal, and can prove that one state of it goes on from another.
//! The writer keeps at most 64 hashes for it. [`Audit`] checks all of this together.
//!
//! # The export, for those who check without breachd
//!
//! | file | what is in it |
//! |---|---|
//! | `journal.jsonl` | the entries, a line each; leaf `n` of the tree is line `n` without its line break |
//! | `checkpoints.txt` | signed notes, one after the other, an empty line between two |
//! | `keys.txt` | the public keys, a line each; compare them with those that you were given when they were made |
//!
//! An entry's hash can be checked without knowing JSON: cut the last `,"hash":"…"` out of the line, put `breachd journal 1\n` before what
//! is left, and take the SHA-256. (Quotation marks within strings are escaped, and behind the entry's own hash come only `kind`,
//! `positions`, `prev` and `seq`, so it is the last.) Its `prev` is the hash of the line before, and 64 zeros in the first.
//! `deploy/audit/verify.py` does this in a page of Python that needs nothing else, and is run against an export in the tests.
//!
//! Dropped: hashing the bytes as they came (then white space could change what the eye sees without changing what the program reads, or
//! the other way round).

mod audit;
mod canonical;
mod chain;
pub mod checkpoint;
mod entry;
mod key;
mod merkle;
pub mod sealing;

pub use audit::{Audit, Audited, Fault, Finding};
pub use canonical::DEPTH_MAX;
pub use chain::{Broken, Chain, Head, Verifier, Why};
pub use checkpoint::{Checkpoint, NotBelieved, SignedCheckpoint};
pub use entry::{Entry, Hash, NotAnEntry};
pub use key::{BadKey, NAME_CHARACTERS_MAX, PublicKey, SigningKey};
pub use merkle::Tree;
