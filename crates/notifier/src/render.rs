//! A notice's facts in words, the same for every channel.
//!
//! Channels lay them out; which facts there are, how they are called, and that no control character is in them is
//! decided here once. Lengths are bounded here too, so a channel's own limits are met by cutting only rarely.

use crate::Tell;
use activity::{Timestamp, printable, printable_within};
use detector::Severity;
use incident::{DigestLine, Notice, NoticeAffected, NoticeKind};

/// Characters of a title. Beyond: cut.
const TITLE_CHARACTERS_MAX: usize = 200;

/// Characters of one reason. Beyond: cut.
const REASON_CHARACTERS_MAX: usize = 400;

/// Reasons, figures and deadlines in one message. Beyond: the rest of the reasons is counted, of the others left off.
const ITEMS_MAX: usize = 10;

/// Characters of a digest's line: what its parts may come to. Beyond: cut.
const DIGEST_LINE_CHARACTERS_MAX: usize = 1_200;

/// Characters of a checkpoint: two names of its key and a signature. One that is cut verifies nothing.
const CHECKPOINT_CHARACTERS_MAX: usize = 600;

/// What stands above the sentences on how many records and people it concerns.
pub(crate) const AFFECTED_HEADING: &str = "How many it concerns";

const DIGEST: &str = "DIGEST";

const TEST: &str = "TEST";
const ABOUT: &str = "What it is about";

/// A notice in words. Everything in it is printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `DRILL`, `INCIDENT`, `DIGEST` or `TEST`.
    pub(crate) mark: &'static str,
    /// `CRITICAL`, `HIGH`, …
    pub(crate) severity: &'static str,
    /// `INC-7`; of a digest, what can be seen by its link.
    pub(crate) incident: String,
    /// What happened to the incident: "New incident", "Deadline near", …
    pub(crate) headline: &'static str,
    pub(crate) title: String,
    /// First of all, if this is a drill.
    pub(crate) drill: Option<String>,
    /// Name and value, in the order to show them.
    pub(crate) rows: Vec<(&'static str, String)>,
    /// What the reasons are.
    pub(crate) reasons_heading: &'static str,
    pub(crate) reasons: Vec<String>,
    /// How many records and people it concerns, a sentence each.
    pub(crate) affected: Vec<String>,
    /// The figures behind the gravest alert, a sentence each: (name, words).
    pub(crate) figures: Vec<(String, String)>,
    /// Name and when it is due.
    pub(crate) deadlines: Vec<(String, String)>,
    pub(crate) link: Option<String>,
    /// How whom it is for can answer.
    pub(crate) answer: Option<Answer>,
}

/// How the contact whom a notice is for can answer it. Whoever has this can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) heading: String,
    pub(crate) link: Option<String>,
    pub(crate) words: Vec<String>,
}

