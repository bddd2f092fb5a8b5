//! Calendars against dates that their authorities published.

use jiff::civil::{Date, date};
use law::Catalogue;

fn off(calendar: &str, year: i16) -> Vec<Date> {
    let catalogue = Catalogue::parse(Catalogue::DEFAULT).unwrap();
    let calendar = catalogue.calendar(calendar).unwrap();
    let is_workday = |day: &Date| !matches!(day.weekday().to_monday_one_offset(), 6 | 7);
    let days = date(year, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() == year);
    days.filter(|day| is_workday(day) && !calendar.is_business_day(*day)).collect()
}

fn of(year: i16, days: &[(i8, i8)]) -> Vec<Date> {
    days.iter().map(|(month, day)| date(year, *month, *day)).collect()
}

/// The lists of the Office of Personnel Management.
#[test]
fn federal_days_off_are_those_that_were_published() {
    let of_2026 = [(1, 1), (1, 19), (2, 16), (5, 25), (6, 19), (7, 3), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25)];
    assert_eq!(off("us-federal", 2026), of(2026, &of_2026));
    // New Year of 2022 fell on a Saturday: it was had on 2021-12-31, and 2022 began without.
    let of_2021 =
        [(1, 1), (1, 18), (2, 15), (5, 31), (6, 18), (7, 5), (9, 6), (10, 11), (11, 11), (11, 25), (12, 24), (12, 31)];
    assert_eq!(off("us-federal", 2021), of(2021, &of_2021));
    assert_eq!(off("us-federal", 2022).first(), Some(&date(2022, 1, 17)));
    // Juneteenth is one since 2021.
    assert!(!off("us-federal", 2020).contains(&date(2020, 6, 19)));
}

/// Published by the Ministry of Management (portarias of national holidays), without the optional days.
#[test]
fn days_off_that_hang_on_easter_are_found() {
    for (year, month, day) in [(2024, 3, 29), (2025, 4, 18), (2026, 4, 3), (2027, 3, 26), (2038, 4, 23)] {
        assert!(off("brazil", year).contains(&date(year, month, day)), "Good Friday of {year}");
    }
    assert_eq!(
        off("brazil", 2026),
        of(2026, &[(1, 1), (4, 3), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 20), (12, 25)])
    );
}

#[test]
fn vermont_keeps_its_own_days() {
    let of_2026 =
        [(1, 1), (1, 19), (2, 16), (3, 3), (5, 25), (7, 3), (8, 17), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25)];
    assert_eq!(off("us-vermont", 2026), of(2026, &of_2026));
}
