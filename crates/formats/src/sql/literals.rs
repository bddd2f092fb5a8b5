//! What literals say: the text that EXECUTE IMMEDIATE runs, the number of rows behind LIMIT, the page of a list.

use super::keywords::Keyword;
use super::lexer::{Lexer, Token};

/// Most arguments of one CONCAT or CHAR.
const ARGUMENTS_MAX: usize = 4096;

/// The text of an expression of string literals: one, several joined by CONCAT, `||` or nothing, hexadecimal ones, and
/// CHAR of numbers. `None` if there is a variable in it, or anything else.
pub(super) fn evaluate(mut lexer: Lexer<'_>) -> Option<String> {
    let mut bytes = Vec::new();
    let mut known = false;
    for _ in 0..ARGUMENTS_MAX {
        match lexer.next() {
            Some(Token::Text { raw, .. }) => unescape(raw, &mut bytes),
            Some(Token::Number(digits)) => hexadecimal(digits, &mut bytes)?,
            Some(Token::Word { text, .. }) if text.eq_ignore_ascii_case("concat") => {}
            Some(Token::Word { text, .. }) if text.eq_ignore_ascii_case("char") => characters(&mut lexer, &mut bytes)?,
            // The join of what is around it.
            Some(Token::Sign(b'(' | b')' | b',' | b'|')) => continue,
            None | Some(Token::Sign(b';') | Token::Word { keyword: Keyword::Using, .. }) => {
                return known.then(|| String::from_utf8_lossy(&bytes).into_owned());
            }
            Some(_) => return None,
        }
        known = true;
    }
    None
}

fn unescape(raw: &str, bytes: &mut Vec<u8>) {
    let raw = raw.as_bytes();
    let mut at = 0;
    while at < raw.len() {
        let byte = match (raw[at], raw.get(at + 1)) {
            (b'\\', Some(escaped)) => {
                at += 1;
                match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                }
            }
            (b'\'', Some(b'\'')) => {
                at += 1;
                b'\''
            }
            (byte, _) => byte,
        };
        bytes.push(byte);
        at += 1;
    }
}

/// `0x53454c`; another number is no text that could be run.
fn hexadecimal(digits: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let digits = digits.strip_prefix("0x")?.as_bytes();
    for pair in digits.rchunks(2).rev() {
        let pair = std::str::from_utf8(pair).ok()?;
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
    }
    Some(())
}

fn characters(lexer: &mut Lexer<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    for _ in 0..ARGUMENTS_MAX {
        match lexer.next()? {
            Token::Number(code) => bytes.push(code.parse().ok()?),
            Token::Sign(b'(' | b',') => {}
            Token::Sign(b')') => return Some(()),
            _ => return None,
        }
    }
    None
}

/// The number of rows behind LIMIT or FETCH: `n`, `offset, n`, `ROWS EXAMINED n`, `FIRST n ROWS`. Infinite for ALL; `None`
/// if it is no literal.
pub(super) fn limit(lexer: &mut Lexer<'_>) -> Option<f64> {
    let mut first = lexer.next();
    for _ in 0..2 {
        match first {
            Some(Token::Word { text, .. }) if text.eq_ignore_ascii_case("all") => return Some(f64::INFINITY),
            Some(Token::Word { .. }) => first = lexer.next(),
            _ => break,
        }
    }
    let Some(Token::Number(first)) = first else { return None };
    let last = match (lexer.next(), lexer.next()) {
        (Some(Token::Sign(b',')), Some(Token::Number(second))) => second,
        (Some(Token::Sign(b',')), _) => return None,
        _ => first,
    };
    last.parse().ok()
}

/// Which page of a list is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Page {
    /// From 1: how many times as many rows are left out as are read.
    pub(super) number: u64,
    /// What says how many are left out, behind LIMIT.
    pub(super) skipped: Option<Skipped>,
}

/// The number of rows that are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Skipped {
    /// Where it ends in the text.
    pub(super) end: usize,
    /// How many rows are read, at least one.
    pub(super) rows: u64,
}

/// The page that begins behind so many rows.
pub(super) fn page_behind(skipped: u64, rows: u64) -> u64 {
    (skipped / rows).saturating_add(1)
}

