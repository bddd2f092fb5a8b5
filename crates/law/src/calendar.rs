//! Days off, by rule: business days are counted around them.
//!
//! Rules instead of a table of dates: a breach years from now must not find an empty table. A single date is a rule too.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use serde::{Deserialize, Deserializer, de::Error};

/// The days off of one authority.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    pub id: String,
    pub name: String,
    /// Where the days are written.
    pub source: String,
    pub observed: Observed,
    pub days: Vec<DayOff>,
}

/// What becomes of a day off that falls on a weekend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Saturday's is had on Friday, Sunday's on Monday.
    NearestWeekday,
    /// Nothing: it is lost.
    AsTheyFall,
}

/// One day off in a year, by exactly one rule: `month` and `day`; `month`, `weekday` and `nth`; `easter`; or `date`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayOff {
    pub name: String,
    #[serde(default)]
    pub month: Option<i8>,
    #[serde(default)]
    pub day: Option<i8>,
    #[serde(default, deserialize_with = "weekday")]
    pub weekday: Option<Weekday>,
    /// The first is 1, the last -1.
    #[serde(default)]
    pub nth: Option<i8>,
    /// Days after Easter Sunday (Gregorian); negative: before.
    #[serde(default)]
    pub easter: Option<i16>,
    #[serde(default, deserialize_with = "crate::obligation::date")]
    pub date: Option<Date>,
    /// The first year in which it is a day off.
    #[serde(default)]
    pub since: Option<i16>,
}

impl Calendar {
    /// Neither weekend nor day off.
    pub fn is_business_day(&self, day: Date) -> bool {
        !is_weekend(day) && !self.is_day_off(day)
    }

    /// The date of the n-th business day after a day; `None`: beyond the calendar. That day itself never counts.
    pub fn nth_business_day_after(&self, day: Date, n: u16) -> Option<Date> {
        let mut date = day;
        for _ in 0..n {
            date = date.tomorrow().ok()?;
            while !self.is_business_day(date) {
                date = date.tomorrow().ok()?;
            }
        }
        Some(date)
    }

    fn is_day_off(&self, day: Date) -> bool {
        // New Year on a Saturday is had on the last day of the year before.
        let years = [day.year(), day.year().saturating_add(1)];
        let observed = |off: Date| match self.observed {
            Observed::AsTheyFall => Some(off),
            Observed::NearestWeekday => match off.weekday() {
                Weekday::Saturday => off.yesterday().ok(),
                Weekday::Sunday => off.tomorrow().ok(),
                _ => Some(off),
            },
        };
        self.days.iter().any(|off| years.iter().any(|year| off.in_year(*year).and_then(observed) == Some(day)))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.id.is_empty() {
            return Some("`id` must not be empty".into());
        }
        let wrong = self.days.iter().find(|day| !day.is_one_rule())?;
        Some(format!(
            "`{}` must say `month` and `day`, or `month`, `weekday` and `nth`, or `easter`, or `date`, and a day that exists",
            wrong.name
        ))
    }
}

impl DayOff {
    /// Its date in a year; `None`: it has none there.
    fn in_year(&self, year: i16) -> Option<Date> {
        if self.since.is_some_and(|since| year < since) {
            return None;
        }
        match *self {
            DayOff { month: Some(month), day: Some(day), .. } => Date::new(year, month, day).ok(),
            DayOff { month: Some(month), weekday: Some(weekday), nth: Some(nth), .. } => {
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok()
            }
            DayOff { easter: Some(days), .. } => easter(year)?.checked_add(i64::from(days).days()).ok(),
            DayOff { date: Some(date), .. } => (date.year() == year).then_some(date),
            _ => None,
        }
    }

    fn is_one_rule(&self) -> bool {
        let given = (
            self.month.is_some(),
            self.day.is_some(),
            self.weekday.is_some(),
            self.nth.is_some(),
            self.easter.is_some(),
            self.date.is_some(),
        );
        let known = matches!(
            given,
            (true, true, false, false, false, false)
                | (true, false, true, true, false, false)
                | (false, false, false, false, true, false)
                | (false, false, false, false, false, true)
        );
        // 2000 had a 29th of February.
        known && (self.date.is_some() || DayOff { since: None, ..self.clone() }.in_year(2000).is_some())
    }
}

pub(crate) fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Easter Sunday of a Gregorian year: the anonymous algorithm of 1876 (Meeus, *Astronomical Algorithms*, ch. 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

fn weekday<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Weekday>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let days = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let day = days.into_iter().find(|(word, _)| *word == name);
    day.map(|(_, day)| Some(day)).ok_or_else(|| D::Error::custom(format!("`{name}` is no day of the week")))
}
