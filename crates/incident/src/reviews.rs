//! Contacts that somebody answers for: tests sent, tests confirmed, attestations.
//!
//! A contact is attested by its owner, and only after a test message reached each of its addresses and came back: an address that nobody
//! tried is a hope. Who changes an address has changed the contact, and what was attested of the old one is void. Contacts outside (authorities) are never sent tests; their owner attests that the data were looked up. What is
//! kept here are the last of each; the journal has all. A test that fails is undeliverable and has no fallback: that it does
//! not arrive is its result.

use crate::{
    Act, Action, Command, Contacts, Decision, DeliveryReport, IncidentId, Notice, NoticeId, NoticeKind, NoticeRecord,
    Policy, Recipient, Refusal, commands::text, limits,
};
use activity::{DataClasses, Entity, EntityKind, Timestamp, printable_within};
use detector::Severity;
use oncall::{Contact, Review};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// What the journal says of one contact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContactRecord {
    /// The last test message.
    pub tested: Option<Act>,
    /// Its notices.
    pub tests: Vec<NoticeId>,
    /// When each of them was confirmed, of those that were.
    pub confirmed_tests: BTreeMap<NoticeId, Timestamp>,
    /// The last confirmation of one.
    pub confirmed: Option<Act>,
    /// When a test to this address was last confirmed; at most [`limits::CONTACT_TESTS_KEPT`].
    proved: BTreeMap<String, Timestamp>,
    pub attested: Option<Act>,
    /// SHA-256 of the addresses that were attested; empty: not known.
    attested_sha256: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reviews {
    of: BTreeMap<String, ContactRecord>,
    pub(crate) notices: VecDeque<NoticeRecord>,
}

impl ContactRecord {
    fn confirm(&mut self, test: &NoticeId, address: Option<String>, at: Timestamp) {
        if self.tests.contains(test) {
            self.confirmed_tests.insert(test.clone(), at);
        }
        self.proved.extend(address.map(|address| (address, at)));
        while limits::CONTACT_TESTS_KEPT < self.proved.len() {
            let oldest = self.proved.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
            oldest.map(|address| self.proved.remove(&address));
        }
    }

    /// Whether a test to this address was confirmed lately, and since the last attestation.
    fn proves(&self, address: &str, now: Timestamp) -> bool {
        self.proved.get(address).is_some_and(|at| {
            now - *at <= limits::CONFIRMATION_VALID && self.attested.as_ref().is_none_or(|attested| attested.at < *at)
        })
    }

    /// When it was attested as it is today.
    fn attested_at(&self, contact: &Contact) -> Option<Timestamp> {
        let same = self.attested_sha256.is_empty() || self.attested_sha256 == addresses_sha256(contact);
        self.attested.as_ref().filter(|_| same).map(|act| act.at)
    }

    fn last_at(&self) -> Option<Timestamp> {
        [&self.tested, &self.confirmed, &self.attested].into_iter().flatten().map(|act| act.at).max()
    }
}

impl Reviews {
    pub(crate) fn get(&self, contact: &str) -> Option<&ContactRecord> {
        self.of.get(contact)
    }

