//! Faults on the real binary and a real Kafka: it dies at every named point, freezes, is one of too many; and goes on by itself.
//!
//! The records and the judge are those of the simulation ([`crate::simulation`]): what lies in the topics at the end must be what the same
//! records give undisturbed. Those marked `nightly` take minutes; `tests/nightly` runs them.

use crate::{
    exact::batches,
    harness::{Daemon, PATIENCE, Scratch, broker_at, contents, free_port, get, kafka_address, topic, unique, until},
    simulation::{
        judge::{self, Account},
        world::{self, DAYS, PARTITIONS, Raw, SOURCES, TALLY_PARTITIONS},
    },
};
use breachd::{
    crash::{self, Point},
    settings::Settings,
};
use simulator::random::Random;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use stream::{Broker, Outgoing};

/// Instances that wait and work side by side, of one test.
const AT_ONCE: usize = 4;

/// A company's logs in topics of their own, and instances that read them.
pub(crate) struct Site {
    pub(crate) scratch: Scratch,
    pub(crate) prefix: String,
    /// `host:port` of the brokers.
    kafka: String,
    pub(crate) broker: Arc<dyn Broker>,
    /// What is written to the topics part by part.
    raw: Vec<Raw>,
}

/// One instance's configuration and where it answers.
pub(crate) struct Instance {
    config: PathBuf,
    console: String,
    log: PathBuf,
}

impl Site {
    fn new(name: &str, seed: u64) -> Site {
        Site::at(kafka_address(), name, seed)
    }

    pub(crate) fn at(kafka: &str, name: &str, seed: u64) -> Site {
        let prefix = unique(name);
        let broker = broker_at(kafka);
        let topics = SOURCES.map(|(source, _)| topic(&format!("{prefix}-{source}"), PARTITIONS));
        until("the topics are made", || broker.create_topics(&topics).ok());
        Site { scratch: Scratch::new(name), prefix, kafka: kafka.into(), broker, raw: world::raw(seed) }
    }

    pub(crate) fn instance(&self, name: &str) -> Instance {
        let console = format!("127.0.0.1:{}", free_port());
        let more = format!(
            "instance = \"{name}\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\nsession_timeout = \"6s\"\ntransaction_timeout = \"10s\"\n\
             [topics]\nprefix = \"{prefix}\"\ntally_partitions = {TALLY_PARTITIONS}\n\
             [ingest]\nflush_interval = \"50ms\"\nexpire_after = \"2s\"\nidle_after = \"4s\"\n[console]\nlisten = \"{console}\"\n",
            kafka = self.kafka,
            prefix = self.prefix,
        );
        let text = world::configuration(&format!("{}-", self.prefix), &more);
        let config = self.scratch.write(&format!("{name}.toml"), text);
        Instance { config, console, log: self.scratch.0.join(format!("{name}.log")) }
    }

    /// Writes a day of the logs. Whoever is silent in between has told all of it: so no pause here decides anything.
    pub(crate) fn produce(&self, day: usize) {
        let mut appender = self.broker.appender().unwrap();
        for raw in &self.raw {
            let from = day.checked_sub(1).map_or(0, |before| raw.days[before]);
            for payload in &raw.records[from..raw.days[day]] {
                let (topic, partition, payload) = (self.topic(raw.topic), Some(raw.partition), payload.clone());
                appender.send(Outgoing { topic, partition, payload, ..Outgoing::default() }).unwrap();
            }
        }
        appender.flush().unwrap();
    }

    /// Waits until everything that must be there is, and nothing else, and nothing was counted that must not be. Who ends meanwhile is
    /// started again, as a supervisor would.
    pub(crate) fn judge(&self, running: &mut [Running]) -> Account {
        let settings = Settings::load(std::slice::from_ref(&running[0].instance.config), &[]).unwrap();
        let expected = judge::expected(self.broker.as_ref(), &settings);
        assert!(expected.alerts.len() >= 5, "{}", expected.alerts.len());
        let from = Instant::now();
        loop {
            let found = judge::found(self.broker.as_ref(), &settings);
            let differences = judge::differences(&found, &expected);
            if differences.is_empty() {
                break;
            }
            assert!(from.elapsed() < PATIENCE, "{}: {differences:#?}", self.prefix);
            running.iter_mut().for_each(Running::tend);
            thread::sleep(Duration::from_millis(250));
        }
        running.iter().for_each(|running| assert_eq!(running.violations(), 0, "{}", self.prefix));
        expected
    }

    pub(crate) fn topic(&self, source: &str) -> String {
        format!("{}-{source}", self.prefix)
    }

    /// Waits until the manifests have come to the end of a source's records.
    pub(crate) fn await_taken(&self, source: &str) {
        until("every record is taken in", || {
            (self.told(source) == self.broker.end_offsets(&self.topic(source)).unwrap()).then_some(())
        });
    }

    /// How far into a source's partitions the manifests went last. A tally partition has the flushes in their order, and each flush tells
    /// all of them the same.
    pub(crate) fn told(&self, source: &str) -> Vec<i64> {
        let mut told = vec![0; PARTITIONS as usize];
        let tallies = contents(self.broker.as_ref(), &format!("{}.tallies", self.prefix));
        for range in batches(&tallies).iter().flat_map(|batch| &batch.manifest.ranges) {
            if *range.source == *source {
                told[range.partition as usize] = range.to;
            }
        }
        told
    }
}

