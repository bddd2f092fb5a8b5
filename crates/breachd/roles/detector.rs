//! The detector role: tallies in, alerts and roll-ups out.
//!
//! Each tally partition has an [`Engine`] of its own, and the engine is a pure function of the partition's messages: the retained tallies
//! *are* the state, and a crash costs time, never truth. A start need not read them all, since every few seconds what has changed in an
//! engine is written down together with its position ([`super::snapshots`]); it is restored on assignment and reads on from there. Alerts
//! that a restored engine raises again are recognised by their id (`breachd.alerts` is read at the start, and on at each assignment) and not sent twice by one
//! instance; an id written twice around a crash is counted once by every reader. Verdicts are read from `breachd.commands`, all there are
//! before an engine goes on and new ones before the tallies that are read after them; so they count from the same hours again.
//!
//! An alert goes out at once, not with the snapshot that knows of it: that would make the interval of snapshots a delay of alerts. It is
//! acknowledged by the brokers before the next snapshot begins, so none is known to a snapshot and to nobody else.

use super::{
    RoleError,
    snapshots::{Outcome, Snapshots},
};
use crate::cli::RoleName as Role;
use crate::{
    context::Context,
    crash::Point,
    metrics::{Behind, Forgotten},
    settings::limits,
    topics::TALLIES_KEPT,
};
use activity::{EntityKind, Timestamp};
use detector::{Alert, AlertId, AlertVerdict, Effects, Engine, Rollup, Violation};
use incident::Command;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Appender, Assigned, GroupSpec, Member, Outgoing, Polled, Reader, Start};
use tally::{Batch, DecodeError};

/// Hours of a partition whose roll-ups are remembered.
const ROLLUP_HOURS: i64 = TALLIES_KEPT.as_millis() / 3_600_000;

/// One instance's detector. Dropped at any point it leaves nothing behind that its successor could not do without.
pub struct DetectorRole {
    context: Arc<Context>,
    member: Box<dyn Member>,
    fleet: Box<dyn Reader>,
    commands: Box<dyn Reader>,
    appender: Box<dyn Appender>,
    engines: BTreeMap<i32, Engine>,
    snapshots: Snapshots,
    /// Ids already in `breachd.alerts`, by the end of their window.
    raised: BTreeSet<(Timestamp, AlertId)>,
    /// Of them whole those that verdicts may be about: pages and what has a verdict after what the digest lists, each by the end of
    /// their window. The first go at the limit.
    rulable: BTreeMap<(bool, Timestamp, AlertId), Alert>,
    /// Where `breachd.alerts` is read on, by partition.
    alerts_next: BTreeMap<i32, i64>,
    /// Alerts with a verdict that are not among the rulable ones: those that the topic has forgotten.
    unknown: BTreeSet<AlertId>,
    /// Everything people have said of alerts, as far as the topic goes back; engines adopted later hear it too.
    verdicts: BTreeSet<AlertVerdict>,
    /// Roll-ups seen, by partition and hour, so that an engine adopted later hears them too; also those that need not be sent again. As
    /// long as tallies are kept: no engine is built from older ones.
    rollups: BTreeMap<(u32, i64), Rollup>,
    /// Since when an engine has waited for other partitions' roll-ups.
    waiting_since: Option<Instant>,
    /// Other numbers of tally partitions for which there were tallies.
    misdirected: BTreeSet<u32>,
    /// The next offset of each tally partition read here.
    next: BTreeMap<i32, i64>,
    adopted: bool,
    /// Version of the directory that the engines have.
    people_seen: u64,
    /// And of the raw partitions that they wait for.
    sources_seen: u64,
    ready: bool,
    /// Since when engines are being restored.
    recovering_since: Option<Instant>,
    measured: Instant,
    /// As last told to the metrics.
    evicted: BTreeMap<EntityKind, u64>,
    forgotten: BTreeMap<Forgotten, u64>,
    behind: BTreeMap<Behind, u64>,
    repeated: u64,
    verdicts_late: u64,
}

