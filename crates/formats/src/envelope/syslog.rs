//! # syslog: headers of syslog, as RFC 3164, RFC 5424 and rsyslog's files have them
//!
//! | envelope | shape |
//! |---|---|
//! | `rfc5424` | `<150>1 2026-11-23T13:03:54.470645+00:00 web1 nginx - - [id k="v"] <line>`; a BOM before the line is dropped |
//! | `rfc3164` | `<150>Nov 23 13:03:54 web1 nginx[17]: <line>`, also without `<150>` (`RSYSLOG_TraditionalFileFormat`) and without the host (`%rawmsg%` of a local program) |
//! | `rsyslog_file` | `2026-11-23T13:03:54.470645+00:00 web1 nginx: <line>` (`RSYSLOG_FileFormat`) |
//! | `syslog_tag` | ` nginx: <line>` or ` <line>`: what `%msg%` leaves |
//!
//! - A stamp of RFC 3164 has neither year nor zone. The zone is the source's; the year is the one that brings it nearest to
//!   when the record was written, else to how far event time has come. Of a line in a file only the end of that file is known: the
//!   year is the latest that is not after it, but for a day (clocks, zones). Where nothing is known it has no time.
//! - rsyslog's `%msg%` begins with a blank. One blank before a line is dropped.
//! - nginx writes its own host name, and rsyslog's socket for local programs takes it for the tag: `web1 web1 nginx: `.
//! - rsyslog writes control characters as `#033`. What a format wants undone is the format's business.

use super::{Envelope, Hints, Inner, Open};
use crate::zone::{LocalTime, digits};
use activity::{Span, Timestamp};
use std::borrow::Cow;

pub(super) const RFC5424: Envelope = Envelope {
    name: "rfc5424",
    summary: "syslog, RFC 5424",
    file: include_str!("syslog.rs"),
    open: Open::Text(open_rfc5424),
};

pub(super) const RFC3164: Envelope = Envelope {
    name: "rfc3164",
    summary: "syslog, RFC 3164, with or without <PRI>",
    file: include_str!("syslog.rs"),
    open: Open::Text(open_rfc3164),
};

pub(super) const FILE: Envelope = Envelope {
    name: "rsyslog_file",
    summary: "rsyslog's file format: RFC 3339 time, host, tag, line",
    file: include_str!("syslog.rs"),
    open: Open::Text(open_file),
};

pub(super) const TAG: Envelope = Envelope {
    name: "syslog_tag",
    summary: "rsyslog's %msg%: a blank or a tag before the line",
    file: include_str!("syslog.rs"),
    open: Open::Text(open_tag),
};

/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 48;

/// Longest host, in bytes.
const HOST_BYTES_MAX: usize = 255;

/// Length of `Nov 23 13:03:54`.
const STAMP_BYTES: usize = 15;

/// How far a stamp may be behind the end of its file: as zones differ, and clocks.
const AFTER_END_MAX: Span = Span::from_hours(24);

/// Years that are tried: a leap day comes every eight at least.
const YEARS_BACK: i32 = 9;

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

fn open_rfc5424<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let (stamp, rest) = word(behind_priority(bytes)?.strip_prefix(b"1 ")?)?;
    let (host, rest) = word(rest)?;
    let (program, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let (_message_id, rest) = word(rest)?;
    let line = behind_structured_data(rest)?;
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let named = |word: &'a [u8]| if word == b"-" { None } else { text(word) };
    Some(Inner {
        shipped_at: std::str::from_utf8(stamp).ok().and_then(|stamp| stamp.parse().ok()),
        host: named(host),
        program: named(program),
        ..Inner::of_bytes(without_blank(line))
    })
}

fn open_rfc3164<'a>(bytes: &'a [u8], hints: &Hints<'_>) -> Option<Inner<'a>> {
    let header = behind_priority(bytes).unwrap_or(bytes);
    let (stamp, rest) = header.split_at_checked(STAMP_BYTES)?;
    let stamp = Stamp::read(stamp)?;
    let inner = behind_stamp(rest.strip_prefix(b" ")?)?;
    Some(Inner { shipped_at: stamp.instant(hints), ..inner })
}

fn open_file<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    if !bytes.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let (stamp, rest) = word(bytes)?;
    let shipped_at = std::str::from_utf8(stamp).ok()?.parse().ok()?;
    let inner = behind_stamp(rest).filter(|inner| inner.program.is_some())?;
    Some(Inner { shipped_at: Some(shipped_at), ..inner })
}

fn open_tag<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let line = bytes.strip_prefix(b" ").unwrap_or(bytes);
    match tag(line) {
        Some((program, line)) => Some(Inner { program: text(program), ..Inner::of_bytes(line) }),
        None => (line.len() < bytes.len() && !line.is_empty()).then(|| Inner::of_bytes(line)),
    }
}

