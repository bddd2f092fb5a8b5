//! Leaver: an account that reads people's data after its owner's last day.

use super::{Finding, Look, Spec, Window, count, manual, shown};
use crate::alert::Severity;
use activity::{DataClass, EntityKind};
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "leaver",
    summary: "classified data read with the account of somebody who has left",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "Requests for classified data, or rows of it, with a login whose employment ended more than a day ago by the HR directory."
    ""
    "## Why"
    "Accounts are often closed late. What is read with one of them afterwards nobody has a right to, however little it is."
    ""
    "## Example"
    "`u0083 made 16 requests for classified data 9 days after the end of this employment`"
    ""
    "## How"
    "A rule: the directory knows the login, and every row of it has ended. One day is allowed for time zones and the last"
    "farewell, and two rows or requests an hour: what an attempt to log in reads. Several employments count together: who comes back is no leaver."
    ""
    "## What it misses"
    "Logins the directory does not know, and a directory that is told late. Former employees who may still fetch their pay slips"
    "page every day: leave their last day open, or give them a row of their own."
    ""
    "## Settings"
    "`shares.leaver` (part of the budget); `[directory]`."
    ""
    "## Reference"
    "MITRE ATT&CK T1078. ISO/IEC 27002:2022, 5.18 and 6.5."
};

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    let Some(days) = look.left.filter(|days| *days >= DAYS_ALLOWED && look.kind() == EntityKind::PortalUser) else {
        return;
    };
    let tally = &look.hour.tally;
    let (requests, rows) = (
        tally.get(Metric::ClassifiedRequests),
        tally.get(Metric::RowsSent).saturating_add(tally.get(Metric::RowsGathered)),
    );
    // Trying to log in reads the row with the password.
    let sensitive = tally.classes.iter().any(|class| class != DataClass::Credentials);
    if requests.max(rows) < LEAST || !sensitive {
        return;
    }
    let did = if requests > 0 { "made {} requests for classified data" } else { "read {} rows of classified data" };
    let did = did.replace("{}", &count(if requests > 0 { requests } else { rows } as f64));
    found.push(Finding {
        window: Window::Day,
        page: true,
        severity: Severity::High,
        observed: requests.max(rows) as f64,
        expected: 0.0,
        unit: if requests > 0 { "requests" } else { "rows" },
        p_value: None,
        why: format!("{} {did} {days} days after the end of this employment", shown(&look.entity.key.id)),
        affected_records: rows,
        attack: &["T1078"],
    });
}

/// Requests or rows of an hour below which nobody is told.
const LEAST: u64 = 3;
/// Whole days after the end of the last one.
const DAYS_ALLOWED: i64 = 1;
