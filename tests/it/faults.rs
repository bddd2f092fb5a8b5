//! Faults on the real binary and a real Kafka: it dies at every named point, freezes, is one of too many; and goes on by itself.
//!
//! The records and the judge are those of the simulation ([`crate::simulation`]): what lies in the topics at the end must be what the same
//! records give undisturbed. Those marked `nightly` take minutes; `tests/nightly` runs them.

use crate::{
    exact::batches,
    harness::{
        BINARY, Daemon, PATIENCE, Scratch, broker_at, contents, free_port, get, kafka_address, topic, unique, until,
    },
    simulation::{
        judge::{self, Account},
        world::{self, DAYS, PARTITIONS, Raw, SOURCES, TALLY_PARTITIONS},
    },
    told::{self, Told},
};
use breachd::{
    crash::{self, Point},
    settings::Settings,
};
use notifier::sandbox::{Sandbox as _, SmtpOptions, SmtpSandbox};
use simulator::random::Random;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
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
    roles: &'static str,
    environment: Vec<(&'static str, String)>,
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

    /// Takes in and judges.
    pub(crate) fn instance(&self, name: &str) -> Instance {
        self.instance_with(name, "ingest,detector", "")
    }

    fn instance_with(&self, name: &str, roles: &'static str, more: &str) -> Instance {
        let console = format!("127.0.0.1:{}", free_port());
        let more = format!(
            "instance = \"{name}\"\n[kafka]\nbootstrap_servers = \"{kafka}\"\nsession_timeout = \"6s\"\ntransaction_timeout = \"10s\"\n\
             [topics]\nprefix = \"{prefix}\"\ntally_partitions = {TALLY_PARTITIONS}\n\
             [snapshots]\ninterval = \"200ms\"\n\
             [ingest]\nflush_interval = \"50ms\"\nexpire_after = \"2s\"\nidle_after = \"4s\"\n[console]\nlisten = \"{console}\"\n{more}",
            kafka = self.kafka,
            prefix = self.prefix,
        );
        let text = world::configuration(&format!("{}-", self.prefix), &more);
        let config = self.scratch.write(&format!("{name}.toml"), text);
        let log = self.scratch.0.join(format!("{name}.log"));
        Instance { config, console, log, roles, environment: Vec::new() }
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

    /// Writes what a crowd that nobody knows does at the end of a day.
    pub(crate) fn produce_crowd(&self, day: i64, n: usize) {
        self.produce_crowd_at(day, n, &mut |_| {});
    }

    /// The same at somebody's pace, who is told how many lines are written.
    fn produce_crowd_at(&self, day: i64, n: usize, pace: &mut dyn FnMut(usize)) {
        let mut appender = self.broker.appender().unwrap();
        let mut written = 0;
        world::crowd(day, n, &mut |partition, payload| {
            let (topic, partition) = (self.topic("access"), Some(partition));
            appender.send(Outgoing { topic, partition, payload, ..Outgoing::default() }).unwrap();
            written += 1;
            pace(written);
        });
        appender.flush().unwrap();
    }

    /// Writes all days, a crowd after each, at an even pace until the time is over.
    fn produce_for(&self, time: Duration, lines_a_second: usize) {
        let began = Instant::now();
        let a_day = time / DAYS as u32;
        let n = (a_day.as_secs_f64() * lines_a_second as f64) as usize;
        for day in 0..DAYS {
            self.produce(day as usize);
            let from = a_day * day as u32;
            self.produce_crowd_at(day, n, &mut |written| {
                let due = from + a_day.mul_f64(written as f64 / n as f64);
                thread::sleep(due.saturating_sub(began.elapsed()));
            });
        }
    }

    /// Waits until everything that must be there is, and nothing else, and nothing was counted that must not be. Who ends meanwhile is
    /// started again, as a supervisor would.
    pub(crate) fn judge(&self, running: &mut [Running]) -> Account {
        let settings = Settings::load(std::slice::from_ref(&running[0].instance.config), &[]).unwrap();
        let expected = judge::expected(self.broker.as_ref(), &settings);
        assert!(expected.alerts.len() >= 5, "{:#?}", expected.alerts);
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
        until("every record is taken in", || self.has_taken(source));
    }

    pub(crate) fn has_taken(&self, source: &str) -> Option<()> {
        (self.told(source) == self.broker.end_offsets(&self.topic(source)).unwrap()).then_some(())
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

    fn start(&self, more: &[(&str, &str)]) -> Daemon {
        let own = self.environment.iter().map(|(name, value)| (*name, value.as_str()));
        let environment: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        Daemon::run_with(&self.config, &["--roles", self.roles], self.log.clone(), &environment)
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

    fn verify_journal(&self) {
        let verify = ["audit", "verify", "--config"];
        let verified = Command::new(BINARY).args(verify).arg(&self.instance.config).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    }

    pub(crate) fn is_ready(&self) -> Option<()> {
        get(&self.instance.console, "/readyz").filter(|(status, _)| *status == 200).map(drop)
    }
}

pub(crate) fn all_end_well(running: Vec<Running>) {
    running.into_iter().for_each(|mut running| assert_eq!(running.daemon.terminate(), Some(0)));
}

/// Dies at the point, and once more with other records, then goes on. Only all of them raise alerts for certain, and somebody has to be
/// told of those: where that is needed it dies once.
fn dies_at(point: Point, smtp: &SmtpSandbox) {
    let site = Site::new(point.as_str(), 1);
    let one = site.instance_with(
        "one",
        "ingest,detector,notifier",
        &format!(
            "[[triggers]]\nseverity_at_least = \"low\"\nchannels = [\"mail\"]\n\
             [[channels]]\nname = \"mail\"\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             from = \"breachd@example.com\"\nto = [\"{}@example.com\"]\nretry = {{ first = \"1s\", max = \"2s\" }}\n",
            smtp.port(),
            site.prefix,
        ),
    );
    let (half, all) = (DAYS as usize / 2, DAYS as usize);
    let needs_alerts = point == Point::DetectorAfterAlert || point.as_str().starts_with("notifier");
    let first = if needs_alerts { all } else { half };
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
    let expected = site.judge(&mut running);
    let told = until("everybody was told of every alert", || {
        running[0].tend();
        let entries = told::journal(site.broker.as_ref(), &site.prefix);
        let told = Told::of(&entries);
        let text = serde_json::to_string(&entries).unwrap();
        let all_known = expected.alerts.keys().all(|id| text.contains(id.as_str()));
        let all_taken = told.notices.keys().all(|id| told.is_taken(id));
        (all_known && all_taken && !told.notices.is_empty()).then_some(told)
    });
    // One that was sent again has its id again.
    let to = format!("{}@example.com", site.prefix);
    let mails = smtp.received().into_iter().filter(|mail| String::from_utf8_lossy(&mail.raw).contains(&to));
    let different: BTreeSet<String> = mails.map(|mail| mail.id).collect();
    assert_eq!(different.len(), told.notices.len(), "{point:?}");
    running[0].verify_journal();
    all_end_well(running.into());
}

#[test]
fn a_crash_at_any_point_leaves_no_trace() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let smtp = runtime.block_on(SmtpSandbox::start(SmtpOptions::default())).unwrap();
    let points = Mutex::new(Point::ALL.into_iter());
    thread::scope(|scope| {
        let work = || {
            loop {
                let next = points.lock().unwrap().next();
                let Some(point) = next else { break };
                dies_at(point, &smtp);
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

/// The first keeps its share of the engines and all of the notifier: neither is built anew, as it would be if all had to let go of all.
#[test]
fn one_that_joins_takes_over_some_and_stops_nobody() {
    let site = Site::new("joins", 4);
    let [one, two] = ["one", "two"].map(|name| site.instance_with(name, "ingest,detector,notifier", ""));
    let mut running = vec![one.run()];
    until("the first is ready", || running[0].is_ready());
    (0..3).for_each(|day| site.produce(day));
    SOURCES.iter().for_each(|(source, _)| site.await_taken(source));
    running.push(two.run());
    let has = |running: &Running, what: &str, n: u32| {
        running.instance.said().contains(&format!("\"message\":\"{what} partitions assigned\",\"partitions\":{n}"))
    };
    let raw = SOURCES.len() as u32 * PARTITIONS;
    until("they share", || {
        let of_two = TALLY_PARTITIONS / 2;
        let tallies = has(&running[0], "tally", TALLY_PARTITIONS - of_two) && has(&running[1], "tally", of_two);
        (tallies && running.iter().all(|one| has(one, "raw log", raw / 2))).then_some(())
    });
    (3..DAYS as usize).for_each(|day| site.produce(day));
    site.judge(&mut running);
    let times = |what: &str| running.iter().map(|one| one.instance.said().matches(what).count()).collect::<Vec<_>>();
    assert_eq!(times("this instance notifies"), [1, 0]);
    // Unless a snapshot was under way when the generation ended.
    if times("a snapshot was not written")[0] == 0 {
        assert_eq!(times("a snapshot is restored")[0], 0);
    }
    all_end_well(running);
}

/// Kills and stops instances at random, a pause apart on average, and starts some of them again, while so many lines a second come: whoever dies has
/// work in hand.
fn storm(site: &Site, rounds: usize, pause: Duration, violent: bool, lines_a_second: usize) {
    let mut running: Vec<Running> = ["one", "two", "three"].map(|name| site.instance(name).run()).into();
    thread::scope(|scope| {
        scope.spawn(|| site.produce_for(pause * rounds as u32, lines_a_second));
        strike(&mut running, rounds, pause, violent);
    });
    running.iter_mut().for_each(Running::tend);
    site.judge(&mut running);
    for one in &running {
        assert!(!one.instance.said().contains("missing or doubled"), "whoever was killed told nobody but its log");
    }
    all_end_well(running);
}

fn strike(running: &mut [Running], rounds: usize, pause: Duration, violent: bool) {
    let mut random = Random::new(rounds as u64);
    for _ in 0..rounds {
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
}

/// A wall clock that a test moves (`clock.c`, between a process and its C library). Timers run on, as those of a machine do whose clock is
/// set; waits that are under way are not prolonged, as they would be there.
struct WallClock {
    wrong_by: PathBuf,
}

impl WallClock {
    fn of(site: &Site, instance: &mut Instance) -> WallClock {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clock.c");
        let library = site.scratch.0.join("clock.so");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        assert!(compiled.is_ok_and(|status| status.success()), "cc compiles clock.c");
        let clock = WallClock { wrong_by: site.scratch.write("clock", "0") };
        let [library, file] = [&library, &clock.wrong_by].map(|path| path.display().to_string());
        instance.environment.extend([("LD_PRELOAD", library), ("WALL_CLOCK", file)]);
        clock
    }

    fn set(&self, wrong_by_hours: i64) {
        let next = self.wrong_by.with_extension("next");
        std::fs::write(&next, (wrong_by_hours * 3600).to_string()).unwrap();
        std::fs::rename(next, &self.wrong_by).unwrap();
    }
}

/// Hours ahead, hours back, when there were no computers (a battery that is empty), weeks ahead, and right again: what decides is when
/// something happened and when the broker wrote it down. Set back, the process ends itself.
#[test]
fn a_wall_clock_that_jumps_decides_nothing() {
    let site = Site::new("clock", 3);
    let mut one = site.instance_with("one", "ingest,detector,notifier", "");
    let clock = WallClock::of(&site, &mut one);
    let mut running = [one.run()];
    for (day, hours) in [5, -5, -19_000 * 24, 40 * 24, 0].into_iter().enumerate() {
        until("it is ready", || {
            running[0].tend();
            running[0].is_ready()
        });
        clock.set(hours);
        site.produce(day);
        until("what is written is taken in", || {
            running[0].tend();
            site.has_taken("access")
        });
    }
    (5..DAYS as usize).for_each(|day| site.produce(day));
    let expected = site.judge(&mut running);
    let times = running[0].instance.said().matches("the wall clock was set back").count();
    assert!((1..=3).contains(&times), "{times}: from 5 hours ahead, from 5 behind, from 40 days ahead");
    let journal = || contents(site.broker.as_ref(), &format!("{}.journal", site.prefix));
    until("each alert is in the journal", || {
        let text: String = journal().iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect();
        expected.alerts.keys().all(|id| text.contains(id.as_str())).then_some(())
    });
    running[0].verify_journal();
    all_end_well(running.into());
}

#[test]
fn a_storm_of_rebalances_changes_nothing() {
    storm(&Site::new("storm", 3), 12, Duration::from_secs(1), false, 500);
}

#[test]
#[ignore = "nightly"]
fn nightly_a_hundred_kills_change_nothing() {
    storm(&Site::new("kills", 4), 100, Duration::from_millis(900), true, 1_000);
}
