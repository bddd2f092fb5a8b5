//! Points in time and lengths of time, each with its unit in its type.
//!
//! Everything is UTC and counted in milliseconds since 1970-01-01T00:00:00Z, without leap seconds (as Kafka, nginx and
//! MariaDB count). Local times are resolved where a log line is read, by the zone of its source, and nowhere else.

use std::{fmt, ops, str::FromStr};

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of time in milliseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

/// One minute of event time: the number of whole minutes since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(pub i64);

/// Hour of the week in UTC, 0 (Monday 00:00) to 167 (Sunday 23:00).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourOfWeek(pub u8);

impl Timestamp {
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Timestamp(secs.saturating_mul(1000))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The minute this time lies in.
    pub const fn bucket(self) -> Bucket {
        Bucket(self.0.div_euclid(60_000))
    }

    pub const fn saturating_add(self, span: Span) -> Self {
        Timestamp(self.0.saturating_add(span.0))
    }

    pub const fn saturating_sub(self, span: Span) -> Self {
        Timestamp(self.0.saturating_sub(span.0))
    }

    /// From calendar fields in UTC; `None` where a field is out of range (second 60 is taken as 59).
    pub fn from_civil(
        year: i32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
        second: u32,
        millis: u32,
    ) -> Option<Self> {
        let days_in_month = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            _ => return None,
        };
        let valid = (1970..=9999).contains(&year) && 1 <= day && day <= days_in_month && hour < 24 && minute < 60;
        if !valid || second > 60 || millis > 999 {
            return None;
        }
        let days = days_from_civil(i64::from(year), i64::from(month), i64::from(day));
        let secs = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second.min(59));
        Some(Timestamp(secs * 1000 + i64::from(millis)))
    }

    /// (year, month, day, hour, minute, second, millisecond) in UTC.
    pub fn to_civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let (days, within) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let secs = within / 1000;
        ((year), month, day, (secs / 3600) as u32, (secs / 60 % 60) as u32, (secs % 60) as u32, (within % 1000) as u32)
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`]; the same source.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, (day_of_year - (153 * month_index + 2) / 5 + 1) as u32)
}

impl Span {
    pub const ZERO: Span = Span(0);

    pub const fn from_millis(millis: i64) -> Self {
        Span(millis)
    }
    pub const fn from_secs(secs: i64) -> Self {
        Span(secs * 1000)
    }
    pub const fn from_minutes(minutes: i64) -> Self {
        Span(minutes * 60_000)
    }
    pub const fn from_hours(hours: i64) -> Self {
        Span(hours * 3_600_000)
    }
    pub const fn as_millis(self) -> i64 {
        self.0
    }
    pub const fn as_secs(self) -> i64 {
        self.0 / 1000
    }
}

impl Bucket {
    pub const LENGTH: Span = Span::from_minutes(1);

    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(60_000))
    }
    /// The first instant after the bucket.
    pub const fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(60_000))
    }
    /// The whole hour since the epoch this minute lies in.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(60)
    }
    pub const fn hour_of_week(self) -> HourOfWeek {
        HourOfWeek::of_hour(self.hour())
    }
}

impl HourOfWeek {
    pub const COUNT: usize = 168;

    /// Of the hour with this number since the epoch (1970-01-01 was a Thursday).
    pub const fn of_hour(hour: i64) -> Self {
        HourOfWeek((hour + 72).rem_euclid(168) as u8)
    }
    /// 0 for Monday to 6 for Sunday.
    pub const fn day(self) -> u8 {
        self.0 / 24
    }
    /// 0 to 23.
    pub const fn hour(self) -> u8 {
        self.0 % 24
    }
    /// "Monday 21:00", UTC.
    pub fn name(self) -> String {
        const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        format!("{} {:02}:00", DAYS[usize::from(self.day()) % 7], self.hour())
    }
}

impl ops::Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        self.saturating_add(span)
    }
}

impl ops::Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        self.saturating_sub(span)
    }
}

impl ops::Sub for Timestamp {
    type Output = Span;
    fn sub(self, other: Timestamp) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl ops::Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

/// RFC 3339 in UTC, milliseconds only where there are any: `2026-03-02T21:14:00Z`, `2026-03-02T21:14:00.250Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, millis) = self.to_civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if millis != 0 {
            write!(f, ".{millis:03}")?;
        }
        f.write_str("Z")
    }
}

