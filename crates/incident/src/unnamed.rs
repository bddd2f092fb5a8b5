//! What a notice says of an incident where names may not leave: `[notices] figures` is `counts` or `none`.
//!
//! The subject keeps its kind and goes by the incident's number; the sentences of alerts, which name people, tables and addresses, are
//! replaced by the detector, the severity and, with `counts`, the figure that was seen. A pseudonym is no name: it leads to a person
//! only within breachd, and by it responders know that two incidents are about the same one.

use crate::{AlertFact, FiguresShown, Incident, limits};
use activity::{Entity, EntityKind, printable_within};

/// Whom or what it is about, as far as that may leave.
pub(crate) fn subject(incident: &Incident, shown: FiguresShown) -> Entity {
    let subject = &incident.subject;
    // There is one fleet.
    let may_leave = shown == FiguresShown::Full || subject.kind == EntityKind::Fleet || is_pseudonym(subject);
    if may_leave { subject.clone() } else { Entity::new(subject.kind, incident.id.to_string()) }
}

/// Why it was raised, a sentence for each of the first alerts.
pub(crate) fn reasons(incident: &Incident, shown: FiguresShown) -> Vec<String> {
    let reason = |alert: &AlertFact| match shown {
        FiguresShown::Full => alert.why.clone(),
        FiguresShown::Counts | FiguresShown::None => without_names(alert, shown),
    };
    let reasons: Vec<_> = incident.alerts.iter().take(limits::REASONS_MAX).map(reason).collect();
    match (reasons.is_empty(), shown) {
        (false, _) => reasons,
        (true, FiguresShown::Full) => vec![incident.opened_because.clone()],
        (true, _) => vec!["a person declared it; the console tells why".to_owned()],
    }
}

fn without_names(alert: &AlertFact, shown: FiguresShown) -> String {
    let seen = alert.figures.iter().find(|figure| figure.name == "seen" && shown == FiguresShown::Counts);
    let what = seen.map_or("the console tells why", |figure| &figure.words);
    printable_within(&format!("{}, {}: {what}", alert.detector, alert.severity.as_str()), limits::TEXT_MAX)
}

/// As portal users go by with `pseudonymise_users`: `p-` and 16 digits.
fn is_pseudonym(subject: &Entity) -> bool {
    let digits = subject.id.strip_prefix("p-").filter(|_| subject.kind == EntityKind::PortalUser);
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}
