use super::*;

fn context(sql_tags: Vec<SqlTag>) -> Context {
    Context { sql_tags, ..Context::default() }
}

fn tables(text: &str) -> String {
    let statement = Statement::read(text, "db", Completeness::Whole, &context(Vec::new()));
    statement.tables.iter().map(|table| table.name().into_owned()).collect::<Vec<_>>().join(" ")
}

fn operation(text: &str) -> Operation {
    Statement::read(text, "db", Completeness::Whole, &context(Vec::new())).operation
}

fn signals(text: &str) -> Vec<&'static str> {
    Statement::read(text, "db", Completeness::Whole, &context(Vec::new())).signals.iter().map(Signal::as_str).collect()
}

#[test]
fn tables_of_queries() {
    for (text, expected) in [
        ("SELECT * FROM a", "db.a"),
        ("select*from(a)where(id)in(1,2)", "db.a"),
        ("SELECT * FROM`a`WHERE`id`=5", "db.a"),
        ("SeLeCt/**/ssn/**/fRoM/**/hr . employees/**/LIMIT/**/3", "hr.employees"),
        ("SELECT * FROM `hr weird ``table``, \"quoted\"`", "db.hr weird `table`, \"quoted\""),
        ("SELECT * FROM a x, hr.b AS y, c LEFT JOIN d USING(id), e WHERE f.g", "db.a hr.b db.c db.d db.e"),
        ("SELECT * FROM (a e, b p) NATURAL JOIN c LIMIT 1", "db.a db.b db.c"),
        (
            "SELECT * FROM a JOIN (SELECT * FROM b WHERE x IN (SELECT y FROM c)) z ON a.i = z.i, d",
            "db.a db.b db.c db.d",
        ),
        ("SELECT * FROM a USE INDEX (p, q), b FORCE INDEX FOR JOIN (r) JOIN c", "db.a db.b db.c"),
        ("SELECT * FROM a PARTITION (p0, p1), b", "db.a db.b"),
        ("SELECT e.* FROM a FOR SYSTEM_TIME ALL e, b LIMIT 1", "db.a db.b"),
        ("SELECT EXTRACT(YEAR FROM hired), TRIM(BOTH 'x' FROM name), SUBSTRING(a FROM 2 FOR 3) FROM a", "db.a"),
        ("SELECT a.from, b.select FROM a ORDER BY x, y", "db.a"),
        ("SELECT 1 UNION ALL SELECT iban FROM hr_employee-- %'", "db.hr_employee"),
        ("(SELECT id FROM hr.accounts) UNION (SELECT 1,2,3)", "hr.accounts"),
        ("SELECT * FROM a WHERE id=1 AND ASCII(SUBSTRING((SELECT iban FROM b LIMIT 1),1,1))>64", "db.a db.b"),
        ("SELECT STRAIGHT_JOIN count(*) FROM a STRAIGHT_JOIN b", "db.a db.b"),
        ("SELECT * FROM JSON_TABLE('[]', '$' COLUMNS (x INT PATH '$')) j, a", "db.a"),
        ("SELECT * FROM { oj a LEFT OUTER JOIN b ON 1 }", "db.a db.b"),
        ("SELECT * FROM .a", "db.a"),
        ("SELECT * FROM a, a AS b, db.a", "db.a"),
        ("SELECT \"x\" FROM \"a\" \"b\"", "db.a"),
        ("SELECT * FROM a FOR UPDATE SKIP LOCKED", "db.a"),
        ("SELECT * FROM a LIMIT 1 INTO @x, @y", "db.a"),
        ("SELECT * FROM a PROCEDURE ANALYSE()", "db.a"),
        ("SELECT 'FROM b', `from c` FROM a # FROM d", "db.a"),
        ("SELECT x,1e0FROM a UNION SELECT .5FROM b UNION SELECT 1.FROM c UNION SELECT\\NFROM d", "db.a db.b db.c db.d"),
        ("SELECT 1 FROM DUAL, a", "db.a"),
        ("/*!50000 SELECT */ * FROM /* 9 */ a /*M!100100 LIMIT 3 */", "db.a"),
        ("SELECT * /*!999999 ' */ FROM a", "db.a"),
        ("VALUES (1,2),(3,4)", ""),
        ("SELECT REPLACE(a, 'b', 'c'), INSERT(d, 1, 2, 'e'), TRUNCATE(f, 1)", ""),
        ("SET @x := (SELECT max(salary) FROM a)", "db.a"),
        ("SET STATEMENT max_statement_time=1 FOR SELECT * FROM a, b", "db.a db.b"),
        ("EXPLAIN SELECT * FROM a", "db.a"),
        ("ANALYZE FORMAT=JSON SELECT * FROM a", "db.a"),
        ("BEGIN NOT ATOMIC SELECT count(*) FROM a; UPDATE b SET c = 1; END", "db.a db.b"),
        ("SELECT 1; SELECT * FROM a", "db.a"),
    ] {
        assert_eq!(tables(text), expected, "{text}");
    }
}

#[test]
fn common_table_expressions_are_no_tables_but_hide_none() {
    for (text, expected) in [
        ("WITH x AS (SELECT * FROM a), y (i, j) AS (SELECT * FROM x) SELECT * FROM x, y, b", "db.a db.b"),
        ("WITH hr AS (SELECT * FROM hr) SELECT * FROM hr", "db.hr"),
        ("WITH RECURSIVE x AS (SELECT 1 UNION SELECT n FROM a) DELETE FROM b", "db.a db.b"),
        ("WITH RECURSIVE o AS (SELECT 1 FROM a UNION SELECT 1 FROM o JOIN b) SELECT * FROM o", "db.a db.b"),
        ("SELECT * FROM (WITH RECURSIVE hr AS (SELECT 1) SELECT * FROM hr) z, hr", "db.hr"),
        ("SELECT * FROM (WITH hr AS (SELECT 1) SELECT * FROM hr) z, hr", "db.hr"),
        ("WITH hr AS (SELECT 1) SELECT * FROM db.hr", "db.hr"),
    ] {
        assert_eq!(tables(text), expected, "{text}");
    }
}

