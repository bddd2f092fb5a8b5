//! What a schema says: the tables behind views, triggers and stored functions, and the columns of tables.
//!
//! It reads CREATE statements as people write them, as SHOW CREATE answers them and as `mariadb-dump` writes them (in
//! pieces of executable comments, with DELIMITER lines), one after the other, whatever else stands between. The tables are
//! those that [`Statement::read`] finds in the body: where it errs, this errs.
//!
//! What it does not see: procedures, whose statements have log entries of their own; dynamic SQL.

use super::keywords::Keyword;
use super::lexer::{Lexer, Token, unquoted};
use super::{Completeness, Statement};
use crate::{Behind, Context, Definitions, TableBehind, TableDefinition};
use activity::Resource;
use std::borrow::Cow;

/// Between CREATE and the kind of what is created: definer, algorithm, security, in tokens.
const HEAD_TOKENS_MAX: usize = 32;

/// Columns of a table that are named; MariaDB's own limit.
const COLUMNS_MAX: usize = 4096;

/// Parts of a table's definition that are no columns, where they stand unquoted.
const NO_COLUMNS: [&str; 11] =
    ["primary", "key", "unique", "index", "constraint", "foreign", "fulltext", "spatial", "check", "period", "like"];

/// All that a text defines. `schema` is the current one where the text does not say; it may say so too late, or never.
pub fn definitions(text: &str, schema: &str) -> Definitions {
    let mut found = Definitions::default();
    let mut schema = Cow::Borrowed(schema);
    let mut lexer = Lexer::new(text);
    let mut starts = true;
    while let Some(token) = lexer.next() {
        match token {
            Token::Word { keyword: Keyword::Create, .. } if starts => define(text, &mut lexer, &schema, &mut found),
            Token::Word { keyword: Keyword::Use, .. } if starts => {
                if let Some(name) = { lexer }.next().and_then(name_in) {
                    schema = name;
                }
            }
            _ => {}
        }
        // A statement may also follow a DELIMITER line and its sign, whatever that is.
        starts = matches!(token, Token::Sign(b';' | b'/' | b'$' | b'|')) || is_create(&mut lexer.clone());
    }
    found
}

/// Whether CREATE comes next: at the end of a statement that nothing else ends.
fn is_create(ahead: &mut Lexer<'_>) -> bool {
    ahead.peek_keyword() == Keyword::Create
}

fn name_in(token: Token<'_>) -> Option<Cow<'_, str>> {
    match token {
        Token::Word { text, .. } => Some(Cow::Borrowed(text)),
        Token::Quoted { raw, quote, .. } => Some(unquoted(raw, quote)),
        Token::Text { raw, double: true } => Some(unquoted(raw, b'"')),
        _ => None,
    }
}

/// `name` or `schema.name`.
fn full_name<'a>(lexer: &mut Lexer<'a>, schema: &str) -> Option<(String, Cow<'a, str>)> {
    let mut first = lexer.next()?;
    // IF NOT EXISTS.
    while let Token::Word { keyword: Keyword::If | Keyword::Not | Keyword::Exists, .. } = first {
        first = lexer.next()?;
    }
    let first = name_in(first)?;
    if lexer.peek_byte() == b'.' {
        lexer.next();
        Some((first.into_owned(), name_in(lexer.next()?)?))
    } else {
        Some((schema.to_owned(), first))
    }
}

/// The same, in the form of [`Context::tables_behind`].
fn key(lexer: &mut Lexer<'_>, schema: &str) -> Option<Box<str>> {
    let (schema, name) = full_name(lexer, schema)?;
    Some(format!("{schema}.{name}").to_ascii_lowercase().into())
}

/// Behind CREATE.
fn define(text: &str, lexer: &mut Lexer<'_>, schema: &str, found: &mut Definitions) {
    for _ in 0..HEAD_TOKENS_MAX {
        let keyword = match { *lexer }.next() {
            Some(Token::Word { keyword, .. }) => keyword,
            None | Some(Token::Sign(b';')) => return,
            Some(_) => Keyword::None,
        };
        lexer.next();
        let (key, through) = match keyword {
            Keyword::View => (key(lexer, schema), Behind::View),
            Keyword::Function => (key(lexer, schema), Behind::Function),
            Keyword::Trigger => {
                let through = fires_at(lexer);
                (key(lexer, schema), through)
            }
            Keyword::Table => return found.tables.extend(table(lexer, schema)),
            Keyword::Procedure | Keyword::Index | Keyword::Event | Keyword::Select => return,
            _ => continue,
        };
        let Some(key) = key else { return };
        let body = body(text, lexer);
        found.behind.extend(
            tables(body, schema)
                .into_iter()
                .map(|(schema, name)| (key.clone(), TableBehind { schema: schema.into(), name: name.into(), through })),
        );
        return;
    }
}

