//! Records that are read again, and the rest of an entry that was given up: neither spoils the other, nor forges an entry.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::support::plan;
use activity::{EntityKind, Mode, Timestamp};
use ingest::{DeadLetter, Ingester, Plan, REST_OF_ENTRY, Raw, Resubmitted, Resume, Written};
use std::sync::Arc;
use tally::{Batch, Manifest, Metric, Tallier};

const AT: i64 = 1_795_438_628;

fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(AT + second)
}

fn header(account: &str, second: i64) -> String {
    format!(
        "# User@Host: {account}[{account}] @  [10.0.0.1]\n# Thread_id: 7  Schema: hr  QC_hit: No\n\
         # Query_time: 0.1  Lock_time: 0.1  Rows_sent: 3  Rows_examined: 3\nSET timestamp={};",
        AT + second
    )
}

fn entry(account: &str, second: i64) -> String {
    format!("{}\nSELECT * FROM hr.employees;", header(account, second))
}

/// What a test feeds, record by record.
struct Feed {
    plan: Arc<Plan>,
    ingester: Ingester,
    tallier: Tallier,
    dead: Vec<DeadLetter>,
    offset: i64,
    outcomes: [u64; 4],
    pending: u64,
    accounts: Vec<(String, u64)>,
}

impl Feed {
    fn of(plan: Arc<Plan>) -> Self {
        let ingester = Ingester::new(plan.clone(), 0, Resume::fresh());
        let (tallier, dead) = (Tallier::new(), Vec::new());
        Feed { plan, ingester, tallier, dead, offset: 0, outcomes: [0; 4], pending: 0, accounts: Vec::new() }
    }

    fn slow() -> Self {
        Feed::of(plan("mariadb_slow_log", |_| ()))
    }

    fn record(&mut self, bytes: &[u8], written: Written, mark: Option<&str>) {
        let resubmitted = mark.map(|mark| Resubmitted::parse(mark.as_bytes()).unwrap());
        let raw = Raw { bytes, offset: self.offset, mode: Mode::Live, forged_mark: false, written, resubmitted };
        self.ingester.take(raw, &mut self.tallier, &mut self.dead);
        self.offset += 1;
    }

    /// One record for each line.
    fn lines(&mut self, text: &str, second: i64) {
        text.lines().for_each(|line| self.record(line.as_bytes(), Written::At(at(second)), None));
    }

    fn again(&mut self, text: &str, tries: u32) {
        let mark = Resubmitted::mark("log/0/0", tries, None, &[text.len()]);
        self.record(text.as_bytes(), Written::Unknown, Some(&mark));
    }

    fn expire(&mut self) {
        self.ingester.expire(&mut self.tallier, &mut self.dead);
    }

    /// Contributed, ignored, dead-lettered, late; and how many are pending.
    fn flush(&mut self) -> ([u64; 4], u64) {
        let range = self.ingester.flushed();
        let outcomes = [range.contributed, range.ignored, range.dead_lettered, range.late];
        self.outcomes.iter_mut().zip(outcomes).for_each(|(sum, n)| *sum += n);
        self.pending = range.pending;
        for (_, message) in self.tallier.flush(1, &Manifest::default()) {
            for entry in Batch::decode(&message).unwrap().entries {
                if entry.kind == EntityKind::DbAccount {
                    self.accounts.push((entry.id.to_string(), entry.tally.get(Metric::RowsSent)));
                }
            }
        }
        self.tallier.clear();
        (self.outcomes, self.pending)
    }

    /// A commit, and all that is in memory is lost. Reading goes on at the offset returned.
    fn restart(&mut self) -> i64 {
        self.flush();
        let (offset, metadata) = self.ingester.resume();
        assert!(metadata.len() <= ingest::limits::METADATA_BYTES_MAX);
        self.ingester = Ingester::new(self.plan.clone(), 0, Resume::parse(offset, &metadata));
        self.offset = offset;
        offset
    }

    /// Rows by account.
    fn rows(&mut self) -> Vec<(String, u64)> {
        self.flush();
        let mut rows = std::collections::BTreeMap::new();
        self.accounts.iter().for_each(|(account, n)| *rows.entry(account.clone()).or_default() += n);
        rows.into_iter().collect()
    }

    fn reasons(&self) -> Vec<&'static str> {
        let mut reasons: Vec<_> = self.dead.iter().map(|letter| letter.reason).collect();
        reasons.dedup();
        reasons
    }
}

fn rows(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(account, n)| (format!("{account}@10.0.0.1"), *n)).collect()
}

