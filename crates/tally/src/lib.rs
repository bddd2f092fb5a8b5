//! What one entity did in one minute, so small that it can be sent instead of the records.
//!
//! One access line touches several entities (user, table, user × table, address, source). Sending each as a message
//! would triple the traffic, so ingest merges them here: a [`Tallier`] holds one [`Tally`] per entity and minute, and a
//! flush packs them into *one message per tally partition*. Each message, also an empty one, starts with a [`Manifest`]:
//! which offsets of which source partition it covers, what became of them, and how far event time has come. So a
//! detector can prove that nothing is missing and nothing is counted twice. (What would be too long for a broker is several messages; only
//! the last of them covers anything.)
//!
//! Invariants
//! - Merging tallies is associative and commutative, with [`Tally::default`] as the neutral element. Hence neither the
//!   order of arrival nor where flushes cut can change a sum. All bounded sets keep the *smallest* members by a fixed
//!   order, never the first ones: that is what makes them order-free.
//! - Encoding is canonical: equal tallies give equal bytes. Decoding is total: hostile bytes give a [`DecodeError`].
//! - Everything is bounded; the limits are in [`limits`], and what goes beyond them is flagged.
//! - [`partition_of`] is part of the wire format. Changing it needs a new topic.
//!
//! It does not know what is normal (that is `detector`), where bytes come from (`ingest`), or Kafka (`stream`).
//!
//! Dropped: HyperLogLog for distinct records. A set that keeps the smallest hashes estimates its own size as well as one of
//! its bytes ([`Records::estimate`]), and unlike it knows the few exactly, which a regulator asks for, and can be asked
//! which of its records a person has never touched before.

mod batch;
mod few;
mod hash;
pub mod limits;
mod marks;
mod records;
mod requested;
mod sample;
mod set;
mod tallier;
mod tally;
mod wire;

pub use batch::{Batch, Entry, Manifest, Range};
pub use hash::{partition_of, stable_hash};
pub use marks::Marks;
pub use records::{Part, Records};
pub use requested::{Place, Requested};
pub use sample::{RANK_BITS, SampleKey};
pub use set::{Set, Text};
pub use tallier::Tallier;
pub use tally::{Login, Logins, Metric, PAGES_USUAL, Position, Positions, Tally};
pub use wire::{DecodeError, Decoder, Encoder};
