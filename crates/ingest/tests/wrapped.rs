//! Real logs as shippers send them: in envelopes, torn into lines or pieces, with the ingester killed anywhere.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::support;

use activity::{EntityKind, Timestamp};
use formats::envelope::PIECE_BYTES;
use ingest::Plan;
use ingest::limits::{ENTRY_BYTES_MAX, RECORD_BYTES_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Seen, golden, grouped, lines, plan, read, sample};
use tally::{Metric, Range};

const AUTO: fn(&mut ingest::settings::Source) = |_| ();

/// Envelopes that the property tests use, around a text; the last two in each other.
type Wrap = fn(&str) -> String;

const WRAPS: [(&str, Wrap); 14] = [
    ("none", str::to_owned),
    ("connect", |text| json!({"schema": {"type": "string", "optional": false}, "payload": text}).to_string()),
    ("json_string", |text| Value::from(text).to_string()),
    ("kcat", |text| {
        json!({"topic": "t", "partition": 0, "offset": 1, "ts": 1_795_439_760_809_i64, "payload": text}).to_string()
    }),
    ("filebeat", |text| {
        json!({"@timestamp": "2026-11-23T13:04:03.790Z", "@metadata": {"beat": "filebeat"}, "message": text})
            .to_string()
    }),
    ("fluent_bit", |text| json!({"@timestamp": 1_795_439_043.790_123, "log": text}).to_string()),
    ("fluent_syslog", |text| {
        json!({"date": 1_795_439_043.0, "pri": "14", "ident": "db", "message": text, "host": "db1"}).to_string()
    }),
    ("fluent_message", |text| json!({"message": text, "tag": "shop", "time": 1_795_439_043.790_123}).to_string()),
    ("journald", |text| {
        json!({"date": 1_795_439_043.0, "MESSAGE": text, "SYSLOG_IDENTIFIER": "db", "_HOSTNAME": "db1"}).to_string()
    }),
    ("vector", |text| json!({"message": text, "source_type": "file", "timestamp": "2026-11-23T13:04:03Z"}).to_string()),
    ("logstash", |text| {
        json!({"@version": "1", "@timestamp": "2026-11-23T13:04:03.790Z", "message": text}).to_string()
    }),
    ("docker", |text| {
        json!({"log": format!("{text}\n"), "stream": "stdout", "time": "2026-11-23T13:04:03Z"}).to_string()
    }),
    ("otlp", |text| {
        let records: Vec<_> = text.split('\n').map(|line| json!({"body": {"stringValue": line}})).collect();
        json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).to_string()
    }),
    ("connect", |text| {
        let inner =
            json!({"@timestamp": "2026-11-23T13:04:03.790Z", "agent": {"name": "a"}, "message": text}).to_string();
        json!({"schema": {"type": "string"}, "payload": inner}).to_string()
    }),
];

fn wrapped(texts: &[Vec<u8>], wrap: Wrap) -> Vec<Vec<u8>> {
    texts.iter().map(|text| wrap(&String::from_utf8_lossy(text)).into_bytes()).collect()
}

/// Lines of the slow log as kcat tore them, without their dump.
fn torn_by_kcat() -> Vec<Vec<u8>> {
    let payload = |dump: &Vec<u8>| {
        let dump: Value = serde_json::from_slice(dump).unwrap();
        dump["payload"].as_str().unwrap().as_bytes().to_vec()
    };
    sample("kafka_kcat-kcat.slowlines.kcatJ.ndjson.zst").iter().map(payload).collect()
}

fn slow_logs() -> [Vec<Vec<u8>>; 4] {
    let of = |name| golden("mariadb_slow_log", name);
    [torn_by_kcat(), of("normal"), of("odd"), of("breach")]
}

fn counts(seen: &Seen) -> [u64; 4] {
    seen.outcomes()
}

/// An entry of a slow log.
fn slow(account: &str, statement: &str) -> String {
    format!(
        "# User@Host: {account}[{account}] @  [10.0.0.1]\n# Thread_id: 7  Schema: hr  QC_hit: No\n# Query_time: 0.1  Lock_time: 0.1  Rows_sent: 1  Rows_examined: 1\nSET timestamp=1772409601;\n{statement};"
    )
}

fn of_account(seen: &Seen, account: &str) -> u64 {
    seen.of(EntityKind::DbAccount, account).get(Metric::Statements)
}

/// As Filebeat ships lines of a host.
fn shipped(host: &str, texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let wrap = |text: &Vec<u8>| {
        json!({"@timestamp": "2026-11-23T13:04:03.790Z", "@metadata": {"beat": "filebeat"}, "host": {"name": host},
            "message": String::from_utf8_lossy(text)})
        .to_string()
        .into_bytes()
    };
    texts.iter().map(wrap).collect()
}

#[test]
fn entries_torn_by_kcat_come_out_whole() {
    let lines = torn_by_kcat();
    let entries = lines.iter().filter(|line| line.starts_with(b"# User@Host: ")).count();
    let torn = read(&plan("mariadb_slow_log", AUTO), &lines, &[]);
    let dumped = read(&plan("mariadb_slow_log", AUTO), &sample("kafka_kcat-kcat.slowlines.kcatJ.ndjson.zst"), &[]);
    for seen in [&torn, &dumped] {
        // The sample ends in the middle of an entry; what there is of it is dead-lettered.
        assert_eq!(seen.reasons().values().sum::<usize>(), 1, "{:?}", seen.reasons());
        assert_eq!(seen.minutes().values().sum::<u64>(), entries as u64 - 1);
    }
    assert_eq!(torn.without_evidence(), dumped.without_evidence());
}

#[test]
fn the_mark_that_a_file_begins_with_hides_no_line() {
    for format in ["mariadb_slow_log", "mariadb_server_audit", "nginx_json"] {
        let lines = golden(format, "normal");
        let mut marked = lines.clone();
        marked[0].splice(..0, *b"\xef\xbb\xbf");
        for (name, wrap) in WRAPS {
            for format in [format, "auto"] {
                let [with, without] =
                    [&marked, &lines].map(|lines| read(&plan(format, AUTO), &wrapped(lines, wrap), &[]));
                assert_eq!(with.dead, without.dead, "{format} in {name}");
                assert_eq!(with.without_evidence(), without.without_evidence(), "{format} in {name}");
            }
        }
    }
}

