//! Verdicts and the alerts they are about.
//!
//! # When a verdict takes effect
//! Take the next full hour at or after the verdict's `at`. The verdict takes effect from the hour that begins one hour after that (given
//! at 10:20: from 12:00), and not before the second hour after the alert's nominal window. The engine opens an hour once event time
//! has passed the beginning of the hour before it; so whoever hears the verdict before event time has passed that full hour (11:00) by
//! the allowed lateness applies it to the same hours as everybody else, whatever came first. Taking effect earlier would be worth an
//! hour or two, and would make pages depend on who reads faster.
//!
//! An exception for a subject needs nothing of the alert: it holds from that hour on in every tally partition, also for alerts of
//! which another partition knows nothing.
//!
//! One that is heard later than that takes effect from the first hour that cannot be open yet, and is counted
//! ([`crate::Stats::verdicts_late`]). After a restart all verdicts are heard before the first tally; then it takes effect where
//! it should have.
//!
//! # What it does
//! | verdict | learning | exception |
//! |---|---|---|
//! | `expected` | the alert's detector had left hours and days of its window out of the entity's baseline: they are learned as of then | perhaps one |
//! | `benign_once` | nothing | ends an earlier one |
//! | `true` | whatever was left out of the window is never learned and does not count to the bound of what may be left out; networks, places and tables used on that day only are forgotten | ends an earlier one |
//!
//! Each of them, about an alert of `new_records` or `drift`, also ends the time in which more of the like has to be less probable to page
//! again: somebody has looked, and what comes after is news.
//!
//! What is left out is volume's amounts, `login_spray`'s accounts, `login_failures`' accounts of an address, and the hours of
//! `unexplained_reads`. Other detectors leave nothing out. It does not undo: that the entity was active in the hour, records that were
//! touched (a Bloom filter cannot forget one), and what peers learned. Left-out amounts are kept with the entity, a bounded number for
//! a bounded time; the alternative, learning nothing of an hour before its verdict may have come, would leave the baseline days behind.

use crate::{
    alert::{Alert, AlertId},
    detectors::NEWS,
    entity::Key,
    exception::{Candidate, Covers, Exception},
    limits::{RULABLE_HOURS, RULABLE_MAX, VERDICTS_MAX, VERDICTS_OF_ALERT_MAX},
    packed::{packed, packed_as},
    verdict::{AlertVerdict, Ruling},
};
use activity::{Bucket, Entity, Timestamp};
use std::collections::BTreeMap;

/// What is known of alerts that may be ruled upon, and what was ruled.
#[derive(Debug, Default)]
pub(crate) struct Docket {
    /// Raised in this tally partition, by the end of the nominal window and id: those of the digest that nobody has spoken of, and
    /// the others.
    listed: BTreeMap<Place, Known>,
    kept: BTreeMap<Place, Known>,
    /// Alerts given up because there were too many: no verdict about them teaches anything.
    pub(crate) forgotten: u64,
    /// Everything heard, also about alerts of other partitions and about such as are yet to be raised.
    verdicts: BTreeMap<AlertId, BTreeMap<AlertVerdict, Standing>>,
}

/// The end of an alert's nominal window, in hours, and its id.
type Place = (i64, AlertId);

#[derive(Debug)]
struct Known {
    key: Key,
    detector: String,
    from: i64,
}

/// A verdict stands until a later one about the same alert.
#[derive(Debug)]
struct Standing {
    from: i64,
    exception: Option<Exception>,
    /// The entity has heard it.
    applied: bool,
}

/// A verdict with what it is about: for the entity's learning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ruled {
    /// The first hour that is judged in its light.
    pub(crate) effective: i64,
    pub(crate) at: Timestamp,
    pub(crate) alert: AlertId,
    pub(crate) ruling: Ruling,
    pub(crate) part: Option<Part>,
    /// The alert says that somebody does something new.
    pub(crate) is_news: bool,
    /// The nominal window, in hours.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// What a detector leaves out of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Amounts,
    News,
    People,
    Names,
}

impl Part {
    fn of(detector: &str) -> Option<Part> {
        match detector {
            "volume" => Some(Part::Amounts),
            "login_spray" => Some(Part::News),
            "login_failures" => Some(Part::People),
            "unexplained_reads" => Some(Part::Names),
            _ => None,
        }
    }
}

/// The first hour judged in the light of a verdict that was heard when hours through `closed` were closed; whether it was late.
fn effective(at: Timestamp, window_to: i64, closed: Option<i64>) -> (i64, bool) {
    let full = Timestamp::from_millis(at.as_millis().saturating_add(3_599_999)).bucket().hour();
    let due = full.saturating_add(1).max(window_to.saturating_add(1));
    let earliest = closed.map_or(i64::MIN, |closed| closed.saturating_add(3));
    (due.max(earliest), due < earliest)
}

/// An entity, what was ruled about it, and whether that came late.
pub(crate) type Rulings = Vec<(Key, Ruled, bool)>;

