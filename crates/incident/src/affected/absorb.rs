//! The counts of two incidents as those of one: what either's alerts would have led to, had they all joined one incident.

use super::{Affected, AffectedSpan};
use crate::limits;

impl Affected {
    /// Takes in all that another one counts. Records named in both count once; views of the same rows, by entity and window, too.
    pub(crate) fn absorb(&mut self, other: &Affected) {
        let Affected { spans, beyond, named, tables, n_beyond, n_unnamed, n_alerts, n_without_records, by_route } =
            other;
        spans.iter().for_each(|span| self.add_span(span));
        self.beyond = self.beyond.and(*beyond);
        self.named.merge(named, limits::AFFECTED_IDS_KEPT);
        self.by_route.merge(by_route, limits::AFFECTED_IDS_KEPT);
        for (table, ids) in tables {
            if !self.tables.contains_key(table) && self.tables.len() >= limits::AFFECTED_TABLES_KEPT {
                self.n_beyond += 1;
                continue;
            }
            self.tables.entry(table.clone()).or_default().merge(ids, limits::AFFECTED_TABLE_IDS_KEPT);
        }
        self.n_beyond = self.n_beyond.saturating_add(*n_beyond);
        self.n_unnamed = self.n_unnamed.saturating_add(*n_unnamed);
        self.n_alerts = self.n_alerts.saturating_add(*n_alerts);
        self.n_without_records = self.n_without_records.saturating_add(*n_without_records);
    }

    fn add_span(&mut self, new: &AffectedSpan) {
        let is_full = self.spans.len() >= limits::AFFECTED_KEPT;
        let same = self.spans.iter_mut().find(|span| {
            span.subject == new.subject && span.entity == new.entity && span.from < new.to && new.from < span.to
        });
        match same {
            Some(span) => {
                span.from = span.from.min(new.from);
                span.to = span.to.max(new.to);
                span.rows = span.rows.or(new.rows);
            }
            None if !is_full => self.spans.push(new.clone()),
            None => self.beyond = self.beyond.and(new.rows),
        }
    }
}
