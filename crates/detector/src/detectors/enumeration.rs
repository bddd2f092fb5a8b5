//! Enumeration: somebody counts records up.
//!
//! What is counted is the longest *walk* of two hours among the records that are new to the person: numbers at equal steps of 1 to
//! [`STEP_MAX`]. Among n numbers drawn from N at random there are about n²/N pairs at any one step, so walks of four hardly ever come
//! about by chance: on worlds of 170 to 250 people the longest in six weeks that was no attack had five. So this needs no baseline of volumes, and
//! tells ten records a day from a busy day's thousand.
//!
//! The order in which records were read would say more, but a tally is a set. Steps that vary (each number or the one after next) are no
//! walk here: chains with any gaps up to eight were looked at, and people whose work lies close together had chains of eight where their walks
//! had four.
//!
//! A law of walks (geometric, by the density of the numbers) lost to the power law of [`crate::tail`], though chance obeys it: new hires
//! have numbers in a row, and whoever enters twelve of them once a month has a greatest walk that is half forgotten by the next time. The
//! power law forgives that, the geometric one does not.

use super::{Finding, Look, Spec, Window, count, digest_bound, manual, new_records, shown};
use crate::{alert::Severity, tail, watch::WALK};

pub(super) const SPEC: Spec = Spec {
    name: "enumeration",
    summary: "records counted up one after another, none of them touched before",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user or integration key that within two hours goes through the numbers of records (employees, customers, payroll runs) in equal"
    "steps, every one or up to every eighth, none of which it touched in the last weeks."
    ""
    "## Why"
    "Work comes to people by name, in no order of numbers. A script, or somebody who found out that the number in the address can be"
    "changed, counts: that shows in a dozen records, long before any volume does."
    ""
    "## Example"
    "`u0063 went through 22 records in a row, every 4th number, none touched before, within 2 h; 0.1 is usual for this ess, the most of late was 2`"
    ""
    "## How"
    "Of the records of an hour and the one before that are new to the person (see `new_records`), the longest series of numbers of one sort"
    "at one step of 1 to 8 is the hour's walk. It is compared with the longest of whole days: with the person's own longest, and with those of the"
    "days of people of the role, each extrapolated beyond its greatest by a power law. The geometric mean of both probabilities counts, by the"
    "length of the person's history, and must be below the share of the budget divided by the person-days of a week. The hour is judged when"
    "it is over. Who is known to walk is compared with his own longest alone: jobs that go through everything each night, from their first"
    "days on, and whoever has been told of once. Records that one knows make no walk, so going through one's own people every month is none. Leafing through a grid names no records."
    ""
    "## What it misses"
    "Walks of fewer than `enumeration.least` records in two hours, in steps that vary or are greater than eight, or through numbers that are no"
    "numbers (hashes). Hours with more than 256 records are judged by a sample, in which a walk is torn (`new_records` and `volume`"
    "see those). Whoever has touched very many records (1,500 in a month or two) has a memory that takes a quarter of the new ones for"
    "known: their walks look torn. Pages of lists: what they hold counts as rows. New duties whose people have numbers in a row, taken up at"
    "once, look the same."
    ""
    "## Settings"
    "`enumeration.least` (records), `volume.tail_index`, `first_seen.known_after_days` (days), `shares.enumeration` (part of the budget)."
    ""
    "## Reference"
    "OWASP API1:2023 (broken object level authorization), CWE-639. MITRE ATT&CK T1213, T1119."
};

/// The greatest step of a walk.
const STEP_MAX: u64 = 8;
/// Weight of own days at which the own history and the peers' count the same.
const TRUST: f64 = 20.0;
/// Days of peers below which they say nothing, and of the person's own.
const PEER_DAYS_MIN: f64 = 40.0;
const OWN_DAYS_MIN: f64 = 3.0;

