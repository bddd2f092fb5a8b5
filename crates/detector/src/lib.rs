//! Tallies in, alerts out.
//!
//! The [`Engine`] of a tally partition merges what ingest tallied, compares it with what is normal for the entity and its
//! peers, and raises [`Alert`]s that keep a budget of false pages. [`DETECTORS`] is the list of what it notices; each
//! file there is a page of the manual. [`Budget`] is the arithmetic of the thresholds.
//!
//! Invariants
//! - Pure: no clock, no I/O, no randomness. Time is event time, and comes with the tallies.
//! - Same input, same answer: see [`engine`](Engine) for why neither the order of arrival, nor batch cuts, nor the number of
//!   tally partitions changes which alerts there are.
//! - Thresholds come from closed, lagged state only. What pages is decided beforehand, never by what else has paged.
//! - A drill's entities are shadows: judged as newcomers among the real peers, never learned from, never in a roll-up.
//! - People's verdicts and exceptions take effect by event time, and no exception hides an alert: it only does not page.
//! - Bounded: see `limits.rs`.
//!
//! It does not know Kafka, files or people; it does not group alerts (that is `incident`).
//!
//! Dropped: e-detectors with restarts (they need a proof per construction, and at two pages a week a drip of half again the
//! usual would still take months to cross); an adaptive threshold (an attacker can move it); sliding windows (their alerts
//! have no nominal window that is the same for every reader).

mod alert;
mod baseline;
mod budget;
mod calendar;
mod contact;
mod detectors;
mod directory;
mod docket;
mod employees;
mod engine;
mod entity;
mod exception;
mod fleet;
mod footprint;
mod known;
pub mod limits;
mod marks;
mod named;
#[cfg(test)]
mod null;
mod pace;
mod packed;
mod progress;
mod raised;
mod rare;
mod residents;
mod rollup;
mod seen;
mod settings;
mod table;
mod tail;
mod verdict;
mod watch;

pub use alert::{Alert, AlertId, AlertKey, AlertWindow, Evidence, Fact, NotAnAlert, Severity, Suppression};
pub use budget::{Budget, BudgetRow};
pub use calendar::{Calendar, Period};
pub use detectors::{DETECTORS, Spec};
pub use directory::{Directory, Person};
pub use employees::{Employee, Employees};
pub use engine::{Checkpoint, Effects, Engine, EngineSpec, EvidenceIn, NotRestored, Stats};
pub use exception::{EntityName, ExceptionSettings};
pub use footprint::{ACTIVE_BYTES, FLEET_BYTES, Footprint, GROUP_BYTES, INDEX_BYTES, RESTING_BYTES, RESTING_BYTES_MAX};
pub use named::{Bounds, ESTIMATE_MAX, NamedRecords, NotNamedRecords, Sketch, named_if_known};
pub use progress::Violation;
pub use residents::{Home, Residents, lies_in, may_lie_in, place};
pub use rollup::Rollup;
pub use settings::{
    BankDetailSettings, CrowdSettings, EnumerationSettings, FirstSeenSettings, LoginFailureSettings,
    LoginSpraySettings, Maxima, NewRecordSettings, OffHoursSettings, PageDepthSettings, Settings,
    SharedSessionSettings, Shares, SignatureSettings, SilenceSettings, TravelSettings, VolumeSettings, parse_span,
};
pub use table::TableError;
pub use verdict::{AlertVerdict, NotAVerdict, Ruling, VerdictException};
