//! What an incident still lacks: by its own state, the policy and the time, and by nothing else.
//!
//! Not "what follows from this event" but "what is missing now". So it does not matter whether an alert, a command, a
//! report, the clock or a changed policy brought the incident into this state, nor whether the process died after half
//! of the decisions had reached the journal: whoever looks next finds the rest missing.
//!
//! Invariant: applying what is returned makes it not missing any more.

mod drafts;

use crate::{
    AffectedRecords, Deadline, DeadlineFact, Decision, Figure, FiguresShown, Incident, IncidentState, Notice,
    NoticeAffected, NoticeFigure, NoticeId, NoticeKind, NoticePlace, NoticeRecord, Policy, Recipient, Settlement, Told,
    Verdict, escalation, limits,
    located::located,
    policy::{Route, names},
    revised::{self, notices_of_revisions},
    unnamed,
};
use activity::{Span, Timestamp, printable_within};
use law::{Case, Holds};
use sha2::{Digest, Sha256};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Version of what a notice says of a step. A new version makes new ids: raise it only if a step must be told again.
const CONTENT_VERSION: u32 = 1;

/// From this part of the time on, those who hear of unacknowledged incidents hear of a deadline too.
const LATE_PERCENT: u8 = 90;

/// Everything that is missing, in the order in which it has to be journaled.
pub(crate) fn pending(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut draft = Cow::Borrowed(incident);
    let mut all = Vec::new();
    // In the order in which one makes the next one necessary, so that one pass settles it.
    let kinds = [
        severity,
        located,
        awareness,
        deadlines,
        drafts::drafts,
        drafts::releases,
        escalation::lapse,
        notices_of_what_it_is,
        notices_of_revisions,
        notices_of_deadlines,
        fallbacks,
        escalation::steps,
        notices_of_its_end,
    ];
    for missing in kinds {
        let decisions = missing(policy, &draft, now);
        for decision in &decisions {
            draft.to_mut().apply(decision);
        }
        all.extend(decisions);
    }
    all
}

fn severity(_: &Policy, incident: &Incident, at: Timestamp) -> Vec<Decision> {
    if incident.worst_alert <= incident.severity || !incident.is_open() {
        return Vec::new();
    }
    let (from, to) = (incident.severity, incident.worst_alert);
    let what = if incident.merged.is_empty() { "an alert" } else { "an alert or an incident" };
    let because = format!("{what} of severity {} joined", to.as_str());
    vec![Decision::SeverityRaised { at, because, incident: incident.id, from, to }]
}

fn awareness(policy: &Policy, incident: &Incident, at: Timestamp) -> Vec<Decision> {
    if incident.aware.is_some() || incident.verdict != Verdict::Undecided || !incident.is_open() {
        return Vec::new();
    }
    let Some(because) = policy.awareness(incident) else { return Vec::new() };
    vec![Decision::AwarenessSet { at, because, incident: incident.id, aware_at: incident.suspected_at }]
}

