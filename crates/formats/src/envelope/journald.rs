//! # journald: entries of systemd's journal
//!
//! ```json
//! {"@timestamp":1795439043.790123,"MESSAGE":"<line>","SYSLOG_IDENTIFIER":"nginx","_HOSTNAME":"web1","PRIORITY":"6"}
//! ```
//!
//! As Fluent Bit's input `systemd` has them (without `lowercase` and `strip_underscores`), and `journalctl -o json`. The line is
//! `MESSAGE`, the program its `SYSLOG_IDENTIFIER`, which is the program's own word. The time is the shipper's, else
//! `__REALTIME_TIMESTAMP`. Told by `MESSAGE` and `_HOSTNAME`: fields with an underscore in front are journald's own. A message that
//! is no UTF-8 is a list of numbers there, and is not opened.

use super::json::Object;
use super::{Envelope, Inner, Open};

pub(super) const JOURNALD: Envelope = Envelope {
    name: "journald",
    summary: "systemd's journal as JSON: MESSAGE, _HOSTNAME",
    file: include_str!("journald.rs"),
    open: Open::Object(open),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.journal_host.is_text() {
        return None;
    }
    let line = object.journal_message.take_text()?;
    let shipped_at = [&object.at_timestamp, &object.date].into_iter().find_map(|at| at.time());
    Some(Inner {
        shipped_at: shipped_at.or_else(|| object.journal_time.micros()),
        host: object.journal_host.take_name(),
        program: object.journal_program.take_name(),
        ..Inner::of_text(line)
    })
}

#[cfg(test)]
mod tests {
    use crate::envelope::tests::shown;

    #[test]
    fn an_entry_of_fluent_bit_and_one_of_journalctl() {
        let shipped = br#"{"date":1795439043.790123,"PRIORITY":"6","MESSAGE":"a","SYSLOG_IDENTIFIER":"nginx","_HOSTNAME":"web1","host":"x"}"#;
        assert_eq!(shown(shipped), ["journald|a|2026-11-23T13:04:03.790Z|web1|nginx"]);
        let dumped = br#"{"__REALTIME_TIMESTAMP":"1795439043790123","MESSAGE":"a","_HOSTNAME":"web1"}"#;
        assert_eq!(shown(dumped), ["journald|a|2026-11-23T13:04:03.790Z|web1|"]);
        for other in [
            r#"{"MESSAGE":"a","SYSLOG_IDENTIFIER":"nginx"}"#,
            r#"{"MESSAGE":[97,255],"_HOSTNAME":"web1"}"#,
            r#"{"message":"a","_HOSTNAME":"web1","level":"info"}"#,
        ] {
            assert_eq!(shown(other.as_bytes()), ["none"], "{other}");
        }
    }
}
