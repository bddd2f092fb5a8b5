//! `[probes]` and `[[integrations]]`: whether the ways still work is found out before a breach does.
//!
//! The active notifier tries every channel, and every interface that is listed, once in so long (what failed: within the hour), and
//! journals what came of it. A notifier that starts goes by the journal, so a restart tries nothing again. Trials run beside the work, one
//! after the other; what is in the middle of one when the configuration changes is tried again.

use crate::settings::{Settings, Usage};
use activity::{Span, Timestamp, printable, printable_within};
use incident::{Casebook, Decision, ProbeRecord};
use notifier::{ChannelSettings, DeliverySettings, Dispatcher, Integration, IntegrationSettings, Period, ProbeError};
use serde::Deserialize;
use std::{io::Write, pin::Pin, time::Instant};
use tokio::sync::oneshot;

/// `[probes]`: trials of the ways, on a schedule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// How often each way is tried. Absent: never by itself.
    pub every: Option<Period>,
    /// Also where a trial is a message to people that says it is a test: text messages, Teams, webhooks.
    pub messages: bool,
}

impl ProbeSettings {
    pub fn check(&self) -> Vec<(String, String)> {
        let fits = |every: &Period| Period::from_secs(60) <= *every && *every <= Period::from_secs(31 * 24 * 3600);
        let wrong = self.every.as_ref().filter(|every| !fits(every));
        let mistake = |every: &Period| ("probes.every".to_owned(), format!("`{every}` must be between 1m and 31d"));
        wrong.map(mistake).into_iter().collect()
    }
}

/// What failed is tried again after so long, if not before.
const AFTER_FAILURE: Span = Span::from_hours(1);

/// Characters of an outcome that are journaled.
const WORDS_MAX: usize = 300;

/// What a trial showed, in words; `None`: nothing, since the channel ended meanwhile.
type Outcome = Option<Result<String, String>>;

/// The trials of the active notifier: one at a time, so that a service that hangs is one trial late and not a hundred at once.
#[derive(Default)]
pub struct Trials {
    running: Option<Running>,
}

struct Running {
    probe: String,
    since: Instant,
    outcome: oneshot::Receiver<Outcome>,
}