/// `<150>` and no more than that.
fn behind_priority(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
    digits(&rest[..end]).filter(|priority| *priority <= 191)?;
    Some(&rest[end + 1..])
}

/// `-` or `[id name="value"][…]`, and a blank if anything follows.
fn behind_structured_data(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    if let Some(behind) = rest.strip_prefix(b"-") {
        rest = behind;
    } else {
        rest.strip_prefix(b"[")?;
        while rest.starts_with(b"[") {
            let (mut quoted, mut escaped, mut end) = (false, false, None);
            for (at, byte) in rest.iter().enumerate() {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b']' if !quoted => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            rest = &rest[end? + 1..];
        }
    }
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b" ") }
}

/// `web1 nginx[17]: <line>`, `nginx: <line>`, `web1 web1 nginx: <line>` or `web1 <line>`.
fn behind_stamp(bytes: &[u8]) -> Option<Inner<'_>> {
    if let Some((program, line)) = tag(bytes) {
        return Some(Inner { program: text(program), ..Inner::of_bytes(line) });
    }
    let (host, rest) = word(bytes).filter(|(host, _)| host.len() <= HOST_BYTES_MAX)?;
    let host = text(host);
    // The second word may be a tag without its colon.
    for rest in [Some(rest), word(rest).map(|(_, rest)| without_blank(rest))].into_iter().flatten() {
        if let Some((program, line)) = tag(rest) {
            return Some(Inner { host, program: text(program), ..Inner::of_bytes(line) });
        }
    }
    Some(Inner { host, ..Inner::of_bytes(without_blank(rest)) })
}

/// `nginx[17]: ` and what is behind.
fn tag(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(TAG_BYTES_MAX).position(|byte| matches!(byte, b':' | b' '))?;
    let line = bytes[end..].strip_prefix(b":")?.strip_prefix(b" ")?;
    let (name, process) = match memchr::memchr(b'[', &bytes[..end]) {
        Some(at) => (&bytes[..at], bytes[at + 1..end].strip_suffix(b"]")?),
        None => (&bytes[..end], &b""[..]),
    };
    let named = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(byte));
    (named && process.iter().all(u8::is_ascii_digit)).then_some((name, line))
}

fn word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', bytes).filter(|end| 0 < *end)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

pub(super) fn without_blank(line: &[u8]) -> &[u8] {
    line.strip_prefix(b" ").unwrap_or(line)
}

/// `Nov 23 13:03:54`.
struct Stamp(LocalTime);

impl Stamp {
    fn read(bytes: &[u8]) -> Option<Self> {
        let month = MONTHS.iter().position(|month| bytes.starts_with(month))?;
        let shaped =
            [(3, b' '), (6, b' '), (9, b':'), (12, b':')].iter().all(|(at, sign)| bytes.get(*at) == Some(sign));
        let number = |from: usize| digits(bytes[from..from + 2].trim_ascii_start());
        if bytes.len() != STAMP_BYTES || !shaped {
            return None;
        }
        let (day, hour, minute, second) = (number(4)?, number(7)?, number(10)?, number(13)?);
        Some(Stamp(LocalTime { year: 0, month: u32::try_from(month).ok()? + 1, day, hour, minute, second }))
    }

