//! Who did it, and which log counts it: sources of record, application hosts, request ids, pseudonyms, columns, views.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{EntityKind, KnownBy, Mode, Signal, Span};
use ingest::settings::{Measure, Source};
use ingest::{Coverage, Geo, Ingester, Plan, Pseudonyms, Raw, Resume, Settings, Written};
use std::{collections::BTreeMap, sync::Arc};
use tally::{Batch, Manifest, Metric, Tallier, Tally};

/// Tallies of all minutes, by kind and id.
#[derive(Default)]
struct Tallies(BTreeMap<(EntityKind, String), Tally>);

impl Tallies {
    fn of(&self, kind: EntityKind, id: &str) -> Tally {
        self.0.get(&(kind, id.to_owned())).cloned().unwrap_or_default()
    }

    fn get(&self, kind: EntityKind, id: &str, metric: Metric) -> u64 {
        self.of(kind, id).get(metric)
    }
}

fn settings(text: &str) -> Settings {
    let mut settings: Settings = toml::from_str(text).unwrap();
    for source in &mut settings.sources {
        source.zone.get_or_insert("UTC".into());
    }
    settings.classification.tables.entry("hr.*".into()).or_insert("hr".into());
    settings.classification.routes.entry("/rest/V1/hr/**".into()).or_insert("hr".into());
    assert_eq!(settings.check(), []);
    settings
}

/// Reads each text as the source of that name; what they say together, and each source's coverage.
fn read_with(settings: &Settings, key: Option<&[u8]>, logs: &[(&str, &str)]) -> (Tallies, Vec<Coverage>) {
    let geo = Geo::parse("network,country,kind,operator\n92.20.0.0/16,DE,home,Example Telecom\n").unwrap();
    let geo = Arc::new(geo);
    let privacy = Arc::new(Pseudonyms::new(&settings.privacy, key));
    let (mut tallies, mut coverage) = (Tallies::default(), Vec::new());
    for (name, text) in logs {
        let at = settings.sources.iter().position(|source| source.name == *name).unwrap();
        let plan = Plan::new(settings, at, &geo, Span::from_minutes(2)).unwrap().with_privacy(&privacy);
        let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
        let mut ingester = Ingester::new(Arc::new(plan), 0, Resume::fresh());
        for (offset, line) in text.lines().enumerate() {
            let bytes = line.as_bytes();
            let raw = Raw {
                bytes,
                offset: offset as i64,
                mode: Mode::Live,
                forged_mark: false,
                written: Written::Unknown,
                resubmitted: None,
            };
            ingester.take(raw, &mut tallier, &mut dead);
        }
        ingester.expire(&mut tallier, &mut dead);
        assert_eq!(dead, [], "{name}");
        ingester.flushed();
        coverage.push(ingester.coverage().clone());
        for (_, message) in tallier.flush(1, &Manifest::default()) {
            for entry in Batch::decode(&message).unwrap().entries {
                tallies.0.entry((entry.kind, entry.id.to_string())).or_default().merge(&entry.tally);
            }
        }
    }
    (tallies, coverage)
}

fn read(settings: &Settings, logs: &[(&str, &str)]) -> Tallies {
    read_with(settings, None, logs).0
}

fn audit(host: &str, statement: &str) -> String {
    let statement = statement.replace('\'', "\\'");
    format!("20260302 00:00:01,db1,portal_app,{host},7,1,QUERY,hr,'{statement}',0\n")
}

fn slow(host: &str, rows: [u64; 3], bytes: u64, statement: &str) -> String {
    let [sent, examined, affected] = rows;
    format!(
        "# Time: 260302  0:00:01\n# User@Host: portal_app[portal_app] @  [{host}]\n# Thread_id: 7  Schema: hr  QC_hit: No\n\
         # Query_time: 0.0006  Lock_time: 0.00  Rows_sent: {sent}  Rows_examined: {examined}\n\
         # Rows_affected: {affected}  Bytes_sent: {bytes}\nSET timestamp=1772409601;\n{statement};\n"
    )
}

fn access(user: &str, uri: &str, more: &str) -> String {
    format!(
        r#"{{"time":"2026-03-02T00:00:01Z","remote_addr":"92.20.1.1","remote_user":"{user}","request_method":"GET","request_uri":"{uri}","status":200,"body_bytes_sent":100,"http_user_agent":"M","session":"s1"{more}}}"#
    ) + "\n"
}

