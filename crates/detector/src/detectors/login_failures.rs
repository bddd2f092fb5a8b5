//! Login failures: bursts, sprays, and a success that follows them.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::{
    alert::Severity,
    entity::{NETWORK, overflowed, values},
};
use activity::EntityKind;
use tally::Metric;

pub(super) const SPEC: Spec = Spec {
    name: "login_failures",
    summary: "many failed logins for one account or of many accounts from one address, or a success after them",
    manual: MANUAL,
    judge,
};

const MANUAL: &str = manual! {
    "## What it notices"
    "One address that fails to log in to many accounts; a success after many failures, from a network that is new for"
    "this user; one account that fails very often (digest)."
    ""
    "## Why"
    "Password spraying and credential stuffing are how most accounts are taken over."
    ""
    "## Example"
    "`185.220.218.123 failed to log in to 14 accounts in 1 h, then got into u0172`"
    ""
    "## How"
    "Rules on the hour's counts. An address that many people share (an office) is known by its successes: it needs as"
    "many failing accounts again as it usually has people. A success counts if enough failures come before it in order"
    "of event time; when there were more logins than are kept in order, their numbers decide. From a network the user"
    "knows it does not page: people forget passwords every day."
    ""
    "## What it misses"
    "Sprays of one attempt per address and hour; stuffing with a first-time right password. The fleet's total of failed"
    "logins is judged by `volume`."
    ""
    "## Settings"
    "`login_failures.accounts_per_address` (accounts an hour), `login_failures.failures_before_success` (failures),"
    "`login_failures.failures_per_account` (failures an hour), `shares.login_failures` (part of the budget)."
    ""
    "## Reference"
    "MITRE ATT&CK T1110.003, T1110.004, T1078."
};

fn judge(_: &Spec, look: &Look<'_>, found: &mut Vec<Finding>) {
    match look.kind() {
        EntityKind::Address => found.extend(address(look)),
        EntityKind::PortalUser | EntityKind::DbAccount => found.extend(account(look)),
        _ => {}
    }
}

/// Many accounts from one address, and whether one was entered.
fn address(look: &Look<'_>) -> Option<Finding> {
    let tally = &look.hour.tally;
    let (failed, succeeded) = (tally.get(Metric::LoginsFailed), tally.get(Metric::LoginsOk));
    // Every account counts, also one that got in: which of them failed may be beyond what is kept in order.
    let accounts = if tally.accounts.overflowed() { 65 } else { tally.accounts.len() as u64 };
    let usual = look.baseline.people as u64;
    let settings = &look.settings.login_failures;
    let spray = accounts.min(failed) >= settings.accounts_per_address + 2 * usual;
    // Many logs do not name who was tried: then the number alone has to do. Not that no account is named at all: one named
    // attempt would hide the others. Beyond what is kept of logins all failures count, so that what held early holds still.
    let nameless = if tally.logins.overflowed() {
        failed
    } else {
        tally.logins.iter().filter(|login| !login.ok && login.account.is_empty()).count() as u64
    };
    let unnamed = nameless >= settings.failures_per_account * (1 + usual);
    if !(spray || unnamed) {
        return None;
    }
    let entered = succeeded > 0;
    Some(Finding {
        window: Window::Hour,
        page: true,
        severity: Severity::High,
        observed: failed as f64,
        expected: usual as f64,
        unit: "logins",
        p_value: None,
        why: format!(
            "{} failed to log in {failed} times{} in 1 h{}",
            shown(&look.entity.key.id),
            match accounts {
                0 => String::new(),
                _ if tally.accounts.overflowed() => ", to more than 64 accounts,".into(),
                _ => format!(", to {accounts} accounts,"),
            },
            if entered { format!("; {succeeded} logins succeeded") } else { String::new() },
        ),
        affected_records: 0,
        attack: &["T1110.003", "T1110.004"],
    })
}

fn account(look: &Look<'_>) -> Option<Finding> {
    let tally = &look.hour.tally;
    let failed = tally.get(Metric::LoginsFailed);
    let settings = &look.settings.login_failures;
    let mut failures = 0;
    let mut entered = false;
    for login in tally.logins.iter() {
        if login.ok {
            entered |= failures >= settings.failures_before_success;
        } else {
            failures += 1;
        }
    }
    // Beyond what is kept in order the numbers decide; they only grow, so an early verdict stands.
    entered |=
        tally.logins.overflowed() && tally.get(Metric::LoginsOk) > 0 && failed >= settings.failures_before_success;
    let burst = failed >= settings.failures_per_account;
    // People forget passwords every day, at home. Strangers guess them elsewhere.
    let elsewhere = overflowed(tally, NETWORK)
        || values(tally, NETWORK).into_iter().any(|value| !look.entity.knew(NETWORK, value, look.past()));
    let known = f64::from(look.baseline.days) >= look.settings.first_seen.known_after_days;
    let page = entered && elsewhere && known && failed >= settings.failures_before_success;
    let digest = (burst || (entered && elsewhere)) && look.closing;
    if !page && !digest {
        return None;
    }
    Some(Finding {
        window: Window::Hour,
        page,
        severity: if page { Severity::High } else { Severity::Low },
        observed: failed as f64,
        expected: 0.0,
        unit: "logins",
        p_value: None,
        why: if page {
            format!("{} logged in from a new network after {failed} failed attempts in 1 h", shown(&look.entity.key.id))
        } else {
            format!("{failed} logins as {} failed in 1 h", shown(&look.entity.key.id))
        },
        affected_records: 0,
        attack: if page { &["T1110", "T1078"] } else { &["T1110"] },
    })
}
