//! One value of a rule, and whether a text has it.
//!
//! Without a modifier a value is the whole text, without regard to the case of ASCII letters. `*` stands for any characters, `?` for
//! one; `\*`, `\?` and `\\` are those characters themselves.

use crate::{
    field::{Field, Text, View},
    limits::{REGEX_BYTES_MAX, VALUE_BYTES_MAX, WILDCARDS_MAX},
    yaml::Node,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ipnet::IpNet;
use memchr::memmem;
use regex::{Regex, RegexBuilder};
use std::net::IpAddr;

/// How the values of one field are to be compared: what stands behind the `|`s of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modifiers {
    how: How,
    encoding: Encoding,
    /// All values, not any of them.
    pub(crate) all: bool,
    cased: bool,
    windash: bool,
    /// Of a regular expression.
    flags: [bool; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum How {
    #[default]
    Whole,
    Contains,
    StartsWith,
    EndsWith,
    Regex,
    Cidr,
    Exists,
    Compare(Compare),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Encoding {
    #[default]
    None,
    Base64,
    Base64Offset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Greater,
    AtLeast,
    Less,
    AtMost,
}

/// A value, ready to be looked for.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Pieces between `*`s, in order.
    Pieces {
        pieces: Vec<String>,
        from_start: bool,
        to_end: bool,
        cased: bool,
    },
    /// `certain`: texts that are in whatever it matches, as far as that is known.
    Regex {
        regex: Regex,
        cased: bool,
        certain: Vec<String>,
    },
    Net(IpNet),
    Compare(Compare, i64),
    /// The field is there, or not.
    Exists(bool),
}

impl Modifiers {
    /// Of values without a field.
    pub(crate) fn of_keywords(all: bool) -> Self {
        Modifiers { how: How::Contains, all, ..Modifiers::default() }
    }

    /// Reads what stands behind the field's name.
    pub(crate) fn parse<'t>(names: impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut modifiers = Modifiers::default();
        for name in names {
            let mut how = |how: How| {
                let before = std::mem::replace(&mut modifiers.how, how);
                if before == How::Whole {
                    Ok(())
                } else {
                    Err(format!("`{name}` cannot be put to what stands before it"))
                }
            };
            match name {
                "contains" => how(How::Contains)?,
                "startswith" => how(How::StartsWith)?,
                "endswith" => how(How::EndsWith)?,
                "re" => how(How::Regex)?,
                "cidr" => how(How::Cidr)?,
                "exists" => how(How::Exists)?,
                "gt" => how(How::Compare(Compare::Greater))?,
                "gte" => how(How::Compare(Compare::AtLeast))?,
                "lt" => how(How::Compare(Compare::Less))?,
                "lte" => how(How::Compare(Compare::AtMost))?,
                "all" => modifiers.all = true,
                "cased" => modifiers.cased = true,
                "windash" => modifiers.windash = true,
                "base64" => modifiers.encoding = Encoding::Base64,
                "base64offset" => modifiers.encoding = Encoding::Base64Offset,
                "i" | "ignorecase" => modifiers.flags[0] = true,
                "m" | "multiline" => modifiers.flags[1] = true,
                "s" | "dotall" => modifiers.flags[2] = true,
                "wide" | "utf16" | "utf16le" | "utf16be" => {
                    return Err(format!("`{name}`: logs of requests and statements hold no UTF-16"));
                }
                "fieldref" | "expand" => return Err(format!("`{name}` is not read")),
                _ => return Err(format!("unknown modifier `{}`", crate::shown(name))),
            }
        }
        let Modifiers { how, encoding, cased, windash, flags, .. } = modifiers;
        let of_texts = matches!(how, How::Whole | How::Contains | How::StartsWith | How::EndsWith);
        if flags != [false; 3] && how != How::Regex {
            return Err("`i`, `m` and `s` belong behind `re`".into());
        }
        if !of_texts && (encoding != Encoding::None || windash || cased) {
            return Err("`base64`, `base64offset`, `windash` and `cased` belong to texts only".into());
        }
        if encoding == Encoding::Base64Offset && how != How::Contains {
            return Err("`base64offset` says nothing without `contains`".into());
        }
        Ok(modifiers)
    }

    /// What a value comes to: one pattern, or several of which any counts. Errors: what is wrong with the value.
    pub(crate) fn patterns(&self, field: Option<Field>, value: &Node) -> Result<Vec<Pattern>, String> {
        let text = value.text().ok_or_else(|| format!("must be a value, and is {}", value.kind()))?;
        if VALUE_BYTES_MAX < text.len() {
            return Err(format!("is longer than {VALUE_BYTES_MAX} bytes"));
        }
        let of_numbers = field.is_some_and(Field::is_number);
        match self.how {
            How::Exists => {
                value.truth().map(|there| vec![Pattern::Exists(there)]).ok_or("`exists` is `true` or `false`".into())
            }
            How::Compare(compare) => {
                let number = text.trim().parse().map_err(|_| "must be a whole number".to_owned());
                if !of_numbers {
                    return Err("only `sc-status` and `sc-bytes` are numbers".into());
                }
                Ok(vec![Pattern::Compare(compare, number?)])
            }
            How::Cidr => {
                if field != Some(Field::Address) {
                    return Err("only `c-ip` and `src_ip` are addresses".into());
                }
                let address = || Some(IpNet::from(text.trim().parse::<IpAddr>().ok()?.to_canonical()));
                let net = formats::network(text).or_else(address);
                Ok(vec![Pattern::Net(net.ok_or("must be a network such as `192.0.2.0/24`")?)])
            }
            How::Regex => Ok(vec![Pattern::Regex { regex: self.regex(text)?, cased: true, certain: Vec::new() }]),
            _ if value.is_null() || text.is_empty() => match self.how {
                How::Whole => Ok(vec![Pattern::Exists(false)]),
                _ => Err("an empty value is in every text".into()),
            },
            _ => self.texts(text),
        }
    }

    fn texts(&self, text: &str) -> Result<Vec<Pattern>, String> {
        if self.encoding != Encoding::None {
            let encoded = match self.encoding {
                Encoding::Base64Offset => base64_offsets(text.as_bytes()),
                _ => vec![BASE64_STANDARD.encode(text)],
            };
            let encoded: Vec<String> = encoded.into_iter().filter(|encoded| !encoded.is_empty()).collect();
            if encoded.is_empty() {
                return Err("is too short to be found in base64".into());
            }
            let sure = Modifiers { cased: true, ..*self };
            return Ok(encoded.into_iter().map(|text| sure.pieces(vec![text], false)).collect());
        }
        let mut found = vec![self.wildcards(text)?];
        if self.windash && text.contains(['-', '/']) {
            for dash in ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'] {
                found.push(self.wildcards(&text.replacen(['-', '/'], &dash.to_string(), 1))?);
            }
        }
        Ok(found)
    }

    /// A text with `*` and `?` in it.
    fn wildcards(&self, text: &str) -> Result<Pattern, String> {
        let (mut pieces, mut certain) = (vec![String::new()], vec![String::new()]);
        let mut regex = String::new();
        let (mut single, mut wildcards) = (false, 0);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' => {
                    wildcards += 1;
                    pieces.push(String::new());
                    certain.push(String::new());
                    regex.push_str(".*");
                    continue;
                }
                '?' => {
                    wildcards += 1;
                    single = true;
                    certain.push(String::new());
                    regex.push('.');
                    continue;
                }
                '\\' => characters.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\'),
                other => other,
            };
            for last in [pieces.last_mut(), certain.last_mut()].into_iter().flatten() {
                last.push(literal);
            }
            regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
        }
        if WILDCARDS_MAX < wildcards {
            return Err(format!("has more than {WILDCARDS_MAX} wildcards"));
        }
        if !single {
            return Ok(self.pieces(pieces, true));
        }
        let (from_start, to_end) = self.anchors();
        let text = format!("{}{regex}{}", if from_start { "^" } else { "" }, if to_end { "$" } else { "" });
        let text = if self.cased { text } else { text.to_ascii_lowercase() };
        let whole = Modifiers { flags: [false, false, true], ..*self };
        Ok(Pattern::Regex { regex: whole.regex(&text)?, cased: self.cased, certain })
    }

    fn anchors(&self) -> (bool, bool) {
        (matches!(self.how, How::Whole | How::StartsWith), matches!(self.how, How::Whole | How::EndsWith))
    }

    /// Pieces between stars. `stars`: an empty first or last one is a star at the end.
    fn pieces(&self, pieces: Vec<String>, stars: bool) -> Pattern {
        let (mut from_start, mut to_end) = self.anchors();
        if stars && 1 < pieces.len() {
            from_start &= pieces.first().is_some_and(|piece| !piece.is_empty());
            to_end &= pieces.last().is_some_and(|piece| !piece.is_empty());
        }
        let small = |piece: String| if self.cased { piece } else { piece.to_ascii_lowercase() };
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).map(small).collect();
        Pattern::Pieces { pieces, from_start, to_end, cased: self.cased }
    }

    fn regex(&self, text: &str) -> Result<Regex, String> {
        let [any_case, lines, dot] = self.flags;
        RegexBuilder::new(text)
            .case_insensitive(any_case)
            .multi_line(lines)
            .dot_matches_new_line(dot)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => format!("takes more than {REGEX_BYTES_MAX} bytes when compiled"),
                // Its own message shows the expression over several lines.
                other => {
                    let text = other.to_string();
                    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    format!("is no regular expression: {}", crate::shown(last))
                }
            })
    }
}

