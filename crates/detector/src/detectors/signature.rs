//! Signatures: what a single statement gives away by its shape. They fire at once, and have no p-value.

use super::{Finding, Look, Spec, Window, manual, shown};
use crate::alert::Severity;
use activity::{EntityKind, Signal};
use tally::Metric;

pub(super) const INTO_OUTFILE: Spec = Spec {
    name: "into_outfile",
    summary: "a query result written to a file on the database server",
    manual: manual! {
        "## What it notices"
        "`SELECT … INTO OUTFILE` or `INTO DUMPFILE`."
        ""
        "## Why"
        "The portal never writes files through the database. An injection does, to take tables or to plant a web shell."
        ""
        "## Example"
        "`portal_app@10.0.1.11 wrote a query result to a file on the database server (classified data)`"
        ""
        "## What it misses"
        "Statements longer than the audit log keeps, if the clause is at the end."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`, for all signatures together."
        ""
        "## Reference"
        "MITRE ATT&CK T1190, T1505.003, T1005. MariaDB manual, SELECT INTO OUTFILE."
    },
    judge: |_, look, found| found.extend(outfile(look)),
};

pub(super) const DUMP_SHAPE: Spec = Spec {
    name: "dump_shape",
    summary: "a whole table read the way a dump tool reads it, by an account that does not do so regularly",
    manual: manual! {
        "## What it notices"
        "The statements of a dump tool: a whole table with `/*!40001 SQL_NO_CACHE */`."
        ""
        "## Why"
        "A dump takes everything at once."
        ""
        "## Example"
        "`portal_app@10.0.9.148 read whole tables as a dump tool does; it never did at this hour`"
        ""
        "## What it misses"
        "Dumps in another shape (see `volume`), and those in the usual hour of a regular backup."
        ""
        "## Settings"
        "`signature.regular_dump_days` (days): on so many earlier days at about this hour it is a habit, and does not page."
        ""
        "## Reference"
        "MITRE ATT&CK T1005, T1213. mariadb-dump manual."
    },
    judge: |_, look, found| found.extend(dump(look)),
};

pub(super) const GRANT: Spec = Spec {
    name: "grant",
    summary: "rights granted on tables, schemas or everything",
    manual: manual! {
        "## What it notices"
        "A `GRANT` that names a table, a schema or everything."
        ""
        "## Why"
        "Rights that somebody gives himself today are used tomorrow."
        ""
        "## Example"
        "`root@10.0.9.9 granted rights on tables`"
        ""
        "## What it misses"
        "Rights by role membership, and changes of the grant tables themselves."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1098, T1078."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::Grant)),
};

pub(super) const AUDIT_OFF: Spec = Spec {
    name: "audit_off",
    summary: "audit logging switched off or narrowed",
    manual: manual! {
        "## What it notices"
        "Changes of `server_audit` settings and `UNINSTALL PLUGIN`."
        ""
        "## Why"
        "Who wants not to be seen closes the eye first."
        ""
        "## Example"
        "`root@10.0.9.9 switched audit logging off or narrowed it`"
        ""
        "## What it misses"
        "Changes in the server's configuration file. What follows is silence: see `silence`."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1562.001, T1562.008."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::AuditOff)),
};

pub(super) const CANARY_RECORD: Spec = Spec {
    name: "canary_record",
    summary: "a record asked for that exists only to be found by somebody who has no business there",
    manual: manual! {
        "## What it notices"
        "A statement on classified data that names a record listed in `[classification.canaries]` by its id."
        ""
        "## Why"
        "An invented employee has no colleagues, no pay slip and no leave: nobody looks him up. Whoever walks through the ids meets"
        "him, whatever the pace; a theft of four months was once found by a bait and by nothing else."
        ""
        "## Example"
        "`u0175 asked for a canary, a record that nobody has a reason to ask for`"
        ""
        "## What it misses"
        "Reads that name no ids: lists, exports, dumps (see `volume`, `dump_shape`). Of a list of ids in one statement the first 64 are"
        "looked at. A record that shares its 64-bit name with a canary, once in trillions, is taken for it."
        ""
        "## Settings"
        "`[classification.canaries]`: `employee = [\"99999\"]`. Share of the budget: `shares.signature`. Tell nobody which they are; test"
        "programs that read every record need an exception that names this detector."
        ""
        "## Reference"
        "MITRE D3FEND D3-DF (decoy file), Engage EAC0022. MITRE ATT&CK T1213, T1119."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::CanaryRecord)),
};

