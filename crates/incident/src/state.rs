//! What the journal's decisions add up to. Changed by [`State::apply`] and by nothing else; the policy has no say here,
//! so that a journal written under another policy means today what it meant then.

use crate::{
    AlertFact, Decision, DeliveryReport, Incident, IncidentId, NoticeId, NoticeKind, Silence, daily::Daily, limits,
    probes::Probes, reviews::Reviews,
};
use activity::{Entity, Mode, Timestamp};
use detector::{AlertId, Evidence, Severity};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) incidents: BTreeMap<IncidentId, Incident>,
    /// The number of the last incident opened.
    pub(crate) last_id: u64,
    pub(crate) n_open: usize,
    /// The incident that last took in each subject.
    pub(crate) by_subject: BTreeMap<(Mode, Entity), IncidentId>,
    pub(crate) by_evidence: BTreeMap<(Mode, Evidence), IncidentId>,
    /// Whose a report is.
    pub(crate) by_notice: BTreeMap<NoticeId, IncidentId>,
    /// Wall times of the last openings, oldest first.
    pub(crate) openings: VecDeque<Timestamp>,
    pub(crate) alerts_seen: Remembered<AlertId>,
    pub(crate) commands_seen: Remembered<String>,
    pub(crate) silences: BTreeMap<u64, Silence>,
    pub(crate) last_silence: u64,
    /// Alerts for the digest: when, of what mode, what.
    pub(crate) ranked: Vec<(Timestamp, Mode, AlertFact)>,
    /// The daily digest's own.
    pub(crate) daily: Daily,
    pub(crate) reviews: Reviews,
    pub(crate) probes: Probes,
    pub(crate) counts: Counts,
}

/// How much there was, and how much of it is no longer remembered here (the journal has it all).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub incidents_opened: u64,
    pub incidents_forgotten: u64,
    pub alerts_grouped: u64,
    pub alerts_ranked: u64,
    pub alerts_silenced: u64,
    /// Alerts that would have opened incidents of their own, had an inhibition not kept them quiet.
    pub alerts_inhibited: u64,
    /// Alerts that found no place in the digest.
    pub digest_beyond: u64,
    /// Reports on notices that are not known here.
    pub reports_unknown: u64,
    pub notices_undeliverable: u64,
}

/// The last so many different values; the oldest go first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remembered<T> {
    order: VecDeque<T>,
    set: BTreeSet<T>,
    max: usize,
}

impl<T: Ord + Clone> Remembered<T> {
    fn new(max: usize) -> Self {
        Remembered { order: VecDeque::new(), set: BTreeSet::new(), max }
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.set.contains(value)
    }

    fn insert(&mut self, value: T) {
        if !self.set.insert(value.clone()) {
            return;
        }
        self.order.push_back(value);
        if self.order.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }
}

