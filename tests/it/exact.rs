//! Exactly once, through kill -9: every record is counted once, whatever instant the process dies at.

use crate::harness::{
    Daemon, PATIENCE, Scratch, broker, contents, free_port, kafka_address, lines, sample, topic, unique, until,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use stream::Outgoing;
use tally::{Batch, Metric};

/// How often the process is killed while it works.
const KILLS: usize = 6;

/// How often the sample's lines are repeated: enough work to be killed in the middle of.
const REPEATS: usize = 400;

#[test]
fn kill_9_in_the_middle_loses_and_doubles_nothing() {
    let scratch = Scratch::new("exact");
    let prefix = unique("exact");
    let raw = format!("{prefix}-raw");
    let broker = broker();
    broker.create_topics(&[topic(&raw, 3)]).unwrap();
    let text = sample("nginx-access_json_normal");
    let lines = lines(&text);
    let total = lines.len() * REPEATS;
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 3\n\
             [ingest]\nflush_interval = \"20ms\"\n[console]\nlisten = \"127.0.0.1:{}\"\n\
             [[sources]]\nname = \"web\"\nformat = \"nginx_json\"\ntopic = \"{raw}\"\n",
            kafka_address(),
            free_port(),
        ),
    );
    let mut appender = broker.appender().unwrap();
    for at in 0..total {
        let partition = Some((at % 3) as i32);
        appender
            .send(Outgoing {
                topic: raw.clone(),
                partition,
                key: None,
                payload: lines[at % lines.len()].to_vec(),
                headers: Vec::new(),
            })
            .unwrap();
    }
    appender.flush().unwrap();

    let tallies = format!("{prefix}.tallies");
    let taken = || -> u64 {
        batches(&contents(broker.as_ref(), &tallies))
            .iter()
            .filter(|batch| batch.partition == 0)
            .flat_map(|batch| &batch.manifest.ranges)
            .map(|range| (range.to - range.from) as u64)
            .sum()
    };
    let log = scratch.0.join("daemon.log");
    let mut killed_in_the_middle = 0;
    let mut seen = 0;
    for kill in 0..KILLS {
        let mut daemon = Daemon::run(&config, &["--roles", "ingest"], log.clone());
        // Dies at another place each time: after some new work is committed, while the next is under way.
        let from = Instant::now();
        let now =
            until("some records are taken in", || Some(taken()).filter(|now| *now > seen || *now >= total as u64));
        std::thread::sleep(Duration::from_millis(7 * kill as u64));
        daemon.kill();
        killed_in_the_middle += usize::from(now < total as u64);
        seen = now;
        assert!(from.elapsed() < PATIENCE);
    }
    assert!(killed_in_the_middle >= 2, "all was done before the kills: more work is needed");
    let mut daemon = Daemon::run(&config, &["--roles", "ingest"], log);
    until("every record is taken in", || Some(taken()).filter(|now| *now >= total as u64));
    assert_eq!(daemon.terminate(), Some(0));

    let batches = batches(&contents(broker.as_ref(), &tallies));
    assert_ranges_join(&batches, total as u64);
    let mut requests = 0;
    for entry in batches.iter().flat_map(|batch| &batch.entries) {
        if entry.kind == activity::EntityKind::Address {
            requests += entry.tally.get(Metric::Requests);
        }
    }
    assert_eq!(requests, total as u64, "each line is one request of one address");
}

pub(crate) fn batches(records: &[(i32, Vec<u8>)]) -> Vec<Batch> {
    records.iter().map(|(_, payload)| Batch::decode(payload).expect("a readable tally message")).collect()
}

/// In every tally partition, the ranges of each source partition follow from each other, from 0 to the end.
fn assert_ranges_join(batches: &[Batch], total: u64) {
    let mut ends: BTreeMap<(u32, Box<str>, i32), i64> = BTreeMap::new();
    let mut contributed = BTreeMap::<u32, u64>::new();
    for batch in batches {
        for range in &batch.manifest.ranges {
            let end = ends.entry((batch.partition, range.source.clone(), range.partition)).or_default();
            assert_eq!(range.from, *end, "a gap or a doubled range in tally partition {}", batch.partition);
            *end = range.to;
            *contributed.entry(batch.partition).or_default() +=
                range.contributed + range.ignored + range.dead_lettered + range.late;
        }
    }
    assert_eq!(contributed.len(), 3);
    contributed.values().for_each(|counted| assert_eq!(*counted, total));
}
