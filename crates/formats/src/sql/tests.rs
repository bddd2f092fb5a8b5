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
fn keywords_can_be_searched() {
    assert!(KEYWORDS.is_sorted());
    assert!(KEYWORDS.iter().all(|keyword| keyword.len() <= KEYWORD_BYTES_MAX));
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
        ("CREATE TABLE IF NOT EXISTS a LIKE b", "db.a db.b"),
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
        ("SELECT * FROM a INTO OUTFILE '/tmp/x'", &["into_outfile"][..]),
        ("SELECT x INTO/**/OUTFILE '/tmp/x' FROM a", &["into_outfile"]),
        ("SELECT x FROM a WHERE y='INTO OUTFILE'", &[]),
        ("SELECT x FROM a INTO DUMPFILE '/tmp/x'", &["into_dumpfile"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ `a` FROM `b` WHERE 1 LIMIT 20000", &["dump_shape"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `b`", &["dump_shape"]),
        ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `b` WHERE id = 7", &[]),
        ("SELECT SQL_NO_CACHE * FROM b", &[]),
        ("GRANT ALL PRIVILEGES ON *.* TO evil@'%' WITH GRANT OPTION", &["grant"]),
        ("GRANT SELECT ON TABLE a TO x", &["grant"]),
        ("GRANT EXECUTE ON PROCEDURE p TO x", &[]),
        ("GRANT role TO x", &[]),
        ("GRANT PROXY ON a TO b", &[]),
        ("REVOKE ALL ON *.* FROM x", &[]),
        ("SET GLOBAL server_audit_logging=OFF", &["audit_off"]),
        ("SET GLOBAL server_audit_logging = 'ON'", &[]),
        ("SET @@global.server_audit_excl_users='x'", &["audit_off"]),
        ("SET GLOBAL x=1, GLOBAL `server_audit_events`='CONNECT'", &["audit_off"]),
        ("SET @x = @@server_audit_logging", &[]),
        ("UNINSTALL PLUGIN server_audit", &["audit_off"]),
        ("UNINSTALL SONAME 'server_audit'", &["audit_off"]),
        ("UNINSTALL PLUGIN other", &[]),
    ] {
        assert_eq!(signals(text), expected, "{text}");
    }
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
