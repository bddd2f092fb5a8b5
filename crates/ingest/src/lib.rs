//! Raw records into tallies: lines put together, parsed, classified, attributed, accounted for.
//!
//! An [`Ingester`] reads one source partition in offset order. What it does with a record is decided by the [`Plan`] of
//! its source, which [`Settings`] resolve to: format, time zone, patterns of tables and routes, tags, and which source
//! counts which measure. What the records say goes into a [`tally::Tallier`]; what cannot be read becomes a
//! [`DeadLetter`]; what became of every record is in the [`tally::Range`] of a flush.
//!
//! Invariants
//! - Pure: no clock, no I/O, no Kafka. Files come in as text ([`Geo::parse`]), time only from the records.
//! - Every record ends as exactly one of contributed, ignored, dead-lettered or late, or is pending in the one entry that
//!   is being put together. Late is judged in offset order: the same records, the same tallies, however they are cut.
//! - Bounded: see [`limits`].
//! - Log text reaches tallies as names only (users, tables, addresses, browsers), never as statements.
//!
//! It does not know what is unusual (`detector`), nor the shape of a line (`formats`).

mod attribution;
pub mod classification;
pub mod coverage;
mod dead_letter;
pub mod discover;
mod geo;
mod ingester;
pub mod limits;
mod outcome;
mod plan;
mod privacy;
mod resubmitted;
mod resume;
mod route_ids;
mod route_rule;
pub mod settings;
mod skew;
mod watermark;
mod wrapping;
mod written;

pub use coverage::{Coverage, Gap, gaps};
pub use dead_letter::DeadLetter;
pub use discover::{Discovery, Proposal};
pub use geo::Geo;
pub use ingester::{Ingester, REST_OF_ENTRY, Raw};
pub use plan::{Counts, Plan};
pub use privacy::Pseudonyms;
pub use resubmitted::Resubmitted;
pub use resume::Resume;
pub use route_rule::{IdAt, RouteRecords, RouteRule};
pub use settings::Settings;
pub use skew::Skew;
pub use written::Written;
