//! Words eight bytes at a time: where one ends, and its hash.
//!
//! A word is hashed once, while its end is looked for; the hash finds its keyword and goes into the fingerprint. Byte by byte
//! the hash would wait for a multiplication at every letter, and the end of every word be guessed wrongly by the processor.
//!
//! The hash of some bytes begins with [`START`] and takes in eight bytes at a time, as [`taken`] says: little-endian, ASCII
//! letters in lower case, the last ones filled up with zeros.

/// The hash of no bytes.
const START: u64 = 0xcbf2_9ce4_8422_2325;

const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// Bytes at a time.
const EIGHT: usize = 8;

/// The highest bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A hash and one more: eight bytes, or a token.
pub(super) const fn taken(hash: u64, more: u64) -> u64 {
    (hash.rotate_left(5) ^ more).wrapping_mul(FACTOR)
}

/// The hash of one sign.
pub(super) const fn hash_of_sign(sign: u8) -> u64 {
    taken(START, sign as u64)
}

/// The hash of a whole name.
pub(super) const fn hash_of(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (mut hash, mut at) = (START, 0);
    while at < bytes.len() {
        let eight = eight_at(bytes, at);
        hash = taken(hash, lower(eight, letters(eight)));
        at += EIGHT;
    }
    hash
}

/// Where the name in quotes ends that begins at `start`, and its hash; `None` if it has no end, or quotes in it.
#[inline]
pub(super) fn quoted_end_and_hash(bytes: &[u8], start: usize, quote: u8) -> Option<(usize, u64)> {
    let (mut hash, mut at) = (START, start);
    while at < bytes.len() {
        let eight = eight_at(bytes, at);
        let lower = lower(eight, letters(eight));
        let quotes = zeros(eight ^ each(quote));
        if quotes != 0 {
            let (end, hash) = ended(hash, at, lower, quotes);
            return (bytes.get(end + 1) != Some(&quote)).then_some((end, hash));
        }
        hash = taken(hash, lower);
        at += EIGHT;
    }
    None
}

/// Where the word at the start of the bytes ends, and its hash.
#[inline]
pub(super) fn end_and_hash(bytes: &[u8], start: usize) -> (usize, u64) {
    let (mut hash, mut at) = (START, start);
    loop {
        let eight = eight_at(bytes, at);
        let letters = letters(eight);
        let lower = lower(eight, letters);
        let others = !of_words(eight, letters) & HIGH;
        if others != 0 {
            return ended(hash, at, lower, others);
        }
        hash = taken(hash, lower);
        at += EIGHT;
    }
}

/// The end and the hash where a word or a name ends in the last eight bytes, before the first bit of `end`.
#[inline]
const fn ended(hash: u64, at: usize, lower: u64, end: u64) -> (usize, u64) {
    let bits = end.trailing_zeros() & !7;
    let kept = lower & ((1 << bits) - 1);
    let hash = if bits == 0 { hash } else { taken(hash, kept) };
    (at + bits as usize / 8, hash)
}

/// Where the first of two bytes stands, from `start` on. Most names and values are short: a search that pays off only later
/// is not begun at once.
#[inline]
pub(crate) fn find_either(bytes: &[u8], start: usize, one: u8, other: u8) -> Option<usize> {
    let mut at = start;
    while at < start + NEAR_BYTES {
        let Some(eight) = bytes.get(at..at + EIGHT).and_then(<[u8]>::first_chunk) else { break };
        let eight = u64::from_le_bytes(*eight);
        let found = zeros(eight ^ each(one)) | zeros(eight ^ each(other));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += EIGHT;
    }
    memchr::memchr2(one, other, bytes.get(at..)?).map(|found| at + found)
}

/// Bytes looked at eight at a time.
const NEAR_BYTES: usize = 32;

/// The highest bit of the first byte that is zero, and of none before.
#[inline]
const fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(each(1)) & !eight & HIGH
}

/// Eight bytes, the first lowest; zeros behind the end.
#[inline]
const fn eight_at(bytes: &[u8], at: usize) -> u64 {
    let (_, rest) = bytes.split_at(at);
    match rest.first_chunk::<EIGHT>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => last_eight(rest),
    }
}

