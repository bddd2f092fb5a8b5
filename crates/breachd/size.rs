//! `breachd size`: what a company of some size will take of memory, disk, network and processors, before anything is set up.
//!
//! Every figure is a sum of constants that the code has anyway (limits, retentions, what an entity takes) and of some that are measured; each
//! of those names its bench. It is a plan, not a promise: what people do differs, and the figures are averages of companies that were made up.
//! An engine filled as asked holds what is predicted here within a factor of two (`tests/it/size.rs`).
//!
//! A model of what people do was the alternative (shifts, sessions a day, pages a session). It asks for figures that nobody has at that time, and
//! would be as wrong.

use crate::topics::{ALERTS_KEPT, TALLIES_KEPT, TopicSettings};
use activity::{EntityKind, Span};
use detector::{
    ACTIVE_BYTES, FLEET_BYTES, GROUP_BYTES, INDEX_BYTES, RESTING_BYTES, RESTING_BYTES_MAX,
    limits::{GROUPS_MAX, OPEN_FACTOR_MAX, entities_held_max},
};
use serde::Serialize;
use std::io::{self, Write};
use tally::{Manifest, Range, Tallier};

/// Tallies that one record adds to if nothing can be merged, and bytes of a tally in its message, before compression: of the workload of
/// `cargo bench --bench streams`, checked by `tests/it/size.rs`.
pub const TALLIES_PER_RECORD: f64 = 3.0;
pub const TALLY_BYTES: f64 = 48.0;

/// Bytes of a raw record with what Kafka adds, of the same workload.
pub const RECORD_BYTES: f64 = 300.0;

/// Processor time of reading, attributing and tallying one record, in microseconds: about half of the 13.6 that the whole takes in
/// `cargo bench --bench streams -- rate` (2026-11-27), by the threads' own times.
pub const INGEST_MICROS_PER_RECORD: f64 = 7.0;

/// Of taking in, judging and learning one tally: `cargo bench --bench detector`, `decode_take_judge` (3.9, 2026-11-26).
pub const DETECTOR_MICROS_PER_TALLY: f64 = 3.9;

/// Bytes of a process with all roles and sources that has read nothing yet: code, threads, the client's own (`cargo bench --bench streams --
/// entities`).
pub const PROCESS_BYTES: usize = 50 << 20;

/// Resident bytes of an entity, with what the allocator keeps for itself: after a restart, and at most in a day in which all were new
/// (`cargo bench --bench streams -- entities`, a million entities, 2026-11-27).
pub const RESIDENT_BYTES_RESTARTED: usize = 1_100;
pub const RESIDENT_BYTES_AFTER_A_CROWD: usize = 1_750;

/// Alerts a day of a thousand entities, most of them for the digest: 67 of 4,196 in four weeks (`cargo bench --bench tally`, `detect_weeks`).
pub const ALERTS_PER_THOUSAND_ENTITIES_A_DAY: f64 = 0.6;

/// Bytes of an alert: about 1,300 in a replay of a trial company, and more where it names records. An assumption.
pub const ALERT_BYTES: f64 = 2_000.0;

/// Bytes of an entry of the journal (`cargo bench -p journal`). How many there are a day is an assumption: for each page an incident's life with
/// its notices, and what happens anyway (digest, checkpoints, probes).
pub const ENTRY_BYTES: f64 = 850.0;
pub const ENTRIES_PER_PAGE: f64 = 50.0;
pub const ENTRIES_PER_DAY: f64 = 50.0;

/// Hours of what an entity did that it holds at most: the open one, and those that are not learned yet.
const OPEN_HOURS: f64 = 4.0;

/// Peer groups beside those at tables; and at each table: everybody's, and those of so many roles. An assumption.
const GROUPS_ANYWAY: f64 = 40.0;
const ROLES: f64 = 10.0;

/// How busy one tally partition's thread may be on average, to keep up at the busiest hour.
const BUSY_MAX: f64 = 0.3;

/// Entities of one kind among all, at most: people, addresses and sessions in equal parts, as in a portal.
const LARGEST_SHARE: f64 = 1.0 / 3.0;

/// Brokers that keep a copy; with fewer, breachd's guarantees end with the first that is lost.
const COPIES: f64 = 3.0;