/// The page that is read behind LIMIT (`n`, `offset, n`, `n OFFSET offset`) or OFFSET (`offset LIMIT n`, `offset ROWS FETCH
/// NEXT n ROWS ONLY`). `None` if that is no literal, or if a number may have been `cut` in half.
pub(super) fn page(lexer: &mut Lexer<'_>, keyword: Keyword, cut: bool) -> Option<Page> {
    let number = |lexer: &mut Lexer<'_>| {
        let Some(Token::Number(digits)) = lexer.next() else { return None };
        if cut && lexer.token_touches_end() { None } else { digits.parse::<u64>().ok() }
    };
    let first = number(lexer)?;
    let first_end = lexer.token_end();
    let (skipped, end, rows) = match (keyword, lexer.next()) {
        (Keyword::Limit, Some(Token::Sign(b','))) => (first, Some(first_end), number(lexer)?),
        (Keyword::Limit, Some(Token::Word { keyword: Keyword::Offset, .. })) => {
            let skipped = number(lexer)?;
            (skipped, Some(lexer.token_end()), first)
        }
        // PostgreSQL takes both in any order: then it is told behind OFFSET.
        (Keyword::Limit, _) => (0, None, first),
        (Keyword::Offset, behind) => (first, None, read_behind(lexer, behind, number)?),
        _ => return None,
    };
    (rows > 0).then(|| Page { number: page_behind(skipped, rows), skipped: end.map(|end| Skipped { end, rows }) })
}

/// Behind `OFFSET n`: the rows that are read.
fn read_behind<'a>(
    lexer: &mut Lexer<'a>,
    mut behind: Option<Token<'a>>,
    mut number: impl FnMut(&mut Lexer<'a>) -> Option<u64>,
) -> Option<u64> {
    // ROW or ROWS; then FIRST or NEXT.
    if let Some(Token::Word { keyword, .. }) = behind
        && !matches!(keyword, Keyword::Limit | Keyword::Fetch)
    {
        behind = lexer.next();
    }
    match behind? {
        Token::Word { keyword: Keyword::Limit, .. } => number(lexer),
        Token::Word { keyword: Keyword::Fetch, .. } => lexer.next().and_then(|_| number(lexer)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_joined_and_variables_are_unknown() {
        for (expression, text) in [
            ("'SELECT 1'", Some("SELECT 1")),
            ("CONCAT('SELECT ''a'' FROM hr_','employee')", Some("SELECT 'a' FROM hr_employee")),
            (r"'a\'b' 'c'", Some("a'bc")),
            ("'a' || 'b' USING @x", Some("ab")),
            ("CONCAT(0x53454c454354, ' 1')", Some("SELECT 1")),
            ("CONCAT(CHAR(83,69,76), 'ECT 1')", Some("SELECT 1")),
            ("CONCAT('SELECT * FROM ', @t)", None),
            ("REVERSE('1 TCELES')", None),
            ("", None),
            ("0x5g", None),
            ("12", None),
        ] {
            assert_eq!(evaluate(Lexer::new(expression)).as_deref(), text, "{expression}");
        }
    }

    #[test]
    fn pages() {
        for (keyword, text, expected) in [
            (Keyword::Limit, "20", Some(1)),
            (Keyword::Limit, "0, 100", Some(1)),
            (Keyword::Limit, "4300,100 /*uid=u1*/", Some(44)),
            (Keyword::Limit, "100 OFFSET 4300", Some(44)),
            (Keyword::Limit, "20 OFFSET 10", Some(1)),
            (Keyword::Limit, "1 OFFSET 18446744073709551615", Some(u64::MAX)),
            (Keyword::Limit, "10, 0", None),
            (Keyword::Limit, "?, 20", None),
            (Keyword::Limit, "20 OFFSET ?", None),
            (Keyword::Offset, "4300 LIMIT 100", Some(44)),
            (Keyword::Offset, "4300 ROWS FETCH NEXT 100 ROWS ONLY", Some(44)),
            (Keyword::Offset, "4300 FETCH FIRST 100 ROWS ONLY", Some(44)),
            (Keyword::Offset, "4300", None),
            (Keyword::Fetch, "FIRST 7 ROWS ONLY", None),
        ] {
            let page = page(&mut Lexer::new(text), keyword, false);
            assert_eq!(page.map(|page| page.number), expected, "{text}");
        }
        for half in ["4300,1", "100 OFFSET 43", "4"] {
            assert_eq!(page(&mut Lexer::new(half), Keyword::Limit, true), None, "{half}");
        }
        let skipped = Some(Skipped { end: 4, rows: 100 });
        let page = page(&mut Lexer::new("4300,100 FOR"), Keyword::Limit, true);
        assert_eq!(page, Some(Page { number: 44, skipped }));
    }

    #[test]
    fn limits() {
        for (text, rows) in [
            ("5", Some(5.0)),
            ("10, 20", Some(20.0)),
            ("20 OFFSET 10", Some(20.0)),
            ("18446744073709551615", Some(18_446_744_073_709_551_615.0)),
            ("ALL", Some(f64::INFINITY)),
            ("ROWS EXAMINED 100", Some(100.0)),
            ("FIRST 7 ROWS ONLY", Some(7.0)),
            ("?", None),
            ("1, ?", None),
            ("@x", None),
            ("", None),
        ] {
            assert_eq!(limit(&mut Lexer::new(text)), rows, "{text}");
        }
    }
}
