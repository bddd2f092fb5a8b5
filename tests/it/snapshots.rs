//! Snapshots of the detector, through kill -9: it goes on where the last one was made, raises what an undisturbed run raises, and does
//! without one that is damaged.

use crate::harness::{
    Daemon, Scratch, broker, contents, free_port, get, kafka_address, lines, sample, topic, unique, until,
};
use crate::pipeline::{Essence, SOURCES, alerts_in, essence, replay};
use detector::Alert;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use stream::{Broker, Outgoing};

const PARTITIONS: i32 = 3;

struct World {
    scratch: Scratch,
    prefix: String,
    console: String,
}

impl World {
    /// A configuration in which a silent source is released after that time.
    fn config(&self, idle_after: &str) -> PathBuf {
        let sources: String = SOURCES
            .iter()
            .map(|(source, format, _)| format!("[[sources]]\nname = \"{source}\"\nformat = \"{format}\"\nzone = \"UTC\"\ntopic = \"{}-{source}\"\n", self.prefix))
            .collect();
        self.scratch.write(
            &format!("breachd-{idle_after}.toml"),
            format!(
                "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{}\"\ntally_partitions = {PARTITIONS}\n\
                 [ingest]\nflush_interval = \"20ms\"\nexpire_after = \"1s\"\nidle_after = \"{idle_after}\"\n\
                 [snapshots]\ninterval = \"200ms\"\n[console]\nlisten = \"{}\"\n\
                 [attribution]\nsql_tags = [{{ key = \"user\", position = \"end\" }}]\n{sources}",
                kafka_address(),
                self.prefix,
                self.console,
            ),
        )
    }

    fn run(&self, config: &Path, log: &str) -> Daemon {
        Daemon::run(config, &["--roles", "ingest,detector"], self.scratch.0.join(log))
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = get(&self.console, "/metrics")?;
        let values =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).reduce(|sum, value| sum + value)
    }

    /// Until everything that was produced has been taken in and judged, and every partition has a snapshot. The metrics are of moments a
    /// second apart, so a snapshot may lie behind what was judged: then the rest is read again.
    fn settle(&self, broker: &dyn Broker, records: usize) {
        until("everything is taken in and judged, and every partition written down", || {
            let taken = self.metric("breachd_records_total")?;
            let (lag, age) =
                (self.metric("breachd_consumer_lag_records")?, self.metric("breachd_snapshot_age_seconds")?);
            let snapshots = contents(broker, &format!("{}.baselines", self.prefix));
            let written: BTreeSet<i32> = snapshots.iter().map(|(partition, _)| *partition).collect();
            let all = written.len() as i32 == PARTITIONS;
            (all && taken >= records as f64 && lag == 0.0 && age == 0.0).then_some(())
        });
    }

    fn log(&self, name: &str, what: &str) -> usize {
        let log = std::fs::read_to_string(self.scratch.0.join(name)).unwrap();
        log.lines().filter(|line| line.contains(what)).count()
    }
}

fn essences(alerts: &BTreeMap<String, Alert>) -> BTreeSet<Essence> {
    alerts.values().map(essence).collect()
}

#[test]
fn a_killed_detector_goes_on_from_its_snapshot_and_raises_what_an_undisturbed_one_raises() {
    let scratch = Scratch::new("snapshots");
    let world = World { scratch, prefix: unique("snapshots"), console: format!("127.0.0.1:{}", free_port()) };
    let broker = broker();
    let raw = |source: &str| format!("{}-{source}", world.prefix);
    broker.create_topics(&SOURCES.map(|(source, ..)| topic(&raw(source), 1))).unwrap();
    let texts = SOURCES.map(|(_, _, samples)| samples.iter().flat_map(|name| sample(name)).collect::<Vec<u8>>());
    let all = texts.each_ref().map(|text| lines(text));
    let produce = |of: &dyn Fn(usize) -> std::ops::Range<usize>| -> usize {
        let mut appender = broker.appender().unwrap();
        let mut n = 0;
        for ((source, ..), lines) in SOURCES.iter().zip(&all) {
            for line in &lines[of(lines.len())] {
                let (topic, payload) = (raw(source), line.to_vec());
                appender.send(Outgoing { topic, partition: Some(0), payload, ..Outgoing::default() }).unwrap();
                n += 1;
            }
        }
        appender.flush().unwrap();
        n
    };
    let waiting = world.config("10m");
    let files: Vec<_> = SOURCES
        .iter()
        .zip(&texts)
        .map(|((source, format, _), text)| {
            let file = world.scratch.write(&format!("{source}.log"), text);
            ((*source).to_owned(), (*format).to_owned(), file)
        })
        .collect();
    let replayed = essences(&replay(&waiting, &files, &world.scratch.0.join("alerts.jsonl"), 1));
    assert!(replayed.len() >= 3, "{replayed:?}");

    // The first half, of sources that are waited for; then the process dies.
    let half = produce(&|n| 0..n / 2);
    let mut daemon = world.run(&waiting, "first.log");
    world.settle(broker.as_ref(), half);
    daemon.kill();

    // It goes on with the second.
    let rest = produce(&|n| n / 2..n);
    let releasing = world.config("2s");
    let mut daemon = world.run(&releasing, "second.log");
    let live = || {
        let live = alerts_in(broker.as_ref(), &format!("{}.alerts", world.prefix));
        (live.len() >= replayed.len()).then_some(live)
    };
    assert_eq!(essences(&until("it raises what replay raises", live)), replayed);
    world.settle(broker.as_ref(), rest);
    assert_eq!(world.log("second.log", "a snapshot is restored"), PARTITIONS as usize);
    assert!(world.metric("breachd_recovery_seconds").is_some());
    assert_eq!(world.metric("breachd_invariant_violations_total"), Some(0.0));
    daemon.kill();

    // One is damaged: it is not believed, and what it stood for is read again.
    let mut appender = broker.appender().unwrap();
    let damaged = b"BS\x01 not what it was".to_vec();
    let baselines = format!("{}.baselines", world.prefix);
    let (topic, key, payload) = (baselines.clone(), Some(b"1|core".to_vec()), damaged.clone());
    appender.send(Outgoing { topic, partition: Some(1), key, payload, ..Outgoing::default() }).unwrap();
    appender.flush().unwrap();
    let mut daemon = world.run(&releasing, "third.log");
    until("the damaged one is refused, what it stood for is read again, and written down", || {
        let refused = world.metric("breachd_snapshots_refused_total")?;
        let snapshots = contents(broker.as_ref(), &baselines);
        let (_, last) = snapshots.iter().rfind(|(partition, _)| *partition == 1)?;
        (refused == 1.0 && *last != damaged).then_some(())
    });
    assert_eq!(world.log("third.log", "a snapshot is restored"), PARTITIONS as usize - 1);
    assert_eq!(world.log("third.log", "the snapshot cannot be used"), 1);
    assert_eq!(daemon.terminate(), Some(0));
    let alerts = contents(broker.as_ref(), &format!("{}.alerts", world.prefix));
    assert_eq!(alerts.len(), replayed.len(), "an alert was written twice, or one more was raised");

    // A stop in good order writes everything down.
    let mut daemon = world.run(&releasing, "fourth.log");
    until("it is where the tallies are", || world.metric("breachd_recovery_seconds"));
    assert_eq!(world.log("fourth.log", "a snapshot is restored"), PARTITIONS as usize);
    assert_eq!(daemon.terminate(), Some(0));
}