/// What a trigger fires at; the lexer then stands before the name of its table.
fn fires_at(lexer: &mut Lexer<'_>) -> Behind {
    let mut through = Behind::Trigger;
    while let Some(token) = lexer.next()
        && token != Token::Sign(b';')
    {
        match token {
            Token::Word { keyword: Keyword::Insert, .. } => through = Behind::InsertTrigger,
            Token::Word { keyword: Keyword::Update, .. } => through = Behind::UpdateTrigger,
            Token::Word { keyword: Keyword::Delete, .. } => through = Behind::DeleteTrigger,
            Token::Word { keyword: Keyword::On, .. } => break,
            _ => {}
        }
    }
    through
}

/// Behind CREATE TABLE: a table, if its columns are told.
fn table(lexer: &mut Lexer<'_>, schema: &str) -> Option<TableDefinition> {
    let (schema, name) = full_name(lexer, schema)?;
    let mut table = TableDefinition { schema: schema.into(), name: name.into(), columns: Vec::new() };
    if lexer.peek_byte() != b'(' {
        return None;
    }
    lexer.next();
    let (mut depth, mut column_comes) = (1, true);
    while 0 < depth
        && let Some(token) = { *lexer }.next()
        && token != Token::Sign(b';')
    {
        lexer.next();
        match token {
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') => depth -= 1,
            Token::Sign(b',') if depth == 1 => {
                column_comes = true;
                continue;
            }
            Token::Word { text, .. } if NO_COLUMNS.iter().any(|word| text.eq_ignore_ascii_case(word)) => {}
            token if column_comes && table.columns.len() < COLUMNS_MAX => {
                table.columns.extend(name_in(token).map(Box::from));
            }
            _ => {}
        }
        column_comes = false;
    }
    Some(table).filter(|table| !table.columns.is_empty())
}

/// The rest of the statement: up to a `;` that is not inside BEGIN … END.
fn body<'a>(text: &'a str, lexer: &mut Lexer<'_>) -> &'a str {
    let start = lexer.token_end();
    let mut blocks: usize = 0;
    let mut end = start;
    while let Some(token) = { *lexer }.next() {
        if token == Token::Sign(b';') && blocks == 0 {
            break;
        }
        if let Token::Word { text: word, keyword, .. } = token {
            if keyword == Keyword::Create && blocks == 0 {
                break;
            }
            if keyword == Keyword::Begin || word.eq_ignore_ascii_case("case") {
                blocks += 1;
            } else if word.eq_ignore_ascii_case("end") {
                lexer.next();
                let behind = match { *lexer }.next() {
                    Some(Token::Word { text, .. }) => text,
                    _ => "",
                };
                if !["if", "loop", "while", "repeat", "for"].iter().any(|word| behind.eq_ignore_ascii_case(word)) {
                    blocks = blocks.saturating_sub(1);
                }
                if behind.eq_ignore_ascii_case("case") {
                    lexer.next();
                }
                end = lexer.token_end();
                continue;
            }
        }
        lexer.next();
        end = lexer.token_end();
    }
    text.get(start..end).unwrap_or("")
}

/// The tables of a body: what leads up to its first statement (columns, FOR EACH ROW, RETURNS …) names none.
fn tables(body: &str, schema: &str) -> Vec<(String, String)> {
    let mut lexer = Lexer::new(body);
    let mut start = 0;
    while let Some(token) = lexer.next() {
        use Keyword as K;
        if let Token::Word { keyword, .. } = token
            && matches!(
                keyword,
                K::Select
                    | K::With
                    | K::Begin
                    | K::Insert
                    | K::Replace
                    | K::Update
                    | K::Delete
                    | K::If
                    | K::Set
                    | K::Call
            )
        {
            break;
        }
        start = lexer.token_end();
    }
    let context = Context { sql_tags: Vec::new(), ..Context::default() };
    let body = body.get(start..).unwrap_or("");
    let mut tables = Vec::new();
    for statement in std::iter::once(body).chain(branches(body)) {
        let statement = Statement::read(statement, schema, Completeness::Whole, &context);
        for table in statement.tables {
            if let Resource::Table { schema, name } = table {
                let table = (schema.into_owned(), name.into_owned());
                if !tables.contains(&table) {
                    tables.push(table);
                }
            }
        }
    }
    tables
}