#[test]
fn lines_of_kafka_connect_are_read_with_and_without_schema() {
    for (format, name) in [("mariadb_server_audit", "false"), ("access_combined", "true")] {
        let records = sample(&format!("kafka_connect_file-schemas_enable_{name}.ndjson.zst"));
        let bare: Vec<Vec<u8>> = records
            .iter()
            .map(|record| {
                let value: Value = serde_json::from_slice(record).unwrap();
                value.get("payload").unwrap_or(&value).as_str().unwrap().as_bytes().to_vec()
            })
            .collect();
        for format in [format, "auto"] {
            let seen = read(&plan(format, AUTO), &records, &[7, 31]);
            assert_eq!(seen.dead, [], "{format}");
            assert_eq!(seen.without_evidence(), read(&plan(format, AUTO), &bare, &[]).without_evidence());
            assert!(30 < counts(&seen)[0], "{format}: {:?}", counts(&seen));
        }
    }
}

#[test]
fn all_shapes_of_rsyslog_say_the_same() {
    for format in ["nginx_json", "access_combined", "mariadb_server_audit"] {
        let mut first: Option<Seen> = None;
        for shape in ["traditional", "json_cee", "rfc5424", "rawmsg", "msgonly"] {
            let records = sample(&format!("kafka_rsyslog-{shape}.rs-separated.zst"));
            let written = |_| Some(activity::Timestamp::from_secs(1_795_439_161));
            let seen = support::read_written(&plan(format, AUTO), &records, &[100], &written);
            assert!(20 < counts(&seen)[0], "{format} {shape}: {:?} {:?}", counts(&seen), seen.reasons());
            if format == "mariadb_server_audit" {
                // It has no stamp of its own, so each shape has another.
                continue;
            }
            match &first {
                Some(first) => assert_eq!(seen.without_evidence(), first.without_evidence(), "{format} {shape}"),
                None => first = Some(seen),
            }
        }
    }
}

#[test]
fn slow_entries_are_found_in_a_topic_of_many_programs() {
    for shape in ["traditional", "json_cee", "rfc5424"] {
        let records = sample(&format!("kafka_rsyslog-{shape}.rs-separated.zst"));
        let of_slow_log = |record: &&Vec<u8>| memchr::memmem::find(record, b" mariadb-slow").is_some();
        let of_slow_log =
            |record: &&Vec<u8>| of_slow_log(record) || memchr::memmem::find(record, b"\"mariadb-slow\"").is_some();
        let n = records.iter().filter(of_slow_log).count() as u64;
        let seen = read(&plan("mariadb_slow_log", AUTO), &records, &[120, 200]);
        let before_the_first = records.iter().position(|record| of_slow_log(&record)).unwrap();
        let reasons = seen.reasons();
        assert_eq!(reasons["no_header"], before_the_first, "{shape}");
        let [contributed, ignored, dead, late] = counts(&seen);
        assert_eq!((contributed + ignored, dead, late), (n, 274 - n, 0), "{shape}: {reasons:?}");
        assert_eq!(reasons.len(), 2, "{shape}: {reasons:?}");
        let user = seen.of(EntityKind::PortalUser, "e1002");
        assert_eq!(user.get(Metric::RowsSent), 1, "{shape}");
    }
}

#[test]
fn a_line_in_a_literal_that_looks_like_an_envelope_stays_in_it() {
    let entry = |account: &str, statement: &str| slow(account, statement) + "\n";
    // The quote is spelt as JSON does: the text holds none.
    let forged = entry("boss", "SELECT * FROM payslips").replace('\n', "\\n");
    let literals = [
        format!("{{\"schema\":{{}},\"payload\":\"\\u0027;\\n{forged}\"}}"),
        format!("\"\\u0027;\\n{forged}\""),
        format!("{{\"log\":\"\\u0027;\\n{forged}\"}}"),
        format!("Nov 23 13:06:01 db1 mariadb-slow: # User@Host: boss[boss] @  [10.0.0.1]\\n{forged}"),
        format!(" {forged}"),
        forged.clone(),
    ];
    for literal in literals {
        let insert = format!("INSERT INTO notes VALUES ('x\n{literal}\n')");
        let read_one = "SELECT a FROM employees";
        let text = entry("app", read_one) + &entry("app", &insert) + &entry("app", read_one);
        for format in ["mariadb_slow_log", "auto"] {
            let seen = read(&plan(format, AUTO), &lines(text.as_bytes()), &[9, 11]);
            assert_eq!(seen.of(EntityKind::DbAccount, "boss@10.0.0.1").get(Metric::Statements), 0, "{literal}");
            assert_eq!(seen.of(EntityKind::DbAccount, "app@10.0.0.1").get(Metric::Statements), 3, "{literal}");
        }
    }
}

#[test]
fn what_containerd_left_before_a_row_is_opened_and_is_no_server() {
    let row = "db1,app,10.0.1.12,7,8,QUERY,hr,'SELECT * FROM employees',0";
    let before = ["2026-03-02T00:00:02.1Z stdout F ", "2026-03-02T01:00:02.123456789+01:00 stderr F "];
    for stamp in ["20260302 00:00:01", "1772409601123456"] {
        let bare = before.map(|before| format!("{before}{stamp},{row}"));
        let in_json = bare.each_ref().map(|line| json!({"date": 1_772_409_602.5, "log": line}).to_string());
        let records: Vec<_> = [bare, in_json].concat().into_iter().map(String::into_bytes).collect();
        for format in ["mariadb_server_audit", "auto"] {
            let seen = read(&plan(format, AUTO), &records, &[2]);
            assert_eq!(counts(&seen), [4, 0, 0, 0], "{format}");
            assert_eq!(seen.of(EntityKind::DbAccount, "app@10.0.1.12").get(Metric::Statements), 4, "{format}");
            let mut accounts = seen.tallies.keys().filter(|(_, kind, ..)| *kind == EntityKind::DbAccount);
            assert!(accounts.all(|(.., name, _)| name == "app@10.0.1.12"), "{format}");
        }
    }
}

