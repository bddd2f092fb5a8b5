//! Login spray: many accounts tried from addresses from which nobody ever logged in, over the whole fleet.

use super::{Finding, Look, Spec, Window, count, manual};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState},
    tail,
};
use activity::{EntityKind, Record};
use std::collections::BTreeSet;

pub(super) const SPEC: Spec = Spec {
    name: "login_spray",
    summary: "many accounts tried from addresses where nobody ever logged in",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Failed logins of many different accounts within a day, from many addresses together, if nobody ever logged in from these"
    "addresses."
    ""
    "## Why"
    "Password spraying and stuffing are spread over hundreds of addresses, each of which tries two or three accounts: no"
    "address and no account stands out. But people who forget their passwords do so where they always are."
    ""
    "## Example"
    "`85 accounts were tried in 1 day from 31 addresses where nobody ever logged in; 3 is usual, the most of late was 10`"
    ""
    "## How"
    "The fleet remembers the addresses of successful logins for one to two months. Of each hour the different accounts with"
    "failures from other addresses are counted, and summed over the day. The day's number is compared with the greatest of"
    "earlier days, extrapolated by a power law, and with a negative binomial; the larger probability counts. One test a day."
    ""
    "## What it misses"
    "Sprays from an address that a person uses too (the office, a shared proxy); fewer than `login_spray.least` accounts a day; logs that"
    "do not name who was tried: then only numbers per address are left, see `login_failures`."
    ""
    "## Settings"
    "`login_spray.least` (accounts), `first_seen.known_after_days` (days), `shares.login_spray` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1110.003, T1110.004."
};

/// Shape of the negative binomial: days differ by a factor of three and more.
const SHAPE: f64 = 0.5;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::Fleet || look.hour.tally.accounts.is_empty() {
        return;
    }
    let settings = look.settings;
    let day = look.hour.hour.div_euclid(24);
    let closed = look.entity.days.iter().find(|state| state.day == day).map_or(0, |state| state.fresh);
    let open = look.entity.open_of_day(day, look.hour.hour);
    let x = (closed + open.map(|state| strangers(look.entity, state)).sum::<u64>() + strangers(look.entity, look.hour))
        as f64;
    let known = f64::from(look.baseline.days) >= settings.first_seen.known_after_days;
    if x < settings.login_spray.least as f64 || !(known || look.drill()) {
        return;
    }
    let level = look.baseline.news;
    let (n, most) = (f64::from(level.n), f64::from(level.max));
    let mean = level.mean(1.0);
    let floor = settings.login_spray.least as f64 / 2.0;
    let empirical = tail::beyond_maximum(x, most.max(floor), n, settings.volume.tail_index);
    let p = empirical.max(tail::negative_binomial(x, mean.max(1.0), SHAPE));
    let page = p <= look.budget.daily_of_fleet(settings.shares.login_spray);
    let digest = look.closing && p <= 0.1;
    if !page && !digest {
        return;
    }
    let addresses: BTreeSet<&str> =
        look.hour.tally.accounts.iter().filter_map(|(_, tried)| Some(tried.split_once(' ')?.0)).collect();
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: x,
        expected: mean,
        unit: "accounts",
        p_value: Some(p),
        why: format!(
            "{} accounts were tried in 1 day from addresses where nobody ever logged in, in the last hour from {}; {} is \
             usual, the most of late was {}",
            count(x),
            count(addresses.len() as f64),
            count(mean),
            count(most),
        ),
        affected_records: 0,
        attack: &["T1110.003", "T1110.004"],
    });
}

/// Different accounts that were tried in vain from addresses from which nobody had logged in, as known two hours before.
pub(crate) fn strangers(entity: &EntityState, hour: &HourState) -> u64 {
    let past = hour.hour - 2;
    let tried = &hour.tally.accounts;
    let accounts: BTreeSet<&str> = tried
        .iter()
        .filter_map(|(_, tried)| tried.split_once(' '))
        .filter(|(address, _)| !entity.touched(Record::new("address", address), past))
        .map(|(_, account)| account)
        .collect();
    if tried.overflowed() {
        (accounts.len() as f64 * tried.estimate() / tried.len() as f64) as u64
    } else {
        accounts.len() as u64
    }
}
