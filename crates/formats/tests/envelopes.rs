//! Real records out of their envelopes, compared with what is written beside them.
//!
//! `tests/envelopes/<name>.log` holds records (one per line; rsyslog's are separated by the byte 0x1E, because some end in a
//! line end), `<name>.opened` what is in them: envelopes, time of shipping, host, program, line. `documented.log` holds
//! shapes from manuals, with a line of our own; all else was written by the shippers themselves. After a change that is
//! meant, `UPDATE_GOLDEN=1 cargo test -p formats` rewrites the latter; read the difference before it is committed.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::support::edited;
use activity::Timestamp;
use formats::Zone;
use formats::envelope::{self, ENVELOPES, Hints, Inner, LAYERS_MAX, unfolded};
use proptest::prelude::*;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

const HINTS: Hints<'static> = Hints { zone: &Zone::UTC, near: Timestamp::from_secs(1_795_439_161), until: None };

/// The innermost entries, each with the names of its envelopes and what they said.
fn opened(bytes: &[u8]) -> Vec<(Vec<&'static str>, Inner<'static>)> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let whole = Inner { bytes: bytes.to_vec().into(), ..Inner::default() };
    let mut entries = vec![(Vec::new(), whole)];
    for _ in 0..LAYERS_MAX {
        let mut deeper = Vec::new();
        for (names, entry) in entries {
            let opened = envelope::open(&entry.bytes, &HINTS);
            let Some(opened) = opened else {
                deeper.push((names, entry));
                continue;
            };
            for inner in opened.entries {
                let names = names.iter().copied().chain([opened.envelope]).collect();
                let owned = Inner {
                    bytes: inner.bytes.into_owned().into(),
                    shipped_at: inner.shipped_at.or(entry.shipped_at),
                    host: inner.host.map(|host| host.into_owned().into()).or(entry.host.clone()),
                    program: inner.program.map(|program| program.into_owned().into()).or(entry.program.clone()),
                };
                deeper.push((names, owned));
            }
        }
        entries = deeper;
    }
    entries
}

fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (names, inner) in opened(bytes) {
        let shipped_at = inner.shipped_at.map_or("-".into(), |at| at.to_string());
        let (host, program) = (inner.host.as_deref().unwrap_or("-"), inner.program.as_deref().unwrap_or("-"));
        let bytes = unfolded(&inner.bytes);
        let line: String = String::from_utf8_lossy(&bytes).chars().take(120).collect();
        writeln!(text, "{} {shipped_at} {host} {program} {line:?}", names.join(">")).unwrap();
    }
    text
}

fn records(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let bytes = if path.extension().is_some_and(|ending| ending == "zst") {
        zstd::decode_all(bytes.as_slice()).unwrap()
    } else {
        bytes
    };
    let separator = if bytes.contains(&0x1e) { 0x1e } else { b'\n' };
    let bytes = bytes.strip_suffix(&[separator]).unwrap_or(&bytes);
    bytes.split(|byte| *byte == separator).map(<[u8]>::to_vec).collect()
}

fn sample(name: &str) -> Vec<Vec<u8>> {
    records(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples").join(name))
}

fn golden_files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/envelopes");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    files
}

#[test]
fn real_records_hold_what_is_written_beside_them() {
    for file in golden_files() {
        let said: String = records(&file).iter().map(|record| shown(record)).collect();
        let beside = file.with_extension("opened");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&beside, &said).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        for (at, (said, expected)) in said.lines().zip(expected.lines()).enumerate() {
            assert_eq!(said, expected, "{}:{}", beside.display(), at + 1);
        }
        assert_eq!(said.lines().count(), expected.lines().count(), "{}", beside.display());
    }
}

#[test]
fn every_envelope_is_seen_in_a_golden_file() {
    let all: String =
        golden_files().iter().map(|file| fs::read_to_string(file.with_extension("opened")).unwrap()).collect();
    // The collector's protocol and the file format are tested beside their code.
    for envelope in ENVELOPES.iter().filter(|envelope| envelope.name != "rsyslog_file") {
        let named =
            |line: &str| line.split(' ').next().unwrap_or_default().split('>').any(|name| name == envelope.name);
        assert!(all.lines().any(named), "{}", envelope.name);
    }
}