impl Facts {
    pub(crate) fn of(notice: &Notice) -> Self {
        if notice.kind == NoticeKind::Digest {
            return Facts::of_digest(notice);
        }
        if notice.kind == NoticeKind::ContactTest {
            return Facts::of_test(notice);
        }
        let classes: Vec<&str> = notice.data_classes.iter().map(|class| class.as_str()).collect();
        let wording =
            notice.wording.as_ref().map(|text| ("Please note", printable_within(text, REASON_CHARACTERS_MAX)));
        let rows = [
            ("Incident", notice.incident.to_string()),
            ("Severity", notice.severity.as_str().to_owned()),
            (ABOUT, notice.subject.to_string()),
            ("Data", if classes.is_empty() { "none classified".into() } else { classes.join(", ") }),
            ("Records concerned, at most", thousands(notice.affected_records)),
            ("Alerts", thousands(notice.n_alerts)),
            ("First seen", utc(notice.first_seen_at)),
            ("Decided", utc(notice.decided_at)),
        ];
        let rows = wording.into_iter().chain(rows).collect();
        let mut reasons: Vec<String> = notice
            .reasons
            .iter()
            .take(ITEMS_MAX)
            .map(|reason| printable_within(reason, REASON_CHARACTERS_MAX))
            .collect();
        let left_out = notice.n_alerts.saturating_sub(reasons.len() as u64);
        if left_out > 0 && !reasons.is_empty() {
            reasons.push(format!("and {} more", thousands(left_out)));
        }
        let deadlines = notice.deadlines.iter().take(ITEMS_MAX).map(|deadline| {
            let due = match (deadline.due_at, deadline.simulated) {
                (_, true) => "exercise only: this deadline does not run".to_owned(),
                (Some(due_at), false) => {
                    let left = due_at - notice.decided_at;
                    let left = if left < activity::Span::ZERO { "overdue".into() } else { format!("{left} left") };
                    format!("{} ({left} when this was written)", utc(due_at))
                }
                (None, false) => "without undue delay".to_owned(),
            };
            let due = match deadline.assumed.is_empty() {
                true => due,
                false => format!("{due}; open, read strictly: {}", deadline.assumed.join("; ")),
            };
            let due = printable_within(&due, REASON_CHARACTERS_MAX);
            (printable_within(&deadline.name, TITLE_CHARACTERS_MAX), due)
        });
        let beyond = notice.deadlines.len().saturating_sub(ITEMS_MAX) as u64 + notice.n_deadlines_beyond;
        let beyond = (beyond > 0).then(|| (format!("and {} more", thousands(beyond)), "see the incident".to_owned()));
        Facts {
            mark: mark(notice),
            severity: severity_word(notice.severity),
            incident: notice.incident.to_string(),
            headline: headline(notice.kind),
            title: printable_within(&notice.title, TITLE_CHARACTERS_MAX),
            drill: notice.drill.map(|id| format!("This is a drill ({id}). Nothing has happened; act as if it had.")),
            rows,
            reasons_heading: "Why",
            reasons,
            affected: affected(notice),
            figures: figures(notice),
            deadlines: deadlines.chain(beyond).collect(),
            link: link(notice),
            answer: answer(notice),
        }
    }

    /// As much as may be told.
    pub(crate) fn told(notice: &Notice, tell: Tell) -> Self {
        match tell {
            Tell::Names => Facts::of(notice),
            Tell::Counts => Facts::counted(notice),
        }
    }

    /// Nobody's name, and no text that comes from a log: what is left is breachd's own words and numbers.
    fn counted(notice: &Notice) -> Self {
        let all = Facts::of(notice);
        let classes: Vec<&str> = notice.data_classes.iter().map(|class| class.as_str()).collect();
        let title = match classes.as_slice() {
            [] => "unusual activity".to_owned(),
            classes => format!("possible breach of data of class {}", classes.join(", ")),
        };
        let kind = |(name, value): (&'static str, String)| match name {
            ABOUT => (name, format!("a {}", notice.subject.kind.as_str().replace('_', " "))),
            _ => (name, value),
        };
        let affected = notice.affected.as_ref().map_or_else(Vec::new, |affected| {
            let records = format!("records: {}", bounds(affected.lower, affected.estimate, affected.upper));
            let people = affected.people.as_ref();
            let people =
                people.map(|people| format!("people: {}", bounds(people.lower, people.estimate, people.upper)));
            [records].into_iter().chain(people).collect()
        });
        Facts {
            title,
            rows: all.rows.into_iter().map(kind).collect(),
            reasons: Vec::new(),
            affected,
            figures: Vec::new(),
            ..all
        }
    }

