//! What every role is given: settings, broker, metrics, and the word to stop.

use crate::{
    cli::RoleName, crash::Crash, drill::mark::DrillKey, health::Healths, metrics::Metrics, reload::Current,
    settings::Settings, topics::Topics, wall,
};
use detector::{Directory, Engine};
use ingest::{Geo, Plan};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use stream::Broker;

/// Where the time that passes comes from: the system, or a simulation that lets it pass as it likes.
pub type Ticks = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Shared by the roles of one process; plain values and handles, no state of the work itself.
pub struct Context {
    pub settings: Arc<Settings>,
    pub topics: Topics,
    pub broker: Arc<dyn Broker>,
    pub metrics: Metrics,
    pub stop: Stop,
    pub policy: Arc<incident::Policy>,
    pub drills: DrillKey,
    pub healths: Arc<Healths>,
    /// What ingest and detector measure their intervals by.
    pub ticks: Ticks,
    /// Where a test wants the process to end.
    pub crash: Crash,
    /// For what has to be asynchronous: sending notices.
    pub runtime: tokio::runtime::Handle,
    /// Per source: how many partitions its topic has. The detector waits to hear from each.
    pub source_partitions: Current<Vec<(Box<str>, u32)>>,
    /// Raw records taken in by this process and committed; what a player of recorded logs keeps its lead by.
    pub taken: AtomicU64,
    /// Networks and people as their files say now.
    pub networks: Current<Geo>,
    pub people: Current<Directory>,
    /// Signature rules as last read and found right.
    pub rules: Current<signatures::Set>,
    /// The configuration as last read and found right: who has to know and how they are told.
    pub latest: Mutex<Arc<Settings>>,
}

/// The word to stop; once given, it stays given.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Context {
    pub fn instant(&self) -> Instant {
        (self.ticks)()
    }

    /// How long ago that was.
    pub fn since(&self, earlier: Instant) -> Duration {
        self.instant().saturating_duration_since(earlier)
    }

    pub fn heartbeat(&self, role: RoleName) {
        self.healths.beat(role);
    }

    pub fn ready(&self, role: RoleName) {
        self.healths.ready(role);
    }

    /// Where and how raw topics are read, by topic.
    pub fn plans(&self) -> HashMap<String, Arc<Plan>> {
        let (networks, rules) = (self.networks.get(), self.rules.get());
        let current = |plan: Arc<Plan>| Arc::new(plan.with_geo(&networks).with_signatures(&rules));
        self.settings.plans().into_iter().map(|(topic, plan)| (topic, current(plan))).collect()
    }

    /// A new engine for one tally partition.
    pub fn engine(&self, partition: i32) -> Engine {
        let partition = u32::try_from(partition).expect("partitions are counted from 0");
        let mut engine = self.settings.engine(
            partition,
            self.settings.topics.tally_partitions,
            &self.source_partitions.get(),
            false,
        );
        engine.set_directory(self.people.get());
        engine
    }

    /// Puts a new configuration in the place of the last one; the active notifier takes it up at its next round, ingest its rules
    /// with the next record.
    pub fn reload(&self, settings: Settings) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_rules(Arc::clone(&settings.rules));
        *latest = Arc::new(settings);
    }

    /// Puts rules in force that were read under that configuration. False: another has taken its place meanwhile, with rules of its
    /// own, and nothing is changed.
    pub fn take_rules(&self, under: &Arc<Settings>, rules: Arc<signatures::Set>) -> bool {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let current = Arc::ptr_eq(&latest, under);
        if current {
            self.put_rules(rules);
        }
        current
    }

    fn put_rules(&self, rules: Arc<signatures::Set>) {
        self.metrics.signatures(rules.rules().len(), rules.digest(), wall::now());
        self.rules.put(rules);
    }

    pub fn latest(&self) -> Arc<Settings> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the metrics how far a consumer is behind: records of each of its topics, over the partitions that this process reads. A topic of
    /// which it reads none has none; one of whose partitions nothing is known at the moment keeps its figure.
    pub fn measure_lag<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a str>,
        lag: &[(String, i32, i64)],
        is_read: impl Fn(&str) -> bool,
    ) {
        for topic in topics {
            let known = || lag.iter().filter(|(of, _, _)| of == topic).map(|(_, _, records)| *records);
            if known().next().is_some() || !is_read(topic) {
                self.metrics.consumer_lag(topic, known().sum());
            }
        }
    }

    /// A consumer group's name.
    pub fn group(&self, role: &str) -> String {
        format!("{}-{role}", self.topics.prefix())
    }
}
