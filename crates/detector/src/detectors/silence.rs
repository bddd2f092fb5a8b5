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

/// All sources in an hour that closes, and what is remarkable of them: found once, for all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sources {
    /// Ascending by id.
    all: Vec<SourceHour>,
    /// Places of those who fell silent while others went on, the least probable silence first.
    silent: Vec<(usize, Silence)>,
    /// If everybody was silent: of whom that would have been the least probable.
    outage: Option<(usize, Silence)>,
}

/// How a source was silent.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Silence {
    /// Minutes in a row, those without any record of any source not counted.
    minutes: u32,
    /// That a run so long begins somewhere in the hour, if minutes were independent.
    p: f64,
}

impl SourceHour {
    /// Its silence, if that is remarkable; of `others`, minutes that count.
    fn silence(&self, own: u64, others: u64, least: u32) -> Option<Silence> {
        let minutes = longest_silence(own, others);
        let talks = self.talks.filter(|_| minutes >= least)?.min(TALKS_MAX);
        let p = (60.0 * (1.0 - talks).powi(minutes as i32)).clamp(f64::MIN_POSITIVE, 1.0);
        (p <= P_MAX).then_some(Silence { minutes, p })
    }
}

impl Sources {
    /// `least`: minutes of silence below which it is none.
    pub(crate) fn new(mut all: Vec<SourceHour>, least: u32) -> Sources {
        all.sort_by(|a, b| a.id.cmp(&b.id));
        // Minutes with a record of any source, and of two or more: what others said is known of each without asking them all.
        let (any, many) = all.iter().fold((0, 0), |(any, many), of| (any | of.minutes, many | (any & of.minutes)));
        let others = |of: &SourceHour| if all.len() < 2 { u64::MAX } else { many | (any & !of.minutes) };
        let of_all = |silence: &dyn Fn(&SourceHour) -> Option<Silence>| -> Vec<(usize, Silence)> {
            let mut found: Vec<_> = all.iter().enumerate().filter_map(|(at, of)| Some((at, silence(of)?))).collect();
            found.sort_by(|(a, of_a), (b, of_b)| of_a.p.total_cmp(&of_b.p).then(a.cmp(b)));
            found
        };
        let silent = of_all(&|of| of.silence(of.minutes, others(of), least));
        let outage = of_all(&|of| of.silence(any, u64::MAX, least)).first().copied();
        Sources { all, silent, outage }
    }
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::Source || !look.closing || look.drill() {
        return;
    }
    let (sources, id) = (look.sources, &*look.entity.key.id);
    let Some(own) = sources.all.iter().position(|source| &*source.id == id) else { return };
    let heard = &sources.all[own];
    let talks = heard.talks.unwrap_or(0.0);
    let when = HourOfWeek::of_hour(look.hour.hour).name();
    let usually = format!("it usually talks in {:.0} of 60 minutes on {when}", 60.0 * talks);
    let finding = |silence: Silence, page: bool, why: String| Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: f64::from(silence.minutes),
        expected: 60.0 * (1.0 - talks),
        unit: "silent minutes",
        p_value: Some(silence.p),
        why,
        affected_records: 0,
        attack: &["T1562.008", "T1070"],
    };
    let named = |places: &mut dyn Iterator<Item = usize>| -> String {
        places.map(|at| shown(&sources.all[at].id)).collect::<Vec<_>>().join(", ")
    };
    if let Some(rank) = sources.silent.iter().position(|(at, _)| *at == own) {
        let silence = sources.silent[rank].1;
        let is_silent = |place: &usize| sources.silent.iter().any(|(at, _)| at == place);
        let talking = named(&mut (0..sources.all.len()).filter(|at| !is_silent(at)).take(NAMED_MAX));
        let went_on = if talking.is_empty() { String::new() } else { format!(" while {talking} went on") };
        let with = named(&mut sources.silent.iter().map(|(at, _)| *at).filter(|at| *at != own));
        let with = if with.is_empty() { String::new() } else { format!(" together with {with}") };
        let minutes = silence.minutes;
        let why = format!("the source {} was silent for {minutes} min{with}{went_on}; {usually}", shown(id));
        found.push(finding(silence, rank == 0, why));
    } else if let Some((_, silence)) = sources.outage.filter(|(at, _)| *at == own) {
        let why = format!(
            "all sources were silent for {} min, {} among them: an outage rather than a log that was switched off; {usually}",
            silence.minutes,
            shown(id),
        );
        found.push(finding(silence, false, why));
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

    fn of(all: Vec<SourceHour>) -> Sources {
        Sources::new(all, 20)
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
        let outage = of(vec![heard("access", first_ten), heard("audit", first_ten), heard("slow", 1)]);
        assert_eq!(outage.silent, []);
        assert_eq!(outage.outage.map(|(at, silence)| (&*outage.all[at].id, silence.minutes)), Some(("access", 50)));
        let tampered = of(vec![heard("access", ALWAYS), heard("audit", first_ten), heard("slow", 1)]);
        let silent: Vec<_> =
            tampered.silent.iter().map(|(at, silence)| (tampered.all[*at].id.to_string(), silence.minutes)).collect();
        assert_eq!(silent, [("slow".to_owned(), 59), ("audit".to_owned(), 50)]);
        assert_eq!(tampered.outage, None);
    }

    #[test]
    fn a_single_source_is_silent_by_itself() {
        assert_eq!(of(vec![heard("audit", 1)]).silent.len(), 1);
    }
}
