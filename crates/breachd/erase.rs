//! `breachd audit erase`: nothing says any more whom the journal's entries about a person are about.
//!
//! The tokens that stand for the person are looked up here, and the command names them alone: commands are kept for weeks, and a command to
//! forget somebody must not be what remembers him.

use crate::{
    asked::{Journal, carry_out},
    audit, persons,
    settings::Settings,
    topics::Topics,
};
use activity::printable;
use anyhow::bail;
use incident::Action;
use std::io::Write;
use stream::Broker;

/// Who is erased, on whose word.
pub struct Request {
    /// `portal_user`, `db_account`, `address`, `network`, `employee`; `None`: whoever has the id.
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
    let is_employee =
        |token: &String| seals.person(token).is_some_and(|person| person.kind == journal::sealing::EMPLOYEE);
    let employees = tokens.iter().any(is_employee);
    let names = tokens.join(", ");
    carry_out(broker, settings, journal, by, Action::ErasePersons { tokens, reason })?;
    writeln!(out, "erased: {names} of the journal stands for nobody any more")?;
    if employees {
        writeln!(
            out,
            "numbers of records that alerts name stay in their entries, also where they are employees' numbers"
        )?;
    }
    let clear = in_the_clear(broker, settings, &id)?;
    if clear > 0 {
        writeln!(
            out,
            "{clear} entries from before persons were sealed name the person still: nothing can take a name out of those"
        )?;
    }
    writeln!(
        out,
        "the name itself leaves the topic `{}` at its next compaction; alerts and raw logs have their own retention",
        Topics::new(settings.topics.clone()).state()
    )?;
    Ok(())
}

/// Entries that hold this id as it is.
fn in_the_clear(broker: &dyn Broker, settings: &Settings, id: &str) -> anyhow::Result<u64> {
    let quoted = serde_json::to_string(id)?;
    let mut n = 0;
    audit::each_line(broker, &Topics::new(settings.topics.clone()), &mut |line| {
        n += u64::from(String::from_utf8_lossy(line).contains(&format!("\"id\":{quoted}")));
        Ok(())
    })?;
    Ok(n)
}