fn hr_audit(action: &str, user: &str, more: &str) -> String {
    format!(
        r#"{{"message":"m","context":{{"action":"{action}","user":"{user}","ip":"92.20.1.1","success":true,"session":"s1"{more}}},"level":200,"level_name":"INFO","channel":"hr_audit","datetime":"2026-03-02T00:00:01+00:00","extra":{{}}}}"#
    ) + "\n"
}

const DATABASE: &str = r#"
    sources = [
        { name = "audit", format = "mariadb_server_audit" },
        { name = "general", format = "mariadb_general_log" },
        { name = "slow", format = "mariadb_slow_log" },
        { name = "error", format = "mariadb_error_log" },
        { name = "app", format = "hr_audit_json" },
        { name = "access", format = "nginx_json" },
        { name = "other", format = "mariadb_slow_log", database = "other" },
    ]
"#;

/// What a source counts: statements, rows, logins, statements of people, rows of people.
fn counted(settings: &Settings, name: &str) -> [bool; 5] {
    let at = settings.sources.iter().position(|source| source.name == name).unwrap();
    let counts = Plan::new(settings, at, &Arc::default(), Span::ZERO).unwrap().counts();
    [counts.statements, counts.rows, counts.logins, counts.statements_of_people, counts.rows_of_people]
}

