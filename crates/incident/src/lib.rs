//! Alerts become incidents, deadlines and notices. Pure: no clock, no I/O, no randomness.

mod notice;

pub use notice::{DeadlineFact, IncidentId, Notice, NoticeId, NoticeKind};
