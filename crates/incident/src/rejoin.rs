//! Decisions that change which incident is whose: merge, split, opening again.
//!
//! Each is one decision about two incidents (or about one and the indices), so a journal cut off anywhere has it whole. What it
//! makes of the two is worked out here once, for the state and for the draft whose lacks are asked for.

use crate::{Decision, Incident, IncidentId, incident::Act, state::State};

/// The incidents after the decision, in the order of their numbers; none: it does not fit what is known here, and changes
/// nothing.
pub(crate) fn after(state: &State, decision: &Decision) -> Option<[Incident; 2]> {
    let of = |id: &IncidentId| state.incidents.get(id);
    match decision {
        Decision::IncidentMerged { incident, into, .. } => {
            let (mut from, mut home) = (of(incident)?.clone(), of(into)?.clone());
            if incident == into || from.mode != home.mode || !from.is_open() || !home.is_open() {
                return None;
            }
            home.absorb(&from);
            from.go_on_in(*into, Act::of(decision));
            from.apply(decision);
            home.apply(decision);
            Some(if from.id < home.id { [from, home] } else { [home, from] })
        }
        Decision::IncidentSplit { incident, into, alerts, .. } => {
            let mut from = of(incident).filter(|_| of(into).is_none())?.clone();
            let mut split = from.split_off(*into, alerts, decision)?;
            from.apply(decision);
            split.apply(decision);
            Some([from, split])
        }
        _ => None,
    }
}

impl State {
    pub(crate) fn merge(&mut self, decision: &Decision) {
        let Decision::IncidentMerged { incident: from, into, .. } = decision else { return };
        let Some(both) = after(self, decision) else { return };
        self.n_open = self.n_open.saturating_sub(1);
        both.into_iter().for_each(|incident| drop(self.incidents.insert(incident.id, incident)));
        self.by_subject.values_mut().filter(|home| **home == *from).for_each(|home| *home = *into);
        let Some(home) = self.incidents.get(into) else { return };
        // What the other one has no room for leads nowhere, or nobody would ever forget it.
        self.by_evidence.retain(|(_, evidence), id| *id != *from || home.evidence.contains(evidence));
        self.by_evidence.values_mut().filter(|id| **id == *from).for_each(|id| *id = *into);
    }

    pub(crate) fn split(&mut self, decision: &Decision) {
        let Decision::IncidentSplit { incident: from, into, .. } = decision else { return };
        let Some([rest, split]) = after(self, decision) else { return };
        self.last_id = self.last_id.max(into.0);
        self.counts.incidents_opened += 1;
        self.n_open += 1;
        for subject in split.subjects.iter().filter(|subject| !rest.subjects.contains(subject)) {
            self.by_subject.insert((split.mode, subject.clone()), *into);
        }
        for evidence in split.evidence.iter().filter(|evidence| !rest.evidence.contains(evidence)) {
            let key = (split.mode, evidence.clone());
            if self.by_evidence.get(&key).is_none_or(|id| id == from) {
                self.by_evidence.insert(key, *into);
            }
        }
        [rest, split].into_iter().for_each(|incident| drop(self.incidents.insert(incident.id, incident)));
        self.forget_closed();
    }

    pub(crate) fn reopen(&mut self, id: IncidentId, decision: &Decision) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let was_open = incident.is_open();
        incident.apply(decision);
        if was_open || !incident.is_open() {
            return;
        }
        self.n_open += 1;
        let (mode, subject, evidence) = (incident.mode, incident.subject.clone(), incident.evidence.clone());
        for evidence in evidence {
            self.by_evidence.entry((mode, evidence)).or_insert(id);
        }
        // Another incident of the subject's that was opened since, and is open, keeps it.
        let home = self.by_subject.get(&(mode, subject.clone())).and_then(|home| self.incidents.get(home));
        if !home.is_some_and(Incident::is_open) {
            self.by_subject.insert((mode, subject), id);
        }
    }
}
