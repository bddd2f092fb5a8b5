//! On-call schedules: overrides over layers, each layer turns of its members or a calendar.
//!
//! Whoever is on call at a time follows from that time alone, in a few steps of arithmetic: nothing is rolled out and kept, so a
//! schedule has no horizon at which it ends silently. Gaps are found by asking at every time at which the answer can change.

use crate::{
    Contact, Mistakes,
    calendar::{self, Calendar},
    contact::{word_problem, zone_of},
    limits, span,
};
use activity::Timestamp;
use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Who is on call when.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub name: String,
    pub zone: TimeZone,
    layers: Vec<Layer>,
    overrides: Vec<Override>,
}

/// Who is on call, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCall<'a> {
    /// Name of a contact.
    pub contact: &'a str,
    pub because: String,
}

/// A time in which nobody is on call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Timestamp,
    /// The end of the time that was looked through, if it lasts beyond that.
    pub until: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
struct Layer {
    shifts: Shifts,
    /// Outside of these hours the layer has nobody.
    only: Option<Hours>,
}

#[derive(Clone, Debug, PartialEq)]
enum Shifts {
    Turns(Turns),
    Calendar(Calendar),
}

/// Members one after the other.
#[derive(Clone, Debug, PartialEq)]
struct Turns {
    members: Vec<String>,
    /// First day of the first member's first turn.
    from: Date,
    /// Day on whose hand-over the last turn ends.
    until: Option<Date>,
    days: i32,
    hand_over: Time,
}

/// Hours of some days. Equal ends: a day long.
#[derive(Clone, Debug, PartialEq)]
struct Hours {
    /// By the day on which they begin, Monday first.
    weekdays: [bool; 7],
    from: Time,
    to: Time,
}

