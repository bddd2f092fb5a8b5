//! The daily digest, live: what interrupted nobody is told once a day, at a local time of day.
//!
//! Two parts. [`Plan`] says when: a time of day in a zone from the database compiled in, so that the answer is the same everywhere; a time
//! that a switch to summer time skips comes as much later, one that is repeated counts the first time. [`Daily`] is what the
//! journal's decisions add up to: for which day the last digest was made, what has been ranked since, and what became of the notices.
//!
//! Once a day, whatever restarts: the day is written in the local calendar into [`Decision::DigestMade`], which is journaled in one
//! transaction with the notices; a day is made if it is later than the last one made. So a change of the time of day brings no second
//! digest on the same day, and a clock that was set back none at all. A process that was down at the time makes it when it is up
//! again, for the day that is due by then; what was ranked in between is in it. Where none was ever made, the first one comes at once.
//!
//! With nothing to report either that is said (`when_empty`), or the journal alone says that nothing was sent, and why.
//!
//! A digest interrupts nobody: it has no fallback channels, which may be pagers. One that cannot be delivered is journaled as
//! undeliverable, and counted like any other.

use crate::{
    AlertFact, Decision, DigestLine, IncidentId, Notice, NoticeId, NoticeKind, NoticeRecord, Policy, limits,
    policy::{DigestSettings, FiguresShown},
};
use activity::{DataClasses, Entity, EntityKind, Mode, Timestamp, printable_within};
use detector::Severity;
use jiff::{
    ToSpan as _,
    civil::{Date, Time},
    tz::{TimeZone, TimeZoneDatabase},
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// Why an alert waits for the digest, if nobody but the budget says so.
pub(crate) const LEFT_TO_THE_DIGEST: &str = "the false-page budget lets it wait for the digest";

/// Instead of a reason that names what may not leave.
const WHY_IS_IN_THE_CONSOLE: &str = "the console tells why";

/// When a digest is due.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    at: Time,
    zone: TimeZone,
}

/// The digest as far as the journal goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Daily {
    /// The last day made, as in `2026-03-02`, and when that was.
    pub(crate) made: Option<(String, Timestamp)>,
    /// Ranked since, the most severe, then the most surprising, then the newest first.
    awaiting: Vec<Awaiting>,
    /// How many were ranked since, by hour of wall time; as far back as a digest reaches.
    n_awaiting: BTreeMap<i64, u64>,
    /// Of the last digests, in the order in which they were requested.
    pub(crate) notices: VecDeque<NoticeRecord>,
}

#[derive(Clone, Debug, PartialEq)]
struct Awaiting {
    ranked_at: Timestamp,
    surprise_milli: Option<u32>,
    line: DigestLine,
    /// What was seen, without names of tables, places and addresses; empty if the alert does not say.
    seen: String,
}

impl Plan {
    /// Errors: every mistake, as (key, problem).
    pub(crate) fn new(settings: &DigestSettings) -> Result<Plan, Vec<(&'static str, String)>> {
        let at = time_of_day(&settings.at)
            .ok_or(("at", format!("`{}` is no time of day; write hours and minutes: `08:00`", settings.at)));
        let zone = TimeZoneDatabase::bundled()
            .get(&settings.zone)
            .map_err(|_| ("zone", format!("there is no zone `{}`; write one such as `Europe/Berlin`", settings.zone)));
        match (at, zone) {
            (Ok(at), Ok(zone)) => Ok(Plan { at, zone }),
            (at, zone) => Err(at.err().into_iter().chain(zone.err()).collect()),
        }
    }

    /// The last day whose time has come; `None`: a time beyond the calendar.
    fn due(&self, now: Timestamp) -> Option<(Date, Timestamp)> {
        let local = self.zone.to_datetime(jiff::Timestamp::from_millisecond(now.as_millis()).ok()?).date();
        let yesterday = local.checked_sub(1.day()).ok()?;
        [local, yesterday].into_iter().find_map(|day| Some((day, self.instant(day)?)).filter(|(_, at)| *at <= now))
    }

    fn instant(&self, day: Date) -> Option<Timestamp> {
        let at = self.zone.to_ambiguous_timestamp(day.to_datetime(self.at)).compatible().ok()?;
        Some(Timestamp::from_millis(at.as_millisecond()))
    }
}

impl Awaiting {
    /// The line as far as it may leave: a detector's reason names tables, places and addresses.
    fn told(&self, figures: FiguresShown) -> DigestLine {
        let why = match figures {
            FiguresShown::Full => return self.line.clone(),
            FiguresShown::Counts if !self.seen.is_empty() => self.seen.clone(),
            FiguresShown::Counts | FiguresShown::None => WHY_IS_IN_THE_CONSOLE.to_owned(),
        };
        DigestLine { why, ..self.line.clone() }
    }
}

/// `08:00`
fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        let fits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| digits.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    Time::new(hour, minute, 0, 0).ok()
}

