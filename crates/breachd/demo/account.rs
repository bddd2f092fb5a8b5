//! The demo's account: what was planted, what was found, who was told, which time limits run.

use super::{
    data::{Breach, Story},
    player::Played,
};
use crate::desk::follower::ReadModel;
use activity::{DataClass, DataClasses, Span, Timestamp, printable};
use incident::{DeliveryState, Incident};
use std::{collections::BTreeMap, io::Write};

/// An alert counts for a breach from its start until this long after its end: windows are nominal.
const GRACE: Span = Span::from_hours(1);

/// What became of one planted breach.
pub(super) struct Finding<'a> {
    pub(super) breach: &'a Breach,
    /// The incident that shows it, if one does.
    pub(super) incident: Option<Incident>,
    /// From the moment the record was played to the moment the incident was journaled.
    pub(super) detected_after: Option<Span>,
    /// The paging alert's sentence.
    pub(super) why: String,
}

/// Whether everything planted was found, and everything promised delivered.
pub(super) struct Account<'a> {
    pub(super) findings: Vec<Finding<'a>>,
    pub(super) notices: BTreeMap<&'static str, usize>,
    /// Incidents that no planted breach explains.
    pub(super) unexplained: Vec<Incident>,
}

impl<'a> Account<'a> {
    /// `by`: how far the recorded stamps were moved.
    pub(super) fn take(story: &'a Story, by: Span, model: &ReadModel, played: &Played) -> Account<'a> {
        let incidents: Vec<Incident> = model.casebook().incidents().cloned().collect();
        let findings: Vec<Finding<'_>> =
            story.breaches.iter().map(|breach| find(breach, by, &incidents, played)).collect();
        let mut notices = BTreeMap::new();
        for record in incidents.iter().flat_map(|incident| &incident.notices) {
            *notices.entry(record.state.as_str()).or_default() += 1;
        }
        let explained =
            |incident: &Incident| story.breaches.iter().any(|breach| !matching(breach, by, incident).is_empty());
        let unexplained = incidents.iter().filter(|incident| !explained(incident)).cloned().collect();
        Account { findings, notices, unexplained }
    }

    pub(super) fn all_found(&self) -> bool {
        self.findings.iter().all(|finding| finding.incident.is_some())
    }

    /// Every notice requested was taken by its service.
    pub(super) fn all_delivered(&self) -> bool {
        let delivered = |state: &str| matches!(state, "accepted" | "confirmed");
        !self.notices.is_empty() && self.notices.iter().all(|(state, n)| delivered(state) || *n == 0)
    }

    pub(super) fn print(&self, now: Timestamp, out: &mut dyn Write) -> std::io::Result<()> {
        for (number, finding) in self.findings.iter().enumerate() {
            writeln!(out, "{}. {}", number + 1, finding.breach.title)?;
            match &finding.incident {
                None => writeln!(out, "   MISSED")?,
                Some(incident) => print_found(finding, incident, now, out)?,
            }
            writeln!(out)?;
        }
        for incident in &self.unexplained {
            let why = incident.alerts.first().map_or("", |alert| alert.why.as_str());
            writeln!(out, "also {} about {}: {}", incident.id, incident.subject, printable(why))?;
        }
        Ok(())
    }
}

fn print_found(finding: &Finding<'_>, incident: &Incident, now: Timestamp, out: &mut dyn Write) -> std::io::Result<()> {
    let classes: Vec<&str> = incident.data_classes.iter().map(DataClass::as_str).collect();
    writeln!(
        out,
        "   found       {} ({}) about {}, data: {}",
        incident.id,
        incident.severity.as_str(),
        incident.subject,
        classes.join(", ")
    )?;
    if let Some(span) = finding.detected_after {
        writeln!(out, "   when        {span} after its record was written")?;
    }
    writeln!(out, "   why         {}", printable(&finding.why))?;
    if incident.n_alerts > 1 {
        let detectors: Vec<&str> = incident.detectors.iter().map(String::as_str).collect();
        writeln!(out, "               {} alerts in all, by {}", incident.n_alerts, detectors.join(", "))?;
    }
    let mut told: BTreeMap<&str, (DeliveryState, Option<Span>, usize)> = BTreeMap::new();
    for record in &incident.notices {
        let after = record.accepted_at.map(|at| at - record.notice.decided_at);
        told.entry(&record.notice.channel).or_insert((record.state, after, 0)).2 += 1;
    }
    for (at, (channel, (how, after, n))) in told.iter().enumerate() {
        let label = if at == 0 { "told" } else { "" };
        let after = after.map_or_else(String::new, |span| format!(" after {span}"));
        let more = if *n > 1 { format!(", {} more notices since", n - 1) } else { String::new() };
        writeln!(out, "   {label:<11} {channel}: {}{after}{more}", how.as_str())?;
    }
    for (at, deadline) in incident.running_deadlines().into_iter().enumerate() {
        let label = if at == 0 { "time limits" } else { "" };
        let left = match deadline.due_at {
            Some(due) => format!("{} left, until {due}", due - now),
            None => "without undue delay (the law gives no figure)".to_owned(),
        };
        writeln!(out, "   {label:<11} {}: {left}", deadline.name)?;
    }
    Ok(())
}

fn find<'a>(breach: &'a Breach, by: Span, incidents: &[Incident], played: &Played) -> Finding<'a> {
    let hits = incidents
        .iter()
        .flat_map(|incident| matching(breach, by, incident).into_iter().map(move |alert| (incident, alert)));
    let first = hits.min_by_key(|(incident, alert)| (incident.opened_at, alert.raised_at));
    let Some((incident, alert)) = first else {
        return Finding { breach, incident: None, detected_after: None, why: String::new() };
    };
    // An incident that was open already was joined by the alert later: its opening says nothing of this breach.
    let detected_after = played
        .wall_at(alert.raised_at)
        .filter(|wall| *wall <= incident.opened_at)
        .map(|wall| incident.opened_at - wall);
    Finding { breach, incident: Some(incident.clone()), detected_after, why: alert.why.clone() }
}

/// The incident's paging alerts that show this breach.
fn matching<'a>(breach: &Breach, by: Span, incident: &'a Incident) -> Vec<&'a incident::AlertFact> {
    let wanted: DataClasses = breach.classes().collect();
    let about = |entity: &activity::Entity| {
        breach.subjects.iter().any(|subject| subject.kind == entity.kind.as_str() && subject.id == *entity.id)
    };
    let within = |at: Timestamp| breach.start() + by - Span::from_minutes(1) <= at && at <= breach.end() + by + GRACE;
    if !wanted.iter().any(|class| incident.data_classes.contains(class)) {
        return Vec::new();
    }
    incident
        .alerts
        .iter()
        .filter(|alert| alert.page && within(alert.raised_at) && (about(&alert.subject) || about(&alert.entity)))
        .collect()
}
