//! Documents for people, a mail for each: which mails are due, what the journal has to know before they leave, and what came of them.
//!
//! ```text
//! casebook (a mailing that is not over) ─► list (directory, named employees) ─► draft::mailing ─► journal, then dispatcher ─► reports ┐
//!                                                  ▲ anew: restart, other directory, more alerts      └──────────── journal ◄──────────┘
//! ```
//! Nothing is handed over that the journal has not begun, so a crash repeats the batch in flight and nobody else, each mail under the
//! Message-ID it had. What is handed over is at most a batch ([`draft::limits::IN_FLIGHT_MAX`]) a mailing, whatever the list's length; it
//! goes through lanes of its own in the dispatcher. Where breachd ends, it waits for results as long as for other notices, and journals them.
//!
//! A person's word to stop calls no mail back: what is handed over goes on, for as long as it would have been tried, and its batch ends
//! with what came of it. So the mailing that is gone on with repeats nobody. Ending the batch at the word was simpler, and lost: whoever
//! stops a mailing to mend something and goes on with it would write to 256 people twice.
//!
//! Addresses are here and in the mails, and nowhere else.

use crate::settings::limits;
use activity::{Span, Timestamp};
use detector::{Directory, Employee, Employees, lies_in, may_lie_in};
use draft::mailing::{Mailing, Next, Outcome, Progress, Recipient};
use incident::{
    Casebook, Decision, DeliveryReport, DeliveryResult, DraftChange, Loss, MailTo, MailingProgress, Notice,
    NoticeDocument, NoticeId, NoticeKind, POLICY, Unfinished,
};
use notifier::ChannelSettings;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// All mailings that are not over.
#[derive(Default)]
pub(super) struct Mailings {
    /// By [`Unfinished::occasion`].
    running: BTreeMap<String, Running>,
    /// Whose mail it is: which mailing, and who. At most a batch a mailing.
    handed_over: HashMap<NoticeId, (String, String)>,
    /// Built while somebody is to be written to.
    employees: Option<Arc<Employees>>,
    /// Missing channels that were told of.
    told: BTreeSet<String>,
}

struct Running {
    mailing: Mailing,
    list: List,
    /// Of those that are handed over.
    expired: BTreeSet<u32>,
}

/// Whoever is still to be told, and what it was made of.
struct List {
    /// SHA-256 of the directory, and how many alerts name people.
    made_of: (Box<str>, u64),
    recipients: Vec<Recipient>,
    /// Nobody can write to these; those of whom the journal knows are left out.
    unreachable: BTreeMap<Loss, Vec<String>>,
}

/// What a look at the mailings led to. The notices leave when the decisions are journaled.
#[derive(Default)]
pub(super) struct Due {
    pub(super) decisions: Vec<Decision>,
    pub(super) notices: Vec<Notice>,
}

const MINUTE: Span = Span::from_minutes(1);

impl Mailings {
    /// What is due of them now.
    pub(super) fn due(
        &mut self,
        book: &Casebook,
        people: &Directory,
        channels: &[ChannelSettings],
        now: Timestamp,
    ) -> Due {
        let mut due = Due::default();
        let mut seen = BTreeSet::new();
        for unfinished in book.mailings() {
            let occasion = unfinished.occasion();
            // Whichever is under way keeps its place: one of an older incident must not push it out, and a batch's results with it.
            if !self.running.contains_key(&occasion) && self.running.len() >= limits::MAILINGS_AT_ONCE {
                continue;
            }
            seen.insert(occasion);
            let pace = unfinished.draft.terms.channel.as_deref().and_then(|name| {
                let channel = channels.iter().find(|channel| channel.name() == name)?;
                channel.mails_per_minute()
            });
            let Some(per_minute) = pace else {
                self.tell_of_missing_channel(&unfinished);
                continue;
            };
            if self.employees.as_ref().is_none_or(|employees| employees.digest() != people.digest()) {
                self.employees = Some(Arc::new(Employees::of(people)));
            }
            let Some(employees) = self.employees.clone() else { continue };
            self.advance(&unfinished, &employees, per_minute as usize, now, &mut due);
        }
        for stopped in book.stopped_mailings() {
            let occasion = stopped.occasion();
            let Some(running) = self.running.get(&occasion) else { continue };
            if running.mailing.in_flight().is_empty() {
                due.decisions.extend(running.cut(&stopped, now));
            } else {
                seen.insert(occasion);
            }
        }
        // Over: reports of what is handed over are still known for what they are.
        self.running.retain(|occasion, _| seen.contains(occasion));
        if seen.is_empty() {
            self.employees = None;
        }
        due
    }