impl State {
    pub(crate) fn new() -> Self {
        State {
            incidents: BTreeMap::new(),
            last_id: 0,
            n_open: 0,
            by_subject: BTreeMap::new(),
            by_evidence: BTreeMap::new(),
            by_notice: BTreeMap::new(),
            openings: VecDeque::new(),
            alerts_seen: Remembered::new(limits::ALERT_IDS_KEPT),
            commands_seen: Remembered::new(limits::COMMAND_IDS_KEPT),
            silences: BTreeMap::new(),
            last_silence: 0,
            ranked: Vec::new(),
            daily: Daily::default(),
            reviews: Reviews::default(),
            probes: Probes::default(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn apply(&mut self, decision: &Decision) {
        if let Some(command) = decision.command() {
            self.commands_seen.insert(command.to_owned());
        }
        match decision {
            Decision::IncidentOpened { at, because, incident, opening } => {
                self.last_id = self.last_id.max(incident.0);
                self.counts.incidents_opened += 1;
                self.n_open += 1;
                self.openings.push_back(*at);
                if self.openings.len() > limits::STORM_OPENINGS_CRITICAL {
                    self.openings.pop_front();
                }
                let mut opened = Incident::open(*incident, *at, because, opening);
                opened.apply(decision);
                self.incidents.insert(*incident, opened);
                self.by_subject.insert((opening.mode, opening.subject.clone()), *incident);
                if let Some(alert) = &opening.alert {
                    self.joined(*incident, opening.mode, alert);
                }
                self.forget_closed();
            }
            Decision::AlertGrouped { incident, alert, .. } => {
                if let Some(grown) = self.incidents.get_mut(incident) {
                    grown.apply(decision);
                    let mode = grown.mode;
                    self.joined(*incident, mode, alert);
                }
            }
            Decision::AlertInhibited { incident, alert, .. } => {
                // Neither its subject nor its evidence leads later alerts there: whether they follow from it is asked anew.
                self.alerts_seen.insert(alert.id);
                self.counts.alerts_inhibited += 1;
                if let Some(grown) = self.incidents.get_mut(incident) {
                    grown.apply(decision);
                }
            }
            Decision::IncidentMerged { .. } => self.merge(decision),
            Decision::IncidentSplit { .. } => self.split(decision),
            Decision::Reopened { incident, .. } => self.reopen(*incident, decision),
            Decision::AlertRanked { at, mode, alert, .. } => {
                self.counts.alerts_ranked += 1;
                self.alerts_seen.insert(alert.id);
                self.rank(*at, *mode, alert);
                self.daily.apply(decision);
            }
            Decision::AlertSilenced { at, silence, alert, .. } => {
                self.counts.alerts_silenced += 1;
                self.alerts_seen.insert(alert.id);
                if let Some(silence) = self.silences.get_mut(silence) {
                    silence.n_alerts += 1;
                }
                // Silences are about live alerts.
                self.rank(*at, Mode::Live, alert);
                self.daily.apply(decision);
            }
            Decision::SilenceProposed { silence, .. } => {
                self.last_silence = self.last_silence.max(silence.id);
                self.silences.insert(silence.id, silence.clone());
            }
            Decision::SilenceApproved { silence, by, .. } => {
                if let Some(silence) = self.silences.get_mut(silence) {
                    silence.approved_by = Some(by.clone());
                }
            }
            Decision::SilenceEnded { silence, .. } => drop(self.silences.remove(silence)),
            Decision::DigestMade { .. } => self.daily.apply(decision),
            Decision::NoticeRequested { notice, .. } if notice.kind == NoticeKind::Digest => self.daily.apply(decision),
            Decision::NoticeRequested { notice, .. } if notice.kind == NoticeKind::ContactTest => {
                self.reviews.apply(decision);
            }
            Decision::ProbeRecorded { .. } => self.probes.apply(decision),
            Decision::ContactTested { .. } | Decision::ContactConfirmed { .. } | Decision::ContactAttested { .. } => {
                self.reviews.apply(decision);
            }
            Decision::NoticeUndeliverable { incident: IncidentId::NONE, .. } => {
                self.counts.notices_undeliverable += 1;
                self.reviews.apply(decision);
                self.daily.apply(decision);
            }
            Decision::DeliveryRecorded { incident: None, report } => {
                if self.daily.notice(&report.notice).is_none() && self.reviews.notice(&report.notice).is_none() {
                    self.counts.reports_unknown += 1;
                }
                self.reviews.apply(decision);
                self.daily.apply(decision);
            }
            about_an_incident => {
                let Some(incident) = about_an_incident.incident().and_then(|id| self.incidents.get_mut(&id)) else {
                    return;
                };
                let was_open = incident.is_open();
                incident.apply(about_an_incident);
                // A merged incident's documents go on in the other one, and its notices do not.
                if let Decision::DeliveryRecorded { report, .. } = about_an_incident
                    && let Some(failed) = incident.document_ended(&report.notice)
                {
                    let mut next = incident.merged_into;
                    // Each was merged into one that was open then, so there is an end; the bound is for a journal that says otherwise.
                    for _ in 0..limits::MERGED_MAX {
                        let Some(into) = next.and_then(|id| self.incidents.get_mut(&id)) else { break };
                        into.document_sent(&report.notice, report.at, failed.as_deref());
                        next = into.merged_into;
                    }
                    return;
                }
                match about_an_incident {
                    Decision::NoticeRequested { notice, .. } => {
                        self.by_notice.insert(notice.id.clone(), notice.incident);
                    }
                    Decision::NoticeUndeliverable { .. } => self.counts.notices_undeliverable += 1,
                    Decision::Closed { .. } if was_open => {
                        self.n_open -= 1;
                        for evidence in &incident.evidence {
                            let key = (incident.mode, evidence.clone());
                            if self.by_evidence.get(&key) == Some(&incident.id) {
                                self.by_evidence.remove(&key);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// An alert has become part of an incident: later ones will find it by these.
    fn joined(&mut self, id: IncidentId, mode: Mode, alert: &AlertFact) {
        self.alerts_seen.insert(alert.id);
        self.counts.alerts_grouped += 1;
        let Some(incident) = self.incidents.get(&id) else { return };
        if incident.subjects.contains(&alert.subject) {
            // An open incident of the subject's own stays its home.
            let home = self.by_subject.get(&(mode, alert.subject.clone())).and_then(|id| self.incidents.get(id));
            if !home.is_some_and(|home| home.is_open() && home.subject == alert.subject) {
                self.by_subject.insert((mode, alert.subject.clone()), id);
            }
        }
        for evidence in alert.evidence.iter().filter(|evidence| incident.evidence.contains(evidence)) {
            self.by_evidence.entry((mode, evidence.clone())).or_insert(id);
        }
    }

    /// The digest keeps what is most severe, then what is most surprising, then what is newest.
    fn rank(&mut self, at: Timestamp, mode: Mode, alert: &AlertFact) {
        self.ranked.retain(|(ranked_at, ..)| at - *ranked_at <= limits::DIGEST);
        let place = |(at, _, alert): &(Timestamp, Mode, AlertFact)| (alert.severity, alert.surprise_milli, *at);
        let new = (at, mode, alert.clone());
        let index = self.ranked.partition_point(|other| place(other) >= place(&new));
        self.ranked.insert(index, new);
        if self.ranked.len() > limits::DIGEST_KEPT {
            self.ranked.pop();
            self.counts.digest_beyond += 1;
        }
    }

    /// Leaves the incidents closed longest ago to the journal when there are too many.
    pub(crate) fn forget_closed(&mut self) {
        if self.incidents.len() <= limits::INCIDENTS_KEPT {
            return;
        }
        let oldest = (self.incidents.values())
            .filter(|incident| !incident.has_mails_left())
            .filter_map(|incident| incident.closed.as_ref().map(|closed| (closed.at, incident.id)))
            .min();
        if let Some((_, id)) = oldest
            && let Some(incident) = self.incidents.remove(&id)
        {
            self.counts.incidents_forgotten += 1;
            for notice in &incident.requested {
                self.by_notice.remove(notice);
            }
            self.by_subject.retain(|_, home| *home != id);
        }
    }

    /// How many incidents were opened within the last while.
    pub(crate) fn openings_since(&self, since: Timestamp) -> usize {
        self.openings.iter().filter(|at| since < **at).count()
    }

    pub(crate) fn is_storm(&self, now: Timestamp, severity: Severity) -> bool {
        let max = match severity {
            Severity::Critical => limits::STORM_OPENINGS_CRITICAL,
            _ => limits::STORM_OPENINGS,
        };
        self.n_open >= limits::OPEN_INCIDENTS_MAX || self.openings_since(now - limits::STORM_WINDOW) >= max
    }

    pub(crate) fn owner(&self, report: &DeliveryReport) -> Option<IncidentId> {
        self.by_notice.get(&report.notice).copied()
    }
}
