//! The alert: statistics or a signature says *look*. Never edited after it is raised.
//!
//! Its JSON is a contract with other programs (see [`Alert::to_json`]); the id does not depend on which instance raised
//! it, on batches or on arrival order, so readers count an id once.

use crate::named::{NamedForm, NamedRecords};
use activity::{DataClass, DataClasses, Entity, EntityKind, KnownBy, Mode, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub id: AlertId,
    /// Event time of what made it fire.
    pub raised_at: Timestamp,
    /// The *nominal* window: it does not depend on how early the alert fired.
    pub window: AlertWindow,
    /// Whom or what responders would look at first.
    pub subject: Entity,
    /// Whose baseline or signature it was.
    pub entity: Entity,
    /// The detector's name, as in its manual.
    pub detector: String,
    pub severity: Severity,
    /// Whether the false-page budget lets it interrupt a person.
    pub page: bool,
    /// It would have interrupted, and somebody answers for it that it did not.
    pub suppressed_by: Option<Suppression>,
    pub data_classes: DataClasses,
    pub observed: f64,
    pub expected: f64,
    /// Unit of `observed` and `expected`: `rows`, `requests`, `logins`, …
    pub unit: String,
    /// Never rounded to 0; `None` for signatures.
    pub p_value: Option<f64>,
    /// One sentence for a person: what, how much, how much is usual, for whom and when. Already printable.
    pub why: String,
    /// The figures behind it, at most [`crate::limits::FACTS_MAX`].
    pub facts: Vec<Fact>,
    pub actor_known_by: KnownBy,
    pub affected_records: u64,
    /// The records that its hour names by their ids; `None`: no log names one.
    pub named: Option<NamedRecords>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    pub evidence: Vec<Evidence>,
    pub mode: Mode,
}

/// One figure, or one reason, behind an alert. Already printable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// `seen`, `usual`, `peers`, `probability`, `rule`, `contributing`, `normal`; there may come more.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Of the value; empty where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    pub words: String,
}

/// The exception that kept an alert from paging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}

/// 16 bytes of SHA-256, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId([u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertWindow {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// Where the record lies that shows it; never its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evidence {
    Topic { topic: String, partition: i32, offset: i64 },
    File { input: String, line: u64 },
}

impl Severity {
    pub const ALL: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// Under it an id does not let anybody who has a list of names test whom an alert is about. From the deployment's key, so that every
/// instance and every replay gives the same ids.
#[derive(Clone, PartialEq, Eq)]
pub struct AlertKey([u8; 32]);

impl AlertKey {
    pub const fn new(key: [u8; 32]) -> Self {
        AlertKey(key)
    }
}

impl fmt::Debug for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertKey(…)")
    }
}

impl AlertId {
    /// As [`AlertId::under`] no key: anybody can compute it.
    pub fn of(detector: &str, subject: &Entity, entity: &Entity, window: AlertWindow, mode: Mode) -> Self {
        Self::under(None, detector, subject, entity, window, mode)
    }