/// "3 d 4 h", "2 h 5 min", "4.2 s", "120 ms": the two leading units.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let two = |f: &mut fmt::Formatter<'_>, big: u64, unit: &str, small: u64, sub: &str| {
            if small == 0 { write!(f, "{big} {unit}") } else { write!(f, "{big} {unit} {small} {sub}") }
        };
        match millis {
            0..1000 => write!(f, "{millis} ms"),
            1000..60_000 if millis.is_multiple_of(1000) => write!(f, "{} s", millis / 1000),
            1000..60_000 => write!(f, "{}.{} s", millis / 1000, millis % 1000 / 100),
            60_000..3_600_000 => two(f, millis / 60_000, "min", millis / 1000 % 60, "s"),
            3_600_000..86_400_000 => two(f, millis / 3_600_000, "h", millis / 60_000 % 60, "min"),
            _ => two(f, millis / 86_400_000, "d", millis / 3_600_000 % 24, "h"),
        }
    }
}

/// Why a text is no RFC 3339 time with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no RFC 3339 time with an offset")
    }
}

impl std::error::Error for NotATime {}

/// RFC 3339 with `Z` or a numeric offset; fractions beyond milliseconds are cut off.
impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bytes = text.as_bytes();
        let digits = |range: ops::Range<usize>| -> Option<u32> {
            bytes
                .get(range)?
                .iter()
                .try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
        };
        let parse = || -> Option<Timestamp> {
            let separated = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
            let timed = matches!(bytes.get(10), Some(b'T' | b't' | b' '))
                && bytes.get(13) == Some(&b':')
                && bytes.get(16) == Some(&b':');
            if !separated || !timed {
                return None;
            }
            let mut at = 19;
            let mut millis = 0;
            if bytes.get(at) == Some(&b'.') {
                at += 1;
                let from = at;
                while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                    if at - from < 3 {
                        millis += u32::from(bytes[at] - b'0') * [100, 10, 1][at - from];
                    }
                    at += 1;
                }
                if at == from {
                    return None;
                }
            }
            let offset_minutes = match bytes.get(at)? {
                b'Z' | b'z' if bytes.len() == at + 1 => 0,
                sign @ (b'+' | b'-') => {
                    let (hours, minutes) = if bytes.get(at + 3) == Some(&b':') && bytes.len() == at + 6 {
                        (digits(at + 1..at + 3)?, digits(at + 4..at + 6)?)
                    } else if bytes.len() == at + 5 {
                        (digits(at + 1..at + 3)?, digits(at + 3..at + 5)?)
                    } else {
                        return None;
                    };
                    if hours > 23 || minutes > 59 {
                        return None;
                    }
                    let minutes = i64::from(hours * 60 + minutes);
                    if *sign == b'-' { -minutes } else { minutes }
                }
                _ => return None,
            };
            let local = Timestamp::from_civil(
                i32::try_from(digits(0..4)?).ok()?,
                digits(5..7)?,
                digits(8..10)?,
                digits(11..13)?,
                digits(14..16)?,
                digits(17..19)?,
                millis,
            )?;
            Some(local - Span::from_minutes(offset_minutes))
        };
        parse().ok_or(NotATime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_round_trips() {
        for text in ["1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-03-02T21:14:00.250Z", "9999-12-31T23:59:59Z"]
        {
            let at: Timestamp = text.parse().expect(text);
            assert_eq!(at.to_string(), text);
        }
        let berlin: Timestamp = "2026-03-29T03:30:00+02:00".parse().expect("offset");
        assert_eq!(berlin.to_string(), "2026-03-29T01:30:00Z");
        assert_eq!(
            "2026-03-02T00:00:00.712+00:00".parse::<Timestamp>().map(Timestamp::as_millis),
            Ok(1_772_409_600_712)
        );
        assert_eq!(
            "2026-03-02 00:00:00-0330".parse::<Timestamp>().map(|at| at.to_string()),
            Ok("2026-03-02T03:30:00Z".into())
        );
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-03-02",
            "2026-03-02T00:00:00",
            "2026-13-02T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-02T24:00:00Z",
            "2026-03-02T00:00:00.Z",
            "2026-03-02T00:00:00Zx",
            "2026-03-02T00:00:00+25:00",
            "٢٠٢٦-03-02T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn hours_of_the_week_start_on_monday() {
        let monday: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a Monday");
        assert_eq!(monday.bucket().hour_of_week(), HourOfWeek(0));
        assert_eq!((monday - Span::from_minutes(1)).bucket().hour_of_week(), HourOfWeek(167));
        assert_eq!((monday + Span::from_hours(21)).bucket().hour_of_week().name(), "Monday 21:00");
    }

    #[test]
    fn civil_dates_agree_with_days_both_ways() {
        for days in (-200_000..200_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, i64::from(month), i64::from(day)), days);
        }
    }

    #[test]
    fn spans_say_their_two_leading_units() {
        let shown = |millis| Span::from_millis(millis).to_string();
        assert_eq!(shown(120), "120 ms");
        assert_eq!(shown(4_250), "4.2 s");
        assert_eq!(shown(125 * 60_000), "2 h 5 min");
        assert_eq!(shown(-90_000), "-1 min 30 s");
        assert_eq!(shown(72 * 3_600_000), "3 d");
    }
}
