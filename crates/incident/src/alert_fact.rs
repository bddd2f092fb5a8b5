//! What an incident keeps of an alert.

use crate::{limits, wire};
use activity::{DataClasses, Entity, KnownBy, Timestamp, printable_within};
use detector::{Alert, AlertId, AlertWindow, Evidence, Fact, NamedRecords, Severity};
use serde::{Deserialize, Serialize};

/// The part of an alert that people and later decisions need. The whole alert stays in its topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertFact {
    #[serde(with = "wire")]
    pub id: AlertId,
    /// Event time.
    #[serde(with = "wire")]
    pub raised_at: Timestamp,
    #[serde(with = "wire")]
    pub window: AlertWindow,
    #[serde(with = "wire")]
    pub subject: Entity,
    #[serde(with = "wire")]
    pub entity: Entity,
    pub detector: String,
    pub severity: Severity,
    /// Whether the budget lets it interrupt people. If not, it may join an incident, but changes nothing of it.
    pub page: bool,
    #[serde(with = "wire")]
    pub data_classes: DataClasses,
    pub why: String,
    #[serde(with = "wire")]
    pub actor_known_by: KnownBy,
    pub affected_records: u64,
    /// Records that its hour names by their ids; of a form that a later version wrote, none. An incident merges them and keeps them with
    /// none of its alerts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "detector::named_if_known")]
    pub named: Option<NamedRecords>,
    pub attack: Vec<String>,
    /// At most [`limits::ALERT_EVIDENCE_KEPT`].
    pub evidence: Vec<Evidence>,
    /// −1000 · log₁₀ p, rounded: how surprising, as a whole number (the journal holds no fractions). `None`: a signature.
    pub surprise_milli: Option<u32>,
    /// The figures behind it, in the alert's order; an incident keeps those of its first alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// It joined because an incident explained it, and explains nothing itself. Not part of the alert: an incident says so of those it keeps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inhibited: bool,
}

/// One of [`detector::Fact`], in words: the journal holds no fractions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// `seen`, `usual`, `peers`, `probability`, `rule`, `affected`, `contributing`, `normal`; there may come more.
    pub name: String,
    pub words: String,
    /// The same without names, if the words hold any: of tables, places, addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
}

impl From<&Fact> for Figure {
    fn from(fact: &Fact) -> Self {
        // What contributed by name has how many there are as its value, and of what as its unit.
        let named = (fact.name == "contributing").then_some(fact.value).flatten();
        Figure {
            name: printable_within(&fact.name, limits::NAME_MAX),
            words: printable_within(&fact.words, limits::TEXT_MAX),
            counted: named.map(|n| printable_within(&format!("{} in the hour: {n:.0}", fact.unit), limits::NAME_MAX)),
        }
    }
}

impl From<&Alert> for AlertFact {
    fn from(alert: &Alert) -> Self {
        AlertFact {
            id: alert.id,
            raised_at: alert.raised_at,
            window: alert.window,
            subject: alert.subject.clone(),
            entity: alert.entity.clone(),
            detector: printable_within(&alert.detector, limits::NAME_MAX),
            severity: alert.severity,
            page: alert.page,
            data_classes: alert.data_classes,
            why: match alert.why.trim() {
                "" => "the detector gave no reason".to_owned(),
                why => printable_within(why, limits::TEXT_MAX),
            },
            actor_known_by: alert.actor_known_by,
            affected_records: alert.affected_records,
            named: alert.named.clone(),
            attack: alert
                .attack
                .iter()
                .take(limits::ALERT_TECHNIQUES_KEPT)
                .map(|technique| printable_within(technique, limits::NAME_MAX))
                .collect(),
            evidence: alert.evidence.iter().take(limits::ALERT_EVIDENCE_KEPT).cloned().collect(),
            // A p-value is at least `f64::MIN_POSITIVE`, so this is at most 308,000.
            surprise_milli: alert.p_value.map(|p| (-1000.0 * p.clamp(f64::MIN_POSITIVE, 1.0).log10()).round() as u32),
            figures: alert.facts.iter().take(detector::limits::FACTS_MAX).map(Figure::from).collect(),
            inhibited: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::{EntityKind, Mode, Record};

    #[test]
    fn named_records_of_a_later_version_are_none_and_damaged_ones_an_error() {
        let user = Entity::new(EntityKind::PortalUser, "u1");
        let at = Timestamp::from_secs(1_772_485_240);
        let window = AlertWindow { from: at, to: at };
        let id = format!("{:016x}", Record::new("employee", "7").0);
        let named = serde_json::json!({ "v": 1, "table": "hr.hr_payroll", "ids": id });
        let named: NamedRecords = serde_json::from_value(named).expect("a form of this version");
        let fact = AlertFact {
            id: AlertId::of("volume", &user, &user, window, Mode::Live),
            raised_at: at,
            window,
            subject: user.clone(),
            entity: user,
            detector: "volume".into(),
            severity: Severity::High,
            page: true,
            data_classes: DataClasses::EMPTY,
            why: "why".into(),
            actor_known_by: KnownBy::Guess,
            affected_records: 1,
            named: Some(named),
            attack: Vec::new(),
            evidence: Vec::new(),
            surprise_milli: None,
            figures: Vec::new(),
            inhibited: false,
        };
        let read = |named: serde_json::Value| {
            let mut json = serde_json::to_value(&fact).expect("as JSON");
            json["named"] = named;
            serde_json::from_value::<AlertFact>(json)
        };
        let own = serde_json::to_value(&fact.named).expect("as JSON");
        assert_eq!(read(own).expect("what it wrote"), fact);
        for later in [
            serde_json::json!({ "v": 3, "table": "t", "ids": "" }),
            serde_json::json!({ "v": 300, "tables": [{ "of": "t" }], "ids": [1, 2] }),
        ] {
            assert_eq!(read(later.clone()).expect("an alert still").named, None, "{later}");
        }
        assert!(read(serde_json::json!({ "v": 1, "ids": "torn" })).is_err());
    }
}
