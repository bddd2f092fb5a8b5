//! What breachd tells Prometheus: every metric of `/metrics`, in one place.
//!
//! The names and labels in [`NAMES`] are a contract: dashboards and alert rules are written against them, and a check in
//! `tests/deploy` compares those with `names.rs`. Names follow Prometheus' own rules: base units, `_total` for counters,
//! points in time rather than ages (an age that is not refreshed lies; a point in time does not).
//!
//! Labels are names from the configuration or words from the code, never a user, a table, an address or anything else
//! that a log line chose. Should that rule be broken, [`SERIES_MAX`] bounds each metric: further series are counted
//! together under `other`, and the invariant `metric_series_limit` counts how often that happened.
//!
//! Series known beforehand ([`Known`]) are shown from the start with 0, so that the first increase is seen as one. A
//! value that nobody knows (the oldest notice of an empty outbox, the remaining time of no deadline) is absent, not 0.
//!
//! Not here: per-partition series; histograms per source.

mod family;
mod names;
mod pipeline;

pub use family::SERIES_MAX;
pub use names::{Kind, MetricSpec, NAMES};

use activity::{EntityKind, Span, Timestamp};
use detector::Severity;
use family::{Counters, Gauges, Histograms, Register, SecondsGauges, counters};
use incident::IncidentState;
use names::*;
use prometheus::Registry;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The words that labels will take, as far as they are known at the start; their series begin at 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Names of the configured sources.
    pub sources: &'a [&'a str],
    /// Names of the configured channels.
    pub channels: &'a [&'a str],
    /// Names of the hooks that are open.
    pub hooks: &'a [&'a str],
    /// Names of the detectors.
    pub detectors: &'a [&'a str],
}

/// What the detector remembers, and forgets at a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forgotten {
    /// An alert that a verdict could have been about.
    Alert,
    /// The id of a raised alert.
    RaisedId,
    /// A peer group of an hour.
    Group,
}

impl Forgotten {
    pub const ALL: [Forgotten; 3] = [Forgotten::Alert, Forgotten::RaisedId, Forgotten::Group];

    pub const fn as_str(self) -> &'static str {
        match self {
            Forgotten::Alert => "alert",
            Forgotten::RaisedId => "raised_id",
            Forgotten::Group => "group",
        }
    }
}

/// What comes to the detector after its hour was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// Of a raw partition that had been released as idle: it is judged alone, and not learned.
    Tally,
    /// Of another tally partition, after the last known one had served in its place.
    Rollup,
}

impl Behind {
    pub const ALL: [Behind; 2] = [Behind::Tally, Behind::Rollup];

    pub const fn as_str(self) -> &'static str {
        match self {
            Behind::Tally => "tally",
            Behind::Rollup => "rollup",
        }
    }
}

/// The door to all metrics; a clone is another handle to the same ones.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    resident_memory: Gauges,
    records: Counters,
    record_bytes: Counters,
    parse_rejected: Counters,
    consumer_lag: Gauges,
    watermark: SecondsGauges,
    event_skew: SecondsGauges,
    records_ahead: Counters,
    dead_letters: Counters,
    coverage_tables: Gauges,
    signature_rules: Gauges,
    signature_set: SecondsGauges,
    signature_loaded: SecondsGauges,
    signature_reload: Gauges,
    signature_shed: Counters,
    event_to_alert: Histograms,
    alerts: Counters,
    false_page_budget: SecondsGauges,
    entities: Gauges,
    evicted: Counters,
    forgotten: Counters,
    behind: Counters,
    verdicts_late: Counters,
    snapshot_age: SecondsGauges,
    snapshot_bytes: Counters,
    snapshots_refused: Counters,
    recovery: SecondsGauges,
    incidents: Gauges,
    deadline_remaining: SecondsGauges,
    notifications: Counters,
    attempts: Counters,
    event_to_notification: Histograms,
    outbox_pending: Gauges,
    outbox_oldest: SecondsGauges,
    contact_review_due: SecondsGauges,
    probe_success: SecondsGauges,
    probe_timestamp: SecondsGauges,
    hooks: Counters,
    drill_due: SecondsGauges,
    journal_entries: Counters,
    last_reload: Gauges,
    invariant_violations: Counters,
}

