//! Records that could not be read, with the reason; never silently dropped.

use crate::limits::EXCERPT_BYTES_MAX;
use activity::Mode;
use base64::Engine as _;
use std::sync::Arc;

/// One entry that could not be read. Its copy is what `[privacy] dead_letters` leaves of it; with `full` it is raw log text,
/// which may hold credentials and personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub source: Arc<str>,
    /// The format it was read as.
    pub format: &'static str,
    pub partition: i32,
    /// Offset of the record in which the entry began.
    pub offset: i64,
    /// Offset of the last record that has a part of it.
    pub to_offset: i64,
    /// Its records also hold parts of other entries: read again, those would count twice.
    pub shares_records: bool,
    /// `too_long`, `no_header`, [`crate::REST_OF_ENTRY`], `not_in_envelope`, `other_program`, or why the format refused it; [`DeadLetter::MORE`].
    pub reason: &'static str,
    /// Its first bytes, at most [`EXCERPT_BYTES_MAX`]; of `more` the number of entries.
    pub excerpt: Vec<u8>,
    /// Length of the whole in bytes, as far as it was read.
    pub bytes: u64,
    pub mode: Mode,
    /// How often it was resubmitted before.
    pub tries: u32,
}

impl DeadLetter {
    /// Reason of a letter that stands for entries of a record beyond [`crate::limits::LETTERS_PER_RECORD_MAX`]. It has their number in place of their text, and their length in all.
    pub const MORE: &'static str = "more";

    pub(crate) fn excerpt(bytes: &[u8]) -> Vec<u8> {
        bytes[..bytes.len().min(EXCERPT_BYTES_MAX)].to_vec()
    }

    /// One JSON object: `source`, `format`, `partition`, `offset`, `to_offset`, `shares_records`, `reason`, `mode`, `drill`, `bytes`, `tries`, `excerpt` (Base64, because the
    /// bytes may be no text, and no reader should take them for lines).
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "source": &*self.source,
            "format": self.format,
            "partition": self.partition,
            "offset": self.offset,
            "to_offset": self.to_offset,
            "shares_records": self.shares_records,
            "reason": self.reason,
            "mode": self.mode.as_str(),
            "drill": self.mode.drill().map(|drill| drill.to_string()),
            "bytes": self.bytes,
            "tries": self.tries,
            "excerpt": base64::engine::general_purpose::STANDARD.encode(&self.excerpt),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::DrillId;

    #[test]
    fn json_carries_the_bytes_and_no_control_character() {
        let letter = DeadLetter {
            source: "audit".into(),
            format: "mariadb_server_audit",
            partition: 3,
            offset: 17,
            to_offset: 18,
            shares_records: false,
            reason: "malformed",
            excerpt: DeadLetter::excerpt(b"\x1b[31m\n\xff"),
            bytes: 7,
            mode: Mode::Drill(DrillId(1)),
            tries: 2,
        };
        assert_eq!(
            letter.to_json(),
            r#"{"bytes":7,"drill":"drill-0000000000000001","excerpt":"G1szMW0K/w==","format":"mariadb_server_audit","mode":"drill","offset":17,"partition":3,"reason":"malformed","shares_records":false,"source":"audit","to_offset":18,"tries":2}"#
        );
        assert_eq!(DeadLetter::excerpt(&[0; 10_000]).len(), EXCERPT_BYTES_MAX);
    }
}
