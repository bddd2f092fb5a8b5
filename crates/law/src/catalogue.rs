//! The file of obligations: read, checked as a whole, asked.

use crate::{Calendar, Case, Limit, Obligation, Standing, standing};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// All obligations known, and the days off that their limits need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    edition: Edition,
    calendars: Vec<Calendar>,
    obligations: Vec<Obligation>,
}

/// Which file of obligations it was: what it calls itself, and what proves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    pub version: String,
    /// Of the whole file, in hexadecimal.
    pub sha256: String,
}

impl fmt::Display for Edition {
    /// `2026-11-26 (SHA-256 0123456789abcdef…)`: enough of it to tell two files apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning = self.sha256.get(..16).unwrap_or(&self.sha256);
        write!(f, "{} (SHA-256 {beginning}…)", self.version)
    }
}

/// What is wrong with a file of obligations: everything, each with its obligation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACatalogue {
    /// Not YAML, or not of this form; says where.
    #[error("{0}")]
    Yaml(String),
    #[error("it is of schema {0}; this breachd reads schema {SCHEMA}")]
    Schema(u32),
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
}

/// Version of the form of the file.
const SCHEMA: u32 = 1;
/// Characters of a version.
const VERSION_MAX: usize = 100;
/// Most obligations, and most calendars, of a file.
const ENTRIES_MAX: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    schema_version: u32,
    version: String,
    #[serde(default)]
    calendars: Vec<Calendar>,
    obligations: Vec<Obligation>,
}

impl Catalogue {
    /// `config/jurisdictions.yaml` as it was when this was built.
    pub const DEFAULT: &str = include_str!("../../../config/jurisdictions.yaml");

    pub fn parse(yaml: &str) -> Result<Self, NotACatalogue> {
        let Written { schema_version, version, calendars, obligations } =
            serde_saphyr::from_str(yaml).map_err(|error| NotACatalogue::Yaml(error.to_string()))?;
        if schema_version != SCHEMA {
            return Err(NotACatalogue::Schema(schema_version));
        }
        let sha256 = Sha256::digest(yaml.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let catalogue = Catalogue { edition: Edition { version, sha256 }, calendars, obligations };
        let wrong = catalogue.wrong();
        if wrong.is_empty() { Ok(catalogue) } else { Err(NotACatalogue::Wrong(wrong)) }
    }

    /// The file it was read from; of [`Catalogue::only`] too.
    pub fn edition(&self) -> &Edition {
        &self.edition
    }

    /// In the order of the file.
    pub fn obligations(&self) -> &[Obligation] {
        &self.obligations
    }

    pub fn get(&self, id: &str) -> Option<&Obligation> {
        self.obligations.iter().find(|obligation| obligation.id == id)
    }

    pub fn calendar(&self, id: &str) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.id == id)
    }

    /// The same with these obligations alone, in the order of the file. Who needs another one that is left out waits for ever:
    /// see [`Catalogue::left_out`].
    pub fn only(&self, chosen: impl Fn(&Obligation) -> bool) -> Catalogue {
        let obligations = self.obligations.iter().filter(|obligation| chosen(obligation)).cloned().collect();
        Catalogue { obligations, ..self.clone() }
    }

    /// Obligations that hang on one which is not in here: (who, on what).
    pub fn left_out(&self) -> Vec<(&str, &str)> {
        let all = self.obligations.iter();
        let pairs = all.flat_map(|obligation| obligation.leans_on().map(move |other| (obligation.id.as_str(), other)));
        pairs.filter(|(_, other)| self.get(other).is_none()).collect()
    }

    /// How an obligation of this catalogue stands for a case; `None`: there is none of this id.
    pub fn standing(&self, id: &str, case: &Case<'_>) -> Option<Standing<'_>> {
        Some(standing::standing(self, self.get(id)?, case))
    }

    /// How all of them stand, in the order of the file.
    pub fn standings(&self, case: &Case<'_>) -> Vec<Standing<'_>> {
        self.obligations.iter().map(|obligation| standing::standing(self, obligation, case)).collect()
    }

    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.obligations.len() > ENTRIES_MAX || self.calendars.len() > ENTRIES_MAX {
            return vec![format!("more than {ENTRIES_MAX} obligations or calendars")];
        }
        if self.edition.version.chars().nth(VERSION_MAX).is_some() {
            wrong.push(format!("`version` is longer than {VERSION_MAX} characters"));
        }
        for (at, calendar) in self.calendars.iter().enumerate() {
            if let Some(problem) = calendar.problem() {
                wrong.push(format!("calendar `{}`: {problem}", calendar.id));
            }
            if self.calendars[..at].iter().any(|other| other.id == calendar.id) {
                wrong.push(format!("calendar `{}`: the id is used twice", calendar.id));
            }
        }
        for (at, obligation) in self.obligations.iter().enumerate() {
            let is_twice = self.obligations[..at].iter().any(|other| other.id == obligation.id);
            let twice = is_twice.then(|| "the id is used twice".to_owned());
            let all = self.problems(obligation).into_iter().chain(twice);
            wrong.extend(all.map(|problem| format!("obligation `{}`: {problem}", obligation.id)));
        }
        wrong
            .extend(self.left_out().into_iter().map(|(id, other)| format!("obligation `{id}`: there is no `{other}`")));
        wrong.extend(self.circles().into_iter().map(|id| format!("obligation `{id}`: it hangs on itself")));
        wrong
    }

    fn problems(&self, obligation: &Obligation) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        must(!obligation.id.is_empty() && !obligation.name.is_empty(), "`id` and `name` must not be empty");
        let starts = !obligation.starts.is_empty() || obligation.after_sending.is_some();
        must(starts != obligation.order.is_some(), "give `starts` or `after_sending`, or `order`");
        let limits = obligation.limit.is_some() || obligation.latest.is_some();
        must(obligation.order.is_none() || !limits, "with `order`, the limit is the other's: give none");
        let says = limits || obligation.order.is_some() || !obligation.phrase.is_empty();
        must(says, "give a `limit`, or the `phrase` of a law that has none");
        must(!obligation.from_end_of_year || obligation.limit.is_some(), "`from_end_of_year` needs a `limit`");
        let by_place = obligation.thresholds.iter().any(|threshold| threshold.whose() == crate::Whose::Residents);
        must(!by_place || !obligation.residents_of.is_empty(), "a threshold of residents needs `residents_of`");
        let limits = obligation.limit.iter().chain(obligation.before.iter().filter_map(|before| before.limit.as_ref()));
        for limit in limits {
            if let Limit::BusinessDays { calendar, .. } = limit
                && self.calendar(calendar).is_none()
            {
                problems.push(format!("there is no calendar `{calendar}`"));
            }
        }
        problems
    }

    /// Obligations that, by way of others, hang on themselves.
    fn circles(&self) -> Vec<&str> {
        let returns = |start: &Obligation| {
            let mut reached: Vec<&str> = start.leans_on().collect();
            let mut at = 0;
            while let Some(id) = reached.get(at).copied() {
                for next in self.get(id).into_iter().flat_map(Obligation::leans_on) {
                    if !reached.contains(&next) {
                        reached.push(next);
                    }
                }
                at += 1;
            }
            reached.contains(&start.id.as_str())
        };
        self.obligations
            .iter()
            .filter(|obligation| returns(obligation))
            .map(|obligation| obligation.id.as_str())
            .collect()
    }
}

impl Obligation {
    /// Ids of the obligations it cannot do without.
    fn leans_on(&self) -> impl Iterator<Item = &str> {
        self.after_sending.as_deref().into_iter().chain(self.order.as_ref().map(crate::Order::other))
    }
}
