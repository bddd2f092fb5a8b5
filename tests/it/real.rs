//! Real logs, the whole way: MariaDB, nginx and rsyslog with the snippets of `deploy/sources`, a real Kafka, breachd's ingest.
//!
//! Work is done through MariaDB and nginx (and the Magento module's audit log), and it is known exactly, because the statements and the expectation come from one
//! list. rsyslog ships the files as they grow. In the tallies stands then every statement with its user, tables and
//! rows, and nothing else. The database lives in Berlin, so a stamp read as UTC would be an hour or two off.
//!
//! `tests/run` installs the programs and sets `BREACHD_TEST_SERVERS`: there a missing one fails the test. Elsewhere it says
//! that it was skipped.

use crate::harness::{Daemon, Scratch, broker, contents, free_port, kafka_address, topic, unique, until};
use crate::real_servers::{ACCOUNTS, Database, Shipper, TIME_ZONE, Upstream, Web, missing, write_hr_audit};
use activity::{Bucket, EntityKind, KnownBy, Signal};
use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};
use stream::Broker;
use tally::{Batch, Metric, Tally};

/// One statement, sent some times.
struct Statement {
    /// Who is named in front of it.
    user: Option<&'static str>,
    /// The database account.
    account: &'static str,
    sql: String,
    times: u64,
    tables: &'static [&'static str],
    /// Of one of them.
    sent: u64,
    affected: u64,
}

/// A request, sent some times.
struct Request {
    user: Option<&'static str>,
    address: &'static str,
    line: &'static str,
    times: u64,
}

const EMPLOYEES: u64 = 2_000;
const PAYSLIPS: u64 = 2_000;

/// Names that would break out of a comment, a quote or a column, were they written as they are.
const USERS: [&str; 4] = ["u1001", "u1042", "o'brien, jr */", "zoë"];

/// Rows and thread of the entry that a literal forges; neither occurs otherwise.
const FORGED_ROWS: u64 = 54_321;
const FORGED_HOST: &str = "10.66.66.66";

fn statements(outfile: &Path) -> Vec<Statement> {
    let forged = format!(
        "INSERT INTO hr.notes (text) VALUES ('first line;\n# Time: 261126  3:00:00\n# User@Host: portal_app[portal_app] @  [{FORGED_HOST}]\n\
         # Thread_id: 666  Schema: hr  QC_hit: No\n# Query_time: 0.000100  Lock_time: 0.000010  Rows_sent: {FORGED_ROWS}  Rows_examined: {FORGED_ROWS}\n\
         # Rows_affected: 0  Bytes_sent: 10\nSET timestamp=1795439040;\n/*uid=''u1042''*/ SELECT * FROM hr.payslips;\n')"
    );
    let of = |user: Option<&'static str>, sql: &str, times, tables, sent, affected| Statement {
        user,
        account: "portal_app",
        sql: sql.to_owned(),
        times,
        tables,
        sent,
        affected,
    };
    let [clerk, payroll, quoted, accented] = USERS.map(Some);
    vec![
        of(clerk, "SELECT * FROM hr.employees ORDER BY id LIMIT 25", 4, &["hr.employees"], 25, 0),
        of(
            payroll,
            "SELECT e.name, p.net FROM hr.employees e JOIN hr.payslips p ON p.employee_id = e.id WHERE e.id <= 10",
            2,
            &["hr.employees", "hr.payslips"],
            10,
            0,
        ),
        of(payroll, "SELECT * FROM hr.payslips", 1, &["hr.payslips"], PAYSLIPS, 0),
        of(quoted, "UPDATE hr.payslips SET net = net + 1 WHERE id <= 7", 1, &["hr.payslips"], 0, 7),
        of(accented, "SELECT name\nFROM hr.employees -- who?\n WHERE id IN (1,\n 2, 3)", 3, &["hr.employees"], 3, 0),
        of(clerk, &forged, 1, &["hr.notes"], 0, 1),
        // A comment that poses as a tag, behind the front.
        of(None, "SELECT COUNT(*) /*uid='u1042'*/ FROM hr.payslips WHERE net > 0", 1, &["hr.payslips"], 1, 0),
        Statement {
            account: "backup",
            ..of(
                None,
                &format!("SELECT * FROM hr.employees INTO OUTFILE '{}'", outfile.display()),
                1,
                &["hr.employees"],
                EMPLOYEES,
                // MariaDB counts what it wrote to the file here too.
                EMPLOYEES,
            )
        },
        // Of no interest: no HR table.
        of(clerk, "SELECT * FROM shop.products", 5, &[], 3, 0),
    ]
}