#[test]
fn an_entry_read_again_does_not_touch_the_one_that_is_pending() {
    let text = entry("live", 0).replace("SELECT *", "SELECT 'a\nb', x.*");
    let lines: Vec<&str> = text.lines().collect();
    for cut in 1..lines.len() {
        let mut feed = Feed::slow();
        feed.lines(&lines[..cut].join("\n"), 0);
        feed.again(&entry("again", 1), 1);
        let (outcomes, pending) = feed.flush();
        assert_eq!((outcomes, pending), ([1, 0, 0, 0], cut as u64), "{cut}");
        feed.lines(&lines[cut..].join("\n"), 0);
        feed.expire();
        assert_eq!(feed.flush(), ([lines.len() as u64 + 1, 0, 0, 0], 0), "{cut}");
        assert_eq!((feed.rows(), feed.dead.len()), (rows(&[("again", 3), ("live", 3)]), 0), "{cut}");
    }
}

#[test]
fn a_kill_loses_and_doubles_nothing_that_was_read_again() {
    let text = entry("live", 0);
    let lines: Vec<&str> = text.lines().collect();
    let mut feed = Feed::slow();
    let play = |feed: &mut Feed, from: i64| {
        for offset in from..10 {
            feed.offset = offset;
            match offset {
                0..3 => feed.lines(lines[usize::try_from(offset).unwrap()], 0),
                3..8 => feed.again(&entry("again", 1), 1),
                _ => feed.lines(lines[usize::try_from(offset).unwrap() - 5], 0),
            }
        }
    };
    play(&mut feed, 0);
    // Killed before the commit: all that was taken is lost with it.
    let committed = (0, String::new());
    feed.tallier.clear();
    feed.ingester = Ingester::new(feed.plan.clone(), 0, Resume::parse(committed.0, &committed.1));
    for offset in 0..6 {
        feed.offset = offset;
        if offset < 3 {
            feed.lines(lines[usize::try_from(offset).unwrap()], 0)
        } else {
            feed.again(&entry("again", 1), 1)
        }
    }
    // Committed with three of five done, behind an entry that is pending.
    assert_eq!(feed.restart(), 0);
    assert_eq!(feed.outcomes, [3, 0, 0, 0]);
    assert_eq!(feed.restart(), 0, "also twice");
    play(&mut feed, 0);
    feed.expire();
    assert_eq!(feed.flush(), ([10, 0, 0, 0], 0));
    assert_eq!(feed.rows(), rows(&[("again", 15), ("live", 3)]));
    // Done with all, the metadata say nothing of it any more.
    assert!(!feed.ingester.resume().1.contains(" n="), "{}", feed.ingester.resume().1);
}

#[test]
fn what_is_read_again_moves_no_time_and_is_late_as_anything() {
    let mut feed = Feed::slow();
    feed.lines(&entry("live", 0), 0);
    feed.again(&entry("ahead", 100_000), 1);
    feed.again(&entry("late", -1000), 1);
    feed.again(&entry("near", -60), 1);
    assert_eq!(feed.flush().0, [7, 0, 0, 1], "five lines of live");
    assert_eq!(feed.ingester.watermark(), at(0));
    assert_eq!(feed.rows(), rows(&[("ahead", 3), ("late", 3), ("live", 3), ("near", 3)]));
    assert_eq!(feed.ingester.take_skew().map(|skew| skew.count), Some(1), "a copy's delay is not its source's");
    // By its mark it was written before; not later than its record says.
    for (marked, written, shown) in [(-50, 500, 10), (500, -50, 10), (-50, -40, 10), (0, 0, 60)] {
        let mut feed = Feed::slow();
        let text = entry("ahead", 3000);
        let mark = Resubmitted::mark("log/0/0", 1, Some(at(marked)), &[text.len()]);
        feed.record(text.as_bytes(), Written::At(at(written)), Some(&mark));
        let messages = feed.tallier.flush(1, &Manifest::default());
        let entries: Vec<_> = messages.iter().flat_map(|(_, bytes)| Batch::decode(bytes).unwrap().entries).collect();
        assert!(
            !entries.is_empty() && entries.iter().all(|entry| entry.bucket == at(shown).bucket()),
            "{marked} {written}"
        );
        assert_eq!((feed.ingester.take_ahead(), feed.ingester.watermark()), (1, Timestamp::MIN));
    }
}

#[test]
fn what_cannot_be_read_again_tells_how_often_it_was_tried() {
    let broken = "# User@Host: a[a] @  [10.0.0.1]\n# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1\nSELECT 1;";
    let mut feed = Feed::slow();
    feed.again(broken, 3);
    feed.again(&format!("{}\n{broken}", entry("sound", 0)), 1);
    let told: Vec<_> =
        feed.dead.iter().map(|letter| (letter.offset, letter.to_offset, letter.tries, letter.shares_records)).collect();
    assert_eq!(told, [(0, 0, 3, false), (1, 1, 1, true)]);
    assert_eq!(feed.flush().0, [0, 0, 2, 0]);
    let mut feed = Feed::of(plan("nginx_json", |_| ()));
    feed.again("not json", 2);
    assert_eq!((feed.dead[0].tries, feed.dead[0].shares_records, feed.flush().0), (2, false, [0, 0, 1, 0]));
}

