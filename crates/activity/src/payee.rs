//! Where money is to go to: the account number that a statement writes, without the number.

use crate::Record;

/// An account number that was written, and whose it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Payee {
    /// See [`Payee::account`].
    pub account: u64,
    /// `None`: the statement names nobody.
    pub of: Option<Record>,
}

impl Payee {
    /// The hash of an account number as it stands in a statement: letters in any case, spaces and hyphens count for nothing. `None` for
    /// what is none: fewer than [`DIGITS_MIN`] digits, or fewer than [`DIFFERENT_MIN`] different ones (`0000000000`, `PENDING`). Placeholders
    /// are written to many, and nobody is paid by them.
    ///
    /// It hides the number from readers and not from guessers, since there are few account numbers: what leaves ingest is
    /// hashed again under its key.
    pub fn account(literal: &str) -> Option<u64> {
        if literal.len() > LITERAL_BYTES_MAX {
            return None;
        }
        let (mut hash, mut digits, mut different) = (0xcbf2_9ce4_8422_2325_u64, 0u32, 0u16);
        for byte in literal.bytes().filter(u8::is_ascii_alphanumeric) {
            if byte.is_ascii_digit() {
                digits += 1;
                different |= 1 << (byte - b'0');
            }
            hash = (hash ^ u64::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0000_01b3);
        }
        (DIGITS_MIN <= digits && DIFFERENT_MIN <= different.count_ones()).then(|| Record(hash).mixed())
    }
}

/// An IBAN with spaces has 42 bytes; what is longer is no account number, or it is encrypted and never the same twice.
const LITERAL_BYTES_MAX: usize = 64;
const DIGITS_MIN: u32 = 5;
const DIFFERENT_MIN: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let one = Payee::account("DE89370400440532013000");
        assert!(one.is_some());
        assert_eq!(one, Payee::account("de89 3704 0044 0532 0130 00"));
        assert_ne!(one, Payee::account("DE89370400440532013001"));
    }

    #[test]
    fn placeholders_are_nobodys_account() {
        for text in ["", "PENDING", "0000000000", "1111-1111-1111", "1234", "n/a", &"1234567890".repeat(7)] {
            assert_eq!(Payee::account(text), None, "{text}");
        }
        assert!(Payee::account("12345").is_some());
    }
}
