//! The whole way over a real Kafka, in processor time: `cargo bench --bench kafka`, `N=2000000 cargo bench --bench kafka`.
//!
//! Writes N (400,000) records of `simulator::bench` (70 % nginx JSON on four partitions, 30 % audit rows on one, lz4), then
//! measures one after another
//! - `consume`: read and counted, nothing else, by the crate `stream`;
//! - `floor`: read, typed serde or a comma split, and a count per person and table in hash maps;
//! - `ingest`: `breachd run --roles ingest`, a process of its own with the default settings, until the manifests in its tallies
//!   topic cover every record: parsed, attributed, classified, tallied, exactly once;
//! - `ingest+detector`: the same with `--roles ingest,detector`, until the detector also says that it is not behind.
//!
//! What counts is user and system time of the whole process (librdkafka's threads too; for breachd from its start on, so with
//! reading its configuration and creating its topics): it hardly depends on what else the machine does, unlike records a
//! second. The rate of a child begins with the first manifest seen; `ingest+detector` waits up to 2 s longer than it must, for a
//! metric that is renewed each second. The clock of the processor time ticks in 10 ms.
//!
//! The broker is `BREACHD_TEST_KAFKA=127.0.0.1:PORT` (its topics have a prefix of their own and stay there), or one that
//! `tests/kafka` starts on port 29592 and that is removed at the end. Only loopback, and no step takes longer than five minutes.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod broker;
#[path = "broker/covered.rs"]
mod covered;

use broker::{Fallible, Folder, Kafka, PAUSE, breachd, cpu_seconds, metrics, unique, within};
use covered::Covered;
use floor::Counts;
use std::{
    fs,
    io::{self, Write},
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};
use stream::{Appender, Broker, Outgoing, RecordRef, TopicSpec};

const RECORDS: u64 = 400_000;
const ACCESS_PARTITIONS: u32 = 4;

/// How old breachd's gauge of the lag may be, generously.
const GAUGE_AGE: Duration = Duration::from_millis(1500);

/// What one step took for how many records.
struct Figure {
    name: &'static str,
    cpu_seconds: f64,
    records: u64,
    seconds: f64,
}

fn main() -> Fallible<()> {
    // `cargo test --benches` runs this too, without `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let n_records = std::env::var("N").map_or(Ok(RECORDS), |text| text.parse())?;
    let kafka = Kafka::find()?;
    let broker =
        stream::kafka(&stream::Settings { bootstrap_servers: kafka.address.clone(), ..stream::Settings::default() })?;
    let run = Run { address: kafka.address.clone(), broker, n_records, name: unique() };
    run.produce()?;

    let mut seen = 0;
    let consume = run.consume("consume", |_| seen += 1)?;
    let mut counts = Counts::default();
    let floor = run.consume("floor", |record| counts.take(record.payload.unwrap_or_default()))?;
    assert_eq!((seen, counts.records, counts.unread), (n_records, n_records, 0), "every record is read");
    println!("floor: {} people and tables", counts.entities());
    let ingest = run.breachd("ingest", "ingest")?;
    let both = run.breachd("ingest+detector", "ingest,detector")?;

    let per_million = |figure: &Figure| figure.cpu_seconds / figure.records as f64 * 1e6;
    println!("\n{n_records} records\n{:<16} {:>18} {:>12} {:>10}", "", "CPU s per million", "records/s", "to floor");
    for figure in [&consume, &floor, &ingest, &both] {
        let rate = figure.records as f64 / figure.seconds;
        let ratio = per_million(figure) / per_million(&floor);
        println!("{:<16} {:>18.2} {rate:>12.0} {ratio:>9.2}x", figure.name, per_million(figure));
    }
    Ok(())
}

struct Run {
    address: String,
    broker: Arc<dyn Broker>,
    n_records: u64,
    name: String,
}

impl Run {
    fn access(&self) -> String {
        format!("{}-access", self.name)
    }

    fn audit(&self) -> String {
        format!("{}-audit", self.name)
    }

    fn produce(&self) -> Fallible<()> {
        let topic = |name: String, partitions| TopicSpec {
            name,
            partitions,
            replication: None,
            compacted: false,
            retention: Some(activity::Span::from_hours(24)),
        };
        self.broker.create_topics(&[topic(self.access(), ACCESS_PARTITIONS), topic(self.audit(), 1)])?;
        let began = Instant::now();
        let appender = self.broker.appender()?;
        let mut lines = Lines { appender, access: self.access(), audit: self.audit(), n: 0, bytes: 0 };
        simulator::bench::write(1, self.n_records, &mut lines)?;
        assert_eq!(lines.n, self.n_records, "the simulator writes line by line");
        println!("{} records, {} MB, written in {:?}", lines.n, lines.bytes / 1_000_000, began.elapsed());
        Ok(())
    }

