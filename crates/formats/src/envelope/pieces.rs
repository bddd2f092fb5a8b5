//! Lines that a container runtime tore into pieces of 16 KiB, each a record of its own.
//!
//! | writer | a piece that another one follows |
//! |---|---|
//! | Docker, json-file | `log` of 16 KiB without `\n` (only there is none; a shipper that takes the line end off leaves shorter lines) |
//! | Docker, fluentd driver | `"partial_message":"true"`, and not `"partial_last":"true"` |
//! | containerd, CRI-O | `P` for `F` |
//!
//! Whoever reads them puts them together ([`piece`], [`mended`]). Pieces of one line belong together by `partial_id`, else by container and
//! stream, as far as the record names them.

use super::docker;
use super::json::Field;
use serde::Deserialize;
use serde_json::Value;

/// Bytes at which container runtimes tear a line.
pub const PIECE_BYTES: usize = 16 << 10;

/// A record that may be a piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it holds of the line, without its line end.
    pub bytes: Vec<u8>,
    /// The same for all pieces of a line.
    pub of: String,
    /// Another piece follows.
    pub goes_on: bool,
}

/// The keys of Docker's own drivers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Torn<'a> {
    #[serde(borrow)]
    log: Field<'a>,
    #[serde(borrow)]
    stream: Field<'a>,
    #[serde(borrow)]
    source: Field<'a>,
    #[serde(borrow)]
    time: Field<'a>,
    #[serde(borrow)]
    container_id: Field<'a>,
    #[serde(borrow)]
    container_name: Field<'a>,
    #[serde(borrow)]
    partial_message: Field<'a>,
    #[serde(borrow)]
    partial_id: Field<'a>,
    #[serde(borrow)]
    partial_last: Field<'a>,
}

/// Whether a record may be a piece that another one follows: cheap, for there are few.
pub fn may_go_on(record: &[u8]) -> bool {
    match record.first() {
        Some(b'{') => PIECE_BYTES <= record.len(),
        // A stamp, and its stream behind it.
        Some(byte) if byte.is_ascii_digit() => docker::cri_parts(record).is_some_and(|[_, _, flag, _]| flag == b"P"),
        _ => false,
    }
}

/// What a record is of a line; `None` if it is in no envelope of a container runtime, or in another one besides.
pub fn piece(record: &[u8]) -> Option<Piece> {
    if record.first() != Some(&b'{') {
        let [_, stream, flag, line] = docker::cri_parts(record)?;
        let of = format!("cri {}", String::from_utf8_lossy(stream));
        return Some(Piece { bytes: line.to_vec(), of, goes_on: flag == b"P" });
    }
    let Torn {
        mut log,
        stream,
        source,
        time,
        container_id,
        container_name,
        partial_message,
        mut partial_id,
        partial_last,
    } = serde_json::from_slice(record).ok()?;
    let log = log.take_text()?;
    let says = |field: &Field<'_>| matches!(field, Field::Text(text) if text == "true");
    let goes_on = if partial_message.is_there() {
        says(&partial_message) && !says(&partial_last)
    } else {
        stream.is_text() && time.is_text() && is_full(&log)
    };
    let of = partial_id.take_text().map_or_else(
        || {
            let named = [container_id, container_name, stream, source];
            named.into_iter().filter_map(|mut field| field.take_text()).collect::<Vec<_>>().join(" ")
        },
        String::from,
    );
    let line = log.strip_suffix('\n').unwrap_or(&log);
    Some(Piece { bytes: line.as_bytes().to_vec(), of, goes_on })
}

/// Whether a text without a line end has as many bytes as fit, each of which may have been no UTF-8 and been replaced.
fn is_full(log: &str) -> bool {
    let replaced = log.chars().filter(|character| *character == '\u{fffd}').count();
    !log.ends_with('\n') && PIECE_BYTES <= log.len() && log.len() - 2 * replaced <= PIECE_BYTES
}

