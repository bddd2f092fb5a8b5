//! `breachd discover` on real logs: what it proposes is configuration, and means what it says.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{DataClass, Mode, Span};
use ingest::classification::Patterns;
use ingest::settings::{Source, Triggers};
use ingest::{Discovery, Ingester, Plan, Proposal, Raw, Resume, Settings, Written};
use std::sync::Arc;
use tally::Tallier;

/// Reads files of lines, each a source of its own.
fn discover(files: &[(&str, &[u8])]) -> Discovery {
    let mut settings = Settings::default();
    let source = |(at, (format, _)): (usize, &(&str, &[u8]))| Source {
        zone: Some("UTC".into()),
        ..Source::new(&format!("{format}-{at}"), format)
    };
    settings.sources = files.iter().enumerate().map(source).collect();
    let mut all = Discovery::new();
    for (at, (_, text)) in files.iter().enumerate() {
        let plan = Plan::new(&settings, at, &Arc::default(), Span::from_minutes(2)).unwrap().discovering();
        let mut ingester = Ingester::new(Arc::new(plan), 0, Resume::fresh());
        let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
        for (offset, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
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
        all.merge(ingester.take_discovery());
    }
    all
}

/// The proposal as it would be read back: tables and routes.
fn read_back(proposal: &Proposal) -> (Settings, Patterns, Patterns) {
    let text = proposal.to_toml();
    let settings: Settings = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(settings.check(), [], "{text}");
    fn classes(written: &std::collections::BTreeMap<String, String>) -> impl Iterator<Item = (&str, DataClass)> {
        written.iter().map(|(pattern, class)| (pattern.as_str(), DataClass::parse(class).unwrap()))
    }
    let tables = Patterns::of_tables(classes(&settings.classification.tables));
    let routes = settings.classification.routes.iter();
    let routes =
        Patterns::of_routes(routes.map(|(pattern, rule)| (pattern.as_str(), DataClass::parse(rule.class()).unwrap())));
    (settings, tables, routes)
}

fn sample(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/samples/{name}.log.zst", env!("CARGO_MANIFEST_DIR"));
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

#[test]
fn a_company_portal() {
    let [access, audit, slow] = ["quiet-access", "quiet-audit", "quiet-slow"].map(sample);
    let files = [("nginx_json", &*access), ("mariadb_server_audit", &audit), ("mariadb_slow_log", &slow)];
    let proposal = discover(&files).proposal();
    let (settings, tables, routes) = read_back(&proposal);
    let text = proposal.to_toml();

    let written: Vec<_> = settings.classification.tables.iter().map(|(name, class)| (&**name, &**class)).collect();
    assert_eq!(written, [("hr.*", "hr"), ("hr.portal_users", "credentials")], "{text}");
    for table in ["employees", "payslips", "payroll_runs", "absences", "reviews", "bank_accounts", "medical_records"] {
        assert_eq!(tables.class(&format!("hr.{table}")), DataClass::Hr, "{table}");
    }
    for (path, class) in [
        ("/portal/hr/employee/view", DataClass::Hr),
        ("/portal/v2/hr/employee/search", DataClass::Hr),
        ("/portal/payroll/payslip", DataClass::Hr),
        ("/portal/absence/list", DataClass::Hr),
        ("/portal/review", DataClass::Hr),
        ("/portal/report/export", DataClass::Hr),
        ("/rest/V1/hr/employees", DataClass::Hr),
        ("/portal/auth/login", DataClass::None),
        ("/portal/dashboard", DataClass::None),
        ("/catalog/product/view/id/7", DataClass::None),
        ("/static/version1/js/b1.js", DataClass::None),
    ] {
        assert_eq!(routes.class(path), class, "{path}\n{text}");
    }
    assert!(text.contains("# \"/portal/dashboard\" = \"hr\""), "the user's own page is left to a person");
    let tags: Vec<_> = proposal.tags.iter().map(|(key, front, share)| (&**key, *front, 0.9 < *share)).collect();
    assert_eq!(tags, [("uid", false, true)]);
    let accounts = &settings.attribution.tagged_accounts;
    assert!(
        !accounts.is_empty() && accounts.iter().all(|account| account.starts_with("portal_app@10.0.1.1")),
        "{text}"
    );

    let seen = discover(&files);
    let stale: Vec<_> = settings.lint(&seen.seen()).into_iter().filter(|(_, text)| text.contains("nothing")).collect();
    assert_eq!(stale, [], "each proposed pattern says something of these very logs");

    let mut others = discover(&files[1..]);
    others.merge(discover(&files[..1]));
    let swap =
        |text: &str| text.lines().filter(|line| !line.starts_with("# source ")).map(String::from).collect::<Vec<_>>();
    assert_eq!(swap(&others.proposal().to_toml()), swap(&text), "in whatever order the sources come");
}

#[test]
fn magento_with_an_hr_extension() {
    let names = [
        ("mariadb_server_audit", "mariadb_server_audit_file-normal"),
        ("mariadb_server_audit", "mariadb_server_audit_file-odd"),
        ("mariadb_server_audit", "mariadb_server_audit_file-breach"),
        ("mariadb_slow_log", "mariadb_slow_log-normal"),
        ("mariadb_slow_log", "mariadb_slow_log-odd"),
        ("mariadb_slow_log", "mariadb_slow_log-breach"),
        ("nginx_json", "nginx-access_json_normal"),
        ("nginx_json", "nginx-access_json_breach_nasty"),
    ];
    let files = names.map(|(format, name)| (format, sample(name)));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(format, text)| (*format, &**text)).collect();
    let proposal = discover(&files).proposal();
    let (settings, tables, routes) = read_back(&proposal);
    let text = proposal.to_toml();
    for (table, class) in [
        ("hr_employee", DataClass::Hr),
        ("hr_payroll", DataClass::Hr),
        ("hr_benefits", DataClass::Hr),
        ("hr_leave", DataClass::Hr),
        ("hr_document", DataClass::Hr),
        ("hr_performance_review", DataClass::Hr),
        ("hr_department", DataClass::Hr),
        ("hr_überstunden_残業", DataClass::Hr),
        ("zz_copy", DataClass::Hr),
        ("v_hr_directory", DataClass::Hr),
        ("v_payroll_latest", DataClass::Hr),
        ("employee_portal_access_log", DataClass::HrAdjacent),
        ("employee_portal_session", DataClass::Credentials),
        ("admin_user", DataClass::Credentials),
        ("customer_entity", DataClass::Customer),
        ("quote", DataClass::Customer),
        ("sales_order", DataClass::Payment),
        ("sales_order_payment", DataClass::Payment),
        ("catalog_product_entity", DataClass::None),
        ("catalog_product_entity_varchar", DataClass::None),
        ("url_rewrite", DataClass::None),
        ("core_config_data", DataClass::None),
        ("cron_schedule", DataClass::None),
    ] {
        assert_eq!(tables.class(&format!("magento.{table}")), class, "{table}\n{text}");
    }
    assert!(!settings.classification.tables.keys().any(|name| name.starts_with("mysql.")), "{text}");
    let views = &settings.classification.views;
    assert_eq!(views["magento.v_hr_directory"], ["magento.hr_department", "magento.hr_employee"]);
    assert_eq!(views["magento.v_payroll_latest"], ["magento.hr_payroll"]);
    let log = vec!["magento.employee_portal_access_log".to_owned()];
    assert_eq!(settings.classification.triggers["magento.hr_payroll"], Triggers::Any(log));
    let written: Vec<_> = settings.classification.routes.keys().map(|route| &**route).collect();
    assert_eq!(written, ["/employee-portal/hr/**", "/rest/V1/hr/**"], "nothing of what attackers asked for");
    assert_eq!(routes.class("/product-497.html"), DataClass::None);
    assert_eq!(proposal.tags.iter().map(|(key, ..)| &**key).collect::<Vec<_>>(), ["user"]);
}

#[test]
fn reviews_of_products_are_not_those_of_employees() {
    let row = |schema: &str, text: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,{schema},'{text}',0\n");
    let log: String = [
        row("magento", "SELECT title, nickname FROM review_detail"),
        row("magento", "SELECT * FROM yotpo_reviews WHERE product_id=7"),
        row("magento", "SELECT * FROM review_summary"),
        row("magento", "SELECT score, employee_id FROM appraisal_reviews"),
        row("magento", "CREATE VIEW who AS SELECT employee_id FROM appraisal_reviews"),
    ]
    .concat();
    let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
    let (settings, tables, _) = read_back(&proposal);
    for (table, class) in [
        ("review_detail", DataClass::None),
        ("yotpo_reviews", DataClass::None),
        ("review_summary", DataClass::None),
        ("appraisal_reviews", DataClass::Hr),
    ] {
        assert_eq!(tables.class(&format!("magento.{table}")), class, "{table}\n{}", proposal.to_toml());
    }
    assert_eq!(settings.classification.tables["magento.yotpo_reviews"], "none", "a built-in pattern would call it HR");
    assert_eq!(settings.classification.views["magento.who"], ["magento.appraisal_reviews"]);
}

fn dump(name: &str) -> String {
    let path = format!("{}/../../tests/samples/mariadb_dump-{name}.sql.zst", env!("CARGO_MANIFEST_DIR"));
    String::from_utf8(zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_schema_says_what_lies_behind_and_which_columns_there_are() {
    let mut seen = Discovery::new();
    seen.define(&formats::sql::definitions(&dump("databases"), ""));
    let proposal = seen.proposal();
    let (settings, tables, _) = read_back(&proposal);
    let text = proposal.to_toml();
    for (table, class) in [
        ("hr.people", DataClass::Hr),
        ("hr.leavers", DataClass::Hr),
        ("hr.portal_users", DataClass::Credentials),
        ("magento.crew", DataClass::Hr),
        ("magento.sales_order", DataClass::Payment),
        ("magento.catalog_product_entity", DataClass::None),
    ] {
        assert_eq!(tables.class(table), class, "{table}\n{text}");
    }
    assert!(text.contains("\"magento.crew\" = \"hr\"  # in the schema: column hourly_rate"), "{text}");
    let behind = &text[text.find("[classification.views]").unwrap()..];
    let lines: Vec<_> = behind.lines().map(|line| line.split("  #").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "[classification.views]",
            "\"hr.directory\" = [\"hr.changes\", \"hr.people\"]",
            "\"hr.richest\" = [\"hr.directory\", \"hr.people\"]",
            "\"magento.odd `view\" = [\"magento.crew\"]",
            "",
            "[classification.functions]",
            "\"hr.left_at\" = [\"hr.leavers\"]",
            "\"hr.pay_of\" = [\"hr.people\"]",
            "",
            "[classification.triggers]",
            "\"hr.people\" = { insert = [\"hr.changes\"], update = [\"hr.changes\", \"hr.leavers\"], delete = [\"hr.leavers\"] }",
            "\"magento.sales_order\" = { insert = [\"magento.sales_order_cl\"] }",
        ]
    );
    // What is proposed is what a source that is configured so reads by.
    let mut settings = settings;
    settings.sources = vec![Source { zone: Some("UTC".into()), ..Source::new("audit", "mariadb_server_audit") }];
    let rows = [
        ("hr", "SELECT * FROM richest", "hr.people"),
        ("hr", "SELECT pay_of(7)", "hr.people"),
        ("hr", "UPDATE people SET dob = NULL WHERE person_id = 7", "hr.leavers"),
        ("hr", "DELETE FROM people WHERE person_id = 7", "hr.leavers"),
    ];
    for (schema, statement, table) in rows {
        let plan = settings.plans(&Arc::default(), Span::from_minutes(2)).unwrap()[0].clone();
        let mut ingester = Ingester::new(plan, 0, Resume::fresh());
        let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
        let bytes = format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,{schema},'{statement}',0");
        let raw = Raw {
            bytes: bytes.as_bytes(),
            offset: 0,
            mode: Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
        assert!(ingester.coverage().tables.contains_key(table), "{statement}: {:?}", ingester.coverage().tables);
    }

    // In whatever order logs and schemas come.
    let log = b"20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,magento,'SELECT crew_id FROM crew',0\n";
    let mut first = discover(&[("mariadb_server_audit", log)]);
    first.merge(seen.clone());
    seen.merge(discover(&[("mariadb_server_audit", log)]));
    assert_eq!(first.proposal(), seen.proposal());
    assert!(seen.proposal().to_toml().contains("\"magento.crew\" = \"hr\"  # 1 statements: column hourly_rate"));
}

#[test]
fn columns_are_those_of_statements_and_not_words_of_their_literals() {
    let row = |text: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,x,'{text}',0\n");
    let log: String = [
        row("SELECT q.`SALARY` FROM crew q"),
        row("SELECT note FROM memos WHERE note LIKE \\'what is the salary and the iban of\\'"),
        row("SELECT a /* salary */ FROM plain"),
        row("SELECT ssn, t.a FROM one JOIN two USING (id)"),
    ]
    .concat();
    let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
    let (settings, ..) = read_back(&proposal);
    assert_eq!(settings.classification.tables.into_iter().collect::<Vec<_>>(), [("x.crew".into(), "hr".into())]);
}

#[test]
fn hostile_names_are_not_written() {
    let row =
        |name: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,hr,'SELECT salary FROM `{name}`',0\n");
    let log: String = ["a\" = \"none\"", "**", "x\u{1b}[31m", "salaries"].iter().map(|name| row(name)).collect();
    let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
    let (settings, tables, _) = read_back(&proposal);
    assert!(!proposal.to_toml().contains('\u{1b}'));
    assert!(settings.classification.tables.values().all(|class| class == "hr"), "{:?}", settings.classification.tables);
    assert_eq!(tables.class("hr.salaries"), DataClass::Hr);
}

#[test]
fn dates_of_birth_and_bank_accounts_are_personal_data() {
    let row = |text: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,shop,'{text}',0\n");
    let hr = ["hr_payroll", "hr_leave", "payslips", "absences", "benefits"];
    let hr: String = hr.iter().map(|table| row(&format!("SELECT a FROM {table}"))).collect();
    let others = [
        row("SELECT a FROM url_rewrite"),
        row("SELECT dob FROM t_dob2"),
        row("SELECT iban, bic FROM mandates"),
        row("SELECT tax_id FROM wares"),
    ];
    let beside = hr + &others.concat();
    for (log, classes) in [
        (beside, [DataClass::None, DataClass::Hr, DataClass::Payment, DataClass::Hr]),
        (others.concat(), [DataClass::None, DataClass::Customer, DataClass::Payment, DataClass::Customer]),
    ] {
        let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
        let (_, tables, _) = read_back(&proposal);
        for (table, class) in ["url_rewrite", "t_dob2", "mandates", "wares"].into_iter().zip(classes) {
            assert_eq!(tables.class(&format!("shop.{table}")), class, "{table}\n{}", proposal.to_toml());
        }
    }
}

#[test]
fn login_routes_are_posted_to_and_hold_no_data() {
    let samples = [
        ("nginx_json", sample("nginx-access_json_breach_nasty")),
        ("access_combined", sample("nginx-access_extended")),
        ("access_combined", sample("apache-access_common")),
    ];
    let line = |method: &str, path: &str, status: u16| {
        format!(
            r#"{{"msec":1772409601.5,"remote_addr":"203.0.113.5","remote_user":"anna","request_method":"{method}","request_uri":"{path}","status":{status}}}"#
        ) + "\n"
    };
    let lines: String = [
        line("POST", "/portal/signin", 302),
        line("GET", "/portal/logon", 200),
        line("POST", "/portal/hr/token", 200),
        line("POST", "/portal/file", 401),
        line("GET", "/portal/hr/report", 200),
    ]
    .concat();
    let application = r#"{"message":"employee_portal.login by e1007","context":{"action":"login","user":"e1007","ip":"10.8.0.9","success":true,"route":"/employee-portal/payroll/export"},"level":200,"level_name":"INFO","channel":"hr_audit","datetime":"2026-11-23T13:04:05.000000+00:00"}"#;
    let mut files: Vec<(&str, &[u8])> = samples.iter().map(|(format, text)| (*format, &**text)).collect();
    files.extend([("nginx_json", lines.as_bytes()), ("hr_audit_json", application.as_bytes())]);
    let proposal = discover(&files).proposal();
    assert_eq!(proposal.login_routes, ["/portal/signin"], "{}", proposal.to_toml());
}

#[test]
fn accounts_whose_tags_are_to_be_believed() {
    let row = |account: &str, host: &str, text: &str| {
        format!("20260302 00:00:01,db1,{account},{host},7,1,QUERY,hr,'{text}',0\n")
    };
    let tagged = "SELECT salary FROM pay /*uid=u1*/";
    let log: String = [
        row("app", "10.0.1.12", tagged).repeat(50),
        row("app", "10.0.1.13", tagged).repeat(40),
        row("app", "10.0.1.13", "SELECT a FROM pay").repeat(40),
        row("report", "10.0.1.9", "SELECT a FROM pay").repeat(9),
        row("root", "localhost", tagged),
    ]
    .concat();
    let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
    let (settings, ..) = read_back(&proposal);
    let text = proposal.to_toml();
    assert_eq!(settings.attribution.tagged_accounts, ["app@10.0.1.12", "app@10.0.1.13"], "{text}");
    assert!(
        text.contains("    # \"root@localhost\",  # 1 of 1 statements carry a tag: few; decide yourself"),
        "{text}"
    );

    let one = discover(&[("mariadb_server_audit", row("app", "10.0.1.12", tagged).as_bytes())]).proposal();
    assert_eq!(read_back(&one).0.attribution.tagged_accounts, [] as [&str; 0]);
}

#[test]
fn names_that_cannot_be_written_are_counted() {
    let row = |schema: &str, table: &str| {
        format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,{schema},'SELECT salary FROM `{table}`',0\n")
    };
    let log = row("hr", "a*b") + &row("hr", "pay") + &row("", "pay") + &row("", "rent");
    let text = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal().to_toml();
    assert!(text.contains("\n# 1 tables were left out, as no pattern can be written of their names\n"), "{text}");
    assert!(text.contains("\n# 2 tables were left out, as their schema is not known\n"), "{text}");
}

#[test]
fn columns_of_a_join_go_by_the_name_before_their_dot() {
    let row = |text: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,x,'{text}',0\n");
    let log: String = [
        row("SELECT p.salary, o.id FROM a o JOIN pay_x p ON o.id = p.id"),
        row("SELECT t_two.salary FROM a, t_two"),
        row("SELECT `main_table`.`iban` FROM `mandate` AS `main_table` LEFT JOIN `a` AS `t` ON t.id = main_table.id"),
    ]
    .concat();
    let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
    let (settings, ..) = read_back(&proposal);
    let written: Vec<_> = settings.classification.tables.iter().map(|(name, class)| (&**name, &**class)).collect();
    assert_eq!(written, [("x.mandate", "payment"), ("x.pay_x", "hr"), ("x.t_two", "hr")], "{}", proposal.to_toml());
    assert_eq!(proposal.tables_to_decide, []);
}

#[test]
fn tables_of_joins_of_which_too_little_is_known_are_left_to_a_person() {
    let row = |text: &str| format!("20260302 00:00:01,db1,app,10.0.1.12,7,1,QUERY,x,'{text}',0\n");
    let hr: String = (0..7).map(|at| row(&format!("SELECT a FROM hr_{at}"))).collect();
    let joins = [
        row("SELECT salary FROM t_one JOIN t_two USING (id)"),
        row("SELECT name FROM t_one WHERE id IN (SELECT dob FROM t_inner)"),
        row("SELECT p.a FROM hr_0 p JOIN places d USING (id)"),
        row("SELECT p.a FROM hr_0 p JOIN rooms d USING (id)"),
        row("SELECT a FROM rooms"),
    ]
    .concat();
    let of = |log: &str| {
        let proposal = discover(&[("mariadb_server_audit", log.as_bytes())]).proposal();
        let (_, tables, _) = read_back(&proposal);
        let open: Vec<_> =
            proposal.tables_to_decide.iter().map(|line| format!("{} {}", line.pattern, line.class)).collect();
        (open.join(", "), tables, proposal.to_toml())
    };
    let (open, tables, text) = of(&(hr + &joins));
    assert_eq!(open, "x.places none, x.t_inner none, x.t_one none, x.t_two none", "{text}");
    for (table, class) in [
        ("places", DataClass::Hr),
        ("rooms", DataClass::None),
        ("t_inner", DataClass::Hr),
        ("t_one", DataClass::Hr),
        ("t_two", DataClass::Hr),
    ] {
        assert_eq!(tables.class(&format!("x.{table}")), class, "{table}\n{text}");
    }
    assert!(
        text.contains("# \"x.places\" = \"none\"  # 1 statements: never named without a table of HR, such as x.hr_0"),
        "{text}"
    );
    assert!(
        text.contains("# \"x.t_two\" = \"none\"  # 1 statements: column salary is its own, or that of x.t_one"),
        "{text}"
    );

    let (open, _, text) = of(&joins);
    assert_eq!(open, "x.t_inner customer, x.t_one hr, x.t_two hr", "{text}");
    let (open, tables, text) = of(&row("SELECT salary FROM stock_clerk"));
    assert_eq!((open.as_str(), tables.class("x.stock_clerk")), ("x.stock_clerk hr", DataClass::None), "{text}");

    // A schema says which columns there are.
    let mut seen = discover(&[("mariadb_server_audit", joins.as_bytes())]);
    seen.define(&formats::sql::definitions(
        "USE x; CREATE TABLE t_one (id int); CREATE TABLE t_two (salary int); CREATE TABLE t_inner (id int, dob date);",
        "",
    ));
    assert_eq!(seen.proposal().tables_to_decide, []);
}

#[test]
fn a_view_beside_a_table_of_hr_is_not_said_to_hold_nothing() {
    for (format, name) in
        [("postgres_csv", "postgres_pgaudit-csvlog.csv"), ("postgres_json", "postgres_pgaudit-jsonlog.json")]
    {
        let path = format!("{}/../../tests/samples/{name}.zst", env!("CARGO_MANIFEST_DIR"));
        let text = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
        let proposal = discover(&[(format, &text)]).proposal();
        let (_, tables, _) = read_back(&proposal);
        let text = proposal.to_toml();
        assert_eq!(tables.class("public.v_dir"), DataClass::Hr, "{text}");
        assert!(text.contains("# \"public.v_dir\" = \"none\""), "{text}");
        assert_eq!(tables.class("public.hr_payroll"), DataClass::Hr, "{text}");
    }
}
