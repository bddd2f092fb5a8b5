//! # monolog_line: Monolog's LineFormatter, as Magento writes its logs
//!
//! ```text
//! [2026-11-23T13:08:21.012399+00:00] hr_audit.INFO: employee_portal.view by e1007 {"action":"view","user":"e1007","table":"hr_payroll","rows":1} []
//! [2026-11-23T13:08:21.006286+00:00] report.CRITICAL: SQLSTATE[42000]: Syntax error or access violation: 1142 SELECT command denied to user 'hr_sync'@'10.0.0.9' for table `magento`.`hr_payroll` {"exception":"[object] (…)
//! [previous exception] [object] (…)"} []
//! ```
//!
//! Written by Monolog 1 to 3 with `new LineFormatter(null, null, true)`, which is what Magento's handlers have
//! (`var/log/system.log`, `exception.log`, and any channel of one's own): stamp, channel and level, the message, the context
//! and the extra fields as JSON, both always there. Stamps carry their offset; Monolog 1 wrote local times, Magento's in UTC
//! unless the source says otherwise.
//!
//! What the channels mean is said in [`crate::monolog`], the fields of `hr_audit` in [`crate::hr_audit`]. **Where it can be
//! chosen, use [`crate::monolog_json`]**: this format does not escape line breaks, neither in messages nor, as the formatter is
//! set up by Magento, in the strings of the context. So a value that a visitor typed can hold what looks like an entry.
//!
//! What can be told. An entry is not over while a JSON value is open, or while its last line does not end in `]` or `}`, as
//! every entry does. A line that looks like a beginning before that is text. Within the context quotes are escaped, so a
//! line forged there has no context of its own. The context is read from the end, where the formatter writes it, so what a
//! message holds never passes for it. An `hr_audit` entry with such a line inside carries the signal `forged_entry`; an
//! entry of another channel with one is refused as ambiguous, so that a person sees it, because the lines may just as well be one
//! that was torn and another.
//!
//! What cannot be told: a *message* that holds `… [] []` (or two blanks), a line break and a whole entry with a context of its own. Do not put
//! what visitors type into messages, or use JSON. What was tried and dropped: to refuse stamps that go backwards (clocks of
//! several processes do), and to begin at every header (each forged line is an entry then).
//!
//! Magento writes critical exceptions to `exception.log` and `system.log` both: read one of the two, or refusals count twice.
//!
//! A handler with `ignoreEmptyContextAndExtra` leaves empty ones out, but not the blanks before them: an entry that ends in one
//! blank has no extra fields, and its context stands at the end; one that ends in two has no context either, whatever its message holds. A shipper
//! must not trim them: an entry without brackets, braces and blanks at its end may go on, and what looks like one of `hr_audit` behind it is
//! ambiguous.

use crate::hr_audit::{CHANNEL, HrAudit};
use crate::lines::{Lines, Step};
use crate::monolog::{self, Entry};
use crate::scalar::{Object, Scalar};
use crate::text::lossy;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::Signal;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// Longest stamp and longest channel, in bytes.
const STAMP_BYTES_MAX: usize = 40;
const CHANNEL_BYTES_MAX: usize = 64;

/// How often the beginning of the context is looked for, from the end.
const TRIES_MAX: usize = 8;

/// Deepest nesting of a context that is followed.
const NESTING_MAX: u32 = 64;

const LEVELS: [&[u8]; 8] = [b"DEBUG", b"INFO", b"NOTICE", b"WARNING", b"ERROR", b"CRITICAL", b"ALERT", b"EMERGENCY"];

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "monolog_line",
    summary: "Monolog as lines (Magento's system.log, exception.log, hr_audit.log); entries of several lines",
    framing: Framing::Lines(|_| Box::new(Tracker::default())),
    needs_zone: false,
    knows: Knows { people: true, rows: true, results: true, requests: false, statements: false },
    looks_like: |bytes| head(bytes).is_some(),
    parse,
};

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let Scratch { line, statement, .. } = scratch;
    let entry = lossy(bytes, line).trim_end_matches(['\n', '\r']);
    let head = head(entry.as_bytes()).ok_or(Rejected::NoHeader)?;
    let (stamp, channel, rest) =
        (&entry[1..head.stamp_end], &entry[head.stamp_end + 2..head.channel_end], &entry[head.end..]);
    let at = monolog::time(stamp, context).ok_or(Rejected::BadTime)?;
    let poses = rest.split('\n').skip(1).any(|line| self::head(line.as_bytes()).is_some());
    if poses && channel != CHANNEL {
        return Err(Rejected::Ambiguous);
    }
    let audit = match channel {
        CHANNEL => audit(rest, statement),
        _ => None,
    };
    let entry = Entry { at, channel, message: rest, audit, host: Scalar::Absent };
    let mut parsed = entry.activity(context)?;
    if let (Parsed::Activity(activity), true) = (&mut parsed, poses) {
        activity.signals.insert(Signal::ForgedEntry);
    }
    Ok(parsed)
}

