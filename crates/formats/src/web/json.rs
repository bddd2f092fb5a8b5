//! A flat JSON object of a web log, read in one pass.
//!
//! Why not serde: a web log's line is one object with some twenty short values of which a dozen matter, and the same reader has to
//! take what is not quite JSON: Apache's `\xHH`, and lines whose values nobody escaped. Strictly read, it takes what
//! `serde_json` takes (a property test compares them), except that it does not refuse half a surrogate pair.
//!
//! A line that is no JSON is read a second time, for what is sure of it ([`recovered`]).

use super::{
    escape::{Escapes, Raw},
    line::{Known, Line, Meaning},
};
use crate::Rejected;
use crate::places::{Places, places_of};
use memchr::memmem;
use wide::u8x16;

/// How values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Strictly.
    Json,
    /// As Apache does: any escape is taken, and decoded by [`Escapes::Log`].
    Apache,
}

/// Reads a whole line; any mistake refuses it, a known field that comes twice as well: two readers could see two truths.
pub(crate) fn strict<'a>(text: &'a str, dialect: Dialect, line: &mut Line<'a>) -> Result<(), Rejected> {
    let mut reader = Reader::new(text, dialect, Manner::Strict).ok_or(Rejected::NotJson)?;
    loop {
        match reader.field() {
            Ok(Some((known, value))) => {
                if !line.offer(known, value) {
                    return Err(Rejected::Ambiguous);
                }
            }
            Ok(None) => return Ok(()),
            Err(_) => return Err(Rejected::NotJson),
        }
    }
}

/// Reads a line as servers write nearly all of them: no blanks, nothing escaped, texts and numbers only. Then quotes alone say where
/// everything ends. `None` for all others, which [`strict`] has to read, and whoever reads them finds the same (a property test
/// holds both to it).
pub(crate) fn usual<'a>(text: &'a str, line: &mut Line<'a>) -> Option<()> {
    let bytes = text.as_bytes();
    let is_odd = bytes.iter().fold(false, |is_odd, byte| is_odd | (*byte == b'\\') | (*byte < 0x20));
    if is_odd || bytes.first() != Some(&b'{') {
        return None;
    }
    let mut quotes = places_of(b'"', bytes);
    let mut at = 1;
    loop {
        let (open, close) = (quotes.next()?, quotes.next()?);
        if open != at || bytes.get(close + 1) != Some(&b':') {
            return None;
        }
        let known = Known::field(&text[open + 1..close]);
        let from = close + 2;
        let value = if bytes.get(from) == Some(&b'"') {
            let (open, close) = (quotes.next()?, quotes.next()?);
            at = close + 1;
            &text[open + 1..close]
        } else {
            at = from + number_length(bytes.get(from..)?)?;
            &text[from..at]
        };
        if let Some(known) = known
            && !line.offer(known, Raw::plain(value))
        {
            return None;
        }
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b'}') if at + 1 == bytes.len() => return Some(()),
            _ => return None,
        }
    }
}

/// What is sure of a line that is no JSON, because values were not escaped (nginx `escape=none`), or because it was cut.
///
/// - Raw control characters, invalid escapes and bare numbers in odd forms do not hide where a value ends: they are read.
/// - A value with an unescaped quote in it, and what comes behind it, may have been written by whoever sent the request. What
///   came before it is believed. The value itself is believed if no other field follows it. Of a request the part before the
///   quote is: the client sent it.
/// - A field that occurs twice is not believed, except status and bytes if every occurrence says the same: one of them is the
///   server's own, whoever wrote the others. So they are believed behind the damage too. Occurrences that disagree about the
///   status refuse the line as ambiguous: an attacker can hide a line so, which is counted, but not forge one.
pub(crate) fn recovered<'a>(text: &'a str, dialect: Dialect) -> Result<Line<'a>, Rejected> {
    let mut line = Line::default();
    let mut reader = Reader::new(text, dialect, Manner::Tolerant).ok_or(Rejected::NotJson)?;
    let damage = loop {
        match reader.field() {
            // The first counts for now; what comes twice is looked at below.
            Ok(Some((known, value))) => drop(line.offer(known, value)),
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        }
    };
    let occurrences = Occurrences::of(text);
    for meaning in occurrences.twice() {
        line.forget(meaning);
    }
    if line.is_absent(Meaning::Status)
        && let Some(agreed) = occurrences.status
    {
        let (known, status) = agreed.ok_or(Rejected::Ambiguous)?;
        line.offer(known, Raw::plain(status));
    }
    if line.is_absent(Meaning::Bytes)
        && let Some(Some((known, bytes))) = occurrences.bytes
    {
        line.offer(known, Raw::plain(bytes));
    }
    if let Some(Damage { known: Some(known), from, to }) = damage {
        let last = memmem::find(&text.as_bytes()[from..], b"\":").is_none();
        let whole = text.trim_end().strip_suffix("\"}").filter(|whole| last && from <= whole.len());
        match known.meaning {
            _ if occurrences.is_twice(known.meaning) => {}
            Meaning::Request | Meaning::Target => drop(line.offer(known, Raw::plain(&text[from..to]))),
            _ => drop(whole.map(|whole| line.offer(known, Raw::plain(&whole[from..])))),
        }
    }
    line.names_an_unsure_user = line.is_absent(Meaning::RemoteUser) && occurrences.names_a_user;
    Ok(line)
}

