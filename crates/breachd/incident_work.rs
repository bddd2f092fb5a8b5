//! `breachd incident assign|task|reopen|merge|split …`: commands about an incident, sent through the console's API like those of
//! its forms. The answer comes when the journal has the command.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use detector::AlertId;
use incident::IncidentId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{io::Write, path::PathBuf, time::Duration};

/// Until an answer has to be there; the API itself waits 10 s for the journal.
const PATIENCE: Duration = Duration::from_secs(30);

fn id(text: &str) -> Result<IncidentId, &'static str> {
    IncidentId::parse(text).ok_or("an incident's id is INC- and a number")
}

fn alert(text: &str) -> Result<AlertId, &'static str> {
    AlertId::parse(text).ok_or("an alert's id is 32 hexadecimal digits")
}

/// Where to send it.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The running breachd.
    #[arg(long, default_value = "http://127.0.0.1:8420")]
    pub url: String,
    /// File with the API token, where the daemon asks for one.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
}

/// Which incident, and who asks.
#[derive(Clone, Debug, Args)]
pub struct About {
    /// Such as `INC-7`.
    #[arg(value_parser = id)]
    pub incident: IncidentId,
    /// Who asks; the journal keeps it.
    #[arg(long)]
    pub by: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Debug, Subcommand)]
pub enum WorkCommand {
    /// I look after it.
    Acknowledge {
        #[command(flatten)]
        about: About,
        /// Why, for the journal.
        #[arg(long)]
        comment: Option<String>,
    },
    /// Adds a note.
    Note {
        #[command(flatten)]
        about: About,
        /// The note.
        text: String,
    },
    /// Gives it to somebody.
    Assign {
        #[command(flatten)]
        about: About,
        /// Whose work it is.
        #[arg(long)]
        owner: String,
        /// Why, for the journal.
        #[arg(long)]
        comment: Option<String>,
    },
    /// It has no owner any more.
    Unassign {
        #[command(flatten)]
        about: About,
        /// Why, for the journal.
        #[arg(long)]
        comment: Option<String>,
    },
    /// What is to be done.
    Task {
        #[command(subcommand)]
        command: TaskCommand,
    },
    /// Closes it; refused while time limits run or tasks are open.
    Close {
        #[command(flatten)]
        about: About,
        /// Why, for the journal.
        #[arg(long)]
        comment: Option<String>,
    },
    /// Opens a closed one again: nobody looks after it until somebody acknowledges it, and withdrawn time limits run again.
    Reopen {
        #[command(flatten)]
        about: About,
        #[arg(long)]
        reason: String,
    },
    /// Lets it go on in another open incident of the same mode, with its alerts, counts and legal times.
    Merge {
        #[command(flatten)]
        about: About,
        /// The incident in which it goes on.
        #[arg(long, value_parser = id)]
        into: IncidentId,
        #[arg(long)]
        reason: String,
    },
    /// Lets some of its alerts become an incident of their own, as old as this one in the law's sense.
    Split {
        #[command(flatten)]
        about: About,
        /// An alert that is about something else; may be repeated.
        #[arg(long = "alert", required = true, value_parser = alert)]
        alerts: Vec<AlertId>,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Adds a task.
    Add {
        #[command(flatten)]
        about: About,
        /// What is to be done, in a sentence.
        title: String,
        /// Who does it; absent: the incident's owner.
        #[arg(long)]
        owner: Option<String>,
        /// Until when.
        #[arg(long, value_name = "RFC3339")]
        due: Option<activity::Timestamp>,
    },
    /// It is done.
    Done {
        #[command(flatten)]
        about: About,
        /// Its number.
        task: u32,
        /// What came of it.
        #[arg(long)]
        comment: Option<String>,
    },
    /// It is not done after all.
    Reopen {
        #[command(flatten)]
        about: About,
        /// Its number.
        task: u32,
        /// Why, for the journal.
        #[arg(long)]
        comment: Option<String>,
    },
}

/// A command as the API takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub incident: IncidentId,
    pub body: Value,
}

