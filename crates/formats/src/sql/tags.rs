//! Attribution tags: a comment at the edge of a statement that names the portal user.
//!
//! Two forms: sqlcommenter's `key='url%20encoded',…` and bare `key=value,…`. A tag counts only where the configuration
//! says it stands, at the *front* (nothing before it) or at the *end* (nothing after it but `;`). Elsewhere it is text
//! that whoever shaped the statement could have put there: it is ignored and called misplaced. So is a comment that names
//! a key twice. The same comment may carry the request's id as `request_id` or `rid`.

use super::lexer::Lexer;
use super::words::find_either;
use crate::places::places_of;
use crate::text::percent_decoded;
use std::borrow::Cow;

/// The longest user name a tag may give, in bytes; a longer one is no name.
const VALUE_BYTES_MAX: usize = 128;

/// Which comment names the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlTag {
    pub key: String,
    pub position: TagPosition,
}

/// Where an attribution tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagPosition {
    Front,
    End,
}

/// Keys of the request's id, the first that is found counts.
const REQUEST_KEYS: [&str; 2] = ["request_id", "rid"];

/// What the comments of a statement say.
#[derive(Debug, Default)]
pub(super) struct Tagged<'a> {
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) request_id: Option<Cow<'a, str>>,
    /// A key stands elsewhere than at its position, or twice in one comment.
    pub(super) misplaced: bool,
}

/// Reads the tags of a statement that was read to its end. Of text that may have been cut, the end is unknown: a tag there
/// counts for nothing, and against nobody.
pub(super) fn tagged<'a>(lexer: &Lexer<'a>, cut: bool, tags: &[SqlTag]) -> Tagged<'a> {
    let mut tagged = Tagged::default();
    if lexer.assigning_comments() == 0 {
        return tagged;
    }
    let edge = lexer.edge_comments();
    let end = if cut { None } else { edge.end };
    let at = |position| match position {
        TagPosition::Front => edge.front,
        TagPosition::End => end,
    };
    let mut places = Equals::default();
    for tag in tags {
        let Some(comment) = at(tag.position) else { continue };
        match places.assignments(comment, &tag.key) {
            0 => {}
            1 => tagged.user = tagged.user.or_else(|| value(comment, &tag.key)),
            _ => tagged.misplaced = true,
        }
    }
    for position in [TagPosition::Front, TagPosition::End] {
        if tags.iter().any(|tag| tag.position == position)
            && let Some(comment) = at(position)
        {
            let mut ids = REQUEST_KEYS.iter().filter(|key| places.assignments(comment, key) == 1);
            tagged.request_id = tagged.request_id.or_else(|| ids.find_map(|key| value(comment, key)));
        }
    }
    lexer.each_assigning_comment(|comment| {
        let is = |edge: Option<&str>| edge.is_some_and(|edge| std::ptr::eq(edge, comment));
        let (at_front, at_end) = (is(edge.front), is(edge.end));
        tagged.misplaced |= tags.iter().any(|tag| {
            let in_place = if tag.position == TagPosition::Front { at_front } else { at_end };
            !in_place && 0 < places.assignments(comment, &tag.key)
        });
    });
    tagged
}

/// Where the `=` of the comment stand that was asked about last: looked for once, for all keys.
#[derive(Default)]
struct Equals<'a> {
    comment: &'a str,
    places: [usize; EQUALS_MAX],
    /// What stands before each, which most keys do not end in.
    before: [u8; EQUALS_MAX],
    n: usize,
}

/// Most that are remembered; a comment with more is gone through for each key.
const EQUALS_MAX: usize = 16;

