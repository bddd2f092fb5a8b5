//! How far event time has come, and whether anything is missing or doubled.
//!
//! The *horizon* is the time before which nothing more is expected: the least watermark of all source partitions, less the
//! allowed lateness. Ingest judges lateness per source partition against that partition's own greatest stamp, so no
//! tally can arrive for a minute behind the horizon, whoever reads first. Idle partitions are not waited for; if all are
//! idle, the greatest watermark counts. The only exception is a partition that was released as idle and comes back with
//! old records: those are judged alone, counted, and never learned.

use crate::packed::{packed, packed_as};
use activity::{Span, Timestamp};
use std::collections::BTreeMap;
use tally::{Manifest, Range};

/// Something that must not happen; the caller counts it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Offsets of a source partition were never covered by a flush.
    Gap { source: Box<str>, partition: i32, expected: i64, found: i64 },
    /// Offsets were covered twice, in a message that also held new ones and had to be taken.
    Overlap { source: Box<str>, partition: i32, expected: i64, found: i64 },
    /// A source partition was made anew: what it held and nobody had read yet is gone.
    Anew { source: Box<str>, partition: i32, expected: i64, found: i64 },
    /// A message for another tally partition, or made with another number of partitions.
    Misdirected { partition: u32, partitions: u32 },
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    New,
    /// All its offsets were covered before: at least once delivery repeated it.
    Repeated,
}

#[derive(Clone, Debug)]
pub(crate) struct Progress {
    lateness: Span,
    partitions: BTreeMap<(Box<str>, i32), Line>,
    horizon: Timestamp,
}

#[derive(Clone, Debug)]
struct Line {
    /// The next offset expected; `None` before the first.
    position: Option<i64>,
    watermark: Timestamp,
    idle: bool,
    /// Named by the configuration: the horizon waits for it.
    expected: bool,
}

impl Progress {
    pub(crate) fn new(sources: &[(Box<str>, u32)], lateness: Span) -> Self {
        let fresh = || Line { position: None, watermark: Timestamp::MIN, idle: false, expected: true };
        let numbers = |n: u32| 0..i32::try_from(n).unwrap_or(i32::MAX);
        let partitions = sources
            .iter()
            .flat_map(|(name, n)| numbers(*n).map(move |number| ((name.clone(), number), fresh())))
            .collect();
        Progress { lateness, partitions, horizon: Timestamp::MIN }
    }

    pub(crate) fn hear(&mut self, manifest: &Manifest, violations: &mut Vec<Violation>) -> Heard {
        let position = |progress: &Self, range: &Range| {
            progress.partitions.get(&(range.source.clone(), range.partition)).and_then(|line| line.position)
        };
        let covering = manifest.ranges.iter().filter(|range| range.from < range.to || range.anew);
        let mut any = false;
        let mut all_repeated = true;
        for range in covering.clone() {
            any = true;
            // Else all of a new one would count as told already, until it has grown beyond the old one.
            all_repeated &= !range.anew && position(self, range).is_some_and(|position| range.to <= position);
        }
        if any && all_repeated {
            return Heard::Repeated;
        }
        // One of several messages of a flush, the last of which was heard.
        let is_behind = |range| position(self, range).is_some_and(|position| range.to < position);
        if manifest.is_part() && manifest.ranges.iter().all(is_behind) {
            return Heard::Repeated;
        }
        for range in covering {
            let (source, partition) = (range.source.clone(), range.partition);
            match position(self, range) {
                Some(expected) if range.anew => {
                    violations.push(Violation::Anew { source, partition, expected, found: range.from });
                }
                Some(expected) if range.from > expected => {
                    violations.push(Violation::Gap { source, partition, expected, found: range.from });
                }
                Some(expected) if range.from < expected => {
                    violations.push(Violation::Overlap { source, partition, expected, found: range.from });
                }
                _ => {}
            }
        }
        for range in &manifest.ranges {
            // A source that is not configured any more, still named by old manifests: nobody waits for it.
            let fresh = Line { position: None, watermark: Timestamp::MIN, idle: true, expected: false };
            let line = self.partitions.entry((range.source.clone(), range.partition)).or_insert(fresh);
            if range.anew {
                line.position = Some(range.to);
            } else if range.from < range.to {
                line.position = Some(line.position.map_or(range.to, |position| position.max(range.to)));
            }
            line.watermark = line.watermark.max(range.watermark);
            line.idle = range.idle || !line.expected;
        }
        self.advance();
        Heard::New
    }

