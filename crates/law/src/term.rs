//! From a start to the end of a limit.

use crate::{Catalogue, Limit};
use activity::{Span, Timestamp};
use jiff::{
    ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};

/// Where days begin and end.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a>(pub Option<&'a TimeZone>);

/// The places where a date begins last, and where it ends first.
const LAST_TO_BEGIN: Offset = Offset::constant(-12);
const FIRST_TO_END: Offset = Offset::constant(14);

impl Place<'_> {
    /// The date of a moment, where no zone is known that of the place where the day begins last; `None`: beyond the calendar.
    pub(crate) fn date(self, at: Timestamp) -> Option<Date> {
        self.date_or_at(LAST_TO_BEGIN, at)
    }

    /// The same, where no zone is known of the place where the day begins first.
    pub(crate) fn latest_date(self, at: Timestamp) -> Option<Date> {
        self.date_or_at(FIRST_TO_END, at)
    }

    fn date_or_at(self, unknown: Offset, at: Timestamp) -> Option<Date> {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
        Some(self.0.map_or_else(|| unknown.to_datetime(at), |zone| zone.to_datetime(at)).date())
    }

    /// The last second of a day. Where clocks repeat it, the first time.
    pub(crate) fn end_of(self, day: Date) -> Option<Timestamp> {
        let last = day.at(23, 59, 59, 0);
        let at = match self.0 {
            Some(zone) => zone.to_ambiguous_timestamp(last).earlier().ok()?,
            None => FIRST_TO_END.to_timestamp(last).ok()?,
        };
        Some(Timestamp::from_millis(at.as_millisecond()))
    }

    fn name(self) -> &'static str {
        if self.0.is_some() { "there" } else { "anywhere on earth" }
    }
}

/// When a limit ends, and how that was reckoned; `None`: beyond the calendar.
pub(crate) fn due(
    limit: &Limit,
    starts_at: Timestamp,
    from_end_of_year: bool,
    place: Place<'_>,
    catalogue: &Catalogue,
) -> Option<(Timestamp, String)> {
    let day = place.date(starts_at)?;
    let (day, from) = if from_end_of_year {
        (day.last_of_year(), format!("the end of {}", day.year()))
    } else {
        (day, day.to_string())
    };
    let ends = |last: Date, term: &str| {
        let at = place.end_of(last)?;
        Some((at, format!("{term} after {from}; {last} ends {} at {at}", place.name())))
    };
    match limit {
        Limit::Hours(hours) => {
            let starts_at = if from_end_of_year { place.end_of(day)? } else { starts_at };
            let at = starts_at.saturating_add(Span::from_hours(i64::from(*hours)));
            Some((at, format!("{hours} h after {starts_at}")))
        }
        Limit::CalendarDays(days) => {
            let last = day.checked_add(i64::from(*days).days()).ok()?;
            ends(last, &format!("{days} calendar {}", plural(*days, "day")))
        }
        Limit::BusinessDays { days, calendar } => {
            let calendar = catalogue.calendar(calendar)?;
            let last = calendar.nth_business_day_after(day, *days)?;
            ends(last, &format!("{days} business {} ({})", plural((*days).into(), "day"), calendar.name))
        }
        Limit::Months(months) => {
            let last = day.checked_add(i64::from(*months).months()).ok()?;
            ends(last, &format!("{months} {}", plural(*months, "month")))
        }
    }
}

fn plural(n: u32, word: &str) -> String {
    if n == 1 { word.into() } else { format!("{word}s") }
}
