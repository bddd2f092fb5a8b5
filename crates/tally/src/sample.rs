//! Which records stay in a sample, and who can know it beforehand.
//!
//! A bounded set keeps the records with the smallest *ranks*. A rank has to be the same for the same record wherever and whenever it is seen,
//! so it is a function of the record. **Where the function is public, whoever chooses ids chooses what stays**: an account that may create
//! records, or walk through ids of its own choice, makes three hundred records look like a million, or a million like three hundred. So the function takes the
//! deployment's key, and is a keyed pseudo-random one: SipHash-2-4 (J.-P. Aumasson, D. Bernstein, "SipHash: a fast short-input PRF", 2012), made for
//! just this. A rank costs 13 ns where the public mix costs 1; with one round and three it is 8 ns, a margin that its authors give up for hash tables
//! and which nobody needs here. BLAKE3 with a key takes 83 ns for eight bytes, HMAC-SHA-256 110.
//!
//! **Ranks travel with their records**, in tallies, alerts and the journal; keys do not. Only ingest has the key. A detector
//! or a notifier that had to work ranks out would need all keys that there ever were: an incident's count is a fold over months of the
//! journal. Price: five bytes for each record. A rank has [`RANK_BITS`], which tells four thousand million records apart well enough to count them. Whoever
//! reads alerts sees the ranks of records that were read, and learns nothing about those of others.
//!
//! Samples under two keys cannot be made one: a small rank under one says nothing about the other. They are kept side by side, told apart by the key's
//! *id* (32 bits derived with the key, which do not lead back to it), and counted together within bounds. Id 0 is the public order, that of
//! deployments without a key: a random key would make `breachd replay` differ from `breachd run`.

use activity::Record;
use std::fmt;

/// Significant bits of a rank under a key: the upper ones.
pub const RANK_BITS: u32 = 40;

/// The order of a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SampleKey {
    id: u32,
    key: [u64; 2],
}

impl SampleKey {
    /// The order that anybody can work out ([`Record::mixed`]).
    pub const PUBLIC: SampleKey = SampleKey { id: 0, key: [0; 2] };

    /// `id`: tells this key from others, without leading back to it; 0 counts as 1.
    pub fn new(id: u32, key: [u8; 16]) -> Self {
        let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| key[at + byte]));
        SampleKey { id: id.max(1), key: [half(0), half(8)] }
    }

    pub const fn id(self) -> u32 {
        self.id
    }

    /// The record's place in the order; the smallest stay.
    pub fn rank(self, record: Record) -> u64 {
        if self.id == 0 {
            return record.mixed();
        }
        siphash_2_4(self.key, record.0) >> (64 - RANK_BITS) << (64 - RANK_BITS)
    }
}

impl fmt::Debug for SampleKey {
    /// Never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// SipHash-2-4 of the number's eight bytes, little endian.
fn siphash_2_4(key: [u64; 2], number: u64) -> u64 {
    let mut state = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    // The second block is the length, in its highest byte.
    for block in [number, 8 << 56] {
        state[3] ^= block;
        rounds(&mut state, 2);
        state[0] ^= block;
    }
    state[2] ^= 0xff;
    rounds(&mut state, 4);
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn rounds(state: &mut [u64; 4], n: u32) {
    let [mut a, mut b, mut c, mut d] = *state;
    for _ in 0..n {
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
    }
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ninth of the vectors that the authors publish: key 00 01 … 0f, message 00 01 … 07.
    #[test]
    fn is_siphash() {
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        let number = u64::from_le_bytes(std::array::from_fn(|at| at as u8));
        let SampleKey { key, .. } = SampleKey::new(7, key);
        assert_eq!(siphash_2_4(key, number), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn the_key_decides_the_order_and_is_never_shown() {
        let (one, two) = (SampleKey::new(0, [1; 16]), SampleKey::new(9, [2; 16]));
        let record = Record::new("employee", "7");
        assert_eq!((one.id(), two.id()), (1, 9));
        assert_ne!(one.rank(record), two.rank(record));
        assert_eq!(one.rank(record).trailing_zeros().min(24), 24);
        assert_eq!(SampleKey::PUBLIC.rank(record), record.mixed());
        assert_eq!(format!("{two:?}"), "SampleKey { id: 9, .. }");
    }
}