    fn of_digest(notice: &Notice) -> Self {
        let mut lines: Vec<String> = notice.digest.iter().map(digest_line).collect();
        let left_out = notice.n_alerts.saturating_sub(lines.len() as u64);
        if left_out > 0 {
            lines.push(format!("and {} more", thousands(left_out)));
        }
        Facts {
            mark: mark(notice),
            severity: severity_word(notice.severity),
            incident: "all of it in the console".into(),
            headline: headline(notice.kind),
            title: printable_within(&notice.title, TITLE_CHARACTERS_MAX),
            drill: None,
            rows: [
                ("Since", utc(notice.first_seen_at)),
                ("Until", utc(notice.decided_at)),
                ("Alerts that interrupted nobody", thousands(notice.n_alerts)),
            ]
            .into_iter()
            .chain(notice.checkpoint.iter().map(|checkpoint| {
                ("Checkpoint of the journal, to be kept", printable_within(checkpoint, CHECKPOINT_CHARACTERS_MAX))
            }))
            .chain(notice.reasons.iter().map(|todo| ("To be done", printable_within(todo, DIGEST_LINE_CHARACTERS_MAX))))
            .collect(),
            reasons_heading: "The worst first",
            reasons: lines,
            affected: Vec::new(),
            figures: Vec::new(),
            deadlines: Vec::new(),
            link: link(notice),
            answer: None,
        }
    }

    fn of_test(notice: &Notice) -> Self {
        let to = notice.recipient.as_ref().map(|to| (to.contact.as_str(), to.address.as_str())).unwrap_or_default();
        let shown = |text: &str| printable_within(text, TITLE_CHARACTERS_MAX);
        Facts {
            mark: mark(notice),
            severity: severity_word(notice.severity),
            incident: "contact".into(),
            headline: headline(notice.kind),
            title: shown(&notice.title),
            drill: None,
            rows: vec![("Contact", shown(to.0)), ("Address", shown(to.1)), ("Sent", utc(notice.decided_at))],
            reasons_heading: "Why",
            reasons: notice.reasons.iter().map(|reason| printable_within(reason, REASON_CHARACTERS_MAX)).collect(),
            affected: Vec::new(),
            figures: Vec::new(),
            deadlines: Vec::new(),
            link: None,
            answer: answer(notice),
        }
    }

    /// `[INCIDENT] CRITICAL INC-7: title`, or `[DIGEST] title`: a digest is nothing to be alarmed by.
    pub(crate) fn subject_line(&self) -> String {
        if self.mark == DIGEST || self.mark == TEST {
            return format!("[{}] {}", self.mark, self.title);
        }
        format!("[{}] {} {}: {}", self.mark, self.severity, self.incident, self.title)
    }

    /// All facts as plain text, lines ending in `\n`.
    pub(crate) fn plain_text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: &str| {
            text.push_str(words);
            text.push('\n');
        };
        if let Some(drill) = &self.drill {
            line(&format!("[DRILL] {drill}\n"));
        }
        line(&format!("{}: {}\n", self.headline, self.title));
        self.rows.iter().for_each(|(name, value)| line(&format!("{name}: {value}")));
        if !self.deadlines.is_empty() {
            line("\nDeadlines");
            self.deadlines.iter().for_each(|(name, due)| line(&format!("- {name}: {due}")));
        }
        if !self.reasons.is_empty() {
            line(&format!("\n{}", self.reasons_heading));
            self.reasons.iter().for_each(|reason| line(&format!("- {reason}")));
        }
        if !self.affected.is_empty() {
            line(&format!("\n{AFFECTED_HEADING}"));
            self.affected.iter().for_each(|words| line(&format!("- {words}")));
        }
        if let Some(Answer { heading, link, words }) = &self.answer {
            let link = link.as_ref().map_or(String::new(), |link| format!(": {link}"));
            line(&format!("\n{heading}{link}"));
            words.iter().for_each(|words| line(words));
        }
        if let Some(link) = &self.link {
            line(&format!("\nSee and act on it: {link}"));
        }
        // Last, since a channel that cuts cuts here.
        if !self.figures.is_empty() {
            line("\nThe figures behind it");
            self.figures.iter().for_each(|(_, words)| line(&format!("- {words}")));
        }
        text
    }
}

