//! # docker: what container runtimes write
//!
//! | envelope | line |
//! |---|---|
//! | `docker` | `{"log":"<line>\n","stream":"stdout","time":"2026-11-23T13:04:03.790123456Z"}`, of the json-file driver |
//! | `cri` | `2026-11-23T13:04:03.790123456Z stdout F <line>`, of containerd and CRI-O |
//!
//! Both runtimes cut lines at 16 KiB: Docker's pieces but the last have no `\n`, CRI's have `P` for `F`, Docker's fluentd driver writes
//! `partial_message`. They are put together where nothing else stands around them and they follow each other in their source partition: give
//! each container a partition (its id as the key), or let the shipper do it (Filebeat's `container` input, Fluent Bit's
//! `multiline.parser docker, cri`). A piece that stands alone is an entry that cannot be read.

use super::json::Object;
use super::{Envelope, Hints, Inner, Open};

pub(super) const JSON_FILE: Envelope = Envelope {
    name: "docker",
    summary: "Docker's json-file: log, stream, time",
    file: include_str!("docker.rs"),
    open: Open::Object(open),
};

pub(super) const CRI: Envelope = Envelope {
    name: "cri",
    summary: "containerd and CRI-O: time, stream, F, line",
    file: include_str!("docker.rs"),
    open: Open::Text(open_cri),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.stream.is_text() || !object.time.is_text() {
        return None;
    }
    let line = object.log.take_text()?;
    Some(Inner { shipped_at: object.time.time(), host: object.take_host(), ..Inner::of_text(line) })
}

fn open_cri<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let [stamp, _, _, line] = cri_parts(bytes)?;
    let shipped_at = std::str::from_utf8(stamp).ok()?.parse().ok()?;
    Some(Inner { shipped_at: Some(shipped_at), ..Inner::of_bytes(line) })
}

/// Stamp, stream, flag, line.
pub(super) fn cri_parts(bytes: &[u8]) -> Option<[&[u8]; 4]> {
    let mut parts = bytes.splitn(4, |byte| *byte == b' ');
    let [stamp, stream, flag, line] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let is_cri = matches!(stream, b"stdout" | b"stderr") && matches!(flag, b"F" | b"P");
    is_cri.then_some([stamp, stream, flag, line])
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn lines_of_containers() {
        let line = br#"{"log":"a\n","stream":"stdout","time":"2026-11-23T13:04:03.790123456Z"}"#;
        assert_eq!(shown(line), ["docker|a\\n|2026-11-23T13:04:03.790Z||"]);
        assert_eq!(shown(b"2026-11-23T13:04:03.790123456Z stdout F a b"), ["cri|a b|2026-11-23T13:04:03.790Z||"]);
        assert_eq!(shown(b"2026-11-23T13:04:03.790123456+01:00 stderr P "), ["cri||2026-11-23T12:04:03.790Z||"]);
        assert_eq!(shown(b"2026-11-23T13:04:03Z stdout X a"), ["none"]);
    }
}
