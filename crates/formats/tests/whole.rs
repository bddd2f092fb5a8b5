//! Whole files of real logs, counted.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{Activity, Operation, Outcome, Signal};
use formats::{Context, FormatSpec, Framing, Parsed, Scratch, Step};
use std::{collections::BTreeMap, fs, path::Path};

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples").join(format!("{name}.zst"));
    zstd::decode_all(fs::File::open(path).unwrap()).unwrap()
}

/// The entries of a log whose entries span lines.
fn entries(format: &FormatSpec, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Framing::Lines(remembering) = format.framing else { panic!("single lines") };
    let mut lines = remembering("");
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for line in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
        match lines.step(line) {
            Step::Begin => entries.push(line.to_vec()),
            Step::Continue => {
                let entry = entries.last_mut().unwrap();
                entry.push(b'\n');
                entry.extend(line);
            }
            step => panic!("{step:?}"),
        }
    }
    entries
}

/// What each entry says: an activity as text, or the rule by which it is nothing.
fn said(format: &str, bytes: &[u8]) -> (Vec<Activity<'static>>, BTreeMap<&'static str, usize>) {
    let format = FormatSpec::by_name(format).unwrap();
    let (mut activities, mut rules) = (Vec::new(), BTreeMap::new());
    for entry in entries(format, bytes) {
        // Not so in the daemon: what is borrowed here must outlive the loop.
        let entry: &'static [u8] = entry.leak();
        let scratch: &'static mut Scratch = Box::leak(Box::default());
        match format.parse(entry, scratch, &Context::default()).unwrap() {
            Parsed::Activity(activity) => activities.push(activity),
            Parsed::Ignored(rule) => *rules.entry(rule).or_default() += 1,
        }
    }
    (activities, rules)
}

#[test]
fn both_logs_of_postgres_say_the_same_of_every_entry() {
    let csv = said("postgres_csv", &sample("postgres_pgaudit-csvlog.csv"));
    assert_eq!(csv, said("postgres_json", &sample("postgres_pgaudit-jsonlog.json")));
    let (activities, rules) = csv;

    // 424 records: 190 AUDIT, 96 statement, 95 duration, 11 received, 5 authenticated, 8 of the server.
    let rules: Vec<_> = rules.into_iter().collect();
    assert_eq!(
        rules,
        [
            ("connection_step", 16),
            ("duration", 95),
            ("outer_statement", 5),
            ("prepared", 3),
            ("server_message", 8),
            ("statement_line", 94),
        ]
    );
    let count = |operation: Operation, outcome: Outcome| {
        activities.iter().filter(|activity| (activity.operation, activity.outcome) == (operation, outcome)).count()
    };
    assert_eq!(count(Operation::Connect, Outcome::Success), 5);
    assert_eq!(count(Operation::Connect, Outcome::Denied), 6);
    assert_eq!(count(Operation::Disconnect, Outcome::Success), 5);
    assert_eq!((count(Operation::Read, Outcome::Denied), count(Operation::Write, Outcome::Denied)), (1, 1));
    assert_eq!(count(Operation::Other, Outcome::Failed), 1);
    let with = |signal| activities.iter().filter(|activity| activity.signals.contains(signal)).count();
    assert_eq!((with(Signal::AuditOff), with(Signal::IntoOutfile), with(Signal::DumpShape)), (2, 1, 2));

    let reads_of = |table: &str| {
        let of = |activity: &&Activity<'_>| {
            activity.outcome == Outcome::Success
                && activity.operation == Operation::Read
                && activity.resources.iter().any(|resource| resource.name() == table)
        };
        let rows: Vec<_> = activities.iter().filter(of).map(|activity| activity.measures.rows_sent).collect();
        rows
    };
    let payroll = [Some(4), Some(25), Some(4), Some(2), Some(8000), None, Some(1), None];
    assert_eq!(reads_of("public.hr_payroll"), payroll);
    assert_eq!(reads_of("public.hr_employee"), [Some(25), Some(3), None, None]);
    assert_eq!(reads_of("public.v_dir"), [Some(25)]);
    // Every other read but these eleven is of a catalog.
    let catalogs = activities.iter().filter(|activity| {
        activity.operation == Operation::Read
            && activity.resources.iter().all(|table| table.name().starts_with("pg_catalog."))
    });
    assert_eq!(catalogs.count(), count(Operation::Read, Outcome::Success) - 11);
}