impl Daily {
    pub(crate) fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::AlertRanked { at, because, mode, alert } => {
                let note = (because != LEFT_TO_THE_DIGEST).then_some(because.as_str());
                self.rank(*at, alert, *mode, note);
            }
            Decision::AlertSilenced { at, because, alert, .. } => self.rank(*at, alert, Mode::Live, Some(because)),
            Decision::DigestMade { at, day, .. } => {
                if self.made.as_ref().is_none_or(|(last, _)| last < day) {
                    self.made = Some((day.clone(), *at));
                }
                self.awaiting.clear();
                self.n_awaiting.clear();
            }
            Decision::NoticeRequested { notice, because, step, fallback_of, may_stop } => {
                if self.notice(&notice.id).is_some() {
                    return;
                }
                if limits::DIGEST_NOTICES_KEPT <= self.notices.len()
                    && let Some(ended) = self.notices.iter().position(|record| !record.is_unsent())
                {
                    self.notices.remove(ended);
                }
                let record = NoticeRecord::requested(notice, because, step, fallback_of.as_ref(), may_stop);
                self.notices.push_back(record);
            }
            Decision::DeliveryRecorded { report, .. } => {
                if let Some(record) = self.notice_mut(&report.notice) {
                    record.report(report.attempt, report.at, &report.result);
                }
            }
            Decision::NoticeUndeliverable { notice, .. } => {
                if let Some(record) = self.notice_mut(notice) {
                    record.undeliverable = true;
                }
            }
            _ => {}
        }
    }

    fn rank(&mut self, at: Timestamp, alert: &AlertFact, mode: Mode, note: Option<&str>) {
        let reach = at - limits::DIGEST_REACH;
        self.awaiting.retain(|other| reach <= other.ranked_at);
        self.n_awaiting = self.n_awaiting.split_off(&hour(reach));
        let line = DigestLine {
            alert: alert.id,
            raised_at: alert.raised_at,
            severity: alert.severity,
            subject: alert.subject.clone(),
            detector: alert.detector.clone(),
            why: printable_within(&alert.why, limits::DIGEST_WHY_MAX),
            one_in: alert.surprise_milli.map(|milli| 10_f64.powf(f64::from(milli) / 1000.0).min(1e15).round() as u64),
            mode,
            note: note.map(|note| printable_within(note, limits::DIGEST_WHY_MAX)),
        };
        let seen = alert.figures.iter().find(|figure| figure.name == "seen").map_or("", |figure| &figure.words);
        let seen = printable_within(seen, limits::DIGEST_WHY_MAX);
        let new = Awaiting { ranked_at: at, surprise_milli: alert.surprise_milli, line, seen };
        let place = |one: &Awaiting| (one.line.severity, one.surprise_milli, one.ranked_at);
        let index = self.awaiting.partition_point(|other| place(other) >= place(&new));
        self.awaiting.insert(index, new);
        self.awaiting.truncate(limits::DIGEST_KEPT);
        *self.n_awaiting.entry(hour(at)).or_default() += 1;
    }

    fn n_awaiting(&self, now: Timestamp) -> u64 {
        self.n_awaiting.range(hour(now - limits::DIGEST_REACH)..).map(|(_, n)| n).sum()
    }

    pub(crate) fn notice(&self, id: &NoticeId) -> Option<&NoticeRecord> {
        self.notices.iter().find(|record| record.notice.id == *id)
    }

    fn notice_mut(&mut self, id: &NoticeId) -> Option<&mut NoticeRecord> {
        self.notices.iter_mut().find(|record| record.notice.id == *id)
    }

    /// Everything that is missing: that a digest failed for good, and the digest of the day that is due.
    pub(crate) fn pending(&self, policy: &Policy, todo: &[String], now: Timestamp) -> Vec<Decision> {
        let mut decisions = self.failed(now);
        let Some((plan, settings)) = policy.digest() else { return decisions };
        let Some((day, due_at)) = plan.due(now) else { return decisions };
        let day = day.to_string();
        if self.made.as_ref().is_some_and(|(last, _)| day <= *last) {
            return decisions;
        }
        let (n, step) = (self.n_awaiting(now), format!("digest:{day}"));
        let silent = n == 0 && !settings.when_empty && todo.is_empty();
        let because = format!("the digest of {day} is due since {due_at}");
        let known = |channel: &String| {
            self.notices.iter().any(|record| record.step == step && record.notice.channel == *channel)
        };
        for channel in settings.channels.iter().filter(|channel| !silent && !known(channel)) {
            decisions.push(Decision::NoticeRequested {
                notice: Box::new(Notice {
                    reasons: todo.to_vec(),
                    ..self.written(policy, settings, &day, channel, now)
                }),
                because: because.clone(),
                step: step.clone(),
                fallback_of: None,
                may_stop: Vec::new(),
            });
        }
        let because =
            if silent { format!("{because}; there is nothing to report, and `when_empty` is off") } else { because };
        // Last: before it is journaled, the digest counts as not made.
        decisions.push(Decision::DigestMade { at: now, because, day, n_alerts: n });
        decisions
    }

    /// No fallback: see the module.
    pub(crate) fn failed(&self, at: Timestamp) -> Vec<Decision> {
        let failed = self.notices.iter().filter(|record| record.has_failed() && !record.undeliverable);
        failed
            .map(|record| Decision::NoticeUndeliverable {
                at,
                because: format!(
                    "{}; a digest interrupts nobody and has no fallback channel",
                    record.problem.as_deref().unwrap_or("no reason given")
                ),
                incident: IncidentId::NONE,
                notice: record.notice.id.clone(),
            })
            .collect()
    }

    fn written(&self, policy: &Policy, settings: &DigestSettings, day: &str, channel: &str, now: Timestamp) -> Notice {
        let notices = &policy.settings().notices;
        let figures = notices.figures.unwrap_or_default();
        let (n, reach) = (self.n_awaiting(now), now - limits::DIGEST_REACH);
        let told = match n {
            0 => "nothing to report".to_owned(),
            1 => "1 alert that interrupted nobody".to_owned(),
            n => format!("{n} alerts that interrupted nobody"),
        };
        let awaiting: Vec<&Awaiting> = self.awaiting.iter().filter(|one| reach <= one.ranked_at).collect();
        // Where none was made before, it begins with the first that is told.
        let first = awaiting.iter().map(|one| one.ranked_at).min();
        let since = self.made.as_ref().map(|(_, at)| (*at).max(reach)).or(first).unwrap_or(now);
        Notice {
            id: notice_id(day, channel, now),
            incident: IncidentId::NONE,
            kind: NoticeKind::Digest,
            channel: channel.to_owned(),
            decided_at: now,
            hold_until: None,
            expires_at: now + notices.expire_after,
            severity: awaiting.first().map_or(Severity::Low, |one| one.line.severity),
            subject: Entity::new(EntityKind::Fleet, "all"),
            data_classes: DataClasses::EMPTY,
            affected_records: 0,
            title: format!("{told}, {day}"),
            reasons: Vec::new(),
            figures: Vec::new(),
            affected: None,
            document: None,
            digest: awaiting.iter().take(settings.lines).map(|one| one.told(figures)).collect(),
            n_alerts: n,
            first_seen_at: since,
            deadlines: Vec::new(),
            n_deadlines_beyond: 0,
            wording: None,
            checkpoint: None,
            link: notices.link_base.as_ref().map(|base| format!("{}/alerts", base.trim_end_matches('/'))),
            drill: None,
            recipient: None,
            again: 0,
        }
    }
}

