//! Several processes with both roles on one thread, their turns in an order that is drawn.

use super::{
    broker::{Bug, Fate, Faulty, Life, clock},
    world::{self, INSTANCES, PARTITIONS, Raw, SOURCES},
};
use breachd::{
    context::Context,
    metrics::Metrics,
    roles::{RoleError, detector::DetectorRole, ingest::IngestRole},
    run,
    settings::Settings,
    topics::Topics,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Appender, Broker, GroupSpec, Memory, Outgoing, Start};

/// How deep turns may lie within each other.
const DEPTH_MAX: u32 = 3;

/// A storm ends before anybody who waits for the fleet gives up, and before anybody is idle who will say more.
const STORM_MS: i64 = 2 * world::IDLE_AFTER_MS;

/// The last record is written before this. No partition pauses until then: a pause would be one of the source's, and may decide.
const PRODUCED_WITHIN_MS: i64 = STORM_MS * 3 / 4;

/// After nothing new was written for so long, nothing will be: partitions are released, hours closed, roll-ups heard.
const QUIET_MS: i64 = world::IDLE_AFTER_MS + 10_000;

/// Turns of the calm, at most: an hour of the clock.
const CALM_TURNS: usize = 3_600;

enum Actor {
    Ingest(Box<IngestRole>),
    Detector(Box<DetectorRole>),
}

/// A role of one process.
struct Slot {
    process: Rc<Process>,
    actor: RefCell<Option<Actor>>,
}

struct Process {
    instance: usize,
    context: Arc<Context>,
    broker: Faulty,
}

pub(super) struct Stage {
    pub(super) fate: Arc<Fate>,
    pub(super) host: Arc<Memory>,
    settings: Vec<Arc<Settings>>,
    runtime: tokio::runtime::Handle,
    slots: RefCell<Vec<Rc<Slot>>>,
    /// Of all processes, for their counts of what must not happen. Each with its own took a fifth of the time.
    metrics: Metrics,
    depth: Cell<u32>,
    /// What is not written yet, and by when it will be.
    left: RefCell<Vec<(Raw, i64)>>,
    appender: RefCell<Box<dyn Appender>>,
    began: Instant,
}

