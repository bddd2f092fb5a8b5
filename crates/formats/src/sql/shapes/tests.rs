use super::*;
use crate::{SqlTag, TagPosition};
use proptest::prelude::*;

/// Reads the texts in turn, and says of how many the shape was known; each says what it says to who knows none.
fn known(shapes: &mut Shapes, texts: &[&str], context: &Context) -> u64 {
    let before = shapes.known();
    for text in texts {
        let read = Statement::read(text, "hr", Completeness::Whole, context);
        assert_eq!(shapes.read(text, "hr", Completeness::Whole, context), read, "{text}");
    }
    shapes.known() - before
}

/// Which of the later texts have the shape of the first.
fn like<'t>(first: &str, others: &[&'t str]) -> Vec<&'t str> {
    let context = Context::default();
    let is_like = |other: &&&str| known(&mut Shapes::default(), &[first, other], &context) == 1;
    others.iter().filter(is_like).copied().collect()
}

const NONE: [&str; 0] = [];

#[test]
fn literals_and_the_comments_at_the_edges_are_holes() {
    let with = |front: &str, id: &str, a: &str, end: &str| {
        format!(
            "{front} SELECT e.`salary` FROM `employees` AS e WHERE id = {id} AND x IN ({a}, 'b') ORDER BY e.x {end}"
        )
    };
    let first = with("/*a=1*/", "7", "'a'", "/*uid=u1*/");
    for (front, id, a, end) in [
        ("/*a=1*/", "123", "''", "/*uid=u2,rid=7*/"),
        ("/*uid=u1*/", "7.5", "'ä\n'", "/*uid=u1,uid=u2*/"),
        ("/**/", "0", "'b; -- /*'", "/**/"),
        ("/*\n*/", "0", "'`\"'", "/* ' */"),
    ] {
        let other = with(front, id, a, end);
        assert_eq!(like(&first, &[&other]), [&*other]);
    }
    for (front, id, a, end) in [
        ("/*a=1*/", "1e5", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "0x7", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "7.", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "7.5.6", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "'7'", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "7x", "'a'", "/*uid=u1*/"),
        ("/*a=1*/", "7", "'a'''", "/*uid=u1*/"),
        ("/*a=1*/", "7", "'a\\''", "/*uid=u1*/"),
        // Ends where the other's second literal begins, and that one where it ends.
        ("/*a=1*/", "7", "'a\\'", "/*uid=u1*/"),
        ("/*a=1*/", "7", "N'a'", "/*uid=u1*/"),
        ("/*a=1*/", "7", "'a'", "/*!uid=u1*/"),
        ("/*a=1*/", "7", "'a'", "/*uid=u1"),
        ("/*a=1*/", "7", "'a'", "/*uid=u1*/ ;"),
        ("/*a=1*/", "7", "'a'", ""),
        ("/*M!a=1*/", "7", "'a'", "/*uid=u1*/"),
        (" /*a=1*/", "7", "'a'", "/*uid=u1*/"),
    ] {
        assert_eq!(like(&first, &[&with(front, id, a, end)]), NONE, "{front} {id} {a} {end}");
    }
    assert_eq!(like(&first, &[&first.replace("SELECT", "select")]), NONE);
}

#[test]
fn what_the_reader_looks_at_is_no_hole() {
    for (first, other) in [
        ("SELECT * FROM t WHERE 1=1", "SELECT * FROM t WHERE 1=2"),
        ("SELECT * FROM t WHERE ''=''", "SELECT * FROM t WHERE 'a'=''"),
        ("SELECT * FROM t WHERE ''=''", "SELECT * FROM t WHERE ''='a'"),
        ("SELECT * FROM t WHERE x = 5 OR 1", "SELECT * FROM t WHERE x = 5 OR 0"),
        ("SELECT * FROM t LIMIT 5", "SELECT * FROM t LIMIT 50000"),
        ("SELECT * FROM t LIMIT 20 OFFSET 40", "SELECT * FROM t LIMIT 10 OFFSET 40"),
        ("SELECT * FROM t LIMIT 40, 20", "SELECT * FROM t LIMIT 40, 20000"),
        ("SELECT * FROM t LIMIT 40, 0", "SELECT * FROM t LIMIT 60, 0"),
        ("(SELECT 1 LIMIT 40, 20) UNION (SELECT 1 LIMIT 7)", "(SELECT 1 LIMIT 60, 20) UNION (SELECT 1 LIMIT 7)"),
        ("SHOW ERRORS LIMIT 40, 20", "SHOW ERRORS LIMIT 60, 20"),
        ("SELECT * FROM t OFFSET 4300 LIMIT 100", "SELECT * FROM t OFFSET 8600 LIMIT 100"),
        (
            "SELECT * FROM t OFFSET 4300 ROWS FETCH NEXT 100 ROWS ONLY",
            "SELECT * FROM t OFFSET 4300 ROWS FETCH NEXT 10 ROWS ONLY",
        ),
        ("SELECT * FROM t FETCH FIRST 7 ROWS ONLY", "SELECT * FROM t FETCH FIRST 70000 ROWS ONLY"),
        ("SELECT * FROM t LIMIT ROWS EXAMINED 7", "SELECT * FROM t LIMIT ROWS EXAMINED 70000"),
        ("SELECT a.5 FROM t", "SELECT a.7.5 FROM t"),
        ("EXECUTE IMMEDIATE 'SELECT 1'", "EXECUTE IMMEDIATE 'DROP TABLE t'"),
        ("SET GLOBAL server_audit_logging = 1", "SET GLOBAL server_audit_logging = 0"),
        ("SELECT /*!5 */ * FROM t", "SELECT /*!999999 */ * FROM t"),
        ("SELECT a.5b FROM t", "SELECT a.7b FROM t"),
        // A number and FROM; a name.
        ("SELECT 1.5FROM t", "SELECT 7FROM t"),
        (
            "UPDATE employees SET iban = 'DE02120300000000202051' WHERE id = 7",
            "UPDATE employees SET iban = 'DE89370400440532013000' WHERE id = 7",
        ),
        ("SELECT 1 /*uid=u1*/ FROM t", "SELECT 1 /*uid=u2*/ FROM t"),
        ("SELECT \"a\" FROM t", "SELECT \"b\" FROM t"),
    ] {
        assert_eq!(like(first, &[other]), NONE, "{first}");
    }
    // Behind what it looks at it does not look.
    for (first, other) in [
        ("SELECT * FROM t WHERE 1=1 AND id = 5", "SELECT * FROM t WHERE 1=1 AND id = 6"),
        (
            "SELECT 1 FROM t WHERE a > (SELECT ssn FROM u LIMIT 3,1) AND b = 2",
            "SELECT 1 FROM t WHERE a > (SELECT ssn FROM u LIMIT 3,1) AND b = 9",
        ),
    ] {
        assert_eq!(like(first, &[other]), [other]);
    }
}