/// The context, from the end of an entry. The formatter turned the line breaks in it into real ones: they are turned back,
/// in `buffer`.
fn audit<'a>(text: &'a str, buffer: &'a mut String) -> Option<HrAudit<'a>> {
    let text = match text.strip_suffix(' ') {
        Some(text) if !text.ends_with(" []") => text,
        _ => without_extra(text.trim_end())?,
    };
    // The context was left out.
    if text.ends_with(' ') {
        return None;
    }
    let is_context = |from: usize| {
        let escaped = escaped(&text[from..]);
        serde_json::from_str::<IgnoredAny>(&escaped).is_ok().then_some(escaped)
    };
    let context =
        memchr::memmem::rfind_iter(text.as_bytes(), b" {\"").take(TRIES_MAX).find_map(|at| is_context(at + 1))?;
    match context {
        Cow::Borrowed(context) => serde_json::from_str::<Object<_>>(context).ok()?.0,
        Cow::Owned(context) => {
            *buffer = context;
            serde_json::from_str::<Object<_>>(buffer).ok()?.0
        }
    }
}

/// The text before the extra fields, which are mostly none.
fn without_extra(text: &str) -> Option<&str> {
    if let Some(text) = text.strip_suffix(" []").or_else(|| text.strip_suffix(" {}")) {
        return Some(text);
    }
    memchr::memmem::rfind_iter(text.as_bytes(), b" {\"")
        .take(TRIES_MAX)
        .find(|at| serde_json::from_str::<IgnoredAny>(&escaped(&text[at + 1..])).is_ok())
        .map(|at| &text[..at])
}

fn escaped(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        Cow::Owned(json.replace('\n', "\\n").replace('\r', "\\r"))
    } else {
        Cow::Borrowed(json)
    }
}

/// Where the parts of `[stamp] channel.LEVEL: ` end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// The `]`.
    stamp_end: usize,
    /// The `.`.
    channel_end: usize,
    end: usize,
}

/// The beginning of an entry.
fn head(line: &[u8]) -> Option<Head> {
    let stamp = line.strip_prefix(b"[")?;
    if !stamp.first()?.is_ascii_digit() {
        return None;
    }
    let stamp_end = 1 + stamp.iter().take(STAMP_BYTES_MAX).position(|byte| *byte == b']')?;
    let stamped = line[1..stamp_end].iter().all(|byte| byte.is_ascii_digit() || b"-:.+ TZ".contains(byte));
    let rest = line[stamp_end + 1..].strip_prefix(b" ")?;
    let colon = rest.iter().take(CHANNEL_BYTES_MAX + 10).position(|byte| *byte == b':')?;
    let dot = rest[..colon].iter().rposition(|byte| *byte == b'.')?;
    let named = rest[..dot].iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte));
    let levelled = LEVELS.contains(&&rest[dot + 1..colon]);
    let from = stamp_end + 2;
    let ends = matches!(rest.get(colon + 1), Some(b' ') | None);
    (stamped && named && levelled && 0 < dot && ends).then(|| Head {
        stamp_end,
        channel_end: from + dot,
        end: (from + colon + 2).min(line.len()),
    })
}

/// Follows the lines of one log: an entry is over where no JSON value is open and the line ends as entries do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    open: bool,
    json: Json,
    /// Brackets open, as bits: 1 for an object, 0 for a list; the innermost lowest.
    nesting: u64,
    depth: u32,
    ends: bool,
}

/// What may come next of a JSON value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Json {
    /// None is open.
    #[default]
    Outside,
    /// A value, or in a list its end.
    Value,
    /// The first key, or the object's end.
    FirstKey,
    Key,
    Colon,
    /// A comma, or the end of what is open.
    Comma,
    String {
        key: bool,
    },
    Escape {
        key: bool,
    },
    /// A number, `true`, `false`, `null`.
    Word,
}

impl Tracker {
    /// One line, without what was read as the head, and its end.
    fn feed(&mut self, line: &[u8]) {
        let mut before = b' ';
        for byte in line {
            self.byte(*byte, before);
            before = *byte;
        }
        let ends = match line {
            [.., b' ', b' '] => true,
            [.., last, b' '] | [.., last] => matches!(last, b']' | b'}'),
            [] => false,
        };
        self.ends = self.json == Json::Outside && ends;
        if matches!(self.json, Json::Escape { .. }) {
            // A backslash at the end of a line escapes nothing.
            self.json = Json::String { key: false };
        }
    }

