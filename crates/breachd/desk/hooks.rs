//! What programs post to us, and the commands that follow.
//!
//! A command's id is derived from the event's, so that however often and to whichever instance an event comes, it is carried out
//! once; the memory here only saves the way. The answer does not wait for the journal: services give up after seconds, and what was
//! sent is kept.
//!
//! A note in PagerDuty names its incident by PagerDuty's own id only. Which of ours that is was said by an earlier event, or by the
//! receipt of a confirmed notice; an instance that has neither counts the note as `foreign`.

use super::{Desk, follower::ReadModel};
use crate::{
    cli::RoleName,
    command_id,
    hr_systems::{HrSystem, Report},
    settings::limits,
    wall,
};
use activity::Timestamp;
use console::{CommandRefusal, Hook, HookReceipt, HookRefusal, HookRequest};
use incident::{Action, Casebook, Command, IncidentId};
use notifier::{BadHook, ChannelHook, Heard, HeardAct};
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// What became of a request that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookOutcome {
    /// Commands follow.
    Taken,
    /// It was taken before.
    Repeated,
    /// It says what we did there ourselves.
    Own,
    /// Nothing follows from this kind of event.
    Ignored,
    /// It is about no incident that is known here.
    Foreign,
    /// It happened longer ago than any service tries.
    TooOld,
    /// Signed, but of no form that is known.
    Unreadable,
}

impl HookOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            HookOutcome::Taken => "taken",
            HookOutcome::Repeated => "repeated",
            HookOutcome::Own => "own",
            HookOutcome::Ignored => "ignored",
            HookOutcome::Foreign => "foreign",
            HookOutcome::TooOld => "too_old",
            HookOutcome::Unreadable => "unreadable",
        }
    }
}

/// What was heard lately. Its lock is held for a map operation, never across a wait.
#[derive(Debug)]
pub(super) struct Memory(Mutex<Heardbook>);

#[derive(Debug)]
struct Heardbook {
    /// Ids of commands that were sent.
    sent: Bounded<String, ()>,
    /// Our incident by the channel's name and the service's own id of it.
    ours: Bounded<(String, String), IncidentId>,
}

/// A map that forgets what came first.
#[derive(Debug)]
struct Bounded<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
    max: usize,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    fn new(max: usize) -> Self {
        Bounded { map: HashMap::new(), order: VecDeque::new(), max }
    }

    fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.max < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        let sent = Bounded::new(limits::HOOK_EVENTS_REMEMBERED);
        Memory(Mutex::new(Heardbook { sent, ours: Bounded::new(limits::HOOK_INCIDENTS_REMEMBERED) }))
    }
}

impl Memory {
    fn with<T>(&self, what: impl FnOnce(&mut Heardbook) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn was_sent(&self, command: &str) -> bool {
        self.with(|book| book.sent.map.contains_key(command))
    }
}

impl Desk {
    /// Judges a request, sends what follows, and counts it.
    pub(super) async fn take_hook(&self, request: HookRequest) -> Result<HookReceipt, HookRefusal> {
        let (settings, now) = (self.context.latest(), wall::now());
        let (label, outcome) = match &request.hook {
            Hook::Channel(name) => {
                let hook = settings.hooks().channel(name).ok_or(HookRefusal::Unknown)?;
                (name.clone(), self.channel_told(name, hook, &request, now).await)
            }
            Hook::HrSystem(name) => {
                let system = settings.hooks().hr_system(name).ok_or(HookRefusal::Unknown)?;
                let user = |user: &str| settings.privacy.of(user).into_owned();
                (format!("hr/{name}"), self.hr_system_told(name, system, &request, now, user).await)
            }
        };
        let word = match &outcome {
            Ok(outcome) => outcome.as_str(),
            Err(HookRefusal::Forged(_)) => "forged",
            Err(HookRefusal::Unavailable(_)) => "unavailable",
            Err(HookRefusal::Unknown | HookRefusal::Invalid(_)) => "invalid",
        };
        self.context.metrics.hook(&label, word);
        outcome.map(|outcome| HookReceipt { outcome: outcome.as_str() })
    }

    async fn channel_told(
        &self,
        name: &str,
        hook: &ChannelHook,
        request: &HookRequest,
        now: Timestamp,
    ) -> Result<HookOutcome, HookRefusal> {
        let heard = match hook.read(&request.headers, &request.body, now) {
            Ok(heard) => heard,
            Err(BadHook::Forged(why)) => return Err(HookRefusal::Forged(why.to_owned())),
            Err(BadHook::Unreadable(why)) => {
                tracing::warn!(channel = name, %why, "a signed post of a channel's service could not be read");
                return Ok(HookOutcome::Unreadable);
            }
        };
        self.knows_incidents()?;
        let incident = self.incident_meant(name, hook, &heard);
        if let (Some(theirs), Some(ours)) = (&heard.theirs, incident) {
            self.memory.with(|book| book.ours.insert((name.to_owned(), theirs.clone()), ours));
        }
        if heard.own || heard.acts.is_empty() {
            return Ok(if heard.own { HookOutcome::Own } else { HookOutcome::Ignored });
        }
        let Some(incident) = incident else { return Ok(HookOutcome::Foreign) };
        if heard.at < now - limits::HOOK_EVENT_AGE {
            return Ok(HookOutcome::TooOld);
        }
        let commands = commands(&self.model.casebook(), name, &heard, incident, now);
        self.send_new(commands).await
    }

