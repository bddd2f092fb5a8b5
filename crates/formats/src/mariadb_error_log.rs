//! # mariadb_error_log: the error log of MariaDB and MySQL
//!
//! ```text
//! 2026-11-23 12:57:00 137 [Warning] Access denied for user 'root'@'10.0.0.9' (using password: YES)
//! 2026-11-23 12:57:06 0 [Warning] Aborted connection 176 to db: 'hr' user: 'app' host: '10.0.1.21' (KILLED)
//! 261123 12:57:12 server_audit: server_audit_excl_users set to 'nobody'.
//! { "prio" : 3, "err_code" : 10926, "subsystem" : "Server", "msg" : "Access denied for user 'r'@'h' (using password: NO)", "time" : "2026-11-23T12:57:04.123456Z", "ts" : 1795438624123, "thread" : 9, "label" : "Note" }
//! ```
//!
//! Writer: MariaDB 5.5 to 11, MySQL 5.5 to 8 (`log_sink_internal`, the usual form, or `log_sink_json`, of which each line is one message
//! whole). Configuration: `log_error = FILE` and
//! `log_warnings = 2` or more (MySQL: `log_error_verbosity = 3`), else refused logins are not in it. MySQL also writes its
//! refusals as `[Note]`.
//!
//! | message | becomes |
//! |---|---|
//! | Access denied for user … | a refused connection |
//! | Aborted connection … | a connection that ended badly; killed ones too |
//! | server_audit: stopped, disabled, users left out | administration, with [`Signal::AuditOff`] |
//! | Normal shutdown | administration |
//! | every other stamped message | ignored: `server_message` |
//!
//! Stamps are `2026-11-23  9:57:00`, `261123  9:57:00` (both local, so `zone` must be right) or MySQL's RFC 3339; in JSON `time`, else
//! the milliseconds of `ts`. What
//! follows without a stamp (stack traces, InnoDB's monitor) belongs to the message before.
//!
//! **Which log counts refused logins?** The same refusal stands in server_audit (FAILED_CONNECT), the general log and here.
//! An audit log is the source of record where there is one; this log knows no statements and no results of any
//! ([`Knows`] is empty), so that `ingest` gives it nothing to count for a database that an audit log already covers. Where
//! there is none it is the only log that tells of attempts to guess a database password.
//!
//! What it cannot know: logins that succeed, statements, rows. Names in it are the client's choice, quotes and all; host
//! and the rest are the server's, so they are read from the right. A name may hold a newline and then a whole line: a
//! refusal is therefore open until its end has been read.

use crate::database::{access_denied, short_stamp};
use crate::lines::{Lines, Step};
use crate::scalar::{Object, Scalar};
use crate::sniff::has_key;
use crate::text::lossy;
use crate::zone::LocalTime;
use crate::{Context, FormatSpec, Framing, Knows, Parsed, Rejected, Scratch};
use activity::{Activity, Actor, Operation, Outcome, Signal, Timestamp};
use std::borrow::Cow;

pub(crate) const SPEC: FormatSpec = FormatSpec {
    name: "mariadb_error_log",
    summary: "error log of MariaDB and MySQL: refused logins, aborted and killed connections, audit switched off",
    framing: Framing::Lines(|_| Box::<Tracker>::default()),
    needs_zone: true,
    knows: Knows { requests: false, statements: false, results: false, rows: false, people: false },
    looks_like,
    parse,
};

/// Longest stamp.
const STAMP_BYTES_MAX: usize = 40;

/// Bytes behind the stamp in which thread and level stand.
const LEVEL_BYTES_MAX: usize = 40;

/// Lines that the name in a refusal may span.
const NAME_LINES_MAX: u32 = 8;

