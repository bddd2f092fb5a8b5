//! An incident: people's work. Plain data, changed by decisions only.

mod merge;
mod reopen;
mod split;
mod tasks;

use crate::{
    AlertFact, Deadline, DeliveryResult, Escalation, IncidentId, Located, Notice, NoticeId, Settled, Settlement,
    affected::Affected, affected::AffectedRecords,
};
use crate::{Decision, Draft, NoticeKind, Opening, drafts, limits, wire};
use activity::{DataClasses, Entity, Mode, Timestamp, printable_within};
use detector::{Evidence, Severity};
use law::{Headcount, Moment};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
pub use tasks::{Owner, Task};

/// All there is to know of one incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    #[serde(with = "wire")]
    pub id: IncidentId,
    /// Whom or what it is about; alerts about others may have joined: see [`Incident::subjects`].
    #[serde(with = "wire")]
    pub subject: Entity,
    /// Live, or one drill; as at its opening, for ever.
    #[serde(with = "wire")]
    pub mode: Mode,
    pub state: IncidentState,
    pub verdict: Verdict,
    /// Wall time of the verdict.
    #[serde(with = "wire")]
    pub verdict_at: Option<Timestamp>,
    /// Rises by itself, never falls.
    pub severity: Severity,
    /// Widens by itself, never narrows.
    #[serde(with = "wire")]
    pub data_classes: DataClasses,
    /// Wall time.
    #[serde(with = "wire")]
    pub opened_at: Timestamp,
    /// Wall time since when something has been suspected: its own opening, or that of an older incident it was merged with
    /// or split from.
    #[serde(with = "wire")]
    pub suspected_at: Timestamp,
    pub opened_because: String,
    /// The incident of the same subject that was closed before this one.
    #[serde(with = "wire")]
    pub follows: Option<IncidentId>,
    /// Event time of the first alert.
    #[serde(with = "wire")]
    pub first_seen_at: Timestamp,
    /// Event time of the last alert.
    #[serde(with = "wire")]
    pub last_seen_at: Timestamp,
    /// Since when we are aware of it, in the law's sense.
    pub aware: Option<Awareness>,
    pub acknowledged: Option<Act>,
    pub contained: Option<Act>,
    pub closed: Option<Act>,
    /// The last time it was opened again.
    pub reopened: Option<Act>,
    pub n_reopened: u32,
    /// Whose work it is; `None`: nobody's in particular.
    pub owner: Option<Owner>,
    /// In the order they were added.
    pub tasks: Vec<Task>,
    /// The incident in which this one goes on.
    #[serde(with = "wire")]
    pub merged_into: Option<IncidentId>,
    /// Incidents that go on in this one.
    #[serde(with = "wire")]
    pub merged: Vec<IncidentId>,
    /// The incident some of whose alerts this one began with.
    #[serde(with = "wire")]
    pub split_from: Option<IncidentId>,
    /// Incidents that began with alerts of this one.
    #[serde(with = "wire")]
    pub split_into: Vec<IncidentId>,
    /// The first [`limits::ALERTS_KEPT`] alerts, in the order they joined.
    pub alerts: Vec<AlertFact>,
    /// How many there are in all.
    pub n_alerts: u64,
    /// How many of them would have opened incidents of their own, had an inhibition not kept them quiet.
    pub n_inhibited: u64,
    /// The greatest severity of an alert that may interrupt people.
    pub worst_alert: Severity,
    /// All subjects its alerts are about, its own first.
    #[serde(with = "wire")]
    pub subjects: Vec<Entity>,
    /// Alerts about subjects that found no place in the list.
    pub n_subjects_beyond: u64,
    pub detectors: BTreeSet<String>,
    pub evidence: Vec<Evidence>,
    /// Upper estimate of the records concerned.
    pub affected_records: u64,
    #[serde(skip)]
    affected: Affected,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// Lines that found no place in the timeline; they are in the journal.
    pub n_timeline_beyond: u64,
    pub deadlines: Vec<Deadline>,
    /// What a person recorded to have come to pass, and when; it goes before what the policy or a verdict says.
    pub moments: BTreeMap<Moment, Act>,
    /// How many people are concerned, as persons found out: by where they live, under the empty text all of them.
    pub people: BTreeMap<String, Headcount>,
    /// The people whom alerts name, by where the directory says that they live; `None`: no directory was asked.
    pub located: Option<Located>,
    /// What the law wants told, by number.
    pub drafts: Vec<Draft>,
    /// In the order they were requested.
    pub notices: Vec<NoticeRecord>,
    /// How many were requested in all.
    pub n_notices: u64,
    /// What each channel was last told.
    pub told: BTreeMap<String, Told>,
    /// How far calling people has come.
    pub escalation: Escalation,
    /// Channels that had been told of it when somebody acknowledged it. Who hears of it later (that a deadline comes
    /// near) is not to be calmed by that.
    #[serde(skip)]
    pub(crate) acknowledged_to: BTreeSet<String>,
    /// Channels that had been told of it when it was opened again.
    #[serde(skip)]
    pub(crate) reopened_to: BTreeSet<String>,
    /// Ids of all notices ever requested.
    #[serde(skip)]
    pub(crate) requested: BTreeSet<NoticeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Acknowledged,
    Contained,
    Closed,
}