thread_local! {
    /// For [`meanwhile`]: a role knows its broker, and the broker nobody.
    static STAGE: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

/// Somebody else takes a turn while a call is under way.
pub(super) fn meanwhile() {
    let stage = STAGE.with_borrow(Option::clone).expect("roles act on a stage");
    stage.produce();
    if stage.depth.get() < DEPTH_MAX {
        stage.turn();
    }
}

impl Actor {
    fn step(&mut self) -> Result<(), RoleError> {
        match self {
            Actor::Ingest(role) => role.step(),
            Actor::Detector(role) => role.step(),
        }
    }
}

impl Stage {
    pub(super) fn new(
        seed: u64,
        bug: Option<Bug>,
        settings: &[Arc<Settings>],
        runtime: &tokio::runtime::Handle,
    ) -> Rc<Stage> {
        let fate = Arc::new(Fate::new(seed, world::written_from(), bug));
        let host = Arc::new(Memory::new(None, clock(&fate)));
        let raw = SOURCES.map(|(name, _)| crate::harness::topic(name, PARTITIONS));
        host.create_topics(&raw).expect("an empty host");
        Topics::new(settings[0].topics.clone()).prepare(&*host).expect("an empty host");
        let appender = host.appender().expect("a host in memory");
        let stage = Rc::new(Stage {
            fate,
            host,
            settings: settings.to_vec(),
            runtime: runtime.clone(),
            slots: RefCell::default(),
            metrics: run::metrics(&settings[0]),
            depth: Cell::new(0),
            left: RefCell::default(),
            appender: RefCell::new(appender),
            began: Instant::now(),
        });
        STAGE.set(Some(Rc::clone(&stage)));
        stage
    }

    /// From the first record to the last alert. Error: it did not come to rest.
    pub(super) fn play(&self, raw: Vec<Raw>) -> Result<(), String> {
        let until_ms = self.fate.now_ms() + STORM_MS;
        // Each partition at its own pace; some are there before anybody begins.
        let by_ms = |_: &Raw| match self.fate.below(4) {
            0 => 0,
            _ => self.fate.below(PRODUCED_WITHIN_MS as usize) as i64,
        };
        let paced = raw.into_iter().map(|raw| {
            let by_ms = by_ms(&raw);
            (raw, self.fate.now_ms() + by_ms)
        });
        self.left.replace(paced.collect());
        let mut refused = false;
        while self.fate.now_ms() < until_ms {
            self.produce();
            self.fate.pass_ms(self.fate.below(60) as i64);
            self.fate.bury(self.fate.now_ms());
            self.reap();
            let fewest = 1 + self.fate.below(INSTANCES.len());
            if self.processes().len() < fewest && self.fate.below(4) == 0 {
                self.start(self.fate.below(INSTANCES.len()));
            }
            if self.fate.strikes("a second process of the same name", 300) {
                self.start(self.fate.below(INSTANCES.len()));
            }
            if let Some(process) = self.pick() {
                if self.fate.strikes("told to stop", 150) {
                    self.stop(&process);
                } else if self.fate.strikes("evicted from its group", 60) {
                    let spec = process.spec(self.fate.below(2) == 0);
                    process.broker.evict(spec);
                } else if self.fate.strikes("a rebalance", 60) {
                    let spec = process.spec(self.fate.below(2) == 0);
                    process.broker.disturb(&spec.group, spec.topics);
                } else if self.fate.strikes("a broker that does not answer", 80) {
                    // Once longer than it takes to be idle.
                    let calls = if refused { self.fate.below(30) } else { self.fate.below(400) };
                    refused |= calls > 100;
                    process.broker.life.refuse(calls as u64);
                }
            }
            self.turn();
        }
        self.fate.calm();
        self.rest()
    }

    /// No more faults: everybody who is there goes on until nothing is left to do; then they stop.
    fn rest(&self) -> Result<(), String> {
        let mut ends = Vec::new();
        let mut changed_ms = self.fate.now_ms();
        for turn in 0.. {
            self.processes().iter().for_each(|process| process.broker.life.refuse(0));
            // Some die of what happened before: they hear only now that others have taken their place.
            self.fate.bury(self.fate.now_ms());
            self.reap();
            (0..INSTANCES.len()).filter(|_| self.processes().is_empty()).for_each(|instance| self.start(instance));
            let slots = self.slots.borrow().clone();
            slots.iter().for_each(|slot| self.step(slot));
            self.fate.pass_ms(500);
            let now = self.ends();
            if now != ends {
                (ends, changed_ms) = (now, self.fate.now_ms());
            }
            if changed_ms + QUIET_MS <= self.fate.now_ms() {
                break;
            }
            if turn == CALM_TURNS {
                return Err("it did not come to rest".into());
            }
        }
        self.processes().iter().for_each(|process| self.stop(process));
        self.reap();
        Ok(())
    }

    /// Counts of what must not happen, over all processes.
    pub(super) fn violations(&self) -> u64 {
        let text = self.metrics.render();
        let lines = text.lines().filter(|line| line.starts_with("breachd_invariant_violations_total"));
        lines.map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).expect("a count") as u64).sum()
    }

    /// What is due by now of each partition.
    fn produce(&self) {
        let now_ms = self.fate.now_ms();
        let mut left = self.left.borrow_mut();
        for (raw, by_ms) in left.iter_mut() {
            // In equal steps over the time that is left for it.
            let (n, pause_ms) = (raw.records.len(), (*by_ms - raw.written_ms).max(1));
            let due =
                if *by_ms <= now_ms { n } else { n * (now_ms - raw.written_ms).max(0) as usize / pause_ms as usize };
            if due > 0 {
                raw.written_ms = now_ms;
            }
            for payload in raw.records.drain(..due) {
                let (topic, partition) = (raw.topic.into(), Some(raw.partition));
                let message = Outgoing { topic, partition, payload, ..Outgoing::default() };
                self.appender.borrow_mut().send(message).expect("a host in memory");
            }
        }
        left.retain(|(raw, _)| !raw.records.is_empty());
    }

    /// What matters of the topics: their ends.
    fn ends(&self) -> Vec<Vec<i64>> {
        let topics = Topics::new(self.settings[0].topics.clone());
        let names = [topics.tallies(), topics.fleet(), topics.alerts(), topics.dead_letter()];
        names.iter().map(|name| self.host.end_offsets(name).expect("it was made")).collect()
    }

    fn start(&self, instance: usize) {
        let broker =
            Faulty { host: Arc::clone(&self.host), fate: Arc::clone(&self.fate), life: Arc::new(Life::default()) };
        let (base, fate, from_ms) = (self.began, Arc::clone(&self.fate), world::written_from());
        let ticks =
            Arc::new(move || base + Duration::from_millis(fate.now_ms().saturating_sub(from_ms).unsigned_abs()));
        let settings = Arc::clone(&self.settings[instance]);
        let partitions = SOURCES.map(|(name, _)| (name.into(), PARTITIONS)).into();
        let (metrics, runtime) = (self.metrics.clone(), self.runtime.clone());
        let context = run::context(settings, metrics, Arc::new(broker.clone()), partitions, runtime, ticks);
        let process = Rc::new(Process { instance, context: Arc::new(context), broker });
        let joined =
            IngestRole::join(&process.context).and_then(|ingest| Ok((ingest, DetectorRole::join(&process.context)?)));
        match joined {
            Ok((ingest, detector)) => {
                for actor in [Actor::Ingest(Box::new(ingest)), Actor::Detector(Box::new(detector))] {
                    let slot = Slot { process: Rc::clone(&process), actor: RefCell::new(Some(actor)) };
                    self.slots.borrow_mut().push(Rc::new(slot));
                }
            }
            Err(_) => {
                process.broker.life.end();
                self.fate.note("could not start");
            }
        }
    }

    /// SIGTERM: a last flush, and an orderly leave.
    fn stop(&self, process: &Rc<Process>) {
        process.context.stop.request();
        let slots = self.slots.borrow().clone();
        for slot in slots.iter().filter(|slot| Rc::ptr_eq(&slot.process, process)) {
            let actor = slot.actor.borrow_mut().take();
            if let Some(Actor::Ingest(mut role)) = actor
                && role.drain().is_err()
            {
                process.broker.life.end();
            }
        }
    }

    /// A turn of anybody who is not in the middle of one.
    fn turn(&self) {
        let slots = self.slots.borrow().clone();
        if !slots.is_empty() {
            self.step(&slots[self.fate.below(slots.len())]);
        }
    }

    fn step(&self, slot: &Slot) {
        let Some(mut actor) = slot.actor.borrow_mut().take() else { return };
        if slot.process.broker.life.is_dead() {
            return;
        }
        self.depth.set(self.depth.get() + 1);
        match actor.step() {
            Ok(()) => *slot.actor.borrow_mut() = Some(actor),
            // The process ends with its role.
            Err(_) => slot.process.broker.life.end(),
        }
        self.depth.set(self.depth.get() - 1);
    }

    /// Takes away who is dead, and who has stopped.
    fn reap(&self) {
        let gone = |slot: &Slot| slot.process.broker.life.is_dead() || slot.actor.borrow().is_none();
        let slots = self.slots.take();
        *self.slots.borrow_mut() = slots.into_iter().filter(|slot| !gone(slot)).collect();
    }

    fn processes(&self) -> Vec<Rc<Process>> {
        let mut processes: Vec<Rc<Process>> = Vec::new();
        for slot in self.slots.borrow().iter() {
            if !processes.iter().any(|known| Rc::ptr_eq(known, &slot.process)) {
                processes.push(Rc::clone(&slot.process));
            }
        }
        processes
    }

    fn pick(&self) -> Option<Rc<Process>> {
        let processes = self.processes();
        (!processes.is_empty()).then(|| Rc::clone(&processes[self.fate.below(processes.len())]))
    }
}

impl Process {
    /// As one of its roles joined its group.
    fn spec(&self, ingest: bool) -> GroupSpec {
        let instance = Some(INSTANCES[self.instance].to_owned());
        let (role, topics, start) = if ingest {
            ("ingest", SOURCES.map(|(name, _)| name.to_owned()).into(), Start::Committed)
        } else {
            ("detector", vec![self.context.topics.tallies()], Start::Beginning)
        };
        GroupSpec { group: self.context.group(role), instance, topics, start }
    }
}

/// Lets go of the stage, so that a thread can play on another.
pub(super) fn clear() {
    STAGE.set(None);
}
