//! What must not leave ingest: text of statements, literals, passwords, tokens, session ids, query strings.

// Helpers outside of #[test] functions; the exemption for tests does not reach them.
#![allow(clippy::unwrap_used)]

use activity::{Mode, Span};
use ingest::settings::Source;
use ingest::{Ingester, Plan, Raw, Resume, Settings, Written};
use proptest::prelude::*;
use std::sync::Arc;
use tally::{Manifest, Tallier};

/// What is looked for in all that leaves.
const MARKER: &str = "SECRETxyz";

/// All bytes that leave: tally messages, and dead letters with their excerpts as they are.
fn leaving(format: &str, records: &[Vec<u8>]) -> Vec<u8> {
    let mut settings: Settings =
        toml::from_str("[classification.tables]\n\"hr.*\" = \"hr\"\n\"*.*\" = \"hr\"").unwrap();
    settings.classification.routes.insert("/**".into(), "hr".into());
    settings.attribution.request_ids = true;
    let source = Source { zone: Some("UTC".into()), app_host: Some("web1".into()), ..Source::new("log", format) };
    settings.sources.push(source);
    let plan = Plan::new(&settings, 0, &Arc::default(), Span::from_minutes(2)).unwrap();
    let (mut tallier, mut dead) = (Tallier::new(), Vec::new());
    let mut ingester = Ingester::new(Arc::new(plan), 0, Resume::fresh());
    for (offset, bytes) in records.iter().enumerate() {
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
    let mut all: Vec<u8> =
        tallier.flush(4, &Manifest::default()).into_iter().flat_map(|(_, message)| message).collect();
    for letter in dead {
        all.extend(&letter.excerpt);
        all.extend(letter.to_json().as_bytes());
    }
    all.extend(ingester.coverage().to_json().as_bytes());
    all
}

fn holds(all: &[u8], marker: &str) -> bool {
    memchr::memmem::find(all, marker.as_bytes()).is_some()
}

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| line.as_bytes().to_vec()).collect()
}

/// As a literal of SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A statement as server_audit writes it.
fn audit(statement: &str) -> String {
    let escaped = statement.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\r', "\\r");
    format!("20260302 00:00:01,db1,portal_app,10.0.1.12,7,1,QUERY,hr,'{escaped}',0")
}

/// As the slow log writes it.
fn slow(statement: &str) -> String {
    format!(
        "# Time: 260302  0:00:01\n# User@Host: portal_app[portal_app] @  [10.0.1.12]\n# Thread_id: 7  Schema: hr  QC_hit: No\n\
         # Query_time: 0.0006  Lock_time: 0.00  Rows_sent: 1  Rows_examined: 1\nSET timestamp=1772409601;\n{statement};"
    )
}

fn general(statement: &str) -> String {
    format!(
        "260302  0:00:01\t      7 Connect\tportal_app@10.0.1.12 on hr using TCP/IP\n260302  0:00:01\t      7 Query\t{statement}"
    )
}

