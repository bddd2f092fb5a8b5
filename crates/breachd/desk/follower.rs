//! Follows the journal and the alerts, so that the console of every instance shows what was decided by whichever one is
//! active.
//!
//! The casebook here is a copy, folded from the journal like the notifier's own; it may be a moment old and is never
//! written to the journal. The lock around it is held while an entry is applied or a view is copied, never across
//! a wait; alerts lie in a [`DashMap`] beside it because many entries refer to them and none waits for another.

use crate::{
    cli::RoleName,
    context::Context,
    persons::Persons,
    roles::RoleError,
    settings::limits,
    sources::{self, RowsKnown, SourceState},
};
use activity::Timestamp;
use dashmap::DashMap;
use detector::{Alert, AlertId, Ruling};
use incident::{Casebook, Decision};
use journal::Entry;
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// What the console reads.
pub struct ReadModel {
    casebook: RwLock<Casebook>,
    alerts: DashMap<AlertId, Alert>,
    /// Ids of the alerts, oldest first: what goes when there are too many.
    order: Mutex<VecDeque<AlertId>>,
    /// What people said of alerts, oldest first.
    judged: Mutex<Judged>,
    /// What became of a command, by its id.
    commands: DashMap<String, CarriedOut>,
    /// What each source partition has shown, by its key in the state topic.
    sources: Mutex<BTreeMap<String, SourceState>>,
    /// Woken by every entry applied.
    changed: tokio::sync::Notify,
    /// Whether anybody follows the journal in this process.
    pub followed: bool,
    /// The chain is broken: what is shown is what was before.
    pub broken: AtomicBool,
}

/// The journal's answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// Number of the entry.
    pub entry: u64,
    /// The notifier knew better than this copy of the casebook: nothing has changed, and why.
    pub refused: Option<String>,
}

impl CarriedOut {
    fn of(entry: u64, decision: &Decision) -> Self {
        let refused = match decision {
            Decision::CommandRefused { because, .. } => Some(because.clone()),
            _ => None,
        };
        CarriedOut { entry, refused }
    }
}

/// One verdict about an alert, as the journal has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    pub ruling: Ruling,
    pub by: String,
    pub reason: String,
    /// When the person said so.
    pub at: Timestamp,
    pub exception_until: Option<Timestamp>,
    /// Number of the journal's entry.
    pub entry: u64,
}

/// Verdicts by alert; the journal has those that are forgotten here.
#[derive(Debug, Default)]
struct Judged {
    of: HashMap<AlertId, Vec<Judgement>>,
    /// Alerts in the order of their first verdict: what goes when there are too many.
    order: VecDeque<AlertId>,
}

impl Judged {
    fn take(&mut self, seq: u64, decision: &Decision) {
        let Decision::AlertJudged { because, by, alert, verdict, asked_at, exception, .. } = decision else { return };
        let exception_until = exception.as_ref().map(|exception| exception.until);
        let (by, reason) = (by.clone(), because.clone());
        let judgement = Judgement { ruling: *verdict, by, reason, at: *asked_at, exception_until, entry: seq };
        if !self.of.contains_key(alert) {
            self.order.push_back(*alert);
        }
        let of_alert = self.of.entry(*alert).or_default();
        if limits::VERDICTS_SHOWN <= of_alert.len() {
            of_alert.remove(0);
        }
        of_alert.push(judgement);
        if limits::JUDGED_REMEMBERED < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.of.remove(&oldest);
        }
    }
}

impl ReadModel {
    pub fn new(context: &Context, followed: bool) -> Arc<ReadModel> {
        Arc::new(ReadModel {
            casebook: RwLock::new(Casebook::new(Arc::clone(&context.policy))),
            alerts: DashMap::new(),
            order: Mutex::default(),
            judged: Mutex::default(),
            commands: DashMap::new(),
            sources: Mutex::default(),
            changed: tokio::sync::Notify::new(),
            followed,
            broken: AtomicBool::new(false),
        })
    }