#[test]
fn originals_in_envelopes_are_opened_one_by_one_and_decide_nothing() {
    let wrapped = |line: &str| serde_json::json!({"@timestamp": "2026-11-23T13:00:00Z", "agent": {"type": "filebeat"}, "message": line});
    let originals: Vec<String> = entry("again", 0).lines().map(|line| wrapped(line).to_string()).collect();
    let lengths: Vec<usize> = originals.iter().map(String::len).collect();
    let mark = Resubmitted::mark("log/0/0", 1, None, &lengths);
    let mut feed = Feed::slow();
    feed.record(originals.join("\n").as_bytes(), Written::Unknown, Some(&mark));
    assert_eq!((feed.flush().0, feed.dead.len()), ([1, 0, 0, 0], 0));
    assert!(!feed.ingester.resume().1.contains(" e="), "the envelope of its partition is still open");
    feed.lines(&entry("live", 0), 0);
    assert_eq!(feed.rows(), rows(&[("again", 3), ("live", 3)]));
    // Several entries of several records, as where a log was read as something else.
    let two = format!("{}\n{}", entry("one", 1), entry("two", 2));
    feed.again(&two, 1);
    assert_eq!(feed.rows(), rows(&[("again", 3), ("live", 3), ("one", 3), ("two", 3)]));
    assert_eq!(feed.outcomes, [7, 0, 0, 0]);
}

#[test]
fn a_log_that_is_recognised_is_not_recognised_by_what_is_read_again() {
    let mut feed = Feed::of(plan("auto", |_| ()));
    feed.again(&entry("again", 0), 1);
    assert_eq!(feed.rows(), rows(&[("again", 3)]));
    assert!(!feed.ingester.resume().1.contains(" f="), "{}", feed.ingester.resume().1);
}

/// An entry whose literal holds a forged one, cut at each line.
fn forging() -> Vec<(String, String)> {
    let literal = format!("{}\nINSERT INTO hr.notes VALUES ('x;\n{}\ny');", header("visitor", 0), entry("forged", 5));
    let lines: Vec<&str> = literal.lines().collect();
    (1..lines.len()).map(|cut| (lines[..cut].join("\n"), lines[cut..].join("\n"))).collect()
}

#[test]
fn the_rest_of_an_entry_that_timed_out_forges_none() {
    for (came, rest) in forging() {
        for restart in [false, true] {
            for second in [10, 70_000] {
                let mut feed = Feed::slow();
                feed.lines(&came, 0);
                feed.expire();
                if restart {
                    let offset = feed.offset;
                    assert_eq!(feed.restart(), offset);
                }
                for (nth, line) in rest.lines().enumerate() {
                    feed.lines(line, second + nth as i64);
                    if restart {
                        feed.restart();
                    }
                }
                feed.lines(&entry("honest", second + 20), second + 20);
                feed.expire();
                let counted = feed.rows();
                assert!(counted.iter().all(|(account, _)| !account.starts_with("forged")), "{came}\n--\n{rest}");
                assert!(counted.contains(&("honest@10.0.0.1".to_owned(), 3)), "{came}\n--\n{rest}");
                assert_eq!(feed.outcomes.iter().sum::<u64>(), feed.offset as u64, "every record has one outcome");
                let of_rest = feed.dead.iter().filter(|letter| letter.reason == REST_OF_ENTRY).count();
                assert_eq!(of_rest, rest.lines().count());
            }
        }
    }
}

#[test]
fn a_quote_that_is_lost_blinds_a_source_for_a_minute_at_most() {
    for (quote, stamped) in [("'", true), ("\"", true), ("/* ", true), ("'", false)] {
        let mut feed = Feed::slow();
        feed.lines(&format!("{}\nINSERT INTO hr.notes VALUES ({quote}x", header("torn", 0)), 0);
        feed.expire();
        let honest = 200;
        for nth in 0..honest {
            if stamped {
                feed.lines(&entry("honest", nth + 1000), nth + 1000);
            } else {
                entry("honest", nth).lines().for_each(|line| feed.record(line.as_bytes(), Written::Unknown, None));
            }
        }
        feed.expire();
        let read =
            feed.rows().iter().find(|(account, _)| account.starts_with("honest")).map_or(0, |(_, rows)| rows / 3);
        let span = ingest::limits::REST_SPAN.as_secs() as u64 + 1;
        let expected = if stamped { honest as u64 - span } else { honest as u64 };
        assert_eq!(read, expected, "{quote} {stamped}");
        assert_eq!(feed.outcomes.iter().sum::<u64>(), feed.offset as u64);
        if stamped {
            assert!(feed.reasons().contains(&REST_OF_ENTRY), "what was not read is kept: {:?}", feed.reasons());
        }
    }
}