    fn tell_of_missing_channel(&mut self, unfinished: &Unfinished<'_>) {
        if self.told.insert(unfinished.occasion()) {
            let channel = unfinished.draft.terms.channel.as_deref().unwrap_or_default();
            tracing::error!(incident = %unfinished.incident.id, draft = unfinished.draft.number, channel,
                "mails to people wait: their channel is not configured, or is no e-mail");
        }
    }

    fn advance(
        &mut self,
        unfinished: &Unfinished<'_>,
        employees: &Employees,
        per_minute: usize,
        now: Timestamp,
        due: &mut Due,
    ) {
        let occasion = &unfinished.occasion();
        let made_of = made_of(unfinished, employees);
        let outdated = match self.running.get(occasion) {
            None => true,
            Some(running) => running.list.made_of != made_of && running.mailing.rest().is_some(),
        };
        if outdated && !self.make_list(unfinished, employees, per_minute, now) {
            return;
        }
        let Some(running) = self.running.get_mut(occasion) else { return };
        running.mailing.set_pace(per_minute);
        loop {
            match running.mailing.next(now) {
                Next::Journal(progress) => {
                    due.decisions.extend(running.decisions(unfinished, &progress, now));
                    running.mailing.apply(&progress);
                    // What comes next may need what was decided: it waits for the next look.
                    return;
                }
                Next::Send(at) => {
                    if let Some((notice, recipient)) =
                        running.notice(unfinished, at, now).zip(running.mailing.recipient(at))
                    {
                        let whose = (occasion.clone(), recipient.person.clone());
                        self.handed_over.insert(notice.id.clone(), whose);
                        due.notices.push(notice);
                    }
                }
                Next::Wait(_) | Next::Waiting => return,
                Next::Done => break,
            }
        }
        // Whoever has come to be known, or to have an address, since this list was made is still to be told.
        let rest = List::of(unfinished, employees);
        if rest.recipients.is_empty() {
            let told = rest.unreachable.iter().flat_map(|(loss, of)| unfinished.not_reached(now, of, *loss));
            due.decisions.extend(told);
            due.decisions.push(unfinished.progressed(now, MailingProgress::Completed));
            self.running.remove(occasion);
        } else {
            self.make_list(unfinished, employees, per_minute, now);
        }
    }

    /// Another list, where that says anything else. False: it cannot be made.
    fn make_list(
        &mut self,
        unfinished: &Unfinished<'_>,
        employees: &Employees,
        per_minute: usize,
        now: Timestamp,
    ) -> bool {
        let occasion = &unfinished.occasion();
        let list = List::of(unfinished, employees);
        if let Some(running) = self.running.get_mut(occasion)
            && running.mailing.rest() == Some(&list.recipients)
            && list.unreachable.is_empty()
        {
            running.list.made_of = list.made_of;
            return true;
        }
        match Mailing::new(list.recipients.clone(), occasion, per_minute) {
            Ok(mailing) => {
                // What left within the last minute, before a restart perhaps, counts as the whole minute's.
                let mailing =
                    if unfinished.mailed.list.is_empty() { mailing } else { mailing.not_before(now + MINUTE) };
                let list = List { recipients: Vec::new(), ..list };
                self.running.insert(occasion.clone(), Running { mailing, list, expired: BTreeSet::new() });
                true
            }
            Err(error) => {
                tracing::error!(incident = %unfinished.incident.id, draft = unfinished.draft.number, ?error,
                    "there is no list of people to write to");
                false
            }
        }
    }

    /// Takes in what a channel says of a mail. False: the notice is not of a mailing.
    pub(super) fn take(&mut self, report: &DeliveryReport) -> bool {
        let Some((occasion, person)) = self.handed_over.get(&report.notice).cloned() else { return false };
        if !report.result.ends_sending() {
            return true;
        }
        self.handed_over.remove(&report.notice);
        let Some(running) = self.running.get_mut(&occasion) else { return true };
        // Stopped and gone on with meanwhile: of another list, perhaps, and the same mail.
        let Some(at) = running.mailing.place(&person) else { return true };
        let outcome = match &report.result {
            DeliveryResult::Accepted { .. } | DeliveryResult::Confirmed { .. } | DeliveryResult::Retrying { .. } => {
                Outcome::Accepted
            }
            DeliveryResult::Rejected { .. } => Outcome::Refused,
            DeliveryResult::Expired { .. } => {
                running.expired.insert(at);
                Outcome::Refused
            }
        };
        running.mailing.result(at, outcome);
        true
    }

