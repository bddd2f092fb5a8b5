//! The vocabulary of breachd: one word, one type.
//!
//! An [`Activity`] is what one log entry says: who did what to which data, from where, how much, with what result, when.
//! Everything upstream (`formats`) produces it, everything downstream (`tally`, `detector`) speaks of the [`Entity`]s it
//! touches and the [`DataClass`] of what was touched.
//!
//! Invariants: no I/O, no clock, no randomness, no dependency. When this crate wants a dependency, the thing does not
//! belong here. Text in an [`Activity`] is hostile: it comes from the log as it is and must pass [`printable`] before a
//! person or a terminal sees it.

mod activity;
mod data_class;
mod entity;
mod mark;
mod mode;
mod payee;
mod record;
mod text;
mod time;

pub use activity::{Activity, Actor, Asked, KnownBy, Measures, Operation, Outcome, Resource, Signal, Signals};
pub use data_class::{DataClass, DataClasses};
pub use entity::{Entity, EntityKind};
pub use mark::{Level, Mark};
pub use mode::{DrillId, Mode};
pub use payee::Payee;
pub use record::Record;
pub use text::{printable, printable_within};
pub use time::{Bucket, HourOfWeek, Span, Timestamp};