#[test]
fn all_shapes_of_rsyslog_hold_the_same_messages() {
    let shapes = ["json_cee", "jsonmesg", "msgonly", "rawmsg", "rfc5424", "traditional"];
    let lines = |shape: &str| -> Vec<String> {
        let lossy = |record: &Vec<u8>| {
            let entries = opened(record);
            assert_eq!(entries.len(), 1);
            String::from_utf8_lossy(&entries[0].1.bytes).into_owned()
        };
        sample(&format!("kafka_rsyslog-{shape}.rs-separated.zst")).iter().map(lossy).collect()
    };
    let bare = lines("msgonly");
    assert_eq!(bare.len(), 274);
    for shape in shapes {
        let lines = lines(shape);
        assert_eq!(lines.len(), if shape == "jsonmesg" { 224 } else { 274 }, "{shape}");
        // Each template has a queue of its own, so the order differs a little, and each file ends at its 274th message: up to
        // four are in one file only.
        let mut left = bare.clone();
        let mut alone = 0;
        for line in lines {
            match left.iter().position(|bare| *bare == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => alone += 1,
            }
        }
        assert!(alone <= 4, "{shape}: {alone}");
    }
}

#[test]
fn rows_of_debezium_are_left_alone() {
    for record in sample("kafka_debezium-hr_leave.ndjson.zst") {
        assert_eq!(envelope::open(&record, &HINTS), None);
    }
}

#[test]
fn json_of_formats_is_no_envelope() {
    let mut n = 0;
    for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            for line in records(&file).iter().filter(|line| line.starts_with(b"{")) {
                assert_eq!(envelope::open(line, &HINTS), None, "{}", String::from_utf8_lossy(line));
                n += 1;
            }
        }
    }
    assert!(100 < n, "{n}");
}

/// What applications write beside a message.
const BESIDE_A_MESSAGE: [(&str, &str); 18] = [
    ("@timestamp", "\"2026-11-23T13:04:03.790Z\""),
    ("context", "{\"action\":\"view\"}"),
    ("datetime", "\"2026-11-23T13:04:03.790123+00:00\""),
    ("extra", "{}"),
    ("facility", "\"shop\""),
    ("host", "\"web1\""),
    ("hostname", "\"web1\""),
    ("level", "200"),
    ("level_name", "\"INFO\""),
    ("logger_name", "\"shop\""),
    ("pid", "7"),
    ("request_id", "\"eccb\""),
    ("severity", "\"info\""),
    ("stack_trace", "\"\""),
    ("thread", "\"main\""),
    ("time", "1795439043.790"),
    ("timestamp", "1795439043.790"),
    ("user", "\"e1001\""),
];

proptest! {
    #[test]
    fn a_message_of_an_application_is_not_opened(
        beside in proptest::sample::subsequence(BESIDE_A_MESSAGE.to_vec(), 1..=BESIDE_A_MESSAGE.len()),
        at in any::<proptest::sample::Index>(),
    ) {
        let mut fields: Vec<_> = beside.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
        let message = r#""message":"20261123 13:04:03,vm,dba,127.0.0.1,178,33938,QUERY,,'SELECT 1',0""#;
        fields.insert(at.index(fields.len() + 1), message.to_owned());
        let line = format!("{{{}}}", fields.join(","));
        prop_assert_eq!(envelope::open(line.as_bytes(), &HINTS), None, "{}", line);
    }

    #[test]
    fn mutated_records_do_not_panic(
        pick in any::<proptest::sample::Index>(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4u8), 0..8),
    ) {
        let records: Vec<_> = golden_files().iter().flat_map(|file| records(file)).collect();
        let bytes = edited(records[pick.index(records.len())].clone(), edits);
        for envelope in ENVELOPES {
            drop(envelope.open(&bytes, &HINTS));
        }
        for (names, inner) in opened(&bytes) {
            prop_assert!(names.len() <= LAYERS_MAX);
            // No envelope makes more of what is in it, but for replaced bytes.
            prop_assert!(inner.bytes.len() <= 3 * bytes.len());
            drop(unfolded(&inner.bytes));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(opened(&bytes));
        drop(unfolded(&bytes));
    }
}
