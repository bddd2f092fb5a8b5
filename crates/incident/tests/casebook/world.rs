//! A casebook with its journal, and short ways to say what happens.

use activity::{DataClass, DataClasses, DrillId, Entity, EntityKind, KnownBy, Mode, Span, Timestamp};
use detector::{Alert, AlertId, AlertWindow, Evidence, Severity};
use incident::*;
use law::Catalogue;
use std::sync::Arc;

pub(crate) const POLICY: &str = r#"
[[triggers]]
channels = ["console"]
[[triggers]]
data_classes = ["hr"]
severity_at_least = "high"
channels = ["pager", "privacy-mail"]
[escalation]
after = "15m"
channels = ["manager"]
[fallback]
channels = ["phone"]
[notices]
link_base = "https://breachd.example/"
"#;

pub(crate) struct World {
    pub(crate) book: Casebook,
    pub(crate) journal: Vec<Decision>,
    pub(crate) now: Timestamp,
    n_commands: u64,
}

pub(crate) fn policy(toml: &str) -> Arc<Policy> {
    let settings: Settings = toml::from_str(toml).unwrap();
    Arc::new(Policy::new(settings, &Catalogue::parse(Catalogue::DEFAULT).unwrap()).unwrap())
}

/// Wall time and event time 0 of the tests: a Monday.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T21:00:00Z".parse().unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        World::with(POLICY)
    }

    pub(crate) fn with(toml: &str) -> Self {
        World::of(policy(toml))
    }

    pub(crate) fn of(policy: Arc<Policy>) -> Self {
        World { book: Casebook::new(policy), journal: Vec::new(), now: start(), n_commands: 0 }
    }

    pub(crate) fn take(&mut self, decisions: Vec<Decision>) -> Vec<Decision> {
        decisions.iter().for_each(|decision| self.book.apply(decision));
        self.journal.extend(decisions.iter().cloned());
        decisions
    }

    pub(crate) fn alert(&mut self, alert: &Alert) -> Vec<Decision> {
        let decisions = self.book.alert(self.now, alert);
        self.take(decisions)
    }

    pub(crate) fn ask(&mut self, by: &str, incident: Option<u64>, action: Action) -> Result<Vec<Decision>, Refusal> {
        self.n_commands += 1;
        let id = format!("c{}", self.n_commands);
        let incident = incident.map(IncidentId);
        let decisions = self.book.command(self.now, &Command { id, by: by.into(), at: self.now, incident, action })?;
        Ok(self.take(decisions))
    }

    /// Time goes by, over which the channels deliver what they have: what hangs is what a test lets hang.
    pub(crate) fn after(&mut self, span: Span) -> Vec<Decision> {
        self.deliver();
        self.wait(span)
    }

    /// Time goes by, and nothing else.
    pub(crate) fn wait(&mut self, span: Span) -> Vec<Decision> {
        self.now = self.now + span;
        let decisions = self.book.tick(self.now);
        self.take(decisions)
    }

    /// Every notice that may leave and was not tried yet is accepted.
    pub(crate) fn deliver(&mut self) {
        let may_leave = |notice: &&Notice| notice.hold_until.is_none_or(|until| until <= self.now);
        let requested: Vec<_> = self.book.unsent().filter(may_leave).map(|notice| notice.id.clone()).collect();
        for id in requested {
            if self.book.notice(&id).is_some_and(|record| record.state == DeliveryState::Requested) {
                self.report(&id, DeliveryResult::Accepted { receipt: "taken".into() });
            }
        }
    }

    pub(crate) fn report(&mut self, notice: &NoticeId, result: DeliveryResult) -> Vec<Decision> {
        let report = DeliveryReport { notice: notice.clone(), attempt: 1, at: self.now, result };
        let decisions = self.book.delivery(&report);
        self.take(decisions)
    }

    pub(crate) fn incident(&self, id: u64) -> &Incident {
        self.book.incident(IncidentId(id)).unwrap()
    }

    /// The id of the notice of this kind for this channel.
    pub(crate) fn notice(&self, id: u64, kind: NoticeKind, channel: &str) -> NoticeId {
        let mut found = (self.incident(id).notices.iter())
            .filter(|record| record.notice.kind == kind && record.notice.channel == channel)
            .map(|record| record.notice.id.clone());
        let notice = found.next().unwrap();
        assert_eq!(found.next(), None, "more than one");
        notice
    }
}

/// A critical alert about HR data; `n` makes it another one.
pub(crate) fn alert(user: &str, n: u32) -> Alert {
    let subject = Entity::new(EntityKind::PortalUser, user);
    let entity = Entity::new(EntityKind::UserTable, format!("{user}|hr.hr_payroll"));
    let raised_at = start() + Span::from_minutes(i64::from(n));
    identified(Alert {
        id: AlertId::parse(&"0".repeat(32)).unwrap(),
        raised_at,
        window: AlertWindow { from: raised_at, to: raised_at + Span::from_minutes(5) },
        subject,
        entity,
        detector: "volume".into(),
        severity: Severity::Critical,
        page: true,
        suppressed_by: None,
        data_classes: DataClass::Hr.into(),
        observed: 1840.0,
        expected: 12.4,
        unit: "rows".into(),
        p_value: Some(1.2e-9),
        why: format!("read 1,840 rows of hr_payroll in 5 min (alert {n})"),
        facts: Vec::new(),
        actor_known_by: KnownBy::SqlTag,
        affected_records: 1840,
        named: None,
        attack: vec!["T1213".into()],
        evidence: vec![Evidence::File { input: format!("audit-{user}"), line: u64::from(n) }],
        mode: Mode::Live,
    })
}

/// With the id that belongs to its parts.
pub(crate) fn identified(alert: Alert) -> Alert {
    let id = AlertId::of(&alert.detector, &alert.subject, &alert.entity, alert.window, alert.mode);
    Alert { id, ..alert }
}

pub(crate) fn milder(alert: Alert, severity: Severity, classes: impl Into<DataClasses>) -> Alert {
    Alert { severity, data_classes: classes.into(), ..alert }
}

pub(crate) fn drill(alert: Alert, id: u64) -> Alert {
    identified(Alert { mode: Mode::Drill(DrillId(id)), ..alert })
}

pub(crate) fn kinds(decisions: &[Decision]) -> Vec<&'static str> {
    decisions.iter().map(Decision::kind).collect()
}

/// (kind of notice, channel) of the notices requested.
pub(crate) fn requested(decisions: &[Decision]) -> Vec<(NoticeKind, &str)> {
    (decisions.iter())
        .filter_map(|decision| match decision {
            Decision::NoticeRequested { notice, .. } => Some((notice.kind, notice.channel.as_str())),
            _ => None,
        })
        .collect()
}

pub(crate) fn verdict(verdict: Verdict) -> Action {
    Action::SetVerdict { verdict, reason: "looked into it".into(), aware_at: None }
}
