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
//! What a chain alone cannot show: that its end was cut off, or that all of it was written anew. Both show when the
//! [`Head`] is compared with one kept elsewhere ([`Verifier::expect`]); for that, heads are to be published where
//! breachd may write but not delete.
//!
//! Dropped: a Merkle tree (proofs of single entries; nobody asks for them), and hashing the bytes as they came
//! (then white space could change what the eye sees without changing what the program reads, or the other way round).

mod canonical;
mod chain;
mod entry;

pub use canonical::DEPTH_MAX;
pub use chain::{Broken, Chain, Head, Verifier, Why};
pub use entry::{Entry, Hash, NotAnEntry};
