//! A silence: for a bounded time, alerts about one subject tell nobody. They are recorded and counted all the same.
//!
//! Whoever wants to hide something silences himself. So a silence takes two people, ends by itself after hours, names
//! one subject, and never touches an incident that is open already, its deadlines, or a drill.

use crate::{AlertFact, wire};
use activity::{Entity, Timestamp};
use serde::{Deserialize, Serialize};

/// One silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// A running number in the order of the journal.
    pub id: u64,
    #[serde(with = "wire")]
    pub subject: Entity,
    /// Only this detector's alerts; `None`: all.
    pub detector: Option<String>,
    #[serde(with = "wire")]
    pub until: Timestamp,
    pub reason: String,
    pub proposed_by: String,
    /// Somebody else than who proposed it. `None`: not in force yet.
    pub approved_by: Option<String>,
    /// Alerts that fell under it.
    pub n_alerts: u64,
}

impl Silence {
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.approved_by.is_some() && now < self.until
    }

    pub(crate) fn covers(&self, alert: &AlertFact) -> bool {
        self.subject == alert.subject && self.detector.as_ref().is_none_or(|detector| *detector == alert.detector)
    }
}
