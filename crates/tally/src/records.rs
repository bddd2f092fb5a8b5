//! A bounded set of records that does not depend on the order of insertion.

use crate::limits::RECORDS_MAX;
use activity::Record;

/// At most [`RECORDS_MAX`] records: those whose mixed numbers are smallest, which makes them a fair sample of all (k minimum
/// values, Bar-Yossef et al. 2002). Up to the limit they are all there, so a regulator can be told who exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Ascending by their mixed number.
    members: Vec<(u64, Record)>,
    overflowed: bool,
}

/// The greatest number that is estimated.
const ESTIMATE_MAX: f64 = 4e9;

impl Records {
    pub fn insert(&mut self, record: Record) {
        let mixed = record.mixed();
        let Err(at) = self.members.binary_search_by_key(&mixed, |(known, _)| *known) else { return };
        if at >= RECORDS_MAX {
            self.overflowed = true;
            return;
        }
        self.members.insert(at, (mixed, record));
        if self.members.len() > RECORDS_MAX {
            self.members.truncate(RECORDS_MAX);
            self.overflowed = true;
        }
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
    /// There were more than [`RECORDS_MAX`]: those held are a sample.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub fn contains(&self, record: Record) -> bool {
        self.members.binary_search_by_key(&record.mixed(), |(known, _)| *known).is_ok()
    }

    /// In an order that means nothing, always the same.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record> {
        self.members.iter().map(|(_, record)| *record)
    }

    /// How many different records were put in: exact up to [`RECORDS_MAX`], beyond it with a standard error of 1/√254 = 6.3 %.
    pub fn estimate(&self) -> f64 {
        match self.members.last() {
            Some((greatest, _)) if self.overflowed => {
                let estimate = (self.members.len() as f64 - 1.0) / ((*greatest).max(1) as f64 / u64::MAX as f64);
                // Whoever chooses ids can make the sample say anything; no table has more rows than that.
                estimate.min(ESTIMATE_MAX)
            }
            _ => self.members.len() as f64,
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.overflowed |= other.overflowed;
        other.iter().for_each(|record| self.insert(record));
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.members.capacity() * size_of::<(u64, Record)>()
    }

    /// Ascending by their names, as they are encoded.
    pub(crate) fn sorted(&self) -> Vec<Record> {
        let mut sorted: Vec<Record> = self.iter().collect();
        sorted.sort_unstable();
        sorted
    }

    /// `None` if they are too many, or too few to have overflowed.
    pub(crate) fn from_sorted(records: &[Record], overflowed: bool) -> Option<Self> {
        let full = records.len() == RECORDS_MAX || !overflowed;
        let mut members: Vec<(u64, Record)> = records.iter().map(|record| (record.mixed(), *record)).collect();
        members.sort_unstable();
        (full && members.len() <= RECORDS_MAX).then_some(Records { members, overflowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record::new("employee", &n.to_string())
    }

    #[test]
    fn order_means_nothing_and_few_are_exact() {
        let (mut forward, mut backward) = (Records::default(), Records::default());
        (0..1000).for_each(|n| forward.insert(record(n)));
        (0..1000).rev().for_each(|n| backward.insert(record(n)));
        assert_eq!(forward, backward);
        assert!(forward.overflowed() && forward.len() == RECORDS_MAX);
        let mut few = Records::default();
        [5, 5, 7].into_iter().for_each(|n| few.insert(record(n)));
        assert_eq!((few.estimate(), few.contains(record(7)), few.contains(record(8))), (2.0, true, false));
    }

    #[test]
    fn merging_parts_is_the_whole() {
        let mut whole = Records::default();
        let mut parts = [Records::default(), Records::default()];
        for n in 0..700 {
            whole.insert(record(n));
            parts[(n % 2) as usize].insert(record(n));
        }
        let [mut first, second] = parts;
        first.merge(&second);
        assert_eq!(first, whole);
    }

    #[test]
    fn estimates_within_four_standard_errors() {
        for n in [1_000u64, 20_000] {
            let mut records = Records::default();
            (0..n).for_each(|n| records.insert(record(n)));
            let error = records.estimate() / n as f64 - 1.0;
            assert!(error.abs() < 4.0 * 0.063, "{n}: {error}");
        }
    }

    #[test]
    fn comes_back_from_its_sorted_members() {
        let mut records = Records::default();
        (0..300).for_each(|n| records.insert(record(n * 7)));
        assert_eq!(Records::from_sorted(&records.sorted(), true), Some(records.clone()));
        assert_eq!(Records::from_sorted(&records.sorted()[1..], true), None);
    }
}
