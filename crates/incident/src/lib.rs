//! Alerts become incidents, deadlines and notices. Pure: no clock, no I/O, no randomness.

mod delivery;
mod notice;

pub use delivery::{DeliveryReport, DeliveryResult};
pub use notice::{DeadlineFact, IncidentId, Notice, NoticeId, NoticeKind};
