//! How many records an incident concerns: what a regulator's notice needs, as bounds with their reasons.
//!
//! *At least* and *about*: the sets of named records that alerts carry ([`detector::Sketch`]) are merged over the whole incident. A record
//! that two people read on three days counts once; so does a person whose number stands in two tables. Exact up to
//! [`limits::AFFECTED_IDS_KEPT`] ids; an hour that names more than 256 has only a sample of them, and then bounds of two standard errors are told.
//!
//! *At most*: where logs name no ids (lists, searches, exports) only the rows tell. This is [`Affected::total`], the `affected_records` of
//! other programs, and what a policy's `affected_at_least` is compared with: rather too many than too few.
//!
//! Several detectors and windows see the same rows: the user's last 5 minutes, hour and day, and the user's reads of one
//! table. So alerts of one entity whose windows overlap count once (the greatest), and within one subject the kinds of
//! entity are views of the same rows: the kind with the greatest sum stands for the subject. Subjects add up, though two
//! of them may be one person: rather too many than too few.

mod absorb;

use crate::{AlertFact, limits};
use activity::{Entity, EntityKind, Record, Timestamp, printable_within};
use detector::{Bounds, Sketch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Affected {
    spans: Vec<AffectedSpan>,
    beyond: Rows,
    /// Of all tables together.
    named: Sketch,
    tables: BTreeMap<String, Sketch>,
    n_beyond: u64,
    n_unnamed: u64,
    n_alerts: u64,
    n_without_records: u64,
}

/// How many different records an incident concerns, as far as alerts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AffectedRecords {
    pub lower: u64,
    pub estimate: u64,
    /// The incident's `affected_records`.
    pub upper: u64,
    /// Different employees; `None`: the ids do not tell, [`AffectedRecords::people_reason`] says why.
    pub people: Option<AffectedPeople>,
    pub people_reason: String,
    /// Why the bounds are what they are, in words.
    pub reason: String,
    /// At most [`limits::AFFECTED_TABLES_KEPT`], by name.
    pub tables: Vec<AffectedTable>,
    /// Alerts that named records of tables beyond; they count in the sum.
    pub n_tables_beyond: u64,
}

/// Different employees whose numbers were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedPeople {
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
}

/// Different records named in reads of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedTable {
    pub table: String,
    pub lower: u64,
    pub estimate: u64,
    pub upper: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct AffectedSpan {
    subject: Entity,
    entity: Entity,
    from: Timestamp,
    to: Timestamp,
    rows: Rows,
}

/// Rows or requests, and how many of them are beyond the records that their alert names.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rows {
    all: u64,
    unnamed: u64,
}

impl Rows {
    fn greatest(self, other: Rows) -> Rows {
        Rows { all: self.all.max(other.all), unnamed: self.unnamed.max(other.unnamed) }
    }

    fn plus(self, other: Rows) -> Rows {
        Rows { all: self.all.saturating_add(other.all), unnamed: self.unnamed.saturating_add(other.unnamed) }
    }
}

impl Affected {
    pub(crate) fn add(&mut self, alert: &AlertFact) {
        self.n_alerts += 1;
        self.n_without_records += u64::from(alert.affected_records == 0 && alert.named.is_none());
        self.add_named(alert);
        let (from, to, records) = (alert.window.from, alert.window.to, alert.affected_records);
        if records == 0 {
            return;
        }
        let named = alert.named.as_ref().map_or(0, |named| named.records.bounds().lower);
        let rows = Rows { all: records, unnamed: records.saturating_sub(named) };
        let is_full = self.spans.len() >= limits::AFFECTED_KEPT;
        let same = self.spans.iter_mut().find(|span| {
            span.subject == alert.subject && span.entity == alert.entity && span.from < to && from < span.to
        });
        match same {
            Some(span) => {
                span.from = span.from.min(from);
                span.to = span.to.max(to);
                span.rows = span.rows.greatest(rows);
            }
            None if !is_full => {
                let (subject, entity) = (alert.subject.clone(), alert.entity.clone());
                self.spans.push(AffectedSpan { subject, entity, from, to, rows });
            }
            None => self.beyond = self.beyond.plus(rows),
        }
    }

    fn add_named(&mut self, alert: &AlertFact) {
        let Some(named) = &alert.named else {
            self.n_unnamed += u64::from(alert.affected_records > 0);
            return;
        };
        self.named.merge(&named.records, limits::AFFECTED_IDS_KEPT);
        if named.table.is_empty() {
            return;
        }
        let table = printable_within(&named.table, limits::NAME_MAX);
        if !self.tables.contains_key(&table) && self.tables.len() >= limits::AFFECTED_TABLES_KEPT {
            self.n_beyond += 1;
            return;
        }
        self.tables.entry(table).or_default().merge(&named.records, limits::AFFECTED_TABLE_IDS_KEPT);
    }

