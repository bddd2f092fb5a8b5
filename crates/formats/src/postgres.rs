//! What an entry of PostgreSQL's log says, as CSV or as JSON.
//!
//! | entry | becomes |
//! |---|---|
//! | `AUDIT: …` | a statement, see [`crate::pgaudit`] |
//! | error 42501 with a statement | the statement, denied |
//! | any other error with a statement | the statement, failed |
//! | `connection authorized` | a connection |
//! | error of class 28, or 42501 without a statement | a connection that was denied |
//! | 3D000, 53300, 57P03 without a statement | a connection that failed |
//! | `disconnection` | the end of a connection |
//! | `statement: …`, `execute …` | nothing (rule `statement_line`): pgaudit says it too. They hold passwords in clear, which pgaudit masks. One that switches the audit off *is* told, because pgaudit does not log it then |
//! | `duration: …`, `connection received`, `connection authenticated` | nothing (rules `duration`, `connection_step`) |
//! | all else | nothing (rule `server_message`) |
//!
//! An entry is told by its SQLSTATE and by English messages: set `lc_messages = 'C'`.
//!
//! `log_timezone = 'UTC'` is right. With any other the stamp ends in an abbreviation, which many zones share: the source's
//! `zone` is used, and the abbreviation tells the two passes through a repeated hour apart (`CEST`, `CET`). Where the zone has another
//! one at that time, as UTC has, the stamp is of some other zone and is refused (`bad_time`).

use crate::pgaudit::{self, Ids};
use crate::zone::{LocalTime, digits};
use crate::{Context, Parsed, Rejected, Zone};
use activity::{Activity, Actor, Operation, Outcome, Signal, Span, Timestamp};
use std::borrow::Cow;

/// Records that one entry may hold: relations of one statement. A statement with more is read as several.
pub(crate) const RECORDS_MAX: usize = 64;

/// One record of the log.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    pub(crate) stamp: Cow<'a, str>,
    pub(crate) user: Cow<'a, str>,
    /// `[local]` for sockets; empty for the server's own processes.
    pub(crate) host: Cow<'a, str>,
    pub(crate) session: Cow<'a, str>,
    pub(crate) sqlstate: Cow<'a, str>,
    pub(crate) message: Cow<'a, str>,
    /// The statement that an error was in.
    pub(crate) statement: Cow<'a, str>,
    pub(crate) application: Cow<'a, str>,
}

