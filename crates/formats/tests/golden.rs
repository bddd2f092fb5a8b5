//! Real lines into activities, compared with what is written beside them, and properties on mutated real lines.
//!
//! `tests/golden/<format>/<name>.log` holds the lines, `<name>.activities` what they say. `tests/enveloped/<format>` holds records of
//! shippers, one a line, with such lines in them: server_audit's rows as rsyslog wrote them into files, and the lines of
//! `golden/mariadb_slow_log/odd.log` in the two encodings of Kafka Connect's JsonConverter. After a change that is meant,
//! `UPDATE_GOLDEN=1 cargo test -p formats` rewrites the latter; read the difference before it is committed.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use crate::support::edited;
use activity::{Activity, Actor, Resource, Timestamp};
use formats::envelope::{self, Hints};
use formats::{Context, FORMATS, FormatSpec, Framing, Parsed, Rejected, Scratch, Step, Zone};
use proptest::prelude::*;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

fn golden_files(format: &FormatSpec) -> Vec<PathBuf> {
    files_of(format, "tests/golden")
}

fn files_of(format: &FormatSpec, folder: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(format.name);
    let mut files: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    files
}

/// The entries of a file, each with the number of its first line.
fn entries(format: &FormatSpec, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').enumerate();
    match format.framing {
        Framing::Line => lines.map(|(at, line)| (at + 1, line.to_vec())).collect(),
        Framing::Lines(remembering) => {
            let mut tracker = remembering("");
            let mut entries: Vec<(usize, Vec<u8>)> = Vec::new();
            for (at, line) in lines {
                match tracker.step(line) {
                    Step::Begin => entries.push((at + 1, line.to_vec())),
                    Step::Continue => {
                        let entry = &mut entries.last_mut().expect("an entry is open").1;
                        entry.push(b'\n');
                        entry.extend(line);
                    }
                    Step::Banner | Step::Orphan => {}
                }
            }
            entries
        }
    }
}

fn shown(parsed: &Result<Parsed<'_>, Rejected>) -> String {
    let activity = match parsed {
        Ok(Parsed::Activity(activity)) => activity,
        Ok(Parsed::Ignored(rule)) => return format!("ignored {rule}"),
        Err(rejected) => return format!("rejected {}", rejected.reason()),
    };
    let Activity { at, operation, outcome, .. } = activity;
    let mut text = format!("{at} {operation:?} {outcome:?}");
    match &activity.actor {
        Actor::PortalUser(name) => write!(text, " user={name:?}"),
        Actor::DbAccount(name) => write!(text, " account={name:?}"),
        Actor::IntegrationKey(key) => write!(text, " key={key:?}"),
        Actor::Anonymous => Ok(()),
    }
    .unwrap();
    let fields = [
        ("tag", activity.tag_user.as_deref().map(str::to_owned)),
        ("address", activity.address.map(|address| address.to_string())),
        ("host", activity.client_host.as_deref().map(str::to_owned)),
        ("session", activity.session.as_deref().map(str::to_owned)),
        ("request", activity.request_id.as_deref().map(str::to_owned)),
        ("app_host", activity.app_host.as_deref().map(str::to_owned)),
        ("agent", activity.agent.as_deref().map(|agent| agent.chars().take(30).collect())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            write!(text, " {name}={value:?}").unwrap();
        }
    }
    let measures = &activity.measures;
    let counts = [
        ("sent", measures.rows_sent),
        ("examined", measures.rows_examined),
        ("affected", measures.rows_affected),
        ("bytes", measures.bytes),
    ];
    for (name, count) in counts {
        if let Some(count) = count {
            write!(text, " {name}={count}").unwrap();
        }
    }
    for resource in &activity.resources {
        match resource {
            Resource::Route(path) => write!(text, " {path:.60?}").unwrap(),
            table @ Resource::Table { .. } => write!(text, " {:?}", table.name()).unwrap(),
        }
    }
    for signal in activity.signals.iter() {
        write!(text, " !{}", signal.as_str()).unwrap();
    }
    text
}