const DAY_SECONDS: f64 = 24.0 * 3600.0;

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::Args)]
pub struct Asked {
    /// People, addresses, sessions, accounts, pairs of person and table, all together, that come within four weeks.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub entities: u64,
    /// Tables with personal data.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=100_000_000))]
    pub tables: u64,
    /// Records of all raw logs, on average.
    #[arg(long, default_value_t = 100.0, value_parser = rate)]
    pub records_per_second: f64,
    /// Partitions of all raw topics.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub sources: u32,
    /// `detector.capacity`: how many entities are held at most, and so what made-up names can take.
    #[arg(long, default_value_t = 1.0, value_parser = capacity)]
    pub capacity: f64,
    /// How long tallies are kept, e.g. `35d`: no less than 28 days, the detector's longest memory. Default: what breachd gives the topic when
    /// it creates it.
    #[arg(long, value_parser = retention)]
    #[serde(skip)]
    pub retention: Option<notifier::Period>,
}

/// The detector's longest memory.
const MEMORY_DAYS: u64 = 28;

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1e9).contains(&rate) => Ok(rate),
        _ => Err("must be a number of records, 0 to 1,000,000,000".into()),
    }
}

fn capacity(text: &str) -> Result<f64, String> {
    let capacity = text.parse::<f64>().ok().filter(|capacity| detector::Settings::CAPACITY.contains(capacity));
    capacity.ok_or_else(|| "must be a number from 0.01 to 10".into())
}

fn retention(text: &str) -> Result<notifier::Period, String> {
    let period: notifier::Period = text.parse()?;
    if period < notifier::Period::from_secs(MEMORY_DAYS * 24 * 3600) {
        return Err(format!("must be {MEMORY_DAYS} days or more: the detector is rebuilt from what is kept"));
    }
    Ok(period)
}

/// What it takes. Bytes are before compression and for one copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Size {
    pub asked: Asked,
    pub retention_days: f64,
    pub memory: Memory,
    pub topics: Vec<Topic>,
    pub network: Network,
    pub processors: Processors,
    /// What the figures rest on, and what they leave out.
    pub notes: Vec<String>,
}

/// Bytes, of all instances together unless it is said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// Of each process, before it has read anything.
    pub process: f64,
    /// Of each instance that ingests, at most: records fetched ahead, messages to be sent.
    pub ingest_queues: f64,
    /// What is usual among peers, which each tally partition knows of all. In the figures of the detector, too.
    pub peer_groups: f64,
    pub detector_at_rest: f64,
    /// At rest, if every entity were at all its limits.
    pub detector_at_rest_at_most: f64,
    /// While as many are active as the records allow.
    pub detector_active: f64,
    /// While somebody makes up names and every limit is reached.
    pub detector_flooded: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Topic {
    pub name: &'static str,
    pub partitions: u32,
    pub bytes: f64,
    /// `None`: for ever; then the bytes are those of a year. Compacted ones keep the last of each key.
    pub kept_days: Option<f64>,
    pub compacted: bool,
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Network {
    pub raw_from_brokers: f64,
    pub tallies_to_brokers: f64,
    pub tallies_from_brokers: f64,
}

/// Processors of the kind that was measured, on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Processors {
    pub ingest: f64,
    pub detector: f64,
}

