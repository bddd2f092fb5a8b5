//! Requests whose address is an attack by its shape: SQL in a parameter, templates, scripts where only files of customers lie.
//!
//! Looked at raw and decoded, up to [`DECODINGS_MAX`] times: `%2527` is a quote for who decodes twice. Comments and white
//! space count as one blank, letters as small ones.
//!
//! | signal | what is told from it |
//! |---|---|
//! | SQL | `UNION … SELECT`, a query in parentheses, time and error functions (`SLEEP(`, `EXTRACTVALUE(`), `INFORMATION_SCHEMA.`; behind a quote: a comparison of two literals after OR or AND, another statement, or a comment that ends the address |
//! | template | Magento's directives (`{{block`, `{{config`, `{{trans`, `{{var`, `{{depend`), `styles[`, `addAfterFilterCallback`, `<?` |
//! | script | a name ending in what PHP runs (`php`, `phtml`, `phar`, `pht`, `php7`, `shtml`, in any case, with dots or a harmless suffix behind) below a directory of uploads or static files |
//!
//! What it does not notice: attacks in bodies, cookies and headers, which access logs do not have (style smuggling by POST,
//! object injection, XML entities: see what they do afterwards); SQL without a quote or function, such as `id=1 OR 2>1`.
//! Names with quotes (`O'Brien`) and searches for `select` or `union` alone are none.

use crate::places::Places;
use crate::text::percent_decoded;
use activity::{Signal, Signals};
use wide::u8x16;

/// Bytes of path and query each that are looked at.
const URL_BYTES_MAX: usize = 4096;

/// How often an address is decoded.
const DECODINGS_MAX: usize = 3;

/// What the address shows.
pub(crate) fn in_url(path: &str, query: &str) -> Signals {
    let mut signals = Signals::EMPTY;
    for (text, is_path) in [(path, true), (query, false)] {
        if !could_attack(text) {
            continue;
        }
        let mut text = crate::text::within(text, URL_BYTES_MAX).to_owned();
        for _ in 0..=DECODINGS_MAX {
            look(&plain(&text), is_path, &mut signals);
            if !text.contains('%') {
                break;
            }
            text = percent_decoded(&text, !is_path).into_owned();
        }
    }
    signals
}

/// A cheap sieve: one look at each byte, and a second where it could be the beginning of something. Nearly every request ends here.
fn could_attack(text: &str) -> bool {
    let bytes = text.as_bytes();
    Places::by(bytes, begins).any(|at| {
        let rest = &bytes[at + 1..];
        match bytes[at] {
            b'%' => is_escaped_sign(rest),
            b'u' | b'U' => rest.get(..4).is_some_and(|rest| rest.eq_ignore_ascii_case(b"nion")),
            b'[' => 6 <= at && bytes[at - 6..at].eq_ignore_ascii_case(b"styles"),
            b'.' => matches!(rest, [b'p' | b'P' | b's' | b'S', b'h' | b'H', ..]),
            b'\'' | b'"' | b'(' | b'{' | b'<' | b';' | b'*' => true,
            // A neighbour of one of these: they were looked for without the bit of small letters.
            _ => false,
        }
    })
}

/// Where something could begin.
#[inline]
fn begins(block: u8x16) -> u8x16 {
    let block = block | u8x16::splat(0x20);
    let is = |sign: u8| block.simd_eq(u8x16::splat(sign));
    is(b'\'') | is(b'"') | is(b'(') | is(b'*') | is(b'%') | is(b'.') | is(b';') | is(b'<') | is(b'{') | is(b'u')
}

/// Behind `%`: `27` and the like; escapes of letters, blanks and slashes are daily bread.
fn is_escaped_sign(digits: &[u8]) -> bool {
    match digits {
        [b'2', low, ..] => matches!(low, b'2' | b'5' | b'7' | b'8' | b'a' | b'A'),
        [b'3', low, ..] => matches!(low, b'b' | b'B' | b'c' | b'C'),
        [b'5' | b'7', low, ..] => matches!(low, b'b' | b'B'),
        // Letters that need no escape: somebody hides them.
        [b'4' | b'6', _, ..] => true,
        _ => false,
    }
}