/// What of a text's base64 is the same whatever stands around it, for each of the three places it may begin at.
fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .map(|offset| {
            let mut padded = vec![0; offset];
            padded.extend_from_slice(bytes);
            let encoded = BASE64_STANDARD.encode(&padded);
            let from = [0, 2, 3][offset];
            let to = encoded.trim_end_matches('=').len() - usize::from(!padded.len().is_multiple_of(3));
            encoded.get(from..to).unwrap_or_default().to_owned()
        })
        .collect()
}

impl Pattern {
    /// Whether a field of the entry has the value, in any of its forms.
    pub(crate) fn matches(&self, field: Field, view: &View<'_>) -> bool {
        match self {
            Pattern::Exists(there) => view.texts(field).is_empty() != *there,
            Pattern::Net(net) => view.address().is_some_and(|address| net.contains(&address)),
            Pattern::Compare(compare, bound) => view.number(field).is_some_and(|number| match compare {
                Compare::Greater => number > *bound,
                Compare::AtLeast => number >= *bound,
                Compare::Less => number < *bound,
                Compare::AtMost => number <= *bound,
            }),
            Pattern::Regex { .. } | Pattern::Pieces { .. } => view.texts(field).iter().any(|text| self.is_in(text)),
        }
    }

    fn is_in(&self, text: &Text<'_>) -> bool {
        match self {
            Pattern::Regex { regex, cased, .. } => regex.is_match(if *cased { &text.plain } else { &text.lower }),
            Pattern::Pieces { pieces, from_start, to_end, cased } => {
                in_order(if *cased { &text.plain } else { &text.lower }, pieces, *from_start, *to_end)
            }
            _ => false,
        }
    }

