//! Page depth: somebody leafs through a list far beyond where people stop reading.
//!
//! The measure is the number of *deep* pages of a day: the greater of the requests and of the statements for pages beyond
//! [`PAGES_USUAL`] (both logs may tell of one page), but never more than lie between that and the last page asked for. Either alone
//! can be great for nothing: whoever jumps to the end of a list has asked for one very deep page, and whoever works through a list on
//! page eight comes back to it after each record. Both together are great only of who turned them. A set of page numbers would be
//! exact and cost its bytes in every tally of everybody who ever searches; three numbers cost a byte or two each where they are not 0.
//!
//! Pages, and not rows left out: people turn pages whatever these hold, and one habit fits lists of 20 and of 500.
//!
//! Sums and the greatest only grow, so it fires early.

use super::{Finding, Look, Spec, Window, count, digest_bound, manual, new_records, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, Pages},
    fleet::Usual,
    tail,
    watch::DEEP_PAGES,
};
use tally::{Metric, PAGES_USUAL};

pub(super) const SPEC: Spec = Spec {
    name: "page_depth",
    summary: "lists of classified data leafed through, far beyond where people stop reading",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user or integration key that within a day turns many more pages of lists (search results, grids, `searchCriteria`) than this"
    "person and people of the role ever do, counted from the sixth page on."
    ""
    "## Why"
    "People read the first pages of a list and then search again. A script that collects a whole table turns them all, and each request for"
    "itself looks like any other: no record is named, and with small pages no amount is unusual for an hour."
    ""
    "## Example"
    "`u0063 turned 39 pages of lists beyond the 5th on one day, as far as page 44; 0 is usual for this ess, the most of late was 1`"
    ""
    "## How"
    "Pages are taken from the query of a request (`p`, `page`, `searchCriteria[currentPage]`, `offset` with `limit`, GraphQL's `currentPage`)"
    "and from LIMIT and OFFSET of a statement on classified tables, told in pages. A day's deep pages are the requests, or if they are more"
    "the statements, for pages beyond the fifth, and at most as many as lie between the fifth and the last one: a jump to the end of a list"
    "is one page, and coming back to page eight forty times is three. The number is compared with the person's own greatest and with the days of"
    "people of the role, each extrapolated by a power law beyond its greatest, or beyond 4 where nobody turned as many. The geometric mean"
    "of both probabilities counts, by the length of the person's history, and must be below the share of the budget divided by the person-days of a"
    "week. Only days with a list count as history. Jobs that go through everything each night are compared with themselves alone, from their first days"
    "on. In periods in which the calendar expects more, the greatest counts √(calendar_widening) times as large."
    ""
    "## What it misses"
    "Few great pages (`volume` sees their rows). Lists cut into many short ones, by department or letter. Cursors and conditions on the last key"
    "(`id > 4300 LIMIT 100`), pages in paths, bodies of requests. A few deep pages a day. Reads by database accounts and by who is"
    "not logged in. Who turns many pages of one list every day has that as a habit for all of them."
    ""
    "## Settings"
    "`page_depth.least` (pages), `volume.tail_index`, `volume.calendar_widening` (factor), `first_seen.known_after_days` (days),"
    "`shares.page_depth` (part of the budget)."
    ""
    "## Reference"
    "OWASP API4:2023 and API6:2023 (unrestricted access to sensitive flows), OAT-011 Scraping. MITRE ATT&CK T1213, T1119."
};

/// Weight of own days at which the own history and the peers' count the same.
const TRUST: f64 = 20.0;
/// Days of peers below which they say nothing, and of the person's own.
const PEER_DAYS_MIN: f64 = 40.0;
const OWN_DAYS_MIN: f64 = 3.0;

/// Deep pages of a day up to which it is only a matter of how often that happens. Nearly everybody's greatest is 0, which has no scale to
/// extrapolate from.
const MOST: f64 = 4.0;