    /// With these sources and this lateness from now on, after the configuration or a topic may have changed: who is new is waited for,
    /// nobody waits for who is no longer named.
    pub(crate) fn expect(&mut self, sources: &[(Box<str>, u32)], lateness: Span) {
        let fresh = Progress::new(sources, lateness);
        for (place, line) in &mut self.partitions {
            line.expected = fresh.partitions.contains_key(place);
            line.idle |= !line.expected;
        }
        for (place, line) in fresh.partitions {
            self.partitions.entry(place).or_insert(line);
        }
        self.lateness = lateness;
    }

    /// Nothing more will come from anywhere.
    pub(crate) fn release_all(&mut self) {
        self.partitions.values_mut().for_each(|line| line.idle = true);
        self.advance();
    }

    pub(crate) fn horizon(&self) -> Timestamp {
        self.horizon
    }

    /// Every partition has been released as idle.
    pub(crate) fn is_quiet(&self) -> bool {
        self.partitions.values().all(|line| line.idle)
    }

    fn advance(&mut self) {
        let least = self.partitions.values().filter(|line| !line.idle).map(|line| line.watermark).min();
        let come = least.or_else(|| self.partitions.values().map(|line| line.watermark).max());
        self.horizon = self.horizon.max(come.unwrap_or(Timestamp::MIN).saturating_sub(self.lateness));
    }
}

packed_as!(Span: i64, |span| span.as_millis(), |millis| Some(Span::from_millis(millis)), "a span");
packed!(Progress { lateness, partitions, horizon });
packed!(Line { position, watermark, idle, expected });

#[cfg(test)]
mod tests {
    use super::*;

    fn range(source: &str, from: i64, to: i64, secs: i64, idle: bool) -> Range {
        Range { source: source.into(), from, to, watermark: Timestamp::from_secs(secs), idle, ..Range::default() }
    }

    fn manifest(ranges: Vec<Range>) -> Manifest {
        Manifest { instance: "i".into(), sequence: 1, ranges }
    }

    fn two() -> Progress {
        Progress::new(&[("a".into(), 1), ("b".into(), 1)], Span::from_secs(120))
    }

    #[test]
    fn waits_for_the_slowest_and_for_those_never_heard() {
        let mut progress = two();
        let mut violations = Vec::new();
        progress.hear(&manifest(vec![range("a", 0, 9, 1000, false)]), &mut violations);
        assert_eq!(progress.horizon(), Timestamp::MIN);
        progress.hear(&manifest(vec![range("b", 0, 9, 700, false)]), &mut violations);
        assert_eq!(progress.horizon(), Timestamp::from_secs(580));
        progress.hear(&manifest(vec![range("b", 9, 9, 700, true)]), &mut violations);
        assert_eq!(progress.horizon(), Timestamp::from_secs(880));
        progress.hear(&manifest(vec![range("b", 9, 10, 701, false)]), &mut violations);
        assert_eq!(progress.horizon(), Timestamp::from_secs(880), "it never goes back");
        progress.release_all();
        assert_eq!(progress.horizon(), Timestamp::from_secs(880));
        assert_eq!(violations, []);
    }

