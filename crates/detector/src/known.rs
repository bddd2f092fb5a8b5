//! The values that an entity is known to use: networks, places, tables, countries.
//!
//! Eight bytes each: the sort and 30 bits of the value's hash, the hour of the last use, and whether that was the only day. A new value
//! is taken for one of 40 known ones once in twenty-five million times. Kept only of kinds that are asked for them ([`sorts`]): an address
//! that came once, a session or a pair has none. With whole hashes in four lists for every kind, as was done first, a person's took
//! 3 KiB instead of 672 bytes.

use crate::{
    docket::Ruled,
    entity::{COUNTRY, HourState, NETWORK, PLACE, TABLE, values},
    limits::known_values_max,
    packed::{packed, packed_as},
    verdict::Ruling,
};
use activity::EntityKind;

/// The sorts that a detector asks for of a kind.
pub(crate) const fn sorts(kind: EntityKind) -> &'static [usize] {
    match kind {
        EntityKind::PortalUser => &[NETWORK, PLACE, TABLE, COUNTRY],
        EntityKind::IntegrationKey => &[NETWORK, PLACE, TABLE],
        EntityKind::DbAccount => &[NETWORK, TABLE],
        EntityKind::AppHost => &[TABLE],
        _ => &[],
    }
}

/// Bytes of a kind's values at most.
pub(crate) const fn bytes_max(kind: EntityKind) -> usize {
    let (sorts, mut at, mut values) = (sorts(kind), 0, 0);
    while at < sorts.len() {
        values += known_values_max(sorts[at]);
        at += 1;
    }
    values * size_of::<KnownValue>()
}

/// Ascending by sort and hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Vec<KnownValue>);

#[derive(Clone, Copy, Debug)]
struct KnownValue {
    /// Two bits for the sort, and the first 30 of the hash.
    name: u32,
    /// The hour of the last use since 1970, and in the last bit whether there was another day.
    used: u32,
}

impl KnownValue {
    fn new(name: u32, hour: i64, again: bool) -> Self {
        // Hours of the years beyond 246,000 count as one.
        let hour = hour.clamp(0, i64::from(u32::MAX >> 1)) as u32;
        KnownValue { name, used: hour << 1 | u32::from(again) }
    }

    fn last(self) -> i64 {
        i64::from(self.used >> 1)
    }

    fn again(self) -> bool {
        self.used & 1 == 1
    }
}

fn name(sort: usize, value: u64) -> u32 {
    (sort as u32) << 30 | (value >> 34) as u32
}

impl Known {
    /// Those of one sort.
    fn of(&self, sort: usize) -> std::ops::Range<usize> {
        let before = |sort: usize| self.0.partition_point(|known| ((known.name >> 30) as usize) < sort);
        before(sort)..before(sort + 1)
    }

    pub(crate) fn is_empty(&self, sort: usize) -> bool {
        self.of(sort).is_empty()
    }

    pub(crate) fn contains(&self, sort: usize, value: u64) -> bool {
        self.0.binary_search_by_key(&name(sort, value), |known| known.name).is_ok()
    }

    /// Whether a value was used on more than one day; `None`: on none.
    pub(crate) fn used_again(&self, sort: usize, value: u64) -> Option<bool> {
        let at = self.0.binary_search_by_key(&name(sort, value), |known| known.name).ok()?;
        Some(self.0[at].again())
    }

    /// Values used on one day only, of those of the last 28 days. Divided by the days of activity this is the chance
    /// that the next day brings a new value (Good 1953, after Turing): high for who travels, low for who only started
    /// lately and by now uses the same again.
    pub(crate) fn used_once(&self, sort: usize, hour: i64) -> usize {
        self.0[self.of(sort)].iter().filter(|known| !known.again() && hour - known.last() < 28 * 24).count()
    }

    /// Learns the values of closed hours, and forgets those of breaches that were used on that day only.
    pub(crate) fn fold(&mut self, kind: EntityKind, hours: &[HourState], rulings: &[Ruled]) {
        if sorts(kind).is_empty() {
            return;
        }
        let mut breaches = rulings.iter().filter(|ruled| ruled.ruling == Ruling::True).peekable();
        for state in hours {
            while let Some(breach) = breaches.next_if(|ruled| ruled.last_hour() < state.hour) {
                self.forget(breach);
            }
            for sort in sorts(kind) {
                values(&state.tally, *sort).into_iter().for_each(|value| self.learn(*sort, value, state.hour));
            }
        }
        breaches.for_each(|breach| self.forget(breach));
    }

    fn forget(&mut self, breach: &Ruled) {
        let days = breach.from.div_euclid(24)..=(breach.to - 1).div_euclid(24);
        self.0.retain(|known| known.again() || !days.contains(&known.last().div_euclid(24)));
    }

    fn learn(&mut self, sort: usize, value: u64, hour: i64) {
        let name = name(sort, value);
        match self.0.binary_search_by_key(&name, |known| known.name) {
            Ok(at) => {
                let known = &mut self.0[at];
                let again = known.again() || hour.div_euclid(24) != known.last().div_euclid(24);
                *known = KnownValue::new(name, hour.max(known.last()), again);
            }
            Err(at) => {
                self.0.insert(at, KnownValue::new(name, hour, false));
                let of = self.of(sort);
                if of.len() > known_values_max(sort) {
                    let oldest = of.min_by_key(|at| (self.0[*at].last(), self.0[*at].name));
                    oldest.map(|at| self.0.remove(at));
                }
            }
        }
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        crate::footprint::of_vec(&self.0)
    }
}

packed!(KnownValue { name, used });
packed_as!(Known: Vec<KnownValue>, |known| known.0.clone(), |values| Some(Known(values)), "a value");

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        tally::stable_hash(&[&n.to_le_bytes()])
    }

    #[test]
    fn the_one_not_used_for_longest_goes_and_other_sorts_stay() {
        let mut known = Known::default();
        known.learn(TABLE, hash(7), 5);
        let n = known_values_max(NETWORK) as u64;
        (0..n).for_each(|n| known.learn(NETWORK, hash(n), 100 + n as i64));
        known.learn(NETWORK, hash(0), 200);
        known.learn(NETWORK, hash(1_000), 201);
        let knows = |n: u64| known.contains(NETWORK, hash(n));
        assert!(knows(0) && !knows(1) && knows(2) && knows(1_000));
        assert!(known.contains(TABLE, hash(7)) && !known.contains(PLACE, hash(7)) && known.is_empty(COUNTRY));
    }

    #[test]
    fn used_once_is_of_one_day_within_four_weeks() {
        let mut known = Known::default();
        known.learn(PLACE, hash(1), 24);
        known.learn(PLACE, hash(1), 47);
        known.learn(PLACE, hash(2), 24);
        known.learn(PLACE, hash(2), 48);
        known.learn(TABLE, hash(3), 24);
        assert_eq!((known.used_once(PLACE, 60), known.used_once(PLACE, 47 + 28 * 24)), (1, 0));
    }

    #[test]
    fn nobody_is_remembered_by_what_nobody_asks() {
        assert!(
            [EntityKind::Session, EntityKind::Address, EntityKind::UserTable, EntityKind::Table]
                .into_iter()
                .all(|kind| sorts(kind).is_empty())
        );
        assert!(EntityKind::ALL.iter().all(|kind| sorts(*kind).is_sorted()), "sorts are ascending");
    }
}