impl Docket {
    /// An alert was raised, now or before a restart; the verdicts that waited for it.
    pub(crate) fn raised(&mut self, alert: &Alert, closed: Option<i64>) -> Rulings {
        if alert.mode.is_drill() {
            return Vec::new();
        }
        let place = (alert.window.to.bucket().hour(), alert.id);
        if !self.kept.contains_key(&place) {
            self.listed.entry(place).or_insert_with(|| Known {
                key: Key { mode: alert.mode, kind: alert.entity.kind, id: (&*alert.entity.id).into() },
                detector: alert.detector.clone(),
                from: alert.window.from.bucket().hour(),
            });
        }
        // One that an exception keeps quiet would have paged as well.
        if alert.page || alert.suppressed_by.is_some() || self.verdicts.contains_key(&alert.id) {
            self.keep(place);
        }
        self.shed();
        self.apply(place, closed)
    }

    /// Not to be given up for what the digest lists.
    fn keep(&mut self, place: Place) {
        if let Some(known) = self.listed.remove(&place) {
            self.kept.insert(place, known);
        }
    }

    /// Whoever matches digest rules by the thousand must not make the pages of the month unspeakable: the digest's go first, of both
    /// those whose window ended first.
    fn shed(&mut self) {
        while RULABLE_MAX < self.listed.len() + self.kept.len() {
            if self.listed.pop_first().or_else(|| self.kept.pop_first()).is_none() {
                return;
            }
            self.forgotten += 1;
        }
    }

    /// A verdict was heard. A repeated one changes nothing, nor does one that is not well formed.
    pub(crate) fn hear(&mut self, verdict: &AlertVerdict, closed: Option<i64>) -> Rulings {
        let of_alert = self.verdicts.get(&verdict.alert);
        if verdict.check().is_err()
            || of_alert.is_some_and(|of| of.contains_key(verdict) || VERDICTS_OF_ALERT_MAX <= of.len())
        {
            return Vec::new();
        }
        let (from, _) = effective(verdict.at, i64::MIN, closed);
        let subject = verdict.exception.as_ref().and_then(|exception| Some((exception, exception.subject.as_ref()?)));
        let exception = subject.and_then(|(exception, subject)| {
            Some(Exception::of_verdict(verdict, exception.until, Covers::Subject, subject.resolve()?, from))
        });
        let standing = Standing { from, exception, applied: false };
        self.verdicts.entry(verdict.alert).or_default().insert(verdict.clone(), standing);
        if VERDICTS_MAX < self.verdicts.len() {
            let oldest = self.verdicts.iter().min_by_key(|(id, of)| (last_at(of), **id)).map(|(id, _)| *id);
            oldest.map(|oldest| self.verdicts.remove(&oldest));
        }
        let place = self.listed.keys().chain(self.kept.keys()).find(|(_, id)| *id == verdict.alert).copied();
        let Some(place) = place else { return Vec::new() };
        self.keep(place);
        self.apply(place, closed)
    }

    /// What has been said of an alert that is known now.
    fn apply(&mut self, (to, alert): Place, closed: Option<i64>) -> Rulings {
        // Whatever has a verdict is kept.
        let (Some(known), Some(verdicts)) = (self.kept.get(&(to, alert)), self.verdicts.get_mut(&alert)) else {
            return Vec::new();
        };
        let mut heard = Vec::new();
        for (verdict, standing) in verdicts.iter_mut().filter(|(_, standing)| !standing.applied) {
            standing.applied = true;
            let (effective, late) = effective(verdict.at, to, closed);
            if let Some(wanted) = verdict.exception.as_ref().filter(|wanted| wanted.subject.is_none()) {
                let whom = Entity::new(known.key.kind, &*known.key.id);
                let exception = Exception::of_verdict(verdict, wanted.until, Covers::Entity, whom, effective);
                standing.exception = Some(Exception { without_name: Some(known.detector.clone()), ..exception });
            }
            let (at, ruling, part) = (verdict.at, verdict.ruling, Part::of(&known.detector));
            let is_news = NEWS.contains(&known.detector.as_str());
            let ruled = Ruled { effective, at, alert, ruling, part, is_news, from: known.from, to };
            heard.push((known.key.clone(), ruled, late));
        }
        heard
    }

    /// The exceptions that verdicts ask for and that this alert falls under. Of several verdicts about one alert the last counts.
    pub(crate) fn exceptions<'a>(&'a self, alert: &'a Candidate<'_>) -> impl Iterator<Item = &'a Exception> {
        let hour = alert.from.bucket().hour();
        let standing = move |of: &'a BTreeMap<AlertVerdict, Standing>| {
            of.values().rev().find(|verdict| verdict.from <= hour)?.exception.as_ref()
        };
        self.verdicts.values().filter_map(standing).filter(|exception| exception.matches(alert))
    }

    /// Forgets alerts and verdicts of long ago.
    pub(crate) fn forget(&mut self, closed: i64) {
        let from = closed.saturating_sub(RULABLE_HOURS);
        for alerts in [&mut self.listed, &mut self.kept] {
            while alerts.first_key_value().is_some_and(|((to, _), _)| *to < from) {
                alerts.pop_first();
            }
        }
        if closed.rem_euclid(24) == 0 {
            let from = Bucket(from.saturating_mul(60)).start();
            self.verdicts.retain(|_, of| last_at(of).is_some_and(|at| from <= at));
        }
    }
}

