//! What is known of one incident, as far as obligations ask.

use activity::{DataClasses, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What can start a limit. Each is a recorded decision of a person, or of a policy that stands in for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Something looks like a breach.
    Suspicion,
    /// Reasonable certainty that personal data is concerned (EDPB Guidelines 9/2022, point 31).
    Awareness,
    /// The breach is known, or with reasonable diligence would have been.
    Discovery,
    /// A person found that it is a breach of the kind that the law means.
    Determination,
    /// An inquiry confirmed it.
    Confirmation,
    /// A registrant found it material (Form 8-K Item 1.05).
    Materiality,
}

impl Moment {
    pub const ALL: [Moment; 6] = [
        Moment::Suspicion,
        Moment::Awareness,
        Moment::Discovery,
        Moment::Determination,
        Moment::Confirmation,
        Moment::Materiality,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Moment::Suspicion => "suspicion",
            Moment::Awareness => "awareness",
            Moment::Discovery => "discovery",
            Moment::Determination => "determination",
            Moment::Confirmation => "confirmation",
            Moment::Materiality => "materiality",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.as_str() == word)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A number of people, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headcount {
    pub lower: u64,
    /// `None`: nothing bounds it.
    pub upper: Option<u64>,
}

impl Headcount {
    pub const UNKNOWN: Headcount = Headcount { lower: 0, upper: None };

    pub const fn exactly(n: u64) -> Self {
        Headcount { lower: n, upper: Some(n) }
    }

    pub const fn between(lower: u64, upper: u64) -> Self {
        Headcount { lower, upper: Some(upper) }
    }
}

impl fmt::Display for Headcount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.lower, self.upper) {
            (0, None) => f.write_str("an unknown number"),
            (lower, None) => write!(f, "at least {lower}"),
            (lower, Some(upper)) if lower == upper => write!(f, "{lower}"),
            (lower, Some(upper)) => write!(f, "{lower} to {upper}"),
        }
    }
}

/// Whose data it is, and where they live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub total: Headcount,
    /// By ISO 3166 code, e.g. `DE` or `US-CA`: those of whom it is known.
    pub residents: BTreeMap<String, Headcount>,
    /// Those of whom it is not known.
    pub unlocated: Headcount,
    /// Everybody who may live there, where that was worked out more closely than by adding up the two above; by code, too.
    pub reckoned: BTreeMap<String, Headcount>,
}

impl People {
    /// In [`People::reckoned`]: a state of the United States of which nobody is known to live there.
    pub const ANOTHER_STATE: &str = "US-";

    /// Nothing is known: every threshold counts as met.
    pub fn unknown() -> Self {
        People { total: Headcount::UNKNOWN, unlocated: Headcount::UNKNOWN, ..People::default() }
    }

    /// Whoever may live there: those of whom it is known, and at most all of whom it is not.
    pub fn residents_of(&self, place: &str) -> Headcount {
        if let Some(reckoned) = self.reckoned.get(place).filter(|_| !self.residents.contains_key(place)) {
            let upper = least(reckoned.upper, self.total.upper);
            return Headcount { lower: reckoned.lower, upper: upper.map(|upper| upper.max(reckoned.lower)) };
        }
        let known = self.residents.get(place).copied().unwrap_or(Headcount::exactly(0));
        let upper = known.upper.zip(self.unlocated.upper).map(|(known, others)| known.saturating_add(others));
        Headcount { lower: known.lower, upper: least(upper, self.total.upper) }
    }

    /// The most that live in one state of the United States.
    pub fn residents_of_one_state(&self) -> Headcount {
        let states = self.residents.keys().chain(self.reckoned.keys()).filter(|place| place.starts_with("US-"));
        let counts: Vec<_> = states.map(|state| self.residents_of(state)).collect();
        let lower = counts.iter().map(|count| count.lower).max().unwrap_or(0);
        // A state of which nobody is known may be that of all whose place is unknown.
        let elsewhere = self.reckoned.get(People::ANOTHER_STATE).map_or(self.unlocated.upper, |there| there.upper);
        let elsewhere = least(elsewhere, self.total.upper);
        let upper = counts.iter().map(|count| count.upper).chain([elsewhere]).reduce(|a, b| Some(a?.max(b?))).flatten();
        Headcount { lower, upper }
    }
}

/// The lesser bound, where `None` bounds nothing.
fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// One incident, in the light of which a [`crate::Catalogue`] is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Case<'a> {
    pub classes: DataClasses,
    /// Those that have come.
    pub moments: &'a BTreeMap<Moment, Timestamp>,
    /// When the notice of an obligation was sent, by the obligation's id.
    pub sent: &'a BTreeMap<String, Timestamp>,
    pub people: &'a People,
    /// Obligations that run although nobody verified them or they are not in force, because somebody said so.
    pub armed_anyway: &'a BTreeSet<String>,
}
