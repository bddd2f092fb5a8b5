//! A drill's signed mark: what makes a record a drill's, and nothing else does.
//!
//! The mark travels as a Kafka header of the raw record: `drill-<16 hex digits>.<64 hex digits>`, the second part being
//! HMAC-SHA256 (RFC 2104) under the drill key over the drill's id and the record's bytes. So a mark cannot be moved to
//! another record, and whoever may write log lines cannot make a real attack look like an exercise. A mark that
//! does not verify is treated as live, and is an alert of its own.

use activity::DrillId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key that signs marks; without one, there are no drills and every mark is forged.
#[derive(Clone, Default)]
pub struct DrillKey(Option<Vec<u8>>);

impl std::fmt::Debug for DrillKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "DrillKey(set)" } else { "DrillKey(unset)" })
    }
}

impl DrillKey {
    /// Shortest key that is accepted, in bytes.
    pub const BYTES_MIN: usize = 16;

    /// Surrounding white space is not part of the key (files end in a line break).
    pub fn new(key: &[u8]) -> Option<Self> {
        let key = key.trim_ascii();
        (key.len() >= Self::BYTES_MIN).then(|| DrillKey(Some(key.to_vec())))
    }

    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The header's value for one record; `None` without a key.
    pub fn mark(&self, drill: DrillId, record: &[u8]) -> Option<String> {
        let tag = self.tag(drill, record)?.finalize().into_bytes();
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{drill}.{hex}"))
    }

    /// The drill a marked record belongs to; `None` where the mark is malformed or not ours. Constant time in the tag.
    pub fn verify(&self, mark: &[u8], record: &[u8]) -> Option<DrillId> {
        let (id, hex) = std::str::from_utf8(mark).ok()?.split_once('.')?;
        let drill = DrillId::parse(id)?;
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let tag: Option<Vec<u8>> = (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()).collect();
        self.tag(drill, record)?.verify_slice(&tag?).ok().map(|()| drill)
    }

    fn tag(&self, drill: DrillId, record: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_ref()?).expect("HMAC takes a key of any length");
        mac.update(b"breachd drill mark 1\0");
        mac.update(&drill.0.to_le_bytes());
        mac.update(record);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_belongs_to_one_record_of_one_drill_under_one_key() {
        let key = DrillKey::new(b"0123456789abcdef\n").unwrap();
        let drill = DrillId(0xabc);
        let mark = key.mark(drill, b"line").unwrap();
        assert_eq!(key.verify(mark.as_bytes(), b"line"), Some(drill));
        assert_eq!(key.verify(mark.as_bytes(), b"another line"), None);
        let other = DrillKey::new(b"fedcba9876543210").unwrap();
        assert_eq!(other.verify(mark.as_bytes(), b"line"), None);
        assert_eq!(DrillKey::default().verify(mark.as_bytes(), b"line"), None);
        let moved = mark.replace("abc.", "abd.");
        assert_eq!(key.verify(moved.as_bytes(), b"line"), None);
        for malformed in ["", ".", "drill-0000000000000abc", "drill-0000000000000abc.ff", "x.é"] {
            assert_eq!(key.verify(malformed.as_bytes(), b"line"), None, "{malformed}");
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(DrillKey::new(b"short\n").is_none());
    }
}