/// Since 1970.
fn hour(at: Timestamp) -> i64 {
    at.as_secs().div_euclid(3_600)
}

/// As of [`crate::pending`], over what it is, the day, the channel, and the time of the decision: two breachds that tell the same people
/// never mean the same mail. It is made once, and journaled before it is used.
fn notice_id(day: &str, channel: &str, at: Timestamp) -> NoticeId {
    let mut hash = Sha256::new();
    for field in ["breachd digest", day, channel, &at.as_millis().to_string()] {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    NoticeId(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(at: &str, zone: &str, now: &str) -> String {
        let settings = DigestSettings { at: at.into(), zone: zone.into(), ..DigestSettings::default() };
        let (day, at) = Plan::new(&settings).unwrap().due(now.parse().unwrap()).unwrap();
        format!("{day} {at}")
    }

    #[test]
    fn the_day_is_the_local_one() {
        assert_eq!(due("08:00", "Europe/Berlin", "2026-03-02T07:00:00Z"), "2026-03-02 2026-03-02T07:00:00Z");
        assert_eq!(due("08:00", "Europe/Berlin", "2026-03-02T06:59:59Z"), "2026-03-01 2026-03-01T07:00:00Z");
        assert_eq!(due("23:30", "America/New_York", "2026-03-03T04:31:00Z"), "2026-03-02 2026-03-03T04:30:00Z");
        assert_eq!(due("00:00", "UTC", "2026-03-02T00:00:00Z"), "2026-03-02 2026-03-02T00:00:00Z");
    }

    #[test]
    fn a_skipped_time_comes_later_and_a_repeated_one_once() {
        assert_eq!(due("02:30", "Europe/Berlin", "2026-03-29T12:00:00Z"), "2026-03-29 2026-03-29T01:30:00Z");
        for now in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
            assert_eq!(due("02:30", "Europe/Berlin", now), "2026-10-25 2026-10-25T00:30:00Z");
        }
    }

    #[test]
    fn what_is_no_time_or_zone_is_refused() {
        let keys = |at: &str, zone: &str| {
            let settings = DigestSettings { at: at.into(), zone: zone.into(), ..DigestSettings::default() };
            Plan::new(&settings).map_or_else(|wrong| wrong.into_iter().map(|(key, _)| key).collect(), |_| Vec::new())
        };
        assert!(keys("23:59", "Asia/Tokyo").is_empty());
        for at in ["24:00", "8:00", "08:60", "0800", "", "+8:00", "08:00:00"] {
            assert_eq!(keys(at, "UTC"), ["at"], "{at}");
        }
        assert_eq!(keys("noon", "Europe/Atlantis"), ["at", "zone"]);
    }
}