impl Metrics {
    /// `started` is the wall time at which the process began.
    pub fn new(version: &str, started: Timestamp, known: &Known<'_>) -> Self {
        let registry = Registry::new();
        let violations = counters(&INVARIANT_VIOLATIONS);
        let refused = violations.with_label_values(&["metric_series_limit"]);
        let of = Register { registry: &registry, refused: &refused };
        of.gauges(&BUILD_INFO).at(&[version]).set(1);
        of.seconds(&START_TIME).at(&[]).set(seconds(started));
        let metrics = Metrics(Arc::new(Families {
            resident_memory: of.gauges(&RESIDENT_MEMORY),
            records: of.counters(&RECORDS),
            record_bytes: of.counters(&RECORD_BYTES),
            parse_rejected: of.counters(&PARSE_REJECTED),
            consumer_lag: of.gauges(&CONSUMER_LAG),
            watermark: of.seconds(&WATERMARK),
            event_skew: of.seconds(&EVENT_SKEW),
            records_ahead: of.counters(&RECORDS_AHEAD),
            dead_letters: of.counters(&DEAD_LETTERS),
            coverage_tables: of.gauges(&COVERAGE_TABLES),
            signature_rules: of.gauges(&SIGNATURE_RULES),
            signature_set: of.seconds(&SIGNATURE_SET),
            signature_loaded: of.seconds(&SIGNATURE_LOADED),
            signature_reload: of.gauges(&SIGNATURE_RELOAD),
            signature_shed: of.counters(&SIGNATURE_SHED),
            event_to_alert: of.histograms(&EVENT_TO_ALERT),
            alerts: of.counters(&ALERTS),
            false_page_budget: of.seconds(&FALSE_PAGE_BUDGET),
            entities: of.gauges(&ENTITIES),
            evicted: of.counters(&EVICTED),
            forgotten: of.counters(&FORGOTTEN),
            behind: of.counters(&BEHIND),
            verdicts_late: of.counters(&VERDICTS_LATE),
            snapshot_age: of.seconds(&SNAPSHOT_AGE),
            snapshot_bytes: of.counters(&SNAPSHOT_BYTES),
            snapshots_refused: of.counters(&SNAPSHOTS_REFUSED),
            recovery: of.seconds(&RECOVERY),
            incidents: of.gauges(&INCIDENTS),
            deadline_remaining: of.seconds(&DEADLINE_REMAINING),
            notifications: of.counters(&NOTIFICATIONS),
            attempts: of.counters(&ATTEMPTS),
            event_to_notification: of.histograms(&EVENT_TO_NOTIFICATION),
            outbox_pending: of.gauges(&OUTBOX_PENDING),
            outbox_oldest: of.seconds(&OUTBOX_OLDEST),
            contact_review_due: of.seconds(&CONTACT_REVIEW_DUE),
            probe_success: of.seconds(&PROBE_SUCCESS),
            probe_timestamp: of.seconds(&PROBE_TIMESTAMP),
            hooks: of.counters(&HOOK_POSTS),
            drill_due: of.seconds(&DRILL_DUE),
            journal_entries: of.counters(&JOURNAL_ENTRIES),
            last_reload: of.gauges(&LAST_RELOAD),
            invariant_violations: of.family(violations),
            registry: registry.clone(),
        }));
        metrics.show(known);
        metrics
    }

