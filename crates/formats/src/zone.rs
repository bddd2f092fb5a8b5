//! Local times of a log into UTC.
//!
//! The zones come from the database compiled in, not from the machine: the same input gives the same answer everywhere.

use activity::Timestamp;
use jiff::{
    civil,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

/// The time zone a source writes its stamps in.
#[derive(Clone, Debug)]
pub struct Zone(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Utc,
    Other(TimeZone),
}

/// A date and a time of day without a zone, as logs write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
}

impl LocalTime {
    /// `2026-03-02T00:00:00` or with a blank in the middle; fractions of a second are dropped.
    pub(crate) fn parse_iso(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped =
            [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, sign)| bytes.get(*at) == Some(sign));
        let ended = bytes.len() == 19 || (bytes.get(19) == Some(&b'.') && bytes[20..].iter().all(u8::is_ascii_digit));
        if !shaped || !matches!(bytes.get(10), Some(b'T' | b' ')) || !ended {
            return None;
        }
        Some(LocalTime {
            year: i32::try_from(digits(&bytes[..4])?).ok()?,
            month: digits(&bytes[5..7])?,
            day: digits(&bytes[8..10])?,
            hour: digits(&bytes[11..13])?,
            minute: digits(&bytes[14..16])?,
            second: digits(&bytes[17..19])?,
        })
    }
}

/// A few digits and nothing else as a number.
pub(crate) fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || 9 < bytes.len() {
        return None;
    }
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Two digits as a number.
#[inline]
pub(crate) fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (u32::from(tens.wrapping_sub(b'0')), u32::from(ones.wrapping_sub(b'0')));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

impl Zone {
    pub const UTC: Zone = Zone(Kind::Utc);

    /// By its IANA name (`Europe/Berlin`) or `UTC`.
    pub fn parse(name: &str) -> Option<Self> {
        if matches!(name, "UTC" | "Etc/UTC" | "Z") {
            return Some(Zone::UTC);
        }
        TimeZoneDatabase::bundled().get(name).ok().map(|zone| Zone(Kind::Other(zone)))
    }

    /// The instant of a local time; `None` where it is no time.
    ///
    /// In the hour that a switch to winter time repeats, the one nearer to `after` is taken: the greatest stamp the
    /// source has given so far, so that the second pass through the hour is recognised. Without one
    /// ([`Timestamp::MIN`]) it is the first pass. A time that a switch to summer time skips is read as if the clock had
    /// not been switched.
    pub(crate) fn instant(&self, local: LocalTime, after: Timestamp) -> Option<Timestamp> {
        Some(match self.instants(local)? {
            (at, None) => at,
            (first, Some(second)) => {
                let distance = |to: Timestamp| after.as_millis().abs_diff(to.as_millis());
                if distance(second) < distance(first) { second } else { first }
            }
        })
    }

    /// The same for a local time behind which the zone's abbreviation stands (`CET`, `CEST`): it tells the two passes through a repeated hour
    /// apart. `None` also where the zone has another one then: it is not the zone that the stamp is of.
    pub(crate) fn instant_called(&self, local: LocalTime, abbreviation: &str) -> Option<Timestamp> {
        let Kind::Other(zone) = &self.0 else { return None };
        let (first, second) = self.instants(local)?;
        std::iter::once(first).chain(second).find(|at| {
            let at = jiff::Timestamp::from_second(at.as_secs());
            at.is_ok_and(|at| zone.to_offset_info(at).abbreviation() == abbreviation)
        })
    }

    /// The instant, or both of a time that occurs twice.
    fn instants(&self, local: LocalTime) -> Option<(Timestamp, Option<Timestamp>)> {
        let LocalTime { year, month, day, hour, minute, second } = local;
        let naive = Timestamp::from_civil(year, month, day, hour, minute, second, 0)?;
        let Kind::Other(zone) = &self.0 else { return Some((naive, None)) };
        let small = |field: u32| i8::try_from(field).ok();
        let date = civil::DateTime::new(
            i16::try_from(year).ok()?,
            small(month)?,
            small(day)?,
            small(hour)?,
            small(minute)?,
            small(second.min(59))?,
            0,
        )
        .ok()?;
        let at = |offset: jiff::tz::Offset| Timestamp::from_secs(naive.as_secs() - i64::from(offset.seconds()));
        Some(match zone.to_ambiguous_timestamp(date).offset() {
            AmbiguousOffset::Unambiguous { offset } => (at(offset), None),
            AmbiguousOffset::Gap { before, .. } => (at(before), None),
            AmbiguousOffset::Fold { before, after } => (at(before), Some(at(after))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(month: u32, day: u32, hour: u32, minute: u32, after: &str) -> String {
        let local = LocalTime { year: 2026, month, day, hour, minute, second: 0 };
        let after = if after.is_empty() { Timestamp::MIN } else { after.parse().unwrap() };
        Zone::parse("Europe/Berlin").unwrap().instant(local, after).unwrap().to_string()
    }

    #[test]
    fn local_times_become_utc() {
        assert_eq!(berlin(1, 15, 12, 0, ""), "2026-01-15T11:00:00Z");
        assert_eq!(berlin(7, 15, 12, 0, ""), "2026-07-15T10:00:00Z");
    }

    #[test]
    fn a_skipped_hour_is_read_by_the_old_clock() {
        assert_eq!(berlin(3, 29, 2, 30, ""), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn a_repeated_hour_follows_what_came_before() {
        assert_eq!(berlin(10, 25, 2, 30, ""), "2026-10-25T00:30:00Z");
        assert_eq!(berlin(10, 25, 2, 30, "2026-10-25T00:29:59Z"), "2026-10-25T00:30:00Z");
        assert_eq!(berlin(10, 25, 2, 0, "2026-10-25T00:59:58Z"), "2026-10-25T01:00:00Z");
        assert_eq!(berlin(10, 25, 2, 30, "2026-10-25T01:29:00Z"), "2026-10-25T01:30:00Z");
    }

    #[test]
    fn refuses_what_is_no_zone_or_time() {
        assert!(Zone::parse("Europe/Atlantis").is_none());
        assert!(Zone::parse("").is_none());
        let local = LocalTime { year: 2026, month: 2, day: 30, hour: 0, minute: 0, second: 0 };
        assert_eq!(Zone::UTC.instant(local, Timestamp::MIN), None);
    }
}
