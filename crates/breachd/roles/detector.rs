//! The detector role: tallies in, alerts and roll-ups out.
//!
//! Each tally partition has an [`Engine`] of its own, rebuilt on assignment by reading the partition from its start: the
//! retained tallies *are* the state, and the engine is a pure function of them. So nothing has to be committed, and a
//! crash costs time, never truth. Alerts that the rebuilt engine raises again are recognised by their id
//! (`breachd.alerts` is read once at the start) and not sent twice by one instance; an id written twice around a crash is
//! counted once by every reader. The price is the time to read the retention (28 days) at a start; snapshots in
//! `breachd.baselines` will buy it back without changing the argument.

use super::RoleError;
use crate::cli::RoleName as Role;
use crate::{context::Context, settings::limits};
use activity::EntityKind;
use detector::{Alert, AlertId, Effects, Engine, Rollup};
use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};
use stream::{Appender, GroupSpec, Member, Outgoing, Polled, Reader, Start};
use tally::Batch;

struct DetectorRole<'a> {
    context: &'a Context,
    member: Box<dyn Member>,
    fleet: Box<dyn Reader>,
    appender: Box<dyn Appender>,
    engines: BTreeMap<i32, Engine>,
    /// Ids already in `breachd.alerts`.
    raised: HashSet<AlertId>,
    /// Every roll-up seen, so that an engine adopted later hears them too; also those that need not be sent again.
    rollups: BTreeMap<Vec<u8>, Rollup>,
    /// Wall time of the last thing heard from the fleet or a tally partition.
    heard: Instant,
    released: bool,
    measured: Instant,
    /// As last told to the metrics.
    evicted: BTreeMap<EntityKind, u64>,
}

pub fn run(context: &Context) -> Result<(), RoleError> {
    let member = context.broker.join(GroupSpec {
        group: context.group("detector"),
        instance: Some(context.settings.instance.clone()),
        topics: vec![context.topics.tallies()],
        start: Start::Beginning,
    })?;
    let fleet_topic = context.topics.fleet();
    let mut role = DetectorRole {
        context,
        member,
        fleet: context.broker.read(&[(&fleet_topic, Vec::new())])?,
        appender: context.broker.appender()?,
        engines: BTreeMap::new(),
        raised: HashSet::new(),
        rollups: BTreeMap::new(),
        heard: Instant::now(),
        released: false,
        measured: Instant::now(),
        evicted: BTreeMap::new(),
    };
    let outcome = role.work();
    tracing::info!(role = %Role::Detector, "stopped");
    outcome
}

impl DetectorRole<'_> {
    fn work(&mut self) -> Result<(), RoleError> {
        while !self.context.stop.requested() {
            self.context.heartbeat(Role::Detector);
            let mut payloads = Vec::new();
            let mut bytes = 0;
            let polled = self.member.poll(limits::POLL_TALLIES, limits::POLL_WAIT, &mut |record| {
                let payload = record.payload.unwrap_or_default();
                bytes += payload.len();
                payloads.push((record.partition, payload.to_vec()));
            })?;
            match polled {
                Polled::Rebalanced => self.adopt()?,
                Polled::Records(_) => self.take(payloads)?,
                Polled::Idle => {}
            }
            self.hear_fleet()?;
            self.release()?;
            self.measure();
        }
        Ok(())
    }

    fn adopt(&mut self) -> Result<(), RoleError> {
        self.know_alerts()?;
        let assigned: Vec<i32> = self.member.assignment().iter().map(|assigned| assigned.partition).collect();
        self.engines.clear();
        self.evicted.clear();
        for partition in assigned {
            self.engines.insert(partition, self.context.engine(partition));
        }
        tracing::info!(partitions = self.engines.len(), "tally partitions assigned");
        let known: Vec<Rollup> = self.rollups.values().cloned().collect();
        for rollup in known {
            self.tell(&rollup)?;
        }
        self.context.ready(Role::Detector);
        Ok(())
    }

    /// Reads which alerts exist already, so that rebuilt engines do not repeat them.
    fn know_alerts(&mut self) -> Result<(), RoleError> {
        let topic = self.context.topics.alerts();
        let mut reader = self.context.broker.read(&[(&topic, Vec::new())])?;
        let raised = &mut self.raised;
        while !reader.caught_up() && !self.context.stop.requested() {
            reader.poll(limits::POLL_RECORDS, limits::POLL_WAIT, &mut |record| {
                if let Ok(alert) = Alert::from_json(record.payload.unwrap_or_default()) {
                    raised.insert(alert.id);
                }
            })?;
        }
        Ok(())
    }

    fn take(&mut self, payloads: Vec<(i32, Vec<u8>)>) -> Result<(), RoleError> {
        for (partition, payload) in payloads {
            self.heard = Instant::now();
            self.released = false;
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
                self.carry_out(effects)?;
            }
        }
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
        self.heard = Instant::now();
        if self.rollups.insert(rollup.key(), rollup.clone()).is_none() {
            self.tell(&rollup)?;
        }
        Ok(())
    }

    fn tell(&mut self, rollup: &Rollup) -> Result<(), RoleError> {
        let effects: Vec<Effects> = self.engines.values_mut().map(|engine| engine.rollup(rollup)).collect();
        effects.into_iter().try_for_each(|effects| self.carry_out(effects))
    }

    /// The wait for other partitions' roll-ups is bounded: beyond it the last known ones serve.
    fn release(&mut self) -> Result<(), RoleError> {
        if self.released || self.heard.elapsed() < self.context.settings.fleet_wait() {
            return Ok(());
        }
        self.released = true;
        let effects: Vec<Effects> = self.engines.values_mut().map(Engine::release_fleet).collect();
        effects.into_iter().try_for_each(|effects| self.carry_out(effects))
    }

    fn carry_out(&mut self, effects: Effects) -> Result<(), RoleError> {
        for violation in &effects.violations {
            tracing::error!(?violation, "tallies are missing or doubled");
            self.context.metrics.invariant_violation("tallies_join", 1);
        }
        for rollup in effects.rollups {
            if self.rollups.contains_key(&rollup.key()) {
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
            if self.raised.insert(alert.id) {
                self.send(&alert)?;
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
        if self.measured.elapsed() < limits::MEASURE_INTERVAL {
            return;
        }
        self.measured = Instant::now();
        let mut held: BTreeMap<EntityKind, usize> = BTreeMap::new();
        let mut evicted: BTreeMap<EntityKind, u64> = BTreeMap::new();
        for stats in self.engines.values().map(Engine::stats) {
            stats.entities.into_iter().for_each(|(kind, n)| *held.entry(kind).or_default() += n);
            stats.evicted.into_iter().for_each(|(kind, n)| *evicted.entry(kind).or_default() += n);
        }
        for (kind, n) in held {
            self.context.metrics.entities(kind, n);
        }
        for (kind, n) in evicted {
            // Engines count from their start, metrics from the process's: only what is new is added.
            let before = self.evicted.insert(kind, n).unwrap_or(0);
            self.context.metrics.evicted(kind, n.saturating_sub(before));
        }
        self.context.measure_lag(self.member.lag());
    }
}
