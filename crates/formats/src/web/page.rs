//! Which page of a list a request asks for, as its query says.
//!
//! | written as | page |
//! |---|---|
//! | `p`, `page`, `pg`, `pageNumber`, `currentPage`, with `_` or without, in any case; in brackets `searchCriteria[currentPage]`, `page[number]`, `paging[current]` | the number |
//! | `offset`, `skip`, `page[offset]`, with `limit`, `pageSize`, `per_page`, `length`, `size`, `count`, `take`, `page[limit]` | how many times as many are left out as are asked for, and one |
//! | `start`, with one of the same | the same; alone it is the start of anything |
//! | GraphQL's `currentPage` in `query` or `variables` | the number |
//!
//! Of several the last page: a harmless number in front hides none behind it. An offset without a number of rows is taken for pages of
//! [`ROWS`]. Of a number with a tail the number counts (`p=37x` is page 37 for whoever reads it as PHP does, so a tail hides nothing), but a
//! date is none (`2026-03-01`), nor is a `start` that is a time in seconds. What it does not see: pages in paths (`/page/37`, which may as well be the page of a book), cursors, and bodies, which
//! no access log has. A parameter `p` that is no page is a habit of who uses it.

use crate::text::{percent_decoded, within};

/// Bytes of a query that are looked at.
const QUERY_BYTES_MAX: usize = 4096;

/// Rows of a page where the query does not say.
const ROWS: u64 = 100;

/// A `start` of so many and more is a time, in seconds since 1970 or smaller units: no list has as many rows.
const START_TIME_MIN: u64 = 1_000_000_000;

/// What a parameter says, by its name in small letters and without `_` and `$`.
enum Says {
    Page,
    Offset,
    /// An offset in a list, or when something starts.
    Start,
    Rows,
    /// It holds a query of its own.
    Query,
}

/// The last page that is asked for, from 1; 0: none is said.
pub(crate) fn asked(query: &str) -> u64 {
    let (mut page, mut offset, mut start, mut rows) = (0, None, None, None);
    for (name, value) in within(query, QUERY_BYTES_MAX).split('&').filter_map(|pair| pair.split_once('=')) {
        match says(name) {
            Some(Says::Query) => page = page.max(of_graphql(&percent_decoded(value, true))),
            Some(says) => {
                let Some(number) = number_of(value) else { continue };
                match says {
                    Says::Page => page = page.max(number.max(1)),
                    Says::Offset => offset = offset.max(Some(number)),
                    Says::Start if number < START_TIME_MIN => start = start.max(Some(number)),
                    // The least makes the most of the offset.
                    Says::Rows => rows = Some(rows.map_or(number, |rows: u64| rows.min(number))),
                    Says::Start | Says::Query => {}
                }
            }
            None => {}
        }
    }
    let offset = offset.max(start.filter(|_| rows.is_some()));
    let of_offset = |offset: u64| (offset / rows.unwrap_or(ROWS).max(1)).saturating_add(1);
    page.max(offset.map_or(0, of_offset))
}

fn says(name: &str) -> Option<Says> {
    // The last pair of brackets, escaped or not: `searchCriteria[currentPage]`.
    let decoded = percent_decoded(name, false);
    let (outer, inner) = match decoded.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
        Some((outer, inner)) => (outer, inner),
        None => ("", &*decoded),
    };
    let is = |known: &str| {
        let plain = inner.bytes().filter(|byte| !matches!(byte, b'_' | b'$' | b'-'));
        plain.map(|byte| byte.to_ascii_lowercase()).eq(known.bytes())
    };
    let any = |known: &[&str]| known.iter().any(|known| is(known));
    let of_page = outer.eq_ignore_ascii_case("page") || outer.eq_ignore_ascii_case("paging");
    if any(&["currentpage", "page", "p", "pagenumber", "pageno", "pg"]) || (of_page && any(&["number", "current"])) {
        Some(Says::Page)
    } else if any(&["offset", "skip"]) {
        Some(Says::Offset)
    } else if is("start") {
        Some(Says::Start)
    } else if any(&["limit", "pagesize", "perpage", "length", "size", "count", "take", "top"]) {
        Some(Says::Rows)
    } else if any(&["query", "variables"]) {
        Some(Says::Query)
    } else {
        None
    }
}