/// Where known fields seem to stand in a text, read without regard to quotes.
#[derive(Default)]
struct Occurrences<'a> {
    /// By [`Meaning`] and rank.
    counts: [[u8; Known::RANKS]; Meaning::COUNT],
    /// The number behind each occurrence of status and bytes; `None` where they disagree.
    status: Option<Option<(Known, &'a str)>>,
    bytes: Option<Option<(Known, &'a str)>>,
    names_a_user: bool,
}

impl<'a> Occurrences<'a> {
    /// Longest known name.
    const NAME_BYTES_MAX: usize = 24;

    fn of(text: &'a str) -> Self {
        let mut found = Self::default();
        let bytes = text.as_bytes();
        for quote in memmem::find_iter(bytes, b"\":") {
            let before = &bytes[quote.saturating_sub(Self::NAME_BYTES_MAX + 1)..quote];
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@');
            let length = before.iter().rev().take_while(|byte| is_name(byte)).count();
            if length == before.len() || before[before.len() - length - 1] != b'"' {
                continue;
            }
            let Some(known) = Known::field(&text[quote - length..quote]) else { continue };
            let count = &mut found.counts[known.meaning as usize][usize::from(known.rank)];
            *count = count.saturating_add(1);
            let value = text[quote + 2..].trim_start();
            let number = value.strip_prefix('"').unwrap_or(value);
            let number = &number[..number.bytes().take_while(u8::is_ascii_digit).count()];
            match known.meaning {
                Meaning::Status => agree(&mut found.status, known, number),
                Meaning::Bytes => agree(&mut found.bytes, known, number),
                Meaning::RemoteUser => {
                    found.names_a_user |= !["\"\"", "\"-\""].iter().any(|nobody| value.starts_with(nobody))
                }
                _ => {}
            }
        }
        found
    }

    fn is_twice(&self, meaning: Meaning) -> bool {
        self.counts[meaning as usize].iter().any(|count| *count > 1)
    }

    fn twice(&self) -> impl Iterator<Item = Meaning> {
        Meaning::ALL.into_iter().filter(|meaning| self.is_twice(*meaning))
    }
}

fn agree<'a>(so_far: &mut Option<Option<(Known, &'a str)>>, known: Known, number: &'a str) {
    *so_far = Some(match so_far.take() {
        None if !number.is_empty() => Some((known, number)),
        Some(Some((other, same))) if same == number => {
            Some((if known.rank < other.rank { known } else { other }, same))
        }
        _ => None,
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Strict,
    Tolerant,
}

/// Where reading had to stop, and in the value of which field.
struct Damage {
    known: Option<Known>,
    /// Begin and end of the value as far as it was read.
    from: usize,
    to: usize,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    manner: Manner,
    first: bool,
}

impl<'a> Reader<'a> {
    /// `None` if it is no object.
    fn new(text: &'a str, dialect: Dialect, manner: Manner) -> Option<Self> {
        let mut reader = Reader { text, at: 0, dialect, manner, first: true };
        reader.skip_blanks();
        reader.take(b'{').then_some(reader)
    }

    /// The next known field with a text or a number; `None` behind the last.
    #[inline(always)]
    fn field(&mut self) -> Result<Option<(Known, Raw<'a>)>, Damage> {
        loop {
            self.skip_blanks();
            let more = if self.first { self.peek() != Some(b'}') } else { self.take(b',') };
            self.first = false;
            if !more {
                let ended = self.take(b'}') && {
                    self.skip_blanks();
                    self.at == self.text.len()
                };
                return if ended { Ok(None) } else { Err(self.damage(None, self.at)) };
            }
            self.skip_blanks();
            let key = if self.take(b'"') { self.string() } else { None };
            let Some(key) = key else { return Err(self.damage(None, self.at)) };
            let known = match key.escapes {
                Escapes::None => Known::field(key.text),
                _ => Known::field(&key.decoded()),
            };
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.damage(None, self.at));
            }
            self.skip_blanks();
            let value = self.value(known)?;
            if let (Some(known), Some(value)) = (known, value) {
                return Ok(Some((known, value)));
            }
        }
    }

    /// `None` for what is neither text nor number.
    fn value(&mut self, known: Option<Known>) -> Result<Option<Raw<'a>>, Damage> {
        if self.take(b'"') {
            let from = self.at;
            let text = self.string().ok_or_else(|| self.damage(known, from))?;
            if self.manner == Manner::Tolerant && !self.at_end_of_value() {
                return Err(Damage { known, from, to: self.at - 1 });
            }
            return Ok(Some(text));
        }
        let from = self.at;
        match self.peek() {
            Some(b'{' | b'[') => self.nested().ok_or_else(|| self.damage(known, from))?,
            Some(b't' | b'f' | b'n') => {
                let rest = &self.text[from..];
                let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
                self.at += word.ok_or_else(|| self.damage(known, from))?.len();
            }
            _ => {
                let number = match self.manner {
                    Manner::Strict => number_length(&self.text.as_bytes()[from..]),
                    Manner::Tolerant => bare_length(&self.text.as_bytes()[from..]),
                };
                self.at += number.ok_or_else(|| self.damage(known, from))?;
                return Ok(Some(Raw::plain(self.text[from..self.at].trim_end())));
            }
        }
        Ok(None)
    }

    /// The rest of a string behind its opening quote.
    #[inline(always)]
    fn string(&mut self) -> Option<Raw<'a>> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let end = from + plain_length(&bytes[from..]);
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Some(Raw::plain(&self.text[from..end]));
        }
        self.odd_string(from, end)
    }

    /// Of a string that begins at `from` all from `at`, where something is that is not plain.
    #[cold]
    fn odd_string(&mut self, from: usize, at: usize) -> Option<Raw<'a>> {
        let bytes = self.text.as_bytes();
        self.at = at;
        let mut escapes = Escapes::None;
        loop {
            self.at += plain_length(&bytes[self.at..]);
            match *bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(Raw { text: &self.text[from..self.at - 1], escapes });
                }
                b'\\' => {
                    escapes = if self.dialect == Dialect::Json { Escapes::Json } else { Escapes::Log };
                    self.at += self.escape_length()?;
                }
                _ if self.manner == Manner::Tolerant => self.at += 1,
                _ => return None,
            }
        }
    }

    fn escape_length(&self) -> Option<usize> {
        let escape = &self.text.as_bytes()[self.at + 1..];
        let is_strict = self.manner == Manner::Strict && self.dialect == Dialect::Json;
        match escape.first()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' if escape.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => Some(6),
            _ if is_strict => None,
            other => Some(if other.is_ascii() { 2 } else { 1 }),
        }
    }

    /// Over an object or an array. No web server writes one; a shipper may add some.
    fn nested(&mut self) -> Option<()> {
        let from = self.at;
        let mut depth = 0usize;
        loop {
            let at = self.at + memchr_any(&self.text.as_bytes()[self.at..])?;
            self.at = at + 1;
            match self.text.as_bytes()[at] {
                b'"' => drop(self.string()?),
                b'{' | b'[' => depth += 1,
                _ => depth = depth.checked_sub(1)?,
            }
            if depth == 0 {
                break;
            }
        }
        let whole = &self.text[from..self.at];
        serde_json::from_str::<serde::de::IgnoredAny>(whole).is_ok().then_some(())
    }

    /// Whether a field or the end of the object follows.
    fn at_end_of_value(&self) -> bool {
        let rest = self.text[self.at..].trim_start_matches(BLANKS);
        match rest.strip_prefix(',') {
            Some(rest) => rest.trim_start_matches(BLANKS).starts_with('"'),
            None => rest.strip_prefix('}').is_some_and(|rest| rest.trim_start_matches(BLANKS).is_empty()),
        }
    }

    fn damage(&self, known: Option<Known>, from: usize) -> Damage {
        Damage { known, from, to: self.at.max(from) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// How many bytes come before the first quote, backslash or control character.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    // The zeros behind a short text are such, too: then it ends there.
    Places::by(bytes, not_plain).next().map_or(bytes.len(), |at| at.min(bytes.len()))
}

#[inline]
fn not_plain(block: u8x16) -> u8x16 {
    let is = |sign: u8| block.simd_eq(u8x16::splat(sign));
    is(b'"') | is(b'\\') | block.min(u8x16::splat(0x1f)).simd_eq(block)
}

/// Where a quote or a bracket is.
fn memchr_any(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))
}