impl Instance {
    pub(crate) fn run(self) -> Running {
        let daemon = self.start(&[]);
        Running { instance: self, daemon }
    }

    fn start(&self, environment: &[(&str, &str)]) -> Daemon {
        Daemon::run_with(&self.config, &["--roles", "ingest,detector"], self.log.clone(), environment)
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// An instance, and the process that is it now.
pub(crate) struct Running {
    pub(crate) instance: Instance,
    pub(crate) daemon: Daemon,
}

impl Running {
    /// Starts it again if it has ended.
    pub(crate) fn tend(&mut self) {
        if self.daemon.exited().is_some() {
            self.daemon = self.instance.start(&[]);
        }
    }

    /// How often it has seen what must not happen.
    pub(crate) fn violations(&self) -> u64 {
        let metrics = until("metrics", || get(&self.instance.console, "/metrics")).1;
        let lines = metrics.lines().filter(|line| line.starts_with("breachd_invariant_violations_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
    }

    pub(crate) fn is_ready(&self) -> Option<()> {
        get(&self.instance.console, "/readyz").filter(|(status, _)| *status == 200).map(drop)
    }
}

pub(crate) fn all_end_well(running: Vec<Running>) {
    running.into_iter().for_each(|mut running| assert_eq!(running.daemon.terminate(), Some(0)));
}

/// Dies at the point, and once more with other records, then goes on. Only all of them raise alerts for certain, so there it dies once.
fn dies_at(point: Point) {
    let site = Site::new(point.as_str(), 1);
    let one = site.instance("one");
    let (half, all) = (DAYS as usize / 2, DAYS as usize);
    let first = if point == Point::DetectorAfterAlert { all } else { half };
    let deaths = [0..first, first..all];
    for (nth, days) in deaths.into_iter().enumerate().filter(|(_, days)| !days.is_empty()) {
        days.for_each(|day| site.produce(day));
        let died = || one.said().matches("the process ends here, as it was told to").count();
        until("it dies where it should", || {
            // Whatever else ends it (a broker too busy to answer): started again, it comes to the point.
            let mut daemon = one.start(&[(crash::VARIABLE, point.as_str())]);
            until("it dies", || daemon.exited());
            (died() > nth).then_some(())
        });
    }
    let mut running = [one.run()];
    site.judge(&mut running);
    all_end_well(running.into());
}

#[test]
fn a_crash_at_any_point_leaves_no_trace() {
    let points = Mutex::new(Point::ALL.into_iter());
    thread::scope(|scope| {
        let work = || {
            loop {
                let next = points.lock().unwrap().next();
                let Some(point) = next else { break };
                dies_at(point);
            }
        };
        (0..AT_ONCE).for_each(|_| drop(scope.spawn(work)));
    });
}

#[test]
fn a_point_that_does_not_exist_is_a_mistake() {
    let site = Site::new("nowhere", 0);
    let mut daemon = site.instance("one").start(&[(crash::VARIABLE, "nowhere")]);
    assert_eq!(until("it ends", || daemon.exited()), Some(2));
}

#[test]
fn frozen_beyond_its_session_and_thawed_it_doubles_nothing() {
    let site = Site::new("frozen", 2);
    let mut running = [site.instance("one").run(), site.instance("two").run()];
    until("both are ready", || running[0].is_ready().and_then(|()| running[1].is_ready()));
    (0..3).for_each(|day| site.produce(day));
    running[0].daemon.signal("STOP");
    site.produce(3);
    // The group waits for it, and then no longer.
    let all = SOURCES.len() as u32 * PARTITIONS;
    let owns_all = format!("\"message\":\"raw log partitions assigned\",\"partitions\":{all}");
    let times = |running: &Running| running.instance.said().matches(&owns_all).count();
    let before = times(&running[1]);
    until("the other has all partitions", || (times(&running[1]) > before).then_some(()));
    site.produce(4);
    running[0].daemon.signal("CONT");
    site.produce(5);
    site.judge(&mut running);
    all_end_well(running.into());
}

/// Kills and stops instances at random, a pause apart on average, and starts some of them again; more and more is there to be read.
fn storm(site: &Site, rounds: usize, pause: Duration, violent: bool) {
    let mut random = Random::new(rounds as u64);
    let mut running: Vec<Running> = ["one", "two", "three"].map(|name| site.instance(name).run()).into();
    for round in 0..rounds {
        let days = |round: usize| round * DAYS as usize / rounds;
        (days(round)..days(round + 1)).for_each(|day| site.produce(day));
        thread::sleep(pause.mul_f64(random.real(0.3, 1.7)));
        let at = random.between(0, running.len() as i64) as usize;
        if violent || random.chance(0.5) {
            running[at].daemon.kill();
        } else if running[at].daemon.exited().is_none() {
            running[at].daemon.terminate();
        }
        // Not always the one that has just gone: for a while there are fewer.
        let again = random.between(0, running.len() as i64) as usize;
        running[again].tend();
    }
    running.iter_mut().for_each(Running::tend);
    site.judge(&mut running);
    all_end_well(running);
}

#[test]
fn a_storm_of_rebalances_changes_nothing() {
    storm(&Site::new("storm", 3), 12, Duration::from_secs(1), false);
}

#[test]
#[ignore = "nightly"]
fn nightly_a_hundred_kills_change_nothing() {
    storm(&Site::new("kills", 4), 100, Duration::from_millis(900), true);
}