/// Small letters; comments, white space and `+` as one blank.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").map_or(comment.len(), |end| end + 2);
            // MySQL runs what stands in `/*! … */`.
            if let Some(code) = comment.strip_prefix('!') {
                rest = code.trim_start_matches(|digit: char| digit.is_ascii_digit());
            } else {
                rest = &comment[end..];
            }
            blank(&mut plain);
            continue;
        }
        if let Some(behind) = rest.strip_prefix("*/") {
            rest = behind;
            blank(&mut plain);
            continue;
        }
        if character.is_whitespace() || character == '+' || character.is_control() {
            blank(&mut plain);
        } else {
            plain.push(character.to_ascii_lowercase());
        }
        rest = &rest[character.len_utf8()..];
    }
    plain
}

fn blank(plain: &mut String) {
    if !plain.ends_with(' ') {
        plain.push(' ');
    }
}

fn look(text: &str, is_path: bool, signals: &mut Signals) {
    if is_sql(text) {
        signals.insert(Signal::SqlInjection);
    }
    if is_template(text) {
        signals.insert(Signal::TemplateInjection);
    }
    if is_path && has_script(text) {
        signals.insert(Signal::ScriptInFiles);
    }
}

/// Calls and names that no address holds by chance.
const SQL: [&str; 10] = [
    "waitfor delay",
    "extractvalue(",
    "updatexml(",
    "load_file(",
    "information_schema.",
    "into outfile",
    "into dumpfile",
    "xp_cmdshell",
    "group_concat(",
    "(select ",
];

fn is_sql(text: &str) -> bool {
    let is_union = text.match_indices("union").any(|(at, word)| {
        let behind = text[at + word.len()..].trim_start();
        let behind = ["all", "distinct"].iter().find_map(|word| behind.strip_prefix(word)).unwrap_or(behind);
        let selected = behind.trim_start().trim_start_matches('(').strip_prefix("select");
        selected.is_some_and(is_select_list)
            && text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric())
    });
    is_union
        || SQL.iter().any(|shape| text.contains(shape))
        || waits(text)
        || text.contains("(select(")
        || text.match_indices(['\'', '"']).any(|(at, _)| ends_literal(&text[at + 1..]))
}

/// `SLEEP(5)`, `BENCHMARK(1e6, …)`; a search for "sleep(well)" is none.
fn waits(text: &str) -> bool {
    ["sleep", "benchmark"].iter().any(|function| {
        text.match_indices(function).any(|(at, word)| {
            let argument = text[at + word.len()..].trim_start().strip_prefix('(');
            argument.is_some_and(|argument| {
                argument.trim_start().starts_with(|first: char| first.is_ascii_digit() || "(@".contains(first))
            })
        })
    })
}

/// A search for "union select committee" is none.
fn is_select_list(text: &str) -> bool {
    let list = text.trim_start();
    list.starts_with(|first: char| first.is_ascii_digit() || "'\"(*@".contains(first))
        || list.starts_with("null")
        || list.contains(" from ")
        || list.split_whitespace().next().is_some_and(|first| first.contains([',', '(']))
}

/// What stands behind a quote, if that ended the literal of a statement.
fn ends_literal(behind: &str) -> bool {
    let behind = behind.trim_start().trim_start_matches(')').trim_start();
    if let Some(more) = behind.strip_prefix(';') {
        let more = more.trim_start();
        return ["select", "insert", "update", "delete", "drop", "declare", "exec", "alter", "--"]
            .iter()
            .any(|verb| more.starts_with(verb));
    }
    if behind.starts_with("--") || behind.trim_end() == "#" {
        return behind.trim_start_matches('-').trim().len() <= 8;
    }
    let operators = ["or", "and", "||", "&&", "xor"];
    operators.iter().find_map(|operator| behind.strip_prefix(operator)).is_some_and(compares_literals)
}

/// `1=1`, `'1'='1`, `"a" like "a`: two literals, and nothing of the table.
fn compares_literals(text: &str) -> bool {
    let is_start = |text: &str| text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '\'' | '"'));
    let text = text.trim_start().trim_start_matches('(').trim_start();
    let literal = text.trim_start_matches(['\'', '"']);
    let end = literal.find(|end: char| !end.is_alphanumeric()).unwrap_or(literal.len());
    let behind = literal[end..].trim_start_matches(['\'', '"']).trim_start();
    let right = ["=", "<", ">", "like "].iter().find_map(|operator| behind.strip_prefix(operator));
    is_start(text) && right.is_some_and(|right| is_start(right.trim_start_matches('=').trim_start()))
}

fn is_template(text: &str) -> bool {
    ["{{block", "{{config", "{{trans", "{{var", "{{depend", "{{layout", "addafterfiltercallback", "generatorclass"]
        .iter()
        .any(|shape| text.contains(shape))
        || text.contains("<?php")
        || text.contains("<?=")
        || text.starts_with("styles[")
        || text.contains("&styles[")
}

