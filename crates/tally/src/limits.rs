//! What a tally and a message may hold at most, and what happens beyond.

/// Members of the bounded sets. Beyond: the smallest by hash stay, and [`crate::Set::overflowed`] says so.
pub const ADDRESSES_MAX: usize = 16;
pub const PLACES_MAX: usize = 8;
pub const TABLES_MAX: usize = 32;
pub const ACCOUNTS_MAX: usize = 64;
pub const AGENTS_MAX: usize = 8;
pub const NETWORKS_MAX: usize = 8;
pub const FINGERPRINTS_MAX: usize = 16;
pub const CANDIDATES_MAX: usize = 32;

/// Records. Beyond: a fair sample stays, and [`crate::Records::overflowed`] says so. With 256 a number beyond is estimated to
/// 6 %; twice as many would better that to 4 % and double the greatest tally.
pub const RECORDS_MAX: usize = 256;

/// Keys under which a set of records is sampled, the public order counted as one ([`crate::SampleKey`]). Beyond: what was sampled under the
/// keys with the greatest ids is left out, and [`crate::Records::keys_beyond`] says so. More than two take two changes of the key within an
/// hour, or instances that disagree.
pub const SAMPLE_KEYS_MAX: usize = 4;

/// Login outcomes in order. Beyond: the earliest stay; the counts of logins stay exact.
pub const LOGINS_MAX: usize = 64;

/// Pointers to evidence. Beyond: the smallest positions stay.
pub const EVIDENCE_MAX: usize = 3;

/// Bytes of one member of a set, an account or a person. Beyond: cut at a character.
pub const TEXT_BYTES_MAX: usize = 192;

/// Bytes of one message. A longer one is refused when decoding.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Bytes of tallies in one message of a flush, to which the last tally may add its own. Beyond: there are several messages, of which only the
/// last covers what was read. No broker may refuse one, or the same records would come again, and again be too many.
pub const TALLIES_BYTES_MAX: usize = 4 << 20;

/// Bytes of one tally in a message, at most.
pub const TALLY_BYTES_MAX: usize = crate::batch::TALLY_BYTES_MAX;

/// Tallies of a flush whose room is kept for the next: some 25 MB. Beyond it the room is given back.
pub(crate) const SPARE_TALLIES_MAX: usize = 32_768;

/// Cut at a character so that at most [`TEXT_BYTES_MAX`] bytes stay.
pub(crate) fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
