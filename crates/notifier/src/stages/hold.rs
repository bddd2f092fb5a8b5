//! Stage 2: what may leave now.
//!
//! A notice with `hold_until` waits, and while it waits it holds up nobody. From then on the notices of one incident for
//! one recipient stand in line and leave one after the other: nobody hears the end before the beginning, and a mailbox that is
//! full holds up nobody else's. Mails of a mailing have no order among themselves and stand in none. Among incidents the live go before drills, the graver before the lighter, the
//! older before the younger. Looks at what a service shows go by a pace of their own ([`Free`]): they keep no notice waiting. Every operation costs a logarithm of what is in hand: the outbox is fullest when least time
//! is to be lost.

use crate::channel::Receipt;
use activity::Timestamp;
use detector::Severity;
use incident::{IncidentId, Notice, NoticeId};
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// One notice in hand.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) notice: Arc<Notice>,
    /// Attempts made.
    pub(crate) attempts: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) phase: Phase,
    last_reason: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Sending,
    /// Accepted then; asked `tries` times since whether the service shows it.
    Confirming {
        accepted_at: Timestamp,
        tries: usize,
        receipt: Receipt,
    },
}

/// Order of submission within a channel.
pub(crate) type Sequence = u64;

/// When the next try, and the next look, may start; `None`: not before one that runs has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Free {
    pub(crate) send: Option<Timestamp>,
    pub(crate) look: Option<Timestamp>,
}

/// Whose notices leave one after the other.
type Line = (IncidentId, To);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum To {
    /// Whom the channel tells.
    Channel,
    Contact(Box<str>),
    /// A mail of a mailing is a line of its own.
    Mail(NoticeId),
}

/// What leaves first: live, not asked about, grave, old.
type Rank = (bool, bool, Reverse<Severity>, Sequence);

/// The notices of one channel that are not settled.
///
/// A notice is in at most one of `timers` (held, or waiting for its next try or look), `ready` and `looks`; if in none, it
/// runs or stands in line behind another.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    jobs: HashMap<Sequence, Job>,
    next: Sequence,
    /// Unsent notices whose hold is over; only the first of a line is tried.
    lines: HashMap<Line, VecDeque<Sequence>>,
    timers: BTreeSet<(Timestamp, Sequence)>,
    /// To be sent.
    ready: BTreeSet<Rank>,
    /// To be asked about.
    looks: BTreeSet<Rank>,
    /// End of the unsent that do not run.
    expiring: BTreeSet<(Timestamp, Sequence)>,
    /// When the unsent were decided.
    decided: BTreeSet<(Timestamp, Sequence)>,
}

impl Agenda {
    pub(crate) fn add(&mut self, notice: Arc<Notice>, now: Timestamp) {
        let sequence = self.next;
        self.next += 1;
        let due_at = notice.hold_until.unwrap_or(now).max(now);
        self.expiring.insert((notice.expires_at, sequence));
        self.decided.insert((notice.decided_at, sequence));
        let job = Job { notice, attempts: 0, due_at, phase: Phase::Sending, last_reason: None };
        self.jobs.insert(sequence, job);
        if due_at > now {
            self.timers.insert((due_at, sequence));
        } else {
            self.stand_in_line(sequence);
        }
    }

    /// The notice to try or to ask about now, if any: it counts as running until it is given back or removed.
    pub(crate) fn take_due(&mut self, now: Timestamp, free: Free) -> Option<(Sequence, Job)> {
        while let Some((at, sequence)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            self.ripen(sequence);
        }
        let may = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let send = self.ready.first().filter(|_| may(free.send));
        let look = self.looks.first().filter(|_| may(free.look));
        let rank = *send.into_iter().chain(look).min()?;
        let (.., sequence) = rank;
        self.ready.remove(&rank);
        self.looks.remove(&rank);
        let job = self.jobs.get(&sequence)?.clone();
        self.expiring.remove(&(job.notice.expires_at, sequence));
        Some((sequence, job))
    }

