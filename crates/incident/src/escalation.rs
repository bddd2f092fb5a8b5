//! Nobody has acknowledged an incident: one person after the other is called, by an escalation policy, until somebody does.
//!
//! Whom a step calls is looked up in today's contacts at the moment of the step, and written into the notice and the decision; a
//! journal folds without the contacts, and says years later who was on call and why. A step counts as done when
//! [`Decision::EscalationStepped`] is journaled, behind its notices: a journal cut off in between repeats the step, under the
//! same ids for the same people. The next step follows a time-out after the last one was *taken*, not after it was due: who
//! comes back from an outage of an hour does not call six people in one second.
//!
//! - A step by which nobody can be called, and one whose notices have all failed, is not waited for.
//! - After the last step of the last repetition everybody on the list hears that nobody has acknowledged, and so do the channels
//!   of `[escalation]` and `[fallback]`; that is journaled, and the end.
//! - An acknowledgement that nothing follows lapses after a while, if the policy says so: a person who fell asleep over it
//!   looks like one who works on it. Then all begins anew.
//!
//! Handing over to a service's own schedules stays what it was: name its channel under `channels`.

use crate::{
    Contacts, Decision, Incident, IncidentState, NoticeKind, NoticeRecord, Policy, Recipient,
    decision::POLICY,
    limits,
    pending::{Wanted, title},
    wire,
};
use activity::Timestamp;
use oncall::{Book, Step};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far calling people has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Escalation {
    /// How often an acknowledgement lapsed; each begins the steps anew.
    pub lapses: u32,
    /// Steps taken since the opening, since it was opened again, or since the last lapse.
    pub steps: u32,
    /// When the next one follows, once one was taken.
    #[serde(with = "wire")]
    pub next_at: Option<Timestamp>,
    /// The list was gone through to its end, and nobody has acknowledged.
    pub is_over: bool,
    #[serde(with = "wire")]
    pub lapsed_at: Option<Timestamp>,
    /// When a person last did something about the incident.
    #[serde(with = "wire")]
    pub touched_at: Option<Timestamp>,
    /// Who was called, by channel and contact; they hear of the end, too.
    #[serde(skip)]
    pub(crate) called: BTreeMap<(String, String), Recipient>,
}

impl Escalation {
    /// What a decision about the incident means for it; the incident's own state is changed elsewhere.
    pub(crate) fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::EscalationStepped { step, next_at, .. } => {
                self.steps = self.steps.max(step.saturating_add(1));
                self.next_at = Some(*next_at);
            }
            Decision::EscalationEnded { .. } => self.is_over = true,
            Decision::AcknowledgementLapsed { at, .. } => {
                let called = std::mem::take(&mut self.called);
                *self = Escalation {
                    lapses: self.lapses.saturating_add(1),
                    lapsed_at: Some(*at),
                    touched_at: self.touched_at,
                    called,
                    ..Escalation::default()
                };
            }
            Decision::Reopened { at, .. } => {
                let called = std::mem::take(&mut self.called);
                let lapses = self.lapses;
                *self = Escalation { lapses, touched_at: Some(*at), called, ..Escalation::default() };
            }
            Decision::NoticeRequested { notice, .. } => {
                if let Some(recipient) = &notice.recipient
                    && self.called.len() < limits::CALLED_KEPT
                {
                    let key = (notice.channel.clone(), recipient.contact.clone());
                    self.called.insert(key, recipient.clone());
                }
            }
            Decision::CommandRefused { .. } => {}
            done => {
                if done.by() != POLICY {
                    self.touched_at = self.touched_at.max(Some(done.at()));
                }
            }
        }
    }
}

/// An incident's notices of being unacknowledged; each lapse has its own.
pub(crate) fn unacknowledged(incident: &Incident) -> String {
    let step = match incident.escalation.lapses {
        0 => "unacknowledged".to_owned(),
        n => format!("unacknowledged:{n}"),
    };
    incident.step(&step)
}

/// From when on nobody has acknowledged it for too long.
pub(crate) fn begins_at(policy: &Policy, incident: &Incident) -> Timestamp {
    // Who let an acknowledgement lie has had time enough.
    incident.escalation.lapsed_at.unwrap_or(incident.waits_since() + policy.settings().escalation.after)
}

/// The policy by which people are called, if there is one.
fn list(policy: &Policy) -> Option<(&Contacts, &oncall::Policy)> {
    let name = policy.settings().escalation.policy.as_deref()?;
    let contacts = policy.contacts()?;
    Some((contacts, contacts.book.policy(name)?))
}

/// When the next step is due, or the end; `None`: neither.
pub(crate) fn step_at(policy: &Policy, incident: &Incident) -> Option<Timestamp> {
    list(policy)?;
    let escalation = &incident.escalation;
    if incident.state != IncidentState::Open || escalation.is_over {
        return None;
    }
    let begins = begins_at(policy, incident);
    let Some(next_at) = escalation.next_at else { return Some(begins) };
    Some(if all_failed(incident) { begins } else { next_at })
}

/// All notices of the last step, and those that stood in for them, have failed.
fn all_failed(incident: &Incident) -> bool {
    let Some(last) = incident.escalation.steps.checked_sub(1) else { return false };
    // Asked at every look at what is due: the cheap question first.
    if !incident.notices.iter().any(NoticeRecord::has_failed) {
        return false;
    }
    let step = step_id(incident, last);
    let mut of_step = incident.notices.iter().filter(|record| record.step == step).peekable();
    of_step.peek().is_some() && of_step.all(NoticeRecord::has_failed)
}

/// When an acknowledgement lapses unless somebody does something.
pub(crate) fn lapse_at(policy: &Policy, incident: &Incident) -> Option<Timestamp> {
    let after = policy.settings().escalation.unacknowledge_after?.0;
    let touched = incident.escalation.touched_at.or(incident.acknowledged.as_ref().map(|act| act.at))?;
    (incident.state == IncidentState::Acknowledged).then_some(touched + after)
}