impl Size {
    pub fn predict(asked: Asked, false_pages_per_week: f64) -> Size {
        let n_entities = asked.entities as f64 + asked.tables as f64;
        let tallies_per_second = asked.records_per_second * TALLIES_PER_RECORD;
        let partitions = partitions(asked.entities, tallies_per_second, asked.capacity);
        let kept = |span: Span| span.as_millis() as f64 / 1000.0;
        let tallies_kept = asked.retention.map_or(kept(TALLIES_KEPT), |period| period.0.as_secs_f64());
        let flushes = flushes_per_second(asked.records_per_second);
        let manifests = flushes * f64::from(partitions) * manifest_bytes(asked.sources) as f64;
        let tallies = tallies_per_second * TALLY_BYTES + manifests;
        let alerts_per_day = (n_entities / 1000.0 * ALERTS_PER_THOUSAND_ENTITIES_A_DAY).max(1.0);
        let entries_per_day = ENTRIES_PER_DAY + false_pages_per_week / 7.0 * ENTRIES_PER_PAGE;

        let index = n_entities * INDEX_BYTES as f64;
        let groups = (GROUPS_ANYWAY + asked.tables as f64 * (ROLES + 1.0)).min(GROUPS_MAX as f64);
        let peer_groups = f64::from(partitions) * groups * GROUP_BYTES as f64;
        let fleet = f64::from(partitions) * FLEET_BYTES as f64 + peer_groups;
        let resting = n_entities * RESTING_BYTES as f64;
        let active = n_entities.min(tallies_per_second * 3600.0 * OPEN_HOURS);
        let limits: usize = EntityKind::ALL.iter().map(|kind| entities_held_max(*kind, asked.capacity)).sum();
        let flooded = f64::from(partitions) * (limits * OPEN_FACTOR_MAX) as f64;
        let groups_flooded = f64::from(partitions) * (GROUPS_MAX * GROUP_BYTES) as f64 - peer_groups;
        let memory = Memory {
            process: PROCESS_BYTES as f64,
            ingest_queues: (stream::limits::SEND_QUEUE_BYTES_MAX + stream::limits::RECEIVE_QUEUE_BYTES_MAX) as f64,
            peer_groups,
            detector_at_rest: resting + index + fleet,
            detector_at_rest_at_most: n_entities * RESTING_BYTES_MAX as f64 + index + fleet,
            detector_active: resting + active * (ACTIVE_BYTES - RESTING_BYTES) as f64 + index + fleet,
            detector_flooded: flooded * (ACTIVE_BYTES + INDEX_BYTES) as f64 + fleet + groups_flooded,
        };
        let days = |seconds: f64| seconds / DAY_SECONDS;
        let alerts_kept = days(kept(ALERTS_KEPT));
        let topics = vec![
            Topic {
                name: "tallies",
                partitions,
                bytes: tallies * tallies_kept,
                kept_days: Some(days(tallies_kept)),
                compacted: false,
            },
            // Segments that are outdated make about as much as those that count; a group is half as long as in memory.
            Topic {
                name: "baselines",
                partitions,
                bytes: 2.0 * resting + peer_groups / 2.0,
                kept_days: None,
                compacted: true,
            },
            Topic {
                name: "alerts",
                partitions: 1,
                bytes: alerts_per_day * ALERT_BYTES * alerts_kept,
                kept_days: Some(alerts_kept),
                compacted: false,
            },
            Topic {
                name: "journal",
                partitions: 1,
                bytes: entries_per_day * ENTRY_BYTES * 365.0,
                kept_days: None,
                compacted: false,
            },
        ];
        let network = Network {
            raw_from_brokers: asked.records_per_second * RECORD_BYTES,
            tallies_to_brokers: tallies,
            tallies_from_brokers: tallies,
        };
        let processors = Processors {
            ingest: asked.records_per_second * INGEST_MICROS_PER_RECORD / 1e6,
            detector: tallies_per_second * DETECTOR_MICROS_PER_TALLY / 1e6,
        };
        Size { asked, retention_days: days(tallies_kept), memory, topics, network, processors, notes: notes() }
    }

    /// For people: one thing a line.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Asked { entities, tables, records_per_second, sources, .. } = self.asked;
        writeln!(
            out,
            "For {entities} entities and {tables} tables, {records_per_second} records a second on {sources} partitions of raw topics:\n"
        )?;
        let memory = &self.memory;
        writeln!(out, "Memory")?;
        writeln!(out, "  each process, at its start: {}", bytes(memory.process))?;
        writeln!(out, "  each instance that ingests, its queues, at most: {}", bytes(memory.ingest_queues))?;
        writeln!(out, "  detector, what is usual among peers, in each figure below: {}", bytes(memory.peer_groups))?;
        writeln!(out, "  detector, everybody at rest: {}", bytes(memory.detector_at_rest))?;
        writeln!(out, "  detector, as many active as the records allow: {}", bytes(memory.detector_active))?;
        writeln!(out, "  detector, at rest, if all were at their limits: {}", bytes(memory.detector_at_rest_at_most))?;
        writeln!(
            out,
            "  detector, while somebody makes up names of all kinds and every limit is reached: {}",
            bytes(memory.detector_flooded)
        )?;
        writeln!(out, "\nDisk, before compression, one copy")?;
        for topic in &self.topics {
            let kept = match (topic.kept_days, topic.compacted) {
                (Some(days), _) => format!("in {days:.0} days, as long as it is kept"),
                (None, true) => "the last of each key".to_owned(),
                (None, false) => "a year, kept for ever".to_owned(),
            };
            let partitions =
                if topic.partitions == 1 { "1 partition" } else { &format!("{} partitions", topic.partitions) };
            writeln!(out, "  {}, {partitions}: {} ({kept})", topic.name, bytes(topic.bytes))?;
        }
        let network = &self.network;
        writeln!(out, "\nNetwork, before compression")?;
        writeln!(out, "  raw records from the brokers: {} a second", bytes(network.raw_from_brokers))?;
        writeln!(out, "  tallies to the brokers: {} a second", bytes(network.tallies_to_brokers))?;
        writeln!(out, "  tallies from the brokers: {} a second", bytes(network.tallies_from_brokers))?;
        writeln!(out, "\nProcessors, on average")?;
        writeln!(out, "  ingest: {:.2} of one", self.processors.ingest)?;
        writeln!(out, "  detector: {:.2} of one", self.processors.detector)?;
        writeln!(out, "\nWhat this rests on")?;
        self.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))
    }
}