#[test]
fn a_literal_with_many_entries_in_it_forges_none_and_hides_few() {
    let entry = |account: &str, statement: &str| slow(account, statement) + "\n";
    let plan = plan("mariadb_slow_log", AUTO);
    // A visitor's: all of it is written at once.
    let forged = "# User@Host: a[a] @  [1.1.1.1]\n".repeat(200) + &entry("boss", "SELECT * FROM employees");
    let text =
        entry("app", &format!("INSERT INTO notes VALUES ('x\n{forged}')")) + &entry("app", "SELECT 2 FROM employees");
    let now = |_| Some(Timestamp::from_secs(1_772_409_602));
    for kills in [&[][..], &[20, 100, 190]] {
        let seen = support::read_written(&plan, &lines(text.as_bytes()), kills, &now);
        assert_eq!(
            (of_account(&seen, "boss@10.0.0.1"), of_account(&seen, "a@1.1.1.1"), of_account(&seen, "app@10.0.0.1")),
            (0, 0, 2)
        );
    }
    // Quotes are not as the log says, so that one entry is open for ever: the others are read from a minute on.
    let text = entry("dba", "SET sql_mode=@other")
        + &entry("dba", "SELECT '\\'")
        + &entry("app", "SELECT 2 FROM employees").repeat(200);
    let seconds = |at: usize| Some(Timestamp::from_secs(1_772_409_602 + at as i64 / 5));
    let seen = support::read_written(&plan, &lines(text.as_bytes()), &[], &seconds);
    let read = of_account(&seen, "app@10.0.0.1");
    assert!((200 - 64 - 63..=200 - 64 - 59).contains(&read), "{read}");
}

#[test]
fn entries_of_two_hosts_torn_into_each_other_come_out_whole() {
    let on = |host: &str, text: &str| -> Vec<Vec<u8>> {
        text.lines().map(|line| format!("Nov 23 13:06:01 {host} mariadb-slow: {line}").into_bytes()).collect()
    };
    let (one, other) =
        (on("db1", &slow("ua", "SELECT * FROM employees")), on("db2", &slow("ub", "SELECT 2 FROM employees")));
    // The whole header of one, then that of the other, then their statements.
    let torn: Vec<_> = [&one[..4], &other[..4], &one[4..], &other[4..], &one, &other].concat();
    // A statement whose end nobody knows does not hold up the other host.
    let open = on("db1", &slow("ua", "BEGIN NOT ATOMIC SELECT * FROM employees;\nSELECT 2 FROM payslips; END"));
    let after: Vec<_> = [&open[..5], &other[..2], &open[5..], &other[2..]].concat();
    for kills in [&[][..], &[2, 5, 9]] {
        let seen = read(&plan("mariadb_slow_log", AUTO), &torn, kills);
        assert_eq!((of_account(&seen, "ua@10.0.0.1"), of_account(&seen, "ub@10.0.0.1")), (2, 2));
        assert_eq!(counts(&seen), [20, 0, 0, 0]);
        let seen = read(&plan("mariadb_slow_log", AUTO), &after, kills);
        assert_eq!((of_account(&seen, "ua@10.0.0.1"), of_account(&seen, "ub@10.0.0.1")), (1, 1));
        assert_eq!(seen.of(EntityKind::Table, "hr.payslips").get(Metric::Statements), 1);
        assert_eq!(counts(&seen), [11, 0, 0, 0]);
    }
    // In another's literal no line of a host ends it, however many there are.
    let forged = slow("boss", "SELECT * FROM employees");
    let literal = on("db1", &slow("ua", &format!("INSERT INTO notes VALUES ('x\n{forged}')")));
    for n in [1, 60] {
        let torn: Vec<_> =
            literal[..5].iter().chain((0..n).flat_map(|_| &other)).chain(&literal[5..]).cloned().collect();
        for kills in [&[][..], &[3, 7, 11, 12]] {
            let seen = read(&plan("mariadb_slow_log", AUTO), &torn, kills);
            let of = |account| of_account(&seen, account);
            assert_eq!((of("boss@10.0.0.1"), of("ua@10.0.0.1"), of("ub@10.0.0.1")), (0, 1, n), "{n}");
            assert_eq!(seen.dead.len(), 0);
        }
    }
}

