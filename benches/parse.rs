//! Bytes of a log line to an activity, format by format: `cargo bench --bench parse`, `-- --quick`, `-- nginx`.
//!
//! Measured: `formats` alone (where entries span lines with the tracker that finds where they begin), on the real lines of
//! `tests/samples`, odd and hostile ones included; of formats with few of them, on those of `crates/formats/tests/golden`, again and
//! again. A floor is handed its entries put together. Two envelopes as shippers write them, with such lines inside: opened, then parsed. One thread, everything in memory.
//!
//! Floors, in the same run: `floor_split` finds the line breaks with memchr and does nothing else; `floor_serde`
//! additionally reads six borrowed fields of each JSON line into a struct, which is less than the format has to know; `floor_typed`
//! the fourteen that it has to know. `floor_scan` looks at every byte of a line to find quotes and backslashes; `floor_words` reads
//! each byte of a database's log once, and `floor_said` also says what stands in it, as anybody has to who wants to know its
//! tables: see `floor/src/database.rs`, which justifies both. Lines that a floor cannot read cost it less, not more. The floors of the
//! other formats and of the envelopes are told and justified in `floor/src/others.rs`.
//!
//! Of the database logs, `format` keeps from pass to pass what a partition keeps, the shapes of statements: as in a daemon that has run
//! for a while. `format_anew` begins each pass with nothing. How many statements are of a shape that came before where a log is read
//! for the first time: 83 % of the 300 of `normal`, 25 % of the attacks, 95 and 98 % of an ordinary hour's (a test of `formats`,
//! `statements_of_a_known_shape_say_what_others_do`, sees to it).

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod ratio;

use criterion::Criterion;
use floor::{database, others};
use formats::envelope::{self, Hints};
use formats::{Context, FormatSpec, Framing, Lines, Parsed, Scratch, Step, mariadb_slow_log::Tracker};
use ratio::Compared;
use std::{hint::black_box, path::Path};

/// The daemon's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    nginx_json(&mut criterion);
    access_combined(&mut criterion);
    apache_json(&mut criterion);
    mariadb_server_audit(&mut criterion);
    mariadb_slow_log(&mut criterion);
    postgres_csv(&mut criterion);
    hr_audit_json(&mut criterion);
    monolog_json(&mut criterion);
    monolog_line(&mut criterion);
    debezium(&mut criterion);
    filebeat_nginx_json(&mut criterion);
    syslog_server_audit(&mut criterion);
    criterion.final_summary();
}

