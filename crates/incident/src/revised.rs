//! A deadline that runs, and another file of obligations that says otherwise.
//!
//! The deadline starts anew as the new file has it, and says by which file it ran before. Whoever had been told of the incident hears of
//! it, once for each file: people may have planned by the old date.

use crate::{
    Deadline, Decision, Incident, NoticeKind, Policy, Revised,
    pending::{Wanted, capitalised, title},
};
use activity::Timestamp;
use std::collections::BTreeSet;

/// What another file has changed of a running deadline; `None`: it is the same file, or that is not known.
pub(crate) fn revised(old: Option<&Deadline>, new: &Deadline) -> Option<Revised> {
    let old = old.filter(|old| old.is_running())?;
    let law_was = old.law.clone().filter(|law| new.law.as_ref() != Some(law))?;
    Some(Revised { law_was, due_was: old.due_at })
}

/// What has changed, in words; `None`: nothing has.
pub(crate) fn in_words(deadline: &Deadline) -> Option<String> {
    let (Revised { law_was, due_was }, law) = (deadline.revised.as_ref()?, deadline.law.as_ref()?);
    let due = |at: Option<Timestamp>| at.map_or_else(|| "without undue delay".to_owned(), |at| format!("due {at}"));
    let change = match (due(*due_was), due(deadline.due_at)) {
        (was, is) if was == is => format!("still {is}"),
        (was, is) => format!("now {is}, before {was}"),
    };
    Some(format!("{change}, as the file of obligations is {law} and was {law_was}"))
}

/// See [`crate::pending`].
pub(crate) fn notices_of_revisions(policy: &Policy, incident: &Incident, now: Timestamp) -> Vec<Decision> {
    let mut wanted = Wanted::new(policy, incident, now);
    let edition = policy.law().edition();
    let revised = incident.deadlines.iter().filter(|deadline| {
        deadline.is_running() && deadline.revised.is_some() && deadline.law.as_ref() == Some(edition)
    });
    let revised: Vec<_> = revised.collect();
    let first = revised.iter().min_by_key(|deadline| deadline.limit());
    let Some((first, words)) = first.and_then(|first| Some((first, in_words(first)?))).filter(|_| incident.is_open())
    else {
        return wanted.decisions;
    };
    let more = match revised.len() - 1 {
        0 => String::new(),
        more => format!("; {more} more have changed"),
    };
    let because = format!("the time limit of {} is {words}{more}", first.name);
    let title = format!("{}: {}", capitalised(&because), title(policy, incident));
    let step = format!("law:{}", edition.sha256);
    let routes = policy.routes(incident);
    let channels: BTreeSet<_> = incident.told.keys().chain(routes.keys()).collect();
    for channel in channels {
        wanted.notice(NoticeKind::DeadlineWarning, &step, channel, routes.get(channel), &because, title.clone());
    }
    wanted.decisions
}
