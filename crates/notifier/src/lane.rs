//! One channel's task: it walks the stages.
//!
//! The lane owns everything about its channel and shares nothing but the set of ids; it waits for one of three things: a
//! command, a finished attempt, or the time at which something is due. Attempts run as tasks of their own, as many as the
//! limit allows, so that the lane itself never waits for a service.

use crate::{
    WAKE_MAX,
    channel::{AnyChannel, Confirmation, Receipt},
    clock::{Surroundings, until},
    dispatcher::ProbeError,
    settings::Retry,
    stages::{
        attempt::{self, Tried},
        classify::{Failure, FailureKind},
        confirm,
        dedup::Ids,
        hold::{Agenda, Free, Job, Phase, Sequence},
        limit::Limit,
        record::Record,
        retry,
    },
};
use activity::Timestamp;
use incident::{DeliveryResult, Notice};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

pub(crate) enum Command {
    Submit(Box<Notice>),
    Probe(oneshot::Sender<Result<String, ProbeError>>),
    /// Go on until then or until nothing is left to do before then; answer how many notices are unsent.
    Drain(Instant, oneshot::Sender<usize>),
}

pub(crate) struct Lane {
    pub(crate) channel: AnyChannel,
    pub(crate) retry: Retry,
    pub(crate) limit: Limit,
    /// Of the questions whether the service shows what it took: in a storm they would take every second attempt from the notices.
    /// They keep the pauses that notices are given, as those hold for the service; a pause that only they are given holds up no notice.
    pub(crate) looks: Limit,
    /// Shared with the submitting side; held for a set operation, never across an await.
    pub(crate) ids: Arc<Mutex<Ids>>,
    pub(crate) surroundings: Surroundings,
    pub(crate) record: Record,
    pub(crate) agenda: Agenda,
    pub(crate) running: Running,
}

/// Attempts under way.
#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<Tried>,
    jobs: HashMap<Id, Started>,
}

struct Started {
    sequence: Sequence,
    job: Job,
    at: Instant,
}