    #[test]
    fn a_partition_that_a_topic_gets_later_is_waited_for_once_it_is_known() {
        let mut progress = two();
        let mut violations = Vec::new();
        let first = manifest(vec![range("a", 0, 9, 1000, false), range("b", 0, 9, 1000, false)]);
        progress.hear(&first, &mut violations);
        let before = progress.horizon();
        let of = |number, from, to, secs| Range { partition: number, ..range("a", from, to, secs, false) };
        let all =
            |n: i64, secs| manifest(vec![of(0, 9 * n, 9 * (n + 1), secs), range("b", 9 * n, 9 * (n + 1), secs, false)]);
        progress.expect(&[("a".into(), 2), ("b".into(), 1)], Span::from_secs(120));
        progress.hear(&all(1, 2000), &mut violations);
        assert_eq!(progress.horizon(), before, "nothing is heard of it yet");
        progress.hear(&manifest(vec![of(1, 0, 3, 1500)]), &mut violations);
        assert_eq!((progress.horizon(), violations), (Timestamp::from_secs(1380), vec![]));
    }

    #[test]
    fn what_was_made_anew_is_not_taken_for_a_repeat() {
        let mut progress = two();
        let mut violations = Vec::new();
        progress.hear(&manifest(vec![range("a", 0, 90, 10, false)]), &mut violations);
        let begins = manifest(vec![Range { anew: true, ..range("a", 0, 0, 20, false) }]);
        assert_eq!(progress.hear(&begins, &mut violations), Heard::New);
        assert_eq!(progress.hear(&manifest(vec![range("a", 0, 5, 25, false)]), &mut violations), Heard::New);
        assert_eq!(violations, [Violation::Anew { source: "a".into(), partition: 0, expected: 90, found: 0 }]);
        violations.clear();
        assert_eq!(progress.hear(&manifest(vec![range("a", 5, 9, 30, false)]), &mut violations), Heard::New);
        assert_eq!(violations, []);
        assert_eq!(progress.hear(&manifest(vec![range("a", 5, 9, 30, false)]), &mut violations), Heard::Repeated);
    }

    #[test]
    fn one_of_several_messages_of_a_flush_moves_nothing_and_is_repeated_once_the_last_was_heard() {
        let mut progress = two();
        let mut violations = Vec::new();
        let first = manifest(vec![range("a", 5, 9, 700, false), range("b", 3, 4, 700, false)]);
        assert_eq!(progress.hear(&first, &mut violations), Heard::New);
        let horizon = progress.horizon();
        let nothing = |source, at| Range { watermark: Timestamp::MIN, ..range(source, at, at, 0, false) };
        let part = manifest(vec![nothing("a", 9), nothing("b", 4)]);
        let last = manifest(vec![range("a", 9, 12, 900, false), range("b", 4, 5, 900, false)]);
        for _ in 0..2 {
            assert_eq!(progress.hear(&part, &mut violations), Heard::New);
            assert_eq!(progress.horizon(), horizon);
        }
        assert_eq!(progress.hear(&last, &mut violations), Heard::New);
        assert!(horizon < progress.horizon());
        for repeated in [&part, &last, &part] {
            assert_eq!(progress.hear(repeated, &mut violations), Heard::Repeated);
        }
        // A silent flush is none: it says that nothing came.
        assert_eq!(progress.hear(&manifest(vec![range("a", 9, 9, 900, true)]), &mut violations), Heard::New);
        assert_eq!(violations, []);
    }

    #[test]
    fn a_gap_is_said_and_a_repeat_is_skipped() {
        let mut progress = two();
        let mut violations = Vec::new();
        let first = manifest(vec![range("a", 5, 9, 10, false), range("b", 3, 3, 10, false)]);
        assert_eq!(progress.hear(&first, &mut violations), Heard::New);
        assert_eq!(progress.hear(&first, &mut violations), Heard::Repeated);
        assert_eq!(progress.hear(&manifest(vec![range("a", 9, 9, 10, false)]), &mut violations), Heard::New);
        assert_eq!(violations, []);
        progress.hear(&manifest(vec![range("a", 12, 15, 10, false)]), &mut violations);
        progress.hear(&manifest(vec![range("a", 14, 17, 10, false)]), &mut violations);
        assert_eq!(
            violations,
            [
                Violation::Gap { source: "a".into(), partition: 0, expected: 9, found: 12 },
                Violation::Overlap { source: "a".into(), partition: 0, expected: 15, found: 14 },
            ]
        );
    }
}