/// Runs until the context says stop; returns what ended it otherwise.
pub fn run(context: &Arc<Context>) -> Result<(), RoleError> {
    let mut role = DetectorRole::join(context)?;
    let outcome = role.work();
    tracing::info!(role = %Role::Detector, "stopped");
    outcome
}

impl DetectorRole {
    /// Joins the group; partitions arrive with the first steps.
    pub fn join(context: &Arc<Context>) -> Result<Self, RoleError> {
        let member = context.broker.join(GroupSpec {
            group: context.group("detector"),
            instance: Some(context.settings.instance.clone()),
            topics: vec![context.topics.tallies()],
            start: Start::Beginning,
        })?;
        let fleet_topic = context.topics.fleet();
        let commands_topic = context.topics.commands();
        Ok(DetectorRole {
            context: Arc::clone(context),
            member,
            fleet: context.broker.read(&[(&fleet_topic, Vec::new())])?,
            commands: context.broker.read(&[(&commands_topic, Vec::new())])?,
            appender: context.broker.appender()?,
            engines: BTreeMap::new(),
            snapshots: Snapshots::open(context)?,
            raised: BTreeSet::new(),
            rulable: BTreeMap::new(),
            alerts_next: BTreeMap::new(),
            unknown: BTreeSet::new(),
            verdicts: BTreeSet::new(),
            rollups: BTreeMap::new(),
            waiting_since: None,
            misdirected: BTreeSet::new(),
            next: BTreeMap::new(),
            adopted: false,
            people_seen: 0,
            sources_seen: 0,
            ready: false,
            recovering_since: None,
            measured: context.instant(),
            evicted: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            behind: BTreeMap::new(),
            repeated: 0,
            verdicts_late: 0,
        })
    }

    fn work(&mut self) -> Result<(), RoleError> {
        while !self.context.stop.requested() {
            self.step()?;
        }
        // So the next start has little to read.
        self.write_down(true)
    }

    /// One turn of its loop.
    pub fn step(&mut self) -> Result<(), RoleError> {
        self.context.heartbeat(Role::Detector);
        let mut payloads = Vec::new();
        let polled = self.member.poll(limits::POLL_TALLIES, limits::POLL_WAIT, &mut |record| {
            payloads.push((record.partition, record.offset, record.payload.unwrap_or_default().to_vec()));
        })?;
        // Before the tallies: a verdict counts by its own time, and event time goes on with them.
        self.hear_commands()?;
        match polled {
            // What came before it in the same poll is read again.
            Polled::Rebalanced => self.adopt(Snapshots::is_current)?,
            Polled::Records(_) => self.take(payloads)?,
            Polled::Idle => {}
        }
        if let Some(people) = self.context.people.newer(&mut self.people_seen) {
            self.engines.values_mut().for_each(|engine| engine.set_directory(people.clone()));
        }
        if let Some(sources) = self.context.source_partitions.newer(&mut self.sources_seen) {
            self.engines.values_mut().for_each(|engine| engine.set_sources(&sources));
        }
        self.hear_fleet()?;
        self.release()?;
        self.write_down(false)?;
        self.measure();
        self.announce();
        Ok(())
    }

    /// Restores the engines of the assignment but those of which `may_stay` is true.
    fn adopt(&mut self, may_stay: impl Fn(&Snapshots, &Assigned) -> bool) -> Result<(), RoleError> {
        self.adopted = true;
        self.know_verdicts()?;
        self.know_alerts()?;
        let assigned = self.member.assignment();
        if assigned.is_empty() {
            // Between two assignments. What comes back is read on where it was left.
            return Ok(());
        }
        self.recovering_since.get_or_insert_with(|| self.context.instant());
        self.know_fleet()?;
        // Engines whose partition stays are kept, and read on where they are; unless somebody else had it meanwhile.
        let stays: BTreeSet<i32> = assigned
            .iter()
            .filter(|assigned| may_stay(&self.snapshots, assigned))
            .map(|assigned| assigned.partition)
            .collect();
        self.engines.retain(|partition, _| stays.contains(partition));
        self.next.retain(|partition, _| stays.contains(partition));
        self.snapshots.retain(|partition| stays.contains(&partition));
        for assigned in &assigned {
            let partition = assigned.partition;
            if self.engines.contains_key(&partition) {
                continue;
            }
            let (mut engine, position) = self.snapshots.restore(assigned)?;
            self.next.extend(position.map(|position| (partition, position)));
            self.rulable.values().for_each(|alert| engine.recall(alert));
            self.verdicts.iter().for_each(|verdict| engine.hear(verdict));
            let effects: Vec<Effects> = self.known_rollups().map(|rollup| engine.rollup(&rollup)).collect();
            self.engines.insert(partition, engine);
            effects.into_iter().try_for_each(|effects| self.carry_out(effects))?;
        }
        self.read_on(&assigned)?;
        tracing::info!(partitions = self.engines.len(), "tally partitions assigned");
        Ok(())
    }