    /// Reads both topics to their ends in this process.
    fn consume(&self, name: &'static str, mut each: impl FnMut(RecordRef<'_>)) -> Fallible<Figure> {
        let (began, before) = (Instant::now(), cpu_seconds(std::process::id())?);
        let (access, audit) = (self.access(), self.audit());
        let mut reader = self.broker.read(&[(&access, Vec::new()), (&audit, Vec::new())])?;
        let mut records = 0;
        while !reader.caught_up() {
            within(began, name)?;
            records += reader.poll(10_000, Duration::from_millis(100), &mut each)? as u64;
        }
        drop(reader);
        let cpu_seconds = cpu_seconds(std::process::id())? - before;
        Ok(Figure { name, cpu_seconds, records, seconds: began.elapsed().as_secs_f64() })
    }

    /// Runs breachd until it has worked everything off.
    fn breachd(&self, name: &'static str, roles: &str) -> Fallible<Figure> {
        let prefix = format!("{}-{}", self.name, roles.replace(',', "-"));
        let console = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let folder = Folder::new(&prefix)?;
        let config = folder.0.join("breachd.toml");
        fs::write(&config, self.configuration(&prefix, &console))?;
        let began = Instant::now();
        let mut daemon = breachd(roles, &config)?;

        let tallies = format!("{prefix}.tallies");
        let mut covered = Covered::wait_for(self.broker.as_ref(), &tallies, began, &mut daemon)?;
        let mut first = None;
        while covered.records < self.n_records {
            within(began, name)?;
            daemon.alive()?;
            covered.poll()?;
            if covered.records > 0 && first.is_none() {
                first = Some((Instant::now(), covered.records));
            }
        }
        if roles.contains("detector") {
            let complete = Instant::now();
            let caught_up = format!("breachd_consumer_lag_records{{topic=\"{tallies}\"}} 0");
            while complete.elapsed() < GAUGE_AGE || !metrics(&console)?.lines().any(|line| line == caught_up) {
                within(began, name)?;
                daemon.alive()?;
                std::thread::sleep(PAUSE);
            }
        }
        let cpu_seconds = cpu_seconds(daemon.id())?;
        let unread = covered.dead_lettered + covered.late;
        assert_eq!((covered.records, unread), (self.n_records, 0), "every record is counted, and once");
        // All at once: there is no better beginning than the process's.
        let (from, before) = first.filter(|(_, n)| *n < self.n_records).unwrap_or((began, 0));
        let rated = (self.n_records - before) as f64 / from.elapsed().as_secs_f64();
        println!("{name}: {cpu_seconds:.2} s of processor time, {:?} from its start", began.elapsed());
        Ok(Figure { name, cpu_seconds, records: self.n_records, seconds: self.n_records as f64 / rated })
    }

    fn configuration(&self, prefix: &str, console: &str) -> String {
        format!(
            "instance = \"bench\"\n\
             [kafka]\nbootstrap_servers = \"{}\"\n\
             [topics]\nprefix = \"{prefix}\"\n\
             [console]\nlisten = \"{console}\"\n\
             [[sources]]\nname = \"access\"\nformat = \"nginx_json\"\ntopic = \"{}\"\n\
             [[sources]]\nname = \"audit\"\nformat = \"mariadb_server_audit\"\ntopic = \"{}\"\n",
            self.address,
            self.access(),
            self.audit(),
        )
    }
}

/// Each write is a line: a record of one of the two topics.
struct Lines {
    appender: Box<dyn Appender>,
    access: String,
    audit: String,
    n: u64,
    bytes: u64,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (topic, partition) = if line.first() == Some(&b'{') {
            // Stripes: batches of one partition, as a shipper sends them.
            (&self.access, (self.n / 100 % u64::from(ACCESS_PARTITIONS)) as i32)
        } else {
            (&self.audit, 0)
        };
        let payload = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
        self.n += 1;
        self.bytes += payload.len() as u64;
        self.appender
            .send(Outgoing { topic: topic.clone(), partition: Some(partition), payload, ..Outgoing::default() })
            .map_err(io::Error::other)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush().map_err(io::Error::other)
    }
}
