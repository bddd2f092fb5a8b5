//! Which records somebody has touched before, in bounded memory.
//!
//! Few are kept as they are (four bytes each: 256 of a person); many in one Bloom filter (CACM 13 (1970), 422) whose cells have an age: empty,
//! touched in the span before, or in this one. After a span of [`SPAN_HOURS`], or as soon as so many cells are of this span that the
//! filter would say little, every cell grows older by one. So a record is forgotten after one to two spans without use, or sooner for
//! who touches very many. Five cells of three ages take a byte (3⁵ = 243).
//!
//! Of records that are new a filter takes some for known: with k hashes and a part w of its cells in use, wᵏ of them. That part is
//! *known*, so who counts new records divides by 1 − wᵏ ([`Seen::missed`]): as in linear counting (Whang, Vander-Zanden, Taylor, TODS 15
//! (1990), 208) the number is right on average, and its standard error is √(w / (1 − w) / n) of n new ones. A person's filter has one
//! hash for each record and so holds most; with three, and without dividing, the same bytes knew a third as many, and a payroll clerk
//! who touches eight hundred people a day met half of them anew every day. Of 5,120 cells, with the records of both spans:
//!
//! | records | 300 | 700 | 1,500 | 3,000 | 5,000 | 7,000 |
//! |---|---|---|---|---|---|---|
//! | of the new ones taken for known | 6 % | 13 % | 25 % | 44 % | 62 % | 75 % |
//! | standard error of 100 new ones | 2 | 4 | 6 | 9 | 13 | 17 |
//!
//! The fleet's filter, which is asked for single addresses, has three hashes.
//!
//! Dropped: one exact set for everybody: an HR administrator touches six thousand people in a month, 24 KiB at four bytes. Two filters,
//! one for each span, as was done first: who works with the same people in both has them in both, which at the same error takes
//! about twice the memory.

use crate::packed::{packed, packed_as};
use activity::{EntityKind, Record};

/// Bytes of a kind's filter, and of as many records as are kept as they are. What people have beside it (where they were, nights) takes
/// the rest of their 4 KiB; of the fleet there is one. Of all other kinds nobody asks which records they have touched.
pub(crate) const fn filter_bytes(kind: EntityKind) -> usize {
    match kind {
        EntityKind::PortalUser => 1_024,
        EntityKind::IntegrationKey => 1_536,
        EntityKind::Fleet => 256 << 10,
        _ => 0,
    }
}

/// Bytes of a record kept as it is, and records so kept at most, whatever the filter has.
const NAME_BYTES: usize = 4;
const EXACT_MAX: usize = 384;

/// Hashes of a record in the fleet's filter; in others one.
const HASHES_OF_FLEET: u32 = 3;

/// Cells in a byte, and what a cell counts at its place.
const CELLS: usize = 5;
const PLACES: [u8; CELLS] = [1, 3, 9, 27, 81];

/// The ages of a cell.
const BEFORE: u8 = 1;
const NOW: u8 = 2;

/// Parts of a hundred of the cells that are of this span when the next one is begun.
const FULL_PER_CENT: usize = 50;

/// Hours after which the next span is begun.
const SPAN_HOURS: i64 = 28 * 24;

/// Records touched before.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    filter_bytes: u32,
    hashes: u8,
    /// Hour of the first record in this span.
    since: Option<i32>,
    memory: Memory,
}

#[derive(Clone, Debug)]
enum Memory {
    /// Ascending; the last bit says that it was touched in this span.
    Exact(Vec<u32>),
    Filter(Filter),
}

#[derive(Clone, Debug)]
struct Filter {
    cells: Box<[u8]>,
    /// Cells in use, and those of them that are of this span.
    used: u32,
    now: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Memory::Exact(Vec::new())
    }
}

impl Seen {
    pub(crate) fn new(kind: EntityKind) -> Self {
        let hashes = if matches!(kind, EntityKind::Fleet) { HASHES_OF_FLEET } else { 1 };
        Seen { filter_bytes: filter_bytes(kind) as u32, hashes: hashes as u8, since: None, memory: Memory::default() }
    }