/// Fewer than eight bytes; out of the way, for a text has one end.
#[cold]
#[inline(never)]
const fn last_eight(rest: &[u8]) -> u64 {
    let (mut eight, mut n) = (0, rest.len());
    while 0 < n {
        n -= 1;
        eight = eight << 8 | rest[n] as u64;
    }
    eight
}

/// The highest bit of each byte that is an ASCII letter. No sum of seven bits runs over into the next byte.
#[inline]
const fn letters(eight: u64) -> u64 {
    let folded = (eight & !HIGH) | each(0x20);
    let from_a = folded + each(0x80 - b'a');
    let behind_z = folded + each(0x7f - b'z');
    from_a & !behind_z & !eight & HIGH
}

#[inline]
const fn lower(eight: u64, letters: u64) -> u64 {
    eight | letters >> 2
}

/// The highest bit of each byte that an unquoted identifier may hold: letters, digits, `_`, `$`, and what is not ASCII.
#[inline]
const fn of_words(eight: u64, letters: u64) -> u64 {
    let seven = eight & !HIGH;
    let digits = (seven + each(0x80 - b'0')) & !(seven + each(0x7f - b'9'));
    // Zero only where the sign stands.
    let signs = ((seven ^ each(b'_')) + each(0x7f)) & ((seven ^ each(b'$')) + each(0x7f));
    letters | digits | !signs | eight
}

/// Eight times the byte.
const fn each(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told() {
        for byte in 0..=255u8 {
            let is_word = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || 0x80 <= byte;
            for before in ["", "a", "abcdefg", "abcdefgh", "abcdefghi"] {
                let bytes = [before.as_bytes(), &[byte], b" x"].concat();
                let end = before.len() + usize::from(is_word);
                assert_eq!(end_and_hash(&bytes, 0).0, end, "{byte} behind {before}");
                assert_eq!(lower(u64::from(byte), letters(u64::from(byte))), u64::from(byte.to_ascii_lowercase()));
            }
        }
    }

    #[test]
    fn a_quoted_name_ends_at_its_quote() {
        for name in ["", "a", "abcdefg", "abcdefgh", "abcdefghi", "Customer_Entity", "tablé"] {
            for behind in ["", ".", " x FROM y", "       "] {
                let text = format!("`{name}`{behind}");
                assert_eq!(
                    quoted_end_and_hash(text.as_bytes(), 1, b'`'),
                    Some((name.len() + 1, hash_of(name))),
                    "{text}"
                );
            }
            for text in [format!("`{name}"), format!("`{name}``"), format!("`{name}``x`")] {
                assert_eq!(quoted_end_and_hash(text.as_bytes(), 1, b'`'), None, "{text}");
            }
        }
    }

    #[test]
    fn either_is_found() {
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|at| if at % 3 == 0 { b',' } else { 0x80 + at }).collect();
            let places: Vec<usize> = (0..usize::from(length)).filter(|at| at % 3 == 0).collect();
            for start in 0..=bytes.len() {
                let first = places.iter().copied().find(|at| start <= *at);
                assert_eq!(find_either(&bytes, start, b',', b';'), first);
            }
        }
        let far = [&[b'+'; 70][..], b",-"].concat();
        assert_eq!((find_either(&far, 1, b',', b'-'), find_either(&far, 1, b'-', b',')), (Some(70), Some(70)));
        assert_eq!(find_either(b"+,", 3, b',', b','), None);
    }

    #[test]
    fn a_word_has_the_hash_of_its_name() {
        for word in ["a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "high_priority", "tablé", "$1", ""] {
            for text in [word.to_owned(), format!("{word} x"), format!("{word}.{word}{word}"), format!("{word}\0")] {
                assert_eq!(end_and_hash(text.as_bytes(), 0), (word.len(), hash_of(word)), "{text}");
            }
            let upper = word.to_ascii_uppercase();
            assert_eq!(end_and_hash(upper.as_bytes(), 0), (word.len(), hash_of(word)));
        }
    }
}