/// A person's finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[default]
    Undecided,
    Breach,
    NotABreach,
}

/// Since when we are aware, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Awareness {
    #[serde(with = "wire")]
    pub at: Timestamp,
    /// A person, or `policy` (provisional until a person gives a verdict).
    pub by: String,
    pub because: String,
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    #[serde(with = "wire")]
    pub at: Timestamp,
    pub by: String,
    pub because: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    #[serde(with = "wire")]
    pub at: Timestamp,
    /// The decision's kind.
    pub kind: String,
    pub what: String,
    pub by: String,
}

/// A notice and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoticeRecord {
    pub notice: Notice,
    /// What of the incident it tells.
    pub step: String,
    pub because: String,
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    #[serde(with = "wire")]
    pub accepted_at: Option<Timestamp>,
    #[serde(with = "wire")]
    pub confirmed_at: Option<Timestamp>,
    /// When the next attempt follows, while retrying.
    #[serde(with = "wire")]
    pub next_attempt_at: Option<Timestamp>,
    /// The service's own words, first first; at most [`limits::RECEIPTS_KEPT`].
    pub receipts: Vec<String>,
    /// Why the last attempt failed, or who stopped it.
    pub problem: Option<String>,
    /// The notice it stands in for.
    #[serde(with = "wire")]
    pub fallback_of: Option<NoticeId>,
    pub may_stop: Vec<String>,
    /// It failed for good, and so did whatever could stand in for it.
    pub undeliverable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Requested,
    Retrying,
    Accepted,
    Confirmed,
    Rejected,
    Expired,
    /// A person stopped it while it was held.
    Stopped,
}

/// The incident as a channel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    pub severity: Severity,
    #[serde(with = "wire")]
    pub data_classes: DataClasses,
}

impl Incident {
    pub(crate) fn open(id: IncidentId, at: Timestamp, because: &str, opening: &Opening) -> Self {
        let seen_at = opening.alert.as_ref().map_or(at, |alert| alert.raised_at);
        let mut incident = Incident {
            id,
            subject: opening.subject.clone(),
            mode: opening.mode,
            state: IncidentState::Open,
            verdict: Verdict::Undecided,
            verdict_at: None,
            severity: opening.severity,
            data_classes: opening.data_classes,
            opened_at: at,
            suspected_at: at,
            opened_because: because.to_owned(),
            follows: opening.follows,
            first_seen_at: seen_at,
            last_seen_at: seen_at,
            aware: None,
            acknowledged: None,
            contained: None,
            closed: None,
            reopened: None,
            n_reopened: 0,
            owner: None,
            tasks: Vec::new(),
            merged_into: None,
            merged: Vec::new(),
            split_from: None,
            split_into: Vec::new(),
            alerts: Vec::new(),
            n_alerts: 0,
            n_inhibited: 0,
            worst_alert: opening.severity,
            subjects: vec![opening.subject.clone()],
            n_subjects_beyond: 0,
            detectors: BTreeSet::new(),
            evidence: Vec::new(),
            affected_records: 0,
            affected: Affected::default(),
            timeline: Vec::new(),
            n_timeline_beyond: 0,
            deadlines: Vec::new(),
            moments: BTreeMap::new(),
            people: BTreeMap::new(),
            located: None,
            drafts: Vec::new(),
            notices: Vec::new(),
            n_notices: 0,
            told: BTreeMap::new(),
            escalation: Escalation::default(),
            acknowledged_to: BTreeSet::new(),
            reopened_to: BTreeSet::new(),
            requested: BTreeSet::new(),
        };
        if let Some(alert) = &opening.alert {
            incident.join(alert, false);
        }
        incident.at_least(opening.people);
        incident
    }