fn deadlines(policy: &Policy, incident: &Incident, at: Timestamp) -> Vec<Decision> {
    let mut decisions = Vec::new();
    if !incident.is_open() {
        return decisions;
    }
    if incident.verdict == Verdict::NotABreach {
        let because = "the verdict is `not_a_breach`";
        let running = incident.deadlines.iter().filter(|deadline| deadline.is_running());
        return running.map(|deadline| withdrawal(incident, &deadline.obligation, because.into(), at)).collect();
    }
    let (moments, sent) = (incident.moments(), incident.told_of_obligations());
    // Most policies do not ask for it.
    let people = if policy.counts_people() { incident.people_concerned() } else { law::People::unknown() };
    let armed_anyway = &policy.settings().jurisdictions.arm_unverified;
    let classes = incident.data_classes;
    let case = Case { classes, moments: &moments, sent: &sent, people: &people, armed_anyway };
    for standing in policy.law().standings(&case) {
        let obligation = standing.obligation;
        let old = incident.deadline(&obligation.id);
        let withdrawn = match &standing.holds {
            Holds::Running(running) => {
                let target = policy.target(&obligation.id);
                let edition = policy.law().edition();
                let mut deadline = Deadline::start(&standing, running, target, incident.mode.is_drill(), edition);
                let is_missing = old
                    .is_none_or(|old| Incident::may_rearm(old) && (!old.is_running() || !old.says_the_same(&deadline)));
                if is_missing {
                    // Who was warned of this very limit is not warned again.
                    let same = old.filter(|old| (old.starts_at, old.limit()) == (deadline.starts_at, deadline.limit()));
                    deadline.warned_percent = same.filter(|old| old.is_running()).map_or(0, |old| old.warned_percent);
                    deadline.revised = revised::revised(old, &deadline);
                    let because = match revised::in_words(&deadline) {
                        Some(change) => format!("{change}; {}", running.reckoning),
                        None => running.reckoning.clone(),
                    };
                    decisions.push(Decision::DeadlineArmed {
                        at,
                        because,
                        incident: incident.id,
                        deadline: Box::new(deadline),
                    });
                }
                None
            }
            // A file that was changed, or a verdict taken back to `undecided`, does not stop what runs.
            Holds::Unarmed(_) | Holds::Waiting(_) => None,
            Holds::Inapplicable(because) => Some(because.clone()),
        };
        if let Some(because) = withdrawn.filter(|_| old.is_some_and(Deadline::is_running)) {
            let by_another = old.and_then(|old| old.law.as_ref()).filter(|law| *law != policy.law().edition());
            let because = match by_another {
                Some(law) => {
                    format!("{because}; the file of obligations is {}, and was {law}", policy.law().edition())
                }
                None => because,
            };
            decisions.push(withdrawal(incident, &obligation.id, because, at));
        }
    }
    decisions
}

fn withdrawal(incident: &Incident, obligation: &str, because: String, at: Timestamp) -> Decision {
    Decision::DeadlineSettled {
        at,
        because,
        incident: incident.id,
        obligation: obligation.to_owned(),
        how: Settlement::Withdrawn,
        by: crate::decision::POLICY.into(),
        told_at: None,
        command: None,
    }
}

/// That there is an incident, that it grew worse, that nobody looks after it.
fn notices_of_what_it_is(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    if !incident.is_open() {
        return wanted.decisions;
    }
    let current = Told { severity: incident.severity, data_classes: incident.data_classes };
    let routes = policy.routes(incident);
    for (channel, route) in &routes {
        if !incident.told.contains_key(channel) {
            wanted.notice(NoticeKind::Opened, "opened", channel, Some(route), &route.because, title(policy, incident));
        }
    }
    if let Some(reopened) = &incident.reopened {
        let because = format!("opened again by {}: {}", reopened.by, reopened.because);
        for channel in &incident.reopened_to {
            let title = format!("Open again: {}", title(policy, incident));
            wanted.notice(
                NoticeKind::Opened,
                &incident.step("reopened"),
                channel,
                routes.get(channel),
                &because,
                title,
            );
        }
    }
    for (channel, told) in &incident.told {
        if told.severity < current.severity || told.data_classes.union(current.data_classes) != told.data_classes {
            let step = format!("changed:{}:{}", current.severity.as_str(), names(current.data_classes));
            let because = format!(
                "was told severity {} and data of class {}; now severity {} and data of class {}",
                told.severity.as_str(),
                names(told.data_classes),
                current.severity.as_str(),
                names(current.data_classes)
            );
            wanted.notice(
                NoticeKind::Escalated,
                &step,
                channel,
                routes.get(channel),
                &because,
                title(policy, incident),
            );
        }
    }
    if escalation_at(policy, incident).is_some_and(|at| at <= now) {
        let (because, title) = match incident.escalation.lapsed_at {
            None => {
                let after = policy.settings().escalation.after;
                let title = format!("Not acknowledged for {after}: {}", title(policy, incident));
                (format!("nobody has acknowledged it within {after}"), title)
            }
            Some(at) => {
                let title = format!("Acknowledged, and left lying: {}", title(policy, incident));
                (format!("the acknowledgement lapsed at {at}"), title)
            }
        };
        for channel in &policy.settings().escalation.channels {
            let step = escalation::unacknowledged(incident);
            wanted.notice(NoticeKind::Escalated, &step, channel, None, &because, title.clone());
        }
    }
    wanted.decisions
}

/// When the incident escalates unless somebody acknowledges it before; `None`: it does not, or has.
pub(crate) fn escalation_at(policy: &Policy, incident: &Incident) -> Option<Timestamp> {
    let settings = &policy.settings().escalation;
    let step = escalation::unacknowledged(incident);
    let told = |channel: &String| incident.requested.contains(&notice_id(incident, &step, channel));
    let waits = incident.state == IncidentState::Open && !settings.channels.iter().all(told);
    waits.then_some(escalation::begins_at(policy, incident))
}