fn answer(notice: &Notice) -> Option<Answer> {
    let to = notice.recipient.as_ref()?;
    let reply = to.reply.as_ref()?;
    let title = printable_within(&to.title, TITLE_CHARACTERS_MAX);
    let link = reply.link.as_deref().filter(|link| is_web_address(link)).map(|link| printable(link).into_owned());
    let (heading, what) = match notice.kind {
        NoticeKind::ContactTest => (format!("Confirm as {title} that this arrived"), "the test"),
        _ => (format!("Acknowledge it as {title}"), "the incident"),
    };
    let page = link.as_ref().map(|_| {
        format!("The page asks once more; opening it changes nothing. Whoever has the link answers for {what} in your name: do not pass it on.")
    });
    let code = reply.code.as_ref().map(|code| {
        format!(
            "Or give the code {} to whoever runs breachd: breachd contacts confirm {} {}",
            printable(code),
            to.contact,
            printable(code)
        )
    });
    let words: Vec<String> = page.into_iter().chain(code).collect();
    (!words.is_empty()).then_some(Answer { heading, link, words })
}

fn link(notice: &Notice) -> Option<String> {
    notice.link.as_deref().filter(|link| is_web_address(link)).map(|link| printable(link).into_owned())
}

/// One alert of a digest: when, how grave, about whom, by which detector, why, how improbable, and its id for a verdict.
fn digest_line(line: &DigestLine) -> String {
    let drill = if line.mode.is_drill() { "DRILL, " } else { "" };
    let one_in = line.one_in.map_or(String::new(), |one_in| format!(" (1 in {})", thousands(one_in)));
    let note = line.note.as_ref().map_or(String::new(), |note| format!("; {note}"));
    let (subject, detector) = (printable_within(&line.subject.to_string(), TITLE_CHARACTERS_MAX), &line.detector);
    let words = format!(
        "{}, {drill}{}, {subject}, {detector}: {}{one_in}{note}; alert {}",
        utc(line.raised_at),
        line.severity.as_str(),
        line.why,
        line.alert
    );
    printable_within(&words, DIGEST_LINE_CHARACTERS_MAX)
}

/// Records, people, tables: bounds, and why they are what they are.
fn affected(notice: &Notice) -> Vec<String> {
    let Some(affected) = &notice.affected else { return Vec::new() };
    let shown = |words: String| printable_within(&words, REASON_CHARACTERS_MAX);
    let records = bounds(affected.lower, affected.estimate, affected.upper);
    let people = match &affected.people {
        Some(people) => {
            format!("people: {} ({})", bounds(people.lower, people.estimate, people.upper), affected.people_reason)
        }
        None => affected.people_reason.clone(),
    };
    let places = (!affected.places_reason.is_empty() || !affected.places.is_empty()).then(|| places(affected));
    let tables = match (affected.n_tables, affected.tables.is_empty()) {
        (0, _) | (_, false) => None,
        (1, true) => Some("records named by their ids lie in 1 table".to_owned()),
        (n, true) => Some(format!("records named by their ids lie in {} tables", thousands(n))),
    };
    let of_table = affected.tables.iter().map(|table| {
        format!("records of {} named by their ids: {}", table.table, bounds(table.lower, table.estimate, table.upper))
    });
    let all = [format!("records: {records} ({})", affected.reason), people].into_iter().chain(places);
    let all = all.chain(tables).chain(of_table);
    all.take(ITEMS_MAX).map(shown).collect()
}

/// `people by where they live: 612 in US-CA (counted by a person), 40 to 52 in DE; and 3 more places (why)`. The reason goes last: it may be cut.
fn places(affected: &NoticeAffected) -> String {
    let mut words: Vec<String> = (affected.places.iter())
        .map(|of| format!("{} in {}{}", of.count, of.place, if of.by_person { " (counted by a person)" } else { "" }))
        .collect();
    match affected.n_places_beyond {
        0 => {}
        1 => words.push("and 1 more place".into()),
        n => words.push(format!("and {} more places", thousands(n))),
    }
    if words.is_empty() {
        words.push("not known of anybody".into());
    }
    let reason = match affected.places_reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    format!("people by where they live: {}{reason}", words.join(", "))
}