/// `{products(currentPage: 37)…}`, `{"currentPage":37}`; the greatest.
fn of_graphql(text: &str) -> u64 {
    let numbers = text.split("currentPage").skip(1).filter_map(|behind| {
        leading_number(behind.trim_start_matches(|sign: char| matches!(sign, '"' | '\'' | ':') || sign.is_whitespace()))
    });
    numbers.map(|number| number.max(1)).max().unwrap_or(0)
}

/// The number at the beginning, unless a date begins with it: `2026-03-01`, `2026/03/01`, `20260301T080000Z`.
fn number_of(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let is_year = matches!(digits, 4 | 8) && (value.starts_with("19") || value.starts_with("20"));
    let tail = percent_decoded(value.trim_start_matches(|sign: char| sign.is_ascii_digit()), false);
    let mut tail = tail.chars();
    let is_date = is_year
        && tail.next().is_some_and(|sign| matches!(sign, '-' | '/' | 'T'))
        && tail.next().is_some_and(|sign| sign.is_ascii_digit());
    if is_date { None } else { leading_number(value) }
}

/// The digits at the beginning; a number of more than 64 bits is none.
fn leading_number(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_however_they_are_written() {
        for (query, page) in [
            ("p=37", 37),
            ("p=37-1", 37),
            ("page=37%2F1", 37),
            ("q=meier&page=2&pageSize=100", 2),
            ("searchCriteria[currentPage]=44&searchCriteria[pageSize]=100", 44),
            ("searchCriteria%5Bcurrent_page%5D=44", 44),
            ("searchCriteria%5bcurrentPage%5d=3", 3),
            ("page[number]=9&page[size]=10", 9),
            ("paging[pageSize]=20&paging[current]=8", 8),
            ("limit=100&offset=3700", 38),
            ("offset=3700", 38),
            ("page[offset]=40&page[limit]=20", 3),
            ("$skip=200&$top=50", 5),
            ("start=30&length=0", 31),
            ("length=10&start=370", 38),
            ("p=37x", 37),
            ("p=37.5", 37),
            ("page=0", 1),
            ("p=1&p=37", 37),
            ("query=%7Bemployees%28currentPage%3A+37%29%7Bitems%7D%7D", 37),
            ("query=q&variables=%7B%22currentPage%22%3A12%7D", 12),
            ("page=18446744073709551615", u64::MAX),
            ("offset=18446744073709551615&limit=1", u64::MAX),
        ] {
            assert_eq!(asked(query), page, "{query}");
        }
    }

    #[test]
    fn what_is_no_page_is_none() {
        for query in [
            "",
            "id=37",
            "q=page",
            "page=",
            "page=next",
            "pageSize=100",
            "filter[number]=37",
            "page=99999999999999999999999",
            "searchCriteria[filter_groups][0][filters][0][value]=37",
            "query=currentPage",
            // Dates and times.
            "start=2026-03-01&end=2026-03-31",
            "start=2026-03-01&limit=100",
            "start=2026%2F03%2F01&limit=100",
            "start=20260301T080000Z&limit=100",
            "p=2026-03",
            "start=1772323200&end=1774915200",
            "start=1772323200&limit=100",
            "start=3700",
            "p",
            "%",
        ] {
            assert_eq!(asked(query), 0, "{query}");
        }
    }

    #[test]
    fn a_long_query_is_looked_at_in_part() {
        let long = format!("{}&p=37", "x".repeat(QUERY_BYTES_MAX));
        assert_eq!((asked(&long), asked(&format!("p=3&{long}"))), (0, 3));
    }
}
