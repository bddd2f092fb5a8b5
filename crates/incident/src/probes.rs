//! Trials of channels and of other systems' interfaces: the last of each.
//!
//! They are in the journal for two readers: the auditor, who sees that the ways were tried when nothing happened, and a notifier that starts,
//! which does not try again what was tried an hour ago. What failed stands in the digest until it passes; failures are tried again each hour, so
//! what was not tried for a day is no longer configured, and nothing is said of it.

use crate::{Decision, limits};
use activity::{Timestamp, printable_within};
use std::collections::BTreeMap;

/// How the last trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRecord {
    pub at: Timestamp,
    pub passed: bool,
    pub because: String,
    pub millis: u64,
    /// Since when all of them have failed; `None`: the last one passed.
    pub failing_since: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probes {
    of: BTreeMap<String, ProbeRecord>,
}

impl Probes {
    pub(crate) fn apply(&mut self, decision: &Decision) {
        let Decision::ProbeRecorded { at, because, probe, passed, millis } = decision else { return };
        let before = self.of.get(probe).and_then(|record| record.failing_since);
        let failing_since = (!passed).then(|| before.unwrap_or(*at));
        let record = ProbeRecord { at: *at, passed: *passed, because: because.clone(), millis: *millis, failing_since };
        self.of.insert(probe.clone(), record);
        // What is no longer tried was taken out of the configuration.
        self.of.retain(|_, record| *at - record.at <= limits::PROBE_FORGOTTEN);
        while limits::PROBES_KEPT < self.of.len() {
            let oldest = self.of.iter().min_by_key(|(_, record)| record.at).map(|(name, _)| name.clone());
            oldest.map(|name| self.of.remove(&name));
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ProbeRecord> {
        self.of.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ProbeRecord)> {
        self.of.iter().map(|(name, record)| (name.as_str(), record))
    }

    /// What the digest says of those that failed.
    pub(crate) fn trouble(&self, now: Timestamp) -> Option<String> {
        let tried = self.of.iter().filter(|(_, record)| now - record.at <= limits::PROBE_TOLD);
        let failing: Vec<_> =
            tried.filter_map(|(name, record)| Some((name, record.failing_since?, &record.because))).collect();
        let told = failing
            .iter()
            .take(limits::OVERDUE_TOLD)
            .map(|(name, since, because)| format!("{name} since {since} ({})", printable_within(because, 100)));
        let told = told.collect::<Vec<_>>().join(", ");
        let more = failing.len().saturating_sub(limits::OVERDUE_TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!failing.is_empty()).then(|| format!("ways that failed when they were tried: {told}{more}"))
    }
}
