//! Whose work an incident is, and what is still to be done.
//!
//! An owner is not the one who acknowledged: whoever is woken at night says "I look after it", and the work is given to
//! somebody else in the morning. A task is a sentence with perhaps a name and a time; breachd reminds nobody of it (legal time
//! limits are deadlines, and those do), but an incident does not close over one that is open.

use super::{Act, Incident};
use crate::{limits, wire};
use activity::Timestamp;
use serde::{Deserialize, Serialize};

/// Whose work it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub name: String,
    /// Wall time.
    #[serde(with = "wire")]
    pub since: Timestamp,
    /// Who said so.
    pub by: String,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Counts from 1 within its incident.
    pub number: u32,
    pub title: String,
    /// Whose task it is; `None`: the incident's owner's.
    pub owner: Option<String>,
    /// Wall time by which it should be done.
    #[serde(with = "wire")]
    pub due_at: Option<Timestamp>,
    #[serde(with = "wire")]
    pub added_at: Timestamp,
    pub added_by: String,
    /// Who did it, when, and what came of it; `None`: open.
    pub done: Option<Act>,
}

impl Task {
    pub(super) fn new(
        number: u32,
        title: &str,
        by: &str,
        at: Timestamp,
        owner: Option<&str>,
        due_at: Option<Timestamp>,
    ) -> Self {
        let owner = owner.map(str::to_owned);
        Task { number, title: title.into(), owner, due_at, added_at: at, added_by: by.into(), done: None }
    }

    pub fn is_open(&self) -> bool {
        self.done.is_none()
    }

    /// It should have been done by now.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at.is_some_and(|due_at| due_at < now)
    }
}

impl Incident {
    pub fn open_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_open())
    }

    pub fn task(&self, number: u32) -> Option<&Task> {
        self.tasks.iter().find(|task| task.number == number)
    }

    /// Who works on it: its owner, else whoever acknowledged it.
    pub fn looked_after_by(&self) -> Option<&str> {
        let owner = self.owner.as_ref().map(|owner| owner.name.as_str());
        owner.or(self.acknowledged.as_ref().map(|act| act.by.as_str()))
    }

    pub(crate) fn next_task(&self) -> u32 {
        self.tasks.iter().map(|task| task.number).max().unwrap_or(0).saturating_add(1)
    }

    pub(super) fn set_owner(&mut self, at: Timestamp, by: &str, owner: Option<&str>) {
        self.owner = owner.map(|name| Owner { name: name.into(), since: at, by: by.into() });
    }

    /// Beyond [`limits::TASKS_MAX`], which commands respect, it stays in the journal.
    pub(super) fn add_task(&mut self, task: Task) {
        if self.tasks.len() < limits::TASKS_MAX {
            self.tasks.push(task);
        }
    }

    pub(super) fn end_task(&mut self, number: u32, done: Option<Act>) {
        if let Some(task) = self.tasks.iter_mut().find(|task| task.number == number) {
            task.done = done;
        }
    }
}
