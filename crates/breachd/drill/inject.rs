//! The records of a drill: the recorded export, moved so that it ends now, each record signed with the drill's mark.

use super::mark::DrillKey;
use crate::demo::{data, shift};
use activity::{DrillId, Span, Timestamp};
use std::collections::BTreeMap;
use stream::{Appender, Outgoing, StreamError};

/// A drill's id holds the wall time at which it began, so that everybody who sees the id knows it.
pub fn new_id(now: Timestamp, salt: u16) -> DrillId {
    DrillId((now.as_millis() as u64) << 16 | u64::from(salt))
}

/// When the drill with this id began.
pub fn began_at(drill: DrillId) -> Timestamp {
    Timestamp::from_millis((drill.0 >> 16) as i64)
}

/// Marked records for the topics of sources by format (format → topic), oldest first. Formats no source has are left out.
pub fn records(
    key: &DrillKey,
    drill: DrillId,
    now: Timestamp,
    topics: &BTreeMap<String, String>,
) -> Vec<(Timestamp, Outgoing)> {
    let mut whole: Vec<(Timestamp, &str, String)> = Vec::new();
    for (format, text) in data::EXERCISE {
        whole.extend(entries(format, text).into_iter().map(|(at, entry)| (at, format, entry)));
    }
    whole.sort();
    let Some(last) = whole.last().map(|(at, ..)| *at) else { return Vec::new() };
    let by = Span::from_secs((now - last).as_secs());
    let marked = whole.into_iter().filter_map(|(at, format, entry)| {
        let topic = topics.get(format)?.clone();
        let shifted: Vec<String> =
            entry.lines().map(|line| shift::shift(format, line, by).unwrap_or_else(|| line.to_owned())).collect();
        let payload = shifted.join("\n").into_bytes();
        let mark = key.mark(drill, &payload)?.into_bytes();
        let headers = vec![(crate::roles::ingest::DRILL_HEADER.to_owned(), mark)];
        Some((at + by, Outgoing { topic, partition: None, key: None, payload, headers }))
    });
    marked.collect()
}

/// Sends them; returns how many.
pub fn inject(appender: &mut dyn Appender, records: Vec<(Timestamp, Outgoing)>) -> Result<usize, StreamError> {
    let n = records.len();
    for (_, record) in records {
        appender.send(record)?;
    }
    appender.flush()?;
    Ok(n)
}

/// Whole entries with their stamps. A slow-log entry is many lines, and without `# Time:` it would not know its own.
fn entries(format: &str, text: &str) -> Vec<(Timestamp, String)> {
    let mut entries: Vec<(Option<Timestamp>, String)> = Vec::new();
    let mut stamped = false;
    for line in text.lines() {
        let begins = format != "mariadb_slow_log" || line.starts_with("# Time:") || line.starts_with("# User@Host:");
        if entries.is_empty() || begins && (stamped || format != "mariadb_slow_log") {
            entries.push((None, String::new()));
            stamped = false;
        }
        let (at, entry) = entries.last_mut().expect("one was just pushed");
        if let Some(stamp) = shift::stamp(format, line) {
            *at = at.or(Some(stamp));
            stamped = true;
        }
        if !entry.is_empty() {
            entry.push('\n');
        }
        entry.push_str(line);
    }
    entries.into_iter().filter_map(|(at, entry)| Some((at?, entry))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_marked_whole_and_ends_now() {
        let key = DrillKey::new(b"a key of sixteen bytes").unwrap();
        let now = Timestamp::from_secs(1_795_000_000);
        let topics: BTreeMap<String, String> =
            data::EXERCISE.iter().map(|(format, _)| ((*format).to_owned(), format!("logs.{format}"))).collect();
        let drill = new_id(now, 7);
        let records = records(&key, drill, now, &topics);
        assert!(records.len() > 20, "{}", records.len());
        assert_eq!(records.last().map(|(at, _)| at.as_secs()), Some(now.as_secs()));
        assert_eq!(began_at(drill), now);
        for (_, record) in &records {
            let (name, mark) = &record.headers[0];
            assert_eq!(name, "breachd-drill");
            assert_eq!(key.verify(mark, &record.payload), Some(drill));
            let text = String::from_utf8(record.payload.clone()).unwrap();
            assert_eq!(record.topic.ends_with("slow_log"), text.lines().count() > 1, "{text}");
        }
    }

    #[test]
    fn without_a_source_of_its_format_a_record_is_left_out() {
        let key = DrillKey::new(b"a key of sixteen bytes").unwrap();
        let topics = BTreeMap::from([("nginx_json".to_owned(), "logs".to_owned())]);
        let records = records(&key, DrillId(1), Timestamp::from_secs(1_795_000_000), &topics);
        assert!(!records.is_empty() && records.iter().all(|(_, record)| record.topic == "logs"));
    }
}