fn last_at(of: &BTreeMap<AlertVerdict, Standing>) -> Option<Timestamp> {
    of.last_key_value().map(|(verdict, _)| verdict.at)
}

impl Exception {
    fn of_verdict(verdict: &AlertVerdict, until: Timestamp, covers: Covers, whom: Entity, from: i64) -> Exception {
        Exception {
            covers,
            whom,
            detectors: verdict.exception.as_ref().map(|wanted| wanted.detectors.clone()).unwrap_or_default(),
            without_name: None,
            owner: verdict.by.clone(),
            reason: verdict.reason.clone(),
            from: Bucket(from.saturating_mul(60)).start(),
            until,
        }
    }
}

packed!(Docket { listed, kept, forgotten, verdicts });
packed!(Known { key, detector, from });
packed!(Standing { from, exception, applied });
packed!(Ruled { effective, at, alert, ruling, part, is_news, from, to });
packed_as!(Part: u8, |part| *part as u8, |at| [Part::Amounts, Part::News, Part::People, Part::Names].get(usize::from(at)).copied(), "a part");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertWindow, Severity};
    use activity::{EntityKind, KnownBy, Mode, Span};

    fn alert(hour: i64, n: usize, page: bool) -> Alert {
        let entity = Entity::new(EntityKind::Address, format!("10.0.{}.{}", n / 250, n % 250));
        let start = |hour: i64| Bucket(hour * 60).start();
        let window = AlertWindow { from: start(hour), to: start(hour + 1) };
        Alert {
            id: AlertId::of("scanner", &entity, &entity, window, Mode::Live),
            raised_at: window.from,
            window,
            subject: entity.clone(),
            entity,
            detector: "scanner".into(),
            severity: Severity::Low,
            page,
            suppressed_by: None,
            data_classes: Default::default(),
            observed: 1.0,
            expected: 0.0,
            unit: "entries".into(),
            p_value: None,
            why: String::new(),
            facts: Vec::new(),
            actor_known_by: KnownBy::Guess,
            affected_records: 0,
            named: None,
            attack: Vec::new(),
            evidence: Vec::new(),
            mode: Mode::Live,
        }
    }

    #[test]
    fn a_flood_of_the_digest_pushes_out_neither_pages_nor_what_was_ruled() {
        let mut docket = Docket::default();
        let (page, listed) = (alert(1_000, 0, true), alert(1_000, 1, false));
        let verdict = |alert: &Alert| AlertVerdict {
            at: alert.window.to,
            alert: alert.id,
            ruling: Ruling::True,
            by: "Jana Weiss".into(),
            reason: "CHG-1".into(),
            exception: None,
        };
        docket.raised(&page, None);
        docket.raised(&listed, None);
        assert_eq!(docket.hear(&verdict(&listed), None).len(), 1);
        for n in 0..RULABLE_MAX {
            // Two in the first hour, a thousand in each after.
            docket.raised(&alert(1_001 + (n as i64 + 998) / 1_000, 2 + n, false), None);
        }
        assert_eq!(docket.forgotten, 2);
        assert!(docket.hear(&verdict(&alert(1_001, 2, false)), None).is_empty(), "the first of the flood is forgotten");
        assert_eq!(docket.hear(&verdict(&page), None).len(), 1);
        let again = AlertVerdict { ruling: Ruling::BenignOnce, ..verdict(&listed) };
        assert_eq!(docket.hear(&again, None).len(), 1);
        // Pages alone are bounded as well.
        for n in 0..=RULABLE_MAX {
            docket.raised(&alert(2_000 + n as i64 / 1_000, n, true), None);
        }
        assert_eq!(docket.listed.len() + docket.kept.len(), RULABLE_MAX);
    }

    #[test]
    fn takes_effect_from_an_hour_that_nobody_can_have_opened() {
        let at = |minute: i64| Timestamp::from_secs(100 * 3600 + minute * 60);
        assert_eq!(effective(at(0), 50, None), (101, false), "on the hour");
        assert_eq!(effective(at(20), 50, None), (102, false));
        assert_eq!(effective(at(59) + Span::from_secs(59), 50, None), (102, false));
        assert_eq!(effective(at(20), 120, None), (121, false), "not before its day is over");
        // Event time at the verdict: hour 99 is closed at most.
        assert_eq!(effective(at(20), 50, Some(99)), (102, false));
        assert_eq!(effective(at(20), 50, Some(100)), (103, true));
        assert_eq!(effective(Timestamp::MAX, i64::MAX, Some(i64::MAX)).0, i64::MAX);
        assert_eq!(effective(Timestamp::MIN, i64::MIN, None).0, i64::MIN / 3_600_000 - 1 + 2);
    }
}