/// An acknowledgement that was left lying.
pub(crate) fn lapse(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let (Some(at), Some(act)) = (lapse_at(policy, incident), &incident.acknowledged) else { return Vec::new() };
    if now < at {
        return Vec::new();
    }
    let because = format!(
        "{} acknowledged it at {}, and nothing was done about it since {}",
        act.by,
        act.at,
        incident.escalation.touched_at.unwrap_or(act.at)
    );
    vec![Decision::AcknowledgementLapsed { at: now, because, incident: incident.id }]
}

fn step_id(incident: &Incident, number: u32) -> String {
    incident.step(&format!("escalation:{}:{number}", incident.escalation.lapses))
}

/// The steps that are due.
pub(crate) fn steps(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let Some((contacts, list)) = list(policy) else { return Vec::new() };
    if step_at(policy, incident).is_none_or(|at| now < at) {
        return Vec::new();
    }
    let mut wanted = Wanted::new(policy, incident, now);
    let mut number = incident.escalation.steps;
    while let Some(step) = list.step(number) {
        let calls = calls(contacts, step, now);
        let n_found = calls.found.len();
        let of = format!("step {} of {} of escalation policy `{}`", number + 1, list.length(), list.name);
        let id = step_id(incident, number);
        for call in &calls.found {
            let because = format!("{of}: {}", call.because);
            let title = format!("Please acknowledge: {}", title(policy, incident));
            wanted.call(NoticeKind::Escalated, &id, &call.channel, call.recipient.as_ref(), &because, title);
        }
        let next_at = if n_found == 0 { now } else { now + step.timeout };
        let because = match calls.reasons.as_slice() {
            [] => format!("{of}: nobody to call"),
            reasons => format!("{of}: {}", reasons.join("; ")),
        };
        let (policy, called) = (list.name.clone(), calls.names);
        // Last: before it is journaled, the step counts as not taken.
        wanted.decisions.push(Decision::EscalationStepped {
            at: now,
            because,
            incident: incident.id,
            policy,
            step: number,
            called,
            next_at,
        });
        number += 1;
        if n_found > 0 {
            return wanted.decisions;
        }
    }
    end(policy, contacts, list, incident, now, &mut wanted);
    wanted.decisions
}

/// Everybody on the list, and whoever hears of what goes wrong, hears that nobody has acknowledged.
fn end(
    policy: &Policy,
    contacts: &Contacts,
    list: &oncall::Policy,
    incident: &Incident,
    now: Timestamp,
    wanted: &mut Wanted<'_>,
) {
    let because = format!(
        "all {} steps of escalation policy `{}` were taken, and nobody has acknowledged",
        list.length(),
        list.name
    );
    let id = incident.step(&format!("escalation:{}:end", incident.escalation.lapses));
    let title = format!("Nobody has acknowledged: {}", title(policy, incident));
    for call in list.steps.iter().flat_map(|step| calls(contacts, step, now).found) {
        let why = format!("{because}; {}", call.because);
        wanted.call(NoticeKind::Escalated, &id, &call.channel, call.recipient.as_ref(), &why, title.clone());
    }
    for ((channel, _), recipient) in &incident.escalation.called {
        let why = format!("{because}; was called before");
        wanted.call(NoticeKind::Escalated, &id, channel, Some(recipient), &why, title.clone());
    }
    let settings = policy.settings();
    for channel in settings.escalation.channels.iter().chain(&settings.fallback.channels) {
        wanted.call(NoticeKind::Escalated, &id, channel, None, &because, title.clone());
    }
    let (policy, incident) = (list.name.clone(), incident.id);
    wanted.decisions.push(Decision::EscalationEnded { at: now, because, incident, policy });
}

/// One notice of a step.
struct Call {
    channel: String,
    /// `None`: the channel knows whom to tell.
    recipient: Option<Recipient>,
    because: String,
}

struct Calls {
    found: Vec<Call>,
    /// Who is called, and why, or why nobody is.
    reasons: Vec<String>,
    /// Contacts.
    names: Vec<String>,
}

fn calls(contacts: &Contacts, step: &Step, now: Timestamp) -> Calls {
    let book: &Book = &contacts.book;
    let calling = book.call(step, now);
    let mut calls = Calls { found: Vec::new(), reasons: calling.nobody, names: Vec::new() };
    let (by_address, by_name): (Vec<&String>, Vec<&String>) =
        step.channels.iter().partition(|channel| contacts.address_kind(channel).is_some());
    let mut who = Vec::new();
    for called in &calling.called {
        let contact = called.contact;
        let reason = format!("`{}` ({})", contact.name, called.because);
        let before = calls.found.len();
        for channel in &by_address {
            let address = contacts.address_kind(channel).and_then(|kind| contact.addresses.get(kind));
            calls.found.extend(address.map(|address| Call {
                channel: (*channel).clone(),
                recipient: Some(Recipient::of(contact, address)),
                because: reason.clone(),
            }));
        }
        if by_name.is_empty() && before == calls.found.len() {
            calls.reasons.push(format!("`{}` has no address for {}", contact.name, step.channels.join(", ")));
            continue;
        }
        calls.reasons.push(reason.clone());
        calls.names.push(contact.name.clone());
        who.push(reason);
    }
    // Whom such a channel wakes is its own affair: also when nobody here is on call.
    let because = if who.is_empty() { "the channel's own recipients".to_owned() } else { who.join("; ") };
    calls.found.extend(by_name.into_iter().map(|channel| Call {
        channel: channel.clone(),
        recipient: None,
        because: because.clone(),
    }));
    calls
}