impl<'a> Equals<'a> {
    /// How often the comment says `key=` or `key =`, wherever.
    fn assignments(&mut self, comment: &'a str, key: &str) -> usize {
        if !std::ptr::eq(self.comment, comment) {
            (self.comment, self.n) = (comment, 0);
            for place in places_of(b'=', comment.as_bytes()).take(EQUALS_MAX + 1) {
                if self.n < EQUALS_MAX {
                    self.places[self.n] = place;
                    self.before[self.n] = comment.as_bytes()[..place].last().copied().unwrap_or(0);
                }
                self.n += 1;
            }
        }
        let (bytes, last) = (comment.as_bytes(), key.bytes().last().unwrap_or(0));
        match self.places.get(..self.n) {
            Some(places) => {
                let may_be = |before: u8| before == last || before.is_ascii_whitespace();
                let named = places.iter().zip(&self.before).filter(|(_, before)| may_be(**before));
                named.filter(|(at, _)| is_named(&bytes[..**at], key.as_bytes())).count()
            }
            None => places_of(b'=', bytes).filter(|at| is_named(&bytes[..*at], key.as_bytes())).count(),
        }
    }
}

/// Whether the key is what stands last.
fn is_named(before: &[u8], key: &[u8]) -> bool {
    if key.is_empty() {
        return false;
    }
    let Some(before) = before.trim_ascii_end().strip_suffix(key) else { return false };
    before.last().is_none_or(|byte| !(byte.is_ascii_alphanumeric() || b"_-.%$".contains(byte)))
}

/// The value of `key` in a comment's text.
fn value<'a>(comment: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let mut rest = trimmed(comment);
    let mut found = None;
    while !rest.is_empty() {
        let equals = find_either(rest.as_bytes(), 0, b'=', b'=')?;
        let (name, after) = (&rest[..equals], &rest[equals + 1..]);
        let (raw, after) = match after.strip_prefix('\'') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (Raw::Encoded(&quoted[..end]), &quoted[end + 1..])
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (Raw::Bare(trimmed(&after[..end])), &after[end..])
            }
        };
        let after = trimmed(after);
        rest = match after.strip_prefix(',') {
            Some(more) => trimmed(more),
            None if after.is_empty() => "",
            None => return None,
        };
        let name = trimmed(name);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.%".contains(&byte)) {
            return None;
        }
        if name == key {
            if found.is_some() {
                return None;
            }
            found = Some(raw);
        }
    }
    let value = match found? {
        Raw::Bare(text) => Cow::Borrowed(text),
        Raw::Encoded(text) if text.contains('\\') => Cow::Owned(percent_decoded(&unescaped(text), false).into_owned()),
        Raw::Encoded(text) => percent_decoded(text, false),
    };
    let named = !value.is_empty() && value.len() <= VALUE_BYTES_MAX && !value.chars().any(char::is_control);
    named.then_some(value)
}

/// Without white space around it, which hardly any has.
fn trimmed(text: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if is_plain(bytes.first()) && is_plain(bytes.last()) { text } else { text.trim() }
}

enum Raw<'a> {
    Encoded(&'a str),
    Bare(&'a str),
}

/// Where the value of `'value'` ends; `\'` does not end it.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at = find_either(bytes, at, b'\'', b'\\')?;
        if bytes[at] == b'\'' {
            return Some(at);
        }
        at += 2;
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        assert_eq!(value("uid=u0199", "uid").as_deref(), Some("u0199"));
        assert_eq!(value(" uid=o'brien , x=1", "uid").as_deref(), Some("o'brien"));
        assert_eq!(value("action='a%3Db',user='j%C3%BCrgen, x'", "user").as_deref(), Some("jürgen, x"));
        assert_eq!(value(r"user='o\'brien'", "user").as_deref(), Some("o'brien"));
    }

    #[test]
    fn refuses_what_is_no_tag() {
        for comment in [
            "",
            "uid",
            "uid=",
            "uid=a,uid=b",
            "uid='a",
            "uid='a'b",
            "/*uid=a",
            "see uid=a",
            "uid='a%00b'",
            "uid='\\",
            "x='1' uid=a",
        ] {
            assert_eq!(value(comment, "uid"), None, "{comment}");
        }
        assert_eq!(value(&format!("uid={}", "a".repeat(129)), "uid"), None);
    }
}