/// Directories in which no script is to be run.
const FILES: [&str; 5] = ["/media/", "/static/", "/errors/", "/uploads/", "/var/"];

/// What PHP runs by its ending.
const SCRIPTS: [&str; 12] =
    ["php", "phtml", "phar", "pht", "phps", "php3", "php4", "php5", "php7", "php8", "shtml", "phpt"];

/// In any case, as the sieve asks before the letters are small.
fn has_script(path: &str) -> bool {
    if memchr::memmem::find(path.as_bytes(), b".").is_none() {
        return false;
    }
    let path = path.to_ascii_lowercase();
    if !FILES.iter().any(|files| path.contains(files)) || path.ends_with("/static.php") || path.ends_with("/get.php") {
        return false;
    }
    let name = path.rsplit('/').next().unwrap_or("");
    name.split(['.', ';', '\0', ' ']).skip(1).any(|part| SCRIPTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(url: &str) -> Vec<Signal> {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        in_url(path, query).iter().collect()
    }

    #[test]
    fn sql_in_a_parameter() {
        for url in [
            "/v?id=1%27%20AND%20SLEEP(5)--",
            "/v?id=1/**/AND/**/ASCII(SUBSTR((SELECT/**/ssn/**/FROM/**/employees/**/LIMIT/**/8,1),8,1))>64",
            "/v?id=1)%20AND%20EXTRACTVALUE(1,CONCAT(0x7e,(SELECT%20iban%20FROM%20b%20LIMIT%2015,1)))--",
            "/v?id=1%20UNION%20SELECT%20NULL,iban,ssn%20FROM%20bank_accounts--",
            "/v?id=1%20uNiOn+/*x*/aLL%20SELECT+1",
            "/v?id=1/*!50000UNION*//*!50000SELECT*/1",
            "/v?id=1%20%26%26%20(select(0)from(select(sleep(0.2)))v)",
            "/v?id=1%2527%2520%256fR%2520%25271%2527=%25271",
            "/v?u=admin%27--",
            "/v?u=x%27%20or%201=1",
            "/v?q=a';drop table x",
            "/v?q=a%22%29%20or%20%22a%22=%22a",
            "/p/1%27%20or%20%271%27=%271",
        ] {
            assert_eq!(signals(url), [Signal::SqlInjection], "{url}");
        }
    }

    #[test]
    fn daily_bread_is_none() {
        for url in [
            "/portal/hr/employee/search?q=O%27Brien&p=3",
            "/search?q=d'or",
            "/search?q=rock+%27n%27+roll",
            "/search?q=%22and%22",
            "/search?q=union+select+committee",
            "/search?q=student+union",
            "/search?q=sleep(well)+benefit",
            "/search?q=O%2527Neil",
            "/search?q=D%27Angelo",
            "/search?q=how+to+select+a+size+(women)",
            "/search?q='90s+or+2000s",
            "/search?q=men's--shoes-and-more-of-them",
            "/rest/V1/products?searchCriteria[filterGroups][0][filters][0][value]=%25shirt%25",
            "/media/catalog/product/o/b/o'brien.jpg",
            "/static/version17/js/b8.php.js.map.css",
            "/media/custom_options/quote/a/b/photo.jpg",
            "/static.php?resource=js/x.js",
            "/customer/section/load/?sections=customer",
            "/p?filter={\"a\":1}",
        ] {
            let found = signals(url);
            let is_static = url.starts_with("/static/");
            assert!(found.is_empty() || is_static, "{url}: {found:?}");
        }
    }

    #[test]
    fn scripts_where_files_lie() {
        for url in [
            "/media/custom_options/quote/x.php",
            "/pub/errors/503.php",
            "/media/a/b/c.PhP7",
            "/media/a.phtml.gif",
            "/media/x.php..gif",
            "/media/catalog/product/cache/ss_0123456789/x.p%68p",
        ] {
            assert_eq!(signals(url), [Signal::ScriptInFiles], "{url}");
        }
    }

    #[test]
    fn templates_in_an_address() {
        for url in ["/x?a=%7B%7Bblock%20class=a%7D%7D", "/graphql?styles%5Ba%5D=1", "/r?%3C?=1", "/r?x=1&styles[b]=2"] {
            assert_eq!(signals(url), [Signal::TemplateInjection], "{url}");
        }
    }
}
