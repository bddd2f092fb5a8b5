//! The logs of a real MariaDB, whole: what each phase of work left in them is what our formats read out of them.
//!
//! The counts were made from the files by other means (lines of a kind, by pattern), not by our parsers.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{Activity, Actor, Operation, Outcome, Signal, Timestamp};
use formats::{Context, FormatSpec, Framing, Parsed, Scratch, Step};
use std::{collections::BTreeMap, fs, ops::RangeInclusive, path::Path, sync::Arc};

fn sample(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples").join(format!("{name}.log.zst"));
    zstd::decode_all(fs::read(file).unwrap().as_slice()).unwrap()
}

/// An entry: the number of its first line, its bytes.
type Entry = (usize, Vec<u8>);

/// Lines of a phase, and what they say.
type Phase = (RangeInclusive<usize>, &'static str);

/// Lines of a phase, how many entries it has, and how many rows they sent.
type Rows = (RangeInclusive<usize>, usize, u64);

/// Entries, and how many lines belong to none.
fn entries(format: &FormatSpec, bytes: &[u8]) -> (Vec<Entry>, usize) {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').enumerate();
    let Framing::Lines(remembering) = format.framing else {
        return (lines.map(|(at, line)| (at + 1, line.to_vec())).collect(), 0);
    };
    let (mut tracker, mut entries, mut others) = (remembering(""), Vec::<Entry>::new(), 0);
    // An entry that says that it is complete is closed at once: what follows must not belong to it.
    for (at, line) in lines {
        match tracker.step(line) {
            Step::Begin => entries.push((at + 1, line.to_vec())),
            Step::Continue => {
                let entry = &mut entries.last_mut().unwrap().1;
                entry.push(b'\n');
                entry.extend(line);
            }
            Step::Banner | Step::Orphan => others += 1,
        }
        if tracker.is_complete() {
            tracker.close();
        }
    }
    (entries, others)
}

/// What each entry says, with the number of its first line. `shown` makes what is compared of an activity.
fn read<T>(
    format: &str,
    bytes: &[u8],
    context: &Context,
    mut shown: impl FnMut(&Activity<'_>) -> T,
) -> Vec<(usize, Result<T, String>)> {
    let format = FormatSpec::by_name(format).unwrap();
    let mut scratch = Scratch::default();
    let of = |(line, entry): Entry| {
        let said = match format.parse(&entry, &mut scratch, context) {
            Ok(Parsed::Activity(activity)) => Ok(shown(&activity)),
            Ok(Parsed::Ignored(rule)) => Err(rule.to_owned()),
            Err(rejected) => panic!("line {line}: {rejected}"),
        };
        (line, said)
    };
    entries(format, bytes).0.into_iter().map(of).collect()
}

/// How often each thing was said in lines of a phase.
fn counted(said: &[(usize, Result<String, String>)], phase: &RangeInclusive<usize>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for (_, said) in said.iter().filter(|(line, _)| phase.contains(line)) {
        *counts.entry(said.as_deref().unwrap_or_else(|rule| rule)).or_default() += 1;
    }
    counts.into_iter().map(|(said, n)| format!("{said} {n}")).collect::<Vec<_>>().join(", ")
}

/// By what the rows of a log are called there.
fn kind(activity: &Activity<'_>) -> String {
    match (activity.operation, activity.outcome) {
        (Operation::Connect, Outcome::Success) => "connect",
        (Operation::Connect, _) => "failed",
        (Operation::Disconnect, _) => "disconnect",
        (Operation::TableRead, _) => "read",
        (Operation::TableWrite, _) => "write",
        _ => "statement",
    }
    .to_owned()
}

fn tables(activity: &Activity<'_>) -> String {
    activity.resources.iter().map(|table| table.name().into_owned()).collect::<Vec<_>>().join(" ")
}

#[test]
fn server_audit_phase_by_phase() {
    let phases: [(&str, &[Phase]); 4] = [
        (
            "normal",
            &[
                (1..=192, "connect 6, disconnect 6, read 54, statement 102, write 24"),
                (193..=456, "connect 24, disconnect 24, read 72, statement 120, write 24"),
                (457..=582, "connect 1, disconnect 1, read 60, statement 54, statistics_table 6, write 4"),
                (583..=604, "connect 1, disconnect 1, read 12, statement 8"),
            ],
        ),
        (
            "odd",
            &[
                (1..=102, "connect 5, disconnect 5, read 43, statement 47, write 2"),
                (103..=214, "connect 1, disconnect 1, read 35, statement 57, statistics_table 8, write 10"),
                (215..=225, "connect 1, disconnect 1, read 4, statement 5"),
                (226..=243, "connect 1, disconnect 1, read 5, statement 7, statistics_table 3, write 1"),
                (244..=278, "connect 2, disconnect 2, read 6, statement 22, statistics_table 2, write 1"),
            ],
        ),
        (
            "breach",
            &[
                (1..=53, "connect 1, disconnect 1, read 3, statement 48"),
                (54..=66, "connect 1, disconnect 1, read 3, statement 7, write 1"),
                // Writes: 32 WRITE, 2 CREATE, 3 ALTER, 2 DROP, 1 RENAME.
                (67..=167, "connect 1, disconnect 1, read 16, statement 28, statistics_table 15, write 40"),
                (168..=304, "connect 1, disconnect 1, read 88, statement 47"),
                (305..=326, "connect 1, disconnect 1, read 10, statement 10"),
                (327..=340, "connect 4, disconnect 4, statement 6"),
            ],
        ),
        ("failed_logins", &[(1..=76, "disconnect 38, failed 38")]),
    ];
    for (file, phases) in phases {
        let bytes = sample(&format!("mariadb_server_audit_file-{file}"));
        let said = read("mariadb_server_audit", &bytes, &Context::default(), kind);
        for (phase, counts) in phases {
            assert_eq!(counted(&said, phase), *counts, "{file} {phase:?}");
        }
    }
}

#[test]
fn server_audit_traps() {
    let odd = sample("mariadb_server_audit_file-odd");
    let said: BTreeMap<usize, String> = read("mariadb_server_audit", &odd, &Context::default(), |activity| {
        let Actor::DbAccount(user) = &activity.actor else { panic!("no account") };
        let signals: Vec<_> = activity.signals.iter().filter(|signal| *signal == Signal::ForgedEntry).collect();
        format!("{user} {:?} {:?} [{}] {}", activity.operation, activity.outcome, tables(activity), signals.len())
    })
    .into_iter()
    .filter_map(|(line, said)| Some((line, said.ok()?)))
    .collect();
    for (line, expected) in [
        // Names with commas and quotes, not of ASCII.
        (119, r#"magento_app TableRead Success [magento.hr weird `table`, "quoted"] 0"#),
        (120, r#"magento_app Read Success [magento.hr weird `table`, "quoted"] 0"#),
        (121, "magento_app TableRead Success [magento.hr_überstunden_残業] 0"),
        // Forged rows, behind SQL's own backslash and behind a newline; control characters.
        (162, "magento_app Write Success [magento.hr_leave] 0"),
        (164, "magento_app Write Success [magento.hr_leave] 1"),
        // Cut: what the rows before say is missing in the text, or half a name in it is not given.
        (235, "magento_app TableRead Success [magento.hr_employee] 0"),
        (236, "magento_app Read Success [] 0"),
        (242, "magento_app Read Success [] 0"),
        // Refused for the table, for a column.
        (246, "hr_sync Read Denied [magento.hr_payroll] 0"),
        (247, "hr_sync TableRead Success [magento.hr_employee] 0"),
        (248, "hr_sync Read Denied [magento.hr_employee] 0"),
        // The message of an error where the schema should stand.
        (267, "hr_sync Other Denied [] 0"),
    ] {
        assert_eq!(said.get(&line).map(String::as_str), Some(expected), "line {line}");
    }
    // READ rows stand before their statement.
    let breach = sample("mariadb_server_audit_file-breach");
    let operations: Vec<_> = read("mariadb_server_audit", &breach, &Context::default(), |activity| activity.operation)
        .into_iter()
        .filter(|(line, _)| (307..=308).contains(line))
        .map(|(_, operation)| operation.unwrap())
        .collect();
    assert_eq!(operations, [Operation::TableRead, Operation::Read]);
}

#[test]
fn server_audit_through_syslog() {
    let shipped = Context { shipped_at: Some(Timestamp::from_secs(1_795_438_561)), ..Context::default() };
    // The line 403 of both ends at a NUL in its text.
    // The header that the envelope takes off: stamp, host, tag.
    let tag = b"mysql-server_auditing: ";
    let mut seen = Vec::new();
    for name in ["rfc3164", "iso8601"] {
        let bytes = sample(&format!("mariadb_server_audit_syslog-{name}"));
        let inner: Vec<u8> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(|line| &line[line.windows(tag.len()).position(|window| window == tag).unwrap() + tag.len()..])
            .copied()
            .collect();
        let said = read("mariadb_server_audit", &inner, &shipped, kind);
        assert_eq!(said.len(), 726);
        seen.push(counted(&said, &(1..=726)));
        let named = read("mariadb_server_audit", &inner, &shipped, |activity| {
            activity.actor == Actor::DbAccount("o'brien, jr".into())
        });
        // A comma in the name: connection, two statements, two tables, end.
        assert_eq!(named.iter().filter(|(_, named)| *named == Ok(true)).count(), 6);
    }
    assert_eq!(seen[0], SYSLOG_ROWS);
    assert_eq!(seen[1], SYSLOG_ROWS);
}

const SYSLOG_ROWS: &str =
    "connect 35, disconnect 73, failed 38, read 216, statement 315, statistics_table 13, write 36";

#[test]
fn slow_log_phase_by_phase() {
    let phases: [(&str, usize, &[Rows]); 5] = [
        ("normal", 0, &[(1..=709, 102, 48), (710..=1577, 120, 48), (1578..=1839, 26, 1259), (1840..=1922, 8, 69)]),
        // 1,003,100 rows with those of the forged entry.
        (
            "odd",
            0,
            &[
                (1..=371, 46, 12_862),
                (372..=830, 56, 3101),
                (831..=876, 5, 1760),
                (877..=939, 7, 2511),
                (940..=1077, 22, 2),
            ],
        ),
        (
            "breach",
            3,
            &[
                (1..=359, 48, 26_052),
                (360..=410, 7, 6001),
                (411..=597, 28, 0),
                (598..=1060, 47, 5007),
                (1061..=1160, 10, 41_114),
                (1161..=1201, 6, 566),
            ],
        ),
        ("scrape", 0, &[(1..=2407, 301, 300)]),
        ("nightly_backup", 0, &[(1..=3193, 452, 90_647)]),
    ];
    for (file, others, phases) in phases {
        let mut bytes = sample(&format!("mariadb_slow_log-{file}"));
        if file == "nightly_backup" {
            // The sample ends in the middle of an entry.
            let last = memchr::memmem::rfind(&bytes, b"# User@Host: ").unwrap();
            bytes.truncate(last);
        }
        let format = FormatSpec::by_name("mariadb_slow_log").unwrap();
        assert_eq!(entries(format, &bytes).1, others, "{file}: lines of no entry");
        let said =
            read("mariadb_slow_log", &bytes, &Context::default(), |activity| activity.measures.rows_sent.unwrap());
        for (phase, n, rows) in phases {
            let of_phase = said.iter().filter(|(line, _)| phase.contains(line));
            let sent: Vec<u64> = of_phase.filter_map(|(_, sent)| sent.clone().ok()).collect();
            assert_eq!((sent.len(), sent.iter().sum::<u64>()), (*n, *rows), "{file} {phase:?}");
        }
    }
}

#[test]
fn slow_log_traps() {
    let of = |file: &str| -> BTreeMap<usize, String> {
        read("mariadb_slow_log", &sample(&format!("mariadb_slow_log-{file}")), &Context::default(), |activity| {
            let measures = &activity.measures;
            let counts = [measures.rows_sent, measures.rows_examined, measures.rows_affected, measures.bytes];
            let forged = if activity.signals.contains(Signal::ForgedEntry) { " forged" } else { "" };
            format!("{} {:?}{forged}", tables(activity), counts.map(Option::unwrap))
        })
        .into_iter()
        .map(|(line, said)| (line, said.unwrap()))
        .collect()
    };
    let odd = of("odd");
    assert_eq!(odd.get(&642).map(String::as_str), Some("magento.hr_leave [0, 0, 1, 13] forged"));
    assert_eq!(odd.keys().filter(|line| (643..=652).contains(*line)).count(), 0, "a forged entry counts");
    let breach = of("breach");
    let said: Vec<&str> =
        breach.range(360..=410).chain(breach.range(1061..=1160)).map(|(_, said)| said.as_str()).collect();
    for expected in [
        "magento.hr_employee [3000, 3000, 3000, 13]",
        "magento.hr_document [0, 1, 1, 11]",
        "magento.hr_payroll [1, 30000, 0, 67]",
        "magento.hr_employee [1, 3000, 0, 36072]",
        "magento.hr_employee [1, 3000, 0, 156002]",
        "magento.hr_payroll magento.hr_employee [30000, 33000, 0, 8526002]",
    ] {
        assert!(said.contains(&expected), "{expected} in {said:#?}");
    }
}

#[test]
fn general_log_phase_by_phase() {
    let phases: [(&str, usize, &[Phase]); 6] = [
        (
            "normal",
            0,
            &[
                (1..=114, "connection_attempt 6, disconnect 6, statement 102"),
                (115..=282, "connection_attempt 24, disconnect 24, statement 120"),
                (283..=359, "connection_attempt 1, disconnect 1, statement 27"),
                (360..=369, "connection_attempt 1, disconnect 1, statement 8"),
            ],
        ),
        (
            "odd",
            0,
            &[
                // 38 Query, 10 Execute.
                (1..=66, "command 4, connection_attempt 5, disconnect 3, prepared 6, statement 48"),
                (67..=130, "connection_attempt 1, statement 54"),
                (131..=137, "connection_attempt 1, statement 5"),
                (138..=146, "connection_attempt 1, disconnect 1, statement 7"),
                // 22 Query, and the refused Init DB.
                (147..=173, "connection_attempt 2, disconnect 2, statement 23"),
            ],
        ),
        (
            "breach",
            3,
            &[
                (1..=54, "connection_attempt 1, disconnect 1, schema_change 4, statement 48"),
                (55..=63, "connection_attempt 1, disconnect 1, statement 7"),
                (64..=96, "connection_attempt 1, disconnect 1, statement 28"),
                (97..=145, "connection_attempt 1, disconnect 1, statement 47"),
                (146..=157, "connection_attempt 1, disconnect 1, statement 10"),
                (158..=170, "command 1, connection_attempt 4, disconnect 2, statement 6"),
            ],
        ),
        ("scrape", 0, &[(1..=303, "connection_attempt 1, disconnect 1, statement 301")]),
        ("nightly_backup", 0, &[(1..=692, "connection_attempt 1, disconnect 1, schema_change 44, statement 646")]),
        // 36 refused for the password, one for its database.
        ("failed_logins", 0, &[(1..=75, "connection_attempt 38, failed 37")]),
    ];
    for (file, others, phases) in phases {
        let bytes = sample(&format!("mariadb_general_log-{file}"));
        let format = FormatSpec::by_name("mariadb_general_log").unwrap();
        assert_eq!(entries(format, &bytes).1, others, "{file}: lines of no entry");
        let said = read("mariadb_general_log", &bytes, &Context::default(), kind);
        for (phase, counts) in phases {
            assert_eq!(counted(&said, phase), *counts, "{file} {phase:?}");
        }
    }
}

#[test]
fn error_log_tells_refusals_and_aborted_connections() {
    let said = read("mariadb_error_log", &sample("mariadb_error_log-error"), &Context::default(), |activity| {
        format!("{:?} {:?}", activity.operation, activity.outcome)
    });
    assert_eq!(
        counted(&said, &(1..=60)),
        "Administer Success 1, Connect Denied 37, Disconnect Failed 6, audit_message 1, server_message 15"
    );
}

/// One server wrote three logs of the same work: the same statements by the same accounts stand in all of them.
#[test]
fn three_logs_of_one_server_agree() {
    let who = |activity: &Activity<'_>| {
        let Actor::DbAccount(user) = &activity.actor else { return None };
        let counts = matches!(activity.operation, Operation::Read | Operation::Write);
        counts.then(|| format!("{user} {:?} {} {:?}", activity.operation, tables(activity), activity.tag_user))
    };
    // The phases whose statements none of the logs leaves out or adds to.
    for (file, [audit, slow, general]) in [
        ("normal", [1..=456, 1..=1577, 1..=282]),
        ("breach", [54..=66, 360..=410, 55..=63]),
        ("breach", [168..=326, 598..=1160, 97..=157]),
    ] {
        let of = |format: &str, sample_of: &str, phase: RangeInclusive<usize>| {
            let bytes = sample(&format!("{sample_of}-{file}"));
            read(format, &bytes, &Context::default(), who)
                .into_iter()
                .filter(|(line, _)| phase.contains(line))
                .filter_map(|(_, said)| said.ok().flatten())
                .collect::<Vec<_>>()
        };
        let audited = of("mariadb_server_audit", "mariadb_server_audit_file", audit);
        assert!(4 < audited.len());
        assert_eq!(audited, of("mariadb_slow_log", "mariadb_slow_log", slow), "{file}: audit and slow log");
        assert_eq!(audited, of("mariadb_general_log", "mariadb_general_log", general), "{file}: audit and general log");
    }
}

#[test]
fn statements_of_a_known_shape_say_what_others_do() {
    let context =
        Context { watched_columns: Arc::new(["iban", "salary", "ssn"].map(Box::from).into()), ..Context::default() };
    // How many of a hundred statements have a shape that came before, when a log is read for the first time.
    for (format, file, least) in [
        ("mariadb_server_audit", "mariadb_server_audit_file-normal", 80),
        ("mariadb_server_audit", "mariadb_server_audit_file-odd", 25),
        ("mariadb_server_audit", "mariadb_server_audit_file-breach", 20),
        ("mariadb_server_audit", "quiet-audit", 95),
        ("mariadb_slow_log", "mariadb_slow_log-normal", 80),
        ("mariadb_slow_log", "mariadb_slow_log-odd", 25),
        ("mariadb_slow_log", "mariadb_slow_log-breach", 20),
        ("mariadb_slow_log", "quiet-slow", 90),
    ] {
        let format = FormatSpec::by_name(format).unwrap();
        let (entries, _) = entries(format, &sample(file));
        let mut scratch = Scratch::default();
        let mut shares = [0, 0];
        for share in &mut shares {
            let known_before = scratch.known_statements();
            let mut statements = 0;
            for (line, entry) in &entries {
                let mut unknowing = Scratch::default();
                let said = format.parse(entry, &mut unknowing, &context);
                assert_eq!(format.parse(entry, &mut scratch, &context), said, "{file}:{line}");
                statements += u64::from(matches!(said, Ok(Parsed::Activity(activity)) if activity.statement.is_some()));
            }
            *share = 100 * (scratch.known_statements() - known_before) / statements;
        }
        assert!(least <= shares[0] && shares[0] <= shares[1], "{file}: {shares:?}");
    }
}
