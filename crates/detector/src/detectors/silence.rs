//! Silence: a source that stops talking while others go on.
//!
//! All sources are judged in one place (they share a tally partition, [`tally::partition_of`]), because one alone says little:
//! a broken network, a restart, a node that is down silence everything at once, and nobody who hides a theft switches
//! off all logs. Judging each by itself, as was done first, paged for every outage, once for each source.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::alert::Severity;
use activity::{EntityKind, HourOfWeek};
use std::sync::Arc;

pub(super) const SPEC: Spec = Spec {
    name: "silence",
    summary: "a log source fell silent at a time when it always talks, while others went on",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Minutes in a row without a record from a source, in an hour in which it usually has records all the time and while"
    "other sources go on."
    ""
    "## Why"
    "What is not logged is not seen: switched off, filtered away, or its forwarder died. When everything is silent, it is an"
    "outage, which is somebody else's alert."
    ""
    "## Example"
    "`the source audit was silent for 42 min while access went on; it usually talks in 49 of 60 minutes on Tuesday 07:00`"
    ""
    "## How"
    "When the hour closes, the longest run of minutes without a record is compared with the share of minutes in which"
    "the source talks in such hours (48 kinds of hour: of the day, on working days and weekends). Minutes in which no source"
    "has a record count for none and do not end a run. Several that fall silent together (the logs of one database server) are one"
    "page, about the one whose silence is the least probable. A silence of all sources is listed in the digest."
    ""
    "## What it misses"
    "Sources that are quiet by nature, and a thinning out instead of silence. With a single source an outage cannot be told from"
    "a log that was switched off, and pages. It is late by design: only a closed hour can have been silent."
    ""
    "## Settings"
    "`silence.minutes` (minutes), `shares.silence` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1562.008, T1070."
};

/// A source in an hour that closes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SourceHour {
    pub(crate) id: Arc<str>,
    /// Minutes with a record, one bit for each.
    pub(crate) minutes: u64,
    /// Share of the minutes of such hours in which it talks; `None`: not known for long enough.
    pub(crate) talks: Option<f64>,
}

/// All sources in an hour that closes, ascending by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sources(pub(crate) Vec<SourceHour>);

/// How a source was silent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Silence {
    /// Minutes in a row, those without any record of any source not counted.
    minutes: u32,
    /// That a run so long begins somewhere in the hour, if minutes were independent.
    p: f64,
}

impl Sources {
    /// The silence of one, if it is remarkable; of `others`, minutes that count.
    fn silence(&self, of: &SourceHour, others: u64, least: u32) -> Option<Silence> {
        let minutes = longest_silence(of.minutes, others);
        let talks = of.talks.filter(|_| minutes >= least)?.min(TALKS_MAX);
        let p = (60.0 * (1.0 - talks).powi(minutes as i32)).clamp(f64::MIN_POSITIVE, 1.0);
        (p <= P_MAX).then_some(Silence { minutes, p })
    }

    /// Minutes in which any other source talked; all of them where there is no other.
    fn others(&self, id: &str) -> u64 {
        if self.0.len() < 2 {
            return u64::MAX;
        }
        self.0.iter().filter(|other| &*other.id != id).fold(0, |minutes, other| minutes | other.minutes)
    }

    fn found(&self, id: &str, least: u32) -> Option<(&SourceHour, Silence)> {
        let heard = self.0.iter().find(|heard| &*heard.id == id)?;
        self.silence(heard, self.others(id), least).map(|silence| (heard, silence))
    }