    /// A notice that expired before it was sent, out of the agenda.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<Job> {
        let (_, sequence) = self.expiring.first().copied().filter(|(at, _)| *at <= now)?;
        self.remove(sequence)
    }

    /// Gives a running notice back, to be tried again at `due_at`.
    pub(crate) fn postpone(&mut self, sequence: Sequence, attempts: u32, due_at: Timestamp, reason: String) {
        let Some(job) = self.jobs.get_mut(&sequence) else { return };
        (job.attempts, job.due_at, job.last_reason) = (attempts, due_at, Some(reason));
        self.expiring.insert((job.notice.expires_at, sequence));
        self.timers.insert((due_at, sequence));
    }

    /// It was accepted; the service is to be asked at `due_at`.
    pub(crate) fn confirm_at(&mut self, sequence: Sequence, attempts: u32, phase: Phase, due_at: Timestamp) {
        self.leave_line(sequence);
        let Some(job) = self.jobs.get_mut(&sequence) else { return };
        (job.attempts, job.phase, job.due_at) = (attempts, phase, due_at);
        self.decided.remove(&(job.notice.decided_at, sequence));
        self.timers.insert((due_at, sequence));
    }

    pub(crate) fn remove(&mut self, sequence: Sequence) -> Option<Job> {
        self.leave_line(sequence);
        let job = self.jobs.remove(&sequence)?;
        self.timers.remove(&(job.due_at, sequence));
        self.ready.remove(&rank(sequence, &job));
        self.looks.remove(&rank(sequence, &job));
        self.expiring.remove(&(job.notice.expires_at, sequence));
        self.decided.remove(&(job.notice.decided_at, sequence));
        Some(job)
    }

    /// When something will be due or expire, after [`take_due`](Self::take_due) had nothing; `None`: nothing waits.
    pub(crate) fn next_wake(&self, free: Free) -> Option<Timestamp> {
        let send = self.ready.first().and(free.send);
        let look = self.looks.first().and(free.look);
        let timer = self.timers.first().map(|(at, _)| *at);
        let expiry = self.expiring.first().map(|(at, _)| *at);
        send.into_iter().chain(look).chain(timer).chain(expiry).min()
    }

    /// Notices not sent yet, and the time the oldest of them was decided.
    pub(crate) fn pending(&self) -> (usize, Option<Timestamp>) {
        (self.decided.len(), self.decided.first().map(|(at, _)| *at))
    }

    /// Its time has come.
    fn ripen(&mut self, sequence: Sequence) {
        let Some(job) = self.jobs.get(&sequence) else { return };
        let in_line = self.lines.get(&line(&job.notice)).is_some_and(|line| line.front() == Some(&sequence));
        if !job.is_sending() {
            self.looks.insert(rank(sequence, job));
        } else if in_line {
            self.ready.insert(rank(sequence, job));
        } else {
            self.stand_in_line(sequence);
        }
    }

    fn stand_in_line(&mut self, sequence: Sequence) {
        let Some(job) = self.jobs.get(&sequence) else { return };
        let line = self.lines.entry(line(&job.notice)).or_default();
        line.push_back(sequence);
        if line.len() == 1 {
            self.ready.insert(rank(sequence, job));
        }
    }

    fn leave_line(&mut self, sequence: Sequence) {
        let Some(job) = self.jobs.get(&sequence) else { return };
        let key = line(&job.notice);
        let Some(line) = self.lines.get_mut(&key) else { return };
        let was_first = line.front() == Some(&sequence);
        line.retain(|waiting| *waiting != sequence);
        match line.front().copied() {
            None => {
                self.lines.remove(&key);
            }
            Some(first) if was_first => {
                if let Some(job) = self.jobs.get(&first) {
                    self.ready.insert(rank(first, job));
                }
            }
            Some(_) => {}
        }
    }
}

impl Job {
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending)
    }

    /// Why it expires.
    pub(crate) fn expiry_reason(&self) -> String {
        match &self.last_reason {
            None => "its time ran out before it could be tried".into(),
            Some(reason) => format!("no try succeeded in time; the last: {reason}"),
        }
    }
}

fn line(notice: &Notice) -> Line {
    let to = match &notice.recipient {
        _ if notice.is_of_mailing() => To::Mail(notice.id.clone()),
        Some(to) => To::Contact(to.contact.as_str().into()),
        None => To::Channel,
    };
    (notice.incident, to)
}

