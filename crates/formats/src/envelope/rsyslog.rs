//! # rsyslog: JSON of rsyslog's templates, and lines folded by imfile
//!
//! | envelope | template |
//! |---|---|
//! | `rsyslog_json` | a list of properties with `option.jsonf="on"`: `@timestamp`, `host`, `syslog-tag` (or `syslogtag`, `program`, `programname`), `message`; of rsyslog's template for Elasticsearch `tag`, beside `host`, `severity` and `facility` |
//! | `rsyslog_jsonmesg` | `%jsonmesg%`: `msg`, `rawmsg`, `timereported`, `hostname`, `syslogtag`, … |
//!
//! The other shapes of rsyslog, which are text, are in `syslog`: RFC 5424, `%rawmsg%`, `%msg%`, the traditional file format.
//! The line is `message` or `msg`, without the blank that syslog's messages begin with. rsyslog escapes `/` as `\/`, and lets
//! invalid UTF-8 through, which is replaced before JSON is read.
//!
//! `imfile` with `startmsg.regex` sends an entry of several lines as one message, and `escapeLF` (on by default) writes its line
//! ends as `\n`: the same two characters that SQL uses for a line end inside a literal. [`unfolded`] tells them apart by
//! following the quotes; inside of quotes both mean the same. In a comment behind `--` the text `\n`, if somebody wrote it
//! there, becomes a line end, which shows more of the statement than there was, never less.

use super::json::Object;
use super::{Envelope, Inner, Open, syslog::without_blank};
use std::borrow::Cow;

pub(super) const JSON: Envelope = Envelope {
    name: "rsyslog_json",
    summary: "rsyslog, a JSON template: message, syslog-tag",
    file: include_str!("rsyslog.rs"),
    open: Open::Object(open),
};

pub(super) const JSONMESG: Envelope = Envelope {
    name: "rsyslog_jsonmesg",
    summary: "rsyslog, %jsonmesg%: msg, rawmsg",
    file: include_str!("rsyslog.rs"),
    open: Open::Object(open_jsonmesg),
};

fn open<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    let tagged = object.syslog_tag.is_text() || object.syslogtag.is_text() || object.programname.is_text();
    let for_elasticsearch = || {
        [&object.tag, &object.host, &object.severity, &object.facility].into_iter().all(|property| property.is_text())
    };
    let shaped = tagged || for_elasticsearch();
    if !shaped || object.is_monolog() {
        return None;
    }
    let line = line(object.message.take_text().or_else(|| object.msg.take_text())?);
    let shipped_at =
        [&object.at_timestamp, &object.timereported, &object.timestamp].into_iter().find_map(|at| at.time());
    Some(Inner { shipped_at, host: object.take_host(), program: program(object), ..line })
}

fn open_jsonmesg<'a>(object: &mut Object<'a>) -> Option<Inner<'a>> {
    if !object.rawmsg.is_text() || !object.timereported.is_text() {
        return None;
    }
    let line = line(object.msg.take_text()?);
    Some(Inner { shipped_at: object.timereported.time(), host: object.take_host(), program: program(object), ..line })
}

fn line(text: Cow<'_, str>) -> Inner<'_> {
    match text {
        Cow::Borrowed(text) => Inner::of_bytes(without_blank(text.as_bytes())),
        Cow::Owned(mut text) => {
            if text.starts_with(' ') {
                text.remove(0);
            }
            Inner::of_text(Cow::Owned(text))
        }
    }
}

/// `nginx` of `nginx[17]:`.
fn program<'a>(object: &mut Object<'a>) -> Option<Cow<'a, str>> {
    let name = object.programname.take_text().or_else(|| object.program.take_text());
    name.filter(|name| !name.is_empty()).or_else(|| {
        let tags = [&mut object.syslog_tag, &mut object.syslogtag, &mut object.tag];
        let tag = tags.into_iter().find_map(|tag| tag.take_text())?;
        let name = tag.split(['[', ':']).next().unwrap_or_default();
        (!name.is_empty()).then(|| Cow::Owned(name.to_owned()))
    })
}