/// So many that no kind of entity meets its limit, and that no thread that judges is too busy; no fewer than the default.
fn partitions(entities: u64, tallies_per_second: f64, capacity: f64) -> u32 {
    // Whom the hash spreads unevenly shall have room, too: an eviction frees a tenth.
    let room = entities_held_max(EntityKind::PortalUser, capacity) as f64 * 0.9;
    let by_room = (entities as f64 * LARGEST_SHARE / room).ceil();
    let by_time = (tallies_per_second * DETECTOR_MICROS_PER_TALLY / 1e6 / BUSY_MAX).ceil();
    let needed = by_room.max(by_time).min(f64::from(TopicSettings::TALLY_PARTITIONS_MAX));
    TopicSettings::default().tally_partitions.max(needed as u32)
}

/// Each flush of each instance is one message in each tally partition, and there is none where nothing came.
fn flushes_per_second(records_per_second: f64) -> f64 {
    let interval = crate::settings::IngestSettings::default().flush_interval.0.as_secs_f64();
    (1.0 / interval).min(records_per_second)
}

/// Bytes of a message without a tally: what says which records were read.
fn manifest_bytes(sources: u32) -> usize {
    let range = |partition| Range {
        source: "access".into(),
        partition,
        from: 1_000_000_000,
        to: 1_000_000_100,
        contributed: 100,
        bytes: 30_000,
        watermark: activity::Timestamp::from_secs(1_767_571_200),
        ..Range::default()
    };
    let ranges = (0..i32::try_from(sources).unwrap_or(i32::MAX)).map(range).collect();
    let manifest = Manifest { instance: "breachd-0".into(), sequence: 1_000_000, ranges };
    Tallier::new().flush(1, &manifest).iter().map(|(_, message)| message.len()).sum()
}

fn notes() -> Vec<String> {
    vec![
        format!(
            "These are bytes that the detector asks for. Resident are about {RESIDENT_BYTES_RESTARTED} an entity after a restart, and {RESIDENT_BYTES_AFTER_A_CROWD} in a day in which all are new (cargo bench --bench streams -- entities)."
        ),
        format!(
            "An entity takes {RESTING_BYTES} bytes at rest, {ACTIVE_BYTES} while it is active, {RESTING_BYTES_MAX} at rest at most (cargo bench --bench detector)."
        ),
        format!(
            "A peer group takes {GROUP_BYTES} bytes in each tally partition. Assumed: {ROLES} roles at each table with personal data, and {GROUPS_ANYWAY} groups beside them."
        ),
        format!(
            "A record adds to {TALLIES_PER_RECORD} tallies of {TALLY_BYTES} bytes; busy logs share them within a flush, and take less."
        ),
        format!(
            "A record takes {INGEST_MICROS_PER_RECORD} microseconds of one processor to read and a tally {DETECTOR_MICROS_PER_TALLY} to judge (cargo bench --bench streams, --bench detector): two shared cores of 2026."
        ),
        format!(
            "Alerts: {ALERTS_PER_THOUSAND_ENTITIES_A_DAY} a day for each thousand entities, {ALERT_BYTES} bytes each. Journal, assumed: {ENTRIES_PER_DAY} entries a day, and {ENTRIES_PER_PAGE} for each page that the budget allows."
        ),
        format!(
            "With {COPIES} copies brokers hold and pass on {COPIES} times as much. Raw topics, the index of a topic, and what an allocator keeps for itself are not in it."
        ),
    ]
}

