//! iCalendar (RFC 5545) as a source of shifts: what on-call tools and calendars export, one event per shift.
//!
//! Read is what a shift needs; what would move it and is not known here is refused with its line, because a shift at the wrong
//! time calls the wrong person. Known: `VEVENT` with `DTSTART`, `DTEND` or `DURATION` (in UTC, with an IANA `TZID`, local to the
//! schedule, or whole days), `RRULE` with `FREQ=DAILY` or `WEEKLY`, `INTERVAL`, `COUNT`, `UNTIL`, `BYDAY`, `WKST`; `EXDATE`;
//! `STATUS:CANCELLED`. Refused: `RDATE`, `RECURRENCE-ID`, other rules. `VTIMEZONE` is passed over: a name means the IANA zone.
//!
//! Whose shift it is: an `ATTENDEE` whose address is a contact's e-mail; else a `SUMMARY` that is a contact's name or title, or
//! in which exactly one contact's title stands ("On Call - Privacy - Ada Lovelace").
//!
//! Where it departs from the letter: an event that repeats ends at the same time of day each time, also over a change of
//! clocks. RFC 5545 (3.8.5.3) keeps the exact length, which would leave an hour without anybody, or with two. Of several
//! events at a time, the one that began last counts: a swap lies over the week it is taken from.
//!
//! The alternative, crates for calendars and rules, brings a second library of time and zones with it, for rules
//! (the last Friday of a month) that no rotation has.

use crate::{
    Contact, limits,
    schedule::{days_between, days_later, instant, local, weekday_index},
};
use activity::Timestamp;
use jiff::{
    Span, SpanFieldwise,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};
use std::collections::{BTreeMap, BTreeSet};

/// Shifts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calendar {
    events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq)]
struct Event {
    contact: String,
    zone: TimeZone,
    start: DateTime,
    /// In local time.
    length: SpanFieldwise,
    /// The first occurrence.
    from: Timestamp,
    until: Timestamp,
    rule: Option<Rule>,
    /// Local starts that are left out.
    except: BTreeSet<DateTime>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    weekly: bool,
    interval: i32,
    /// Monday first; of a weekly rule.
    days: [bool; 7],
    week_starts: Weekday,
    count: Option<i64>,
    until: Option<Until>,
}

#[derive(Clone, Debug, PartialEq)]
enum Until {
    /// This day included.
    Day(Date),
    Local(DateTime),
    Instant(Timestamp),
}

/// (line, problem)
type Problems = Vec<(usize, String)>;

impl Calendar {
    /// Whose shift it is at a time, and from when until when.
    pub(crate) fn at(&self, at: Timestamp) -> Option<(&str, Timestamp, Timestamp)> {
        let covering = self.events.iter().filter_map(|event| {
            let (from, until) = event.at(at)?;
            Some((event.contact.as_str(), from, until))
        });
        // The last of equals.
        covering.max_by_key(|(_, from, _)| *from)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(|event| event.contact.as_str())
    }

    /// Every start and end that may lie between two days.
    pub(crate) fn changes(&self, first: Date, last: Date) -> impl Iterator<Item = Timestamp> {
        self.events.iter().flat_map(move |event| event.changes(first, last))
    }
}

impl Event {
    fn at(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let holds = |(from, until): &(Timestamp, Timestamp)| *from <= at && at < *until;
        if self.rule.is_none() {
            return Some((self.from, self.until)).filter(holds);
        }
        if at < self.from {
            return None;
        }
        let today = local(&self.zone, at)?.date();
        let back = 0..=i64::from(self.length.0.get_days()) + 1;
        back.filter_map(|back| self.on(days_later(today, -back)?)).find(holds)
    }

