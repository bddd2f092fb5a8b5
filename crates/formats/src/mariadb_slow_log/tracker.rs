//! Where entries of the slow log begin.
//!
//! The text of a statement is written as it came. A newline in a literal followed by `# User@Host: …` makes a line that
//! looks like the beginning of an entry, and whoever fills in a form could forge one. So quotes and comments are followed
//! across lines, and a beginning counts only behind a finished statement. A statement is finished where
//! - quotes and comments are closed and the last character was `;`; or
//! - the line ends in `;` inside a `--` or `#` comment (the server puts its `;` behind the comment); or
//! - the line ends in `;` inside an open quote or comment, *and* nothing says that the statement ran: no row sent, examined
//!   or affected, no time for a lock, no hit of the query cache. Such a text is a syntax error, which the server logs too; were it
//!   swallowed up to the next quote, one stray `'` could hide what follows. A statement that ran was understood by the server, so its
//!   quotes are closed. (MariaDB's syntax error has `Lock_time: 0.000000`; a read that finds no row has not. MySQL counts
//!   microseconds, and a read may take none: there only its error code says that a statement did not run.)
//!
//! Backslashes escape quotes, except in threads that said otherwise in a logged SET ([`ThreadModes`]). What a thread has said
//! where the log does not show it could make all that follows one literal, so an entry with more than [`ENTRIES_SWALLOWED_MAX`] lines in
//! it that look like an entry's is given up at once: it tells that it holds them ([`activity::Signal::ForgedEntry`]), and what follows is
//! taken for its rest, which nobody believes, for a minute at most. So many entries and a minute are hidden at most. To believe the next line
//! that looks like a beginning, as the general log does, would let a visitor's literal through that holds enough of them.
//!
//! An entry is complete at its end, before the next one begins, where its first word is one of [`PLAIN_VERBS`] and its last
//! line ends in `;` with nothing open: the server sends statements one by one, and what may stand behind the `;` of such a
//! statement is at most a comment. Texts that may go on are not: `BEGIN NOT ATOMIC …`, routines, anything behind a
//! comment. The cost where that is wrong: the rest of such a text comes as lines without the beginning of their entry.
//!
//! An entry that is given up in its middle ([`Lines::abandon`]) is followed in the same way, but its lines belong to nothing: a
//! beginning counts behind the end of its text only.
//!
//! What remains: who can send statements of his own can write `SELECT 1;` and forged lines behind it, and a literal in a
//! statement that touches no table (`SELECT 'x;…'`) can hold an entry. Nothing in the text tells these apart; parsing marks
//! what it can see ([`activity::Signal::ForgedEntry`]); server_audit, which escapes, is not fooled.

use crate::database::is_banner;
use crate::lines::{Lines, Step};
use crate::open_text::{OpenText, ThreadModes, and_rest, with_rest};

/// What a statement begins with that holds no `;` but its last.
const PLAIN_VERBS: [&[u8]; 18] = [
    b"select",
    b"insert",
    b"update",
    b"delete",
    b"replace",
    b"set",
    b"show",
    b"commit",
    b"rollback",
    b"start",
    b"use",
    b"call",
    b"truncate",
    b"explain",
    b"describe",
    b"table",
    b"values",
    b"with",
];

/// Lines in one literal that look like an entry's second and are taken for text.
const ENTRIES_SWALLOWED_MAX: u64 = 64;

/// Follows the lines of one slow log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    part: Part,
    has_user: bool,
    /// The counts say that the server understood the statement.
    ran: bool,
    /// MySQL wrote the entry.
    of_mysql: bool,
    thread: u64,
    text: OpenText,
    /// The text cannot go on behind its `;`.
    is_plain: bool,
    /// `SET timestamp` has been read.
    begun: bool,
    /// Lines of the open literal that look like an entry's.
    swallowed: u64,
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
    Header,
    Statement,
    /// One line that is no statement: `# administrator command: Quit;`.
    Command,
}

