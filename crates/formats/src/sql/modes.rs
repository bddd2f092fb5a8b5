//! What a session's `sql_mode` says of quotes, as far as a logged SET shows it.
//!
//! Only an assignment to `sql_mode` itself counts: a text that merely mentions it could switch escapes off for whoever reads the log. Of
//! an expression its literals are joined (`CONCAT('NO_BACK','SLASH_ESCAPES')`, `CONCAT(@@sql_mode, ',ANSI')`), and what REPLACE names
//! is taken out. What no literal shows (`= @old`, a SET inside a routine or a prepared statement, GLOBAL for sessions to come) it cannot
//! know.

use super::keywords::Keyword;
use super::lexer::{Lexer, Token};

/// How quotes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuoteModes {
    /// A backslash escapes in literals: not under NO_BACKSLASH_ESCAPES.
    pub(crate) escapes: bool,
    /// ANSI_QUOTES: what stands in double quotes is a name, in which nothing escapes.
    pub(crate) ansi: bool,
}

impl Default for QuoteModes {
    fn default() -> Self {
        QuoteModes { escapes: true, ansi: false }
    }
}

/// Bits of `sql_mode` as a number.
const ANSI_QUOTES: u64 = 1 << 2;
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// Modes that include ANSI_QUOTES.
const ANSI: [&str; 7] = ["ansi_quotes", "ansi", "oracle", "mssql", "db2", "maxdb", "postgresql"];

impl QuoteModes {
    /// After a statement in a session that had these. `None` if it assigns no `sql_mode`.
    pub(crate) fn assigned(self, statement: &str) -> Option<Self> {
        let mut lexer = Lexer::new(statement);
        if !matches!(lexer.next(), Some(Token::Word { keyword: Keyword::Set, .. })) {
            return None;
        }
        // SET STATEMENT … FOR …: of that statement alone.
        if lexer.peek_keyword() == Keyword::Statement {
            return None;
        }
        let (mut modes, mut is_global) = (None, false);
        while lexer.peek_byte() != 0 {
            let is_own = names_sql_mode(&mut lexer, &mut is_global);
            let value = Value::read(&mut lexer);
            if is_own {
                modes = Some(value.modes(modes.unwrap_or(self)));
            }
        }
        modes
    }
}

/// Reads to behind the sign of an assignment, or to its end if it has none; whether it is one to the session's `sql_mode`. GLOBAL and
/// SESSION hold for the assignments that follow, too.
fn names_sql_mode(lexer: &mut Lexer<'_>, is_global: &mut bool) -> bool {
    let (mut is_named, mut is_of_another) = (false, *is_global);
    loop {
        match { *lexer }.next() {
            Some(Token::Word { text, keyword, .. }) => {
                is_named = text.eq_ignore_ascii_case("sql_mode");
                if matches!(keyword, Keyword::Global | Keyword::Persist | Keyword::PersistOnly) {
                    *is_global = true;
                } else if keyword == Keyword::Local || text.eq_ignore_ascii_case("session") {
                    *is_global = false;
                }
                is_of_another = *is_global;
            }
            Some(Token::Quoted { raw, .. }) => is_named = raw.eq_ignore_ascii_case("sql_mode"),
            Some(Token::Variable(variable)) => {
                let name = variable.strip_prefix("@@").unwrap_or("");
                let (scope, name) = name.split_once('.').unwrap_or(("session", name));
                is_named = name.eq_ignore_ascii_case("sql_mode");
                is_of_another = !["session", "local"].iter().any(|own| scope.eq_ignore_ascii_case(own));
            }
            Some(Token::Sign(b'=')) => {
                lexer.next();
                return is_named && !is_of_another;
            }
            Some(Token::Sign(b':' | b'.')) => {}
            Some(Token::Sign(b',' | b';')) | None => return false,
            Some(_) => is_named = false,
        }
        lexer.next();
    }
}

/// What is assigned.
#[derive(Default)]
struct Value {
    /// Its literals, joined.
    text: String,
    number: u64,
    /// It begins with what was there before.
    keeps: bool,
    /// What it names is taken out.
    replaces: bool,
}