    /// The occurrence that starts on a local day.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let Some(rule) = &self.rule else {
            return (day == self.start.date()).then_some((self.from, self.until));
        };
        let start = day.to_datetime(self.start.time());
        let from = instant(&self.zone, start)?;
        let ended = match &rule.until {
            None => false,
            Some(Until::Day(last)) => *last < day,
            Some(Until::Local(last)) => *last < start,
            Some(Until::Instant(last)) => *last < from,
        };
        if ended || self.except.contains(&start) || !rule.meets(self.start.date(), day) {
            return None;
        }
        Some((from, instant(&self.zone, start.checked_add(self.length.0).ok()?)?))
    }

    fn changes(&self, first: Date, last: Date) -> Vec<Timestamp> {
        if self.rule.is_none() {
            return vec![self.from, self.until];
        }
        let mut changes = Vec::new();
        let mut day = days_later(first, -i64::from(self.length.0.get_days()) - 1);
        while let Some(at) = day.filter(|day| *day <= last) {
            changes.extend(self.on(at).into_iter().flat_map(|(from, until)| [from, until]));
            day = days_later(at, 1);
        }
        changes
    }
}

impl Rule {
    /// Whether an occurrence falls on a day, by interval, days and count.
    fn meets(&self, start: Date, day: Date) -> bool {
        let Some(since) = days_between(start, day).filter(|since| *since >= 0) else { return false };
        let number = if self.weekly {
            let place = |day: Date| (weekday_index(day.weekday()) + 7 - weekday_index(self.week_starts)) % 7;
            let (of_start, of_day) = (place(start), place(day));
            let weeks = (since + of_start as i32 - of_day as i32) / 7;
            if weeks % self.interval != 0 || !self.days[weekday_index(day.weekday())] {
                return false;
            }
            let before = |place: usize| {
                (0..place).filter(|n| self.days[(n + weekday_index(self.week_starts)) % 7]).count() as i64
            };
            let a_week = self.days.iter().filter(|day| **day).count() as i64;
            i64::from(weeks / self.interval) * a_week + before(of_day) - before(of_start)
        } else {
            if since % self.interval != 0 {
                return false;
            }
            i64::from(since / self.interval)
        };
        self.count.is_none_or(|count| number < count)
    }
}

/// One content line, unfolded.
struct Line {
    number: usize,
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
}

/// The events of one calendar file; `zone` is where its local times are at home. Errors: everything that is wrong.
pub(crate) fn parse(text: &str, zone: &TimeZone, contacts: &BTreeMap<String, Contact>) -> Result<Calendar, Problems> {
    let mut problems = Problems::new();
    let mut events = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut properties: Vec<Line> = Vec::new();
    let mut is_calendar = false;
    for line in unfold(text) {
        let line = match content(line) {
            Ok(line) => line,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        match line.name.as_str() {
            "BEGIN" => {
                let component = line.value.to_ascii_uppercase();
                is_calendar |= open.is_empty() && component == "VCALENDAR";
                open.push(component);
                if open.len() == 2 {
                    properties.clear();
                }
                if open.len() > 8 {
                    return Err(vec![(line.number, "components lie too deep in each other".into())]);
                }
            }
            "END" => {
                if open.last() != Some(&line.value.to_ascii_uppercase()) {
                    return Err(vec![(line.number, format!("`END:{}` ends nothing that began", shown(&line.value)))]);
                }
                if open.len() == 2 && open[1] == "VEVENT" {
                    if events.len() >= limits::EVENTS_MAX {
                        return Err(vec![(line.number, format!("more than {} events", limits::EVENTS_MAX))]);
                    }
                    match event(&properties, line.number, zone, contacts) {
                        Ok(event) => events.extend(event),
                        Err(problem) => problems.push(problem),
                    }
                }
                open.pop();
            }
            // What lies deeper (alarms) says nothing about the shift.
            _ if open.len() == 2 && open[1] == "VEVENT" => properties.push(line),
            _ => {}
        }
    }
    if !is_calendar || !open.is_empty() {
        problems.push((1, "is no calendar: it must begin with `BEGIN:VCALENDAR` and end with `END:VCALENDAR`".into()));
    }
    if problems.is_empty() { Ok(Calendar { events }) } else { Err(problems) }
}

/// Lines as they were before they were folded (RFC 5545, 3.1), with the number of their first.
fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}

