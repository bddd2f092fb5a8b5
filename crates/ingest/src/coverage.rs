//! What each source has shown so far: when it last spoke, what became of its records, which classified tables it knows and
//! how much of them. And which gaps that leaves, in words, with what closes them.
//!
//! An [`Ingester`](crate::Ingester) keeps one [`Coverage`] per source partition. As JSON ([`Coverage::to_json`]) it goes to
//! the compacted state topic under the key [`Coverage::key`]; after a restart [`Coverage::parse`] and
//! [`Ingester::restore_coverage`](crate::Ingester::restore_coverage) go on with it. Counts are of the records since the
//! source was first read; times are the greatest seen.
//!
//! Only statements that succeeded, or had rows, show a table: names that somebody invents fail, and would crowd out the real ones.
//! (Logs that do not say what failed, such as the slow log, cannot be told from that.)
//!
//! Bounded: [`COVERED_TABLES_MAX`] tables per source partition (those with the most statements stay, and before them those that the
//! configuration names without stars; the rest is counted), [`COVERED_HOSTS_MAX`] hosts, reasons and
//! names come from fixed lists. Holds names of tables and hosts, never of people.

use crate::limits::{COVERED_HOSTS_MAX, COVERED_TABLES_MAX};
use crate::plan::{Counts, is_own_log, may_lack_schema, rank};
use crate::settings::{Measure, Settings, Source};
use activity::{DataClass, Span, Timestamp};
use formats::{FormatSpec, Knows};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Sightings of tables, classified or not, that were named without a schema.
    pub unqualified: u64,
    /// Statements on classified data that a tag names the person of.
    pub tagged: u64,
    /// Statements on classified data by a database account without one.
    pub untagged: u64,
    /// Requests to classified routes.
    pub classified_requests: u64,
    /// Of these, with a portal user.
    pub named_requests: u64,
    /// Hosts that ran the application when HR data was touched: those of requests as `[attribution.app_hosts]` translates them, those of
    /// statements as the database names them. The first [`COVERED_HOSTS_MAX`].
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
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
    /// The configuration names it, without stars: it stays.
    #[serde(skip_serializing_if = "is_false")]
    pub named: bool,
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
    NoRequests,
    Untagged,
    HostsApart,
    NoSchema,
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
            self.table(name, &table.class, table.statements, table.with_rows, || table.named);
        }
        other.hosts.iter().for_each(|host| self.host(host));
        for (to, from) in [
            (&mut self.tables_beyond, other.tables_beyond),
            (&mut self.unqualified, other.unqualified),
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

    /// So many entries could not be read.
    pub(crate) fn reject(&mut self, reason: &str, entries: u64) {
        match self.rejected.get_mut(reason) {
            Some(count) => add(count, entries),
            None => {
                self.rejected.insert(reason.to_owned(), entries);
            }
        }
    }

    /// A statement on classified data.
    pub(crate) fn statement(&mut self, tagged: bool) {
        add(if tagged { &mut self.tagged } else { &mut self.untagged }, 1);
    }

    /// A table was named without its schema.
    pub(crate) fn unqualified(&mut self) {
        add(&mut self.unqualified, 1);
    }

    /// A request to a classified route.
    pub(crate) fn request(&mut self, named: bool) {
        add(&mut self.classified_requests, 1);
        add(&mut self.named_requests, u64::from(named));
    }

    /// HR data was touched by an application on that host.
    pub(crate) fn host(&mut self, host: &str) {
        if self.hosts.len() < COVERED_HOSTS_MAX && !self.hosts.contains(host) {
            self.hosts.insert(host[..host.floor_char_boundary(activity::Entity::ID_BYTES_MAX)].to_owned());
        }
    }

    /// A classified table was touched. `named`: whether the configuration names it.
    pub(crate) fn table(
        &mut self,
        name: &str,
        class: &str,
        statements: u64,
        with_rows: u64,
        named: impl FnOnce() -> bool,
    ) {
        let name = &name[..name.floor_char_boundary(activity::Entity::ID_BYTES_MAX)];
        if let Some(table) = self.tables.get_mut(name) {
            add(&mut table.statements, statements);
            add(&mut table.with_rows, with_rows);
            return;
        }
        self.tables
            .insert(name.to_owned(), CoveredTable { class: class.to_owned(), statements, with_rows, named: named() });
        if COVERED_TABLES_MAX < self.tables.len() {
            add(&mut self.tables_beyond, 1);
            // The least of all goes; of equal ones that with the greatest name.
            let least = self.tables.iter().min_by_key(|(name, table)| (table.named, table.statements, Reverse(*name)));
            if let Some(name) = least.map(|(name, _)| name.clone()) {
                self.tables.remove(&name);
            }
        }
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

// serde hands a reference over.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

fn add(to: &mut u64, more: u64) {
    *to = to.saturating_add(more);
}

/// What the sources as configured and as seen leave unknown, the gravest first. `now`: to tell silent sources; in a replay
/// the greatest event time.
pub fn gaps(settings: &Settings, seen: &[Coverage], now: Timestamp) -> Vec<Gap> {
    let sources: Vec<(&Source, Coverage)> = settings
        .sources
        .iter()
        .map(|source| {
            let mut all = Coverage::default();
            seen.iter().filter(|coverage| coverage.source == source.name).for_each(|coverage| all.merge(coverage));
            (source, all)
        })
        .collect();
    let mut gaps = Vec::new();
    sources.iter().for_each(|(source, coverage)| of_source(source, coverage, now, &mut gaps));
    let mut databases: BTreeMap<&str, Vec<&(&Source, Coverage)>> = BTreeMap::new();
    for source in sources.iter().filter(|(source, _)| knows(source).statements || knows(source).rows) {
        databases.entry(&source.0.database).or_default().push(source);
    }
    databases.iter().for_each(|(database, sources)| of_database(database, sources, settings, &mut gaps));
    if !settings.sources.is_empty() && !settings.sources.iter().any(|source| knows(source).requests) {
        gaps.push(Gap {
            kind: GapKind::NoRequests,
            about: "all".into(),
            what: "no web log: no addresses of people, no logins at the portal, no candidates for statements without a name".into(),
            fix: "ship the web server's access log, with the portal user and the request id in it".into(),
            snippet: snippet("nginx_json"),
        });
    }
    gaps.extend(hosts_apart(&sources));
    gaps.sort();
    gaps
}

/// Nothing on one host is ever on the other. Where one log has more hosts than are kept, nobody can tell.
fn hosts_apart(sources: &[(&Source, Coverage)]) -> Option<Gap> {
    let is_person = |source: &Source| knows(source).requests || is_own_log(&source.format);
    let hosts = |of_people: bool| -> Option<BTreeSet<&str>> {
        let named = |(source, _): &&(&Source, Coverage)| source.format != "auto" && is_person(source) == of_people;
        let all = sources.iter().filter(named);
        let whole = all.clone().all(|(_, coverage)| coverage.hosts.len() < COVERED_HOSTS_MAX);
        let hosts: BTreeSet<&str> = all.flat_map(|(_, coverage)| &coverage.hosts).map(String::as_str).collect();
        (whole && !hosts.is_empty()).then_some(hosts)
    };
    let (web, database) = (hosts(true)?, hosts(false)?);
    let all_tagged = sources.iter().all(|(_, coverage)| coverage.untagged == 0)
        && sources.iter().any(|(_, coverage)| 0 < coverage.tagged);
    (!all_tagged && web.is_disjoint(&database)).then(|| Gap {
        kind: GapKind::HostsApart,
        about: "all".into(),
        what: format!(
            "requests for HR data are on {}, statements on it come from {}: nobody is found who may be behind those that name nobody",
            listed(web.iter().copied()),
            listed(database.iter().copied())
        ),
        fix: "write in `[attribution.app_hosts]` how the database names the hosts of the web log, or its `app_host` with the source"
            .into(),
        snippet: None,
    })
}

/// A source that is silent for so long has something wrong with it.
const SILENT: Span = Span::from_hours(6);

/// Rejected records beyond this share, and at least so many, are a gap.
const REJECTED_SHARE: f64 = 0.01;
const REJECTED_MIN: u64 = 10;

/// Statements on classified data without a tag beyond this share, and at least so many, are a gap.
const UNTAGGED_SHARE: f64 = 0.1;
const UNTAGGED_MIN: u64 = 20;

/// Rows are known of fewer than this share of a table's statements.
const ROWS_SHARE: f64 = 0.5;

/// Stamps this far from when their record was written.
const SKEW: Span = Span::from_minutes(10);

/// Tables named in one sentence.
const TABLES_NAMED: usize = 5;

fn of_source(source: &Source, coverage: &Coverage, now: Timestamp, gaps: &mut Vec<Gap>) {
    let name = &source.name;
    let mut gap = |kind, what: String, fix: &str| {
        gaps.push(Gap { kind, about: name.clone(), what, fix: fix.into(), snippet: snippet(&source.format) });
    };
    if source.zone.is_none() && FormatSpec::by_name(&source.format).is_some_and(|format| format.needs_zone) {
        let what = format!("stamps of `{name}` carry no zone, and none is configured: they are read as UTC");
        gap(GapKind::NoZone, what, "write `zone` as the server has it, such as `Europe/Berlin`");
    }
    if coverage.records.all() == 0 {
        let what = format!("`{name}` has not sent a single record");
        return gap(GapKind::NeverSeen, what, "check its topic, and what writes to it");
    }
    let last = coverage.last_event_ms.map_or(Timestamp::MIN, Timestamp::from_millis);
    if last < now.saturating_sub(SILENT) {
        let what = if last == Timestamp::MIN {
            format!("`{name}` has sent records, and none of them could be read")
        } else {
            format!("`{name}` is silent since {last}")
        };
        gap(GapKind::Silent, what, "check its shipper; a log that stops may have been stopped");
    }
    if REJECTED_MIN <= coverage.records.dead_lettered && REJECTED_SHARE < coverage.rejected_share() {
        let most = coverage.rejected.iter().max_by_key(|(reason, count)| (**count, std::cmp::Reverse(*reason)));
        let reason = most.map_or(String::new(), |(reason, count)| format!(", most of them as `{reason}` ({count})"));
        let what = format!("{:.1} % of `{name}` could not be read{reason}", coverage.rejected_share() * 100.0);
        gap(
            GapKind::Rejected,
            what,
            "look at some with `breachd dead-letter`; the format or its configuration does not fit",
        );
    }
    if 0 < coverage.unqualified && source.schema.is_none() && may_lack_schema(&source.format) {
        let what = format!(
            "`{name}` named tables without a schema ({}): no pattern such as `hr.*` matches them, and they count apart from those of other logs",
            coverage.unqualified
        );
        gap(GapKind::NoSchema, what, "write `schema` with the source, or let the application write `schema.table`");
    }
    if let Some(skew) = coverage.skew_ms.filter(|skew| SKEW.as_millis() < skew.saturating_abs()) {
        let minutes = skew / 60_000;
        let from_half_hour = minutes.rem_euclid(30).min(30 - minutes.rem_euclid(30));
        let fix = if 25 <= minutes.abs() && from_half_hour <= 3 {
            "whole half hours look like a wrong `zone`"
        } else {
            "check the clock of the server, or how long the shipper holds records back"
        };
        let behind = if 0 < skew { "behind" } else { "ahead of" };
        let what =
            format!("stamps of `{name}` are {} min {behind} the time they were written to the topic", minutes.abs());
        gap(GapKind::Skew, what, fix);
    }
}

fn of_database(database: &str, sources: &[&(&Source, Coverage)], settings: &Settings, gaps: &mut Vec<Gap>) {
    let called = if database.is_empty() { "the database".to_owned() } else { format!("database `{database}`") };
    let about = if database.is_empty() { "all".to_owned() } else { database.to_owned() };
    let mut gap = |kind, about: &str, what: String, fix: &str, snippet| {
        gaps.push(Gap { kind, about: about.into(), what, fix: fix.into(), snippet });
    };
    let is_audit = |source: &Source| rank(&source.format, Measure::Statements) == Some(0);
    if !sources.iter().any(|(source, _)| is_audit(source)) {
        let what = format!(
            "{called} has no audit log: reads through views, cursors and cut statements go unseen, and so do refused ones"
        );
        let fix = "switch server_audit on (MariaDB), or the audit plugin of your database, and ship its log";
        gap(GapKind::NoAudit, &about, what, fix, snippet("mariadb_server_audit"));
    }
    let mut tables: BTreeMap<&str, CoveredTable> = BTreeMap::new();
    for (name, table) in sources.iter().flat_map(|(_, coverage)| &coverage.tables) {
        if table.class == DataClass::Hr.as_str() {
            let all = tables.entry(name).or_default();
            // The same statement stands in several logs: the one that knows most of them counts.
            all.statements = all.statements.max(table.statements);
            all.with_rows = all.with_rows.max(table.with_rows);
        }
    }
    let share = |table: &CoveredTable| table.with_rows as f64 / table.statements.max(1) as f64;
    let (none, some): (Vec<_>, Vec<_>) = tables
        .iter()
        .filter(|(_, table)| 0 < table.statements && share(table) < ROWS_SHARE)
        .partition(|(_, table)| table.with_rows == 0);
    // Change data (Debezium, rank 3) and the application's own log know rows of some statements only.
    let has_rows = sources.iter().any(|(source, _)| rank(&source.format, Measure::Rows).is_some_and(|rank| rank < 3));
    let fix = if has_rows {
        "log all statements (`long_query_time = 0`), or say `one_in` if the log is sampled; cursors leave no slow-log entry"
    } else {
        "switch the slow log on with `long_query_time = 0` and ship it, or let the application write hr_audit lines"
    };
    if !none.is_empty() {
        let what = format!("nobody counts the rows read from {}", listed(none.iter().map(|(name, _)| **name)));
        gap(GapKind::NoRows, &about, what, fix, snippet("mariadb_slow_log"));
    }
    if !some.is_empty() {
        let few = some.iter().map(|(_, table)| share(table)).fold(1.0, f64::min) * 100.0;
        let names = listed(some.iter().map(|(name, _)| **name));
        let what = format!("rows are known of as few as {few:.0} % of the statements on {names}");
        gap(GapKind::NoRows, &about, what, fix, snippet("mariadb_slow_log"));
    }
    let people_known = settings.sources.iter().any(|source| crate::plan::is_own_log(&source.format));
    for (source, coverage) in sources.iter().filter(|(source, _)| Counts::of(settings, source).statements) {
        let all = coverage.tagged.saturating_add(coverage.untagged);
        let share = coverage.untagged as f64 / all.max(1) as f64;
        if UNTAGGED_MIN <= coverage.untagged && UNTAGGED_SHARE < share {
            let but =
                if people_known { "; the application's own log names people for what it writes down" } else { "" };
            let what = format!(
                "{:.0} % of the statements on classified data in `{}` name nobody{but}",
                share * 100.0,
                source.name
            );
            let fix = "let the application tag its SQL, at the front; dumps and consoles stay without a name";
            gap(GapKind::Untagged, &source.name, what, fix, snippet("hr_audit_json"));
        }
    }
}

fn knows(source: &Source) -> Knows {
    FormatSpec::by_name(&source.format).map(|format| format.knows).unwrap_or_default()
}

/// A few names, and how many more there are.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let all = names.len();
    let shown: Vec<String> = names.take(TABLES_NAMED).map(|name| activity::printable_within(name, 80)).collect();
    let more = if shown.len() < all { format!(" and {} more", all - shown.len()) } else { String::new() };
    shown.join(", ") + &more
}

/// The piece of configuration that makes a log of that format.
pub fn snippet(format: &str) -> Option<&'static str> {
    Some(match format {
        "nginx_json" => "deploy/sources/nginx/breachd.conf",
        "access_combined" | "apache_json" => "deploy/sources/apache/breachd.conf",
        "mariadb_server_audit" | "mariadb_error_log" => "deploy/sources/mariadb/server_audit.cnf",
        "mariadb_slow_log" | "mariadb_general_log" => "deploy/sources/mariadb/slow_log.cnf",
        "postgres_csv" | "postgres_json" => "deploy/sources/postgres/pgaudit.conf",
        "hr_audit_json" | "monolog_json" | "monolog_line" | "magento_db_log" => "deploy/sources/magento/Breachd_Audit",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn seen(source: &str, format: &str) -> Coverage {
        let mut coverage = Coverage { source: source.into(), format: format.into(), ..Coverage::default() };
        coverage.seen(at("2026-03-02T12:00:00Z"), Some(at("2026-03-02T12:00:02Z")));
        coverage.account(Records { contributed: 1000, ..Records::default() });
        coverage
    }

    fn settings(text: &str) -> Settings {
        toml::from_str(text).expect("settings")
    }

    const AUDIT_AND_WEB: &str = r#"
        sources = [
            { name = "access", format = "nginx_json" },
            { name = "audit", format = "mariadb_server_audit", zone = "UTC" },
        ]
    "#;

    fn told(gaps: &[Gap]) -> Vec<(GapKind, &str)> {
        gaps.iter().map(|gap| (gap.kind, &*gap.about)).collect()
    }

    #[test]
    fn comes_back_from_json_and_forgives_other_versions() {
        let mut coverage = seen("audit", "mariadb_server_audit");
        coverage.table("hr.employees", "hr", 3, 1, || false);
        coverage.reject("malformed", 1);
        assert_eq!(Coverage::parse(&coverage.to_json()), Some(coverage));
        assert_eq!(Coverage::parse(r#"{"source":"a","news":1}"#).map(|coverage| coverage.source), Some("a".into()));
        assert_eq!(Coverage::parse("{}"), None);
        assert_eq!(Coverage::parse("junk"), None);
    }

    #[test]
    fn merging_adds_counts_and_keeps_the_latest_times() {
        let mut one = seen("audit", "mariadb_server_audit");
        one.table("hr.employees", "hr", 3, 0, || false);
        let mut two = Coverage { partition: 1, ..seen("audit", "mariadb_server_audit") };
        two.seen(at("2026-03-02T13:00:00Z"), Some(at("2026-03-02T13:30:00Z")));
        two.table("hr.employees", "hr", 2, 1, || false);
        let (mut forth, mut back) = (one.clone(), two.clone());
        forth.merge(&two);
        back.merge(&one);
        assert_eq!((forth.records.contributed, forth.skew_ms), (2000, Some(1_800_000)));
        assert_eq!((forth.tables["hr.employees"].statements, forth.tables["hr.employees"].with_rows), (5, 1));
        back.partition = forth.partition;
        assert_eq!(forth, back);
    }

    #[test]
    fn tables_are_bounded_and_the_most_used_and_the_named_stay() {
        let mut coverage = Coverage::default();
        coverage.table("hr.z_named", "hr", 1, 0, || true);
        coverage.table("hr.z_used", "hr", 5, 0, || false);
        for n in (0..COVERED_TABLES_MAX + 8).rev() {
            coverage.table(&format!("hr.t{n:05}"), "hr", 1, 0, || false);
        }
        assert_eq!((coverage.tables.len(), coverage.tables_beyond), (COVERED_TABLES_MAX, 10));
        assert!(coverage.tables.contains_key("hr.t00000") && !coverage.tables.contains_key("hr.t00518"));
        let mut merged = Coverage::default();
        merged.merge(&Coverage::parse(&Coverage { source: "a".into(), ..coverage }.to_json()).expect("our own"));
        merged.table("hr.a", "hr", 1, 0, || false);
        for name in ["hr.a", "hr.z_named", "hr.z_used"] {
            assert!(merged.tables.contains_key(name), "{name}");
        }
    }

    #[test]
    fn an_audit_log_alone_counts_no_rows() {
        let mut audit = seen("audit", "mariadb_server_audit");
        for n in 0..7 {
            audit.table(&format!("hr.t{n}"), "hr", 9, 0, || false);
        }
        audit.table("shop.customer_entity", "customer", 9, 0, || false);
        let access = seen("access", "nginx_json");
        let found = gaps(&settings(AUDIT_AND_WEB), &[audit, access], at("2026-03-02T12:01:00Z"));
        assert_eq!(told(&found), [(GapKind::NoRows, "all")]);
        assert_eq!(found[0].what, "nobody counts the rows read from hr.t0, hr.t1, hr.t2, hr.t3, hr.t4 and 2 more");
        assert_eq!(found[0].snippet, Some("deploy/sources/mariadb/slow_log.cnf"));
    }

    #[test]
    fn cursors_and_samples_show_as_rows_known_of_few() {
        let both = settings(
            r#"
            sources = [
                { name = "access", format = "nginx_json" },
                { name = "audit", format = "mariadb_server_audit", zone = "UTC" },
                { name = "slow", format = "mariadb_slow_log" },
            ]
            "#,
        );
        let (mut audit, mut slow) = (seen("audit", "mariadb_server_audit"), seen("slow", "mariadb_slow_log"));
        audit.table("hr.employees", "hr", 100, 0, || false);
        audit.table("hr.payslips", "hr", 100, 0, || false);
        slow.table("hr.employees", "hr", 98, 98, || false);
        slow.table("hr.payslips", "hr", 10, 10, || false);
        let found = gaps(&both, &[audit, slow, seen("access", "nginx_json")], at("2026-03-02T12:01:00Z"));
        assert_eq!(told(&found), [(GapKind::NoRows, "all")]);
        assert_eq!(found[0].what, "rows are known of as few as 10 % of the statements on hr.payslips");
    }

    #[test]
    fn sources_that_do_not_do_their_part_are_told() {
        let written = settings(
            r#"
            sources = [
                { name = "slow", format = "mariadb_slow_log" },
                { name = "general", format = "mariadb_server_audit", database = "other" },
                { name = "gone", format = "nginx_json" },
            ]
            "#,
        );
        let mut slow = seen("slow", "mariadb_slow_log");
        (slow.tagged, slow.untagged) = (100, 900);
        slow.records.dead_lettered = 50;
        slow.reject("no_header", 50);
        slow.skew_ms = Some(3_600_000 + 20_000);
        let found = gaps(&written, &[slow, seen("general", "mariadb_server_audit")], at("2026-03-02T20:00:00Z"));
        assert_eq!(
            told(&found),
            [
                (GapKind::NeverSeen, "gone"),
                (GapKind::Silent, "general"),
                (GapKind::Silent, "slow"),
                (GapKind::Rejected, "slow"),
                (GapKind::NoAudit, "all"),
                (GapKind::Untagged, "slow"),
                (GapKind::NoZone, "general"),
                (GapKind::Skew, "slow"),
            ]
        );
        assert!(found.iter().any(|gap| gap.fix.contains("wrong `zone`")));
        assert!(
            found.iter().any(|gap| gap.what == "4.8 % of `slow` could not be read, most of them as `no_header` (50)")
        );
    }

    #[test]
    fn without_a_web_log_nobody_is_anywhere() {
        let written = settings(r#"sources = [{ name = "audit", format = "mariadb_server_audit", zone = "UTC" }]"#);
        let found = gaps(&written, &[seen("audit", "mariadb_server_audit")], at("2026-03-02T12:00:00Z"));
        assert_eq!(told(&found), [(GapKind::NoRequests, "all")]);
        assert_eq!(gaps(&Settings::default(), &[], Timestamp::MIN), []);
    }

    #[test]
    fn hosts_that_never_meet_are_told() {
        let found = |web: &[&str], database: &[&str], tagged: u64| {
            let (mut audit, mut access) = (seen("audit", "mariadb_server_audit"), seen("access", "nginx_json"));
            (audit.tagged, audit.untagged) = (tagged, 10 - tagged);
            audit.records.contributed = 10;
            web.iter().for_each(|host| access.host(host));
            database.iter().for_each(|host| audit.host(host));
            gaps(&settings(AUDIT_AND_WEB), &[audit, access], at("2026-03-02T12:01:00Z"))
        };
        let apart = found(&["web-1", "web-2"], &["10.0.3.17", "localhost"], 5);
        assert_eq!(told(&apart), [(GapKind::HostsApart, "all")]);
        assert!(
            apart[0].what.contains("on web-1, web-2, statements on it come from 10.0.3.17, localhost"),
            "{apart:?}"
        );
        assert!(apart[0].fix.contains("[attribution.app_hosts]"));
        assert_eq!(found(&["web-1", "10.0.3.17"], &["10.0.3.17", "localhost"], 5), []);
        assert_eq!(found(&["web-1"], &["10.0.3.17"], 10), [], "nobody has to be found");
        assert_eq!(found(&[], &["10.0.3.17"], 5), []);
        let many: Vec<String> = (0..2 * COVERED_HOSTS_MAX).map(|n| format!("pod-{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(found(&["web-1"], &many, 5), [], "more than are kept");
    }

    #[test]
    fn snippets_are_there() {
        for format in formats::FORMATS {
            if let Some(snippet) = snippet(format.name) {
                let path = format!("{}/../../{snippet}", env!("CARGO_MANIFEST_DIR"));
                assert!(std::path::Path::new(&path).exists(), "{snippet}");
            }
        }
    }
}
