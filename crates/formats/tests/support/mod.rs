//! What the property tests have in common.

use proptest::sample::Index;

/// An edit: where, which byte, and what is done with it.
pub(crate) type Edit = (Index, u8, u8);

/// The bytes after some edits: a byte replaced, put in or taken out, or everything behind it cut off.
pub(crate) fn edited(mut bytes: Vec<u8>, edits: Vec<Edit>) -> Vec<u8> {
    for (place, byte, kind) in edits {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}
