//! What the command line asks of the notifier without a console: the command goes where everybody's commands go, and what became of it
//! is read from the journal, so a refusal is heard at once.

use crate::{
    command_id,
    persons::Persons,
    settings::{Settings, Usage, limits},
    topics::Topics,
    wall,
};
use activity::printable;
use anyhow::{Context as _, bail};
use incident::{Action, Casebook, Command, Decision, Policy};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Broker, Outgoing, Reader, StreamError};

/// How long a command may take until the journal has it.
const COMMAND_WAIT: Duration = Duration::from_secs(15);

/// The journal, read to its end, and what it adds up to.
pub struct Journal {
    reader: Box<dyn Reader>,
    verifier: journal::Verifier,
    pub casebook: Casebook,
    pub persons: Persons,
}

impl Journal {
    /// # Errors
    /// The broker does not answer, or the chain is broken.
    pub fn read(broker: &dyn Broker, settings: &Settings) -> anyhow::Result<Journal> {
        Self::fold(broker, &Topics::new(settings.topics.clone()), settings.policy(), &mut |_, _| {})
    }

    /// The same, with a look at each decision when it has been applied.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub fn fold(
        broker: &dyn Broker,
        topics: &Topics,
        policy: Arc<Policy>,
        each: &mut dyn FnMut(&Casebook, &Decision),
    ) -> anyhow::Result<Journal> {
        let topic = topics.journal();
        if broker.partitions(&topic)?.is_none() {
            bail!("there is no topic `{topic}`: has `breachd run` ever run here?");
        }
        let reader = broker.read(&[(&topic, Vec::new())])?;
        let casebook = Casebook::new(policy);
        let persons = Persons::open(broker, topics)?;
        let mut journal = Journal { reader, verifier: journal::Verifier::new(), casebook, persons };
        while !journal.reader.caught_up() {
            journal.more(broker, each)?;
        }
        Ok(journal)
    }

    fn more(&mut self, broker: &dyn Broker, each: &mut dyn FnMut(&Casebook, &Decision)) -> anyhow::Result<()> {
        let Journal { reader, verifier, casebook, persons } = self;
        let mut broken = None;
        reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
            match verifier.read(record.payload.unwrap_or_default()) {
                Ok(entry) => match persons.unsealed(broker, &entry) {
                    Ok(body) => {
                        // An entry of a later version says nothing here.
                        if let Ok(decision) = Decision::from_json(&body) {
                            casebook.apply(&decision);
                            each(casebook, &decision);
                        }
                    }
                    Err(error) => broken = broken.take().or(Some(anyhow::Error::from(error))),
                },
                Err(error) => {
                    let error = anyhow::Error::from(error).context("the journal's hash chain is broken");
                    broken = broken.take().or(Some(error));
                }
            }
        })?;
        match broken {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Sends a command where everybody's commands go. Returns when the broker has it.
///
/// # Errors
/// The broker does not answer.
pub fn send(broker: &dyn Broker, topics: &Topics, command: &Command) -> Result<(), StreamError> {
    let mut appender = broker.appender()?;
    appender.send(Outgoing {
        topic: topics.commands(),
        partition: Some(0),
        key: None,
        payload: command.to_json().into_bytes(),
        headers: Vec::new(),
    })?;
    appender.flush()
}

/// Sends a command and waits until the journal has it.
///
/// # Errors
/// It is refused, with the reason; or the broker or the notifier does not answer.
pub fn carry_out(
    broker: &dyn Broker,
    settings: &Settings,
    mut journal: Journal,
    by: String,
    action: Action,
) -> anyhow::Result<Casebook> {
    let now = wall::now();
    let id = command_id::fresh(&settings.instance, now)?;
    let command = Command { id: id.clone(), by: format!("{by} (name as given)"), at: now, incident: None, action };
    journal.casebook.command(now, &command).map_err(|refusal| Usage(refusal.to_string()))?;
    send(broker, &Topics::new(settings.topics.clone()), &command).context("the command could not be sent")?;
    let until = Instant::now() + COMMAND_WAIT;
    let mut outcome: Option<Result<(), String>> = None;
    while outcome.is_none() && Instant::now() < until {
        journal.more(broker, &mut |_, decision| {
            if decision.command() == Some(&id) {
                outcome = Some(match decision {
                    Decision::CommandRefused { because, .. } => Err(because.clone()),
                    _ => Ok(()),
                });
            }
        })?;
    }
    match outcome {
        Some(Ok(())) => Ok(journal.casebook),
        Some(Err(refusal)) => bail!("refused: {}", printable(&refusal)),
        None => bail!(
            "no notifier has journaled the command within {} s; it is kept and will be carried out",
            COMMAND_WAIT.as_secs()
        ),
    }
}