#[test]
fn pages_are_those_of_the_text() {
    for list in
        ["SELECT * FROM t LIMIT {}, 20", "SELECT * FROM t WHERE id IN (SELECT x FROM u LIMIT 20 OFFSET {}) AND y = 7"]
    {
        let texts =
            ["0", "19", "4300", "18446744073709551615", "99999999999999999999", "1.5"].map(|n| list.replace("{}", n));
        let texts = texts.each_ref().map(|text| &**text);
        assert_eq!(like(texts[0], &texts[1..]), texts[1..]);
        // One that is no number of rows says nothing of those that are.
        assert_eq!(like(texts[5], &texts[..2]), NONE);
    }
}

#[test]
fn records_are_those_of_the_text() {
    let texts = [
        "SELECT 1 FROM employees WHERE id = 7 OR manager_id = 8 OR id IN (9, 10)",
        "SELECT 1 FROM employees WHERE id = 7 OR manager_id = 7 OR id IN (7, 7)",
        "SELECT 1 FROM employees WHERE id = 1 OR manager_id = 2 OR id IN (3, 4)",
    ];
    assert_eq!(known(&mut Shapes::default(), &texts, &Context::default()), 2);
    let many = |from: u32| {
        let ids: Vec<_> = (from..from + 20).map(|id| format!("id = '{id}'")).collect();
        format!("SELECT 1 FROM employees WHERE {}", ids.join(" OR "))
    };
    assert_eq!(known(&mut Shapes::default(), &[&many(1), &many(900)], &Context::default()), 1);
    let long = format!("SELECT 1 FROM employees WHERE id = '{}'", "7".repeat(65));
    let texts = [&*long, "SELECT 1 FROM employees WHERE id = '7'", "SELECT 1 FROM employees WHERE id = ''", &long];
    assert_eq!(known(&mut Shapes::default(), &texts, &Context::default()), 3);
}

#[test]
fn tables_come_from_wherever_they_stand() {
    let texts = ["17", "1", "1234567"].map(|id| {
        format!(
            "INSERT INTO hr.log VALUES ({id}, 'x'); SELECT (SELECT {id}), 'y' FROM `shop`.`a` JOIN (SELECT '{id}' FROM b) x, `c``d`"
        )
    });
    assert_eq!(known(&mut Shapes::default(), &texts.each_ref().map(|text| &**text), &Context::default()), 2);
}

#[test]
fn what_holds_more_than_literals_is_read() {
    let execute = "EXECUTE IMMEDIATE 'SELECT 1 FROM employees WHERE id = 7'";
    let tags = ["/*uid=u1*/", "/*uid=u2*/", "/*uid=u1*/ ;", "/*uid=u1*/ /*uid=u2*/"];
    let texts: Vec<&str> = [execute; 2].into_iter().chain(tags).chain(tags).collect();
    known(&mut Shapes::default(), &texts, &Context::default());
    let front = SqlTag { key: "uid".into(), position: TagPosition::Front };
    known(&mut Shapes::default(), &texts, &Context { sql_tags: vec![front], ..Context::default() });
}

