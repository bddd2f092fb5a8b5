//! Which signature rules were matched, and how often.

use activity::Mark;
use std::sync::Arc;

/// At most [`Mark::MAX`] marks: the first in their order, which is what pages, then what is worse. The matches of what was left out
/// are counted.
///
/// A mark that stays in a merged tally is among the first in each part that has it, so its count is exact whatever the order of
/// merging. As no more than [`Mark::MAX`] rules of a set may page, nothing that pages is ever left out: whoever matches many rules to
/// hide one only makes the list longer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Ascending; with the number of matches.
    kept: Vec<(Arc<Mark>, u64)>,
    /// Matches of all marks, of those left out, too.
    total: u64,
}

impl Marks {
    /// Counts matches of a rule.
    pub fn insert(&mut self, mark: &Arc<Mark>, times: u64) {
        if times > 0 {
            self.total = self.total.saturating_add(times);
            self.keep(mark, times);
        }
    }

    /// Marks with the number of their matches, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<Mark>, u64)> {
        self.kept.iter().map(|(mark, times)| (mark, *times))
    }

    /// Takes everything out, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.total = 0;
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Matches of marks that were left out.
    pub fn shed(&self) -> u64 {
        self.total.saturating_sub(sum(&self.kept))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.kept.capacity() * size_of::<(Arc<Mark>, u64)>()
    }

    pub fn merge(&mut self, other: &Marks) {
        self.total = self.total.saturating_add(other.total);
        other.kept.iter().for_each(|(mark, times)| self.keep(mark, *times));
    }

    fn keep(&mut self, mark: &Arc<Mark>, times: u64) {
        match self.kept.binary_search_by(|(known, _)| known.cmp(mark)) {
            Ok(at) => self.kept[at].1 = self.kept[at].1.saturating_add(times),
            Err(at) if at < Mark::MAX => {
                self.kept.insert(at, (mark.clone(), times));
                self.kept.truncate(Mark::MAX);
            }
            Err(_) => {}
        }
    }

    /// `None` if they are not in canonical order, too many, or some were left out where there was room.
    pub(crate) fn from_parts(kept: Vec<(Arc<Mark>, u64)>, shed: u64) -> Option<Self> {
        let ascending = kept.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let counted = kept.iter().all(|(_, times)| *times > 0);
        let full = kept.len() == Mark::MAX || shed == 0;
        let total = sum(&kept).checked_add(shed)?;
        (ascending && counted && full && kept.len() <= Mark::MAX).then_some(Marks { kept, total })
    }
}

fn sum(kept: &[(Arc<Mark>, u64)]) -> u64 {
    kept.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times))
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::Level;

    fn mark(page: bool, level: Level, rule: usize) -> Arc<Mark> {
        let rule = format!("rule_{rule:04}");
        Arc::new(Mark { page, level, rule: rule.into(), title: "t".into(), techniques: Arc::new([]) })
    }

    #[test]
    fn a_million_matches_of_one_rule_are_one_mark() {
        let mut marks = Marks::default();
        let one = mark(false, Level::High, 1);
        (0..1_000_000).for_each(|_| marks.insert(&one, 1));
        assert_eq!((marks.len(), marks.iter().next().map(|(_, times)| times), marks.shed()), (1, Some(1_000_000), 0));
    }

    #[test]
    fn a_flood_hides_nothing_that_pages_and_is_counted() {
        let mut marks = Marks::default();
        (0..400).for_each(|at| marks.insert(&mark(false, Level::Critical, at), 3));
        marks.insert(&mark(true, Level::Low, 9_999), 1);
        (400..800).for_each(|at| marks.insert(&mark(false, Level::Low, at), 3));
        assert_eq!(marks.len(), Mark::MAX);
        let first = marks.iter().next().map(|(mark, times)| (mark.page, times));
        assert_eq!(first, Some((true, 1)));
        assert!(marks.iter().skip(1).all(|(mark, _)| mark.level == Level::Critical), "what is worse stays");
        assert_eq!(marks.shed(), 3 * (800 - 31));
        let mut tallier = crate::Tallier::new();
        for id in ["a", "b"] {
            let kind = activity::EntityKind::Address;
            tallier.tally(activity::Mode::Live, kind, id, activity::Timestamp::from_secs(60).bucket()).marks =
                marks.clone();
        }
        assert_eq!(tallier.marks_shed(), 2 * marks.shed());
    }
}
