//! What another system reports: it opens an incident, or joins the open one about its subject.
//!
//! A person who declares an incident knows which there are; a program does not, and may say the same thing ten times in its own
//! words. So a report about a subject whose incident is open is told there, and may raise its severity. It opens one of its own if
//! it concerns classes of data that the open one does not: its triggers reach other people.
//!
//! A report's number of people is a lower bound and nothing more: a program must not rule a legal threshold out, as a person may, and
//! what a person counted is left as it is. In a storm, reports join the storm's incident as alerts do, so that a program gone wrong
//! does not bury people.

use crate::{
    Action, Command, Decision, Incident, IncidentId, Opening, Refusal, commands::text, grouping, state::State,
};
use activity::{DataClasses, Entity, EntityKind, Mode, Timestamp};
use detector::Severity;

/// What a report says.
struct Report<'a> {
    subject: &'a Entity,
    severity: Severity,
    data_classes: DataClasses,
    people: Option<u64>,
    because: String,
    by: String,
    command: String,
}

/// What a report leads to; `None`: the command is another.
pub(crate) fn decide(state: &State, now: Timestamp, command: &Command) -> Option<Result<Decision, Refusal>> {
    let Action::Report { subject, severity, data_classes, people, reason } = &command.action else { return None };
    let read = || {
        Ok(Report {
            subject,
            severity: *severity,
            data_classes: *data_classes,
            people: *people,
            because: text("reason", reason)?,
            by: text("by", &command.by)?,
            command: text("id", &command.id)?,
        })
    };
    Some(read().map(|report| {
        let is_about = |open: &&Incident| {
            open.is_open()
                && open.mode == Mode::Live
                && open.is_about(report.subject)
                && open.holds(report.data_classes)
        };
        let joins = state.incidents.values().find(is_about);
        if let Some(incident) = joins {
            return report.joins(now, incident);
        }
        let all = Entity::new(EntityKind::Fleet, "all");
        if !state.is_storm(now, report.severity) {
            let subject = report.subject;
            return report.opens(now, state, subject);
        }
        match open_about(state, &all) {
            Some(storm) => report.joins(now, storm),
            None => report.opens(now, state, &all),
        }
    }))
}

fn open_about<'a>(state: &'a State, subject: &Entity) -> Option<&'a Incident> {
    let id = state.by_subject.get(&(Mode::Live, subject.clone()))?;
    state.incidents.get(id).filter(|incident| incident.is_open())
}

impl Incident {
    fn is_about(&self, subject: &Entity) -> bool {
        self.subject == *subject || self.subjects.contains(subject)
    }

    fn holds(&self, classes: DataClasses) -> bool {
        self.data_classes.union(classes) == self.data_classes
    }
}

impl Report<'_> {
    fn opens(self, now: Timestamp, state: &State, subject: &Entity) -> Decision {
        let opening = Opening {
            subject: subject.clone(),
            mode: Mode::Live,
            severity: self.severity,
            data_classes: self.data_classes,
            follows: grouping::closed_before(state, Mode::Live, subject),
            alert: None,
            by: self.by,
            people: self.people,
            command: Some(self.command),
        };
        let incident = IncidentId(state.last_id + 1);
        Decision::IncidentOpened { at: now, because: self.because, incident, opening: Box::new(opening) }
    }

    fn joins(self, now: Timestamp, incident: &Incident) -> Decision {
        Decision::Reported {
            at: now,
            because: self.because,
            incident: incident.id,
            by: self.by,
            severity: self.severity,
            subject: Some(self.subject.clone()),
            data_classes: self.data_classes,
            people: self.people,
            command: Some(self.command),
        }
    }
}
