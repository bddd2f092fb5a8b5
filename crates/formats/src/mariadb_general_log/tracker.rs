//! Where entries of the general log begin.
//!
//! A text has no end mark: it goes on until a row follows. A line that looks like a row begins an entry unless it stands in
//! a quote or comment of the text before. A text with a stray quote (a syntax error, which the server writes down like any
//! other) would make everything behind it a literal, so after [`ROWS_SWALLOWED_MAX`] such lines the next one counts. Both
//! ways the entry they are in tells that it holds rows ([`activity::Signal::ForgedEntry`]). The cost: a stray quote hides
//! that many rows at most; a literal with more of them gets the rest through. A greater bound hides more, a smaller one
//! lets more through.
//!
//! A text that is given up in its middle ([`Lines::abandon`]) is followed in the same way, but its lines belong to nothing.

use super::{Command, Row};
use crate::database::is_banner;
use crate::lines::{Lines, Step};
use crate::open_text::{OpenText, ThreadModes, and_rest, with_rest};

/// Lines in one literal that look like rows and are taken for text.
const ROWS_SWALLOWED_MAX: u32 = 64;

/// Follows the lines of one general log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    part: Part,
    text: OpenText,
    /// Lines of the entry that looked like rows.
    swallowed: u32,
    modes: ThreadModes,
    /// As they were when the open entry began.
    modes_before: ThreadModes,
    /// What is followed is the rest of an entry that was given up.
    abandoned: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// No entry is open.
    #[default]
    None,
    /// A statement, which may go on.
    Statement,
    /// A row with a name that does not end yet: it is a name's newline.
    Name,
    /// A row of one line.
    Row,
}

impl Tracker {
    /// With what [`Lines::memory`] gave.
    pub fn remembering(memory: &str) -> Self {
        let (threads, rest) = and_rest(memory);
        let modes = ThreadModes::remembering(threads);
        let tracker = Tracker { modes_before: modes.clone(), modes, ..Tracker::default() };
        rest.and_then(|rest| tracker.clone().following(rest)).unwrap_or(tracker)
    }

    fn rest(&self) -> [u64; 8] {
        let [inside, executable, last, ends, ends_in_comment, modes] = self.text.memory();
        let part = if self.part == Part::Statement { 1 } else { 2 };
        [part, self.swallowed.into(), inside, executable, last, ends, ends_in_comment, modes]
    }

    fn following(self, rest: [u64; 8]) -> Option<Self> {
        let [part, swallowed, text @ ..] = rest;
        Some(Tracker {
            part: match part {
                1 => Part::Statement,
                2 => Part::Name,
                _ => return None,
            },
            swallowed: swallowed.try_into().ok()?,
            text: OpenText::remembering(text)?,
            abandoned: true,
            ..self
        })
    }

    fn begin(&mut self, line: &[u8], row: Row<'_>) {
        let argument = line.get(row.argument..).unwrap_or_default();
        if self.modes_before != self.modes {
            self.modes_before = self.modes.clone();
        }
        self.swallowed = 0;
        self.abandoned = false;
        self.part = match row.command {
            Command::Statement | Command::Prepare => {
                self.text = OpenText::new(self.modes.of(row.thread));
                self.text.feed(argument);
                self.modes.learn(row.thread, argument);
                Part::Statement
            }
            Command::Connect if !is_whole_name(argument) => Part::Name,
            _ => Part::Row,
        };
    }
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_text = self.is_open();
        let row = Row::read(line);
        if row.is_some() && is_text {
            self.swallowed += 1;
        }
        if let Some(row) = row
            && (!is_text || ROWS_SWALLOWED_MAX < self.swallowed)
        {
            self.begin(line, row);
            return Step::Begin;
        }
        if !is_text && is_banner(line) {
            self.close();
            return Step::Banner;
        }
        match self.part {
            Part::None => return Step::Orphan,
            Part::Statement => self.text.feed(line),
            Part::Name if is_whole_name(line) => self.part = Part::Row,
            Part::Name | Part::Row => {}
        }
        if self.abandoned { Step::Orphan } else { Step::Continue }
    }

    fn is_complete(&self) -> bool {
        self.part == Part::Row
    }

    fn is_open(&self) -> bool {
        match self.part {
            Part::None | Part::Row => false,
            Part::Statement => self.text.is_open(),
            Part::Name => true,
        }
    }

    fn close(&mut self) {
        self.part = Part::None;
        self.abandoned = false;
        self.modes_before = self.modes.clone();
    }

    fn abandon(&mut self) -> bool {
        self.abandoned = matches!(self.part, Part::Statement | Part::Name);
        if !self.abandoned {
            self.close();
        }
        self.abandoned
    }

    fn memory(&self) -> String {
        if self.abandoned {
            return with_rest(self.modes.memory(), &self.rest());
        }
        self.modes_before.memory()
    }
}