impl Trials {
    /// Starts the trial that is due longest, if none runs. Within a runtime.
    pub fn start(&mut self, settings: &Settings, dispatcher: &Dispatcher, casebook: &Casebook, now: Timestamp) {
        let Some(every) = settings.probes.every else { return };
        let every = Span::from_millis(i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
        if self.running.is_some() {
            return;
        }
        let due_at = |name: &str| {
            // After a clock set back it is due at once.
            let record = casebook.probe(name).filter(|record| record.at <= now);
            // What failed is looked at sooner, for the alarm to end when it is mended.
            let wait = |record: &ProbeRecord| if record.passed { every } else { every.min(AFTER_FAILURE) };
            record.map_or(Timestamp::MIN, |record| record.at + wait(record))
        };
        let due = names(settings).into_iter().map(|name| (due_at(&name), name));
        let Some((_, probe)) = due.filter(|(at, _)| *at <= now).min() else { return };
        let Some(trial) = trial(settings, dispatcher, &probe) else { return };
        let (sender, outcome) = oneshot::channel();
        tokio::spawn(async move {
            // Whoever asked may have ended.
            let _ = sender.send(trial.await);
        });
        self.running = Some(Running { probe, since: Instant::now(), outcome });
    }

    /// What has ended since: to be journaled.
    pub fn ended(&mut self, at: Timestamp) -> Option<Decision> {
        let Running { probe, since, outcome } = self.running.as_mut()?;
        let outcome = match outcome.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => return None,
            Ok(outcome) => outcome,
            // It panicked; the log says where.
            Err(oneshot::error::TryRecvError::Closed) => Some(Err("the trial itself failed".to_owned())),
        };
        let (probe, millis) = (std::mem::take(probe), u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.running = None;
        let outcome = outcome?;
        let passed = outcome.is_ok();
        let because = printable_within(&outcome.unwrap_or_else(|problem| problem), WORDS_MAX);
        if !passed {
            tracing::error!(%probe, %because, "a way that notices or the procedure rely on failed when it was tried");
        }
        Some(Decision::ProbeRecorded { at, because, probe, passed, millis })
    }
}

type Trial = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What is tried on the schedule, by its name in the journal; nothing without one.
pub fn scheduled(settings: &Settings) -> Vec<String> {
    if settings.probes.every.is_some() { names(settings) } else { Vec::new() }
}

/// What can be tried.
fn names(settings: &Settings) -> Vec<String> {
    let tried = |channel: &&ChannelSettings| settings.probes.messages || !channel.trial_is_a_message();
    let channels = settings.channels.iter().filter(tried).map(|channel| format!("channel/{}", channel.name()));
    channels.chain(settings.integrations.iter().map(|one| format!("integration/{}", one.name))).collect()
}

/// `None`: there is no such way any more; within: the trial says nothing.
fn trial(settings: &Settings, dispatcher: &Dispatcher, name: &str) -> Option<Trial> {
    if let Some(channel) = name.strip_prefix("channel/") {
        let trial = dispatcher.probe(channel);
        return Some(Box::pin(async move {
            match trial.await {
                Err(ProbeError::Ended { .. }) => None,
                outcome => Some(outcome.map_err(|error| error.to_string())),
            }
        }));
    }
    let wanted = name.strip_prefix("integration/")?;
    let one = settings.integrations.iter().find(|one| one.name == wanted)?;
    let (one, delivery) = (one.clone(), settings.delivery.clone());
    Some(Box::pin(async move { Some(try_now(&one, &delivery).await) }))
}

/// Secrets are read for each trial: one that was renewed counts at once.
async fn try_now(one: &IntegrationSettings, delivery: &DeliverySettings) -> Result<String, String> {
    match Integration::new(one, delivery) {
        Ok(integration) => integration.probe().await,
        Err(error) => Err(error.to_string()),
    }
}

/// `breachd integrations list`: what is tried, and what came of it last, as the journal says.
pub fn list(settings: &Settings, casebook: &Casebook, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut well = true;
    for name in names(settings) {
        let words = match casebook.probe(&name) {
            None => "never tried".to_owned(),
            Some(record) => {
                well &= record.passed || settings.probes.every.is_none();
                let outcome = match record.failing_since {
                    None => "passed".to_owned(),
                    Some(since) => format!("FAILED, since {since}"),
                };
                format!("{outcome}; last tried {} in {} ms: {}", record.at, record.millis, record.because)
            }
        };
        writeln!(out, "{}", printable(&format!("{name}: {words}")))?;
    }
    if settings.probes.every.is_none() {
        writeln!(out, "nothing is tried by itself: write `[probes] every`")?;
    }
    Ok(well)
}

/// `breachd integrations test`: tries one now, or all; nothing is journaled. False: one failed.
pub async fn test(settings: &Settings, name: Option<&str>, out: &mut dyn Write) -> anyhow::Result<bool> {
    let wanted: Vec<_> = settings.integrations.iter().filter(|one| name.is_none_or(|name| name == one.name)).collect();
    if wanted.is_empty() {
        return Err(Usage(match name {
            Some(name) => format!("no integration `{}` is configured", printable(name)),
            None => "no integration is configured: write `[[integrations]]`".to_owned(),
        })
        .into());
    }
    let mut well = true;
    for one in wanted {
        match try_now(one, &settings.delivery).await {
            Ok(words) => writeln!(out, "{}: {}", one.name, printable(&words))?,
            Err(problem) => {
                well = false;
                writeln!(out, "{}: FAILED: {}", one.name, printable(&problem))?;
            }
        }
    }
    Ok(well)
}
