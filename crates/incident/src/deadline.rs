//! Time limits that run for an incident. What the law says, and how a limit is reckoned, is the `law` crate's; here is what
//! became of it in one incident: since when it runs, who was warned, how it ended.
//!
//! What starts a deadline is a person's finding, or a policy that stands in for it until then; never an alert alone,
//! never a drill. Where the law gives no figure there is no due date, and none is made up: elapsed time counts against an
//! internal target that the operator sets.

use crate::wire;
use activity::{Span, Timestamp};
use law::{Edition, Running, Standing};
use serde::{Deserialize, Serialize};

/// One obligation, running for one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deadline {
    /// Id of the obligation.
    pub obligation: String,
    pub name: String,
    pub citation: String,
    pub recipient: String,
    /// What has to be weighed before telling anybody.
    pub condition: String,
    #[serde(with = "wire")]
    pub starts_at: Timestamp,
    /// `None`: the law gives no figure.
    #[serde(with = "wire")]
    pub due_at: Option<Timestamp>,
    /// The operator's own aim, where the law gives no figure.
    #[serde(with = "wire")]
    pub target_at: Option<Timestamp>,
    /// It belongs to a drill: it obliges nobody.
    pub simulated: bool,
    /// Whether counsel has confirmed the obligation.
    pub reviewed: bool,
    /// How it was reckoned, in words.
    #[serde(default)]
    pub reckoning: String,
    /// Thresholds that count as met because the number of people is not known well enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
    /// Ids of obligations whose notice has to be sent before this one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Where those live of whom a threshold speaks; empty: anywhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub residents_of: String,
    /// The file of obligations that it was reckoned by; `None`: an entry from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<Edition>,
    /// It ran before, and another file of obligations has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<Revised>,
    /// The greatest of [`Deadline::STEPS`] of which people were warned; 0: none yet.
    pub warned_percent: u8,
    pub settled: Option<Settled>,
}

/// What another file of obligations has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revised {
    /// The file by which it ran before.
    pub law_was: Edition,
    #[serde(with = "wire")]
    pub due_was: Option<Timestamp>,
}

/// How a deadline ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    #[serde(with = "wire")]
    pub at: Timestamp,
    pub by: String,
    pub how: Settlement,
    pub reason: String,
    /// When its recipient was told, if that was earlier than `at`. Limits that start with that notice count from then.
    #[serde(with = "wire", default)]
    pub told_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Whoever had to be told has been told.
    Met,
    /// A person found that nobody has to be told.
    NotRequired,
    /// The finding that started it was taken back; it runs again if that finding comes back.
    Withdrawn,
}

impl Deadline {
    /// Parts of the time, in percent, at which people are warned; 100: it has passed.
    pub const STEPS: [u8; 4] = [50, 75, 90, 100];

    /// An obligation that runs, by this file.
    pub fn start(standing: &Standing<'_>, running: &Running, target: Span, simulated: bool, law: &Edition) -> Self {
        let obligation = standing.obligation;
        Deadline {
            obligation: obligation.id.clone(),
            name: obligation.name.clone(),
            citation: obligation.citation.clone(),
            recipient: obligation.addressee().to_owned(),
            condition: obligation.condition.clone(),
            starts_at: running.starts_at,
            due_at: running.due_at,
            target_at: running.due_at.is_none().then_some(running.starts_at + target),
            simulated,
            reviewed: obligation.is_reviewed(),
            reckoning: running.reckoning.clone(),
            assumed: standing.assumed.iter().map(|assumed| assumed.threshold.to_string()).collect(),
            after: standing.after.iter().map(|id| (*id).to_owned()).collect(),
            residents_of: obligation.residents_of.clone(),
            law: Some(law.clone()),
            revised: None,
            warned_percent: 0,
            settled: None,
        }
    }

    /// Whether it says the same of the law as another one; what people did about it does not matter.
    pub fn says_the_same(&self, other: &Deadline) -> bool {
        let of = |deadline: &Deadline| {
            (deadline.starts_at, deadline.due_at, deadline.assumed.clone(), deadline.after.clone())
        };
        of(self) == of(other)
    }

    /// What another file of obligations has changed of it, in words; `None`: nothing.
    pub fn revision_in_words(&self) -> Option<String> {
        crate::revised::in_words(self)
    }

    /// When its recipient was told; `None`: not yet.
    pub fn told_at(&self) -> Option<Timestamp> {
        let met = self.settled.as_ref().filter(|settled| settled.how == Settlement::Met)?;
        Some(met.told_at.unwrap_or(met.at))
    }

    pub fn is_running(&self) -> bool {
        self.settled.is_none()
    }

    /// A running deadline that obliges somebody.
    pub fn is_real(&self) -> bool {
        self.is_running() && !self.simulated
    }

    /// The due date, or the internal target where there is none.
    pub fn limit(&self) -> Option<Timestamp> {
        self.due_at.or(self.target_at)
    }

    /// When this part of the time has gone by.
    pub fn at_percent(&self, percent: u8) -> Option<Timestamp> {
        let total = (self.limit()? - self.starts_at).as_millis();
        let part = i128::from(total) * i128::from(percent) / 100;
        Some(self.starts_at + Span::from_millis(part as i64))
    }

    /// The greatest step that has been reached and not yet been warned of.
    pub fn step_due(&self, now: Timestamp) -> Option<u8> {
        let reached = |percent: &u8| self.at_percent(*percent).is_some_and(|at| at <= now);
        let step = Self::STEPS.into_iter().rev().find(reached)?;
        (self.is_running() && step > self.warned_percent).then_some(step)
    }

    /// When the next step is reached.
    pub fn next_step_at(&self) -> Option<Timestamp> {
        let next = Self::STEPS.into_iter().find(|step| *step > self.warned_percent)?;
        self.is_running().then(|| self.at_percent(next)).flatten()
    }

    pub fn elapsed(&self, now: Timestamp) -> Span {
        now - self.starts_at
    }

    /// Negative once it has passed.
    pub fn remaining(&self, now: Timestamp) -> Option<Span> {
        self.limit().map(|limit| limit - now)
    }
}
