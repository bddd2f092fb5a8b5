//! Which incident an alert belongs to.
//!
//! Alerts about one subject, of one mode, within a day of event time are one incident. An alert about another subject
//! joins if its entity names the incident's subject (the table whose reader is under suspicion) or if both point to the
//! same record in a log. A closed incident takes nothing in: its subject's next alert opens a new one that refers to it.
//!
//! Modes never meet: every index is keyed by mode, a drill's by that drill.

use crate::{AlertFact, Incident, IncidentId, limits, state::State};
use activity::{Entity, EntityKind, Mode};

/// The open incident an alert joins, and why.
pub(crate) fn home(state: &State, mode: Mode, alert: &AlertFact) -> Option<(IncidentId, String)> {
    if let Some(id) = open_incident_of(state, mode, &alert.subject, alert) {
        return Some((id, "same subject".into()));
    }
    for named in named_by(&alert.entity) {
        if let Some(id) = open_incident_of(state, mode, &named, alert) {
            return Some((id, format!("its entity names the {} under suspicion", named.kind)));
        }
    }
    let shared = alert.evidence.iter().find_map(|evidence| state.by_evidence.get(&(mode, evidence.clone())));
    let incident = shared.and_then(|id| state.incidents.get(id)).filter(|incident| takes_in(incident, alert))?;
    Some((incident.id, "same record as evidence".into()))
}

/// The open incident of a subject, if this alert is near enough in event time.
pub(crate) fn open_incident_of(state: &State, mode: Mode, subject: &Entity, alert: &AlertFact) -> Option<IncidentId> {
    let id = state.by_subject.get(&(mode, subject.clone()))?;
    state.incidents.get(id).filter(|incident| takes_in(incident, alert)).map(|incident| incident.id)
}

/// The closed incident of a subject.
pub(crate) fn closed_before(state: &State, mode: Mode, subject: &Entity) -> Option<IncidentId> {
    let id = state.by_subject.get(&(mode, subject.clone()))?;
    state.incidents.get(id).filter(|incident| !incident.is_open()).map(|incident| incident.id)
}

fn takes_in(incident: &Incident, alert: &AlertFact) -> bool {
    incident.is_open()
        && incident.first_seen_at - limits::GROUPING <= alert.raised_at
        && alert.raised_at <= incident.last_seen_at + limits::GROUPING
}

/// The entity itself, and the user and the table of a pair.
fn named_by(entity: &Entity) -> Vec<Entity> {
    let mut named = vec![entity.clone()];
    if let Some((user, table)) = entity.user_and_table() {
        named.push(Entity::new(EntityKind::PortalUser, user));
        named.push(Entity::new(EntityKind::Table, table));
    }
    named
}
