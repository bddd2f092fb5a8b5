//! Crowd: many people who each touch a few records that are new to them, on the same day.

use super::{Finding, Look, Spec, Window, count, manual};
use crate::{alert::Severity, tail};
use activity::EntityKind;

pub(super) const SPEC: Spec = Spec {
    name: "crowd",
    summary: "many people who each touch a few records that are new to them, on the same day",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Many portal users who, on one day, each touch at least four records they never touched before and three times as many as"
    "they usually do."
    ""
    "## Why"
    "Whoever holds many accounts takes a little with each. No account stands out; their number does."
    ""
    "## Example"
    "`27 people touched unusually many records new to them, in 1 day; 0.6 is usual, the most of late was 3`"
    ""
    "## How"
    "Each person is compared with himself, as in `new_records`. The number of such people, from the roll-ups of all tally"
    "partitions up to two hours ago, is compared with the greatest number on earlier days, extrapolated by a power law, and"
    "with a negative binomial; the larger probability counts. One test a day."
    ""
    "## What it misses"
    "Fewer than `crowd.least` people; thefts spread over weeks. A change that gives many people new work on one day (a new"
    "structure of departments) looks the same."
    ""
    "## Settings"
    "`crowd.least` (people), `shares.crowd` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1078, T1213."
};

/// Days before which nobody knows what is usual.
const DAYS_MIN: f64 = 7.0;

/// Shape of the negative binomial.
const SHAPE: f64 = 1.0;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    let Some(crowd) = look.peers.map(|peers| peers.crowd).filter(|_| look.kind() == EntityKind::Fleet) else { return };
    let settings = look.settings;
    let x = crowd.today as f64;
    let is_today = crowd.last == Some(look.hour.hour.div_euclid(24));
    if !is_today || x < settings.crowd.least as f64 || crowd.days < DAYS_MIN || look.drill() {
        return;
    }
    let mean = (crowd.sum + 1.0) / (crowd.days + 1.0);
    let most = crowd.max.max(settings.crowd.least as f64 / 2.0);
    let empirical = tail::beyond_maximum(x, most, crowd.days, settings.volume.tail_index);
    let p = empirical.max(tail::negative_binomial(x, mean, SHAPE));
    let page = p <= look.budget.daily_of_fleet(settings.shares.crowd);
    let digest = look.closing && p <= 0.1;
    if !page && !digest {
        return;
    }
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: x,
        expected: mean,
        unit: "people",
        p_value: Some(p),
        why: format!(
            "{} people touched unusually many records new to them, in 1 day; {} is usual, the most of late was {}",
            count(x),
            count(mean),
            count(crowd.max),
        ),
        affected_records: 0,
        attack: &["T1078", "T1213"],
    });
}
