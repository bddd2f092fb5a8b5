//! Many words looked for in one pass, ASCII letters in any case: Wu and Manber (1994), with blocks of two bytes.
//!
//! The pass stands at the end of a window as long as the shortest word, and looks at the two bytes there: if no word has them in its
//! window, the whole window can be skipped; if one has them further left, it moves on until they fit; only where they end a window
//! are the words themselves compared. Of each word that window is taken whose pairs of bytes are rarest in addresses and statements.
//!
//! Aho-Corasick (the crate of that name, as a DFA) looks at every byte: over the sample audit log 1.6 ns for each to say that there is
//! nothing, 2.1 to tell all places, in this build, which checks overflows in dependencies too. This takes 1.3, tells all places, and is
//! some sixty lines. The price: its worst case. Texts that an attacker writes of nothing but the ends of windows cost a comparison
//! with each word of that end for each byte.

/// Hashes of two bytes.
const HASHES: usize = 1 << 14;

/// Bytes of a word at least.
pub(crate) const WORD_BYTES_MIN: usize = 3;

/// Windows are no longer than this.
const WINDOW_MAX: usize = 8;

/// Letters by how often they stand in addresses, agents and statements, the most frequent first; what is not here is rare.
const FREQUENT: &[u8] = b"etaoisnrcldpmuhg/bf =,wvy01.2_-k3`(4)";

#[derive(Debug)]
pub(crate) struct Words {
    /// Small letters.
    words: Vec<Box<[u8]>>,
    window: usize,
    /// How far to move on, by the hash of the two bytes that end the window.
    shifts: Box<[u8; HASHES]>,
    /// Where a window may end: (hash, word, bytes of the word before the window's end), ascending.
    ends: Vec<(usize, u32, usize)>,
}

impl Words {
    /// Words of at least [`WORD_BYTES_MIN`] bytes, by their number; `None` if there are none.
    pub(crate) fn new<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let words: Vec<Box<[u8]>> = words.map(|word| word.to_ascii_lowercase().into_bytes().into()).collect();
        let window = words.iter().map(|word| word.len()).min()?.min(WINDOW_MAX);
        if window < WORD_BYTES_MIN {
            return None;
        }
        let mut shifts = Box::new([u8::try_from(window - 1).unwrap_or(u8::MAX); HASHES]);
        let mut ends = Vec::new();
        for (number, word) in (0u32..).zip(&words) {
            let from = (0..=word.len() - window).max_by_key(|from| rarity(&word[*from..from + window])).unwrap_or(0);
            let chosen = &word[from..from + window];
            for (at, pair) in chosen.windows(2).enumerate() {
                let shift = &mut shifts[hash(pair[0], pair[1])];
                *shift = (*shift).min(u8::try_from(window - 2 - at).unwrap_or(u8::MAX));
            }
            ends.push((hash(chosen[window - 2], chosen[window - 1]), number, from + window));
        }
        ends.sort_unstable();
        Some(Words { words, window, shifts, ends })
    }

    /// Tells the number of each word that is in the text, once for each place.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        let text = text.as_bytes();
        let mut end = self.window;
        while let Some([first, second]) = text.get(end.wrapping_sub(2)..end) {
            let hash = hash(*first, *second);
            let shift = self.shifts[hash];
            if shift == 0 {
                self.compare(hash, text, end, &mut found);
                end = end.wrapping_add(1);
            } else {
                end = end.wrapping_add(usize::from(shift));
            }
        }
    }

    #[cold]
    fn compare(&self, hash: usize, text: &[u8], end: usize, found: &mut dyn FnMut(usize)) {
        let first = self.ends.partition_point(|(of, ..)| *of < hash);
        for (_, number, before) in self.ends[first..].iter().take_while(|(of, ..)| *of == hash) {
            let word = &self.words[*number as usize];
            let place = end.checked_sub(*before).and_then(|from| text.get(from..from + word.len()));
            if place.is_some_and(|place| place.eq_ignore_ascii_case(word)) {
                found(*number as usize);
            }
        }
    }
}

/// The same for a letter in either case; other bytes may fall together with one, which costs a comparison.
fn hash(first: u8, second: u8) -> usize {
    usize::from(first | 0x20) << 7 & (HASHES - 1) | usize::from(second | 0x20) & 0x7f
}

/// The sum over its pairs; the last one decides how often words are compared, and counts twice.
fn rarity(window: &[u8]) -> usize {
    let of = |byte: u8| FREQUENT.iter().position(|frequent| *frequent == byte).unwrap_or(FREQUENT.len());
    let mut pairs = window.windows(2).map(|pair| of(pair[0]) + of(pair[1]));
    pairs.clone().sum::<usize>() + pairs.next_back().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn finds_each_word_wherever_it_stands(
            words in prop::collection::btree_set("[abA/.]{3,9}", 1..8),
            text in "[abAB/.ä]{0,40}",
        ) {
            let words: Vec<String> = words.into_iter().map(|word| word.to_ascii_lowercase()).collect::<BTreeSet<_>>().into_iter().collect();
            let mut found = BTreeSet::new();
            Words::new(words.iter().map(String::as_str)).unwrap().find(&text, |number| {
                found.insert(number);
            });
            let text = text.to_ascii_lowercase();
            let expected: BTreeSet<usize> = (0..words.len()).filter(|number| text.contains(&words[*number])).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn short_words_make_none() {
        assert!(Words::new(std::iter::empty()).is_none());
        assert!(Words::new(["ab"].into_iter()).is_none());
    }
}