/// Of all limits that reached the same step at once, one notice: fifty states' limits are not fifty pages. Who dies between the notices and
/// [`Decision::DeadlineWarned`], and comes back when one more limit has reached the step, tells them all once more under another id: rather twice than not.
fn notices_of_deadlines(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    if !incident.is_open() {
        return wanted.decisions;
    }
    let routes = policy.routes(incident);
    let mut steps: BTreeMap<u8, Vec<&Deadline>> = BTreeMap::new();
    for deadline in &incident.deadlines {
        if let Some(percent) = deadline.step_due(now) {
            steps.entry(percent).or_default().push(deadline);
        }
    }
    for (percent, deadlines) in steps {
        let obligations: Vec<&str> = deadlines.iter().map(|deadline| deadline.obligation.as_str()).collect();
        let because = match (warning(percent, &deadlines), incident.drafts_wait(&obligations)) {
            (warning, waits) if waits.is_empty() => warning,
            (warning, waits) => format!("{warning}; {waits}"),
        };
        let title = format!("{}: {}", capitalised(&because), title(policy, incident));
        let which = deadlines.iter().map(|deadline| {
            let limit = deadline.limit().unwrap_or(deadline.starts_at).as_millis();
            format!("{}:{}:{limit}", deadline.obligation, deadline.starts_at.as_millis())
        });
        let step = format!("deadline:{}:{percent}", which.collect::<Vec<_>>().join(","));
        let late = policy.settings().escalation.channels.iter().filter(|_| percent >= LATE_PERCENT);
        let channels: BTreeSet<_> = incident.told.keys().chain(routes.keys()).chain(late).collect();
        for channel in channels {
            let route = routes.get(channel);
            wanted.notice(NoticeKind::DeadlineWarning, &step, channel, route, &because, title.clone());
        }
        // Last: before it is journaled, the warning counts as not given.
        wanted.decisions.push(Decision::DeadlineWarned {
            at: now,
            because,
            incident: incident.id,
            obligations: deadlines.iter().map(|deadline| deadline.obligation.clone()).collect(),
            percent,
        });
    }
    wanted.decisions
}

/// What a warning of limits that reached the same step says.
fn warning(percent: u8, deadlines: &[&Deadline]) -> String {
    let first = deadlines.iter().min_by_key(|deadline| deadline.limit());
    let Some((first, limit)) = first.and_then(|first| Some((first, first.limit()?))) else {
        return String::new();
    };
    let what = if first.due_at.is_some() { "time limit" } else { "internal target" };
    let more = match deadlines.len() - 1 {
        0 => String::new(),
        more => format!(", and of {more} more"),
    };
    if percent == 100 {
        format!("the {what} of {}{more} has passed at {limit}", first.name)
    } else {
        format!("{percent} % of the {what} of {}{more} are gone; it ends at {limit}", first.name)
    }
}

/// When the fallback channels tell the step of a notice that has not left by then, tried or not; `None`: they do not, or have.
fn stand_in_at(policy: &Policy, incident: &Incident, record: &NoticeRecord) -> Option<Timestamp> {
    if !record.is_unsent() || record.fallback_of.is_some() {
        return None;
    }
    let may_leave_at = record.notice.hold_until.unwrap_or(record.notice.decided_at);
    let others = policy.settings().fallback.channels.iter().filter(|other| **other != record.notice.channel);
    let mut missing =
        others.filter(|other| !incident.requested.contains(&notice_id(incident, &record.step, other.as_str())));
    missing.next().map(|_| may_leave_at + policy.settings().fallback.after)
}

/// When the first of an incident's notices has waited for too long.
pub(crate) fn fallback_at(policy: &Policy, incident: &Incident) -> Option<Timestamp> {
    incident.notices.iter().filter_map(|record| stand_in_at(policy, incident, record)).min()
}

