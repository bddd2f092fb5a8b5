//! How many records an incident concerns: an upper estimate that does not count one read ten times.
//!
//! Several detectors and windows see the same rows: the user's last 5 minutes, hour and day, and the user's reads of one
//! table. So alerts of one entity whose windows overlap count once (the greatest), and within one subject the kinds of
//! entity are views of the same rows: the kind with the greatest sum stands for the subject. Subjects add up, though two
//! of them may be one person: rather too many than too few.

use crate::{AlertFact, limits};
use activity::{Entity, EntityKind, Timestamp};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Affected {
    spans: Vec<AffectedSpan>,
    beyond: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct AffectedSpan {
    subject: Entity,
    entity: Entity,
    from: Timestamp,
    to: Timestamp,
    records: u64,
}

impl Affected {
    pub(crate) fn add(&mut self, alert: &AlertFact) {
        let (from, to, records) = (alert.window.from, alert.window.to, alert.affected_records);
        if records == 0 {
            return;
        }
        let is_full = self.spans.len() >= limits::AFFECTED_KEPT;
        let same = self.spans.iter_mut().find(|span| {
            span.subject == alert.subject && span.entity == alert.entity && span.from < to && from < span.to
        });
        match same {
            Some(span) => {
                span.from = span.from.min(from);
                span.to = span.to.max(to);
                span.records = span.records.max(records);
            }
            None if !is_full => {
                let (subject, entity) = (alert.subject.clone(), alert.entity.clone());
                self.spans.push(AffectedSpan { subject, entity, from, to, records });
            }
            None => self.beyond = self.beyond.saturating_add(records),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        let mut views: BTreeMap<(&Entity, EntityKind), u64> = BTreeMap::new();
        for span in &self.spans {
            let sum = views.entry((&span.subject, span.entity.kind)).or_default();
            *sum = sum.saturating_add(span.records);
        }
        let mut subjects: BTreeMap<&Entity, u64> = BTreeMap::new();
        for ((subject, _), sum) in views {
            let greatest = subjects.entry(subject).or_default();
            *greatest = sum.max(*greatest);
        }
        subjects.values().fold(self.beyond, |total, records| total.saturating_add(*records))
    }
}