impl Tracker {
    /// With the threads that [`Lines::memory`] gave, and the entry that was given up.
    pub fn remembering(memory: &str) -> Self {
        let (threads, rest) = and_rest(memory);
        let modes = ThreadModes::remembering(threads);
        let tracker = Tracker { modes_before: modes.clone(), modes, ..Tracker::default() };
        rest.and_then(|rest| tracker.clone().following(rest)).unwrap_or(tracker)
    }

    fn rest(&self) -> [u64; 12] {
        let flag = u64::from;
        let [inside, executable, last, ends, ends_in_comment, modes] = self.text.memory();
        let part = if self.part == Part::Header { 1 } else { 2 } | self.swallowed << 2;
        let user = flag(self.has_user) | flag(self.of_mysql) << 1;
        let (ran, begun, plain) = (flag(self.ran), flag(self.begun), flag(self.is_plain));
        [part, user, ran, begun, plain, self.thread, inside, executable, last, ends, ends_in_comment, modes]
    }

    fn following(self, rest: [u64; 12]) -> Option<Self> {
        let [part, user, ran, begun, plain, thread, text @ ..] = rest;
        Some(Tracker {
            part: match part & 3 {
                1 => Part::Header,
                2 => Part::Statement,
                _ => return None,
            },
            swallowed: part >> 2,
            has_user: user & 1 != 0,
            of_mysql: user & 2 != 0,
            ran: ran == 1,
            thread,
            text: OpenText::remembering(text)?,
            is_plain: plain == 1,
            begun: begun == 1,
            abandoned: true,
            ..self
        })
    }

    fn begin(&mut self, line: &[u8]) {
        self.part = Part::Header;
        self.abandoned = false;
        (self.has_user, self.ran, self.of_mysql, self.begun) = (false, false, false, false);
        (self.thread, self.swallowed) = (0, 0);
        self.modes_before.follow(&self.modes);
        self.header(line);
    }

    fn header(&mut self, line: &[u8]) {
        if line.first() == Some(&b'#') {
            // Others are skipped: `#`, `#\texplain: …`.
            if line.get(1) == Some(&b' ') {
                self.field(&line[2..]);
            }
        } else if !self.begun && sets_timestamp(line) {
            self.begun = true;
        } else if self.begun || !line.starts_with(b"use ") {
            self.part = Part::Statement;
            self.text = OpenText::new(self.modes.of(self.thread));
            self.text.feed(line);
            let word = line.iter().position(|byte| !byte.is_ascii_alphabetic()).map_or(line, |end| &line[..end]);
            self.is_plain = PLAIN_VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(word));
            if !self.is_plain || word.eq_ignore_ascii_case(b"set") {
                self.modes.learn(self.thread, line);
            }
        }
    }

    fn field(&mut self, field: &[u8]) {
        match field.first() {
            Some(b'U') => {
                if let Some(who) = field.strip_prefix(b"User@Host: ") {
                    self.has_user = true;
                    // MySQL names the thread here.
                    if !who.ends_with(b"]")
                        && let Some(at) = memchr::memmem::rfind(who, b"]  Id:")
                    {
                        self.thread = number(&who[at + 6..]);
                        self.of_mysql = true;
                    }
                }
            }
            Some(b'T') => {
                if let Some(thread) = field.strip_prefix(b"Thread_id:") {
                    self.thread = number(thread);
                    self.ran = self.ran || thread.ends_with(b"  QC_hit: Yes");
                }
            }
            Some(b'Q') if field.starts_with(b"Query_time:") => {
                let behind = memchr::memchr(b'L', field).map_or(&field[..0], |at| &field[at..]);
                let failed =
                    || memchr::memmem::find(behind, b"Errno: ").is_some_and(|at| number(&behind[at + 7..]) != 0);
                self.ran = self.ran || is_any_above_zero(behind) || (self.of_mysql && !failed());
            }
            Some(b'R') if field.starts_with(b"Rows_") => self.ran = self.ran || is_any_above_zero(field),
            Some(b'a') if field.starts_with(b"administrator command:") => self.part = Part::Command,
            _ => {}
        }
    }

    fn is_finished(&self) -> bool {
        let text = &self.text;
        if text.is_open() { text.line_ends() && !self.ran } else { text.is_ended() || text.line_ends_in_line_comment() }
    }
}

