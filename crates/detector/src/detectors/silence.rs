//! Silence: a source that stops talking when it always talks.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::alert::Severity;
use activity::{EntityKind, HourOfWeek};

pub(super) const SPEC: Spec =
    Spec { name: "silence", summary: "a log source fell silent at a time when it always talks", manual: MANUAL, judge };

const MANUAL: &str = manual! {
    "## What it notices"
    "Minutes in a row without a record from a source, in an hour in which it usually has records all the time."
    ""
    "## Why"
    "What is not logged is not seen: switched off, filtered away, or the forwarder died."
    ""
    "## Example"
    "`the source audit was silent for 52 min; it usually talks in 58 of 60 minutes on Tuesday 10:00`"
    ""
    "## How"
    "When the hour closes, the longest run of minutes without a record is compared with the share of minutes in which"
    "the source talks in such hours (48 kinds of hour: of the day, on working days and weekends)."
    ""
    "## What it misses"
    "Sources that are quiet by nature, and a thinning out instead of silence. It does not tell an outage of the platform"
    "from a source that was switched off: both are silence. It is late by design: only a closed hour can"
    "have been silent."
    ""
    "## Settings"
    "`silence.minutes` (minutes), `shares.silence` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1562.008, T1070."
};

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::Source || !look.closing || look.drill() {
        return;
    }
    let run = longest_silence(look.hour.minutes());
    // Few days behind it: nothing is known of its habits.
    if run < look.settings.silence.minutes || look.baseline.days < DAYS_KNOWN {
        return;
    }
    let talks = look.baseline.active(look.hour.hour).min(TALKS_MAX);
    // That a run of so many silent minutes begins somewhere in the hour, if minutes were independent.
    let p = (60.0 * (1.0 - talks).powi(run as i32)).clamp(f64::MIN_POSITIVE, 1.0);
    if p > P_MAX {
        return;
    }
    let when = HourOfWeek::of_hour(look.hour.hour).name();
    found.push(Finding {
        window: Window::Day,
        page: true,
        severity: Severity::Medium,
        observed: f64::from(run),
        expected: 60.0 * (1.0 - talks),
        unit: "silent minutes",
        p_value: Some(p),
        why: format!(
            "the source {} was silent for {run} min; it usually talks in {:.0} of 60 minutes on {when}",
            shown(&look.entity.key.id),
            60.0 * talks
        ),
        affected_records: 0,
        attack: &["T1562.008", "T1070"],
    });
}

const DAYS_KNOWN: f32 = 4.0;
/// However talkative it was: minutes are not independent, so no source is taken to talk in more than this share of them.
const TALKS_MAX: f64 = 0.9;
const P_MAX: f64 = 1e-9;

/// Longest run of minutes of the hour that are not among these (ascending).
fn longest_silence(minutes: impl Iterator<Item = u8>) -> u32 {
    let (mut longest, mut next) = (0, 0u32);
    for minute in minutes.map(u32::from).chain([60]) {
        longest = longest.max(minute.saturating_sub(next));
        next = minute + 1;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_reach_to_the_edges_of_the_hour() {
        assert_eq!(longest_silence([].into_iter()), 60);
        assert_eq!(longest_silence([0, 59].into_iter()), 58);
        assert_eq!(longest_silence([10, 11, 30].into_iter()), 29);
        assert_eq!(longest_silence(0..60), 0);
    }
}