#[test]
fn real_lines_say_what_is_written_beside_them() {
    let mut wrong = Vec::new();
    for format in FORMATS {
        let files = golden_files(format);
        assert!(!files.is_empty(), "{}", format.name);
        for file in files {
            let context = Context::default();
            let mut scratch = Scratch::default();
            let mut said = String::new();
            for (line, entry) in entries(format, &fs::read(&file).unwrap()) {
                let parsed = shown(&format.parse(&entry, &mut scratch, &context));
                writeln!(said, "{line}: {parsed}").unwrap();
            }
            compare(&file, &said, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was said, with what is written beside the file.
fn compare(file: &Path, said: &str, wrong: &mut Vec<String>) {
    let beside = file.with_extension("activities");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&beside, said).unwrap();
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    for (at, (said, expected)) in said.lines().zip(expected.lines()).enumerate() {
        if said != expected {
            wrong.push(format!("{}:{}\n  said     {said}\n  expected {expected}", beside.display(), at + 1));
        }
    }
    if said.lines().count() != expected.lines().count() {
        wrong.push(format!("{}: another number of entries", beside.display()));
    }
}

/// The line in a record, and when it was shipped.
fn unwrapped(record: &[u8]) -> (Vec<u8>, Option<Timestamp>) {
    let hints = Hints { zone: &Zone::UTC, near: Timestamp::from_secs(1_795_439_161), until: None };
    let (mut bytes, mut shipped_at) = (record.to_vec(), None);
    while let Some(opened) = envelope::open(&bytes.clone(), &hints) {
        assert_eq!(opened.entries.len(), 1);
        for inner in opened.entries {
            shipped_at = inner.shipped_at.or(shipped_at);
            bytes = inner.bytes.into_owned();
        }
    }
    (bytes, shipped_at)
}

#[test]
fn real_lines_in_envelopes_say_what_is_written_beside_them() {
    let (mut wrong, mut n) = (Vec::new(), 0);
    for format in FORMATS {
        for file in files_of(format, "tests/enveloped") {
            n += 1;
            let bytes = fs::read(&file).unwrap();
            let lines: Vec<_> =
                bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n').map(unwrapped).collect();
            let (mut scratch, mut said) = (Scratch::default(), String::new());
            let text = lines.iter().map(|(line, _)| line.as_slice()).collect::<Vec<_>>().join(&b'\n');
            for (line, entry) in entries(format, &text) {
                let context = Context { shipped_at: lines[line - 1].1, ..Context::default() };
                writeln!(said, "{line}: {}", shown(&format.parse(&entry, &mut scratch, &context))).unwrap();
            }
            compare(&file, &said, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(n, 4, "files in envelopes");
    // What Connect encodes is the same log.
    let read =
        |file: &str| fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(file)).unwrap();
    let bare = read("golden/mariadb_slow_log/odd.activities");
    for name in ["connect_string", "connect_schema"] {
        assert_eq!(read(&format!("enveloped/mariadb_slow_log/{name}.activities")), bare, "{name}");
    }
}

fn real_entries() -> Vec<Vec<u8>> {
    FORMATS
        .iter()
        .flat_map(|format| {
            golden_files(format)
                .into_iter()
                .flat_map(|file| entries(format, &fs::read(file).unwrap()))
                .map(|(_, entry)| entry)
        })
        .collect()
}

fn parse_with_all(bytes: &[u8]) {
    let mut context = Context::default();
    let mut scratch = Scratch::default();
    for zone in ["UTC", "Europe/Berlin"] {
        context.zone = formats::Zone::parse(zone).unwrap();
        for format in FORMATS {
            if let Err(rejected) = format.parse(bytes, &mut scratch, &context) {
                assert!(Rejected::ALL.contains(&rejected));
            }
        }
    }
    for format in FORMATS {
        if let Framing::Lines(remembering) = format.framing {
            let mut lines = remembering("");
            for line in bytes.split(|byte| *byte == b'\n') {
                lines.step(line);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        parse_with_all(&bytes);
    }

    #[test]
    fn sql_made_of_pieces_does_not_panic(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "SELECT ", "FROM ", "(", ")", ",", "'", "\"", "`", "\\", "/*", "*/", "/*!40001 ", "-- ", "#", "\n", ";", ".",
            "WITH ", " AS ", "x", "ä", "@@global.", "server_audit_x", "GRANT ", " ON ", "*", "SET ", "=", "uid=u1", "{oj ",
            "HANDLER ", "READ ", "INTO ", "OUTFILE ", "WHERE 1 ", "JOIN ", "UPDATE ", "DELETE ", "USING ", "TABLE ",
        ]), 0..60),
        cut in any::<bool>(),
    ) {
        let text = pieces.concat();
        let completeness =
            if cut { formats::sql::Completeness::MaybeCut } else { formats::sql::Completeness::Whole };
        let context = Context::default();
        let statement = formats::sql::Statement::read(&text, "db", completeness, &context);
        prop_assert!(statement.tables.len() <= 64);
    }

    #[test]
    fn mutated_real_lines_do_not_panic(
        pick in any::<proptest::sample::Index>(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4u8), 0..6),
    ) {
        let entries = real_entries();
        let bytes = edited(entries[pick.index(entries.len())].clone(), edits);
        parse_with_all(&bytes);
    }
}

#[test]
fn real_entries_are_claimed_by_their_own_format() {
    for format in FORMATS.iter().filter(|format| !format.is_auto()) {
        for file in golden_files(format) {
            let mut claimed = 0;
            for (line, entry) in entries(format, &fs::read(&file).unwrap()) {
                let first = entry.split(|byte| *byte == b'\n').next().unwrap_or_default();
                match FormatSpec::sniff(first) {
                    Some(by) => {
                        assert_eq!(by.name, format.name, "{}:{line}", file.display());
                        claimed += 1;
                    }
                    // What the format itself cannot read, or what is nothing, need not be known.
                    None => {
                        let parsed = shown(&format.parse(&entry, &mut Scratch::default(), &Context::default()));
                        let nothing = ["rejected", "ignored"].iter().any(|word| parsed.starts_with(word));
                        assert!(nothing, "{}:{line}: {parsed}", file.display());
                    }
                }
            }
            assert!(0 < claimed, "{}", file.display());
        }
    }
}