/// Who turned this part of the least that is told of late is known to leaf: see [`probability`].
const KNOWN_PART: f64 = 0.75;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if !is_judged(look) || look.hour.tally.get(Metric::DeepestPage) <= PAGES_USUAL {
        return;
    }
    let pages = of_day(look);
    let deep = deep(&pages);
    if deep < look.settings.page_depth.least || !(new_records::is_settled(look) || look.drill()) {
        return;
    }
    let Some(p) = probability(look, deep as f64) else { return };
    let bound = look.budget.daily(look.settings.shares.page_depth, look.kind());
    let page = p <= look.page_bound(bound);
    let digest = look.closing && p <= digest_bound(bound);
    if !page && !digest {
        return;
    }
    let level = look.baseline.pages;
    let usual = f64::from(level.sum) / f64::from(level.n).max(1.0);
    let tally = &look.hour.tally;
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: deep as f64,
        expected: usual,
        unit: "pages",
        p_value: Some(p),
        why: format!(
            "{} turned {} pages of lists beyond the {PAGES_USUAL}th on one day, as far as page {}; {} is usual{}, the most of late was {}",
            shown(&look.entity.key.id),
            count(deep as f64),
            count(pages.deepest as f64),
            count(usual),
            look.for_role(),
            count(f64::from(level.max)),
        ),
        affected_records: tally.get(Metric::RowsSent).saturating_add(tally.get(Metric::RowsGathered)),
        attack: &["T1213", "T1119"],
    });
}

fn is_judged(look: &Look<'_>) -> bool {
    new_records::is_judged(look.kind())
}

/// The day's pages so far, up to and with this hour; of a drill, whose shadow may be judged before its earlier hours are over, those of
/// the hour.
fn of_day(look: &Look<'_>) -> Pages {
    if look.drill() {
        return Pages::of(&look.hour.tally);
    }
    of_day_before(look.entity, look.hour.hour).joined(Pages::of(&look.hour.tally))
}

fn of_day_before(entity: &EntityState, hour: i64) -> Pages {
    let day = hour.div_euclid(24);
    let closed = entity.days.iter().find(|state| state.day == day).map_or(Pages::default(), |state| state.pages);
    entity.open_of_day(day, hour).fold(closed, |sum, state| sum.joined(Pages::of(&state.tally)))
}

/// How many deep pages they come to.
pub(crate) fn deep(pages: &Pages) -> u64 {
    pages.requests.max(pages.statements).min(pages.deepest.saturating_sub(PAGES_USUAL))
}

/// `None`: nothing is known to compare it with.
fn probability(look: &Look<'_>, deep: f64) -> Option<f64> {
    let alpha = look.settings.volume.tail_index;
    let widening = if look.busy { look.settings.volume.calendar_widening.sqrt() } else { 1.0 };
    let level = look.baseline.pages;
    let (n, most) = (f64::from(level.n), f64::from(level.max));
    let own = tail::beyond_maximum(deep, most.max(MOST) * widening, n, alpha);
    // Whoever leafs is compared with himself alone: peers who do not would page a new job every night.
    if KNOWN_PART * look.settings.page_depth.least as f64 <= most {
        return Some(own);
    }
    let cell = |of: Option<&crate::fleet::Peers>| -> Option<f64> {
        let usual = of?.cells[DEEP_PAGES].as_ref().filter(|usual| usual.n >= PEER_DAYS_MIN)?;
        Some(survival(usual, deep, widening, alpha))
    };
    // A role that never turned a page says nothing of it: then everybody does.
    let Some(others) = cell(look.peers).or_else(|| cell(look.everyone)) else {
        return (n >= OWN_DAYS_MIN).then_some(own);
    };
    let weight = n / (n + TRUST);
    Some((weight * own.ln() + (1.0 - weight) * others.ln()).exp())
}

/// P(a day with a list has so many deep pages): the share of days that had, and beyond the greatest, or [`MOST`], extrapolated.
fn survival(usual: &Usual, deep: f64, widening: f64, alpha: f64) -> f64 {
    let most = usual.max.max(MOST) * widening;
    if deep > most {
        tail::beyond_maximum(deep, most, usual.n, alpha)
    } else if deep / widening > usual.max {
        1.0 / (usual.n + 1.0)
    } else {
        usual.survival(deep / widening, alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(requests: u64, statements: u64, deepest: u64) -> u64 {
        deep(&Pages { requests, statements, deepest })
    }

    #[test]
    fn only_who_turns_pages_has_turned_many() {
        assert_eq!(pages(39, 0, 44), 39);
        assert_eq!(pages(39, 39, 44), 39, "both logs tell of them");
        assert_eq!(pages(1, 1, 4_300), 1, "a jump to the end");
        assert_eq!(pages(40, 80, 8), 3, "back to page eight after each record");
        assert_eq!(pages(0, 0, 5), 0);
        assert_eq!(pages(0, 0, 0), 0);
    }

    #[test]
    fn more_is_never_less() {
        let mut last = 0;
        for n in 0..200 {
            let next = pages(n / 3, n / 2, n);
            assert!(last <= next);
            last = next;
        }
    }
}
