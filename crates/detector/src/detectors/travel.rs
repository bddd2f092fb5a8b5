//! Impossible travel: a country where the user never was, too soon after another place.

use super::{
    Finding, Look, Spec, Window,
    first_seen::{ONE_OFF_MAX, one_off},
    manual, shown,
};
use crate::{
    alert::Severity,
    entity::{COUNTRY, Spot},
};
use activity::EntityKind;
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "impossible_travel",
    summary: "a country new to the user, sooner after another place than anybody travels",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user in a country that is new for him, and within `travel.minutes` before or after that at another fixed place: an"
    "office, or a network in another country."
    ""
    "## Why"
    "Nobody flies abroad in an hour. Somebody else has the password."
    ""
    "## Example"
    "`u0179 was in a country new to this user 26 minutes after another place; networks: VN/home, office`"
    ""
    "## How"
    "Countries come from the configured geographical data. Mobile networks and VPNs do not count: they say where their"
    "operator is. Nor does a country that the user was seen in before, nor users of whom no country is known: who has only"
    "been in the office may well live next door. Distances are not known, so neighbours across a border are as far as"
    "antipodes; the first time only. Nor does it count for who uses every other day what is never used again (Good-Turing)."
    ""
    "## What it misses"
    "Attackers in the victim's own country, behind a VPN or on a mobile network, and those that wait for some hours."
    ""
    "## Settings"
    "`travel.minutes` (minutes), `first_seen.known_after_days` (days), `shares.travel` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1078."
};

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::PortalUser || look.hour.spots.is_empty() {
        return;
    }
    let known = f64::from(look.baseline.days) >= look.settings.first_seen.known_after_days;
    if !known || !look.entity.knew_any(COUNTRY, look.past()) {
        return;
    }
    // For who is in another country every other day, one more is no news.
    if one_off(look, COUNTRY) > ONE_OFF_MAX {
        return;
    }
    let tally = &look.hour.tally;
    let sensitive = tally.get(Metric::ClassifiedRequests).max(tally.get(Metric::RowsSent));
    if sensitive == 0 {
        return;
    }
    let Some(gap) = gap(look).filter(|gap| *gap <= i64::from(look.settings.travel.minutes)) else { return };
    let places: Vec<String> = tally.places.iter().map(|(_, place)| shown(place)).collect();
    found.push(Finding {
        window: Window::Day,
        page: true,
        severity: Severity::High,
        observed: gap as f64,
        expected: f64::from(look.settings.travel.minutes),
        unit: "minutes",
        p_value: None,
        why: format!(
            "{} was in a country new to this user {gap} minutes from another place; networks of the hour: {}",
            shown(&look.entity.key.id),
            places.join(", "),
        ),
        affected_records: sensitive,
        attack: &["T1078"],
    });
}

/// Minutes between a country that is new and another place, the fewest, with one of the two in this hour.
fn gap(look: &Look<'_>) -> Option<i64> {
    let past = look.past();
    let hour = look.hour.hour;
    let is_new = |spot: &Spot| spot.is_country && !look.entity.knew(COUNTRY, spot.value(), past);
    let minutes = |hour: i64, spot: &Spot| {
        let (first, last) = (spot.minutes.trailing_zeros(), 63 - spot.minutes.leading_zeros());
        (hour * 60 + i64::from(first), hour * 60 + i64::from(last))
    };
    let here = look.hour.spots.iter().map(|spot| (hour, *spot));
    let earlier = look.entity.earlier_spots(hour);
    let all: Vec<(i64, Spot)> = here.chain(earlier).collect();
    let mut least: Option<i64> = None;
    for (at, new) in all.iter().filter(|(_, spot)| is_new(spot)) {
        let (first, last) = minutes(*at, new);
        for (other_at, other) in &all {
            let involved = *at == hour || *other_at == hour;
            if !involved || other.place == new.place || is_new(other) {
                continue;
            }
            let (from, to) = minutes(*other_at, other);
            let gap = (first - to).max(from - last).max(0);
            least = Some(least.map_or(gap, |least| least.min(gap)));
        }
    }
    least
}
