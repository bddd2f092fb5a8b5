//! An incident's life between the console and the casebook: what is asked for, and what is shown.

use activity::Timestamp;
use console::{Action, CommandRefusal, Text, views};
use detector::AlertId;
use incident::{Incident, IncidentId, Task};

/// What a command about an incident's life asks of the casebook.
///
/// # Errors
/// It names what cannot be an incident or an alert, or it is a command about something else.
pub(super) fn action(asked: &Action) -> Result<incident::Action, CommandRefusal> {
    let reason =
        |comment: &Option<Text>| comment.as_ref().map_or_else(|| "no reason given".to_owned(), |text| text.to_string());
    let invalid = |problem: String| CommandRefusal::Invalid(problem);
    Ok(match asked {
        Action::Reopen { reason } => incident::Action::Reopen { reason: reason.to_string() },
        Action::Assign { owner, comment } => incident::Action::Assign { owner: owner.clone(), reason: reason(comment) },
        Action::Unassign { comment } => incident::Action::Unassign { reason: reason(comment) },
        Action::AddTask { title, owner, due_at } => {
            incident::Action::AddTask { title: title.to_string(), owner: owner.clone(), due_at: *due_at }
        }
        Action::FinishTask { task, comment } => incident::Action::FinishTask { task: *task, reason: reason(comment) },
        Action::ReopenTask { task, comment } => incident::Action::ReopenTask { task: *task, reason: reason(comment) },
        Action::Merge { into, reason } => {
            let into = IncidentId::parse(into)
                .ok_or_else(|| invalid("`into`: an incident's id is `INC-` and a number".into()))?;
            incident::Action::Merge { into, reason: reason.to_string() }
        }
        Action::Split { alerts, reason } => {
            let alerts: Option<Vec<AlertId>> = alerts.iter().map(|alert| AlertId::parse(alert)).collect();
            let alerts = alerts.ok_or_else(|| invalid("`alerts`: an alert's id is 32 hexadecimal digits".into()))?;
            incident::Action::Split { alerts, reason: reason.to_string() }
        }
        other => return Err(invalid(format!("`{}` is no command about an incident's life", other.as_str()))),
    })
}

pub(super) fn life(incident: &Incident, now: Timestamp) -> views::Life {
    let id = |id: &IncidentId| id.to_string();
    views::Life {
        assigned_by: incident.owner.as_ref().map(|owner| owner.by.as_str().into()),
        tasks: incident.tasks.iter().map(|one| task(one, now)).collect(),
        merged_into: incident.merged_into.as_ref().map(id),
        merged: incident.merged.iter().map(id).collect(),
        split_from: incident.split_from.as_ref().map(id),
        split_into: incident.split_into.iter().map(id).collect(),
        n_reopened: incident.n_reopened.into(),
        n_inhibited: incident.n_inhibited,
    }
}

fn task(task: &Task, now: Timestamp) -> views::Task {
    let state = match (task.is_open(), task.is_overdue(now)) {
        (false, _) => views::TaskState::Done,
        (true, true) => views::TaskState::Overdue,
        (true, false) => views::TaskState::Open,
    };
    views::Task {
        task: task.number,
        title: task.title.as_str().into(),
        owner: task.owner.as_deref().map(Into::into),
        due_at: task.due_at,
        state,
        added_by: task.added_by.as_str().into(),
        done_by: task.done.as_ref().map(|act| act.by.as_str().into()),
        done_at: task.done.as_ref().map(|act| act.at),
        outcome: task.done.as_ref().map(|act| act.because.as_str().into()),
    }
}