/// The record of a line's first piece, as it would be if it held all of the line; `None` if it is no such record.
pub fn mended(first: &[u8], line: &[u8]) -> Option<Vec<u8>> {
    if first.first() != Some(&b'{') {
        let [stamp, stream, _, _] = docker::cri_parts(first)?;
        return Some([stamp, stream, b"F", line].join(&b' '));
    }
    let Ok(Value::Object(mut record)) = serde_json::from_slice(first) else { return None };
    record.retain(|key, _| !key.starts_with("partial_"));
    let line = String::from_utf8_lossy(line) + "\n";
    record.insert("log".into(), Value::from(line));
    serde_json::to_vec(&Value::Object(record)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::tests::shown;
    use serde_json::json;

    fn told(record: &Value) -> Option<(usize, String, bool)> {
        piece(record.to_string().as_bytes()).map(|piece| (piece.bytes.len(), piece.of, piece.goes_on))
    }

    #[test]
    fn dockers_file_tells_by_the_length() {
        let of = |log: &str| told(&json!({"log": log, "stream": "stdout", "time": "2026-11-23T13:04:03Z"}));
        let full = "x".repeat(PIECE_BYTES);
        assert_eq!(of(&full), Some((PIECE_BYTES, "stdout".into(), true)));
        assert_eq!(of(&full[1..]), Some((PIECE_BYTES - 1, "stdout".into(), false)), "the last line of a container");
        assert_eq!(of(&format!("{full}x")), Some((PIECE_BYTES + 1, "stdout".into(), false)), "put together already");
        assert_eq!(of(&format!("{}\n", &full[1..])), Some((PIECE_BYTES - 1, "stdout".into(), false)));
        // Two bytes of no UTF-8, one of them a half of what the cut tore.
        let torn = format!("\u{fffd}{}\u{fffd}", &full[2..]);
        assert_eq!(of(&torn).map(|(_, _, goes_on)| goes_on), Some(true));
    }

    #[test]
    fn the_fluentd_driver_says_so() {
        let of = |last: Option<&str>, id: Option<&str>| {
            told(&json!({"log": "x", "container_id": "c1", "source": "stderr", "partial_message": last.map(|_| "true"),
                         "partial_last": last, "partial_id": id, "partial_ordinal": "1"}))
        };
        assert_eq!(of(Some("false"), Some("p1")), Some((1, "p1".into(), true)));
        assert_eq!(of(Some("true"), Some("p1")), Some((1, "p1".into(), false)));
        assert_eq!(of(Some(""), None), Some((1, "c1 stderr".into(), true)), "drivers of old name no id");
        assert_eq!(of(None, None), Some((1, "c1 stderr".into(), false)));
        assert_eq!(told(&json!({"message": "x", "partial_message": "true"})), None);
        let twice = r#"{"log":"a","partial_message":"true","log":"b"}"#;
        assert_eq!(piece(twice.as_bytes()), None);
    }

    #[test]
    fn what_is_mended_is_as_if_it_had_not_been_torn() {
        let first =
            json!({"log": "a", "stream": "stdout", "time": "2026-11-23T13:04:03Z", "partial_id": "p", "host": "h"});
        let whole = mended(first.to_string().as_bytes(), "aé\"b".as_bytes()).unwrap();
        assert_eq!(shown(&whole), ["docker|aé\\\"b\\n|2026-11-23T13:04:03Z|h|"]);
        assert_eq!(piece(&whole).map(|piece| piece.goes_on), Some(false));
        let first = b"2026-11-23T13:04:03Z stdout P a";
        assert!(may_go_on(first));
        let whole = mended(first, b"a b").unwrap();
        assert_eq!(shown(&whole), ["cri|a b|2026-11-23T13:04:03Z||"]);
        assert!(!may_go_on(&whole));
        assert_eq!(mended(b"x", b"y"), None);
    }
}