    /// Goes to where each engine is in its tallies; to the first one, if it knows of none.
    fn read_on(&mut self, assigned: &[Assigned]) -> Result<(), RoleError> {
        let tallies = self.context.topics.tallies();
        let ends = self.context.broker.end_offsets(&tallies)?;
        for Assigned { partition, position: first, .. } in assigned {
            let end = usize::try_from(*partition).ok().and_then(|at| ends.get(at)).copied().unwrap_or(0);
            let next = self.next.entry(*partition).or_insert(*first);
            if end < *next {
                // Its ranges say what follows on what.
                tracing::error!(
                    partition,
                    offset = *next,
                    end,
                    "the tallies end before the snapshot: the topic was made anew or has lost its tail"
                );
                *next = *first;
            }
            *next = *first.max(next);
        }
        let to: Vec<_> = self.next.iter().map(|(partition, offset)| (tallies.clone(), *partition, *offset)).collect();
        Ok(self.member.rewind(&to)?)
    }

    /// Writes the snapshots whose time has come, one partition after the other.
    fn write_down(&mut self, all: bool) -> Result<(), RoleError> {
        if !self.engines.keys().any(|partition| self.snapshots.is_due(*partition, all)) {
            return Ok(());
        }
        // What it tells of has to be with the brokers before it: nobody would send that again.
        self.appender.flush()?;
        if self.member.assignment().is_empty() || !self.member.token().may_commit() {
            // Between two assignments nobody may write, and whose partition comes back goes on as it is.
            return Ok(());
        }
        let mut lost = false;
        for (partition, engine) in &mut self.engines {
            let Some(position) = self.next.get(partition).copied() else { continue };
            if !self.snapshots.is_due(*partition, all) {
                continue;
            }
            let token = self.member.token();
            if self.snapshots.write(*partition, engine, position, &token)? == Outcome::Aborted {
                self.snapshots.retain(|other| other != *partition);
                lost = true;
                break;
            }
            if !all {
                break;
            }
        }
        // Only that engine is restored. The others are still ours: the assignment names earlier snapshots than they have written since.
        if lost && !all { self.adopt(|snapshots, assigned| snapshots.holds(assigned.partition)) } else { Ok(()) }
    }

    /// What other instances rolled up before: all of it is heard before an engine begins.
    fn know_fleet(&mut self) -> Result<(), RoleError> {
        while !self.fleet.caught_up() && !self.context.stop.requested() {
            self.context.heartbeat(Role::Detector);
            self.hear_fleet()?;
        }
        Ok(())
    }

    /// What people have said so far: all of it is heard before an engine begins, so that it counts from where it should.
    fn know_verdicts(&mut self) -> Result<(), RoleError> {
        while !self.commands.caught_up() && !self.context.stop.requested() {
            self.context.heartbeat(Role::Detector);
            self.hear_commands()?;
        }
        Ok(())
    }

    /// Verdicts about alerts among the commands; the rest is for the notifier, as is to refuse what is not well formed.
    fn hear_commands(&mut self) -> Result<(), RoleError> {
        let mut heard = Vec::new();
        while self.commands.poll(limits::POLL_COMMANDS, Duration::ZERO, &mut |record| {
            let command = Command::from_json(record.payload.unwrap_or_default());
            heard.extend(command.ok().and_then(|command| command.alert_verdict()?.ok()));
        })? > 0
        {}
        for verdict in heard {
            self.engines.values_mut().for_each(|engine| engine.hear(&verdict));
            self.verdicts.insert(verdict);
            if detector::limits::VERDICTS_MAX < self.verdicts.len() {
                self.verdicts.pop_first();
            }
        }
        Ok(())
    }

