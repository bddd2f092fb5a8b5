//! MariaDB's server_audit, file output: rows for the tables come before the row of the statement; the text is escaped and
//! then cut, the closing quote stays.

use super::Style;
use crate::log::{Access, Client};
use activity::Timestamp;
use std::fmt::Write as _;

/// `server_audit_query_log_limit`, its default: bytes of escaped text.
const QUERY_BYTES_MAX: usize = 1024;

/// A statement; `ids` are those of the connection and of the query.
pub fn write_query(text: &mut String, style: &Style, at: Timestamp, client: &Client, ids: (u64, u64), sql: &str) {
    head(text, style, at, client);
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{},{},QUERY,{},'{}',0", ids.0, ids.1, style.schema, escaped(sql));
}

/// A table that the statement with these ids reads or writes.
pub fn write_table(
    text: &mut String,
    style: &Style,
    at: Timestamp,
    client: &Client,
    ids: (u64, u64),
    access: Access,
    table: &str,
) {
    head(text, style, at, client);
    let verb = match access {
        Access::Read => "READ",
        Access::Write => "WRITE",
    };
    let _ = writeln!(text, "{},{},{verb},{},{table},", ids.0, ids.1, style.schema);
}

/// `CONNECT`, `FAILED_CONNECT` or `DISCONNECT`.
pub fn write_connect(
    text: &mut String,
    style: &Style,
    at: Timestamp,
    client: &Client,
    connection: u64,
    verb: &str,
    error: u16,
) {
    head(text, style, at, client);
    let schema = if error == 0 { style.schema } else { "" };
    let _ = writeln!(text, "{connection},0,{verb},{schema},,{error}");
}

fn head(text: &mut String, style: &Style, at: Timestamp, client: &Client) {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    let _ = write!(
        text,
        "{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02},{},{},{},",
        style.server, client.account, client.host
    );
}

fn escaped(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    for char in sql.chars() {
        match char {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    if out.len() > QUERY_BYTES_MAX {
        let mut end = QUERY_BYTES_MAX;
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Connection;

    #[test]
    fn a_long_statement_is_cut_after_escaping_and_keeps_its_closing_quote() {
        let client = Client { account: "dba", host: "10.20.8.21", connection: Connection::Own };
        let mut text = String::new();
        let sql = format!("SELECT '{}'", "x'".repeat(600));
        write_query(&mut text, &Style::default(), Timestamp::from_secs(1_767_571_200), &client, (7, 9), &sql);
        assert!(text.starts_with("20260105 00:00:00,db1,dba,10.20.8.21,7,9,QUERY,magento,'SELECT \\'x"), "{text}");
        assert!(text.ends_with("',0\n"));
        let quoted = text.split_once(",'").unwrap().1.trim_end_matches("',0\n");
        assert_eq!(quoted.len(), QUERY_BYTES_MAX);
    }
}
