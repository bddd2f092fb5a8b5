//! Which records somebody has touched before, in bounded memory.
//!
//! Few are kept as they are (four bytes each); many in two Bloom filters (Bloom, CACM 13 (1970), 422), one of which is filled
//! while the other remembers what was before. A record is forgotten when both have been changed since its last use: after
//! one to two spans of [`SPAN_HOURS`], or sooner for who touches very many. What is taken for known although it is new
//! (one in a hundred at 1,500 records in a filter, one in twelve at 3,000) makes novelty smaller, never greater.
//!
//! Dropped: one exact set for everybody. An HR administrator touches six thousand people in a month, 24 KiB at four bytes.

use activity::Record;

/// Records kept as they are.
const EXACT_MAX: usize = 384;

/// Bytes of one filter; of the fleet's, of which there is one.
const FILTER_BYTES: usize = 2048;
const FILTER_BYTES_OF_FLEET: usize = 128 << 10;
const HASHES: u32 = 3;

/// Bytes for each record after which a filter is full, and the next one is begun: 4,000 records in 2 KiB.
const FULL_BYTES: usize = 512;
const FULL_RECORDS: u32 = 1_000;

/// Hours after which the next filter is begun.
const SPAN_HOURS: i64 = 28 * 24;

/// Records touched before.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    filter_bytes: usize,
    since: Option<i64>,
    now: Memory,
    before: Memory,
}

#[derive(Clone, Debug)]
enum Memory {
    /// Ascending.
    Exact(Vec<u32>),
    Filter(Box<[u8]>, u32),
}

impl Default for Memory {
    fn default() -> Self {
        Memory::Exact(Vec::new())
    }
}

impl Default for Seen {
    fn default() -> Self {
        Seen { filter_bytes: FILTER_BYTES, since: None, now: Memory::default(), before: Memory::default() }
    }
}

impl Seen {
    /// For all people's addresses together.
    pub(crate) fn of_fleet() -> Self {
        Seen { filter_bytes: FILTER_BYTES_OF_FLEET, ..Seen::default() }
    }

    pub(crate) fn contains(&self, record: Record) -> bool {
        let name = short(record);
        self.now.contains(name) || self.before.contains(name)
    }

    /// Learns that the record was touched in this hour; hours come in ascending order.
    pub(crate) fn learn(&mut self, record: Record, hour: i64) {
        let since = *self.since.get_or_insert(hour);
        if hour - since >= SPAN_HOURS || self.now.is_full() {
            self.before = std::mem::take(&mut self.now);
            self.since = Some(hour);
        }
        self.now.insert(short(record), self.filter_bytes);
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        for memory in [&mut self.now, &mut self.before] {
            if let Memory::Exact(names) = memory {
                names.shrink_to_fit();
            }
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.now.bytes() + self.before.bytes()
    }
}

/// 32 bits of the mixed name: of 384 records two share them once in sixty thousand cases.
fn short(record: Record) -> u32 {
    (record.mixed() >> 32) as u32
}

impl Memory {
    fn contains(&self, name: u32) -> bool {
        match self {
            Memory::Exact(names) => names.binary_search(&name).is_ok(),
            Memory::Filter(bits, _) => places(name, bits.len()).all(|at| bits[at / 8] >> (at % 8) & 1 == 1),
        }
    }

    fn insert(&mut self, name: u32, filter_bytes: usize) {
        match self {
            Memory::Exact(names) => {
                let Err(at) = names.binary_search(&name) else { return };
                names.insert(at, name);
                if names.len() > EXACT_MAX {
                    let mut filter = Memory::Filter(vec![0; filter_bytes].into(), 0);
                    names.iter().for_each(|name| filter.insert(*name, filter_bytes));
                    *self = filter;
                }
            }
            Memory::Filter(bits, n) => {
                let mut fresh = false;
                for at in places(name, bits.len()) {
                    fresh |= bits[at / 8] >> (at % 8) & 1 == 0;
                    bits[at / 8] |= 1 << (at % 8);
                }
                *n += u32::from(fresh);
            }
        }
    }

    fn is_full(&self) -> bool {
        matches!(self, Memory::Filter(bits, n) if *n >= (bits.len() / FULL_BYTES) as u32 * FULL_RECORDS)
    }

    fn bytes(&self) -> usize {
        match self {
            Memory::Exact(names) => names.capacity() * 4,
            Memory::Filter(bits, _) => bits.len(),
        }
    }
}

/// Double hashing (Kirsch, Mitzenmacher, ESA 2006).
fn places(name: u32, bytes: usize) -> impl Iterator<Item = usize> {
    let (first, step) = (name, name.rotate_left(16).wrapping_mul(0x9e37_79b1) | 1);
    (0..HASHES).map(move |n| first.wrapping_add(n.wrapping_mul(step)) as usize % (bytes * 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record::new("employee", &n.to_string())
    }

    #[test]
    fn nothing_seen_is_forgotten_within_a_span() {
        let mut seen = Seen::default();
        (0..3000).for_each(|n| seen.learn(record(n), n as i64 / 10));
        assert!((0..3000).all(|n| seen.contains(record(n))));
        let wrong = (10_000..20_000).filter(|n| seen.contains(record(*n))).count();
        assert!(wrong < 1000, "{wrong} of 10,000 new ones are taken for known");
        assert!(seen.bytes() <= 2 * FILTER_BYTES);
    }

    #[test]
    fn few_are_exact_and_old_ones_go() {
        let mut seen = Seen::default();
        (0..100).for_each(|n| seen.learn(record(n), 0));
        assert!(!(100..10_000).any(|n| seen.contains(record(n))) && seen.bytes() < 1024);
        seen.learn(record(500), SPAN_HOURS);
        assert!(seen.contains(record(7)), "kept for one more span");
        seen.learn(record(501), 2 * SPAN_HOURS);
        assert!(!seen.contains(record(7)) && seen.contains(record(500)));
    }

    #[test]
    fn a_full_filter_gives_way() {
        let mut seen = Seen::default();
        (0..20_000).for_each(|n| seen.learn(record(n), 1));
        let wrong = (100_000..110_000).filter(|n| seen.contains(record(*n))).count();
        assert!(wrong < 4000 && seen.contains(record(19_999)), "{wrong}");
    }
}