    async fn hr_system_told(
        &self,
        name: &str,
        system: &HrSystem,
        request: &HookRequest,
        now: Timestamp,
        user: impl Fn(&str) -> String,
    ) -> Result<HookOutcome, HookRefusal> {
        let signed = system.hook.check(&request.headers, &request.body, now);
        let signed = signed.map_err(|bad| HookRefusal::Forged(bad.to_string()))?;
        let Report { event_id, action } = system.report(&request.body, now, user).map_err(HookRefusal::Invalid)?;
        let command = Command {
            id: command_id(&["hr", name, &event_id]),
            by: format!("{name} (HR system)"),
            at: signed.at.min(now),
            incident: None,
            action,
        };
        self.send_new(vec![command]).await
    }

    /// Sends those that were not sent before.
    async fn send_new(&self, commands: Vec<Command>) -> Result<HookOutcome, HookRefusal> {
        let mut outcome = HookOutcome::Repeated;
        for command in commands {
            let id = command.id.clone();
            if self.memory.was_sent(&id) || self.model.carried_out(&id).is_some() {
                continue;
            }
            self.send(command).await.map_err(|refusal| match refusal {
                CommandRefusal::Unavailable(why) => HookRefusal::Unavailable(why),
                other => HookRefusal::Unavailable(other.to_string()),
            })?;
            self.memory.with(|book| book.sent.insert(id, ()));
            outcome = HookOutcome::Taken;
        }
        Ok(outcome)
    }

    /// Only who follows the journal, up to its end, knows which incidents there are.
    fn knows_incidents(&self) -> Result<(), HookRefusal> {
        if self.context.healths.is_ready(RoleName::Console) {
            return Ok(());
        }
        let why = "this instance does not know the incidents yet, or has not the role `console`; send it again";
        Err(HookRefusal::Unavailable(why.into()))
    }

    /// Which incident of ours is meant, and where it goes on if it was merged.
    fn incident_meant(&self, name: &str, hook: &ChannelHook, heard: &Heard) -> Option<IncidentId> {
        let remembered = || {
            let key = (name.to_owned(), heard.theirs.clone()?);
            self.memory.with(|book| book.ours.map.get(&key).copied())
        };
        let said = heard.incident.or_else(remembered).or_else(|| by_receipt(&self.model, name, hook, heard));
        Some(current(&self.model.casebook(), said?))
    }
}

/// The incident itself, or the one it was merged into. One that this copy of the casebook does not know (yet: it may be behind) is
/// taken at its word: the key is ours, and the notifier knows.
fn current(casebook: &Casebook, mut id: IncidentId) -> IncidentId {
    for _ in 0..incident::limits::MERGED_MAX {
        match casebook.incident(id).and_then(|incident| incident.merged_into) {
            Some(into) => id = into,
            None => return id,
        }
    }
    id
}

/// By what the service told us when it confirmed a notice.
fn by_receipt(model: &ReadModel, name: &str, hook: &ChannelHook, heard: &Heard) -> Option<IncidentId> {
    let theirs = heard.theirs.as_deref()?;
    let casebook = model.casebook();
    let meant = casebook.incidents().find(|incident| {
        let of_channel = incident.notices.iter().filter(|record| record.notice.channel == name);
        of_channel.flat_map(|record| &record.receipts).any(|receipt| hook.their_id(receipt) == Some(theirs))
    });
    meant.map(|incident| incident.id)
}

/// What follows. An acknowledgement that changes nothing any more is a note that it was given there too.
fn commands(casebook: &Casebook, name: &str, heard: &Heard, incident: IncidentId, now: Timestamp) -> Vec<Command> {
    let command = |number: usize, action: Action| Command {
        id: command_id(&["channel", name, &heard.id, &number.to_string()]),
        by: heard.by.clone(),
        at: heard.at.min(now),
        incident: Some(incident),
        action,
    };
    // Somebody looked after an earlier life of it, which says nothing of whoever has to look after this one.
    let begins = casebook.incident(incident).and_then(|incident| {
        let reopened_at = incident.reopened.as_ref().map(|act| act.at);
        incident.escalation.lapsed_at.into_iter().chain(reopened_at).max()
    });
    let of_act = |(number, act): (usize, &HeardAct)| match act {
        HeardAct::Note(text) => command(number, Action::Note { text: text.clone() }),
        HeardAct::Acknowledge if begins.is_some_and(|begins| heard.at < begins) => {
            let text = format!("acknowledged there at {}, before it was opened again or lapsed here", heard.at);
            command(number, Action::Note { text })
        }
        HeardAct::Acknowledge => {
            let acknowledge = command(number, Action::Acknowledge);
            match casebook.command(now, &acknowledge) {
                // The notifier knows whether there is one, and refuses on record.
                Ok(_) | Err(incident::Refusal::NoSuchIncident(_)) => acknowledge,
                Err(refusal) => command(number, Action::Note { text: format!("acknowledged there too; {refusal}") }),
            }
        }
    };
    heard.acts.iter().enumerate().map(of_act).collect()
}

/// The same for the same event, whoever it comes to.
fn command_id(parts: &[&str]) -> String {
    command_id::derived("hook", parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_gives_one_command_id_and_others_give_others() {
        let id = |parts: &[&str]| command_id(parts);
        assert_eq!(id(&["channel", "pager", "01E", "0"]), id(&["channel", "pager", "01E", "0"]));
        let others =
            [["channel", "pager", "01E", "1"], ["channel", "pager", "01E0", ""], ["channel", "pager2", "01E", "0"]];
        for other in others {
            assert_ne!(id(&other), id(&["channel", "pager", "01E", "0"]));
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_the_oldest() {
        let mut bounded = Bounded::new(2);
        for n in [1, 2, 2, 3] {
            bounded.insert(n, ());
        }
        assert!(!bounded.map.contains_key(&1) && bounded.map.contains_key(&2) && bounded.map.contains_key(&3));
        assert_eq!(bounded.order.len(), bounded.map.len());
    }
}
