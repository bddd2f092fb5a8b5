//! The front of the crate: starts a lane per channel, and hands notices to them.

use crate::{
    SecretError, Settings,
    channel::{AnyChannel, Nowhere},
    channels::{self, Outside},
    clock::Surroundings,
    lane::{Command, Lane, Running},
    reach::Reach,
    settings::Pace,
    stages::{dedup::Ids, hold::Agenda, limit::Limit, record::Record},
};
use activity::Timestamp;
use incident::{DeliveryReport, DeliveryResult, Notice};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

pub use crate::stages::dedup::Submission;

/// Takes notices and delivers them. Dropping it stops the lanes at once; [`Dispatcher::drain`] lets them finish.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: BTreeMap<Arc<str>, Handle>,
    /// For mails of mailings, beside the lane of the same channel: a pace, a queue and connections of their own.
    mailings: BTreeMap<Arc<str>, Handle>,
    /// For notices whose channel is not configured.
    nowhere: Handle,
}

#[derive(Debug)]
struct Handle {
    inbox: mpsc::UnboundedSender<Command>,
    ids: Arc<Mutex<Ids>>,
    task: JoinHandle<()>,
}

/// What metrics want to know. Called from the lanes: be quick, never block.
pub trait Observer: Send + Sync {
    /// One attempt ended: `result` as in [`DeliveryResult::as_str`].
    fn attempt(&self, _channel: &str, _result: &'static str, _seconds: f64) {}
    /// Notices not sent yet, and when the oldest of them was decided.
    fn pending(&self, _channel: &str, _n: usize, _oldest_decided_at: Option<Timestamp>) {}
    /// A notice was accepted, confirmed, rejected, or expired, at wall time `at`.
    fn settled(&self, _channel: &str, _notice: &Notice, _result: &DeliveryResult, _at: Timestamp) {}
}

/// Nobody counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}

/// Why a channel cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("`{key}` {problem}")]
    Setting { key: String, problem: String },
    #[error("channel `{channel}`: `{setting}`: {error}")]
    Secret { channel: String, setting: &'static str, error: SecretError },
    #[error("channel `{channel}`: {problem}")]
    Unfit { channel: String, problem: String },
}

/// Why a channel's trial failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("no channel `{channel}` is configured")]
    NoSuchChannel { channel: String },
    #[error("channel `{channel}`: {reason}")]
    Failed { channel: String, reason: String },
    /// Another configuration was taken up meanwhile, or all ends: it says nothing about the channel.
    #[error("channel `{channel}` has ended")]
    Ended { channel: String },
}

impl Dispatcher {
    /// Reads the secrets and starts the channels. Must be called within a tokio runtime.
    ///
    /// `reports` must be read: when it is full, delivery waits rather than forget a report.
    pub fn start(
        settings: &Settings,
        reports: mpsc::Sender<DeliveryReport>,
        observer: Arc<dyn Observer>,
    ) -> Result<Dispatcher, ChannelError> {
        Self::start_within(settings, reports, observer, Surroundings::real())
    }

    /// As [`Dispatcher::start`], with a clock and jitter of the caller's.
    pub fn start_within(
        settings: &Settings,
        reports: mpsc::Sender<DeliveryReport>,
        observer: Arc<dyn Observer>,
        surroundings: Surroundings,
    ) -> Result<Dispatcher, ChannelError> {
        if let Some((key, problem)) = settings.check().into_iter().next() {
            return Err(ChannelError::Setting { key, problem });
        }
        // Someone else in the process may have chosen the same provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let outside = Outside { surroundings: surroundings.clone(), reach: Reach::of(&settings.delivery) };
        let mut built = Vec::new();
        for channel in &settings.channels {
            built.push((channel.name().to_owned(), channel.pace(), channels::build(channel, &outside)?));
        }
        let mut mailings = Vec::new();
        for channel in &settings.channels {
            if let Some(rate_per_minute) = channel.mails_per_minute() {
                let pace = Pace { rate_per_minute, ..channel.pace() };
                mailings.push((channel.name().to_owned(), pace, channels::build(channel, &outside)?));
            }
        }
        // Their counts would drown those of the notices; the incident's own say how a mailing stands.
        let aside = Self::of_channels(mailings, reports.clone(), Arc::new(NoObserver), surroundings.clone());
        let Dispatcher { lanes: mailings, nowhere, .. } = aside;
        nowhere.task.abort();
        Ok(Dispatcher { mailings, ..Self::of_channels(built, reports, observer, surroundings) })
    }