    /// The casebook as of the last entry read. Hold it no longer than it takes to copy.
    pub fn casebook(&self) -> RwLockReadGuard<'_, Casebook> {
        self.casebook.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn alert(&self, id: AlertId) -> Option<Alert> {
        self.alerts.get(&id).map(|alert| alert.clone())
    }

    /// What people said of an alert, oldest first.
    pub fn judgements(&self, id: AlertId) -> Vec<Judgement> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner).of.get(&id).cloned().unwrap_or_default()
    }

    /// What became of a command, once the journal has it.
    pub fn carried_out(&self, command: &str) -> Option<CarriedOut> {
        self.commands.get(command).map(|carried| carried.clone())
    }

    /// What each source partition has shown, as last written down.
    pub fn sources(&self) -> Vec<SourceState> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Resolves when something has changed since the future was made.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The tokens of whom the entry says that they were erased.
    fn apply(&self, entry: &Entry, body: &serde_json::Value) -> Vec<String> {
        let mut erased = Vec::new();
        if let Ok(decision) = Decision::from_json(body) {
            if let Some(command) = decision.command() {
                if self.commands.len() >= limits::COMMANDS_REMEMBERED {
                    self.commands.clear();
                }
                self.commands.insert(command.to_owned(), CarriedOut::of(entry.seq, &decision));
            }
            self.judged.lock().unwrap_or_else(PoisonError::into_inner).take(entry.seq, &decision);
            self.casebook.write().unwrap_or_else(PoisonError::into_inner).apply(&decision);
            if let Decision::PersonsErased { tokens, .. } = decision {
                erased = tokens;
            }
        }
        self.changed.notify_waiters();
        erased
    }

    /// As if nothing had been read. What became of commands stays: somebody may be waiting for it.
    fn forget(&self, context: &Context) {
        *self.casebook.write().unwrap_or_else(PoisonError::into_inner) = Casebook::new(Arc::clone(&context.policy));
        *self.judged.lock().unwrap_or_else(PoisonError::into_inner) = Judged::default();
    }

    fn remember(&self, alert: Alert) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let id = alert.id;
        if self.alerts.insert(id, alert).is_none() {
            order.push_back(id);
        }
        while order.len() > limits::ALERTS_REMEMBERED {
            if let Some(oldest) = order.pop_front() {
                self.alerts.remove(&oldest);
            }
        }
    }
}

/// Follows until the context says stop.
pub fn follow(context: &Context, model: &ReadModel) -> Result<(), RoleError> {
    // Whoever was erased since is named in what was read before.
    let mut erased = HashSet::new();
    while follow_until_erased(context, model, &mut erased)? {
        model.forget(context);
    }
    Ok(())
}

/// True: somebody was erased, and all has to be read again.
fn follow_until_erased(context: &Context, model: &ReadModel, done: &mut HashSet<String>) -> Result<bool, RoleError> {
    let (journal, alerts) = (context.topics.journal(), context.topics.alerts());
    let mut entries = context.broker.read(&[(&journal, Vec::new())])?;
    let mut raised = context.broker.read(&[(&alerts, Vec::new())])?;
    let state = context.topics.state();
    let mut shown = context.broker.read(&[(&state, Vec::new())])?;
    let mut verifier = journal::Verifier::new();
    let mut persons = Persons::open(context.broker.as_ref(), &context.topics)?;
    // Who was erased before this began is nobody in what is read, and that it says so is no news.
    done.extend(persons.seals().erased().map(str::to_owned));
    let mut broken: HashMap<&'static str, String> = HashMap::new();
    while !context.stop.requested() {
        context.heartbeat(RoleName::Console);
        raised.poll(limits::POLL_RECORDS, std::time::Duration::ZERO, &mut |record| {
            if let Ok(alert) = Alert::from_json(record.payload.unwrap_or_default()) {
                model.remember(alert);
            }
        })?;
        let (mut erased, mut unreadable) = (Vec::new(), None);
        entries.poll(limits::POLL_RECORDS, limits::NOTIFIER_WAIT, &mut |record| match verifier
            .read(record.payload.unwrap_or_default())
        {
            Ok(entry) => match persons.unsealed(&entry) {
                Ok(body) => erased.extend(model.apply(&entry, &body)),
                Err(error) => unreadable = Some(error),
            },
            Err(error) => {
                if broken.insert("journal", error.to_string()).is_none() {
                    model.broken.store(true, Ordering::Release);
                    tracing::error!(%error, "the journal's hash chain is broken; the console stops following it");
                    context.metrics.invariant_violation("journal_chain", 1);
                }
            }
        })?;
        if let Some(error) = unreadable {
            return Err(error.into());
        }
        let named: Vec<String> = erased.into_iter().filter(|token| !done.contains(token)).collect();
        if !named.is_empty() {
            persons.await_erasure(&named)?;
            done.extend(named);
            return Ok(true);
        }
        let mut told = false;
        shown.poll(limits::POLL_RECORDS, std::time::Duration::ZERO, &mut |record| {
            if let (Some(key), Some(value)) = (record.key, record.payload)
                && let Some((key, state)) = SourceState::read(key, value)
            {
                model.sources.lock().unwrap_or_else(PoisonError::into_inner).insert(key, state);
                told = true;
            }
        })?;
        if told {
            measure_coverage(context, model);
        }
        if entries.caught_up() && broken.is_empty() {
            context.ready(RoleName::Console);
        }
    }
    Ok(false)
}