    /// What decides an alert's identity, and nothing else does. SHA-256 over the length-prefixed fields, the key before all others; the
    /// first 16 bytes, so that nobody can go on from the result to another one.
    pub fn under(
        key: Option<&AlertKey>,
        detector: &str,
        subject: &Entity,
        entity: &Entity,
        window: AlertWindow,
        mode: Mode,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        if let Some(AlertKey(key)) = key {
            field(b"breachd alert under a key 1");
            field(key);
        }
        field(b"breachd alert 1");
        field(detector.as_bytes());
        for entity in [subject, entity] {
            field(entity.kind.as_str().as_bytes());
            field(entity.id.as_bytes());
        }
        field(&window.from.as_millis().to_le_bytes());
        field(&window.to.as_millis().to_le_bytes());
        field(&mode.drill().map_or([0; 8], |drill| drill.0.to_le_bytes()));
        field(mode.as_str().as_bytes());
        let digest = hash.finalize();
        AlertId(std::array::from_fn(|at| digest[at]))
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        AlertId(bytes)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(AlertId(id))
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The alert as other programs read it. Adding a field is fine, changing one is not.
#[derive(Serialize, Deserialize)]
struct AlertRecord {
    alert_id: String,
    raised_at: String,
    window: WindowRecord,
    subject: EntityRecord,
    entity: EntityRecord,
    detector: String,
    severity: Severity,
    page: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<SuppressionRecord>,
    data_classes: Vec<String>,
    observed: f64,
    expected: f64,
    unit: String,
    p_value: Option<f64>,
    why: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    facts: Vec<Fact>,
    actor_known_by: String,
    affected_records: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named_records: Option<NamedForm>,
    attack: Vec<String>,
    evidence: Vec<Evidence>,
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drill_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WindowRecord {
    from: String,
    to: String,
}

#[derive(Serialize, Deserialize)]
struct EntityRecord {
    kind: String,
    id: String,
}

#[derive(Serialize, Deserialize)]
struct SuppressionRecord {
    owner: String,
    reason: String,
    until: String,
}

/// Why a JSON text is not an alert.
#[derive(Debug, thiserror::Error)]
pub enum NotAnAlert {
    #[error("not an alert: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not an alert: `{field}` has an unknown value")]
    Field { field: &'static str },
}

impl Alert {
    /// One line of JSON, without a line break.
    pub fn to_json(&self) -> String {
        let entity = |entity: &Entity| EntityRecord { kind: entity.kind.as_str().into(), id: entity.id.to_string() };
        let record = AlertRecord {
            alert_id: self.id.to_string(),
            raised_at: self.raised_at.to_string(),
            window: WindowRecord { from: self.window.from.to_string(), to: self.window.to.to_string() },
            subject: entity(&self.subject),
            entity: entity(&self.entity),
            detector: self.detector.clone(),
            severity: self.severity,
            page: self.page,
            suppressed_by: self.suppressed_by.as_ref().map(|by| SuppressionRecord {
                owner: by.owner.clone(),
                reason: by.reason.clone(),
                until: by.until.to_string(),
            }),
            data_classes: self.data_classes.iter().map(|class| class.as_str().into()).collect(),
            observed: self.observed,
            expected: self.expected,
            unit: self.unit.clone(),
            p_value: self.p_value.map(|p| p.max(f64::MIN_POSITIVE)),
            why: self.why.clone(),
            facts: self.facts.clone(),
            actor_known_by: self.actor_known_by.as_str().into(),
            affected_records: self.affected_records,
            named_records: self.named.clone().map(NamedForm::from),
            attack: self.attack.clone(),
            evidence: self.evidence.clone(),
            mode: self.mode.as_str().into(),
            drill_id: self.mode.drill().map(|drill| drill.to_string()),
        };
        serde_json::to_string(&record).expect("plain strings and finite numbers serialise")
    }

    pub fn from_json(json: &[u8]) -> Result<Self, NotAnAlert> {
        let record: AlertRecord = serde_json::from_slice(json)?;
        let unknown = |field| NotAnAlert::Field { field };
        let time = |text: &str, field| text.parse().map_err(|_| unknown(field));
        let entity = |record: EntityRecord, field| {
            EntityKind::parse(&record.kind).map(|kind| Entity::new(kind, record.id)).ok_or(unknown(field))
        };
        let mode = match (record.mode.as_str(), record.drill_id) {
            ("live", None) => Mode::Live,
            ("drill", Some(id)) => Mode::Drill(activity::DrillId::parse(&id).ok_or(unknown("drill_id"))?),
            _ => return Err(unknown("mode")),
        };
        Ok(Alert {
            id: AlertId::parse(&record.alert_id).ok_or(unknown("alert_id"))?,
            raised_at: time(&record.raised_at, "raised_at")?,
            window: AlertWindow {
                from: time(&record.window.from, "window.from")?,
                to: time(&record.window.to, "window.to")?,
            },
            subject: entity(record.subject, "subject.kind")?,
            entity: entity(record.entity, "entity.kind")?,
            detector: record.detector,
            severity: record.severity,
            page: record.page,
            suppressed_by: record
                .suppressed_by
                .map(|SuppressionRecord { owner, reason, until }| {
                    time(&until, "suppressed_by.until").map(|until| Suppression { owner, reason, until })
                })
                .transpose()?,
            data_classes: record
                .data_classes
                .iter()
                .map(|name| DataClass::parse(name).ok_or(unknown("data_classes")))
                .collect::<Result<_, _>>()?,
            observed: record.observed,
            expected: record.expected,
            unit: record.unit,
            p_value: record.p_value,
            why: record.why,
            facts: record.facts,
            actor_known_by: KnownBy::ALL
                .into_iter()
                .find(|known| known.as_str() == record.actor_known_by)
                .ok_or(unknown("actor_known_by"))?,
            affected_records: record.affected_records,
            named: record
                .named_records
                .filter(|form| !form.is_of_later_version())
                .map(|form| NamedRecords::try_from(form).map_err(|_| unknown("named_records")))
                .transpose()?,
            attack: record.attack,
            evidence: record.evidence,
            mode,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        let subject = Entity::new(EntityKind::PortalUser, "u1042");
        let entity = Entity::new(EntityKind::UserTable, "u1042|hr.hr_payroll");
        let window = AlertWindow { from: Timestamp::from_secs(1_772_485_200), to: Timestamp::from_secs(1_772_488_800) };
        Alert {
            id: AlertId::of("volume", &subject, &entity, window, Mode::Live),
            raised_at: Timestamp::from_secs(1_772_486_040),
            window,
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
            p_value: Some(0.0),
            why: "read 1,840 rows".into(),
            facts: vec![
                Fact { name: "usual".into(), value: Some(12.4), unit: "rows".into(), words: "usual: 12 rows".into() },
                Fact { name: "normal".into(), value: None, unit: String::new(), words: "normal: never".into() },
            ],
            actor_known_by: KnownBy::SqlTag,
            affected_records: 1840,
            named: None,
            attack: vec!["T1213".into()],
            evidence: vec![
                Evidence::Topic { topic: "logs".into(), partition: 0, offset: 123 },
                Evidence::File { input: "audit".into(), line: 5107 },
            ],
            mode: Mode::Live,
        }
    }

    #[test]
    fn json_comes_back_and_p_is_never_zero() {
        let sent = alert();
        let read = Alert::from_json(sent.to_json().as_bytes()).expect("its own JSON");
        assert_eq!(read.p_value, Some(f64::MIN_POSITIVE));
        assert_eq!(read, Alert { p_value: read.p_value, ..sent.clone() });
        assert!(!sent.to_json().contains("suppressed_by"), "only where there is something to say");
        let until = Timestamp::from_secs(1_775_000_000);
        let suppressed_by = Some(Suppression { owner: "Jana Weiss".into(), reason: "CHG-1".into(), until });
        let sent = Alert { page: false, suppressed_by, p_value: None, ..sent };
        assert_eq!(Alert::from_json(sent.to_json().as_bytes()).expect("its own JSON"), sent);
    }

    #[test]
    fn the_id_changes_with_each_part_of_it() {
        let sent = alert();
        let other_window = AlertWindow { to: sent.window.to + activity::Span::from_hours(1), ..sent.window };
        let drill = Mode::Drill(activity::DrillId(1));
        let under = |key: u8| {
            let key = AlertKey::new([key; 32]);
            AlertId::under(Some(&key), "volume", &sent.subject, &sent.entity, sent.window, Mode::Live)
        };
        let ids = [
            AlertId::of("volume", &sent.subject, &sent.entity, sent.window, Mode::Live),
            under(0),
            under(1),
            AlertId::of("first_seen", &sent.subject, &sent.entity, sent.window, Mode::Live),
            AlertId::of("volume", &sent.entity, &sent.entity, sent.window, Mode::Live),
            AlertId::of("volume", &sent.subject, &sent.subject, sent.window, Mode::Live),
            AlertId::of("volume", &sent.subject, &sent.entity, other_window, Mode::Live),
            AlertId::of("volume", &sent.subject, &sent.entity, sent.window, drill),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(AlertId::parse(&ids[0].to_string()), Some(ids[0]));
    }

    #[test]
    fn named_records_come_back_are_optional_and_of_a_later_version_unread() {
        let mut records = tally::Records::default();
        (0..300).for_each(|id| records.insert(activity::Record::new("employee", &id.to_string())));
        let records = crate::Sketch::from(&records);
        let named = NamedRecords { table: "hr.hr_payroll".into(), records, ..NamedRecords::default() };
        let sent = Alert { named: Some(named), p_value: None, ..alert() };
        let json = sent.to_json();
        assert_eq!(Alert::from_json(json.as_bytes()).expect("its own JSON"), sent);
        let later = json.replace("\"v\":1", "\"v\":3");
        assert_eq!(Alert::from_json(later.as_bytes()).expect("an alert still").named, None);
        let torn = json.replace("\"ids\":\"", "\"ids\":\"0");
        assert!(matches!(Alert::from_json(torn.as_bytes()), Err(NotAnAlert::Field { field: "named_records" })));
        assert!(!alert().to_json().contains("named_records"), "only where a log names records");
    }

    #[test]
    fn a_drill_without_its_id_is_no_alert() {
        let json = alert().to_json().replace("\"live\"", "\"drill\"");
        assert!(matches!(Alert::from_json(json.as_bytes()), Err(NotAnAlert::Field { field: "mode" })));
    }
}