    /// A system says how many people are concerned: what bounds them from above, as only a person can, stays.
    fn at_least(&mut self, people: Option<u64>) {
        if let Some(lower) = people
            && self.people.get("").is_none_or(|count| count.upper.is_none() && count.lower < lower)
            && self.has_room_for("")
        {
            self.people.insert(String::new(), Headcount { lower, upper: None });
        }
    }

    /// How many records it concerns: bounds, per table, with their reasons.
    pub fn affected(&self) -> AffectedRecords {
        self.affected.records()
    }

    /// The incident in a line, as notices have it: with names or without, as the policy says.
    pub fn title(&self, policy: &crate::Policy) -> String {
        crate::pending::title(policy, self)
    }

    pub(crate) fn affected_so_far(&self) -> &Affected {
        &self.affected
    }

    /// Takes in one decision about this incident. Total: what does not fit changes nothing but the timeline.
    pub(crate) fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::AlertGrouped { alert, .. } => self.join(alert, false),
            Decision::AlertInhibited { alert, .. } => {
                self.join(alert, true);
                self.n_inhibited += 1;
            }
            Decision::SeverityRaised { to, .. } => self.severity = self.severity.max(*to),
            Decision::AwarenessSet { aware_at, because, .. } => {
                self.aware = Some(Awareness { at: *aware_at, by: decision.by().to_owned(), because: because.clone() });
            }
            Decision::DeadlineArmed { at, deadline, .. } => {
                // Whatever the journal says: a drill's deadline obliges nobody, a real one cannot be played down.
                let deadline = Deadline { simulated: self.mode.is_drill(), ..Deadline::clone(deadline) };
                let anew = self.deadline(&deadline.obligation).is_some_and(|old| !old.is_running());
                let obligation = deadline.obligation.clone();
                match self.deadlines.iter_mut().find(|other| other.obligation == obligation) {
                    Some(other) => *other = deadline,
                    None => self.deadlines.push(deadline),
                }
                if anew {
                    self.hold_drafts_anew(Some(&obligation), *at);
                }
            }
            Decision::DeadlineWarned { obligations, percent, .. } => {
                for obligation in obligations {
                    if let Some(deadline) = self.deadline_mut(obligation) {
                        deadline.warned_percent = deadline.warned_percent.max(*percent);
                    }
                }
            }
            Decision::DeadlineSettled { at, because, obligation, how, by, told_at, .. } => {
                if let Some(deadline) = self.deadline_mut(obligation) {
                    let (at, by, how, reason) = (*at, by.clone(), *how, because.clone());
                    deadline.settled = Some(Settled { at, by, how, reason, told_at: *told_at });
                }
            }
            Decision::MomentRecorded { moment, since, .. } => {
                self.moments.insert(*moment, Act { at: *since, ..Act::of(decision) });
            }
            Decision::PeopleCounted { place, lower, upper, .. } => {
                if self.has_room_for(place) {
                    self.people.insert(place.clone(), Headcount { lower: *lower, upper: *upper });
                }
            }
            Decision::Reported { severity, people, subject, data_classes, .. } => {
                self.worst_alert = self.worst_alert.max(*severity);
                self.data_classes = self.data_classes.union(*data_classes);
                if let Some(subject) = subject {
                    self.be_about(subject);
                }
                self.at_least(*people);
            }
            Decision::PeopleLocated { located, .. } => self.located = Some(Located::clone(located)),
            Decision::DraftChanged { draft, change, .. } => drafts::apply(&mut self.drafts, *draft, change, decision),
            Decision::MailingProgressed { at, draft, version, progress, .. } => {
                let draft = self.drafts.iter_mut().find(|known| known.number == *draft);
                if let Some(mailed) = draft.and_then(|draft| draft.mailed_mut(*version)) {
                    mailed.apply(*at, progress);
                }
            }
            Decision::NoticeRequested { notice, because, step, fallback_of, may_stop } => {
                self.request(notice, because, step, fallback_of.as_ref(), may_stop);
            }
            Decision::NoticeStopped { notice, because, by, .. } => {
                if let Some(record) = self.notice_mut(notice) {
                    record.state = DeliveryState::Stopped;
                    record.problem = Some(format!("stopped by {by}: {because}"));
                }
            }
            Decision::NoticeUndeliverable { notice, .. } => {
                if let Some(record) = self.notice_mut(notice) {
                    record.undeliverable = true;
                }
            }
            Decision::DeliveryRecorded { report, .. } => {
                if let Some(record) = self.notice_mut(&report.notice) {
                    record.report(report.attempt, report.at, &report.result);
                }
                if let Some(failed) = self.document_ended(&report.notice) {
                    self.document_sent(&report.notice, report.at, failed.as_deref());
                }
            }
            Decision::Acknowledged { .. } => {
                if self.state == IncidentState::Open {
                    self.state = IncidentState::Acknowledged;
                    self.acknowledge(Act::of(decision));
                }
            }
            Decision::Contained { .. } => {
                if self.state < IncidentState::Contained {
                    self.state = IncidentState::Contained;
                    self.acknowledge(Act::of(decision));
                    self.contained = Some(Act::of(decision));
                }
            }
            Decision::VerdictSet { at, verdict, aware, .. } => {
                self.verdict = *verdict;
                self.verdict_at = Some(*at);
                self.aware = aware.clone();
            }
            Decision::Closed { .. } => {
                if self.state != IncidentState::Closed {
                    self.state = IncidentState::Closed;
                    self.closed = Some(Act::of(decision));
                }
            }
            Decision::Reopened { .. } => self.reopen(Act::of(decision)),
            Decision::OwnerSet { at, by, owner, .. } => self.set_owner(*at, by, owner.as_deref()),
            Decision::TaskAdded { at, because, by, task, owner, due_at, .. } => {
                self.add_task(Task::new(*task, because, by, *at, owner.as_deref(), *due_at));
            }
            Decision::TaskDone { task, .. } => self.end_task(*task, Some(Act::of(decision))),
            Decision::TaskReopened { task, .. } => self.end_task(*task, None),
            // These two change two incidents each, see [`crate::state::State::apply`]; what is left here is a line in the timeline.
            Decision::IncidentMerged { .. } | Decision::IncidentSplit { .. } => {}
            Decision::AcknowledgementLapsed { .. } => {
                if self.state == IncidentState::Acknowledged {
                    self.state = IncidentState::Open;
                    self.acknowledged = None;
                    self.acknowledged_to.clear();
                }
            }
            Decision::IncidentOpened { .. }
            | Decision::EscalationStepped { .. }
            | Decision::EscalationEnded { .. }
            | Decision::ContactTested { .. }
            | Decision::ContactConfirmed { .. }
            | Decision::ContactAttested { .. }
            | Decision::PersonsErased { .. }
            | Decision::ProbeRecorded { .. }
            | Decision::AlertJudged { .. }
            | Decision::Noted { .. }
            | Decision::CommandRefused { .. }
            | Decision::AlertRanked { .. }
            | Decision::AlertSilenced { .. }
            | Decision::DigestMade { .. }
            | Decision::SilenceProposed { .. }
            | Decision::SilenceApproved { .. }
            | Decision::SilenceEnded { .. } => {}
        }
        self.escalation.apply(decision);
        self.write_down(decision);
    }

    /// Whether sending a document has ended, and why it failed if it did; `None`: it goes on, or is no document.
    pub(crate) fn document_ended(&self, notice: &NoticeId) -> Option<Option<String>> {
        let ended = |record: &&NoticeRecord| !record.is_unsent() && record.notice.kind == NoticeKind::Draft;
        let record = self.notice(notice).filter(ended)?;
        let problem = || record.problem.clone().unwrap_or_else(|| "no reason given".to_owned());
        Some((!record.is_delivered()).then(problem))
    }

    fn acknowledge(&mut self, act: Act) {
        if self.acknowledged.is_none() {
            self.acknowledged = Some(act);
            self.acknowledged_to = self.told.keys().cloned().collect();
        }
    }

    fn be_about(&mut self, subject: &Entity) {
        if self.subjects.contains(subject) {
            return;
        }
        if self.subjects.len() < limits::SUBJECTS_KEPT {
            self.subjects.push(subject.clone());
        } else {
            self.n_subjects_beyond += 1;
        }
    }

    fn join(&mut self, alert: &AlertFact, inhibited: bool) {
        self.first_seen_at = if self.n_alerts == 0 { alert.raised_at } else { self.first_seen_at.min(alert.raised_at) };
        self.last_seen_at = if self.n_alerts == 0 { alert.raised_at } else { self.last_seen_at.max(alert.raised_at) };
        self.n_alerts += 1;
        self.be_about(&alert.subject);
        for evidence in &alert.evidence {
            if self.evidence.len() < limits::EVIDENCE_KEPT && !self.evidence.contains(evidence) {
                self.evidence.push(evidence.clone());
            }
        }
        if alert.page {
            self.worst_alert = self.worst_alert.max(alert.severity);
            self.data_classes = self.data_classes.union(alert.data_classes);
            if self.detectors.len() < limits::DETECTORS_KEPT {
                self.detectors.insert(alert.detector.clone());
            }
            self.affected.add(alert);
            self.affected_records = self.affected.total();
        }
        if self.alerts.len() < limits::ALERTS_KEPT {
            // Merged already: nothing else asks for the records an alert names.
            let mut kept = AlertFact { named: None, inhibited, ..alert.clone() };
            if limits::FIGURED_ALERTS_KEPT <= self.alerts.len() {
                kept.figures = Vec::new();
            }
            self.alerts.push(kept);
        }
    }

    fn request(
        &mut self,
        notice: &Notice,
        because: &str,
        step: &str,
        fallback_of: Option<&NoticeId>,
        may_stop: &[String],
    ) {
        if !self.requested.insert(notice.id.clone()) {
            return;
        }
        // One person's address is not the channel: whom that tells has not heard of it. An authority is told its document, and not
        // how the incident goes on.
        if notice.recipient.is_none() && notice.kind != NoticeKind::Draft {
            let told = Told { severity: notice.severity, data_classes: notice.data_classes };
            self.told.insert(notice.channel.clone(), told);
        }
        self.n_notices += 1;
        if self.notices.len() >= limits::NOTICES_KEPT
            && let Some(ended) = self.notices.iter().position(NoticeRecord::is_delivered)
        {
            self.notices.remove(ended);
        }
        self.notices.push(NoticeRecord::requested(notice, because, step, fallback_of, may_stop));
    }

    fn write_down(&mut self, decision: &Decision) {
        let dull = match decision {
            Decision::AlertGrouped { .. } | Decision::AlertInhibited { .. } => {
                self.n_alerts > limits::ALERTS_KEPT as u64
            }
            // With every alert there may be one; the page has the last.
            Decision::PeopleLocated { .. } => self.timeline.iter().any(|line| line.kind == decision.kind()),
            Decision::DeliveryRecorded { report, .. } => matches!(report.result, DeliveryResult::Retrying { .. }),
            // Hundreds, of which the draft's page has the sum.
            Decision::MailingProgressed { progress, .. } => !progress.is_milestone(),
            _ => false,
        };
        if dull {
            self.n_timeline_beyond += 1;
            return;
        }
        if self.timeline.len() >= limits::TIMELINE_KEPT {
            self.timeline.remove(limits::TIMELINE_FIRST);
            self.n_timeline_beyond += 1;
        }
        self.timeline.push(TimelineEntry {
            at: decision.at(),
            kind: decision.kind().to_owned(),
            what: printable_within(&decision.in_words(), 2 * limits::TEXT_MAX),
            by: decision.by().to_owned(),
        });
    }

    pub fn is_open(&self) -> bool {
        self.state != IncidentState::Closed
    }

    pub fn deadline(&self, obligation: &str) -> Option<&Deadline> {
        self.deadlines.iter().find(|deadline| deadline.obligation == obligation)
    }

    fn deadline_mut(&mut self, obligation: &str) -> Option<&mut Deadline> {
        self.deadlines.iter_mut().find(|deadline| deadline.obligation == obligation)
    }

    pub fn notice(&self, id: &NoticeId) -> Option<&NoticeRecord> {
        self.notices.iter().find(|record| record.notice.id == *id)
    }

    fn notice_mut(&mut self, id: &NoticeId) -> Option<&mut NoticeRecord> {
        self.notices.iter_mut().find(|record| record.notice.id == *id)
    }

    /// Deadlines that run and oblige somebody, soonest first; those without a figure last.
    pub fn running_deadlines(&self) -> Vec<&Deadline> {
        let mut running: Vec<_> = self.deadlines.iter().filter(|deadline| deadline.is_real()).collect();
        running.sort_by_key(|deadline| (deadline.due_at.is_none(), deadline.due_at));
        running
    }

    /// Some notice is on its way, or failed without being known as undeliverable.
    pub(crate) fn awaits_delivery(&self) -> bool {
        self.notices.iter().any(|record| record.is_unsent() || (record.has_failed() && !record.undeliverable))
    }

    /// What starts time limits, and when it came to pass: as persons recorded it, else by the verdict and the policy.
    ///
    /// Whoever is aware of a breach has discovered it; whoever calls it one has determined and confirmed it, and is held to
    /// the time since which they were aware. That is the strictest reading; a person who knows better records it.
    pub fn moments(&self) -> BTreeMap<Moment, Timestamp> {
        if self.verdict == Verdict::NotABreach {
            return BTreeMap::new();
        }
        let mut moments = BTreeMap::from([(Moment::Suspicion, self.suspected_at)]);
        let recorded = self.moments.get(&Moment::Awareness).map(|act| act.at);
        if let Some(aware) = recorded.or(self.aware.as_ref().map(|aware| aware.at)) {
            moments.extend([Moment::Awareness, Moment::Discovery].map(|moment| (moment, aware)));
            if self.verdict == Verdict::Breach {
                moments.extend([Moment::Determination, Moment::Confirmation].map(|moment| (moment, aware)));
            }
        }
        moments.extend(self.moments.iter().map(|(moment, act)| (*moment, act.at)));
        moments
    }

    /// When the recipients of obligations were told, by the obligation's id.
    pub fn told_of_obligations(&self) -> BTreeMap<String, Timestamp> {
        let told =
            self.deadlines.iter().filter_map(|deadline| Some((deadline.obligation.clone(), deadline.told_at()?)));
        told.collect()
    }

    /// Number of the draft that is made next.
    pub(crate) fn next_draft(&self) -> u32 {
        self.drafts.iter().map(|draft| draft.number).max().unwrap_or(0) + 1
    }

    /// Whether a person's count for this place can be kept.
    pub(crate) fn has_room_for(&self, place: &str) -> bool {
        self.people.contains_key(place) || self.people.len() < limits::PLACES_MAX
    }

    /// A deadline may run again: it was withdrawn, not met.
    pub(crate) fn may_rearm(deadline: &Deadline) -> bool {
        deadline.settled.as_ref().is_none_or(|settled| settled.how == Settlement::Withdrawn)
    }
}