    pub(crate) fn contains(&self, record: Record) -> bool {
        let name = short(record);
        match &self.memory {
            Memory::Exact(names) => names.binary_search_by_key(&name, |known| known >> 1).is_ok(),
            Memory::Filter(filter) => places(name, self.hashes, filter.cells.len()).all(|at| filter.age(at) != 0),
        }
    }

    /// What part of the records that are new [`Seen::contains`] takes for known; at most nine tenths.
    pub(crate) fn missed(&self) -> f64 {
        match &self.memory {
            Memory::Exact(_) => 0.0,
            Memory::Filter(Filter { cells, used, .. }) => {
                let part = f64::from(*used) / (cells.len() * CELLS) as f64;
                part.powi(i32::from(self.hashes)).min(0.9)
            }
        }
    }

    /// Learns that the record was touched in this hour; hours come in ascending order.
    pub(crate) fn learn(&mut self, record: Record, hour: i64) {
        // Of the years beyond 246,000 nothing is forgotten.
        let at = i32::try_from(hour).unwrap_or(i32::MAX);
        let since = i64::from(*self.since.get_or_insert(at));
        if hour - since >= SPAN_HOURS || self.memory.is_full() {
            self.memory.grow_older();
            self.since = Some(at);
        }
        let name = short(record);
        self.insert(name, NOW);
        let most = EXACT_MAX.min(self.filter_bytes as usize / NAME_BYTES);
        if let Memory::Exact(names) = &mut self.memory
            && most < names.len()
        {
            let names = std::mem::take(names);
            let cells = vec![0; self.filter_bytes as usize].into();
            self.memory = Memory::Filter(Filter { cells, used: 0, now: 0 });
            names.iter().for_each(|known| self.insert(known >> 1, if known & 1 == 1 { NOW } else { BEFORE }));
        }
    }

    fn insert(&mut self, name: u32, touched: u8) {
        match &mut self.memory {
            Memory::Exact(names) => {
                let known = name << 1 | u32::from(touched == NOW);
                match names.binary_search_by_key(&name, |known| known >> 1) {
                    Ok(at) => names[at] |= known,
                    Err(at) => names.insert(at, known),
                }
            }
            Memory::Filter(filter) => {
                places(name, self.hashes, filter.cells.len()).for_each(|at| filter.touch(at, touched))
            }
        }
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        if let Memory::Exact(names) = &mut self.memory {
            names.shrink_to_fit();
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        match &self.memory {
            Memory::Exact(names) => crate::footprint::of_vec(names),
            Memory::Filter(filter) => filter.cells.len(),
        }
    }
}

/// 31 bits of the mixed name: of 384 records two share them once in thirty thousand cases.
fn short(record: Record) -> u32 {
    (record.mixed() >> 33) as u32
}

impl Memory {
    /// The next span begins: what was of this one was before, and what was before is forgotten.
    fn grow_older(&mut self) {
        match self {
            Memory::Exact(names) => {
                names.retain(|known| known & 1 == 1);
                names.iter_mut().for_each(|known| *known &= !1);
            }
            Memory::Filter(filter) if filter.now == 0 => *self = Memory::default(),
            Memory::Filter(Filter { cells, used, now }) => {
                for five in cells.iter_mut() {
                    *five = PLACES.iter().map(|place| (*five / place % 3).saturating_sub(1) * place).sum();
                }
                (*used, *now) = (*now, 0);
            }
        }
    }

    fn is_full(&self) -> bool {
        matches!(self, Memory::Filter(Filter { cells, now, .. }) if *now as usize * 100 >= cells.len() * CELLS * FULL_PER_CENT)
    }
}

impl Filter {
    fn age(&self, at: usize) -> u8 {
        self.cells[at / CELLS] / PLACES[at % CELLS] % 3
    }

