//! Unexplained reads: statements on classified data that no person stands behind, from a host where one always does.

use super::{Finding, Look, Spec, Window, count, manual, shown};
use crate::{alert::Severity, limits::CANDIDATES_SHOWN_MAX};
use activity::EntityKind;
use tally::{Metric, Tally};

pub(super) const SPEC: Spec = Spec {
    name: "unexplained_reads",
    summary: "statements on classified data that name nobody, from a host whose statements always do",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "An application host whose statements on classified data always carry the tag of a person, and now some do not."
    ""
    "## Why"
    "The portal tags what it runs. A web shell, an injection that comments the tag away, a console or a dump on that host uses the"
    "same account from the same address, but does not."
    ""
    "## Example"
    "`10.0.1.12 ran 7 statements on hr.payroll_runs that name nobody; in 412 of its last 412 active hours all did; people with"
    "requests for such data on that host were u0017, u0101 and 3 others`"
    ""
    "## How"
    "Hours of the host with statements on classified data are counted: those in which all name a person, and those in"
    "which some do not. An hour that paged is not learned, up to a limit. It pages where enough hours are known and"
    "hardly any was unexplained; the candidates are those whom the web log names on that host."
    ""
    "## What it misses"
    "Whoever can write the tag of a person: see `attribution.tagged_accounts`. (The id of a request in a tag names nobody by itself;"
    "where the web log has the same id, the alert says whose request it was.) Hosts that mix tagged and untagged work as a habit"
    "(untagged ones are then listed in the digest at most). Candidates are known only where the web log names the application host."
    ""
    "## Settings"
    "None. Its share of the budget is that of the signatures, measured on quiet worlds: no valid p-value stands behind it."
    ""
    "## Reference"
    "MITRE ATT&CK T1505.003, T1078, T1213."
};

/// Active hours of a host that must be known.
const HOURS_KNOWN: u32 = 40;

/// One unexplained hour in so many is still a host that always explains itself.
const ONE_IN: u32 = 200;

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    if look.kind() != EntityKind::AppHost {
        return;
    }
    let unnamed = look.hour.tally.get(Metric::UnnamedStatements);
    let (named, unexplained) = (look.baseline.named_hours, look.baseline.unnamed_hours);
    // Where most of the work is untagged, tags are not in use: nothing can be missed.
    if unnamed == 0 || named <= unexplained {
        return;
    }
    let page = stands_out(look);
    if !page && !look.closing {
        return;
    }
    let hours = named + unexplained;
    found.push(Finding {
        window: Window::Hour,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: unnamed as f64,
        expected: 0.0,
        unit: Metric::UnnamedStatements.unit(),
        p_value: None,
        why: format!(
            "{} ran {} {} on {} that name nobody; in {} of its last {} active hours all did{}",
            shown(&look.entity.key.id),
            count(unnamed as f64),
            if unnamed == 1 { "statement" } else { "statements" },
            tables(&look.hour.tally),
            count(f64::from(named)),
            count(f64::from(hours)),
            candidates(&look.hour.tally),
        ),
        affected_records: look.hour.tally.get(Metric::RowsSent),
        attack: &["T1505.003", "T1213"],
    });
}

/// Whether the hour has such statements, and this host is known to have none.
pub(super) fn stands_out(look: &Look<'_>) -> bool {
    let (named, unexplained) = (look.baseline.named_hours, look.baseline.unnamed_hours);
    look.hour.tally.get(Metric::UnnamedStatements) > 0
        && HOURS_KNOWN <= named
        && unexplained.saturating_mul(ONE_IN) <= named
}

pub(super) fn tables(tally: &Tally) -> String {
    let mut names: Vec<&str> = tally.tables.iter().map(|(_, name)| name).collect();
    names.sort_unstable();
    match names.as_slice() {
        [] => "classified data".into(),
        [one] => shown(one),
        [first, rest @ ..] => format!("{} and {} other tables", shown(first), rest.len()),
    }
}

/// `; people with requests for such data on that host were u1, u2 and 3 others`, or that there were none. Whom a request id
/// names is named for certain.
pub(super) fn candidates(tally: &Tally) -> String {
    let named = tally.requests_in_common();
    if !named.is_empty() {
        let shown_names: Vec<String> = named
            .iter()
            .take(CANDIDATES_SHOWN_MAX)
            .map(|(user, table)| format!("{} ({})", shown(user), shown(table)))
            .collect();
        return format!("; by the id of the request: {}{}", shown_names.join(", "), more(named.len(), false));
    }
    let mut names: Vec<&str> = tally.candidate_users().collect();
    names.sort_unstable();
    if names.is_empty() {
        return String::from("; no person's request for such data is known on that host");
    }
    let shown_names: Vec<String> = names.iter().take(CANDIDATES_SHOWN_MAX).map(|name| shown(name)).collect();
    let more = more(names.len(), tally.candidates.overflowed());
    format!("; people with requests for such data on that host were {}{more}", shown_names.join(", "))
}

/// ` and 3 others`: those of so many that are not shown.
fn more(names: usize, overflowed: bool) -> String {
    match (names.saturating_sub(CANDIDATES_SHOWN_MAX), overflowed) {
        (_, true) => String::from(" and many others"),
        (0, false) => String::new(),
        (1, false) => String::from(" and 1 other"),
        (others, false) => format!(" and {others} others"),
    }
}