/// Whose longest walk of late has this part of the least that is told is known to walk; after a walk of twelve it is forgotten in two weeks.
const KNOWN_PART: f64 = 0.75;

/// Numbers at equal steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Walk {
    length: u64,
    step: u64,
}

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    // Of an hour with more records than a tally holds the rest is a sample, in which a walk may be shorter than in a part of the hour.
    if !look.closing || !new_records::is_judged(look.kind()) || !(new_records::is_settled(look) || look.drill()) {
        return;
    }
    let walk = longest(look);
    if walk.length < look.settings.enumeration.least {
        return;
    }
    let Some(p) = probability(look, walk.length as f64) else { return };
    let bound = look.budget.daily(look.settings.shares.enumeration, look.kind());
    // Not divided by what a new duty explains, as elsewhere: duties bring new people in no order.
    let page = p <= bound;
    if !page && digest_bound(bound) < p {
        return;
    }
    let level = look.baseline.walk;
    let steps = match walk.step {
        1 => String::new(),
        2 => ", every 2nd number".into(),
        3 => ", every 3rd number".into(),
        step => format!(", every {step}th number"),
    };
    let usual = f64::from(level.sum) / f64::from(level.n).max(1.0);
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: walk.length as f64,
        expected: usual,
        unit: "records",
        p_value: Some(p),
        why: format!(
            "{} went through {} records in a row{steps}, none touched before, within 2 h; {} is usual{}, the most of late was {}",
            shown(&look.entity.key.id),
            count(walk.length as f64),
            count(usual),
            look.for_role(),
            count(f64::from(level.max)),
        ),
        affected_records: walk.length,
        attack: &["T1213", "T1119"],
    });
}

/// `None`: nothing is known to compare it with.
fn probability(look: &Look<'_>, length: f64) -> Option<f64> {
    let alpha = look.settings.volume.tail_index;
    let level = look.baseline.walk;
    let n = f64::from(level.n);
    let own = tail::beyond_maximum(length, f64::from(level.max), n, alpha);
    // Whoever walks is compared with himself alone: peers who do not would page a new job every night.
    if KNOWN_PART * look.settings.enumeration.least as f64 <= f64::from(level.max) {
        return Some(own);
    }
    let peers = look.peers.and_then(|peers| peers.cells[WALK].as_ref()).filter(|cell| cell.n >= PEER_DAYS_MIN);
    let Some(peers) = peers else { return (n >= OWN_DAYS_MIN).then_some(own) };
    let weight = n / (n + TRUST);
    Some((weight * own.ln() + (1.0 - weight) * peers.survival(length, alpha).ln()).exp())
}

/// The length of the longest walk of the hour and the one before.
pub(crate) fn walk(look: &Look<'_>) -> u64 {
    if new_records::is_judged(look.kind()) { longest(look).length } else { 0 }
}

/// A walk does not end with the hour. The one before is closed, and not yet learned; of a drill, whose shadow may be judged before its
/// earlier hours are over, it does not count.
fn longest(look: &Look<'_>) -> Walk {
    let before = look.entity.hours.iter().find(|state| state.hour == look.hour.hour - 1 && !look.drill());
    let hours = before.into_iter().chain([look.hour]);
    let fresh = hours.flat_map(|hour| {
        let records = new_records::fresh_records(look.entity, hour, look.past(), look.employee);
        records.filter_map(move |record| Some(((record.sort(), record.number()?), hour.hour == look.hour.hour)))
    });
    let mut numbers: Vec<(Number, bool)> = fresh.collect();
    // Of a number in both hours, that it is in this one.
    numbers.sort_unstable_by_key(|(number, here)| (*number, !here));
    numbers.dedup_by_key(|(number, _)| *number);
    longest_of(&numbers)
}

/// A record's number and sort: sort first.
type Number = (u64, u64);

