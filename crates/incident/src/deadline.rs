//! Legal and contractual time limits: the obligations we know, and those that run for an incident.
//!
//! *Hours* are absolute time: 72 h are 72 × 3,600 s, whatever clocks on walls are put to in between. *Calendar days* end,
//! by law, with a day in some authority's time zone. We know no zones here and take the beginning of the UTC day in
//! which n × 24 h end: never later than the end of the n-th day anywhere on earth, at most two days earlier. Where the law
//! gives no figure ("without undue delay") there is no due date, and none is made up: elapsed time counts against an
//! internal target that the operator sets.
//!
//! What starts a deadline is a person's finding, or a policy that stands in for it until then; never an alert alone,
//! never a drill.
//!
//! Not here: deadlines that start when another notification was *sent* (a final report a month after the first), business
//! days (they need each authority's holidays), and thresholds of residents per state (we do not know where people live).

use crate::wire;
use activity::{DataClass, DataClasses, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// One obligation to tell somebody within a time; a table `[[obligations]]` of `config/jurisdictions.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// Stable id, e.g. `eu-gdpr-33-authority`.
    pub id: String,
    pub name: String,
    /// Where it is written.
    pub citation: String,
    /// Classes of data it is about; empty: an incident of any kind.
    #[serde(with = "wire")]
    pub applies_to: Vec<DataClass>,
    /// Who has to be told.
    pub recipient: String,
    pub clock_start: ClockStart,
    /// Time limit in hours.
    #[serde(default)]
    pub hours: Option<u32>,
    /// Time limit in calendar days. Neither this nor `hours`: the law gives no figure.
    #[serde(default)]
    pub calendar_days: Option<u32>,
    /// What has to be weighed before telling anybody, in a few words.
    #[serde(default)]
    pub condition: String,
    /// Day on which the figures were read in a text that names the law.
    pub verified: String,
    /// Counsel who confirmed it; empty: shown as unreviewed.
    #[serde(default)]
    pub reviewed_by: String,
}

/// What starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockStart {
    /// Suspicion suffices: the incident is opened.
    Suspicion,
    /// Somebody is aware, with a reasonable degree of certainty: a person's verdict, or the policy until then.
    Awareness,
    /// A person found that it is a breach.
    Determination,
}

/// All obligations we know.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jurisdictions {
    pub obligations: Vec<Obligation>,
}

/// What is wrong with a file of jurisdictions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJurisdictions {
    #[error("{0}")]
    Toml(String),
    #[error("obligation `{id}`: {problem}")]
    Obligation { id: String, problem: &'static str },
}

/// Most hours or days of an obligation: ten years.
const DAYS_MAX: u32 = 3_660;

impl Jurisdictions {
    /// `config/jurisdictions.toml` as it was when this was built.
    pub const DEFAULT: &str = include_str!("../../../config/jurisdictions.toml");

    pub fn parse(toml: &str) -> Result<Self, NotJurisdictions> {
        let read: Jurisdictions = toml::from_str(toml).map_err(|error| NotJurisdictions::Toml(error.to_string()))?;
        for (at, obligation) in read.obligations.iter().enumerate() {
            let problem = if obligation.id.is_empty() || obligation.name.is_empty() {
                "`id` and `name` must not be empty"
            } else if read.obligations[..at].iter().any(|other| other.id == obligation.id) {
                "the id is used twice"
            } else if obligation.hours.is_some() && obligation.calendar_days.is_some() {
                "give `hours` or `calendar_days`, not both"
            } else if obligation.hours.is_some_and(|hours| hours == 0 || hours > 24 * DAYS_MAX)
                || obligation.calendar_days.is_some_and(|days| days == 0 || days > DAYS_MAX)
            {
                "the time limit must be between one hour and ten years"
            } else {
                continue;
            };
            return Err(NotJurisdictions::Obligation { id: obligation.id.clone(), problem });
        }
        Ok(read)
    }

    pub fn get(&self, id: &str) -> Option<&Obligation> {
        self.obligations.iter().find(|obligation| obligation.id == id)
    }
}

impl Obligation {
    /// Whether it concerns data of these classes.
    pub fn applies(&self, classes: DataClasses) -> bool {
        self.applies_to.is_empty() || self.applies_to.iter().any(|class| classes.contains(*class))
    }

    /// When it falls due; `None`: the law gives no figure.
    pub fn due(&self, starts_at: Timestamp) -> Option<Timestamp> {
        const DAY_MS: i64 = 24 * 3_600_000;
        match (self.hours, self.calendar_days) {
            (Some(hours), _) => Some(starts_at + Span::from_hours(i64::from(hours))),
            (None, Some(days)) => {
                let end = (starts_at + Span::from_hours(24 * i64::from(days))).as_millis();
                Some(Timestamp::from_millis(end.div_euclid(DAY_MS).saturating_mul(DAY_MS)))
            }
            (None, None) => None,
        }
    }

    pub fn reviewed(&self) -> bool {
        !self.reviewed_by.is_empty()
    }
}

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
    /// The greatest of [`Deadline::STEPS`] of which people were warned; 0: none yet.
    pub warned_percent: u8,
    pub settled: Option<Settled>,
}

/// How a deadline ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    #[serde(with = "wire")]
    pub at: Timestamp,
    pub by: String,
    pub how: Settlement,
    pub reason: String,
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

    /// An obligation that starts to run.
    pub fn start(obligation: &Obligation, starts_at: Timestamp, target: Span, simulated: bool) -> Self {
        let due_at = obligation.due(starts_at);
        Deadline {
            obligation: obligation.id.clone(),
            name: obligation.name.clone(),
            citation: obligation.citation.clone(),
            recipient: obligation.recipient.clone(),
            condition: obligation.condition.clone(),
            starts_at,
            due_at,
            target_at: due_at.is_none().then_some(starts_at + target),
            simulated,
            reviewed: obligation.reviewed(),
            warned_percent: 0,
            settled: None,
        }
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
