//! Two incidents turn out to be one: the first goes on in the second.
//!
//! What is stricter wins, fact by fact, because a merge must never be a way to gain time or to make a breach smaller: the
//! earliest awareness and the earliest of every other moment, a limit that still runs before one that was settled, the
//! verdict under which more runs, the greater severity, all classes of data, all records and people (bounds widen: two counts
//! may be of the same people or of others).
//!
//! What has been *sent* does not move. The notices of the first stay its own, with their ids, their reports and their
//! fallbacks, so none is lost and none comes twice; whoever had heard of it hears of its end, which names the second.

use super::{Act, Deadline, Incident, IncidentState, Settlement, Task, Verdict};
use crate::{IncidentId, limits, located::of_either};
use std::collections::{BTreeMap, BTreeSet};

impl Incident {
    /// Takes in all that another incident knows. Exhaustive on purpose: whoever adds a field to an incident says here what
    /// becomes of it.
    pub(crate) fn absorb(&mut self, other: &Incident) {
        let moments = self.earliest_moments(other);
        let Incident {
            id,
            subject: _,
            mode: _,
            state: _,
            verdict,
            verdict_at,
            severity,
            data_classes,
            opened_at: _,
            suspected_at,
            opened_because: _,
            follows: _,
            first_seen_at,
            last_seen_at,
            aware,
            acknowledged: _,
            contained: _,
            closed: _,
            reopened: _,
            n_reopened: _,
            owner,
            tasks,
            merged_into: _,
            merged: _,
            split_from: _,
            split_into: _,
            alerts,
            n_alerts,
            n_inhibited,
            worst_alert,
            subjects,
            n_subjects_beyond,
            detectors,
            evidence,
            affected_records: _,
            affected,
            located,
            drafts,
            timeline: _,
            n_timeline_beyond: _,
            deadlines,
            moments: _,
            people,
            notices: _,
            n_notices: _,
            told: _,
            escalation: _,
            acknowledged_to: _,
            reopened_to: _,
            requested: _,
        } = other;
        if strictness(*verdict) > strictness(self.verdict) {
            (self.verdict, self.verdict_at) = (*verdict, *verdict_at);
        }
        // Raised by a decision of its own, with its reason.
        self.worst_alert = self.worst_alert.max(*severity).max(*worst_alert);
        self.data_classes = self.data_classes.union(*data_classes);
        self.suspected_at = self.suspected_at.min(*suspected_at);
        self.first_seen_at = self.first_seen_at.min(*first_seen_at);
        self.last_seen_at = self.last_seen_at.max(*last_seen_at);
        self.aware = [self.aware.take(), aware.clone()].into_iter().flatten().min_by_key(|aware| aware.at);
        self.owner = self.owner.take().or_else(|| owner.clone());
        for task in tasks.iter().filter(|task| task.is_open()) {
            self.add_task(Task { number: self.next_task(), ..task.clone() });
        }
        if self.merged.len() < limits::MERGED_MAX {
            self.merged.push(*id);
        }
        for alert in alerts {
            if self.alerts.len() >= limits::ALERTS_KEPT {
                break;
            }
            let mut kept = alert.clone();
            if limits::FIGURED_ALERTS_KEPT <= self.alerts.len() {
                kept.figures = Vec::new();
            }
            self.alerts.push(kept);
        }
        self.n_alerts = self.n_alerts.saturating_add(*n_alerts);
        self.n_inhibited = self.n_inhibited.saturating_add(*n_inhibited);
        for subject in subjects.iter().filter(|subject| !self.subjects.contains(subject)).cloned().collect::<Vec<_>>() {
            if self.subjects.len() < limits::SUBJECTS_KEPT {
                self.subjects.push(subject);
            } else {
                self.n_subjects_beyond += 1;
            }
        }
        self.n_subjects_beyond = self.n_subjects_beyond.saturating_add(*n_subjects_beyond);
        let room = limits::DETECTORS_KEPT.saturating_sub(self.detectors.len());
        let more: Vec<_> = detectors.difference(&self.detectors).take(room).cloned().collect();
        self.detectors.extend(more);
        for evidence in evidence {
            if self.evidence.len() < limits::EVIDENCE_KEPT && !self.evidence.contains(evidence) {
                self.evidence.push(evidence.clone());
            }
        }
        self.affected.absorb(affected);
        self.affected_records = self.affected_records.max(self.affected.total());
        self.located = match (self.located.take(), located) {
            (Some(ours), Some(theirs)) => Some(ours.and(theirs)),
            (ours, theirs) => ours.or_else(|| theirs.clone()),
        };
        // What people wrote into a document goes on with it; where both have one, the one that goes on stays, unless only the other has left.
        for draft in drafts {
            match self.drafts.iter_mut().find(|ours| ours.obligation == draft.obligation) {
                Some(ours) => ours.absorb(draft),
                None => self.drafts.push(draft.renumbered(self.next_draft())),
            }
        }
        for theirs in deadlines {
            match self.deadlines.iter_mut().find(|ours| ours.obligation == theirs.obligation) {
                Some(ours) if goes_before(theirs, ours) => *ours = theirs.clone(),
                Some(_) => {}
                None => self.deadlines.push(theirs.clone()),
            }
        }
        self.moments = moments;
        let places: BTreeSet<&String> = self.people.keys().chain(people.keys()).collect();
        let counts =
            places.into_iter().map(|place| (place.clone(), of_either(self.people.get(place), people.get(place))));
        self.people = counts.take(limits::PLACES_MAX).collect();
    }

    /// It ends here and goes on in another one.
    pub(crate) fn go_on_in(&mut self, into: IncidentId, act: Act) {
        self.state = IncidentState::Closed;
        self.closed = Some(act);
        self.merged_into = Some(into);
        // What runs, runs there; what has ended keeps its record here as well.
        self.deadlines.retain(|deadline| !deadline.is_running());
    }

    /// What persons recorded of either, each as early as either incident has it by any way.
    fn earliest_moments(&self, other: &Incident) -> BTreeMap<law::Moment, Act> {
        let (ours, theirs) = (self.moments(), other.moments());
        let mut earliest = other.moments.clone();
        earliest.extend(self.moments.clone());
        for (moment, act) in &mut earliest {
            let recorded = [&self.moments, &other.moments].into_iter().filter_map(|of| Some(of.get(moment)?.at));
            let meant = [&ours, &theirs].into_iter().filter_map(|of| of.get(moment).copied());
            act.at = recorded.chain(meant).min().unwrap_or(act.at);
        }
        earliest
    }
}

/// Under which of them more runs.
const fn strictness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotABreach => 0,
        Verdict::Undecided => 1,
        Verdict::Breach => 2,
    }
}

/// Of two records of one obligation: the one that runs, and of two that run the one that ends first; of two that have ended, one
/// that a person ended before one that was withdrawn, and the earlier one.
fn goes_before(one: &Deadline, other: &Deadline) -> bool {
    let place = |deadline: &Deadline| {
        let (rank, at) = match &deadline.settled {
            None => (0, deadline.limit().unwrap_or(deadline.starts_at)),
            Some(settled) => match settled.how {
                Settlement::Met => (1, settled.told_at.unwrap_or(settled.at)),
                Settlement::NotRequired => (2, settled.at),
                Settlement::Withdrawn => (3, settled.at),
            },
        };
        (rank, at, deadline.starts_at)
    };
    place(one) < place(other)
}
