use crate::support::{at, book, who};

const WEEKS: &str = r#"
[[schedules]]
name = "desk"
zone = "Europe/Berlin"
[[schedules.layers]]
members = ["ada", "ben", "cleo"]
from = "2026-03-02"
turn = "1w"
hand_over = "09:00"
"#;

#[test]
fn turns_hand_over_at_the_same_time_of_day_when_clocks_change() {
    let book = book(WEEKS);
    // 09:00 is 08:00 UTC in winter and 07:00 UTC in summer; clocks go forward on 29 March, back on 25 October.
    for (time, expected) in [
        ("2026-03-02T07:59:59Z", "-"),
        ("2026-03-02T08:00:00Z", "ada"),
        ("2026-03-09T07:59:59Z", "ada"),
        ("2026-03-09T08:00:00Z", "ben"),
        ("2026-03-16T08:00:00Z", "cleo"),
        ("2026-03-23T08:00:00Z", "ada"),
        ("2026-03-30T06:59:59Z", "ada"),
        ("2026-03-30T07:00:00Z", "ben"),
        ("2026-10-19T06:59:59Z", "cleo"),
        ("2026-10-19T07:00:00Z", "ada"),
        ("2026-10-26T07:59:59Z", "ada"),
        ("2026-10-26T08:00:00Z", "ben"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
    let on_call = book.who_is_on_call("desk", at("2026-03-29T12:00:00Z")).unwrap();
    assert_eq!(
        on_call.because, "schedule `desk`, layer 1, turn from 2026-03-23T08:00:00Z until 2026-03-30T07:00:00Z",
        "the turn is an hour shorter"
    );
}

#[test]
fn a_hand_over_that_clocks_skip_comes_later_and_one_they_repeat_once() {
    let daily = WEEKS.replace("1w", "1d").replace("09:00", "02:30");
    let book = book(&daily);
    // 29 March has no 02:30: it is 03:30 summer time, 01:30 UTC.
    let turns: Vec<String> =
        ["2026-03-29T01:29:59Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"].map(|time| who(&book, time)).into();
    assert_eq!(turns, ["cleo", "ada", "ben"]);
    // 25 October has it twice: the first is 00:30 UTC.
    let turns: Vec<String> =
        ["2026-10-25T00:29:59Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:29:59Z"]
            .map(|time| who(&book, time))
            .into();
    assert_eq!(turns, ["cleo", "ada", "ada", "ada"]);
}

#[test]
fn turns_run_on_over_the_ends_of_months_and_years_and_end_on_their_last_day() {
    let book = book(
        &WEEKS.replace("2026-03-02", "2027-12-27").replace("turn = \"1w\"", "turn = \"3d\"\nuntil = \"2028-03-02\""),
    );
    for (time, expected) in [
        ("2027-12-29T23:00:00Z", "ada"),
        ("2027-12-30T08:00:00Z", "ben"),
        ("2028-01-01T12:00:00Z", "ben"),
        ("2028-01-02T08:00:00Z", "cleo"),
        // 2028 is a leap year: 63 days after the start, the 21st turn begins on 28 February.
        ("2028-02-28T08:00:00Z", "ada"),
        ("2028-02-29T23:59:00Z", "ada"),
        ("2028-03-02T07:59:59Z", "ada"),
        ("2028-03-02T08:00:00Z", "-"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
}

#[test]
fn the_last_layer_that_has_somebody_counts_and_overrides_go_before_all() {
    let book = book(
        &(WEEKS.to_owned()
            + r#"
[[schedules.layers]]
members = ["cleo"]
from = "2026-03-01"
turn = "1d"
weekdays = ["mon", "tue", "wed", "thu", "fri"]
hours = "09:00-17:00"
[[schedules.overrides]]
contact = "ben"
from = "2026-03-04T10:00"
until = "2026-03-04T12:00"
reason = "dentist"
[[schedules.overrides]]
contact = "ada"
from = "2026-03-04T11:00:00+01:00"
until = "2026-03-04T11:30:00+01:00"
reason = "lunch"
"#),
    );
    for (time, expected) in [
        ("2026-03-04T07:59:00Z", "ada"),
        ("2026-03-04T08:00:00Z", "cleo"),
        ("2026-03-04T08:59:59Z", "cleo"),
        ("2026-03-04T09:00:00Z", "ben"),
        ("2026-03-04T10:00:00Z", "ada"),
        ("2026-03-04T10:30:00Z", "ben"),
        ("2026-03-04T11:00:00Z", "cleo"),
        ("2026-03-04T16:00:00Z", "ada"),
        ("2026-03-07T10:00:00Z", "ada"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
    let because = book.who_is_on_call("desk", at("2026-03-04T09:00:00Z")).unwrap().because;
    assert_eq!(because, "schedule `desk`, override from 2026-03-04T09:00:00Z until 2026-03-04T11:00:00Z: dentist");
}

#[test]
fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
    let book = book(&WEEKS.replace("turn = \"1w\"", "turn = \"1w\"\nweekdays = [\"fri\"]\nhours = \"22:00-06:00\""));
    for (time, expected) in [
        ("2026-03-06T20:59:59Z", "-"),
        ("2026-03-06T21:00:00Z", "ada"),
        ("2026-03-07T04:59:59Z", "ada"),
        ("2026-03-07T05:00:00Z", "-"),
        ("2026-03-07T21:00:00Z", "-"),
        // The night on which clocks go forward is an hour shorter: it is Saturday's, and nobody's.
        ("2026-03-29T00:30:00Z", "-"),
    ] {
        assert_eq!(who(&book, time), expected, "{time}");
    }
}

#[test]
fn gaps_are_told_with_their_dates() {
    let whole = book(WEEKS);
    assert_eq!(whole.gaps(at("2026-03-02T08:00:00Z")), [""; 0]);
    assert_eq!(
        whole.gaps(at("2026-03-01T00:00:00Z")),
        ["nobody is on call by schedule `desk` from 2026-03-01T00:00:00Z until 2026-03-02T08:00:00Z"]
    );
    let ends = book(&WEEKS.replace("turn = \"1w\"", "turn = \"1w\"\nuntil = \"2026-04-01\""));
    assert_eq!(
        ends.gaps(at("2026-03-10T00:00:00Z")),
        ["nobody is on call by schedule `desk` from 2026-04-01T07:00:00Z until 2026-06-08T00:00:00Z"]
    );
    let nights = book(&WEEKS.replace("turn = \"1w\"", "turn = \"1w\"\nhours = \"09:00-17:00\""));
    let gaps = nights.gaps(at("2026-03-10T12:00:00Z"));
    assert_eq!(gaps[0], "nobody is on call by schedule `desk` from 2026-03-10T16:00:00Z until 2026-03-11T08:00:00Z");
    assert_eq!(gaps.len(), 11);
    assert_eq!(gaps[10], "nobody is on call by schedule `desk` in 80 more times within 90 days");
    let filled = book(
        &(WEEKS.replace("turn = \"1w\"", "turn = \"1w\"\nuntil = \"2026-04-01\"")
            + "[[schedules.overrides]]\ncontact = \"ben\"\nfrom = \"2026-04-01T09:00\"\nuntil = \"2026-12-31T00:00\"\nreason = \"until there is a rota\"\n"),
    );
    assert_eq!(filled.gaps(at("2026-03-10T00:00:00Z")), [""; 0]);
}
