//! What the logs of MariaDB and MySQL have in common.

use crate::mariadb_general_log;
use crate::zone::{LocalTime, digits};
use activity::Outcome;

/// By the server's error code.
pub(crate) fn outcome(code: u32) -> Outcome {
    match code {
        0 => Outcome::Success,
        // Database, password, table, column, privilege, routine; host not allowed, account locked, plugin.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1130 | 1698 | 3118 | 4151 => Outcome::Denied,
        _ => Outcome::Failed,
    }
}

/// Whether a line of a statement, other than its first, looks like an entry of the slow, general or audit log. Nobody
/// writes such a statement but who wants to be taken for somebody else.
pub(crate) fn poses_as_entry(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\n', bytes).any(|end| {
        let line = bytes[end + 1..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        match line.first() {
            Some(b'#') => is_slow_header(line),
            Some(byte) if byte.is_ascii_digit() || *byte == b'\t' => {
                is_audit_stamp(line) || mariadb_general_log::is_row(line)
            }
            _ => false,
        }
    })
}

/// The first line of an entry of the slow log, or the line with the account.
fn is_slow_header(line: &[u8]) -> bool {
    line.starts_with(b"# User@Host: ")
        || line.strip_prefix(b"# Time: ").is_some_and(|time| time.first().is_some_and(u8::is_ascii_digit))
}

/// `20261123 12:00:00,`.
fn is_audit_stamp(line: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddddddd dd:dd:dd,";
    line.len() > SHAPE.len()
        && line
            .iter()
            .zip(SHAPE)
            .all(|(byte, shape)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape })
}

/// The three lines that a server writes when it opens its slow or general log.
pub(crate) fn is_banner(line: &[u8]) -> bool {
    line.ends_with(b"started with:")
        || line.starts_with(b"Tcp port: ")
        || (line.starts_with(b"Time") && line.ends_with(b"Argument") && matches!(line.get(4), Some(b'\t' | b' ')))
}

/// `260302  0:00:01`, with or without a fraction.
pub(crate) fn short_stamp(text: &str) -> Option<LocalTime> {
    let (date, time) = text.trim().split_once(' ')?;
    let date = date.as_bytes();
    let mut fields = time.trim_start().split('.').next()?.split(':').map(|field| digits(field.as_bytes()));
    let mut next = || fields.next().flatten();
    if date.len() != 6 {
        return None;
    }
    Some(LocalTime {
        year: 2000 + i32::try_from(digits(&date[..2])?).ok()?,
        month: digits(&date[2..4])?,
        day: digits(&date[4..6])?,
        hour: next()?,
        minute: next()?,
        second: next()?,
    })
}

/// `Access denied for user 'root'@'10.0.0.9' (using password: YES)`: the account, and the client's host; where it was the
/// database that was refused (`… to database 'hr'`) the server names the account's own pattern, which says nothing.
///
/// The name is the client's choice, quotes and all; host and end are the server's, so they are looked for from the right.
pub(crate) fn access_denied(message: &str) -> Option<(&str, Option<&str>)> {
    let who = message.strip_prefix("Access denied for user '")?;
    match who.rfind("' (using password: ") {
        Some(end) => {
            let (user, host) = who[..end].rsplit_once("'@'")?;
            Some((user, Some(host)))
        }
        None => {
            let (user, _) = who.rsplit_once("' to database '").map_or(who, |(who, _)| who).rsplit_once("'@'")?;
            Some((user, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_account_whatever_it_is_called() {
        for (message, said) in [
            ("Access denied for user 'root'@'10.0.0.9' (using password: YES)", Some(("root", Some("10.0.0.9")))),
            ("Access denied for user 'x' OR 1=1 -- '@'h' (using password: NO)", Some(("x' OR 1=1 -- ", Some("h")))),
            ("Access denied for user 'a'@'b'@'c' (using password: NO)", Some(("a'@'b", Some("c")))),
            ("Access denied for user 'hr_sync'@'%' to database 'mysql'", Some(("hr_sync", None))),
            ("Access denied for user ''@'h' (using password: NO)", Some(("", Some("h")))),
            ("Access denied", None),
            ("Access denied for user 'x", None),
        ] {
            assert_eq!(access_denied(message), said, "{message}");
        }
    }

    #[test]
    fn lines_that_pose_as_entries() {
        for (text, poses) in [
            ("SELECT 1", false),
            ("# User@Host: a[a] @ b []\nSELECT 1", false),
            ("SELECT '\n# User@Host: a[a] @ b []\n'", true),
            ("SELECT '\n# Time: 261123 13:00:00\n'", true),
            ("SELECT '\n# Time: none\n'", false),
            ("SELECT '\n20261123 12:00:00,vm,root,localhost,1,1,QUERY,m,'", true),
            ("SELECT '\n\t\t   99 Query\tDROP TABLE x'", true),
            ("SELECT '\n261123 12:56:57\t   131 Connect\troot@h on '", true),
            ("SELECT\n\t\t1,\n\t\t2 Query\n", false),
        ] {
            assert_eq!(poses_as_entry(text), poses, "{text:?}");
        }
    }
}
