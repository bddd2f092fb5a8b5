//! breachd beside what would be run instead, over a real Kafka: `cargo bench --bench streams`, or some parts of it:
//! `cargo bench --bench streams -- rate latency entities growth`.
//!
//! The workload is [`simulator::workload`]: N records (2,000,000) of one day, 70 % nginx JSON on six partitions, 30 % rows of the audit
//! log on two, 5,000 people, 40 tables.
//! - `rate`: a backlog from its beginning until nothing is left, RUNS times (1): kcat (raw consume; our own where it is not installed), the
//!   floor (read, typed serde or a split, counts in hash maps), a Kafka Streams job by an expert (`benches/peers/kstreams`; left out where
//!   Maven or Java is missing), and `breachd run` with all roles and detectors, exactly once, as one instance and as two. What breachd
//!   raises must be what `breachd replay` raises from the same lines.
//! - `latency`: the same lines at half the rate of one instance (or at RATE records a second), with a break-in every so often; from the
//!   hand-over to the producer until the alert can be read in `breachd.alerts`.
//! - `entities`: ENTITIES (1,000,000) people, addresses and sessions that come once each within a day: resident memory; then kill -9, and the
//!   time until an alert flows again.
//! - `growth`: processor time with ten times the people, and with ten times the tables.
//!
//! Processor time is the figure to trust: user and system time of the whole process from its start on, so with the JVM's warm-up and with
//! reading a configuration; the broker's stands beside it. The rate is from the first sign of progress on, and depends on what else the
//! machine does. The clock of the processor time ticks in 10 ms.
//!
//! CODEC (none) is how the backlog is compressed. The broker is `BREACHD_TEST_KAFKA=127.0.0.1:PORT`, or one that `tests/kafka` starts on
//! port 29592 and that is removed at the end. Only loopback. A glance in two minutes: `N=200000 ENTITIES=50000`.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../broker/mod.rs"]
mod broker;
#[path = "../broker/covered.rs"]
mod covered;
mod entities;
mod growth;
mod latency;
mod machine;
mod peers;
mod rate;
mod subject;

use broker::{Fallible, Folder, Kafka, unique};
use machine::Listener;
use simulator::workload::{Log, Shape, Workload};
use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};
use stream::{Appender, Broker, Outgoing, TopicSpec};

const RECORDS: u64 = 2_000_000;
const ENTITIES: u64 = 1_000_000;
const USERS: u64 = 5_000;
const TABLES: u64 = 40;
const ACCESS_PARTITIONS: u32 = 6;
const AUDIT_PARTITIONS: u32 = 2;

/// Lines in a row that go to one partition, as a shipper's batches do.
const STRIPE: u64 = 50;

type Part = fn(&Bench) -> Fallible<()>;

const PARTS: [(&str, Part); 4] =
    [("rate", rate::run), ("latency", latency::run), ("entities", entities::run), ("growth", growth::run)];

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, without `--bench`.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let chosen: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| *argument != "--bench").collect();
    if let Some(unknown) = chosen.iter().find(|name| !PARTS.iter().any(|(part, _)| part == *name)) {
        return Err(format!("`{unknown}` is none of rate, latency, entities, growth").into());
    }
    let bench = Bench::new()?;
    for (name, part) in PARTS {
        if chosen.is_empty() || chosen.contains(&name) {
            println!("\n## {name}\n");
            part(&bench)?;
        }
    }
    Ok(())
}

/// What all parts share.
struct Bench {
    kafka: Kafka,
    broker: Arc<dyn Broker>,
    /// Of the broker.
    listener: Listener,
    codec: String,
    n_records: u64,
    n_entities: u64,
    n_runs: usize,
    /// Records a second of one instance, once it is measured.
    measured: Cell<Option<f64>>,
}

impl Bench {
    fn new() -> Fallible<Bench> {
        let kafka = Kafka::find()?;
        let codec = std::env::var("CODEC").unwrap_or_else(|_| "none".into());
        let settings = stream::Settings {
            bootstrap_servers: kafka.address.clone(),
            compression: codec.clone(),
            ..stream::Settings::default()
        };
        Ok(Bench {
            broker: stream::kafka(&settings)?,
            listener: Listener::at(&kafka.address),
            kafka,
            codec,
            n_records: number("N")?.unwrap_or(RECORDS),
            n_entities: number("ENTITIES")?.unwrap_or(ENTITIES),
            n_runs: usize::try_from(number("RUNS")?.unwrap_or(1))?.max(1),
            measured: Cell::new(None),
        })
    }