const REQUESTS: [Request; 6] = [
    Request { user: Some("u1001"), address: "10.8.0.11", line: "GET /portal/payroll/list?page=1", times: 4 },
    Request { user: Some("u1042"), address: "10.8.0.42", line: "GET /portal/payroll/export?id=7", times: 3 },
    Request { user: Some("u1042"), address: "10.8.0.42", line: "GET /static/logo.png", times: 2 },
    Request { user: None, address: "10.8.0.11", line: "POST /portal/auth/login?u=u1001", times: 1 },
    Request { user: None, address: "192.0.2.66", line: "POST /portal/auth/login?u=victim&wrong", times: 5 },
    Request { user: None, address: "192.0.2.66", line: "GET /portal/payroll/list", times: 1 },
];

/// What the application says of the same: it is counted once. Here it alone knows who was logged in.
const HR_AUDIT: &str = r#"{"action":"login","success":true,"user":"u1001","ip":"10.8.0.11","details":{}}
{"action":"export","success":true,"user":"u1042","ip":"10.8.0.42","details":{"table":"hr.payslips","rows":2000}}
{"action":"login_failed","success":false,"user":"","ip":"192.0.2.66","details":{"user":"victim"}}
{"action":"login_failed","success":false,"user":"","ip":"192.0.2.66","details":{"user":"victim"}}
{"action":"login_failed","success":false,"user":"","ip":"192.0.2.66","details":{"user":"victim"}}
{"action":"login_failed","success":false,"user":"","ip":"192.0.2.66","details":{"user":"victim"}}
{"action":"login_failed","success":false,"user":"","ip":"192.0.2.66","details":{"user":"victim"}}
"#;

/// The logs, in the scratch directory.
const FILES: [&str; 4] = ["access.log", "audit.log", "slow.log", "hr_audit.json.log"];

/// Refused logins at the database itself.
const DATABASE_GUESSES: u64 = 3;

/// The tags that the Magento module puts in front, by the module's own class.
fn tags() -> BTreeMap<&'static str, String> {
    let class = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/sources/magento/Breachd_Audit/Model/SqlComment.php");
    let code = "require $argv[1]; foreach (array_slice($argv, 2) as $user) \
                echo Breachd\\Audit\\Model\\SqlComment::of(['uid' => $user, 'rid' => md5($user)]), \"\\n\";";
    let output = Command::new("php").arg("-r").arg(code).arg("--").arg(class).args(USERS).output().expect("php");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8(output.stdout).expect("percent-encoded");
    let tags: BTreeMap<_, _> = USERS.into_iter().zip(text.lines().map(str::to_owned)).collect();
    assert_eq!(tags.len(), USERS.len());
    tags
}

fn config(scratch: &Scratch, prefix: &str) -> std::path::PathBuf {
    let mut sources = String::new();
    for (name, format, zone) in [
        ("access", "nginx_json", "UTC"),
        ("audit", "mariadb_server_audit", TIME_ZONE),
        ("slow", "mariadb_slow_log", TIME_ZONE),
        ("hr_audit", "hr_audit_json", "UTC"),
    ] {
        sources += &format!(
            "[[sources]]\nname = \"{name}\"\nformat = \"{format}\"\nzone = \"{zone}\"\ntopic = \"{prefix}-{name}\"\ndatabase = \"shop\"\n{}",
            if name == "audit" { "query_log_limit = 8192\n" } else { "" }
        );
    }
    scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 3\n\
             [ingest]\nflush_interval = \"50ms\"\nexpire_after = \"1s\"\n[console]\nlisten = \"127.0.0.1:{}\"\n\
             [classification.tables]\n\"hr.*\" = \"hr\"\n[classification.routes]\n\"/portal/payroll/**\" = \"hr\"\n\
             [attribution]\nsql_tags = [{{ key = \"uid\", position = \"front\" }}]\n{sources}",
            kafka_address(),
            free_port(),
        ),
    )
}

fn batches(broker: &dyn Broker, topic: &str) -> Vec<Batch> {
    contents(broker, topic).iter().map(|(_, payload)| Batch::decode(payload).expect("a tally message")).collect()
}

/// How many records of each source are accounted for.
fn accounted(batches: &[Batch]) -> BTreeMap<&str, u64> {
    let mut records = BTreeMap::new();
    for range in batches.iter().filter(|batch| batch.partition == 0).flat_map(|batch| &batch.manifest.ranges) {
        *records.entry(&*range.source).or_default() += (range.to - range.from) as u64;
    }
    records
}

/// The minute it is.
fn now() -> Bucket {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Bucket((since.as_secs() / 60) as i64)
}