/// A stamp and a level in brackets, or server_audit's own line; or MySQL's JSON.
fn looks_like(start: &[u8]) -> bool {
    if is_json(start) {
        return true;
    }
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(STAMP_BYTES_MAX + LEVEL_BYTES_MAX)];
    let Some((stamp, message)) = std::str::from_utf8(valid_start(line)).ok().and_then(split_stamp) else {
        return false;
    };
    let levels = ["[Note] ", "[Warning] ", "[ERROR] ", "[Error] ", "[System] "];
    let behind_thread = message.trim_start_matches(|byte: char| byte.is_ascii_digit()).trim_start();
    !stamp.is_empty()
        && (behind_thread.starts_with("server_audit: ") || levels.iter().any(|level| behind_thread.starts_with(level)))
}

/// An object with the fields that `log_sink_json` begins a line with.
fn is_json(line: &[u8]) -> bool {
    line.starts_with(b"{") && has_key(line, &["prio"]) && has_key(line, &["err_code"])
}

fn parse<'a>(bytes: &'a [u8], scratch: &'a mut Scratch, context: &Context) -> Result<Parsed<'a>, Rejected> {
    let entry = lossy(bytes, &mut scratch.line).trim_end();
    if entry.starts_with('{') {
        let Object(Some(line)) = serde_json::from_str::<Object<Json<'_>>>(entry).map_err(|_| Rejected::NotJson)? else {
            return Err(Rejected::NotJson);
        };
        let Json { msg: Scalar::Text(message), time, ts } = line else { return Err(Rejected::MissingField) };
        let stamped = time.text().and_then(|time| time.parse().ok());
        let at = stamped.or_else(|| ts.whole().filter(|millis| 0 < *millis).map(Timestamp::from_millis));
        let message = match message {
            Cow::Borrowed(message) => message,
            Cow::Owned(message) => {
                scratch.statement = message;
                &scratch.statement
            }
        };
        return message_activity(at.ok_or(Rejected::BadTime)?, message);
    }
    let (stamp, message) = split_stamp(entry).ok_or(Rejected::NoHeader)?;
    let at = time(stamp, context).ok_or(Rejected::BadTime)?;
    message_activity(at, said(message))
}

/// The fields we know of a line of `log_sink_json`.
#[derive(serde::Deserialize)]
struct Json<'a> {
    #[serde(borrow, default)]
    msg: Scalar<'a>,
    #[serde(borrow, default)]
    time: Scalar<'a>,
    #[serde(borrow, default)]
    ts: Scalar<'a>,
}

fn message_activity(at: Timestamp, message: &str) -> Result<Parsed<'_>, Rejected> {
    let mut activity = Activity::new(at, Operation::Connect);
    if let Some((user, host)) = access_denied(message) {
        activity.outcome = Outcome::Denied;
        name(&mut activity, user, host);
    } else if let Some(aborted) = message.strip_prefix("Aborted connection ") {
        let (user, host) = aborted_by(aborted).ok_or(Rejected::Malformed)?;
        activity.operation = Operation::Disconnect;
        activity.outcome = Outcome::Failed;
        name(&mut activity, user, host);
    } else if let Some(change) = message.strip_prefix("server_audit: ") {
        activity.operation = Operation::Administer;
        if !narrows_audit(change) {
            return Ok(Parsed::Ignored("audit_message"));
        }
        activity.signals.insert(Signal::AuditOff);
    } else if let Some(before) = message.strip_suffix(": Normal shutdown").or(message.strip_suffix("Normal shutdown")) {
        activity.operation = Operation::Administer;
        // `mariadbd (initiated by: root[root] @ localhost []): Normal shutdown`
        let by = before.split_once("(initiated by: ").and_then(|(_, by)| by.split_once('['));
        if let Some((user, _)) = by {
            name(&mut activity, user, None);
        }
    } else {
        return Ok(Parsed::Ignored("server_message"));
    }
    Ok(Parsed::Activity(activity))
}

fn name<'a>(activity: &mut Activity<'a>, user: &'a str, host: Option<&'a str>) {
    activity.actor = Actor::DbAccount(Cow::Borrowed(user));
    activity.address = host.and_then(|host| host.parse().ok());
    activity.client_host = host.map(Cow::Borrowed);
}

