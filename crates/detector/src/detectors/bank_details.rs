//! Bank details: somebody who does not do that changes where other people's pay goes, or one account gets the pay of several.
//!
//! That many people are given *one* account number says more than that many are changed: whoever does the latter every day does not do
//! the former. It needs no baseline but that it is unheard of here. Of a person at a table all rows count that the person wrote; of the
//! table itself, people who each wrote it (a phished password each, the own row each), as one person's doing is told of the person.

use super::{Finding, Look, Spec, Window, count, manual, shown};
use crate::{
    alert::Severity,
    entity::{EntityState, HourState, NETWORK},
    limits::PAYEE_HOURS,
    tail,
    watch::{BANK_ROWS, Scale, cell},
};
use activity::{EntityKind, Signal};
use std::collections::BTreeSet;

pub(super) const SPEC: Spec = Spec {
    name: "bank_details",
    summary: "account numbers changed by somebody who rarely does that, or one given to several people",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user who, within a day, changes rows of a classified table with statements that write an account number (columns such as"
    "iban, bic, account_number, routing_number), many more than this person and people of the same role do. And one account number that is"
    "written to the rows of several people within four weeks: by one person, by an account of the database, or by several people."
    ""
    "## Why"
    "Payroll diversion: with one changed account number a month's pay goes elsewhere, and nobody reads anything."
    ""
    "## Example"
    "`u0007 changed 23 rows of hr.bank_accounts that hold account numbers, in 1 day; 0.2 is usual for this hradmin, the most of late was 1`;"
    "`u0007 wrote one account number to the rows of 5 people in hr.bank_accounts within 28 days, 3 of them in this hour`"
    ""
    "## How"
    "Rows count that such statements changed on a day, no others. Of the person: the share of days at the table with any, times the tail beyond"
    "the greatest (half a row, where there was none), extrapolated by a power law. Of who has fewer than five days there, people of the role"
    "count too: the share of days on which one changes as many, squared (days that paged are left out). The greater of both must fall below"
    "the share of the budget divided by the person-days of a week. It pages once thirty person-days at the table are known."
    ""
    "One number for several: known from the literals of UPDATE and INSERT, by a hash under the key of `[privacy]`; the number itself is kept"
    "nowhere. Codes of banks (bic, routing_number) do not count, nor do placeholders (`0000000000`, `PENDING`). Couples share an account:"
    "it pages from `bank_details.people` on. Where that happened in more than three hours of late (a pooled account of a card"
    "provider), or less than thirty hours of work at the table are known, it is for the digest."
    ""
    "A statement that names no columns (INSERT without a list, LOAD DATA, COPY) counts by the name of its table: one that begins a word with"
    "bank, iban, payee, payout or direct deposit."
    ""
    "## What it misses"
    "One number for several: two people only, values in prepared statements, encrypted columns, more than 32 different changes in a minute."
    "Else: fewer than `bank_details.least` people; whoever changes account numbers every day; columns and tables with other names"
    "(`[classification.columns]` makes them classified, not known as account numbers); logs without affected rows (the audit log alone)."
    ""
    "## Settings"
    "`bank_details.least` (rows), `bank_details.people`, `shares.bank_details` (part of the budget), `volume.tail_index`."
    ""
    "## Reference"
    "MITRE ATT&CK T1565.001. FBI IC3 PSA I-091818 (payroll diversion)."
};

/// Place of the accesses among the metrics of a person at a table.
const TOUCHES: usize = 1;
/// Person-days at the table before it is known who changes what.
const KNOWN_DAYS: f64 = 30.0;
/// The person's days at the table from which on the own history is enough.
const OWN_DAYS: f64 = 5.0;
/// What counts as the most of whoever never changed any.
const NEVER: f64 = 0.5;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if !look.hour.tally.signals.contains(Signal::BankDetails) {
        return;
    }
    found.extend(one_account(look));
    if look.kind() != EntityKind::UserTable || look.drill() {
        return;
    }
    let changed = look.entity.bank_rows(look.hour.hour);
    if changed < look.settings.bank_details.least {
        return;
    }
    let (x, alpha) = (changed as f64, look.settings.volume.tail_index);
    let level = look.baseline.bank_rows;
    let days = f64::from(look.baseline.days);
    let most = if level.n < 0.5 { NEVER } else { f64::from(level.max).max(1.0) };
    let own = rate(f64::from(level.n), days) * tail::beyond_maximum(x / most, 1.0, 0.0, alpha);
    let peers = |cell: usize| look.peers.and_then(|peers| peers.cells[cell].as_ref());
    let person_days = peers(cell(TOUCHES, Scale::Day)).map_or(0.0, |touches| touches.n);
    let others = peers(BANK_ROWS).map_or(0.0, |usual| rate(usual.n, person_days) * usual.survival(x, alpha));
    // The own habit decides of who is known at this table; of others, also what people of the role do now and then.
    let p = if days >= OWN_DAYS { own } else { own.max(others * others) }.min(1.0);
    let bound = look.budget.daily(look.settings.shares.bank_details, EntityKind::PortalUser);
    let page = p <= bound && person_days >= KNOWN_DAYS;
    let digest = look.closing && p <= DIGEST_P;
    if !page && !digest {
        return;
    }
    let (user, table) = look.entity.key.id.rsplit_once('|').unwrap_or((&look.entity.key.id, ""));
    let mean = f64::from(level.sum) / days.max(1.0);
    let role = look.for_role();
    found.push(Finding {
        window: Window::Day,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: x,
        expected: mean,
        unit: "rows",
        p_value: Some(p.max(f64::MIN_POSITIVE)),
        why: format!(
            "{} changed {} rows of {} that hold account numbers, in 1 day; {} is usual{role}, the most of late was {}",
            shown(user),
            count(x),
            shown(table),
            count(mean),
            count(f64::from(level.max)),
        ),
        affected_records: changed,
        attack: &["T1565.001"],
    });
}

