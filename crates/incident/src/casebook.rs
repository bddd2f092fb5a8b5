//! The casebook: alerts, commands, reports and the time come in, decisions go out.
//!
//! ```text
//! decide: &Casebook × input → decisions      (changes nothing)
//! journal the decisions                      (the caller, together with the positions read)
//! apply:  &mut Casebook × decision           (the only way to change)
//! ```
//!
//! After a crash the journal is applied to an empty casebook, and then [`Casebook::tick`] finds what is missing, even if
//! the journal ends in the middle of what one input led to.

use crate::{
    Action, AlertFact, Command, ContactRecord, Counts, Decision, DeliveryReport, Incident, IncidentId, Notice,
    NoticeId, NoticeRecord, Opening, Policy, ProbeRecord, Refusal, Silence, commands,
    daily::LEFT_TO_THE_DIGEST,
    decision::POLICY,
    escalation::{lapse_at, step_at},
    grouping, inhibit, limits,
    pending::{escalation_at, fallback_at, pending},
    rejoin, reported, reviews,
    state::State,
};
use activity::{Entity, EntityKind, Mode, Timestamp, printable_within};
use detector::{Alert, AlertId};
use oncall::Review;
use std::{cmp::Reverse, sync::Arc};

/// All incidents, and how to decide about them.
#[derive(Clone, Debug)]
pub struct Casebook {
    policy: Arc<Policy>,
    state: State,
}

