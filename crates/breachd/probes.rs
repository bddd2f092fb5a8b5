//! `[probes]` and `[[integrations]]`: whether the ways still work is found out before a breach does.
//!
//! The active notifier tries every channel, and every interface that is listed, once in so long (what failed: within the hour), and journals what came of it. A notifier that
//! starts goes by the journal, so a restart tries nothing again. Trials run beside the work, one after the other; what is in
//! the middle of one when the configuration changes is tried again.

use crate::settings::{Settings, Usage};
use activity::{Span, Timestamp, printable, printable_within};
use incident::{Casebook, Decision};
use notifier::{ChannelSettings, Dispatcher, Integration, Period, ProbeError};
use serde::Deserialize;
use std::{collections::BTreeSet, io::Write, pin::Pin, time::Instant};
use tokio::sync::mpsc;

/// `[probes]`: trials of the ways, on a schedule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// How often each way is tried. Absent: never by itself.
    pub every: Option<Period>,
    /// Also where a trial is a message to people that says it is a test: text messages, Teams.
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

/// What a trial showed.
pub struct Outcome {
    probe: String,
    passed: bool,
    words: String,
    millis: u64,
}

type Trial = Pin<Box<dyn Future<Output = Option<Result<String, String>>> + Send>>;

/// The trials of the active notifier.
pub struct Trials {
    running: BTreeSet<String>,
    outcomes: mpsc::Receiver<(Option<Outcome>, String)>,
    sender: mpsc::Sender<(Option<Outcome>, String)>,
}

/// Outcomes that may wait to be journaled; beyond it the trials wait.
const OUTCOMES: usize = 16;

impl Default for Trials {
    fn default() -> Self {
        let (sender, outcomes) = mpsc::channel(OUTCOMES);
        Trials { running: BTreeSet::new(), outcomes, sender }
    }
}

impl Trials {
    /// Starts what is due. Within a runtime.
    pub fn start(&mut self, settings: &Settings, dispatcher: &Dispatcher, casebook: &Casebook, now: Timestamp) {
        let Some(every) = settings.probes.every else { return };
        let every = Span::from_millis(i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
        // One round at a time: a service that hangs is one trial late, not a hundred at once.
        if !self.running.is_empty() {
            return;
        }
        let due_at = |name: &str| {
            let (_, record) = casebook.probes().find(|(probe, _)| *probe == name)?;
            // What failed is looked at sooner, for the alarm to end when it is mended.
            Some(record.at + if record.passed { every } else { every.min(AFTER_FAILURE) })
        };
        let is_due = |name: &String| due_at(name).is_none_or(|at| at <= now);
        let due: Vec<String> = names(settings).into_iter().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        let trials: Vec<(String, Trial)> = due
            .into_iter()
            .filter_map(|name| {
                let trial = trial(settings, dispatcher, &name)?;
                Some((name, trial))
            })
            .collect();
        self.running = trials.iter().map(|(name, _)| name.clone()).collect();
        let sender = self.sender.clone();
        tokio::spawn(async move {
            for (probe, trial) in trials {
                let began = Instant::now();
                let outcome = trial.await.map(|outcome| {
                    let passed = outcome.is_ok();
                    let words = printable_within(&outcome.unwrap_or_else(|problem| problem), WORDS_MAX);
                    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    Outcome { probe: probe.clone(), passed, words, millis }
                });
                // Whoever asked may have ended.
                if sender.send((outcome, probe)).await.is_err() {
                    return;
                }
            }
        });
    }

    /// What has ended since: to be journaled.
    pub fn ended(&mut self, at: Timestamp) -> Vec<Decision> {
        let mut decisions = Vec::new();
        while let Ok((outcome, probe)) = self.outcomes.try_recv() {
            self.running.remove(&probe);
            let Some(Outcome { probe, passed, words, millis }) = outcome else { continue };
            if !passed {
                tracing::error!(%probe, %words, "a way that notices or the procedure rely on failed when it was tried");
            }
            decisions.push(Decision::ProbeRecorded { at, because: words, probe, passed, millis });
        }
        decisions
    }
}

/// What is tried, by its name in the journal.
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
    let integration = Integration::new(one, &settings.delivery);
    Some(Box::pin(async move {
        Some(match integration {
            Ok(integration) => integration.probe().await,
            Err(error) => Err(error.to_string()),
        })
    }))
}

/// `breachd integrations list`: what is tried, and what came of it last, as the journal says.
pub fn list(settings: &Settings, casebook: &Casebook, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut well = true;
    for name in names(settings) {
        let words = match casebook.probes().find(|(probe, _)| *probe == name) {
            None => "never tried".to_owned(),
            Some((_, record)) => {
                well &= record.passed;
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
        let outcome = match Integration::new(one, &settings.delivery) {
            Ok(integration) => integration.probe().await,
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(words) => writeln!(out, "{}: {}", one.name, printable(&words))?,
            Err(problem) => {
                well = false;
                writeln!(out, "{}: FAILED: {}", one.name, printable(&problem))?;
            }
        }
    }
    Ok(well)
}