impl Value {
    /// To behind the comma after it, or to the end.
    fn read(lexer: &mut Lexer<'_>) -> Self {
        let (mut value, mut depth) = (Value::default(), 0u32);
        while let Some(token) = lexer.next() {
            match token {
                Token::Sign(b'(') => depth += 1,
                Token::Sign(b')') => depth = depth.saturating_sub(1),
                Token::Sign(b',') if depth == 0 => break,
                Token::Sign(b';') => break,
                Token::Text { raw, .. } => value.text += raw,
                Token::Word { keyword: Keyword::Replace, .. } => value.replaces = true,
                Token::Word { text, .. } if depth == 0 && lexer.peek_byte() != b'(' => value.text += text,
                Token::Number(digits) => value.number |= digits.parse::<u64>().unwrap_or(0),
                Token::Variable(variable) => {
                    value.keeps |= variable.len() > 8 && variable.to_ascii_lowercase().ends_with("sql_mode");
                }
                _ => {}
            }
        }
        value
    }

    fn modes(&self, before: QuoteModes) -> QuoteModes {
        let names = |mode: &str| self.text.split(',').any(|name| name.trim().eq_ignore_ascii_case(mode));
        let is_plain = names("no_backslash_escapes") || self.number & NO_BACKSLASH_ESCAPES != 0;
        let is_ansi = ANSI.iter().any(|mode| names(mode)) || self.number & ANSI_QUOTES != 0;
        if self.replaces {
            // Between the commas of a call there is no comma in the text: what is named anywhere counts.
            let names = |mode: &str| self.text.to_ascii_lowercase().contains(mode);
            return QuoteModes {
                escapes: before.escapes || names("no_backslash_escapes"),
                ansi: before.ansi && !names("ansi"),
            };
        }
        let before = if self.keeps { before } else { QuoteModes::default() };
        QuoteModes { escapes: before.escapes && !is_plain, ansi: before.ansi || is_ansi }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_set_says_of_quotes() {
        let (usual, plain, ansi) = (
            QuoteModes::default(),
            QuoteModes { escapes: false, ansi: false },
            QuoteModes { escapes: true, ansi: true },
        );
        let both = QuoteModes { escapes: false, ansi: true };
        for (before, statement, after) in [
            (usual, "SET sql_mode='NO_BACKSLASH_ESCAPES'", Some(plain)),
            (usual, "set session sql_mode := 'STRICT_ALL_TABLES, no_backslash_escapes'", Some(plain)),
            (usual, "SET @@local.sql_mode=CONCAT('NO_BACK','SLASH_ESCAPES')", Some(plain)),
            (usual, "SET NAMES utf8, SQL_MODE=ANSI_QUOTES;", Some(ansi)),
            (usual, "/*!40101 SET @OLD=@@SQL_MODE, `sql_mode`='ORACLE' */", Some(ansi)),
            (usual, "SET sql_mode=1048580", Some(both)),
            (plain, "SET sql_mode=CONCAT(@@sql_mode,',ANSI')", Some(both)),
            (both, "SET sql_mode=''", Some(usual)),
            (both, "SET sql_mode=DEFAULT", Some(usual)),
            (both, "SET sql_mode=REPLACE(@@sql_mode,'NO_BACKSLASH_ESCAPES','')", Some(ansi)),
            (both, "SET sql_mode=REPLACE(@@sql_mode,'ONLY_FULL_GROUP_BY','')", Some(both)),
            (usual, "SET @a='sql_mode no_backslash_escapes'", None),
            (usual, "SET @sql_mode='NO_BACKSLASH_ESCAPES'", None),
            (usual, "SET GLOBAL sql_mode='ANSI', @@global.sql_mode='ANSI'", None),
            (usual, "SELECT 'SET sql_mode=ANSI'", None),
            (usual, "SET sql_mode", None),
            (usual, "SET STATEMENT sql_mode='NO_BACKSLASH_ESCAPES' FOR SELECT 1", None),
            (usual, "SET GLOBAL max_connections=9, sql_mode='ANSI'", None),
            (usual, "SET GLOBAL max_connections=9, SESSION sql_mode='ANSI'", Some(ansi)),
            (usual, "SET sql_mode='ANSI', sql_mode='NO_BACKSLASH_ESCAPES'", Some(plain)),
        ] {
            assert_eq!(before.assigned(statement), after, "{statement}");
        }
    }
}
