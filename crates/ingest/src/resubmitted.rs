//! The mark of a record that `breachd dead-letter resubmit` wrote: one or more records that could not be read, as one.
//!
//! The copy holds the originals one behind the other with a line end between; the mark says how long each is, because each may
//! be in an envelope of its own. Its text is `TOPIC/PARTITION/OFFSET tries=2 written=1772409600712 parts=120,57`: the first original;
//! how often it was tried, this time included; when the first original was written, in milliseconds; the bytes of each.
//! Whatever but the place is missing is as nothing.
//!
//! # What the mark does
//! A marked record is judged by itself: see [`crate::Ingester`]. It takes no part in an entry that is pending, moves no event
//! time, and neither uses nor changes what its source partition remembers.
//!
//! # Whom it could serve
//! The mark is not signed: who can set it can write to the raw topic, and could write any line of any log without it. It must not give him
//! more than that, and does not:
//! - *Lateness.* It is judged as without the mark, against the greatest stamp before the record. What is late counts in full where event
//!   time is.
//! - *A minute of his choice.* The time in the mark only ever makes the writing earlier than the record's own stamp says; so a stamp from the
//!   future is cut back as without the mark, and one from the past is late.
//! - *Holding up event time.* Records that are all marked move none, like records that cannot be read. To the time-outs (silence, rest of an
//!   entry) a marked record counts as nothing heard, so its partition is released as if it were silent. What it tells of hours that are closed
//!   by then is judged alone and never learned, as of any partition that comes back.
//! - *Forging.* It can hold entries of any content, as any record can.
//! - *Room.* A marked record waits for nothing, so nothing is kept of it; its parts are at most as many as its bytes.
//!
//! The number of tries is shown to people, and nothing is decided by it.

use activity::Timestamp;

/// A mark that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resubmitted<'a> {
    /// `TOPIC/PARTITION/OFFSET` of the first original.
    pub place: &'a str,
    /// This time included; at least 1.
    pub tries: u32,
    /// When the first original was written.
    pub written_at: Option<Timestamp>,
    parts: &'a str,
}

impl<'a> Resubmitted<'a> {
    /// Name of the header.
    pub const HEADER: &'static str = "breachd-resubmitted";

    /// `None`: no mark of ours, and the record is as any other.
    pub fn parse(mark: &'a [u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(mark).ok()?.split(' ');
        let place = words.next().filter(|place| place.contains('/'))?;
        let mut read = Resubmitted { place, tries: 1, written_at: None, parts: "" };
        for word in words {
            match word.split_once('=')? {
                ("tries", tries) => read.tries = tries.parse::<u32>().ok()?.max(1),
                ("written", at) => read.written_at = Some(Timestamp::from_millis(at.parse().ok()?)),
                ("parts", parts) => read.parts = parts,
                _ => return None,
            }
        }
        Some(read)
    }

    /// The text of a mark.
    pub fn mark(place: &str, tries: u32, written_at: Option<Timestamp>, parts: &[usize]) -> String {
        let mut mark = format!("{place} tries={tries}");
        if let Some(at) = written_at {
            mark += &format!(" written={}", at.as_millis());
        }
        let parts: Vec<String> = parts.iter().map(usize::to_string).collect();
        mark + " parts=" + &parts.join(",")
    }

    /// The originals; all as one where the lengths do not fit the bytes.
    pub fn originals<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        self.split(bytes).unwrap_or_else(|| vec![bytes])
    }

    fn split<'b>(&self, bytes: &'b [u8]) -> Option<Vec<&'b [u8]>> {
        let mut parts = Vec::new();
        let mut rest = Some(bytes);
        for length in self.parts.split(',') {
            let (part, behind) = rest?.split_at_checked(length.parse().ok()?)?;
            parts.push(part);
            rest = if behind.is_empty() { None } else { Some(behind.strip_prefix(b"\n")?) };
        }
        rest.is_none().then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back() {
        let at = Timestamp::from_millis(1_772_409_600_712);
        let text = Resubmitted::mark("logs.slow/1/3", 2, Some(at), &[3, 0, 2]);
        assert_eq!(text, "logs.slow/1/3 tries=2 written=1772409600712 parts=3,0,2");
        let mark = Resubmitted::parse(text.as_bytes()).unwrap();
        assert_eq!((mark.place, mark.tries, mark.written_at), ("logs.slow/1/3", 2, Some(at)));
        assert_eq!(mark.originals(b"a\nb\n\ncd"), [&b"a\nb"[..], b"", b"cd"]);
    }

    #[test]
    fn lengths_that_do_not_fit_are_as_none() {
        for (parts, bytes) in
            [("1", "ab"), ("1,1", "abc"), ("1,1", "a"), ("9", "a"), ("", "ab"), ("x", "ab"), ("-1", "a")]
        {
            let text = format!("t/0/0 parts={parts}");
            let mark = Resubmitted::parse(text.as_bytes()).unwrap();
            assert_eq!(mark.originals(bytes.as_bytes()), [bytes.as_bytes()], "{parts}");
        }
        assert_eq!(Resubmitted::parse(b"t/0/0").map(|mark| mark.tries), Some(1));
    }

    #[test]
    fn what_is_no_mark_of_ours_marks_nothing() {
        for text in
            ["", "x", "t/0/0 tries", "t/0/0 tries=x", "t/0/0 written=", "t/0/0 more=1", "t/0/0 tries=99999999999"]
        {
            assert_eq!(Resubmitted::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Resubmitted::parse(b"t/0/0\xff"), None);
    }
}
