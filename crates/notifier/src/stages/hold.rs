//! Stage 2: what may leave now.
//!
//! A notice with `hold_until` waits, and while it waits it holds up nobody. From then on the notices of one incident leave
//! one after the other, in the order they were submitted. Among incidents the live go before drills, the graver before the
//! lighter, the older before the younger.

use crate::channel::Receipt;
use activity::Timestamp;
use detector::Severity;
use incident::{IncidentId, Notice};
use std::{cmp::Reverse, collections::BTreeMap, collections::HashSet, sync::Arc};

/// One notice in hand.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) notice: Arc<Notice>,
    /// Attempts made.
    pub(crate) attempts: u32,
    pub(crate) due_at: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) running: bool,
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

/// The notices of one channel that are not settled.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    jobs: BTreeMap<Sequence, Job>,
    next: Sequence,
}

impl Agenda {
    pub(crate) fn add(&mut self, notice: Arc<Notice>, now: Timestamp) {
        let due_at = notice.hold_until.unwrap_or(now).max(now);
        let job = Job { notice, attempts: 0, due_at, phase: Phase::Sending, running: false, last_reason: None };
        self.jobs.insert(self.next, job);
        self.next += 1;
    }

    /// The notice to try now, if any: it counts as running until it is given back or removed.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(Sequence, Job)> {
        let sequence =
            self.free(now).filter(|(_, job)| job.due_at <= now).min_by_key(|(sequence, job)| rank(**sequence, job))?.0;
        let sequence = *sequence;
        let job = self.jobs.get_mut(&sequence)?;
        job.running = true;
        Some((sequence, job.clone()))
    }

    /// A notice that expired before it was sent, out of the agenda.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<Job> {
        let expired = |job: &Job| job.is_sending() && !job.running && job.notice.expires_at <= now;
        let sequence = *self.jobs.iter().find(|(_, job)| expired(job))?.0;
        self.jobs.remove(&sequence)
    }

    /// Gives a running notice back, to be tried again at `due_at`.
    pub(crate) fn postpone(&mut self, sequence: Sequence, attempts: u32, due_at: Timestamp, reason: String) {
        if let Some(job) = self.jobs.get_mut(&sequence) {
            (job.attempts, job.due_at, job.running, job.last_reason) = (attempts, due_at, false, Some(reason));
        }
    }

    /// It was accepted; the service is to be asked at `due_at`.
    pub(crate) fn confirm_at(&mut self, sequence: Sequence, attempts: u32, phase: Phase, due_at: Timestamp) {
        if let Some(job) = self.jobs.get_mut(&sequence) {
            (job.attempts, job.phase, job.due_at, job.running) = (attempts, phase, due_at, false);
        }
    }

    pub(crate) fn remove(&mut self, sequence: Sequence) -> Option<Job> {
        self.jobs.remove(&sequence)
    }

    /// When something will be due or expire; `None`: nothing waits. `free_at`: see [`super::limit::Limit::free_at`].
    pub(crate) fn next_wake(&self, now: Timestamp, free_at: Timestamp) -> Option<Timestamp> {
        let due = self.free(now).map(|(_, job)| job.due_at.max(free_at)).min();
        let waiting = self.jobs.values().filter(|job| job.is_sending() && !job.running);
        due.into_iter().chain(waiting.map(|job| job.notice.expires_at)).min()
    }

    /// Notices not sent yet, and the time the oldest of them was decided.
    pub(crate) fn pending(&self) -> (usize, Option<Timestamp>) {
        let sending = || self.jobs.values().filter(|job| job.is_sending());
        (sending().count(), sending().map(|job| job.notice.decided_at).min())
    }

    /// Not running, and not behind an earlier notice of the same incident.
    fn free(&self, now: Timestamp) -> impl Iterator<Item = (&Sequence, &Job)> {
        let mut taken: HashSet<IncidentId> = HashSet::new();
        self.jobs.iter().filter(move |(_, job)| match job.phase {
            Phase::Confirming { .. } => !job.running,
            Phase::Sending if job.is_held(now) => true,
            Phase::Sending => taken.insert(job.notice.incident) && !job.running,
        })
    }
}

impl Job {
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self.phase, Phase::Sending)
    }

    fn is_held(&self, now: Timestamp) -> bool {
        self.attempts == 0 && !self.running && self.notice.hold_until.is_some_and(|until| until > now)
    }

    /// Why it expires.
    pub(crate) fn expiry_reason(&self) -> String {
        match &self.last_reason {
            None => "its time ran out before it could be tried".into(),
            Some(reason) => format!("no try succeeded in time; the last: {reason}"),
        }
    }
}

fn rank(sequence: Sequence, job: &Job) -> (bool, bool, Reverse<Severity>, Sequence) {
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

    fn taken(agenda: &mut Agenda, now: Timestamp) -> Vec<(u64, Severity)> {
        std::iter::from_fn(|| agenda.take_due(now))
            .map(|(_, job)| (job.notice.incident.0, job.notice.severity))
            .collect()
    }

    #[test]
    fn one_incidents_notices_leave_one_after_the_other() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.severity = Severity::Low), at(0));
        agenda.add(notice(1, |notice| notice.severity = Severity::Critical), at(0));
        let (first, _) = agenda.take_due(at(0)).unwrap();
        assert!(agenda.take_due(at(0)).is_none(), "the second waits while the first runs");
        agenda.postpone(first, 1, at(5), "down".into());
        assert!(agenda.take_due(at(4)).is_none(), "and while it waits for its next try");
        assert_eq!(agenda.next_wake(at(4), at(4)), Some(at(5)));
        let (first, job) = agenda.take_due(at(5)).unwrap();
        assert_eq!((job.attempts, job.notice.severity), (1, Severity::Low));
        agenda.remove(first);
        assert_eq!(taken(&mut agenda, at(5)), [(1, Severity::Critical)]);
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
        assert_eq!(agenda.next_wake(at(0), at(0)), Some(at(60)));
        assert!(agenda.take_due(at(59)).is_none());
    }

    #[test]
    fn what_expires_is_taken_out_with_its_reason() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |notice| notice.expires_at = at(10)), at(0));
        assert!(agenda.take_expired(at(9)).is_none());
        assert!(agenda.take_expired(at(10)).unwrap().expiry_reason().contains("before it could be tried"));
        assert_eq!(agenda.pending(), (0, None));

        agenda.add(notice(1, |notice| notice.expires_at = at(10)), at(0));
        let (sequence, _) = agenda.take_due(at(0)).unwrap();
        assert!(agenda.take_expired(at(11)).is_none(), "a running try is awaited");
        agenda.postpone(sequence, 1, at(20), "HTTP 500".into());
        assert!(agenda.take_expired(at(11)).unwrap().expiry_reason().contains("HTTP 500"));
    }

    #[test]
    fn confirming_is_not_pending_and_blocks_nobody() {
        let mut agenda = Agenda::default();
        agenda.add(notice(1, |_| {}), at(0));
        agenda.add(notice(1, |_| {}), at(0));
        let (sequence, _) = agenda.take_due(at(0)).unwrap();
        let phase = Phase::Confirming { accepted_at: at(0), tries: 0, receipt: Receipt("key".into()) };
        agenda.confirm_at(sequence, 1, phase, at(1));
        assert_eq!(agenda.pending().0, 1);
        assert_eq!(taken(&mut agenda, at(0)).len(), 1);
        assert_eq!(agenda.next_wake(at(0), at(0)), Some(at(1)));
    }
}
