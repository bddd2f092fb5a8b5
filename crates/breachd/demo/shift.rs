//! Moves the stamps of log lines in time, so that recorded logs end now.
//!
//! Only the stamps move; the rest of a line stays as it is to the byte. Shifts are whole seconds; the demo uses whole
//! hours, so that what happened within one hour stays within one.

use activity::{Span, Timestamp};

/// The line with its stamps moved; `None` where it has no stamp where its format puts it (a continuation line).
pub fn shift(format: &str, line: &str, by: Span) -> Option<String> {
    match format {
        "nginx_json" => shift_json(line, by),
        "mariadb_server_audit" => shift_audit(line, by),
        "mariadb_slow_log" => shift_slow(line, by),
        _ => None,
    }
}

/// Event time of a line, where the format stamps it.
pub fn stamp(format: &str, line: &str) -> Option<Timestamp> {
    match format {
        "nginx_json" => json_time(line).and_then(|range| line.get(range)?.parse().ok()),
        "mariadb_server_audit" => audit_stamp(line),
        "mariadb_slow_log" => slow_timestamp(line).map(|(_, at)| at),
        _ => None,
    }
}

fn json_time(line: &str) -> Option<std::ops::Range<usize>> {
    let key = ["\"time_iso8601\":\"", "\"time\":\""].into_iter().find_map(|key| Some(line.find(key)? + key.len()))?;
    let end = key + line.get(key..)?.find('"')?;
    Some(key..end)
}

fn shift_json(line: &str, by: Span) -> Option<String> {
    let range = json_time(line)?;
    let at: Timestamp = line.get(range.clone())?.parse().ok()?;
    let mut shifted = String::with_capacity(line.len());
    shifted.push_str(&line[..range.start]);
    let text = (at + by).to_string();
    shifted.push_str(text.trim_end_matches('Z'));
    shifted.push_str("+00:00");
    shifted.push_str(&line[range.end..]);
    // nginx's $msec says the same once more, in seconds with three decimals.
    const MSEC: &str = "\"msec\":";
    if let Some(from) = shifted.find(MSEC).map(|at| at + MSEC.len()) {
        let length = shifted[from..].find([',', '}'])?;
        let (seconds, millis) = shifted[from..from + length].split_once('.')?;
        let moved = format!("{}.{millis}", seconds.parse::<i64>().ok()? + by.as_secs());
        shifted.replace_range(from..from + length, &moved);
    }
    Some(shifted)
}

/// `20260302 00:00:01` at the start.
fn audit_stamp(line: &str) -> Option<Timestamp> {
    let stamp = line.get(..17)?;
    let number = |range: std::ops::Range<usize>| stamp.get(range)?.parse::<u32>().ok();
    let year = i32::try_from(number(0..4)?).ok()?;
    Timestamp::from_civil(year, number(4..6)?, number(6..8)?, number(9..11)?, number(12..14)?, number(15..17)?, 0)
}

fn shift_audit(line: &str, by: Span) -> Option<String> {
    let (year, month, day, hour, minute, second, _) = (audit_stamp(line)? + by).to_civil();
    Some(format!("{year:04}{month:02}{day:02} {hour:02}:{minute:02}:{second:02}{}", &line[17..]))
}

const SET_TIMESTAMP: &str = "SET timestamp=";

fn slow_timestamp(line: &str) -> Option<(std::ops::Range<usize>, Timestamp)> {
    let from = line.strip_prefix(SET_TIMESTAMP).map(|_| SET_TIMESTAMP.len())?;
    let end = from + line[from..].find(';')?;
    let seconds: i64 = line[from..end].split('.').next()?.parse().ok()?;
    Some((from..end, Timestamp::from_secs(seconds)))
}

fn shift_slow(line: &str, by: Span) -> Option<String> {
    if let Some((range, at)) = slow_timestamp(line) {
        return Some(format!("{}{}{}", &line[..range.start], (at + by).as_secs(), &line[range.end..]));
    }
    // `# Time: 260302  0:00:01`
    let stamp = line.strip_prefix("# Time: ")?;
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let date = stamp.get(..6)?;
    let mut clock = stamp.get(6..)?.trim().split(':');
    let at = Timestamp::from_civil(
        2000 + i32::try_from(number(&date[..2])?).ok()?,
        number(&date[2..4])?,
        number(&date[4..6])?,
        number(clock.next()?)?,
        number(clock.next()?)?,
        number(clock.next()?)?,
        0,
    )?;
    let (year, month, day, hour, minute, second, _) = (at + by).to_civil();
    Some(format!("# Time: {:02}{month:02}{day:02} {hour:2}:{minute:02}:{second:02}", year % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Span = Span::from_hours(24);

    #[test]
    fn each_format_keeps_all_but_its_stamp() {
        let json = r#"{"time_iso8601":"2026-11-23T13:03:54+00:00","msec":1795439034.441,"uri":"/time"}"#;
        assert_eq!(
            shift("nginx_json", json, DAY).as_deref(),
            Some(r#"{"time_iso8601":"2026-11-24T13:03:54+00:00","msec":1795525434.441,"uri":"/time"}"#)
        );
        let audit = "20260228 23:59:59,vm,u,h,1,2,QUERY,hr,'x',0";
        assert_eq!(
            shift("mariadb_server_audit", audit, DAY).as_deref(),
            Some("20260301 23:59:59,vm,u,h,1,2,QUERY,hr,'x',0")
        );
        assert_eq!(
            shift("mariadb_slow_log", "# Time: 261123  9:56:49", DAY).as_deref(),
            Some("# Time: 261124  9:56:49")
        );
        assert_eq!(
            shift("mariadb_slow_log", "SET timestamp=1795438609;", DAY).as_deref(),
            Some("SET timestamp=1795525009;")
        );
        assert_eq!(shift("mariadb_slow_log", "SELECT 1;", DAY), None);
    }

    #[test]
    fn stamps_are_read_where_the_format_puts_them() {
        assert_eq!(stamp("mariadb_slow_log", "SET timestamp=1795438609;"), Some(Timestamp::from_secs(1_795_438_609)));
        assert_eq!(
            stamp("mariadb_server_audit", "20261123 12:56:49,vm").map(|at| at.to_string()).as_deref(),
            Some("2026-11-23T12:56:49Z")
        );
        assert_eq!(stamp("nginx_json", "not json"), None);
    }
}
