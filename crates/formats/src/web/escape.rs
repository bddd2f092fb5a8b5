//! Text as a web server escaped it.

use std::borrow::Cow;

/// How a text was escaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// Not at all, or it holds nothing that was.
    #[default]
    None,
    /// As JSON prescribes. What is no valid escape stays as it is; half a surrogate pair becomes U+FFFD.
    Json,
    /// As web servers do in their own log formats: `\xHH` is a byte (nginx in capitals, Apache in small letters), Apache also
    /// writes `\n`, `\"` and the like. The bytes need not be UTF-8.
    Log,
}

/// A text as it stands in the line, decoded only where it is needed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a str,
    pub(crate) escapes: Escapes,
}

impl<'a> Raw<'a> {
    pub(crate) const fn plain(text: &'a str) -> Self {
        Raw { text, escapes: Escapes::None }
    }

    pub(crate) fn decoded(self) -> Cow<'a, str> {
        match self.escapes {
            Escapes::None => Cow::Borrowed(self.text),
            _ if !self.text.contains('\\') => Cow::Borrowed(self.text),
            Escapes::Json => Cow::Owned(json(self.text)),
            Escapes::Log => Cow::Owned(log(self.text)),
        }
    }
}

fn json(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        decoded.push_str(before);
        let mut characters = after.chars();
        let plain = match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('u') if let Some(first) = unit(after, 0) => {
                let second = (0xd800..0xdc00).contains(&first).then(|| unit(after, 6)).flatten();
                let pair = second.filter(|low| after.as_bytes()[5] == b'\\' && (0xdc00..0xe000).contains(low));
                let code = pair.map_or(first, |low| 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00));
                decoded.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = &after[if pair.is_some() { 11 } else { 5 }..];
                continue;
            }
            _ => {
                decoded.push('\\');
                rest = after;
                continue;
            }
        };
        decoded.push(plain);
        rest = characters.as_str();
    }
    decoded + rest
}

/// The four digits behind the `u` at `at`.
fn unit(text: &str, at: usize) -> Option<u32> {
    let bytes = text.as_bytes().get(at..at + 5)?;
    let digits = bytes.strip_prefix(b"u")?;
    digits.iter().try_fold(0, |sum, byte| Some(sum << 4 | char::from(*byte).to_digit(16)?))
}

fn log(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'x')) if let Some(byte) = hex(bytes.get(at + 2..at + 4)) => (byte, 4),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'b')) => (8, 2),
            (b'\\', Some(b'v')) => (0x0b, 2),
            (b'\\', Some(same @ (b'"' | b'\\'))) => (*same, 2),
            (byte, _) => (byte, 1),
        };
        decoded.push(byte);
        at += length;
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let [high, low] = digits? else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_json() {
        let decoded = |text| Raw { text, escapes: Escapes::Json }.decoded();
        assert_eq!(decoded("plain ä"), "plain ä");
        assert_eq!(decoded(r#"a\"b\\c\/d\n\u001B[31m\u00e4"#), "a\"b\\c/d\n\u{1b}[31mä");
        assert_eq!(decoded(r"\uD83D\uDE00!"), "😀!");
        assert_eq!(decoded(r"\uD83D\u0041 \uDE00"), "\u{fffd}A \u{fffd}");
        assert_eq!(decoded(r"\x41 \u12 \"), r"\x41 \u12 \");
        assert_eq!(decoded(r"\uD83Dxu0041"), "\u{fffd}xu0041");
    }

    #[test]
    fn as_web_servers_do() {
        let decoded = |text| Raw { text, escapes: Escapes::Log }.decoded();
        assert_eq!(decoded(r"/\xC3\xBCber\xff\x5Cx22"), "/über\u{fffd}\\x22");
        assert_eq!(decoded(r#"evil\" 200 \"-\" \\ \n\t"#), "evil\" 200 \"-\" \\ \n\t");
        assert_eq!(decoded(r"\xZZ \q \"), r"\xZZ \q \");
    }
}