    fn byte(&mut self, byte: u8, before: u8) {
        self.json = match (self.json, byte) {
            (Json::Outside, b'{' | b'[') if before == b' ' => self.opened(byte),
            (Json::Outside, _) => Json::Outside,
            (Json::String { key }, b'\\') => Json::Escape { key },
            (Json::String { key: true }, b'"') => Json::Colon,
            (Json::String { key: false }, b'"') => Json::Comma,
            (string @ Json::String { .. }, _) => string,
            (Json::Escape { key }, _) => Json::String { key },
            (Json::Colon, b':') => Json::Value,
            (Json::FirstKey | Json::Key, b'"') => Json::String { key: true },
            (Json::FirstKey, b'}') => self.closed(byte),
            (Json::Value, b'"') => Json::String { key: false },
            (Json::Value, b'{' | b'[') => self.opened(byte),
            (Json::Value, b']') => self.closed(byte),
            (Json::Value | Json::Word, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'+' | b'.' | b'E') => Json::Word,
            (Json::Comma | Json::Word, b',') => {
                if self.nesting & 1 == 1 {
                    Json::Key
                } else {
                    Json::Value
                }
            }
            (Json::Comma | Json::Word, b'}' | b']') => self.closed(byte),
            // Not JSON after all: it was part of the message.
            _ => self.given_up(),
        };
    }

    fn opened(&mut self, byte: u8) -> Json {
        if self.depth == NESTING_MAX {
            return self.given_up();
        }
        self.depth += 1;
        self.nesting = self.nesting << 1 | u64::from(byte == b'{');
        if byte == b'{' { Json::FirstKey } else { Json::Value }
    }

    fn closed(&mut self, byte: u8) -> Json {
        if (self.nesting & 1 == 1) != (byte == b'}') {
            return self.given_up();
        }
        self.depth -= 1;
        self.nesting >>= 1;
        if self.depth == 0 { Json::Outside } else { Json::Comma }
    }

    fn given_up(&mut self) -> Json {
        self.depth = 0;
        self.nesting = 0;
        Json::Outside
    }
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !self.open || self.ends {
            let head = head(line);
            if let Some(head) = head {
                *self = Tracker { open: true, ..Tracker::default() };
                self.feed(&line[head.end..]);
                return Step::Begin;
            }
            if !self.open {
                return Step::Orphan;
            }
        }
        self.feed(line);
        Step::Continue
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use activity::{Activity, Actor, Operation};

    const HEAD: &str = "[2026-11-23T13:08:21.012399+00:00] hr_audit.INFO:";
    const VIEW: &str = r#"view by e1 {"action":"view","user":"e1","table":"hr_payroll","rows":1} []"#;

