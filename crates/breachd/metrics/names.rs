//! The list of metrics: a contract with dashboards and alert rules; adding to it is fine.
//!
//! `tests/deploy/check.py` reads the names from this file.

/// One metric: what a dashboard may rely on.
#[derive(Clone, Copy, Debug)]
pub struct MetricSpec {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Every metric there is, in the order of the pipeline.
pub const NAMES: &[MetricSpec] = &[
    BUILD_INFO,
    START_TIME,
    RESIDENT_MEMORY,
    RECORDS,
    RECORD_BYTES,
    PARSE_REJECTED,
    CONSUMER_LAG,
    WATERMARK,
    EVENT_SKEW,
    RECORDS_AHEAD,
    DEAD_LETTERS,
    COVERAGE_TABLES,
    SIGNATURE_RULES,
    SIGNATURE_SET,
    SIGNATURE_LOADED,
    SIGNATURE_RELOAD,
    SIGNATURE_SHED,
    EVENT_TO_ALERT,
    ALERTS,
    FALSE_PAGE_BUDGET,
    ENTITIES,
    EVICTED,
    FORGOTTEN,
    BEHIND,
    VERDICTS_LATE,
    SNAPSHOT_AGE,
    SNAPSHOT_BYTES,
    SNAPSHOTS_REFUSED,
    RECOVERY,
    INCIDENTS,
    DEADLINE_REMAINING,
    NOTIFICATIONS,
    ATTEMPTS,
    EVENT_TO_NOTIFICATION,
    OUTBOX_PENDING,
    OUTBOX_OLDEST,
    CONTACT_REVIEW_DUE,
    PROBE_SUCCESS,
    PROBE_TIMESTAMP,
    HOOK_POSTS,
    DRILL_DUE,
    JOURNAL_ENTRIES,
    LAST_RELOAD,
    INVARIANT_VIOLATIONS,
];

pub(super) const BUILD_INFO: MetricSpec =
    gauge("breachd_build_info", &["version"], "Always 1; the label says which build runs.");
pub(super) const START_TIME: MetricSpec =
    gauge("process_start_time_seconds", &[], "Unix time at which the process started, in seconds.");
pub(super) const RESIDENT_MEMORY: MetricSpec =
    gauge("process_resident_memory_bytes", &[], "Resident memory of the process, in bytes.");
pub(super) const RECORDS: MetricSpec = counter(
    "breachd_records_total",
    &["source", "outcome"],
    "Log records that came to their end, by source and by what became of them.",
);
pub(super) const RECORD_BYTES: MetricSpec =
    counter("breachd_record_bytes_total", &["source"], "Bytes of log records read.");
pub(super) const PARSE_REJECTED: MetricSpec =
    counter("breachd_parse_rejected_total", &["format", "reason"], "Log lines that no activity could be read from.");
pub(super) const CONSUMER_LAG: MetricSpec = gauge(
    "breachd_consumer_lag_records",
    &["topic"],
    "Records behind the end of the topic, over the partitions of this instance.",
);
pub(super) const WATERMARK: MetricSpec = gauge(
    "breachd_watermark_timestamp_seconds",
    &["source"],
    "Event time of the newest record read of a source, in Unix seconds.",
);
pub(super) const EVENT_SKEW: MetricSpec = gauge(
    "breachd_event_skew_seconds",
    &["source"],
    "When a record was written less the time it tells, in seconds, of the entry furthest off in the last flush: delay; below 0 or by whole hours a wrong clock or zone.",
);
pub(super) const RECORDS_AHEAD: MetricSpec = counter(
    "breachd_records_ahead_total",
    &["source"],
    "Entries whose time lies more than half the allowed lateness behind the writing of their record in the future.",
);
pub(super) const DEAD_LETTERS: MetricSpec = counter(
    "breachd_dead_letters_total",
    &["source", "reason"],
    "Entries that could not be read and were kept as dead letters.",
);
pub(super) const COVERAGE_TABLES: MetricSpec = gauge(
    "breachd_source_coverage_tables",
    &["class", "rows"],
    "Classified tables seen, by whether any source says how many rows were read; on instances with the role console.",
);
pub(super) const SIGNATURE_RULES: MetricSpec =
    gauge("breachd_signature_rules", &[], "Signature rules in force on this instance.");
pub(super) const SIGNATURE_SET: MetricSpec = gauge(
    "breachd_signature_set_info",
    &["digest"],
    "Always 1; the label tells which signature rules are in force: the same on all instances that have the same.",
);
pub(super) const SIGNATURE_LOADED: MetricSpec = gauge(
    "breachd_signature_last_load_timestamp_seconds",
    &[],
    "When the signature rules in force were taken up, in Unix seconds.",
);
pub(super) const SIGNATURE_RELOAD: MetricSpec = gauge(
    "breachd_signature_last_reload_successful",
    &[],
    "1 if the folder of signature rules as it is now could be read, else 0: the old rules are in force.",
);
pub(super) const SIGNATURE_SHED: MetricSpec = counter(
    "breachd_signature_matches_shed_total",
    &[],
    "Matches of signature rules beyond those that a tally keeps apart: counted, and told without the rule's name.",
);
pub(super) const EVENT_TO_ALERT: MetricSpec =
    histogram("breachd_event_to_alert_seconds", &[], "From the event that fired an alert to the alert, wall time.");
pub(super) const ALERTS: MetricSpec = counter(
    "breachd_alerts_total",
    &["detector", "severity", "paged"],
    "Alerts raised; paged tells whether the budget let them interrupt a person.",
);
pub(super) const FALSE_PAGE_BUDGET: MetricSpec =
    gauge("breachd_false_page_budget_per_week", &[], "Expected false pages per week that the thresholds allow.");
pub(super) const ENTITIES: MetricSpec =
    gauge("breachd_entities", &["kind"], "Entities with a baseline held in memory.");
pub(super) const EVICTED: MetricSpec =
    counter("breachd_entities_evicted_total", &["kind"], "Entities whose baseline was given up at the limit.");
pub(super) const FORGOTTEN: MetricSpec = counter(
    "breachd_detector_forgotten_total",
    &["what"],
    "Alerts that no verdict can be about any more (alert), raised ids that may be raised again (raised_id) and an hour's peer groups that share one (group), at their limits.",
);
pub(super) const BEHIND: MetricSpec = counter(
    "breachd_detector_behind_total",
    &["what"],
    "What came after its hour was closed: tallies, which are judged alone and not learned (tally), and roll-ups of other partitions, in whose place the last known ones served (rollup).",
);
pub(super) const VERDICTS_LATE: MetricSpec = counter(
    "breachd_verdicts_late_total",
    &[],
    "Verdicts about alerts that came after the hour from which they count, and count from the next; once for each engine they reached.",
);
pub(super) const SNAPSHOT_AGE: MetricSpec = gauge(
    "breachd_snapshot_age_seconds",
    &[],
    "For how long the oldest tallies that are in no snapshot have been taken in: what a crash would have to read again, in seconds.",
);
pub(super) const SNAPSHOT_BYTES: MetricSpec =
    counter("breachd_snapshot_bytes_total", &[], "Bytes of detector snapshots written.");
pub(super) const SNAPSHOTS_REFUSED: MetricSpec = counter(
    "breachd_snapshots_refused_total",
    &[],
    "Snapshots that were damaged, of other settings or of a later version, so that the retained tallies were read, or too large to be written.",
);
pub(super) const RECOVERY: MetricSpec = gauge(
    "breachd_recovery_seconds",
    &[],
    "How long it took, after partitions were last assigned, until the detector was where the tallies are, in seconds.",
);
pub(super) const INCIDENTS: MetricSpec = gauge("breachd_incidents", &["state"], "Incidents by state, drills left out.");
pub(super) const DEADLINE_REMAINING: MetricSpec = gauge(
    "breachd_deadline_remaining_seconds",
    &["obligation"],
    "Time left of the nearest running deadline of an obligation; negative when missed, absent when none runs.",
);
pub(super) const NOTIFICATIONS: MetricSpec =
    counter("breachd_notifications_total", &["channel", "outcome"], "Notices by channel and how they ended.");
pub(super) const ATTEMPTS: MetricSpec = counter(
    "breachd_notification_attempts_total",
    &["channel", "result"],
    "Attempts to deliver a notice, by channel and result.",
);
pub(super) const EVENT_TO_NOTIFICATION: MetricSpec = histogram(
    "breachd_event_to_notification_seconds",
    &["channel"],
    "From the event to the moment a service accepted the notice, wall time.",
);
pub(super) const OUTBOX_PENDING: MetricSpec =
    gauge("breachd_outbox_pending", &["channel"], "Notices that wait for delivery on a channel.");
pub(super) const OUTBOX_OLDEST: MetricSpec = gauge(
    "breachd_outbox_oldest_timestamp_seconds",
    &["channel"],
    "Since when the oldest waiting notice waits, in Unix seconds; absent when none waits.",
);
pub(super) const CONTACT_REVIEW_DUE: MetricSpec = gauge(
    "breachd_contact_review_due_timestamp_seconds",
    &[],
    "When the first contact has to be attested again, in Unix seconds; absent without contacts, and where another instance notifies.",
);
pub(super) const PROBE_SUCCESS: MetricSpec = gauge(
    "breachd_probe_success",
    &["probe"],
    "1 if the last trial of this channel or integration passed, else 0; known to the instance that notifies.",
);
pub(super) const PROBE_TIMESTAMP: MetricSpec =
    gauge("breachd_probe_timestamp_seconds", &["probe"], "When the last trial ended, in Unix seconds.");
pub(super) const HOOK_POSTS: MetricSpec = counter(
    "breachd_hook_posts_total",
    &["hook", "outcome"],
    "What services and systems posted to us, by hook and outcome.",
);
pub(super) const DRILL_DUE: MetricSpec =
    gauge("breachd_drill_due_timestamp_seconds", &[], "When the next drill is due, in Unix seconds.");
pub(super) const JOURNAL_ENTRIES: MetricSpec =
    counter("breachd_journal_entries_total", &[], "Entries that this process appended to the journal.");
pub(super) const LAST_RELOAD: MetricSpec =
    gauge("breachd_last_reload_successful", &[], "1 if the last reading of the configuration was taken over, else 0.");
pub(super) const INVARIANT_VIOLATIONS: MetricSpec = counter(
    "breachd_invariant_violations_total",
    &["invariant"],
    "Times that something which must always hold did not.",
);

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricSpec {
    MetricSpec { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricSpec {
    MetricSpec { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> MetricSpec {
    MetricSpec { name, kind: Kind::Histogram, labels, help }
}