    fn touch(&mut self, at: usize, touched: u8) {
        let age = self.age(at);
        if age < touched {
            self.cells[at / CELLS] += (touched - age) * PLACES[at % CELLS];
            self.used += u32::from(age == 0);
            self.now += u32::from(touched == NOW);
        }
    }
}

/// Double hashing (Kirsch, Mitzenmacher, ESA 2006).
fn places(name: u32, hashes: u8, bytes: usize) -> impl Iterator<Item = usize> {
    let (first, step) = (name.wrapping_mul(0x85eb_ca6b), name.rotate_left(16).wrapping_mul(0x9e37_79b1) | 1);
    (0..u32::from(hashes)).map(move |n| first.wrapping_add(n.wrapping_mul(step)) as usize % (bytes * CELLS))
}

packed!(Seen { filter_bytes, hashes, since, memory });
packed!(Filter { cells, used, now });
packed_as!(Memory: (Option<Vec<u32>>, Option<Filter>),
    |memory| match memory {
        Memory::Exact(names) => (Some(names.clone()), None),
        Memory::Filter(filter) => (None, Some(filter.clone())),
    },
    |parts| match parts {
        (Some(names), None) => Some(Memory::Exact(names)),
        (None, Some(filter)) if !filter.cells.is_empty() => Some(Memory::Filter(filter)),
        _ => None,
    },
    "a memory of records");

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record::new("employee", &n.to_string())
    }

    /// Of so many new ones, how many are taken for known.
    fn wrong(seen: &Seen, n: u64) -> f64 {
        (100_000..100_000 + n).filter(|n| seen.contains(record(*n))).count() as f64
    }

    #[test]
    fn nothing_seen_is_forgotten_within_a_span_and_errors_are_as_stated() {
        for (n, stated) in [(300, 0.06), (700, 0.13), (1_500, 0.25), (3_000, 0.44)] {
            let mut seen = Seen::new(EntityKind::PortalUser);
            (0..n).for_each(|n| seen.learn(record(n), n as i64 / 10));
            assert!((0..n).all(|n| seen.contains(record(n))));
            let wrong = wrong(&seen, 10_000) / 10_000.0;
            assert!((wrong - stated).abs() < 0.02 && (wrong - seen.missed()).abs() < 0.02, "{n}: {wrong} {stated}");
            assert!(seen.bytes() <= filter_bytes(EntityKind::PortalUser));
        }
    }

    #[test]
    fn who_touches_the_same_in_both_spans_has_them_once() {
        let mut seen = Seen::new(EntityKind::PortalUser);
        for hour in [0, SPAN_HOURS] {
            (0..900).for_each(|n| seen.learn(record(n), hour));
        }
        assert!((0..900).all(|n| seen.contains(record(n))));
        assert!(seen.missed() < 0.17, "{}", seen.missed());
    }

    #[test]
    fn old_ones_go() {
        for few in [100, 600] {
            let mut seen = Seen::new(EntityKind::PortalUser);
            (0..few).for_each(|n| seen.learn(record(n), 0));
            assert_eq!(few < 500, wrong(&seen, 1_000) == 0.0);
            seen.learn(record(5_000), SPAN_HOURS);
            assert!((0..few).all(|n| seen.contains(record(n))), "kept for one more span");
            seen.learn(record(5_001), 2 * SPAN_HOURS);
            assert!((0..few).filter(|n| seen.contains(record(*n))).count() < 3 && seen.contains(record(5_000)));
            seen.learn(record(5_002), 3 * SPAN_HOURS);
            assert!(!seen.contains(record(5_000)) && seen.contains(record(5_002)));
        }
    }

    #[test]
    fn a_full_filter_gives_way() {
        for (kind, n, least) in [(EntityKind::PortalUser, 20_000, 3_000), (EntityKind::Fleet, 900_000, 250_000)] {
            let mut seen = Seen::new(kind);
            (0..n).for_each(|n| seen.learn(record(n), 1));
            assert!((n - least..n).all(|n| seen.contains(record(n))), "the last ones are known");
            assert!(seen.missed() < 0.76 && seen.bytes() <= filter_bytes(kind), "{}", seen.missed());
        }
    }
}
