//! Shared session: one session used from two places at once.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState, NETWORK, PLACE, Spot},
};
use activity::EntityKind;
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "shared_session",
    summary: "one session used from two places at once or within minutes, or by two browsers",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A session whose requests come by turns from two places (country and kind of network; without geographical data, two"
    "networks) or from two addresses with different browsers, for several minutes within an hour; or a session that goes over to"
    "another browser at another address; or one that goes on within five minutes from another house."
    ""
    "## Why"
    "A stolen cookie is used while its owner goes on working. Who only moves from the office to the train changes once."
    ""
    "## Example"
    "`the session a3f1… of u0191 was used from 2 places by turns: in 7 minutes of one while the other went on`"
    ""
    "## How"
    "Of each place the minutes of the hour with requests are kept. For each pair: how many minutes of the one lie between the"
    "first and the last of the other, and the other way round; the smaller number counts. A hand-over gives 0, a visit"
    "in between (mobile at lunch) 0 as well. A session that goes over to another browser (compared without versions) at another"
    "address within three hours is a copied cookie, since a cookie does not change its browser; it pages where sessions do not do"
    "that: at most three of late, among three hundred hours of sessions at least."
    ""
    "Nobody gets from one house to another within five minutes. Access lines are the networks with a country that the geographical data call"
    "neither office, hosting, mobile nor VPN: between those and a house a VPN that is turned on changes within seconds. Lines are told"
    "apart by the first 24 bits (IPv6: 48), and IPv4 is not compared with IPv6, as many have both. Where sessions do that (a provider"
    "that gives another address to each request), it does not page, by the same rule."
    ""
    "## What it misses"
    "Thieves that copy the owner's browser, whose owner rests, and who begin later than after five minutes, or come from a rented server; those"
    "whose victim comes by VPN, office or a mobile network: who leaves the VPN at home looks the same."
    ""
    "## Settings"
    "`shared_session.minutes` (minutes), `shares.shared_session` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1539, T1550.004."
};

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::Session {
        return;
    }
    let spots = &look.hour.spots;
    let pairs = spots.iter().enumerate().flat_map(|(at, one)| spots[at + 1..].iter().map(move |other| (one, other)));
    let shared =
        pairs.filter(|(one, other)| differ(one, other)).map(|(one, other)| by_turns(*one, *other)).max().unwrap_or(0);
    if shared >= look.settings.shared_session.minutes {
        let places: Vec<String> = look.hour.tally.places.iter().map(|(_, place)| shown(place)).collect();
        let from = match places.len() {
            0 => String::from("different networks"),
            1 => format!("two machines ({})", places[0]),
            _ => places.join(" and "),
        };
        let how = format!("used from {from} by turns: in {shared} minutes of the one while the other went on");
        found.push(finding(look, &how, f64::from(shared), "minutes"));
    } else if look.handed_over && is_unheard_of(look, HANDED_OVER) {
        let places: Vec<String> = look.hour.tally.places.iter().map(|(_, place)| shown(place)).collect();
        let at = if places.is_empty() { String::new() } else { format!(", {}", places.join(" and ")) };
        found.push(finding(look, &format!("taken over by another browser at another address{at}"), 2.0, "browsers"));
    } else if look.jumped && look.hour.tally.get(Metric::ClassifiedRequests) > 0 && is_unheard_of(look, JUMPED) {
        let how = format!("going on from another access line within {JUMP_MINUTES} minutes");
        found.push(finding(look, &how, 2.0, "networks"));
    }
}

fn finding(look: &Look<'_>, how: &str, observed: f64, unit: &'static str) -> Finding {
    let (user, session) = look.entity.key.id.rsplit_once('|').unwrap_or(("", &look.entity.key.id));
    let of = if user.is_empty() { String::new() } else { format!(" of {}", shown(user)) };
    Finding {
        window: Window::Hour,
        page: true,
        severity: Severity::High,
        observed,
        expected: 0.0,
        unit,
        p_value: None,
        why: format!("the session {}{of} was {how}", shown(session.get(..8).unwrap_or(session))),
        affected_records: look.hour.tally.get(Metric::ClassifiedRequests),
        attack: &["T1539", "T1550.004"],
    }
}

/// A browser at an address that is new in this hour, and another browser at another address in it or in the hours before. Judged
/// when the hour is over: of a part of it the first few may be others.
pub(crate) fn changed_hands(entity: &EntityState, hour: &HourState) -> bool {
    let before: Vec<Spot> = entity.earlier_spots(hour.hour).map(|(_, spot)| spot).collect();
    let known = |one: &Spot| before.iter().any(|spot| (spot.address, spot.agent) == (one.address, one.agent));
    let differs = |one: &Spot, other: &Spot| {
        one.address != other.address && one.agent != other.agent && one.agent != 0 && other.agent != 0
    };
    let here = || hour.spots.iter().take(SPOTS_COMPARED_MAX);
    here()
        .filter(|one| !known(one))
        .any(|one| here().chain(before.iter().take(SPOTS_COMPARED_MAX)).any(|other| differs(one, other)))
}