/// The length of the number that begins here, as JSON writes it.
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (1 < whole && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at.min(bytes.len()));
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}

/// The length of a value without quotes that nginx writes for a variable it has no or several values for: `-`, nothing,
/// `0.001, 0.002`, `000`.
fn bare_length(bytes: &[u8]) -> Option<usize> {
    let is_bare =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b' ' | b'+' | b'-' | b'e' | b'E');
    let length = bytes.iter().take_while(|byte| is_bare(byte)).count();
    match bytes.get(length)? {
        b'}' => Some(length),
        b'"' => bytes[..length].iter().rposition(|byte| *byte == b','),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strictly(text: &str, dialect: Dialect) -> Result<Vec<(Meaning, String)>, Rejected> {
        let mut line = Line::default();
        strict(text, dialect, &mut line)?;
        Ok(said(&line))
    }

    fn said(line: &Line<'_>) -> Vec<(Meaning, String)> {
        let present = Meaning::ALL.into_iter().filter(|meaning| !line.is_absent(*meaning));
        present.map(|meaning| (meaning, line.text(meaning).into_owned())).collect()
    }

    fn of(pairs: &[(Meaning, &str)]) -> Vec<(Meaning, String)> {
        pairs.iter().map(|(meaning, text)| (*meaning, (*text).to_owned())).collect()
    }

    #[test]
    fn values_of_any_kind_are_read_or_skipped() {
        let text = r#" { "x" : {"status":[1,"}",{}]} , "y":null,"z":true,"status":200,"uri":"\/a\"b","ua":-1.5e3,"us\u0065r":"anna","ts":[] } "#;
        let expected = [
            (Meaning::RemoteUser, "anna"),
            (Meaning::Uri, "/a\"b"),
            (Meaning::Status, "200"),
            (Meaning::Agent, "-1.5e3"),
        ];
        assert_eq!(strictly(text, Dialect::Json), Ok(of(&expected)));
        assert_eq!(strictly("{}", Dialect::Json), Ok(vec![]));
    }

    #[test]
    fn apache_escapes_are_no_json_but_read() {
        let text = r#"{"uri":"/\xc3\xbc\"\\","status":200}"#;
        assert_eq!(strictly(text, Dialect::Json), Err(Rejected::NotJson));
        let expected = of(&[(Meaning::Uri, "/ü\"\\"), (Meaning::Status, "200")]);
        assert_eq!(strictly(text, Dialect::Apache), Ok(expected));
    }

    #[test]
    fn of_damaged_lines_what_is_sure_is_read() {
        let recovered = |text: &str| recovered(text, Dialect::Json).map(|line| said(&line));
        use Meaning::{Bytes, RemoteUser, Request, Status, Time, Uri};
        for (text, expected) in [
            // A quote in the last value: nobody else can have written what follows.
            (
                r#"{"time":"t","status":401,"user":"a" 200 "b"}"#,
                &[(Time, "t"), (RemoteUser, "a\" 200 \"b"), (Status, "401")][..],
            ),
            // Cut.
            (r#"{"time":"t","status":401,"user":"nl"#, &[(Time, "t"), (Status, "401")]),
            // A quote in the request; the status behind it comes but once.
            (
                r#"{"time":"t","request":"GET /a"b HTTP/1.1","status":200,"bytes":9,"ua":"c","user":"d"}"#,
                &[(Time, "t"), (Request, "GET /a"), (Status, "200"), (Bytes, "9")],
            ),
            // Fields forged in the request: the same status twice is believed, the name is not.
            (
                r#"{"time":"t","request":"/","status":200,"x":"" HTTP","status":200,"ua":"","user":"root","user":"d"}"#,
                &[(Time, "t"), (Request, "/"), (Status, "200")],
            ),
            // A forged number of bytes under another name.
            (
                r#"{"time":"t","request":"/"","body_bytes_sent":1,"z":"","status":200,"bytes":9}"#,
                &[(Time, "t"), (Request, "/"), (Status, "200")],
            ),
            // Valid, but a field twice.
            (r#"{"time":"t","status":200,"portal_user":"a","portal_user":"b"}"#, &[(Time, "t"), (Status, "200")]),
            // Raw control characters, invalid escapes, variables without a value and with several.
            ("{\"uri\":\"/\t\\x\",\"a\":,\"b\":-,\"c\":0.1, 0.2,\"status\":009}", &[(Uri, "/\t\\x"), (Status, "009")]),
            (r#"{"status":200} x"#, &[(Status, "200")]),
        ] {
            assert_eq!(recovered(text), Ok(of(expected)), "{text}");
        }
        assert_eq!(recovered(r#"{"request":"/","status":200,"x":"" H","status":404}"#), Err(Rejected::Ambiguous));
        assert_eq!(recovered(r#"{"request":"/" H","status":"","ua":1}"#), Err(Rejected::Ambiguous));
        assert_eq!(recovered("user\"}"), Err(Rejected::NotJson));
    }

    #[test]
    fn plain_text_ends_where_it_ends() {
        for length in 0..80 {
            for end in ["\"", "\\", "\n", "\u{1f}", "\0"] {
                for behind in ["", "ä\"x", "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\"\"\""] {
                    let text = "ü ~\u{7f}!#[]z".chars().cycle().take(length).collect::<String>();
                    assert_eq!(plain_length(format!("{text}{end}{behind}").as_bytes()), text.len());
                }
            }
            assert_eq!(plain_length("a".repeat(length).as_bytes()), length);
        }
    }

    proptest! {
        #[test]
        fn what_is_usual_is_read_as_strictly(
            fields in proptest::collection::vec(
                r#""(uri|user|status|x|ua|)":("[a-z{}:,ä]{0,40}"|-?[0-9]{1,3}(\.5)?|true|"a\\n")"#,
                0..6,
            ),
            blank in "( ?)",
            end in r"\}|\} ||\},",
        ) {
            let text = format!("{{{}{blank}{end}", fields.join(","));
            let (mut usual, mut strict) = (Line::default(), Line::default());
            let found = super::usual(&text, &mut usual);
            let read = super::strict(&text, Dialect::Json, &mut strict);
            if found.is_some() {
                prop_assert_eq!(read, Ok(()));
                prop_assert_eq!(said(&usual), said(&strict));
            } else {
                let is_odd = text.contains([' ', '\\']) || text.contains("true") || fields.is_empty();
                prop_assert!(is_odd || read.is_err(), "{}", text);
            }
        }

        #[test]
        fn what_serde_takes_is_taken_and_nothing_else(
            pieces in proptest::collection::vec(proptest::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\"uri\":", "\"user\":\"", "\"x\":", "\",", "\\n", "\\u00e4", "\\u12", "1", "0",
                "-", ".5", "e+7", "true", "null", " ", "\t", "ä", "\u{1}", "abcdefgh", "\"status\":200,", "\"ua\":{\"a\":[1]},",
            ]), 0..24),
            in_object in any::<bool>(),
        ) {
            let text = if in_object { format!("{{{}}}", pieces.concat()) } else { pieces.concat() };
            let by_serde = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            match (strictly(&text, Dialect::Json), by_serde) {
                (Ok(fields), Ok(object)) => {
                    for (meaning, name) in [(Meaning::Uri, "uri"), (Meaning::RemoteUser, "user"), (Meaning::Agent, "ua")] {
                        let text = object.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
                        let found = fields.iter().find(|(found, _)| *found == meaning).map(|(_, text)| text.as_str());
                        let is_number = object.get(name).is_some_and(serde_json::Value::is_number);
                        prop_assert!(is_number || found == text, "{:?} {:?}", found, text);
                    }
                }
                // serde keeps the last of two; a number may be too large for it.
                (Err(Rejected::Ambiguous), Ok(_)) => {}
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{error} {text}"),
                (Err(_), Ok(_)) => prop_assert!(false, "refused {text}"),
                (Err(_), Err(_)) => {}
            }
            let _ = recovered(&text, Dialect::Json);
            let _ = recovered(&text, Dialect::Apache);
        }
    }
}
