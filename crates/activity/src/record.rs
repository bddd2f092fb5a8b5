//! Which data set of a table or page was touched: one employee, one customer, one order.

use std::fmt;

/// A record's name in 64 bits: what it is a number of (`employee`), and the number.
///
/// Layout: bit 63 is set if the id is no number below 2^40, then the low 40 bits are a hash of its text; bits 40 to 62 are a
/// hash of the sort. So numbers come back as they were (regulators ask who exactly, and an id walk shows in them), texts
/// do not. Two sorts share their 23 bits once in eight million; then two records count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record(pub u64);

const ID_BITS: u32 = 40;
const SORT_BITS: u32 = 23;

impl Record {
    /// `sort`: what it is a number of; ASCII letters in any case. `id`: as it stands in the log.
    pub fn new(sort: &str, id: &str) -> Record {
        let sort = hash(sort) >> (64 - SORT_BITS) << ID_BITS;
        match id.parse::<u64>() {
            Ok(number) if number >> ID_BITS == 0 => Record(sort | number),
            _ => Record(1 << 63 | sort | hash(id) >> (64 - ID_BITS)),
        }
    }

    /// The number it has, if it has one.
    pub const fn number(self) -> Option<u64> {
        if self.0 >> 63 == 0 { Some(self.0 & ((1 << ID_BITS) - 1)) } else { None }
    }

    /// The hash of what it is a number of.
    pub const fn sort(self) -> u64 {
        self.0 >> ID_BITS & ((1 << SORT_BITS) - 1)
    }

    /// The same record, mixed so that the greatest and the least of many are a fair sample of them; a bijection (fmix64 of
    /// MurmurHash3, A. Appleby).
    pub const fn mixed(self) -> u64 {
        mix(self.0)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{number}"),
            None => write!(f, "#{:010x}", self.0 & ((1 << ID_BITS) - 1)),
        }
    }
}

/// FNV-1a (Fowler, Noll, Vo) over the letters in lower case, then [`mix`].
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_texts_do_not() {
        assert_eq!(Record::new("employee", "2946").number(), Some(2946));
        assert_eq!(Record::new("employee", "0002946"), Record::new("Employee", "2946"));
        let long = Record::new("employee", "99999999999999");
        assert_eq!((long.number(), long.sort()), (None, Record::new("employee", "1").sort()));
        assert_eq!(Record::new("employee", "jane").number(), None);
        assert_eq!(Record::new("employee", "7").to_string(), "7");
        assert!(Record::new("employee", "jane").to_string().starts_with('#'));
    }

    #[test]
    fn sorts_are_kept_apart() {
        assert_ne!(Record::new("employee", "7"), Record::new("run", "7"));
        assert_ne!(Record::new("employee", "a"), Record::new("employee", "b"));
    }
}