    /// Those who fell silent while others went on, the least probable silence first.
    fn silent(&self, least: u32) -> Vec<(&SourceHour, Silence)> {
        let mut all: Vec<_> = self.0.iter().filter_map(|heard| self.found(&heard.id, least)).collect();
        all.sort_by(|(a, of_a), (b, of_b)| of_a.p.total_cmp(&of_b.p).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// The whole hour's silence of everybody: of the source whose silence would have been the least probable.
    fn outage(&self, least: u32) -> Option<(&SourceHour, Silence)> {
        let together = self.0.iter().fold(0, |minutes, heard| minutes | heard.minutes);
        let all = self.0.iter().filter_map(|heard| {
            let whole = SourceHour { minutes: together, ..heard.clone() };
            self.silence(&whole, u64::MAX, least).map(|silence| (heard, silence))
        });
        all.min_by(|(a, of_a), (b, of_b)| of_a.p.total_cmp(&of_b.p).then_with(|| a.id.cmp(&b.id)))
    }
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::Source || !look.closing || look.drill() {
        return;
    }
    let (least, id) = (look.settings.silence.minutes, &*look.entity.key.id);
    let silent = look.sources.silent(least);
    let usually = |heard: &SourceHour| {
        let when = HourOfWeek::of_hour(look.hour.hour).name();
        format!("it usually talks in {:.0} of 60 minutes on {when}", 60.0 * heard.talks.unwrap_or(0.0))
    };
    let finding = |(heard, silence): (&SourceHour, Silence), page: bool, why: String| Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: f64::from(silence.minutes),
        expected: 60.0 * (1.0 - heard.talks.unwrap_or(0.0)),
        unit: "silent minutes",
        p_value: Some(silence.p),
        why,
        affected_records: 0,
        attack: &["T1562.008", "T1070"],
    };
    if let Some(at) = silent.iter().position(|(heard, _)| &*heard.id == id) {
        let (heard, silence) = silent[at];
        let is_silent = |other: &&SourceHour| silent.iter().any(|(silent, _)| silent.id == other.id);
        let talking: Vec<String> =
            look.sources.0.iter().filter(|other| !is_silent(other)).take(NAMED_MAX).map(|o| shown(&o.id)).collect();
        let went_on = if talking.is_empty() { String::new() } else { format!(" while {} went on", talking.join(", ")) };
        let with: Vec<String> =
            silent.iter().filter(|(other, _)| &*other.id != id).map(|(o, _)| shown(&o.id)).collect();
        let with = if with.is_empty() { String::new() } else { format!(" together with {}", with.join(", ")) };
        let why = format!(
            "the source {} was silent for {} min{with}{went_on}; {}",
            shown(id),
            silence.minutes,
            usually(heard)
        );
        found.push(finding((heard, silence), at == 0, why));
    } else if let Some((heard, silence)) = look.sources.outage(least).filter(|(heard, _)| &*heard.id == id) {
        let why = format!(
            "all sources were silent for {} min, {} among them: an outage rather than a log that was switched off; {}",
            silence.minutes,
            shown(id),
            usually(heard)
        );
        found.push(finding((heard, silence), false, why));
    }
}

/// Days a source has to be known for its silence to mean something.
pub(crate) const DAYS_KNOWN: f32 = 4.0;
/// However talkative it was: minutes are not independent, so no source is taken to talk in more than this share of them.
const TALKS_MAX: f64 = 0.9;
const P_MAX: f64 = 1e-9;
/// Sources named in a sentence.
const NAMED_MAX: usize = 4;

/// Longest run of minutes of the hour that are not among `own`; those that are not among `others` either count for none and
/// do not end it.
fn longest_silence(own: u64, others: u64) -> u32 {
    let (mut longest, mut run) = (0u32, 0);
    for minute in (0..60).map(|minute| 1u64 << minute) {
        if own & minute != 0 {
            run = 0;
        } else if others & minute != 0 {
            run += 1;
        }
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(id: &str, minutes: u64) -> SourceHour {
        SourceHour { id: id.into(), minutes, talks: Some(0.8) }
    }

    const ALWAYS: u64 = (1 << 60) - 1;

    #[test]
    fn runs_reach_to_the_edges_of_the_hour_and_over_what_nobody_saw() {
        let bits = |minutes: &[u32]| minutes.iter().fold(0, |bits, minute| bits | 1u64 << minute);
        assert_eq!(longest_silence(0, ALWAYS), 60);
        assert_eq!(longest_silence(bits(&[0, 59]), ALWAYS), 58);
        assert_eq!(longest_silence(bits(&[10, 11, 30]), ALWAYS), 29);
        assert_eq!(longest_silence(ALWAYS, ALWAYS), 0);
        assert_eq!(longest_silence(bits(&[0]), bits(&[5, 50, 59])), 3);
        assert_eq!(longest_silence(bits(&[0, 52]), bits(&[5, 50, 59])), 2);
    }

    #[test]
    fn one_alone_is_silent_and_all_together_are_an_outage() {
        let first_ten = (1 << 10) - 1;
        let outage = Sources(vec![heard("access", first_ten), heard("audit", first_ten), heard("slow", 1)]);
        assert_eq!(outage.silent(20), []);
        assert_eq!(outage.outage(20).map(|(heard, silence)| (&*heard.id, silence.minutes)), Some(("access", 50)));
        let tampered = Sources(vec![heard("access", ALWAYS), heard("audit", first_ten), heard("slow", 1)]);
        let silent: Vec<_> =
            tampered.silent(20).iter().map(|(h, silence)| (h.id.to_string(), silence.minutes)).collect();
        assert_eq!(silent, [("slow".to_owned(), 59), ("audit".to_owned(), 50)]);
        assert_eq!(tampered.outage(20), None);
    }

    #[test]
    fn a_single_source_is_silent_by_itself() {
        let alone = Sources(vec![heard("audit", 1)]);
        assert_eq!(alone.silent(20).len(), 1);
    }
}