    pub(crate) fn of_channels(
        channels: Vec<(String, Pace, AnyChannel)>,
        reports: mpsc::Sender<DeliveryReport>,
        observer: Arc<dyn Observer>,
        surroundings: Surroundings,
    ) -> Dispatcher {
        let start = |name: Arc<str>, pace: Pace, channel: AnyChannel| {
            let (sender, inbox) = mpsc::unbounded_channel();
            let ids = Arc::new(Mutex::new(Ids::default()));
            let lane = Lane {
                channel,
                retry: pace.retry,
                limit: Limit::new(&pace),
                looks: Limit::new(&pace),
                ids: ids.clone(),
                surroundings: surroundings.clone(),
                record: Record { channel: name, reports: reports.clone(), observer: observer.clone() },
                agenda: Agenda::default(),
                running: Running::default(),
            };
            Handle { inbox: sender, ids, task: tokio::spawn(lane.run(inbox)) }
        };
        let nowhere = start("unknown".into(), Pace::default(), Arc::new(Nowhere));
        let lanes = channels.into_iter().map(|(name, pace, channel)| {
            let name: Arc<str> = name.into();
            (name.clone(), start(name, pace, channel))
        });
        Dispatcher { lanes: lanes.collect(), mailings: BTreeMap::new(), nowhere }
    }

    /// Takes a notice in, once per notice id. A notice for a channel that is not configured is taken in and reported
    /// `Rejected`, like one that a service refused.
    pub fn submit(&self, notice: Notice) -> Submission {
        let lanes = if notice.is_of_mailing() { &self.mailings } else { &self.lanes };
        let handle = lanes.get(notice.channel.as_str()).unwrap_or(&self.nowhere);
        // Held only for a look-up; no await, and the lane holds it as briefly.
        let mut ids = handle.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let submission = ids.admit(&notice.id);
        if submission == Submission::Queued
            && let Err(mpsc::error::SendError(Command::Submit(notice))) =
                handle.inbox.send(Command::Submit(Box::new(notice)))
        {
            ids.release(&notice.id);
            return Submission::Full;
        }
        submission
    }

    /// The names of the channels.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.lanes.keys().map(|name| &**name)
    }

    /// Tries a channel's way without telling anyone of an incident, and says in words what that has shown. What it cannot show is
    /// whether people look: that is what drills are for.
    pub fn probe(&self, channel: &str) -> impl Future<Output = Result<String, ProbeError>> + Send + use<> {
        let channel = channel.to_owned();
        let answer = self.lanes.get(channel.as_str()).map(|handle| {
            let (sender, answer) = oneshot::channel();
            // A lane that has ended drops the sender, which the answer shows.
            let _ = handle.inbox.send(Command::Probe(sender));
            answer
        });
        async move {
            match answer {
                None => Err(ProbeError::NoSuchChannel { channel }),
                Some(answer) => answer.await.map_err(|_| ProbeError::Ended { channel })?,
            }
        }
    }

    /// Takes nothing more in, goes on delivering for at most `within`, and says how many notices are unsent. Ends early
    /// when nothing is left that is due in time.
    pub async fn drain(mut self, within: Duration) -> usize {
        let deadline = Instant::now() + within;
        let mailings = std::mem::take(&mut self.mailings).into_values();
        let handles = std::mem::take(&mut self.lanes).into_values().chain(mailings).chain([self.nowhere]);
        let draining: Vec<_> = handles
            .map(|handle| {
                let (sender, answer) = oneshot::channel();
                // A lane that ended unexpectedly answers by hanging up.
                let _ = handle.inbox.send(Command::Drain(deadline, sender));
                (handle, answer)
            })
            .collect();
        let mut unsent = 0;
        for (handle, answer) in draining {
            unsent += match tokio::time::timeout_at(deadline + GRACE, answer).await {
                Ok(Ok(left)) => left,
                _ => handle.ids.lock().unwrap_or_else(PoisonError::into_inner).unsettled(),
            };
            handle.task.abort();
        }
        unsent
    }
}

/// How long a lane may overrun the drain's end to hand over its last report.
const GRACE: Duration = Duration::from_secs(1);