/// How many classified tables have row counts, over all sources, and how many have none.
fn measure_coverage(context: &Context, model: &ReadModel) {
    let states = model.sources();
    let coverages: Vec<ingest::Coverage> = states.into_iter().map(|state| state.coverage).collect();
    let tables = sources::tables(&coverages);
    let classes: std::collections::BTreeSet<&str> = tables.iter().map(|table| table.class.as_str()).collect();
    for class in classes {
        for rows in [RowsKnown::Known, RowsKnown::Unknown] {
            let n = tables.iter().filter(|table| table.class == class && table.rows == rows).count();
            context.metrics.coverage_tables(class, rows.as_str(), n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(n: u64, reason: &str) -> Decision {
        let alert = AlertId::parse(&format!("{n:032x}")).unwrap();
        Decision::AlertJudged {
            at: Timestamp::from_secs(9),
            because: reason.into(),
            incident: None,
            by: "Ada".into(),
            alert,
            verdict: Ruling::BenignOnce,
            asked_at: Timestamp::from_secs(7),
            exception: None,
            command: None,
        }
    }

    #[test]
    fn what_the_notifier_refused_is_no_success() {
        let carried = |decision: &Decision| CarriedOut::of(7, decision);
        let refused = Decision::CommandRefused {
            at: Timestamp::from_secs(9),
            because: "incident `INC-1` is closed".into(),
            incident: None,
            by: "Ada".into(),
            command: Some("c1".into()),
        };
        assert_eq!(carried(&refused).refused.as_deref(), Some("incident `INC-1` is closed"));
        assert_eq!(carried(&judged(1, "seen")), CarriedOut { entry: 7, refused: None });
    }

    #[test]
    fn verdicts_are_remembered_in_their_order_and_bounded() {
        let mut all = Judged::default();
        let of = |all: &Judged, n: u64| all.of.get(&AlertId::parse(&format!("{n:032x}")).unwrap()).cloned();
        (0..limits::VERDICTS_SHOWN as u64 + 2).for_each(|seq| all.take(seq, &judged(1, &format!("r{seq}"))));
        let of_one = of(&all, 1).unwrap();
        assert_eq!((of_one.len(), of_one[0].reason.as_str()), (limits::VERDICTS_SHOWN, "r2"));
        assert_eq!((of_one[0].entry, of_one[0].at), (2, Timestamp::from_secs(7)));
        (0..limits::JUDGED_REMEMBERED as u64).for_each(|n| all.take(n, &judged(2 + n, "x")));
        assert!(of(&all, 1).is_none() && of(&all, 2).is_some());
        assert_eq!((all.of.len(), all.order.len()), (limits::JUDGED_REMEMBERED, limits::JUDGED_REMEMBERED));
    }
}
