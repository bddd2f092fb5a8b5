//! Inhibition: while an incident of one kind is open, alerts of another kind that follow from it open none of their own.
//!
//! An inhibited alert is not hidden. It joins the incident that explains it: it is on that incident's page and in its journal,
//! counts among its alerts, records and people, and can be split off if it was about something else after all. What does not
//! happen is a page of its own.
//!
//! Bounded on every side: in time (from the incident's opening, wall time), by severity (what is graver than the incident is
//! not kept quiet), by classes of data (what would widen who has to know is not kept quiet), to one subject or one host, and to
//! one mode. What was inhibited itself explains nothing: else each would bring its own host along, and the incident would keep quiet
//! ever more that has nothing to do with it. It is configuration and no command, so somebody has reviewed it; for an hour's need there are silences.

use crate::{AlertFact, Incident, IncidentId, Policy, limits, policy::span, wire};
use activity::{DataClass, DataClasses, Entity, EntityKind, Mode, Span, Timestamp};
use serde::Deserialize;

/// `[[inhibitions]]`: alerts that open no incident of their own while another one explains them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibition {
    /// For the journal.
    pub name: String,
    /// Which open incident keeps others quiet.
    pub source: Matcher,
    /// Which alerts it keeps quiet.
    pub target: Matcher,
    /// What both have to be about.
    #[serde(default)]
    pub same: Same,
    /// So long after the incident's opening. At most 8 hours.
    #[serde(with = "span")]
    pub within: Span,
}

/// What an incident or an alert is like. A condition that is absent is met by all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Raised by any of these detectors, by their names.
    pub kinds: Vec<String>,
    /// About any of these kinds of entity, such as `app_host`.
    #[serde(with = "wire")]
    pub subjects: Vec<EntityKind>,
    /// Any of these classes of data is concerned.
    #[serde(with = "wire")]
    pub data_classes: Vec<DataClass>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Same {
    /// A subject of the incident's own alerts.
    Subject,
    /// A host: an address, an application host, or that of a database account, of the subjects and entities of the incident's own alerts.
    #[default]
    Host,
}

/// The open incident that explains an alert, and why; the oldest of several.
pub(crate) fn inhibits<'a>(
    policy: &Policy,
    incidents: impl Iterator<Item = &'a Incident>,
    now: Timestamp,
    mode: Mode,
    alert: &AlertFact,
) -> Option<(IncidentId, String)> {
    let rules = &policy.settings().inhibitions;
    let rules: Vec<&Inhibition> = rules.iter().filter(|rule| rule.target.fits_alert(alert)).collect();
    if rules.is_empty() {
        return None;
    }
    let explains = |incident: &Incident, rule: &Inhibition| {
        incident.is_open()
            && incident.mode == mode
            && now < incident.opened_at + rule.within
            && alert.severity <= incident.severity
            && incident.data_classes.union(alert.data_classes) == incident.data_classes
            && rule.source.fits_incident(incident)
            && rule.same.holds(incident, alert)
    };
    incidents.into_iter().find_map(|incident| {
        let rule = rules.iter().find(|rule| explains(incident, rule))?;
        let same = match rule.same {
            Same::Subject => "same subject",
            Same::Host => "same host",
        };
        let until = incident.opened_at + rule.within;
        Some((incident.id, format!("inhibition `{}`: {same}, until {until}", rule.name)))
    })
}

impl Same {
    fn holds(self, incident: &Incident, alert: &AlertFact) -> bool {
        match self {
            Same::Subject => own_subjects(incident).any(|subject| *subject == alert.subject),
            Same::Host => {
                let theirs = [&alert.subject, &alert.entity].map(host);
                let ours = own_subjects(incident).chain(own_alerts(incident).map(|fact| &fact.entity));
                ours.filter_map(host).any(|host| theirs.contains(&Some(host)))
            }
        }
    }
}

/// The alerts that make the incident what it is, of those it keeps.
fn own_alerts(incident: &Incident) -> impl Iterator<Item = &AlertFact> {
    incident.alerts.iter().filter(|fact| !fact.inhibited)
}

fn own_subjects(incident: &Incident) -> impl Iterator<Item = &Entity> {
    std::iter::once(&incident.subject).chain(own_alerts(incident).map(|fact| &fact.subject))
}

/// The host that an entity names, if it names one.
fn host(entity: &Entity) -> Option<&str> {
    match entity.kind {
        EntityKind::AppHost | EntityKind::Address => Some(&entity.id),
        EntityKind::DbAccount => entity.id.rsplit_once('@').map(|(_, host)| host),
        _ => None,
    }
}

impl Matcher {
    fn fits_alert(&self, alert: &AlertFact) -> bool {
        self.fits([alert.detector.as_str()], [alert.subject.kind], alert.data_classes)
    }

    fn fits_incident(&self, incident: &Incident) -> bool {
        let kinds = own_alerts(incident).filter(|fact| fact.page).map(|fact| fact.detector.as_str());
        self.fits(kinds, own_subjects(incident).map(|subject| subject.kind), incident.data_classes)
    }

    fn fits<'a>(
        &self,
        kinds: impl IntoIterator<Item = &'a str>,
        subjects: impl IntoIterator<Item = EntityKind>,
        classes: DataClasses,
    ) -> bool {
        (self.kinds.is_empty() || kinds.into_iter().any(|kind| self.kinds.iter().any(|wanted| wanted == kind)))
            && (self.subjects.is_empty() || subjects.into_iter().any(|kind| self.subjects.contains(&kind)))
            && (self.data_classes.is_empty() || self.data_classes.iter().any(|class| classes.contains(*class)))
    }

    fn says_which(&self) -> bool {
        !self.kinds.is_empty() || !self.subjects.is_empty()
    }

    fn is_long(&self) -> bool {
        self.kinds.len().max(self.subjects.len()) > limits::CONDITION_NAMES_MAX
    }
}

/// Every mistake, as (key path, problem).
pub(crate) fn check(inhibitions: &[Inhibition]) -> Vec<(String, String)> {
    let mut mistakes = Vec::new();
    let mut wrong = |key: String, problem: String| mistakes.push((key, problem));
    if inhibitions.len() > limits::INHIBITIONS_MAX {
        wrong("inhibitions".into(), format!("there are more than {} inhibitions", limits::INHIBITIONS_MAX));
    }
    for (at, rule) in inhibitions.iter().enumerate() {
        let named = rule.name.trim().chars().count();
        if !(1..=limits::NAME_MAX).contains(&named) || inhibitions[..at].iter().any(|other| other.name == rule.name) {
            wrong(format!("inhibitions[{at}].name"), "must be a name that no other inhibition has".into());
        }
        if rule.within <= Span::ZERO || limits::INHIBITION_MAX < rule.within {
            wrong(format!("inhibitions[{at}].within"), "must lie above `0s` and within `8h`".into());
        }
        for (key, matcher) in [("source", &rule.source), ("target", &rule.target)] {
            if !matcher.says_which() {
                let problem = "must name `kinds` or `subjects`: what keeps everything quiet hides something";
                wrong(format!("inhibitions[{at}].{key}"), problem.into());
            }
            if matcher.is_long() {
                let problem = format!("a list of more than {} names", limits::CONDITION_NAMES_MAX);
                wrong(format!("inhibitions[{at}].{key}"), problem);
            }
        }
    }
    mistakes
}
