//! Escalation policies: whom to call, in which order, how long to wait.

use crate::{Mistakes, contact::word_problem, limits, span};
use activity::Span;
use serde::Deserialize;
use std::fmt;

/// Steps that are gone through one by one until somebody acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    /// How often the steps are gone through again when nobody has acknowledged.
    pub repeat: u32,
    pub steps: Vec<Step>,
}

/// One step of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub whom: Vec<Whom>,
    /// Names of channels (`[[channels]] name` of the configuration).
    pub channels: Vec<String>,
    /// The next step follows so long after this one, unless somebody has acknowledged.
    pub timeout: Span,
}

/// Whom a step calls, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    Contact(String),
    Team(String),
    /// Who is on call by it at that time.
    Schedule(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenPolicy {
    name: String,
    #[serde(default)]
    repeat: u32,
    steps: Vec<WrittenStep>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    whom: Vec<String>,
    channels: Vec<String>,
    timeout: String,
}

impl Policy {
    /// Steps in all, repetitions included.
    pub fn length(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX).saturating_mul(self.repeat.saturating_add(1))
    }

    /// The step of this number, counted from 0 through all repetitions.
    pub fn step(&self, number: u32) -> Option<&Step> {
        let n = u32::try_from(self.steps.len()).ok().filter(|n| *n > 0)?;
        (number < self.length()).then(|| self.steps.get((number % n) as usize)).flatten()
    }

    pub(crate) fn read(written: WrittenPolicy, path: &str, mistakes: &mut Mistakes) -> Policy {
        let WrittenPolicy { name, repeat, steps } = written;
        let mut wrong = |key: String, problem: String| mistakes.push((format!("{path}.{key}"), problem));
        if let Some(problem) = word_problem(&name) {
            wrong("name".into(), problem);
        }
        if repeat > limits::REPEAT_MAX {
            wrong("repeat".into(), format!("must be at most {}", limits::REPEAT_MAX));
        }
        if steps.is_empty() || steps.len() > limits::STEPS_MAX {
            wrong("steps".into(), format!("must be 1 to {} steps", limits::STEPS_MAX));
        }
        let steps = steps.into_iter().enumerate().map(|(at, step)| {
            let WrittenStep { whom, channels, timeout } = step;
            for (key, n) in [("whom", whom.len()), ("channels", channels.len())] {
                if n == 0 || n > limits::STEP_TARGETS_MAX {
                    wrong(format!("steps[{at}].{key}"), format!("must be 1 to {}", limits::STEP_TARGETS_MAX));
                }
            }
            let whom = whom.iter().enumerate().filter_map(|(n, text)| {
                let read = Whom::read(text);
                if read.is_none() {
                    let problem = format!("`{text}` is none of `contact:NAME`, `team:NAME`, `schedule:NAME`");
                    wrong(format!("steps[{at}].whom[{n}]"), problem);
                }
                read
            });
            let whom = whom.collect();
            let timeout = span::parse(&timeout)
                .filter(|span| Span::ZERO < *span && *span <= limits::TIMEOUT_MAX)
                .unwrap_or_else(|| {
                    let problem = format!("`{timeout}` is no time above `0s` and within `24h`, such as `10m`");
                    wrong(format!("steps[{at}].timeout"), problem);
                    limits::TIMEOUT_MAX
                });
            Step { whom, channels, timeout }
        });
        let steps = steps.collect();
        Policy { name, repeat, steps }
    }
}

impl Whom {
    fn read(text: &str) -> Option<Whom> {
        let (kind, name) = text.split_once(':')?;
        let name = name.to_owned();
        match kind {
            "contact" => Some(Whom::Contact(name)),
            "team" => Some(Whom::Team(name)),
            "schedule" => Some(Whom::Schedule(name)),
            _ => None,
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Contact(name) => write!(f, "contact `{name}`"),
            Whom::Team(name) => write!(f, "team `{name}`"),
            Whom::Schedule(name) => write!(f, "schedule `{name}`"),
        }
    }
}
