//! Tallies in, alerts out. Pure: no clock, no I/O, no randomness.

mod alert;

pub use alert::{Alert, AlertId, AlertWindow, Evidence, Severity};