#[test]
fn tables_of_changes() {
    for (text, expected) in [
        ("INSERT INTO a(x,y) VALUES (1,'INTO b')", "db.a"),
        ("INSERT IGNORE a SELECT * FROM b ON DUPLICATE KEY UPDATE x=1", "db.a db.b"),
        ("REPLACE INTO a(x) SELECT y FROM b LIMIT 20", "db.a db.b"),
        ("UPDATE LOW_PRIORITY a, b JOIN c SET a.x=1, b.y=2 WHERE z IN (SELECT w FROM d)", "db.a db.b db.c db.d"),
        ("DELETE FROM a WHERE x < '2020' RETURNING *", "db.a"),
        ("DELETE x, y FROM a x JOIN b y USING (id)", "db.a db.b"),
        ("DELETE FROM a USING a JOIN b", "db.a db.b"),
        ("LOAD DATA LOCAL INFILE '/tmp/x' REPLACE INTO TABLE a FIELDS TERMINATED BY ',' (b, c)", "db.a"),
        ("TRUNCATE TABLE a", "db.a"),
        ("TRUNCATE a", "db.a"),
        ("CREATE TABLE IF NOT EXISTS a LIKE b", "db.a"),
        ("CREATE TABLE a AS SELECT x FROM b WHERE y LIKE 'z' AND w", "db.a db.b"),
        ("CREATE OR REPLACE TABLE a (x INT, KEY (x)) ENGINE=InnoDB", "db.a"),
        ("CREATE INDEX i ON a (x)", "db.a"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM a", ""),
        ("CREATE PROCEDURE p() BEGIN SELECT * FROM a; END", ""),
        ("ALTER TABLE hr.a ADD COLUMN b INT, ADD INDEX (c)", "hr.a"),
        ("DROP TABLE IF EXISTS a, hr.b", "db.a hr.b"),
        ("RENAME TABLE a TO b, hr.c TO d", "db.a db.b hr.c db.d"),
        ("LOCK TABLES a READ, b AS p WRITE", "db.a db.b"),
        ("OPTIMIZE TABLE a, b", "db.a db.b"),
        ("ANALYZE TABLE a", "db.a"),
        ("HANDLER a OPEN", ""),
        ("HANDLER a OPEN AS b", "db.a"),
        ("HANDLER hr.a OPEN b", "hr.a"),
        ("HANDLER a READ FIRST LIMIT 500", "db.a"),
        ("HANDLER hr.a CLOSE", ""),
        ("GRANT SELECT, UPDATE (salary, iban) ON hr.a TO x@'%'", "hr.a"),
        ("REVOKE SELECT ON hr.* FROM x", "hr.*"),
        ("SHOW COLUMNS FROM a FROM hr", ""),
        ("SHOW CREATE TABLE a", ""),
        ("DESCRIBE a", ""),
        ("PREPARE s FROM 'SELECT * FROM a'", ""),
        ("SELEC * FROM a", ""),
    ] {
        assert_eq!(tables(text), expected, "{text}");
    }
}

#[test]
fn operations() {
    use Operation::{Administer, Other, Read, Write};
    for (text, expected) in [
        ("SELECT * FROM a", Read),
        ("(SELECT * FROM a)", Read),
        ("WITH x AS (SELECT 1 FROM a) SELECT * FROM x", Read),
        ("HANDLER a READ NEXT", Read),
        ("TABLE a", Read),
        ("SELECT 1", Other),
        ("SELECT @@version", Other),
        ("SET NAMES utf8", Other),
        ("HANDLER a OPEN", Other),
        ("COMMIT", Other),
        ("", Other),
        ("INSERT INTO a SELECT * FROM b", Write),
        ("WITH x AS (SELECT 1) UPDATE a SET b = 1", Write),
        ("TRUNCATE a", Write),
        ("LOAD DATA INFILE 'x' INTO TABLE a", Write),
        ("BEGIN NOT ATOMIC DELETE FROM a; SELECT 1; END", Write),
        ("CREATE TABLE a AS SELECT * FROM b", Administer),
        ("ANALYZE TABLE a", Administer),
        ("GRANT SELECT ON a TO b", Administer),
        ("SET GLOBAL general_log=0", Administer),
        ("SET @@global.general_log=0", Administer),
        ("SET PASSWORD FOR x = 'y'", Administer),
        ("KILL 1", Administer),
    ] {
        assert_eq!(operation(text), expected, "{text}");
    }
}

#[test]
fn what_the_shape_gives_away() {
    for (text, expected) in [
        ("SELECT * FROM a WHERE b INTO OUTFILE '/tmp/x'", &["into_outfile"][..]),
        ("SELECT x INTO/**/OUTFILE '/tmp/x' FROM a LIMIT 1", &["into_outfile"]),
        ("SELECT x FROM a WHERE y='INTO OUTFILE'", &[]),
        ("SELECT x FROM a WHERE z INTO DUMPFILE '/tmp/x'", &["into_dumpfile"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ `a` FROM `b` WHERE 1 LIMIT 20000", &["dump_shape", "unbounded_read"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `b`", &["dump_shape", "unbounded_read"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `b` WHERE id = 7", &[]),
        ("SELECT SQL_NO_CACHE * FROM b LIMIT 7", &[]),
        ("GRANT ALL PRIVILEGES ON *.* TO evil@'%' WITH GRANT OPTION", &["grant"]),
        ("GRANT SELECT ON TABLE a TO x", &["grant"]),
        ("GRANT EXECUTE ON PROCEDURE p TO x", &[]),
        ("GRANT role TO x", &[]),
        ("GRANT PROXY ON a TO b", &[]),
        ("REVOKE ALL ON *.* FROM x", &[]),
        ("SET GLOBAL server_audit_logging=OFF", &["audit_off", "set_global"]),
        ("SET GLOBAL server_audit_logging = 'ON'", &["set_global"]),
        ("SET @@global.server_audit_excl_users='x'", &["audit_off", "set_global"]),
        ("SET GLOBAL x=1, GLOBAL `server_audit_events`='CONNECT'", &["audit_off", "set_global"]),
        ("SET SESSION a = 1, @@persist.b = 2", &["set_global"]),
        ("SET PERSIST_ONLY a = 1", &["set_global"]),
        ("SET @x = @@global.a, @y = 1 + @@global.b", &[]),
        ("SET NAMES utf8mb4", &[]),
        ("SELECT @@global.general_log", &[]),
        ("SET @x = @@server_audit_logging", &[]),
        ("UNINSTALL PLUGIN server_audit", &["audit_off"]),
        ("UNINSTALL SONAME 'server_audit'", &["audit_off"]),
        ("UNINSTALL PLUGIN other", &[]),
        ("LOAD DATA LOCAL INFILE '/tmp/x' INTO TABLE a", &["load_file"]),
        ("load/**/xml infile 'x' into table a", &["load_file"]),
        ("SELECT HEX(LOAD_FILE('/etc/passwd'))", &["load_file"]),
        ("SELECT load_file FROM a WHERE b", &[]),
        ("LOAD INDEX INTO CACHE a", &[]),
        ("HANDLER a OPEN", &[]),
        ("HANDLER a OPEN AS b", &["handler_read"]),
        ("HANDLER a READ FIRST LIMIT 500", &["handler_read"]),
        ("SELECT GROUP_CONCAT(ssn) FROM a", &["gathers_rows"]),
        ("SELECT x FROM a WHERE y = (SELECT json_arrayagg(z) FROM b)", &["gathers_rows"]),
        ("SELECT JSON_OBJECTAGG (k, v) FROM a WHERE b", &["gathers_rows"]),
        ("SELECT group_concat FROM a WHERE b", &[]),
        ("SELECT GROUP_CONCAT('a')", &[]),
    ] {
        assert_eq!(signals(text), expected, "{text}");
    }
}

#[test]
fn reads_of_whole_tables() {
    let unbounded = |text: &str| signals(text).contains(&"unbounded_read");
    for text in [
        "SELECT * FROM a",
        "SELECT b FROM a ORDER BY c",
        "SELECT * FROM a WHERE 1",
        "SELECT * FROM a WHERE 1=1",
        "SELECT * FROM a WHERE 'x' = 'x' LIMIT 18446744073709551615",
        "SELECT * FROM a WHERE b = 'c' OR 1=1",
        "SELECT * FROM a WHERE b = 'c' OR '1'='1'-- '",
        "SELECT * FROM a WHERE (b = 'c' OR 1=1)",
        "SELECT * FROM a WHERE ((b = 'c') OR ((1=1)))",
        "SELECT * FROM a WHERE b = 'c' || 1 # '",
        "SELECT * FROM a LIMIT 0, 100000",
        "SELECT * FROM (SELECT b FROM a) x",
        "SELECT b FROM c WHERE d = 1 UNION ALL SELECT e FROM a",
        "(SELECT b FROM c WHERE d = 1) UNION (SELECT e FROM a)",
        "WITH x AS (SELECT * FROM a) SELECT * FROM x",
        "INSERT INTO b SELECT * FROM a",
        "CREATE TABLE b AS SELECT * FROM a",
        "SELECT b, rank() OVER (ORDER BY c), sum(d) OVER () FROM a",
        "TABLE a",
        "SELECT * FROM b JOIN c USING (d)",
        "SELECT * FROM a HAVING 1",
        "BEGIN NOT ATOMIC SELECT * FROM a; END",
        "SELECT 1; SELECT * FROM a",
        "SELECT count FROM a",
        "SELECT DISTINCT b FROM a",
        "EXECUTE IMMEDIATE CONCAT('SELECT * FROM hr_', 'employee')",
    ] {
        assert!(unbounded(text), "{text}");
    }
    for text in [
        "SELECT 1",
        "SELECT * FROM a WHERE b = 1",
        "SELECT * FROM a WHERE 1=1 AND b = 1",
        "SELECT * FROM a WHERE b = 1 AND (c = 2 OR 1=1)",
        "SELECT * FROM a WHERE (b = 1 OR 1=1) AND c = 2",
        "SELECT * FROM a WHERE b = 1 OR 1=2",
        "SELECT * FROM a WHERE 1=2",
        "SELECT * FROM a LIMIT 10",
        "SELECT * FROM a LIMIT ?",
        "SELECT * FROM a LIMIT 100000, 20",
        "SELECT * FROM a FETCH FIRST 5 ROWS ONLY",
        "SELECT count(*) FROM a",
        "SELECT round(avg(b), 2) FROM a",
        "SELECT b, count(*) FROM a GROUP BY b",
        "SELECT * FROM (SELECT b FROM a WHERE c = 1) x",
        "SELECT b FROM c WHERE d IN (SELECT e FROM a)",
        "(SELECT b FROM a) UNION (SELECT c FROM d) LIMIT 5",
        "SELECT b FROM a UNION SELECT c FROM d LIMIT 5",
        "WITH x AS (SELECT * FROM a WHERE b = 1) SELECT * FROM x",
        "SELECT (SELECT max(b) FROM a)",
        "UPDATE a SET b = 1",
        "DELETE FROM a",
        "EXPLAIN SELECT * FROM a",
        "CREATE VIEW v AS SELECT * FROM a",
        "CREATE PROCEDURE p() SELECT * FROM a",
        "SHOW COLUMNS FROM a",
        "SELECT * FROM a HAVING b = 1",
        "TABLE a LIMIT 5",
    ] {
        assert!(!unbounded(text), "{text}");
    }
    let cut = Statement::read("SELECT * FROM a ", "", Completeness::MaybeCut, &context(Vec::new()));
    assert!(!cut.signals.contains(Signal::UnboundedRead), "a WHERE may have been cut off");
}

#[test]
fn text_that_was_cut() {
    let cut = |text| {
        let statement = Statement::read(text, "db", Completeness::MaybeCut, &context(Vec::new()));
        let tables: Vec<_> = statement.tables.iter().map(|table| table.name().into_owned()).collect();
        (statement.operation, tables.join(" "))
    };
    assert_eq!(cut("SELECT * FROM hr_pay"), (Operation::Read, String::new()), "half a name is no name");
    assert_eq!(cut("SELECT * FROM hr.pay"), (Operation::Read, String::new()));
    assert_eq!(cut("SELECT * FROM `hr_pay"), (Operation::Read, String::new()));
    assert_eq!(cut("SELECT * FROM a WHERE x = 'y"), (Operation::Read, "db.a".into()));
    assert_eq!(cut("INSERT INTO a VALUES (1, 'x"), (Operation::Write, "db.a".into()));
    assert_eq!(cut("SELECT a, b, c"), (Operation::Read, String::new()));
    let dump =
        Statement::read("SELECT /*!40001 SQL_NO_CACHE */ `a`, `b", "db", Completeness::MaybeCut, &context(Vec::new()));
    assert!(dump.signals.contains(Signal::DumpShape));
}

#[test]
fn an_open_quote_in_whole_text_is_read_without_backslash_escapes() {
    assert_eq!(tables(r#"SELECT "e"."name" || '\' FROM "hr" "e" LIMIT 2"#), "db.hr");
}

#[test]
fn tags_count_only_at_their_position() {
    let tag = |text, position, completeness| {
        let tags = vec![SqlTag { key: "uid".into(), position }, SqlTag { key: "user".into(), position }];
        Statement::read(text, "", completeness, &context(tags)).tag_user.map(Cow::into_owned)
    };
    let whole = Completeness::Whole;
    let end = |text| tag(text, TagPosition::End, whole);
    assert_eq!(end("SELECT 1 /*uid=u1*/").as_deref(), Some("u1"));
    assert_eq!(end("SELECT 1 /*uid=u1*/;").as_deref(), Some("u1"));
    assert_eq!(end("SELECT 1 /*a='b',user='e1001'*/").as_deref(), Some("e1001"));
    assert_eq!(end("/*uid=u1*/ SELECT 1"), None);
    assert_eq!(end("SELECT 1 /*uid=u1*/ FROM a"), None);
    assert_eq!(end("SELECT 1 /*uid=u1*/ -- /*uid=u2*/"), None, "who comments the true tag out does not set his own");
    assert_eq!(end("SELECT 1 /*uid=u1*/ /* /*uid=u2*/"), None);
    assert_eq!(end("SELECT 1 /*uid=u1*/ /*uid=u2*/").as_deref(), Some("u2"), "the application's stands last");
    assert_eq!(end("SELECT '/*uid=u1*/"), None);
    assert_eq!(tag("SELECT 1 /*uid=u1*/", TagPosition::End, Completeness::MaybeCut), None);
    assert_eq!(tag("/*uid=u1*/ SELECT 1", TagPosition::Front, Completeness::MaybeCut).as_deref(), Some("u1"));
    assert_eq!(tag("SELECT 1 /*uid=u1*/", TagPosition::Front, whole), None);
}

#[test]
fn nesting_and_tables_are_bounded() {
    let deep = format!("SELECT {}SELECT * FROM a{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(tables(&deep), "db.a");
    let many = (0..500).fold(String::from("SELECT * FROM a"), |text, at| text + ", t" + &at.to_string());
    assert_eq!(Statement::read(&many, "", Completeness::Whole, &context(Vec::new())).tables.len(), TABLES_MAX);
}

fn read(text: &str) -> Statement<'_> {
    Statement::read(text, "db", Completeness::Whole, &Context::default())
}

fn fingerprint(text: &str) -> u64 {
    read(text).fingerprint.expect("of whole text there is one")
}

#[test]
fn fingerprints_ignore_values_and_spelling() {
    for same in [
        &["SELECT a FROM b WHERE c = 1", "select A from `b`\n where c='x' -- y", "SELECT a/**/FROM b WHERE c=-1.5e3;"]
            [..],
        &["SELECT a FROM b WHERE c = ?", "SELECT a FROM b WHERE c = N'x'", "SELECT a FROM b WHERE c = 0xff /*uid=u1*/"],
        &["a IN (1)", "a IN (1,2,3)", "a IN ('x', 'y')", "a IN (?, ?)", "a IN (-1, 2)"],
        &["a IN ((1,2))", "a IN ((1,2),(3,4),(5,6))"],
        &[
            "INSERT INTO a (b, c) VALUES (1, now(3))",
            "INSERT INTO a (b, c) VALUES (1, now(3)), (2, now(3)), (NULL, now(3))",
        ],
        &["INSERT INTO a VALUES (1, NULL, DEFAULT)", "INSERT INTO a VALUES ('x', 2, TRUE), (3, 4, 5)"],
        &["SELECT 'it''s' FROM a", "SELECT 'x' 'y' FROM a", "SELECT _utf8'z' FROM a", "/*!50000 SELECT*/ 1 FROM a"],
        &["SELECT 1; SELECT 2", "SELECT 3 ;SELECT 4;"],
    ] {
        for text in same {
            assert_eq!(fingerprint(text), fingerprint(same[0]), "{text} | {}", same[0]);
        }
    }
}

#[test]
fn fingerprints_tell_shapes_apart() {
    let texts = [
        "SELECT a FROM b WHERE c = 1",
        "SELECT a FROM b WHERE c > 1",
        "SELECT a FROM b WHERE d = 1",
        "SELECT a FROM b WHERE c = 1 OR 1=1",
        "SELECT a FROM b WHERE c = 1 UNION SELECT 1",
        "SELECT a FROM b WHERE c = d - 1",
        "SELECT a FROM b WHERE c IS NULL",
        "SELECT a FROM b WHERE c IN (1)",
        "SELECT a FROM b WHERE c IN (SELECT 1)",
        "SELECT a, b",
        "SELECT a b",
        "INSERT INTO a VALUES (1, 2)",
        "INSERT INTO a VALUES (1, 2), (3, (SELECT b FROM c))",
        "INSERT INTO a VALUES (1, b)",
        "SELECT (a) b",
        "SELECT ((a)) b",
        "",
    ];
    let prints: std::collections::BTreeSet<_> = texts.iter().map(|text| fingerprint(text)).collect();
    assert_eq!(prints.len(), texts.len());
}

/// Fingerprints are kept in baselines: they must not change from one version to the next.
#[test]
fn fingerprints_are_stable_and_cut_text_has_none() {
    assert_eq!(fingerprint("SELECT a FROM b WHERE c = 1"), 16_470_537_543_927_925_602);
    assert_eq!(Statement::read("SELECT 1", "", Completeness::MaybeCut, &Context::default()).fingerprint, None);
    let deep = format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100));
    let cut = format!("SELECT {}1", "(".repeat(100));
    assert_ne!(fingerprint(&deep), fingerprint(&cut));
}

#[test]
fn watched_columns_are_named_where_they_stand() {
    let watched = ["ssn", "iban", "password", "count"].into_iter().map(Box::from).collect();
    let context = Context { watched_columns: std::sync::Arc::new(watched), ..Context::default() };
    for (text, columns, star) in [
        ("SELECT e.SSN, `iban`, name FROM hr_employee e", "ssn iban", false),
        ("SELECT 'ssn', \"iban\" FROM a /* ssn */ -- iban", "", false),
        ("SELECT \"ssn\" FROM \"a\"", "ssn", false),
        ("SELECT * FROM a WHERE Password = 'x' ORDER BY ssn, ssn", "password ssn *", true),
        ("UPDATE a SET iban = 1", "iban", false),
        ("SELECT count FROM a", "count", false),
        ("SELECT b FROM ssn", "", false),
        ("SELECT a.*, b FROM c a", "*", true),
        ("SELECT b, c.* FROM c", "*", true),
        ("SELECT ALL * FROM a", "*", true),
        ("SELECT count(*), b * 2 FROM a", "count", false),
        ("TABLE a", "*", true),
        ("HANDLER a READ FIRST", "*", true),
        ("HANDLER a OPEN", "", false),
        ("EXECUTE IMMEDIATE 'SELECT ssn, b.* FROM b'", "ssn *", true),
    ] {
        let statement = Statement::read(text, "", Completeness::Whole, &context);
        assert_eq!((statement.columns.join(" ").as_str(), statement.star), (columns, star), "{text}");
    }
}

#[test]
fn tags_elsewhere_are_misplaced() {
    let misplaced = |text: &str, position, completeness| {
        let tags = vec![SqlTag { key: "uid".into(), position }, SqlTag { key: "user".into(), position }];
        let statement = Statement::read(text, "", completeness, &context(tags));
        statement.signals.contains(Signal::MisplacedTag)
    };
    let end = |text| misplaced(text, TagPosition::End, Completeness::Whole);
    for text in [
        "/*uid=u1*/ SELECT 1",
        "SELECT 1 /*uid=u1*/ FROM a",
        "SELECT 1 /*uid=u1*/ /*uid=u2*/",
        "SELECT 1 /*uid=u1*/ -- /*uid=u2*/",
        "SELECT 1 -- uid=u1",
        "SELECT 1 # x, user = 'u1'",
        "SELECT 1 /* /*uid=u1*/ /*a='b',user='e1001'*/",
        "SELECT 1 /*uid=u1,uid=u2*/",
        "SELECT /*!99999999 uid=u1*/ 1 /*uid=u2*/",
    ] {
        assert!(end(text), "{text}");
    }
    for text in [
        "SELECT 1 /*uid=u1*/",
        "SELECT 1 /*action='b',traceparent='00-1-2-01',user='e1001'*/;",
        "SELECT '/*uid=u1*/', \"-- user=u1\" FROM a /*uid=u2*/",
        "SELECT uid = 'u1' FROM a",
        "SELECT 1 /* build=7, myuid=3, user_id=5 */ FROM a /*uid=u1*/",
        "/* user:u7 req:1 */ SELECT 1",
        "SELECT 1 /*uid=u1",
    ] {
        assert!(!end(text), "{text}");
    }
    assert!(!misplaced("/*uid=u1*/ SELECT 1", TagPosition::Front, Completeness::Whole));
    assert!(misplaced("SELECT 1 /*uid=u1*/", TagPosition::Front, Completeness::Whole));
    let cut = Completeness::MaybeCut;
    assert!(!misplaced("SELECT 1 /*uid=u1*/", TagPosition::End, cut), "what stood behind is unknown");
    assert!(misplaced("SELECT 1 /*uid=u1*/ FROM a", TagPosition::End, cut));
}

#[test]
fn the_request_id_stands_in_the_tag_s_comment() {
    let id = |text| read(text).request_id.map(Cow::into_owned);
    assert_eq!(id("SELECT 1 /*request_id='r%201',user='e1'*/").as_deref(), Some("r 1"));
    assert_eq!(id("SELECT 1 /*uid=u1,rid=abc*/").as_deref(), Some("abc"));
    assert_eq!(id("SELECT 1 /*rid=abc*/").as_deref(), Some("abc"), "a request that nobody logged in for");
    assert_eq!(id("/*rid=abc*/ SELECT 1"), None);
}

#[test]
fn views_triggers_and_functions_stand_for_their_tables() {
    let schema = "CREATE VIEW v AS SELECT * FROM a JOIN hr.b USING (c);
        CREATE VIEW w AS SELECT * FROM v;
        CREATE VIEW x AS SELECT * FROM y; CREATE VIEW y AS SELECT * FROM x;
        CREATE TRIGGER t1 AFTER INSERT ON d FOR EACH ROW INSERT INTO log VALUES (NEW.e);
        CREATE TRIGGER t2 AFTER DELETE ON d FOR EACH ROW INSERT INTO gone VALUES (OLD.e);
        CREATE FUNCTION f(i INT) RETURNS INT RETURN (SELECT g FROM h WHERE k = i);";
    let mut behind = std::collections::BTreeMap::<Box<str>, Vec<TableBehind>>::new();
    for (name, table) in definitions(schema, "db").behind {
        behind.entry(name).or_default().push(table);
    }
    let context = Context { tables_behind: std::sync::Arc::new(behind), ..Context::default() };
    for (text, expected) in [
        ("SELECT * FROM V", "db.a hr.b"),
        ("SELECT * FROM w JOIN a", "db.a hr.b"),
        ("SELECT * FROM x", ""),
        ("SELECT * FROM other.v", "other.v"),
        ("UPDATE v SET c = 1", "db.a hr.b"),
        ("INSERT INTO d VALUES (1)", "db.d db.log"),
        ("INSERT INTO d VALUES (1) ON DUPLICATE KEY UPDATE e = 2", "db.d db.log"),
        ("REPLACE d SET e = 1", "db.d db.log db.gone"),
        ("DELETE FROM d", "db.d db.gone"),
        ("UPDATE d SET e = 1", "db.d"),
        ("SELECT db.f(1), other.f(2)", "db.h"),
        ("SELECT `other`.`f`(2)", ""),
        ("SELECT * FROM d", "db.d"),
        ("INSERT INTO z SELECT * FROM d", "db.z db.d"),
        ("LOCK TABLES d AS p WRITE, z READ", "db.d db.z db.log db.gone"),
        ("SELECT f(1), F (2)", "db.h"),
        ("SELECT f FROM z", "db.z"),
    ] {
        let statement = Statement::read(text, "db", Completeness::Whole, &context);
        let tables: Vec<_> = statement.tables.iter().map(|table| table.name().into_owned()).collect();
        assert_eq!(tables.join(" "), expected, "{text}");
    }
}

/// Shapes that attackers use, or that hide a table from a reader of SQL.
#[test]
fn attacks() {
    for (text, expected) in [
        ("SELECT a FROM p WHERE b='x' UNION ALL SELECT ssn FROM hr_employee-- '", "db.p db.hr_employee"),
        ("SELECT/**/a/**/FROM/**/p/**/UNION/**/SELECT/**/ssn/**/FROM/**/hr_employee", "db.p db.hr_employee"),
        ("SELECT a FROM p /*!50000UNION*/ /*!50000SELECT*/ ssn FROM hr_employee", "db.p db.hr_employee"),
        ("SELECT a FROM p /*!UNION*//*!SELECT*/ssn/*!FROM*/hr_employee", "db.p db.hr_employee"),
        ("SELECT a FROM p /*! UNION /*!50000 SELECT */ ssn FROM hr_employee */", "db.p db.hr_employee"),
        ("SELECT a FROM p /*!50701 ' */ UNION SELECT ssn FROM hr_employee /*!50701 ' */", "db.p db.hr_employee"),
        ("SELECT a FROM p WHERE b = 0x27 UNION SELECT ssn FROM hr_employee # '", "db.p db.hr_employee"),
        (
            "SELECT a FROM p WHERE b = N'x' OR c = _utf8'\\'' OR d = x'27' OR e = b'1' UNION TABLE hr_employee",
            "db.p db.hr_employee",
        ),
        ("SELECT 1; DELETE FROM hr_leave; SELECT * FROM hr_payroll", "db.hr_leave db.hr_payroll"),
        ("SELECT ssn INTO OUTFILE '/x' FIELDS TERMINATED BY ',' FROM hr_employee", "db.hr_employee"),
        ("SELECT ssn FROM hr_employee INTO DUMPFILE '/x'", "db.hr_employee"),
        ("HANDLER hr_employee READ `PRIMARY` >= (1) LIMIT 500", "db.hr_employee"),
        ("SELECT * FROM a,b STRAIGHT_JOIN hr_employee", "db.a db.b db.hr_employee"),
        ("SELECT * FROM (SELECT * FROM (SELECT ssn FROM hr_employee) x) y", "db.hr_employee"),
        (
            "WITH RECURSIVE o AS (SELECT m FROM hr_employee UNION SELECT n FROM o, hr_payroll) SELECT * FROM o",
            "db.hr_employee db.hr_payroll",
        ),
        ("WITH hr_employee AS (SELECT 1) SELECT * FROM db.hr_employee", "db.hr_employee"),
        ("WITH x AS (SELECT 1), hr_payroll AS (SELECT 2) SELECT * FROM hr_employee", "db.hr_employee"),
        ("TABLE hr_employee", "db.hr_employee"),
        ("VALUES ROW(1, (SELECT ssn FROM hr_employee))", "db.hr_employee"),
        ("SELECT * FROM a WHERE b IN (TABLE hr_employee)", "db.a db.hr_employee"),
        ("SELECT rank() OVER w FROM hr_payroll WINDOW w AS (PARTITION BY a ORDER BY b)", "db.hr_payroll"),
        ("SELECT * FROM hr_payroll PROCEDURE ANALYSE()", "db.hr_payroll"),
        ("SELECT * FROM hr_payroll FOR SYSTEM_TIME AS OF '2020-01-01' p, hr_leave", "db.hr_payroll db.hr_leave"),
        ("SELECT * FROM hr_payroll PARTITION (p0) AS x JOIN hr_leave", "db.hr_payroll db.hr_leave"),
        ("SELECT * FROM hr_payroll x FORCE INDEX FOR ORDER BY (i) JOIN hr_leave", "db.hr_payroll db.hr_leave"),
        ("SELECT * FROM {oj hr_payroll LEFT OUTER JOIN hr_leave ON 1}", "db.hr_payroll db.hr_leave"),
        ("UPDATE a, hr_payroll p SET p.net = 1", "db.a db.hr_payroll"),
        (
            "UPDATE a JOIN (SELECT x FROM hr_leave) l USING (x) SET y = (SELECT max(net) FROM hr_payroll)",
            "db.a db.hr_leave db.hr_payroll",
        ),
        ("DELETE p, l FROM hr_payroll p JOIN hr_leave l USING (x)", "db.hr_payroll db.hr_leave"),
        ("DELETE FROM a USING a JOIN hr_leave", "db.a db.hr_leave"),
        ("REPLACE INTO a SELECT * FROM hr_employee", "db.a db.hr_employee"),
        ("INSERT INTO a SET b = (SELECT ssn FROM hr_employee LIMIT 1)", "db.a db.hr_employee"),
        ("INSERT INTO a VALUES (1, (SELECT ssn FROM hr_employee LIMIT 1))", "db.a db.hr_employee"),
        (
            "INSERT INTO a (b) VALUES (1) ON DUPLICATE KEY UPDATE b = (SELECT ssn FROM hr_employee LIMIT 1)",
            "db.a db.hr_employee",
        ),
        ("CREATE TABLE x AS SELECT * FROM hr_employee", "db.x db.hr_employee"),
        ("CREATE TABLE x (event INT) SELECT * FROM hr_employee", "db.x db.hr_employee"),
        ("CREATE TEMPORARY TABLE x (SELECT * FROM hr_employee)", "db.x db.hr_employee"),
        ("LOAD DATA INFILE 'x' INTO TABLE hr_leave", "db.hr_leave"),
        ("SELECT * FROM `hr``x`, `a b`.`c d`", "db.hr`x a b.c d"),
        ("SELECT 1--1 FROM hr_employee", "db.hr_employee"),
        ("SELECT * FROM hr_employee--", "db.hr_employee"),
        ("SELECT a FROM p WHERE b = 'x\\\\' UNION SELECT ssn FROM hr_employee -- '", "db.p db.hr_employee"),
        ("SELECT * FROM\u{b}hr_employee", "db.hr_employee"),
        ("SELECT(ssn)FROM(hr_employee)", "db.hr_employee"),
        ("SELECT a,(SELECT GROUP_CONCAT(ssn)FROM hr_employee)FROM p", "db.hr_employee db.p"),
        ("SELECT extractvalue(1,concat(0x7e,(SELECT ssn FROM hr_employee LIMIT 1)))", "db.hr_employee"),
        ("DO (SELECT sleep(5) FROM hr_employee)", "db.hr_employee"),
        ("CALL p((SELECT ssn FROM hr_employee LIMIT 1))", "db.hr_employee"),
        ("SET @a = (SELECT ssn FROM hr_employee LIMIT 1)", "db.hr_employee"),
        ("EXECUTE IMMEDIATE 'SELECT ssn FROM hr_employee'", "db.hr_employee"),
        ("EXECUTE IMMEDIATE CONCAT('SELECT ssn FR','OM hr_',0x656d706c6f796565)", "db.hr_employee"),
        ("EXECUTE IMMEDIATE @a", ""),
        ("EXECUTE IMMEDIATE 'EXECUTE IMMEDIATE ''SELECT ssn FROM hr_employee'''", ""),
        ("PREPARE s FROM 'SELECT ssn FROM hr_employee'", ""),
        ("SHOW CREATE TABLE hr_employee", ""),
        ("SHOW INDEX FROM hr_employee FROM db", ""),
        ("DESCRIBE hr_employee", ""),
        ("EXPLAIN hr_employee", ""),
        ("SELECT * FROM 残業 x, hr_überstunden", "db.残業 db.hr_überstunden"),
    ] {
        assert_eq!(tables(text), expected, "{text}");
    }
    assert_eq!(signals("PREPARE s FROM 'SELECT ssn FROM a WHERE b INTO OUTFILE ''/x'''"), ["into_outfile"]);
    assert_eq!(signals("EXECUTE IMMEDIATE 'HANDLER a READ FIRST'"), ["handler_read"]);
}

#[test]
fn statements_of_postgres() {
    let read = |text: &'static str| {
        let statement = Statement::read_postgres(text, "public", Completeness::Whole, &context(Vec::new()));
        let tables: Vec<_> = statement.tables.iter().map(|table| table.name().into_owned()).collect();
        let signals: Vec<_> = statement.signals.iter().map(Signal::as_str).collect();
        (statement.operation, tables.join(" "), signals.join(" "))
    };
    use Operation::{Other, Read, Write};
    for (text, operation, tables, signals) in [
        ("SELECT * FROM hr_employee WHERE id = $1", Read, "public.hr_employee", ""),
        ("SELECT \"Ssn\"::text FROM hr.\"Hr Employee\" e WHERE a = 'x\\' OR b", Read, "hr.Hr Employee", ""),
        ("SELECT E'it\\'s', $$ FROM x $$, $t$ ' $t$ FROM ONLY a WHERE b", Read, "public.a", ""),
        ("SELECT a #>> '{b}' FROM c WHERE d /* x /* y */ FROM z */", Read, "public.c", ""),
        ("UPDATE a SET b = c FROM d WHERE a.e = d.e", Write, "public.a public.d", ""),
        ("DELETE FROM a USING b WHERE a.c = b.c", Write, "public.a public.b", ""),
        ("COPY hr_employee TO '/tmp/x'", Read, "public.hr_employee", "into_outfile unbounded_read"),
        ("COPY (SELECT * FROM a WHERE b) TO STDOUT", Read, "public.a", ""),
        ("COPY (SELECT * FROM a) TO PROGRAM 'curl x'", Read, "public.a", "into_outfile unbounded_read"),
        ("COPY a (b, c) FROM '/etc/passwd'", Write, "public.a", "load_file"),
        ("COPY a FROM STDIN", Write, "public.a", ""),
        ("SELECT string_agg(ssn, ',') FROM a", Read, "public.a", "gathers_rows"),
        ("SELECT * FROM a LIMIT ALL", Read, "public.a", "unbounded_read"),
        ("WITH x AS MATERIALIZED (SELECT * FROM a) SELECT * FROM x", Read, "public.a", "unbounded_read"),
        ("INSERT INTO a AS t VALUES (1) ON CONFLICT (b) DO UPDATE SET c = 2 RETURNING *", Write, "public.a", ""),
        ("SELECT 1", Other, "", ""),
    ] {
        assert_eq!(read(text), (operation, tables.to_owned(), signals.to_owned()), "{text}");
    }
}

/// Twice the text costs twice the steps, looking ahead included: a step is a byte read.
#[test]
fn steps_are_linear_in_the_text() {
    let steps = |text: &str| {
        lexer::steps::taken();
        Statement::read(text, "db", Completeness::Whole, &Context::default());
        lexer::steps::taken()
    };
    for piece in [
        "SELECT ",
        "FROM a ",
        "(",
        "((SELECT ",
        ")",
        ",",
        "a.",
        "a.b,",
        "'x' ",
        "`a` ",
        "/* x=1 */",
        "-- x=1\n",
        "WHERE 1 OR ",
        "OR 1=1 ",
        "OR ((((1",
        "LIMIT 1 ",
        "UNION ",
        "* FROM ",
        "{oj a ",
        "FOR UPDATE ",
        "SET @@global.x=1,",
        "GRANT a ON ",
        "EXECUTE IMMEDIATE 'a' ",
        "EXECUTE IMMEDIATE CONCAT('a',",
        "PREPARE s FROM 'a' ",
        "WITH a AS (SELECT ",
        "/*!50000 ",
        "f(1)",
        "|| ",
        "SET server_audit_x=",
        "COPY a TO ",
        "BEGIN ",
    ] {
        let (short, long) = (piece.repeat(2000), piece.repeat(4000));
        let (few, many) = (steps(&short), steps(&long));
        assert!(many <= 2 * few + 4000, "{piece}: {few} {many}");
        assert!(few <= 40 * short.len() + 4000, "{piece}: {few} steps for {} bytes", short.len());
    }
}

#[test]
fn account_numbers_written_are_marked() {
    for text in [
        "UPDATE bank_accounts SET iban = 'XX1' WHERE employee_id = 7",
        "update `hr`.`payout` set `IBAN`='XX1'",
        "INSERT INTO hr_payees (employee_id, routing_number, account_number) VALUES (1, 2, 3)",
        "REPLACE INTO t SET bank_account = 1",
        "INSERT INTO hr.bank_accounts VALUES (1, 'XX1', 7)",
        "INSERT INTO bank_accounts SELECT * FROM new_accounts",
        "replace bank_accounts (select * from new_accounts)",
        "INSERT INTO `employee_bank_details` VALUES (1, 2)",
        "INSERT INTO bank_accounts ((SELECT 1, 2))",
        "LOAD DATA LOCAL INFILE '/tmp/x' INTO TABLE hr.bank_accounts FIELDS TERMINATED BY ','",
        "LOAD DATA INFILE 'x' REPLACE INTO TABLE payees (employee_id, iban)",
        "EXECUTE IMMEDIATE 'INSERT INTO bank_accounts VALUES (1, 2)'",
    ] {
        assert!(signals(text).contains(&"bank_details"), "{text}");
    }
    for text in [
        "SELECT iban FROM bank_accounts",
        "UPDATE t SET name = 'iban' WHERE id = 1",
        "DELETE FROM bank_accounts WHERE employee_id = 7",
        "UPDATE t SET account = 1",
        "INSERT INTO bank_accounts (id, note) VALUES (1, 'x')",
        "INSERT INTO bank_accounts () VALUES ()",
        "INSERT INTO bank_accounts SET note = 'x'",
        "INSERT INTO notes SELECT * FROM bank_accounts",
        "INSERT INTO bank_holidays VALUES ('2026-12-25')",
        "LOAD DATA INFILE 'x' INTO TABLE notes",
        "TRUNCATE bank_accounts",
    ] {
        assert!(!signals(text).contains(&"bank_details"), "{text}");
    }
    let postgres = |text| Statement::read_postgres(text, "hr", Completeness::Whole, &Context::default()).signals;
    for (text, marked) in [
        ("COPY bank_accounts FROM STDIN", true),
        ("COPY t (id, iban) FROM STDIN", true),
        ("COPY t (id, note) FROM STDIN", false),
        ("COPY bank_accounts TO STDOUT", false),
        ("COPY t (id, iban) TO STDOUT", false),
    ] {
        assert_eq!(postgres(text).contains(Signal::BankDetails), marked, "{text}");
    }
}
