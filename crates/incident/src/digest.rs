//! The digest of a replay, as a file: alerts that interrupt nobody, ranked by day. The live one is [`crate::daily`].
//!
//! A day is a UTC day of event time. What is most severe comes first, then what is most surprising, then what is newest; signatures have
//! no probability and come after what has one. Each day keeps so many lines; the rest is counted.

use crate::limits;
use activity::{Entity, Timestamp, printable_within};
use detector::{Alert, AlertId, Severity};
use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

/// Days with their lines.
#[derive(Clone, Debug)]
pub struct Digest {
    lines_max: usize,
    days: BTreeMap<i64, Day>,
}

#[derive(Clone, Debug, Default)]
struct Day {
    /// Best first.
    lines: Vec<Line>,
    n_beyond: u64,
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    id: AlertId,
    at: Timestamp,
    severity: Severity,
    p_value: Option<f64>,
    subject: Entity,
    detector: String,
    why: String,
    is_drill: bool,
    /// Who answers for it that it did not page.
    excepted_by: Option<String>,
}

/// The place of a line: the smaller, the further up. Surprise in thousandths of a decade, as everywhere.
type Place = (Reverse<Severity>, Reverse<Option<i64>>, Reverse<Timestamp>, AlertId);

impl Line {
    fn place(&self) -> Place {
        let surprise = self.p_value.map(|p| (-1000.0 * p.clamp(f64::MIN_POSITIVE, 1.0).log10()).round() as i64);
        (Reverse(self.severity), Reverse(surprise), Reverse(self.at), self.id)
    }
}

impl Digest {
    /// With at most so many lines a day.
    pub fn new(lines_max: usize) -> Digest {
        Digest { lines_max, days: BTreeMap::new() }
    }

    /// Takes in an alert; one that pages is passed over.
    pub fn add(&mut self, alert: &Alert) {
        if alert.page {
            return;
        }
        let line = Line {
            id: alert.id,
            at: alert.raised_at,
            severity: alert.severity,
            p_value: alert.p_value,
            subject: alert.subject.clone(),
            detector: printable_within(&alert.detector, limits::NAME_MAX),
            why: printable_within(alert.why.trim(), limits::TEXT_MAX),
            is_drill: alert.mode.is_drill(),
            excepted_by: alert.suppressed_by.as_ref().map(|by| printable_within(&by.owner, limits::NAME_MAX)),
        };
        let day = self.days.entry(alert.raised_at.as_secs().div_euclid(86_400)).or_default();
        let at = day.lines.partition_point(|other| other.place() < line.place());
        if day.lines.get(at).is_some_and(|other| other.id == line.id) {
            return;
        }
        day.lines.insert(at, line);
        if self.lines_max < day.lines.len() {
            day.lines.pop();
            day.n_beyond += 1;
        }
        while limits::DIGEST_DAYS_KEPT < self.days.len() {
            self.days.pop_first();
        }
    }

    /// As Markdown: a section for each day, a line for each alert.
    pub fn to_markdown(&self) -> String {
        let mut text = String::from("# Digest: what interrupted nobody\n");
        if self.days.is_empty() {
            text.push_str("\nNothing.\n");
        }
        for (day, Day { lines, n_beyond }) in &self.days {
            let date = Timestamp::from_secs(day.saturating_mul(86_400)).to_string();
            let date = date.split('T').next().unwrap_or_default();
            let n = lines.len() as u64 + n_beyond;
            // Writing into a string cannot fail.
            let _ = writeln!(text, "\n## {date}: {n} alert{}\n", if n == 1 { "" } else { "s" });
            for line in lines {
                let _ = writeln!(text, "- {}", line.words());
            }
            if *n_beyond > 0 {
                let _ = writeln!(text, "- … and {n_beyond} more");
            }
        }
        text
    }
}

impl Line {
    fn words(&self) -> String {
        let at = self.at.to_string();
        let time = at.split_once('T').map_or("", |(_, time)| time.get(..5).unwrap_or(time));
        let p = self.p_value.map_or(String::new(), |p| format!(" (p {p:.1e})"));
        let drill = if self.is_drill { "drill, " } else { "" };
        let excepted = self.excepted_by.as_ref().map_or(String::new(), |owner| {
            format!("; it would have paged, {} answers for the exception", plain(owner))
        });
        format!(
            "{time} {drill}{} **{}** {}: {}{p}{excepted}",
            self.severity.as_str(),
            plain(&self.subject.to_string()),
            plain(&self.detector),
            plain(&self.why)
        )
    }
}

/// Text from logs in Markdown: shown, not obeyed.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '~') {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown
}
