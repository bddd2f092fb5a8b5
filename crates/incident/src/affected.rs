//! How many records an incident concerns: what a regulator's notice needs, as bounds with their reasons.
//!
//! *At least* and *about*: the sets of named records that alerts carry ([`detector::Sketch`]) are merged over the whole incident. A record
//! that two people read on three days counts once; so does a person whose number stands in two tables. Exact up to
//! [`limits::AFFECTED_IDS_KEPT`] ids; an hour that names more than 256 has only a sample of them, and then bounds of two standard errors are told.
//! Where the deployment's key was changed meanwhile, samples under different keys are bounded together.
//!
//! Ids in requests count with those of statements where configuration links their route to a table. Of other routes nobody has said whose ids they
//! are: `/people/7` may be employee 7 or not. So these are kept apart: *at least* is the greater count, *at most* both. *About* takes a word at its
//! word (`employees/7` is `employee_id = 7`), and other words for the same records under another name: requests are what causes statements.
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
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Affected {
    spans: Vec<AffectedSpan>,
    beyond: Rows,
    /// Of all tables together.
    named: Sketch,
    /// Of requests whose routes nothing links to a table.
    by_route: Sketch,
    /// By table, or by route (`/…`).
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

/// Different records named in reads of one table, or in requests to one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffectedTable {
    /// `schema.table`; or the shape of a route that nothing links to one, which begins with `/`.
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
    /// Of others.
    fn and(self, more: Rows) -> Rows {
        Rows { all: self.all.saturating_add(more.all), unnamed: self.unnamed.saturating_add(more.unnamed) }
    }

    /// The same ones, seen twice.
    fn or(self, other: Rows) -> Rows {
        Rows { all: self.all.max(other.all), unnamed: self.unnamed.max(other.unnamed) }
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
                span.rows = span.rows.or(rows);
            }
            None if !is_full => {
                let (subject, entity) = (alert.subject.clone(), alert.entity.clone());
                self.spans.push(AffectedSpan { subject, entity, from, to, rows });
            }
            None => self.beyond = self.beyond.and(rows),
        }
    }

    fn add_named(&mut self, alert: &AlertFact) {
        let Some(named) = &alert.named else {
            self.n_unnamed += u64::from(alert.affected_records > 0);
            return;
        };
        self.named.merge(&named.records, limits::AFFECTED_IDS_KEPT);
        self.by_route.merge(&named.by_route, limits::AFFECTED_IDS_KEPT);
        self.add_table(&named.table, &named.records);
        self.add_table(&named.route, &named.by_route);
    }

    fn add_table(&mut self, name: &str, records: &Sketch) {
        if name.is_empty() || records.is_empty() {
            return;
        }
        let table = printable_within(name, limits::NAME_MAX);
        if !self.tables.contains_key(&table) && self.tables.len() >= limits::AFFECTED_TABLES_KEPT {
            self.n_beyond += 1;
            return;
        }
        self.tables.entry(table).or_default().merge(records, limits::AFFECTED_TABLE_IDS_KEPT);
    }

    /// Different records that ids name.
    fn all_named(&self) -> Bounds {
        let named = self.named.bounds();
        if self.by_route.is_empty() {
            return named;
        }
        // Two words may stand for one record: at least those of the word that names most.
        let mut words: BTreeMap<u64, u64> = BTreeMap::new();
        self.by_route.iter().for_each(|record| *words.entry(record.sort()).or_default() += 1);
        let mut words: Vec<(u64, u64)> = words.into_iter().map(|(sort, held)| (held, sort)).collect();
        words.sort_unstable_by(|one, other| other.cmp(one));
        words.truncate(limits::AFFECTED_WORDS_ASKED);
        let of_words = || words.iter().map(|(_, sort)| self.by_route.bounds_of_sort(*sort));
        let by_route = Bounds {
            lower: of_words().map(|bounds| bounds.lower).max().unwrap_or(0),
            estimate: of_words().map(|bounds| bounds.estimate).max().unwrap_or(0),
            ..self.by_route.bounds()
        };
        let known: BTreeSet<u64> = self.named.iter().map(Record::sort).collect();
        let together = self.together().bounds_of(|record| known.contains(&record.sort()));
        either_or_both(named, by_route, together)
    }

    /// Different records of one sort.
    fn named_of_sort(&self, sort: u64) -> Bounds {
        let named = self.named.bounds_of_sort(sort);
        if self.by_route.is_empty() {
            return named;
        }
        either_or_both(named, self.by_route.bounds_of_sort(sort), self.together().bounds_of_sort(sort))
    }

    fn together(&self) -> Sketch {
        let mut all = self.named.clone();
        all.merge(&self.by_route, limits::AFFECTED_IDS_KEPT);
        all
    }

    /// Records that were named, of all tables.
    pub(crate) fn named(&self) -> &Sketch {
        &self.named
    }

    /// Different employees who were named.
    pub(crate) fn people_at_least(&self) -> u64 {
        self.named.bounds_of_sort(employee_sort()).lower
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
        let (named, upper) = (self.all_named(), self.total());
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
        let sketches = [&self.named, &self.by_route];
        let n_samples: usize = sketches.iter().map(|sketch| sketch.n_samples()).sum();
        let mut least = match named.lower {
            0 => "at least: no log names ids, so all rows may be one record",
            _ => "at least: different ids in the alerts' hours, each counted once",
        }
        .to_owned();
        if n_samples > 0 && named.lower > 0 {
            least += ", estimated from a sample (within two standard errors, 19 of 20 cases";
            if sketches.iter().any(|sketch| sketch.has_public_sample()) {
                least += "; whoever chooses ids can distort it";
            }
            least += ")";
        }
        if sketches.iter().any(|sketch| sketch.n_samples() > 1) {
            least += "; the key of samples was changed meanwhile, and what samples under two keys have in common is not known: at least \
                      the greatest of them, at most their sum";
        }
        if sketches.iter().any(|sketch| sketch.keys_beyond()) {
            least += "; the key was changed so often that what was named under some keys is left out";
        }
        if !self.by_route.is_empty() {
            least += "; ids in requests to routes that no configuration links to a table may be those of statements or others: at least \
                      the greater count, at most both";
        }
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
        if self.named.is_empty() && self.by_route.is_empty() {
            return (None, "people cannot be counted: no log names ids".into());
        }
        let all = || self.named.iter().chain(self.by_route.iter());
        let n_others = all().filter(|record| !is_employee(*record)).count();
        if !all().any(is_employee) {
            return (None, "people cannot be counted: the ids are not employees' numbers".into());
        }
        let Bounds { lower, estimate, upper, .. } = self.named_of_sort(employee_sort());
        let others = match n_others {
            0 => "",
            _ => "; records of other kinds were named as well, whose people are not known",
        };
        let unnamed = if self.n_unnamed > 0 { "; reads that name no ids may concern more" } else { "" };
        let by_word = match self.by_route.iter().any(is_employee) {
            true => "; some of them are told only by a word in a route that nothing links to a table",
            false => "",
        };
        let reason = format!("different employees' numbers, over all tables{others}{by_word}{unnamed}");
        (Some(AffectedPeople { lower, estimate, upper }), reason)
    }

    pub(crate) fn total(&self) -> u64 {
        self.sum(|rows| rows.all).max(self.named.bounds().upper.saturating_add(self.by_route.bounds().upper))
    }

    /// Rows and requests, counted as in [`Affected::total`], beyond the records that their alerts name, and records that only requests
    /// name: each may be another one.
    pub(crate) fn total_unnamed(&self) -> u64 {
        self.sum(|rows| rows.unnamed).saturating_add(self.by_route.bounds().upper)
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

fn employee_sort() -> u64 {
    Record::new("employee", "0").sort()
}

pub(crate) fn is_employee(record: Record) -> bool {
    record.sort() == employee_sort()
}

/// Records of which nobody knows whether some are in both: at least the more, at most both. `together`: if equal ids are equal records.
fn either_or_both(one: Bounds, two: Bounds, together: Bounds) -> Bounds {
    let (lower, upper) = (one.lower.max(two.lower), one.upper.saturating_add(two.upper));
    let estimate = one.estimate.max(two.estimate).max(together.estimate).clamp(lower, upper);
    Bounds { lower, estimate, upper, exact: one.exact && two.exact && lower == upper }
}