#[test]
fn another_schema_or_configuration_is_another_shape() {
    let (plain, mut shapes) = (Context::default(), Shapes::default());
    let texts = ["SELECT salary FROM v WHERE id = 1", "SELECT salary FROM v WHERE id = 2"];
    assert_eq!(known(&mut shapes, &texts, &plain), 1);
    let behind = crate::TableBehind { schema: "hr".into(), name: "pay".into(), through: crate::Behind::View };
    let watching = Context { watched_columns: Arc::new(["salary".into()].into()), ..plain };
    assert_eq!(known(&mut shapes, &texts, &watching), 1);
    let context = Context { tables_behind: Arc::new([("hr.v".into(), vec![behind])].into()), ..watching };
    assert_eq!(known(&mut shapes, &texts, &context), 1);
    // Without a current schema it is the source's.
    let of_source = Context { schema: "hr".into(), ..context.clone() };
    for context in [&context, &of_source] {
        for text in texts {
            let read = Statement::read(text, "", Completeness::Whole, context);
            assert_eq!(shapes.read(text, "", Completeness::Whole, context), read);
        }
    }
    // `v` is a view of `hr` only.
    for schema in ["shop", "hr"] {
        let read = Statement::read(texts[0], schema, Completeness::Whole, &context);
        assert_eq!(shapes.read(texts[0], schema, Completeness::Whole, &context), read, "{schema}");
    }
    // Tags may be others by now: a comment that is no hole may be one.
    let tagged = ["SELECT /*who=a*/ 1 /*uid=b*/"; 2];
    known(&mut shapes, &tagged, &context);
    let who = SqlTag { key: "who".into(), position: TagPosition::End };
    known(&mut shapes, &tagged, &Context { sql_tags: vec![who], ..context.clone() });
    assert_eq!(known(&mut shapes, &texts, &Context { cut: true, ..context }), 0);
}

#[test]
fn what_is_kept_and_what_learning_costs_is_bounded() {
    let (context, mut shapes) = (Context::default(), Shapes::default());
    for n in 0..2 * SAVED_MAX {
        known(&mut shapes, &[&format!("SELECT c{n} FROM t{n}")], &context);
    }
    assert!(shapes.sets.iter().all(|set| set.len() <= SHAPES_OF_SET_MAX));
    assert!(shapes.sets.iter().map(Vec::len).sum::<usize>() <= SHAPES_MAX);
    // All that was saved has been spent. Whatever came before, what comes again is known soon.
    assert!(shapes.saved < LEARNING);
    for (n, flood) in (0..).zip([
        format!("INSERT INTO t VALUES ({})", ["1"; HOLES_MAX + 1].join(",")),
        "UPDATE e SET iban='DE02120300000000202051' WHERE id=1".into(),
        "SELECT 1.5FROM t".into(),
    ]) {
        assert_eq!(known(&mut shapes, &[&*flood; SAVED_MAX as usize], &context), 0, "{flood}");
        let honest = format!("SELECT a{n} FROM x WHERE id = 7");
        assert!(SAVED_MAX - 2 * LEARNING < known(&mut shapes, &[&*honest; SAVED_MAX as usize], &context) as u32);
    }
    let long = format!("SELECT {}", "x".repeat(TEXT_BYTES_MAX));
    assert_eq!(known(&mut shapes, &[&long, &long], &context), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn what_is_known_is_what_is_read(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "SELECT ", "* FROM ", "employees ", "`hr`.`pay` ", "WHERE ", "id = ", "AND ", "OR ", "(", ")", ", ", "IN (", "LIMIT ",
                "OFFSET ", "LIMIT \u{1}, 20 ", "LIMIT 20 OFFSET \u{1} ", "UNION ", "INSERT INTO t ", "VALUES (", "UPDATE t SET ", "x = ", "iban = ", "SET ", "/*", "*/", "/*!", "/*uid=",
                "-- ", "\n", ";", ".", "-", "_utf8", "N", "=", "!", "@", "\"", "`", "\\", "HAVING ", "NOT ", "JOIN b ", "ON ",
                "DELETE FROM t ", "\u{1}", "\u{1}", "\u{1}", "\u{1}", "\u{1}", "\u{1}", "\u{1} ", "\u{1} ", "\u{1} ", "id = \u{1} AND ",
            ]),
            0..24,
        ),
        literals in proptest::collection::vec(
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "7", "0", "1", "1", "12.5", "1e5", "0x5f", "5x", "1.", ".5", "50001", "''", "'1'", "'a'", "'b''c'", "'d\\'e'", "'*/'",
                    "'--'", "'\"'", "'`'", "uid=u1", "uid=u2", "'DE02120300000000202051'", "\"s\"", "!", "",
                ]),
                8,
            ),
            1..6,
        ),
    ) {
        let (context, mut shapes) = (Context::default(), Shapes::default());
        let text = pieces.concat();
        for drawn in literals.iter().cycle().take(2 * literals.len()) {
            let mut drawn = drawn.iter();
            let text: String = text
                .split('\u{1}')
                .enumerate()
                .flat_map(|(at, piece)| [if at == 0 { "" } else { drawn.next().copied().unwrap_or("7") }, piece])
                .collect();
            let read = Statement::read(&text, "hr", Completeness::Whole, &context);
            prop_assert_eq!(shapes.read(&text, "hr", Completeness::Whole, &context), read, "{}", text);
        }
    }
}