pub(super) const FORGED_DRILL_MARK: Spec = Spec {
    name: "forged_drill_mark",
    summary: "a record that claims to be a drill and is not",
    manual: manual! {
        "## What it notices"
        "A drill's mark whose signature does not verify. The record is treated as live."
        ""
        "## Why"
        "Who passes for a drill passes unseen."
        ""
        "## Example"
        "`the source audit holds a record with a drill's mark that does not verify`"
        ""
        "## What it misses"
        "A mark made with a stolen key."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1036."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::ForgedDrillMark)),
};

pub(super) const FORGED_ENTRY: Spec = Spec {
    name: "forged_entry",
    summary: "a statement that carries a line which poses as a log entry of its own",
    manual: manual! {
        "## What it notices"
        "A literal or comment with a line in it that looks like the beginning of another entry of the same log."
        ""
        "## Why"
        "Nobody writes such a line by chance. It is there to put words into somebody else's mouth, or to hide what follows from"
        "readers that split a log at its headers. breachd counts it as the text it is."
        ""
        "## Example"
        "`u1042 ran a statement with a line in it that poses as a log entry of its own`"
        ""
        "## What it misses"
        "Forgeries in logs that escape line breaks: they have no effect there."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1070, T1565.001. CWE-117."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::ForgedEntry)),
};

pub(super) const HANDLER_READ: Spec = Spec {
    name: "handler_read",
    summary: "a classified table read with HANDLER, past the usual statements",
    manual: manual! {
        "## What it notices"
        "`HANDLER … READ` on a classified table."
        ""
        "## Why"
        "No shop software reads so. An injection does where the word SELECT is filtered."
        ""
        "## Example"
        "`portal_app@10.0.1.11 read a classified table with HANDLER`"
        ""
        "## What it misses"
        "The rows that were read: they are in the slow log only, one by one."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1190, T1213. MariaDB manual, HANDLER."
    },
    judge: |_, look, found| {
        found.extend(simple(look, Signal::HandlerRead).filter(|_| !look.hour.tally.classes.is_empty()));
    },
};

pub(super) const MISPLACED_TAG: Spec = Spec {
    name: "misplaced_tag",
    summary: "a comment that names a user elsewhere than the application does",
    manual: manual! {
        "## What it notices"
        "An attribution tag's key in a comment that does not stand at its configured position, or two tags that disagree."
        ""
        "## Why"
        "The tag is ignored. Whoever put it there wanted the statement to be somebody else's, or wanted the true tag cut off."
        ""
        "## Example"
        "`portal_app@10.0.1.11 ran a statement with a user's tag where the application puts none`"
        ""
        "## What it misses"
        "A forged tag at the configured position: a front tag that the application itself writes cannot be preceded."
        ""
        "## Settings"
        "None. For the digest: a library that puts its comment elsewhere is more frequent than an attack."
        ""
        "## Reference"
        "MITRE ATT&CK T1036, T1070."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::MisplacedTag)),
};

pub(super) const SQL_INJECTION: Spec = Spec {
    name: "sql_injection",
    summary: "SQL in the address of a request",
    manual: manual! {
        "## What it notices"
        "Requests with SQL in path or query, raw or encoded up to three times. From somebody who is logged in, or with an integration"
        "key, it pages. From strangers it is for the digest: scanners try it on every shop every day."
        ""
        "## Why"
        "An injection behind the login reads what no page shows."
        ""
        "## Example"
        "`u0127 sent requests with SQL in their address`"
        ""
        "## What it misses"
        "Bodies, cookies and headers, which access logs do not have; conditions without a quote, function or query."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1190. OWASP ASVS 5.3.4. CWE-89."
    },
    judge: |_, look, found| found.extend(in_address(look, Signal::SqlInjection)),
};

pub(super) const TEMPLATE_INJECTION: Spec = Spec {
    name: "template_injection",
    summary: "a template's directive or code in the address of a request",
    manual: manual! {
        "## What it notices"
        "Magento's directives (`{{block`, `{{config`, …), `styles[`, PHP tags and the like in path or query. From somebody who is"
        "logged in it pages, from strangers it is for the digest."
        ""
        "## Why"
        "Template and style injection run code in the shop."
        ""
        "## Example"
        "`203.0.113.7 sent requests with a template's directive or code in their address`"
        ""
        "## What it misses"
        "Bodies and headers; what it achieves: see `script_in_files` and `unexplained_reads`."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`."
        ""
        "## Reference"
        "MITRE ATT&CK T1190, T1059. CVE-2022-24086."
    },
    judge: |_, look, found| found.extend(in_address(look, Signal::TemplateInjection)),
};

pub(super) const SCRIPT_IN_FILES: Spec = Spec {
    name: "script_in_files",
    summary: "a script that answers in a directory of uploads or static files",
    manual: manual! {
        "## What it notices"
        "Requests for what PHP runs below `/media`, `/static`, `/errors` and the like. The digest lists them."
        ""
        "## Why"
        "Web shells are put where customers may upload."
        ""
        "## Example"
        "`requests for /media/custom_options/quote/x.php, which no shop runs`"
        ""
        "## What it misses"
        "Shells in the shop's own scripts, or called by another name."
        ""
        "## Settings"
        "None. Share of the budget: `shares.signature`. What it reads from the database is noticed by `unexplained_reads`."
        ""
        "## Reference"
        "MITRE ATT&CK T1505.003."
    },
    judge: |_, look, found| found.extend(in_address(look, Signal::ScriptInFiles)),
};

pub(super) const PERSONAL_DATA_IN_URL: Spec = Spec {
    name: "personal_data_in_url",
    summary: "personal data in the address of a page",
    manual: manual! {
        "## What it notices"
        "Requests whose path or query holds personal data: e-mail addresses, bank accounts, social security or card numbers,"
        "dates of birth, passwords or tokens by name. Told by the route, never by the value."
        ""
        "## Why"
        "Addresses of pages are kept by every log, proxy, browser history and analytics script on the way."
        ""
        "## Example"
        "`requests to /employee-portal/search carry personal data in their address`"
        ""
        "## What it misses"
        "What has no shape: names, addresses, free text; and whatever is in the body."
        ""
        "## Settings"
        "None. For the digest: it is a weakness to mend, not an attack."
        ""
        "## Reference"
        "CWE-598. GDPR art. 25, 32. OWASP ASVS 8.3.1."
    },
    judge: |_, look, found| found.extend(simple(look, Signal::PersonalDataInUrl)),
};

/// One statement touches several entities; its actor answers for it, so that it is one alert and not five.
fn answers(kind: EntityKind, signal: Signal) -> bool {
    match signal {
        Signal::ForgedDrillMark => kind == EntityKind::Source,
        Signal::PersonalDataInUrl => kind == EntityKind::Route,
        _ => matches!(kind, EntityKind::DbAccount | EntityKind::PortalUser | EntityKind::IntegrationKey),
    }
}

/// Attacks in the address of a request: behind the login they page.
fn in_address(look: &Look<'_>, signal: Signal) -> Option<Finding> {
    let known = matches!(look.kind(), EntityKind::PortalUser | EntityKind::IntegrationKey);
    if !look.hour.tally.signals.contains(signal) || !(known || look.kind() == EntityKind::Address) {
        return None;
    }
    if !known && !look.closing {
        return None;
    }
    let what = match signal {
        Signal::SqlInjection => "with SQL in their address",
        Signal::TemplateInjection => "with a template's directive or code in their address",
        _ => "for scripts where only files should lie",
    };
    let why = format!("{} sent requests {what}", shown(&look.entity.key.id));
    let severity = if known { Severity::High } else { Severity::Low };
    let finding = finding(look, severity, known, why, &["T1190"]);
    Some(Finding { unit: "requests", affected_records: 0, ..finding })
}

fn outfile(look: &Look<'_>) -> Option<Finding> {
    let signals = look.hour.tally.signals;
    let seen = signals.contains(Signal::IntoOutfile) || signals.contains(Signal::IntoDumpfile);
    let class = if look.hour.tally.classes.is_empty() { "" } else { " (classified data)" };
    (seen && answers(look.kind(), Signal::IntoOutfile)).then(|| {
        let why =
            format!("{} wrote a query result to a file on the database server{class}", shown(&look.entity.key.id));
        finding(look, Severity::Critical, true, why, &["T1190", "T1005"])
    })
}

fn dump(look: &Look<'_>) -> Option<Finding> {
    if !look.hour.tally.signals.contains(Signal::DumpShape) || !answers(look.kind(), Signal::DumpShape) {
        return None;
    }
    let regular = days_at_this_hour(&look.entity.rare().dumps(look.hour.hour), look.hour.hour)
        >= look.settings.signature.regular_dump_days as usize;
    if regular && !look.closing {
        return None;
    }
    let habit = if regular { "as it does regularly at this hour" } else { "which it does not do at this hour" };
    let why = format!("{} read whole tables as a dump tool does, {habit}", shown(&look.entity.key.id));
    let severity = if regular { Severity::Low } else { Severity::High };
    Some(finding(look, severity, !regular, why, &["T1005", "T1213"]))
}

/// Earlier days with a dump within an hour of this hour of the day.
fn days_at_this_hour(dumps: &[i64], hour: i64) -> usize {
    let mut days: Vec<i64> = dumps
        .iter()
        .map(|dump| hour - dump)
        .filter(|ago| *ago >= 12 && matches!(ago.rem_euclid(24), 0 | 1 | 23))
        .map(|ago| (ago + 1).div_euclid(24))
        .collect();
    days.sort_unstable();
    days.dedup();
    days.len()
}

fn simple(look: &Look<'_>, signal: Signal) -> Option<Finding> {
    if !look.hour.tally.signals.contains(signal) || !answers(look.kind(), signal) {
        return None;
    }
    let who = shown(&look.entity.key.id);
    let (severity, page, why, attack): (_, _, _, &'static [&'static str]) = match signal {
        Signal::AuditOff => (
            Severity::Critical,
            true,
            format!("{who} switched audit logging off or narrowed it"),
            &["T1562.001", "T1562.008"],
        ),
        Signal::CanaryRecord => (
            Severity::Critical,
            true,
            format!("{who} asked for a canary, a record that nobody has a reason to ask for"),
            &["T1213", "T1119"],
        ),
        Signal::Grant => (Severity::High, true, format!("{who} granted rights on tables"), &["T1098"]),
        Signal::ForgedEntry => (
            Severity::High,
            true,
            format!("{who} ran a statement with a line in it that poses as a log entry of its own"),
            &["T1070", "T1565.001"],
        ),
        Signal::HandlerRead => {
            (Severity::High, true, format!("{who} read a classified table with HANDLER"), &["T1190", "T1213"])
        }
        Signal::MisplacedTag => (
            Severity::Medium,
            false,
            format!("{who} ran a statement with a user's tag where the application puts none"),
            &["T1036", "T1070"],
        ),
        Signal::PersonalDataInUrl => {
            (Severity::Low, false, format!("requests to {who} carry personal data in their address"), &["T1552"])
        }
        _ => (
            Severity::High,
            true,
            format!("the source {who} holds a record with a drill's mark that does not verify"),
            &["T1036"],
        ),
    };
    // The digest comes when the hour is over: a page could still win over it.
    (page || look.closing).then(|| finding(look, severity, page, why, attack))
}

fn finding(look: &Look<'_>, severity: Severity, page: bool, why: String, attack: &'static [&'static str]) -> Finding {
    Finding {
        window: Window::Hour,
        page,
        severity,
        observed: 1.0,
        expected: 0.0,
        unit: "statements",
        p_value: None,
        why,
        affected_records: look.hour.tally.get(Metric::RowsSent),
        attack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_is_days_not_runs() {
        let at = |day: i64, hour: i64| day * 24 + hour;
        assert_eq!(days_at_this_hour(&[at(1, 2), at(2, 3), at(3, 2), at(3, 3), at(4, 14)], at(5, 2)), 3);
        assert_eq!(days_at_this_hour(&[at(4, 23), at(3, 23)], at(5, 0)), 1, "an hour ago is the same run");
    }
}