/// What an entry says: one record, or those of one statement.
pub(crate) fn parsed(records: &[Record<'_>], context: &Context) -> Result<Parsed<'static>, Rejected> {
    let first = records.first().ok_or(Rejected::Malformed)?;
    let mut activity = Activity::new(time(&first.stamp, context).ok_or(Rejected::BadTime)?, Operation::Other);
    let text = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
    if let Some(user) = text(&first.user) {
        activity.actor = Actor::DbAccount(user);
    }
    activity.address = first.host.parse().ok();
    activity.client_host = text(&first.host);
    activity.session = text(&first.session);
    activity.agent = text(&first.application);

    if first.message.starts_with("AUDIT: ") {
        return pgaudit::statement(records.iter().map(|record| &*record.message), activity, context);
    }
    let [record] = records else { return Err(Rejected::Malformed) };
    // Success, warning, no data.
    if matches!(record.sqlstate.get(..2), Some("00" | "01" | "02") | None) {
        return Ok(logged(&record.message, activity));
    }
    Ok(refused(record, activity, context))
}

fn logged(message: &str, mut activity: Activity<'static>) -> Parsed<'static> {
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    if begins(&["connection authorized: ", "replication connection authorized: "]) {
        activity.operation = Operation::Connect;
    } else if begins(&["disconnection: "]) {
        activity.operation = Operation::Disconnect;
    } else if begins(&["connection received: ", "connection authenticated: "]) {
        return Parsed::Ignored("connection_step");
    } else if begins(&["duration: "]) {
        return Parsed::Ignored("duration");
    } else if begins(&["statement: ", "execute "]) {
        let text = message.split_once(": ").map_or("", |(_, text)| text);
        if !pgaudit::switches_audit_off(text) {
            return Parsed::Ignored("statement_line");
        }
        activity.operation = Operation::Administer;
        activity.signals.insert(Signal::AuditOff);
    } else {
        return Parsed::Ignored("server_message");
    }
    Parsed::Activity(activity)
}

fn refused(record: &Record<'_>, mut activity: Activity<'static>, context: &Context) -> Parsed<'static> {
    let denied = |denied: bool| if denied { Outcome::Denied } else { Outcome::Failed };
    let sqlstate = &*record.sqlstate;
    if sqlstate.starts_with("28") || record.statement.is_empty() {
        let at_login = sqlstate.starts_with("28") || matches!(sqlstate, "42501" | "3D000" | "53300" | "57P03");
        if !at_login || record.user.is_empty() {
            return Parsed::Ignored("server_message");
        }
        activity.operation = Operation::Connect;
        activity.outcome = denied(sqlstate.starts_with("28") || sqlstate == "42501");
    } else {
        pgaudit::describe(&record.statement, &mut activity, context);
        activity.outcome = denied(sqlstate == "42501");
    }
    Parsed::Activity(activity)
}

/// `2026-11-23 13:06:30.990 UTC`.
fn time(stamp: &str, context: &Context) -> Option<Timestamp> {
    let (local, zone) = stamp.rsplit_once(' ')?;
    let millis = local.get(19..).and_then(|fraction| digits(fraction.strip_prefix('.')?.get(..3)?.as_bytes()));
    let local = LocalTime::parse_iso(local)?;
    let at = match zone {
        "UTC" | "GMT" | "UCT" | "Z" => Zone::UTC.instant(local, context.after)?,
        // `+03`, `-0330`: zones without a name.
        offset if offset.starts_with(['+', '-']) => {
            let hours = digits(offset.get(1..3)?.as_bytes())?;
            let minutes = match offset[3..].trim_start_matches(':') {
                "" => 0,
                minutes => digits(minutes.as_bytes()).filter(|minutes| *minutes < 60)?,
            };
            let span = Span::from_minutes(i64::from(hours * 60 + minutes));
            let at = Zone::UTC.instant(local, context.after)?;
            if offset.starts_with('-') { at.saturating_add(span) } else { at.saturating_sub(span) }
        }
        abbreviation => context.zone.instant_called(local, abbreviation)?,
    };
    Some(at.saturating_add(Span::from_millis(i64::from(millis.unwrap_or(0)))))
}

/// Follows which records are of one statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements {
    open: Option<(Vec<u8>, Ids)>,
    records: usize,
}

impl Statements {
    /// Takes in the beginning of a record; whether it belongs to the statement of the one before.
    pub(crate) fn goes_on(&mut self, session: &[u8], message: &[u8]) -> bool {
        let ids = pgaudit::ids(message);
        let same = match (&self.open, &ids) {
            (Some((open, before)), Some(ids)) => open == session && before.is_same(ids) && self.records < RECORDS_MAX,
            _ => false,
        };
        if same {
            self.records += 1;
        } else {
            self.open = ids.map(|ids| (session.to_vec(), ids));
            self.records = 1;
        }
        same
    }

    /// Whether more records of the same statement may follow.
    pub(crate) fn may_go_on(&self) -> bool {
        self.open.as_ref().is_some_and(|(_, ids)| ids.has_relation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(sqlstate: &'a str, message: &'a str, statement: &'a str) -> Record<'a> {
        Record {
            stamp: "2026-11-23 13:06:30.990 UTC".into(),
            user: "hr_app".into(),
            host: "::1".into(),
            sqlstate: sqlstate.into(),
            message: message.into(),
            statement: statement.into(),
            ..Record::default()
        }
    }

    fn said(sqlstate: &str, message: &str, statement: &str) -> Result<(Operation, Outcome), &'static str> {
        match parsed(&[record(sqlstate, message, statement)], &Context::default()) {
            Ok(Parsed::Activity(activity)) => Ok((activity.operation, activity.outcome)),
            Ok(Parsed::Ignored(rule)) => Err(rule),
            Err(rejected) => Err(rejected.reason()),
        }
    }

    #[test]
    fn what_entries_become() {
        use Operation::{Administer, Connect, Disconnect, Read};
        use Outcome::{Denied, Failed, Success};
        for (sqlstate, message, statement, expected) in [
            ("00000", "connection authorized: user=a database=b", "", Ok((Connect, Success))),
            ("00000", "disconnection: session time: 0:00:00.199 user=a", "", Ok((Disconnect, Success))),
            ("28P01", "password authentication failed for user \"a\"", "", Ok((Connect, Denied))),
            ("28000", "no pg_hba.conf entry for host", "", Ok((Connect, Denied))),
            ("42501", "permission denied for database \"hr\"", "", Ok((Connect, Denied))),
            ("3D000", "database \"x\" does not exist", "", Ok((Connect, Failed))),
            ("57P01", "terminating connection due to administrator command", "", Err("server_message")),
            ("42501", "permission denied for table hr_employee", "SELECT ssn FROM hr_employee;", Ok((Read, Denied))),
            ("22012", "division by zero", "SELECT 1/0 FROM hr_employee;", Ok((Read, Failed))),
            ("00000", "connection received: host=::1 port=1", "", Err("connection_step")),
            ("00000", "duration: 1.780 ms", "", Err("duration")),
            ("00000", "statement: alter role a password 'clear'", "", Err("statement_line")),
            ("00000", "statement: set pgaudit.log='none';", "", Ok((Administer, Success))),
            ("00000", "checkpoint starting: time", "", Err("server_message")),
            ("01000", "some warning", "SELECT 1", Err("server_message")),
            ("", "x", "", Err("server_message")),
            ("00000", "AUDIT: x", "", Err("malformed")),
        ] {
            assert_eq!(said(sqlstate, message, statement), expected, "{sqlstate} {message}");
        }
        let two = [record("00000", "duration: 1 ms", ""), record("00000", "duration: 1 ms", "")];
        assert_eq!(parsed(&two, &Context::default()), Err(Rejected::Malformed));
    }

    #[test]
    fn stamps() {
        let at = |stamp: &str, zone: &str| {
            let context = Context { zone: Zone::parse(zone).unwrap(), ..Context::default() };
            time(stamp, &context).map(|at| at.to_string())
        };
        let noon = Some("2026-11-23T12:00:00.250Z".to_owned());
        assert_eq!(at("2026-11-23 12:00:00.250 UTC", "Europe/Berlin"), noon);
        assert_eq!(at("2026-11-23 13:00:00.250 CET", "Europe/Berlin"), noon);
        assert_eq!(at("2026-11-23 15:00:00.250 +03", "UTC"), noon);
        assert_eq!(at("2026-11-23 08:30:00.250 -0330", "UTC"), noon);
        assert_eq!(at("2026-11-23 13:00:00.250 CET", "UTC"), None);
        assert_eq!(at("2026-10-25 02:10:00 CEST", "Europe/Berlin").as_deref(), Some("2026-10-25T00:10:00Z"));
        assert_eq!(at("2026-10-25 02:10:00 CET", "Europe/Berlin").as_deref(), Some("2026-10-25T01:10:00Z"));
        assert_eq!(at("2026-11-23 13:00:00.250 CEST", "Europe/Berlin"), None);
        assert_eq!(at("2026-11-23 13:00:00.250 EST", "Europe/Berlin"), None);
        assert_eq!(at("2026-11-23 07:00:00.250 EST", "America/New_York"), noon);
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23 12:00:00.250",
            "2026-13-23 12:00:00.250 UTC",
            "2026-11-23 12:00:00.250 +",
            "2026-11-23 12:00:00 +99é",
        ] {
            assert_eq!(at(bad, "UTC"), None, "{bad}");
        }
    }
}
