//! What a trigger can ask of an incident, one entry each: the same list decides and explains.

use super::{Trigger, meets, names};
use crate::Incident;
use activity::DataClass;
use law::{Headcount, People};
use std::collections::BTreeSet;

/// One thing a trigger can ask.
pub(crate) struct Condition {
    /// Key in `[[triggers]]`.
    pub(crate) name: &'static str,
    /// An absent condition is met.
    pub(crate) met: fn(&Trigger, &Incident) -> bool,
    /// What is wanted; `None`: the trigger does not ask it.
    pub(crate) wanted: fn(&Trigger) -> Option<String>,
    /// What there is.
    pub(crate) found: fn(&Incident) -> String,
}

/// In the order of the manual; what is quickly looked up first.
pub(crate) const CONDITIONS: &[Condition] = &[
    Condition {
        name: "severity_at_least",
        met: |trigger, incident| incident.severity >= trigger.severity_at_least,
        wanted: |trigger| {
            (trigger.severity_at_least > detector::Severity::Low).then(|| trigger.severity_at_least.as_str().to_owned())
        },
        found: |incident| incident.severity.as_str().to_owned(),
    },
    Condition {
        name: "data_classes",
        met: |trigger, incident| meets(&trigger.data_classes, incident.data_classes),
        wanted: |trigger| any_of(trigger.data_classes.iter().map(|class: &DataClass| class.as_str())),
        found: |incident| names(incident.data_classes),
    },
    Condition {
        name: "kinds",
        met: |trigger, incident| {
            trigger.kinds.is_empty() || trigger.kinds.iter().any(|kind| incident.detectors.contains(kind))
        },
        wanted: |trigger| any_of(trigger.kinds.iter().map(String::as_str)),
        found: |incident| any_of(incident.detectors.iter().map(String::as_str)).unwrap_or_else(|| "no detector".into()),
    },
    Condition {
        name: "subjects",
        met: |trigger, incident| {
            trigger.subjects.is_empty()
                || incident.subjects.iter().any(|subject| trigger.subjects.contains(&subject.kind))
        },
        wanted: |trigger| any_of(trigger.subjects.iter().map(|kind| kind.as_str())),
        found: |incident| {
            let kinds: BTreeSet<&str> = incident.subjects.iter().map(|subject| subject.kind.as_str()).collect();
            any_of(kinds.into_iter()).unwrap_or_default()
        },
    },
    Condition {
        name: "affected_at_least",
        met: |trigger, incident| incident.affected_records >= trigger.affected_at_least,
        wanted: |trigger| (trigger.affected_at_least > 0).then(|| format!("{} records", trigger.affected_at_least)),
        found: |incident| format!("{} records", incident.affected_records),
    },
    Condition {
        name: "people_at_least",
        met: |trigger, incident| trigger.people_at_least == 0 || people_at_most(incident) >= trigger.people_at_least,
        wanted: |trigger| (trigger.people_at_least > 0).then(|| format!("{} people", trigger.people_at_least)),
        found: |incident| {
            let total = incident.people_concerned().total;
            let most = people_at_most(incident);
            if total.upper.is_some() {
                format!("{total} people")
            } else {
                format!("{total} of people, counted as {most}")
            }
        },
    },
    Condition {
        name: "places",
        met: |trigger, incident| {
            trigger.places.is_empty() || {
                let people = incident.people_concerned();
                trigger.places.iter().any(|place| may_live_in(&people, place))
            }
        },
        wanted: |trigger| any_of(trigger.places.iter().map(String::as_str)),
        found: |incident| where_they_live(&incident.people_concerned()),
    },
];

fn any_of<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let words: Vec<&str> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Where nothing bounds the number of people, there are at most as many as records, as far as logs tell: rather too many.
fn people_at_most(incident: &Incident) -> u64 {
    let Headcount { lower, upper } = incident.people_concerned().total;
    upper.unwrap_or_else(|| lower.max(incident.affected_records))
}

/// Somebody does live there, in it or in a part of it, or somebody of whom it is not known may.
fn may_live_in(people: &People, place: &str) -> bool {
    let is_part = |other: &str| other.strip_prefix(place).is_some_and(|rest| rest.starts_with('-'));
    let parts = people.residents.keys().chain(people.reckoned.keys()).filter(|other| is_part(other));
    parts.map(String::as_str).chain([place]).any(|place| people.residents_of(place).upper != Some(0))
}

fn where_they_live(people: &People) -> String {
    let reckoned =
        people.reckoned.iter().filter(|(place, count)| count.lower > 0 && !people.residents.contains_key(*place));
    let known: Vec<String> =
        people.residents.iter().chain(reckoned).map(|(place, count)| format!("{place}: {count}")).collect();
    match (known.is_empty(), people.unlocated.upper) {
        (true, _) => "nobody knows where they live".into(),
        (false, Some(0)) => known.join(", "),
        (false, _) => format!("{}, and others of whom it is not known", known.join(", ")),
    }
}
