//! A bounded set of records that does not depend on the order of insertion.

use crate::few::Few;
use crate::limits::{RECORDS_MAX, SAMPLE_KEYS_MAX};
use crate::sample::SampleKey;
use activity::Record;

/// For each key at most [`RECORDS_MAX`] records: those whose ranks are smallest, which makes them a fair sample of all (k minimum
/// values, Bar-Yossef et al. 2002). Up to the limit they are all there, so a regulator can be told who exactly.
///
/// As a rule there is one key, see [`SampleKey`]. Records that came under several are held for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Ascending by key; none is empty.
    parts: Few<Part>,
    keys_beyond: bool,
}

/// What came under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    key: u32,
    overflowed: bool,
    /// Ascending by rank, then by record: two may share a rank.
    members: Few<(u64, Record)>,
}

/// The greatest number that is estimated.
const ESTIMATE_MAX: f64 = 4e9;

impl Records {
    /// In the public order: whoever chooses ids can tell which stay. What is read from logs goes in under the deployment's key.
    pub fn insert(&mut self, record: Record) {
        self.insert_under(SampleKey::PUBLIC, record);
    }

    pub fn insert_under(&mut self, key: SampleKey, record: Record) {
        if let Some(part) = self.part(key.id()) {
            part.insert(key.rank(record), record);
        }
        self.bound_keys();
    }

