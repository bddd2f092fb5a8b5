//! What is known beforehand: releases, open enrolment, month-ends, holidays, maintenance.
//!
//! Two consequences, no more. In a *busy* period (all kinds but `holiday`) usual extremes count
//! `volume.calendar_widening` times as large. In a *one-off* period (all but `month_end`, which comes back and should be
//! known) nothing is learned about volumes, so that a week of open enrolment does not become the new normal.

use crate::{
    directory::moment,
    limits::CALENDAR_ROWS_MAX,
    table::{self, TableError},
};
use activity::{Span, Timestamp};

#[derive(Clone, Debug, Default)]
pub struct Calendar {
    /// Ascending by start.
    periods: Vec<Period>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    pub kind: Box<str>,
}

impl Calendar {
    /// Reads a CSV file with the columns from, to (dates or RFC 3339 times) and kind.
    pub fn parse(csv: &str) -> Result<Calendar, TableError> {
        let mut periods = Vec::new();
        for (line, [from, to, kind]) in table::rows(csv, ["from", "to", "kind"], CALENDAR_ROWS_MAX)? {
            let error = |problem: &str| TableError { line, problem: problem.to_owned() };
            let from =
                moment(&from, false).flatten().ok_or_else(|| error("`from` is neither a date nor an RFC 3339 time"))?;
            let to = moment(&to, true).flatten().ok_or_else(|| error("`to` is neither a date nor an RFC 3339 time"))?;
            if to <= from {
                return Err(error("`to` is not after `from`"));
            }
            if kind.is_empty() {
                return Err(error("`kind` is empty"));
            }
            periods.push(Period { from, to, kind: kind.into() });
        }
        periods.sort();
        Ok(Calendar { periods })
    }

    /// Periods that touch the hour (whole hours since the epoch).
    pub fn during(&self, hour: i64) -> impl Iterator<Item = &Period> {
        let from = Timestamp::from_secs(hour.saturating_mul(3600));
        let to = from + Span::from_hours(1);
        self.periods.iter().take_while(move |period| period.from < to).filter(move |period| period.to > from)
    }

    /// Something is going on that makes people do more.
    pub fn busy(&self, hour: i64) -> bool {
        self.during(hour).any(|period| &*period.kind != "holiday")
    }

    /// Something is going on that will not come back soon: not to be learned.
    pub fn one_off(&self, hour: i64) -> bool {
        self.during(hour).any(|period| &*period.kind != "month_end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_touch_hours() {
        let text = "from,to,kind\n2026-03-31T00:30:00Z,2026-03-31T02:00:00Z,release\n2026-03-29,2026-03-29,month_end\n2026-04-01,2026-04-01,holiday\n";
        let calendar = Calendar::parse(text).unwrap();
        let hour = |text: &str| text.parse::<Timestamp>().unwrap().bucket().hour();
        assert!(calendar.busy(hour("2026-03-31T00:00:00Z")) && calendar.one_off(hour("2026-03-31T01:00:00Z")));
        assert!(!calendar.busy(hour("2026-03-31T02:00:00Z")));
        assert!(calendar.busy(hour("2026-03-29T23:00:00Z")) && !calendar.one_off(hour("2026-03-29T23:00:00Z")));
        assert!(!calendar.busy(hour("2026-04-01T12:00:00Z")) && calendar.one_off(hour("2026-04-01T12:00:00Z")));
    }

    #[test]
    fn refuses_with_the_line() {
        let error = |row: &str| Calendar::parse(&format!("from,to,kind\n{row}\n")).unwrap_err().to_string();
        assert_eq!(error("2026-03-02,2026-03-01,release"), "line 2: `to` is not after `from`");
        assert_eq!(error("2026-03-02,,release"), "line 2: `to` is neither a date nor an RFC 3339 time");
        assert_eq!(error("2026-03-02,2026-03-03,"), "line 2: `kind` is empty");
    }
}