fn nginx_json(criterion: &mut Criterion) {
    let text = samples(&["nginx-access_json_normal", "nginx-access_json_breach_nasty"]);
    Compared::new(criterion, "nginx_json", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_serde", || lines(&text).filter(|line| others::access(line)).count())
        .measure("floor_typed", || lines(&text).filter(|line| others::whole_access(line)).count())
        .measure("format", || parse("nginx_json", lines(&text)))
        .finish();
}

fn access_combined(criterion: &mut Criterion) {
    let text = samples(&["nginx-access_extended", "apache-access_combined"]);
    Compared::new(criterion, "access_combined", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_scan", || lines(&text).map(others::scan).sum::<usize>())
        .measure("format", || parse("access_combined", lines(&text)))
        .finish();
}

fn apache_json(criterion: &mut Criterion) {
    let text = samples(&["apache-access_jsonish_normal", "apache-access_jsonish_breach_nasty"]);
    Compared::new(criterion, "apache_json", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_scan", || lines(&text).map(others::scan).sum::<usize>())
        .measure("format", || parse("apache_json", lines(&text)))
        .finish();
}

fn mariadb_server_audit(criterion: &mut Criterion) {
    let kinds = ["normal", "odd", "failed_logins", "breach"];
    let text = samples(&kinds.map(|kind| format!("mariadb_server_audit_file-{kind}")));
    let mut reader = Reader::default();
    Compared::new(criterion, "mariadb_server_audit", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_words", || {
            let mut room = Vec::new();
            lines(&text).fold(0u64, |seen, line| seen.wrapping_add(database::audit_row(line, &mut room)))
        })
        .measure("floor_said", || {
            let mut room = Vec::new();
            lines(&text).fold(0u64, |seen, line| seen.wrapping_add(database::said_in_row(line, &mut room)))
        })
        .measure("format", || reader.parse("mariadb_server_audit", lines(&text)))
        .measure("format_anew", || parse("mariadb_server_audit", lines(&text)))
        .finish();
}

fn mariadb_slow_log(criterion: &mut Criterion) {
    let text = samples(&["normal", "odd", "breach"].map(|kind| format!("mariadb_slow_log-{kind}")));
    let n = entries(&text).len() as u64;
    let mut reader = Reader::default();
    Compared::new(criterion, "mariadb_slow_log", n, "entry")
        .measure("floor_split", || split(&text))
        .measure("floor_words", || database::slow_log(&text))
        .measure("floor_said", || database::said_in_slow_log(&text))
        .measure("format", || reader.parse("mariadb_slow_log", entries(&text).into_iter()))
        .measure("format_anew", || parse("mariadb_slow_log", entries(&text).into_iter()))
        .finish();
}

fn postgres_csv(criterion: &mut Criterion) {
    let text = unpacked("postgres_pgaudit-csvlog.csv");
    let entries = entries_of("postgres_csv", &text);
    Compared::new(criterion, "postgres_csv", entries.len() as u64, "entry")
        .measure("floor_split", || split(&text))
        .measure("floor_csv", || {
            let mut room = Vec::new();
            entries.iter().fold(0u64, |seen, entry| seen ^ others::csv(entry, &mut room))
        })
        .measure("format", || parse("postgres_csv", entries_of("postgres_csv", &text).iter().map(Vec::as_slice)))
        .finish();
}

fn hr_audit_json(criterion: &mut Criterion) {
    json_lines(criterion, "hr_audit_json", "hr_audit", others::monolog_json);
}

fn monolog_json(criterion: &mut Criterion) {
    json_lines(criterion, "monolog_json", "logstash", others::monolog_json);
}

fn debezium(criterion: &mut Criterion) {
    json_lines(criterion, "debezium", "bare", others::change);
}

/// A format whose lines are JSON.
fn json_lines(criterion: &mut Criterion, format: &'static str, file: &str, typed: fn(&[u8]) -> bool) {
    let text = golden(format, file);
    Compared::new(criterion, format, split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_typed", || lines(&text).filter(|line| typed(line)).count())
        .measure("format", || parse(format, lines(&text)))
        .finish();
}

fn monolog_line(criterion: &mut Criterion) {
    let text: Vec<u8> =
        ["hr_audit", "system", "exception"].iter().flat_map(|file| golden("monolog_line", file)).collect();
    let entries = entries_of("monolog_line", &text);
    Compared::new(criterion, "monolog_line", entries.len() as u64, "entry")
        .measure("floor_split", || split(&text))
        .measure("floor_typed", || entries.iter().filter(|entry| others::monolog_line(entry)).count())
        .measure("format", || parse("monolog_line", entries_of("monolog_line", &text).iter().map(Vec::as_slice)))
        .finish();
}

fn filebeat_nginx_json(criterion: &mut Criterion) {
    let bare = samples(&["nginx-access_json_normal", "nginx-access_json_breach_nasty"]);
    let wrap = |line: &[u8]| {
        let line = serde_json::to_string(&String::from_utf8_lossy(line)).expect("text is JSON");
        format!(
            r#"{{"@timestamp":"2026-11-23T13:04:03.790Z","@metadata":{{"beat":"filebeat","type":"_doc","version":"8.15.0"}},"log":{{"offset":1234,"file":{{"path":"/var/log/nginx/breachd.json.log"}}}},"message":{line},"input":{{"type":"filestream"}},"ecs":{{"version":"8.0.0"}},"host":{{"name":"web1"}},"agent":{{"version":"8.15.0","ephemeral_id":"a","id":"b","name":"web1","type":"filebeat"}}}}"#
        )
    };
    let text = lines(&bare).flat_map(|line| (wrap(line) + "\n").into_bytes()).collect::<Vec<u8>>();
    Compared::new(criterion, "filebeat_nginx_json", split(&text), "record")
        .measure("floor_split", || split(&text))
        .measure("floor_typed", || lines(&text).filter(|record| others::filebeat_access(record)).count())
        .measure("format", || open_and_parse("nginx_json", &text))
        .finish();
}

fn syslog_server_audit(criterion: &mut Criterion) {
    let kinds = ["normal", "odd", "failed_logins", "breach"];
    let bare = samples(&kinds.map(|kind| format!("mariadb_server_audit_file-{kind}")));
    let header = b"<14>1 2026-11-23T13:06:01.647611+00:00 db1 mysql-server_auditing - - - ";
    let text = lines(&bare).flat_map(|line| [header, line, b"\n"].concat()).collect::<Vec<u8>>();
    Compared::new(criterion, "syslog_server_audit", split(&text), "record")
        .measure("floor_split", || split(&text))
        .measure("floor_words", || {
            let mut room = Vec::new();
            lines(&text).fold(0u64, |seen, record| seen.wrapping_add(others::syslog_row(record, &mut room)))
        })
        .measure("format", || open_and_parse("mariadb_server_audit", &text))
        .finish();
}

/// How many records, each in one envelope, were read as activities.
fn open_and_parse(format: &str, records: &[u8]) -> usize {
    let format = FormatSpec::by_name(format).expect("a format of ours");
    let (mut context, mut scratch) = (Context::default(), Scratch::default());
    let zone = context.zone.clone();
    let hints = Hints { zone: &zone, near: context.after, until: None };
    let mut n = 0;
    for record in lines(records) {
        let opened = envelope::open(record, &hints).expect("an envelope");
        for inner in &opened.entries {
            context.shipped_at = inner.shipped_at;
            let parsed = black_box(format.parse(&inner.bytes, &mut scratch, &context));
            n += usize::from(matches!(parsed, Ok(Parsed::Activity(_))));
        }
    }
    n
}

/// How many entries were read as activities, by who has read nothing before.
fn parse<'a>(format: &str, entries: impl Iterator<Item = &'a [u8]>) -> usize {
    Reader::default().parse(format, entries)
}

/// What a partition keeps from entry to entry: with it, as a daemon that has run for a while.
#[derive(Default)]
struct Reader {
    context: Context,
    scratch: Scratch,
}

impl Reader {
    /// How many entries were read as activities.
    fn parse<'a>(&mut self, format: &str, entries: impl Iterator<Item = &'a [u8]>) -> usize {
        let format = FormatSpec::by_name(format).expect("a format of ours");
        let (context, scratch) = (&self.context, &mut self.scratch);
        entries
            .filter(|entry| matches!(black_box(format.parse(entry, scratch, context)), Ok(Parsed::Activity(_))))
            .count()
    }
}

/// The slow log's entries, as ingest puts them together; here they need not be copied.
fn entries(text: &[u8]) -> Vec<&[u8]> {
    let (mut tracker, mut entries, mut began) = (Tracker::default(), Vec::new(), None);
    let mut at = 0;
    for line in lines(text) {
        match tracker.step(line) {
            Step::Begin => entries.extend(began.replace(at).map(|from: usize| &text[from..at - 1])),
            Step::Banner => entries.extend(began.take().map(|from| &text[from..at - 1])),
            Step::Continue | Step::Orphan => {}
        }
        at += line.len() + 1;
    }
    entries.extend(began.map(|from| &text[from..]));
    entries
}

/// Entries that span lines, as ingest puts them together: copied.
fn entries_of(format: &str, text: &[u8]) -> Vec<Vec<u8>> {
    let Framing::Lines(remembering) = FormatSpec::by_name(format).expect("a format of ours").framing else {
        return Vec::new();
    };
    let mut tracker = remembering("");
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for line in lines(text) {
        match tracker.step(line) {
            Step::Begin => entries.push(line.to_vec()),
            Step::Continue => {
                if let Some(entry) = entries.last_mut() {
                    entry.push(b'\n');
                    entry.extend(line);
                }
            }
            Step::Banner | Step::Orphan => {}
        }
    }
    entries
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', text).map(move |end| &text[std::mem::replace(&mut from, end + 1)..end])
}

fn split(text: &[u8]) -> u64 {
    lines(text).map(black_box).count() as u64
}

fn samples(names: &[impl AsRef<str>]) -> Vec<u8> {
    let mut text = Vec::new();
    for name in names {
        text.extend(unpacked(&format!("{}.log", name.as_ref())));
    }
    text
}

/// A sample, with a line end at its end.
fn unpacked(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let packed = std::fs::read(folder.join(format!("{name}.zst"))).expect("a sample of ours");
    let mut text = zstd::decode_all(packed.as_slice()).expect("a sound sample");
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    text
}

/// Real lines of the formats' tests, a hundred times.
fn golden(format: &str, name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/formats/tests/golden").join(format);
    std::fs::read(folder.join(format!("{name}.log"))).expect("lines of ours").repeat(100)
}