#[test]
fn secrets_of_every_place_stay_inside() {
    let statements = [
        format!("SELECT * FROM employees WHERE name={}", literal(MARKER)),
        format!("SET PASSWORD FOR app = PASSWORD({})", literal(MARKER)),
        format!("CREATE USER x@y IDENTIFIED BY {}", literal(MARKER)),
        format!("INSERT INTO oauth_token (token) VALUES ({})", literal(MARKER)),
        format!("SELECT * FROM employees /* {MARKER} */ WHERE id=1 -- {MARKER}"),
        format!("SELECT * FROM employees INTO OUTFILE {}", literal(MARKER)),
    ];
    for statement in &statements {
        for (format, text) in [
            ("mariadb_server_audit", audit(statement)),
            ("mariadb_slow_log", slow(statement)),
            ("mariadb_general_log", general(statement)),
        ] {
            assert!(!holds(&leaving(format, &lines(&text)), MARKER), "{format}: {statement}");
        }
    }
    let request = |name: &str, value: &str| {
        let mut request = serde_json::json!({
            "time": "2026-03-02T00:00:01Z", "remote_addr": "92.20.1.1", "remote_user": "u1", "request_method": "GET",
            "request_uri": "/rest/V1/hr/employees", "status": 200, "body_bytes_sent": 100, "http_user_agent": "M",
            "session": "s1", "request_id": "r1",
        });
        request[name] = value.into();
        lines(&request.to_string())
    };
    for (name, value) in [
        ("session", MARKER.to_owned()),
        ("request_id", MARKER.to_owned()),
        ("http_referrer", format!("https://portal/?token={MARKER}")),
        ("request_uri", format!("/rest/V1/hr/employees?token={MARKER}&password={MARKER}")),
        ("request_uri", format!("/rest/V1/integration/admin/{MARKER}/token")),
        ("args", format!("session={MARKER}")),
        ("api_key", MARKER.to_owned()),
        ("status", format!("no number, but {MARKER}")),
    ] {
        assert!(!holds(&leaving("nginx_json", &request(name, &value)), MARKER), "{name} {value}");
    }
    // The test sees what does leave.
    assert!(holds(&leaving("nginx_json", &request("remote_user", MARKER)), MARKER));
}

#[test]
fn passwords_of_the_samples_stay_inside() {
    let golden = format!("{}/../formats/tests/golden", env!("CARGO_MANIFEST_DIR"));
    let mut read = 0;
    for format in std::fs::read_dir(golden).unwrap() {
        let format = format.unwrap();
        let name = format.file_name().into_string().unwrap();
        for file in std::fs::read_dir(format.path()).unwrap() {
            let path = file.unwrap().path();
            let in_pieces = std::fs::read(&path).unwrap();
            if path.extension().is_none_or(|extension| extension != "log")
                || formats::FormatSpec::by_name(&name).is_none()
            {
                continue;
            }
            let records: Vec<Vec<u8>> = in_pieces.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let all = leaving(&name, &records);
            for password in ["-Secret1", "Secret1'", "NewSecret", "hunter2", "IDENTIFIED BY"] {
                assert!(!holds(&all, password), "{} {password}", path.display());
            }
            read += 1;
        }
    }
    assert!(6 < read);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_literal_leaves_whatever_stands_around_it(
        before in hostile(),
        after in hostile(),
        shape in 0..4usize,
    ) {
        let literal = literal(&format!("{before}{MARKER}{after}"));
        let statement = [
            format!("SELECT * FROM employees WHERE name={literal}"),
            format!("UPDATE employees SET note={literal} WHERE id=1"),
            format!("/*uid=u1*/ SELECT {literal}, salary FROM employees JOIN payslips USING (id) LIMIT 5"),
            format!("INSERT INTO portal_users (login, pw_hash) VALUES ('x', {literal})"),
        ][shape].clone();
        for (format, text) in [
            ("mariadb_server_audit", audit(&statement)),
            ("mariadb_slow_log", slow(&statement)),
            ("mariadb_general_log", general(&statement)),
        ] {
            prop_assert!(!holds(&leaving(format, &lines(&text)), MARKER), "{}: {}", format, statement);
        }
    }

    #[test]
    fn no_dead_letter_shows_its_text(before in "\\PC{0,40}", after in "\\PC{0,40}", format in 0..4usize) {
        let format = ["nginx_json", "mariadb_server_audit", "mariadb_slow_log", "hr_audit_json"][format];
        let text = format!("{before} {MARKER} {after}");
        prop_assert!(!holds(&leaving(format, &lines(&text)), MARKER));
    }
}

/// Text that poses as something else inside a literal.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("`".to_owned()),
        Just("/*".to_owned()),
        Just("*/".to_owned()),
        Just("-- ".to_owned()),
        Just("# ".to_owned()),
        Just("\n".to_owned()),
        Just(" FROM ".to_owned()),
        Just(" UNION SELECT ".to_owned()),
        Just("',0".to_owned()),
        Just("uid=".to_owned()),
        "[a-z ,;=()]{0,6}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}
