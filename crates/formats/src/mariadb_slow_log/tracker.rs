//! Where entries of the slow log begin.
//!
//! The text of a statement is written as it came. A newline in a literal followed by `# User@Host: …` makes a line that
//! looks like the beginning of an entry, and whoever fills in a form could forge one. So quotes and comments are followed
//! across lines, and a beginning counts only behind a finished statement. A statement is finished where
//! - quotes and comments are closed and the last character was `;`; or
//! - the line ends in `;` inside a `--` or `#` comment (the server puts its `;` behind the comment); or
//! - the line ends in `;` inside an open quote or comment, *and* the entry counts no row sent, examined or affected. Such
//!   a text is a syntax error, which the server logs too; were it swallowed up to the next quote, one stray `'` could
//!   hide what follows. A statement that touched rows was understood by the server, so its quotes are closed.
//!
//! Backslashes escape quotes, except in threads that switched them off (`NO_BACKSLASH_ESCAPES`) in a logged SET.
//!
//! What remains: who can send statements of his own can write `SELECT 1;` and forged lines behind it. Nothing in the text
//! tells these apart; server_audit, which escapes, does.

use crate::lines::{Lines, Step};

/// Threads without backslash escapes that are remembered; the one that was set longest ago is forgotten first.
const THREADS_MAX: usize = 8;

/// How far into a statement's first line the setting of `sql_mode` is looked for, in bytes.
const SQL_MODE_BYTES_MAX: usize = 512;

/// Follows the lines of one slow log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    part: Part,
    has_user: bool,
    touched_rows: bool,
    thread: u64,
    text: Text,
    /// Threads without backslash escapes, the latest last.
    plain_threads: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// No entry is open.
    #[default]
    None,
    Header,
    Statement,
}

impl Tracker {
    /// With the threads that [`Lines::memory`] gave: their numbers with commas between.
    pub fn remembering(memory: &str) -> Self {
        let plain_threads = memory.split(',').filter_map(|thread| thread.parse().ok()).take(THREADS_MAX).collect();
        Tracker { plain_threads, ..Tracker::default() }
    }

    fn header(&mut self, line: &[u8]) {
        if line.starts_with(b"# administrator command:") {
            self.part = Part::Statement;
            self.text = Text::finished();
        } else if line.starts_with(b"#") {
            self.has_user |= line.starts_with(b"# User@Host: ");
            for (key, count) in counts(line) {
                match key {
                    b"Thread_id:" => self.thread = count,
                    b"Rows_sent:" | b"Rows_examined:" | b"Rows_affected:" => self.touched_rows |= 0 < count,
                    _ => {}
                }
            }
        } else if line.starts_with(b"SET ")
            && line.windows(10).any(|window| window == b"timestamp=")
            && !self.text.begun
        {
            self.text.begun = true;
        } else if self.text.begun || !line.starts_with(b"use ") {
            self.part = Part::Statement;
            self.switch_escapes(line);
            self.text = Text { escapes: !self.plain_threads.contains(&self.thread), ..Text::default() };
            self.text.feed(line);
        }
    }

    /// Remembers what the first line of a statement says about backslashes. The statement itself is still read the old way.
    fn switch_escapes(&mut self, line: &[u8]) {
        let mut start = line[..line.len().min(SQL_MODE_BYTES_MAX)].to_vec();
        start.make_ascii_lowercase();
        let holds = |text: &[u8]| memchr::memmem::find(&start, text).is_some();
        if !(holds(b"set") && holds(b"sql_mode")) {
            return;
        }
        self.plain_threads.retain(|thread| *thread != self.thread);
        if holds(b"no_backslash_escapes") {
            if self.plain_threads.len() == THREADS_MAX {
                self.plain_threads.remove(0);
            }
            self.plain_threads.push(self.thread);
        }
    }
}

impl Lines for Tracker {
    fn close(&mut self) {
        self.part = Part::None;
    }

    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let finished = match self.part {
            Part::None => true,
            Part::Header => self.has_user && line.starts_with(b"# User@Host: "),
            Part::Statement => self.text.is_finished(self.touched_rows),
        };
        if finished && is_beginning(line) {
            let plain_threads = std::mem::take(&mut self.plain_threads);
            *self = Tracker { part: Part::Header, plain_threads, ..Tracker::default() };
            self.header(line);
            return Step::Begin;
        }
        if finished && is_banner(line) {
            self.part = Part::None;
            return Step::Banner;
        }
        match self.part {
            Part::None => return Step::Orphan,
            Part::Header => self.header(line),
            Part::Statement => self.text.feed(line),
        }
        Step::Continue
    }

    /// Threads without backslash escapes.
    fn memory(&self) -> String {
        self.plain_threads.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
    }
}

