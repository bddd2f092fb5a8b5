//! Some alerts of an incident turn out to be about something else: they become an incident of their own.
//!
//! No time is gained by it: the new incident is as old in the law's sense as the one it was split from. It takes the awareness,
//! the recorded moments, a verdict `breach` and every limit that runs; what was settled was settled for what the old one was,
//! so it is settled anew, by a person. Nobody has counted its people, so no threshold spares it.
//!
//! The old incident loses the alerts, and their subjects where no other alert names them, and nothing else: severity, classes
//! of data, records and people do not fall, because the ids of single alerts are not kept once they are merged. Who knows
//! better records the number of people.

use super::{Incident, Verdict};
use crate::{AlertFact, Decision, IncidentId, Opening, limits};
use activity::{DataClasses, Entity};
use detector::{AlertId, Evidence, Severity};

impl Incident {
    /// Parts with these alerts; the incident they become, or `None` (and nothing has changed) if there are none of them, or no
    /// others.
    pub(crate) fn split_off(&mut self, new: IncidentId, ids: &[AlertId], decision: &Decision) -> Option<Incident> {
        let (moved, rest): (Vec<AlertFact>, Vec<AlertFact>) =
            self.alerts.iter().cloned().partition(|alert| ids.contains(&alert.id));
        let first = moved.first().filter(|_| !rest.is_empty() && self.is_open())?;
        let opening = Opening {
            subject: first.subject.clone(),
            mode: self.mode,
            severity: moved.iter().map(|alert| alert.severity).max().unwrap_or(Severity::Low),
            data_classes: moved.iter().fold(DataClasses::EMPTY, |all, alert| all.union(alert.data_classes)),
            follows: None,
            alert: None,
            by: decision.by().to_owned(),
            people: None,
            command: None,
        };
        let mut split = Incident::open(new, decision.at(), decision.because(), &opening);
        moved.iter().for_each(|alert| split.join(alert, false));
        split.split_from = Some(self.id);
        split.suspected_at = self.suspected_at;
        split.aware = self.aware.clone();
        split.moments = self.moments.clone();
        if self.verdict == Verdict::Breach {
            (split.verdict, split.verdict_at) = (self.verdict, self.verdict_at);
        }
        split.deadlines = self.deadlines.iter().filter(|deadline| deadline.is_running()).cloned().collect();

        let remains = |subject: &Entity| rest.iter().any(|alert| alert.subject == *subject);
        let leaves = |subject: &Entity| moved.iter().any(|alert| alert.subject == *subject) && !remains(subject);
        let own = self.subject.clone();
        self.subjects.retain(|subject| *subject == own || !leaves(subject));
        let shown_by =
            |alerts: &[AlertFact], evidence: &Evidence| alerts.iter().any(|alert| alert.evidence.contains(evidence));
        self.evidence.retain(|evidence| !shown_by(&moved, evidence) || shown_by(&rest, evidence));
        self.n_alerts = self.n_alerts.saturating_sub(moved.len() as u64);
        self.alerts = rest;
        if self.split_into.len() < limits::SPLITS_MAX {
            self.split_into.push(new);
        }
        Some(split)
    }
}