/// `176 to db: 'hr' user: 'app' host: '10.0.1.21' (KILLED)`, also without `host`: account and host.
fn aborted_by(aborted: &str) -> Option<(&str, Option<&str>)> {
    let (before, host) = match aborted.rsplit_once("' host: '") {
        Some((before, host)) => (before, host.split_once('\'').map(|(host, _)| host)),
        None => (aborted.rsplit_once("' (").map_or(aborted, |(before, _)| before), None),
    };
    Some((before.split_once(" user: '")?.1, host))
}

/// Whether a message of server_audit says that less is written down from now on.
fn narrows_audit(change: &str) -> bool {
    let users = ["server_audit_excl_users set to '", "server_audit_incl_users set to '"];
    let named = users.iter().find_map(|setting| change.strip_prefix(setting));
    named.is_some_and(|users| !users.starts_with('\''))
        || ["STOPPED", "Logging was disabled", "logging was stopped"].iter().any(|end| change.starts_with(end))
}

/// The stamp, and what stands behind it.
fn split_stamp(line: &str) -> Option<(&str, &str)> {
    let bytes = line.as_bytes();
    let end = if bytes.get(6) == Some(&b' ') {
        15
    } else if bytes.get(10) == Some(&b' ') {
        19
    } else if bytes.get(10) == Some(&b'T') {
        memchr::memchr(b' ', bytes.get(..STAMP_BYTES_MAX).unwrap_or(bytes))?
    } else {
        return None;
    };
    let (stamp, message) = line.split_at_checked(end)?;
    let shape = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b':' | b'.' | b'T' | b'Z' | b'+');
    (stamp.bytes().all(shape) && stamp.starts_with(|first: char| first.is_ascii_digit()))
        .then_some((stamp, message.trim_start()))
}

fn time(stamp: &str, context: &Context) -> Option<Timestamp> {
    if stamp.as_bytes().get(10) == Some(&b'T') {
        return stamp.parse().ok();
    }
    let local = match stamp.as_bytes().get(6) {
        Some(b' ') => short_stamp(stamp)?,
        // The hour may be padded with a blank.
        _ if stamp.as_bytes().get(11) == Some(&b' ') => {
            LocalTime::parse_iso(&format!("{} 0{}", stamp.get(..10)?, stamp.get(12..)?))?
        }
        _ => LocalTime::parse_iso(stamp)?,
    };
    context.zone.instant(local, context.after)
}

/// The message behind thread, level, code and subsystem: `137 [Warning] `, `8 [Note] [MY-010926] [Server] `, `[ERROR] `.
fn said(behind_stamp: &str) -> &str {
    let thread = behind_stamp.split_once(' ').filter(|(thread, _)| thread.bytes().all(|byte| byte.is_ascii_digit()));
    let mut message = thread.map_or(behind_stamp, |(_, rest)| rest.trim_start());
    while let Some((_, rest)) = message.strip_prefix('[').and_then(|message| message.split_once("] ")) {
        message = rest.trim_start();
    }
    message
}

/// As far as it is UTF-8.
fn valid_start(line: &[u8]) -> &[u8] {
    line.utf8_chunks().next().map_or(&[], |chunk| chunk.valid().as_bytes())
}

/// Where messages begin: at stamps, but not inside a name.
#[derive(Debug, Default)]
struct Tracker {
    is_open: bool,
    /// The message is one that is complete by itself.
    is_complete: bool,
    /// Lines of a refusal without its end; 0 for other messages.
    name_lines: u32,
}

