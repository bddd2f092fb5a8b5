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
    /// Records that its hour names by their ids. An incident merges them and keeps them with none of its alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<NamedRecords>,
    pub attack: Vec<String>,
    /// At most [`limits::ALERT_EVIDENCE_KEPT`].
    pub evidence: Vec<Evidence>,
    /// −1000 · log₁₀ p, rounded: how surprising, as a whole number (the journal holds no fractions). `None`: a signature.
    pub surprise_milli: Option<u32>,
    /// The figures behind it, in the alert's order; an incident keeps those of its first alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
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
        }
    }
}