#[test]
fn a_record_too_long_to_be_looked_into_hides_no_quote() {
    let padding = "x".repeat(ingest::limits::RECORD_BYTES_MAX);
    let forged = entry("forged", 5);
    // The literal begins before it, in it, or has ended in it; each time its rest comes behind.
    for (before, long, behind, is_forged) in [
        (
            format!("{}\nINSERT INTO t VALUES ('x", header("visitor", 0)),
            padding.clone(),
            format!("{forged}\n');"),
            true,
        ),
        (header("visitor", 0), format!("INSERT INTO t VALUES ('{padding}"), format!("{forged}\n');"), true),
        (header("visitor", 0), format!("INSERT INTO t VALUES ('{padding}');"), forged.clone(), false),
        (
            String::new(),
            format!("{}\nINSERT INTO t VALUES ('{padding}", header("visitor", 0)),
            format!("{forged}\n');"),
            true,
        ),
    ] {
        let mut feed = Feed::slow();
        feed.lines(&entry("first", 0), 0);
        feed.lines(&before, 1);
        feed.record(long.as_bytes(), Written::At(at(2)), None);
        feed.lines(&behind, 3);
        feed.lines(&entry("honest", 4), 4);
        let counted = feed.rows();
        assert_eq!(counted.iter().any(|(account, _)| account.starts_with("forged")), !is_forged, "{before}");
        assert!(counted.contains(&("honest@10.0.0.1".to_owned(), 3)), "{before}");
        assert_eq!(feed.outcomes.iter().sum::<u64>() + feed.pending, feed.offset as u64);
    }
}

#[test]
fn a_file_is_read_the_same_whenever_it_was_changed() {
    let lines: Vec<String> = (0..400)
        .map(|second| {
            let (year, month, day, hour, minute, second, _) = at(second).to_civil();
            format!("{year}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},db1,app,10.0.1.1,7,1,QUERY,hr,'SELECT * FROM employees',0")
        })
        .collect();
    let berlin = plan("mariadb_server_audit", |source| source.zone = Some("Europe/Berlin".into()));
    let read = |written: Written| {
        let mut feed = Feed::of(berlin.clone());
        lines.iter().for_each(|line| feed.record(line.as_bytes(), written, None));
        let outcomes = feed.ingester.flushed();
        let messages = feed.tallier.flush(1, &Manifest::default());
        (outcomes, messages, feed.ingester.take_ahead(), feed.ingester.take_skew(), feed.ingester.resume())
    };
    let unknown = read(Written::Unknown);
    assert_eq!((unknown.0.contributed, unknown.2), (400, 0));
    for changed in [0, AT - (1 << 30), AT - 3600, AT + 400, AT + (1 << 30)] {
        assert_eq!(read(Written::Perhaps(Timestamp::from_secs(changed))), unknown, "{changed}");
    }
    assert_eq!(read(Written::Until(at(400))), unknown, "stated, and no stamp is from after it");
    // Stated, and a stamp is from after it.
    let cut = read(Written::Until(at(-3600 + 199)));
    assert_eq!((cut.0.contributed, cut.2), (400, 140), "half the allowed lateness is a minute");
    assert_eq!(cut.0.watermark, at(-3600 + 259));
}

#[test]
fn in_a_file_a_stamp_without_year_is_the_time_of_an_entry_that_has_none() {
    let line =
        "<150>Nov 23 13:06:01 web1 mysql-server_auditing: magento-prod vm,app,10.0.0.9,253,0,FAILED_CONNECT,,,1045";
    let mut seen = Vec::new();
    for written in [
        Written::Perhaps("2027-02-01T00:00:00Z".parse().unwrap()),
        Written::Until("2025-11-22T14:00:00Z".parse().unwrap()),
        Written::Until("2025-11-22T12:00:00Z".parse().unwrap()),
        Written::Unknown,
    ] {
        let mut feed = Feed::of(plan("mariadb_server_audit", |_| ()));
        feed.record(line.as_bytes(), written, None);
        let at = feed.ingester.watermark();
        seen.push(if at == Timestamp::MIN { String::new() } else { at.to_string() });
    }
    // Within a day of the end, but cut back to half the allowed lateness behind it.
    assert_eq!(seen, ["2026-11-23T13:06:01Z", "2025-11-22T14:01:00Z", "2024-11-23T13:06:01Z", ""]);
}
