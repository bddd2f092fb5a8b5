//! Comma-separated values as PostgreSQL writes them: fields quoted where needed, quotes doubled inside, line breaks kept.

use std::borrow::Cow;

/// Most fields of one record.
const FIELDS_MAX: usize = 64;

/// Records of a text, one after the other. Total and linear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records<'a> {
    rest: &'a str,
}

impl<'a> Records<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Records { rest: text }
    }

    /// The next record; `Err` if a quote stays open, or something follows one that closes, or there are too many fields.
    fn read(&mut self) -> Result<Vec<Cow<'a, str>>, NotCsv> {
        let mut fields = Vec::new();
        loop {
            if fields.len() == FIELDS_MAX {
                return Err(NotCsv);
            }
            let (field, behind) = match self.rest.strip_prefix('"') {
                Some(quoted) => unquoted(quoted).ok_or(NotCsv)?,
                None => {
                    let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
                    let (field, behind) = self.rest.split_at(end);
                    (Cow::Borrowed(if behind.starts_with(',') { field } else { field.trim_end_matches('\r') }), behind)
                }
            };
            fields.push(field);
            self.rest = behind;
            if let Some(more) = self.rest.strip_prefix(',') {
                self.rest = more;
                continue;
            }
            let behind = self.rest.trim_start_matches('\r');
            self.rest = match behind.strip_prefix('\n') {
                Some(next) => next,
                None if behind.is_empty() => "",
                None => return Err(NotCsv),
            };
            return Ok(fields);
        }
    }
}

/// The text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotCsv;

impl<'a> Iterator for Records<'a> {
    type Item = Result<Vec<Cow<'a, str>>, NotCsv>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.rest = "";
        }
        Some(record)
    }
}

/// What is before the closing quote, and what is behind it.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let bytes = text.as_bytes();
    let (mut at, mut doubled) = (0, false);
    loop {
        at += memchr::memchr(b'"', &bytes[at..])?;
        if bytes.get(at + 1) != Some(&b'"') {
            let field = &text[..at];
            let field = if doubled { Cow::Owned(field.replace("\"\"", "\"")) } else { Cow::Borrowed(field) };
            return Some((field, &text[at + 1..]));
        }
        doubled = true;
        at += 2;
    }
}

/// Where a field that begins at `from` ends on this line: its comma. `None`: not on this line.
pub(crate) fn field_end(line: &[u8], from: usize) -> Option<usize> {
    let field = line.get(from..)?;
    if field.first() != Some(&b'"') {
        return memchr::memchr(b',', field).map(|end| from + end);
    }
    let mut at = 1;
    loop {
        at += memchr::memchr(b'"', field.get(at..)?)?;
        match field.get(at + 1) {
            Some(b'"') => at += 2,
            Some(b',') => return Some(from + at + 1),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Vec<String>, NotCsv>> {
        Records::new(text)
            .map(|record| record.map(|fields| fields.into_iter().map(Cow::into_owned).collect()))
            .collect()
    }

    #[test]
    fn records_and_their_fields() {
        assert_eq!(
            read("a,,\"b \"\"c\"\"\n,d\"\n\"\",e\r\n"),
            [Ok(vec!["a".into(), String::new(), "b \"c\"\n,d".into()]), Ok(vec![String::new(), "e".into()])]
        );
        assert_eq!(read(""), []);
        for bad in ["\"a", "\"a\"b", "a,\"b\"\"", "\""] {
            assert_eq!(read(bad), [Err(NotCsv)], "{bad}");
        }
        assert_eq!(read(&",".repeat(FIELDS_MAX)), [Err(NotCsv)]);
    }

    #[test]
    fn the_end_of_a_field() {
        assert_eq!(field_end(b"a,b", 0), Some(1));
        assert_eq!(field_end(b"\"a,\"\"b\",c", 0), Some(7));
        for none in [&b"a"[..], b"", b"\"a,", b"\"a\"b,", b"\"a\"\","] {
            assert_eq!(field_end(none, 0), None);
        }
        assert_eq!(field_end(b"a", 5), None);
    }
}