/// `at least 12, about 40, at most 1,840`; where all three are one number, that.
fn bounds(lower: u64, estimate: u64, upper: u64) -> String {
    if lower == upper {
        return thousands(upper);
    }
    format!("at least {}, about {}, at most {}", thousands(lower), thousands(estimate), thousands(upper))
}

fn figures(notice: &Notice) -> Vec<(String, String)> {
    let shown = |text: &str| printable_within(text, REASON_CHARACTERS_MAX);
    notice.figures.iter().take(ITEMS_MAX).map(|figure| (shown(&figure.name), shown(&figure.words))).collect()
}

pub(crate) fn mark(notice: &Notice) -> &'static str {
    match (notice.kind, notice.drill) {
        (NoticeKind::Digest, _) => DIGEST,
        (NoticeKind::ContactTest, _) => TEST,
        (_, Some(_)) => "DRILL",
        (_, None) => "INCIDENT",
    }
}

pub(crate) const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}

const fn headline(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Opened => "New incident",
        NoticeKind::Escalated => "Incident escalated",
        NoticeKind::DeadlineWarning => "Deadline near",
        NoticeKind::Acknowledged => "Incident acknowledged",
        NoticeKind::Closed => "Incident closed",
        NoticeKind::Digest => "Daily digest",
        NoticeKind::ContactTest => "Contact test",
        NoticeKind::Draft => "What the law wants told",
    }
}