/// `1.2 GB`: powers of 1,000, as disks are sold.
fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut left = bytes;
    let mut unit = 0;
    while left >= 999.5 && unit + 1 < UNITS.len() {
        left /= 1000.0;
        unit += 1;
    }
    let places = usize::from(unit > 0 && left < 9.95);
    format!("{left:.places$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked =
        Asked { entities: 30_000, tables: 200, records_per_second: 50.0, sources: 3, capacity: 1.0, retention: None };

    #[test]
    fn figures_follow_from_the_constants() {
        let size = Size::predict(ASKED, 2.0);
        let n = 30_200.0;
        let partitions = f64::from(TopicSettings::default().tally_partitions);
        let groups = (40.0 + 200.0 * 11.0) * GROUP_BYTES as f64;
        let beside = n * INDEX_BYTES as f64 + partitions * (FLEET_BYTES as f64 + groups);
        assert_eq!(size.memory.detector_at_rest, n * RESTING_BYTES as f64 + beside);
        // 50 records a second are 600,000 tallies an hour: everybody may be active.
        assert!((size.memory.detector_active - (n * ACTIVE_BYTES as f64 + beside)).abs() < 1.0);
        let tallies = &size.topics[0];
        let manifests = 2.0 * partitions * manifest_bytes(3) as f64;
        assert_eq!((tallies.name, tallies.kept_days), ("tallies", Some(35.0)));
        assert_eq!(tallies.bytes, (150.0 * TALLY_BYTES + manifests) * 35.0 * DAY_SECONDS);
        assert_eq!(size.network.tallies_to_brokers * 35.0 * DAY_SECONDS, tallies.bytes);
        assert_eq!(size.processors.detector, 150.0 * DETECTOR_MICROS_PER_TALLY / 1e6);
    }

    #[test]
    fn more_of_anything_never_takes_less() {
        let base = Size::predict(ASKED, 2.0);
        let twice = [
            Asked { entities: 60_000, ..ASKED },
            Asked { tables: 400, ..ASKED },
            Asked { records_per_second: 100.0, ..ASKED },
            Asked { sources: 6, ..ASKED },
            Asked { retention: Some(notifier::Period::from_secs(70 * 24 * 3600)), ..ASKED },
        ];
        for asked in twice {
            let more = Size::predict(asked, 2.0);
            assert!(base.memory.detector_active <= more.memory.detector_active);
            assert!(base.topics.iter().zip(&more.topics).all(|(one, two)| one.bytes <= two.bytes));
            assert!(base.topics[0].bytes < more.topics[0].bytes || asked.entities + asked.tables > 30_200);
        }
    }

    #[test]
    fn a_million_entities_get_partitions_in_which_no_kind_meets_its_limit() {
        let size = Size::predict(Asked { entities: 1_000_000, ..ASKED }, 2.0);
        let of_a_kind = 1_000_000.0 * LARGEST_SHARE / f64::from(size.topics[0].partitions);
        assert!(of_a_kind <= entities_held_max(EntityKind::PortalUser, 1.0) as f64, "{of_a_kind}");
        let busy = Size::predict(Asked { records_per_second: 500_000.0, ..ASKED }, 2.0);
        assert!(busy.processors.detector / f64::from(busy.topics[0].partitions) <= BUSY_MAX);
    }

    #[test]
    fn with_a_tenth_of_the_capacity_made_up_names_take_a_tenth() {
        let flooded = |capacity: f64| {
            let size = Size::predict(Asked { entities: 1_000, tables: 0, capacity, ..ASKED }, 2.0);
            let groups = f64::from(size.topics[0].partitions) * (GROUPS_MAX * GROUP_BYTES) as f64;
            size.memory.detector_flooded - groups
        };
        let ratio = flooded(0.1) / flooded(1.0);
        assert!((0.095..0.11).contains(&ratio), "{ratio}");
        assert!(capacity("0.5") == Ok(0.5) && capacity("0").is_err() && capacity("NaN").is_err());
        // And more partitions are needed for those who are no invention.
        let partitions = |capacity| Size::predict(Asked { capacity, ..ASKED }, 2.0).topics[0].partitions;
        assert!(partitions(1.0) < partitions(0.01));
    }

    #[test]
    fn bytes_are_said_in_the_unit_that_fits() {
        let said = [0.0, 999.0, 1_000.0, 9_960.0, 25_600_000.0, 999_999.0, 3.5e12].map(bytes);
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "10 kB", "26 MB", "1.0 MB", "3.5 TB"]);
    }

    #[test]
    fn less_than_the_detectors_memory_is_refused() {
        assert!(retention("27d").is_err() && retention("28d").is_ok() && rate("-1").is_err() && rate("NaN").is_err());
    }
}
