//! Event time: nights in which the clock is changed, clocks that are wrong, stamps from the future.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::support::{plan, read, read_written};
use activity::{EntityKind, Mode, Span, Timestamp};
use ingest::{Ingester, Raw, Resume, Written};
use tally::{Metric, Tallier};

/// A line of server_audit, by the server's clock.
fn audit(local: Timestamp, table: &str) -> Vec<u8> {
    let (year, month, day, hour, minute, second, _) = local.to_civil();
    format!(
        "{year}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},db1,app,10.0.1.1,7,1,QUERY,hr,'SELECT * FROM {table}',0"
    )
    .into_bytes()
}

/// A night in Berlin from `from` on, with a line every `step` seconds: every stamp must be right and none late.
fn night(from: &str, change: &str, before: i64, after: i64, step: i64) {
    let (from, change): (Timestamp, Timestamp) = (from.parse().unwrap(), change.parse().unwrap());
    let stamps: Vec<Timestamp> = (0..8 * 3600 / step).map(|at| from + Span::from_secs(at * step)).collect();
    let records: Vec<_> = stamps
        .iter()
        .map(|at| audit(*at + Span::from_hours(if *at < change { before } else { after }), "employees"))
        .collect();
    let plan = plan("mariadb_server_audit", |source| source.zone = Some("Europe/Berlin".into()));
    for kills in [&[][..], &[100, 300, 301, 500, 700, 1000]] {
        let seen = read(&plan, &records, kills);
        assert_eq!(seen.outcomes(), [records.len() as u64, 0, 0, 0], "{change} {step}");
        let mut minutes = std::collections::BTreeMap::new();
        stamps.iter().for_each(|at| *minutes.entry(at.bucket()).or_default() += 1);
        assert_eq!(seen.minutes(), minutes, "{change} {step}");
    }
}

#[test]
fn a_night_in_autumn_has_its_hour_twice() {
    for step in [1, 7, 20, 60, 600, 1500] {
        night("2026-10-24T21:00:00Z", "2026-10-25T01:00:00Z", 2, 1, step);
    }
}

#[test]
fn a_night_in_spring_lacks_an_hour() {
    for step in [1, 7, 20, 60, 600, 1500, 7200] {
        night("2026-03-28T21:00:00Z", "2026-03-29T01:00:00Z", 1, 2, step);
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_772_409_600) + Span::from_minutes(minute)
}

#[test]
fn a_clock_that_is_an_hour_ahead_makes_no_true_record_late() {
    // One line of ten is of a host whose clock is wrong.
    for wrong in [10, 60, 60 * 24, 60 * 24 * 365] {
        let records: Vec<_> = (0..600)
            .map(|second| {
                let ahead = if second % 10 == 9 { Span::from_minutes(wrong) } else { Span::ZERO };
                audit(at(0) + Span::from_secs(second) + ahead, "employees")
            })
            .collect();
        let seen = read(&plan("mariadb_server_audit", |_| ()), &records, &[50, 333]);
        assert_eq!(seen.outcomes(), [600, 0, 0, 0], "{wrong}");
        assert_eq!(seen.ranges.last().unwrap().watermark, at(0) + Span::from_secs(598));
    }
}

#[test]
fn a_stamp_from_the_future_counts_half_the_allowed_lateness_ahead() {
    let written = at(0);
    let records = [
        audit(at(0), "employees"),
        audit(at(60 * 24 * 365), "payslips"),
        audit(at(4), "employees"),
        audit(at(0), "employees"),
    ];
    let seen = read_written(&plan("mariadb_server_audit", |_| ()), &records, &[2], &|_| Some(written));
    assert_eq!((seen.outcomes(), seen.ahead), ([4, 0, 0, 0], 2));
    assert_eq!(seen.ranges.last().unwrap().watermark, at(1));
    let key = (Mode::Live, EntityKind::Table, "hr.payslips".to_owned(), at(1).bucket());
    assert_eq!(seen.tallies[&key].get(Metric::Statements), 1);
    // As long as it goes on, it is never believed beyond that.
    let records: Vec<_> = (0..600).map(|at_second| audit(at(3000) + Span::from_secs(at_second), "employees")).collect();
    let seen = read_written(&plan("mariadb_server_audit", |_| ()), &records, &[], &|_| Some(written));
    assert_eq!((seen.ahead, seen.ranges[0].watermark), (600, at(1)));
}

#[test]
fn a_session_with_a_clock_in_the_future_makes_no_record_late_that_comes_within_a_minute() {
    for first in [0, 1] {
        for ahead in [61, 119, 121, 240, 300, 301, 3600, 1 << 30] {
            for delay in [0, 5, 59] {
                let written = |line: usize| at(100) + Span::from_secs(line as i64);
                // First the session is alone, for ten minutes or from its first line on.
                let records: Vec<_> = (0..1200)
                    .map(|line| match line < 600 * first + 1 || line % 2 == 0 {
                        true => audit(written(line) + Span::from_secs(ahead), "notes"),
                        false => audit(written(line) - Span::from_secs(delay), "employees"),
                    })
                    .collect();
                let of = plan("mariadb_server_audit", |_| ());
                let seen = read_written(&of, &records, &[7], &|line| Some(written(line)));
                assert_eq!(seen.outcomes(), [1200, 0, 0, 0], "{first} {ahead} {delay}");
            }
        }
    }
}

#[test]
fn skew_is_measured_against_the_broker_or_else_the_shipper() {
    let mut ingester = Ingester::new(plan("mariadb_server_audit", |_| ()), 0, Resume::fresh());
    let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
    let line = String::from_utf8(audit(at(0), "employees")).unwrap();
    let shipped =
        serde_json::json!({"@timestamp": (at(0) + Span::from_secs(9)).to_string(), "agent": {}, "message": line});
    let mut take = |bytes: &[u8], written_at, ingester: &mut Ingester| {
        let written = Option::map_or(written_at, Written::Unknown, Written::At);
        let raw = Raw { bytes, offset: 0, mode: Mode::Live, forged_mark: false, written, resubmitted: None };
        ingester.take(raw, &mut tallier, &mut dead);
    };
    assert_eq!(ingester.take_skew(), None);
    take(line.as_bytes(), None, &mut ingester);
    assert_eq!(ingester.take_skew(), None);
    take(line.as_bytes(), Some(at(0) + Span::from_secs(2)), &mut ingester);
    take(line.as_bytes(), Some(at(0) - Span::from_secs(3600)), &mut ingester);
    take(shipped.to_string().as_bytes(), None, &mut ingester);
    let skew = ingester.take_skew().unwrap();
    let secs = [skew.min, skew.max, skew.sum].map(Span::as_secs);
    assert_eq!((secs, skew.count), ([-3600, 9, -3589], 3));
    assert_eq!((ingester.take_skew(), ingester.take_ahead()), (None, 1));
}
