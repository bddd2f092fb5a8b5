//! Slow-log entries that a line-wise shipper tore, read through kill -9: every entry comes out whole, and once.

use crate::{
    exact::batches,
    harness::{Daemon, Scratch, broker, contents, free_port, get, kafka_address, lines, topic, unique, until},
};
use ingest::{Geo, Ingester, Raw, Resume, Written};
use std::{
    io::Read,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use stream::{Broker, Outgoing};
use tally::{Batch, Metric, Tallier};

/// How often the process is killed while it works.
const KILLS: usize = 5;

/// How often the sample stands in what is appended to each partition in one round.
const REPEATS: usize = 20;

/// In how many steps a round is appended, a [`PACE`] apart.
const STEPS: usize = 100;

/// A pause of the one who appends: never so fast that a slow machine is left with a backlog of hours, never so slow that a fast one
/// is done. Rounds go on until the last kill, so that each kill comes in the middle on any machine.
const PACE: Duration = Duration::from_millis(2);

/// The records of each partition in one round: one line each; one to seven lines each, whatever entry they belong to; one line each as kcat
/// dumps it.
fn partitions() -> [Vec<Vec<u8>>; 3] {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/samples/kafka_kcat-kcat.slowlines.kcatJ.ndjson.zst");
    let mut dump = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    zstd::stream::read::Decoder::new(file).unwrap().read_to_end(&mut dump).unwrap();
    // The dump ends within an entry: its last eight lines say how many rows, and not of what.
    let wrapped = &lines(&dump)[..130];
    let payload = |line: &&[u8]| {
        let json: serde_json::Value = serde_json::from_slice(line).unwrap();
        json["payload"].as_str().unwrap().as_bytes().to_vec()
    };
    let plain: Vec<Vec<u8>> = wrapped.iter().map(payload).collect();
    let repeated: Vec<Vec<u8>> = std::iter::repeat_n(&plain, REPEATS).flatten().cloned().collect();
    let mut cut = Vec::new();
    let mut rest = repeated.as_slice();
    while !rest.is_empty() {
        let (some, behind) = rest.split_at(rest.len().min(1 + cut.len() * cut.len() % 7));
        cut.push(some.join(&b'\n'));
        rest = behind;
    }
    let wrapped = std::iter::repeat_n(wrapped, REPEATS).flatten().map(|line| line.to_vec()).collect();
    [repeated, cut, wrapped]
}

/// Entries that an undisturbed reading finds in one partition after so many rounds.
fn undisturbed(records: &[Vec<u8>], rounds: usize) -> u64 {
    let mut source = ingest::settings::Source::new("slow", "mariadb_slow_log");
    source.zone = Some("UTC".into());
    let settings = ingest::Settings { sources: vec![source], ..ingest::Settings::default() };
    let plans = settings.plans(&Arc::new(Geo::default()), activity::Span::from_minutes(2)).unwrap();
    let mut ingester = Ingester::new(Arc::clone(&plans[0]), 0, Resume::fresh());
    let (mut tallier, mut dead) = (Tallier::default(), Vec::new());
    for (offset, bytes) in (0..).zip(std::iter::repeat_n(records, rounds).flatten()) {
        let raw = Raw {
            bytes,
            offset,
            mode: activity::Mode::Live,
            forged_mark: false,
            written: Written::Unknown,
            resubmitted: None,
        };
        ingester.take(raw, &mut tallier, &mut dead);
    }
    ingester.expire(&mut tallier, &mut dead);
    let range = ingester.flushed();
    assert_eq!(range.dead_lettered + range.late, 0, "the sample is sound and spans less than the allowed lateness");
    let manifest = tally::Manifest { instance: "test".into(), sequence: 1, ranges: vec![range] };
    entries(&tallier.flush(1, &manifest).iter().map(|(_, message)| Batch::decode(message).unwrap()).collect::<Vec<_>>())
}

/// Entries counted: each is one of its source.
fn entries(batches: &[Batch]) -> u64 {
    let of_sources = |entry: &&tally::Entry| entry.kind == activity::EntityKind::Source;
    let entries = batches.iter().flat_map(|batch| &batch.entries).filter(of_sources);
    entries.map(|entry| entry.tally.get(Metric::Requests)).sum()
}

/// Tells the one who appends that it is enough, also when the test fails: it would be waited for otherwise.
struct Reached<'a>(&'a AtomicBool);

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Appends round after round to the three partitions until it is `enough`, and counts what the broker has; returns the rounds.
fn append_rounds(
    broker: &dyn Broker,
    topic: &str,
    partitions: &[Vec<Vec<u8>>; 3],
    appended: &AtomicU64,
    enough: &AtomicBool,
) -> usize {
    let mut appender = broker.appender().unwrap();
    for round in 1.. {
        for step in 0..STEPS {
            let mut sent = 0;
            for (partition, records) in (0..).zip(partitions) {
                for payload in &records[records.len() * step / STEPS..records.len() * (step + 1) / STEPS] {
                    let message = Outgoing {
                        topic: topic.into(),
                        partition: Some(partition),
                        payload: payload.clone(),
                        ..Outgoing::default()
                    };
                    appender.send(message).unwrap();
                    sent += 1;
                }
            }
            appender.flush().unwrap();
            appended.fetch_add(sent, Ordering::Release);
            std::thread::sleep(PACE);
        }
        if enough.load(Ordering::Acquire) {
            return round;
        }
    }
    unreachable!("rounds have no end")
}

