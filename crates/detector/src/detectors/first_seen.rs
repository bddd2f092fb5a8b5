//! First seen: a place, a network or a table that is new for this user, and for whom that is surprising.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState, NETWORK, PLACE, TABLE, overflowed, values},
    fleet::Peers,
};
use activity::EntityKind;
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "first_seen",
    summary: "a place, network or table that is new for a user and its peers, with sensitive data",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user who reads classified data from a place (country and kind of network) or a network where nobody of his"
    "kind has been, or who reads a table that nobody of his role reads; a database account (with its host) or application"
    "host that was never seen to read any such data."
    ""
    "## Why"
    "Stolen sessions and passwords are used from elsewhere; misused rights show in tables one has no business with."
    ""
    "## Example"
    "`u0191 used the place NG/hosting for the first time and made 42 requests for classified data; u0191 meets a new"
    "place in 1 of 190 hours, peers in 1 of 310`"
    ""
    "## How"
    "The p-value is the share of active hours in which this user meets something new, shrunk towards its peers' share,"
    "times the root of the share of the peers' active hours that saw the value: of a place that is new for them too, of a table"
    "if that share is below 2 % (two such tables of one hour both count). One colleague's former duty does not make a table"
    "everybody's. For 30 days after a change of roles (two rows of the directory) the role before counts as well: handing over"
    "is no news, but what neither role reads is. The first days do not count, unless two such tables come in one hour: then everything is new. Nor is it"
    "surprising where the user often uses what is never used again (Good-Turing: values"
    "used on one day only, per day): a traveller. The p-value must fall below the share of the budget divided by the person-days of a"
    "week, half of it for places and half for tables. It pages only together with a minimum of classified data in that hour."
    ""
    "## What it misses"
    "Attackers in the victim's own network or country; places that the peer group already knows."
    ""
    "## Settings"
    "`first_seen.known_after_days` (days), `first_seen.page_amount` (rows or requests), `shares.first_seen` (part of the"
    "budget)."
    ""
    "## Reference"
    "Good, Biometrika 40 (1953), 237. MITRE ATT&CK T1078, T1539, T1213."
};

/// What is counted of tables and networks.
pub(super) const NEW_TABLES: &str = "new tables";
pub(super) const NEW_NETWORKS: &str = "new networks";

const SORTS: [(usize, &str); 3] = [(PLACE, "place"), (NETWORK, "network"), (TABLE, "table")];

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    match look.kind() {
        EntityKind::PortalUser | EntityKind::IntegrationKey => {
            SORTS.iter().for_each(|(sort, name)| found.extend(value(look, *sort, name)))
        }
        EntityKind::DbAccount | EntityKind::AppHost => found.extend(newcomer(look)),
        _ => {}
    }
}

/// Which share of its active hours a group spends with a value.
pub(super) fn share_of(peers: &Peers, sort: usize, value: u64) -> f64 {
    let used = peers.values[sort - 1].get(&value).copied().unwrap_or(0.0);
    (f64::from(used) + 1.0) / (peers.active + 1.0)
}

/// How often this entity meets a new value of the sort, per active hour; and its peers.
fn rates(look: &Look<'_>, sort: usize) -> (f64, f64) {
    let peers = look.peers.map_or(0.05, |peers| (peers.novel[sort] + 1.0) / (peers.active + 20.0));
    let own = (f64::from(look.baseline.novel[sort]) + 20.0 * peers) / (f64::from(look.baseline.hours) + 20.0);
    (own.min(1.0), peers.min(1.0))
}