    /// What was handed to a dispatcher that is no more, for the next one.
    pub(super) fn again<'a>(
        &mut self,
        unfinished: impl Iterator<Item = Unfinished<'a>>,
        channels: &[ChannelSettings],
        now: Timestamp,
    ) -> Vec<Notice> {
        self.handed_over.retain(|_, (occasion, _)| self.running.contains_key(occasion));
        let of = |unfinished: Unfinished<'_>| {
            let running = self.running.get(&unfinished.occasion())?;
            // Without its channel it waits: a dispatcher that has no such channel would refuse everybody.
            let name = unfinished.draft.terms.channel.as_deref()?;
            channels.iter().find(|channel| channel.name() == name)?.mails_per_minute()?;
            let in_flight = running.mailing.in_flight().into_iter();
            Some(in_flight.filter_map(|at| running.notice(&unfinished, at, now)).collect::<Vec<_>>())
        };
        unfinished.filter_map(of).flatten().collect()
    }
}

impl Mailings {
    /// Ends every batch with the results that are there, as nobody will wait for others: so that the next start repeats no mail that a
    /// relay has taken.
    pub(super) fn cut<'a>(&mut self, mailings: impl Iterator<Item = Unfinished<'a>>, now: Timestamp) -> Vec<Decision> {
        mailings.filter_map(|mailing| self.running.remove(&mailing.occasion())?.cut(&mailing, now)).collect()
    }
}

impl Running {
    /// The end of the batch that has begun, with the results that are there.
    fn cut(&self, unfinished: &Unfinished<'_>, now: Timestamp) -> Option<Decision> {
        let (places, results) = self.mailing.unended()?;
        let (mut refused, mut expired, mut open) = (Vec::new(), Vec::new(), Vec::new());
        for at in places {
            let list = match results.get(&at) {
                Some(Outcome::Accepted) => continue,
                Some(Outcome::Refused) if self.expired.contains(&at) => {
                    if self.mailing.is_last_batch() {
                        &mut expired
                    } else {
                        &mut open
                    }
                }
                Some(Outcome::Refused) => &mut refused,
                None => &mut open,
            };
            list.extend(self.mailing.recipient(at).map(|recipient| recipient.person.clone()));
        }
        Some(unfinished.progressed(now, MailingProgress::Ended { refused, expired, open }))
    }

    fn decisions(&mut self, unfinished: &Unfinished<'_>, progress: &Progress, now: Timestamp) -> Vec<Decision> {
        let person = |at: u32| self.mailing.recipient(at).map(|recipient| recipient.person.clone());
        match progress {
            Progress::Started { list, n } => {
                let started = MailingProgress::Started {
                    list: list.clone(),
                    n: *n,
                    directory: self.list.made_of.0.to_string(),
                    concerned: unfinished.incident.named_employees().people.total,
                };
                let mut decisions = vec![unfinished.progressed(now, started)];
                for (loss, persons) in std::mem::take(&mut self.list.unreachable) {
                    decisions.extend(unfinished.not_reached(now, &persons, loss));
                }
                decisions
            }
            Progress::Begun { from, to } => {
                let persons = (*from..*to).filter_map(person).collect();
                vec![unfinished.progressed(now, MailingProgress::Begun { persons })]
            }
            Progress::Ended { from, to, refused } => {
                let expired = std::mem::take(&mut self.expired);
                let (late, refused): (Vec<u32>, Vec<u32>) = refused.iter().partition(|at| expired.contains(at));
                // They are on the next list, behind all others of this one.
                let (late, open) = if self.mailing.is_last_batch() { (late, Vec::new()) } else { (Vec::new(), late) };
                let names = |of: Vec<u32>| of.into_iter().filter_map(person).collect::<Vec<_>>();
                let n = (to - from) as usize;
                let ended = |refused, late, open| {
                    let (refused, expired, open) = (names(refused), names(late), names(open));
                    unfinished.progressed(now, MailingProgress::Ended { refused, expired, open })
                };
                // A few may all be wrong; but where nobody at all was reached, a few are enough to ask a person.
                let few = if unfinished.mailed.n_reached() > 0 {
                    limits::MAILS_REFUSED_MAX
                } else {
                    limits::FIRST_MAILS_REFUSED_MAX
                };
                if refused.len() < n || n < few {
                    return vec![ended(refused, late, open)];
                }
                let stop = Decision::DraftChanged {
                    at: now,
                    because: format!(
                        "the relay refused every one of {n} mails in a row: it is hardly the addresses; an approval anew goes on with them"
                    ),
                    incident: unfinished.incident.id,
                    by: POLICY.into(),
                    draft: unfinished.draft.number,
                    change: Box::new(DraftChange::Stopped { version: unfinished.sent.version }),
                    command: None,
                };
                vec![ended(Vec::new(), Vec::new(), refused), stop]
            }
        }
    }

