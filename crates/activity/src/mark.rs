//! What a signature rule says of an entry that matches it.

use std::{cmp::Ordering, sync::Arc};

/// How bad a match is, by the rule's own words. Sigma's `informational` is [`Level::Low`]: an alert knows four severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Low,
    Medium,
    High,
    Critical,
}

/// What an alert has to say of a rule, carried with the match.
///
/// So whoever raises the alert need not know the rule: two instances of which one has not yet read a changed file agree on what was
/// matched, and a replay of old tallies says what was said then. Sending a number instead would save some fifty bytes for each rule
/// and message, and make the answer depend on which files the reader has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Interrupts a person.
    pub page: bool,
    pub level: Level,
    /// The rule's name: small letters, digits and `_`.
    pub rule: Arc<str>,
    /// One line for a person.
    pub title: Arc<str>,
    /// MITRE ATT&CK techniques, such as `T1505.003`.
    pub techniques: Arc<[Arc<str>]>,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::Low, Level::Medium, Level::High, Level::Critical];

    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

impl Mark {
    /// Rules that may page, and marks that one tally holds. The two are one number on purpose: marks that page come first in the
    /// order, so where all of them have room none can be crowded out, whatever else an attacker matches.
    pub const MAX: usize = 32;

    /// Bytes of a rule's name.
    pub const RULE_BYTES_MAX: usize = 64;

    /// Bytes of a title.
    pub const TITLE_BYTES_MAX: usize = 160;

    /// Techniques of one rule, and bytes of each.
    pub const TECHNIQUES_MAX: usize = 8;
    pub const TECHNIQUE_BYTES_MAX: usize = 12;
}

/// What pages comes first, then what is worse; the rest only makes the order total.
impl Ord for Mark {
    fn cmp(&self, other: &Self) -> Ordering {
        let Mark { page, level, rule, title, techniques } = self;
        (other.page, other.level)
            .cmp(&(*page, *level))
            .then_with(|| rule.cmp(&other.rule))
            .then_with(|| title.cmp(&other.title))
            .then_with(|| techniques.cmp(&other.techniques))
    }
}

impl PartialOrd for Mark {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_comes_first_then_what_is_worse() {
        let mark = |page, level, rule: &str| Mark {
            page,
            level,
            rule: rule.into(),
            title: "".into(),
            techniques: Arc::new([]),
        };
        let mut marks = [
            mark(false, Level::Critical, "a"),
            mark(true, Level::Low, "d"),
            mark(false, Level::Low, "b"),
            mark(true, Level::High, "c"),
            mark(true, Level::High, "b"),
        ];
        marks.sort();
        let order: Vec<_> = marks.iter().map(|mark| (mark.page, mark.level, &*mark.rule)).collect();
        assert_eq!(
            order,
            [
                (true, Level::High, "b"),
                (true, Level::High, "c"),
                (true, Level::Low, "d"),
                (false, Level::Critical, "a"),
                (false, Level::Low, "b")
            ]
        );
    }
}