/// A notice that failed for good, or that has not left for long: the fallback channels tell its step, once. If it has
/// failed for good and they fail too, it is undeliverable.
fn fallbacks(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    let after = policy.settings().fallback.after;
    let late = |record: &&NoticeRecord| stand_in_at(policy, incident, record).is_some_and(|at| at <= now);
    for late in incident.notices.iter().filter(late) {
        let (channel, problem) = (&late.notice.channel, late.problem.as_deref().unwrap_or("not tried yet"));
        let because = format!("channel `{channel}` has not brought it for {after}, and is tried on: {problem}");
        for other in policy.settings().fallback.channels.iter().filter(|other| *other != channel) {
            wanted.stand_in(late, other, &because);
        }
    }
    for failed in incident.notices.iter().filter(|record| record.has_failed() && !record.undeliverable) {
        let problem = failed.problem.as_deref().unwrap_or("no reason given");
        // The channel that could not reach one contact may still reach whom it tells else.
        let is_other = |channel: &&String| **channel != failed.notice.channel || failed.notice.recipient.is_some();
        let others = policy.settings().fallback.channels.iter().filter(is_other);
        let others: Vec<_> = others.filter(|_| failed.fallback_of.is_none()).collect();
        for channel in &others {
            let because = format!("channel `{}` could not deliver: {problem}", failed.notice.channel);
            wanted.stand_in(failed, channel, &because);
        }
        let stand_ins: Vec<_> = (incident.notices.iter())
            .filter(|record| record.step == failed.step && record.notice.recipient.is_none())
            .filter(|record| others.contains(&&record.notice.channel))
            .collect();
        let all_asked =
            others.iter().all(|channel| incident.requested.contains(&notice_id(incident, &failed.step, channel)));
        if all_asked && stand_ins.iter().all(|record| record.has_failed()) {
            let because = match (&failed.fallback_of, others.len()) {
                (Some(first), _) => format!("{problem}; it stood in for notice {first}"),
                (None, 0) => format!("{problem}; no fallback channel is configured"),
                (None, _) => format!("{problem}; the fallback channels failed too"),
            };
            wanted.decisions.push(Decision::NoticeUndeliverable {
                at: now,
                because,
                incident: incident.id,
                notice: failed.notice.id.clone(),
            });
        }
    }
    wanted.decisions
}

/// That somebody looks after it, that it is over: to whoever has heard of it.
fn notices_of_its_end(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    let routes = policy.routes(incident);
    let (act, kind, channels): (_, _, Vec<_>) = match (&incident.closed, &incident.acknowledged) {
        // Once it is over, that somebody had acknowledged it before is no news.
        (Some(closed), _) => (closed, NoticeKind::Closed, incident.told.keys().collect()),
        (None, Some(acknowledged)) => {
            (acknowledged, NoticeKind::Acknowledged, incident.acknowledged_to.iter().collect())
        }
        (None, None) => return Vec::new(),
    };
    let word = match incident.merged_into {
        Some(into) => format!("merged into {into}"),
        None => kind.as_str().to_owned(),
    };
    let step = match (kind, incident.escalation.lapses) {
        (NoticeKind::Acknowledged, lapses @ 1..) => format!("{}:{lapses}", kind.as_str()),
        _ => kind.as_str().to_owned(),
    };
    let step = incident.step(&step);
    let because = format!("{word} by {} at {}", act.by, act.at);
    let title = format!("{}: {}", capitalised(&word), title(policy, incident));
    for channel in channels {
        wanted.notice(kind, &step, channel, routes.get(channel), &because, title.clone());
    }
    for ((channel, _), recipient) in &incident.escalation.called {
        wanted.call(kind, &step, channel, Some(recipient), &because, title.clone());
    }
    wanted.decisions
}