#[test]
fn a_host_that_does_not_go_on_holds_up_nobody() {
    let on = |host: &str, text: &str| shipped(host, &lines(text.as_bytes()));
    let forged = slow("boss", "SELECT * FROM employees");
    let literal = on("db1", &slow("ua", &format!("INSERT INTO notes VALUES ('x\n{forged}')")));
    let other = on("db2", &slow("ub", "SELECT 2 FROM employees"));
    let plan = plan("mariadb_slow_log", AUTO);
    // By its records, by the time, and by how many hosts there are; what still comes of it is its rest.
    let many: Vec<_> = (0..2_001).flat_map(|_| other.clone()).collect();
    let few: Vec<_> = (0..14).flat_map(|_| other.clone()).collect();
    let hosts: Vec<_> = (2..10).flat_map(|n| on(&format!("db{n}"), &slow("ub", "SELECT '"))).collect();
    let second = |at: usize| Some(Timestamp::from_secs(1_772_409_602 + if at < 7 { 0 } else { 61 }));
    let once = |_: usize| Some(Timestamp::from_secs(1_772_409_602));
    type WrittenAt<'a> = &'a dyn Fn(usize) -> Option<Timestamp>;
    let cases: [(&[Vec<u8>], WrittenAt<'_>); 3] = [(&many, &once), (&few, &second), (&hosts, &once)];
    for (between, written) in cases {
        let records: Vec<_> = [&literal[..7], between, &literal[7..]].concat();
        for kills in [&[][..], &[6, 8, 7 + between.len(), 9 + between.len()]] {
            let seen = support::read_written(&plan, &records, kills, written);
            let of = |account| of_account(&seen, account);
            assert_eq!((of("boss@10.0.0.1"), of("ua@10.0.0.1")), (0, 1), "{} between", between.len());
            assert_eq!(seen.reasons(), [("rest_of_entry", literal.len() - 7)].into(), "{} between", between.len());
        }
    }
    // A clock that is minutes ahead ends nobody's entry.
    let records: Vec<_> = [&literal[..7], &other, &literal[7..]].concat();
    let ahead = |at: usize| Some(Timestamp::from_secs(1_772_409_602 + if (7..12).contains(&at) { 300 } else { 0 }));
    let seen = support::read_written(&plan, &records, &[8, 10], &ahead);
    assert_eq!((of_account(&seen, "ua@10.0.0.1"), of_account(&seen, "ub@10.0.0.1"), seen.dead.len()), (1, 1, 0));
}

#[test]
fn what_is_no_entry_holds_up_nobody() {
    let in_syslog = |program: &str, line: &[u8]| [format!("Nov 23 13:06:01 db1 {program}: ").as_bytes(), line].concat();
    // What may have ended, and what has not; then nothing but lines of another program.
    for (statement, n) in
        [("BEGIN NOT ATOMIC SELECT * FROM employees", 100), ("SELECT * FROM employees WHERE x = 'x", 10_100)]
    {
        let ours = lines(slow("ua", statement).as_bytes());
        let mut records: Vec<_> = ours.iter().map(|line| in_syslog("mariadb-slow", line)).collect();
        records.extend(std::iter::repeat_n(in_syslog("sshd", b"Failed password"), n));
        let kill = records.len() - 20;
        let seen = read(&plan("mariadb_slow_log", AUTO), &records, &[7, kill]);
        // Committed long before the partition falls silent.
        assert!(seen.ranges.iter().any(|range| range.to == kill as i64 && range.pending == 0), "{statement}");
        assert_eq!(seen.of(EntityKind::Table, "hr.employees").get(Metric::Statements), 1, "{statement}");
        assert_eq!(counts(&seen), [5, 0, n as u64, 0], "{statement}");
    }
}

#[test]
fn what_belongs_to_no_entry_ends_the_one_before_and_is_counted_once() {
    let audited = |format| {
        let mut lines = golden(format, "pgaudit").into_iter();
        lines.find(|line| memchr::memmem::find(line, b",READ,").is_some()).expect("what pgaudit wrote of a read")
    };
    for (format, first, contributed) in [
        ("postgres_json", audited("postgres_json"), 1),
        ("postgres_csv", audited("postgres_csv"), 1),
        // Its blank line is part of it.
        (
            "magento_db_log",
            b"## 2026-11-23 13:08:21\n## 14 ## QUERY\nSQL: SELECT * FROM hr.leave\nAFF: 1\nTIME: 0.0004\n".to_vec(),
            2,
        ),
    ] {
        let records = [first, b"\n".to_vec(), b"stray".to_vec(), b"".to_vec()];
        for kill in 1..=records.len() {
            let seen = read(&plan(format, AUTO), &records, &[kill]);
            assert_eq!((counts(&seen), seen.dead.len()), ([contributed, 3 - contributed, 1, 0], 1), "{format} {kill}");
        }
    }
}

#[test]
fn of_too_many_hosts_one_ends_that_is_not_in_its_midst() {
    let on = |host: usize, account: &str, statement: &str| {
        shipped(&format!("db{host}"), &lines(slow(account, statement).as_bytes()))
    };
    let literal = on(0, "ua", "INSERT INTO notes VALUES ('x\ny')");
    let between: Vec<_> = (1..=8).flat_map(|host| on(host, "ub", "BEGIN NOT ATOMIC SELECT * FROM employees")).collect();
    let records = [&literal[..5], &between[..], &literal[5..]].concat();
    for kills in [&[][..], &[4, 20, 30, 40]] {
        let seen = read(&plan("mariadb_slow_log", AUTO), &records, kills);
        assert_eq!((of_account(&seen, "ua@10.0.0.1"), of_account(&seen, "ub@10.0.0.1")), (1, 8));
        assert!(seen.dead.is_empty());
    }
}

#[test]
fn what_is_refused_between_other_hosts_records_is_not_copied_with_them() {
    let broken =
        lines(b"# User@Host: a[a] @  [10.0.0.1]\n# Query_time: 0.1  Lock_time: 0.0  Rows_sent: 1\nSELECT 1\n;");
    let other = shipped("db2", &lines(slow("ub", "SELECT 2 FROM employees").as_bytes()));
    let broken = shipped("db1", &broken);
    let records = [&broken[..3], &other[..], &broken[3..], &broken[..1]].concat();
    for kills in [&[][..], &[5], &[8], &[9]] {
        let seen = read(&plan("mariadb_slow_log", AUTO), &records, kills);
        let first = &seen.dead[0];
        assert_eq!((first.offset, first.to_offset, first.shares_records), (0, 8, true), "{kills:?}");
    }
}

#[test]
fn after_a_change_of_the_envelope_what_is_pending_is_not_passed_over() {
    let envelope = |name: &'static str| {
        plan("mariadb_slow_log", move |source: &mut ingest::settings::Source| source.envelope = name.into())
    };
    let text = lines(slow("ua", "SELECT 'x\ny' FROM employees").as_bytes());
    let records = shipped("db1", &text);
    let mut tallier = tally::Tallier::new();
    let mut dead = Vec::new();
    let raw = |at: usize| ingest::Raw {
        bytes: &records[at],
        offset: at as i64,
        mode: activity::Mode::Live,
        forged_mark: false,
        written: ingest::Written::Unknown,
        resubmitted: None,
    };
    let mut ingester = ingest::Ingester::new(envelope("filebeat"), 0, ingest::Resume::fresh());
    (0..4).for_each(|at| ingester.take(raw(at), &mut tallier, &mut dead));
    assert_eq!(ingester.flushed().pending, 4);
    let (offset, metadata) = ingester.resume();
    let mut ingester = ingest::Ingester::new(envelope("vector"), 0, ingest::Resume::parse(offset, &metadata));
    (0..4).for_each(|at| ingester.take(raw(at), &mut tallier, &mut dead));
    ingester.expire(&mut tallier, &mut dead);
    assert_eq!((ingester.flushed().dead_lettered, dead.len()), (4, 4), "told, not lost");
}

#[test]
fn what_is_pending_of_several_hosts_ends_in_the_order_in_which_it_began() {
    // Which stamp is late, and is shown elsewhere, depends on it.
    let begun = |(host, second): &(&str, i64)| {
        let entry = slow("ua", "BEGIN NOT ATOMIC SELECT * FROM employees");
        let text = entry.replace("timestamp=1772409601", &format!("timestamp={}", 1_772_409_601 + second));
        shipped(host, &lines(text.as_bytes()))
    };
    let hosts: Vec<_> = [("db1", 600), ("db2", 0), ("db3", 300), ("db4", 900)].iter().map(begun).collect();
    let torn: Vec<_> = (0..hosts[0].len()).flat_map(|at| hosts.iter().map(move |host| host[at].clone())).collect();
    let plan = plan("mariadb_slow_log", AUTO);
    let undisturbed = read(&plan, &torn, &[]);
    assert_eq!(undisturbed.outcomes(), [10, 0, 0, 10]);
    for kill in 1..=torn.len() {
        let killed = read(&plan, &torn, &[kill]);
        assert_eq!((killed.minutes(), killed.outcomes()), (undisturbed.minutes(), undisturbed.outcomes()), "{kill}");
    }
}

#[test]
fn servers_with_the_same_connections_are_told_apart() {
    let on = |host: &str, account: &str| {
        let text = format!(
            "260302  0:00:01\t     7 Connect\t{account}@10.0.0.1 on hr using TCP/IP\n\t\t     7 Query\tSELECT a FROM employees WHERE x = '\nb'\n\t\t     7 Query\tSELECT 2 FROM employees"
        );
        shipped(host, &lines(text.as_bytes()))
    };
    let (one, other) = (on("db1", "ua"), on("db2", "ub"));
    let torn: Vec<_> = one.iter().zip(&other).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
    for kills in [&[][..], &[1, 2, 3, 4, 5, 6, 7]] {
        let seen = read(&plan("mariadb_general_log", AUTO), &torn, kills);
        assert_eq!((of_account(&seen, "ua@10.0.0.1"), of_account(&seen, "ub@10.0.0.1")), (2, 2), "{kills:?}");
        assert_eq!(seen.dead.len(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However the lines of hosts meet in a partition: each host's entries are what they are alone.
    #[test]
    fn hosts_in_one_partition_lose_and_double_nothing(
        general in any::<bool>(),
        hosts in proptest::collection::vec(0..6usize, 2..7),
        turns in proptest::collection::vec(0..7usize, 40..200),
        sizes in proptest::collection::vec(1..6usize, 1..4),
        kills in proptest::collection::vec(1..120usize, 0..12),
    ) {
        let statements = [
            "SELECT * FROM employees",
            "SELECT a\n-- '\nFROM payslips",
            "INSERT INTO notes VALUES ('x;\n# User@Host: boss[boss] @  [1.1.1.1]\n# Query_time: 1\n\t\t     7 Query\tx\n')",
            "BEGIN NOT ATOMIC SELECT 1;\nSELECT 2 FROM employees; END",
            "UPDATE employees SET name = '\n\n\\'' WHERE id = 7",
            "SELECT 1 /* ;\n */ FROM payslips /*uid=u7*/",
        ];
        let format = if general { "mariadb_general_log" } else { "mariadb_slow_log" };
        let logs: Vec<Vec<Vec<u8>>> = hosts
            .iter()
            .enumerate()
            .map(|(host, first)| {
                let account = format!("u{host}");
                let own = (0..4).map(|n| statements[(first + n) % statements.len()]);
                let text = if general {
                    let rows = own.map(|statement| format!("\n\t\t     7 Query\t{statement}")).collect::<String>();
                    format!("260302  0:00:01\t     7 Connect\t{account}@10.0.0.1 on hr using TCP/IP{rows}")
                } else {
                    own.map(|statement| slow(&account, statement)).collect::<Vec<_>>().join("\n")
                };
                shipped(&format!("db{host}"), &grouped(&lines(text.as_bytes()), &sizes))
            })
            .collect();
        let apart = read(&plan(format, AUTO), &logs.concat(), &[]);
        prop_assert!(apart.dead.is_empty() && apart.of(EntityKind::DbAccount, "boss@1.1.1.1").get(Metric::Statements) == 0);
        let mut rest: Vec<_> = logs.iter().map(|log| log.as_slice()).collect();
        let mut records = Vec::new();
        for turn in turns.iter().cycle() {
            rest.retain(|log| !log.is_empty());
            if rest.is_empty() {
                break;
            }
            let at = turn % rest.len();
            let (first, others) = rest[at].split_first().unwrap();
            records.push(first.clone());
            rest[at] = others;
        }
        let met = read(&plan(format, AUTO), &records, &kills);
        prop_assert_eq!(met.outcomes(), apart.outcomes());
        prop_assert!(met.dead.is_empty());
        prop_assert_eq!(met.without_evidence(), apart.without_evidence());
    }
}

#[test]
fn lines_of_other_programs_do_not_end_a_literal() {
    let forged = slow("boss", "SELECT * FROM payslips");
    let insert = format!("INSERT INTO notes VALUES ('x\n;\n{forged}\n')");
    let text = [slow("app", "SELECT a FROM employees"), slow("app", &insert), slow("app", "SELECT 2 FROM employees")];
    let ours = lines(text.join("\n").as_bytes());
    let in_syslog = |program: &str, line: &[u8]| [format!("Nov 23 13:06:01 db1 {program}: ").as_bytes(), line].concat();
    for others in [1, 255, 256, 700] {
        let mut records: Vec<_> = ours.iter().map(|line| in_syslog("mariadb-slow", line)).collect();
        // Behind the first line of the literal.
        let at = ours.iter().position(|line| line.ends_with(b"('x")).unwrap() + 1;
        records.splice(at..at, std::iter::repeat_n(in_syslog("web", b"GET /"), others));
        let n = ours.len() as u64;
        for kills in [&[][..], &[8, at, at + 1, at + 300]] {
            let seen = read(&plan("mariadb_slow_log", AUTO), &records, kills);
            assert_eq!(seen.of(EntityKind::DbAccount, "boss@10.0.0.1").get(Metric::Statements), 0, "{others}");
            assert_eq!(seen.of(EntityKind::DbAccount, "app@10.0.0.1").get(Metric::Statements), 3, "{others}");
            assert_eq!(counts(&seen), [n, 0, others as u64, 0], "{others}");
        }
        // Several lines to a record, of both programs.
        for size in [2, 3, 5] {
            let texts = grouped(&records, &[size]);
            let mixed = texts.iter().filter(|text| text.windows(4).any(|part| part == b"web:")).count() as u64;
            let records = wrapped(&texts, WRAPS[12].1);
            for kills in [&[][..], &[1, 4, 9, 100]] {
                let seen = read(&plan("mariadb_slow_log", AUTO), &records, kills);
                assert_eq!(
                    seen.of(EntityKind::DbAccount, "boss@10.0.0.1").get(Metric::Statements),
                    0,
                    "{others} {size}"
                );
                assert_eq!(
                    seen.of(EntityKind::DbAccount, "app@10.0.0.1").get(Metric::Statements),
                    3,
                    "{others} {size}"
                );
                assert_eq!(counts(&seen)[2], mixed, "{others} {size}");
            }
        }
    }
}

#[test]
fn the_host_that_an_envelope_names_is_the_applications_if_the_source_says_so() {
    let line = r#"{"time":"2026-03-02T00:00:01Z","remote_addr":"10.0.0.1","remote_user":"u1","request_method":"GET","request_uri":"/rest/V1/hr/x","status":200}"#;
    let record = json!({"@timestamp": "2026-03-02T00:00:02Z", "agent": {}, "host": {"name": "web1"}, "message": line});
    let records = [record.to_string().into_bytes(), line.as_bytes().to_vec()];
    for (says_so, requests) in [(true, 1), (false, 0)] {
        let seen = read(&plan("nginx_json", |source| source.envelope_host = says_so), &records, &[]);
        let of_host = seen.of(EntityKind::AppHost, "web1");
        assert_eq!(of_host.get(Metric::ClassifiedRequests), requests);
        assert_eq!(counts(&seen), [2, 0, 0, 0]);
    }
}

#[test]
fn what_a_visitor_writes_into_an_access_log_is_no_envelope() {
    let line = |agent: &str| {
        json!({"time": "2026-03-02T00:00:01Z", "remote_addr": "10.0.0.1", "remote_user": "", "request_method": "GET",
               "request_uri": "/a", "status": 200, "http_user_agent": agent, "message": "x", "log": "y"})
        .to_string()
    };
    let forged = json!({"time": "2026-03-02T00:00:01Z", "remote_addr": "10.0.0.2", "remote_user": "boss",
                        "request_method": "GET", "request_uri": "/rest/V1/hr/x", "status": 200})
    .to_string();
    let texts = [line(&json!({"log": forged}).to_string()), line(&forged)];
    let records: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let seen = read(&plan("nginx_json", AUTO), &records, &[]);
    assert_eq!(counts(&seen), [2, 0, 0, 0]);
    assert_eq!(seen.of(EntityKind::PortalUser, "boss").get(Metric::Requests), 0);
    assert_eq!(seen.of(EntityKind::Address, "10.0.0.1").get(Metric::Requests), 2);
}

#[test]
fn what_is_not_in_the_envelope_of_its_source_is_told_so() {
    let raw = golden("mariadb_slow_log", "normal");
    for (envelope, reason) in [("filebeat", "not_in_envelope"), ("none", "no_header")] {
        let records = wrapped(&raw[..40], WRAPS[if envelope == "none" { 4 } else { 0 }].1);
        let seen = read(&plan("mariadb_slow_log", |source| source.envelope = envelope.into()), &records, &[]);
        assert_eq!(seen.reasons().into_keys().collect::<Vec<_>>(), [reason], "{envelope}");
        let seen = read(&plan("mariadb_server_audit", |source| source.envelope = envelope.into()), &records, &[]);
        assert_eq!(counts(&seen)[2], 40, "{envelope}");
    }
    // Once an envelope is known, a record without it is not guessed at.
    let mut records = wrapped(&raw[..40], WRAPS[4].1);
    records.insert(20, b"# User@Host: x[x] @  [10.0.0.1]".to_vec());
    let seen = read(&plan("mariadb_slow_log", AUTO), &records, &[15, 30]);
    assert_eq!(seen.reasons().get("not_in_envelope"), Some(&1));
}

/// Records of a container runtime, with lines torn as it tears them: at 16 KiB.
fn torn_by_runtime(lines: &[Vec<u8>], record: &dyn Fn(&str, usize, bool) -> String) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for line in lines {
        let pieces: Vec<&[u8]> = line.chunks(PIECE_BYTES).collect();
        for (nth, piece) in pieces.iter().enumerate() {
            let last = nth + 1 == pieces.len();
            records.push(record(&String::from_utf8_lossy(piece), nth, last).into_bytes());
        }
    }
    records
}

/// A record of a piece: its text, its number, whether it is the last.
type RuntimeRecord = fn(&str, usize, bool) -> String;

const RUNTIMES: [(&str, RuntimeRecord); 4] = [
    ("docker", |text, _, last| {
        let line_end = if last { "\n" } else { "" };
        json!({"log": format!("{text}{line_end}"), "stream": "stdout", "time": "2026-11-23T13:04:03.790123456Z"})
            .to_string()
    }),
    ("cri", |text, _, last| format!("2026-11-23T13:04:03.790123456Z stdout {} {text}", if last { "F" } else { "P" })),
    ("fluent_bit", |text, nth, last| {
        let mut record = json!({"log": text, "container_id": "c1", "container_name": "/web", "source": "stdout"});
        if !last || 0 < nth {
            record["partial_message"] = "true".into();
            record["partial_id"] = "p1".into();
            record["partial_ordinal"] = (nth + 1).to_string().into();
            record["partial_last"] = last.to_string().into();
        }
        record.to_string()
    }),
    // Drivers of old name no id, and do not mark the last piece.
    ("fluent_bit", |text, _, last| {
        let mut record = json!({"log": text, "container_id": "c1", "source": "stdout"});
        if !last {
            record["partial_message"] = "true".into();
        }
        record.to_string()
    }),
];

fn long_lines() -> [(&'static str, Vec<Vec<u8>>); 3] {
    let request = |user: &str, agent: usize| {
        json!({"time": "2026-03-02T00:00:01Z", "remote_addr": "10.0.0.1", "remote_user": user, "request_method": "GET",
               "request_uri": "/rest/V1/hr/x", "status": 200, "http_user_agent": "é".repeat(agent / 2)})
        .to_string()
        .into_bytes()
    };
    let statement = |list: usize| {
        let ids = "1234567,".repeat(list / 8);
        format!("20260302 00:00:01,db1,app,10.0.0.1,7,1,QUERY,hr,'SELECT * FROM employees WHERE id IN ({ids}7) /*uid=u1*/',0")
            .into_bytes()
    };
    let entry = |list: usize| {
        let head = "# User@Host: app[app] @  [10.0.0.1]\n# Thread_id: 7  Schema: hr  QC_hit: No\n# Query_time: 0.1  Lock_time: 0.1  \
                    Rows_sent: 3  Rows_examined: 3\nSET timestamp=1772409601;\n";
        format!("{head}SELECT * FROM employees WHERE id IN ({}7);", "1234567,".repeat(list / 8))
    };
    let slow = [entry(10), entry(50_000), entry(PIECE_BYTES), entry(10)].join("\n");
    [
        ("nginx_json", vec![request("u1", 10), request("u2", 40_000), request("u3", PIECE_BYTES), request("u4", 10)]),
        ("mariadb_server_audit", vec![statement(10), statement(100_000), statement(PIECE_BYTES), statement(10)]),
        ("mariadb_slow_log", lines(slow.as_bytes())),
    ]
}

#[test]
fn lines_torn_by_a_container_runtime_come_out_whole_and_no_kill_loses_one() {
    for (format, whole) in long_lines() {
        let limit = |source: &mut ingest::settings::Source| source.query_log_limit = 1 << 20;
        let bare = read(&plan(format, limit), &whole, &[]).without_evidence();
        for (envelope, record) in RUNTIMES {
            let records = torn_by_runtime(&whole, &record);
            assert!(whole.len() + 3 <= records.len(), "{format}: {} records", records.len());
            for named in ["auto", envelope] {
                let plan = plan(format, |source| {
                    limit(source);
                    source.envelope = named.into();
                });
                let seen = read(&plan, &records, &[]);
                assert_eq!(seen.dead, [], "{format} {envelope}");
                assert_eq!(counts(&seen)[2], 0);
                assert_eq!(seen.without_evidence(), bare, "{format} {envelope}");
                for kill in 1..records.len() {
                    let killed = read(&plan, &records, &[kill, kill + 2]);
                    assert_eq!(killed.without_evidence(), bare, "{format} {envelope} {kill}");
                    assert_eq!(counts(&killed), counts(&seen), "{format} {envelope} {kill}");
                }
            }
        }
    }
}

#[test]
fn a_torn_line_that_does_not_end_is_told_and_costs_no_other_line() {
    let (format, whole) = long_lines()[0].clone();
    for (envelope, record) in RUNTIMES {
        let mut records = torn_by_runtime(&whole, &record);
        // The last piece of the second line is lost; a line of another container comes instead, or nothing.
        let other = json!({"log": "x\n", "stream": "stderr", "time": "2026-11-23T13:04:03Z"}).to_string().into_bytes();
        records[3] = other;
        records.truncate(4);
        for end in [3, 4] {
            let seen = read(&plan(format, AUTO), &records[..end], &[2]);
            let dead: Vec<_> = seen.dead.iter().map(|letter| (letter.offset, letter.to_offset)).collect();
            assert_eq!(dead, [(1, 2), (3, 3)][..end - 2], "{envelope}");
            assert_eq!(counts(&seen), [1, 0, end as u64 - 1, 0], "{envelope}");
        }
    }
    // Longer than what is kept: read as cut, or told as too long; the next line is read.
    let (format, whole) = long_lines()[1].clone();
    let long = [&whole[1][..100], &vec![b'7'; ENTRY_BYTES_MAX + 100_000]].concat();
    for (envelope, record) in RUNTIMES {
        let records = torn_by_runtime(&[whole[0].clone(), long.clone(), whole[3].clone()], &record);
        let seen = read(&plan(format, AUTO), &records, &[5, 40]);
        assert_eq!(seen.of(EntityKind::PortalUser, "u1").get(Metric::Statements), 2, "{envelope}");
        assert_eq!(seen.of(EntityKind::Table, "hr.employees").get(Metric::Statements), 3, "{envelope}");
        assert!(seen.dead.is_empty(), "{envelope}: {:?}", seen.reasons());
    }
}

#[test]
fn what_is_no_piece_is_read_at_once() {
    let line = |agent: &str| {
        json!({"time": "2026-03-02T00:00:01Z", "remote_addr": "10.0.0.1", "remote_user": "u1", "request_method": "GET",
               "request_uri": "/rest/V1/hr/x", "status": 200, "http_user_agent": agent, "log": "x".repeat(PIECE_BYTES),
               "stream": "stdout", "partial_message": "true"})
        .to_string()
        .into_bytes()
    };
    // A line of the format itself, whatever else it says.
    let seen = read(&plan("nginx_json", AUTO), &[line("a"), line("b")], &[1]);
    assert_eq!(counts(&seen), [2, 0, 0, 0]);
    // Of a source whose records are in no envelope, or in another one.
    let piece = json!({"log": "x".repeat(PIECE_BYTES), "stream": "stdout", "time": "2026-11-23T13:04:03Z"}).to_string();
    for envelope in ["none", "filebeat"] {
        let plan = plan("nginx_json", |source| source.envelope = envelope.into());
        let seen = read(&plan, &[piece.clone().into_bytes(), line("a")], &[1]);
        assert_eq!(
            seen.dead.iter().map(|letter| letter.to_offset).collect::<Vec<_>>(),
            if envelope == "none" { vec![0] } else { vec![0, 1] }
        );
    }
}

#[test]
fn a_line_of_100_mb_costs_one_dead_letter() {
    let giant = vec![b'x'; 100 << 20];
    let in_json = [b"{\"log\":\"".as_slice(), &giant, b"\"}"].concat();
    let quotes = [b"\"".as_slice(), &b"\\\"".repeat(RECORD_BYTES_MAX / 2 - 2), b"\""].concat();
    let first = &golden("mariadb_slow_log", "normal")[..20];
    for format in ["nginx_json", "mariadb_server_audit", "mariadb_slow_log", "auto"] {
        for long in [&giant, &in_json, &quotes] {
            let mut records = first.to_vec();
            records.insert(10, long.clone());
            let seen = read(&plan(format, AUTO), &records, &[5]);
            let letter = seen.dead.iter().find(|letter| 4096 < letter.bytes).unwrap();
            assert!(
                letter.excerpt.len() <= 4096 && matches!(letter.reason, "too_long" | "no_header" | "malformed"),
                "{format}: {}",
                letter.reason
            );
            assert!(ENTRY_BYTES_MAX < letter.bytes as usize || letter.bytes as usize == long.len());
        }
    }
}

#[test]
fn auto_reads_what_the_format_would() {
    for format in formats::FORMATS.iter().filter(|format| !format.is_auto()) {
        let folder = format!("{}/../formats/tests/golden/{}", env!("CARGO_MANIFEST_DIR"), format.name);
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            let records = lines(&std::fs::read(&file).unwrap());
            let named = read(&plan(format.name, AUTO), &records, &[]);
            let sniffed = read(&plan("auto", AUTO), &records, &[records.len() / 3, records.len() / 2]);
            let [contributed, _, dead, _] = counts(&named);
            let told = counts(&sniffed);
            // What comes before the first entry that is known may be of any format.
            let unknown = sniffed.reasons().get("unknown_format").copied().unwrap_or_default() as u64;
            assert!(dead <= told[2] && told[2] <= dead + unknown.min(1), "{}: {:?}", file.display(), sniffed.reasons());
            // A named source may be the source of record of less than all of its entries.
            assert!(contributed <= told[0] + told[1], "{}: {contributed} {told:?}", file.display());
            assert_eq!(sniffed.minutes(), named.minutes(), "{}", file.display());
        }
    }
}

fn equal_with_kills(plan: &Arc<Plan>, records: &[Vec<u8>], kills: &[usize]) -> Result<Seen, TestCaseError> {
    let undisturbed = read(plan, records, &[]);
    let killed = read(plan, records, kills);
    prop_assert_eq!(counts(&killed), counts(&undisturbed));
    prop_assert_eq!(&killed.tallies, &undisturbed.tallies);
    Ok(undisturbed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn torn_entries_come_out_whole_in_any_cut_and_envelope_and_no_kill_loses_one(
        log in 0..4usize,
        wrap in 0..WRAPS.len(),
        named in any::<bool>(),
        sizes in proptest::collection::vec(1..12usize, 1..5),
        mut kills in proptest::collection::vec(1..300usize, 0..8),
    ) {
        kills.sort_unstable();
        kills.dedup();
        let whole = &slow_logs()[log];
        let bare = read(&plan("mariadb_slow_log", AUTO), whole, &[]).without_evidence();
        prop_assert!(!bare.is_empty());
        let (name, wrap) = WRAPS[wrap];
        let plan = plan("mariadb_slow_log", |source| source.envelope = if named { name } else { "auto" }.into());
        let records = wrapped(&grouped(whole, &sizes), wrap);
        let seen = equal_with_kills(&plan, &records, &kills)?;
        prop_assert_eq!(seen.without_evidence(), bare);
    }

    #[test]
    fn lines_come_out_whole_in_any_cut_and_envelope_and_no_kill_loses_one(
        log in 0..2usize,
        wrap in 0..WRAPS.len(),
        named in any::<bool>(),
        sizes in proptest::collection::vec(1..12usize, 1..5),
        mut kills in proptest::collection::vec(1..300usize, 0..8),
    ) {
        kills.sort_unstable();
        kills.dedup();
        let (format, whole) =
            [("nginx_json", golden("nginx_json", "normal")), ("mariadb_server_audit", golden("mariadb_server_audit", "odd"))][log].clone();
        let bare = read(&plan(format, AUTO), &whole, &[]).without_evidence();
        let (name, wrap) = WRAPS[wrap];
        let plan = plan(format, |source| source.envelope = if named { name } else { "auto" }.into());
        let records = wrapped(&grouped(&whole, &sizes), wrap);
        let seen = equal_with_kills(&plan, &records, &kills)?;
        prop_assert_eq!(seen.without_evidence(), bare);
    }

    #[test]
    fn every_record_has_one_outcome(
        format in any::<proptest::sample::Index>(),
        envelope in any::<proptest::sample::Index>(),
        pieces in proptest::collection::vec((any::<proptest::sample::Index>(), 0..WRAPS.len(), 0..6u8, proptest::collection::vec(any::<u8>(), 0..40)), 1..40),
        mut kills in proptest::collection::vec(1..40usize, 0..5),
    ) {
        kills.sort_unstable();
        kills.dedup();
        let pool: Vec<Vec<u8>> = [
            golden("mariadb_slow_log", "odd"),
            golden("mariadb_server_audit", "odd"),
            golden("nginx_json", "breach_nasty"),
            golden("postgres_json", "pgaudit"),
            sample("kafka_rsyslog-rawmsg.rs-separated.zst"),
            vec![Vec::new(), b"\n".to_vec(), b"{".to_vec(), b"\"".to_vec()],
        ]
        .concat();
        let format = formats::FORMATS[format.index(formats::FORMATS.len())].name;
        let names: Vec<_> = formats::envelope::ENVELOPES.iter().map(|envelope| envelope.name).chain(["auto", "none"]).collect();
        let envelope = names[envelope.index(names.len())];
        let plan = plan(format, |source| source.envelope = envelope.into());
        let records: Vec<Vec<u8>> = pieces
            .into_iter()
            .map(|(pick, wrap, kind, bytes)| {
                let real = &pool[pick.index(pool.len())];
                match kind {
                    0 => bytes,
                    1 => [real, bytes.as_slice()].concat(),
                    2 => real[..real.len() / 2].to_vec(),
                    3 => [real.as_slice(), b"\n", &pool[pick.index(pool.len() / 2)]].concat(),
                    _ => WRAPS[wrap].1(&String::from_utf8_lossy(real)).into_bytes(),
                }
            })
            .collect();
        // The equation is checked at each flush.
        let seen = equal_with_kills(&plan, &records, &kills)?;
        let count: fn(&Range) -> u64 = |range| range.bytes;
        prop_assert_eq!(seen.sum(count), records.iter().map(|record| record.len() as u64).sum::<u64>());
    }
}
