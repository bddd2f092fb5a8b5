//! Which days are special for the whole company, and which of them the calendar file tells beforehand.

use super::{Settings, benign, profile::Profile, staff::Company};
use crate::{company::DAY_MS, random::Random, scenario::Benign};
use activity::Timestamp;
use std::{fmt::Write as _, ops::Range};

/// Ranges of days, counted from the start.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    month_ends: Vec<Range<i64>>,
    pay_days: Vec<i64>,
    holidays: Vec<i64>,
    releases: Vec<i64>,
    enrolments: Vec<Range<i64>>,
    reviews: Vec<Range<i64>>,
    password_waves: Vec<Range<i64>>,
    announces_reviews: bool,
}

/// One of a kind in so many days.
const CYCLE: i64 = 42;

impl Calendar {
    pub(super) fn new(settings: &Settings, profile: &Profile, random: &Random) -> Calendar {
        let days = settings.weeks * 7;
        let civil = |day: i64| {
            let (_, month, day, ..) = Timestamp::from_millis(profile.start_ms + day * DAY_MS).to_civil();
            (month, day)
        };
        // The last two days of a month and the first two of the next.
        let turns = (0..days).filter(|day| civil(day + 1).1 == 1);
        let pay_days = (0..days).filter(|day| civil(*day).1 == profile.pay_day).map(on_working_day);
        let mut draw = random.fork("calendar", 0);
        let judged = settings.warm_up_weeks * 7;
        // Mostly where it counts.
        let mut once = |lasts: i64| -> Vec<i64> {
            let cycles = (days + CYCLE - 1) / CYCLE;
            (0..cycles)
                .map(|cycle| {
                    let (from, to) = (cycle * CYCLE, ((cycle + 1) * CYCLE).min(days));
                    let from = if cycle == 0 && draw.chance(0.7) { judged.min(to - 1) } else { from };
                    on_working_day(draw.between(from, (to - lasts).max(from + 1)))
                })
                .collect()
        };
        let spans = |starts: Vec<i64>, lasts: i64| starts.into_iter().map(move |day| day..day + lasts);
        Calendar {
            month_ends: turns.map(|last| last - 1..last + 3).collect(),
            pay_days: pay_days.collect(),
            holidays: once(1).into_iter().chain(once(1)).collect(),
            releases: once(3),
            enrolments: spans(once(7), 0).map(|span| monday(span.start)..monday(span.start) + 5).collect(),
            reviews: spans(once(14), 0).map(|span| monday(span.start)..monday(span.start) + 12).collect(),
            password_waves: spans(once(2), 2).collect(),
            announces_reviews: profile.announces_reviews,
        }
    }

    pub(super) fn is_month_end(&self, day: i64) -> bool {
        self.month_ends.iter().any(|days| days.contains(&day))
    }

    pub(super) fn month_ends(&self) -> &[Range<i64>] {
        &self.month_ends
    }

    pub(super) fn is_pay_day(&self, day: i64) -> bool {
        self.pay_days.contains(&day)
    }

    /// Saturdays, Sundays, holidays.
    pub(super) fn is_free(&self, day: i64) -> bool {
        day.rem_euclid(7) >= 5 || self.holidays.contains(&day)
    }

    /// Releases of the portal so far.
    pub(super) fn release(&self, day: i64) -> usize {
        self.releases.iter().filter(|released| **released <= day).count()
    }

    pub(super) fn is_enrolment(&self, day: i64) -> bool {
        self.enrolments.iter().any(|days| days.contains(&day))
    }

    pub(super) fn is_review(&self, day: i64) -> bool {
        self.reviews.iter().any(|days| days.contains(&day))
    }

    pub(super) fn is_password_wave(&self, day: i64) -> bool {
        self.password_waves.iter().any(|days| days.contains(&day))
    }

    /// Every period with the name labels have for it.
    fn periods(&self) -> Vec<(&'static str, Range<i64>)> {
        let single = |days: &[i64], lasts: i64| days.iter().map(|day| *day..day + lasts).collect::<Vec<_>>();
        let named = |kind, spans: Vec<Range<i64>>| spans.into_iter().map(move |span| (kind, span));
        named("month_end", self.month_ends.clone())
            .chain(named("pay_slip_day", single(&self.pay_days, 1)))
            .chain(named("holiday", single(&self.holidays, 1)))
            .chain(named("release_shift", single(&self.releases, 3)))
            .chain(named("open_enrolment", self.enrolments.clone()))
            .chain(named("review_season", self.reviews.clone()))
            .chain(named("password_expiry", self.password_waves.clone()))
            .collect()
    }

    pub(super) fn benign(&self, company: &Company) -> Vec<Benign> {
        let within = |(_, days): &(&str, Range<i64>)| days.start < company.days;
        let all = self.periods().into_iter().filter(within);
        all.map(|(kind, days)| {
            let (from, to) = (company.midnight(days.start), company.midnight(days.end.min(company.days)));
            benign(kind, from, to, vec!["*".into()])
        })
        .collect()
    }

    /// The file breachd reads: what such a company knows beforehand.
    pub(super) fn csv(&self, company: &Company) -> String {
        let mut text = String::from("from,to,kind\n");
        let known = |kind: &str| match kind {
            "release_shift" => Some("release"),
            "month_end" => Some("month_end"),
            "holiday" => Some("holiday"),
            "open_enrolment" => Some("open_enrolment"),
            "review_season" if self.announces_reviews => Some("review_season"),
            _ => None,
        };
        let mut periods: Vec<_> = self.periods();
        periods.sort_by_key(|(_, days)| days.start);
        for (kind, days) in periods {
            let Some(kind) = known(kind) else { continue };
            let at = |day| Timestamp::from_millis(company.midnight(day));
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{},{},{kind}", at(days.start), at(days.end));
        }
        text
    }
}

/// Saturday and Sunday become Friday.
fn on_working_day(day: i64) -> i64 {
    day - (day.rem_euclid(7) - 4).max(0)
}

/// Of the same week.
fn monday(day: i64) -> i64 {
    day - day.rem_euclid(7)
}
