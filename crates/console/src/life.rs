//! Commands about an incident's life: whose work it is, tasks, opening again, merging, splitting. One list of words for the API
//! and the form, as for the other commands.

use crate::{
    Action, Text, limits,
    routes::{self, Mistake},
    views::IncidentPage,
};

/// What goes with such a command, as it was written; empty: not given.
#[derive(Clone, Copy, Default)]
pub(crate) struct LifeWords<'a> {
    pub(crate) owner: &'a str,
    pub(crate) title: &'a str,
    pub(crate) due: &'a str,
    pub(crate) task: &'a str,
    pub(crate) into: &'a str,
    /// Ids with spaces between them.
    pub(crate) alerts: &'a str,
}

/// The words of the commands, for the sentence that lists them.
pub(crate) const COMMANDS: &str =
    "`reopen`, `assign`, `unassign`, `add_task`, `finish_task`, `reopen_task`, `merge`, `split`";

/// The action these words mean; `None`: it is none of these.
pub(crate) fn action(command: &str, words: &LifeWords<'_>, comment: Option<Text>) -> Option<Result<Action, Mistake>> {
    Some(match command {
        "reopen" => why(comment).map(|reason| Action::Reopen { reason }),
        "assign" => owner(words).and_then(|owner| {
            let owner = owner.ok_or_else(|| mistake("owner", "whose work is it?"))?;
            Ok(Action::Assign { owner, comment })
        }),
        "unassign" => Ok(Action::Unassign { comment }),
        "add_task" => owner(words).and_then(|owner| {
            let title = words.title.trim();
            if title.is_empty() || title.chars().count() > limits::COMMENT_CHARACTERS_MAX {
                return Err(mistake("title", "say in a sentence what is to be done"));
            }
            Ok(Action::AddTask { title: Text::new(title), owner, due_at: time(words.due)? })
        }),
        "finish_task" => task(words).map(|task| Action::FinishTask { task, comment }),
        "reopen_task" => task(words).map(|task| Action::ReopenTask { task, comment }),
        "merge" => {
            let into = words.into.trim().to_ascii_uppercase();
            if routes::is_id(&into) {
                why(comment).map(|reason| Action::Merge { into, reason })
            } else {
                Err(mistake("into", "name the incident it goes on in, such as `INC-7`"))
            }
        }
        "split" => {
            let alerts: Vec<String> = words.alerts.split_whitespace().map(str::to_owned).collect();
            if alerts.is_empty() || !alerts.iter().all(|alert| routes::is_id(alert)) {
                Err(mistake("alerts", "choose the alerts that are about something else"))
            } else {
                why(comment).map(|reason| Action::Split { alerts, reason })
            }
        }
        _ => return None,
    })
}

/// What to ask before doing it, and what it sets off; `None`: it is done at once.
pub(crate) fn consequence(view: &IncidentPage, action: &Action) -> Option<(String, String)> {
    let (question, consequence) = match action {
        Action::Reopen { .. } => (
            "Open the incident again".to_owned(),
            "Everyone who was told of its end is told that it goes on. The verdict “not a breach” is taken back, and the time limits \
             that were withdrawn run again from when they ran first.",
        ),
        Action::Merge { into, .. } => (
            format!("Let {} go on in {into}", view.summary.id),
            "It ends, and everyone who was told of it is told where it goes on. Its alerts, records, people and time limits count there, \
             from the earlier awareness of the two. This cannot be undone, but alerts can be split off again.",
        ),
        Action::Split { alerts, .. } => (
            format!("Let {} of its alerts become an incident of their own", alerts.len()),
            "The new incident is as old as this one: the time limits that run here run there as well. Whoever has to know is told of it.",
        ),
        _ => return None,
    };
    Some((question, consequence.to_owned()))
}

fn mistake(field: &'static str, problem: &str) -> Mistake {
    Mistake { field, problem: problem.to_owned() }
}

fn why(comment: Option<Text>) -> Result<Text, Mistake> {
    comment.ok_or_else(|| mistake("comment", "say why: the journal keeps it"))
}

fn owner(words: &LifeWords<'_>) -> Result<Option<String>, Mistake> {
    if words.owner.trim().is_empty() {
        return Ok(None);
    }
    routes::name(words.owner).map(Some).map_err(|wrong| mistake("owner", &wrong.problem))
}

fn time(due: &str) -> Result<Option<activity::Timestamp>, Mistake> {
    routes::time(due).map_err(|wrong| mistake("due", &wrong.problem))
}

fn task(words: &LifeWords<'_>) -> Result<u32, Mistake> {
    words.task.trim().parse().map_err(|_| mistake("task", "choose one of the tasks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(command: &str, words: LifeWords<'_>, comment: &str) -> Result<Action, &'static str> {
        let comment = (!comment.is_empty()).then(|| Text::new(comment));
        action(command, &words, comment).expect("one of these").map_err(|mistake| mistake.field)
    }

    #[test]
    fn words_become_actions_or_say_which_field_is_wrong() {
        let none = LifeWords::default();
        assert!(action("acknowledge", &none, None).is_none());
        assert_eq!(meant("reopen", none, ""), Err("comment"));
        assert_eq!(meant("reopen", none, "a copy was found"), Ok(Action::Reopen { reason: "a copy was found".into() }));
        assert_eq!(meant("assign", none, ""), Err("owner"));
        let assigned = Action::Assign { owner: "Ada".into(), comment: None };
        assert_eq!(meant("assign", LifeWords { owner: " Ada ", ..none }, ""), Ok(assigned));
        assert_eq!(meant("assign", LifeWords { owner: &"x".repeat(99), ..none }, ""), Err("owner"));
        assert_eq!(meant("add_task", none, ""), Err("title"));
        let task = LifeWords { title: "call the bank", due: "2026-03-04T12:00:00Z", ..none };
        assert!(matches!(meant("add_task", task, ""), Ok(Action::AddTask { owner: None, due_at: Some(_), .. })));
        assert_eq!(meant("add_task", LifeWords { due: "noon", ..task }, ""), Err("due"));
        assert_eq!(meant("finish_task", LifeWords { task: "x", ..none }, ""), Err("task"));
        let done = Action::FinishTask { task: 2, comment: Some("done".into()) };
        assert_eq!(meant("finish_task", LifeWords { task: "2", ..none }, "done"), Ok(done));
        assert_eq!(meant("merge", LifeWords { into: "../x", ..none }, "why"), Err("into"));
        let merged = Action::Merge { into: "INC-7".into(), reason: "why".into() };
        assert_eq!(meant("merge", LifeWords { into: "inc-7", ..none }, "why"), Ok(merged));
        assert_eq!(meant("split", none, "why"), Err("alerts"));
        let split = Action::Split { alerts: vec!["0a".into(), "0b".into()], reason: "why".into() };
        assert_eq!(meant("split", LifeWords { alerts: " 0a  0b", ..none }, "why"), Ok(split));
    }
}
