//! What a dead letter says of where its entry lies, so that it can be read again without counting others twice.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{Mode, Span};
use ingest::{DeadLetter, Geo, Ingester, Raw, Resume, Settings, Written, settings::Source};
use std::sync::Arc;
use tally::Tallier;

const HEADER: &str = "# User@Host: app[app] @  [10.0.0.1]";
const SOUND: &str = "# User@Host: app[app] @  [10.0.0.1]\n# Thread_id: 7  Schema: hr  QC_hit: No\n\
    # Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 1\nSET timestamp=1795438628;\nSELECT 1;";

fn letters(format: &str, records: &[&str]) -> Vec<DeadLetter> {
    let settings = Settings {
        sources: vec![Source { zone: Some("UTC".into()), ..Source::new("log", format) }],
        ..Settings::default()
    };
    let plans = settings.plans(&Arc::new(Geo::default()), Span::from_minutes(2)).unwrap();
    let mut ingester = Ingester::new(plans[0].clone(), 0, Resume::fresh());
    let (mut tallier, mut dead) = (Tallier::default(), Vec::new());
    for (offset, record) in (10..).zip(records) {
        let raw = Raw {
            bytes: record.as_bytes(),
            offset,
            mode: Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
    }
    ingester.expire(&mut tallier, &mut dead);
    dead
}

fn places(format: &str, records: &[&str]) -> Vec<(i64, i64, bool)> {
    letters(format, records).iter().map(|letter| (letter.offset, letter.to_offset, letter.shares_records)).collect()
}

#[test]
fn a_line_is_one_record() {
    assert_eq!(places("nginx_json", &["{}", "not json", ""]), [(10, 10, false), (11, 11, false)]);
}

#[test]
fn a_torn_entry_says_its_last_record() {
    // Without a time, an entry cannot be read.
    let torn = [HEADER, "# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1", "SELECT 1", "FROM hr.a;", SOUND];
    assert_eq!(places("mariadb_slow_log", &torn), [(10, 13, false)]);
    assert_eq!(places("mariadb_slow_log", &torn[..4]), [(10, 13, false)], "the end of a file");
}

#[test]
fn what_shares_a_record_says_so() {
    let bad = format!("{HEADER}\n# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1\nSELECT 1;");
    let before = format!("{SOUND}\n{bad}");
    assert_eq!(places("mariadb_slow_log", &[&before, SOUND]), [(10, 10, true)]);
    let after = format!("{bad}\n{SOUND}");
    assert_eq!(places("mariadb_slow_log", &[&after]), [(10, 10, true)]);
    assert_eq!(places("mariadb_slow_log", &[&bad, SOUND]), [(10, 10, false)]);
    let torn_into = format!("SELECT 1;\n{SOUND}");
    let torn = [HEADER, "# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1", &torn_into];
    assert_eq!(places("mariadb_slow_log", &torn), [(10, 12, true)]);
}

#[test]
fn a_record_of_many_entries_that_cannot_be_read_has_few_letters() {
    let record = "x\n".repeat(100_000);
    for format in ["nginx_json", "mariadb_slow_log"] {
        // A slow log begins with an entry: from then on, a line by itself is without the beginning of its entry.
        let records = [SOUND, &record, &record];
        let letters = letters(format, &records[usize::from(format == "nginx_json")..]);
        assert_eq!(letters.len(), 2 * 65, "{format}");
        for of_record in letters.chunks(65) {
            let more = &of_record[64];
            assert_eq!((more.reason, more.excerpt.as_slice(), more.bytes), ("more", b"99936".as_slice(), 99_936));
            assert!(of_record.iter().all(|letter| letter.offset == more.offset && letter.shares_records));
            assert!(of_record[..64].iter().all(|letter| letter.reason != "more"));
        }
    }
    let few = "x\n".repeat(64);
    assert!(letters("nginx_json", &[&few]).iter().all(|letter| letter.reason != "more"));
}
