use crate::support::{at, read, who};
use proptest::prelude::*;

const SCHEDULE: &str = r#"
[[schedules]]
name = "desk"
zone = "Europe/Berlin"
[[schedules.layers]]
calendar_file = "rota.ics"
"#;

fn calendar(events: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n{}END:VCALENDAR\r\n",
        events.replace('\n', "\r\n")
    )
}

fn book(events: &str) -> oncall::Book {
    read(SCHEDULE, &calendar(events)).unwrap()
}

fn refusal(events: &str) -> String {
    let mistakes = read(SCHEDULE, &calendar(events)).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!(mistakes[0].0, "schedules[0].layers[0].calendar_file");
    mistakes[0].1.clone()
}

#[test]
fn shifts_as_tools_export_them() {
    let book = book(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART;VALUE=DATE-TIME:20260302T080000Z\nDTEND:20260309T080000Z\n\
         SUMMARY:On Call - Privacy\\, first line - Ada Love\n lace\nATTENDEE;CN=\"Somebody: else\":mailto:nobody@example.com\n\
         BEGIN:VALARM\nTRIGGER:-PT15M\nACTION:DISPLAY\nEND:VALARM\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20260309T090000\nDURATION:P1W\nATTENDEE:MAILTO:Ben@Example.com\nSUMMARY:x\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:20260311T100000\nDTEND:20260311T120000\nSUMMARY:cleo\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260316\nSUMMARY:Cleo Vint\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260317\nSTATUS:CANCELLED\nSUMMARY:Cleo Vint\nEND:VEVENT\n",
    );
    for (time, expected) in [
        ("2026-03-02T07:59:59Z", "-"),
        ("2026-03-02T08:00:00Z", "ada"),
        ("2026-03-09T08:00:00Z", "ben"),
        // A swap lies over the week it is taken from.
        ("2026-03-11T09:00:00Z", "cleo"),
        ("2026-03-11T11:00:00Z", "ben"),
        ("2026-03-15T23:00:00Z", "cleo"),
        ("2026-03-16T22:59:59Z", "cleo"),
        ("2026-03-16T23:00:00Z", "-"),
        ("2026-03-17T12:00:00Z", "-"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
}

#[test]
fn shifts_that_repeat_keep_their_time_of_day() {
    let book = book(
        "BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20260302T090000\nDTEND;TZID=Europe/Berlin:20260309T090000\n\
         RRULE:FREQ=WEEKLY;INTERVAL=2\nSUMMARY:ada\nEXDATE;TZID=Europe/Berlin:20260413T090000\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20260309T090000\nDTEND;TZID=Europe/Berlin:20260316T090000\n\
         RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260601T000000Z\nSUMMARY:ben\nEND:VEVENT\n",
    );
    for (time, expected) in [
        ("2026-03-09T08:00:00Z", "ben"),
        ("2026-03-16T08:00:00Z", "ada"),
        ("2026-03-23T08:00:00Z", "ben"),
        ("2026-03-30T06:59:59Z", "ben"),
        ("2026-03-30T07:00:00Z", "ada"),
        ("2026-04-13T07:00:00Z", "-"),
        ("2026-05-18T07:00:00Z", "ben"),
        ("2026-06-01T07:00:00Z", "-"),
        ("2026-06-08T07:00:00Z", "ada"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
    assert_eq!(
        book.gaps(at("2026-03-02T08:00:00Z"))[0],
        "nobody is on call by schedule `desk` from 2026-04-13T07:00:00Z until 2026-04-20T07:00:00Z"
    );
}

#[test]
fn counts_count_days_of_a_week_from_the_first() {
    // Wednesday, Friday, Monday, Wednesday: four, and no more.
    let book = book(
        "BEGIN:VEVENT\nDTSTART:20260304T090000\nDTEND:20260304T170000\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=4;WKST=SU\nSUMMARY:ada\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTART:20260301T200000\nDTEND:20260301T210000\nRRULE:FREQ=DAILY;INTERVAL=3;COUNT=3\nSUMMARY:ben\nEND:VEVENT\n",
    );
    let days = |hour: &str, who_is: &str| -> Vec<u32> {
        (1..=20).filter(|day| who(&book, &format!("2026-03-{day:02}T{hour}:30:00Z")) == who_is).collect()
    };
    assert_eq!(days("10", "ada"), [4, 6, 9, 11]);
    assert_eq!(days("19", "ben"), [1, 4, 7]);
}

#[test]
fn what_is_not_known_is_refused_with_its_line() {
    let event = |lines: &str| {
        refusal(&format!(
            "BEGIN:VEVENT\nDTSTART:20260304T090000Z\nDTEND:20260304T170000Z\nSUMMARY:ada\n{lines}END:VEVENT\n"
        ))
    };
    for (line, expected) in [
        ("RRULE:FREQ=MONTHLY\n", "`rota.ics`: line 13: `RRULE`: only `FREQ=DAILY`"),
        ("RRULE:FREQ=WEEKLY;BYDAY=1WE\n", "`rota.ics`: line 13: `RRULE`: `BYDAY=1WE` is not known here"),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO\n", "`rota.ics`: line 13: `RRULE`: `DTSTART` must fall on a day of `BYDAY`"),
        ("RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260401\n", "`rota.ics`: line 13: `RRULE`: `COUNT` and `UNTIL`"),
        ("RDATE:20260305T090000Z\n", "`rota.ics`: line 13: `RDATE` may move a shift"),
        ("RECURRENCE-ID:20260305T090000Z\n", "`rota.ics`: line 13: `RECURRENCE-ID` may move a shift"),
        ("EXDATE;VALUE=DATE:20260305\n", "`rota.ics`: line 13: `DTSTART` and `EXDATE` must both be days"),
        ("DURATION:PT1H\n", "`rota.ics`: line 10: an event needs `DTEND` or `DURATION`"),
        ("SUMMARY:ben\n", "`rota.ics`: line 13: `SUMMARY` stands twice"),
        ("no line\n", "`rota.ics`: line 13: `no line` is no line of a calendar"),
    ] {
        let found = event(line);
        assert!(found.starts_with(expected), "{found} / {expected}");
    }
    let one = |start: &str, end: &str, who: &str| {
        refusal(&format!("BEGIN:VEVENT\nDTSTART{start}\nDTEND{end}\nSUMMARY:{who}\nEND:VEVENT\n"))
    };
    for (found, expected) in [
        (one(":20260304T090000Z", ":20260304T170000Z", "Dora"), "`Dora` names no contact"),
        (one(":20260304T090000Z", ":20260304T170000Z", "Ada Lovelace for Ben Okri"), "means 2 contacts"),
        (one(";TZID=W. Europe Standard Time:20260304T090000", ":20260304T170000Z", "ada"), "there is no zone"),
        (one(":20260304T090000Z", ":20260304T090000Z", "ada"), "a shift ends after it begins"),
        (one(":20260304T090000Z", ":20260504T090000Z", "ada"), "at most 31 days"),
        (one(":20260230T090000Z", ":20260304T090000Z", "ada"), "is no time such as"),
        (one(":20260304", ":20260304T090000Z", "ada"), "must both be days"),
    ] {
        assert!(found.contains(expected), "{found} / {expected}");
    }
    assert!(read(SCHEDULE, "hello").unwrap_err()[0].1.contains("line 1: `hello` is no line"));
    assert!(read(SCHEDULE, "BEGIN:VCALENDAR\nBEGIN:VEVENT\n").unwrap_err()[0].1.contains("is no calendar"));
}

proptest! {
    /// Total on any text, and what it makes of its own lines it answers without panicking.
    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec(prop_oneof![
        Just("BEGIN:VCALENDAR".to_owned()), Just("BEGIN:VEVENT".to_owned()), Just("END:VEVENT".to_owned()),
        Just("END:VCALENDAR".to_owned()), Just("DTSTART:20260304T090000Z".to_owned()), Just("SUMMARY:ada".to_owned()),
        "DTEND:[0-9TZ]{0,16}", "RRULE:[A-Z=;0-9,]{0,40}", "DURATION:[PTWDHMS0-9-]{0,12}", ".{0,40}"], 0..24)) {
        if let Ok(book) = read(SCHEDULE, &lines.join("\n")) {
            let _ = book.gaps(at("2026-03-01T00:00:00Z"));
        }
    }

    /// A week's rota written as turns and as a calendar means the same people, at any time of two years.
    #[test]
    fn turns_and_a_calendar_of_them_agree(hour in 0_i64..17_520, minute in 0_i64..60) {
        let turns = read("[[schedules]]\nname = \"desk\"\nzone = \"Europe/Berlin\"\n[[schedules.layers]]\nmembers = [\"ada\", \"ben\"]\nfrom = \"2026-03-02\"\n", "").unwrap();
        let weekly = |start: &str, end: &str, who: &str| format!(
            "BEGIN:VEVENT\nDTSTART:{start}T090000\nDTEND:{end}T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2\nSUMMARY:{who}\nEND:VEVENT\n");
        let shifts = weekly("20260302", "20260309", "ada") + &weekly("20260309", "20260316", "ben");
        let calendar = book(&shifts);
        let time = at("2026-03-02T08:00:00Z").saturating_add(activity::Span::from_minutes(60 * hour + minute));
        prop_assert_eq!(who(&turns, &time.to_string()), who(&calendar, &time.to_string()));
    }
}
