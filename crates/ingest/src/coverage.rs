//! What each source has shown so far: when it last spoke, what became of its records, which classified tables it knows and
//! how much of them. And which gaps that leaves, in words, with what closes them.
//!
//! An [`Ingester`](crate::Ingester) keeps one [`Coverage`] per source partition. As JSON ([`Coverage::to_json`]) it goes to
//! the compacted state topic under the key [`Coverage::key`]; after a restart [`Coverage::parse`] and
//! [`Ingester::restore_coverage`](crate::Ingester::restore_coverage) go on with it. Counts are of the records since the
//! source was first read; times are the greatest seen.
//!
//! Bounded: [`COVERED_TABLES_MAX`] tables per source partition (the smallest names stay, the rest is counted), reasons and
//! names come from fixed lists. Holds names of tables, never of people.

use crate::limits::COVERED_TABLES_MAX;
use crate::settings::Settings;
use activity::{DataClass, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one source partition has shown so far.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Coverage {
    pub source: String,
    pub partition: i32,
    pub format: String,
    /// Greatest event time, in milliseconds since 1970 UTC.
    pub last_event_ms: Option<i64>,
    /// Greatest time at which a record was written to the topic, in milliseconds.
    pub last_written_ms: Option<i64>,
    /// Written minus event time of the newest record, in milliseconds: delay, or a wrong clock or zone if it is hours.
    pub skew_ms: Option<i64>,
    pub records: Records,
    /// Entries that could not be read, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Classified tables, by `schema.table`.
    pub tables: BTreeMap<String, CoveredTable>,
    /// Sightings of classified tables beyond [`COVERED_TABLES_MAX`].
    pub tables_beyond: u64,
    /// Statements on classified data that a tag names the person of.
    pub tagged: u64,
    /// Statements on classified data by a database account without one.
    pub untagged: u64,
    /// Requests to classified routes.
    pub classified_requests: u64,
    /// Of these, with a portal user.
    pub named_requests: u64,
}

/// Records by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Records {
    pub contributed: u64,
    pub ignored: u64,
    pub late: u64,
    pub dead_lettered: u64,
    pub bytes: u64,
}

/// What a source knows of one classified table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct CoveredTable {
    /// As in the configuration.
    pub class: String,
    /// Statements, or the rows of an audit log that name the table.
    pub statements: u64,
    /// Statements that say how many rows were read.
    pub with_rows: u64,
}

/// Something the configured sources cannot know, or a source that does not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    pub kind: GapKind,
    /// Source, database or table it is about.
    pub about: String,
    /// What is missing and why it matters.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// A ready piece of configuration in the repository.
    pub snippet: Option<&'static str>,
}

/// Kinds of gap, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    NeverSeen,
    Silent,
    Rejected,
    NoAudit,
    NoRows,
    Untagged,
    NoZone,
    Skew,
}

impl Coverage {
    /// Key in the state topic.
    pub fn key(&self) -> String {
        format!("coverage/{}/{}", self.source, self.partition)
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("maps with text keys and numbers are JSON")
    }