    /// In the latest year that is not after what it must be before, or else in that which brings it nearest.
    fn instant(&self, hints: &Hints<'_>) -> Option<Timestamp> {
        if let Some(until) = hints.until {
            let year = i32::try_from(until.to_civil().0).ok()?;
            return (0..=YEARS_BACK)
                .filter_map(|back| hints.zone.instant(LocalTime { year: year + 1 - back, ..self.0 }, hints.near))
                .find(|at| *at <= until.saturating_add(AFTER_END_MAX));
        }
        if hints.near == Timestamp::MIN {
            return None;
        }
        let year = i32::try_from(hints.near.to_civil().0).ok()?;
        [year - 1, year, year + 1]
            .into_iter()
            .filter_map(|year| hints.zone.instant(LocalTime { year, ..self.0 }, hints.near))
            .min_by_key(|at| at.as_millis().abs_diff(hints.near.as_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Zone;
    use crate::envelope::tests::shown;

    #[test]
    fn rfc_5424() {
        let of = |text: &str| shown(text.as_bytes());
        assert_eq!(
            of("<150>1 2026-11-23T13:03:54.470645+00:00 vm nginx - - -  nginx: {}"),
            ["rfc5424|nginx: {}|2026-11-23T13:03:54.470Z|vm|nginx"]
        );
        assert_eq!(of("<0>1 - - - - - [a b=\"]\\\"\"][c] \u{feff}x"), ["rfc5424|x|||"]);
        assert_eq!(of("<0>1 - - - - - -"), ["rfc5424||||"]);
        for broken in [
            "<0>1 - - - - - [a b=\"",
            "<0>1 - - -",
            "<192>1 - - - - - - x",
            "<0>2 - - - - - - x",
            "<0>1 - - - - - [a]x",
        ] {
            assert_eq!(of(broken), ["none"], "{broken}");
        }
    }

    #[test]
    fn rfc_3164() {
        let of = |text: &str| shown(text.as_bytes());
        for (text, seen) in [
            ("<150>Nov 23 13:06:01 vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01Z|vm|nginx"),
            ("Nov  3 13:06:01 vm php-fpm[17]: a", "rfc3164|a|2026-11-03T13:06:01Z|vm|php-fpm"),
            ("Nov 23 13:06:01 vm vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01Z|vm|nginx"),
            ("<43>Nov 23 13:02:35 rsyslogd: a", "rfc3164|a|2026-11-23T13:02:35Z||rsyslogd"),
            ("Nov 23 13:06:01 vm 10.0.0.1 - -", "rfc3164|10.0.0.1 - -|2026-11-23T13:06:01Z|vm|"),
            ("2026-11-23T13:06:01.647611+01:00 vm a: b", "rsyslog_file|b|2026-11-23T12:06:01.647Z|vm|a"),
            (" nginx: {}", "syslog_tag|{}|||nginx"),
            (" magento-prod vm,root", "syslog_tag|magento-prod vm,root|||"),
        ] {
            assert_eq!(of(text), [seen], "{text}");
        }
        for broken in ["Nov 23 13:06:01", "Nov 23 13:06:0x vm a: b", "Now 23 13:06:01 vm a: b", "Nov 99", " ", "a b: c"]
        {
            assert_eq!(of(broken), ["none"], "{broken}");
        }
    }

    #[test]
    fn the_year_is_the_nearest_and_the_zone_the_sources() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let at = |text: &str, near: &str| {
            let near = if near.is_empty() { Timestamp::MIN } else { near.parse().unwrap() };
            let inner = open_rfc3164(text.as_bytes(), &Hints { zone: &berlin, near, until: None }).unwrap();
            inner.shipped_at.map(|at| at.to_string()).unwrap_or_default()
        };
        assert_eq!(at("Dec 31 23:59:59 a b: c", "2027-01-01T00:00:05Z"), "2026-12-31T22:59:59Z");
        assert_eq!(at("Jan  1 00:00:01 a b: c", "2026-12-31T22:00:00Z"), "2026-12-31T23:00:01Z");
        assert_eq!(at("Feb 29 12:00:00 a b: c", "2027-06-01T00:00:00Z"), "2028-02-29T11:00:00Z");
        assert_eq!(at("Feb 31 12:00:00 a b: c", "2027-06-01T00:00:00Z"), "");
        assert_eq!(at("Jan  1 00:00:01 a b: c", ""), "");
    }

    #[test]
    fn in_a_file_the_year_is_the_latest_before_its_end() {
        let at = |text: &str, until: &str, near: &str| {
            let hints = Hints { zone: &Zone::UTC, near: near.parse().unwrap(), until: Some(until.parse().unwrap()) };
            let inner = open_rfc3164(text.as_bytes(), &hints).unwrap();
            inner.shipped_at.map(|at| at.to_string()).unwrap_or_default()
        };
        for near in ["2020-06-01T00:00:00Z", "2027-01-02T00:00:00Z"] {
            assert_eq!(at("Dec 31 23:59:59 a b: c", "2027-01-02T00:00:00Z", near), "2026-12-31T23:59:59Z");
            assert_eq!(at("Jan  2 00:00:00 a b: c", "2027-01-02T00:00:00Z", near), "2027-01-02T00:00:00Z");
            // Nearer in the next year, but a file does not hold what comes after it.
            assert_eq!(at("Jan  5 00:00:00 a b: c", "2026-12-30T00:00:00Z", near), "2026-01-05T00:00:00Z");
            assert_eq!(at("Jan  1 00:00:00 a b: c", "2026-12-31T00:00:00Z", near), "2027-01-01T00:00:00Z");
            assert_eq!(at("Jan  1 00:00:01 a b: c", "2026-12-31T00:00:00Z", near), "2026-01-01T00:00:01Z");
            assert_eq!(at("Feb 29 12:00:00 a b: c", "2027-06-01T00:00:00Z", near), "2024-02-29T12:00:00Z");
            assert_eq!(at("Feb 29 12:00:00 a b: c", "2103-06-01T00:00:00Z", near), "2096-02-29T12:00:00Z");
            assert_eq!(at("Feb 31 12:00:00 a b: c", "2027-06-01T00:00:00Z", near), "");
        }
    }
}