/// Of ascending numbers, each with whether it is of the hour itself: a walk that ended in the hour before was told of there.
fn longest_of(numbers: &[(Number, bool)]) -> Walk {
    // Of equal ones the smallest step.
    let walks = (1..=STEP_MAX).rev().map(|step| Walk { length: longest_at(numbers, step), step });
    walks.max_by_key(|walk| walk.length).unwrap_or_default()
}

fn longest_at(numbers: &[(Number, bool)], step: u64) -> u64 {
    let find = |number: &Number| numbers.binary_search_by_key(number, |(known, _)| *known).ok();
    let holds = |number: &Number| find(number).is_some();
    let begins = |(sort, number): &Number| number.checked_sub(step).is_none_or(|before| !holds(&(*sort, before)));
    let length = |first: Number| {
        let walk = std::iter::successors(Some(first), |(sort, number)| Some((*sort, number + step)).filter(holds));
        let (n, here) =
            walk.fold((0, false), |(n, here), number| (n + 1, here || find(&number).is_some_and(|at| numbers[at].1)));
        if here { n } else { 0 }
    };
    numbers.iter().map(|(number, _)| *number).filter(begins).map(length).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk_of(numbers: impl IntoIterator<Item = (u64, u64)>) -> Walk {
        let mut numbers: Vec<(Number, bool)> = numbers.into_iter().map(|number| (number, true)).collect();
        numbers.sort_unstable();
        longest_of(&numbers)
    }

    #[test]
    fn a_walk_that_ended_before_the_hour_is_told_of_there() {
        let walk = |here: u64| {
            let numbers: Vec<(Number, bool)> = (0..12).map(|n| ((1, n), n >= here)).collect();
            longest_of(&numbers).length
        };
        assert_eq!((walk(12), walk(11), walk(0)), (0, 12, 12));
        // Beside it another one is.
        let both: Vec<(Number, bool)> =
            (0..12).map(|n| ((1, n), false)).chain([((1, 50), true), ((1, 51), true)]).collect();
        assert_eq!(longest_of(&both).length, 2);
    }

    fn of_one_sort(numbers: impl IntoIterator<Item = u64>) -> Walk {
        walk_of(numbers.into_iter().map(|number| (1, number)))
    }

    #[test]
    fn a_walk_has_one_step_and_one_sort() {
        assert_eq!(of_one_sort((0..12).map(|n| 100 + 3 * n)), Walk { length: 12, step: 3 });
        assert_eq!(of_one_sort((0..12).map(|n| 100 + 9 * n)).length, 1, "steps of nine are none");
        assert_eq!(of_one_sort([0, 1, 2, 4, 5, 6, 8]), Walk { length: 5, step: 2 });
        assert_eq!(walk_of((0..12).map(|n| (n % 2, 100 + n))), Walk { length: 6, step: 2 });
        assert_eq!(of_one_sort([]).length, 0);
        assert_eq!(of_one_sort([0, (1 << 40) - 1]).length, 1, "the ends of the numbers");
    }

    #[test]
    fn more_numbers_never_make_a_shorter_walk() {
        let mut length = 0;
        for n in 0..300u64 {
            let next = of_one_sort((0..n).map(|n| n * n * 7919 % 2003)).length;
            assert!(length <= next, "{n}");
            length = next;
        }
    }

    /// Under the null of numbers drawn at random (SplitMix64) from a company of 2,000: of 2,000 hours each with 10, 60 and 200 new
    /// records, walks of [`crate::EnumerationSettings::least`] are none, even where one looks at a tenth of the company in an hour.
    #[test]
    fn numbers_in_no_order_have_no_walks() {
        let mut state = 7u64;
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) % 2_000
        };
        for (n, most) in [(10, 4), (60, 5), (200, 9)] {
            let longest = (0..2_000).map(|_| of_one_sort((0..n).map(|_| draw())).length).max().unwrap_or(0);
            assert!(longest <= most && most < crate::EnumerationSettings::default().least, "{n}: {longest}");
        }
    }
}
