//! # auto: the format is told by the shape of each entry
//!
//! For a first look at a log, and for topics that mix several logs of single lines. Which format an entry has is told by
//! [`FormatSpec::looks_like`], in the order of [`FORMATS`]; the first that claims it reads it. What none claims is rejected
//! as `unknown_format`. Nothing is remembered here: the same bytes always get the same format.
//!
//! Entries that span lines cannot be told line by line. So `ingest` locks a source partition: the first line that any
//! format claims decides whether all of it is that one format of several lines, or single lines of any format. A line that
//! looks otherwise later cannot change it, because such a line may be text that a visitor wrote.
//!
//! `zone` is required, because some of these logs write times without one, and read as UTC they would be hours off in silence.
//!
//! What it cannot know: the `zone` serves all of the source's formats; and in a topic of several logs a line forged in one
//! may pose as one of another. Where a source is there to stay, name its format.

use crate::{Context, FORMATS, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "auto",
    summary: "told by the shape of each entry: any of the others; for a first look",
    framing: Framing::Line,
    // Some of the logs it may turn out to be.
    needs_zone: true,
    // What it may turn out to be.
    knows: Knows { requests: true, statements: true, results: true, rows: true, people: true },
    looks_like: |_| false,
    parse,
};

/// How far into an entry a format may look to tell whether it is its own, in bytes.
pub(crate) const SNIFFED_BYTES: usize = 4096;

impl FormatSpec {
    /// The first format that claims an entry.
    pub fn sniff(bytes: &[u8]) -> Option<&'static FormatSpec> {
        let bytes = &bytes[..bytes.len().min(SNIFFED_BYTES)];
        FORMATS.iter().find(|format| (format.looks_like)(bytes))
    }

    /// Whether it stands for any other format.
    pub fn is_auto(&self) -> bool {
        self.name == SPEC.name
    }
}

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    match FormatSpec::sniff(bytes) {
        Some(format) => format.parse(bytes, scratch, context),
        None => Err(Rejected::UnknownFormat),
    }
}

/// Whether the bytes begin a JSON object in which one of the keys stands, as `"key":` with any blanks around the colon. A
/// key inside a string does not count, because its quotes are escaped there. It may be one of a nested object.
pub(crate) fn has_key(bytes: &[u8], keys: &[&str]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
        && keys.iter().any(|key| {
            memchr::memmem::find_iter(bytes, key).any(|at| {
                let behind = bytes[at + key.len()..].strip_prefix(b"\"").map(<[u8]>::trim_ascii_start);
                0 < at && bytes[at - 1] == b'"' && behind.is_some_and(|behind| behind.starts_with(b":"))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_inside_strings_do_not_count() {
        assert!(has_key(br#"{"a":1,"remote_addr" : "x"}"#, &["status", "remote_addr"]));
        assert!(!has_key(br#"{"message":"{\"remote_addr\":1}"}"#, &["remote_addr"]));
        assert!(!has_key(br#"{"message":"remote_addr"}"#, &["remote_addr"]));
        assert!(!has_key(br#"["remote_addr":1]"#, &["remote_addr"]));
        assert!(!has_key(b"", &["a"]) && !has_key(b"{a", &["a"]) && !has_key(b"{\"a", &["a"]));
    }

    #[test]
    fn what_nobody_claims_is_of_unknown_format() {
        for bytes in [&b""[..], b"hello", b"\xff\x00", b"{}"] {
            let parsed = SPEC.parse(bytes, &mut Scratch::default(), &Context::default()).map(drop);
            assert_eq!(parsed, Err(Rejected::UnknownFormat));
        }
    }
}
