//! What a schema says of the tables behind views, triggers and stored functions.
//!
//! It reads CREATE statements as people write them, as SHOW CREATE answers them and as `mariadb-dump` writes them (in
//! pieces of executable comments, with DELIMITER lines), one after the other, whatever else stands between. The tables are
//! those that [`Statement::read`] finds in the body: where it errs, this errs.
//!
//! What it does not see: procedures, whose statements have log entries of their own; dynamic SQL.

use super::keywords::Keyword;
use super::lexer::{Lexer, Token, unquoted};
use super::{Completeness, Statement};
use crate::{Behind, Context, TableBehind};
use activity::Resource;
use std::borrow::Cow;

/// Between CREATE and the kind of what is created: definer, algorithm, security, in tokens.
const HEAD_TOKENS_MAX: usize = 32;

/// For every view, every table with a trigger and every stored function that a text defines, the tables behind it: as
/// [`Context::tables_behind`] wants them. `schema` is the current one where the text does not say.
pub fn definitions(text: &str, schema: &str) -> Vec<(Box<str>, TableBehind)> {
    let mut found = Vec::new();
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

/// `name` or `schema.name`, in the form of [`Context::tables_behind`].
fn key(lexer: &mut Lexer<'_>, schema: &str) -> Option<Box<str>> {
    let mut first = lexer.next()?;
    // IF NOT EXISTS.
    while let Token::Word { keyword: Keyword::If | Keyword::Not | Keyword::Exists, .. } = first {
        first = lexer.next()?;
    }
    let first = name_in(first)?;
    let (schema, name) = if lexer.peek_byte() == b'.' {
        lexer.next();
        (first, name_in(lexer.next()?)?)
    } else {
        (Cow::Borrowed(schema), first)
    };
    Some(format!("{schema}.{name}").to_ascii_lowercase().into())
}

/// Behind CREATE.
fn define(text: &str, lexer: &mut Lexer<'_>, schema: &str, found: &mut Vec<(Box<str>, TableBehind)>) {
    for _ in 0..HEAD_TOKENS_MAX {
        let Some(Token::Word { keyword, .. }) = Iterator::next(&mut { *lexer }) else {
            if lexer.next().is_none() {
                return;
            }
            continue;
        };
        lexer.next();
        let (key, through) = match keyword {
            Keyword::View => (key(lexer, schema), Behind::View),
            Keyword::Function => (key(lexer, schema), Behind::Function),
            Keyword::Trigger => {
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
                (key(lexer, schema), through)
            }
            Keyword::Table | Keyword::Procedure | Keyword::Index | Keyword::Event | Keyword::Select => return,
            _ => continue,
        };
        let Some(key) = key else { return };
        let body = body(text, lexer);
        found.extend(
            tables(body, schema)
                .into_iter()
                .map(|(schema, name)| (key.clone(), TableBehind { schema: schema.into(), name: name.into(), through })),
        );
        return;
    }
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
    let statement = Statement::read(body.get(start..).unwrap_or(""), schema, Completeness::Whole, &context);
    let named = |table| match table {
        Resource::Table { schema, name } => Some((schema.into_owned(), name.into_owned())),
        Resource::Route(_) => None,
    };
    statement.tables.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        definitions(text, "db")
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