/// The first statements of branches, each up to its `;`: behind THEN or ELSE the reader of statements expects one in the first
/// statement of a block only.
fn branches(body: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(body);
    let mut start = None;
    while let Some(token) = lexer.next() {
        match token {
            Token::Sign(b';') => found.extend(start.take().and_then(|start| body.get(start..lexer.token_end()))),
            Token::Word { text, .. } if ["then", "else"].iter().any(|word| text.eq_ignore_ascii_case(word)) => {
                start = Some(lexer.token_end());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        definitions(text, "db")
            .behind
            .into_iter()
            .map(|(name, table)| format!("{name} {:?} {}.{}", table.through, table.schema, table.name))
            .collect()
    }

    #[test]
    fn views_triggers_and_functions() {
        assert_eq!(
            shown(
                "CREATE OR REPLACE SQL SECURITY DEFINER VIEW V AS SELECT a.x FROM a JOIN hr.b USING (i); SELECT * FROM c"
            ),
            ["db.v View db.a", "db.v View hr.b"]
        );
        assert_eq!(
            shown(
                "CREATE DEFINER=`root`@`localhost` TRIGGER t AFTER INSERT ON hr.p FOR EACH ROW INSERT INTO log(x) VALUES (NEW.x)"
            ),
            ["hr.p InsertTrigger db.log"]
        );
        assert_eq!(
            shown("CREATE FUNCTION f(i INT) RETURNS INT READS SQL DATA RETURN (SELECT s FROM e WHERE k = i)//"),
            ["db.f Function db.e"]
        );
        assert_eq!(
            shown(
                "CREATE TRIGGER t BEFORE UPDATE ON p FOR EACH ROW BEGIN IF NEW.x THEN INSERT INTO a SELECT * FROM b; END IF; DELETE FROM c; END; SELECT * FROM d"
            ),
            ["db.p UpdateTrigger db.a", "db.p UpdateTrigger db.b", "db.p UpdateTrigger db.c"]
        );
        assert_eq!(
            shown(
                "CREATE TRIGGER t BEFORE DELETE ON p FOR EACH ROW BEGIN SET @x = CASE WHEN 1 THEN 2 ELSE (SELECT 1 FROM a) END; CASE OLD.x WHEN 1 THEN DELETE FROM b; ELSE INSERT INTO c SELECT CASE WHEN 1 THEN 2 ELSE 3 END FROM d; END CASE; END"
            ),
            ["a", "b", "c", "d"].map(|table| format!("db.p DeleteTrigger db.{table}"))
        );
        assert!(
            shown("CREATE TABLE t (x INT); CREATE PROCEDURE p() SELECT * FROM a; INSERT INTO t VALUES ('CREATE VIEW')")
                .is_empty()
        );
    }

    #[test]
    fn dumps_in_pieces_of_comments() {
        let dump = "USE `shop`;\n/*!50001 DROP VIEW IF EXISTS `v`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n\
            /*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select `e`.`x` AS `x` from `hr_e` `e` */;\n\
            DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr AFTER INSERT ON hr_p FOR EACH ROW\n\
            INSERT INTO log VALUES (1) */;;\nDELIMITER ;\n";
        assert_eq!(shown(dump), ["shop.v View shop.hr_e", "shop.hr_p InsertTrigger shop.log"]);
    }

    #[test]
    fn tables_with_their_columns() {
        let text = "create table if not exists a.t (id INT, `key` TEXT COMMENT 'x, (y', e ENUM('p,q','r') DEFAULT 'p', \
            PRIMARY KEY (id), INDEX i (e, id), \"Odd\" DECIMAL(10,2) CHECK (`e` > (1,2)), CONSTRAINT c FOREIGN KEY (id) REFERENCES o (id)) COMMENT='(z';\
            CREATE TABLE u LIKE t; CREATE TEMPORARY TABLE v AS SELECT salary FROM t; CREATE TABLE w (LIKE t); CREATE TABLE cut (x INT, y";
        let tables: Vec<_> = definitions(text, "db")
            .tables
            .into_iter()
            .map(|table| format!("{}.{}: {}", table.schema, table.name, table.columns.join(" ")))
            .collect();
        assert_eq!(tables, ["a.t: id key e Odd", "db.cut: x y"]);
    }

    #[test]
    fn what_precedes_a_definition_is_not_taken_for_its_head() {
        let text = "CREATE DATABASE IF NOT EXISTS hr; USE hr; CREATE ROLE r; CREATE VIEW v AS SELECT 1 FROM a";
        assert_eq!(shown(text), ["hr.v View hr.a"]);
    }

    #[test]
    fn cut_and_odd_text_is_survived() {
        for text in [
            "CREATE",
            "CREATE VIEW",
            "CREATE VIEW v",
            "CREATE VIEW v AS",
            "CREATE TRIGGER t",
            "CREATE TRIGGER t AFTER INSERT ON",
            "CREATE FUNCTION ' ; CREATE VIEW v AS SELECT 1 FROM a",
            "USE",
            "CREATE VIEW v AS SELECT CASE END END END ; ; CREATE",
        ] {
            assert!(shown(text).len() < 2, "{text}");
        }
    }
}
