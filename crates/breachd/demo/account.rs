//! The demo's account: what was planted, what was found, who was told, which time limits run.

use super::{
    data::{Breach, Story},
    player::Played,
    story_end, story_start,
};
use crate::desk::follower::ReadModel;
use activity::{DataClass, DataClasses, Span, Timestamp, printable};
use incident::{DeliveryState, Incident};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

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
    /// Incidents that no planted breach explains: the noise of the company.
    pub(super) unexplained: Vec<Incident>,
    /// Event time of the logs' beginning and end.
    told: (Timestamp, Timestamp),
}

/// Days from the beginning in which nothing is known of anybody.
const WARM_UP_DAYS: i64 = 7;

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
        Account { findings, notices, unexplained, told: (story_start(story) + by, story_end(story) + by) }
    }

    pub(super) fn all_found(&self) -> bool {
        self.findings.iter().all(|finding| finding.incident.is_some())
    }

    /// Every notice requested was taken by its service.
    pub(super) fn all_delivered(&self) -> bool {
        let delivered = |state: &str| matches!(state, "accepted" | "confirmed");
        !self.notices.is_empty() && self.notices.iter().all(|(state, n)| delivered(state) || *n == 0)
    }

    /// `budget`: the false pages a week that are allowed.
    pub(super) fn print(&self, now: Timestamp, budget: f64, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "Staged: {} breaches.\n", self.findings.len())?;
        for (number, finding) in self.findings.iter().enumerate() {
            writeln!(out, "{}. {}", number + 1, finding.breach.title)?;
            match &finding.incident {
                None => writeln!(out, "   MISSED")?,
                Some(incident) => print_found(finding, incident, now, out)?,
            }
            writeln!(out)?;
        }
        self.print_noise(budget, out)
    }

    /// What paged though nobody staged it, beside what the budget allows.
    fn print_noise(&self, budget: f64, out: &mut dyn Write) -> std::io::Result<()> {
        let (from, to) = self.told;
        let weeks = (to - from).as_secs() as f64 / (7.0 * 86_400.0);
        let pages = self.unexplained.iter().map(pages).sum::<usize>();
        let n = self.unexplained.len();
        writeln!(
            out,
            "Not staged: {n} {} of the company's ordinary work, {pages} {} in {weeks:.0} weeks; the budget of {budget} a week allows {:.0}.",
            if n == 1 { "incident" } else { "incidents" },
            if pages == 1 { "page" } else { "pages" },
            budget * weeks,
        )?;
        for incident in &self.unexplained {
            let first = incident.alerts.first();
            let day = first.map_or(0, |alert| (alert.raised_at - from).as_secs().div_euclid(86_400));
            let when = if day < WARM_UP_DAYS { ", when nothing was known of anybody yet" } else { "" };
            let why = first.map_or("", |alert| alert.why.as_str());
            writeln!(
                out,
                "   {} on day {}{when}, about {}: {}",
                incident.id,
                day + 1,
                incident.subject,
                printable(why)
            )?;
        }
        writeln!(out)
    }
}

/// How often an incident interrupts: its paging alerts, those of one hour once.
fn pages(incident: &Incident) -> usize {
    let paging = incident.alerts.iter().filter(|alert| alert.page);
    paging.map(|alert| (&alert.subject, alert.raised_at.bucket().hour())).collect::<BTreeSet<_>>().len()
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