/// `NAME;PARAMETER=VALUE;PARAMETER="VALUE":VALUE`
fn content((number, line): (usize, String)) -> Result<Line, (usize, String)> {
    let unreadable = || (number, format!("`{}` is no line of a calendar", shown(&line)));
    let mut quoted = false;
    let colon = line.find(|character: char| {
        quoted ^= character == '"';
        character == ':' && !quoted
    });
    let (head, value) = line.split_at(colon.ok_or_else(unreadable)?);
    let mut quoted = false;
    let mut parts = head.split(|character: char| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    let name = parts.next().unwrap_or_default().to_ascii_uppercase();
    let parameters = parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(unreadable)?;
    Ok(Line { number, name, parameters, value: value[1..].to_owned() })
}

fn shown(text: &str) -> String {
    activity::printable_within(text, 60)
}

/// Properties of an event that do not say when or whose it is.
const IGNORED: [&str; 21] = [
    "UID",
    "DTSTAMP",
    "CREATED",
    "LAST-MODIFIED",
    "SEQUENCE",
    "DESCRIPTION",
    "LOCATION",
    "TRANSP",
    "CLASS",
    "CATEGORIES",
    "ORGANIZER",
    "URL",
    "PRIORITY",
    "GEO",
    "COMMENT",
    "CONTACT",
    "RESOURCES",
    "ATTACH",
    "COLOR",
    "RELATED-TO",
    "IMAGE",
];

/// One event; `None`: it was cancelled.
fn event(
    properties: &[Line],
    end: usize,
    zone: &TimeZone,
    contacts: &BTreeMap<String, Contact>,
) -> Result<Option<Event>, (usize, String)> {
    let mut seen: BTreeMap<&str, &Line> = BTreeMap::new();
    let (mut attendees, mut exceptions) = (Vec::new(), Vec::new());
    for line in properties {
        match line.name.as_str() {
            "DTSTART" | "DTEND" | "DURATION" | "RRULE" | "SUMMARY" | "STATUS" => {
                if seen.insert(&line.name, line).is_some() {
                    return Err((line.number, format!("`{}` stands twice in one event", line.name)));
                }
            }
            "ATTENDEE" => attendees.push(line),
            "EXDATE" => exceptions.push(line),
            name if IGNORED.contains(&name) || name.starts_with("X-") => {}
            name => {
                let problem = format!("`{}` may move a shift and is not known here; write the shifts out", shown(name));
                return Err((line.number, problem));
            }
        }
    }
    if seen.get("STATUS").is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED")) {
        return Ok(None);
    }
    let starts = *seen.get("DTSTART").ok_or_else(|| (end, "the event that ends here has no `DTSTART`".to_owned()))?;
    let (start, own_zone, whole_days) = time(starts, zone)?;
    let length = match (seen.get("DTEND"), seen.get("DURATION")) {
        (Some(line), None) => {
            let (ends, other_zone, other_days) = time(line, zone)?;
            if whole_days != other_days {
                return Err((line.number, "`DTSTART` and `DTEND` must both be days, or both be times".into()));
            }
            // In the zone of the start.
            let ends = instant(&other_zone, ends).and_then(|at| local(&own_zone, at));
            ends.and_then(|ends| start.until((jiff::Unit::Day, ends)).ok())
        }
        (None, Some(line)) => {
            let length: Option<Span> = line.value.parse().ok();
            let fits = |length: &Span| length.get_years() == 0 && length.get_months() == 0;
            let ends = length.filter(fits).and_then(|length| start.checked_add(length).ok());
            ends.and_then(|ends| start.until((jiff::Unit::Day, ends)).ok())
        }
        (None, None) if whole_days => days_later(start.date(), 1)
            .and_then(|ends| start.until((jiff::Unit::Day, ends.to_datetime(start.time()))).ok()),
        _ => return Err((starts.number, "an event needs `DTEND` or `DURATION`, and not both".into())),
    };
    let until = length.and_then(|length| instant(&own_zone, start.checked_add(length).ok()?));
    let from = instant(&own_zone, start);
    let (Some(length), Some(from), Some(until)) = (length, from, until) else {
        return Err((starts.number, "the event has no length that can be read".into()));
    };
    if until <= from || i64::from(length.get_days()) > limits::SHIFT_DAYS_MAX {
        let problem = format!("a shift ends after it begins, and at most {} days later", limits::SHIFT_DAYS_MAX);
        return Err((starts.number, problem));
    }
    let rule = seen.get("RRULE").map(|line| rule(line, &start)).transpose()?;
    let mut except = BTreeSet::new();
    for line in exceptions {
        for value in line.value.split(',') {
            let one = Line {
                number: line.number,
                name: line.name.clone(),
                parameters: line.parameters.clone(),
                value: value.to_owned(),
            };
            let (left_out, other_zone, other_days) = time(&one, zone)?;
            if whole_days != other_days {
                return Err((line.number, "`DTSTART` and `EXDATE` must both be days, or both be times".into()));
            }
            except.extend(instant(&other_zone, left_out).and_then(|at| local(&own_zone, at)));
        }
        if except.len() > limits::EXCEPTIONS_MAX {
            return Err((line.number, format!("more than {} exceptions", limits::EXCEPTIONS_MAX)));
        }
    }
    let contact =
        whose(&attendees, seen.get("SUMMARY").copied(), contacts).map_err(|problem| (starts.number, problem))?;
    Ok(Some(Event { contact, zone: own_zone, start, length: length.fieldwise(), from, until, rule, except }))
}