    /// Texts of which all are in whatever the pattern matches, without regard to case.
    pub(crate) fn certain(&self) -> &[String] {
        match self {
            Pattern::Pieces { pieces, .. } => pieces,
            Pattern::Regex { certain, .. } => certain,
            _ => &[],
        }
    }
}

/// Whether the pieces stand in the text one behind the other.
fn in_order(text: &str, pieces: &[String], from_start: bool, to_end: bool) -> bool {
    let mut rest = text.as_bytes();
    let mut pieces = pieces;
    if from_start {
        let Some((first, others)) = pieces.split_first() else { return !to_end || rest.is_empty() };
        let Some(behind) = rest.strip_prefix(first.as_bytes()) else { return false };
        if others.is_empty() && to_end {
            return behind.is_empty();
        }
        (rest, pieces) = (behind, others);
    }
    if to_end && let Some((last, others)) = pieces.split_last() {
        let Some(before) = rest.strip_suffix(last.as_bytes()) else { return false };
        (rest, pieces) = (before, others);
    }
    pieces.iter().all(|piece| match memmem::find(rest, piece.as_bytes()) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Value;
    use activity::{Activity, Asked, Operation, Timestamp};
    use proptest::prelude::*;

    fn scalar(text: &str) -> Node {
        Node { line: 1, value: Value::Scalar { text: text.to_owned(), plain: true } }
    }

    fn compiled(modifiers: &str, field: Field, value: &str) -> Result<Vec<Pattern>, String> {
        Modifiers::parse(modifiers.split('|').filter(|name| !name.is_empty()))?.patterns(Some(field), &scalar(value))
    }

    fn matches(modifiers: &str, value: &str, agent: &str) -> bool {
        let mut activity = Activity::new(Timestamp::from_secs(0), Operation::Request);
        activity.agent = Some(agent.into());
        activity.asked = Some(Asked::default());
        let view = View::new(&activity);
        let patterns = compiled(modifiers, Field::Agent, value).unwrap_or_else(|problem| panic!("{value}: {problem}"));
        patterns.iter().any(|pattern| pattern.matches(Field::Agent, &view))
    }

    #[test]
    fn values_as_sigma_has_them() {
        for (modifiers, value, text, expected) in [
            ("", "sqlmap", "SQLMAP", true),
            ("", "sqlmap", "sqlmap/1", false),
            ("", "sql*", "sqlmap/1", true),
            ("", "*map*", "sqlmap/1", true),
            ("", "s?lmap*", "sqlmap/1", true),
            ("", "s?lmap", "slmap", false),
            ("", r"a\*b", "a*b", true),
            ("", r"a\*b", "axb", false),
            ("", r"a\\b", r"a\b", true),
            ("", r"a\wb", r"a\wb", true),
            ("", "ab*ba", "aba", false),
            ("", "ab*ba", "abba", true),
            ("", "*", "x", true),
            ("contains", "LMA", "sqlmap", true),
            ("contains", "s*p", "a sqlmap b", true),
            ("startswith", "sql", "SQLmap", true),
            ("startswith", "map", "sqlmap", false),
            ("endswith", ".php", "/a.PHP", true),
            ("endswith", "p*p", "xphp", true),
            ("contains|cased", "SQL", "sqlmap", false),
            ("re", "^sq.map$", "sqlmap", true),
            ("re", "SQ", "sqlmap", false),
            ("re|i", "SQ", "sqlmap", true),
            ("base64|contains", "secret", "x c2VjcmV0 y", true),
            ("base64|contains", "secret", "x C2VJCMV0 y", false),
            ("windash", "a -enc", "a /enc", true),
            ("exists", "true", "x", true),
            ("exists", "false", "x", false),
            ("", "null", "x", false),
        ] {
            assert_eq!(matches(modifiers, value, text), expected, "{modifiers} {value} in {text}");
        }
    }

    #[test]
    fn base64_is_found_wherever_it_begins() {
        for before in ["", "a", "ab", "abc"] {
            for behind in ["", "x", "yz"] {
                let encoded = BASE64_STANDARD.encode(format!("{before}eval(base{behind}"));
                assert!(matches("base64offset|contains", "eval(base", &encoded), "{encoded}");
            }
        }
        assert!(!matches("base64offset|contains", "eval(base", &BASE64_STANDARD.encode("evil(base")));
    }

    #[test]
    fn numbers_and_networks() {
        let mut activity = Activity::new(Timestamp::from_secs(0), Operation::Request);
        activity.asked = Some(Asked { status: 404, ..Asked::default() });
        activity.address = "203.0.113.9".parse().ok();
        let view = View::new(&activity);
        let one = |modifiers, field, value| {
            compiled(modifiers, field, value).unwrap().iter().any(|pattern| pattern.matches(field, &view))
        };
        assert!(one("", Field::Status, "404") && one("", Field::Status, "4*") && !one("", Field::Status, "200"));
        assert!(one("gte", Field::Status, "400") && !one("lt", Field::Status, "404"));
        assert!(one("cidr", Field::Address, "203.0.113.0/24") && !one("cidr", Field::Address, "10.0.0.0/8"));
        assert!(one("cidr", Field::Address, "::ffff:203.0.113.0/120"));
        assert!(!one("gt", Field::Bytes, "0"), "what is not known is not compared");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (modifiers, field, value, problem) in [
            ("contain", Field::Agent, "x", "unknown modifier `contain`"),
            ("contains|startswith", Field::Agent, "x", "cannot be put"),
            ("re|contains", Field::Agent, "x", "cannot be put"),
            ("i", Field::Agent, "x", "behind `re`"),
            ("re|cased", Field::Agent, "x", "texts only"),
            ("wide|base64offset|contains", Field::Agent, "x", "no UTF-16"),
            ("base64offset", Field::Agent, "x", "without `contains`"),
            ("expand", Field::Agent, "%x%", "not read"),
            ("contains", Field::Agent, "", "in every text"),
            ("re", Field::Agent, "(", "no regular expression: unclosed group"),
            ("re", Field::Agent, "(?:a{1000}){1000}", "bytes when compiled"),
            ("cidr", Field::Agent, "10.0.0.0/8", "are addresses"),
            ("cidr", Field::Address, "10.0.0.0/99", "a network such as"),
            ("gt", Field::Agent, "5", "are numbers"),
            ("gt", Field::Status, "five", "whole number"),
            ("exists", Field::Agent, "5", "`true` or `false`"),
            ("contains", Field::Agent, "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", "more than 16 wildcards"),
        ] {
            let found = compiled(modifiers, field, value).unwrap_err();
            assert!(found.contains(problem), "{modifiers} {value}: {found}");
        }
    }

    proptest! {
        #[test]
        fn stars_match_as_a_regular_expression_does(value in "[ab*]{1,8}", text in "[ab]{1,10}") {
            let regex = format!("^{}$", value.replace('*', ".*"));
            prop_assert_eq!(matches("", &value, &text), Regex::new(&regex).unwrap().is_match(&text));
        }
    }
}