/// Collects notices, each at most once.
pub(crate) struct Wanted<'a> {
    policy: &'a Policy,
    incident: &'a Incident,
    now: Timestamp,
    asked: BTreeSet<NoticeId>,
    pub(crate) decisions: Vec<Decision>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(policy: &'a Policy, incident: &'a Incident, now: Timestamp) -> Self {
        Wanted { policy, incident, now, asked: BTreeSet::new(), decisions: Vec::new() }
    }

    pub(crate) fn notice(
        &mut self,
        kind: NoticeKind,
        step: &str,
        channel: &str,
        route: Option<&Route>,
        because: &str,
        title: String,
    ) {
        let id = notice_id(self.incident, step, channel);
        if self.incident.requested.contains(&id) || !self.asked.insert(id.clone()) {
            return;
        }
        let hold = route.map_or(Span::ZERO, |route| route.hold);
        let hold_until = (hold > Span::ZERO).then(|| self.now + hold);
        let wording = route.and_then(|route| route.wording.clone());
        let notice = self.written(id, kind, channel, hold_until, title, wording);
        self.decisions.push(Decision::NoticeRequested {
            notice: Box::new(notice),
            because: because.to_owned(),
            step: step.to_owned(),
            fallback_of: None,
            may_stop: route.filter(|_| hold > Span::ZERO).map_or_else(Vec::new, |route| route.may_stop.clone()),
        });
    }

    /// A notice for one contact, or for a channel's own recipients.
    pub(crate) fn call(
        &mut self,
        kind: NoticeKind,
        step: &str,
        channel: &str,
        recipient: Option<&Recipient>,
        because: &str,
        title: String,
    ) {
        let Some(recipient) = recipient else { return self.notice(kind, step, channel, None, because, title) };
        let id = notice_id(self.incident, step, &format!("{channel}/{}", recipient.contact));
        if self.incident.requested.contains(&id) || !self.asked.insert(id.clone()) {
            return;
        }
        let notice = self.written(id, kind, channel, None, title, None);
        self.decisions.push(Decision::NoticeRequested {
            notice: Box::new(Notice { recipient: Some(recipient.clone()), ..notice }),
            because: because.to_owned(),
            step: step.to_owned(),
            fallback_of: None,
            may_stop: Vec::new(),
        });
    }

    /// A notice of the same step over another channel.
    fn stand_in(&mut self, failed: &NoticeRecord, channel: &str, because: &str) {
        let id = notice_id(self.incident, &failed.step, channel);
        if self.incident.requested.contains(&id) || !self.asked.insert(id.clone()) {
            return;
        }
        let (kind, title, wording) = match failed.notice.kind {
            // What was meant for an authority is nothing for a pager: people hear that it has not got out.
            NoticeKind::Draft => {
                let title = format!("Not delivered over `{}`: {}", failed.notice.channel, failed.notice.title);
                // Where a title may name somebody it is left out. No sign beyond the alphabet of text messages.
                let channel = &failed.notice.channel;
                let wording = format!("A document that the law wants sent was not delivered over channel {channel}.");
                (NoticeKind::Escalated, title, Some(wording))
            }
            kind => (kind, failed.notice.title.clone(), failed.notice.wording.clone()),
        };
        let notice = self.written(id, kind, channel, None, title, wording);
        self.decisions.push(Decision::NoticeRequested {
            notice: Box::new(notice),
            because: because.to_owned(),
            step: failed.step.clone(),
            fallback_of: Some(failed.notice.id.clone()),
            may_stop: Vec::new(),
        });
    }

    fn written(
        &self,
        id: NoticeId,
        kind: NoticeKind,
        channel: &str,
        hold_until: Option<Timestamp>,
        title: String,
        wording: Option<String>,
    ) -> Notice {
        let (incident, settings) = (self.incident, &self.policy.settings().notices);
        let shown = settings.figures.unwrap_or_default();
        let reasons = unnamed::reasons(incident, shown);
        let mut told: Vec<_> = incident.deadlines.iter().filter(|deadline| deadline.is_running()).collect();
        told.sort_by_key(|deadline| (deadline.due_at.is_none(), deadline.due_at));
        Notice {
            id,
            incident: incident.id,
            kind,
            channel: channel.to_owned(),
            decided_at: self.now,
            hold_until,
            expires_at: hold_until.unwrap_or(self.now) + settings.expire_after,
            severity: incident.severity,
            subject: unnamed::subject(incident, shown),
            data_classes: incident.data_classes,
            affected_records: incident.affected_records,
            title: printable_within(&title, limits::TITLE_MAX),
            wording,
            checkpoint: None,
            reasons,
            figures: figures(incident, kind, shown),
            affected: affected(incident, kind, shown),
            digest: Vec::new(),
            document: None,
            n_alerts: incident.n_alerts,
            first_seen_at: incident.first_seen_at,
            deadlines: told.iter().take(limits::NOTICE_DEADLINES).map(|deadline| fact(deadline)).collect(),
            n_deadlines_beyond: told.len().saturating_sub(limits::NOTICE_DEADLINES) as u64,
            link: settings
                .link_base
                .as_ref()
                .map(|base| format!("{}/incidents/{}", base.trim_end_matches('/'), incident.id)),
            drill: incident.mode.drill(),
            recipient: None,
            again: incident.escalation.lapses,
        }
    }
}