    fn mixed(&self) -> Workload {
        Workload { seed: 1, records: self.n_records, users: USERS, tables: TABLES, shape: Shape::Mixed }
    }

    /// Makes the topics of a workload, empty.
    fn topics(&self) -> Fallible<Topics> {
        let name = unique();
        let topics = Topics { access: format!("{name}-access"), audit: format!("{name}-audit"), name };
        let topic = |name: &str, partitions| TopicSpec {
            name: name.into(),
            partitions,
            replication: None,
            compacted: false,
            retention: Some(activity::Span::from_hours(24)),
        };
        self.broker
            .create_topics(&[topic(&topics.access, ACCESS_PARTITIONS), topic(&topics.audit, AUDIT_PARTITIONS)])?;
        Ok(topics)
    }

    /// Writes a workload to topics of its own, and to files.
    fn backlog(&self, workload: &Workload) -> Fallible<Backlog> {
        let topics = self.topics()?;
        let folder = Folder::new(&topics.name)?;
        let began = Instant::now();
        let files = [folder.0.join("access.log"), folder.0.join("audit.log")];
        let mut writers = [BufWriter::new(File::create(&files[0])?), BufWriter::new(File::create(&files[1])?)];
        let mut sender = Sender::new(self.broker.appender()?, &topics);
        workload.write(&mut |log, line| {
            let writer = &mut writers[usize::from(log == Log::Audit)];
            writer.write_all(line.as_bytes())?;
            writer.write_all(b"\n")?;
            sender.send(log, line).map_err(io::Error::other)
        })?;
        writers.iter_mut().try_for_each(Write::flush)?;
        sender.flush()?;
        println!(
            "{} records, {} MB, compression {}, written in {:.1} s",
            sender.n,
            sender.bytes / 1_000_000,
            self.codec,
            began.elapsed().as_secs_f64()
        );
        Ok(Backlog { topics, n_records: workload.records, files, _folder: folder })
    }
}

/// Of one workload.
struct Topics {
    /// A prefix no other run has.
    name: String,
    access: String,
    audit: String,
}

struct Backlog {
    topics: Topics,
    n_records: u64,
    /// The same lines, of the access and of the audit log.
    files: [PathBuf; 2],
    _folder: Folder,
}

/// Puts lines into topics, in stripes over the partitions.
struct Sender<'a> {
    appender: Box<dyn Appender>,
    topics: &'a Topics,
    sent: [u64; 2],
    n: u64,
    bytes: u64,
}

impl<'a> Sender<'a> {
    fn new(appender: Box<dyn Appender>, topics: &'a Topics) -> Self {
        Sender { appender, topics, sent: [0; 2], n: 0, bytes: 0 }
    }

    fn send(&mut self, log: Log, line: &str) -> Result<(), stream::StreamError> {
        let partitions = match log {
            Log::Access => ACCESS_PARTITIONS,
            Log::Audit => AUDIT_PARTITIONS,
        };
        let sent = &mut self.sent[usize::from(log == Log::Audit)];
        let partition = (*sent / STRIPE % u64::from(partitions)) as u32;
        *sent += 1;
        self.put(log, partition, line)
    }

    fn put(&mut self, log: Log, partition: u32, line: &str) -> Result<(), stream::StreamError> {
        let topic = match log {
            Log::Access => self.topics.access.clone(),
            Log::Audit => self.topics.audit.clone(),
        };
        self.n += 1;
        self.bytes += line.len() as u64;
        let payload = line.as_bytes().to_vec();
        self.appender.send(Outgoing { topic, partition: Some(partition as i32), payload, ..Outgoing::default() })
    }

    fn flush(&mut self) -> Result<(), stream::StreamError> {
        self.appender.flush()
    }
}

/// A number from the environment.
fn number(name: &str) -> Fallible<Option<u64>> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text.parse().map_err(|error| format!("{name} is `{text}`: {error}"))?)),
        Err(_) => Ok(None),
    }
}

/// Creates a folder below a scratch directory.
fn subfolder(folder: &Folder, name: &str) -> io::Result<PathBuf> {
    let path = folder.0.join(name);
    fs::create_dir_all(&path)?;
    Ok(path)
}
