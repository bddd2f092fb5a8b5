//! Bytes of a log line to an activity, format by format: `cargo bench --bench parse`, `-- --quick`, `-- nginx`.
//!
//! Measured: `formats` alone (for the slow log with the tracker that finds where entries begin), on the real lines of
//! `tests/samples`, odd and hostile ones included. One thread, everything in memory.
//!
//! Floors, in the same run: `floor_split` finds the line breaks with memchr and does nothing else; `floor_serde`
//! additionally reads six borrowed fields of each JSON line into a struct, which is less than the format has to know; `floor_typed`
//! the fourteen that it has to know. `floor_scan` looks at every byte of a line to find quotes and backslashes; `floor_words` reads
//! each byte of a database's log once, and `floor_said` also says what stands in it, as anybody has to who wants to know its
//! tables: see `floor/database.rs`, which justifies both. Lines that a floor cannot read cost it less, not more.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod floor;
mod ratio;

use criterion::Criterion;
use floor::{Access, WholeAccess, database};
use formats::{Context, FormatSpec, Lines, Parsed, Scratch, Step, mariadb_slow_log::Tracker};
use ratio::Compared;
use std::{hint::black_box, path::Path};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    nginx_json(&mut criterion);
    access_combined(&mut criterion);
    apache_json(&mut criterion);
    mariadb_server_audit(&mut criterion);
    mariadb_slow_log(&mut criterion);
    criterion.final_summary();
}

fn nginx_json(criterion: &mut Criterion) {
    let text = samples(&["nginx-access_json_normal", "nginx-access_json_breach_nasty"]);
    Compared::new(criterion, "nginx_json", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_serde", || {
            let typed = |line| serde_json::from_slice::<Access<'_>>(line).map(black_box).is_ok();
            lines(&text).filter(|line| typed(line)).count()
        })
        .measure("floor_typed", || {
            let typed = |line| serde_json::from_slice::<WholeAccess<'_>>(line).map(black_box).is_ok();
            lines(&text).filter(|line| typed(line)).count()
        })
        .measure("format", || parse("nginx_json", lines(&text)))
        .finish();
}

fn access_combined(criterion: &mut Criterion) {
    let text = samples(&["nginx-access_extended", "apache-access_combined"]);
    Compared::new(criterion, "access_combined", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_scan", || lines(&text).map(scan).sum::<usize>())
        .measure("format", || parse("access_combined", lines(&text)))
        .finish();
}

fn apache_json(criterion: &mut Criterion) {
    let text = samples(&["apache-access_jsonish_normal", "apache-access_jsonish_breach_nasty"]);
    Compared::new(criterion, "apache_json", split(&text), "line")
        .measure("floor_split", || split(&text))
        .measure("floor_scan", || lines(&text).map(scan).sum::<usize>())
        .measure("format", || parse("apache_json", lines(&text)))
        .finish();
}

/// The least that can tell the fields of a line with quotes in it: every byte looked at once, to find quotes and backslashes.
fn scan(line: &[u8]) -> usize {
    line.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

fn mariadb_server_audit(criterion: &mut Criterion) {
    let kinds = ["normal", "odd", "failed_logins", "breach"];
    let text = samples(&kinds.map(|kind| format!("mariadb_server_audit_file-{kind}")));
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
        .measure("format", || parse("mariadb_server_audit", lines(&text)))
        .finish();
}

fn mariadb_slow_log(criterion: &mut Criterion) {
    let text = samples(&["normal", "odd", "breach"].map(|kind| format!("mariadb_slow_log-{kind}")));
    let n = entries(&text).len() as u64;
    Compared::new(criterion, "mariadb_slow_log", n, "entry")
        .measure("floor_split", || split(&text))
        .measure("floor_words", || database::slow_log(&text))
        .measure("floor_said", || database::said_in_slow_log(&text))
        .measure("format", || parse("mariadb_slow_log", entries(&text).into_iter()))
        .finish();
}

/// How many entries were read as activities.
fn parse<'a>(format: &str, entries: impl Iterator<Item = &'a [u8]>) -> usize {
    let format = FormatSpec::by_name(format).expect("a format of ours");
    let (context, mut scratch) = (Context::default(), Scratch::default());
    entries
        .filter(|entry| matches!(black_box(format.parse(entry, &mut scratch, &context)), Ok(Parsed::Activity(_))))
        .count()
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

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    memchr::memchr_iter(b'\n', text).map(move |end| &text[std::mem::replace(&mut from, end + 1)..end])
}

fn split(text: &[u8]) -> u64 {
    lines(text).map(black_box).count() as u64
}

fn samples(names: &[impl AsRef<str>]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut text = Vec::new();
    for name in names {
        let packed = std::fs::read(folder.join(format!("{}.log.zst", name.as_ref()))).expect("a sample of ours");
        text.extend(zstd::decode_all(packed.as_slice()).expect("a sound sample"));
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
    }
    text
}