    /// From [`Coverage::to_json`], also of an older or newer version; `None` if it is something else.
    pub fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().filter(|coverage: &Coverage| !coverage.source.is_empty())
    }

    /// Adds what another one of the same source knows: its other partitions, or what came after.
    pub fn merge(&mut self, other: &Coverage) {
        if self.source.is_empty() {
            (self.source, self.format, self.partition) = (other.source.clone(), other.format.clone(), other.partition);
        }
        if self.last_written_ms <= other.last_written_ms {
            self.skew_ms = other.skew_ms.or(self.skew_ms);
        }
        self.last_event_ms = self.last_event_ms.max(other.last_event_ms);
        self.last_written_ms = self.last_written_ms.max(other.last_written_ms);
        self.records.add(&other.records);
        for (reason, count) in &other.rejected {
            add(self.rejected.entry(reason.clone()).or_default(), *count);
        }
        for (name, table) in &other.tables {
            self.table(name, &table.class, table.statements, table.with_rows);
        }
        for (to, from) in [
            (&mut self.tables_beyond, other.tables_beyond),
            (&mut self.tagged, other.tagged),
            (&mut self.untagged, other.untagged),
            (&mut self.classified_requests, other.classified_requests),
            (&mut self.named_requests, other.named_requests),
        ] {
            add(to, from);
        }
    }

    /// Share of the records that could not be read, 0 to 1.
    pub fn rejected_share(&self) -> f64 {
        let all = self.records.all();
        if all == 0 { 0.0 } else { self.records.dead_lettered as f64 / all as f64 }
    }

    /// A record was written and its entry read.
    pub(crate) fn seen(&mut self, event: Timestamp, written: Option<Timestamp>) {
        let event = event.as_millis();
        self.last_event_ms = self.last_event_ms.max(Some(event));
        if let Some(written) = written.map(Timestamp::as_millis) {
            self.skew_ms = Some(written.saturating_sub(event));
            self.last_written_ms = self.last_written_ms.max(Some(written));
        }
    }

    pub(crate) fn account(&mut self, records: Records) {
        self.records.add(&records);
    }

    pub(crate) fn reject(&mut self, reason: &str) {
        match self.rejected.get_mut(reason) {
            Some(count) => add(count, 1),
            None => {
                self.rejected.insert(reason.to_owned(), 1);
            }
        }
    }

    /// A statement on classified data.
    pub(crate) fn statement(&mut self, tagged: bool) {
        add(if tagged { &mut self.tagged } else { &mut self.untagged }, 1);
    }

    /// A request to a classified route.
    pub(crate) fn request(&mut self, named: bool) {
        add(&mut self.classified_requests, 1);
        add(&mut self.named_requests, u64::from(named));
    }

    /// A classified table was named.
    pub(crate) fn table(&mut self, name: &str, class: &str, statements: u64, with_rows: u64) {
        if let Some(table) = self.tables.get_mut(name) {
            add(&mut table.statements, statements);
            add(&mut table.with_rows, with_rows);
            return;
        }
        if COVERED_TABLES_MAX <= self.tables.len() {
            add(&mut self.tables_beyond, 1);
            if self.tables.last_key_value().is_none_or(|(last, _)| last.as_str() <= name) {
                return;
            }
            self.tables.pop_last();
        }
        self.tables.insert(name.to_owned(), CoveredTable { class: class.to_owned(), statements, with_rows });
    }
}

impl Records {
    pub fn all(&self) -> u64 {
        self.contributed.saturating_add(self.ignored).saturating_add(self.late).saturating_add(self.dead_lettered)
    }

    fn add(&mut self, other: &Records) {
        add(&mut self.contributed, other.contributed);
        add(&mut self.ignored, other.ignored);
        add(&mut self.late, other.late);
        add(&mut self.dead_lettered, other.dead_lettered);
        add(&mut self.bytes, other.bytes);
    }
}

fn add(to: &mut u64, more: u64) {
    *to = to.saturating_add(more);
}

/// What the sources as configured and as seen leave unknown, the gravest first. `now`: to tell silent sources; in a replay
/// the greatest event time.
pub fn gaps(settings: &Settings, seen: &[Coverage], now: Timestamp) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for source in &settings.sources {
        if !seen.iter().any(|coverage| coverage.source == source.name && 0 < coverage.records.all()) {
            gaps.push(Gap {
                kind: GapKind::NeverSeen,
                about: source.name.clone(),
                what: format!("source `{}` has not sent a single record", source.name),
                fix: "check its topic and what writes to it".into(),
                snippet: snippet(&source.format),
            });
        }
    }
    let _ = (now, DataClass::Hr);
    gaps.sort();
    gaps
}

/// The piece of configuration that makes a log of that format.
pub fn snippet(format: &str) -> Option<&'static str> {
    Some(match format {
        "nginx_json" => "deploy/sources/nginx",
        "access_combined" | "apache_json" => "deploy/sources/apache",
        "mariadb_server_audit" | "mariadb_error_log" => "deploy/sources/mariadb/server_audit.cnf",
        "mariadb_slow_log" | "mariadb_general_log" => "deploy/sources/mariadb/slow_log.cnf",
        "hr_audit_json" | "monolog_json" | "monolog_line" | "magento_db_log" => "deploy/sources/magento",
        _ => return None,
    })
}
