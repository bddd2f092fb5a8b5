//! Others, measured on the same backlog.

use super::{
    Backlog, Bench,
    broker::{Daemon, Fallible, Folder, cpu_seconds, within},
    machine::{Resident, children_cpu_seconds},
    subfolder,
    subject::Spent,
};
use floor::{Counts, streams};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use stream::RecordRef;

const PAUSE: Duration = Duration::from_millis(10);

fn is_there(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Reads, and does nothing else.
pub(crate) struct RawConsume {
    has_kcat: bool,
}

impl RawConsume {
    pub(crate) fn find() -> RawConsume {
        RawConsume { has_kcat: is_there("kcat", "-V") }
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.has_kcat { "kcat -C" } else { "raw consume (kcat is not installed)" }
    }

    pub(crate) fn measure(&self, bench: &Bench, backlog: &Backlog) -> Fallible<Spent> {
        if !self.has_kcat {
            let mut n = 0;
            let spent = consume(bench, backlog, |_| n += 1)?;
            assert_eq!(n, backlog.n_records, "every record is read");
            return Ok(spent);
        }
        let (began, before) = (Instant::now(), children_cpu_seconds()?);
        let kcat = |topic: &str| -> Fallible<Child> {
            let mut command = Command::new("kcat");
            command.args(["-C", "-e", "-q", "-o", "beginning", "-b", &bench.kafka.address, "-t", topic]);
            Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
        };
        let mut children = [kcat(&backlog.topics.access)?, kcat(&backlog.topics.audit)?];
        let mut resident = [0; 2];
        for (child, resident) in children.iter_mut().zip(&mut resident) {
            while child.try_wait()?.is_none() {
                within(began, "kcat")?;
                *resident = Resident::of(child.id()).map_or(*resident, |of| of.peak.max(*resident));
                std::thread::sleep(PAUSE);
            }
            if !child.wait()?.success() {
                return Err("kcat failed".into());
            }
        }
        Ok(Spent {
            cpu_seconds: children_cpu_seconds()? - before,
            rate: backlog.n_records as f64 / began.elapsed().as_secs_f64(),
            resident_bytes: resident.iter().sum(),
        })
    }
}

pub(crate) fn floor(bench: &Bench, backlog: &Backlog) -> Fallible<Spent> {
    let mut counts = Counts::default();
    let spent = consume(bench, backlog, |record| streams::take(&mut counts, record.payload.unwrap_or_default()))?;
    assert_eq!((counts.records, counts.unread), (backlog.n_records, 0), "every record is read");
    assert!(counts.entities() > 0);
    Ok(spent)
}

/// Both topics to their ends in this process.
fn consume(bench: &Bench, backlog: &Backlog, mut each: impl FnMut(RecordRef<'_>)) -> Fallible<Spent> {
    let own = std::process::id();
    let (began, before) = (Instant::now(), cpu_seconds(own)?);
    let topics = [(&*backlog.topics.access, Vec::new()), (&*backlog.topics.audit, Vec::new())];
    let mut reader = bench.broker.read(&topics)?;
    let mut n = 0;
    while !reader.caught_up() {
        within(began, "reading")?;
        n += reader.poll(10_000, Duration::from_millis(100), &mut each)?;
    }
    drop(reader);
    Ok(Spent {
        cpu_seconds: cpu_seconds(own)? - before,
        rate: n as f64 / began.elapsed().as_secs_f64(),
        resident_bytes: Resident::of(own)?.peak,
    })
}

/// The job of `benches/peers/kstreams`, built.
pub(crate) struct KafkaStreams {
    out: PathBuf,
}

/// What its second half cost: most of the JIT's work is done by then.
pub(crate) struct Warm {
    pub(crate) cpu_seconds_per_million: f64,
}

impl KafkaStreams {
    /// `Err`: why it is left out.
    pub(crate) fn build() -> Result<KafkaStreams, String> {
        for (program, argument) in [("java", "-version"), ("mvn", "-v")] {
            if !is_there(program, argument) {
                return Err(format!("`{program}` is not installed"));
            }
        }
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kstreams");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/kstreams");
        let mut mvn = Command::new("mvn");
        mvn.args(["-q", "-B", "package"]).arg(format!("-Dout={}", out.display())).current_dir(sources);
        match mvn.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(KafkaStreams { out }),
            _ => Err("`mvn package` failed in benches/peers/kstreams".into()),
        }
    }

    pub(crate) fn measure(&self, bench: &Bench, backlog: &Backlog, run: usize) -> Fallible<(Spent, Warm)> {
        let group = format!("{}-kstreams-{run}", backlog.topics.name);
        let folder = Folder::new(&group)?;
        let out = format!("{group}-out");
        bench.broker.create_topics(&[stream::TopicSpec {
            name: out.clone(),
            partitions: 1,
            replication: None,
            compacted: false,
            retention: None,
        }])?;
        let began = Instant::now();
        let classes = self.out.join("classes");
        let mut child = Command::new("java")
            .args(["-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"])
            .arg(format!("{}:{}/lib/*", classes.display(), self.out.display()))
            .arg("peers.Main")
            .env("BOOTSTRAP", &bench.kafka.address)
            .env("TOPICS", format!("{},{}", backlog.topics.access, backlog.topics.audit))
            .env("OUT", &out)
            .env("GROUP", &group)
            .env("STATE_DIR", subfolder(&folder, "state")?)
            .env("EXPECT", backlog.n_records.to_string())
            .env("CODEC", &bench.codec)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().ok_or("its output is piped")?);
        let child = Daemon::from(child);
        // Records committed, processor time and wall time.
        let mut points: Vec<(u64, f64, Duration)> = Vec::new();
        for line in said.lines() {
            within(began, "Kafka Streams")?;
            let line = line?;
            let cpu = cpu_seconds(child.id())?;
            if let Some(n) = line.strip_prefix("COMMITTED ") {
                points.push((n.parse()?, cpu, began.elapsed()));
            }
            if line == "DONE" {
                let (&first, seconds) = (points.first().ok_or("done without a commit")?, began.elapsed());
                let half = *points.iter().find(|(n, ..)| *n * 2 >= backlog.n_records).unwrap_or(&first);
                let resident_bytes = Resident::of(child.id())?.peak;
                let left = (backlog.n_records - half.0).max(1) as f64;
                let rate = (backlog.n_records - first.0) as f64 / (seconds - first.2).as_secs_f64();
                return Ok((
                    Spent { cpu_seconds: cpu, rate, resident_bytes },
                    Warm { cpu_seconds_per_million: (cpu - half.1) / left * 1e6 },
                ));
            }
        }
        Err("the Kafka Streams job ended before its end".into())
    }
}