    /// Every roll-up kept. The topic forgets: the oldest kept one of a partition begins its chain.
    fn known_rollups(&self) -> impl Iterator<Item = Cow<'_, Rollup>> {
        let mut last = None;
        self.rollups.iter().map(move |((partition, _), rollup)| {
            if last.replace(*partition) == Some(*partition) {
                Cow::Borrowed(rollup)
            } else {
                Cow::Owned(rollup.as_first())
            }
        })
    }

    /// Ready once what was there has been read: an engine that is being rebuilt detects nothing yet.
    fn announce(&mut self) {
        if !self.adopted || (self.ready && self.recovering_since.is_none()) {
            return;
        }
        // While nothing is known of a partition, it may be far behind.
        let lag = self.member.lag();
        let behind: i64 = lag.iter().map(|(_, _, records)| *records).sum();
        if lag.len() < self.member.assignment().len() || limits::READY_LAG < behind {
            return;
        }
        if !self.ready {
            self.ready = true;
            self.context.ready(Role::Detector);
        }
        if let Some(since) = self.recovering_since.take_if(|_| !self.engines.is_empty()) {
            let took = self.context.since(since);
            self.context.metrics.recovered(took);
            tracing::info!(?took, "the detector is where the tallies are");
        }
    }

    /// Reads which alerts exist by now, so that rebuilt engines do not repeat them; others may have raised some meanwhile.
    fn know_alerts(&mut self) -> Result<(), RoleError> {
        let ruled: BTreeSet<AlertId> = self.verdicts.iter().map(|verdict| verdict.alert).collect();
        if self.unknown(&ruled).is_subset(&self.unknown) {
            // A verdict about one keeps it longer.
            let newly_kept = |(kept, _, id): &&(bool, Timestamp, AlertId)| !*kept && ruled.contains(id);
            let newly: Vec<_> = self.rulable.keys().filter(newly_kept).copied().collect();
            for key in newly {
                let alert = self.rulable.remove(&key);
                self.rulable.extend(alert.map(|alert| ((true, key.1, key.2), alert)));
            }
        } else {
            // About one that was let go at the limit.
            self.alerts_next.clear();
            self.rulable.clear();
        }
        let topic = self.context.topics.alerts();
        let from = self.alerts_next.iter().map(|(partition, offset)| (*partition, *offset)).collect();
        let mut reader = self.context.broker.read(&[(&topic, from)])?;
        let (raised, rulable, next) = (&mut self.raised, &mut self.rulable, &mut self.alerts_next);
        while !reader.caught_up() && !self.context.stop.requested() {
            self.context.heartbeat(Role::Detector);
            reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
                next.insert(record.partition, record.offset + 1);
                if let Ok(alert) = Alert::from_json(record.payload.unwrap_or_default()) {
                    let kept = alert.page || alert.suppressed_by.is_some() || ruled.contains(&alert.id);
                    remember(raised, &alert);
                    rulable.insert((kept, alert.window.to, alert.id), alert);
                    if detector::limits::RULABLE_MAX < rulable.len() {
                        rulable.pop_first();
                    }
                }
            })?;
        }
        self.unknown = self.unknown(&ruled);
        Ok(())
    }

    /// Those that are not among the rulable ones.
    fn unknown(&self, ruled: &BTreeSet<AlertId>) -> BTreeSet<AlertId> {
        let known: HashSet<AlertId> = self.rulable.keys().map(|(_, _, id)| *id).collect();
        ruled.iter().filter(|id| !known.contains(id)).copied().collect()
    }

    /// Messages of tally partitions, each with its offset.
    fn take(&mut self, payloads: Vec<(i32, i64, Vec<u8>)>) -> Result<(), RoleError> {
        for (partition, offset, payload) in payloads {
            let next = self.next.entry(partition).or_insert(offset);
            if offset < *next {
                // Delivered again. The engine would skip it too, and count it as one that was written again.
                continue;
            }
            *next = offset + 1;
            let batch = match Batch::decode(&payload) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(partition, %error, "a tally message cannot be read");
                    self.context.metrics.invariant_violation("tally_message_unreadable", 1);
                    continue;
                }
            };
            if let Some(engine) = self.engines.get_mut(&partition) {
                let effects = engine.take(&batch);
                self.snapshots.moved(partition);
                self.context.crash.pass(Point::DetectorAfterTake);
                self.carry_out(effects)?;
            }
        }
        self.context.crash.pass(Point::DetectorBeforeFlush);
        Ok(self.appender.flush()?)
    }

    fn hear_fleet(&mut self) -> Result<(), RoleError> {
        loop {
            let mut heard = Vec::new();
            let n = self.fleet.poll(limits::POLL_TALLIES, Duration::ZERO, &mut |record| {
                heard.push(Rollup::decode(record.payload.unwrap_or_default()));
            })?;
            for rollup in heard {
                match rollup {
                    Ok(rollup) => self.hear(rollup)?,
                    Err(DecodeError::Version(version)) if version < Rollup::VERSION => {
                        tracing::debug!(version, "a roll-up of an earlier version is passed over");
                    }
                    Err(error) => {
                        tracing::error!(%error, "a roll-up cannot be read");
                        self.context.metrics.invariant_violation("rollup_unreadable", 1);
                    }
                }
            }
            if n == 0 {
                return Ok(self.appender.flush()?);
            }
        }
    }

    fn hear(&mut self, rollup: Rollup) -> Result<(), RoleError> {
        let (partition, hour) = (rollup.partition, rollup.hour);
        if self.rollups.contains_key(&(partition, hour)) {
            return Ok(());
        }
        self.tell(&rollup)?;
        self.rollups.insert((partition, hour), rollup);
        let outdated = (partition, i64::MIN)..(partition, hour.saturating_sub(ROLLUP_HOURS));
        while let Some(oldest) = self.rollups.range(outdated.clone()).next().map(|(place, _)| *place) {
            self.rollups.remove(&oldest);
        }
        Ok(())
    }

    fn tell(&mut self, rollup: &Rollup) -> Result<(), RoleError> {
        let effects: Vec<Effects> = self.engines.values_mut().map(|engine| engine.rollup(rollup)).collect();
        effects.into_iter().try_for_each(|effects| self.carry_out(effects))
    }

    /// The wait for other partitions' roll-ups is bounded: beyond it the last known ones serve.
    fn release(&mut self) -> Result<(), RoleError> {
        if !self.engines.values().any(Engine::waits_for_fleet) {
            self.waiting_since = None;
            return Ok(());
        }
        let since = *self.waiting_since.get_or_insert_with(|| self.context.instant());
        if self.context.since(since) < self.context.settings.fleet_wait() {
            return Ok(());
        }
        self.waiting_since = None;
        tracing::warn!("roll-ups of other partitions did not come; the last known ones serve");
        let effects: Vec<Effects> = self.engines.values_mut().map(Engine::release_fleet).collect();
        effects.into_iter().try_for_each(|effects| self.carry_out(effects))?;
        Ok(self.appender.flush()?)
    }

    fn carry_out(&mut self, effects: Effects) -> Result<(), RoleError> {
        for violation in &effects.violations {
            if let Violation::Misdirected { partitions, .. } = violation
                && !self.misdirected.insert(*partitions)
            {
                // Once the number of partitions has been raised, all that is retained is of the lower one: said and counted once.
                continue;
            }
            tracing::error!(?violation, "tallies are missing or doubled");
            self.context.metrics.invariant_violation("tallies_join", 1);
        }
        for rollup in effects.rollups {
            if self.rollups.contains_key(&(rollup.partition, rollup.hour)) {
                continue;
            }
            let (key, payload) = (Some(rollup.key()), rollup.encode());
            self.appender.send(Outgoing {
                topic: self.context.topics.fleet(),
                partition: None,
                key,
                payload,
                headers: Vec::new(),
            })?;
        }
        for alert in effects.alerts {
            if remember(&mut self.raised, &alert) {
                self.send(&alert)?;
                self.context.crash.pass(Point::DetectorAfterAlert);
            }
        }
        Ok(())
    }

    fn send(&mut self, alert: &Alert) -> Result<(), RoleError> {
        tracing::info!(alert = %alert.id, detector = %alert.detector, severity = alert.severity.as_str(), page = alert.page, mode = alert.mode.as_str(), "alert raised");
        self.context.metrics.alert(alert);
        let key = Some(format!("{}|{}", alert.subject.kind, alert.subject.id).into_bytes());
        let payload = alert.to_json().into_bytes();
        Ok(self.appender.send(Outgoing {
            topic: self.context.topics.alerts(),
            partition: None,
            key,
            payload,
            headers: Vec::new(),
        })?)
    }

    fn measure(&mut self) {
        if self.context.since(self.measured) < limits::MEASURE_INTERVAL {
            return;
        }
        self.measured = self.context.instant();
        let mut held: BTreeMap<EntityKind, usize> = BTreeMap::new();
        let mut evicted: BTreeMap<EntityKind, u64> = BTreeMap::new();
        let mut forgotten: BTreeMap<Forgotten, u64> = BTreeMap::new();
        let mut behind: BTreeMap<Behind, u64> = BTreeMap::new();
        let (mut verdicts_late, mut repeated) = (0, 0);
        for stats in self.engines.values().map(Engine::stats) {
            verdicts_late += stats.verdicts_late;
            repeated += stats.repeated;
            *behind.entry(Behind::Tally).or_default() += stats.behind;
            *behind.entry(Behind::Rollup).or_default() += stats.rollups_missed;
            *forgotten.entry(Forgotten::Alert).or_default() += stats.alerts_forgotten;
            *forgotten.entry(Forgotten::RaisedId).or_default() += stats.raised_forgotten;
            *forgotten.entry(Forgotten::Group).or_default() += stats.groups_shed;
            stats.entities.into_iter().for_each(|(kind, n)| *held.entry(kind).or_default() += n);
            stats.evicted.into_iter().for_each(|(kind, n)| *evicted.entry(kind).or_default() += n);
        }
        if self.verdicts_late < verdicts_late {
            tracing::warn!(
                verdicts_late,
                "verdicts came after the hour from which they count; they count from the next"
            );
        }
        self.context.metrics.verdicts_late(verdicts_late.saturating_sub(self.verdicts_late));
        self.verdicts_late = verdicts_late;
        for (kind, n) in held {
            self.context.metrics.entities(kind, n);
        }
        for (kind, n) in evicted {
            self.context.metrics.evicted(kind, news(&mut self.evicted, kind, n));
        }
        for (what, n) in forgotten {
            self.context.metrics.forgotten(what, news(&mut self.forgotten, what, n));
        }
        for (what, n) in behind {
            self.context.metrics.behind(what, news(&mut self.behind, what, n));
        }
        // It was skipped, so nothing counts twice; but a transaction has not done what it is for.
        self.context.metrics.invariant_violation("tallies_repeated", repeated.saturating_sub(self.repeated));
        self.repeated = repeated;
        self.context.metrics.snapshot_age(self.snapshots.age());
        let tallies = self.context.topics.tallies();
        self.context.measure_lag([tallies.as_str()], &self.member.lag(), |_| !self.engines.is_empty());
    }
}

/// By how much a count has grown since it was told last. Engines count from their start, metrics from the process's: only what is new is
/// added.
fn news<K: Ord>(told: &mut BTreeMap<K, u64>, of: K, n: u64) -> u64 {
    n.saturating_sub(told.insert(of, n).unwrap_or(0))
}

/// Notes that an alert is in `breachd.alerts`; false if it was known to be. At the limit those whose window ended first are forgotten:
/// an id sent twice is counted once by every reader.
fn remember(raised: &mut BTreeSet<(Timestamp, AlertId)>, alert: &Alert) -> bool {
    let is_new = raised.insert((alert.window.to, alert.id));
    if limits::RAISED_IDS_MAX < raised.len() {
        raised.pop_first();
    }
    is_new
}
