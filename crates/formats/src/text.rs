//! Bytes and encodings: lossy UTF-8, percent encoding, paths as the application sees them.

use std::borrow::Cow;

/// The bytes as text. Valid UTF-8 is borrowed; else each invalid sequence becomes U+FFFD, in `buffer`.
pub(crate) fn lossy<'a>(bytes: &'a [u8], buffer: &'a mut String) -> &'a str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            buffer.clear();
            for chunk in bytes.utf8_chunks() {
                buffer.push_str(chunk.valid());
                if !chunk.invalid().is_empty() {
                    buffer.push(char::REPLACEMENT_CHARACTER);
                }
            }
            buffer
        }
    }
}

/// As much of the text as fits into so many bytes.
pub(crate) fn within(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// `%41` as `A`, once; what is no valid escape stays. With `plus`, `+` is a space (query strings). Invalid UTF-8 becomes
/// U+FFFD.
pub fn percent_decoded(text: &str, plus: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || (plus && byte == b'+')) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' if let (Some(high), Some(low)) = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            b'+' if plus => {
                decoded.push(b' ');
                at += 1;
            }
            byte => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn digit(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).map(|digit| digit as u8)
}

/// The first of `keys` that a query string gives a non-empty value.
pub(crate) fn query_value<'a>(query: &'a str, keys: &[&str]) -> Option<Cow<'a, str>> {
    keys.iter().find_map(|key| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty())
            .map(|(_, value)| percent_decoded(value, true))
    })
}

/// A request path as the application sees it, to compare with patterns: percent-decoded once, `//`, `/./` and `/../`
/// resolved, without a leading `/index.php` (Magento serves the same routes behind it) and a trailing `/`.
pub fn comparable_path(path: &str) -> Cow<'_, str> {
    let decoded = percent_decoded(path, false);
    let odd = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    let plain = !decoded.as_bytes().windows(2).any(odd) && !decoded.starts_with("/index.php");
    if plain && !(1 < decoded.len() && decoded.ends_with('/')) {
        return decoded;
    }
    let mut kept: Vec<&str> = Vec::new();
    for step in decoded.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            step => kept.push(step),
        }
    }
    if kept.first() == Some(&"index.php") {
        kept.remove(0);
    }
    if kept.is_empty() {
        return Cow::Borrowed("/");
    }
    Cow::Owned(kept.iter().fold(String::with_capacity(decoded.len()), |path, step| path + "/" + step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf_8_is_replaced() {
        let mut buffer = String::new();
        assert_eq!(lossy(b"a\xff\xe2\x82b", &mut buffer), "a\u{fffd}\u{fffd}b");
        assert_eq!(lossy("ä".as_bytes(), &mut String::new()), "ä");
    }

    #[test]
    fn percent_escapes_are_decoded_once() {
        assert_eq!(percent_decoded("a%2Fb%252F%zz%4", false), "a/b%2F%zz%4");
        assert_eq!(percent_decoded("a+b%C3%A4%ff", true), "a bä\u{fffd}");
    }

    #[test]
    fn the_first_key_with_a_value_wins() {
        assert_eq!(query_value("x=1&u=&username=o%27b", &["u", "username"]).as_deref(), Some("o'b"));
        assert_eq!(query_value("", &["u"]), None);
    }

    #[test]
    fn paths_are_compared_as_the_application_sees_them() {
        for (path, seen) in [
            ("/rest/V1/hr", "/rest/V1/hr"),
            ("/rest//V1/%68r/", "/rest/V1/hr"),
            ("/index.php/rest/V1/hr", "/rest/V1/hr"),
            ("/a/../rest/./V1/hr", "/rest/V1/hr"),
            ("/", "/"),
            ("/../..", "/"),
            ("/.env", "/.env"),
            ("", ""),
        ] {
            assert_eq!(comparable_path(path), seen, "{path}");
        }
    }
}