/// `2026-03-02 21:14:00 UTC`.
fn utc(at: Timestamp) -> String {
    let (year, month, day, hour, minute, second, _) = at.to_civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `1,840`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Only what a browser opens as a page may become a link.
fn is_web_address(link: &str) -> bool {
    (link.starts_with("https://") || link.starts_with("http://")) && !link.contains(char::is_whitespace)
}

/// A notice for tests.
#[cfg(test)]
pub(crate) fn example() -> Notice {
    use activity::{DataClass, Entity, EntityKind, Span};
    use incident::{
        AffectedPeople, AffectedTable, DeadlineFact, Headcount, IncidentId, NoticeAffected, NoticeFigure, NoticeId,
        NoticePlace,
    };
    let decided_at: Timestamp = "2026-03-02T21:15:00Z".parse().expect("a time");
    Notice {
        id: NoticeId("0123456789abcdef0123456789abcdef".into()),
        incident: IncidentId(7),
        kind: NoticeKind::Opened,
        channel: "pager".into(),
        decided_at,
        hold_until: None,
        expires_at: decided_at + Span::from_hours(1),
        severity: Severity::Critical,
        subject: Entity::new(EntityKind::PortalUser, "u1042"),
        data_classes: DataClass::Hr.into(),
        affected_records: 1840,
        title: "u1042 read 1,840 rows of hr_payroll".into(),
        reasons: vec!["read 1,840 rows of hr_payroll in 5 min; 12 is usual".into()],
        figures: [("seen", "seen: 1,840 rows in the hour of Monday 21:00 UTC"), ("normal", "normal: more such hours")]
            .map(|(name, words)| NoticeFigure { name: name.into(), words: words.into() })
            .into(),
        affected: Some(NoticeAffected {
            lower: 240,
            estimate: 240,
            upper: 1840,
            reason: "at least: different ids".into(),
            people: Some(AffectedPeople { lower: 240, estimate: 240, upper: 240 }),
            people_reason: "different employees' numbers".into(),
            places: vec![NoticePlace { place: "US-CA".into(), count: Headcount::between(12, 40), by_person: false }],
            n_places_beyond: 0,
            places_reason: "each where the directory says".into(),
            n_tables: 1,
            tables: vec![AffectedTable { table: "hr.hr_payroll".into(), lower: 230, estimate: 240, upper: 250 }],
        }),
        n_alerts: 3,
        first_seen_at: decided_at - Span::from_minutes(1),
        deadlines: vec![DeadlineFact {
            obligation: "eu-gdpr-33-authority".into(),
            name: "GDPR Art. 33: tell the authority".into(),
            due_at: Some(decided_at + Span::from_hours(72)),
            simulated: false,
            assumed: Vec::new(),
        }],
        n_deadlines_beyond: 0,
        wording: None,
        checkpoint: None,
        link: Some("https://breachd.example/incidents/INC-7".into()),
        digest: Vec::new(),
        document: None,
        drill: None,
        recipient: None,
        again: 0,
    }
}

/// A digest for tests.
#[cfg(test)]
pub(crate) fn example_digest() -> Notice {
    use activity::{Entity, EntityKind, Mode};
    let line = |n: u8, severity, one_in, mode, note: Option<&str>| DigestLine {
        alert: detector::AlertId::parse(&format!("{n:02x}").repeat(16)).expect("an id"),
        raised_at: "2026-03-02T03:04:05Z".parse().expect("a time"),
        severity,
        subject: Entity::new(EntityKind::PortalUser, format!("u{n}")),
        detector: "drift".into(),
        why: format!("reason {n}"),
        one_in,
        mode,
        note: note.map(String::from),
    };
    Notice {
        incident: incident::IncidentId::NONE,
        kind: NoticeKind::Digest,
        title: "5 alerts that interrupted nobody, 2026-03-03".into(),
        reasons: Vec::new(),
        figures: Vec::new(),
        affected: None,
        deadlines: Vec::new(),
        n_deadlines_beyond: 0,
        wording: None,
        checkpoint: None,
        digest: vec![
            line(1, Severity::High, Some(1_200_000), Mode::Live, Some("an exception holds, Jana Weiss answers")),
            line(2, Severity::Low, None, Mode::Drill(activity::DrillId(1)), None),
        ],
        n_alerts: 5,
        link: Some("https://breachd.example/".into()),
        ..example()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity::DrillId;

    #[test]
    fn says_every_fact_once() {
        let expected = "\
New incident: u1042 read 1,840 rows of hr_payroll

Incident: INC-7
Severity: critical
What it is about: portal_user u1042
Data: hr
Records concerned, at most: 1,840
Alerts: 3
First seen: 2026-03-02 21:14:00 UTC
Decided: 2026-03-02 21:15:00 UTC

Deadlines
- GDPR Art. 33: tell the authority: 2026-03-05 21:15:00 UTC (3 d left when this was written)

Why
- read 1,840 rows of hr_payroll in 5 min; 12 is usual
- and 2 more

How many it concerns
- records: at least 240, about 240, at most 1,840 (at least: different ids)
- people: 240 (different employees' numbers)
- people by where they live: 12 to 40 in US-CA (each where the directory says)
- records of hr.hr_payroll named by their ids: at least 230, about 240, at most 250

See and act on it: https://breachd.example/incidents/INC-7

The figures behind it
- seen: 1,840 rows in the hour of Monday 21:00 UTC
- normal: more such hours
";
        assert_eq!(Facts::of(&example()).plain_text(), expected);
    }

    #[test]
    fn a_digest_is_its_alerts_and_nothing_to_be_alarmed_by() {
        let expected = "\
Daily digest: 5 alerts that interrupted nobody, 2026-03-03

Since: 2026-03-02 21:14:00 UTC
Until: 2026-03-02 21:15:00 UTC
Alerts that interrupted nobody: 5

The worst first
- 2026-03-02 03:04:05 UTC, high, portal_user u1, drift: reason 1 (1 in 1,200,000); an exception holds, Jana Weiss answers; alert 01010101010101010101010101010101
- 2026-03-02 03:04:05 UTC, DRILL, low, portal_user u2, drift: reason 2; alert 02020202020202020202020202020202
- and 3 more

See and act on it: https://breachd.example/
";
        let facts = Facts::of(&example_digest());
        assert_eq!(facts.plain_text(), expected);
        assert_eq!(facts.subject_line(), "[DIGEST] 5 alerts that interrupted nobody, 2026-03-03");
        let checkpoint =
            "example.com/journal 7 d3HO6fpv8VJBQbdMO+Z0VsVoS4m1e5QcthaXFkC0Rm8= — example.com/journal 56ry";
        let signed = Notice { checkpoint: Some(checkpoint.into()), ..example_digest() };
        assert!(
            Facts::of(&signed)
                .plain_text()
                .contains(&format!("\nCheckpoint of the journal, to be kept: {checkpoint}\n"))
        );
        let nothing = Notice { n_alerts: 0, digest: Vec::new(), title: "nothing to report".into(), ..example_digest() };
        assert!(Facts::of(&nothing).plain_text().contains("\nAlerts that interrupted nobody: 0\n"));
    }

    #[test]
    fn a_contact_is_told_how_to_answer() {
        let mut notice = example();
        assert_eq!(Facts::of(&notice).answer, None);
        let link = Some("https://breachd.example/ack/abc".to_owned());
        let reply = Some(incident::Reply { link, code: None });
        let to = incident::Recipient {
            contact: "ada".into(),
            title: "Ada\r\nLovelace".into(),
            address: "ada@example.com".into(),
            reply: None,
        };
        notice.recipient = Some(to.clone());
        assert_eq!(Facts::of(&notice).answer, None, "the way to answer is put in when it is handed over");
        notice.recipient = Some(incident::Recipient { reply, ..to.clone() });
        let text = Facts::of(&notice).plain_text();
        assert!(
            text.contains("\nAcknowledge it as Ada␍␊Lovelace: https://breachd.example/ack/abc\nThe page asks"),
            "{text}"
        );
        let json = serde_json::to_string(&notice).unwrap();
        assert!(json.contains("ada@example.com") && !json.contains("/ack/"), "never journaled: {json}");
        let reply = Some(incident::Reply { link: Some("javascript:alert(1)".into()), code: Some("12345678".into()) });
        let (kind, title) = (NoticeKind::ContactTest, "a test for Ada".to_owned());
        let test = Notice { kind, title, recipient: Some(incident::Recipient { reply, ..to }), ..example() };
        let facts = Facts::of(&test);
        assert_eq!(facts.subject_line(), "[TEST] a test for Ada");
        let text = facts.plain_text();
        assert!(text.contains("breachd contacts confirm ada 12345678\n") && !text.contains("javascript"), "{text}");
        assert!(!text.contains("Records concerned"), "{text}");
    }

    #[test]
    fn a_drill_says_so_first() {
        let mut notice = Notice { drill: Some(DrillId(1)), ..example() };
        notice.deadlines[0].simulated = true;
        let facts = Facts::of(&notice);
        assert!(facts.subject_line().starts_with("[DRILL] CRITICAL INC-7: "));
        assert!(facts.plain_text().starts_with("[DRILL] This is a drill (drill-0000000000000001)."));
        assert!(facts.plain_text().contains("this deadline does not run"));
    }

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        let notice = Notice {
            title: "evil\r\nBcc: all@example.com\u{202e}".into(),
            reasons: vec!["x\u{1b}[2J".repeat(500)],
            figures: vec![incident::NoticeFigure { name: "\u{202e}".into(), words: "y\u{1b}[2J".repeat(500) }; 40],
            link: Some("javascript:alert(1)".into()),
            ..example()
        };
        let facts = Facts::of(&notice);
        assert_eq!(facts.title, "evil␍␊Bcc: all@example.com\\u{202e}");
        assert!(facts.reasons[0].chars().count() <= 400 && !facts.reasons[0].contains('\u{1b}'));
        assert_eq!(facts.link, None);
        let (name, words) = &facts.figures[0];
        assert!(name == "\\u{202e}" && words.chars().count() <= 400 && !words.contains('\u{1b}'), "{name} {words}");
        assert_eq!(facts.figures.len(), ITEMS_MAX);
    }

    #[test]
    fn counts_are_told_without_names_where_names_may_not_leave() {
        let mut notice = example();
        let affected = notice.affected.as_mut().unwrap();
        (affected.n_tables, affected.people) = (3, None);
        affected.tables.clear();
        affected.places.clear();
        affected.places_reason.clear();
        affected.people_reason = "people cannot be counted: the ids are not employees' numbers".into();
        let told = Facts::of(&notice).affected;
        assert_eq!(told[1], "people cannot be counted: the ids are not employees' numbers");
        assert_eq!(told[2..], ["records named by their ids lie in 3 tables"]);
        notice.affected = None;
        assert!(!Facts::of(&notice).plain_text().contains(AFFECTED_HEADING), "no heading without anything below");
    }

    #[test]
    fn places_and_open_thresholds_are_told() {
        let mut notice = example();
        let told = |notice: &Notice| Facts::of(notice).affected[2].clone();
        assert_eq!(told(&notice), "people by where they live: 12 to 40 in US-CA (each where the directory says)");
        let affected = notice.affected.as_mut().unwrap();
        (affected.places[0].by_person, affected.n_places_beyond) = (true, 2);
        affected.places_reason.clear();
        let by_person = "people by where they live: 12 to 40 in US-CA (counted by a person), and 2 more places";
        assert_eq!(told(&notice), by_person);
        notice.deadlines[0].assumed = vec!["more than 500 residents".into()];
        assert!(Facts::of(&notice).deadlines[0].1.ends_with("; open, read strictly: more than 500 residents"));
    }

    #[test]
    fn what_is_counted_names_nobody_and_quotes_no_log() {
        let expected = "\
New incident: possible breach of data of class hr

Incident: INC-7
Severity: critical
What it is about: a portal user
Data: hr
Records concerned, at most: 1,840
Alerts: 3
First seen: 2026-03-02 21:14:00 UTC
Decided: 2026-03-02 21:15:00 UTC

Deadlines
- GDPR Art. 33: tell the authority: 2026-03-05 21:15:00 UTC (3 d left when this was written)

How many it concerns
- records: at least 240, about 240, at most 1,840
- people: 240

See and act on it: https://breachd.example/incidents/INC-7
";
        assert_eq!(Facts::told(&example(), Tell::Counts).plain_text(), expected);
        let noted = Notice { wording: Some("not delivered".into()), ..example() };
        assert!(Facts::told(&noted, Tell::Counts).plain_text().contains("\nPlease note: not delivered\n"));
        assert_eq!(Facts::told(&example(), Tell::Names), Facts::of(&example()));
        let hostile = Notice {
            title: "MARK".into(),
            reasons: vec!["MARK".into()],
            subject: activity::Entity::new(activity::EntityKind::PortalUser, "MARK"),
            figures: vec![incident::NoticeFigure { name: "MARK".into(), words: "MARK".into() }],
            data_classes: Default::default(),
            ..example()
        };
        let told = format!("{:?}", Facts::told(&hostile, Tell::Counts));
        assert!(!told.contains("MARK") && told.contains("unusual activity"), "{told}");
    }

    #[test]
    fn an_overdue_deadline_is_called_so() {
        let mut notice = example();
        notice.deadlines[0].due_at = Some(notice.decided_at - activity::Span::from_hours(1));
        assert!(Facts::of(&notice).deadlines[0].1.contains("overdue"));
        notice.deadlines[0].due_at = None;
        assert_eq!(Facts::of(&notice).deadlines[0].1, "without undue delay");
        notice.n_deadlines_beyond = 7;
        let told = Facts::of(&notice).deadlines;
        assert_eq!(
            told.last().map(|(name, due)| (name.as_str(), due.as_str())),
            Some(("and 7 more", "see the incident"))
        );
    }
}