#[test]
fn every_statement_is_found_with_its_user_tables_and_rows() {
    let missing = missing();
    if !missing.is_empty() {
        let said = format!("missing: {missing:?}; tests/run installs them");
        assert!(std::env::var_os("BREACHD_TEST_SERVERS").is_none(), "{said}");
        eprintln!("skipped: {said}");
        return;
    }
    let scratch = Scratch::new("real");
    let prefix = unique("real");
    let broker = broker();
    let raw = ["access", "audit", "slow", "hr_audit"].map(|name| (name, format!("{prefix}-{name}")));
    // More partitions than files: the lines of a file must still meet in one.
    let topics: Vec<_> = raw.iter().map(|(_, name)| topic(name, 2)).collect();
    broker.create_topics(&topics).unwrap();

    let from = now();
    let database = Database::start(&scratch);
    let upstream = Upstream::start(USERS.iter().map(|user| (session_of(user), (*user).to_owned())).collect());
    let web = Web::start(&scratch, upstream.port);
    let files = FILES.map(|file| scratch.0.join(file));
    let shipper = Shipper::start(&scratch, kafka_address(), &prefix, files.each_ref().map(std::path::PathBuf::as_path));
    let mut daemon = Daemon::run(&config(&scratch, &prefix), &["--roles", "ingest"], scratch.0.join("daemon.log"));

    let statements = statements(&scratch.0.join("stolen.txt"));
    let tags = tags();
    for statement in &statements {
        let tag = statement.user.map(|user| tags[user].as_str()).unwrap_or_default();
        let sql = format!("{tag}{};\n", statement.sql).repeat(statement.times as usize);
        database.run(statement.account, &sql);
    }
    for _ in 0..DATABASE_GUESSES {
        database.guess("portal_app");
    }
    for request in &REQUESTS {
        for _ in 0..request.times {
            web.send(request.line, request.address, request.user.map(session_of).as_deref());
        }
    }
    write_hr_audit(&scratch, HR_AUDIT);
    drop((web, database));

    // Everything has been written; everything is shipped; everything is accounted for.
    let mut written = BTreeMap::new();
    for ((name, topic), file) in raw.iter().zip(&files) {
        let lines = std::fs::read(file).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        until("rsyslog ships every line", || {
            let shipped = contents(broker.as_ref(), topic);
            assert!(shipped.len() <= lines, "{name}: {} records of {lines} lines", shipped.len());
            (shipped.len() == lines).then_some(())
        });
        written.insert(*name, lines as u64);
    }
    drop(shipper);
    let tallies = format!("{prefix}.tallies");
    let batches = until("every record is accounted for", || {
        let batches = batches(broker.as_ref(), &tallies);
        (accounted(&batches) == written).then_some(batches)
    });
    assert_eq!(daemon.terminate(), Some(0));
    let letters = contents(broker.as_ref(), &format!("{prefix}.dead-letter"));
    assert!(letters.is_empty(), "{}", String::from_utf8_lossy(&letters[0].1));
    for range in batches.iter().flat_map(|batch| &batch.manifest.ranges) {
        assert_eq!((range.dead_lettered, range.late), (0, 0), "{}", range.source);
    }

    let mut found: BTreeMap<(EntityKind, String), Tally> = BTreeMap::new();
    for entry in batches.iter().flat_map(|batch| &batch.entries) {
        // In the minutes of the test: the zone is right.
        assert!(from <= entry.bucket && entry.bucket <= now(), "{:?} {} {:?}", entry.kind, entry.id, entry.bucket);
        found.entry((entry.kind, entry.id.to_string())).or_default().merge(&entry.tally);
    }
    judge_statements(&statements, &found);
    judge_requests(&found);

    // The guesses at the database's door stand at their address. Whoever connected and said nothing (the test, to see
    // whether the server is there) has not guessed.
    let host = &found[&(EntityKind::Address, "127.0.0.1".to_owned())];
    assert_eq!(host.get(Metric::LoginsFailed), DATABASE_GUESSES);
    assert!(host.accounts.contains("portal_app") && host.accounts.len() == 1);

    // The entry in the literal is nobody's, and its rows are nowhere.
    for ((kind, id), tally) in &found {
        assert!(!id.contains(FORGED_HOST), "{kind:?} {id}");
        assert!(!tally.addresses.contains(FORGED_HOST), "{kind:?} {id}");
        assert!(tally.get(Metric::RowsSent) < FORGED_ROWS, "{kind:?} {id}");
    }
}