    /// The mail to one of them: the same whenever it is made, but for how long it is tried.
    fn notice(&self, unfinished: &Unfinished<'_>, at: u32, now: Timestamp) -> Option<Notice> {
        let Unfinished { incident, draft, sent, mailed } = unfinished;
        let recipient = self.mailing.recipient(at)?;
        Some(Notice {
            id: NoticeId(self.mailing.token(at)?),
            incident: incident.id,
            kind: NoticeKind::Draft,
            channel: draft.terms.channel.clone()?,
            decided_at: sent.act.at,
            hold_until: None,
            // One full mailbox must not keep everybody behind it waiting: only the list's last batch is tried for long.
            expires_at: now + if self.mailing.is_last_batch() { limits::MAIL_TRIED_FOR } else { limits::MAIL_PASS },
            severity: incident.severity,
            subject: incident.subject.clone(),
            data_classes: incident.data_classes,
            affected_records: 0,
            title: mailed.title.clone(),
            wording: None,
            checkpoint: None,
            reasons: Vec::new(),
            figures: Vec::new(),
            affected: None,
            digest: Vec::new(),
            document: Some(Box::new(NoticeDocument {
                draft: draft.number,
                version: sent.version,
                sha256: sent.sha256.clone(),
                language: draft.language,
                text: mailed.text.to_string(),
            })),
            n_alerts: 0,
            first_seen_at: incident.first_seen_at,
            deadlines: Vec::new(),
            n_deadlines_beyond: 0,
            link: None,
            drill: incident.mode.drill(),
            recipient: Some(incident::Recipient {
                contact: recipient.person.clone(),
                title: String::new(),
                address: recipient.email.clone(),
                reply: None,
            }),
            again: 0,
        })
    }
}

fn made_of(unfinished: &Unfinished<'_>, employees: &Employees) -> (Box<str>, u64) {
    (employees.digest().into(), unfinished.incident.n_alerts)
}

impl List {
    fn of(unfinished: &Unfinished<'_>, employees: &Employees) -> List {
        let Unfinished { incident, draft, mailed, .. } = unfinished;
        let mut list =
            List { made_of: made_of(unfinished, employees), recipients: Vec::new(), unreachable: BTreeMap::new() };
        let named = incident.named_employees();
        let place = mailed.terms.residents_of.as_str();
        let is_resident =
            |home: &str| place.is_empty() || home.is_empty() || lies_in(home, place) || may_lie_in(home, place);
        let mut add = |employee: &Employee| {
            if !mailed.awaits(&employee.number) || !is_resident(&employee.home) {
                return;
            }
            match &employee.email {
                Some(email) => list.recipients.push(Recipient {
                    person: employee.number.to_string(),
                    email: email.to_string(),
                    language: draft.language,
                }),
                None if mailed.loss_of(&employee.number) == Some(Loss::NoAddress) => {}
                None => list.unreachable.entry(Loss::NoAddress).or_default().push(employee.number.to_string()),
            }
        };
        let mut unlisted = Vec::new();
        for record in &named.records {
            match employees.get(*record) {
                Some(employee) => add(employee),
                None => unlisted.push(record.to_string()),
            }
        }
        if mailed.terms.to == MailTo::Directory {
            let others = employees.iter().filter(|(record, _)| named.records.binary_search(record).is_err());
            others.filter(|(_, employee)| named.may_concern(&employee.home)).for_each(|(_, employee)| add(employee));
        }
        unlisted.retain(|person| mailed.awaits(person) && mailed.loss_of(person) != Some(Loss::NotListed));
        if !unlisted.is_empty() {
            list.unreachable.insert(Loss::NotListed, unlisted);
        }
        list.recipients.sort();
        list.recipients.dedup_by(|one, other| one.person == other.person);
        list.recipients.truncate(draft::limits::RECIPIENTS_MAX);
        list
    }
}

#[cfg(test)]
mod tests;
