//! Real lines through ingest: what reaches the tallies, and that no cutting, tearing or restarting changes it.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{Bucket, DrillId, EntityKind, KnownBy, Mode, Record, Signal, Span, Timestamp};
use ingest::limits::{ENTRY_BYTES_MAX, LINE_BYTES_MAX};
use ingest::settings::Source;
use ingest::{DeadLetter, Geo, Ingester, Plan, Raw, Resume, Settings, Written};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use tally::{Batch, Manifest, Metric, Range, Tallier, Tally};

type Tallies = BTreeMap<(Mode, EntityKind, String, Bucket), Tally>;

fn golden(format: &str, name: &str) -> Vec<u8> {
    let path = format!("{}/../formats/tests/golden/{format}/{name}.log", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn settings(sources: &[(&str, &str)]) -> Settings {
    let mut settings: Settings = toml::from_str(
        r#"
        [classification.tables]
        "hr.*" = "hr"
        "hr.portal_users" = "credentials"
        [classification.routes]
        "/rest/V1/hr/**" = "hr"
        "#,
    )
    .unwrap();
    let source = |(name, format): &(&str, &str)| Source { zone: Some("UTC".into()), ..Source::new(name, format) };
    settings.sources = sources.iter().map(source).collect();
    settings
}

fn plan(sources: &[(&str, &str)]) -> Arc<Plan> {
    let geo = Geo::parse("network,country,kind\n92.20.0.0/16,DE,home\n203.0.0.0/16,,office\n").unwrap();
    let plans = settings(sources).plans(&Arc::new(geo), Span::from_minutes(2)).unwrap();
    plans[0].clone()
}

const ACCESS: (&str, &str) = ("access", "nginx_json");
const AUDIT: (&str, &str) = ("audit", "mariadb_server_audit");
const SLOW: (&str, &str) = ("slow", "mariadb_slow_log");

/// Merges what was tallied into the map, through the encoding.
fn collect(tallies: &mut Tallies, tallier: &mut Tallier) {
    for (_, message) in tallier.flush(1, &Manifest::default()) {
        for entry in Batch::decode(&message).unwrap().entries {
            let key = (entry.mode, entry.kind, entry.id.to_string(), entry.bucket);
            tallies.entry(key).or_default().merge(&entry.tally);
        }
    }
}

struct Outcome {
    tallies: Tallies,
    dead: Vec<DeadLetter>,
    ranges: Vec<Range>,
}

impl Outcome {
    /// Without the pointers to records, which differ where records are cut in another way.
    fn without_evidence(mut self) -> Tallies {
        self.tallies.values_mut().for_each(|tally| tally.evidence = Default::default());
        self.tallies
    }

    fn sum(&self, count: fn(&Range) -> u64) -> u64 {
        self.ranges.iter().map(count).sum()
    }

    fn accounted(&self) -> u64 {
        self.sum(|range| range.contributed + range.ignored + range.dead_lettered + range.late)
    }

    /// The tallies of an entity, all minutes merged.
    fn of(&self, kind: EntityKind, id: &str) -> Tally {
        let mut all = Tally::default();
        for ((mode, of, name, _), tally) in &self.tallies {
            if *mode == Mode::Live && *of == kind && name == id {
                all.merge(tally);
            }
        }
        all
    }
}

/// Reads records numbered from 0; where `restarts` says so after a record, what is in memory is lost and reading goes on at
/// the committed offset; a flush happens before each restart.
fn read(plan: &Arc<Plan>, records: &[Vec<u8>], restarts: &[usize]) -> Outcome {
    let mut outcome = Outcome { tallies: Tallies::new(), dead: Vec::new(), ranges: Vec::new() };
    let mut tallier = Tallier::new();
    let mut ingester = Ingester::new(plan.clone(), 0, Resume::fresh());
    let mut restarts = restarts.to_vec();
    let mut at = 0;
    while at < records.len() {
        let raw = Raw {
            bytes: &records[at],
            offset: at as i64,
            mode: Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut outcome.dead);
        at += 1;
        if let Some(place) = restarts.iter().position(|after| *after == at) {
            restarts.remove(place);
            collect(&mut outcome.tallies, &mut tallier);
            outcome.ranges.push(ingester.flushed());
            let (offset, metadata) = ingester.resume();
            ingester = Ingester::new(plan.clone(), 0, Resume::parse(offset, &metadata));
            at = offset as usize;
        }
    }
    ingester.expire(&mut tallier, &mut outcome.dead);
    collect(&mut outcome.tallies, &mut tallier);
    outcome.ranges.push(ingester.flushed());
    outcome
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn read_text(plan: &Arc<Plan>, text: &str) -> Outcome {
    read(plan, &lines(text.as_bytes()), &[])
}

#[test]
fn a_statement_seen_by_both_logs_is_counted_once() {
    let both = [AUDIT, SLOW];
    let audit = read_text(
        &plan(&both),
        "20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,READ,hr,employees,\n\
         20260302 00:00:01,db1,portal_app,10.0.1.12,14440,1001,QUERY,hr,'SELECT * FROM employees LIMIT 100,100 /*uid=u0199*/',0\n",
    );
    let entry = "# Time: 260302  0:00:01\n# User@Host: portal_app[portal_app] @  [10.0.1.12]\n# Thread_id: 14440  Schema: hr  QC_hit: No\n# Query_time: 0.0006  Lock_time: 0.00  Rows_sent: 100  Rows_examined: 120\n# Rows_affected: 0  Bytes_sent: 21080\nSET timestamp=1772409601;\nSELECT * FROM employees LIMIT 100,100 /*uid=u0199*/;\n";
    let slow = read_text(&plan(&[SLOW, AUDIT]), entry);
    let alone = read_text(&plan(&[SLOW]), entry);
    let measures = |outcome: &Outcome, kind, id| {
        let tally = outcome.of(kind, id);
        [Metric::Statements, Metric::TableTouches, Metric::RowsSent, Metric::Bytes].map(|metric| tally.get(metric))
    };
    for (kind, id, touches) in [
        (EntityKind::PortalUser, "u0199", 0),
        (EntityKind::UserTable, "u0199|hr.employees", 0),
        (EntityKind::Table, "hr.employees", 1),
        (EntityKind::AppHost, "10.0.1.12", 0),
    ] {
        assert_eq!(measures(&audit, kind, id), [1, touches, 0, 0], "{kind} by audit");
        assert_eq!(measures(&slow, kind, id), [0, 0, 100, 21080], "{kind} by slow log");
        assert_eq!(measures(&alone, kind, id), [1, touches, 100, 21080], "{kind} by the slow log alone");
    }
    assert_eq!(audit.of(EntityKind::DbAccount, "portal_app@10.0.1.12"), Tally::default(), "the person stands for it");
    let user = audit.of(EntityKind::PortalUser, "u0199");
    assert_eq!((user.known_by, user.person.as_deref()), (KnownBy::SqlTag, Some("u0199")));
    assert!(user.tables.contains("hr.employees") && user.evidence.iter().len() == 1);
    assert_eq!((audit.sum(|range| range.contributed), slow.sum(|range| range.contributed)), (2, 7));
}

#[test]
fn without_a_tag_the_account_stands_for_itself() {
    let outcome = read_text(
        &plan(&[AUDIT]),
        "20260302 00:00:01,db1,portal_app,10.0.9.148,7,1,QUERY,hr,'SELECT * FROM payslips INTO OUTFILE \\'/tmp/x\\'',0\n\
         20260302 00:00:02,db1,portal_app,10.0.9.148,7,2,QUERY,hr,'SELECT * FROM payslips',1142\n\
         20260302 00:00:03,db1,portal_app,10.0.9.148,7,3,QUERY,shop,'SELECT * FROM catalog_product_entity',0\n\
         20260302 00:00:04,db1,portal_app,10.0.9.148,7,4,QUERY,shop,'SET GLOBAL server_audit_logging=OFF',0\n\
         20260302 00:00:05,db1,root,10.0.9.9,8,0,FAILED_CONNECT,,,1045\n\
         20260302 00:00:06,db1,root,10.0.9.9,8,0,DISCONNECT,,,0\n",
    );
    let account = outcome.of(EntityKind::DbAccount, "portal_app@10.0.9.148");
    assert_eq!((account.get(Metric::Statements), account.get(Metric::Denied)), (1, 1));
    assert!(account.signals.contains(Signal::IntoOutfile) && account.signals.contains(Signal::AuditOff));
    assert!(account.tables.contains("hr.payslips") && !account.tables.contains("shop.catalog_product_entity"));
    assert_eq!(account.known_by, KnownBy::DbAccount);
    assert!(outcome.of(EntityKind::Table, "hr.payslips").accounts.contains("portal_app@10.0.9.148"));
    let root = outcome.of(EntityKind::Address, "10.0.9.9");
    assert_eq!((root.get(Metric::LoginsFailed), root.accounts.contains("root")), (1, true));
    assert_eq!(outcome.of(EntityKind::DbAccount, "root@10.0.9.9").get(Metric::LoginsFailed), 1);
    assert_eq!((outcome.sum(|range| range.contributed), outcome.sum(|range| range.ignored)), (4, 2));
}

#[test]
fn records_of_classified_tables_are_told_of_the_person() {
    let statement =
        |sql: &str, tag: &str| format!("20260302 00:00:01,db1,portal_app,10.0.1.12,7,1,QUERY,hr,'{sql}{tag}',0\n");
    let text = [
        statement("SELECT * FROM employees WHERE id=2946", " /*uid=u1*/"),
        statement("SELECT iban FROM bank_accounts WHERE employee_id IN (2946,7)", " /*uid=u1*/"),
        statement("SELECT * FROM shop.orders WHERE order_id=5", " /*uid=u1*/"),
        statement("SELECT * FROM employees WHERE id=8", ""),
    ]
    .concat();
    let outcome = read_text(&plan(&[AUDIT]), &text);
    let numbers = |kind: EntityKind, id: &str| {
        let mut numbers: Vec<_> = outcome.of(kind, id).records.iter().filter_map(Record::number).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(EntityKind::PortalUser, "u1"), [7, 2946], "one person has one record, whatever the table");
    assert_eq!(numbers(EntityKind::UserTable, "u1|hr.employees"), [2946]);
    assert_eq!(numbers(EntityKind::DbAccount, "portal_app@10.0.1.12"), Vec::<u64>::new());
}

#[test]
fn requests_and_logins() {
    let line = |user: &str, address: &str, method: &str, uri: &str, status: u16| {
        format!(
            r#"{{"time":"2026-03-02T00:00:01Z","remote_addr":"{address}","remote_user":"{user}","request_method":"{method}","request_uri":"{uri}","status":{status},"body_bytes_sent":100,"http_user_agent":"M","session":"s1"}}"#
        )
    };
    let text = [
        line("u1", "92.20.1.1", "GET", "/rest/V1/hr/employees?page=1", 200),
        line("u1", "92.20.1.1", "GET", "/rest/V1/%68r//employees", 403),
        line("u1", "92.20.1.1", "GET", "/product.html", 200),
        line("-", "203.0.1.1", "POST", "/portal/auth/login?u=u1", 401),
        line("-", "203.0.1.1", "POST", "/portal/auth/login?u=u2", 401),
        line("u2", "203.0.1.1", "POST", "/portal/auth/login", 302),
    ]
    .join("\n");
    let alone = read_text(&plan(&[ACCESS]), &text);
    let user = alone.of(EntityKind::PortalUser, "u1");
    let counts = |tally: &Tally| {
        [
            Metric::Requests,
            Metric::ClassifiedRequests,
            Metric::Bytes,
            Metric::Denied,
            Metric::LoginsOk,
            Metric::LoginsFailed,
        ]
        .map(|metric| tally.get(metric))
    };
    assert_eq!(counts(&user), [3, 2, 200, 1, 0, 1]);
    assert_eq!(user.known_by, KnownBy::AccessLog);
    assert!(user.addresses.contains("92.20.1.1") && user.places.contains("DE/home"));
    assert!(!user.addresses.contains("203.0.1.1"), "a refused login says nothing of where the user is");
    let address = alone.of(EntityKind::Address, "203.0.1.1");
    assert_eq!(counts(&address), [3, 0, 0, 0, 1, 2]);
    assert!(address.accounts.contains("u1") && address.accounts.contains("u2") && address.places.contains("/office"));
    assert_eq!(address.logins.iter().map(|login| login.ok).collect::<Vec<_>>(), [false, false, true]);
    let fleet = alone.of(EntityKind::Fleet, "all");
    assert_eq!([Metric::LoginsOk, Metric::LoginsFailed].map(|metric| fleet.get(metric)), [1, 2]);
    assert!(fleet.accounts.contains("203.0.1.1 u1") && fleet.records.contains(Record::new("address", "203.0.1.1")));
    assert_eq!(alone.of(EntityKind::Session, "s1"), Tally::default(), "a session's id leaves only as a hash");
    let hashed = alone.tallies.keys().find(|(_, kind, ..)| *kind == EntityKind::Session).unwrap().2.clone();
    let session = alone.of(EntityKind::Session, &hashed);
    assert_eq!(counts(&session), [3, 2, 200, 1, 0, 0], "all requests of who is logged in");
    assert!(session.accounts.contains("u1"));
    let with_slow_log = read_text(&plan(&[ACCESS, SLOW]), &text);
    assert_eq!(counts(&with_slow_log.of(EntityKind::PortalUser, "u1"))[2], 200, "bytes over HTTP all the same");
}

#[test]
fn every_record_of_real_files_is_accounted_for() {
    for (source, names) in [
        (ACCESS, ["normal", "breach_nasty"].as_slice()),
        (AUDIT, &["normal", "odd", "breach"]),
        (SLOW, &["normal", "odd", "breach"]),
    ] {
        for name in names {
            let records = lines(&golden(source.1, name));
            let outcome = read(&plan(&[source]), &records, &[]);
            assert_eq!(outcome.accounted(), records.len() as u64, "{} {name}", source.1);
            assert_eq!(outcome.ranges[0].pending, 0);
            assert_eq!((outcome.ranges[0].from, outcome.ranges[0].to), (0, records.len() as i64));
            assert_eq!(outcome.ranges[0].bytes, records.iter().map(|record| record.len() as u64).sum::<u64>());
            assert_eq!(outcome.dead, [], "{} {name}", source.1);
        }
    }
    let odd = read(&plan(&[SLOW]), &lines(&golden("mariadb_slow_log", "odd")), &[]);
    let forger = odd.of(EntityKind::DbAccount, "root@localhost");
    assert_eq!(forger, Tally::default(), "the entry forged in a literal is none");
}

#[test]
fn logs_of_applications_and_postgres_are_accounted_for_over_restarts() {
    for (format, name, dead) in [
        ("postgres_csv", "pgaudit", 0),
        ("postgres_json", "pgaudit", 0),
        ("hr_audit_json", "hr_audit", 1),
        ("monolog_json", "logstash", 1),
        ("monolog_line", "hr_audit", 1),
        ("monolog_line", "exception", 0),
        ("magento_db_log", "db", 0),
        ("debezium", "bare", 0),
        ("debezium", "schema", 0),
    ] {
        let (plan, records) = (plan(&[("log", format)]), lines(&golden(format, name)));
        let whole = read(&plan, &records, &[]);
        assert_eq!(whole.accounted(), records.len() as u64, "{format} {name}");
        assert_eq!((whole.ranges[0].pending, whole.dead.len()), (0, dead), "{format} {name}");
        let restarts: Vec<_> = (1..records.len()).step_by(3).collect();
        let torn = read(&plan, &records, &restarts);
        assert_eq!(torn.dead.len(), dead, "{format} {name}");
        assert_eq!(torn.without_evidence(), whole.without_evidence(), "{format} {name}");
    }
}

#[test]
fn a_log_that_names_no_account_counts_for_table_and_host() {
    let mut settings = settings(&[("sql", "magento_db_log")]);
    settings.sources[0].app_host = Some("10.0.1.12".into());
    settings.classification.tables.insert("*.hr_*".into(), "hr".into());
    let plan = settings.plans(&Arc::default(), Span::from_minutes(2)).unwrap()[0].clone();
    let outcome = read(&plan, &lines(&golden("magento_db_log", "db")), &[]);
    let host = outcome.of(EntityKind::AppHost, "10.0.1.12");
    let counts = [Metric::Statements, Metric::UnnamedStatements, Metric::RowsSent, Metric::RowsAffected];
    assert_eq!(counts.map(|metric| host.get(metric)), [3, 3, 32, 1]);
    let tables = outcome.tallies.iter().filter(|((_, kind, ..), _)| *kind == EntityKind::Table);
    assert!(tables.clone().count() == 3 && tables.clone().all(|(_, tally)| tally.accounts.is_empty()));
}

#[test]
fn rows_with_account_numbers_are_those_of_statements_that_write_them() {
    let entry = |second: i64, rows: u64, text: &str| {
        format!(
            "# User@Host: a[a] @  [1.1.1.1]\n# Query_time: 0.1  Rows_sent: 0  Rows_examined: 50\n# Rows_affected: {rows}  Bytes_sent: 9\n\
             SET timestamp={};\n{text} /*uid=u1*/;\n",
            1_772_409_600 + second
        )
    };
    let text = [
        entry(1, 3, "UPDATE hr.bank_accounts SET iban = 'XX1' WHERE employee_id IN (1, 2, 3)"),
        entry(2, 40, "UPDATE hr.bank_accounts SET note = ''"),
        entry(3, 7, "INSERT INTO hr.bank_accounts SELECT * FROM hr.new_accounts"),
    ];
    let outcome = read_text(&plan(&[SLOW]), &text.concat());
    let pair = outcome.of(EntityKind::UserTable, "u1|hr.bank_accounts");
    assert_eq!((pair.get(Metric::RowsAffected), pair.get(Metric::BankRowsAffected)), (50, 10));
    assert!(pair.signals.contains(Signal::BankDetails));
}

#[test]
fn account_numbers_leave_as_hashes_with_whose_they_became() {
    let update = |number: &str, employee: u32| {
        format!("UPDATE hr.bank_accounts SET iban = \\'{number}\\' WHERE employee_id = {employee} /*uid=u1*/")
    };
    let row = |second: u32, text: &str| format!("20260302 00:00:{second:02},db1,app,10.0.1.1,7,1,QUERY,hr,'{text}',0");
    let failed = row(5, &update("DE89370400440532013000", 9)).replace(",0", ",1142");
    let rows = [
        row(1, &update("DE89370400440532013000", 7)),
        row(2, &update("DE89 3704 0044 0532 0130 00", 8)),
        row(3, &update("DE89370400440532013000", 8)),
        row(4, &update("FR7630006000011234567890189", 8)),
    ];
    let outcome = read_text(&plan(&[AUDIT]), &rows.join("\n"));
    let of = |kind, id: &str| -> Vec<(String, String)> {
        let tally = outcome.of(kind, id);
        tally.payees().map(|(hash, whose)| (hash.to_owned(), whose.to_owned())).collect()
    };
    let of_pair = of(EntityKind::UserTable, "u1|hr.bank_accounts");
    assert_eq!(of_pair.len(), 3, "{of_pair:?}");
    let accounts: std::collections::BTreeSet<_> = of_pair.iter().map(|(hash, _)| hash).collect();
    assert!(accounts.len() == 2 && accounts.iter().all(|hash| hash.len() == 16), "{of_pair:?}");
    let of_table = of(EntityKind::Table, "hr.bank_accounts");
    assert!(of_table.len() == 2 && of_table.iter().all(|(_, whose)| whose == "u1"), "{of_table:?}");
    let outcome = read_text(&plan(&[AUDIT]), &failed);
    assert_eq!(
        outcome.of(EntityKind::UserTable, "u1|hr.bank_accounts").payees().count(),
        0,
        "what was refused changed nothing"
    );
}

#[test]
fn late_is_judged_in_offset_order_and_counts_where_event_time_is() {
    let row = |minute: u32, text: &str| format!("20260302 00:{minute:02}:00,db1,app,10.0.1.1,7,1,QUERY,hr,'{text}',0");
    let outcome = read_text(
        &plan(&[AUDIT]),
        &[
            row(10, "SELECT * FROM employees"),
            row(8, "SELECT * FROM employees"),
            row(7, "SELECT * FROM employees"),
            row(7, "SELECT * FROM employees INTO OUTFILE 1"),
        ]
        .join("\n"),
    );
    let account = outcome.of(EntityKind::DbAccount, "app@10.0.1.1");
    assert_eq!(account.get(Metric::Statements), 4);
    assert_eq!((outcome.sum(|range| range.contributed), outcome.sum(|range| range.late)), (2, 2));
    let shown: Timestamp = "2026-03-02T00:10:00Z".parse().unwrap();
    assert_eq!(outcome.ranges[0].watermark, shown);
    let key = (Mode::Live, EntityKind::DbAccount, "app@10.0.1.1".to_owned(), shown.bucket());
    assert!(outcome.tallies[&key].signals.contains(Signal::IntoOutfile));
    assert_eq!(outcome.tallies[&key].get(Metric::Statements), 3);
}

#[test]
fn a_stamp_that_was_set_to_the_past_hides_no_rows() {
    let entry = |stamp: i64, table: &str, rows: u64| {
        format!(
            "# User@Host: a[a] @  [1.1.1.1]\n# Query_time: 0.1  Rows_sent: {rows}\nSET timestamp={stamp};\nSELECT * FROM hr.{table};\n"
        )
    };
    let text = [entry(1_772_409_601, "employees", 1), entry(1, "payslips", 400), entry(0, "payslips", 7)].concat();
    let records = lines(text.as_bytes());
    for restarts in [&[][..], &[5, 9]] {
        let outcome = read(&plan(&[SLOW]), &records, restarts);
        let shown = Timestamp::from_secs(1_772_409_601).bucket();
        let table = &outcome.tallies[&(Mode::Live, EntityKind::Table, "hr.payslips".to_owned(), shown)];
        assert_eq!((table.get(Metric::Statements), table.get(Metric::RowsSent)), (2, 407));
        assert!(table.classes.contains(activity::DataClass::Hr) && table.accounts.contains("a@1.1.1.1"));
        assert!(outcome.tallies.keys().all(|(.., bucket)| *bucket == shown));
        assert_eq!((outcome.sum(|range| range.contributed), outcome.sum(|range| range.late)), (4, 8));
    }
}

#[test]
fn too_long_lines_and_entries_that_cannot_be_read_become_dead_letters() {
    let long = vec![b'x'; 10 * LINE_BYTES_MAX];
    let outcome = read(&plan(&[AUDIT]), &[long], &[]);
    let letter = &outcome.dead[0];
    assert_eq!((letter.reason, letter.excerpt.len(), letter.bytes), ("too_long", 4096, 10 << 20));
    assert_eq!(outcome.sum(|range| range.dead_lettered), 1);

    // Without a time.
    let mut text = String::from("# User@Host: a[a] @  [1.1.1.1]\n# Query_time: 1  Rows_sent: 1\nSELECT '\n");
    text += &"0123456789\n".repeat(ENTRY_BYTES_MAX / 11 + 10);
    let length = text.len();
    text += "';\n# User@Host: a[a] @  [1.1.1.1]\nSET timestamp=1772409601;\nSELECT * FROM hr.employees;\n";
    let records = lines(text.as_bytes());
    let outcome = read(&plan(&[SLOW]), &records, &[]);
    assert_eq!(outcome.accounted(), records.len() as u64);
    let letters: Vec<_> = outcome.dead.iter().map(|letter| (letter.reason, letter.bytes as usize)).collect();
    assert_eq!(letters, [("too_long", length + "';".len())]);
    assert_eq!(
        outcome.of(EntityKind::DbAccount, "a@1.1.1.1").get(Metric::Statements),
        1,
        "the next entry is read again"
    );
}

/// An entry whose text has `padding` in it, and the one behind it.
fn padded(before: &str, padding: &str, behind: &str) -> String {
    format!(
        "# User@Host: a[a] @  [1.1.1.1]\n# Query_time: 1.0  Lock_time: 0.1  Rows_sent: 400  Rows_examined: 400\n\
         # Rows_affected: 0  Bytes_sent: 90000\nSET timestamp=1772409600;\n{before}{padding}{behind};\n\
         # User@Host: a[a] @  [1.1.1.1]\n# Query_time: 1.0  Lock_time: 0.1  Rows_sent: 5  Rows_examined: 5\n\
         SET timestamp=1772409601;\nSELECT * FROM hr.employees;\n"
    )
}

const FORGED: &str = "\n;\n# User@Host: root[root] @ localhost [127.0.0.1]\n# Query_time: 1.0  Lock_time: 0.1  Rows_sent: 900000  \
    Rows_examined: 1\nSET timestamp=1772409602;\nSELECT * FROM hr.payslips;\n";

#[test]
fn no_length_of_a_literal_lets_its_text_pose_as_an_entry() {
    for padding in ["\n".repeat(20_100), "x\n".repeat(ENTRY_BYTES_MAX), "\n".repeat(3 * ENTRY_BYTES_MAX)] {
        let text = padded("INSERT INTO hr.notes VALUES ('", &format!("{padding}{FORGED}"), "')");
        let records = grouped(&lines(text.as_bytes()), &[1, 30_000]);
        let outcome = read(&plan(&[SLOW]), &records, &[3]);
        assert_eq!(outcome.accounted(), records.len() as u64);
        assert_eq!(outcome.of(EntityKind::DbAccount, "root@localhost"), Tally::default());
        assert_eq!(outcome.of(EntityKind::Table, "hr.payslips"), Tally::default());
        assert_eq!(outcome.dead, []);
        let account = outcome.of(EntityKind::DbAccount, "a@1.1.1.1");
        assert_eq!((account.get(Metric::Statements), account.get(Metric::RowsSent)), (2, 405));
    }
}

#[test]
fn padding_hides_no_counts() {
    let padding = format!(" /*{}*/ ", "x".repeat(2 * ENTRY_BYTES_MAX));
    let text = padded("SELECT * FROM hr.payslips", &padding, "LIMIT 1 /*uid=u1*/");
    let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
    let mut ingester = Ingester::new(plan(&[SLOW]), 0, Resume::fresh());
    for (offset, record) in (0..).zip(lines(text.as_bytes())) {
        let raw = Raw {
            bytes: &record,
            offset,
            mode: Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
    }
    assert_eq!((dead.len(), ingester.take_rejected()), (0, vec![("mariadb_slow_log", "truncated", 1)]));
    let mut outcome = Outcome { tallies: Tallies::new(), dead, ranges: Vec::new() };
    collect(&mut outcome.tallies, &mut tallier);
    let table = outcome.of(EntityKind::Table, "hr.payslips");
    assert_eq!([Metric::Statements, Metric::RowsSent, Metric::Bytes].map(|metric| table.get(metric)), [1, 400, 90_000]);
    assert!(table.accounts.contains("a@1.1.1.1"), "a tag behind the cut is not seen, so the account stands for it");

    // A line of server_audit lacks its end then: what stands there is of the text, and no result.
    let x = "x".repeat(LINE_BYTES_MAX);
    let line = format!("20260302 00:00:01,db1,a,1.1.1.1,7,1,QUERY,hr,'SELECT * FROM payslips /*{x}\\',1142*/',0");
    let cut = &line[..LINE_BYTES_MAX];
    for line in [&line, cut] {
        let outcome = read(&plan(&[AUDIT]), &[line.into()], &[]);
        assert_eq!((outcome.dead.len(), outcome.sum(|range| range.contributed)), (0, 1));
        let table = outcome.of(EntityKind::Table, "hr.payslips");
        assert_eq!((table.get(Metric::Statements), table.get(Metric::Denied)), (1, 0));
    }
    // An envelope is opened, however long it is.
    let line = "20260302 00:00:01,db1,a,1.1.1.1,7,1,QUERY,hr,'SELECT * FROM payslips',0";
    let wrapped = serde_json::json!({ "@timestamp": "2026-03-02T00:00:02Z", "agent": {}, "message": line, "x": x });
    let outcome = read(&plan(&[AUDIT]), &[wrapped.to_string().into_bytes()], &[]);
    assert_eq!((outcome.dead.len(), outcome.of(EntityKind::Table, "hr.payslips").get(Metric::Statements)), (0, 1));
}

#[test]
fn a_drill_leaves_the_entry_that_is_pending_alone_and_acts_on_shadows() {
    let plan = plan(&[SLOW]);
    let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
    let mut ingester = Ingester::new(plan, 0, Resume::fresh());
    let mode = Mode::Drill(DrillId(7));
    let entry = |stamp: i64, table: &str| {
        format!(
            "# User@Host: a[a] @  [1.1.1.1]\n# Query_time: 0.1  Rows_sent: 5\nSET timestamp={stamp};\nSELECT * FROM hr.{table};\n"
        )
    };
    let live = entry(1_772_409_601, "employees");
    let (begun, ended) = live.split_at(live.find("FROM").unwrap());
    let drill = entry(1_772_500_000, "payslips");
    let mut take = |offset, bytes: &str, mode| {
        ingester.take(
            Raw {
                bytes: bytes.as_bytes(),
                offset,
                mode,
                forged_mark: false,
                written: Written::Unknown,
                resubmitted: None,
            },
            &mut tallier,
            &mut dead,
        );
        (ingester.resume().0, ingester.watermark())
    };
    assert_eq!(take(0, begun, Mode::Live).0, 0);
    assert_eq!(take(1, &drill, mode).0, 0, "a restart here reads the live one again");
    let (position, watermark) = take(2, ended, Mode::Live);
    assert_eq!((position, watermark), (3, Timestamp::from_secs(1_772_409_601)), "a drill does not move event time");
    let range = ingester.flushed();
    assert_eq!((range.contributed, range.pending), (3, 0));
    let mut tallies = Tallies::new();
    collect(&mut tallies, &mut tallier);
    let tables: Vec<_> = tallies
        .keys()
        .filter(|(_, kind, ..)| *kind == EntityKind::Table)
        .map(|(mode, _, id, _)| (mode.is_drill(), id.as_str()))
        .collect();
    assert_eq!(tables, [(false, "hr.employees"), (true, "hr.payslips")]);
}

#[test]
fn a_forged_mark_is_live_and_a_signal() {
    let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
    let mut ingester = Ingester::new(plan(&[AUDIT]), 0, Resume::fresh());
    let bytes = b"20260302 00:00:01,db1,app,10.0.1.1,7,1,QUERY,hr,'SELECT * FROM employees',0";
    for (offset, bytes) in [&bytes[..], b"junk"].into_iter().enumerate() {
        let raw = Raw {
            bytes,
            offset: offset as i64,
            mode: Mode::Live,
            forged_mark: true,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
    }
    let mut tallies = Tallies::new();
    collect(&mut tallies, &mut tallier);
    let source = tallies.iter().find(|((_, kind, ..), _)| *kind == EntityKind::Source).unwrap().1;
    assert!(source.signals.contains(Signal::ForgedDrillMark));
    assert_eq!(source.evidence.iter().len(), 2);
    assert!(tallies.keys().any(|(mode, kind, ..)| *mode == Mode::Live && *kind == EntityKind::Table));
    assert_eq!(ingester.take_rejected(), [("mariadb_server_audit", "bad_time", 1)]);
    assert_eq!(ingester.take_rejected(), []);
}

/// Lines grouped into records by the sizes given, in turn.
fn grouped(lines: &[Vec<u8>], sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let (mut at, mut turn) = (0, 0);
    while at < lines.len() {
        let end = (at + sizes[turn % sizes.len()]).min(lines.len());
        records.push(lines[at..end].join(&b'\n'));
        (at, turn) = (end, turn + 1);
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn flushes_and_restarts_change_nothing(
        which in 0..5usize,
        sizes in proptest::collection::vec(1..12usize, 1..4),
        mut restarts in proptest::collection::vec(1..200usize, 0..8),
    ) {
        let (source, name) = [(ACCESS, "normal"), (AUDIT, "odd"), (SLOW, "normal"), (SLOW, "odd"), (SLOW, "breach")][which];
        let all = lines(&golden(source.1, name));
        let records = if source == SLOW { grouped(&all, &sizes) } else { all };
        restarts.sort_unstable();
        restarts.dedup();
        let plan = plan(&[source]);
        let undisturbed = read(&plan, &records, &[]);
        let restarted = read(&plan, &records, &restarts);
        prop_assert_eq!(restarted.accounted(), records.len() as u64);
        for pair in restarted.ranges.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
        }
        let counts: [fn(&Range) -> u64; 4] =
            [|range| range.contributed, |range| range.ignored, |range| range.dead_lettered, |range| range.late];
        for count in counts {
            prop_assert_eq!(restarted.sum(count), undisturbed.sum(count));
        }
        prop_assert_eq!(restarted.tallies, undisturbed.tallies);
    }

    #[test]
    fn a_torn_slow_log_equals_the_whole(
        which in 0..3usize,
        sizes in proptest::collection::vec(1..40usize, 1..6),
    ) {
        let all = lines(&golden("mariadb_slow_log", ["normal", "odd", "breach"][which]));
        let plan = plan(&[SLOW]);
        let torn = read(&plan, &all, &[]).without_evidence();
        prop_assert!(!torn.is_empty());
        prop_assert_eq!(read(&plan, &grouped(&all, &sizes), &[]).without_evidence(), torn);
    }

    #[test]
    fn arbitrary_records_are_accounted_for(
        which in 0..3usize,
        records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
    ) {
        let plan = plan(&[[ACCESS, AUDIT, SLOW][which]]);
        let outcome = read(&plan, &records, &[]);
        prop_assert_eq!(outcome.accounted(), records.len() as u64);
    }
}

#[test]
fn personal_data_in_an_address_is_told_by_its_route_alone() {
    let line = |uri: &str| {
        format!(
            r#"{{"time":"2026-03-02T08:00:00Z","remote_addr":"203.0.113.5","remote_user":"u1","request_method":"GET","request_uri":"{uri}","status":200}}"#
        )
    };
    let outcome = read_text(
        &plan(&[ACCESS]),
        &[line("/portal/find/jane.doe@example.com/7?x=1"), line("/portal/x?y=2")].join("\n"),
    );
    let routes: Vec<_> =
        outcome.tallies.keys().filter(|key| key.1 == EntityKind::Route).map(|key| key.2.as_str()).collect();
    assert_eq!(routes, ["/portal/find/*/*"]);
    assert!(outcome.of(EntityKind::Route, "/portal/find/*/*").signals.contains(Signal::PersonalDataInUrl));
}