    /// All metrics in the text format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        if let Some(bytes) = resident_memory_bytes() {
            self.0.resident_memory.at(&[]).set(bytes);
        }
        prometheus::TextEncoder::new()
            .encode_to_string(&self.0.registry.gather())
            .expect("gathered families have a name and at least one series each")
    }

    /// `n` more records of `source` came to their end.
    pub fn records(&self, source: &str, outcome: RecordOutcome, n: u64) {
        self.0.records.at(&[source, outcome.as_str()]).inc_by(n);
    }

    pub fn record_bytes(&self, source: &str, bytes: u64) {
        self.0.record_bytes.at(&[source]).inc_by(bytes);
    }

    pub fn parse_rejected(&self, format: &str, reason: &'static str, n: u64) {
        self.0.parse_rejected.at(&[format, reason]).inc_by(n);
    }

    /// `records` behind the topic's end, all partitions of this instance together.
    pub fn consumer_lag(&self, topic: &str, records: i64) {
        self.0.consumer_lag.at(&[topic]).set(records);
    }

    /// Greatest event time read of `source`, of any partition: it does not go back. The sentinels of an unread one are
    /// not shown.
    pub fn watermark(&self, source: &str, at: Timestamp) {
        if at != Timestamp::MIN && at != Timestamp::MAX {
            let gauge = self.0.watermark.at(&[source]);
            gauge.set(gauge.get().max(seconds(at)));
        }
    }

    /// Written time less event time of the newest record of `source`.
    pub fn event_skew(&self, source: &str, skew: Span) {
        self.0.event_skew.at(&[source]).set(skew.as_millis() as f64 / 1_000.0);
    }

    /// `n` more entries of `source` carried a stamp from the future.
    pub fn records_ahead(&self, source: &str, n: u64) {
        self.0.records_ahead.at(&[source]).inc_by(n);
    }

    pub fn dead_letter(&self, source: &str, reason: &'static str) {
        self.0.dead_letters.at(&[source, reason]).inc();
    }

    /// `n` tables of `class` whose rows are `known` or `unknown`.
    pub fn coverage_tables(&self, class: &str, rows: &'static str, n: usize) {
        self.0.coverage_tables.at(&[class, rows]).set(count(n));
    }

    /// These signature rules are in force since then.
    pub fn signatures(&self, rules: usize, digest: &str, at: Timestamp) {
        self.0.signature_rules.at(&[]).set(count(rules));
        self.0.signature_set.replace(&[(digest, 1.0)].into());
        self.0.signature_loaded.at(&[]).set(seconds(at));
        self.signature_reload(true);
    }

    /// Whether the folder of signature rules could be read when it last changed.
    pub fn signature_reload(&self, successful: bool) {
        self.0.signature_reload.at(&[]).set(i64::from(successful));
    }

    /// `n` more matches of signature rules found no place in their tally.
    pub fn signature_matches_shed(&self, n: u64) {
        self.0.signature_shed.at(&[]).inc_by(n);
    }

    /// From the event to the alert it raised, by the wall clock.
    pub fn event_to_alert(&self, took: Span) {
        self.0.event_to_alert.at(&[]).observe(length(took));
    }

    /// An alert was raised.
    pub fn alert_raised(&self, detector: &str, severity: Severity, paged: bool) {
        self.0.alerts.at(&[detector, severity.as_str(), flag(paged)]).inc();
    }

    pub fn false_page_budget(&self, pages_per_week: f64) {
        self.0.false_page_budget.at(&[]).set(pages_per_week);
    }

    /// `n` entities of `kind` are held now.
    pub fn entities(&self, kind: EntityKind, n: usize) {
        self.0.entities.at(&[kind.as_str()]).set(count(n));
    }

    /// `n` more entities of `kind` were given up.
    pub fn evicted(&self, kind: EntityKind, n: u64) {
        self.0.evicted.at(&[kind.as_str()]).inc_by(n);
    }

    /// `n` more of what is remembered were forgotten before their time.
    pub fn forgotten(&self, what: Forgotten, n: u64) {
        self.0.forgotten.at(&[what.as_str()]).inc_by(n);
    }

    /// `n` more came after their hour was closed.
    pub fn behind(&self, what: Behind, n: u64) {
        self.0.behind.at(&[what.as_str()]).inc_by(n);
    }

    /// For how long the oldest tallies that are in no snapshot have been taken in.
    pub fn snapshot_age(&self, age: Duration) {
        self.0.snapshot_age.at(&[]).set(age.as_secs_f64());
    }

    /// A snapshot of so many bytes is written.
    pub fn snapshot_written(&self, bytes: usize) {
        self.0.snapshot_bytes.at(&[]).inc_by(bytes as u64);
    }

    /// A snapshot could not be used, or not be written.
    pub fn snapshot_refused(&self) {
        self.0.snapshots_refused.at(&[]).inc();
    }

    /// The detector is where the tallies are, so long after partitions were assigned.
    pub fn recovered(&self, after: Duration) {
        self.0.recovery.at(&[]).set(after.as_secs_f64());
    }

    /// `n` more verdicts came after the hour from which they count.
    pub fn verdicts_late(&self, n: u64) {
        self.0.verdicts_late.at(&[]).inc_by(n);
    }

    /// `n` incidents are in `state` now.
    pub fn incidents(&self, state: IncidentState, n: usize) {
        self.0.incidents.at(&[state.as_str()]).set(count(n));
    }

    /// Seconds left of the nearest running deadline of each obligation; the others have none.
    pub fn deadlines(&self, remaining: &BTreeMap<&str, f64>) {
        self.0.deadline_remaining.replace(remaining);
    }

    /// A notice ended on `channel`.
    pub fn notification(&self, channel: &str, outcome: &'static str) {
        self.0.notifications.at(&[channel, outcome]).inc();
    }

    /// One attempt on `channel` ended.
    pub fn attempt(&self, channel: &str, result: &'static str) {
        self.0.attempts.at(&[channel, result]).inc();
    }

    /// From the event to the service's acceptance of the notice, by the wall clock.
    pub fn event_to_notification(&self, channel: &str, took: Span) {
        self.0.event_to_notification.at(&[channel]).observe(length(took));
    }

    /// `pending` notices wait on `channel`, the oldest since `oldest`.
    pub fn outbox(&self, channel: &str, pending: usize, oldest: Option<Timestamp>) {
        self.0.outbox_pending.at(&[channel]).set(count(pending));
        self.0.outbox_oldest.set_or_remove(&[channel], oldest.map(seconds));
    }

    /// `None`: no contacts are known, or another instance says when.
    pub fn contact_review_due(&self, at: Option<Timestamp>) {
        self.0.contact_review_due.set_or_remove(&[], at.map(seconds));
    }

    /// How the last trial of each channel and integration ended, and when; of others nothing is said any more.
    pub fn probes(&self, last: &BTreeMap<&str, (bool, Timestamp)>) {
        let of = |value: &dyn Fn(bool, Timestamp) -> f64| {
            last.iter().map(|(probe, (passed, at))| (*probe, value(*passed, *at))).collect::<BTreeMap<_, _>>()
        };
        self.0.probe_success.replace(&of(&|passed, _| f64::from(u8::from(passed))));
        self.0.probe_timestamp.replace(&of(&|_, at| seconds(at)));
    }

    /// Something was posted to a hook; `hook` is its configured name.
    pub fn hook(&self, hook: &str, outcome: &'static str) {
        self.0.hooks.at(&[hook, outcome]).inc();
    }

    pub fn drill_due(&self, at: Timestamp) {
        self.0.drill_due.at(&[]).set(seconds(at));
    }

    /// This process appended `n` more entries to the journal.
    pub fn journal_entries(&self, n: u64) {
        self.0.journal_entries.at(&[]).inc_by(n);
    }

    pub fn reload_successful(&self, successful: bool) {
        self.0.last_reload.at(&[]).set(i64::from(successful));
    }

    /// Something that must always hold did not, `n` times.
    pub fn invariant_violation(&self, invariant: &'static str, n: u64) {
        self.0.invariant_violations.at(&[invariant]).inc_by(n);
    }

    /// Lets the series begin at 0 (a file that was read to start with counts as a successful reload).
    fn show(&self, known: &Known<'_>) {
        self.reload_successful(true);
        self.journal_entries(0);
        self.0.event_to_alert.at(&[]);
        self.signature_matches_shed(0);
        self.verdicts_late(0);
        for source in known.sources {
            for outcome in RecordOutcome::ALL {
                self.records(source, outcome, 0);
            }
            self.record_bytes(source, 0);
            self.records_ahead(source, 0);
        }
        for kind in EntityKind::ALL {
            self.entities(kind, 0);
            self.evicted(kind, 0);
        }
        for what in Forgotten::ALL {
            self.forgotten(what, 0);
        }
        for what in Behind::ALL {
            self.behind(what, 0);
        }
        for detector in known.detectors {
            for severity in Severity::ALL {
                self.0.alerts.at(&[detector, severity.as_str(), flag(false)]);
                self.0.alerts.at(&[detector, severity.as_str(), flag(true)]);
            }
        }
        for state in IncidentState::ALL {
            self.incidents(state, 0);
        }
        for channel in known.channels {
            for outcome in NOTICE_OUTCOMES {
                self.0.notifications.at(&[channel, outcome]);
            }
            for result in ATTEMPT_RESULTS {
                self.0.attempts.at(&[channel, result]);
            }
            self.0.event_to_notification.at(&[channel]);
            self.outbox(channel, 0, None);
        }
        for hook in known.hooks {
            for outcome in HOOK_OUTCOMES {
                self.0.hooks.at(&[hook, outcome]);
            }
        }
        for invariant in INVARIANTS {
            self.invariant_violation(invariant, 0);
        }
    }
}

