//! What the roles hand over as it is: flushed ranges, alerts, the casebook, deliveries.

use super::{Metrics, RecordOutcome};
use crate::wall;
use activity::{Span, Timestamp};
use detector::Alert;
use incident::{Casebook, DeliveryResult, IncidentState, Notice, NoticeKind};
use std::collections::BTreeMap;
use tally::Range;

impl Metrics {
    /// What one flush covers of one partition of a source.
    pub fn range(&self, range: &Range) {
        self.records(&range.source, RecordOutcome::Contributed, range.contributed);
        self.records(&range.source, RecordOutcome::Ignored, range.ignored);
        self.records(&range.source, RecordOutcome::DeadLettered, range.dead_lettered);
        self.records(&range.source, RecordOutcome::Late, range.late);
        self.record_bytes(&range.source, range.bytes);
        self.watermark(&range.source, range.watermark);
    }

    /// An alert is raised now.
    pub fn alert(&self, alert: &Alert) {
        self.alert_raised(&alert.detector, alert.severity, alert.page);
        self.event_to_alert(between(alert.raised_at, wall::now()));
    }

    /// Incidents by state and the nearest deadlines; drills oblige nobody and are left out.
    pub fn casebook(&self, casebook: &Casebook, now: Timestamp) {
        let mut states = BTreeMap::from(IncidentState::ALL.map(|state| (state, 0)));
        let mut remaining: BTreeMap<&str, f64> = BTreeMap::new();
        for incident in casebook.incidents().filter(|incident| !incident.mode.is_drill()) {
            *states.entry(incident.state).or_default() += 1;
            for deadline in
                incident.deadlines.iter().filter(|deadline| deadline.settled.is_none() && !deadline.simulated)
            {
                let Some(due_at) = deadline.due_at else { continue };
                let seconds = between(now, due_at).as_millis() as f64 / 1_000.0;
                let nearest = remaining.entry(&deadline.obligation).or_insert(f64::INFINITY);
                *nearest = nearest.min(seconds);
            }
        }
        for (state, n) in states {
            self.incidents(state, n);
        }
        self.deadlines(&remaining);
    }
}

impl notifier::Observer for Metrics {
    fn attempt(&self, channel: &str, result: &'static str, _seconds: f64) {
        Metrics::attempt(self, channel, result);
    }

    fn pending(&self, channel: &str, n: usize, oldest_decided_at: Option<Timestamp>) {
        self.outbox(channel, n, oldest_decided_at);
    }

    fn settled(&self, channel: &str, notice: &Notice, result: &DeliveryResult, at: Timestamp) {
        self.notification(channel, result.as_str());
        // What follows the opening tells of something older: it would only blur the figure.
        if notice.kind == NoticeKind::Opened && matches!(result, DeliveryResult::Accepted { .. }) {
            self.event_to_notification(channel, between(notice.first_seen_at, at));
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Span {
    Span::from_millis(to.as_millis().saturating_sub(from.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Known;
    use activity::{DataClass, DataClasses, Entity, EntityKind};
    use detector::Severity;
    use incident::{Action, Command, FallbackSettings, Policy, Settings};
    use law::Catalogue;
    use std::sync::Arc;

    fn metrics() -> Metrics {
        Metrics::new("0", Timestamp::from_secs(0), &Known { channels: &["pager"], ..Known::default() })
    }

    #[test]
    fn every_record_of_a_range_is_counted_once() {
        let metrics = metrics();
        let range = Range {
            source: "audit".into(),
            partition: 3,
            from: 10,
            to: 20,
            contributed: 4,
            ignored: 3,
            dead_lettered: 2,
            late: 1,
            pending: 0,
            bytes: 640,
            watermark: Timestamp::from_secs(99),
            idle: false,
            anew: false,
        };
        metrics.range(&range);
        metrics.range(&range);
        let text = metrics.render();
        for line in [
            r#"breachd_records_total{outcome="contributed",source="audit"} 8"#,
            r#"breachd_records_total{outcome="ignored",source="audit"} 6"#,
            r#"breachd_records_total{outcome="dead_lettered",source="audit"} 4"#,
            r#"breachd_records_total{outcome="late",source="audit"} 2"#,
            r#"breachd_record_bytes_total{source="audit"} 1280"#,
            r#"breachd_watermark_timestamp_seconds{source="audit"} 99"#,
        ] {
            assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
        }
    }

    fn declared(severity: Severity, data_classes: DataClasses, at: Timestamp) -> Command {
        let (subject, reason) = (Entity::new(EntityKind::PortalUser, "u1042"), "a call from the bank".to_owned());
        let action = Action::Declare { subject, severity, data_classes, reason };
        Command { id: format!("c{}", at.as_secs()), by: "alice".into(), at, incident: None, action }
    }

    #[test]
    fn the_nearest_deadline_of_each_obligation_is_shown() {
        let jurisdictions = Catalogue::parse(Catalogue::DEFAULT).unwrap();
        let fallback = FallbackSettings { channels: vec!["pager".into()], ..FallbackSettings::default() };
        let policy = Policy::new(Settings { fallback, ..Settings::default() }, &jurisdictions).unwrap();
        let mut casebook = Casebook::new(Arc::new(policy));
        let opened = Timestamp::from_secs(1_772_485_200);
        for at in [opened, opened.saturating_add(Span::from_hours(1))] {
            let command = declared(Severity::Critical, DataClass::Hr.into(), at);
            for decision in casebook.command(at, &command).unwrap() {
                casebook.apply(&decision);
            }
        }
        let metrics = metrics();
        metrics.casebook(&casebook, opened.saturating_add(Span::from_hours(2)));
        let text = metrics.render();
        // Of two incidents the older counts: 72 h less 2 h.
        let line = r#"breachd_deadline_remaining_seconds{obligation="eu-gdpr-33-authority"} 252000"#;
        assert!(text.lines().any(|found| found == line), "{text}");
        assert!(text.contains("breachd_incidents{state=\"open\"} "), "{text}");
        metrics.casebook(&Casebook::new(Arc::new(casebook.policy().clone())), opened);
        let text = metrics.render();
        assert!(!text.contains("breachd_deadline_remaining_seconds{"), "{text}");
        assert!(text.contains("breachd_incidents{state=\"open\"} 0"), "{text}");
    }

    /// The series that begin at 0 are those that deliveries use.
    #[test]
    fn the_words_of_deliveries_are_known_beforehand() {
        let metrics = metrics();
        let before = metrics.render().lines().count();
        let reason = String::new();
        for result in [
            DeliveryResult::Accepted { receipt: String::new() },
            DeliveryResult::Confirmed { receipt: String::new() },
            DeliveryResult::Rejected { reason: reason.clone() },
            DeliveryResult::Expired { reason: reason.clone() },
        ] {
            metrics.notification("pager", result.as_str());
        }
        let retrying = DeliveryResult::Retrying { reason: reason.clone(), next_at: Timestamp::from_secs(1) };
        for result in
            [DeliveryResult::Accepted { receipt: reason.clone() }, retrying, DeliveryResult::Rejected { reason }]
        {
            metrics.attempt("pager", result.as_str());
        }
        assert_eq!(metrics.render().lines().count(), before);
    }
}
