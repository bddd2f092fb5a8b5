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
use incident::{Action, Casebook, Refusal};
use journal::sealing::{EMPLOYEE, Seals};
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
    allowed(&journal.casebook, seals, &tokens)?;
    let employees = tokens.iter().any(|token| is_employee(seals, token));
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

/// Whether nobody needs to know any more who these are: whoever works on an incident has to, and a mailing, or it would tell somebody twice.
///
/// # Errors
/// Why not; or a token stands for nobody.
pub(crate) fn allowed(casebook: &Casebook, seals: &Seals, tokens: &[String]) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::Erasure(why));
    if let Some(token) = tokens.iter().find(|token| seals.person(token).is_none()) {
        return refuse(format!("`{}` stands for nobody", activity::printable_within(token, 64)));
    }
    let sent = casebook.incidents().flat_map(|incident| &incident.drafts).flat_map(|draft| &draft.sent);
    let unfinished = sent.filter_map(|sent| sent.mailing.as_ref()).any(|mailed| mailed.completed_at.is_none());
    if unfinished && tokens.iter().any(|token| is_employee(seals, token)) {
        return refuse("a mailing is under way or was stopped: whoever was told would be told again".to_owned());
    }
    let persons = tokens.iter().filter_map(|token| persons::entity(seals.person(token)?));
    match persons.filter_map(|person| casebook.concerned_by(&person)).min() {
        Some(incident) => refuse(format!("incident `{incident}` concerns the person and is not closed")),
        None => Ok(()),
    }
}

fn is_employee(seals: &Seals, token: &str) -> bool {
    seals.person(token).is_some_and(|person| person.kind == EMPLOYEE)
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