/// What became of a record that is not pending any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOutcome {
    Contributed,
    Ignored,
    DeadLettered,
    Late,
}

impl RecordOutcome {
    pub const ALL: [RecordOutcome; 4] =
        [RecordOutcome::Contributed, RecordOutcome::Ignored, RecordOutcome::DeadLettered, RecordOutcome::Late];

    pub const fn as_str(self) -> &'static str {
        match self {
            RecordOutcome::Contributed => "contributed",
            RecordOutcome::Ignored => "ignored",
            RecordOutcome::DeadLettered => "dead_lettered",
            RecordOutcome::Late => "late",
        }
    }
}

/// Words of [`incident::DeliveryResult`] that end a notice.
const NOTICE_OUTCOMES: [&str; 4] = ["accepted", "confirmed", "rejected", "expired"];

/// The words of a hook's answer, and of its refusals.
const HOOK_OUTCOMES: [&str; 10] =
    ["taken", "repeated", "own", "ignored", "foreign", "too_old", "unreadable", "forged", "invalid", "unavailable"];

/// Words of [`incident::DeliveryResult`] that one attempt can end with.
const ATTEMPT_RESULTS: [&str; 3] = ["accepted", "retrying", "rejected"];

/// What the roles check; the runbook `InvariantViolated` explains them.
const INVARIANTS: [&str; 11] = [
    "alert_unreadable",
    "journal_chain",
    "journal_unvouched",
    "notice_not_queued",
    "persons_lost",
    "record_of_a_partition_not_owned",
    "rollup_unreadable",
    "tallies_join",
    "tallies_repeated",
    "tally_message_unreadable",
    "metric_series_limit",
];

fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1_000.0
}

/// Clocks differ: an event from the future took no time.
fn length(took: Span) -> f64 {
    took.as_millis().max(0) as f64 / 1_000.0
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

const fn flag(yes: bool) -> &'static str {
    if yes { "true" } else { "false" }
}

/// Linux only; absent elsewhere.
fn resident_memory_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let known = Known { sources: &["audit"], channels: &["pager"], hooks: &["pager"], detectors: &["volume"] };
        Metrics::new("0.1.0", Timestamp::from_secs(1_000), &known)
    }

    /// Every function is called once, so that every metric has a series.
    fn exercised() -> Metrics {
        let metrics = metrics();
        let at = Timestamp::from_secs(2_000);
        metrics.records("audit", RecordOutcome::Late, 2);
        metrics.record_bytes("audit", 512);
        metrics.parse_rejected("nginx_json", "not_json", 3);
        metrics.consumer_lag("logs.mariadb.audit", 7);
        metrics.watermark("audit", at);
        metrics.event_skew("audit", Span::from_millis(-1_500));
        metrics.records_ahead("audit", 6);
        metrics.dead_letter("audit", "not_json");
        metrics.coverage_tables("hr", "unknown", 8);
        metrics.signatures(30, "0f1e2d3c4b5a6978", at);
        metrics.signatures(29, "8796a5b4c3d2e1f0", at);
        metrics.signature_reload(false);
        metrics.signature_matches_shed(3);
        metrics.verdicts_late(2);
        metrics.event_to_alert(Span::from_secs(3));
        metrics.alert_raised("volume", Severity::Critical, true);
        metrics.false_page_budget(2.0);
        metrics.entities(EntityKind::UserTable, 9);
        metrics.evicted(EntityKind::Address, 4);
        metrics.forgotten(Forgotten::Alert, 3);
        metrics.behind(Behind::Rollup, 2);
        metrics.snapshot_age(Duration::from_millis(2_500));
        metrics.snapshot_written(4_096);
        metrics.snapshot_refused();
        metrics.recovered(Duration::from_millis(1_250));
        metrics.incidents(IncidentState::Open, 1);
        metrics.deadlines(&[("gdpr_33", -60.0)].into());
        metrics.notification("pager", "accepted");
        metrics.attempt("pager", "retrying");
        metrics.event_to_notification("pager", Span::from_millis(2_500));
        metrics.outbox("pager", 2, Some(at));
        metrics.contact_review_due(Some(at));
        metrics.probes(&[("channel/pager", (true, at))].into());
        metrics.hook("pager", "taken");
        metrics.drill_due(at);
        metrics.journal_entries(5);
        metrics.reload_successful(false);
        metrics.invariant_violation("tallies_join", 1);
        metrics
    }

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }

    /// `promtool check metrics` reads the same file, see `tests/deploy`.
    #[test]
    fn the_output_is_the_one_on_file() {
        let resident = format!("{} ", RESIDENT_MEMORY.name);
        let text = exercised().render();
        let shown: Vec<&str> = text.lines().filter(|line| !line.starts_with(&resident)).collect();
        let filed: Vec<&str> = include_str!("../../../tests/deploy/metrics.prom").lines().collect();
        for (shown, filed) in shown.iter().zip(&filed) {
            assert_eq!(shown, filed);
        }
        assert_eq!(shown.len(), filed.len());
    }

    #[test]
    fn the_list_and_the_output_name_the_same_metrics() {
        let text = exercised().render();
        let mut shown: Vec<String> =
            text.lines().filter_map(|line| Some(line.strip_prefix("# TYPE ")?.to_owned())).collect();
        let mut listed: Vec<String> =
            NAMES.iter().map(|spec| format!("{} {}", spec.name, format!("{:?}", spec.kind).to_lowercase())).collect();
        shown.sort();
        listed.sort();
        assert_eq!(shown, listed);
    }

    #[test]
    fn names_follow_prometheus_rules() {
        for spec in NAMES {
            assert_eq!(spec.name.ends_with("_total"), spec.kind == Kind::Counter, "{}", spec.name);
            assert!(spec.name.starts_with("breachd_") || spec.name.starts_with("process_"), "{}", spec.name);
            assert!(spec.help.ends_with('.') && spec.help.len() > 20, "{}", spec.name);
            let person = ["user", "table", "address", "actor", "entity", "subject", "session"];
            assert!(spec.labels.iter().all(|label| !person.contains(label)), "{}", spec.name);
        }
    }

    #[test]
    fn what_nobody_knows_is_absent() {
        let metrics = metrics();
        let before = metrics.render();
        for name in [OUTBOX_OLDEST, DEADLINE_REMAINING, CONTACT_REVIEW_DUE, DRILL_DUE, FALSE_PAGE_BUDGET, WATERMARK] {
            assert!(!before.contains(name.name), "{}", name.name);
        }
        metrics.watermark("audit", Timestamp::MIN);
        metrics.outbox("pager", 1, Some(Timestamp::from_secs(5)));
        metrics.deadlines(&[("gdpr_33", 1.5)].into());
        has(&metrics.render(), r#"breachd_deadline_remaining_seconds{obligation="gdpr_33"} 1.5"#);
        metrics.outbox("pager", 0, None);
        metrics.deadlines(&BTreeMap::new());
        let after = metrics.render();
        assert_eq!(names(&after), names(&before));
    }

    fn names(text: &str) -> Vec<&str> {
        text.lines().filter(|line| line.starts_with("# TYPE ")).collect()
    }

    #[test]
    fn series_are_bounded_and_the_excess_is_counted() {
        let metrics = metrics();
        for at in 0..SERIES_MAX + 10 {
            metrics.record_bytes(&format!("source {at}"), 1);
        }
        let text = metrics.render();
        let series = text.lines().filter(|line| line.starts_with("breachd_record_bytes_total{")).count();
        assert_eq!(series, SERIES_MAX);
        // `audit` and 998 more had a place; the other 12 share one.
        has(&text, r#"breachd_record_bytes_total{source="other"} 12"#);
        has(&text, r#"breachd_invariant_violations_total{invariant="metric_series_limit"} 12"#);
        metrics.record_bytes("audit", 3);
        has(&metrics.render(), r#"breachd_record_bytes_total{source="audit"} 3"#);
    }

    #[test]
    fn a_removed_series_gives_its_place_back() {
        let metrics = metrics();
        for at in 0..3 * SERIES_MAX {
            let obligation = format!("obligation {at}");
            metrics.deadlines(&[(obligation.as_str(), 1.0)].into());
        }
        has(&metrics.render(), r#"breachd_invariant_violations_total{invariant="metric_series_limit"} 0"#);
    }

    #[test]
    fn a_watermark_is_the_greatest_of_all_partitions() {
        let metrics = metrics();
        for at in [50, 70, 60] {
            metrics.watermark("audit", Timestamp::from_secs(at));
        }
        has(&metrics.render(), r#"breachd_watermark_timestamp_seconds{source="audit"} 70"#);
    }

    #[test]
    fn a_future_event_took_no_time() {
        let metrics = metrics();
        metrics.event_to_alert(Span::from_secs(-30));
        let text = metrics.render();
        has(&text, "breachd_event_to_alert_seconds_sum 0");
        has(&text, r#"breachd_event_to_alert_seconds_bucket{le="1"} 1"#);
    }
}