/// On an access line that is new in this hour, within [`JUMP_MINUTES`] of requests from another one. Judged when the hour is over, as
/// [`changed_hands`] is.
pub(crate) fn jumped(entity: &EntityState, hour: &HourState) -> bool {
    let before: Vec<(i64, Spot)> = entity.earlier_spots(hour.hour).collect();
    let is_known = |one: &Spot| before.iter().any(|(_, spot)| spot.subnet == one.subnet);
    // Where no place is known, nobody knows an access line.
    let spots: Vec<Spot> =
        hour.spots.iter().map(|spot| hour.at_home(spot)).filter(|spot| spot.subnet != 0 && spot.minutes != 0).collect();
    let here = || spots.iter().filter(|_| !hour.tally.places.is_empty()).take(SPOTS_COMPARED_MAX);
    let others = || {
        let last_hour = before.iter().filter(|(at, spot)| *at == hour.hour - 1 && spot.subnet != 0);
        here().map(|spot| (0, spot)).chain(last_hour.map(|(_, spot)| (60, spot)).take(SPOTS_COMPARED_MAX))
    };
    let are_two = |one: &Spot, other: &Spot| one.subnet != other.subnet && (one.subnet ^ other.subnet) & 1 == 0;
    here()
        .filter(|one| !is_known(one))
        .any(|one| others().any(|(back, other)| are_two(one, other) && are_near(one.minutes, other.minutes, back)))
}

/// Whether a minute of the one lies within [`JUMP_MINUTES`] of one of the other, which happened `back` minutes earlier.
fn are_near(one: u64, other: u64, back: u32) -> bool {
    let (one, other) = (u128::from(one) << back, u128::from(other));
    (0..=JUMP_MINUTES).any(|minutes| (one >> minutes) & other != 0 || (one << minutes) & other != 0)
}

/// Minutes in which nobody gets from one house to another.
const JUMP_MINUTES: u32 = 5;
/// Where sessions that jumped are counted.
pub(crate) const JUMPED: usize = PLACE;

/// Where sessions that went over to another browser are counted (they meet no networks).
pub(crate) const HANDED_OVER: usize = NETWORK;
/// More of late than these, and it is a habit here: portals whose sessions are those of the whole company's login.
const HANDED_OVER_MAX: f64 = 3.0;
/// Session-hours before it is known whether it is one.
const SESSION_HOURS_MIN: f64 = 300.0;

/// No session does that here.
fn is_unheard_of(look: &Look<'_>, what: usize) -> bool {
    let known = look.peers.filter(|peers| peers.active >= SESSION_HOURS_MIN);
    known.is_some_and(|peers| peers.novel[what] <= HANDED_OVER_MAX)
}

/// Spots of a session that are compared, of the hour and of those before; further ones are not looked at.
const SPOTS_COMPARED_MAX: usize = 12;

/// Two places, or two machines: another address alone is a provider's whim, another agent alone an update.
fn differ(one: &Spot, other: &Spot) -> bool {
    one.address != other.address && (one.place != other.place || one.agent != other.agent)
}

/// Minutes of each that lie within the span of the other, the smaller number. Grows with what is known.
fn by_turns(one: Spot, other: Spot) -> u32 {
    let within = |minutes: u64, span: u64| {
        let (first, last) = (span.trailing_zeros(), 63 - span.leading_zeros());
        (minutes >> first << first & (u64::MAX >> (63 - last))).count_ones()
    };
    within(one.minutes, other.minutes).min(within(other.minutes, one.minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_within_five_minutes_also_across_the_hour() {
        let bits = |minutes: &[u32]| spot(minutes).minutes;
        assert!(are_near(bits(&[20]), bits(&[15]), 0) && are_near(bits(&[15]), bits(&[20]), 0));
        assert!(!are_near(bits(&[21, 59]), bits(&[15]), 0));
        assert!(are_near(bits(&[2]), bits(&[57]), 60) && !are_near(bits(&[3]), bits(&[57]), 60));
    }

    fn spot(minutes: &[u32]) -> Spot {
        Spot { minutes: minutes.iter().fold(0, |bits, minute| bits | 1 << minute), ..Spot::default() }
    }

    #[test]
    fn only_turns_count() {
        assert_eq!(by_turns(spot(&[0, 5, 9]), spot(&[20, 30])), 0, "a hand-over");
        assert_eq!(by_turns(spot(&[0, 5, 50]), spot(&[20, 30])), 0, "a visit in between");
        assert_eq!(by_turns(spot(&[0, 10, 20, 30]), spot(&[5, 15, 25, 59])), 3);
        assert_eq!(by_turns(spot(&[0, 59]), spot(&[0, 59])), 2);
    }
}
