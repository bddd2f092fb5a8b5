//! `breachd audit erase`: nothing says any more whom the journal's entries about a person are about.
//!
//! The tokens that stand for the person are looked up here, and the command names them alone: commands are kept for weeks, and a command to
//! forget somebody must not be what remembers him.

use crate::{
    asked::{Journal, carry_out},
    persons,
    settings::Settings,
};
use activity::printable;
use anyhow::bail;
use incident::Action;
use std::io::Write;
use stream::Broker;

/// Who is erased, on whose word.
pub struct Request {
    /// `portal_user`, `db_account`, `address`; `None`: whoever has the id.
    pub kind: Option<String>,
    pub id: String,
    pub by: String,
    pub reason: String,
}

/// Erases, and waits until the journal says so.
///
/// # Errors
/// Nobody of this name is in the journal, an incident that is not closed concerns the person, or the notifier does not answer.
pub fn run(broker: &dyn Broker, settings: &Settings, request: Request, out: &mut dyn Write) -> anyhow::Result<()> {
    let Request { kind, id, by, reason } = request;
    let journal = Journal::read(broker, settings)?;
    let seals = journal.persons.seals();
    let tokens: Vec<String> = seals.tokens_of(kind.as_deref(), &id).into_iter().map(str::to_owned).collect();
    if tokens.is_empty() {
        bail!("no token of the journal stands for `{}`: it was never sealed, or was erased already", printable(&id));
    }
    let concerned = tokens.iter().filter_map(|token| persons::entity(seals.person(token)?));
    if let Some(incident) = concerned.filter_map(|person| journal.casebook.concerned_by(&person)).min() {
        bail!("incident `{incident}` concerns the person and is not closed");
    }
    let names = tokens.join(", ");
    carry_out(broker, settings, journal, by, Action::ErasePersons { tokens, reason })?;
    writeln!(out, "erased: {names} of the journal stands for nobody any more")?;
    writeln!(
        out,
        "the name itself leaves the topic `{}` at its next compaction; alerts and raw logs have their own retention",
        crate::topics::Topics::new(settings.topics.clone()).state()
    )?;
    Ok(())
}
