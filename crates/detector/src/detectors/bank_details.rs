//! Bank details: somebody who does not do that changes where other people's pay goes.

use super::{Finding, Look, Spec, Window, count, manual, shown};
use crate::{
    alert::Severity,
    tail,
    watch::{BANK_ROWS, Scale, cell},
};
use activity::{EntityKind, Signal};

pub(super) const SPEC: Spec = Spec {
    name: "bank_details",
    summary: "account numbers of several people changed by somebody who rarely or never does that",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user who, within a day, changes rows of a classified table with statements that write an account number (columns such as"
    "iban, bic, account_number, routing_number), many more than this person and people of the same role do."
    ""
    "## Why"
    "Payroll diversion: with one changed account number a month's pay goes elsewhere, and nobody reads anything."
    ""
    "## Example"
    "`u0007 changed 23 rows of hr.bank_accounts that hold account numbers, in 1 day; 0.2 is usual for this hradmin, the most of late was 1`"
    ""
    "## How"
    "Rows count that such statements changed on a day, no others. Of the person: the share of days at the table with any, times the tail beyond"
    "the greatest (half a row, where there was none), extrapolated by a power law. Of who has fewer than five days there, people of the role"
    "count too: the share of days on which one changes as many, squared (days that paged are left out). The greater of both must fall below"
    "the share of the budget divided by the person-days of a week. It pages once thirty person-days at the table are known."
    ""
    "A statement that names no columns (INSERT without a list, LOAD DATA, COPY) counts by the name of its table: one that begins a word with"
    "bank, iban, payee, payout or direct deposit."
    ""
    "## What it misses"
    "Fewer than `bank_details.least` people; whoever changes account numbers every day; columns and tables with other names"
    "(`[classification.columns]` makes them classified, not known as account numbers); logs without affected rows (the audit log alone)."
    ""
    "## Settings"
    "`bank_details.least` (rows), `shares.bank_details` (part of the budget), `volume.tail_index`."
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
    if look.kind() != EntityKind::UserTable || !look.hour.tally.signals.contains(Signal::BankDetails) || look.drill() {
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

/// Share of days on which there was any; at least one in all there were.
fn rate(with: f64, all: f64) -> f64 {
    ((with + 1.0) / (all.max(with) + 1.0)).min(1.0)
}

/// The digest lists what is rarer than this.
const DIGEST_P: f64 = 1e-3;