    pub(crate) fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::ContactTested { contact, notices, .. } => {
                let record = self.entry(contact);
                record.tested = Some(Act::of(decision));
                record.tests.clone_from(notices);
                record.tests.truncate(limits::CONTACT_TESTS_KEPT);
                record.confirmed_tests.clear();
            }
            Decision::ContactConfirmed { at, contact, test, .. } => {
                let address = test.as_ref().and_then(|test| self.address(test)).map(str::to_owned);
                let record = self.entry(contact);
                record.confirmed = Some(Act::of(decision));
                if let Some(test) = test {
                    record.confirm(test, address, *at);
                }
            }
            Decision::ContactAttested { contact, addresses_sha256, .. } => {
                let record = self.entry(contact);
                record.attested = Some(Act::of(decision));
                record.attested_sha256.clone_from(addresses_sha256);
            }
            Decision::NoticeRequested { notice, because, step, fallback_of, may_stop } => {
                if self.notice(&notice.id).is_some() {
                    return;
                }
                if limits::CONTACT_NOTICES_KEPT <= self.notices.len() {
                    let ended = self.notices.iter().position(|record| !record.is_unsent());
                    self.notices.remove(ended.unwrap_or(0));
                }
                let record = NoticeRecord::requested(notice, because, step, fallback_of.as_ref(), may_stop);
                self.notices.push_back(record);
            }
            Decision::DeliveryRecorded { report, .. } => {
                if let Some(record) = self.notice_mut(&report.notice) {
                    record.report(report.attempt, report.at, &report.result);
                }
            }
            Decision::NoticeUndeliverable { notice, .. } => {
                if let Some(record) = self.notice_mut(notice) {
                    record.undeliverable = true;
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, contact: &str) -> &mut ContactRecord {
        if limits::CONTACTS_REMEMBERED <= self.of.len() && !self.of.contains_key(contact) {
            let oldest = self.of.iter().min_by_key(|(_, record)| record.last_at()).map(|(name, _)| name.clone());
            oldest.map(|name| self.of.remove(&name));
        }
        self.of.entry(contact.to_owned()).or_default()
    }

    /// Where a test went.
    fn address(&self, test: &NoticeId) -> Option<&str> {
        self.notice(test)?.notice.recipient.as_ref().map(|recipient| recipient.address.as_str())
    }

    pub(crate) fn notice(&self, id: &NoticeId) -> Option<&NoticeRecord> {
        self.notices.iter().find(|record| record.notice.id == *id)
    }

    fn notice_mut(&mut self, id: &NoticeId) -> Option<&mut NoticeRecord> {
        self.notices.iter_mut().find(|record| record.notice.id == *id)
    }

    /// What a report on a test leads to; `None`: it is about none.
    pub(crate) fn delivery(&self, report: &DeliveryReport) -> Option<Vec<Decision>> {
        let mut record = self.notice(&report.notice)?.clone();
        record.report(report.attempt, report.at, &report.result);
        let recorded = Decision::DeliveryRecorded { incident: None, report: report.clone() };
        let failed = (record.has_failed() && !record.undeliverable).then(|| undeliverable(&record, report.at));
        Some(std::iter::once(recorded).chain(failed).collect())
    }

    /// Tests that failed for good and are not known as undeliverable.
    pub(crate) fn failed(&self, at: Timestamp) -> impl Iterator<Item = Decision> {
        let failed = self.notices.iter().filter(|record| record.has_failed() && !record.undeliverable);
        failed.map(move |record| undeliverable(record, at))
    }

    /// How every contact's review stands.
    pub(crate) fn reviews<'a>(&self, contacts: &'a Contacts) -> Vec<Review<'a>> {
        let attested = |contact: &Contact| self.get(&contact.name)?.attested_at(contact);
        let review = |contact| Review::of(contact, attested(contact), contacts.review_every);
        contacts.book.contacts().map(review).collect()
    }
}

fn undeliverable(record: &NoticeRecord, at: Timestamp) -> Decision {
    let problem = record.problem.as_deref().unwrap_or("no reason given");
    Decision::NoticeUndeliverable {
        at,
        because: format!("{problem}; a test that does not arrive has no fallback channel"),
        incident: IncidentId::NONE,
        notice: record.notice.id.clone(),
    }
}

/// What a command about a contact leads to; `None`: it is about something else.
pub(crate) fn decide(
    policy: &Policy,
    reviews: &Reviews,
    now: Timestamp,
    command: &Command,
) -> Option<Result<Vec<Decision>, Refusal>> {
    let name = match &command.action {
        Action::TestContact { contact, .. }
        | Action::ConfirmContact { contact, .. }
        | Action::AttestContact { contact, .. } => contact,
        _ => return None,
    };
    Some(decided(policy, reviews, now, command, name))
}

fn decided(
    policy: &Policy,
    reviews: &Reviews,
    now: Timestamp,
    command: &Command,
    name: &str,
) -> Result<Vec<Decision>, Refusal> {
    let refuse = |problem: String| Err(Refusal::Contact(problem));
    let by = text("by", &command.by)?;
    let id = text("id", &command.id)?;
    let shown = printable_within(name, limits::NAME_MAX);
    let known = policy.contacts().and_then(|contacts| Some((contacts, contacts.book.contact(name)?)));
    let Some((contacts, contact)) = known else {
        return refuse(format!("there is no contact `{shown}` in the file of contacts"));
    };
    let record = reviews.get(name).cloned().unwrap_or_default();
    let (at, name, command_id) = (now, contact.name.clone(), Some(id.clone()));
    match &command.action {
        Action::TestContact { channel, .. } => {
            if contact.is_recipient_of_obligations() {
                return refuse(format!("`{name}` is an authority or another recipient outside: it is sent no tests"));
            }
            let notices = tests(policy, contacts, contact, channel.as_deref(), now, &id)?;
            let ids = notices.iter().map(|notice| notice.id.clone()).collect();
            let because = format!("{by} asked for a test of contact `{name}`");
            let mut decisions: Vec<_> = notices
                .into_iter()
                .map(|notice| Decision::NoticeRequested {
                    notice: Box::new(notice),
                    because: because.clone(),
                    step: format!("contact_test:{id}"),
                    fallback_of: None,
                    may_stop: Vec::new(),
                })
                .collect();
            // Last: before it is journaled, the command counts as not carried out.
            decisions.push(Decision::ContactTested {
                at,
                because,
                contact: name,
                notices: ids,
                by,
                command: command_id,
            });
            Ok(decisions)
        }
        Action::ConfirmContact { test, reason, .. } => {
            let tested = record.tested.filter(|act| now - act.at <= limits::TEST_VALID);
            if tested.is_none() {
                return refuse(format!("no test was sent to `{name}` within {}: send one first", limits::TEST_VALID));
            }
            let is_last = |test: &&NoticeId| record.tests.contains(*test) && reviews.address(test).is_some();
            let Some(test) = test.as_ref().filter(is_last).cloned() else {
                return refuse(format!("a newer test was sent to `{name}`: confirm that one"));
            };
            let because = text("reason", reason)?;
            let test = Some(test);
            Ok(vec![Decision::ContactConfirmed { at, because, contact: name, test, by, command: command_id }])
        }
        Action::AttestContact { reason, .. } => {
            let is_owner = by.split(" (").next().is_some_and(|who| *who == contact.owner);
            if !is_owner {
                return refuse(format!("`{}` answers for contact `{name}`, and nobody else", contact.owner));
            }
            let ways = ways(contacts, contact, None);
            let unproved: Vec<&str> = match contact.is_recipient_of_obligations() {
                true => Vec::new(),
                false if ways.is_empty() => return refuse(unreached(name, None)),
                false => {
                    let unproved = ways.iter().filter(|(_, (_, address))| !record.proves(address, now));
                    unproved.map(|(kind, _)| *kind).collect()
                }
            };
            if !unproved.is_empty() {
                return refuse(format!(
                    "no test of `{name}` was confirmed since its last attestation, within {}, over {}: send one and confirm it",
                    limits::CONFIRMATION_VALID,
                    unproved.join(", ")
                ));
            }
            let because = text("reason", reason)?;
            let addresses_sha256 = addresses_sha256(contact);
            Ok(vec![Decision::ContactAttested {
                at,
                because,
                contact: name,
                addresses_sha256,
                by,
                command: command_id,
            }])
        }
        _ => refuse("the command is not about a contact".into()),
    }
}

