//! Former role: somebody who changed roles long ago and still reads what only the role before reads.

use super::{
    Finding, Look, Spec, Window,
    first_seen::{FOREIGN_SHARE, share_of},
    manual, shown,
};
use crate::{alert::Severity, entity::TABLE, fleet::Peers};
use activity::EntityKind;
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "former_role",
    summary: "somebody who changed roles long ago still reads what only the former role reads",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "A portal user who changed roles more than 30 days ago by the HR directory, and reads a classified table that people of the role"
    "before read and people of the present one do not. The digest lists it, once a day."
    ""
    "## Why"
    "Rights are given on the first day of a new duty and taken back never. Who has those of three duties is the insider of whom nobody"
    "thinks, and his account the one worth stealing."
    ""
    "## Example"
    "`u0042 read hr.payroll, which is what payroll reads and benefits does not, 51 days after the change of roles`"
    ""
    "## How"
    "A role reads a table if it spends 2 % of its active hours with it. Of the present role the person's own hours with the table (days on"
    "which it was used, times the person's hours a day) do not count: in a small role one would be one's own excuse. Both roles must be known"
    "from 100 active hours."
    ""
    "## What it misses"
    "A directory that keeps one row for each person: two rows with `from` and `to` say that roles changed. What everybody may read for"
    "himself (the own pay slip) is the former role's too if colleagues of the present one hardly do; so it is for the digest."
    ""
    "## Settings"
    "`first_seen.page_amount` (rows or requests): less in an hour is not told. `[directory]`."
    ""
    "## Reference"
    "MITRE ATT&CK T1078, T1213. ISO/IEC 27002:2022, 5.18 (adjustment of rights after a change of roles)."
};

/// What somebody was before the present role.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Former<'a> {
    pub(crate) role: &'a str,
    /// Whole days since it is over.
    pub(crate) days: i64,
    /// Those who are it now; `None`: nothing known.
    pub(crate) peers: Option<&'a Peers>,
}

impl Former<'_> {
    /// Work of the role before may still have to be finished.
    pub(crate) fn hands_over(&self) -> bool {
        self.days < HANDOVER_DAYS
    }
}

/// Days after a change of roles in which both count.
const HANDOVER_DAYS: i64 = 30;
/// Active hours from which on a role says what it reads.
const KNOWN_HOURS: f64 = 100.0;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    let Some(former) = look.former.filter(|former| !former.hands_over()) else { return };
    let known = |peers: Option<&'_ Peers>| peers.is_some_and(|peers| peers.active >= KNOWN_HOURS);
    let (Some(before), Some(now)) = (former.peers, look.peers) else { return };
    let tally = &look.hour.tally;
    let amount = tally.get(Metric::ClassifiedRequests).max(tally.get(Metric::RowsSent));
    let is_due = look.closing && look.kind() == EntityKind::PortalUser && !look.drill();
    let enough = amount >= look.settings.first_seen.page_amount && !tally.classes.is_empty();
    if !is_due || !enough || !known(former.peers) || !known(look.peers) {
        return;
    }
    let hours_a_day = f64::from(look.baseline.hours) / f64::from(look.baseline.days).max(1.0);
    let lingers = |value: u64| {
        let own = hours_a_day * look.entity.days_with(TABLE, value);
        let of_colleagues = share_of(now, TABLE, value) - own / (now.active + 1.0);
        share_of(before, TABLE, value) > FOREIGN_SHARE && of_colleagues <= FOREIGN_SHARE
    };
    let tables: Vec<&str> = tally.tables.iter().filter(|(value, _)| lingers(*value)).map(|(_, table)| table).collect();
    let Some(table) = tables.iter().min() else { return };
    let others = match tables.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    found.push(Finding {
        window: Window::Day,
        page: false,
        severity: Severity::Low,
        observed: tables.len() as f64,
        expected: 0.0,
        unit: "tables",
        p_value: None,
        why: format!(
            "{} read {}{others}, which is what {} reads and {} does not, {} days after the change of roles",
            shown(&look.entity.key.id),
            shown(table),
            shown(former.role),
            shown(look.role),
            former.days,
        ),
        affected_records: tally.get(Metric::RowsSent),
        attack: &["T1078", "T1213"],
    });
}