#[test]
fn a_table_that_the_application_names_without_a_schema_is_that_of_other_logs() {
    let settings = settings(
        r#"
        sources = [
            { name = "app", format = "hr_audit_json", schema = "hr" },
            { name = "lone", format = "hr_audit_json" },
        ]
        "#,
    );
    let lines = hr_audit("export", "u4", r#","table":"bank_accounts","rows":30000"#);
    let tallies = read(&settings, &[("app", &lines)]);
    assert_eq!(tallies.get(EntityKind::UserTable, "u4|hr.bank_accounts", Metric::RowsSent), 30_000);
    assert_eq!(tallies.get(EntityKind::Table, "hr.bank_accounts", Metric::RowsSent), 30_000);
    let (tallies, mut coverage) = read_with(&settings, None, &[("lone", &lines)]);
    assert!(tallies.0.keys().all(|(kind, _)| *kind != EntityKind::Table), "no schema, no pattern");
    let gaps = |coverage: &[Coverage]| {
        let found = ingest::gaps(&settings, coverage, "2026-03-02T00:01:00Z".parse().unwrap());
        found.into_iter().filter(|gap| gap.fix.contains("`schema`")).map(|gap| gap.about).collect::<Vec<_>>()
    };
    coverage.extend(read_with(&settings, None, &[("app", &lines)]).1);
    assert_eq!(gaps(&coverage), ["lone"]);
}

#[test]
fn each_measure_has_one_source_of_record() {
    let mut settings = settings(DATABASE);
    for (name, counts) in [
        ("audit", [true, false, true, true, false]),
        ("general", [false, false, false, false, false]),
        ("slow", [false, true, false, false, true]),
        ("error", [false, false, false, false, false]),
        ("app", [false, false, false, false, false]),
        ("access", [false, false, false, false, false]),
        ("other", [true, true, false, true, true]),
    ] {
        assert_eq!(counted(&settings, name), counts, "{name}");
    }
    // The audit log gone: what is next serves.
    let audit = settings.sources.remove(0);
    assert_eq!(counted(&settings, "general"), [true, false, false, true, false]);
    assert_eq!(counted(&settings, "error"), [false, false, true, false, false]);
    // Two of one kind are logs of two servers.
    settings.sources.extend([audit.clone(), Source { name: "second".into(), ..audit }]);
    assert_eq!(counted(&settings, "second")[0], counted(&settings, "audit")[0]);
    // An explicit choice goes first.
    settings.sources[1].counts = Some(vec![Measure::Statements]);
    assert_eq!(settings.sources[1].name, "slow");
    assert_eq!(counted(&settings, "slow"), [true, false, false, true, false]);
    assert_eq!(counted(&settings, "audit"), [false, false, true, false, false]);
    assert!(counted(&settings, "app")[1], "nobody else counts rows now");
}

#[test]
fn a_sampled_log_stands_for_more() {
    let written = settings(
        r#"
        sources = [
            { name = "audit", format = "mariadb_server_audit" },
            { name = "slow", format = "mariadb_slow_log", one_in = 10 },
        ]
        "#,
    );
    let text = "SELECT * FROM employees /*uid=u1*/";
    let all = audit("10.0.1.12", text).repeat(10);
    let tallies = read(&written, &[("audit", &all), ("slow", &slow("10.0.1.12", [5, 7, 0], 100, text))]);
    let of = |metric| tallies.get(EntityKind::PortalUser, "u1", metric);
    assert_eq!(
        [Metric::Statements, Metric::CountedStatements, Metric::RowsSent, Metric::RowsExamined, Metric::Bytes].map(of),
        [10, 1, 50, 70, 1000]
    );
    let alone = settings(r#"sources = [{ name = "slow", format = "mariadb_slow_log", one_in = 10 }]"#);
    let tallies = read(&alone, &[("slow", &slow("10.0.1.12", [5, 7, 0], 100, text))]);
    assert_eq!(tallies.get(EntityKind::Table, "hr.employees", Metric::Statements), 10);
}

#[test]
fn bytes_of_users_are_those_of_the_web_log_where_there_is_one() {
    let slow_entry = slow("10.0.1.12", [5, 7, 0], 1000, "SELECT * FROM employees /*uid=u1*/");
    let request = access("u1", "/rest/V1/hr/employees", "");
    let read = |sources: &[(&str, &str)], logs: &[(&str, &str)]| {
        let table = |(name, format): &(&str, &str)| format!("{{ name = {name:?}, format = {format:?} }}");
        let sources: Vec<_> = sources.iter().map(table).collect();
        let tallies = read(&settings(&format!("sources = [{}]", sources.join(", "))), logs);
        let of = |kind, id| tallies.get(kind, id, Metric::Bytes);
        let rows = tallies.get(EntityKind::PortalUser, "u1", Metric::RowsSent);
        (of(EntityKind::PortalUser, "u1"), of(EntityKind::UserTable, "u1|hr.employees"), rows)
    };
    let (web, database) = (("access", "nginx_json"), ("slow", "mariadb_slow_log"));
    let logs = [("access", &*request), ("slow", &*slow_entry)];
    assert_eq!(read(&[web, database], &logs), (100, 1000, 5));
    assert_eq!(read(&[web, ("slow", "auto")], &logs), (100, 1000, 5));
    assert_eq!(read(&[database], &logs[1..]), (1000, 1000, 5), "without a web log");
    assert_eq!(read(&[database, ("access", "auto")], &logs), (1000, 1000, 5), "what is named goes first");
    assert_eq!(read(&[web], &logs[..1]), (100, 0, 0));
}

#[test]
fn rows_written_to_a_file_are_gathered() {
    let written = settings(r#"sources = [{ name = "slow", format = "mariadb_slow_log" }]"#);
    let log = [
        slow("10.0.1.12", [0, 1, 1], 11, "SELECT * FROM payslips LIMIT 1 INTO DUMPFILE '/tmp/x'"),
        slow("10.0.1.12", [3000, 3000, 0], 13, "SELECT * FROM absences INTO OUTFILE '/tmp/y'"),
    ]
    .concat();
    let tallies = read(&written, &[("slow", &log)]);
    let of = |table| tallies.get(EntityKind::Table, table, Metric::RowsGathered);
    assert_eq!(["hr.payslips", "hr.absences"].map(of), [1, 0]);
    assert_eq!(tallies.get(EntityKind::Table, "hr.absences", Metric::RowsSent), 3000);
}

#[test]
fn a_page_of_a_list_is_one_page_whichever_logs_tell_of_it() {
    let written = settings(DATABASE);
    let page = |n: u64| format!("SELECT * FROM employees ORDER BY id LIMIT {},100 /*uid=u1*/", (n - 1) * 100);
    let log = |line: &dyn Fn(u64) -> String| (4..=44).map(line).collect::<String>();
    let audited = log(&|n| audit("10.0.1.12", &page(n)));
    let timed = log(&|n| slow("10.0.1.12", [100, 100, 0], 9, &page(n)));
    let asked = log(&|n| access("u1", &format!("/rest/V1/hr/employees?searchCriteria%5BcurrentPage%5D={n}"), ""));
    let of = |logs: &[(&str, &str)]| {
        let user = read(&written, logs).of(EntityKind::PortalUser, "u1");
        [Metric::DeepRequests, Metric::DeepStatements, Metric::DeepestPage].map(|metric| user.get(metric))
    };
    assert_eq!(of(&[("audit", &audited), ("slow", &timed), ("access", &asked)]), [39, 39, 44]);
    assert_eq!(of(&[("slow", &timed)]), [0, 0, 44], "the audit log counts statements");
    let elsewhere = [access("u1", "/catalog?p=37", ""), access("u1", "/rest/V1/hr/x?p=37", "").replace("200", "404")];
    let products = audit("10.0.1.12", "SELECT * FROM shop.products LIMIT 3600,100 /*uid=u1*/");
    assert_eq!(of(&[("access", &elsewhere.concat()), ("audit", &products)]), [0; 3], "no data, no answer");
}

#[test]
fn both_logs_meet_at_the_application_host() {
    let written = settings(
        r#"
        attribution.app_hosts = { "Web1" = "10.0.1.12" }
        sources = [
            { name = "audit", format = "mariadb_server_audit" },
            { name = "access", format = "nginx_json", app_host = "web1" },
            { name = "app", format = "hr_audit_json", app_host = "web1" },
        ]
        "#,
    );
    let statements = [
        audit("10.0.1.12", "SELECT * FROM employees"),
        audit("10.0.1.12", "SELECT * FROM payslips /*uid=u9*/"),
        audit("10.0.1.12", "SELECT * FROM shop.sales_order"),
    ];
    let requests = [
        access("u1", "/rest/V1/hr/employees", ""),
        access("u2", "/product.html", ""),
        access("u3", "/rest/V1/hr/employees", "").replace("200", "403"),
    ];
    let lines = hr_audit("export", "u4", r#","table":"hr.employees","rows":3"#);
    let tallies = read(&written, &[("audit", &statements.concat()), ("access", &requests.concat()), ("app", &lines)]);
    let host = tallies.of(EntityKind::AppHost, "10.0.1.12");
    assert_eq!(host.get(Metric::UnnamedStatements), 1);
    assert_eq!((host.get(Metric::ClassifiedRequests), host.get(Metric::Statements)), (1, 3));
    let mut candidates: Vec<_> = host.candidate_users().collect();
    candidates.sort_unstable();
    assert_eq!(candidates, ["u1", "u4"], "neither who asked for a product nor who was refused");
    assert!(host.tables.contains("hr.employees"));
    assert!(host.requests_in_common().is_empty());
    let account = tallies.of(EntityKind::DbAccount, "portal_app@10.0.1.12");
    assert_eq!((account.get(Metric::UnnamedStatements), account.known_by), (1, KnownBy::DbAccount));
}

#[test]
fn the_applications_own_log_names_people_and_counts_only_where_nobody_else_does() {
    let lines = hr_audit("export", "u1", r#","table":"hr.employees","rows":3000,"agent":"Firefox""#);
    let with_database = read(&settings(DATABASE), &[("app", &lines)]);
    let user = with_database.of(EntityKind::PortalUser, "u1");
    assert_eq!((user.known_by, user.person.as_deref()), (KnownBy::HrAudit, Some("u1")));
    assert!(user.addresses.contains("92.20.1.1") && user.places.contains("DE/home"));
    assert!(user.networks.contains("Example Telecom"));
    assert_eq!([Metric::Statements, Metric::RowsSent].map(|metric| user.get(metric)), [0, 0]);

    let alone = settings(r#"sources = [{ name = "app", format = "hr_audit_json" }]"#);
    let tallies = read(&alone, &[("app", &lines)]);
    assert_eq!(tallies.get(EntityKind::PortalUser, "u1", Metric::RowsSent), 3000);
    assert_eq!(tallies.get(EntityKind::UserTable, "u1|hr.employees", Metric::Statements), 1);
    assert_eq!(tallies.get(EntityKind::Table, "hr.employees", Metric::RowsSent), 3000);

    // SQL without tags: people by the application, tables by the database.
    let mut both = settings(DATABASE);
    both.sources[4].counts = Some(vec![Measure::People]);
    let statement = slow("10.0.1.12", [3000, 3000, 0], 9, "SELECT * FROM employees /*uid=u1*/");
    let tallies = read(&both, &[("app", &lines), ("slow", &statement)]);
    assert_eq!(tallies.get(EntityKind::PortalUser, "u1", Metric::RowsSent), 3000, "once");
    assert_eq!(tallies.get(EntityKind::Table, "hr.employees", Metric::RowsSent), 3000, "once");
}

#[test]
fn logins_at_the_portal_are_counted_once() {
    let both = settings(
        r#"
        sources = [
            { name = "access", format = "nginx_json" },
            { name = "app", format = "hr_audit_json" },
        ]
        "#,
    );
    let request = access("u1", "/portal/login", "").replace("GET", "POST").replace("200", "401");
    let line = hr_audit("login_failed", "u1", "");
    let tallies = read(&both, &[("access", &request), ("app", &line)]);
    assert_eq!(tallies.get(EntityKind::PortalUser, "u1", Metric::LoginsFailed), 1);
    assert_eq!(tallies.get(EntityKind::Address, "92.20.1.1", Metric::LoginsFailed), 1);
    assert!(tallies.of(EntityKind::Address, "92.20.1.1").accounts.contains("u1"));
}

#[test]
fn pseudonyms_stand_wherever_a_user_would() {
    let written = settings(
        r#"
        privacy = { pseudonymise_users = true, key_file = "key" }
        attribution = { request_ids = true }
        sources = [
            { name = "audit", format = "mariadb_server_audit" },
            { name = "access", format = "nginx_json", app_host = "10.0.1.12" },
            { name = "app", format = "hr_audit_json", app_host = "10.0.1.12" },
        ]
        "#,
    );
    let logs = [
        ("audit", audit("10.0.1.12", "SELECT * FROM employees /*uid=mallory*/")),
        (
            "access",
            access("mallory", "/rest/V1/hr/employees", r#","request_id":"4a5b""#)
                + &access("-", "/portal/login?u=mallory", "").replace("GET", "POST").replace("200", "401"),
        ),
        ("app", hr_audit("login_failed", "mallory", "") + &hr_audit("view", "mallory", r#","table":"hr.employees""#)),
    ];
    let logs: Vec<(&str, &str)> = logs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let key = b"0123456789abcdef";
    let (tallies, _) = read_with(&written, Some(key), &logs);
    let pseudonym = Pseudonyms::new(&written.privacy, Some(key)).of("mallory").into_owned();
    assert!(!format!("{:?}", tallies.0).contains("mallory"));
    let user = tallies.of(EntityKind::PortalUser, &pseudonym);
    assert_eq!((user.get(Metric::Statements), user.person.as_deref()), (1, Some(&*pseudonym)));
    assert!(tallies.0.contains_key(&(EntityKind::UserTable, format!("{pseudonym}|hr.employees"))));
    assert!(tallies.of(EntityKind::Address, "92.20.1.1").accounts.contains(&pseudonym));
    assert!(tallies.of(EntityKind::AppHost, "10.0.1.12").candidates.contains(&pseudonym));
}

#[test]
fn hosts_that_two_logs_name_differently_are_a_gap_until_they_are_translated() {
    let gaps = |app_hosts: &str| {
        let written = settings(&format!(
            r#"
            attribution.app_hosts = {{ {app_hosts} }}
            sources = [
                {{ name = "audit", format = "mariadb_server_audit" }},
                {{ name = "access", format = "nginx_json", app_host = "web1" }},
                {{ name = "app", format = "hr_audit_json", app_host = "web1" }},
            ]
            "#
        ));
        let audit = audit("10.0.1.12", "SELECT * FROM employees");
        let access = access("u1", "/rest/V1/hr/employees", "");
        let app = hr_audit("view", "u1", r#","table":"hr.employees""#);
        let (_, coverage) = read_with(&written, None, &[("audit", &audit), ("access", &access), ("app", &app)]);
        assert!(coverage.iter().all(|coverage| coverage.hosts.len() == 1), "{coverage:#?}");
        let found = ingest::gaps(&written, &coverage, "2026-03-02T00:01:00Z".parse().unwrap());
        found.iter().filter(|gap| gap.fix.contains("app_hosts")).count()
    };
    assert_eq!((gaps(""), gaps(r#""web1" = "10.0.1.12""#)), (1, 0));
}

#[test]
fn coverage_tells_what_a_source_has_shown() {
    let written = settings(DATABASE);
    let log = audit("10.0.1.12", "SELECT * FROM employees") + &audit("10.0.1.12", "SELECT * FROM employees /*uid=u1*/");
    let entry = slow("10.0.1.12", [5, 5, 0], 100, "SELECT * FROM employees /*uid=u1*/");
    let (_, coverage) = read_with(&written, None, &[("audit", &log), ("slow", &entry)]);
    let [audit, slow] = coverage.as_slice() else { panic!("two sources") };
    assert_eq!((audit.records.contributed, audit.tagged, audit.untagged), (2, 1, 1));
    let table =
        |coverage: &Coverage| (coverage.tables["hr.employees"].statements, coverage.tables["hr.employees"].with_rows);
    assert_eq!((table(audit), table(slow)), ((2, 0), (1, 1)));
    assert_eq!(audit.last_event_ms, Some(1_772_409_601_000));
    assert_eq!(Coverage::parse(&audit.to_json()).as_ref(), Some(audit));
}

#[test]
fn names_that_somebody_invents_do_not_crowd_out_real_tables() {
    let written = settings(r#"sources = [{ name = "audit", format = "mariadb_server_audit" }]"#);
    let invented: String = (0..600)
        .map(|n| audit("10.0.1.12", &format!("SELECT * FROM a{n:04} /*uid=u1*/")).replace(",0\n", ",1146\n"))
        .collect();
    let log = invented.clone() + &audit("10.0.1.12", "SELECT * FROM employees") + &invented;
    let (_, coverage) = read_with(&written, None, &[("audit", &log)]);
    assert_eq!(coverage[0].tables.keys().collect::<Vec<_>>(), ["hr.employees"]);
    assert_eq!((coverage[0].tables_beyond, coverage[0].tagged, coverage[0].untagged), (0, 0, 1));
}

#[test]
fn columns_that_a_statement_names_or_may_have_read_give_its_table_a_class() {
    let written = settings(
        r#"
        [classification.columns]
        "*.company_user.salary" = "hr"
        [[sources]]
        name = "slow"
        format = "mariadb_slow_log"
        "#,
    );
    let log = [
        slow("10.0.1.12", [5, 5, 0], 100, "SELECT name, SALARY FROM shop.company_user /*uid=u1*/"),
        slow("10.0.1.12", [7, 7, 0], 100, "SELECT name FROM shop.company_user /*uid=u2*/"),
        slow("10.0.1.12", [9, 9, 0], 100, "SELECT * FROM shop.company_user /*uid=u3*/"),
        slow("10.0.1.12", [9, 9, 0], 100, "SELECT salary FROM shop.company_role /*uid=u4*/"),
    ];
    let tallies = read(&written, &[("slow", &log.concat())]);
    let rows = |user: &str| tallies.get(EntityKind::PortalUser, user, Metric::RowsSent);
    assert_eq!(["u1", "u2", "u3", "u4"].map(rows), [5, 0, 9, 0]);
}

#[test]
fn views_lead_to_the_tables_behind_them() {
    let written = settings(
        r#"
        [classification.views]
        "hr.v_staff" = ["hr.employees"]
        [[sources]]
        name = "slow"
        format = "mariadb_slow_log"
        "#,
    );
    let log = slow("10.0.1.12", [5, 5, 0], 100, "SELECT * FROM v_staff /*uid=u1*/");
    let tallies = read(&written, &[("slow", &log)]);
    assert_eq!(tallies.get(EntityKind::UserTable, "u1|hr.employees", Metric::RowsSent), 5);
}

#[test]
fn a_canary_is_marked_on_classified_tables_only() {
    let settings = settings(&format!("{DATABASE}\n[classification.canaries]\nemployee = [\"99999\"]\n"));
    let seen = |statement: &str| {
        let tallies = read(&settings, &[("audit", &audit("10.0.1.11", statement))]);
        tallies.0.values().any(|tally| tally.signals.contains(Signal::CanaryRecord))
    };
    assert!(seen("SELECT * FROM employees WHERE id = 99999 /*uid=u1*/"));
    assert!(seen("SELECT iban FROM bank_accounts WHERE employee_id IN (7, '99999')"));
    assert!(!seen("SELECT * FROM employees WHERE id = 9999"));
    assert!(!seen("SELECT * FROM payslips WHERE payslip_id = 99999"));
    assert!(!seen("SELECT * FROM shop.visits WHERE employee_id = 99999"), "not classified");
}