/// `user@host on schema …`, or a refusal to its end: nothing in it can go on in the next line.
fn is_whole_name(argument: &[u8]) -> bool {
    let holds = |text: &[u8]| memchr::memmem::find(argument, text).is_some();
    if argument.starts_with(b"Access denied for user '") {
        return holds(b"' (using password: ") || holds(b"' to database '");
    }
    holds(b" on ") || argument.ends_with(b" on") || holds(b"' (using password: ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn steps(lines: &str) -> String {
        testing::steps(&mut Tracker::default(), lines.lines())
    }

    #[test]
    fn entries_begin_at_rows() {
        assert_eq!(
            steps(
                "x\n261123 12:56:57\t   1 Connect\ta@h on db using Socket\n\t\t   1 Query\tSELECT\n1\n\t\t   1 Quit\t\n"
            ),
            "?BB.B"
        );
        assert_eq!(
            steps(
                "\t\t   1 Query\tFLUSH LOGS\nmariadbd, Version: 10.11. started with:\nTcp port: 1  Unix socket: /s\nTime\t\t    Id Command\tArgument\n\t\t   1 Quit\t"
            ),
            "B---B"
        );
    }

    #[test]
    fn a_comment_for_no_server_hides_no_row() {
        let row = "\t\t   9 Query\tSELECT 2\n";
        assert_eq!(steps(&format!("\t\t   1 Query\tSELECT 1 /*!999999 ' */\n{row}")), "BB");
        assert_eq!(steps(&format!("\t\t   1 Query\tSELECT 1 /*!50701 ' /* x\n*/ \" */\n{row}")), "B.B");
        assert_eq!(steps(&format!("\t\t   1 Query\tSELECT 1 /*!50000 ' */\n{row}")), "B.");
    }

    #[test]
    fn the_rest_of_a_text_is_followed_to_its_end() {
        for restart in [false, true] {
            let mut tracker = Tracker::default();
            testing::steps(&mut tracker, "\t\t   1 Query\tSELECT 'x".lines());
            assert!(tracker.abandon());
            if restart {
                tracker = Tracker::remembering(&tracker.memory());
            }
            let rest = "\t\t   9 Query\tDROP TABLE t\nx',\n2\n\t\t   1 Quit\t\n";
            assert_eq!(testing::steps(&mut tracker, rest.lines()), "???B", "{restart}");
            assert!(!tracker.abandon(), "a row is whole");
        }
        let mut tracker = Tracker::default();
        testing::steps(&mut tracker, "\t\t   1 Query\tSELECT 'x".lines());
        tracker.abandon();
        let rows = "\t\t   9 Query\tSELECT 1\n".repeat(ROWS_SWALLOWED_MAX as usize + 1);
        let steps = testing::steps(&mut tracker, rows.lines());
        assert_eq!(steps, "?".repeat(ROWS_SWALLOWED_MAX as usize) + "B", "a literal that is lost hides no more rows");
    }

    #[test]
    fn a_row_in_a_literal_is_text() {
        assert_eq!(steps("\t\t   1 Query\tSELECT 'x\n\t\t   9 Query\tDROP TABLE t'\n\t\t   1 Quit\t"), "B.B");
        assert_eq!(steps("\t\t   1 Query\tSELECT /* x\n\t\t   9 Query\tDROP TABLE t */\n\t\t   1 Quit\t"), "B.B");
        assert_eq!(steps("\t\t   1 Query\tSELECT 'x\\'\n\t\t   9 Query\tDROP TABLE t'\n\t\t   1 Quit\t"), "B.B");
        let off = "\t\t   1 Query\tSET sql_mode='NO_BACKSLASH_ESCAPES'\n\t\t   1 Query\tSELECT '\\'\n\t\t   1 Quit\t";
        assert_eq!(steps(off), "BBB");
    }

    #[test]
    fn a_row_in_a_name_is_text() {
        assert_eq!(
            steps("\t\t   1 Connect\tx\n\t\t   9 Query\tDROP TABLE t@h on db using TCP/IP\n\t\t   1 Quit\t"),
            "B.B"
        );
    }

    #[test]
    fn a_stray_quote_hides_a_bounded_number_of_rows() {
        let text = format!("\t\t   1 Query\tSELECT 'x\n{}", "\t\t   2 Query\tSELECT 1\n".repeat(80));
        assert_eq!(steps(&text), format!("B{}{}", ".".repeat(64), "B".repeat(16)));
    }

    #[test]
    fn memory_is_that_of_the_beginning() {
        let mut tracker = Tracker::default();
        tracker.step(b"\t\t   7 Query\tSET sql_mode='NO_BACKSLASH_ESCAPES'");
        assert_eq!(tracker.memory(), "");
        tracker.step(b"\t\t   7 Quit\t");
        assert_eq!((tracker.memory().as_str(), tracker.is_complete()), ("7", true));
        assert_eq!(Tracker::remembering("7").memory(), "7");
    }
}