impl Lines for Tracker {
    fn close(&mut self) {
        self.part = Part::None;
        self.abandoned = false;
        self.modes_before = self.modes.clone();
    }

    fn abandon(&mut self) -> bool {
        let goes_on = match self.part {
            Part::None | Part::Command => false,
            // Without a user, what looks like a beginning is its own, and nothing of a visitor's stands before it.
            Part::Header => self.has_user,
            Part::Statement => !self.is_finished(),
        };
        if !goes_on {
            self.close();
        }
        self.abandoned = goes_on;
        goes_on
    }

    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let finished = match self.part {
            Part::None | Part::Command => true,
            Part::Header => self.has_user && line.starts_with(b"# User@Host: "),
            Part::Statement => self.is_finished(),
        };
        if finished && is_beginning(line) {
            self.begin(line);
            return Step::Begin;
        }
        if finished && is_banner(line) {
            self.close();
            return Step::Banner;
        }
        match self.part {
            Part::None => return Step::Orphan,
            Part::Header => self.header(line),
            Part::Statement => {
                self.swallowed += u64::from(line.starts_with(b"# User@Host: ") && is_beginning(line));
                self.text.feed(line);
            }
            Part::Command => {}
        }
        if self.abandoned { Step::Orphan } else { Step::Continue }
    }

    fn is_complete(&self) -> bool {
        match self.part {
            Part::Command => true,
            Part::Statement => self.is_plain && self.text.ends_at_line_end(),
            Part::None | Part::Header => false,
        }
    }

    fn holds_too_many(&self) -> bool {
        self.part == Part::Statement && ENTRIES_SWALLOWED_MAX < self.swallowed
    }

    fn is_open(&self) -> bool {
        self.part == Part::Header || (self.part == Part::Statement && !self.is_finished())
    }

    /// Threads whose quotes are not the usual ones, and what is followed of an entry that was given up.
    fn memory(&self) -> String {
        if self.abandoned {
            return with_rest(self.modes.memory(), &self.rest());
        }
        self.modes_before.memory()
    }
}

fn is_beginning(line: &[u8]) -> bool {
    let Some(field) = line.strip_prefix(b"# ") else { return false };
    match field.strip_prefix(b"User@Host: ") {
        Some(who) => who.ends_with(b"]") || is_thread_behind(who),
        None => field.strip_prefix(b"Time: ").is_some_and(|time| time.first().is_some_and(u8::is_ascii_digit)),
    }
}

/// `SET timestamp=…;`, also behind `last_insert_id=7,insert_id=8,`.
fn sets_timestamp(line: &[u8]) -> bool {
    line.strip_prefix(b"SET ").is_some_and(|assignments| {
        assignments.starts_with(b"timestamp=") || memchr::memmem::find(assignments, b"timestamp=").is_some()
    })
}

/// MySQL's `root[root] @ localhost []  Id:     8`.
fn is_thread_behind(who: &[u8]) -> bool {
    let end = who.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    end < who.len() && who[..end].trim_ascii_end().ends_with(b"]  Id:")
}