#[derive(Clone, Debug, PartialEq)]
struct Override {
    contact: String,
    from: Timestamp,
    until: Timestamp,
    reason: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSchedule {
    name: String,
    zone: String,
    layers: Vec<WrittenLayer>,
    #[serde(default)]
    overrides: Vec<WrittenOverride>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLayer {
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    turn: Option<String>,
    #[serde(default)]
    hand_over: Option<String>,
    #[serde(default)]
    calendar_file: Option<String>,
    #[serde(default)]
    weekdays: Option<Vec<String>>,
    /// `09:00-17:00`
    #[serde(default)]
    hours: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOverride {
    contact: String,
    from: String,
    until: String,
    reason: String,
}

/// The instant of a local time; of one that is skipped, an hour later; of one that comes twice, the first.
pub(crate) fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let at = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

pub(crate) fn local(zone: &TimeZone, at: Timestamp) -> Option<DateTime> {
    Some(zone.to_datetime(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?))
}

pub(crate) fn days_between(from: Date, to: Date) -> Option<i32> {
    Some(to.since(from).ok()?.get_days())
}

pub(crate) fn days_later(day: Date, days: i64) -> Option<Date> {
    day.checked_add(days.days()).ok()
}

impl Turns {
    /// Whose turn it is, and from when until when.
    fn at(&self, zone: &TimeZone, at: Timestamp) -> Option<(&str, Timestamp, Timestamp)> {
        let begins = |day: Date| instant(zone, day.to_datetime(self.hand_over));
        let today = local(zone, at)?.date();
        // Where a zone skips a day, two days back.
        let day = [0, -1, -2]
            .into_iter()
            .filter_map(|back| days_later(today, back))
            .find(|day| begins(*day).is_some_and(|begins| begins <= at))?;
        let since = days_between(self.from, day)?;
        if since < 0 || self.until.is_some_and(|until| until <= day) {
            return None;
        }
        let turn = since / self.days;
        let n = i32::try_from(self.members.len()).ok().filter(|n| *n > 0)?;
        let member = self.members.get(usize::try_from(turn % n).ok()?)?;
        let first = days_later(self.from, i64::from(turn) * i64::from(self.days))?;
        let last = days_later(first, i64::from(self.days))?;
        let last = self.until.map_or(last, |until| until.min(last));
        Some((member, begins(first)?, begins(last)?))
    }
}

impl Hours {
    fn of_day(&self, zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.weekdays[weekday_index(day.weekday())] {
            return None;
        }
        let ends_on = if self.from < self.to { day } else { days_later(day, 1)? };
        Some((instant(zone, day.to_datetime(self.from))?, instant(zone, ends_on.to_datetime(self.to))?))
    }

    fn hold(&self, zone: &TimeZone, at: Timestamp) -> bool {
        let Some(today) = local(zone, at).map(|local| local.date()) else { return false };
        let days = [0, -1].into_iter().filter_map(|back| days_later(today, back));
        days.filter_map(|day| self.of_day(zone, day)).any(|(from, to)| from <= at && at < to)
    }
}

/// Monday is 0.
pub(crate) fn weekday_index(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

impl Layer {
    fn at(&self, zone: &TimeZone, at: Timestamp) -> Option<(&str, String)> {
        if self.only.as_ref().is_some_and(|hours| !hours.hold(zone, at)) {
            return None;
        }
        match &self.shifts {
            Shifts::Turns(turns) => {
                let (who, from, until) = turns.at(zone, at)?;
                Some((who, format!("turn from {from} until {until}")))
            }
            Shifts::Calendar(calendar) => {
                let (who, from, until) = calendar.at(at)?;
                Some((who, format!("shift of the calendar from {from} until {until}")))
            }
        }
    }

    fn members(&self) -> Vec<&str> {
        match &self.shifts {
            Shifts::Turns(turns) => turns.members.iter().map(String::as_str).collect(),
            Shifts::Calendar(calendar) => calendar.members().collect(),
        }
    }
}

impl Schedule {
    /// Who is on call at a time.
    pub fn on_call(&self, at: Timestamp) -> Option<OnCall<'_>> {
        let over = self.overrides.iter().rev().find(|over| over.from <= at && at < over.until);
        if let Some(over) = over {
            let because =
                format!("schedule `{}`, override from {} until {}: {}", self.name, over.from, over.until, over.reason);
            return Some(OnCall { contact: &over.contact, because });
        }
        let layers = self.layers.iter().enumerate().rev();
        layers.into_iter().find_map(|(n, layer)| {
            let (contact, why) = layer.at(&self.zone, at)?;
            Some(OnCall { contact, because: format!("schedule `{}`, layer {}, {why}", self.name, n + 1) })
        })
    }

    /// Everybody who may ever be on call by it.
    pub fn members(&self) -> BTreeSet<&str> {
        let over = self.overrides.iter().map(|over| over.contact.as_str());
        self.layers.iter().flat_map(Layer::members).chain(over).collect()
    }

    /// The times within these days from `from` on in which nobody is on call.
    pub fn gaps(&self, from: Timestamp, days: i64) -> Vec<Gap> {
        let until = from.saturating_add(activity::Span::from_hours(24 * days));
        let mut gaps: Vec<Gap> = Vec::new();
        let changes: Vec<i64> = self.changes(from, until).into_iter().collect();
        for (n, at) in changes.iter().map(|at| Timestamp::from_millis(*at)).enumerate() {
            if self.on_call(at).is_some() {
                continue;
            }
            let ends = changes.get(n + 1).map_or(until, |next| Timestamp::from_millis(*next));
            match gaps.last_mut() {
                Some(last) if last.until == at => last.until = ends,
                _ => gaps.push(Gap { from: at, until: ends }),
            }
        }
        gaps
    }

    /// Every time in between at which the answer may change, the first among them.
    fn changes(&self, from: Timestamp, until: Timestamp) -> BTreeSet<i64> {
        let mut changes = BTreeSet::from([from.as_millis()]);
        let mut add = |at: Option<Timestamp>| {
            if let Some(at) = at.filter(|at| from < *at && *at < until) {
                changes.insert(at.as_millis());
            }
        };
        for over in &self.overrides {
            add(Some(over.from));
            add(Some(over.until));
        }
        let first = local(&self.zone, from).and_then(|local| days_later(local.date(), -2));
        let last = local(&self.zone, until).and_then(|local| days_later(local.date(), 2));
        let (Some(first), Some(last)) = (first, last) else { return changes };
        for layer in &self.layers {
            match &layer.shifts {
                Shifts::Calendar(calendar) => calendar.changes(first, last).for_each(|at| add(Some(at))),
                Shifts::Turns(turns) => {
                    for day in days(first, last) {
                        add(instant(&self.zone, day.to_datetime(turns.hand_over)));
                    }
                }
            }
            for day in days(first, last) {
                if let Some((from, to)) = layer.only.as_ref().and_then(|hours| hours.of_day(&self.zone, day)) {
                    add(Some(from));
                    add(Some(to));
                }
            }
        }
        changes
    }

    pub(crate) fn read(
        written: WrittenSchedule,
        path: &str,
        contacts: &BTreeMap<String, Contact>,
        file: &dyn Fn(&str) -> Result<String, String>,
        mistakes: &mut Mistakes,
    ) -> Option<Schedule> {
        let WrittenSchedule { name, zone, layers, overrides } = written;
        let before = mistakes.len();
        let mut wrong = |key: String, problem: String| mistakes.push((format!("{path}.{key}"), problem));
        if let Some(problem) = word_problem(&name) {
            wrong("name".into(), problem);
        }
        if layers.is_empty() || layers.len() > limits::LAYERS_MAX {
            wrong("layers".into(), format!("must be 1 to {} layers", limits::LAYERS_MAX));
        }
        if overrides.len() > limits::OVERRIDES_MAX {
            wrong("overrides".into(), format!("are more than {}: take out those that are over", limits::OVERRIDES_MAX));
        }
        let zone = match zone_of(&zone) {
            Ok(zone) => zone,
            Err(problem) => {
                wrong("zone".into(), problem);
                return None;
            }
        };
        let mut read_layers = Vec::new();
        for (at, layer) in layers.into_iter().enumerate() {
            let mut wrong = |key: &str, problem: String| wrong(format!("layers[{at}]{key}"), problem);
            read_layers.extend(layer.read(&zone, contacts, file, &mut wrong));
        }
        let mut read_overrides = Vec::new();
        for (at, over) in overrides.into_iter().enumerate() {
            let mut wrong = |key: &str, problem: String| wrong(format!("overrides[{at}].{key}"), problem);
            read_overrides.extend(over.read(&zone, contacts, &mut wrong));
        }
        (mistakes.len() == before).then_some(Schedule { name, zone, layers: read_layers, overrides: read_overrides })
    }
}

fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    first.series(1.day()).take_while(move |day| *day <= last)
}

fn no_such(name: &str) -> String {
    format!("there is no contact `{name}`")
}

impl WrittenLayer {
    fn read(
        self,
        zone: &TimeZone,
        contacts: &BTreeMap<String, Contact>,
        file: &dyn Fn(&str) -> Result<String, String>,
        wrong: &mut dyn FnMut(&str, String),
    ) -> Option<Layer> {
        let only = self.read_hours(wrong);
        let shifts = match &self.calendar_file {
            Some(name) => {
                let written = [&self.from, &self.until, &self.turn, &self.hand_over];
                if !self.members.is_empty() || written.iter().any(|written| written.is_some()) {
                    let problem = "a calendar says who and when: leave out members, from, until, turn and hand_over";
                    wrong(".calendar_file", problem.into());
                }
                match file(name).map(|text| calendar::parse(&text, zone, contacts)) {
                    Ok(Ok(calendar)) => Some(Shifts::Calendar(calendar)),
                    Ok(Err(problems)) => {
                        let shown: Vec<String> =
                            problems.iter().take(10).map(|(line, problem)| format!("line {line}: {problem}")).collect();
                        let more = problems.len().saturating_sub(shown.len());
                        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
                        wrong(".calendar_file", format!("`{name}`: {}{more}", shown.join("; ")));
                        None
                    }
                    Err(problem) => {
                        wrong(".calendar_file", format!("`{name}`: {problem}"));
                        None
                    }
                }
            }
            None => self.read_turns(contacts, wrong).map(Shifts::Turns),
        };
        Some(Layer { shifts: shifts?, only })
    }

    fn read_turns(&self, contacts: &BTreeMap<String, Contact>, wrong: &mut dyn FnMut(&str, String)) -> Option<Turns> {
        if self.members.is_empty() || self.members.len() > limits::MEMBERS_MAX {
            wrong(".members", format!("must be 1 to {} contacts; or name a `calendar_file`", limits::MEMBERS_MAX));
        }
        for (n, name) in self.members.iter().enumerate().filter(|(_, name)| !contacts.contains_key(*name)) {
            wrong(&format!(".members[{n}]"), no_such(name));
        }
        let mut day = |key: &str, written: &Option<String>| {
            let text = written.as_ref()?;
            let day = text.parse::<Date>().ok();
            if day.is_none() {
                wrong(key, format!("`{text}` is no day; write `2026-03-02`"));
            }
            day
        };
        let (from, until) = (day(".from", &self.from), day(".until", &self.until));
        if self.from.is_none() {
            wrong("", "`from` is missing: the first day of the first turn, such as `2026-03-02`".into());
        }
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            wrong(".until", "must lie after `from`".into());
        }
        let turn = self.turn.as_deref().unwrap_or("1w");
        let days = span::days(turn).filter(|days| (1..=limits::TURN_DAYS_MAX).contains(days));
        if days.is_none() {
            wrong(".turn", format!("`{turn}` is no number of days or weeks within a year, such as `1d` or `2w`"));
        }
        let hand_over = time_of_day(self.hand_over.as_deref().unwrap_or("09:00"));
        if hand_over.is_none() {
            wrong(".hand_over", "is no time of day; write hours and minutes: `09:00`".into());
        }
        Some(Turns { members: self.members.clone(), from: from?, until, days: days?, hand_over: hand_over? })
    }

    fn read_hours(&self, wrong: &mut dyn FnMut(&str, String)) -> Option<Hours> {
        if self.weekdays.is_none() && self.hours.is_none() {
            return None;
        }
        let mut weekdays = [self.weekdays.is_none(); 7];
        for (n, name) in self.weekdays.iter().flatten().enumerate() {
            match ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|day| day == name) {
                Some(day) => weekdays[day] = true,
                None => wrong(&format!(".weekdays[{n}]"), format!("`{name}` is none of mon, tue, … sun")),
            }
        }
        if !weekdays.contains(&true) {
            wrong(".weekdays", "must name a day, or be left out".into());
        }
        let hours = self.hours.as_deref().unwrap_or("00:00-00:00");
        let ends = hours.split_once('-').and_then(|(from, to)| Some((time_of_day(from)?, time_of_day(to)?)));
        if ends.is_none() {
            wrong(".hours", format!("`{hours}` is not of the form `09:00-17:00`"));
        }
        let (from, to) = ends?;
        Some(Hours { weekdays, from, to })
    }
}