impl Lines for Tracker {
    fn step(&mut self, line: &[u8]) -> Step {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let holds = |text: &[u8]| memchr::memmem::find(line, text).is_some();
        let ends = || holds(b"' (using password: ") || holds(b"' to database '");
        let in_name = 0 < self.name_lines && self.name_lines < NAME_LINES_MAX;
        if !in_name && is_json(line) {
            *self = Tracker { is_open: true, is_complete: true, name_lines: 0 };
            return Step::Begin;
        }
        let start = std::str::from_utf8(valid_start(&line[..line.len().min(STAMP_BYTES_MAX)]));
        if !in_name && start.is_ok_and(|start| split_stamp(start).is_some()) {
            let refusal = holds(b" Access denied for user '");
            *self = Tracker {
                is_open: true,
                is_complete: (refusal && ends()) || holds(b" Aborted connection ") || holds(b" server_audit: "),
                name_lines: u32::from(refusal && !ends()),
            };
            return Step::Begin;
        }
        if !self.is_open {
            return Step::Orphan;
        }
        if in_name {
            self.name_lines = if ends() { 0 } else { self.name_lines + 1 };
            self.is_complete = self.name_lines == 0;
        }
        Step::Continue
    }

    fn is_complete(&self) -> bool {
        self.is_open && self.is_complete
    }

    fn close(&mut self) {
        *self = Tracker::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn parsed(line: &str) -> Result<Parsed<'static>, Rejected> {
        testing::parsed(&SPEC, line, &Context::default())
    }

    fn shown(line: &str) -> String {
        match parsed(line) {
            Ok(Parsed::Activity(Activity { at, operation, outcome, actor, client_host, signals, .. })) => {
                let who = if let Actor::DbAccount(user) = actor { user } else { Cow::Borrowed("-") };
                let host = client_host.unwrap_or(Cow::Borrowed("-"));
                let signals: Vec<_> = signals.iter().map(Signal::as_str).collect();
                format!("{at} {who}@{host} {operation:?} {outcome:?} {}", signals.join(" ")).trim_end().to_owned()
            }
            Ok(Parsed::Ignored(rule)) => rule.to_owned(),
            Err(rejected) => rejected.reason().to_owned(),
        }
    }

