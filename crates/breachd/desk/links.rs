//! What signed links of messages ask, and the commands they give.
//!
//! A link answers in the name of the contact it was made for. Who has left the file of contacts answers nothing any more, and a
//! test is confirmed by its own link only.

use super::follower::ReadModel;
use crate::{
    context::Context,
    links::{BadLink, Claim, Link, command_id},
};
use activity::Timestamp;
use console::{CommandRefusal, LinkPage, LinkRefusal};
use incident::{Action, Command, IncidentState};

/// What a link asks now.
pub(super) fn page(context: &Context, model: &ReadModel, token: &str, now: Timestamp) -> Result<LinkPage, LinkRefusal> {
    let settings = context.latest();
    let expired = |why: &str| LinkRefusal::Expired(why.to_owned());
    let Link { claim, contact, until } = settings.links().read(token, now).map_err(|error| match error {
        BadLink::Forged => LinkRefusal::Forged(error.to_string()),
        BadLink::Expired => expired("links hold for a while only; open the console, or a newer message"),
    })?;
    let policy = settings.policy();
    let known = policy.contacts().and_then(|contacts| contacts.book.contact(&contact));
    let Some(contact) = known else { return Err(expired("whom it was made for is no contact any more")) };
    let casebook = model.casebook();
    let who = format!("{} ({})", contact.title, contact.name).into();
    match claim {
        Claim::Acknowledge(id) => {
            let Some(incident) = casebook.incident(id) else {
                return Err(expired("nobody remembers the incident any more"));
            };
            let by = incident.acknowledged.as_ref().map_or("somebody", |act| act.by.as_str());
            let done = match incident.state {
                IncidentState::Open => None,
                IncidentState::Closed => Some(format!("{id} is closed.").into()),
                IncidentState::Acknowledged | IncidentState::Contained => {
                    Some(format!("{id}: acknowledged by {by}.").into())
                }
            };
            let question = format!("Acknowledge {id}").into();
            Ok(LinkPage {
                question,
                about: incident.title(&policy).into(),
                who,
                until,
                drill: incident.mode.is_drill(),
                done,
            })
        }
        Claim::Confirm(test) => {
            let record = casebook.contact(&contact.name);
            if !record.is_some_and(|record| record.tests.contains(&test)) {
                return Err(expired("a newer test was sent: use its link"));
            }
            let confirmed = record.and_then(|record| record.confirmed_tests.get(&test));
            let done = confirmed.map(|at| format!("The test was confirmed at {at}.").into());
            let about = "A test of breachd: notices of a breach would come here.".into();
            Ok(LinkPage { question: "Confirm that the test arrived".into(), about, who, until, drill: false, done })
        }
    }
}

/// The command a link gives.
pub(super) fn command(
    context: &Context,
    model: &ReadModel,
    token: &str,
    now: Timestamp,
) -> Result<Command, CommandRefusal> {
    let link = context.latest().links().read(token, now);
    let Link { claim, contact, .. } = link.map_err(|error| CommandRefusal::Invalid(error.to_string()))?;
    let (incident, action) = match claim {
        Claim::Acknowledge(incident) => (Some(incident), Action::Acknowledge),
        Claim::Confirm(test) => {
            let reason = "by the link in the message".to_owned();
            (None, Action::ConfirmContact { contact: contact.clone(), test: Some(test), reason })
        }
    };
    let by = format!("{contact} (by signed link)");
    let life = incident.and_then(|id| {
        let casebook = model.casebook();
        let incident = casebook.incident(id)?;
        Some(format!("{}.{}", incident.n_reopened, incident.escalation.lapses))
    });
    let id = command_id(token, &life.unwrap_or_default());
    let command = Command { id, by, at: now, incident, action };
    match model.casebook().command(now, &command) {
        Err(refusal) if command.incident.is_some() => Err(CommandRefusal::Conflict(refusal.to_string())),
        // This copy of the casebook may not know today's contacts; the notifier does.
        _ => Ok(command),
    }
}
