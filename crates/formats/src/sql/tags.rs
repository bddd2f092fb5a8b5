//! Attribution tags: a comment at the edge of a statement that names the portal user.
//!
//! Two forms: sqlcommenter's `key='url%20encoded',…` and bare `key=value,…`. A tag counts only where the configuration
//! says it stands, at the *front* (nothing before it) or at the *end* (nothing after it but `;`). Elsewhere it is text
//! that whoever shaped the statement could have put there, and it is ignored. So is a comment that names a key twice.

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

/// The value of `key` in a comment's text.
pub(super) fn value<'a>(comment: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let mut rest = comment.trim();
    let mut found = None;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (raw, after) = match after.strip_prefix('\'') {
            Some(quoted) => {
                let end = closing_quote(quoted)?;
                (Raw::Encoded(&quoted[..end]), &quoted[end + 1..])
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (Raw::Bare(after[..end].trim()), &after[end..])
            }
        };
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => "",
            None => return None,
        };
        let name = name.trim();
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

enum Raw<'a> {
    Encoded(&'a str),
    Bare(&'a str),
}

/// Where the value of `'value'` ends; `\'` does not end it.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'\'', b'\\', bytes.get(at..)?)?;
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