fn value(look: &Look<'_>, sort: usize, name: &str) -> Option<Finding> {
    let settings = &look.settings.first_seen;
    let tally = &look.hour.tally;
    let past = look.past();
    let fresh: Vec<u64> =
        values(tally, sort).into_iter().filter(|value| !look.entity.knew(sort, *value, past)).collect();
    if fresh.is_empty() && !overflowed(tally, sort) {
        return None;
    }
    let known = f64::from(look.baseline.days) >= settings.known_after_days;
    let (own_rate, peers_rate) = rates(look, sort);
    // Which share of its active hours the peer group spends with the value.
    let share = |value: &u64| match sort {
        NETWORK => None,
        sort => look.peers.map(|peers| {
            let former =
                look.former.filter(|former| sort == TABLE && former.hands_over()).and_then(|former| former.peers);
            share_of(peers, sort, *value).max(former.map_or(0.0, |peers| share_of(peers, sort, *value)))
        }),
    };
    // More values than the set holds: which of them stay is the hash's choice, so count on there being as many new ones as count.
    let unknown = look.peers.filter(|_| overflowed(tally, sort)).map(|peers| 1.0 / (peers.active + 1.0));
    let overflowed = unknown.into_iter().flat_map(|share| [share; FOREIGN_MAX]);
    let mut foreign: Vec<f64> = fresh.iter().filter_map(share).chain(overflowed).collect();
    let most = if sort == TABLE { FOREIGN_SHARE } else { look.peers.map_or(0.0, |peers| 1.5 / (peers.active + 1.0)) };
    foreign.retain(|share| *share <= most);
    foreign.sort_by(f64::total_cmp);
    let established = look.peers.is_some_and(|peers| peers.active >= 200.0);
    let new_to_peers = established && !foreign.is_empty();
    // What nobody of them uses is as rare as what they met once together.
    let rarity: f64 = foreign.iter().take(FOREIGN_MAX).product();
    let p = if new_to_peers { own_rate * rarity.max(1e-18).sqrt() } else { own_rate };
    let sensitive = tally.get(Metric::ClassifiedRequests).max(tally.get(Metric::RowsSent));
    let bound = look.budget.daily(look.settings.shares.first_seen / 2.0, look.kind());
    // A new duty brings new tables, not new countries.
    let bound = if sort == TABLE { look.page_bound(bound) } else { bound };
    // Two tables at once that the role does not use are surprising even for who often meets new ones, and for a newcomer.
    let surprising = (known || look.drill())
        && own_rate <= PAGE_RATE
        && one_off(look, sort) <= ONE_OFF_MAX
        && peers_rate <= PAGE_RATE;
    let page = new_to_peers
        && sort != NETWORK
        && (surprising || sort == TABLE && foreign.len() >= FOREIGN_MAX)
        && (look.drill() || p <= bound)
        && !tally.classes.is_empty()
        && sensitive >= settings.page_amount;
    let digest = look.closing && known && own_rate <= DIGEST_RATE && !tally.classes.is_empty();
    if !page && !digest {
        return None;
    }
    let example = match sort {
        PLACE => tally.places.iter().find(|(hash, _)| fresh.contains(hash)).map(|(_, text)| shown(text)),
        TABLE => tally.tables.iter().find(|(hash, _)| fresh.contains(hash)).map(|(_, text)| shown(text)),
        _ => tally.addresses.iter().next().map(|(_, text)| shown(text)),
    };
    let changed = look.former.filter(|former| sort == TABLE && former.hands_over());
    let changed = changed.map_or(String::new(), |former| {
        let role = shown(former.role);
        format!("; this person was {role} until {} days ago, and neither role uses it", former.days)
    });
    let per = |rate: f64| format!("1 of {:.0}", 1.0 / rate.max(1e-6));
    Some(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: fresh.len().max(1) as f64,
        expected: own_rate,
        unit: match sort {
            PLACE => "new places",
            TABLE => NEW_TABLES,
            _ => NEW_NETWORKS,
        },
        p_value: Some(p.max(f64::MIN_POSITIVE)),
        why: format!(
            "{} used the {name} {} for the first time, with {sensitive} rows or requests of classified data in the hour; \
             it meets a new {name} in {} active hours, its peers in {}{changed}",
            shown(&look.entity.key.id),
            example.unwrap_or_else(|| "(one of many)".into()),
            per(own_rate),
            per(peers_rate),
        ),
        affected_records: tally.get(Metric::RowsSent),
        attack: if sort == TABLE { &["T1213"] } else { &["T1078", "T1539"] },
    })
}

/// Good-Turing: the chance that a day of this user brings a new value.
pub(super) fn one_off(look: &Look<'_>, sort: usize) -> f64 {
    if look.drill() {
        return 0.0; // a shadow has no days; its peers decide
    }
    look.entity.used_once(sort, look.past()) as f64 / f64::from(look.baseline.days).max(1.0)
}

/// Beyond one new value in four days, one more is no surprise.
pub(super) const ONE_OFF_MAX: f64 = 0.25;
/// A table is foreign to a role that spends a smaller share of its active hours with it: some colleague's former duty does not
/// make it one's own.
pub(super) const FOREIGN_SHARE: f64 = 0.02;
/// As many foreign values count, each with the root of its share.
const FOREIGN_MAX: usize = 2;
/// A user, or peers, for whom new values are more frequent than this are not surprising.
const PAGE_RATE: f64 = 0.02;
const DIGEST_RATE: f64 = 0.05;

/// A database account or application host seen for the first time, when its kind is well known.
fn newcomer(look: &Look<'_>) -> Option<Finding> {
    let peers = look.peers.filter(|peers| established(peers))?;
    let tally = &look.hour.tally;
    let rows = tally.get(Metric::RowsSent).max(tally.get(Metric::Statements)).max(tally.get(Metric::TableTouches));
    let enough = !tally.classes.is_empty() && rows >= look.settings.first_seen.page_amount;
    // Where hosts come and go all the time, one more is no news.
    let page = enough && peers.novel[NEWCOMERS] <= NEWCOMERS_MAX;
    if !is_newcomer(look.entity, look.hour) || !enough || (!page && !look.closing) {
        return None;
    }
    let rate = (peers.novel[NEWCOMERS] + 1.0) / (peers.active + 1.0);
    let kind = if look.kind() == EntityKind::DbAccount { "database account" } else { "application host" };
    let id = shown(&look.entity.key.id);
    Some(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: 1.0,
        expected: rate,
        unit: "new entities",
        p_value: Some(rate.min(1.0)),
        why: format!(
            "the {kind} {id} read classified data, of which it was never seen to read any before; {:.0} others came in {:.0} active hours of its kind",
            peers.novel[NEWCOMERS], peers.active,
        ),
        affected_records: tally.get(Metric::RowsSent),
        attack: &["T1078", "T1213"],
    })
}

/// An account or host that uses classified tables for the first time, as known two hours before. What else it did is no matter: one
/// failed attempt to connect would make it known, and four of them, by any names, would make newcomers a habit.
pub(crate) fn is_newcomer(entity: &EntityState, hour: &HourState) -> bool {
    let is_account = matches!(entity.key.kind, EntityKind::DbAccount | EntityKind::AppHost);
    is_account && !hour.tally.tables.is_empty() && !entity.knew_any(TABLE, hour.hour - 2)
}

/// Enough is known of a kind for a newcomer to be news.
pub(crate) fn established(peers: &Peers) -> bool {
    peers.active >= ESTABLISHED_HOURS
}

/// Where a group counts the accounts and hosts that came after it was established (they meet no networks).
pub(crate) const NEWCOMERS: usize = NETWORK;
/// More newcomers than this of late, and they are a habit.
const NEWCOMERS_MAX: f64 = 3.0;
/// Active hours: two weeks of two nightly jobs.
const ESTABLISHED_HOURS: f64 = 40.0;