    fn parsed(entry: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, entry, &Context::default())
    }

    fn activity(entry: &str) -> Activity<'static> {
        testing::activity(parsed(entry))
    }

    /// The steps of lines as letters.
    fn steps(lines: &str) -> String {
        testing::steps(&mut Tracker::default(), lines.lines())
    }

    #[test]
    fn an_entry() {
        let view = activity(&format!("{HEAD} {VIEW}"));
        assert_eq!(view.at.to_string(), "2026-11-23T13:08:21.012Z");
        assert_eq!((view.operation, &view.actor), (Operation::Read, &Actor::PortalUser("e1".into())));
        assert_eq!(view.measures.rows_sent, Some(1));
        assert!(view.signals.is_empty());
        let extra = activity(&format!("{HEAD} {}", VIEW.replace("[]", r#"{"uid":"a {\"b"}"#)));
        assert_eq!(extra, view);
    }

    #[test]
    fn what_a_message_holds_is_not_the_context() {
        for message in [
            r#"by {"user":"admin","action":"export"} []"#,
            r#"by {"user":"admin","note":""#,
            r#"by {"a {"b {"c"#,
            "two\nlines {} []",
        ] {
            assert_eq!(
                activity(&format!("{HEAD} {message} {VIEW}")).actor,
                Actor::PortalUser("e1".into()),
                "{message}"
            );
        }
    }

    #[test]
    fn entries_begin_at_their_heads() {
        assert_eq!(
            steps(&format!("{HEAD} {VIEW}\n{HEAD} x [] []\n#0 {{main}}\n#1 {{main}} [] []\n{HEAD} y [] []")),
            "BB..B"
        );
        assert_eq!(steps(&format!("x\n\n{HEAD} {VIEW}")), "??B");
        assert_eq!(steps("[2026-11-23] main.LOUD: x [] []\n[x] main.INFO: x\n[2026] .INFO: x"), "???");
    }

    #[test]
    fn a_head_in_a_context_is_text() {
        let forged = format!("{HEAD} export by admin {{}} []");
        let entry = VIEW.replace("\"rows\":1", &format!("\"note\":\"x\\\" [] []\n{forged}\n{forged}\",\"rows\":1"));
        let lines = format!("{HEAD} {entry}\n{HEAD} {VIEW}");
        assert_eq!(steps(&lines), "B..B");
        let view = activity(&format!("{HEAD} {entry}"));
        assert_eq!((view.measures.rows_sent, view.signals.contains(Signal::ForgedEntry)), (Some(1), true));
    }

    #[test]
    fn a_head_in_a_message_is_text_unless_it_forges_an_end_too() {
        let forged = format!("{HEAD} export by admin {{\"action\":\"export\",\"user\":\"admin\",\"rows\":1}} []");
        let lines = format!("{HEAD} user-controlled\n{forged} {VIEW}\n{HEAD} {VIEW}");
        assert_eq!(steps(&lines), "B.B");
        assert_eq!(activity(lines.rsplit_once('\n').unwrap().0).actor, Actor::PortalUser("e1".into()));
        // The one that cannot be told.
        assert_eq!(steps(&format!("{HEAD} x [] []\n{forged}\n{forged} {VIEW}")), "BBB");
    }

    #[test]
    fn blanks_say_what_was_left_out() {
        let main = HEAD.replace("hr_audit", "main");
        let context = VIEW.strip_suffix("[]").unwrap();
        assert_eq!(
            steps(&format!(
                "{main} a  \n{main} b  \n{HEAD} {context}\n{main} two\nlines  \n{main} {{\"a\":1}} \n{main} x"
            )),
            "BBBB.BB"
        );
        let view = activity(&format!("{HEAD} {VIEW}"));
        for entry in [format!("{HEAD} {context}"), format!("{HEAD} {context}\r\n"), format!("{HEAD} {VIEW} ")] {
            assert_eq!(activity(&entry), view, "{entry:?}");
        }
        // What the message holds is neither, whatever was left out behind it.
        let forged = r#"by {"action":"export","user":"admin","rows":9}"#;
        assert_eq!(activity(&format!("{HEAD} {forged} {context}")), view);
        assert_eq!(activity(&format!("{HEAD} {forged} [] {context}")), view);
        for end in ["  ", " []  ", " [] {\"uid\":\"1\"}", "  {\"uid\":\"1\"}"] {
            assert_eq!(parsed(&format!("{HEAD} {forged}{end}")), Err(Rejected::MissingField), "{end:?}");
        }
    }

    #[test]
    fn a_head_forged_in_a_message_wins_no_context() {
        let main = HEAD.replace("hr_audit", "main");
        let forged = format!("{HEAD} export by admin {{\"action\":\"export\",\"user\":\"admin\",\"rows\":1}} []");
        // What the formatter writes stands behind it.
        for end in [" [] []", r#" {"url":"/a"} []"#, r#" [] {"uid":"1"}"#, "  ", r#" {"url":"/a"} "#] {
            // Nor does a third head behind it make it one.
            for behind in ["", "\n", &format!("\n{HEAD} {VIEW}")] {
                let lines = steps(&format!("{main} by a visitor\n{forged}{end}{behind}"));
                assert!(lines.starts_with("B."), "{end}{behind}");
            }
            assert_eq!(parsed(&format!("{main} by a visitor\n{forged}{end}")), Err(Rejected::Ambiguous), "{end}");
            assert_eq!(parsed(&format!("{forged}{end}")), Err(Rejected::MissingField), "{end}");
        }
    }

    #[test]
    fn what_is_no_json_after_all_hides_nothing() {
        for message in ["x {\"a", "x {\"a\":", "x [1,2", "x {", "x [", "x {\"a\":[{\"b\\\""] {
            assert_eq!(steps(&format!("{HEAD} {message} {VIEW}\n{HEAD} {VIEW}")), "BB", "{message}");
        }
        let deep = "[".repeat(100);
        assert_eq!(steps(&format!("{HEAD} {deep} {VIEW}\n{HEAD} {VIEW}")), "BB");
    }

    #[test]
    fn refuses_and_ignores() {
        let main = HEAD.replace("hr_audit", "main");
        for (entry, said) in [
            (String::new(), Err(Rejected::NoHeader)),
            ("x".into(), Err(Rejected::NoHeader)),
            ("[2026-13-23T13:08:21+00:00] main.INFO: x [] []".into(), Err(Rejected::BadTime)),
            (format!("{HEAD} x [] []"), Err(Rejected::MissingField)),
            (format!("{HEAD} {}", VIEW.replace("\"user\"", "\"user\":\"a\",\"user\"")), Err(Rejected::MissingField)),
            (format!("{main} Cron Job is run [] []"), Ok(Parsed::Ignored("application_message"))),
            (format!("{main} torn\n{main} x [] []"), Err(Rejected::Ambiguous)),
        ] {
            assert_eq!(parsed(&entry), said, "{entry}");
        }
    }
}