/// One account number for several people, some of them in this hour.
fn one_account(look: &Look<'_>) -> Option<Finding> {
    let (most, of_hour) = shared_account(look.entity, look.hour);
    if (most as u64) < look.settings.bank_details.people {
        return None;
    }
    let known = look.peers.filter(|peers| KNOWN_HOURS <= peers.active);
    let page = look.drill() || known.is_some_and(|peers| peers.novel[SHARED_ACCOUNT] <= SHARED_MAX);
    if !page && !look.closing {
        return None;
    }
    let id = &look.entity.key.id;
    let why = match id.rsplit_once('|').filter(|_| look.kind() == EntityKind::UserTable) {
        Some((user, table)) => format!(
            "{} wrote one account number to the rows of {most} people in {} within {} days, {of_hour} of them in this hour",
            shown(user),
            shown(table),
            PAYEE_HOURS / 24,
        ),
        None => format!(
            "one account number was written to {} for {most} people, by each of them or by somebody without a name, within {} days, {of_hour} of \
             them in this hour",
            shown(id),
            PAYEE_HOURS / 24,
        ),
    };
    Some(Finding {
        // Not the day's: that is the alert of the number of rows, and one id has one severity.
        window: Window::Hour,
        page,
        severity: if page { Severity::Critical } else { Severity::Low },
        observed: most as f64,
        expected: 1.0,
        unit: ONE_ACCOUNT,
        p_value: None,
        why,
        affected_records: most as u64,
        attack: &["T1565.001"],
    })
}

/// What is counted of one account number.
pub(super) const ONE_ACCOUNT: &str = "people";

/// Of the account numbers written in the hour, the one that became most people's within four weeks: how many, and how many in
/// the hour.
pub(crate) fn shared_account(entity: &EntityState, hour: &HourState) -> (usize, usize) {
    let accounts: BTreeSet<u32> = hour.payees.iter().map(|(account, _)| *account).collect();
    let count = |account: u32| {
        let here = || hour.payees.iter().filter(move |payee| payee.0 == account).map(|payee| payee.1);
        let earlier = entity.earlier_payees(hour.hour).filter(|payee| payee.0 == account).map(|payee| payee.1);
        let all: BTreeSet<u32> = here().chain(earlier).collect();
        (all.len(), here().count())
    };
    accounts.into_iter().map(count).max().unwrap_or_default()
}

/// Where hours with such an account number are counted (tables, and people at them, meet no networks).
pub(crate) const SHARED_ACCOUNT: usize = NETWORK;
/// More of late than these, and it is a habit here.
const SHARED_MAX: f64 = 3.0;
/// Hours of work at the table (of its schema) before it is known whether it is one.
const KNOWN_HOURS: f64 = 30.0;

/// Share of days on which there was any; at least one in all there were.
fn rate(with: f64, all: f64) -> f64 {
    ((with + 1.0) / (all.max(with) + 1.0)).min(1.0)
}

/// The digest lists what is rarer than this.
const DIGEST_P: f64 = 1e-3;
