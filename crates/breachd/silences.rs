//! `breachd silence`: for at most eight hours, alerts about one subject tell nobody; they are recorded all the same. One person
//! proposes it, another one approves it.
//!
//! Commands go to the topic of commands, as verdicts do. Before that they are tried on the journal as it is now, so that what will be
//! refused is refused here and with the reason. Names are claims, and the journal says so: who may write to that topic
//! is for its access list to say.

use crate::{
    asked::{self, Journal},
    cli::ConfigFiles,
    command_id,
    settings::Settings,
    topics::Topics,
};
use activity::{Entity, Span, Timestamp};
use anyhow::{Context as _, bail};
use clap::Subcommand;
use incident::{Action, Casebook, Command};
use std::io::Write;
use stream::Broker;

#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Those in force or proposed.
    List {
        #[command(flatten)]
        config: ConfigFiles,
    },
    /// Proposes one; it is in force once somebody else has approved it.
    Propose {
        #[command(flatten)]
        config: ConfigFiles,
        /// Whom or what it is about, `KIND=ID`.
        #[arg(long, value_parser = subject)]
        subject: Entity,
        /// Only alerts of this detector. Absent: all.
        #[arg(long)]
        detector: Option<String>,
        /// How long from now, at most 8h.
        #[arg(long = "for", value_name = "SPAN")]
        span: notifier::Period,
        /// Who asks.
        #[arg(long)]
        by: String,
        /// Why; the journal keeps it.
        #[arg(long)]
        reason: String,
    },
    /// Approves one that somebody else has proposed.
    Approve {
        #[command(flatten)]
        config: ConfigFiles,
        /// Its number, as `list` shows it.
        silence: u64,
        #[arg(long)]
        by: String,
    },
    /// Ends one before its time.
    End {
        #[command(flatten)]
        config: ConfigFiles,
        silence: u64,
        #[arg(long)]
        by: String,
    },
}

impl SilenceCommand {
    pub fn config(&self) -> &ConfigFiles {
        match self {
            SilenceCommand::List { config }
            | SilenceCommand::Propose { config, .. }
            | SilenceCommand::Approve { config, .. }
            | SilenceCommand::End { config, .. } => config,
        }
    }
}

fn subject(text: &str) -> Result<Entity, String> {
    let name = crate::verdicts::subject(text)?;
    let kind = activity::EntityKind::parse(&name.kind).ok_or("write KIND=ID, such as portal_user=u1042")?;
    Ok(Entity::new(kind, name.id))
}

/// Lists silences, or sends what is asked for. Returns when the broker has it.
///
/// # Errors
/// It would be refused, with the reason; or the broker does not answer.
pub fn run(
    broker: &dyn Broker,
    settings: &Settings,
    now: Timestamp,
    command: SilenceCommand,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let topics = Topics::new(settings.topics.clone());
    let casebook = Journal::read(broker, settings)?.casebook;
    let (by, action) = match command {
        SilenceCommand::List { .. } => return list(&casebook, now, out),
        SilenceCommand::Propose { subject, detector, span, by, reason, .. } => {
            let span = Span::from_millis(i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
            (by, Action::Silence { subject, detector, until: now + span, reason })
        }
        SilenceCommand::Approve { silence, by, .. } => (by, Action::ApproveSilence { silence }),
        SilenceCommand::End { silence, by, .. } => (by, Action::EndSilence { silence }),
    };
    let command = Command {
        id: command_id::fresh(&settings.instance, now)?,
        by: format!("{by} (name as given)"),
        at: now,
        incident: None,
        action,
    };
    let decisions = match casebook.command(now, &command) {
        Ok(decisions) => decisions,
        Err(refusal) => bail!("{refusal}"),
    };
    asked::send(broker, &topics, &command).context("the command could not be sent")?;
    for decision in &decisions {
        writeln!(out, "sent: {}", activity::printable(&decision.in_words()))?;
    }
    Ok(())
}

fn list(casebook: &Casebook, now: Timestamp, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut none = true;
    for silence in casebook.silences().filter(|silence| now < silence.until) {
        none = false;
        let state = match &silence.approved_by {
            Some(by) => format!("in force, approved by {by}"),
            None => "waits for somebody else's approval".to_owned(),
        };
        let detector = silence.detector.as_ref().map_or(String::new(), |detector| format!(", detector {detector}"));
        let line = format!(
            "{}: {} {}{detector}, until {}, proposed by {}: {} ({state}; {} alerts fell under it)",
            silence.id,
            silence.subject.kind,
            silence.subject.id,
            silence.until,
            silence.proposed_by,
            silence.reason,
            silence.n_alerts
        );
        writeln!(out, "{}", activity::printable(&line))?;
    }
    if none {
        writeln!(out, "no silence is in force or proposed")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::TopicSettings;

    #[test]
    fn what_is_sent_is_tried_on_the_journal_first() {
        let settings = Settings::load(&[], &[]).expect("defaults are sound");
        let broker = stream::memory();
        Topics::new(TopicSettings::default()).prepare(broker.as_ref()).expect("topics");
        let now = Timestamp::from_secs(1_772_485_240);
        let ask = |command| {
            let mut out = Vec::new();
            let outcome = run(broker.as_ref(), &settings, now, command, &mut out);
            outcome.map(|()| String::from_utf8(out).expect("text")).map_err(|error| error.to_string())
        };
        let config = || ConfigFiles { files: Vec::new() };
        let propose = |span: &str| SilenceCommand::Propose {
            config: config(),
            subject: subject("portal_user=u1").expect("a subject"),
            detector: None,
            span: span.parse().expect("a length of time"),
            by: "ann".into(),
            reason: "payroll run".into(),
        };
        assert_eq!(
            ask(SilenceCommand::List { config: config() }).as_deref(),
            Ok("no silence is in force or proposed\n")
        );
        assert!(ask(propose("1h")).is_ok_and(|said| said.starts_with("sent: silence 1 of portal_user until ")));
        assert!(ask(propose("9h")).is_err_and(|said| said.contains("at most 8 h")));
        let approve = SilenceCommand::Approve { config: config(), silence: 1, by: "bob".into() };
        assert_eq!(ask(approve), Err("there is no silence 1".into()), "no notifier has journaled it yet");
    }
}
