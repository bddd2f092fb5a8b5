//! A statement without its values, as one number.
//!
//! Two statements have one fingerprint if they differ only in literals (and in comments, white space, the case of words,
//! backquotes, and a `;` at the end). Lists of literals count as one literal, so that `IN (1,2)` and `IN (1,2,3)` are the
//! same, and rows behind VALUES that look like the first or the last one are as if they were not there: a row with a query
//! inside is. Placeholders are literals; a sign before a number belongs to it.
//!
//! The arithmetic, so that others can compute it: a hash takes in 64 bits `t` as `h = (rotate_left(h, 5) ^ t) *
//! 0x517cc1b727220a95`. A token's hash begins with 0xcbf29ce484222325 and takes in its bytes, eight at a time, little-endian,
//! the last ones filled up with zeros, ASCII letters in lower case; a literal's is that of `?`. A sequence begins with
//! [`SEED`] and takes in the hashes of its tokens. What stands in parentheses is a sequence of its own, whose result is taken
//! in like a token. The end is the finaliser of MurmurHash3. It is no secret and no signature: whoever wants to can find two
//! statements with one fingerprint.

use super::keywords::Keyword;
use super::lexer::Token;
use super::words::{hash_of, hash_of_sign, taken};

/// What a sequence begins with.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

const LITERAL: u64 = hash_of_sign(b'?');

/// Parentheses that are sequences of their own; deeper ones are signs like others.
const NESTING_MAX: usize = 8;

/// What stands in one pair of parentheses.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    hash: u64,
    /// The last element, if it was a literal or in parentheses; 0 if it was something else.
    last: u64,
    /// The first of a list of such elements.
    first: u64,
    comma: bool,
}

const EMPTY: Sequence = Sequence { hash: SEED, last: 0, first: 0, comma: false };

#[derive(Debug)]
pub(super) struct Fingerprint {
    now: Sequence,
    /// The ones around it.
    around: [Sequence; NESTING_MAX],
    depth: usize,
    deeper: usize,
    /// A value or a name was read last: a `-` behind it is no sign.
    operand: bool,
    /// A `;` was read last.
    ended: bool,
}

impl Fingerprint {
    pub(super) fn new() -> Self {
        Fingerprint { now: EMPTY, around: [EMPTY; NESTING_MAX], depth: 0, deeper: 0, operand: false, ended: false }
    }

    pub(super) fn feed(&mut self, token: &Token<'_>) {
        match *token {
            Token::Word { hash, keyword, .. } => self.word(hash, keyword),
            Token::Number(_) | Token::Text { .. } => self.literal(),
            Token::Quoted { hash, .. } => self.name(hash),
            Token::Variable(name) => self.name(hash_of(name)),
            Token::Sign(sign) => self.sign(sign),
        }
    }

    #[inline]
    pub(super) fn word(&mut self, hash: u64, keyword: Keyword) {
        self.take_end();
        self.operand = keyword == Keyword::None;
        let starts_element = self.now.comma || self.now.hash == SEED;
        match keyword {
            Keyword::Null | Keyword::True | Keyword::False | Keyword::Default if starts_element => self.literal(),
            _ => self.other(hash),
        }
    }

    /// An identifier by its hash, also one that was taken for a literal.
    #[inline]
    pub(super) fn name(&mut self, hash: u64) {
        self.take_end();
        self.operand = true;
        self.other(hash);
    }

    pub(super) fn finish(&mut self) -> u64 {
        while 0 < self.depth {
            self.close();
        }
        let mut hash = self.now.hash;
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }

    /// A sign that is nothing but itself.
    #[inline]
    pub(super) fn plain_sign(&mut self, sign: u8) {
        self.take_end();
        self.operand = false;
        self.other(hash_of_sign(sign));
    }

    #[inline(always)]
    pub(super) fn sign(&mut self, sign: u8) {
        if sign != b';' {
            self.take_end();
        }
        let after_operand = std::mem::replace(&mut self.operand, sign == b')');
        match sign {
            b'?' => self.literal(),
            b';' => self.ended = true,
            b',' => {
                self.take_comma();
                self.now.comma = true;
            }
            b'-' | b'+' if !after_operand => {}
            b'(' if self.depth < NESTING_MAX && self.deeper == 0 => {
                self.around[self.depth] = std::mem::replace(&mut self.now, EMPTY);
                self.depth += 1;
            }
            b'(' => {
                self.deeper += 1;
                self.other(hash_of_sign(sign));
            }
            b')' if self.deeper == 0 && 0 < self.depth => self.close(),
            b')' => {
                self.deeper = self.deeper.saturating_sub(1);
                self.other(hash_of_sign(sign));
            }
            _ => self.other(hash_of_sign(sign)),
        }
    }

    #[inline]
    pub(super) fn literal(&mut self) {
        self.take_end();
        self.operand = true;
        self.element(LITERAL, true);
    }

    fn close(&mut self) {
        self.take_comma();
        let inside = self.now.hash;
        self.depth -= 1;
        self.now = self.around[self.depth];
        self.element(inside, false);
    }

    /// A literal or what was in parentheses; `runs` if it belongs to the one before even without a comma between.
    fn element(&mut self, element: u64, runs: bool) {
        let sequence = &mut self.now;
        let listed = sequence.last != 0 && (sequence.comma || runs);
        if listed && (sequence.last == element || sequence.first == element) {
            sequence.comma = false;
            return;
        }
        let first = if sequence.last == 0 { element } else { sequence.first };
        self.other(element);
        (self.now.last, self.now.first) = (element, first);
    }

    #[inline]
    fn other(&mut self, token: u64) {
        self.take_comma();
        self.now.hash = taken(self.now.hash, token);
        (self.now.last, self.now.first) = (0, 0);
    }

    /// A `;` counts once something stands behind it.
    #[inline]
    fn take_end(&mut self) {
        if std::mem::take(&mut self.ended) {
            self.other(hash_of_sign(b';'));
        }
    }

    #[inline]
    fn take_comma(&mut self) {
        if std::mem::take(&mut self.now.comma) {
            self.now.hash = taken(self.now.hash, hash_of_sign(b','));
        }
    }
}