fn fact(deadline: &Deadline) -> DeadlineFact {
    DeadlineFact {
        obligation: deadline.obligation.clone(),
        name: deadline.name.clone(),
        due_at: deadline.due_at,
        simulated: deadline.simulated,
        assumed: deadline.assumed.clone(),
    }
}

/// Whether anything is asked of anybody still.
const fn asks(kind: NoticeKind) -> bool {
    !matches!(
        kind,
        NoticeKind::Acknowledged
            | NoticeKind::Closed
            | NoticeKind::Digest
            | NoticeKind::ContactTest
            | NoticeKind::Draft
    )
}

/// How many records and people it concerns, as far as that may leave.
fn affected(incident: &Incident, kind: NoticeKind, shown: FiguresShown) -> Option<NoticeAffected> {
    if shown == FiguresShown::None || !asks(kind) {
        return None;
    }
    let AffectedRecords { lower, estimate, upper, people, people_reason, reason, mut tables, .. } = incident.affected();
    if upper == 0 {
        return None;
    }
    let n_tables = tables.len() as u64;
    tables.retain(|_| shown == FiguresShown::Full);
    let mut places: Vec<NoticePlace> = incident.residences().into_iter().map(NoticePlace::from).collect();
    let n_places_beyond = places.len().saturating_sub(limits::NOTICE_PLACES) as u64;
    places.truncate(limits::NOTICE_PLACES);
    let places_reason = incident.located.as_ref().map_or_else(String::new, |located| located.reason.clone());
    Some(NoticeAffected {
        lower,
        estimate,
        upper,
        reason,
        people,
        people_reason,
        places,
        n_places_beyond,
        places_reason,
        n_tables,
        tables,
    })
}

/// Of the gravest alert that pages, the first of several, if the incident keeps its figures.
fn figures(incident: &Incident, kind: NoticeKind, shown: FiguresShown) -> Vec<NoticeFigure> {
    if shown == FiguresShown::None || !asks(kind) {
        return Vec::new();
    }
    let figured = incident.alerts.iter().filter(|alert| !alert.figures.is_empty());
    let gravest = figured.rev().max_by_key(|alert| (alert.page, alert.severity));
    let words = |figure: &Figure| match (&figure.counted, shown) {
        (Some(counted), FiguresShown::Counts) => counted.clone(),
        _ => figure.words.clone(),
    };
    let told = |figure: &Figure| NoticeFigure { name: figure.name.clone(), words: words(figure) };
    gravest.map_or_else(Vec::new, |alert| alert.figures.iter().map(told).collect())
}

/// "Possible breach of hr data: portal_user u1042".
pub(crate) fn title(policy: &Policy, incident: &Incident) -> String {
    let others = incident.subjects.len() as u64 - 1 + incident.n_subjects_beyond;
    let others = if others == 0 { String::new() } else { format!(" and {others} more") };
    let subject = unnamed::subject(incident, policy.settings().notices.figures.unwrap_or_default());
    let severity = incident.severity.as_str();
    if incident.data_classes.is_empty() {
        return format!("Unusual activity ({severity}): {} {}{others}", subject.kind, subject.id);
    }
    let classes = names(incident.data_classes);
    format!("Possible breach of data of class {classes} ({severity}): {} {}{others}", subject.kind, subject.id)
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

/// SHA-256 over the length-prefixed fields: what it is, content version, incident (number, opening, mode, so that two journals' first
/// incidents differ), step, channel; the first 16 bytes in hexadecimal. Not of whom it is about: the id of what was told must not change
/// when the person is erased, nor let anybody test who it was.
pub(crate) fn notice_id(incident: &Incident, step: &str, channel: &str) -> NoticeId {
    let mut hash = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(b"breachd notice");
    field(&CONTENT_VERSION.to_le_bytes());
    field(&incident.id.0.to_le_bytes());
    field(&incident.opened_at.as_millis().to_le_bytes());
    field(incident.mode.as_str().as_bytes());
    field(&incident.mode.drill().map_or([0; 8], |drill| drill.0.to_le_bytes()));
    field(step.as_bytes());
    field(channel.as_bytes());
    NoticeId(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