/// An entry of MariaDB's slow log that came in one line, with its lines again. Anything else is left as it is.
pub fn unfolded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let folded = bytes.starts_with(b"# ") && memchr::memchr(b'\n', bytes).is_none();
    if !folded || memchr::memmem::find(bytes, b"\\n").is_none() {
        return Cow::Borrowed(bytes);
    }
    // Above the statement there are no quotes to follow, whatever a user is called.
    let statement = memchr::memmem::find(bytes, b"\\nSET timestamp=").map_or(bytes.len(), |at| at + 2);
    let mut text = Vec::with_capacity(bytes.len());
    let (mut quote, mut at) = (None, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        let next = bytes.get(at + 1).copied();
        match quote {
            None if byte == b'\\' && next == Some(b'n') => {
                text.push(b'\n');
                at += 2;
                continue;
            }
            None if statement <= at && matches!(byte, b'\'' | b'"' | b'`') => quote = Some(byte),
            Some(open) if byte == open => quote = None,
            Some(open) if byte == b'\\' && open != b'`' => {
                text.push(byte);
                text.extend(next);
                at += 2;
                continue;
            }
            _ => {}
        }
        text.push(byte);
        at += 1;
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::tests::shown;

    #[test]
    fn templates() {
        let list = br#"{"@timestamp":"2026-11-23T13:03:54.470645+00:00", "host":"vm", "severity":"info", "facility":"local2", "syslog-tag":"nginx-access:", "program":"nginx-access", "procid":"-", "file":"\/a", "fileoffset":"185", "message":" a \/ b"}"#;
        assert_eq!(shown(list), ["rsyslog_json|a / b|2026-11-23T13:03:54.470Z|vm|nginx-access"]);
        let elasticsearch = br#"{"@timestamp":"2026-11-23T13:03:54.470645+00:00","host":"db1","severity":"info","facility":"user","tag":"mysql-server_auditing[7]:","message":" a"}"#;
        assert_eq!(shown(elasticsearch), ["rsyslog_json|a|2026-11-23T13:03:54.470Z|db1|mysql-server_auditing"]);
        let application =
            br#"{"@timestamp":"2026-11-23T13:03:54Z","host":"web1","severity":"info","tag":"checkout","message":"a"}"#;
        assert_eq!(shown(application), ["none"]);
        let all = br#"{ "msg": " a", "rawmsg": "<43>Nov 23 13:02:35 x[7]: a", "timereported": "2026-11-23T13:02:35.514529+00:00", "hostname": "vm", "syslogtag": "x[7]:", "$!": { "metadata": { "filename": "\/a" } } }"#;
        assert_eq!(shown(all), ["rsyslog_jsonmesg|a|2026-11-23T13:02:35.514Z|vm|x"]);
    }

    #[test]
    fn folded_entries_get_their_lines_again() {
        let of = |text: &str| String::from_utf8(unfolded(text.as_bytes()).into_owned()).unwrap();
        let header = "# User@Host: o'x[o'x] @  [1.1.1.1]\\n# Query_time: 1\\nSET timestamp=1;\\n";
        let lines = "# User@Host: o'x[o'x] @  [1.1.1.1]\n# Query_time: 1\nSET timestamp=1;\n";
        for (folded, unfolded) in [
            ("SELECT 1\\nFROM a;", "SELECT 1\nFROM a;"),
            ("SELECT 'a\\n# User@Host: x[x] @  [2.2.2.2]\\nb';", "SELECT 'a\\n# User@Host: x[x] @  [2.2.2.2]\\nb';"),
            ("SELECT 'it\\'s\\n' -- x\\nFROM a;", "SELECT 'it\\'s\\n' -- x\nFROM a;"),
            ("SELECT `a\\`\\n, 1;", "SELECT `a\\`\n, 1;"),
            ("SELECT 'a\\", "SELECT 'a\\"),
        ] {
            assert_eq!(of(&format!("{header}{folded}")), format!("{lines}{unfolded}"));
        }
        for plain in ["# Time: 261123 13:06:17", "SELECT '\\n';", "# a\nb\\n"] {
            assert_eq!(of(plain), plain);
        }
    }
}