#[test]
fn torn_entries_come_out_whole_and_once_through_kill_9() {
    let scratch = Scratch::new("torn");
    let prefix = unique("torn");
    let raw = format!("{prefix}-slow");
    let broker = broker();
    broker.create_topics(&[topic(&raw, 3)]).unwrap();
    let partitions = partitions();
    let port = free_port();
    let config = scratch.write(
        "breachd.toml",
        format!(
            "instance = \"one\"\n[kafka]\nbootstrap_servers = \"{}\"\n[topics]\nprefix = \"{prefix}\"\ntally_partitions = 2\n\
             [ingest]\nflush_interval = \"20ms\"\nexpire_after = \"3s\"\n[console]\nlisten = \"127.0.0.1:{}\"\n\
             [[sources]]\nname = \"slow\"\nformat = \"mariadb_slow_log\"\nzone = \"UTC\"\ntopic = \"{raw}\"\n",
            kafka_address(),
            port,
        ),
    );
    let tallies = format!("{prefix}.tallies");
    let accounted = || -> u64 {
        let batches = batches(&contents(broker.as_ref(), &tallies));
        let ranges = batches.iter().filter(|batch| batch.partition == 0).flat_map(|batch| &batch.manifest.ranges);
        ranges.map(|range| range.contributed + range.ignored + range.dead_lettered + range.late).sum()
    };
    let log = scratch.0.join("daemon.log");
    let (appended, enough) = (AtomicU64::new(0), AtomicBool::new(false));
    let (rounds, killed_in_the_middle) = std::thread::scope(|scope| {
        let appending = scope.spawn(|| append_rounds(broker.as_ref(), &raw, &partitions, &appended, &enough));
        let last_kill = Reached(&enough);
        let (mut killed_in_the_middle, mut seen) = (0, 0);
        for kill in 0..KILLS {
            let mut daemon = Daemon::run(&config, &["--roles", "ingest"], log.clone());
            // Asked only while a daemon runs: what a killed one had open is aborted by the next, else by the broker in a minute.
            seen = until("some records are taken in", || Some(accounted()).filter(|now| *now > seen));
            std::thread::sleep(Duration::from_millis(7 * kill as u64));
            killed_in_the_middle += usize::from(seen < appended.load(Ordering::Acquire));
            daemon.kill();
        }
        drop(last_kill);
        (appending.join().unwrap(), killed_in_the_middle)
    });
    assert!(killed_in_the_middle >= 2, "only {killed_in_the_middle} of {KILLS} kills left work behind");
    let total = appended.into_inner();
    let expected: u64 = partitions.iter().map(|records| undisturbed(records, rounds)).sum();
    assert!(expected >= (3 * REPEATS * rounds) as u64, "{expected}");
    let mut daemon = Daemon::run(&config, &["--roles", "ingest"], log);
    // The killed ones may have left nothing to do: this one must at least own the partitions before it is told to end.
    until("the partitions are assigned", || {
        get(&format!("127.0.0.1:{port}"), "/readyz").filter(|(status, _)| *status == 200)
    });
    until("every record is accounted for", || Some(accounted()).filter(|now| *now >= total));
    assert_eq!(daemon.terminate(), Some(0));
    assert_eq!(accounted(), total);
    assert_eq!(entries(&batches(&contents(broker.as_ref(), &tallies))), expected, "entries counted");

    // How far the source has come was written down at the end, and can be asked for.
    let output =
        Command::new(crate::harness::BINARY).args(["sources", "--json", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &report["sources"][0];
    assert_eq!((row["source"].as_str(), row["partitions"].as_u64()), (Some("slow"), Some(3)), "{report}");
    assert_eq!(row["lag_records"].as_i64(), Some(0), "{report}");
}