/// Statements and rows of each entity are those that were sent, and no user or table is there besides.
fn judge_statements(statements: &[Statement], found: &BTreeMap<(EntityKind, String), Tally>) {
    let mut expected: BTreeMap<(EntityKind, String), [u64; 3]> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| !statement.tables.is_empty()) {
        let actor = match statement.user {
            Some(user) => (EntityKind::PortalUser, user.to_owned()),
            None => (EntityKind::DbAccount, format!("{}@127.0.0.1", statement.account)),
        };
        let tables = statement.tables.iter().flat_map(|table| {
            let pair = statement.user.map(|user| (EntityKind::UserTable, format!("{user}|{table}")));
            pair.into_iter().chain([(EntityKind::Table, (*table).to_owned())])
        });
        let host = (EntityKind::AppHost, "127.0.0.1".to_owned());
        for entity in tables.chain([actor, host]) {
            let counts = expected.entry(entity).or_default();
            counts[0] += statement.times;
            counts[1] += statement.times * statement.sent;
            counts[2] += statement.times * statement.affected;
        }
    }
    for ((kind, id), counts) in &expected {
        let tally = found.get(&(*kind, id.clone())).unwrap_or_else(|| panic!("{kind:?} {id} is not there"));
        let counted = [Metric::Statements, Metric::RowsSent, Metric::RowsAffected].map(|metric| tally.get(metric));
        assert_eq!(counted, *counts, "statements, rows sent, rows affected of {kind:?} {id}");
        assert!(tally.get(Metric::RowsExamined) >= counts[1], "{kind:?} {id}");
        if *kind == EntityKind::UserTable {
            assert_eq!(tally.known_by, KnownBy::SqlTag, "{id}");
        }
    }
    for (kind, id) in found.keys() {
        if matches!(kind, EntityKind::UserTable | EntityKind::Table) {
            assert!(expected.contains_key(&(*kind, id.clone())), "nobody touched {kind:?} {id}");
        }
    }
    // server_audit's own word on the tables, each time.
    for table in ["hr.employees", "hr.payslips", "hr.notes"] {
        let key = (EntityKind::Table, table.to_owned());
        assert_eq!(found[&key].get(Metric::TableTouches), expected[&key][0], "{table}");
    }
    // What nobody is named for: the read with a tag in the wrong place, and the file.
    let host = &found[&(EntityKind::AppHost, "127.0.0.1".to_owned())];
    assert_eq!(host.get(Metric::UnnamedStatements), 2);
    judge_signals(found);
    let backup = &found[&(EntityKind::DbAccount, "backup@127.0.0.1".to_owned())];
    assert!(backup.signals.contains(Signal::IntoOutfile) && backup.tables.contains("hr.employees"));
}

/// Who posed as somebody, or as an entry, is told of, and nobody else: the person, where the statement names one, else the account.
fn judge_signals(found: &BTreeMap<(EntityKind, String), Tally>) {
    let with = |signal: Signal| -> Vec<(EntityKind, &str)> {
        let told = found.iter().filter(|(_, tally)| tally.signals.contains(signal));
        told.map(|((kind, id), _)| (*kind, id.as_str())).collect()
    };
    let account = "portal_app@127.0.0.1";
    assert_eq!(with(Signal::MisplacedTag), [(EntityKind::DbAccount, account)], "the tag behind the front");
    assert_eq!(with(Signal::ForgedEntry), [(EntityKind::PortalUser, "u1001")], "the entry in the literal");
}

fn judge_requests(found: &BTreeMap<(EntityKind, String), Tally>) {
    for user in ["u1001", "u1042"] {
        let tally = &found[&(EntityKind::PortalUser, user.to_owned())];
        let mine = || REQUESTS.iter().filter(|request| request.user == Some(user));
        let all: u64 = mine().map(|request| request.times).sum();
        let classified: u64 =
            mine().filter(|request| request.line.contains("/payroll/")).map(|request| request.times).sum();
        let logins = u64::from(user == "u1001");
        // The query of the login that came in names nobody: the application does.
        assert_eq!(tally.get(Metric::Requests), all, "{user}");
        assert_eq!(tally.get(Metric::ClassifiedRequests), classified, "{user}");
        assert_eq!(tally.get(Metric::LoginsOk), logins, "{user}");
        let address = mine().next().expect("a request").address;
        assert!(tally.addresses.contains(address) && tally.addresses.len() == 1, "{user}");
    }
    let attacker = &found[&(EntityKind::Address, "192.0.2.66".to_owned())];
    assert_eq!((attacker.get(Metric::LoginsFailed), attacker.get(Metric::Requests)), (5, 6));
    assert!(attacker.accounts.contains("victim") && attacker.accounts.len() == 1);
    // The one whose name was tried has done nothing.
    let victim = &found[&(EntityKind::PortalUser, "victim".to_owned())];
    assert_eq!((victim.get(Metric::LoginsFailed), victim.get(Metric::Requests)), (5, 0));
    assert!(victim.addresses.is_empty());
}

/// A session id as PHP makes them, of its own for each user.
fn session_of(user: &str) -> String {
    user.bytes().chain("0123456789abcdef0123456789".bytes()).map(|byte| char::from(b'a' + byte % 26)).take(26).collect()
}

#[test]
fn accounts_of_the_test_are_those_that_statements_use() {
    for statement in statements(Path::new("x")) {
        assert!(ACCOUNTS.contains(&statement.account));
    }
}
