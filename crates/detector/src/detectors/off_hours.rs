//! Off hours: somebody works, night after night, at hours when this person never does.

use super::{Finding, Look, Spec, Window, count, digest_bound, manual, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState},
    fleet::Usual,
    tail,
    watch::OFF_HOURS,
};
use activity::{EntityKind, HourOfWeek};
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "off_hours",
    summary: "classified data at hours when this person never works, on two nights",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Requests for classified data in hours of the day in which this person, so far, was active on one day at most, or on no"
    "two with as much as is told and on two at most with less (the hours before and after count as well): much of it once, or some of it on"
    "two days within two and a half."
    ""
    "## Why"
    "Whoever collects data in secret does it when nobody looks over his shoulder; whoever has stolen a password lives in"
    "another time zone."
    ""
    "## Example"
    "`u0190 made 41 requests for classified data on Thursday 02:00, where this person was never active, and 38 in a night before;"
    "one in 1,240 people does as much on a day`"
    ""
    "## How"
    "For each day of each person it is known how many requests fell into such hours: none, mostly. The distribution among"
    "all people (of one role there are too few nights; those that paged are left out), extrapolated beyond its greatest or beyond 30, gives the"
    "probability of one night; that of a second one within two and a half days is taken"
    "as three times as great as chance, since what happened once has a reason. Their product must fall below the share of the budget divided by"
    "the person-days of a week. An earlier night counts only if it had the least that is told as well: a few requests late in the evening"
    "neither make the next night suspicious nor the hour usual."
    ""
    "## What it misses"
    "Shift workers, who have no such hours, and a single short night: that is what being on call looks like. Whoever was there on three"
    "days of late, with however little, or on two with the least that is told in that hour. The first two weeks."
    ""
    "## Settings"
    "`off_hours.least` (requests), `shares.off_hours` (part of the budget), `volume.tail_index`."
    ""
    "## Reference"
    "MITRE ATT&CK T1078, T1213."
};

/// Hours before this one that belong to the same night.
const NIGHT_HOURS: i64 = 12;
/// Hours before this one in which an earlier night counts.
pub(crate) const NIGHTS_HOURS: i64 = 60;
/// How much more probable a second night is than by chance, after a first one; and the days it may lie before.
const AGAIN: f64 = 3.0;
const DAYS: f64 = 2.5;
/// Days of people below which they say nothing.
const PEER_DAYS_MIN: f64 = 100.0;
/// Requests of a night up to which it is only a matter of how often that happens.
const MOST: f64 = 30.0;

/// Requests of an hour that is off hours for this person; 0 in others.
pub(crate) fn off_hours(look: &Look<'_>) -> u64 {
    if look.kind() != EntityKind::PortalUser || look.drill() || !look.baseline.never_at(look.hour.hour) {
        return 0;
    }
    look.hour.tally.get(Metric::ClassifiedRequests)
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    let now = off_hours(look);
    if now == 0 {
        return;
    }
    let hour = look.hour.hour;
    let tonight = now + during(look.entity, hour - NIGHT_HOURS + 1, hour - 2);
    if tonight < look.settings.off_hours.least {
        return;
    }
    let before = night_before(look.entity, hour);
    let before = if before < look.settings.off_hours.least { 0 } else { before };
    let everyone = look.everyone.and_then(|peers| peers.cells[OFF_HOURS].as_ref());
    let Some(usual) = everyone.filter(|usual| usual.n >= PEER_DAYS_MIN) else { return };
    let one = if before == 0 {
        survival(usual, tonight as f64, look.settings.volume.tail_index)
    } else {
        usual.share_of_others(tonight, before)
    };
    let p = if before == 0 { one } else { one * (AGAIN * DAYS * usual.share_of_others(before, before)).min(1.0) };
    let bound = look.budget.daily(look.settings.shares.off_hours, look.kind());
    let page = p <= bound;
    let digest = look.closing && p <= digest_bound(bound);
    if !page && !digest {
        return;
    }
    let earlier = if before == 0 { String::new() } else { format!(", and {} in a night before", count(before as f64)) };
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: tonight as f64,
        expected: usual.mean,
        unit: "requests",
        p_value: Some(p),
        why: format!(
            "{} made {} requests for classified data on {}, where this person was never active{earlier}; one in {} people does as much on a day",
            shown(&look.entity.key.id),
            count(tonight as f64),
            HourOfWeek::of_hour(hour).name(),
            count(1.0 / one),
        ),
        affected_records: look.hour.tally.get(Metric::RowsSent),
        attack: &["T1078", "T1213"],
    });
}

/// P(somebody's day has so many off-hours requests): the share of days that had, and beyond the greatest, or [`MOST`] where
/// nobody had as many, extrapolated from there.
fn survival(usual: &Usual, amount: f64, alpha: f64) -> f64 {
    let most = usual.max.max(MOST);
    if amount > most {
        tail::beyond_maximum(amount, most, usual.n, alpha)
    } else if amount > usual.max {
        1.0 / (usual.n + 1.0)
    } else {
        usual.survival(amount, alpha)
    }
}

/// Off-hours requests of the hours from `from` to `to`, which is over.
fn during(entity: &EntityState, from: i64, to: i64) -> u64 {
    sum(of_span(entity, from, to))
}

/// The greatest of the nights before this one, as far back as they count. Two short ones are not one.
fn night_before(entity: &EntityState, hour: i64) -> u64 {
    let nights = || of_span(entity, hour - NIGHTS_HOURS, hour - NIGHT_HOURS);
    let through = |last: i64| sum(nights().filter(|(hour, _)| (last - NIGHT_HOURS + 1..=last).contains(hour)));
    nights().map(|(last, _)| through(last)).max().unwrap_or(0)
}

fn sum(hours: impl Iterator<Item = (i64, u64)>) -> u64 {
    hours.map(|(_, amount)| amount).fold(0, u64::saturating_add)
}

fn of_span(entity: &EntityState, from: i64, to: i64) -> impl Iterator<Item = (i64, u64)> {
    let pending =
        entity.hours.iter().filter(|state| state.closed).map(|state: &HourState| (state.hour, state.off_hours));
    entity.rare().nights().chain(pending).filter(move |(hour, _)| (from..=to).contains(hour))
}