    /// Records that were named, of all tables.
    pub(crate) fn named(&self) -> &Sketch {
        &self.named
    }

    /// Different employees who were named.
    pub(crate) fn people_at_least(&self) -> u64 {
        self.named.bounds_of_sort(Record::new("employee", "0").sort()).lower
    }

    /// Alerts that count.
    pub(crate) fn n_page_alerts(&self) -> u64 {
        self.n_alerts
    }

    /// Of these, alerts that tell of no records: whom they concern is not known.
    pub(crate) fn n_without_records(&self) -> u64 {
        self.n_without_records
    }

    /// Bounds and their reasons.
    pub(crate) fn records(&self) -> AffectedRecords {
        let (named, upper) = (self.named.bounds(), self.total());
        let (lower, estimate) = match (named.lower, upper) {
            (0, 0) => (0, 0),
            // Rows without ids: one record a thousand times, or a thousand.
            (0, upper) => (1, upper),
            // Rows without ids may all be others.
            (lower, upper) if self.n_unnamed > 0 => (lower, upper),
            (lower, _) => (lower, named.estimate),
        };
        let (people, people_reason) = self.people();
        let of_table = |(table, sketch): (&String, &Sketch)| {
            let Bounds { lower, estimate, upper, .. } = sketch.bounds();
            AffectedTable { table: table.clone(), lower, estimate, upper }
        };
        AffectedRecords {
            lower,
            estimate,
            upper,
            people,
            people_reason,
            reason: self.reason(named, upper),
            tables: self.tables.iter().map(of_table).collect(),
            n_tables_beyond: self.n_beyond,
        }
    }

    fn reason(&self, named: Bounds, upper: u64) -> String {
        if upper == 0 {
            return "no alert of this incident tells of records".into();
        }
        let least = match (named.lower, named.exact) {
            (0, _) => "at least: no log names ids, so all rows may be one record".to_owned(),
            (_, true) => "at least: different ids in the alerts' hours, each counted once".to_owned(),
            (_, false) => "at least: different ids in the alerts' hours, each counted once, estimated from a sample \
                           (within two standard errors, 19 of 20 cases; whoever chooses ids can distort it)"
                .to_owned(),
        };
        let unnamed = match self.n_unnamed {
            0 => String::new(),
            n => format!("; {n} of its alerts tell of rows without ids"),
        };
        format!(
            "{least}; at most: rows and requests of overlapping windows once, of others added up, so a record read on three \
             days counts three times{unnamed}"
        )
    }

    /// Only employees' numbers are people: of an order or a payroll run nobody here knows whose it is.
    fn people(&self) -> (Option<AffectedPeople>, String) {
        if self.named.is_empty() {
            return (None, "people cannot be counted: no log names ids".into());
        }
        let employees = Record::new("employee", "0").sort();
        let n_others = self.named.iter().filter(|record| record.sort() != employees).count();
        if n_others == self.named.iter().len() {
            return (None, "people cannot be counted: the ids are not employees' numbers".into());
        }
        let Bounds { lower, estimate, upper, .. } = self.named.bounds_of_sort(employees);
        let others = match n_others {
            0 => "",
            _ => "; records of other kinds were named as well, whose people are not known",
        };
        let unnamed = if self.n_unnamed > 0 { "; reads that name no ids may concern more" } else { "" };
        let reason = format!("different employees' numbers, over all tables{others}{unnamed}");
        (Some(AffectedPeople { lower, estimate, upper }), reason)
    }

    pub(crate) fn total(&self) -> u64 {
        self.sum(|rows| rows.all).max(self.named.bounds().upper)
    }

    /// Rows and requests, counted as in [`Affected::total`], beyond the records that their alerts name: each may be another one.
    pub(crate) fn total_unnamed(&self) -> u64 {
        self.sum(|rows| rows.unnamed)
    }

    fn sum(&self, of: impl Fn(Rows) -> u64) -> u64 {
        let mut views: BTreeMap<(&Entity, EntityKind), u64> = BTreeMap::new();
        for span in &self.spans {
            let sum = views.entry((&span.subject, span.entity.kind)).or_default();
            *sum = sum.saturating_add(of(span.rows));
        }
        let mut subjects: BTreeMap<&Entity, u64> = BTreeMap::new();
        for ((subject, _), sum) in views {
            let greatest = subjects.entry(subject).or_default();
            *greatest = sum.max(*greatest);
        }
        subjects.values().fold(of(self.beyond), |total, records| total.saturating_add(*records))
    }
}