/// The local time, its zone, and whether it is a whole day.
fn time(line: &Line, zone: &TimeZone) -> Result<(DateTime, TimeZone, bool), (usize, String)> {
    let problem = |what: String| (line.number, format!("`{}`: {what}", line.name));
    let mut own = zone.clone();
    for (name, value) in &line.parameters {
        match name.as_str() {
            "TZID" => own = crate::contact::zone_of(value).map_err(problem)?,
            "VALUE" if ["DATE", "DATE-TIME"].contains(&value.as_str()) => {}
            name if name.starts_with("X-") => {}
            name => return Err(problem(format!("the parameter `{}` is not known here", shown(name)))),
        }
    }
    let (local, is_utc, is_day) = local_time(&line.value)
        .ok_or_else(|| problem(format!("`{}` is no time such as `20260302T090000`", shown(&line.value))))?;
    Ok((local, if is_utc { TimeZone::UTC } else { own }, is_day))
}

/// `20260302T090000`, `…Z`, `20260302`: the time, whether it is in UTC, whether it is a day.
fn local_time(text: &str) -> Option<(DateTime, bool, bool)> {
    let (text, is_utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let number = |text: &str, from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let two = |text: &str, from: usize| i8::try_from(number(text, from, from + 2)?).ok();
    if day.len() != 8 || time.is_some_and(|time| time.len() != 6) {
        return None;
    }
    let date = Date::new(number(day, 0, 4)?, two(day, 4)?, two(day, 6)?).ok()?;
    let at = match time {
        // A leap second is the last second of its minute.
        Some(time) => Time::new(two(time, 0)?, two(time, 2)?, two(time, 4)?.min(59), 0).ok()?,
        None if is_utc => return None,
        None => Time::midnight(),
    };
    Some((date.to_datetime(at), is_utc, time.is_none()))
}

fn rule(line: &Line, start: &DateTime) -> Result<Rule, (usize, String)> {
    let problem = |what: String| (line.number, format!("`RRULE`: {what}"));
    let weekday = |text: &str| {
        let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
        names.iter().position(|name| *name == text)
    };
    let mut rule =
        Rule { weekly: false, interval: 1, days: [false; 7], week_starts: Weekday::Monday, count: None, until: None };
    let mut frequency = None;
    for part in line.value.split(';') {
        let (name, value) = part.split_once('=').ok_or_else(|| problem(format!("`{}` says nothing", shown(part))))?;
        let unknown = || problem(format!("`{}` is not known here; write the shifts out", shown(part)));
        let positive = || value.parse::<i32>().ok().filter(|n| (1..=10_000).contains(n)).ok_or_else(unknown);
        match name {
            "FREQ" => frequency = Some(value),
            "INTERVAL" => rule.interval = positive()?,
            "COUNT" => rule.count = Some(i64::from(positive()?)),
            "UNTIL" => {
                let (at, is_utc, is_day) = local_time(value).ok_or_else(unknown)?;
                rule.until = Some(match (is_utc, is_day) {
                    (true, _) => Until::Instant(instant(&TimeZone::UTC, at).ok_or_else(unknown)?),
                    (false, true) => Until::Day(at.date()),
                    (false, false) => Until::Local(at),
                });
            }
            "BYDAY" => {
                for day in value.split(',') {
                    rule.days[weekday(day).ok_or_else(unknown)?] = true;
                }
            }
            "WKST" => {
                let offset = i8::try_from(weekday(value).ok_or_else(unknown)?).map_err(|_| unknown())?;
                rule.week_starts = Weekday::from_monday_zero_offset(offset).map_err(|_| unknown())?;
            }
            _ => return Err(unknown()),
        }
    }
    let of_start = weekday_index(start.date().weekday());
    match frequency {
        Some("DAILY") if rule.days == [false; 7] => {}
        Some("WEEKLY") => {
            rule.weekly = true;
            if rule.days == [false; 7] {
                rule.days[of_start] = true;
            }
            if !rule.days[of_start] {
                return Err(problem("`DTSTART` must fall on a day of `BYDAY`".into()));
            }
        }
        _ => {
            return Err(problem(
                "only `FREQ=DAILY` without days and `FREQ=WEEKLY` are known; write the shifts out".into(),
            ));
        }
    }
    if rule.count.is_some() && rule.until.is_some() {
        return Err(problem("`COUNT` and `UNTIL` exclude each other".into()));
    }
    Ok(rule)
}

/// The contact whose shift it is.
fn whose(attendees: &[&Line], summary: Option<&Line>, contacts: &BTreeMap<String, Contact>) -> Result<String, String> {
    let mut found = BTreeSet::new();
    for line in attendees {
        let address = line.value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
        let address = address.map_or("", |_| &line.value[7..]);
        let meant = |contact: &&Contact| contact.email().is_some_and(|email| email.eq_ignore_ascii_case(address));
        found.extend(contacts.values().filter(meant).map(|contact| contact.name.as_str()));
    }
    let summary = summary.map_or_else(String::new, |line| unescape(&line.value));
    if found.is_empty() {
        let is = |contact: &&Contact| {
            contact.name == summary.trim() || contact.title.to_lowercase() == summary.trim().to_lowercase()
        };
        found.extend(contacts.values().filter(is).map(|contact| contact.name.as_str()));
    }
    if found.is_empty() {
        let summary = summary.to_lowercase();
        let holds = |contact: &&Contact| summary.contains(&contact.title.to_lowercase());
        found.extend(contacts.values().filter(holds).map(|contact| contact.name.as_str()));
    }
    match (found.first(), found.len()) {
        (Some(one), 1) => Ok((*one).to_owned()),
        (None, _) => Err(format!("`{}` names no contact, and no attendee is one", shown(&summary))),
        (_, n) => Err(format!("`{}` means {n} contacts; a shift is one person's", shown(&summary))),
    }
}

/// `\,` `\;` `\n` `\\` (RFC 5545, 3.3.11).
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n' | 'N') => plain.push(' '),
                Some(other) => plain.push(other),
                None => {}
            },
            (other, false) => plain.push(other),
        }
    }
    plain
}