fn rank(sequence: Sequence, job: &Job) -> Rank {
    (job.notice.drill.is_some(), !job.is_sending(), Reverse(job.notice.severity), sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::example;
    use activity::{DrillId, Span};

    fn at(secs: i64) -> Timestamp {
        example().decided_at + Span::from_secs(secs)
    }

    fn notice(incident: u64, change: impl FnOnce(&mut Notice)) -> Arc<Notice> {
        let mut notice = Notice { incident: IncidentId(incident), ..example() };
        change(&mut notice);
        Arc::new(notice)
    }

    /// Nothing stands in the way.
    const ALL: Free = Free { send: Some(Timestamp::MIN), look: Some(Timestamp::MIN) };

    fn taken(agenda: &mut Agenda, now: Timestamp) -> Vec<(u64, Severity)> {
        std::iter::from_fn(|| agenda.take_due(now, ALL))
            .map(|(_, job)| (job.notice.incident.0, job.notice.severity))
            .collect()
    }

    #[test]
    fn one_incidents_notices_leave_one_after_the_other() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.severity = Severity::Low), at(0));
        agenda.add(notice(1, |notice| notice.severity = Severity::Critical), at(0));
        let (first, _) = agenda.take_due(at(0), ALL).unwrap();
        assert!(agenda.take_due(at(0), ALL).is_none(), "the second waits while the first runs");
        agenda.postpone(first, 1, at(5), "down".into());
        assert!(agenda.take_due(at(4), ALL).is_none(), "and while it waits for its next try");
        assert_eq!(agenda.next_wake(ALL), Some(at(5)));
        let (first, job) = agenda.take_due(at(5), ALL).unwrap();
        assert_eq!((job.attempts, job.notice.severity), (1, Severity::Low));
        agenda.remove(first);
        assert_eq!(taken(&mut agenda, at(5)), [(1, Severity::Critical)]);
    }

    #[test]
    fn mails_of_a_mailing_wait_for_no_other() {
        let mut agenda = Agenda::default();
        let mail = |n: u64| {
            let recipient = incident::Recipient {
                contact: n.to_string(),
                title: String::new(),
                address: String::new(),
                reply: None,
            };
            let id = NoticeId(format!("{n:032x}"));
            notice(1, |notice| {
                (notice.id, notice.kind, notice.recipient) = (id, incident::NoticeKind::Draft, Some(recipient));
            })
        };
        (0..3).for_each(|n| agenda.add(mail(n), at(0)));
        let (first, _) = agenda.take_due(at(0), ALL).unwrap();
        agenda.postpone(first, 1, at(500), "greylisted".into());
        assert_eq!(taken(&mut agenda, at(1)).len(), 2, "the others go while one is tried again later");
    }

    #[test]
    fn the_live_and_the_grave_go_first() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.severity = Severity::Medium), at(0));
        agenda.add(notice(2, |notice| notice.drill = Some(DrillId(1))), at(0));
        agenda.add(notice(3, |notice| notice.severity = Severity::High), at(0));
        assert_eq!(taken(&mut agenda, at(0)).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [3, 1, 2]);
    }

    #[test]
    fn what_is_held_holds_up_nobody() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.hold_until = Some(at(60))), at(0));
        agenda.add(notice(1, |notice| notice.severity = Severity::Low), at(0));
        assert_eq!(taken(&mut agenda, at(0)), [(1, Severity::Low)]);
        assert_eq!(agenda.next_wake(ALL), Some(at(60)));
        assert!(agenda.take_due(at(59), ALL).is_none());
    }

    fn to(contact: &str) -> impl Fn(&mut Notice) {
        let recipient = incident::Recipient {
            contact: contact.into(),
            title: contact.into(),
            address: format!("{contact}@example.com"),
            reply: None,
        };
        move |notice| notice.recipient = Some(recipient.clone())
    }

    #[test]
    fn one_contacts_trouble_holds_up_no_other() {
        // An incident's steps, and the digest and tests of contacts, which are of no incident.
        for incident in [7, IncidentId::NONE.0] {
            let mut agenda = Agenda::default();
            agenda.add(notice(incident, to("ada")), at(0));
            let (greylisted, _) = agenda.take_due(at(0), ALL).unwrap();
            agenda.postpone(greylisted, 1, at(600), "451".into());
            agenda.add(notice(incident, to("ada")), at(1));
            agenda.add(notice(incident, to("bob")), at(1));
            agenda.add(notice(incident, |_| {}), at(1));
            let told = std::iter::from_fn(|| agenda.take_due(at(1), ALL));
            let told: Vec<_> =
                told.map(|(_, job)| job.notice.recipient.as_ref().map(|to| to.contact.clone())).collect();
            assert_eq!(told, [Some("bob".to_owned()), None], "Ada's own wait for their turn");
            agenda.remove(greylisted);
            assert!(agenda.take_due(at(1), ALL).is_some(), "which comes");
        }
    }

    #[test]
    fn what_expires_is_taken_out_with_its_reason() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.expires_at = at(10)), at(0));
        assert!(agenda.take_expired(at(9)).is_none());
        assert!(agenda.take_expired(at(10)).unwrap().expiry_reason().contains("before it could be tried"));
        assert_eq!(agenda.pending(), (0, None));

        agenda.add(notice(1, |notice| notice.expires_at = at(10)), at(0));
        let (sequence, _) = agenda.take_due(at(0), ALL).unwrap();
        assert!(agenda.take_expired(at(11)).is_none(), "a running try is awaited");
        agenda.postpone(sequence, 1, at(20), "HTTP 500".into());
        assert!(agenda.take_expired(at(11)).unwrap().expiry_reason().contains("HTTP 500"));
    }

    #[test]
    fn confirming_is_not_pending_and_blocks_nobody() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |_| {}), at(0));
        agenda.add(notice(1, |_| {}), at(0));
        let (sequence, _) = agenda.take_due(at(0), ALL).unwrap();
        let phase = Phase::Confirming { accepted_at: at(0), tries: 0, receipt: Receipt("key".into()) };
        agenda.confirm_at(sequence, 1, phase, at(1));
        assert_eq!(agenda.pending().0, 1);
        assert_eq!(taken(&mut agenda, at(0)).len(), 1);
        assert_eq!(agenda.next_wake(ALL), Some(at(1)));
    }

    #[test]
    fn looks_and_sends_keep_each_other_waiting_for_nothing() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |_| {}), at(0));
        let (asked, _) = agenda.take_due(at(0), ALL).unwrap();
        let phase = Phase::Confirming { accepted_at: at(0), tries: 0, receipt: Receipt("key".into()) };
        agenda.confirm_at(asked, 1, phase, at(1));
        agenda.add(notice(2, |_| {}), at(0));
        let sends_wait = Free { send: Some(at(30)), look: Some(at(0)) };
        let (sequence, job) = agenda.take_due(at(1), sends_wait).unwrap();
        assert!(sequence == asked && !job.is_sending());
        assert!(agenda.take_due(at(1), sends_wait).is_none());
        assert_eq!(agenda.next_wake(sends_wait), Some(at(30)));
        let (_, job) = agenda.take_due(at(1), Free { send: Some(at(1)), look: None }).unwrap();
        assert_eq!((job.notice.incident, job.is_sending()), (IncidentId(2), true));
        agenda.confirm_at(asked, 1, job.phase, at(5));
        assert_eq!(agenda.next_wake(Free { send: None, look: None }), Some(at(5)), "a timer is due whoever runs");
    }

    proptest::proptest! {
        /// Against the plain definition: no notice is lost, an incident has at most one unsent notice for a recipient under way,
        /// and those are sent in the order submitted unless held.
        #[test]
        fn whatever_happens_nothing_is_lost_or_overtakes(steps in proptest::collection::vec((0u8..6, 0u64..4), 1..200)) {
            let mut agenda = Agenda::default();
            let mut running: Vec<(Sequence, Job)> = Vec::new();
            let (mut added, mut gone, mut now) = (0usize, 0usize, at(0));
            let mut sent: HashMap<Line, Vec<Sequence>> = HashMap::new();
            for (what, number) in steps {
                match what {
                    0 => {
                        let change = |notice: &mut Notice| {
                            notice.expires_at = at(50);
                            if number % 2 == 1 {
                                to("ada")(notice);
                            }
                        };
                        agenda.add(notice(number / 2, change), now);
                        added += 1;
                    }
                    1 => {
                        while let Some((sequence, job)) = agenda.take_due(now, ALL) {
                            let rival = running.iter().any(|(_, other)| other.is_sending() && line(&other.notice) == line(&job.notice));
                            proptest::prop_assert!(!(job.is_sending() && rival));
                            running.push((sequence, job));
                        }
                    }
                    2 => if let Some((sequence, job)) = running.pop() {
                        if job.is_sending() {
                            agenda.postpone(sequence, 1, now + Span::from_secs(2), "down".into());
                        } else {
                            agenda.remove(sequence);
                            gone += 1;
                        }
                    },
                    3 => if let Some((sequence, job)) = running.pop() {
                        if job.is_sending() {
                            sent.entry(line(&job.notice)).or_default().push(sequence);
                            let phase = Phase::Confirming { accepted_at: now, tries: 0, receipt: Receipt(String::new()) };
                            agenda.confirm_at(sequence, 1, phase, now + Span::from_secs(1));
                        } else {
                            agenda.remove(sequence);
                            gone += 1;
                        }
                    },
                    4 => now = now + Span::from_secs(number as i64),
                    _ => while agenda.take_expired(now).is_some() {
                        gone += 1;
                    },
                }
                proptest::prop_assert_eq!(agenda.jobs.len(), added - gone);
            }
            // Everything that is left comes out in the end.
            for (sequence, _) in running {
                agenda.postpone(sequence, 1, now, "down".into());
            }
            while let Some((sequence, job)) = agenda.take_due(now + Span::from_hours(1), ALL) {
                if job.is_sending() {
                    sent.entry(line(&job.notice)).or_default().push(sequence);
                }
                agenda.remove(sequence);
                gone += 1;
            }
            proptest::prop_assert_eq!(gone, added);
            proptest::prop_assert!(sent.values().all(|sequences| sequences.is_sorted()));
            proptest::prop_assert!(agenda.lines.is_empty() && agenda.ready.is_empty() && agenda.looks.is_empty() && agenda.timers.is_empty());
            proptest::prop_assert!(agenda.expiring.is_empty() && agenda.decided.is_empty());
        }
    }
}