/// The digits behind blanks; 0 if they are none or too many.
fn number(text: &[u8]) -> u64 {
    let digits = text.trim_ascii_start().iter().take_while(|byte| byte.is_ascii_digit());
    digits.take(19).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

/// Whether one of the numbers up to `Bytes_sent` or MySQL's `Thread_id` is not zero.
fn is_any_above_zero(fields: &[u8]) -> bool {
    let end = fields.iter().find(|byte| matches!(byte, b'1'..=b'9' | b'B' | b'T'));
    end.is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// The steps of lines as letters.
    fn steps(tracker: &mut Tracker, lines: &str) -> String {
        testing::steps(tracker, lines.lines())
    }

    fn header(thread: u64, rows: u64) -> String {
        format!(
            "# User@Host: a[a] @  [1.1.1.1]\n# Thread_id: {thread}  Schema: m  QC_hit: No\n# Query_time: 0.1  Lock_time: 0.0  Rows_sent: {rows}  Rows_examined: 0\nSET timestamp=1795438619;\n"
        )
    }

    fn of(lines: &str) -> String {
        steps(&mut Tracker::default(), lines)
    }

    #[test]
    fn entries_begin_at_their_headers() {
        let entry = header(1, 0);
        assert_eq!(of(&format!("{entry}SELECT 1;\n{entry}SELECT\n2;\n")), "B....B.....");
        assert_eq!(
            of(&format!("# Time: 261123 12:56:49\n{entry}SELECT 1;\n# Time: 261123 12:56:50\n{entry}")),
            "B.....B...."
        );
        assert_eq!(of("SELECT 1;\n\n# Thread_id: 1\n"), "???");
    }

    #[test]
    fn a_header_in_a_literal_is_text() {
        let (entry, forged) = (header(1, 1), header(2, 9));
        assert_eq!(of(&format!("{entry}INSERT INTO t VALUES ('x;\n{forged}SELECT 2;');\n{entry}")), "B.........B...");
        assert_eq!(of(&format!("{entry}SELECT 1 /* x;\n{forged}SELECT 2; */;\n{entry}")), "B.........B...");
        assert_eq!(of(&format!("{entry}SELECT 'it\\'s;\n{forged}x';\n{entry}")), "B.........B...");
    }

    #[test]
    fn one_stray_quote_hides_nothing() {
        let entry = header(1, 0);
        assert_eq!(of(&format!("{entry}SELECT 'x;\n{entry}SELECT 2;\n")), "B....B....");
        assert_eq!(of(&format!("{entry}SELECT 1 /* x;\n{entry}SELECT 2;\n")), "B....B....");
    }

    #[test]
    fn a_read_that_found_nothing_ran_and_a_syntax_error_did_not() {
        let ran = header(1, 0).replace("Lock_time: 0.0 ", "Lock_time: 0.000046 ");
        let forged = header(2, 9);
        assert_eq!(of(&format!("{ran}SELECT 1 FROM t WHERE a='x;\n{forged}SELECT 2;';\n{ran}")), "B.........B...");
    }

    #[test]
    fn an_entry_that_cannot_go_on_is_complete() {
        let complete = |statement: &str| {
            let mut tracker = Tracker::default();
            format!("{}{statement}", header(1, 1))
                .lines()
                .for_each(|line| assert!(tracker.step(line.as_bytes()) != Step::Orphan));
            tracker.is_complete()
        };
        for (statement, is) in [
            ("SELECT 1;", true),
            ("select\n1\n;", true),
            ("# administrator command: Quit;", true),
            ("SELECT 1", false),
            ("SELECT ';", false),
            ("SELECT 1 -- x;", false),
            ("SELECT 1 /* x */;", true),
            ("SELECT 1 /*! + 2;", false),
            ("BEGIN NOT ATOMIC SELECT 1;", false),
            ("CREATE PROCEDURE p() BEGIN SELECT 1;", false),
            ("/* x */ SELECT 1;", false),
            ("", false),
        ] {
            assert_eq!(complete(statement), is, "{statement}");
        }
    }

    #[test]
    fn mysql_names_the_thread_beside_the_host() {
        let entry = |id: u64| {
            format!(
                "# Time: 2026-03-02T00:00:01.123456Z\n# User@Host: a[a] @ h []  Id:     {id}\n# Query_time: 0.1  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 0\nSET timestamp=1795438619;\n"
            )
        };
        let (eight, nine) = (entry(8), entry(9));
        let mut tracker = Tracker::default();
        let lines = format!("{eight}SET sql_mode='NO_BACKSLASH_ESCAPES';\n{eight}SELECT '\\';\n{nine}SELECT 1;\n");
        assert_eq!(steps(&mut tracker, &lines), "B....B....B....");
        assert_eq!(tracker.memory(), "8");
    }

    #[test]
    fn the_server_puts_its_end_behind_comments() {
        let entry = header(1, 7);
        assert_eq!(of(&format!("{entry}SELECT 1 -- x';\n{entry}SELECT 1 # \";\n{entry}")), "B....B....B...");
    }

    #[test]
    fn a_statement_without_end_goes_on() {
        let entry = header(1, 7);
        assert_eq!(
            of(&format!("{entry}BEGIN NOT ATOMIC\n# User@Host: b[b] @  [2.2.2.2]\nSELECT 1;\nEND;\n{entry}")),
            "B.......B..."
        );
    }

    #[test]
    fn threads_may_switch_backslashes_off() {
        let (plain, other) = (header(5, 1), header(6, 1));
        let mut tracker = Tracker::default();
        let off = format!(
            "{plain}SET SESSION sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\n{plain}SELECT '\\';\n{other}SELECT '\\';\n{other}x';\n"
        );
        assert_eq!(steps(&mut tracker, &off), "B....B....B.........");
        assert_eq!(tracker.memory(), "5b");
        tracker.close();
        let mut restarted = Tracker::remembering("5b");
        assert_eq!(steps(&mut restarted, &format!("{plain}SELECT '\\';\n{plain}")), "B....B...");
        assert_eq!(steps(&mut restarted, &format!("SET sql_mode=DEFAULT;\n{plain}")), ".B...");
        assert_eq!(restarted.memory(), "");
    }

    #[test]
    fn names_in_double_quotes_have_no_escapes() {
        let (ansi, other) = (header(5, 1), header(6, 1));
        let off = format!("{ansi}SET sql_mode='ORACLE';\n{ansi}SELECT id AS \"\\\" FROM t;\n{other}SELECT 1;\n");
        assert_eq!(of(&off), "B....B....B....");
        let mentioned =
            format!("{ansi}SET @a='sql_mode no_backslash_escapes';\n{ansi}SELECT 'it\\'s';\n{other}SELECT 1;\n");
        assert_eq!(of(&mentioned), "B....B....B....");
    }

    #[test]
    fn what_ran_without_a_count_ran() {
        let forged = header(2, 9);
        let cached = header(1, 0).replace("QC_hit: No", "QC_hit: Yes");
        let of_mysql = |tail: &str| {
            format!(
                "# Time: 2026-11-23T12:56:49Z\n# User@Host: a[a] @ h [1.1.1.1]  Id:     8\n# Query_time: 0.1  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0{tail}\nSET timestamp=1795438619;\n"
            )
        };
        for (entry, begins) in [
            (cached, false),
            (of_mysql(""), false),
            (of_mysql(" Thread_id: 8 Errno: 0 Killed: 0"), false),
            (of_mysql(" Thread_id: 8 Errno: 1064 Killed: 0"), true),
        ] {
            let lines = steps(&mut Tracker::default(), &format!("{entry}SELECT 1 FROM t WHERE a='x;\n{forged}"));
            assert_eq!(lines.ends_with("B..."), begins, "{entry}");
        }
    }

    #[test]
    fn an_entry_that_holds_too_many_is_given_up() {
        let (entry, forged) = (header(1, 1), header(2, 9));
        let mut tracker = Tracker::default();
        steps(&mut tracker, &format!("{entry}INSERT INTO t VALUES ('x;"));
        let many = usize::try_from(ENTRIES_SWALLOWED_MAX).unwrap();
        steps(&mut tracker, &forged.repeat(many));
        assert!(!tracker.holds_too_many());
        steps(&mut tracker, &forged);
        assert!(tracker.holds_too_many() && tracker.abandon());
        for restart in [false, true] {
            let mut tracker = if restart { Tracker::remembering(&tracker.memory()) } else { tracker.clone() };
            let rest = format!("{forged}SELECT 2;\nx');\n{entry}SELECT 3;\n");
            assert_eq!(steps(&mut tracker, &rest), "??????B....", "what follows in the literal is believed by nobody");
            assert!(!tracker.holds_too_many());
        }
    }

    #[test]
    fn the_rest_of_an_entry_is_followed_to_its_end() {
        let (entry, forged) = (header(1, 1), header(2, 9));
        // (what came, its rest, whether that is followed)
        for (came, rest, steps_of_rest) in [
            ("INSERT INTO t VALUES ('x;", format!("{forged}SELECT 2;\nx');"), "??????"),
            ("INSERT INTO t VALUES (\"x'", format!("{forged}x'\");"), "?????"),
            ("SELECT 1, /* x", format!("{forged}*/ 2;"), "?????"),
            ("SELECT 1,", format!("'x\n{forged}y';"), "??????"),
            ("SELECT 'it\\'s", format!("{forged}x';"), "?????"),
            // Nothing but the header has come.
            ("", format!("INSERT INTO t VALUES ('x\n{forged}');"), "??????"),
            // What is lost was no literal: the statement that comes next has an end.
            ("SELECT 1,", format!("{forged}SELECT 3;"), "?????"),
        ] {
            for restart in [false, true] {
                let mut tracker = Tracker::default();
                steps(&mut tracker, format!("{entry}{came}").trim_end());
                assert!(tracker.abandon(), "{came}");
                assert!(tracker.abandon(), "twice is as once");
                if restart {
                    let memory = tracker.memory();
                    assert!(memory.bytes().all(|byte| byte.is_ascii_digit() || b",:".contains(&byte)), "{memory}");
                    assert!(memory.len() <= crate::MEMORY_BYTES_MAX);
                    tracker = Tracker::remembering(&memory);
                    assert_eq!(tracker.memory(), memory);
                }
                assert_eq!(steps(&mut tracker, &rest), steps_of_rest, "{came} {restart}");
                assert_eq!(steps(&mut tracker, &format!("{entry}SELECT 1;")), "B....", "{came} {restart}");
                assert_eq!(tracker.memory(), "");
            }
        }
    }

    #[test]
    fn what_was_whole_has_no_rest_and_a_rest_can_be_closed() {
        let entry = header(1, 1);
        for whole in ["SELECT 1;", "SELECT 1 -- x;", "BEGIN NOT ATOMIC SELECT 1;"] {
            let mut tracker = Tracker::default();
            steps(&mut tracker, &format!("{entry}{whole}"));
            assert!(!tracker.abandon(), "{whole}");
            assert_eq!((steps(&mut tracker, &entry), tracker.memory()), ("B...".to_owned(), String::new()), "{whole}");
        }
        let mut tracker = Tracker::default();
        steps(&mut tracker, "# Time: 261123 12:56:49");
        assert!(!tracker.abandon(), "the user belongs to it");
        steps(&mut tracker, &format!("{entry}INSERT INTO t VALUES ('x"));
        assert!(tracker.abandon());
        assert_eq!(steps(&mut tracker, &entry), "????");
        tracker.close();
        assert_eq!(steps(&mut tracker, &entry), "B...");
        for memory in [":", ":1", ":3,1,1,1,1,1,0,0,0,0,0,1", ":2,1,1,1,1,1,7,0,0,0,0,1", ":2,1,1,1,1,1,0,0,256,0,0,1"]
        {
            assert_eq!(Tracker::remembering(memory), Tracker::default(), "{memory}");
        }
    }

    #[test]
    fn banners_end_an_entry() {
        let banner = "mariadbd, Version: 10.11. started with:\nTcp port: 13306  Unix socket: /m.sock\nTime\t\t    Id Command\tArgument\n";
        let entry = header(1, 0);
        assert_eq!(of(&format!("{banner}{entry}FLUSH LOGS;\n{banner}{entry}")), "---B....---B...");
        assert_eq!(of(&format!("{entry}SELECT '\n{banner}';\n{entry}")), "B........B...");
    }
}