impl Lane {
    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        loop {
            self.expire().await;
            self.start_due();
            self.observe();
            let sleep = self.wait().map_or(WAKE_MAX, |wait| wait.min(WAKE_MAX));
            tokio::select! {
                command = inbox.recv() => {
                    let mut command = command;
                    // All that is there at once: looking through the agenda costs more than a command.
                    while let Some(next) = command {
                        if let Some((deadline, answer)) = self.take(next) {
                            // Whoever asked may have stopped waiting; the lane ends all the same.
                            let _ = answer.send(self.drain(deadline, &mut inbox).await);
                            return;
                        }
                        command = match inbox.try_recv() {
                            Ok(next) => Some(next),
                            Err(mpsc::error::TryRecvError::Empty) => break,
                            Err(mpsc::error::TryRecvError::Disconnected) => None,
                        };
                    }
                    if inbox.is_closed() && inbox.is_empty() {
                        return;
                    }
                }
                Some(done) = self.running.tasks.join_next_with_id() => self.finish(done).await,
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Does what a command says; draining is left to the caller.
    fn take(&mut self, command: Command) -> Option<(Instant, oneshot::Sender<usize>)> {
        match command {
            Command::Submit(notice) => self.agenda.add(Arc::from(notice), self.surroundings.now()),
            Command::Probe(answer) => self.probe(answer),
            Command::Drain(deadline, answer) => return Some((deadline, answer)),
        }
        None
    }

    /// How long until something is due; `None`: only a command or a finished attempt brings work.
    fn wait(&self) -> Option<Duration> {
        let now = self.surroundings.now();
        let wake = self.agenda.next_wake(self.free(now));
        wake.map(|at| until(at, now))
    }

    async fn expire(&mut self) {
        let now = self.surroundings.now();
        while let Some(job) = self.agenda.take_expired(now) {
            let result = DeliveryResult::Expired { reason: job.expiry_reason() };
            self.settle(&job.notice, job.attempts, result).await;
        }
    }

    fn start_due(&mut self) {
        loop {
            let now = self.surroundings.now();
            let Some((sequence, job)) = self.agenda.take_due(now, self.free(now)) else { return };
            match job.is_sending() {
                true => self.limit.start(now),
                false => self.looks.start(now),
            }
            let task = self.running.tasks.spawn(attempt::attempt(self.channel.clone(), job.clone()));
            self.running.jobs.insert(task.id(), Started { sequence, job, at: Instant::now() });
        }
    }

    fn free(&self, now: Timestamp) -> Free {
        let sends = self.running.jobs.values().filter(|started| started.job.is_sending()).count();
        let looks = self.running.jobs.len() - sends;
        Free {
            send: (sends < self.limit.width()).then(|| self.limit.free_at(now)),
            look: (looks < self.looks.width()).then(|| self.looks.free_at(now)),
        }
    }

    async fn finish(&mut self, done: Result<(Id, Tried), JoinError>) {
        let (id, tried) = match done {
            Ok((id, tried)) => (id, Some(tried)),
            Err(error) => (error.id(), None),
        };
        let Some(Started { sequence, job, at }) = self.running.jobs.remove(&id) else { return };
        let seconds = at.elapsed().as_secs_f64();
        match tried.unwrap_or_else(|| attempt::panicked(job.is_sending())) {
            Tried::Sent(sent) => self.sent(sequence, job, sent, seconds).await,
            Tried::Asked(asked) => self.asked(sequence, job, asked).await,
        }
    }

    async fn sent(&mut self, sequence: Sequence, job: Job, sent: Result<Receipt, Failure>, seconds: f64) {
        let now = self.surroundings.now();
        let attempts = job.attempts + 1;
        let notice = job.notice;
        let (result, waits) = match sent {
            Ok(receipt) => {
                self.limit.succeed();
                let result = DeliveryResult::Accepted { receipt: receipt.0.clone() };
                let phase = Phase::Confirming { accepted_at: now, tries: 0, receipt };
                match confirm::next_look(now, 0).filter(|_| self.channel.can_confirm()) {
                    Some(at) => {
                        self.agenda.confirm_at(sequence, attempts, phase, at);
                        (result, true)
                    }
                    None => (result, false),
                }
            }
            Err(Failure { reason, kind: FailureKind::Refused }) => {
                // It answered: the channel works, it is this notice (or our credentials) that it does not want.
                self.limit.succeed();
                (DeliveryResult::Rejected { reason }, false)
            }
            Err(Failure { reason, kind: FailureKind::Passing { retry_after } }) => {
                self.limit.fail(now, retry_after);
                if retry_after.is_some() {
                    self.looks.fail(now, retry_after);
                }
                let jitter = self.surroundings.jitter();
                match retry::next_at(&self.retry, attempts, retry_after, jitter, now, notice.expires_at) {
                    Some(next_at) => {
                        self.agenda.postpone(sequence, attempts, next_at, reason.clone());
                        (DeliveryResult::Retrying { reason, next_at }, true)
                    }
                    None => (DeliveryResult::Expired { reason: format!("no time for another try: {reason}") }, false),
                }
            }
        };
        self.record.observer.attempt(&self.record.channel, result.as_str(), seconds);
        if waits {
            self.record.report(&notice, attempts, now, result).await;
        } else {
            self.agenda.remove(sequence);
            self.settle(&notice, attempts, result).await;
        }
    }

    async fn asked(&mut self, sequence: Sequence, job: Job, asked: Result<Confirmation, Failure>) {
        let Phase::Confirming { accepted_at, tries, receipt } = job.phase else { return };
        let now = self.surroundings.now();
        let tries = tries + 1;
        match asked {
            Ok(Confirmation::Shown(receipt)) => {
                self.looks.succeed();
                self.agenda.remove(sequence);
                return self.settle(&job.notice, job.attempts, DeliveryResult::Confirmed { receipt: receipt.0 }).await;
            }
            Ok(Confirmation::NotYet) => self.looks.succeed(),
            Err(Failure { reason, kind }) => {
                tracing::info!(channel = %self.record.channel, notice = %job.notice.id, reason, "confirmation failed");
                if let FailureKind::Passing { retry_after } = kind {
                    self.looks.fail(now, retry_after);
                }
            }
        }
        match confirm::next_look(accepted_at, tries) {
            Some(at) => {
                let phase = Phase::Confirming { accepted_at, tries, receipt };
                self.agenda.confirm_at(sequence, job.attempts, phase, at.max(now));
            }
            None => {
                tracing::warn!(channel = %self.record.channel, notice = %job.notice.id, "accepted but never shown");
                self.agenda.remove(sequence);
                self.forget(&job.notice);
            }
        }
    }

    /// Reports a result after which nothing is left to do.
    async fn settle(&mut self, notice: &Notice, attempts: u32, result: DeliveryResult) {
        self.forget(notice);
        self.record.report(notice, attempts, self.surroundings.now(), result).await;
    }

    fn forget(&self, notice: &Notice) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever stops a mailing and goes on with it hands its mails over anew, under their old ids.
        match notice.is_of_mailing() {
            true => ids.release(&notice.id),
            false => ids.settle(&notice.id),
        }
    }

    fn probe(&self, answer: oneshot::Sender<Result<String, ProbeError>>) {
        let (channel, name) = (self.channel.clone(), self.record.channel.clone());
        tokio::spawn(async move {
            let probed = tokio::time::timeout(crate::ATTEMPT_MAX, channel.probe()).await;
            let probed = probed
                .unwrap_or_else(|_| Err(Failure::timed_out(crate::ATTEMPT_MAX)))
                .map_err(|failure| attempt::blanked(&channel, failure))
                .map_err(|failure| ProbeError::Failed { channel: name.to_string(), reason: failure.reason });
            // The asker may have gone.
            let _ = answer.send(probed);
        });
    }

    async fn drain(mut self, deadline: Instant, inbox: &mut mpsc::UnboundedReceiver<Command>) -> usize {
        inbox.close();
        while let Some(command) = inbox.recv().await {
            if let Command::Submit(notice) = command {
                self.agenda.add(Arc::from(notice), self.surroundings.now());
            }
        }
        loop {
            self.expire().await;
            self.start_due();
            self.observe();
            let wait = self.wait();
            let unsent = self.agenda.pending().0;
            let in_time = wait.is_some_and(|wait| Instant::now() + wait <= deadline);
            let nothing_in_time = self.running.jobs.is_empty() && !in_time;
            if unsent == 0 || nothing_in_time || Instant::now() >= deadline {
                return unsent;
            }
            tokio::select! {
                Some(done) = self.running.tasks.join_next_with_id() => self.finish(done).await,
                () = tokio::time::sleep(wait.map_or(WAKE_MAX, |wait| wait.min(WAKE_MAX)).min(deadline - Instant::now())) => {}
            }
        }
    }

    fn observe(&self) {
        let (n, oldest) = self.agenda.pending();
        self.record.observer.pending(&self.record.channel, n, oldest);
    }
}

#[cfg(test)]
mod tests;