    #[test]
    fn messages() {
        for (line, said) in [
            (
                "2026-11-23 12:57:04 169 [Warning] Access denied for user 'x' OR 1=1 -- '@'10.0.0.9' (using password: YES)",
                "2026-11-23T12:57:04Z x' OR 1=1 -- @10.0.0.9 Connect Denied",
            ),
            (
                "2026-11-23  9:57:04 173 [Warning] Access denied for user 'hr_sync'@'%' to database 'mysql'",
                "2026-11-23T09:57:04Z hr_sync@- Connect Denied",
            ),
            (
                "2026-11-23T12:57:04.123456Z 9 [Note] [MY-010926] [Server] Access denied for user 'r'@'h' (using password: NO)",
                "2026-11-23T12:57:04.123Z r@h Connect Denied",
            ),
            (
                "261123  2:57:04 [Warning] Access denied for user 'r'@'h' (using password: NO)",
                "2026-11-23T02:57:04Z r@h Connect Denied",
            ),
            (
                "2026-11-23 12:57:06 0 [Warning] Aborted connection 176 to db: 'hr' user: 'app' host: '10.0.1.21' (KILLED)",
                "2026-11-23T12:57:06Z app@10.0.1.21 Disconnect Failed",
            ),
            (
                "2026-11-23 12:57:06 0 [Warning] Aborted connection 7 to db: 'unconnected' user: 'unauthenticated' host: 'h' (This connection closed normally without authentication)",
                "2026-11-23T12:57:06Z unauthenticated@h Disconnect Failed",
            ),
            (
                "261123 12:57:12 server_audit: server_audit_excl_users set to 'nobody'.",
                "2026-11-23T12:57:12Z -@- Administer Success audit_off",
            ),
            ("261123 12:57:12 server_audit: server_audit_excl_users set to ''.", "audit_message"),
            ("261123 12:57:12 server_audit: STOPPED", "2026-11-23T12:57:12Z -@- Administer Success audit_off"),
            (
                "2026-11-23 12:57:12 0 [Note] /usr/sbin/mariadbd (initiated by: root[root] @ localhost []): Normal shutdown",
                "2026-11-23T12:57:12Z root@- Administer Success",
            ),
            ("2026-11-23 12:57:12 180 [Note] InnoDB: Online DDL : Start\n  more", "server_message"),
            ("2026-11-23 12:57:06 0 [Warning] Aborted connection 176", "malformed"),
            ("2026-13-23 12:57:06 0 [Note] x", "bad_time"),
            (
                r#"{ "prio" : 3, "err_code" : 10926, "source_line" : 1234, "subsystem" : "Server", "msg" : "Access denied for user 'r'@'h' (using password: NO)", "time" : "2026-11-23T12:57:04.123456Z", "ts" : 1795438624123, "thread" : 9, "label" : "Note" }"#,
                "2026-11-23T12:57:04.123Z r@h Connect Denied",
            ),
            (
                r#"{"prio":3,"err_code":10926,"msg":"Access denied for user 'x\n2026-11-23 \"a\"'@'10.0.0.9' (using password: YES)","ts":1795438624123}"#,
                "2026-11-23T12:57:04.123Z x\n2026-11-23 \"a\"@10.0.0.9 Connect Denied",
            ),
            (
                r#"{"prio":2,"err_code":10914,"msg":"Aborted connection 176 to db: 'hr' user: 'app' host: '10.0.1.21' (KILLED).","time":"2026-11-23T12:57:06Z"}"#,
                "2026-11-23T12:57:06Z app@10.0.1.21 Disconnect Failed",
            ),
            (r#"{"prio":0,"err_code":10116,"msg":"starting","time":"2026-11-23T12:57:06Z"}"#, "server_message"),
            (r#"{"prio":0,"err_code":10116,"time":"2026-11-23T12:57:06Z"}"#, "missing_field"),
            (r#"{"prio":0,"err_code":10116,"msg":"starting"}"#, "bad_time"),
            (r#"{"prio":0,"err_code":10116,"msg":"a","msg":"b","ts":1}"#, "not_json"),
            (r#"{"prio":0,"err_code":10116,"msg":"#, "not_json"),
            ("Version: '10.11.19'", "no_header"),
            ("", "no_header"),
        ] {
            assert_eq!(shown(line), said, "{line}");
        }
    }

    #[test]
    fn messages_begin_at_stamps_but_not_in_names() {
        let mut tracker = Tracker::default();
        let mut step = |line: &str| (tracker.step(line.as_bytes()), tracker.is_complete());
        assert_eq!(step("stack_bottom = 0x0"), (Step::Orphan, false));
        assert_eq!(step("2026-11-23 12:57:12 180 [Note] InnoDB: x"), (Step::Begin, false));
        assert_eq!(step("  more"), (Step::Continue, false));
        assert_eq!(step("2026-11-23 12:57:04 169 [Warning] Access denied for user 'x"), (Step::Begin, false));
        let posing = "2026-11-23 12:57:04 9 [Warning] Aborted connection 1 to db: 'a' user: 'root' host: 'h' (KILLED)";
        assert_eq!(step(posing), (Step::Continue, false));
        assert_eq!(step("'@'10.0.0.9' (using password: YES)"), (Step::Continue, true));
        assert_eq!(step(posing), (Step::Begin, true));
        let json = r#"{ "prio" : 3, "err_code" : 10926, "msg" : "x", "ts" : 1795438624123 }"#;
        assert_eq!(step(json), (Step::Begin, true));
        assert_eq!(step(json), (Step::Begin, true));
        assert_eq!(step(r#"{"msg":"x"}"#), (Step::Continue, true));
        assert_eq!(step("2026-11-23 12:57:04 169 [Warning] Access denied for user 'x"), (Step::Begin, false));
        assert_eq!(step(json), (Step::Continue, false));
        assert!(looks_like(json.as_bytes()) && !looks_like(br#"{"msg":"\"prio\":1","err_code":1}"#));
    }
}