/// Kinds of address that the contact can be reached by: the first channel of each, and the address.
fn ways<'a>(
    contacts: &'a Contacts,
    contact: &'a Contact,
    channel: Option<&str>,
) -> BTreeMap<&'a str, (&'a str, &'a str)> {
    let mut ways: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for name in contacts.channels.keys().filter(|name| channel.is_none_or(|wanted| wanted == *name)) {
        if let Some((kind, address)) =
            contacts.address_kind(name).and_then(|kind| Some((kind, contact.addresses.get(kind)?)))
        {
            ways.entry(kind).or_insert((name, address));
        }
    }
    ways
}

fn unreached(name: String, channel: Option<&str>) -> String {
    match channel {
        Some(channel) => {
            let channel = printable_within(channel, limits::NAME_MAX);
            format!("channel `{channel}` does not reach `{name}`: there is none, or the contact has no address for it")
        }
        None => format!("no channel is configured for which `{name}` has an address"),
    }
}

/// Over their kinds and themselves, in their order.
fn addresses_sha256(contact: &Contact) -> String {
    draft::sha256(&serde_json::json!(contact.addresses).to_string())
}

/// A test over each kind of channel that the contact has an address for, or over the channel that is named.
fn tests(
    policy: &Policy,
    contacts: &Contacts,
    contact: &Contact,
    channel: Option<&str>,
    now: Timestamp,
    command: &str,
) -> Result<Vec<Notice>, Refusal> {
    let ways = ways(contacts, contact, channel);
    if ways.is_empty() {
        return Err(Refusal::Contact(unreached(contact.name.clone(), channel)));
    }
    let notice = |(channel, address): (&str, &str)| Notice {
        id: notice_id(command, channel, &contact.name),
        incident: IncidentId::NONE,
        kind: NoticeKind::ContactTest,
        channel: channel.to_owned(),
        decided_at: now,
        hold_until: None,
        expires_at: now + limits::TEST_VALID.min(policy.settings().notices.expire_after),
        severity: Severity::Low,
        subject: Entity::new(EntityKind::Fleet, "all"),
        data_classes: DataClasses::EMPTY,
        affected_records: 0,
        title: printable_within(
            &format!("a test for {} ({}): please confirm that it arrived", contact.title, contact.name),
            limits::TITLE_MAX,
        ),
        document: None,
        wording: None,
        checkpoint: None,
        reasons: vec![format!(
            "{} answers for this contact. Whoever confirms says that a notice of a breach would be seen here.",
            contact.owner
        )],
        figures: Vec::new(),
        affected: None,
        digest: Vec::new(),
        n_alerts: 0,
        first_seen_at: now,
        deadlines: Vec::new(),
        n_deadlines_beyond: 0,
        link: None,
        drill: None,
        recipient: Some(Recipient::of(contact, address)),
        again: 0,
    };
    Ok(ways.into_values().map(notice).collect())
}

/// As of [`crate::pending`], over what it is, the command, the channel and the contact.
fn notice_id(command: &str, channel: &str, contact: &str) -> NoticeId {
    let mut hash = Sha256::new();
    for field in ["breachd contact test", command, channel, contact] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    NoticeId(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}