fn is_beginning(line: &[u8]) -> bool {
    let time = line.strip_prefix(b"# Time: ").is_some_and(|time| time.first().is_some_and(u8::is_ascii_digit));
    time || (line.starts_with(b"# User@Host: ") && line.ends_with(b"]"))
}

/// The three lines written when the log is opened.
fn is_banner(line: &[u8]) -> bool {
    line.ends_with(b"started with:")
        || line.starts_with(b"Tcp port: ")
        || (line.starts_with(b"Time\t") && line.ends_with(b"Argument"))
}

fn counts(line: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    let words = || line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words().zip(words().skip(1)).filter_map(|(key, value)| Some((key, std::str::from_utf8(value).ok()?.parse().ok()?)))
}

/// The text of a statement so far.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    inside: Inside,
    /// Executable comments open.
    executable: u32,
    /// The last byte that was neither blank nor comment.
    last: u8,
    /// The last line ended in `;`, wherever that was.
    line_ends: bool,
    line_ends_in_line_comment: bool,
    escapes: bool,
    /// `SET timestamp` has been read.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Code,
    Quote(u8),
    Comment,
}

impl Default for Text {
    fn default() -> Self {
        Text {
            inside: Inside::Code,
            executable: 0,
            last: 0,
            line_ends: false,
            line_ends_in_line_comment: false,
            escapes: true,
            begun: false,
        }
    }
}

impl Text {
    fn finished() -> Self {
        Text { last: b';', ..Text::default() }
    }

    fn is_finished(&self, touched_rows: bool) -> bool {
        match self.inside {
            Inside::Code => self.last == b';' || self.line_ends_in_line_comment,
            Inside::Quote(_) | Inside::Comment => self.line_ends && !touched_rows,
        }
    }

    /// One line, followed by its end.
    fn feed(&mut self, line: &[u8]) {
        let byte = |at: usize| line.get(at).copied().unwrap_or(b'\n');
        self.line_ends = line.ends_with(b";");
        self.line_ends_in_line_comment = false;
        let mut at = 0;
        while at < line.len() {
            match self.inside {
                Inside::Quote(quote) => match memchr::memchr2(quote, b'\\', &line[at..]) {
                    None => return,
                    Some(found) if line[at + found] == quote => {
                        self.inside = Inside::Code;
                        self.last = quote;
                        at += found + 1;
                    }
                    Some(found) => at += found + if self.escapes && quote != b'`' { 2 } else { 1 },
                },
                Inside::Comment => match memchr::memmem::find(&line[at..], b"*/") {
                    None => return,
                    Some(found) => {
                        self.inside = Inside::Code;
                        at += found + 2;
                    }
                },
                Inside::Code => match (line[at], byte(at + 1)) {
                    (quote @ (b'\'' | b'"' | b'`'), _) => {
                        self.inside = Inside::Quote(quote);
                        at += 1;
                    }
                    (b'#', _) => return self.line_ends_in_line_comment = self.line_ends,
                    (b'-', b'-') if byte(at + 2).is_ascii_whitespace() || byte(at + 2).is_ascii_control() => {
                        return self.line_ends_in_line_comment = self.line_ends;
                    }
                    (b'/', b'*') => {
                        if byte(at + 2) == b'!' || (byte(at + 2) == b'M' && byte(at + 3) == b'!') {
                            self.executable += 1;
                        } else {
                            self.inside = Inside::Comment;
                        }
                        at += 2;
                    }
                    (b'*', b'/') if 0 < self.executable => {
                        self.executable -= 1;
                        at += 2;
                    }
                    (blank, _) if blank.is_ascii_whitespace() => at += 1,
                    (code, _) => {
                        self.last = code;
                        at += 1;
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of lines as letters.
    fn steps(tracker: &mut Tracker, lines: &str) -> String {
        lines
            .lines()
            .map(|line| match tracker.step(line.as_bytes()) {
                Step::Begin => 'B',
                Step::Continue => '.',
                Step::Banner => '-',
                Step::Orphan => '?',
            })
            .collect()
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
        assert_eq!(tracker.memory(), "5");
        let mut restarted = Tracker::remembering("5");
        assert_eq!(steps(&mut restarted, &format!("{plain}SELECT '\\';\n{plain}")), "B....B...");
        assert_eq!(steps(&mut restarted, &format!("SET sql_mode=DEFAULT;\n{plain}")), ".B...");
        assert_eq!(restarted.memory(), "");
    }

    #[test]
    fn banners_end_an_entry() {
        let banner = "mariadbd, Version: 10.11. started with:\nTcp port: 13306  Unix socket: /m.sock\nTime\t\t    Id Command\tArgument\n";
        let entry = header(1, 0);
        assert_eq!(of(&format!("{banner}{entry}FLUSH LOGS;\n{banner}{entry}")), "---B....---B...");
        assert_eq!(of(&format!("{entry}SELECT '\n{banner}';\n{entry}")), "B........B...");
    }
}