impl WorkCommand {
    /// Where it goes, and what it says.
    pub fn ask(self) -> (Place, Ask) {
        let (about, command, mut rest) = match self {
            WorkCommand::Acknowledge { about, comment } => (about, "acknowledge", json!({ "comment": comment })),
            WorkCommand::Note { about, text } => (about, "note", json!({ "comment": text })),
            WorkCommand::Assign { about, owner, comment } => {
                (about, "assign", json!({ "owner": owner, "comment": comment }))
            }
            WorkCommand::Unassign { about, comment } => (about, "unassign", json!({ "comment": comment })),
            WorkCommand::Task { command: TaskCommand::Add { about, title, owner, due } } => {
                let due = due.map(|due| due.to_string());
                (about, "add_task", json!({ "title": title, "owner": owner, "due_at": due }))
            }
            WorkCommand::Task { command: TaskCommand::Done { about, task, comment } } => {
                (about, "finish_task", json!({ "task": task, "comment": comment }))
            }
            WorkCommand::Task { command: TaskCommand::Reopen { about, task, comment } } => {
                (about, "reopen_task", json!({ "task": task, "comment": comment }))
            }
            WorkCommand::Close { about, comment } => (about, "close", json!({ "comment": comment })),
            WorkCommand::Reopen { about, reason } => (about, "reopen", json!({ "comment": reason })),
            WorkCommand::Merge { about, into, reason } => {
                (about, "merge", json!({ "into": into.to_string(), "comment": reason }))
            }
            WorkCommand::Split { about, alerts, reason } => {
                let alerts: Vec<String> = alerts.iter().map(ToString::to_string).collect();
                (about, "split", json!({ "alerts": alerts, "comment": reason }))
            }
        };
        rest["command"] = command.into();
        rest["by"] = about.by.into();
        (about.place, Ask { incident: about.incident, body: rest })
    }
}

#[derive(Deserialize)]
struct Receipt {
    incident: String,
    state: String,
    entry: Option<u64>,
}

/// Sends it, and prints what the journal says.
///
/// # Errors
/// Nobody answers, or the command is refused, with the reason.
pub async fn send(url: &str, token: Option<&str>, ask: &Ask, out: &mut dyn Write) -> anyhow::Result<()> {
    crate::run::install_tls_provider();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
    let base = url.trim_end_matches('/');
    let request = client.post(format!("{base}/api/v1/incidents/{}/commands", ask.incident)).json(&ask.body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.send().await.with_context(|| {
        format!("no breachd answers at {base}; is `breachd run` (or `breachd demo`) running there?")
    })?;
    if !answer.status().is_success() {
        bail!("{} was not changed: {}", ask.incident, crate::drill::client::problem(answer).await);
    }
    let Receipt { incident, state, entry } = answer.json().await.context("the answer is no receipt")?;
    let entry = entry.map_or(String::new(), |entry| format!(", journal entry {entry}"));
    writeln!(out, "{}", activity::printable(&format!("{incident} is {state}{entry}")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: WorkCommand,
    }

    fn asked(line: &str) -> Value {
        let line = Line::try_parse_from(std::iter::once("x").chain(line.split(' '))).expect("a command");
        line.command.ask().1.body
    }

    #[test]
    fn each_command_is_one_of_the_apis() {
        assert_eq!(
            asked("merge INC-1 --by ann --into INC-2 --reason same"),
            json!({ "command": "merge", "by": "ann", "into": "INC-2", "comment": "same" })
        );
        assert_eq!(
            asked("task add INC-1 call --by ann --due 2026-03-05T09:00:00Z"),
            json!({ "command": "add_task", "by": "ann", "title": "call", "owner": null, "due_at": "2026-03-05T09:00:00Z" })
        );
        let alert = "0f".repeat(16);
        assert_eq!(
            asked(&format!("split INC-1 --by ann --alert {alert} --reason other")),
            json!({ "command": "split", "by": "ann", "alerts": [alert], "comment": "other" })
        );
        assert!(Line::try_parse_from(["x", "reopen", "INC-1", "--by", "ann"]).is_err(), "a reason is needed");
        assert!(Line::try_parse_from(["x", "merge", "7", "--by", "ann", "--into", "INC-2", "--reason", "x"]).is_err());
    }
}
