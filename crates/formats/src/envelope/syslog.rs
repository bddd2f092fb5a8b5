//! # syslog: headers of syslog, as RFC 3164, RFC 5424 and rsyslog's files have them
//!
//! | envelope | shape |
//! |---|---|
//! | `rfc5424` | `<150>1 2026-11-23T13:03:54.470645+00:00 web1 nginx - - [id k="v"] <line>`; a BOM before the line is dropped |
//! | `rfc3164` | `<150>Nov 23 13:03:54 web1 nginx[17]: <line>`, also without `<150>` (`RSYSLOG_TraditionalFileFormat`) and without the host (`%rawmsg%` of a local program) |
//! | `rsyslog_file` | `2026-11-23T13:03:54.470645+00:00 web1 nginx: <line>` (`RSYSLOG_FileFormat`) |
//! | `cee` | `@cee: {…}`, the mark of JSON that stands before it in syslog |
//! | `syslog_tag` | ` nginx: <line>` or ` <line>`: what `%msg%` leaves |
//!
//! - A stamp of RFC 3164 has neither year nor zone. The zone is the source's; the year is the one that brings it nearest to
//!   when the record was written, else to how far event time has come. Of a line in a file only the end of that file is known: the
//!   year is the latest that is not after it, but for a day (clocks, zones). Where nothing is known it has no time.
//!   Some senders write the year (`Nov 23 2026 13:03:54`) or a fraction (`Nov 23 13:03:54.470`): both are taken.
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

pub(super) const CEE: Envelope = Envelope {
    name: "cee",
    summary: "JSON in syslog behind its mark, @cee:",
    file: include_str!("syslog.rs"),
    open: Open::Text(open_cee),
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
    let (stamp, rest) = Stamp::read(header)?;
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

fn open_cee<'a>(bytes: &'a [u8], _: &Hints<'_>) -> Option<Inner<'a>> {
    let json = bytes.strip_prefix(b"@cee:")?.trim_ascii_start();
    json.starts_with(b"{").then(|| Inner::of_bytes(json))
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
struct Stamp {
    /// Of the year 0, if it has none.
    local: LocalTime,
    millis: u32,
}

impl Stamp {
    /// The stamp, and what is behind.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let month = MONTHS.iter().position(|month| bytes.starts_with(month))?;
        let year = bytes.get(7..11).filter(|_| bytes.get(11) == Some(&b' ')).and_then(digits);
        let date_bytes = if year.is_some() { 12 } else { 7 };
        let (date, rest) = bytes.split_at_checked(date_bytes)?;
        let (time, rest) = rest.split_at_checked(8)?;
        let shaped = date[3] == b' ' && date[6] == b' ' && time[2] == b':' && time[5] == b':';
        let number = |two: &[u8]| digits(two.trim_ascii_start());
        let local = LocalTime {
            year: i32::try_from(year.unwrap_or(0)).ok()?,
            month: u32::try_from(month).ok()? + 1,
            day: number(&date[4..6])?,
            hour: number(&time[..2])?,
            minute: number(&time[3..5])?,
            second: number(&time[6..])?,
        };
        let (millis, rest) = fraction(rest);
        shaped.then_some((Stamp { local, millis }, rest))
    }

    fn instant(&self, hints: &Hints<'_>) -> Option<Timestamp> {
        let second =
            if self.local.year == 0 { self.nearest(hints) } else { hints.zone.instant(self.local, hints.near) };
        second.map(|second| Timestamp::from_millis(second.as_millis() + i64::from(self.millis)))
    }

    /// In the latest year that is not after what it must be before, or else in that which brings it nearest.
    fn nearest(&self, hints: &Hints<'_>) -> Option<Timestamp> {
        if let Some(until) = hints.until {
            let year = i32::try_from(until.to_civil().0).ok()?;
            return (0..=YEARS_BACK)
                .filter_map(|back| hints.zone.instant(LocalTime { year: year + 1 - back, ..self.local }, hints.near))
                .find(|at| *at <= until.saturating_add(AFTER_END_MAX));
        }
        if hints.near == Timestamp::MIN {
            return None;
        }
        let year = i32::try_from(hints.near.to_civil().0).ok()?;
        [year - 1, year, year + 1]
            .into_iter()
            .filter_map(|year| hints.zone.instant(LocalTime { year, ..self.local }, hints.near))
            .min_by_key(|at| at.as_millis().abs_diff(hints.near.as_millis()))
    }
}

/// `.470` as milliseconds, whatever its length, and what is behind.
fn fraction(bytes: &[u8]) -> (u32, &[u8]) {
    let Some(behind) = bytes.strip_prefix(b".") else { return (0, bytes) };
    let end = behind.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(behind.len());
    let digit = |at: usize| behind[..end].get(at).map_or(0, |digit| u32::from(digit - b'0'));
    if end == 0 { (0, bytes) } else { (digit(0) * 100 + digit(1) * 10 + digit(2), &behind[end..]) }
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
            ("<14>Nov 23 2026 13:06:01 vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01Z|vm|nginx"),
            ("Nov  3 1999 13:06:01 vm nginx: {}", "rfc3164|{}|1999-11-03T13:06:01Z|vm|nginx"),
            ("<14>Nov 23 13:06:01.123 vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01.123Z|vm|nginx"),
            ("Nov 23 2026 13:06:01.5 vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01.500Z|vm|nginx"),
            ("Nov 23 13:06:01.123456789 vm nginx: {}", "rfc3164|{}|2026-11-23T13:06:01.123Z|vm|nginx"),
            ("@cee:{}", "cee|{}|||"),
            ("@cee: {}", "cee|{}|||"),
            ("2026-11-23T13:06:01.647611+01:00 vm a: b", "rsyslog_file|b|2026-11-23T12:06:01.647Z|vm|a"),
            (" nginx: {}", "syslog_tag|{}|||nginx"),
            (" magento-prod vm,root", "syslog_tag|magento-prod vm,root|||"),
        ] {
            assert_eq!(of(text), [seen], "{text}");
        }
        for broken in [
            "Nov 23 13:06:01",
            "Nov 23 13:06:0x vm a: b",
            "Now 23 13:06:01 vm a: b",
            "Nov 99",
            " ",
            "a b: c",
            "Nov 23 13:06:01. vm a: b",
            "Nov 23 2026 13:06 vm a: b",
            "Nov 23 202x 13:06:01 vm a: b",
            "Nov 23 13:06:01.12x vm a: b",
            "@cee:",
            "@cee: a",
        ] {
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
    fn a_year_that_is_written_needs_no_other() {
        for until in [None, Some("2026-12-30T00:00:00Z".parse().unwrap())] {
            let hints = Hints { zone: &Zone::UTC, near: Timestamp::MIN, until };
            let inner = open_rfc3164(b"Jan  5 2027 00:00:00.25 a b: c", &hints).unwrap();
            assert_eq!(inner.shipped_at.unwrap().to_string(), "2027-01-05T00:00:00.250Z");
        }
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