impl Act {
    pub(crate) fn of(decision: &Decision) -> Self {
        Act { at: decision.at(), by: decision.by().to_owned(), because: decision.because().to_owned() }
    }
}

impl NoticeRecord {
    pub(crate) fn requested(
        notice: &Notice,
        because: &str,
        step: &str,
        fallback_of: Option<&NoticeId>,
        may_stop: &[String],
    ) -> Self {
        NoticeRecord {
            notice: notice.clone(),
            step: step.to_owned(),
            because: because.to_owned(),
            state: DeliveryState::Requested,
            attempts: 0,
            accepted_at: None,
            confirmed_at: None,
            next_attempt_at: None,
            receipts: Vec::new(),
            problem: None,
            fallback_of: fallback_of.cloned(),
            may_stop: may_stop.to_vec(),
            undeliverable: false,
        }
    }

    /// Sending goes on, or has not begun.
    pub fn is_unsent(&self) -> bool {
        matches!(self.state, DeliveryState::Requested | DeliveryState::Retrying)
    }

    /// The service took it.
    pub fn is_delivered(&self) -> bool {
        matches!(self.state, DeliveryState::Accepted | DeliveryState::Confirmed)
    }

    /// Trying ended in vain.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, DeliveryState::Rejected | DeliveryState::Expired)
    }

    /// Reports may come twice or in another order: what was once delivered stays delivered.
    pub(crate) fn report(&mut self, attempt: u32, at: Timestamp, result: &DeliveryResult) {
        self.attempts = self.attempts.max(attempt);
        self.next_attempt_at = None;
        match result {
            DeliveryResult::Accepted { receipt } => {
                self.keep_receipt(receipt);
                self.accepted_at.get_or_insert(at);
                if self.state != DeliveryState::Confirmed {
                    self.state = DeliveryState::Accepted;
                }
            }
            DeliveryResult::Confirmed { receipt } => {
                self.keep_receipt(receipt);
                self.confirmed_at.get_or_insert(at);
                self.state = DeliveryState::Confirmed;
            }
            DeliveryResult::Retrying { reason, next_at } if self.is_unsent() => {
                self.state = DeliveryState::Retrying;
                self.next_attempt_at = Some(*next_at);
                self.problem = Some(printable_within(reason, limits::TEXT_MAX));
            }
            DeliveryResult::Rejected { reason } if self.is_unsent() => {
                self.state = DeliveryState::Rejected;
                self.problem = Some(printable_within(reason, limits::TEXT_MAX));
            }
            DeliveryResult::Expired { reason } if self.is_unsent() => {
                self.state = DeliveryState::Expired;
                self.problem = Some(printable_within(reason, limits::TEXT_MAX));
            }
            DeliveryResult::Retrying { .. } | DeliveryResult::Rejected { .. } | DeliveryResult::Expired { .. } => {}
        }
    }

    fn keep_receipt(&mut self, receipt: &str) {
        let receipt = printable_within(receipt, limits::NAME_MAX);
        if self.receipts.len() < limits::RECEIPTS_KEPT && !self.receipts.contains(&receipt) {
            self.receipts.push(receipt);
        }
    }
}

impl IncidentState {
    pub const ALL: [IncidentState; 4] =
        [IncidentState::Open, IncidentState::Acknowledged, IncidentState::Contained, IncidentState::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Contained => "contained",
            IncidentState::Closed => "closed",
        }
    }
}

impl Verdict {
    pub const ALL: [Verdict; 3] = [Verdict::Undecided, Verdict::Breach, Verdict::NotABreach];

    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Undecided => "undecided",
            Verdict::Breach => "breach",
            Verdict::NotABreach => "not_a_breach",
        }
    }
}

impl DeliveryState {
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Requested => "requested",
            DeliveryState::Retrying => "retrying",
            DeliveryState::Accepted => "accepted",
            DeliveryState::Confirmed => "confirmed",
            DeliveryState::Rejected => "rejected",
            DeliveryState::Expired => "expired",
            DeliveryState::Stopped => "stopped",
        }
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