impl WrittenOverride {
    fn read(
        self,
        zone: &TimeZone,
        contacts: &BTreeMap<String, Contact>,
        wrong: &mut dyn FnMut(&str, String),
    ) -> Option<Override> {
        let WrittenOverride { contact, from, until, reason } = self;
        if !contacts.contains_key(&contact) {
            wrong("contact", no_such(&contact));
        }
        if reason.trim().is_empty() || reason.chars().nth(limits::TEXT_MAX).is_some() {
            wrong("reason", format!("say why, in at most {} characters: the journal keeps it", limits::TEXT_MAX));
        }
        let mut time = |key: &str, text: &str| {
            let at = time_in(zone, text);
            if at.is_none() {
                wrong(
                    key,
                    format!("`{text}` is no time; write `2026-03-02T09:00` in the schedule's zone, or with an offset"),
                );
            }
            at
        };
        let (from, until) = (time("from", &from)?, time("until", &until)?);
        if until <= from {
            wrong("until", "must lie after `from`".into());
        }
        Some(Override { contact, from, until, reason: activity::printable_within(reason.trim(), limits::TEXT_MAX) })
    }
}

/// `2026-03-02T09:00` in the zone, or a time with its own offset.
fn time_in(zone: &TimeZone, text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let has_time = text.contains('T') && text.len() <= 19;
    has_time.then(|| text.parse::<DateTime>().ok()).flatten().and_then(|local| instant(zone, local))
}

/// `08:00`
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        let fits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.parse::<i8>().ok()).flatten()
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}