impl Casebook {
    pub fn new(policy: Arc<Policy>) -> Self {
        Casebook { policy, state: State::new() }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Another policy from now on. What was decided stays; call [`tick`](Self::tick) for what it now lacks.
    pub fn set_policy(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
    }

    /// What an alert leads to; nothing, if it is known already.
    pub fn alert(&self, now: Timestamp, alert: &Alert) -> Vec<Decision> {
        if self.state.alerts_seen.contains(&alert.id) {
            return Vec::new();
        }
        let mode = alert.mode;
        let fact = Box::new(AlertFact::from(alert));
        let silence = self.silences().find(|silence| silence.is_in_force(now) && silence.covers(&fact));
        if let Some(silence) = silence.filter(|_| !mode.is_drill()) {
            let because = format!("silence {} until {}: {}", silence.id, silence.until, silence.reason);
            return vec![Decision::AlertSilenced { at: now, because, silence: silence.id, alert: fact }];
        }
        if let Some((incident, because)) = grouping::home(&self.state, mode, &fact) {
            return self.with_consequences(now, Decision::AlertGrouped { at: now, because, incident, alert: fact });
        }
        if !fact.page {
            let because = alert.suppressed_by.as_ref().map_or_else(
                || LEFT_TO_THE_DIGEST.to_owned(),
                |by| {
                    let (owner, reason) = (text_of(&by.owner), text_of(&by.reason));
                    format!("an exception holds until {}, for which {owner} answers: {reason}", by.until)
                },
            );
            return vec![Decision::AlertRanked { at: now, because, mode, alert: fact }];
        }
        if let Some((incident, because)) = inhibit::inhibits(&self.policy, self.incidents(), now, mode, &fact) {
            return self.with_consequences(now, Decision::AlertInhibited { at: now, because, incident, alert: fact });
        }
        let (subject, because) = if self.state.is_storm(now, fact.severity) {
            let all = Entity::new(EntityKind::Fleet, "all");
            let because = "more incidents are being opened than people can look at one by one".to_owned();
            if let Some(incident) = grouping::open_incident_of(&self.state, mode, &all, &fact) {
                return self.with_consequences(now, Decision::AlertGrouped { at: now, because, incident, alert: fact });
            }
            (all, because)
        } else {
            (fact.subject.clone(), fact.why.clone())
        };
        let opening = Box::new(Opening {
            follows: grouping::closed_before(&self.state, mode, &subject),
            subject,
            mode,
            severity: fact.severity,
            data_classes: fact.data_classes,
            alert: Some(*fact),
            by: POLICY.into(),
            people: None,
            command: None,
        });
        self.with_consequences(now, Decision::IncidentOpened { at: now, because, incident: self.next_id(), opening })
    }

    /// What a command leads to; nothing, if it has been carried out already.
    pub fn command(&self, now: Timestamp, command: &Command) -> Result<Vec<Decision>, Refusal> {
        if self.state.commands_seen.contains(&command.id) {
            return Ok(Vec::new());
        }
        if let Some(decided) = reviews::decide(&self.policy, &self.state.reviews, now, command) {
            return decided;
        }
        let reported = reported::decide(&self.state, now, command);
        let decision = reported.unwrap_or_else(|| commands::decide(self, now, command))?;
        Ok(self.with_consequences(now, decision))
    }

    /// What time has made necessary: escalations, warnings of deadlines, the end of silences; and whatever else is
    /// missing, after a crash or a change of policy.
    pub fn tick(&self, now: Timestamp) -> Vec<Decision> {
        let over = self.silences().filter(|silence| silence.until <= now).map(|silence| Decision::SilenceEnded {
            at: now,
            because: format!("its time is over; {} alerts fell under it", silence.n_alerts),
            silence: silence.id,
            by: POLICY.into(),
            command: None,
        });
        let missing = self.looked_after(now).flat_map(|incident| pending(&self.policy, incident, now));
        over.chain(missing).chain(self.state.reviews.failed(now)).collect()
    }

    /// What a report leads to. Every report is recorded.
    pub fn delivery(&self, report: &DeliveryReport) -> Vec<Decision> {
        let incident = self.state.owner(report);
        let decision = Decision::DeliveryRecorded { incident, report: report.clone() };
        if self.state.daily.notice(&report.notice).is_some() {
            let mut draft = self.state.daily.clone();
            draft.apply(&decision);
            return std::iter::once(decision).chain(draft.failed(report.at)).collect();
        }
        if let Some(decisions) = self.state.reviews.delivery(report) {
            return decisions;
        }
        self.with_consequences(report.at, decision)
    }

    /// The daily digest, if it is due and was not made. Apart from [`tick`](Self::tick): ask when every alert that is there has been
    /// taken in, or those that are still to be read wait for the next day's.
    pub fn daily(&self, now: Timestamp) -> Vec<Decision> {
        let troubles: Vec<String> = self.overdue(now).into_iter().chain(self.state.probes.trouble(now)).collect();
        self.state.daily.pending(&self.policy, &troubles, now)
    }

    /// The only way to change.
    pub fn apply(&mut self, decision: &Decision) {
        self.state.apply(decision);
    }

    /// A decision, and what its incident lacks when it has been applied.
    fn with_consequences(&self, now: Timestamp, decision: Decision) -> Vec<Decision> {
        let drafts: Vec<Incident> = match &decision {
            Decision::IncidentOpened { at, because, incident, opening } => {
                vec![Incident::open(*incident, *at, because, opening)]
            }
            Decision::IncidentMerged { .. } | Decision::IncidentSplit { .. } => {
                rejoin::after(&self.state, &decision).map_or_else(Vec::new, Vec::from)
            }
            other => {
                let mut draft = other.incident().and_then(|id| self.incident(id)).cloned();
                draft.iter_mut().for_each(|draft| draft.apply(other));
                draft.into_iter().collect()
            }
        };
        let missing = drafts.iter().flat_map(|draft| pending(&self.policy, draft, now));
        std::iter::once(decision).chain(missing.collect::<Vec<_>>()).collect()
    }

    /// In the order of their opening.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.state.incidents.values()
    }

    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.state.incidents.get(&id)
    }

    /// Notices that were requested and whose sending has not ended: to be handed to the dispatcher after a start.
    pub fn unsent(&self) -> impl Iterator<Item = &Notice> {
        self.records().filter(|record| record.is_unsent()).map(|record| &record.notice)
    }

    /// Notices that have not got out: those still to be sent, and those that nobody could be told.
    pub fn outbox(&self) -> impl Iterator<Item = &NoticeRecord> {
        self.records().filter(|record| record.is_unsent() || record.undeliverable)
    }

    fn records(&self) -> impl Iterator<Item = &NoticeRecord> {
        let of_incidents = self.incidents().flat_map(|incident| &incident.notices);
        of_incidents.chain(self.digests()).chain(&self.state.reviews.notices)
    }

    /// Notices of the last daily digests, oldest first.
    pub fn digests(&self) -> impl Iterator<Item = &NoticeRecord> {
        self.state.daily.notices.iter()
    }

    /// When [`tick`](Self::tick) has to be called next, if nothing else happens before. In the past: at once.
    pub fn next_due(&self) -> Option<Timestamp> {
        let of_incidents = self.incidents().filter(|incident| incident.is_open()).flat_map(|incident| {
            let escalation = escalation_at(&self.policy, incident);
            let calls = [step_at(&self.policy, incident), lapse_at(&self.policy, incident)];
            let deadlines = incident.deadlines.iter().filter_map(|deadline| deadline.next_step_at());
            let drafts = incident.drafts.iter().filter_map(|draft| incident.draft_goes_at(draft));
            deadlines.chain(escalation).chain(calls.into_iter().flatten()).chain(drafts)
        });
        // What is closed may still have to be told.
        let fallbacks = self.incidents().filter_map(|incident| fallback_at(&self.policy, incident));
        of_incidents.chain(fallbacks).chain(self.silences().map(|silence| silence.until)).min()
    }

    /// The first incident that is not closed and concerns this person: as a subject, or as what one of its alerts was about.
    pub fn concerned_by(&self, person: &activity::Entity) -> Option<IncidentId> {
        let is_person = |entity: &activity::Entity| {
            entity == person || entity.id.rsplit_once('|').is_some_and(|(user, _)| *user == *person.id)
        };
        let concerns = |incident: &&Incident| {
            let of_alerts = incident.alerts.iter().flat_map(|alert| [&alert.subject, &alert.entity]);
            incident.is_open() && incident.subjects.iter().chain([&incident.subject]).chain(of_alerts).any(is_person)
        };
        self.incidents().filter(concerns).map(|incident| incident.id).min()
    }

    /// A notice and what became of it; `None`: unknown, or delivered long ago and left to the journal.
    pub fn notice(&self, id: &NoticeId) -> Option<&NoticeRecord> {
        let of_incident = self.state.by_notice.get(id).and_then(|incident| self.incident(*incident)?.notice(id));
        of_incident.or_else(|| self.state.daily.notice(id)).or_else(|| self.state.reviews.notice(id))
    }

    /// What the journal says of a contact; `None`: nothing.
    pub fn contact(&self, name: &str) -> Option<&ContactRecord> {
        self.state.reviews.get(name)
    }

    /// The last trial of a channel or an integration.
    pub fn probe(&self, name: &str) -> Option<&ProbeRecord> {
        self.state.probes.get(name)
    }

    /// The last trial of each channel and integration, by its name.
    pub fn probes(&self) -> impl Iterator<Item = (&str, &ProbeRecord)> {
        self.state.probes.iter()
    }

    /// How the review of every contact in the policy's file stands, by its name.
    pub fn reviews(&self) -> Vec<Review<'_>> {
        self.policy.contacts().map_or_else(Vec::new, |contacts| self.state.reviews.reviews(contacts))
    }

    /// What the digest says of contacts that nobody has answered for in time.
    fn overdue(&self, now: Timestamp) -> Vec<String> {
        let reviews = self.reviews();
        let names: Vec<&str> =
            reviews.iter().filter(|review| review.is_overdue(now)).map(|review| review.contact.name.as_str()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let told = names.iter().take(limits::OVERDUE_TOLD).copied().collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(limits::OVERDUE_TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        vec![format!("contacts overdue for review: {told}{more}; `breachd contacts list` says since when")]
    }

    /// Silences in force or proposed.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.state.silences.values()
    }

    /// Alerts that interrupted nobody in the last day, worst first, each with the wall time of its ranking and its mode.
    pub fn digest(&self) -> impl Iterator<Item = (Timestamp, Mode, &AlertFact)> {
        self.state.ranked.iter().map(|(at, mode, alert)| (*at, *mode, alert))
    }

    pub fn counts(&self) -> Counts {
        self.state.counts
    }

    /// Open incidents, those closed a short while ago, and those with a notice of which more may be heard.
    fn looked_after(&self, now: Timestamp) -> impl Iterator<Item = &Incident> {
        self.incidents().filter(move |incident| match &incident.closed {
            None => true,
            Some(closed) => now - closed.at <= limits::AFTER_CLOSING || incident.awaits_delivery(),
        })
    }

    /// The incident that keeps this alert: where it goes on, if its incident was merged into another one.
    pub(crate) fn incident_of(&self, alert: AlertId) -> Option<IncidentId> {
        let keeps = |incident: &&Incident| incident.alerts.iter().any(|fact| fact.id == alert);
        let found = self.incidents().filter(keeps).min_by_key(|incident| (incident.merged_into.is_some(), incident.id));
        found.map(|incident| incident.id)
    }

    /// What people should look at first: open before closed, live before drills, the gravest first, then the newest.
    pub fn by_urgency(&self) -> Vec<&Incident> {
        let mut incidents: Vec<&Incident> = self.incidents().collect();
        incidents.sort_by_key(|incident| {
            (!incident.is_open(), incident.mode.is_drill(), Reverse(incident.severity), Reverse(incident.id))
        });
        incidents
    }

    pub(crate) fn next_id(&self) -> IncidentId {
        IncidentId(self.state.last_id + 1)
    }

    pub(crate) fn next_silence(&self) -> u64 {
        self.state.last_silence + 1
    }

    /// The incident a person's declaration follows on.
    pub(crate) fn closed_before(&self, action: &Action) -> Option<IncidentId> {
        match action {
            Action::Declare { subject, .. } => grouping::closed_before(&self.state, activity::Mode::Live, subject),
            _ => None,
        }
    }
}

fn text_of(written: &str) -> String {
    printable_within(written, limits::NAME_MAX)
}

/// Equal histories: the policy does not count.
impl PartialEq for Casebook {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}
