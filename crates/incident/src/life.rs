//! Commands about an incident's life: whose work it is, what is to be done, and that it goes on, elsewhere or in two.

use crate::{
    Action, Casebook, Decision, Incident, IncidentId, Refusal,
    commands::{Asked, text},
    decision::POLICY,
    limits,
};
use activity::printable_within;
use detector::AlertId;

/// What the action decides; `None`: it is none of these.
pub(crate) fn decide(
    casebook: &Casebook,
    incident: &Incident,
    asked: &Asked,
    action: &Action,
) -> Option<Result<Decision, Refusal>> {
    let (at, by, command, id) = (asked.now, asked.by.clone(), asked.command.clone(), incident.id);
    Some(match action {
        Action::Reopen { reason } => may_reopen(incident)
            .and_then(|()| Ok(Decision::Reopened { at, because: text("reason", reason)?, incident: id, by, command })),
        Action::Assign { owner, reason } => must_be_open(incident, "assigned").and_then(|()| {
            let owner = name("owner", owner)?;
            if incident.owner.as_ref().is_some_and(|already| already.name == owner) {
                return Err(Refusal::OwnerAlready(id, owner));
            }
            Ok(Decision::OwnerSet {
                at,
                because: text("reason", reason)?,
                incident: id,
                by,
                owner: Some(owner),
                command,
            })
        }),
        Action::Unassign { reason } => must_be_open(incident, "changed").and_then(|()| {
            if incident.owner.is_none() {
                return Err(Refusal::NoOwner(id));
            }
            Ok(Decision::OwnerSet { at, because: text("reason", reason)?, incident: id, by, owner: None, command })
        }),
        Action::AddTask { title, owner, due_at } => must_be_open(incident, "given tasks").and_then(|()| {
            if incident.tasks.len() >= limits::TASKS_MAX {
                return Err(Refusal::TooManyTasks(id));
            }
            if due_at.is_some_and(|due_at| due_at < at) {
                return Err(Refusal::TaskDue);
            }
            let owner = owner.as_deref().map(|owner| name("owner", owner)).transpose()?;
            let (because, task, due_at) = (text("title", title)?, incident.next_task(), *due_at);
            Ok(Decision::TaskAdded { at, because, incident: id, by, task, owner, due_at, command })
        }),
        Action::FinishTask { task, reason } => must_be_open(incident, "changed").and_then(|()| {
            let found = incident.task(*task).ok_or(Refusal::NoSuchTask(id, *task))?;
            if !found.is_open() {
                return Err(Refusal::TaskDone(*task));
            }
            Ok(Decision::TaskDone { at, because: text("reason", reason)?, incident: id, by, task: *task, command })
        }),
        Action::ReopenTask { task, reason } => must_be_open(incident, "changed").and_then(|()| {
            let found = incident.task(*task).ok_or(Refusal::NoSuchTask(id, *task))?;
            if found.is_open() {
                return Err(Refusal::TaskOpen(*task));
            }
            Ok(Decision::TaskReopened { at, because: text("reason", reason)?, incident: id, by, task: *task, command })
        }),
        Action::Merge { into, reason } => may_merge(casebook, incident, *into).and_then(|()| {
            let because = text("reason", reason)?;
            Ok(Decision::IncidentMerged { at, because, incident: id, into: *into, by, command })
        }),
        Action::Split { alerts, reason } => which(incident, alerts).and_then(|alerts| {
            let (because, into) = (text("reason", reason)?, casebook.next_id());
            Ok(Decision::IncidentSplit { at, because, incident: id, into, alerts, by, command })
        }),
        _ => return None,
    })
}

fn must_be_open(incident: &Incident, wanted: &'static str) -> Result<(), Refusal> {
    match incident.merged_into {
        Some(into) => Err(Refusal::GoesOnElsewhere(incident.id, into)),
        None if incident.is_open() => Ok(()),
        None => Err(Refusal::NotInThisState { incident: incident.id, state: incident.state, wanted }),
    }
}

fn may_reopen(incident: &Incident) -> Result<(), Refusal> {
    match incident.merged_into {
        Some(into) => Err(Refusal::GoesOnElsewhere(incident.id, into)),
        None if !incident.is_open() => Ok(()),
        None => {
            let wanted = "opened again";
            Err(Refusal::NotInThisState { incident: incident.id, state: incident.state, wanted })
        }
    }
}

/// Both are open: what was closed has a record of its own, and whoever wants it back opens it again first, with a reason.
fn may_merge(casebook: &Casebook, incident: &Incident, into: IncidentId) -> Result<(), Refusal> {
    if incident.id == into {
        return Err(Refusal::Itself);
    }
    let home = casebook.incident(into).ok_or(Refusal::NoSuchIncident(into))?;
    if incident.mode != home.mode {
        return Err(Refusal::Modes(incident.id, into));
    }
    must_be_open(incident, "merged")?;
    must_be_open(home, "merged")?;
    if home.merged.len() >= limits::MERGED_MAX {
        return Err(Refusal::TooManyMerged(into));
    }
    if home.tasks.len() + incident.open_tasks().count() > limits::TASKS_MAX {
        return Err(Refusal::TooManyTasksTogether);
    }
    Ok(())
}

/// The alerts to split off, each once, in the incident's order.
fn which(incident: &Incident, asked: &[AlertId]) -> Result<Vec<AlertId>, Refusal> {
    must_be_open(incident, "split")?;
    let kept: Vec<AlertId> = incident.alerts.iter().map(|alert| alert.id).collect();
    if let Some(other) = asked.iter().find(|alert| !kept.contains(alert)) {
        return Err(Refusal::NotItsAlert(incident.id, *other));
    }
    let alerts: Vec<AlertId> = kept.iter().filter(|alert| asked.contains(alert)).copied().collect();
    if alerts.is_empty() || alerts.len() == kept.len() {
        return Err(Refusal::SplitsNothing(incident.id));
    }
    if incident.split_into.len() >= limits::SPLITS_MAX {
        return Err(Refusal::TooManySplits(incident.id));
    }
    Ok(alerts)
}

/// A person's name, as authenticated elsewhere; printable from here on.
fn name(field: &'static str, written: &str) -> Result<String, Refusal> {
    let shown = printable_within(written.trim(), 2 * limits::NAME_MAX);
    if shown.is_empty() || shown.eq_ignore_ascii_case(POLICY) || shown.chars().nth(limits::NAME_MAX).is_some() {
        return Err(Refusal::Name { field });
    }
    Ok(shown)
}
