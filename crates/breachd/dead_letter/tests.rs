use super::*;
use stream::{Outgoing, TopicSpec};

const RAW: &str = "logs.audit";

/// A broker with a raw topic of two partitions and `n` records each, and breachd's own topics.
fn broker(n: usize) -> std::sync::Arc<dyn Broker> {
    let broker = stream::memory();
    let spec = TopicSpec { name: RAW.into(), partitions: 2, replication: None, compacted: false, retention: None };
    broker.create_topics(&[spec]).unwrap();
    Topics::new(crate::topics::TopicSettings::default()).prepare(broker.as_ref()).unwrap();
    let mut appender = broker.appender().unwrap();
    for partition in 0..2 {
        for at in 0..n {
            let payload = format!("{partition}: \u{1b}[31mline {at}\n").into_bytes();
            let headers = vec![("trace".to_owned(), b"7".to_vec())];
            let key = Some(b"host".to_vec());
            appender.send(Outgoing { topic: RAW.into(), partition: Some(partition), key, payload, headers }).unwrap();
        }
    }
    appender.flush().unwrap();
    broker
}

fn settings() -> Settings {
    settings_of("nginx_json")
}

fn settings_of(format: &str) -> Settings {
    let file = std::env::temp_dir().join(format!(
        "breachd-letters-{}-{:?}.toml",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(
        &file,
        format!("[[sources]]\nname = \"audit\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{RAW}\"\n"),
    )
    .unwrap();
    let settings = Settings::load(std::slice::from_ref(&file), &[]).unwrap();
    std::fs::remove_file(file).unwrap();
    settings
}

fn letter(broker: &dyn Broker, partition: i32, offset: i64, more: serde_json::Value) {
    let mut json = serde_json::json!({
        "source": "audit", "topic": RAW, "partition": partition, "offset": offset, "reason": "malformed", "bytes": 9,
        "excerpt": base64::engine::general_purpose::STANDARD.encode(format!("uid={offset} \u{1b}]0;x")),
    });
    for (key, value) in more.as_object().unwrap() {
        json[key] = value.clone();
    }
    let mut appender = broker.appender().unwrap();
    let topic = Topics::new(crate::topics::TopicSettings::default()).dead_letter();
    appender.send(Outgoing { topic, payload: json.to_string().into_bytes(), ..Outgoing::default() }).unwrap();
    appender.flush().unwrap();
}

/// The copies in the raw topic: partition, offset, text and mark.
fn copies(broker: &dyn Broker) -> Vec<(i32, String, String)> {
    let mut reader = broker.read(&[(RAW, Vec::new())]).unwrap();
    let mut copies = Vec::new();
    while !reader.caught_up() {
        reader
            .poll(1_000, std::time::Duration::ZERO, &mut |record| {
                if let Some(mark) = record.header(ingest::Resubmitted::HEADER) {
                    if mark.starts_with(RAW.as_bytes()) {
                        assert_eq!((record.header("trace"), record.key), (Some(&b"7"[..]), Some(&b"host"[..])));
                    }
                    let text = String::from_utf8_lossy(record.payload.unwrap()).into_owned();
                    copies.push((record.partition, text, String::from_utf8_lossy(mark).into_owned()));
                }
            })
            .unwrap();
    }
    copies
}

#[test]
fn what_was_resubmitted_is_not_resubmitted_again() {
    let (broker, settings) = (broker(10), settings());
    let broker = broker.as_ref();
    letter(broker, 1, 3, serde_json::json!({}));
    letter(broker, 1, 3, serde_json::json!({"reason": "bad_time"}));
    letter(broker, 0, 5, serde_json::json!({"to_offset": 6}));
    letter(broker, 0, 8, serde_json::json!({"shares_records": true}));
    letter(broker, 0, 999, serde_json::json!({}));
    letter(broker, 0, 1, serde_json::json!({"topic": "logs.elsewhere"}));
    let all = Filter::default();
    let expected = Resubmission { letters: 6, records: 2, gone: 1, shared: 1, elsewhere: 1, ..Resubmission::default() };
    assert_eq!(resubmit(broker, &settings, &all, 100, true).unwrap(), expected);
    assert_eq!(copies(broker), [], "a dry run writes nothing");
    assert_eq!(resubmit(broker, &settings, &all, 100, false).unwrap(), expected);
    let line = |partition: i32, at: i64| format!("{partition}: \u{1b}[31mline {at}\n");
    let place = |partition: i32, at: i64| format!("{RAW}/{partition}/{at}");
    let mut written = copies(broker);
    written.sort();
    let whole = format!("{}\n{}", line(0, 5), line(0, 6));
    assert_eq!(
        unstamped(&written),
        [
            (0, whole, format!("{} tries=1 parts=15,15", place(0, 5))),
            (1, line(1, 3), format!("{} tries=1 parts=15", place(1, 3))),
        ]
    );
    let again = resubmit(broker, &settings, &all, 100, false).unwrap();
    assert_eq!(again, Resubmission { records: 0, already: 3, ..expected });
    // The copy cannot be read either: its own letter, and after the next fix its own try; the mark names the original.
    letter(broker, 1, 10, serde_json::json!({"tries": 1}));
    letter(broker, 0, 10, serde_json::json!({"tries": 1}));
    assert_eq!(resubmit(broker, &settings, &all, 100, false).unwrap().records, 2);
    let mut third = copies(broker);
    third.retain(|(.., mark)| mark.contains(" tries=2 "));
    third.sort();
    assert_eq!(
        third.iter().map(|(.., mark)| mark).collect::<Vec<_>>(),
        [&written[0].2.replace("tries=1", "tries=2"), &written[1].2.replace("tries=1", "tries=2"),],
        "time and lengths are the first original's"
    );
}

/// Without the times in the marks.
fn unstamped(copies: &[(i32, String, String)]) -> Vec<(i32, String, String)> {
    let plain = |mark: &str| {
        let stamps = mark.split(' ').filter(|word| word.starts_with("written=")).count();
        assert_eq!(stamps, 1, "{mark}");
        mark.split(' ').filter(|word| !word.starts_with("written=")).collect::<Vec<_>>().join(" ")
    };
    copies.iter().map(|(partition, text, mark)| (*partition, text.clone(), plain(mark))).collect()
}

#[test]
fn what_lies_between_the_lines_of_an_entry_stays_out_of_it() {
    let (broker, settings) = (broker(4), settings_of("mariadb_slow_log"));
    let broker = broker.as_ref();
    let mut appender = broker.appender().unwrap();
    for header in [DRILL, ingest::Resubmitted::HEADER] {
        let headers = vec![(header.to_owned(), b"x/0/1 tries=1".to_vec())];
        let payload = b"another's".to_vec();
        appender
            .send(Outgoing { topic: RAW.into(), partition: Some(0), payload, headers, ..Outgoing::default() })
            .unwrap();
    }
    let payload = b"the end".to_vec();
    appender.send(Outgoing { topic: RAW.into(), partition: Some(0), payload, ..Outgoing::default() }).unwrap();
    appender.flush().unwrap();
    letter(broker, 0, 1, serde_json::json!({"format": "mariadb_slow_log", "to_offset": 6}));
    letter(
        broker,
        0,
        2,
        serde_json::json!({"format": "mariadb_slow_log", "reason": "other_program", "shares_records": true}),
    );
    let done = resubmit(broker, &settings, &Filter::default(), 100, false).unwrap();
    assert_eq!((done.records, done.shared), (1, 1));
    let text = "0: \u{1b}[31mline 1\n\n0: \u{1b}[31mline 3\n\nthe end".to_owned();
    let copies: Vec<_> = copies(broker).into_iter().filter(|(.., mark)| mark.starts_with(RAW)).collect();
    assert_eq!(unstamped(&copies), [(0, text, format!("{RAW}/0/1 tries=1 parts=15,15,7"))]);
}

const DRILL: &str = crate::roles::ingest::DRILL_HEADER;

#[test]
fn neighbouring_pieces_become_one_record_where_entries_span_lines() {
    let broker = broker(9);
    let broker = broker.as_ref();
    for at in [0, 1, 2, 4, 5] {
        letter(broker, 0, at, serde_json::json!({"format": "nginx_json", "reason": "not_json"}));
    }
    letter(broker, 0, 6, serde_json::json!({"format": "mariadb_slow_log", "reason": "bad_time"}));
    letter(broker, 0, 7, serde_json::json!({"format": "mariadb_slow_log", "reason": "bad_time"}));
    letter(broker, 0, 8, serde_json::json!({"format": "mariadb_slow_log", "reason": "rest_of_entry"}));
    let records = |format: &str, filter: &Filter| {
        let done = resubmit(broker, &settings_of(format), filter, 100, true).unwrap();
        (done.letters, done.records, done.held)
    };
    let all = Filter::default();
    assert_eq!(
        records("mariadb_slow_log", &all),
        (8, 4, 1),
        "two runs, two entries; what a visitor may have written waits"
    );
    assert_eq!(records("mariadb_server_audit", &all), (8, 7, 1), "lines are entries");
    let rest = Filter { reason: Some("rest_of_entry".into()), ..Filter::default() };
    assert_eq!(records("mariadb_slow_log", &rest), (1, 1, 0));
}

#[test]
fn an_entry_that_is_too_large_for_a_message_is_said_to_be() {
    let broker = broker(1);
    let broker = broker.as_ref();
    let mut appender = broker.appender().unwrap();
    for _ in 0..3 {
        let payload = vec![b'x'; JOINED / 2];
        appender.send(Outgoing { topic: RAW.into(), partition: Some(0), payload, ..Outgoing::default() }).unwrap();
    }
    appender.flush().unwrap();
    letter(broker, 0, 1, serde_json::json!({"format": "mariadb_slow_log", "to_offset": 3}));
    let done = |settings: &Settings| resubmit(broker, settings, &Filter::default(), 100, true).unwrap();
    let settings = settings_of("mariadb_slow_log");
    assert_eq!((done(&settings).records, done(&settings).too_large), (0, 1));
    // Pieces are cut where they must be.
    (1..4).for_each(|at| letter(broker, 1, at, serde_json::json!({"reason": "no_header"})));
    (1..4).for_each(|at| letter(broker, 0, at, serde_json::json!({"reason": "no_header"})));
    assert_eq!(done(&settings).gone, 3, "the other partition has no such records");
}

const JOINED: usize = 1_000_000;

#[test]
fn filters_and_limits_choose_the_letters() {
    let (broker, settings) = (broker(10), settings());
    let broker = broker.as_ref();
    (0..4).for_each(|at| letter(broker, 0, at, serde_json::json!({})));
    letter(broker, 0, 7, serde_json::json!({"reason": "bad_time"}));
    let bad_time = Filter { reason: Some("bad_time".into()), ..Filter::default() };
    let done = |filter: &Filter, limit| resubmit(broker, &settings, filter, limit, true).unwrap();
    assert_eq!(done(&bad_time, 100).records, 1);
    assert_eq!((done(&Filter::default(), 3).records, done(&Filter::default(), 3).left), (3, 2));
    let later = Filter { since: Some(Timestamp::MAX), ..Filter::default() };
    assert_eq!(done(&later, 100).letters, 0);
    let other = Filter { source: Some("web".into()), ..Filter::default() };
    assert_eq!(done(&other, 100).letters, 0);
}

#[test]
fn a_list_shows_shapes_and_a_record_is_shown_without_what_a_terminal_obeys() {
    let (broker, settings) = (broker(10), settings());
    let broker = broker.as_ref();
    (0..4).for_each(|at| letter(broker, 0, at, serde_json::json!({})));
    letter(broker, 1, 9, serde_json::json!({"topic": null, "reason": "bad_time"}));
    let mut out = Vec::new();
    list(broker, &settings, &Filter::default(), 1, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("5 dead letters in 2 groups"), "{text}");
    assert!(
        text.contains("       4  audit  malformed  ") && text.contains("e.g. #3 logs.audit/0/3, 9 bytes"),
        "{text}"
    );
    assert!(text.contains("          a=0 ]0;a\n"), "{text}");
    assert!(text.contains("1 more groups"), "{text}");
    let shown = |which: &str, raw: bool| {
        let mut out = Vec::new();
        show(broker, &settings, &which.parse().unwrap(), raw, &mut out).map(|()| String::from_utf8(out).unwrap())
    };
    let text = shown("#4", false).unwrap();
    assert!(text.starts_with("letter #4: audit, bad_time, 9 bytes, "), "{text}");
    assert!(text.contains("\nlogs.audit/1/9, ") && text.contains("header trace: 7"), "{text}");
    assert!(text.ends_with("1: ␛[31mline 9\n\n"), "{text:?}");
    assert_eq!(shown("logs.audit/0/2", true).unwrap(), "0: \u{1b}[31mline 2\n\n");
    assert!(shown("logs.audit/0/99", false).is_err() && shown("77", false).is_err());
    assert!("audit".parse::<Which>().is_err() && "/0/1".parse::<Which>().is_err());
}

#[test]
fn bytes_that_are_no_text_are_escaped() {
    assert_eq!(escaped(b"a\xff\n\x00\xe2\x82"), "a\\xff\n␀\\xe2\\x82");
    assert_eq!(shape("Größe=12,34 \t\nx'\u{0}".as_bytes()), "a=0,0 a' ");
    assert_eq!(shape(&[b'('; 500]).chars().count(), SHAPE_CHARACTERS_MAX + 1);
}