    /// Different records that are held.
    pub fn len(&self) -> usize {
        match &*self.parts {
            [] => 0,
            [part] => part.members.len(),
            _ => self.distinct().len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    /// There were more than [`RECORDS_MAX`] under one key, or more than [`SAMPLE_KEYS_MAX`] keys: those held are a sample.
    pub fn overflowed(&self) -> bool {
        self.keys_beyond || self.parts.iter().any(|part| part.overflowed)
    }

    /// There were more than [`SAMPLE_KEYS_MAX`] keys: what came under some is left out.
    pub fn keys_beyond(&self) -> bool {
        self.keys_beyond
    }

    /// What came under each key, ascending by the key's id.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn contains(&self, record: Record) -> bool {
        self.iter().any(|held| held == record)
    }

    /// Each once, in an order that means nothing, always the same.
    pub fn iter(&self) -> impl Iterator<Item = Record> {
        let (one, several) = match &*self.parts {
            [] => (&[][..], Vec::new()),
            [part] => (&*part.members, Vec::new()),
            _ => (&[][..], self.distinct()),
        };
        one.iter().map(|(_, record)| *record).chain(several)
    }

    /// How many different records were put in: exact up to [`RECORDS_MAX`], beyond it with a standard error of 1/√254 = 6.3 %.
    ///
    /// Of several samples the one that stands for most: nothing tells what they have in common, and what is judged by this number must not
    /// grow because a key was changed.
    pub fn estimate(&self) -> f64 {
        let sampled = |known: &[Record]| {
            let estimates = self.parts.iter().filter(|part| part.overflowed).map(|part| part.estimate_without(known));
            estimates.fold(0.0, f64::max)
        };
        match &*self.parts {
            [] => 0.0,
            [part] if !part.overflowed => part.members.len() as f64,
            [_] => sampled(&[]),
            parts => {
                let known = distinct(parts.iter().filter(|part| !part.overflowed));
                let estimate = (known.len() as f64 + sampled(&known)).min(ESTIMATE_MAX);
                estimate.max(self.len() as f64)
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.keys_beyond |= other.keys_beyond;
        for Part { key, overflowed, members } in &*other.parts {
            if let Some(part) = self.part(*key) {
                part.overflowed |= overflowed;
                members.iter().for_each(|(rank, record)| part.insert(*rank, *record));
            }
            self.bound_keys();
        }
    }

    /// The part of that key, which is made where there is none; `None` if its id is greater than those of as many as may be.
    fn part(&mut self, key: u32) -> Option<&mut Part> {
        let at = match self.parts.binary_search_by_key(&key, |part| part.key) {
            Ok(at) => at,
            Err(at) if at >= SAMPLE_KEYS_MAX => {
                self.keys_beyond = true;
                return None;
            }
            Err(at) => {
                self.parts.insert(at, Part { key, overflowed: false, members: Few::new() });
                at
            }
        };
        self.parts.as_mut_slice().get_mut(at)
    }

    /// The smallest ids stay, whatever the order in which they came.
    fn bound_keys(&mut self) {
        if self.parts.len() > SAMPLE_KEYS_MAX {
            self.parts.truncate(SAMPLE_KEYS_MAX);
            self.keys_beyond = true;
        }
    }

    /// Ascending.
    fn distinct(&self) -> Vec<Record> {
        distinct(self.parts.iter())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.parts.heap_bytes() + self.parts.iter().map(|part| part.members.heap_bytes()).sum::<usize>()
    }

    /// `None` if the parts are too many, or do not ascend.
    pub(crate) fn from_parts(parts: Vec<Part>, keys_beyond: bool) -> Option<Self> {
        let ascend = parts.windows(2).all(|pair| pair[0].key < pair[1].key);
        let fits = parts.len() <= SAMPLE_KEYS_MAX && (!keys_beyond || parts.len() == SAMPLE_KEYS_MAX);
        (ascend && fits).then(|| Records { parts: parts.into(), keys_beyond })
    }
}

impl Part {
    /// The key's id; 0 is the public order.
    pub fn key(&self) -> u32 {
        self.key
    }

    /// There were more than [`RECORDS_MAX`]: those held are a sample, and no other that was put in has a rank below the greatest one's.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Ascending by rank, then by record.
    pub fn members(&self) -> &[(u64, Record)] {
        &self.members
    }

    fn insert(&mut self, rank: u64, record: Record) {
        let Err(at) = self.members.binary_search(&(rank, record)) else { return };
        if at >= RECORDS_MAX {
            self.overflowed = true;
            return;
        }
        self.members.insert(at, (rank, record));
        if self.members.len() > RECORDS_MAX {
            self.members.truncate(RECORDS_MAX);
            self.overflowed = true;
        }
    }

    /// Of a sample: how many records it stands for, those left out that are known (ascending).
    fn estimate_without(&self, known: &[Record]) -> f64 {
        let Some((greatest, _)) = self.members.last() else { return 0.0 };
        let all = (self.members.len() as f64 - 1.0) / ((*greatest).max(1) as f64 / u64::MAX as f64);
        // No table has more rows than that; in the public order whoever chooses ids can make the sample say anything.
        let all = all.min(ESTIMATE_MAX);
        if known.is_empty() {
            return all;
        }
        let n_others = self.members.iter().filter(|(_, record)| known.binary_search(record).is_err()).count();
        all * n_others as f64 / self.members.len() as f64
    }

    /// Ascending by their names, as they are encoded.
    pub(crate) fn sorted(&self) -> Vec<(Record, u64)> {
        let mut sorted: Vec<(Record, u64)> = self.members.iter().map(|(rank, record)| (*record, *rank)).collect();
        sorted.sort_unstable();
        sorted
    }

    /// `None` if they are too many, none, or too few to have overflowed.
    pub(crate) fn new(key: u32, mut members: Vec<(u64, Record)>, overflowed: bool) -> Option<Self> {
        let fits = (1..=RECORDS_MAX).contains(&members.len()) && (!overflowed || members.len() == RECORDS_MAX);
        members.sort_unstable();
        fits.then(|| Part { key, overflowed, members: members.into() })
    }
}

/// The records of these parts, each once, ascending.
fn distinct<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<Record> {
    let mut all: Vec<Record> = parts.flat_map(|part| part.members.iter().map(|(_, record)| *record)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record::new("employee", &n.to_string())
    }

    fn key(n: u8) -> SampleKey {
        SampleKey::new(u32::from(n), [n; 16])
    }

    fn under(key: SampleKey, numbers: impl IntoIterator<Item = u64>) -> Records {
        let mut records = Records::default();
        numbers.into_iter().for_each(|n| records.insert_under(key, record(n)));
        records
    }

    fn merged(parts: &[&Records]) -> Records {
        let mut all = Records::default();
        parts.iter().for_each(|part| all.merge(part));
        all
    }

    #[test]
    fn order_means_nothing_and_few_are_exact() {
        for key in [SampleKey::PUBLIC, key(3)] {
            let (forward, backward) = (under(key, 0..1000), under(key, (0..1000).rev()));
            assert_eq!(forward, backward);
            assert!(forward.overflowed() && forward.len() == RECORDS_MAX);
            let few = under(key, [5, 5, 7]);
            assert_eq!((few.estimate(), few.contains(record(7)), few.contains(record(8))), (2.0, true, false));
        }
    }

    #[test]
    fn merging_parts_is_the_whole() {
        for key in [SampleKey::PUBLIC, key(3)] {
            let halves = [0, 1].map(|half| under(key, (0..700).filter(|n| n % 2 == half)));
            assert_eq!(merged(&[&halves[0], &halves[1]]), under(key, 0..700));
        }
    }

    #[test]
    fn estimates_within_four_standard_errors() {
        for key in [SampleKey::PUBLIC, key(3)] {
            for n in [1_000u64, 20_000] {
                let error = under(key, 0..n).estimate() / n as f64 - 1.0;
                assert!(error.abs() < 4.0 * 0.063, "{n}: {error}");
            }
        }
    }

    /// Who knows the public order can find ids that all stay, and make few look like very many; under a key they are as any others.
    #[test]
    fn ids_chosen_by_the_public_order_are_a_fair_sample_under_a_key() {
        let mut chosen: Vec<u64> = (0..200_000).collect();
        chosen.sort_by_key(|n| record(*n).mixed());
        chosen.truncate(400);
        assert!(under(SampleKey::PUBLIC, chosen.iter().copied()).estimate() > 100_000.0);
        let estimate = under(key(3), chosen).estimate();
        assert!((300.0..500.0).contains(&estimate), "{estimate}");
    }

    #[test]
    fn exact_ids_unite_across_keys() {
        let all = merged(&[&under(key(1), 0..200), &under(key(2), 100..300), &under(SampleKey::PUBLIC, 0..5)]);
        assert_eq!((all.len(), all.estimate(), all.overflowed(), all.parts().len()), (300, 300.0, false, 3));
        assert_eq!(all.iter().collect::<Vec<_>>(), (0..300).map(record).collect::<Vec<_>>());
    }

    #[test]
    fn a_changed_key_makes_no_more_of_the_same_records() {
        let both = merged(&[&under(key(1), 0..5_000), &under(key(2), 0..5_000)]);
        let error = both.estimate() / 5_000.0 - 1.0;
        assert!(error.abs() < 4.0 * 0.063, "{error}");
        // Of 100 that are known the sample holds its part.
        let few_known = merged(&[&under(key(1), 0..100), &under(key(2), 0..5_000)]);
        assert!((few_known.estimate() / 5_000.0 - 1.0).abs() < 4.0 * 0.063, "{}", few_known.estimate());
    }

    #[test]
    fn of_many_keys_the_smallest_ids_stay_in_any_order() {
        let parts: Vec<Records> = (1..=6).map(|n| under(key(n), [u64::from(n)])).collect();
        let forward = merged(&parts.iter().collect::<Vec<_>>());
        assert_eq!(forward, merged(&parts.iter().rev().collect::<Vec<_>>()));
        assert!(forward.keys_beyond() && forward.overflowed() && forward.len() == SAMPLE_KEYS_MAX);
        let mut one_by_one = Records::default();
        (1..=6).rev().for_each(|n| one_by_one.insert_under(key(n), record(u64::from(n))));
        assert_eq!(one_by_one, forward);
    }
}
